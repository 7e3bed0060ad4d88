// Section 12.5: exit in an action ends ingress; copies out are made.

#include "include/skeleton.p4"

control Inner(inout bit<8> v) {
    action leave() { v = 7; exit; }
    table t {
        key = { v : exact; }
        actions = { leave; NoAction; }
        const entries = { 1 : leave(); }
        default_action = NoAction;
    }
    apply { t.apply(); v = 9; }
}

control Case(inout data_t x, inout standard_metadata_t std) {
    Inner() inner;
    apply {
        inner.apply(x.d);
        x.e = 1;
    }
}

#include "include/main.p4"
