// Section 12.1 of the working draft: operators in assignments.

#include <core.p4>
#include <v1model.p4>

control c(inout bit<8> x, inout int<8> z, inout bool p) {
    apply {
        x += 1; x -= x; x *= 2; x /= 2; x %= 3; x &= 1; x |= 2; x ^= 3; x <<= 1; x >>= 2; x |+|= 3; x |-|= 1;
        x[3:0] += 1;
        x += z;
        z <<= z;
        z /= 2;
        p &= p;
        p &&= p;
    }
}
