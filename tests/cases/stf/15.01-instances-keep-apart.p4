// Section 15: two instances of a control have tables of their own.

#include "include/skeleton.p4"

control Part(inout bit<8> v)(bit<8> add) {
    action set(bit<8> to) { v = to + add; }
    table t { key = { v : exact; } actions = { set; NoAction; } default_action = NoAction; }
    apply { t.apply(); }
}

control Case(inout data_t x, inout standard_metadata_t std) {
    Part(1) one;
    Part(2) two;
    apply {
        one.apply(x.d);
        two.apply(x.e);
    }
}

#include "include/main.p4"
