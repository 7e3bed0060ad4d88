// v1model: identity keeps what it is given, the custom polynomials begin as the standard ones, and base and maximum bound the result.

#include <core.p4>
#include <v1model.p4>

header h_t { bit<16> data; bit<16> identity; bit<32> crc32; bit<32> crc32_custom; bit<16> crc16; bit<16> crc16_custom; bit<8> bounded; }
struct headers_t { h_t h; }
struct meta_t { bit<16> r; }

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
        hash(hdr.h.identity, HashAlgorithm.identity, 16w0, { hdr.h.data }, 32w0x10000);
        hash(hdr.h.crc32, HashAlgorithm.crc32, 32w0, { hdr.h.data }, 64w0x100000000);
        hash(hdr.h.crc32_custom, HashAlgorithm.crc32_custom, 32w0, { hdr.h.data }, 64w0x100000000);
        hash(hdr.h.crc16, HashAlgorithm.crc16, 16w0, { hdr.h.data }, 32w0x10000);
        hash(hdr.h.crc16_custom, HashAlgorithm.crc16_custom, 16w0, { hdr.h.data }, 32w0x10000);
        hash(meta.r, HashAlgorithm.random, 16w10, { hdr.h.data }, 16w5);
        hdr.h.bounded = meta.r >= 10 && meta.r < 15 ? 8w1 : 0;
    }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) { apply { } }
control C(inout headers_t hdr, inout meta_t meta) { apply { } }
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
