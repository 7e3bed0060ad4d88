// v1model: properties of tables that name the wrong thing, tables that are too small or too large.

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
    counter(3, CounterType.bytes) indirect;
    direct_counter(CounterType.bytes) shared;
    table t1 { key = { h.h.x : exact; } actions = { a; } implementation = 3; }
    table t2 { key = { h.h.x : exact; } actions = { a; } counters = indirect; }
    table t3 { key = { h.h.x : exact; } actions = { a; } meters = shared; }
    table t4 { key = { h.h.x : exact; } actions = { a; } counters = shared; }
    table t5 { key = { h.h.x : exact; } actions = { a; } counters = shared; }
    table t6 { key = { h.h.x : exact; } actions = { a; } support_timeout = 3; }
    table t7 { key = { h.h.x : exact; } actions = { a; } size = 2; entries = { 1 : a; 2 : a; 3 : a; } }
    table t10 { key = { h.h.x : exact; } actions = { a; } size = 2; const entries = { 1 : a; 2 : a; 3 : a; } }
    table t8 { key = { h.h.x : exact; } actions = { a; } size = 0xFFFFFFFFFF; }
    table t9 { key = { h.h.x : exact; } actions = { a; } const entries = { 1 &&& 3 : a; } }
    apply { t1.apply(); t2.apply(); t3.apply(); t4.apply(); t5.apply(); t6.apply(); t7.apply(); t8.apply(); t9.apply(); t10.apply(); }
}
control Eg(inout Hs h, inout M m, inout standard_metadata_t s) { apply {} }
control C(inout Hs h, inout M m) { apply {} }
control D(packet_out b, in Hs h) { apply { b.emit(h); } }
V1Switch(P(), V(), I(), Eg(), C(), D()) main;
