// Sections 8.6, 8.7 and 8.11.3: operands of the same type, slices, shifts, concatenation.

#include <core.p4>
#include <v1model.p4>

control c(inout bit<8> x, inout bit<16> y, inout int<8> z, in bit<3> i, inout bool p) {
    apply {
        x = x + y;
        x = x + z;
        z = (int<8>)y;
        y = (bit<16>)z;
        z = (int<8>)(bit<8>)y;
        x = x << z;
        p = x < z;
        x = 1 << x;
        x = 8w1 << x;
        x = ~1;
        x = 8w5 & -3;
        x = x / 2; x = x % 3;
        z = z / 2;
        z = z % 2;
        x = x << -1;
        x = x << 1024;
        x = x |+| 1; x = x |-| x; z = z |+| z; z = z |-| 1;
        x = 1 |+| 2;
        x = x[7:0]; x = (bit<8>)x[3:0];
        x[3:4] = 1;
        x[8:0] = 1;
        x[-1:0] = 1;
        x[i:0] = 1;
        x[7:i] = 1;
        x = (bit<8>)x[0+:4];
        x[i+:2] = 1;
        x = (bit<8>)x[i+:4];
        x = (bit<8>)x[0+:i];
        x[4+:8] = 1;
        y = x ++ x;
        y = x ++ z;
        y = z ++ x;
        y = x ++ 1;
        y = 1 ++ x;
        x = +x; z = +z; z = -z;
        p = x == y;
        x = x | 0xFFF;
        x = x << 256;
        z = z >> x; z = z << 3;
        z = z >> z;
        z = z >> -1;
        x = z[3:0] ++ z[7:4];
        z = z[7:0];
        y = y >> (x + 1);
    }
}
