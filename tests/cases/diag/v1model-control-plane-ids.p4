// v1model: ids that are of no use.

#include <core.p4>
#include <v1model.p4>

header H { bit<8> x; bit<16> y; bool q; bit<7> pad; }
struct Hs { H h; H[3] st; }
struct M { bit<8> m; }
enum E { one, other }
parser P(packet_in b, out Hs h, inout M m, inout standard_metadata_t s) { state start { b.extract(h.h); transition accept; } }
control V(inout Hs h, inout M m) { apply {} }
control I(inout Hs h, inout M m, inout standard_metadata_t s) {
    @id("x") action e() { }
    @id(0x02000005) action f() { }
    @id(7) action g() { }
    @id(7) action i() { h.h.x = 2; }
    table t1 { key = { h.h.x : exact; } actions = { e; f; g; i; } }
    apply { t1.apply();  }
}
control Eg(inout Hs h, inout M m, inout standard_metadata_t s) { apply {} }
control C(inout Hs h, inout M m) { apply {} }
control D(packet_out b, in Hs h) { apply { b.emit(h); } }
V1Switch(P(), V(), I(), Eg(), C(), D()) main;
