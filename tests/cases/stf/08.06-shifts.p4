// Section 8.6: shifting by the width or more gives zero.

#include "include/skeleton.p4"

control Case(inout data_t x, inout standard_metadata_t std) {
    apply {
        x.a = x.a << x.d;
        x.b = x.b >> x.e;
        x.c = x.c << 4;
    }
}

#include "include/main.p4"
