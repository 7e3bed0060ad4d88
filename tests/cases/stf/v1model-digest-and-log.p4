// v1model: digests of structs and tuples and messages to the log do not change the packet, not even when it is dropped.

#include <core.p4>
#include <v1model.p4>

header h_t { bit<8> kind; bit<8> v; }
struct headers_t { h_t h; }
struct meta_t { }
struct seen_t { bit<8> kind; bit<9> port; bool odd; h_t whole; }

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
        log_msg("a packet");
        log_msg("kind {}, value {} from port {}", { hdr.h.kind, hdr.h.v, std.ingress_port });
        seen_t seen = { hdr.h.kind, std.ingress_port, hdr.h.v[0:0] == 1, hdr.h };
        digest<seen_t>(1, seen);
        digest(2, { hdr.h.kind, hdr.h.v });
        if (hdr.h.kind == 2) { mark_to_drop(std); }
    }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) { apply { } }
control C(inout headers_t hdr, inout meta_t meta) { apply { } }
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
