// Section 7.2: tuples are indexed by constants, written, compared and unpacked by position.

#include "include/skeleton.p4"

control Case(inout data_t x, inout standard_metadata_t std) {
    apply {
        tuple<bit<8>, bit<16>> t = { x.d, x.c };
        t[0] = t[0] + 1;
        x.d = t[0];
        if (t == { 8w0x11, 16w0xbeef }) { x.e = 1; }
        x.b = 16w0 ++ t[1];
    }
}

#include "include/main.p4"
