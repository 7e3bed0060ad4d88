// Section 6.8: arguments left out take their default values, by name or at the end.

#include "include/skeleton.p4"

const bit<32> SEVEN = 7;

bit<32> weigh(in bit<32> a, in bit<32> b = SEVEN + 3, in bit<32> c) {
    return (a << 16) + (b << 8) + c;
}

void put(out bit<8> to, in bit<8> value = 0x2a) { to = value; }

control Inner(inout bit<16> c, in bit<16> add = 0x11)(bit<16> more = 0x200) {
    apply { c = c + add + more; }
}

control Case(inout data_t x, inout standard_metadata_t std) {
    Inner() inner;
    Inner(more = 0x400) other;
    action set(bit<8> value = 9) { x.e = value; }
    apply {
        x.a = weigh(c = 1, a = 2);
        x.b = weigh(1, 2, 3);
        put(x.d);
        inner.apply(x.c);
        other.apply(x.c, 1);
        set();
    }
}

#include "include/main.p4"
