// v1model in Heddle: the checksum controls may compute, branch and call, which BMv2 refuses.

#include <core.p4>
#include <v1model.p4>

header h_t { bit<16> a; bit<16> sum; bit<8> kind; bit<8> seen; }
struct headers_t { h_t h; }
struct meta_t { bit<8> seen; }

bit<16> twice(in bit<16> v) { return v + v; }

parser P(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    state start {
        packet.extract(hdr.h);
        transition accept;
    }
}
control V(inout headers_t hdr, inout meta_t meta) {
    bit<8> shifted = hdr.h.kind << 4;
    apply {
        if (hdr.h.kind != 0) { meta.seen = shifted | 1; }
    }
}
control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    apply {
        std.egress_spec = 2;
        hdr.h.seen = meta.seen;
    }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) { apply { } }
control C(inout headers_t hdr, inout meta_t meta) {
    action fixed(bit<16> v) { hdr.h.sum = v; }
    table by_kind {
        key = { hdr.h.kind : exact; }
        actions = { fixed; NoAction; }
        const entries = { 2 : fixed(0x1234); }
        default_action = NoAction();
    }
    apply {
        switch (hdr.h.kind) {
            1: { update_checksum(true, { twice(hdr.h.a) }, hdr.h.sum, HashAlgorithm.csum16); }
            default: { by_kind.apply(); }
        }
    }
}
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
