// Section 7.2.9: what may be overloaded, and how.

#include <core.p4>
#include <v1model.p4>

extern void f(in bit<8> a);
extern void f(in bit<8> a, in bit<8> b);
extern O { O(); O(bit<8> x); void m(); void m(in bit<8> a); abstract void q(in bit<8> a); abstract void q(in bit<8> a, in bit<8> b); }
parser p(packet_in p) { state start { transition accept; } }
parser p(packet_in p, out bit<8> v) { state start { transition accept; } }
control p2() { apply {} }
control p2(in bit<8> a) { apply {} }
package pk();
package pk(bit<8> x);
extern Q { R(); }
extern Q2 { Q2<T>(); }
