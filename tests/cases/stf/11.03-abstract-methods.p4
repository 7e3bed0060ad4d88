// Section 11.3.1: abstract methods that an instance implements: what they use around them, each instance with its own.

#include "include/skeleton.p4"

extern Balancer {
    Balancer();
    abstract bit<32> index(in bit<32> of, inout bit<16> calls);
    abstract void note(in bit<16> by);
}

Balancer() global = {
    bit<32> index(in bit<32> of, inout bit<16> calls) {
        if (of > 100) {
            return 100;
        }
        return of;
    }
    void note(in bit<16> by) { }
};

control Noting(inout bit<16> total)(bit<16> times) {
    bit<16> noted = 0;
    Balancer() own = {
        bit<32> index(in bit<32> of, inout bit<16> calls) {
            calls = calls + 1;
            return of % 4;
        }
        void note(in bit<16> by) { noted = noted + by * times; }
    };
    apply {
        own.note(1);
        own.note(2);
        bit<32> unused = own.index(1, total);
        total = total + noted;
    }
}

control Case(inout data_t x, inout standard_metadata_t std) {
    Noting(1) once;
    Noting(0x10) often;
    apply {
        x.a = global.index(x.b, x.c) + global.index(7, x.c);
        once.apply(x.c);
        often.apply(x.c);
        global.note(3);
    }
}

#include "include/main.p4"
