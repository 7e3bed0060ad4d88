// v1model: an index beyond a register reads zero and writes nothing.

#include <core.p4>
#include <v1model.p4>

header h_t { bit<8> index; bit<8> value; }
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
    register<bit<8>>(4) cells;
    apply {
        std.egress_spec = 2;
        cells.write((bit<32>) hdr.h.index, 5);
        cells.read(hdr.h.value, (bit<32>) hdr.h.index);
    }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    apply { }
}
control C(inout headers_t hdr, inout meta_t meta) { apply { } }
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
