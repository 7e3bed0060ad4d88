// Chapter 11: constants are constant, variables and instances stand where they may.

#include <core.p4>
#include <v1model.p4>

extern bit<8> rnd();
const bit<8> k = rnd();
bit<8> v;
control c(in bit<8> x)(bit<8> n) {
    const bit<8> k2 = x;
    const bit<8> k3 = n;
    const bit<8> k4 = 3;
    apply { const bit<8> k5 = 3; k4 = 3; string s; packet_in p; match_kind m; }
}
control d() { apply { } }
d() dd;
parser pa(packet_in p) { state start { transition accept; } }
pa() ppp;
control e() { pa() x; apply { } }
parser pb(packet_in p) { d() x; state start { transition accept; } }
control f() { apply { d() x; } }
control g() { action a() { d() x; } apply { } }
extern Ex { Ex(bit<8> n); }
control h(in bit<8> x) { Ex(x) e; apply { } }
control h2()(bit<8> x) { Ex(x) e; apply { } }
Ex(3) topex;
Ex(n = 3) topex2;
Ex() topex3;
control cc() { bit<8> a = 3; const bit<8> b = a; apply {} }
