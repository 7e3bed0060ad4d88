// Section 8.5: `?:` evaluates one of its branches; booleans compare.

#include "include/skeleton.p4"

bit<8> touch(inout bit<8> count, in bit<8> value) { count = count + 1; return value; }

control Case(inout data_t x, inout standard_metadata_t std) {
    apply {
        bit<8> n = 0;
        x.e = x.d > 5 ? touch(n, 1) : touch(n, 2);
        bool big = x.d > 5;
        x.d = big == true ? n : n + 0x10;
    }
}

#include "include/main.p4"
