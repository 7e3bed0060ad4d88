// Keys without `@name`, which are named by their expression: literals as written, less leading zeros.

#include <core.p4>
#include <v1model.p4>

header eth_t { bit<48> dst; bit<48> src; bit<16> type; }
header tag_t { bit<16> tci; bit<16> type; }
struct headers_t { eth_t eth; tag_t[2] tags; }
struct inner_t { bit<8> value; }
struct meta_t { inner_t inner; bit<32> index; }

typedef bit<(48 + 12 + 9)> cell_t;
typedef register<cell_t> cells_t;

parser P(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    state start {
        packet.extract(hdr.eth);
        packet.extract(hdr.tags.next);
        transition accept;
    }
}
control V(inout headers_t hdr, inout meta_t meta) { apply { } }
control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    // Nothing depends on what is read from the first: p4c leaves it out, and keeps the other two.
    cells_t(16) read_only;
    cells_t(16) written;
    register<cell_t>(16) plain;
    table expressions {
        key = {
            hdr.eth.dst & 0x00fF00fF00fF : exact;
            hdr.eth.src[22:18] : exact;
            hdr.eth.type & 255 : exact;
        }
        actions = { NoAction; }
    }
    table places {
        key = {
            hdr.tags[0].tci : ternary;
            hdr.tags[1].isValid() : exact;
            hdr.eth.isValid() : exact;
            meta.inner.value : lpm;
            std.ingress_port : exact;
        }
        actions = { NoAction; }
    }
    apply {
        expressions.apply();
        places.apply();
        cell_t cell;
        read_only.read(cell, meta.index);
        written.write(meta.index, (cell_t) hdr.eth.dst);
    }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) { apply { } }
control C(inout headers_t hdr, inout meta_t meta) { apply { } }
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr.eth); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
