// Section 7.2.1: values outside of the enum survive; casts both ways.

#include "include/skeleton.p4"

enum bit<8> Kind { A = 1, B = 2 }

control Case(inout data_t x, inout standard_metadata_t std) {
    apply {
        Kind k = (Kind) x.d;
        if (k == Kind.B) { x.e = 100; } else { x.e = (bit<8>) k + 1; }
    }
}

#include "include/main.p4"
