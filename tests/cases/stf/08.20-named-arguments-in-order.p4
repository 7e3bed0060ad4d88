// Section 8.20: named arguments are evaluated in the order in which they are written.

#include "include/skeleton.p4"

bit<8> next(inout bit<8> n) {
    n = n + 1;
    return n;
}
bit<16> join(in bit<8> first, in bit<8> second) { return first ++ second; }

control Case(inout data_t x, inout standard_metadata_t std) {
    apply {
        bit<8> n = 0;
        x.c = join(second = next(n), first = next(n));
    }
}

#include "include/main.p4"
