// Chapter 20: annotations of every form, with and without meaning, where they may stand.

#include <core.p4>
#include <v1model.p4>

@Vendor_note[kind = "header", bytes = 1 + 1, checked = true]
header h_t { @Vendor_field(anything (goes [here]) 7 + "x") bit<8> a; bit<8> b; }
struct headers_t { h_t h; }
struct meta_t { }
@noSideEffects @pure bit<8> same(@Vendor_param in bit<8> v) { return v; }

parser P(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    state start {
        packet.extract(hdr.h);
        transition accept;
    }
}
control V(inout headers_t hdr, inout meta_t meta) { apply { } }
@Vendor_empty[] control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    @hidden action quiet() { hdr.h.b = hdr.h.b | 1; }
    @name("loud") @brief("sets a bit") action other() { hdr.h.b = hdr.h.b | 3; }
    @Vendor_note(1) @Vendor_note(2) table t {
        key = { hdr.h.a : exact @name("which"); }
        actions = { @tableonly other; @defaultonly quiet; }
        const default_action = quiet();
        const entries = { 1 : other() @Vendor_entry(1); }
    }
    apply {
        std.egress_spec = 2;
        if (hdr.h.a == 0) @unlikely { hdr.h.b = 0xff; } else @likely { hdr.h.b = same(hdr.h.b); }
        @atomic { t.apply(); }
        switch (hdr.h.a) { 1: @likely { } default: @unlikely { } }
    }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) { apply { } }
control C(inout headers_t hdr, inout meta_t meta) { apply { } }
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
