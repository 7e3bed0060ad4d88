// Section 12.4: return leaves a control, not its caller.

#include "include/skeleton.p4"

control Inner(inout bit<8> v) {
    apply {
        if (v == 1) { v = 10; return; }
        v = 20;
    }
}

control Case(inout data_t x, inout standard_metadata_t std) {
    Inner() inner;
    apply {
        inner.apply(x.d);
        x.e = x.d + 1;
        if (x.d == 20) { return; }
        x.d = 0;
    }
}

#include "include/main.p4"
