// Sections 8.13 and 8.16: values of structs, by position and by name.

#include <core.p4>
#include <v1model.p4>

struct S { bit<32> a; bit<32> b; }
struct N { S s; bool q; }
struct O { bit<32> a; bit<32> b; }
control c(inout S s, inout N n, inout bool p, inout O o) {
    apply {
        p = s == (S){ a = 1, b = 2 };
        p = s == { a = 1, b = 2 };
        p = s == { 1, 2 };
        n = { s = { 1, 2 }, q = true };
        n = { { b = 1, a = 2 }, false };
        n = { q = true, ... };
        s = o;
        p = s == o;
        p = s < s;
        s = (S){ a = 1, b = 2 } ; bit<32> f = (S){ a = 1, b = 2 }.a;
        p = n == n;
        s.c = 1;
        s.isValid();
    }
}
