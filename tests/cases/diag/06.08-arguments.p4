// Section 6.8: arguments by position and by name, defaults, `_`.

#include <core.p4>
#include <v1model.p4>

extern void f(in bit<32> x, out bit<16> y);
extern void g(in bit a, in bit<3> b = 2, in bit<5> c);
extern void h(in bit<32> a, in bool b = true);
control c() {
    apply {
        bit<32> xa = 0; bit<16> ya; bit<32> yz = 0;
        f(xa, ya);
        f(x = xa, y = ya);
        f(y = ya, x = xa);
        f(x = xa);
        f(x = xa, x = ya);
        f(x = xa, ya);
        f(z = xa, w = yz);
        f(x = xa, y = 0);
        g(a = 1, b = 2, c = 3);
        g(a = 1, c = 3);
        g(1, 2, 3);
        g(1, 3);
        h(10); h(a = 10); h(a = 10, b = true);
        h(10, _);
        f(xa, _);
        f(xa, xa);
    }
}
