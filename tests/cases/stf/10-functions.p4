// Section 10: functions call functions, return structs and void, change inout parameters.

#include "include/skeleton.p4"

struct two_t { bit<8> low; bit<8> high; }
two_t split(in bit<16> v) { return { low = v[7:0], high = v[15:8] }; }
void swap(inout bit<8> p, inout bit<8> q) {
    bit<8> t = p;
    p = q;
    q = t;
}
bit<8> largest(in bit<8> p, in bit<8> q) {
    if (p > q) { return p; }
    return q;
}

control Case(inout data_t x, inout standard_metadata_t std) {
    apply {
        two_t t = split(x.c);
        swap(t.low, t.high);
        x.d = t.low;
        x.e = largest(largest(1, t.low), t.high);
    }
}

#include "include/main.p4"
