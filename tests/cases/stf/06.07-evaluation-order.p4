// Section 6.7: operands left to right, side effects included.

#include "include/skeleton.p4"

bit<8> next(inout bit<8> counter) {
    counter = counter + 1;
    return counter;
}

control Case(inout data_t x, inout standard_metadata_t std) {
    apply {
        bit<8> n = x.d;
        x.e = next(n) - next(n) * 2 + next(n);
        x.d = n;
    }
}

#include "include/main.p4"
