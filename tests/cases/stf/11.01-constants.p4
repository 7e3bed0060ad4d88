// Section 11.1: constants of every kind of type, also local ones.

#include "include/skeleton.p4"

struct version_t { bit<8> major; bit<8> minor; }
header tag_t { bit<16> v; }
const version_t V = { 1, 2 };
const version_t W = { minor = 4, major = 3 };
const tuple<bit<8>, version_t> T = { 9, { 5, 6 } };
const int BIG = 1 << 70;
const bit<8> PART = (BIG >> 64)[7:0];
const bool YES = V.major < W.major && T[1].minor == 6;
const tag_t TAG = { 0xabcd };
const tag_t NO_TAG = {#};

control Case(inout data_t x, inout standard_metadata_t std) {
    const bit<8> LOCAL = V.minor + W.minor;
    apply {
        const bit<16> INNER = LOCAL ++ PART;
        x.a = V.major ++ V.minor ++ W.major ++ W.minor;
        x.b = (bit<32>) (T[1].major ++ INNER);
        x.c = TAG.v;
        x.d = YES && !NO_TAG.isValid() ? 8w1 : 0;
        tag_t copy = TAG;
        x.e = copy.isValid() && copy == TAG ? 8w1 : 0;
    }
}

#include "include/main.p4"
