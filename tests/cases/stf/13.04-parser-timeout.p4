// Section 13.4: a parser that turns forever ends with ParserTimeout.

#include <core.p4>
#include <v1model.p4>

header h_t { bit<8> v; }
struct headers_t { h_t h; }
struct meta_t {  }

parser P(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    state start {
        packet.extract(hdr.h);
        transition turn;
    }
    state turn {
        transition select(hdr.h.v) {
            0xff: accept;
            default: turn;
        }
    }
}
control V(inout headers_t hdr, inout meta_t meta) { apply { } }
control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    apply {
        std.egress_spec = 2;
        hdr.h.v = std.parser_error == error.ParserTimeout ? 8w1 : 8w0;
    }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    apply { }
}
control C(inout headers_t hdr, inout meta_t meta) { apply { } }
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
