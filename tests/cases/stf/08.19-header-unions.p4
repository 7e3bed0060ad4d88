// Section 8.19: at most one member of a union is valid.

#include <core.p4>
#include <v1model.p4>

header tag_t { bit<8> t; }
header small_t { bit<16> v; }
header large_t { bit<24> v; }
header_union either_t { small_t small; large_t large; }
struct headers_t { tag_t tag; either_t either; }
struct meta_t { }

parser P(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    state start {
        packet.extract(hdr.tag);
        transition select(hdr.tag.t) {
            1: small;
            default: large;
        }
    }
    state small { packet.extract(hdr.either.small); transition accept; }
    state large { packet.extract(hdr.either.large); transition accept; }
}
control V(inout headers_t hdr, inout meta_t meta) { apply { } }
control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    apply {
        std.egress_spec = 2;
        if (hdr.either.isValid() && hdr.either.large.isValid()) {
            bit<16> low = hdr.either.large.v[15:0];
            hdr.either.small.setValid();
            hdr.either.small.v = low;
        }
    }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) { apply { } }
control C(inout headers_t hdr, inout meta_t meta) { apply { } }
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
