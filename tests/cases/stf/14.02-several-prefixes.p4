// Section 14.2: a table with more than one lpm key. The longer prefixes together win; of equals, the longer first one.

#include "include/skeleton.p4"

control Case(inout data_t x, inout standard_metadata_t std) {
    action set(bit<8> n) { x.e = n; }
    table by_two_prefixes {
        key = { x.a : lpm; x.b : lpm; }
        actions = { set; }
        default_action = set(0);
    }
    apply { by_two_prefixes.apply(); }
}

#include "include/main.p4"
