// Section 7.2.9: an extern that the program declares and the architecture does not have: its calls give zeros.

#include "include/skeleton.p4"

extern bit<8> measure(in bit<32> of, out bit<16> width, inout bit<8> kept);
extern Tally<T> {
    Tally();
    T read();
}

control Case(inout data_t x, inout standard_metadata_t std) {
    Tally<bit<32>>() tally;
    apply {
        x.e = measure(x.a, x.c, x.d);
        x.b = tally.read();
    }
}

#include "include/main.p4"
