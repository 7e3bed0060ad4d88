// v1model: a direct meter marks the packets of one entry, through every action that reads it; a miss is not metered.

#include <core.p4>
#include <v1model.p4>

header h_t { bit<8> key; bit<8> color; bit<8> other; }
struct headers_t { h_t h; }
struct meta_t { bit<2> color; bit<8> wide; }

parser P(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    state start {
        packet.extract(hdr.h);
        transition accept;
    }
}
control V(inout headers_t hdr, inout meta_t meta) { apply { } }
control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    direct_meter<bit<2>>(MeterType.packets) by_packets;
    direct_meter<bit<8>>(MeterType.bytes) by_bytes;
    action mark() { by_packets.read(meta.color); }
    action mark_and_tag(bit<8> tag) {
        by_packets.read(meta.color);
        hdr.h.other = tag;
    }
    action weigh() { by_bytes.read(meta.wide); }
    table packets {
        key = { hdr.h.key : exact; }
        actions = { mark; mark_and_tag; NoAction; }
        default_action = NoAction;
        meters = by_packets;
    }
    table bytes {
        key = { hdr.h.key : exact; }
        actions = { weigh; NoAction; }
        default_action = NoAction;
        meters = by_bytes;
    }
    apply {
        std.egress_spec = 2;
        meta.color = 3;
        meta.wide = 9;
        packets.apply();
        bytes.apply();
        hdr.h.color = meta.wide[3:0] ++ 2w0 ++ meta.color;
    }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) { apply { } }
control C(inout headers_t hdr, inout meta_t meta) { apply { } }
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
