// Section 6.8: an `in` parameter keeps its value when what was passed changes during the call; an `inout` one is written back at the end only.

#include "include/skeleton.p4"

control Case(inout data_t x, inout standard_metadata_t std) {
    action look(in bit<8> p, inout bit<8> q) {
        x.d = 0x99;
        x.e = 0x88;
        x.c = p ++ q;
        q = q + 1;
    }
    apply {
        x.d = 1;
        x.e = 2;
        look(x.d, x.e);
    }
}

#include "include/main.p4"
