// Section 14.2: entries in order, explicit priorities, priority_delta, smallest first.

#include "include/skeleton.p4"

control Case(inout data_t x, inout standard_metadata_t std) {
    action set(bit<8> v) { x.e = v; }
    table by_order {
        key = { x.d : ternary; }
        actions = { set; }
        const entries = {
            0x10 &&& 0xf0 : set(1);
            0x11 : set(2);
            _ : set(3);
        }
    }
    table by_priority {
        key = { x.d : ternary; }
        actions = { set; }
        largest_priority_wins = false;
        priority_delta = 10;
        const default_action = set(0);
        entries = {
            const priority = 20 : 0x10 &&& 0xf0 : set(4);
            priority = 5 : 0x11 : set(5);
            0x12 : set(6);
        }
    }
    apply {
        if (x.c == 0) { by_order.apply(); } else { by_priority.apply(); }
    }
}

#include "include/main.p4"
