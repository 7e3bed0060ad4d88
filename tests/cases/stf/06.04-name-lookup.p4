// Section 6.4: an inner declaration hides an outer one; a leading dot looks at the top level.

#include "include/skeleton.p4"

const bit<8> shade = 1;

control Case(inout data_t x, inout standard_metadata_t std) {
    const bit<8> shade = 2;
    apply {
        x.d = shade;
        x.e = .shade;
    }
}

#include "include/main.p4"
