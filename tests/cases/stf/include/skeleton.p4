// What the cases of this folder share: one header of operands and results, in by port 1, out by port 2.
//
// A case includes this, defines `control Case(inout data_t x, inout standard_metadata_t std)`, and includes
// "include/main.p4" last.

#include <core.p4>
#include <v1model.p4>

header data_t {
    bit<32> a;
    bit<32> b;
    bit<16> c;
    bit<8>  d;
    bit<8>  e;
}
