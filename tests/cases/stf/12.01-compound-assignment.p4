// Section 12.1: every compound assignment, to variables, fields, slices and elements, each target evaluated once.

#include "include/skeleton.p4"

bit<2> next(inout bit<8> calls) {
    calls = calls + 1;
    return calls[1:0];
}

control Case(inout data_t x, inout standard_metadata_t std) {
    apply {
        x.a += 5;
        x.a -= 2;
        x.a *= 3;
        x.a /= 2;
        x.a %= 100;
        x.b <<= 4;
        x.b >>= 1;
        x.b &= 0xfff0;
        x.b |= 0x3;
        x.b ^= 0x1;
        x.c[15:8] |+|= 0x20;
        x.c[7:0] |-|= 0x20;
        bit<8>[4] cells;
        cells[0] = 0; cells[1] = 0; cells[2] = 0; cells[3] = 0;
        // The index is asked for once: element 1, not 2.
        bit<8> calls = 0;
        cells[next(calls)] += 7;
        x.d = cells[1] + cells[2];
        x.e[2 +: 4] ^= 0xf;
        x.e[x.d[0:0] +: 1] |= 1;
    }
}

#include "include/main.p4"
