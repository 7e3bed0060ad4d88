// Section 7.2: structs in structs are copied as a whole.

#include "include/skeleton.p4"

struct inner_t { bit<8> p; bit<8> q; }
struct outer_t { inner_t one; inner_t two; bool set; }

control Case(inout data_t x, inout standard_metadata_t std) {
    apply {
        outer_t o = { { x.d, x.e }, { 1, 2 }, false };
        o.two = o.one;
        o.one.p = 9;
        outer_t copy = o;
        copy.set = copy.two == { x.d, x.e };
        if (copy.set && o != copy) { x.d = copy.two.q; x.e = copy.one.p; }
    }
}

#include "include/main.p4"
