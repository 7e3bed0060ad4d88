#include <core.p4>

header h_t {
    bit<8> a
    bit<8> b;
}

control C(inout bit<8> value) {
    apply {
        value = 1
        value = 2;
    }
}
