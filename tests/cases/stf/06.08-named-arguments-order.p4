// Section 6.8: arguments are evaluated, and copied out, in the order in which the call gives them, named or not.

#include "include/skeleton.p4"

bit<8> next(inout bit<8> counter) {
    counter = counter + 1;
    return counter;
}

bit<8> digits(in bit<8> high, in bit<8> low) {
    return high[3:0] ++ low[3:0];
}

void both(out bit<8> first, out bit<8> second) {
    first = 0xaa;
    second = 0xbb;
}

control Case(inout data_t x, inout standard_metadata_t std) {
    action store(in bit<8> high, in bit<8> low) {
        x.c = high ++ low;
    }
    apply {
        bit<8> n = 0;
        x.a[7:0] = digits(high = next(n), low = next(n));
        x.a[15:8] = digits(low = next(n), high = next(n));
        both(first = x.d, second = x.d);
        both(second = x.e, first = x.e);
        store(low = next(n), high = next(n));
        // What is read first, later arguments cannot change.
        x.b[7:0] = digits(low = n, high = next(n));
    }
}

#include "include/main.p4"
