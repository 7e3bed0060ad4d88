// Section 8.6: saturating addition and subtraction, unsigned.

#include "include/skeleton.p4"

control Case(inout data_t x, inout standard_metadata_t std) {
    apply {
        x.d = x.d |+| x.e;
        x.e = x.e |-| 0x20;
        x.c = x.c |+| 0xff00;
    }
}

#include "include/main.p4"
