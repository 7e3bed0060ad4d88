// Sections 7.5 and 7.6: a `type` is cast explicitly, a typedef is its type.

#include "include/skeleton.p4"

typedef bit<8> byte_t;
type bit<8> port_t;

control Case(inout data_t x, inout standard_metadata_t std) {
    apply {
        byte_t b = x.d;
        port_t p = (port_t) b;
        if (p == (port_t) 8w3) { x.e = (bit<8>) p + b; }
    }
}

#include "include/main.p4"
