// v1model: times in microseconds, depths of the queue, replication id; what a packet waits while another is sent.
//
// In a script a packet arrives every millisecond, the first one 2,000 µs after the start.

#include <core.p4>
#include <v1model.p4>

header h_t { bit<8> kind; }
header in_t { bit<48> ingress_time; bit<32> enq_time; bit<48> egress_time; bit<32> waited; }
header queue_t { bit<16> rid; bit<8> enq_depth; bit<8> deq_depth; bit<32> waited; }
struct headers_t { h_t h; in_t i; queue_t q; }
struct meta_t { bit<48> arrived; }

parser P(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    state start {
        packet.extract(hdr.h);
        meta.arrived = std.ingress_global_timestamp;
        transition accept;
    }
}
control V(inout headers_t hdr, inout meta_t meta) { apply { } }
control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    apply {
        std.egress_spec = 2;
        if (hdr.h.kind == 1) {
            std.mcast_grp = 1;
        }
    }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    apply {
        if (hdr.h.kind == 1) {
            hdr.q = { std.egress_rid, (bit<8>) std.enq_qdepth, (bit<8>) std.deq_qdepth, std.deq_timedelta };
        } else {
            hdr.i = { std.ingress_global_timestamp, std.enq_timestamp, std.egress_global_timestamp,
                      std.deq_timedelta };
            assert(meta.arrived == std.ingress_global_timestamp);
        }
    }
}
control C(inout headers_t hdr, inout meta_t meta) { apply { } }
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
