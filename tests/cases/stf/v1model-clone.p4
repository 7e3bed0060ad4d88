// v1model: a clone of ingress carries the preserved fields; the original does not notice.

#include <core.p4>
#include <v1model.p4>

header h_t { bit<8> kind; bit<8> instance; bit<8> seen; }
struct headers_t { h_t h; }
struct meta_t { @field_list(1) bit<8> kept; bit<8> lost; }

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
        meta.kept = 0x42;
        meta.lost = 0x43;
        clone_preserving_field_list(CloneType.I2E, 5, 1);
    }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    apply {
        hdr.h.instance = (bit<8>) std.instance_type;
        if (std.instance_type == 1) { hdr.h.seen = meta.kept + meta.lost; } else { hdr.h.seen = 0xaa; }
    }
}
control C(inout headers_t hdr, inout meta_t meta) { apply { } }
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
