// The working draft's section on arrays: elements of any type, indices known at run time, copies, comparison.

#include "include/skeleton.p4"

struct pair_t { bit<8> l; bit<8> r; }
typedef bit<8>[4] bytes_t;

bytes_t reversed(in bytes_t of) {
    return { of[3], of[2], of[1], of[0] };
}

control Case(inout data_t x, inout standard_metadata_t std) {
    apply {
        bytes_t bytes = { x.a[31:24], x.a[23:16], x.a[15:8], x.a[7:0] };
        bytes_t copy = bytes;
        bytes[x.d] = 0xee;                  // out of range: nothing is written
        bytes = reversed(bytes);
        x.a = bytes[0] ++ bytes[1] ++ bytes[2] ++ bytes[3];
        x.b = 0;
        if (copy != bytes) { x.b = 1; }
        copy = bytes;
        if (copy == bytes) { x.b = x.b + 2; }
        pair_t[2] pairs;
        pairs[0] = { 1, 2 };
        pairs[1] = pairs[0];
        pairs[1].r[3:0] += 5;
        bit<1> i = 1;
        x.c = pairs[i].l ++ pairs[i].r;
        bit<4>[2][3] matrix;
        matrix[2] = { 7, 8 };
        matrix[0] = matrix[2];
        x.e = matrix[0][1] ++ matrix[0][0];
    }
}

#include "include/main.p4"
