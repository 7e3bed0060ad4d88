// Section 13.10: a parser applied by another, with a constructor argument.

#include <core.p4>
#include <v1model.p4>

header h_t { bit<8> v; }
struct headers_t { h_t tag; h_t one; h_t two; }
struct meta_t { bit<8> found; }

parser Item(packet_in packet, out h_t item, out bit<8> found)(bit<8> add) {
    state start {
        packet.extract(item);
        found = item.v + add;
        transition accept;
    }
}
parser P(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    Item(0) same;
    Item(1) more;
    state start {
        packet.extract(hdr.tag);
        transition select(hdr.tag.v) {
            1: one;
            default: two;
        }
    }
    state one { same.apply(packet, hdr.one, meta.found); transition rest; }
    state two { more.apply(packet, hdr.one, meta.found); transition rest; }
    state rest { packet.extract(hdr.two); transition accept; }
}
control V(inout headers_t hdr, inout meta_t meta) { apply { } }
control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    apply { std.egress_spec = 2; hdr.one.v = meta.found; }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) { apply { } }
control C(inout headers_t hdr, inout meta_t meta) { apply { } }
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
