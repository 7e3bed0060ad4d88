#include <core.p4>

control C(inout bit<8> value) {
    apply {
        if (value == 0 {
            value = 1;
        }
