#include <core.p4>

control C(inout bit<8> value) {
    apply {
        const bit<8> x = value;
        bit<8> y = value[value:0];
    }
}
