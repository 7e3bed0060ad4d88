// Section 8.19: a member that is made invalid, or gets an invalid header, leaves no member of the union valid.

#include "include/skeleton.p4"

header one_t { bit<8> v; }
header two_t { bit<16> v; }
header_union either_t { one_t one; two_t two; one_t other; }

control Case(inout data_t x, inout standard_metadata_t std) {
    either_t u;
    either_t[2] us;
    two_t unset;
    apply {
        u.one = { 7 };
        u.two.setInvalid();
        x.d[0:0] = (bit<1>)u.isValid();

        u.one = { 7 };
        u.two = unset;
        x.d[1:1] = (bit<1>)u.isValid();

        u.one = { 7 };
        u.other = u.one;
        x.d[2:2] = (bit<1>)(u.other.isValid() && u.other.v == 7 && !u.one.isValid());

        us[1].one = { 7 };
        us[0].one = { 8 };
        bit<8> at = x.e;
        us[at].two.setInvalid();
        x.d[3:3] = (bit<1>)us[1].isValid();
        x.d[4:4] = (bit<1>)us[0].isValid();
        us[at - 1].two = unset;
        x.d[5:5] = (bit<1>)us[0].isValid();
    }
}

#include "include/main.p4"
