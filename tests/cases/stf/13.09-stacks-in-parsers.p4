// Section 13.9: next and last as values, lastIndex, and a stack that is parsed into, assigned and passed on.

#include <core.p4>
#include <v1model.p4>

header h_t { bit<8> count; }
header b_t { bit<8> v; }
struct headers_t { h_t h; b_t[3] stack; b_t result; }
struct meta_t { bit<8> seen; bit<8> last; bit<8> index; }

parser Rest(packet_in packet, inout b_t[3] stack, in bit<8> count, out bit<8> last, out bit<8> index) {
    state start {
        transition select((bit<8>) stack.lastIndex + 1 == count) {
            true: done;
            false: more;
        }
    }
    state more {
        packet.extract(stack.next);
        transition start;
    }
    state done {
        last = stack.last.v;
        index = (bit<8>) stack.lastIndex;
        transition accept;
    }
}
parser P(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    Rest() rest;
    state start {
        packet.extract(hdr.h);
        // What is written through `next` does not move it.
        hdr.stack.next = { 0x11 };
        meta.seen = hdr.stack.next.v + hdr.stack[0].v;
        packet.extract(hdr.stack.next);
        rest.apply(packet, hdr.stack, hdr.h.count, meta.last, meta.index);
        transition accept;
    }
}
control V(inout headers_t hdr, inout meta_t meta) { apply { } }
control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    apply {
        std.egress_spec = 2;
        hdr.result = { meta.last - 0x77 + meta.seen + meta.index - 1 };
        if (hdr.h.count == 3) { hdr.result.v = hdr.result.v; }
    }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) { apply { } }
control C(inout headers_t hdr, inout meta_t meta) { apply { } }
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
