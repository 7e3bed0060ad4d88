// Section 8.25: what reads a header directly after `setInvalid` gets what it held, as with BMv2; later it reads as zero.

#include "include/skeleton.p4"

header tag_t { bit<8> v; bit<8> w; }
struct tags_t { tag_t tag; tag_t other; }
control Case(inout data_t x, inout standard_metadata_t std) {
    register<bit<16>>(300) seen;
    apply {
        tags_t t;
        t.tag = { 7, 8 };
        t.other = { 1, 2 };
        t.tag.setInvalid();
        x.d = t.other.v;                         // not about the header
        x.e = t.tag.v;
        seen.write((bit<32>) t.tag.w, 0x0102);
        if (t.tag.isValid()) { x.a = 1; } else { x.a = (bit<32>) t.tag.v; }
        seen.read(x.c, 8);
        t.other.setInvalid();
        t.other.w = 5;                           // has no effect
        x.b = (bit<32>) t.other.w;
    }
}

#include "include/main.p4"
