// Section 12.6: hundreds of `else if`, each tried when none before was taken, whatever has changed since.

#include "include/skeleton.p4"

#define ONE(n) if (asked(x.c, x.b, n)) { x.a = n; x.b = 0xffffffff; } else
#define TEN(n) ONE(n##0) ONE(n##1) ONE(n##2) ONE(n##3) ONE(n##4) ONE(n##5) ONE(n##6) ONE(n##7) ONE(n##8) ONE(n##9)
#define HUNDRED(n) TEN(n##0) TEN(n##1) TEN(n##2) TEN(n##3) TEN(n##4) TEN(n##5) TEN(n##6) TEN(n##7) TEN(n##8) TEN(n##9)

bool asked(inout bit<16> times, in bit<32> b, in bit<32> n) {
    times = times + 1;
    return b == n;
}

control Case(inout data_t x, inout standard_metadata_t std) {
    apply {
        HUNDRED(1) HUNDRED(2) HUNDRED(3) HUNDRED(4)
        { x.d = 1; }
        x.e = 1;
    }
}

#include "include/main.p4"
