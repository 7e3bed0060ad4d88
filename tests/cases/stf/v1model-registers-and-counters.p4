// v1model: registers of any width, counters by index, direct counters.

#include <core.p4>
#include <v1model.p4>

header h_t { bit<8> index; bit<40> value; }
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
    register<bit<100>>(4) cells;
    counter(4, CounterType.packets_and_bytes) packets;
    direct_counter(CounterType.packets) hits;
    action hit() { hits.count(); }
    table t {
        key = { hdr.h.index : exact; }
        actions = { hit; NoAction; }
        default_action = NoAction;
        counters = hits;
    }
    apply {
        std.egress_spec = 2;
        bit<100> value;
        cells.read(value, (bit<32>) hdr.h.index);
        value = value + 1;
        cells.write((bit<32>) hdr.h.index, value);
        packets.count((bit<32>) hdr.h.index);
        hdr.h.value = value[39:0];
        t.apply();
    }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    apply { }
}
control C(inout headers_t hdr, inout meta_t meta) { apply { } }
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
