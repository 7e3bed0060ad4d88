// Statements that are never reached, and states that end without saying so.

#include <core.p4>
#include <v1model.p4>

header H { bit<8> x; bit<16> y; bool q; bit<7> pad; }
struct Hs { H h; H[3] st; }
struct M { bit<8> m; }
enum E { one, other }
parser P(packet_in b, out Hs h, inout M m, inout standard_metadata_t s) { state start { b.extract(h.h); transition select(h.h.x) { 1: ends; _: accept; } } state ends { } }
control V(inout Hs h, inout M m) { apply {} }
control I(inout Hs h, inout M m, inout standard_metadata_t s) {
    action leave() { exit; h.h.x = 1; }
    apply { if (h.h.x == 1) { return; h.h.x = 2; } for (bit<8> i in 0 .. 3) { if (h.h.y == 3) { break; } continue; h.h.x = 3; } leave(); h.h.x = 4;  }
}
control Eg(inout Hs h, inout M m, inout standard_metadata_t s) { apply {} }
control C(inout Hs h, inout M m) { apply {} }
control D(packet_out b, in Hs h) { apply { b.emit(h); } }
V1Switch(P(), V(), I(), Eg(), C(), D()) main;
