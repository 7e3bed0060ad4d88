// Section 13.11: value sets and their types.

#include <core.p4>
#include <v1model.p4>

struct vsk_t { @match(ternary) bit<16> port; }
struct vs2 { bit<16> a; bit<8> b; }
header H { bit<16> p; bit<8> q; }
value_set<bit<8>>(4) topvs;
parser p(packet_in b, out H h) {
    value_set<vsk_t>(4) pvs;
    value_set<bit<16>>(4) p1;
    value_set<tuple<bit<16>, bit<8>>>(4) p2;
    value_set<vs2>(4) p3;
    value_set<bit<16>>(h.p) p4;
    value_set<bit<32>>(4) p5;
    value_set<string>(4) p6;
    state start { b.extract(h); transition select(h.p) { p1: s1; pvs: s1; _: accept; } }
    state s1 { transition select(h.p, h.q) { p2: accept; p3: s2; _: accept; } }
    state s2 { transition select(h.q) { topvs: accept; p1: accept; } }
    state s3 { transition select(h.p) { p5: accept; } }
}
control c() { value_set<bit<8>>(4) x; apply { } }
