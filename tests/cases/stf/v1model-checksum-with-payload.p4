// v1model: checksums over fields and what the parser left of the packet; bits that make no whole byte are not a reason to refuse.

#include <core.p4>
#include <v1model.p4>

header h_t { bit<16> a; bit<16> sum; bit<8> wrong; bit<8> zero; }
struct headers_t { h_t h; }
struct meta_t { }

parser P(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    state start {
        packet.extract(hdr.h);
        transition accept;
    }
}
control V(inout headers_t hdr, inout meta_t meta) {
    apply { verify_checksum_with_payload(true, { hdr.h.a }, hdr.h.sum, HashAlgorithm.csum16); }
}
control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    apply {
        std.egress_spec = 2;
        hdr.h.wrong = (bit<8>) std.checksum_error;
    }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) { apply { } }
control C(inout headers_t hdr, inout meta_t meta) {
    apply {
        update_checksum_with_payload(hdr.h.isValid(), { hdr.h.a, hdr.h.wrong, hdr.h.zero }, hdr.h.sum, HashAlgorithm.csum16);
    }
}
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
