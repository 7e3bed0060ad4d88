// Section 8.24: what can be done with values whose type is a parameter.

#include <core.p4>
#include <v1model.p4>

T id<T>(in T x) { T y = x; return y; }
T bad1<T>(in T x) { return x + x; }
bool bad2<T>(in T x, in T y) { return x == y; }
T bad3<T>(in T x) { T y = 1; return y; }
T bad4<T>(in T x) { return (T)1; }
void sw<T>(inout T a, inout T b) { T t = a; a = b; b = t; }
control c(inout bit<8> x, inout bit<8> y, inout bit<16> z) { apply { x = id(x); sw(x, y); sw(x, z); } }
