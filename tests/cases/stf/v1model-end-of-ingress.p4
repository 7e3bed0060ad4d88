// v1model: at the end of ingress resubmission comes before multicast, multicast before a drop, and a drop before unicast; mark_to_drop clears the group.

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
        if (hdr.h.kind == 1) {
            std.mcast_grp = 5;
            std.egress_spec = 511;
        } else if (hdr.h.kind == 2) {
            std.mcast_grp = 5;
            mark_to_drop(std);
        } else if (hdr.h.kind == 3) {
            mark_to_drop(std);
            std.mcast_grp = 5;
        } else if (hdr.h.kind == 4) {
            if (meta.turns == 0) {
                meta.turns = 1;
                std.mcast_grp = 5;
                mark_to_drop(std);
                resubmit_preserving_field_list(1);
            } else {
                std.egress_spec = 2;
                hdr.h.n = meta.turns;
            }
        } else if (hdr.h.kind == 5) {
            std.mcast_grp = 6;
        }
    }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) { apply { } }
control C(inout headers_t hdr, inout meta_t meta) { apply { } }
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
