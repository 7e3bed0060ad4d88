// Section 6.1: directives that are wrong, and those that only warn.

#include <core.p4>
#warning "this is being written"
#error "and this is not ready"
#inlcude <v1model.p4>
#define
#define two(a, b) a + b
#define two(a, b) b + a
#define joined(a, b) a ## b
#if 1 +
#elif
#endif
const int x = two(1);
const int y = joined(+, x);
#ifdef A
#else
#else
#endif A
#endif
#ifdef NEVER_CLOSED
