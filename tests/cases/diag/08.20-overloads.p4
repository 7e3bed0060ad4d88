// Section 8.20: calls that fit no overload, or more than one.

#include <core.p4>

extern void f(in bit<8> a);
extern void f(in bit<8> a, in bit<8> b);
extern void g(in bit<8> a, in bit<8> b = 1);
extern void g(in bit<8> a);

control k(inout bit<8> x) {
    bit<8> f = 3;
    apply {
        .f(x, x, x);
        .f(c = x);
        g(x);
    }
}
control hides(inout bit<8> x) {
    bit<8> x = 3;
    apply { }
}
