// Section 8.11: widths, signs, booleans.

#include "include/skeleton.p4"

control Case(inout data_t x, inout standard_metadata_t std) {
    apply {
        bool odd = (bool) x.d[0:0];
        x.d = (bit<8>) (bit<1>) odd;
        x.c = (bit<16>) (int<16>) (int<8>) x.e;
        x.e = (bit<8>) x.a;
    }
}

#include "include/main.p4"
