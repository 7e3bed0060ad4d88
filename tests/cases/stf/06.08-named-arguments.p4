// Section 6.8: named arguments in any order, defaults for those left out.

#include "include/skeleton.p4"

bit<16> combine(in bit<16> high, in bit<16> low = 7) { return high * 16 + low; }

control Case(inout data_t x, inout standard_metadata_t std) {
    apply {
        x.c = combine(low = x.a[15:0], high = 3);
        x.b = 16w0 ++ combine(high = 2);
    }
}

#include "include/main.p4"
