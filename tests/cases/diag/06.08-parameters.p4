// Section 6.8: directions, defaults and types that parameters may have.

#include <core.p4>
#include <v1model.p4>

extern E { E(); void m(); }
control c1(in E e) { apply {} }
control c2(E e) { apply { e.m(); } }
control c3()(in bit<8> k) { apply {} }
extern X { X(in bit<8> a); }
package P(in bit<8> x);
action a1(bit<8> d, in bit<8> i) {}
action a2(E e) {}
action a3(string s) {}
action a4(int i) {}
bit<8> f1(out bit<8> a = 3) { a = 1; return 0; }
bit<8> f2(in bit<8> a = 3) { return a; }
bit<8> f3(inout bit<8> a = 3) { return a; }
bit<8> f4(in int a) { return 0; }
bit<8> f5(in string a) { return 0; }
extern bit<8> rnd();
bit<8> f6(in bit<8> a = rnd()) { return a; }
