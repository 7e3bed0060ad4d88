// Section 8.18: stacks: next, last, push_front, pop_front, run-time indices out of range.

#include <core.p4>
#include <v1model.p4>

header count_t { bit<8> n; }
header item_t { bit<8> v; }
struct headers_t { count_t count; item_t[4] items; }
struct meta_t { bit<8> left; }

parser P(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    state start {
        packet.extract(hdr.count);
        meta.left = hdr.count.n & 0xf;
        transition items;
    }
    state items {
        transition select(meta.left) {
            0: accept;
            default: item;
        }
    }
    state item {
        packet.extract(hdr.items.next);
        meta.left = meta.left - 1;
        transition items;
    }
}
control V(inout headers_t hdr, inout meta_t meta) { apply { } }
control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    apply {
        std.egress_spec = 2;
        hdr.items.push_front(1);
        hdr.items[0].setValid();
        bit<8> index = hdr.count.n >> 4;
        hdr.items[index].v = 0xaa;
        if (hdr.count.n[7:7] == 1) { hdr.items[0].v = hdr.items[index].v; }
    }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) { apply { } }
control C(inout headers_t hdr, inout meta_t meta) { apply { } }
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
