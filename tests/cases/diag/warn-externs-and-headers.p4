// What runs otherwise than it reads: externs that nobody implements, headers that are not whole bytes.

#include <core.p4>
#include <v1model.p4>

extern bit<8> measure(in bit<8> of);
header odd_t { bit<5> x; }
header H { bit<8> x; }
struct Hs { H h; odd_t odd; }
struct M { }
parser P(packet_in b, out Hs h, inout M m, inout standard_metadata_t s) {
    state start {
        b.extract(h.h);
        b.extract(h.odd);
        transition accept;
    }
}
control V(inout Hs h, inout M m) { apply { } }
control I(inout Hs h, inout M m, inout standard_metadata_t s) { apply { h.h.x = measure(h.h.x); } }
control E(inout Hs h, inout M m, inout standard_metadata_t s) { apply { } }
control C(inout Hs h, inout M m) { apply { } }
control D(packet_out b, in Hs h) { apply { b.emit(h); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
