// v1model: a selector sends a flow always by the same member.

#include <core.p4>
#include <v1model.p4>

header h_t { bit<8> group; bit<8> chosen; bit<8> flow; }
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
    action set(bit<8> to) { hdr.h.chosen = to; }
    action_selector(HashAlgorithm.crc16, 16, 8) members;
    table t {
        key = { hdr.h.group : exact; hdr.h.flow : selector; }
        actions = { set; NoAction; }
        default_action = NoAction;
        implementation = members;
    }
    apply {
        std.egress_spec = 2;
        t.apply();
    }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    apply { }
}
control C(inout headers_t hdr, inout meta_t meta) { apply { } }
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
