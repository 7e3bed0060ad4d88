// Section 8.6: slices as values and as l-values, and concatenation.

#include "include/skeleton.p4"

control Case(inout data_t x, inout standard_metadata_t std) {
    apply {
        bit<32> a = x.a;
        x.b = a[7:0] ++ a[15:8] ++ a[23:16] ++ a[31:24];
        x.c[11:4] = x.d;
        x.e[0:0] = x.a[31:31];
    }
}

#include "include/main.p4"
