// Section 8.8: `int` constants of any size, evaluated when the program is compiled.

#include "include/skeleton.p4"

const int big = 1 << 100;
const bit<32> some = big >> 90;
const int negative = -7;
const bit<8> rest = 7 % 4 + (negative + 10);

control Case(inout data_t x, inout standard_metadata_t std) {
    apply {
        x.a = some;
        x.d = rest;
        x.e = (bit<8>) (big - (big - 3));
    }
}

#include "include/main.p4"
