// Section 8.6: slices with a run-time base, read and written.

#include "include/skeleton.p4"

control Case(inout data_t x, inout standard_metadata_t std) {
    apply {
        x.d = x.a[x.e[4:0] +: 8];
        x.b[x.e[3:0] +: 4] = 0xf;
        x.c[11:4] = x.c[7:0];
    }
}

#include "include/main.p4"
