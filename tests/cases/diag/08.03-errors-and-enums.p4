// Sections 8.2 to 8.4: operations on errors, enums and match kinds.

#include <core.p4>
#include <v1model.p4>

enum X { v1, v2, v3 }
enum bit<8> E1 { e1 = 0, e2 = 1, e3 = 2 }
enum bit<8> E2 { e1 = 10, e2 = 11, e3 = 12 }
control c(inout E1 a, inout E2 b, inout bit<8> x, inout X y, inout error e, in X y2) {
    apply {
        if (e != error.NoError) { x = 1; }
        if (e < error.NoError) { x = 1; }
        x = (bit<8>)e;
        e = (error)x;
        e = error.Nope;
        if (y == X.v1) { x = 2; }
        if (y < X.v1) { x = 2; }
        x = (bit<8>)y;
        y = (X)x;
        y = (X)y2;
        x = E1.e2;
        x = a << 3;
        a = b;
        a = (E1)b;
        a = E1.e1 + 1;
        a = (E1)(E1.e1 + 1);
        a = E1.e1 + E1.e2;
        a = (E1)(E2.e1 + E2.e2);
        if (a > b) { x = 1; }
        x = a + b;
        x = a; 
        a = x;
        a = 1;
        x = a ++ b;
        x = -a;
        x = ~a;
        if (a == 1) { x = 2; }
        x[E1.e3:E1.e1] = 1;
    }
}
const bool same = exact == ternary;
const bool s2 = static_assert(!same);
const bool less = exact < ternary;
