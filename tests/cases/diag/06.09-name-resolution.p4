// Section 6.9: local names hide outer ones; those of a control are its own.

#include <core.p4>
#include <v1model.p4>

const bit<4> x = 1;
control p() {
    const bit<8> x = 8;
    const bit<4> y = .x;
    const bit<8> z = x;
    apply {}
}
control q() { action inner() {} apply {} }
control r() { apply { inner(); } }
