// Section 6.3: literals, their bases and widths, and what is cut off.

#include <core.p4>
#include <v1model.p4>

const bit<32> a0 = 32w255;
const bit<32> a1 = 32w0d255;
const bit<32> a2 = 32w0xFF;
const int<32> a3 = 32s0xFF;
const bit<8> a4 = 8w0b_1010_1010;
const int<8> a5 = 8s0b1010_1010;
const bit<16> a6 = 16w0377;
const bit<16> a7 = 16w0o377;
const bool c1 = static_assert(a6 == 377);
const bool c2 = static_assert(a7 == 255);
const bool c3 = static_assert(a5 == -86);
const bit<16> a8 = 0X1F;
const bit<16> a9 = 0B11;
const bit<16> a10 = 0O17;
const bit<16> a11 = 0D19;
const bool c4 = static_assert(a8 == 31 && a9 == 3 && a10 == 15 && a11 == 19);
const int<2> b1 = 2s3;
const bit<1> b2 = 1w10;
const int<1> b3 = 1s1;
const bit<0> z = 0;
const int<1> m1 = -1;
