// Section 14.2.3: key expressions are evaluated in order, each into a temporary.

#include <core.p4>
#include <v1model.p4>

header h_t { bit<8> x; bit<8> y; bit<8> r; }
struct headers_t { h_t h; }
struct meta_t { }
bit<8> f1(in bit<8> a, inout bit<8> b) {
    b = a + 5;
    return a >> 1;
}

parser P(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    state start {
        packet.extract(hdr.h);
        transition accept;
    }
}
control V(inout headers_t hdr, inout meta_t meta) { apply { } }
control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    action set(bit<8> v) { hdr.h.r = v; }
    table t {
        key = {
            hdr.h.y & 0x7 : exact @name("masked_y");
            f1(hdr.h.x, hdr.h.y) : exact @name("f1");
            hdr.h.y : exact;
        }
        actions = { set; }
        const entries = { (3, 4, 13) : set(1); (4, 4, 13) : set(2); }
        default_action = set(9);
    }
    apply {
        std.egress_spec = 2;
        t.apply();
    }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) { apply { } }
control C(inout headers_t hdr, inout meta_t meta) { apply { } }
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
