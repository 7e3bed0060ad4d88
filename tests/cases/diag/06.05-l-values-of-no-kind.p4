// Section 6.7: what can never be written to.

#include <core.p4>
#include <v1model.p4>

struct S { bit<8> a; }
control c(inout S s, in S i) {
    apply {
        (S){1} = s;
        s.a ++ s.a = 1;
        (bit<8>)s.a = 1;
        5 = s.a;
        s.a + 1 = 3;
    }
}
