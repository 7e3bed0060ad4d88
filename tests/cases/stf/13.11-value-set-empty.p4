// Section 13.11: a value set that nothing was put into matches nothing.

#include <core.p4>
#include <v1model.p4>

header h_t { bit<8> v; }
struct headers_t { h_t h; }
struct meta_t { bit<1> found; }

parser P(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    value_set<bit<8>>(4) kinds;
    state start {
        packet.extract(hdr.h);
        transition select(hdr.h.v) {
            kinds: found;
            default: accept;
        }
    }
    state found { meta.found = 1; transition accept; }
}
control V(inout headers_t hdr, inout meta_t meta) { apply { } }
control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    apply { if (meta.found == 1) { std.egress_spec = 2; } else { std.egress_spec = 3; } }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    apply { }
}
control C(inout headers_t hdr, inout meta_t meta) { apply { } }
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
