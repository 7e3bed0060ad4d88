// Section 14.1: actions with direction, called directly and by a table with bound arguments.

#include "include/skeleton.p4"

control Case(inout data_t x, inout standard_metadata_t std) {
    action scale(in bit<8> by, inout bit<8> what, bit<8> plus) { what = what * by + plus; }
    table t {
        key = { x.c : exact; }
        actions = { scale(x.d, x.e); }
        default_action = scale(x.d, x.e, 1);
    }
    apply {
        if (x.a == 0) { scale(2, x.e, 3); } else { t.apply(); }
    }
}

#include "include/main.p4"
