// Section 8.13: struct-valued expressions by name, `...` for the rest.

#include "include/skeleton.p4"

struct pair_t { bit<8> left; bit<8> right; bit<16> rest; }

control Case(inout data_t x, inout standard_metadata_t std) {
    apply {
        pair_t p = { right = x.d, left = x.e, rest = 3 };
        pair_t q = { left = 7, ... };
        x.d = p.left;
        x.e = p.right + q.left + q.right;
        x.c = p.rest + q.rest;
    }
}

#include "include/main.p4"
