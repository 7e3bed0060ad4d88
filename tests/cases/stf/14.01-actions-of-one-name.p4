// Section 14.1: actions that do the same may share a control-plane name, whatever their parameters and variables are
// called. So do the copies that p4c makes of an action for each table.

#include "include/skeleton.p4"

control Case(inout data_t x, inout standard_metadata_t std) {
    @name("set") action set(bit<8> value) {
        bit<8> twice = value * 2;
        x.e = x.e + twice;
        twice[3:0] = 1;
        x.c[7:0] = twice;
    }
    @name("set") action set_1(@name("value") bit<8> value_1) {
        bit<8> twice_1 = value_1 * 2;
        x.e = x.e + twice_1;
        twice_1[3:0] = 1;
        x.c[7:0] = twice_1;
    }
    table first {
        key = { x.a : exact; }
        actions = { set; NoAction; }
        default_action = NoAction();
    }
    table second {
        key = { x.b : exact; }
        actions = { set_1; NoAction; }
        default_action = NoAction();
    }
    apply {
        first.apply();
        second.apply();
    }
}

#include "include/main.p4"
