// Section 8.7: signed arithmetic, comparison and shifts keep the sign; saturation has two ends.

#include "include/skeleton.p4"

control Case(inout data_t x, inout standard_metadata_t std) {
    apply {
        int<8> d = (int<8>) x.d;
        int<8> e = (int<8>) x.e;
        x.a = d < e ? 32w1 : 32w0;
        x.b = (bit<32>) (bit<8>) (d >> 1);
        x.c = (bit<16>) (int<16>) d;
        x.d = (bit<8>) (d |+| e);
        x.e = (bit<8>) (d |-| e);
    }
}

#include "include/main.p4"
