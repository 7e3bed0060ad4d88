// Section 7.2.11: a generic struct, with its type written and inferred.

#include "include/skeleton.p4"

struct box_t<T> { T value; bit<8> count; }
T opened<T>(in box_t<T> box) { return box.value; }

control Case(inout data_t x, inout standard_metadata_t std) {
    apply {
        box_t<bit<16>> b = { value = x.c, count = 1 };
        box_t<bit<8>> small = { x.d, 2 };
        x.c = opened(b) + 1;
        x.e = opened<bit<8>>(small) + b.count + small.count;
    }
}

#include "include/main.p4"
