// Section 12.7: switch on values falls through empty labels only.

#include "include/skeleton.p4"

control Case(inout data_t x, inout standard_metadata_t std) {
    apply {
        switch (x.d) {
            1:
            2: { x.a = 12; }
            3: { x.a = 3; }
            default: { x.a = 99; }
        }
    }
}

#include "include/main.p4"
