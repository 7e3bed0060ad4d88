// Section 8.5: && and || evaluate their right side only if they must.

#include "include/skeleton.p4"

bit<8> counted(inout bit<8> calls, in bit<8> value) {
    calls = calls + 1;
    return value;
}

control Case(inout data_t x, inout standard_metadata_t std) {
    apply {
        bit<8> calls = 0;
        if (x.d == 1 && counted(calls, 7) == 7) { x.a = 1; }
        if (x.d == 1 || counted(calls, 7) == 7) { x.b = 1; }
        x.c = x.d == 1 ? (bit<16>) counted(calls, 5) : 0;
        x.e = calls;
    }
}

#include "include/main.p4"
