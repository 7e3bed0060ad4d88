// Chapter 19: assertions that hold cost nothing, at the top level and in bodies.

#include <core.p4>
#include <v1model.p4>

header h_t { bit<8> a; bit<8> b; }
struct headers_t { h_t h; }
struct meta_t { }
const bool SIZES = static_assert(h_t.minSizeInBits() == 16, "the header has two " ++ "bytes");
const bool DEFAULT = static_assert(SIZES);

parser P(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    state start {
        packet.extract(hdr.h);
        transition accept;
    }
}
control V(inout headers_t hdr, inout meta_t meta) { apply { } }
control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    apply {
        static_assert(1 + 1 == 2);
        std.egress_spec = 2;
        bool held = static_assert(true, "always");
        if (held && DEFAULT) { hdr.h.b = 2; }
    }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) { apply { } }
control C(inout headers_t hdr, inout meta_t meta) { apply { } }
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
