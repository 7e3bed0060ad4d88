// Section 6.8: later arguments cannot change what an `inout` argument was when it was evaluated.

#include "include/skeleton.p4"

bit<8> bump(inout bit<8> of) {
    of = of + 1;
    return of;
}

// Leaves its first parameter alone, and so puts back what it was given.
bit<8> sum(inout bit<8> first, in bit<8> second) {
    return first + second;
}

bit<4> sum_of_halves(inout bit<4> first, in bit<8> second) {
    return first + second[3:0];
}

void double_and_keep(inout bit<8> first, inout bit<8> second, in bit<8> unused) {
    first = first * 2;
}

control Case(inout data_t x, inout standard_metadata_t std) {
    apply {
        x.e = sum(x.d, bump(x.d));
        x.c[3:0] = sum_of_halves(x.b[3:0], bump(x.b[7:0]));
        // The copy of the second parameter goes out last.
        double_and_keep(x.a[7:0], x.a[7:0], bump(x.a[7:0]));
    }
}

#include "include/main.p4"
