// Section 8.25: what assignments directly before `setValid` write to the header is kept, as with BMv2; anything else between
// them, or before, is lost on a header that is not valid.

#include "include/skeleton.p4"

header tag_t { bit<8> v; bit<8> w; }
header_union either_t { tag_t one; tag_t two; }

control Case(inout data_t x, inout standard_metadata_t std) {
    tag_t tag;
    tag_t[2] tags;
    either_t u;
    apply {
        tag.v = x.e;
        x.d = 1;                        // not about the header
        tag.w[3:0] = 0xa;
        tag.setValid();
        x.a[31:24] = tag.v;
        x.a[23:16] = tag.w;

        tags[1].v = tag.v + 1;
        tags[1].w = 9;
        tags[1].setValid();
        x.a[15:8] = tags[1].v;
        x.a[7:0] = tags[1].w;

        tags[0].v = 7;
        if (tags[0].isValid()) { x.d = 2; }
        tags[0].setValid();
        x.b[31:24] = tags[0].v;

        tag.setInvalid();
        tag.v = tag.w;                  // read while it is not valid
        tag.setValid();
        x.b[23:16] = tag.v;

        u.one = { 3, 4 };
        u.two.v = u.one.v;              // the one is there until the other is
        u.two.setValid();
        x.b[15:8] = u.two.v;

        tag.setInvalid();
        random(tag.v, 6, 6);
        tag.setValid();
        x.b[7:0] = tag.v;
    }
}

#include "include/main.p4"
