// Section 8.12: tuples and structs are compared member by member, nested and with headers in them.

#include "include/skeleton.p4"

header tag_t { bit<8> v; }
struct in_t { tag_t tag; bit<8> n; }
struct out_t { in_t i; tuple<bit<8>, bool> t; }

control Case(inout data_t x, inout standard_metadata_t std) {
    apply {
        out_t a = { { { 1 }, 2 }, { 3, true } };
        out_t b = a;
        x.d = a == b ? 8w1 : 0;
        b.i.tag.setInvalid();
        x.d = x.d + (a != b ? 8w2 : 0);
        a.i.tag.v = 9;
        a.i.tag.setInvalid();
        x.d = x.d + (a == b ? 8w4 : 0);       // both invalid: what they hold does not matter
        a.t = { 3, false };
        x.d = x.d + (a.t != b.t ? 8w8 : 0);
        x.e = a.t == { 3, false } ? 8w1 : 0;
    }
}

#include "include/main.p4"
