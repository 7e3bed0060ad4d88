// Section 7.2.3: sizes of stacks and constant indices.

#include <core.p4>
#include <v1model.p4>

header H { bit<8> a; }
struct S { bit<8> a; }
control c(inout H[3] s)(bit<8> n) {
    H[n] t;
    H[0] u;
    H[-1] v;
    H[3][2] w;
    apply { s[3].a = 1; s[-1].a = 1; }
}
