// Ports that controllers know by numbers of 32 bits, and by names.
#include <core.p4>
#include <v1model.p4>

@p4runtime_translation("p4.org/psa/v1/PortId_t", 32)
type bit<9> PortId_t;
@p4runtime_translation("example.org/port_name", string)
type bit<9> PortName_t;

header eth_t { bit<48> dst; bit<48> src; bit<16> type; }
struct headers_t { eth_t eth; }
struct meta_t { }

parser P(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    state start { packet.extract(hdr.eth); transition accept; }
}
control V(inout headers_t hdr, inout meta_t meta) { apply { } }
control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    action send(PortId_t port) { std.egress_spec = (bit<9>) port; }
    action send_by_name(PortName_t port) { std.egress_spec = (bit<9>) port; }
    table to {
        key = { hdr.eth.dst : exact; }
        actions = { send; send_by_name; NoAction; }
        default_action = NoAction;
    }
    apply { to.apply(); }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) { apply { } }
control C(inout headers_t hdr, inout meta_t meta) { apply { } }
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
