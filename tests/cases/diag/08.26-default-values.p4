// Section 8.26: initializing with default values.

#include <core.p4>
#include <v1model.p4>

struct S { bit<32> b32; bool b; }
enum int<8> N0 { one = 1, zero = 0, two = 2 }
enum N1 { A, B, C, F }
struct T { S s; N0 n0; N1 n1; }
header H { bit<16> f1; bit<8> f2; }
control c(packet_in p) { apply {
N0 n0 = ...; N1 n1 = ...; S s0 = ...; S s1 = { 1, ... }; S s2 = { b = true, ... };
T t0 = ...; T t1 = { s = ..., ... };
T t2 = { s = ... };
tuple<N0, N1> pp = { ... };
T t3 = { ..., n0 = 2};
H h1 = ...; H h2 = { f2=5, ... }; H h3 = { ... };
bit<8> x = ... + 1;
} }
