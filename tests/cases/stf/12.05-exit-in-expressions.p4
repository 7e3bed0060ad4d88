// Section 12.5: where a table's action exits, the rest of the expression and its statement do not happen.

#include "include/skeleton.p4"

control Case(inout data_t x, inout standard_metadata_t std) {
    action leave() { exit; }
    action stay() { }
    table t {
        key = { x.a : exact; }
        actions = { leave; stay; }
        const entries = { 1 : leave(); 2 : stay(); }
        default_action = stay();
    }
    apply {
        x.c = 0x0101;
        if (x.b == 1) {
            if (t.apply().hit) { x.d = 1; } else { x.d = 2; }
        } else if (x.b == 2) {
            x.d = t.apply().miss ? 8w3 : 4;
        } else if (x.b == 3) {
            switch (t.apply().action_run) {
                leave: { x.d = 5; }
                default: { x.d = 6; }
            }
        } else {
            bool both = x.b == 5 || t.apply().hit;
            x.d = both ? 8w7 : 8;
        }
        x.e = 0xee;
    }
}

#include "include/main.p4"
