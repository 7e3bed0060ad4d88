// v1model: resubmit keeps the packet as it came, recirculate as it went; lists of fields survive.

#include <core.p4>
#include <v1model.p4>

header h_t { bit<8> kind; bit<8> count; bit<8> instance; }
struct headers_t { h_t h; }
struct meta_t { @field_list(2) bit<8> kept; }

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
        if (hdr.h.kind == 1) {
            hdr.h.count = hdr.h.count + 1;
            if (std.instance_type == 0) {
                meta.kept = 6;
                resubmit_preserving_field_list(2);
            } else {
                hdr.h.count = hdr.h.count + meta.kept;
                hdr.h.instance = (bit<8>) std.instance_type;
            }
        }
    }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    apply {
        if (hdr.h.kind == 2) {
            if (meta.kept == 0) {
                hdr.h.count = 0x10;
                meta.kept = 1;
                recirculate_preserving_field_list(2);
            } else {
                hdr.h.count = hdr.h.count + meta.kept;
                hdr.h.instance = meta.kept;
            }
        }
    }
}
control C(inout headers_t hdr, inout meta_t meta) { apply { } }
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
