// Section 6.8: parameters are copied in and out, so that aliases do not see each other.

#include "include/skeleton.p4"

void swap(inout bit<8> p, inout bit<8> q) {
    bit<8> t = p;
    p = q;
    q = t;
}

void both(inout bit<8> p, inout bit<8> q) {
    p = p + 1;
    q = q + 2;
}

void nothing(out bit<16> unset) { }

control Case(inout data_t x, inout standard_metadata_t std) {
    apply {
        swap(x.d, x.e);
        bit<8> z = 10;
        both(z, z);              // copied out from left to right: the last one stays
        x.a = (bit<32>) z;
        x.c = 0xffff;
        nothing(x.c);
    }
}

#include "include/main.p4"
