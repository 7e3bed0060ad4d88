// Section 8.15: sets in `select`.

#include <core.p4>
#include <v1model.p4>

header H { bit<8> a; bit<16> b; int<8> s; bool q; }
enum bit<8> E { a = 1, b = 2 }
parser p(packet_in b, out H h, in E e) {
    state start { b.extract(h);
        transition select(h.a, h.b) { (1, 2): accept; (8w1 &&& 8w3, _): s1; (1 .. 5, 3): s2; (default, default): accept; (0x1FF, 3): s1; } }
    state s1 { transition select(h.a) { 1: accept; 2 &&& 16w3: accept; _: s2; } }
    state s2 { transition select(h.s) { -1: accept; 4s1: accept; -5 .. 5: accept; } }
    state s3 { transition select(h.q) { true: accept; false: s4; } }
    state s4 { transition select(e) { E.a: accept; E.b: s5; _: reject; } }
    state s5 { transition select(h.a) { E.a: accept; E.a .. E.b: accept; } }
    state s6 { transition select(h) { _: accept; } }
    state s7 { transition select(h.a, h.b) { 1: accept; } }
    state s8 { transition select(h.a) { (1, 2): accept; } }
    state s9 { transition select(h.a) { _: accept; 1: reject; } }
    state s10 { transition select(h.a) { 1: nowhere; } }
    state s11 { transition select({h.a, h.b}) { (1, 2): accept; } }
    state s12 { transition select(h.a, {h.a, h.b}) { (1, (1, 2)): accept; } }
}
