// Section 6.1: macros, conditionals, `#line`, `__LINE__` and `__FILE__`.

#include "include/skeleton.p4"

#define FOUR 4
#define TWICE(x) ((x) + (x))
#define PASTE(a, b) a ## b
#define TEXT(x) #x
#define GONE 1
#undef GONE

#if defined(GONE) || FOUR > 5
#error "GONE is gone"
#elif FOUR == 4 && !defined(GONE)
#define TAKEN 0x11
#else
#error "four is four"
#endif
#ifdef FOUR
#ifndef GONE
#define NESTED 0x22
#endif
#endif

const string HERE = __FILE__ ++ TEXT(a b);

control Case(inout data_t x, inout standard_metadata_t std) {
    apply {
        bit<8> twelve = 12;
        x.a = (bit<32>) TWICE(PASTE(twel, ve)) + FOUR;
        x.b = (TAKEN << 8) | NESTED;
#line 300 "elsewhere.p4"
        x.c = __LINE__;
        x.d = \
            7;
        log_msg(HERE);
    }
}

#include "include/main.p4"
