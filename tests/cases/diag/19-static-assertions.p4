// Chapter 19: assertions.

#include <core.p4>
#include <v1model.p4>

const bool a = static_assert(1 == 2, "no");
const bool b = static_assert(1 == 1);
const bool d = static_assert(1 == 2);
control c(in bit<8> x)(bit<8> n) { apply { static_assert(n == 3, "n"); static_assert(x == 3); static_assert(2 == 3); } }
