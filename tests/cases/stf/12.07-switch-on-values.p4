// Section 12.7: switch on an expression, with fall through and default.

#include "include/skeleton.p4"

control Case(inout data_t x, inout standard_metadata_t std) {
    apply {
        switch (x.d) {
            1:
            2: { x.e = 12; }
            8w3: { x.e = 3; }
            default: { x.e = 99; }
        }
        switch (x.c) { 7: { x.c = 70; } }
    }
}

#include "include/main.p4"
