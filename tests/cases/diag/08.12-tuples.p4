// Section 8.12: operations on tuples.

#include <core.p4>
#include <v1model.p4>

struct S { bit<32> a; bit<32> b; }
extern void f<T>(in T data);
control c(inout tuple<bit<32>, bool> x, inout bit<32> v, in bit<1> i, inout bool p, inout tuple<> e) {
    apply {
        x = { 10, false };
        v = x[0]; p = x[1];
        v = x[i];
        v = x[2];
        v = x[-1];
        p = x == { 10, true };
        p = x != x;
        f((S){ 10, 20 }); f({ v, p }); f(x);
        f({ 10, 20 });
        x = { true, 10 };
        x = { 10 };
        e = {};
        S s = { v, v };
        x = { v, ... };
        v = { v, p }[0];
    }
}
const S sx = { 10, 20 };
const bool c1 = static_assert(sx.a == 10 && sx.b == 20);
const tuple<bit<8>, bool> tt = { 3, true };
const bool c2 = static_assert(tt[0] == 3);
