// Section 6.8: arguments are copied in and out, from left to right.

#include "include/skeleton.p4"

void both(inout bit<8> p, inout bit<8> q) {
    p = p + 1;
    q = q + 10;
}
void given(in bit<8> p, out bit<8> q) { q = p + 5; }

control Case(inout data_t x, inout standard_metadata_t std) {
    apply {
        both(x.d, x.d);
        given(x.e, x.e);
    }
}

#include "include/main.p4"
