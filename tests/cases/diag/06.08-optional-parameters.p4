// Section 6.8.2: where parameters may be optional.

#include <core.p4>
#include <v1model.p4>

extern void f(@optional in bit<8> a = 3);
action a(@optional bit<8> x) {}
bit<8> fn(@optional in bit<8> x) { return x; }
control c(@optional in bit<8> x) { apply {} } 
control ct(@optional in bit<8> x);
extern void g(@optional in bit<8> x);
