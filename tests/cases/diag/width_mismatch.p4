#include <core.p4>

control C(inout bit<8> narrow, in bit<16> wide) {
    apply {
        narrow = wide;
        narrow = narrow + wide;
    }
}
