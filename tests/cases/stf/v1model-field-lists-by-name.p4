// v1model: `@field_list` takes constants and members of enumerations as well as numbers.

#include <core.p4>
#include <v1model.p4>

enum bit<8> Lists {
    resubmit = 3,
    both = 4
}
const bit<8> RECIRCULATE = 7;

header h_t { bit<8> first; bit<8> second; bit<8> third; }
struct headers_t { h_t h; }
struct inner_t { @field_list(RECIRCULATE, Lists.both) bit<8> second; bit<8> none; }
struct meta_t {
    @field_list(Lists.resubmit, Lists.both) bit<8> first;
    inner_t inner;
}

parser P(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    state start {
        packet.extract(hdr.h);
        transition accept;
    }
}
control V(inout headers_t hdr, inout meta_t meta) { apply { } }
control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    apply {
        std.egress_spec = 2;
        if (std.instance_type == 0) {
            meta = { 1, { 2, 3 } };
            if (hdr.h.first == 0) {
                resubmit_preserving_field_list((bit<8>) Lists.resubmit);
            } else if (hdr.h.first == 1) {
                resubmit_preserving_field_list(RECIRCULATE);
            } else if (hdr.h.first == 2) {
                resubmit_preserving_field_list((bit<8>) Lists.both);
            }
        } else {
            hdr.h = { meta.first, meta.inner.second, meta.inner.none };
        }
    }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) { apply { } }
control C(inout headers_t hdr, inout meta_t meta) { apply { } }
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
