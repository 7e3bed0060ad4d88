// Section 8.6: `++` binds like `+`; shifts, masks and comparisons in their order.

#include "include/skeleton.p4"

control Case(inout data_t x, inout standard_metadata_t std) {
    apply {
        x.a = x.c ++ x.d ++ x.e;
        x.b = (bit<32>) (x.c & 0xf | x.c >> 8 ^ 0x3);
        x.e = x.d + 1 << 2;
    }
}

#include "include/main.p4"
