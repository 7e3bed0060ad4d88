// Chapter 16: emit writes valid headers, stacks by index, structs field by field, unions by what is valid, and expressions.

#include <core.p4>
#include <v1model.p4>

header h_t { bit<8> kind; }
header b_t { bit<8> v; }
header_union u_t { b_t one; h_t two; }
struct inner_t { b_t first; b_t[3] stack; u_t either; }
struct headers_t { h_t h; inner_t inner; }
struct meta_t { }

parser P(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    state start {
        packet.extract(hdr.h);
        transition accept;
    }
}
control V(inout headers_t hdr, inout meta_t meta) { apply { } }
control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    apply {
        std.egress_spec = 2;
        if (hdr.h.kind == 1) { hdr.inner.first = { 0xa0 }; }
        hdr.inner.stack[0] = { 0xa1 };
        hdr.inner.stack[2] = { 0xa3 };
        hdr.inner.either.one = { 0x66 };
        hdr.inner.either.two = { 0x77 };
    }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) { apply { } }
control C(inout headers_t hdr, inout meta_t meta) { apply { } }
control D(packet_out packet, in headers_t hdr) {
    b_t extra;
    apply {
        packet.emit(hdr);
        extra = { 0xa2 };
        packet.emit(extra);
        packet.emit((b_t) { 5 });
        extra.setInvalid();
        packet.emit(extra);
        if (hdr.h.isValid()) { packet.emit({ (b_t) { 6 }, (b_t) {#} }); }
    }
}
V1Switch(P(), V(), I(), E(), C(), D()) main;
