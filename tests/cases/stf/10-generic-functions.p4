// Chapter 10: functions with type parameters, tuples and structs as values.

#include "include/skeleton.p4"

struct pair_t<T> {
    T first;
    T second;
}

T pick<T>(in bool which, in pair_t<T> from) {
    return which ? from.first : from.second;
}

control Case(inout data_t x, inout standard_metadata_t std) {
    apply {
        pair_t<bit<8>> bytes = { x.d, x.e };
        x.a = (bit<32>) pick(x.c == 1, bytes);
        pair_t<bit<32>> words = { first = 7, second = 9 };
        x.b = pick<bit<32>>(x.c == 1, words);
        tuple<bit<8>, bit<8>> t = { x.d, x.e };
        if (t == { 1, 2 }) { x.c = 0x1234; }
    }
}

#include "include/main.p4"
