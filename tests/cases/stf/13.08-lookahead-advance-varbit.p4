// Section 13.8: lookahead, advance, and a varbit by the length in front of it.

#include <core.p4>
#include <v1model.p4>

header opts_t { bit<8> len; varbit<64> data; }
header h_t { bit<8> v; }
struct headers_t { opts_t opts; h_t seen; h_t last; }
struct meta_t { bit<8> seen; }

parser P(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    state start {
        packet.extract(hdr.opts, (bit<32>) (packet.lookahead<bit<8>>() * 8));
        packet.advance(8);
        meta.seen = packet.lookahead<h_t>().v;
        packet.extract(hdr.last);
        transition accept;
    }
}
control V(inout headers_t hdr, inout meta_t meta) { apply { } }
control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    apply {
        std.egress_spec = 2;
        hdr.seen.setValid();
        hdr.seen.v = meta.seen;
    }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) { apply { } }
control C(inout headers_t hdr, inout meta_t meta) { apply { } }
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
