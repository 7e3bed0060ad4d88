// The working draft's section on loops.

#include <core.p4>
#include <v1model.p4>

header H { bit<8> a; }
control c(inout bit<8> x, inout H[3] s, inout bit<8>[4] arr, in bit<8> n) {
    apply {
        for (bit<8> i = 0; i < 5; i = i + 1) { x = x + i; if (x == 3) { break; } else { continue; } }
        for (bit<8> i = 0, bit<8> j = 3; i < j; i += 1, j -= 1) { x = x + 1; }
        for (bit<8> i in 1..5) { x += i; }
        for (bit<8> i in 8w1..n) { x += i; }
        for (H h in s) { x += h.a; }
        for (bit<8> e in arr) { x += e; }
        for (bit<8> e in (list<bit<8>>){1, 2, 3}) { x += e; }
        for (bit<8> e in 5) { x += e; }
        for (bit<16> e in 8w1..8w5) { }
        for (; x < 5; ) { x += 1; }
        for (bit<8> i = 0; i; i = i + 1) { }
        for (i in 1..5) { }
        x = i;
        bit<8> k;
        for (k in 1..5) { x += k; }
    }
}
