// Section 14.2: a table may be applied more than once; each time it is looked up anew.

#include "include/skeleton.p4"

control Case(inout data_t x, inout standard_metadata_t std) {
    action add(bit<32> n) { x.a = x.a + n; }
    table t {
        key = { x.a : exact; }
        actions = { add; NoAction; }
        default_action = NoAction();
        const entries = {
            0 : add(5);
            5 : add(10);
        }
    }
    apply {
        if (t.apply().hit) {
            t.apply();
        }
    }
}

#include "include/main.p4"
