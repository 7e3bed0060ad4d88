// Section 7.1.6: values without bits; they are what nothing adds to.

#include "include/skeleton.p4"

struct empty_t { bit<0> none; tuple<> t; }
bit<0> nothing(in bit<0> z) { return z; }

control Case(inout data_t x, inout standard_metadata_t std) {
    apply {
        bit<0> z = 0;
        int<1> minus = -1;
        empty_t e = { 0, {} };
        x.c = x.d ++ z ++ x.e;
        if (z == nothing(e.none)) { x.a = 1; }
        x.b = (bit<32>) z + 5;
        x.d = (bit<8>) (bit<1>) minus;
        x.e = minus < 0 ? 8w1 : 0;
        z = (bit<0>) x.a;
        if (e == e) { x.a = x.a + 1; }
    }
}

#include "include/main.p4"
