// v1model: a clone made in egress has the headers that egress left, goes through egress again, and not through the parser.

#include <core.p4>
#include <v1model.p4>

header h_t { bit<8> kind; bit<8> n; bit<8> instance; }
struct headers_t { h_t h; }
struct meta_t { @field_list(3) bit<8> kept; bit<8> lost; }

parser P(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    state start {
        packet.extract(hdr.h);
        transition accept;
    }
}
control V(inout headers_t hdr, inout meta_t meta) { apply { } }
control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    apply { std.egress_spec = 2; }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    apply {
        if (std.instance_type == 2) {
            hdr.h.instance = 2;
            hdr.h.n = hdr.h.n + meta.kept + meta.lost;
        } else {
            hdr.h.n = hdr.h.n + 1;
            meta.kept = 3;
            meta.lost = 0x40;
            clone_preserving_field_list(CloneType.E2E, 7, 3);
            // The values at the end count.
            meta.kept = 5;
        }
    }
}
control C(inout headers_t hdr, inout meta_t meta) { apply { } }
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
