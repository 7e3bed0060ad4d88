// Chapter 12: which statements may stand where.

#include <core.p4>
#include <v1model.p4>

control c(inout bit<8> x, inout bool p) {
    apply {
        return;
    }
}
control c2(inout bit<8> x) { apply { return x; } }
control c3(inout bit<8> x) { apply { exit; x = 1; ; } }
parser pr(packet_in b, out bit<8> x) {
    state start { return; }
    state s1 { exit; }
    state s2 { switch (x) { 1: { x = 1; } } transition accept; }
    state s3 { if (x == 1) { x = 2; } else { x = 3; } ; { x = 3; } transition accept; }
    state s4 { for (bit<8> i = 0; i < 3; i = i + 1) { x = x + i; } transition accept; }
}
control c4(inout bit<8> x) { apply { break; } }
control c5(inout bit<8> x) { apply { continue; } }
control c6(inout bit<8> x) { action a() { return; } action b() { exit; } action d() { return x; } apply { a(); b(); } }
