// Section 13.6: select by value, mask, range and tuple; the first that matches is taken.

#include <core.p4>
#include <v1model.p4>

header h_t { bit<8> a; bit<8> b; }
header r_t { bit<8> v; }
struct headers_t { h_t h; r_t r; }
struct meta_t { bit<8> v; }

parser P(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    state start {
        packet.extract(hdr.h);
        transition select(hdr.h.a, hdr.h.b) {
            (1, 5): first;
            (1, _): second;
            (0x10 &&& 0xf0, _): third;
            (0x20 .. 0x4f, 100): fourth;
            default: fifth;
        }
    }
    state first { meta.v = 1; transition accept; }
    state second { meta.v = 2; transition accept; }
    state third { meta.v = 3; transition accept; }
    state fourth { meta.v = 4; transition accept; }
    state fifth { meta.v = 5; transition accept; }
}
control V(inout headers_t hdr, inout meta_t meta) { apply { } }
control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    apply {
        std.egress_spec = 2;
        hdr.r.setValid();
        hdr.r.v = meta.v;
    }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) { apply { } }
control C(inout headers_t hdr, inout meta_t meta) { apply { } }
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
