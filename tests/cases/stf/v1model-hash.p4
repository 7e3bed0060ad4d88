// v1model: crc32, crc16, xor16, csum16 and identity, with base and maximum.

#include <core.p4>
#include <v1model.p4>

header h_t { bit<72> data; bit<32> crc32; bit<16> crc16; bit<16> xor16; bit<16> csum16; bit<16> based; }
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
        std.egress_spec = 2;
        hash(hdr.h.crc32, HashAlgorithm.crc32, 32w0, { hdr.h.data }, 64w0x100000000);
        hash(hdr.h.crc16, HashAlgorithm.crc16, 16w0, { hdr.h.data }, 32w0x10000);
        hash(hdr.h.xor16, HashAlgorithm.xor16, 16w0, { hdr.h.data }, 32w0x10000);
        hash(hdr.h.csum16, HashAlgorithm.csum16, 16w0, { hdr.h.data }, 32w0x10000);
        // A maximum of one leaves the base.
        hash(hdr.h.based, HashAlgorithm.crc16, 16w3, { hdr.h.data }, 32w1);
    }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    apply { }
}
control C(inout headers_t hdr, inout meta_t meta) { apply { } }
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
