// Section 7.6: a number without a width becomes a value of a `type` without a cast, as p4c lets it; a constant, a field and an operand of `==`.
#include <core.p4>
#include <v1model.p4>

type bit<8> color_t;
const color_t RED = 3;

header h_t { bit<8> a; bit<8> b; }
struct headers_t { h_t h; }
struct meta_t { color_t color; }

parser P(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    state start {
        packet.extract(hdr.h);
        meta.color = 7;
        transition accept;
    }
}
control V(inout headers_t hdr, inout meta_t meta) { apply { } }
control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    action paint(color_t color) { meta.color = color; }
    table colors {
        key = { meta.color : exact; }
        actions = { paint; NoAction; }
        const entries = { 7 : paint(9); }
        default_action = NoAction();
    }
    apply {
        std.egress_spec = 1;
        if (meta.color == 7) { hdr.h.a = (bit<8>) RED; }
        colors.apply();
        hdr.h.b = (bit<8>) meta.color;
    }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) { apply { } }
control C(inout headers_t hdr, inout meta_t meta) { apply { } }
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr.h); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
