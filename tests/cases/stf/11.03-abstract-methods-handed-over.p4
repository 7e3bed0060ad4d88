// Section 11.3.1: an object whose methods its owner implements, handed to other controls and parsers: wherever a method is
// called, it uses what is around it where it was declared, each owner with its own.

#include "include/skeleton.p4"

extern Policy {
    Policy();
    abstract bit<8> choose(in bit<8> among);
    abstract void note();
}

control Inner(inout bit<8> chosen)(Policy policy) {
    action choose_again() {
        chosen = policy.choose(chosen);
        policy.note();
    }
    table t {
        actions = { choose_again; }
        default_action = choose_again();
    }
    apply {
        policy.note();
        t.apply();
    }
}

control Middle(inout bit<8> chosen)(Policy policy) {
    Inner(policy) inner;
    apply { inner.apply(chosen); }
}

control Owner(inout bit<8> notes, inout bit<8> chosen)(bit<8> step) {
    bit<8> seen = 0;
    Policy() own = {
        bit<8> choose(in bit<8> among) { return among + seen + step; }
        void note() {
            seen = seen + 1;
            notes = notes + 0x10;
        }
    };
    Middle(own) middle;
    apply {
        middle.apply(chosen);
        // The argument's own slots stay as they are until the call is over.
        middle.apply(seen);
        notes = notes + seen;
    }
}

control Case(inout data_t x, inout standard_metadata_t std) {
    Owner(1) by_one;
    Owner(3) by_three;
    apply {
        by_one.apply(x.d, x.e);
        by_three.apply(x.a[7:0], x.b[7:0]);
        by_one.apply(x.c[7:0], x.c[15:8]);
    }
}

#include "include/main.p4"
