// v1model: a meter marks green up to its first burst, yellow up to its second, then red; an index out of range marks nothing.

#include <core.p4>
#include <v1model.p4>

header h_t { bit<8> index; bit<8> color; }
struct headers_t { h_t h; }
struct meta_t { }

parser P(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    state start {
        packet.extract(hdr.h);
        transition accept;
    }
}
control V(inout headers_t hdr, inout meta_t meta) { apply { } }
control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    meter(2, MeterType.packets) m;
    apply {
        std.egress_spec = 2;
        bit<2> color;
        m.execute_meter((bit<32>) hdr.h.index, color);
        hdr.h.color = (bit<8>) color;
    }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) { apply { } }
control C(inout headers_t hdr, inout meta_t meta) { apply { } }
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
