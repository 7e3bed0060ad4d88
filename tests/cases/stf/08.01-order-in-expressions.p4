// Section 8.1: operands are evaluated from left to right, and side effects of one are seen by the next.

#include "include/skeleton.p4"

bit<8> next(inout bit<8> n) {
    n = n + 1;
    return n;
}

header cell_t { bit<8> z; }

control Case(inout data_t x, inout standard_metadata_t std) {
    apply {
        bit<8> n = 0;
        x.a = next(n) ++ next(n) ++ n ++ next(n);          // 01 02 02 03
        n = 0;
        x.b = n ++ (next(n) + n) ++ (bit<8>)(bit<1>)(next(n) == n) ++ n;
        // The left side of an assignment is an l-value before the right side is evaluated.
        cell_t[4] s;
        s[0] = { 0 };
        s[1] = { 0 };
        s[2] = { 0 };
        s[3] = { 0 };
        n = 0;
        s[next(n)].z = next(n);                            // s[1] = 2
        x.c = s[1].z ++ s[2].z;
        // A compound assignment evaluates its left side once.
        n = 1;
        s[next(n)].z += 5;                                 // s[2]
        x.d = s[2].z;
        x.e = n;
    }
}

#include "include/main.p4"
