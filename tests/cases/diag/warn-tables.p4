// What is ignored of tables, and what cannot be told apart by name.

#include <core.p4>
#include <v1model.p4>

header H { bit<8> x; bit<16> y; bool q; bit<7> pad; }
struct Hs { H h; H[3] st; }
struct M { bit<8> m; }
enum E { one, other }
parser P(packet_in b, out Hs h, inout M m, inout standard_metadata_t s) { state start { b.extract(h.h); transition accept; } }
control V(inout Hs h, inout M m) { apply {} }
control I(inout Hs h, inout M m, inout standard_metadata_t s) {
    action a() { }
    direct_counter(CounterType.bytes) counts;
    direct_meter<bit<8>>(MeterType.bytes) colors;
    action counting() { counts.count(); }
    action coloring() { colors.read(m.m); }
    @noWarn("direct-extern-elsewhere") action silenced() { colors.read(m.m); }
    table t1 { key = { h.h.x : exact; h.h.y : selector; } actions = { a; } }
    table t2 { key = { h.h.x : exact; } actions = { a; } max_age = 3; }
    table t3 { key = { h.h.x : exact; h.h.x : exact; } actions = { a; } }
    table t4 { key = { h.h.x : exact; } actions = { counting; coloring; silenced; } counters = counts; }
    table t5 { key = { h.h.x : exact; } actions = { counting; coloring; } meters = colors; }
    @name("first") @name("second")
    table t6 { key = { h.h.x : exact; } actions = { a; } }
    @noWarn("duplicate-key-name") table t7 { key = { h.h.x : exact; h.h.x : exact; } actions = { a; } @noWarn("ignore-prop") max_age = 3; }
    apply { t7.apply(); t1.apply(); t2.apply(); t3.apply(); t4.apply(); t5.apply(); t6.apply();  }
}
control Eg(inout Hs h, inout M m, inout standard_metadata_t s) { apply {} }
control C(inout Hs h, inout M m) { apply {} }
control D(packet_out b, in Hs h) { apply { b.emit(h); } }
V1Switch(P(), V(), I(), Eg(), C(), D()) main;
