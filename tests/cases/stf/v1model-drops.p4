// v1model: mark_to_drop, a later write to egress_spec, port 511, and no decision at all.

#include <core.p4>
#include <v1model.p4>

header h_t { bit<8> kind; }
struct headers_t { h_t h; }
struct meta_t {  }

parser P(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    state start {
        packet.extract(hdr.h);
        transition accept;
    }
}
control V(inout headers_t hdr, inout meta_t meta) { apply { } }
control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    apply {
        if (hdr.h.kind == 1) { mark_to_drop(std); }
        if (hdr.h.kind == 2) { mark_to_drop(std); std.egress_spec = 3; }
        if (hdr.h.kind == 3) { std.egress_spec = 511; }
    }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    apply { }
}
control C(inout headers_t hdr, inout meta_t meta) { apply { } }
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
