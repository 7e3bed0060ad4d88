// v1model: random stays within its bounds, both included.

#include <core.p4>
#include <v1model.p4>

header h_t { bit<8> value; bit<8> ok; }
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
        bit<8> wide;
        random(hdr.h.value, 8w5, 8w5);
        random(wide, 8w10, 8w12);
        hdr.h.ok = wide >= 10 && wide <= 12 ? 8w1 : 8w0;
    }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    apply { }
}
control C(inout headers_t hdr, inout meta_t meta) { apply { } }
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
