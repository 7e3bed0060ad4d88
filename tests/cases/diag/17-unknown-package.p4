// Chapter 17: the package of `main` is of no architecture that is known.

#include <core.p4>

control Pipe(inout bit<8> x);
package Lonely(Pipe p);
control P(inout bit<8> x) { apply { } }
Lonely(P()) main;
