// Section 7.2: a header of 17 bits takes three bytes of a packet; what follows its last field is kept.

#include <core.p4>
#include <v1model.p4>

header odd_t {
    bit<2>  kind;
    bit<15> value;
}

header byte_t { bit<8> b; }

struct headers_t { odd_t odd; byte_t byte; }
struct meta_t { }

parser P(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    state start {
        packet.extract(hdr.odd);
        packet.extract(hdr.byte);
        transition accept;
    }
}

control V(inout headers_t hdr, inout meta_t meta) { apply { } }
control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    apply {
        std.egress_spec = 2;
        hdr.byte.b = (bit<8>) hdr.odd.kind;
        hdr.odd.value = hdr.odd.value + 1;
    }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) { apply { } }
control C(inout headers_t hdr, inout meta_t meta) { apply { } }
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr); } }

V1Switch(P(), V(), I(), E(), C(), D()) main;
