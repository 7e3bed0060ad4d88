// v1model: a group replicates to its ports, each with its replication id; egress may drop one.

#include <core.p4>
#include <v1model.p4>

header h_t { bit<8> group; bit<8> port; bit<8> rid; }
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
    apply { std.mcast_grp = (bit<16>) hdr.h.group; }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    apply {
        hdr.h.port = (bit<8>) std.egress_port;
        hdr.h.rid = (bit<8>) std.egress_rid;
        if (std.egress_port == 3) { mark_to_drop(std); }
    }
}
control C(inout headers_t hdr, inout meta_t meta) { apply { } }
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
