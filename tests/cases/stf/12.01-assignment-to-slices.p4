// Section 12.1: l-values: slices of slices, fields, compound assignment.

#include "include/skeleton.p4"

control Case(inout data_t x, inout standard_metadata_t std) {
    apply {
        x.a[15:0][7:4] = 0xf;
        x.b += 1;
        x.c <<= 4;
        x.d |= 0x81;
        x.e |-|= 3;
    }
}

#include "include/main.p4"
