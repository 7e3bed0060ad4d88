// Section 8.25: fields of headers that are not valid read as zero, cannot be written, and begin as zero when the header is made valid.

#include "include/skeleton.p4"

header tag_t { bit<8> v; bit<8> w; }
control Case(inout data_t x, inout standard_metadata_t std) {
    apply {
        tag_t tag = { 1, 2 };
        tag.setInvalid();
        tag.v = 9;
        x.d = tag.v + 1;
        tag.setValid();
        x.c = tag.v ++ tag.w;
        tag.v = 7;
        tag.setValid();                 // already valid: keeps what it holds
        x.e = tag.v;
        tag_t copy = tag;
        tag = {#};
        copy = tag;
        if (!copy.isValid() && copy == {#}) { x.a = 1; }
        tag_t[2] s;
        bit<8> i = 5;
        s[i] = { 1, 1 };
        s[i].setValid();
        x.b = s[i].isValid() ? 32w1 : 2;
    }
}

#include "include/main.p4"
