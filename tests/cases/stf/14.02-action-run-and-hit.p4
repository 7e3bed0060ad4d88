// Section 14.2: hit, miss, and switch on the action that ran.

#include "include/skeleton.p4"

control Case(inout data_t x, inout standard_metadata_t std) {
    action one() { x.e = 1; }
    action two(bit<8> v) { x.e = v; }
    table t { key = { x.d : exact; } actions = { one; two; NoAction; } default_action = NoAction; }
    table u { key = { x.d : exact; } actions = { one; } default_action = one; }
    apply {
        switch (t.apply().action_run) {
            one: { x.c = 0x11; }
            two: { x.c = 0x22; }
            default: { x.c = 0x33; }
        }
        if (u.apply().miss) { x.c[15:12] = 0xa; }
    }
}

#include "include/main.p4"
