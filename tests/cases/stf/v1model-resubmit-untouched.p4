// v1model: what is preserved and was given no value on the first pass is zero on the next, whatever packets before left.

#include <core.p4>
#include <v1model.p4>

header h_t { bit<8> kind; bit<8> count; }
struct headers_t { h_t h; }
struct meta_t { @field_list(1) bit<8> passes; }

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
        if (std.instance_type != 0) {
            meta.passes = meta.passes + 1;
        }
        if (std.instance_type == 0 || meta.passes < 3) {
            resubmit_preserving_field_list(1);
        } else {
            hdr.h.count = meta.passes;
        }
    }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) { apply { } }
control C(inout headers_t hdr, inout meta_t meta) { apply { } }
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
