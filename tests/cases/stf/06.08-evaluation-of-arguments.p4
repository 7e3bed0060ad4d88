// Section 6.8: l-values of arguments are settled before later arguments change what they depend on.

#include "include/skeleton.p4"

bit<32> bump(inout bit<8> z) {
    z = z + 1;
    return 0x100;
}

void f(inout bit<8> x, in bit<32> y, out bit<32> sum) {
    sum = (bit<32>) x + y;
    x = 0x77;
}

header cell_t { bit<8> z; }

control Case(inout data_t x, inout standard_metadata_t std) {
    apply {
        // The value of the first argument is taken before the second one changes it.
        bit<8> a = 5;
        f(a, bump(a), x.a);      // 5 + 0x100; then a = 0x77, which overwrites bump's 6
        x.d = a;
        // The element written back to is the one that the index meant at first.
        cell_t[2] s;
        s[0] = { 1 };
        s[1] = { 2 };
        bit<8> i = 0;
        f(s[i].z, bump(i), x.b); // s[0]: 1 + 0x100
        x.e = s[0].z;
        x.c = s[1].z ++ i;
    }
}

#include "include/main.p4"
