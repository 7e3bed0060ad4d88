// v1model: the packet of the higher priority leaves first, even if it was queued last; equal ones in order.

#include <core.p4>
#include <v1model.p4>

header h_t { bit<8> priority; bit<8> what; }
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
        std.priority = hdr.h.priority[2:0];
        // The clones for the same port are queued before the packet itself, with the priority of their session, 0.
        clone(CloneType.I2E, 1);
    }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    apply { hdr.h.what = std.instance_type == 1 ? 8w0xcc : 0; }
}
control C(inout headers_t hdr, inout meta_t meta) { apply { } }
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
