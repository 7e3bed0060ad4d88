// Section 8.6: division and modulo by constants.

#include "include/skeleton.p4"

control Case(inout data_t x, inout standard_metadata_t std) {
    apply {
        x.a = x.a / 10;
        x.b = x.b % 1000;
        x.c = x.c / 256;
        x.d = x.d % 16;
    }
}

#include "include/main.p4"
