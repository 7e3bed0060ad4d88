// v1model: members of a profile and groups of a selector, shared by entries; entries removed one by one.

#include <core.p4>
#include <v1model.p4>

header h_t { bit<8> a; bit<8> b; bit<8> x; bit<8> y; }
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
    action set_x(bit<8> x) { hdr.h.x = x; }
    action set_both(bit<8> x, bit<8> y) {
        hdr.h.x = x;
        hdr.h.y = y;
    }
    action_profile(8) profile;
    @name("pick") action_selector(HashAlgorithm.identity, 8, 8) members;
    table direct {
        key = { hdr.h.a : exact; }
        actions = { set_x; set_both; @defaultonly NoAction; }
        default_action = NoAction;
        implementation = profile;
    }
    table grouped {
        key = { hdr.h.b : ternary; hdr.h.y : selector; }
        actions = { set_x; set_both; @defaultonly NoAction; }
        default_action = NoAction;
        implementation = members;
    }
    apply {
        std.egress_spec = 2;
        direct.apply();
        grouped.apply();
    }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) { apply { } }
control C(inout headers_t hdr, inout meta_t meta) { apply { } }
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
