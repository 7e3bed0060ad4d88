// v1model: a clone made in ingress is the packet as it came, whatever ingress did to it before or after; the last request counts; a drop does not undo it.

#include <core.p4>
#include <v1model.p4>

header h_t { bit<8> kind; bit<8> n; }
struct headers_t { h_t h; }
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
        hdr.h.n = hdr.h.n + 1;
        clone(CloneType.I2E, 1);
        hdr.h.n = hdr.h.n + 1;
        clone(CloneType.I2E, 2);
        if (hdr.h.kind == 2) { mark_to_drop(std); }
    }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) { apply { } }
control C(inout headers_t hdr, inout meta_t meta) { apply { } }
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
