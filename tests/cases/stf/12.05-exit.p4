// Section 12.5: exit ends the whole control, but out and inout parameters are copied out first.

#include "include/skeleton.p4"

control Inner(inout bit<32> y) {
    action leave(inout bit<32> z) {
        z = 7;
        exit;
    }
    apply {
        y = 1;
        leave(y);
        y = 2;
    }
}

control Case(inout data_t x, inout standard_metadata_t std) {
    Inner() inner;
    apply {
        if (x.d == 1) {
            inner.apply(x.a);
        }
        x.b = 9;
    }
}

#include "include/main.p4"
