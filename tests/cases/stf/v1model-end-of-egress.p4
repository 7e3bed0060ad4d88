// v1model: at the end of egress a drop comes before recirculation; writing egress_port or egress_spec in egress does not redirect.

#include <core.p4>
#include <v1model.p4>

header h_t { bit<8> kind; bit<8> n; }
struct headers_t { h_t h; }
struct meta_t { @field_list(1) bit<8> turns; }

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
        if (std.instance_type == 4) { hdr.h.n = hdr.h.n + 0x10; }
    }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    apply {
        if (hdr.h.kind == 1) {
            recirculate_preserving_field_list(1);
            mark_to_drop(std);
        } else if (hdr.h.kind == 2) {
            if (meta.turns == 0) {
                meta.turns = meta.turns + 2;
                hdr.h.n = hdr.h.n + 1;
                recirculate_preserving_field_list(1);
            } else {
                hdr.h.n = hdr.h.n + meta.turns;
            }
        } else if (hdr.h.kind == 3) {
            std.egress_spec = 7;
        } else {
            std.egress_port = 7;
        }
    }
}
control C(inout headers_t hdr, inout meta_t meta) { apply { } }
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
