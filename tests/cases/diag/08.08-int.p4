// Section 8.8: numbers of any size.

#include <core.p4>
#include <v1model.p4>

const int a = 5;
const int b = 2 * a;
const int c = b - a + 3;
const bool c0 = static_assert(c == 8);
const int d = -7 / 2;
const int e = 7 / -2;
const int f = -7 % 2;
const int g = 7 / 0;
const int h = 7 % 4;
const int sh = 1 << 100;
const int sr = (1 << 100) >> 98;
const bool c1 = static_assert(sr == 4);
const int neg = -5 >> 1;
const bool c2 = static_assert(neg == -3);
const int bad = 1 << -1;
const int bad3 = ~5;
const int bad4 = 5 |+| 3;
const bit<4> sl = (0xABC)[7:4];
const bool c3 = static_assert(sl == 0xB);
const bit<8> sn = (-1)[7:0];
const bool c4 = static_assert(sn == 0xff);
const bit<8> w = 256;
const bit<8> w2 = -1;
const int<8> w3 = 128;
const int<8> w4 = -128;
const int big = (1 << 2000) * (1 << 2000);
const int fromb = (int)8w255;
const int froms = (int)8s0xff;
const bool c5 = static_assert(fromb == 255 && froms == -1);
control k() { int v; apply { } }
control k2(in bit<8> x) { apply { bit<8> y = x + a; if (a == 5) { } } }
