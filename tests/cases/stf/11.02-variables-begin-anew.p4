// Section 11.2: variables do not outlive their block: each turn and each call begins without what the last one left.

#include "include/skeleton.p4"

header tag_t { bit<8> v; }

control Inner(out bit<8> seen) {
    tag_t local;
    bit<8> n = 3;
    apply {
        seen = local.isValid() ? 8w0xff : n;
        n = n + 1;
        local = { 1 };
    }
}

control Case(inout data_t x, inout standard_metadata_t std) {
    Inner() inner;
    apply {
        inner.apply(x.d);
        inner.apply(x.e);
        bit<16> valid = 0;
        for (bit<8> i in 0 .. 3) {
            tag_t turn;
            if (turn.isValid()) { valid = valid + 1; }
            turn = { i };
        }
        x.c = valid;
    }
}

#include "include/main.p4"
