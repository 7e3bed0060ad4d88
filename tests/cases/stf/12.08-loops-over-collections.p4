// Section 12.8: loops over ranges, lists, arrays and stacks; the collection is evaluated once, before the first turn.

#include "include/skeleton.p4"

header tag_t { bit<8> v; }

bit<8> twice(inout bit<8> calls, in bit<8> v) {
    calls = calls + 1;
    return v * 2;
}

control Case(inout data_t x, inout standard_metadata_t std) {
    apply {
        bit<8> calls = 0;
        bit<8> sum = 0;
        for (bit<8> i in 1 .. twice(calls, x.d)) {
            if (i == 5) { break; }
            if (i == 2) { continue; }
            sum = sum + i;
        }
        x.a = (bit<32>) (calls ++ sum);
        tag_t[3] stack;
        stack[0] = { 1 };
        stack[2] = { 4 };
        x.b = 0;
        for (tag_t tag in stack) {
            x.b = x.b << 8;
            if (tag.isValid()) { x.b = x.b + (bit<32>) tag.v; }
            stack[2].v = 9;                        // not seen: the stack was copied
        }
        bit<8>[3] array = { 1, 2, 3 };
        x.c = 0;
        for (bit<8> element in array) { x.c = x.c * 10 + (bit<16>) element; }
        x.e = 0;
        for (bit<8> element in (list<bit<8>>) { 5, sum, 7 }) { x.e = x.e + element; }
        for (bit<8> i in 5 .. 4) { x.e = 0xff; }    // an empty range
        for (bit<8> i = 0, bit<8> j = 9; i < j; i += 1, j -= 2) { x.d = i ++ j == 0x0303 ? 8w0x33 : x.d; }
    }
}

#include "include/main.p4"
