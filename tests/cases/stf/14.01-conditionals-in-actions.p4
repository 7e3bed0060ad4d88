// Section 14.1: an action with if, switch, loop and return.

#include "include/skeleton.p4"

control Case(inout data_t x, inout standard_metadata_t std) {
    action work(bit<8> limit) {
        for (bit<8> i in 8w0 .. 9) {
            if (i >= limit) { return; }
            x.c = x.c + (bit<16>) i;
        }
        x.e = 0xff;
    }
    table t { key = { x.d : exact; } actions = { work; } default_action = work(3); }
    apply { t.apply(); }
}

#include "include/main.p4"
