// Section 13.6: masks and ranges whose ends the packet brings; ranges of signed numbers.

#include <core.p4>
#include <v1model.p4>
header h_t { bit<8> a; bit<8> b; bit<8> c; int<8> s; int<8> t; }
header r_t { bit<8> v; }
struct headers_t { h_t h; r_t r; }
struct meta_t { bit<8> way; }
parser P(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    state start {
        packet.extract(hdr.h);
        transition select(hdr.h.a, hdr.h.s) {
            (hdr.h.b &&& hdr.h.c, _): masked;
            (hdr.h.b .. hdr.h.c, _): between;
            (hdr.h.b + 1 .. 0x90, hdr.h.t .. 5): both;
            default: none;
        }
    }
    state masked { meta.way = 1; transition accept; }
    state between { meta.way = 2; transition accept; }
    state both { meta.way = 3; transition accept; }
    state none { meta.way = 4; transition accept; }
}
control V(inout headers_t hdr, inout meta_t meta) { apply { } }
control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    apply {
        std.egress_spec = 2;
        hdr.r.setValid();
        hdr.r.v = meta.way;
    }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) { apply { } }
control C(inout headers_t hdr, inout meta_t meta) { apply { } }
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
