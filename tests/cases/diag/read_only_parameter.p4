#include <core.p4>

control C(in bit<8> value) {
    apply {
        value = 1;
    }
}
