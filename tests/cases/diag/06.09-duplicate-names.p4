// Section 6.4: one name, one meaning in each scope.

#include <core.p4>
#include <v1model.p4>

const bit<4> x = 1;
const bit<4> x = 2;
struct S { bit<8> a; bit<8> a; }
header H { bit<8> a; bit<8> a; }
header HH { bit<8> a; }
header_union U { HH a; HH a; }
enum E { a, a }
enum bit<8> F { a = 1, a = 2 }
error { NoError }
match_kind { exact }
extern void ff(in bit<8> a, in bit<8> a);
control c(in bit<8> x, in bit<8> x) { apply {} }
control d() { bit<8> y; bit<8> y; apply {} }
extern G<T, T> { G(); }
parser p(packet_in b) { bit<4> t; state start { t = 1; transition t; } state t { transition accept; } }
