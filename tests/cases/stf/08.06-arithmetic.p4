// Section 8.6: unsigned arithmetic wraps, |+| and |-| saturate.

#include "include/skeleton.p4"

control Case(inout data_t x, inout standard_metadata_t std) {
    apply {
        x.a = x.a + 1;
        x.b = x.b - 1;
        x.c = x.c * 3;
        x.d = x.d |+| 16;
        x.e = x.e |-| 16;
    }
}

#include "include/main.p4"
