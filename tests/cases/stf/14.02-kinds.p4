// Section 14.2: lpm, ternary, range and optional keys, and which entry wins.

#include "include/skeleton.p4"

control Case(inout data_t x, inout standard_metadata_t std) {
    action set(bit<8> n) { x.e = n; }
    table by_prefix {
        key = { x.a : lpm; }
        actions = { set; }
        default_action = set(0);
    }
    table by_priority {
        key = { x.b : ternary; x.c : range; x.d : optional; }
        actions = { set; }
        default_action = set(0);
    }
    apply {
        if (x.a != 0) { by_prefix.apply(); } else { by_priority.apply(); }
    }
}

#include "include/main.p4"
