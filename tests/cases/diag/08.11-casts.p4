// Sections 8.11, 8.23 and 8.26: explicit casts, new types, lists in braces, `...`.

#include <core.p4>
#include <v1model.p4>

struct S { bit<8> a; bit<8> b; }
header H { bit<8> a; bit<8> b; }
header_union U { H h; }
typedef bit<8> b8;
type bit<8> n8;
type n8 nn8;
enum bit<8> E { a = 1 }
control c(inout bit<8> x, inout n8 n, inout S s, inout H h, inout U u, inout E e, inout nn8 nn) {
    apply {
        x = (b8)x; x = (bit<8>)n; n = (n8)x; nn = (nn8)n; n = (n8)nn;
        x = n;
        n = x;
        n = n + n;
        if (n == n) { }
        if (n < n) { }
        s = (S){ 1, 2 }; s = (S){ a = 1, b = 2 }; h = (H){ 1, 2 }; h = (H){#}; u = (U){#}; h = {#}; u = {#};
        s = (S)s; h = (H)h;
        s = (S){ 1 };
        s = (S){ 1, 2, 3 };
        s = (S){ a = 1 };
        s = (S){ a = 1, b = 2, a = 3 };
        s = (S){ a = 1, z = 2 };
        s = (S){#};
        s = h;
        h = (H)s;
        x = (bit<8>)s;
        s = { 1, ... }; s = { ... }; s = ...; h = ...; h = { ... };
        s = { ..., 1 };
        s = { ..., b = 1 };
        e = (E)x; x = (bit<8>)e; e = (E)(bit<8>)3;
    }
}
control i(packet_in p, inout bit<8> x)(packet_in q) { apply { x = (bit<8>)p; } }
