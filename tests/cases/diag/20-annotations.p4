// Chapter 20: the form of annotations.

#include <core.p4>
#include <v1model.p4>

@my(1) @my(2) const bit<8> a = 1;
@my[1] @my[2] const bit<8> b = 1;
@my(1) @my[2] const bit<8> c = 1;
@my[key=4, 5] const bit<8> d = 1;
@my[k1=4, k1=5] const bit<8> e = 1;
@Empty[] const bit<8> f = 1;
@M[1, "h", true, 1==2, 5+6] const bit<8> g = 1;
@M[{1, 2}] const bit<8> h = 1;
@L[a="x" ++ "y", b=true, c=2*3] const bit<8> i = 1;
extern bit<8> rnd();
@L[rnd()] const bit<8> j = 1;
@unstructured(a b ( c , d ) 1 + "x" table) const bit<8> k = 1;
@deprecated("old") extern void oldf();
@deprecated extern void oldg();
@noWarn(3) extern void oldh();
@name(3) extern void oldi();
control ct() { apply { oldf(); @likely { } if (true) @unlikely { } @atomic { } } }
control cx() { @name("a") @name("b") action n() { } apply { } }
control cy() { @hidden action n() { } @hidden(3) action m() { } apply { } }
@noWarn("unused") action unusedaction() { }
