// Sections 6.8 and 12.5: exit copies out of every call that it ends, and of nothing that had not begun.

#include "include/skeleton.p4"

control Deep(inout bit<8> p, out bit<8> q) {
    action leave(out bit<8> r) {
        r = 3;
        exit;
    }
    apply {
        p = 1;
        q = 2;
        leave(q);
        p = 9;
    }
}

control Middle(inout bit<8> p, out bit<8> q) {
    Deep() deep;
    apply {
        p = 0x50;
        q = 0x60;
        deep.apply(p, q);
        q = 9;
    }
}

control Case(inout data_t x, inout standard_metadata_t std) {
    Middle() middle;
    apply {
        x.c = 0x0101;
        middle.apply(x.d, x.e);
        x.c = 0;
    }
}

#include "include/main.p4"
