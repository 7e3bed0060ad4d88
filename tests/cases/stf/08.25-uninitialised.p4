// Section 8.25: what has no value yet is zero here, so that no packet depends on another.

#include "include/skeleton.p4"

control Case(inout data_t x, inout standard_metadata_t std) {
    apply {
        bit<32> never;
        data_t invalid;
        invalid.setInvalid();
        x.a = never;
        x.b = invalid.b;
        invalid.b = 5;           // has no effect
        x.b = x.b + invalid.b;
        invalid.setValid();
        x.c = (bit<16>) invalid.b;
    }
}

#include "include/main.p4"
