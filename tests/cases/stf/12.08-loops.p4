// Section 12.8: for loops with break and continue, over ranges and by condition.

#include "include/skeleton.p4"

control Case(inout data_t x, inout standard_metadata_t std) {
    apply {
        bit<32> sum = 0;
        for (bit<8> i = 0; i < x.d; i = i + 1) {
            if (i == 2) { continue; }
            if (i == 6) { break; }
            sum = sum + (bit<32>) i;
        }
        x.a = sum;
        x.b = 0;
        for (bit<8> i in 1 .. x.e) {
            x.b = x.b + (bit<32>) i;
        }
    }
}

#include "include/main.p4"
