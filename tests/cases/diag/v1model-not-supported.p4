// v1model: what is right as P4-16 and cannot be run.

#include <core.p4>
#include <v1model.p4>

header H { bit<8> x; bit<16> y; }
struct Hs { H h; }
struct M { bit<8> m; }
bit<8> counted(inout bit<8> calls) { calls = calls + 1; return calls; }
parser P(packet_in b, out Hs h, inout M m, inout standard_metadata_t s) {
    state start { b.extract(h.h); transition counting; }
    @atomic state counting {
        transition select(h.h.x) {
            1: accept;
            counted(m.m): accept;
            default: reject;
        }
    }
}
control V(inout Hs h, inout M m) { apply { } }
control I(inout Hs h, inout M m, inout standard_metadata_t s) {
    action a(H p) { h.h = p; }
    table t {
        key = { h.h.x : exact; }
        actions = { a; NoAction; }
    }
    table u {
        key = { h.h.x : selector; h.h.y : exact; }
        actions = { NoAction; }
        implementation = action_selector(HashAlgorithm.crc16, 10, 100);
    }
    table w {
        key = { h.h.x : exact; }
        actions = { NoAction; }
        size = 0xFFFFFFFFFFFFFFFFFFFFF;
    }
    apply {
        t.apply();
        u.apply();
        w.apply();
        hash(m.m, h.h.x == 1 ? HashAlgorithm.crc16 : HashAlgorithm.crc32, 8w0, { h.h.x }, 8w3);
    }
}
control E(inout Hs h, inout M m, inout standard_metadata_t s) { apply { } }
control C(inout Hs h, inout M m) { apply { } }
control D(packet_out b, in Hs h) { apply { b.emit(h); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
