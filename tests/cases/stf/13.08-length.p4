// Section 13.8: the length of a packet, before and after bits are taken from it.

#include <core.p4>
#include <v1model.p4>

header h_t { bit<8> before; bit<8> after; }
struct headers_t { h_t h; }
struct meta_t { bit<8> before; bit<8> after; }

parser P(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    state start {
        meta.before = (bit<8>) packet.length();
        packet.extract(hdr.h);
        packet.advance(8);
        meta.after = (bit<8>) packet.length();
        transition select(packet.length()) {
            0 .. 4: short;
            default: accept;
        }
    }
    state short {
        meta.after = meta.after | 0x80;
        transition accept;
    }
}
control V(inout headers_t hdr, inout meta_t meta) { apply { } }
control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    apply {
        std.egress_spec = 2;
        hdr.h = { meta.before, meta.after };
    }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) { apply { } }
control C(inout headers_t hdr, inout meta_t meta) { apply { } }
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
