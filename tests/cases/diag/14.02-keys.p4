// Section 14.2.1.1: keys.

#include <core.p4>
#include <v1model.p4>

struct S { bit<8> a; }
header H { bit<8> a; varbit<16> v; }
enum E { a }
enum bit<8> F { a = 1 }
control c(inout bit<8> x, inout S s, inout H h, in E e, in F f, in error er, inout bool q, inout tuple<bit<8>, bool> t, inout H[2] st, packet_in p) {
    action a() { }
    table t1 { key = { s : exact; } actions = { a; } }
    table t2 { key = { e : exact; f : ternary; er : exact; q : exact; t : exact @name("t"); h.isValid() : exact; st[1].a : exact; x[3:0] : exact; x & 3 : exact; 5 : exact; } actions = { a; } }
    table t3 { key = { p : exact; } actions = { a; } }
    table t4 { key = { h : exact; } actions = { a; } }
    table t6 { key = { q : range; } actions = { a; } }
    table t7 { key = { h.v : exact; } actions = { a; } }
    table t8 { key = { x : lpm; s.a : lpm; } actions = { a; } }
    table t9 { key = { "a" : exact @name("z"); } actions = { a; } }
    apply { t1.apply(); }
}
