// Appendix F: which types may be parameters of what.

#include <core.p4>
#include <v1model.p4>

parser pt();
control ct();
package pk();
control c1(pt p) { apply {} }
control c2(ct p) { apply {} }
control c3(pk p) { apply {} }
control c4()(pt p) { apply {} }
control c5()(ct p) { apply { p.apply(); } }
parser p5(packet_in b)(pt p) { state start { p.apply(); transition accept; } }
parser p6(packet_in b)(ct p) { state start { transition accept; } }
extern E1 { E1(pt p); }
extern E2 { E2(ct p); }
extern E3 { E3(pk p); }
extern E4 { E4(E1 e); }
package pp(pt a, ct b, pk c, E4 d, bit<8> e);
parser pp2()(pk a) { state start { transition accept; } }
action aa(ct x) {}
extern ct rr();
extern E4 rr2();
