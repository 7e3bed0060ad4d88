// v1model: what the parser had extracted when it failed is there in ingress, and the packet goes on.

#include <core.p4>
#include <v1model.p4>

error { Odd }
header h_t { bit<8> kind; }
header b_t { bit<8> v; }
header long_t { bit<8> len; varbit<16> rest; }
struct headers_t { h_t h; b_t[2] stack; long_t long; b_t result; }
struct meta_t { bit<8> before; bit<8> after; }

parser Sub(packet_in packet, inout meta_t meta) {
    state start {
        verify(false, error.Odd);
        meta.after = 1;
        transition accept;
    }
}
parser P(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    Sub() sub;
    state start {
        packet.extract(hdr.h);
        transition select(hdr.h.kind) {
            1: full;
            2: empty;
            3: long;
            4: ahead;
            5: skip;
            6: label;
            7: verified;
            8: nested;
            9: unread;
            default: reject;
        }
    }
    state full {
        packet.extract(hdr.stack.next);
        transition full;
    }
    state empty {
        meta.after = hdr.stack.last.v;
        transition accept;
    }
    state long {
        packet.extract(hdr.long, (bit<32>) (packet.lookahead<bit<8>>() * 8));
        transition accept;
    }
    state ahead {
        meta.after = packet.lookahead<b_t>().v;
        transition accept;
    }
    state skip {
        packet.advance(16);
        meta.after = 1;
        transition accept;
    }
    state label {
        transition select(hdr.h.kind) { 0: accept; }
    }
    state verified {
        meta.before = 0x10;
        verify(hdr.h.kind == 0, error.Odd);
        meta.after = 1;
        transition accept;
    }
    state nested {
        sub.apply(packet, meta);
        meta.after = 1;
        transition accept;
    }
    state unread {
        meta.after = hdr.stack.next.isValid() ? 8w1 : 0;
        transition accept;
    }
}
control V(inout headers_t hdr, inout meta_t meta) { apply { } }
control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    apply {
        std.egress_spec = 2;
        hdr.result.setValid();
        hdr.result.v = meta.before + (meta.after << 7);
        if (std.parser_error == error.PacketTooShort) { hdr.result.v = hdr.result.v + 1; }
        if (std.parser_error == error.NoMatch) { hdr.result.v = hdr.result.v + 2; }
        if (std.parser_error == error.StackOutOfBounds) { hdr.result.v = hdr.result.v + 3; }
        if (std.parser_error == error.HeaderTooShort) { hdr.result.v = hdr.result.v + 4; }
        if (std.parser_error == error.Odd) { hdr.result.v = hdr.result.v + 7; }
    }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) { apply { } }
control C(inout headers_t hdr, inout meta_t meta) { apply { } }
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
