// Section 8.7: arithmetic shifts, signed saturation and comparison.

#include "include/skeleton.p4"

control Case(inout data_t x, inout standard_metadata_t std) {
    apply {
        int<8> s = (int<8>) x.d;
        int<8> t = (int<8>) x.e;
        x.d = (bit<8>) (s >> 2);
        x.e = (bit<8>) (s |+| t);
        x.c = s < t ? 16w1 : 16w0;
        x.a = (bit<32>) (int<32>) s;
    }
}

#include "include/main.p4"
