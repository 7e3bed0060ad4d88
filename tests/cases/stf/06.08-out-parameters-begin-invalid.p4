// Section 6.8: headers, stacks and unions in `out` parameters begin invalid; what the caller had there is gone.

#include "include/skeleton.p4"

header one_t { bit<8> v; }
header_union either_t { one_t a; one_t b; }
struct all_t {
    one_t h;
    one_t[2] stack;
    either_t u;
}

void look(out all_t all, inout bit<8> seen) {
    seen = 0;
    if (all.h.isValid()) { seen = seen | 1; }
    if (all.stack[0].isValid() || all.stack[1].isValid()) { seen = seen | 2; }
    if (all.u.isValid()) { seen = seen | 4; }
}

control Case(inout data_t x, inout standard_metadata_t std) {
    action same(out all_t all, inout bit<8> seen) {
        look(all, seen);
    }
    apply {
        all_t all;
        all.h = { 1 };
        all.stack[1] = { 2 };
        all.u.b = { 3 };
        look(all, x.d);
        if (all.h.isValid() || all.stack[1].isValid() || all.u.isValid()) { x.d = 0xff; }
        all.h = { 1 };
        all.u.a = { 3 };
        x.e = 0x80;
        same(all, x.e);
        if (all.h.isValid() || all.u.isValid()) { x.e = 0xff; }
    }
}

#include "include/main.p4"
