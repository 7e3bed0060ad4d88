// Section 12.8: nested loops, break and continue of the inner one, over ranges and lists.

#include "include/skeleton.p4"

control Case(inout data_t x, inout standard_metadata_t std) {
    apply {
        bit<16> sum = 0;
        for (bit<8> i in 8w1 .. 3) {
            for (bit<8> j = 0; j < 10; j = j + 1) {
                if (j == x.d) { break; }
                if (j == 1) { continue; }
                sum = sum + (bit<16>) (i * 16 + j);
            }
        }
        x.c = sum;
    }
}

#include "include/main.p4"
