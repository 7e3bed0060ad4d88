// The working draft's section on arrays: elements, sizes and indices.

#include <core.p4>
#include <v1model.p4>

error { Foo }
control c(inout bit<8> x) {
    error[4] e;
    string[4] s;
    int[4] i;
    bit<8>[4] t;
    bit<8>[3] u;
    apply { t[4] = 1; t = u; t[-1] = 3; }
}
