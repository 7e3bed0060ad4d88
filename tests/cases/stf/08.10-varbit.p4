// Section 8.10: varbits are assigned with the length they have, and equal only in length and bits.

#include <core.p4>
#include <v1model.p4>

header h_t { bit<8> first; bit<8> second; }
header opt_t { varbit<32> data; }
header r_t { bit<8> v; }
struct headers_t { h_t h; opt_t a; opt_t b; r_t r; }
struct meta_t { }

parser P(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    state start {
        packet.extract(hdr.h);
        packet.extract(hdr.a, (bit<32>) hdr.h.first * 8);
        packet.extract(hdr.b, (bit<32>) hdr.h.second * 8);
        transition accept;
    }
}
control V(inout headers_t hdr, inout meta_t meta) { apply { } }
control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    apply {
        std.egress_spec = 2;
        hdr.r = { 0 };
        if (hdr.a.data == hdr.b.data) { hdr.r.v = 1; }
        opt_t swap = hdr.a;
        hdr.a.data = hdr.b.data;
        hdr.b = swap;
        varbit<32> local = hdr.a.data;
        hdr.a.data = hdr.b.data;
        hdr.b.data = local;
        if (hdr.b.data == local && hdr.a == swap) { hdr.r.v = hdr.r.v + 2; }
    }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) { apply { } }
control C(inout headers_t hdr, inout meta_t meta) { apply { } }
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
