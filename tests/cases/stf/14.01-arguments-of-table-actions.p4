// Section 14.2.1.2: arguments bound in the list of actions are evaluated when the action runs, and copied out behind it.

#include <core.p4>
#include <v1model.p4>

header h_t { bit<8> key; bit<8> a; bit<8> b; bit<8> c; }
struct headers_t { h_t h; }
struct meta_t { bit<8> at; }
bit<8> next(inout bit<8> n) { n = n + 1; return n; }

parser P(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    state start {
        packet.extract(hdr.h);
        transition accept;
    }
}
control V(inout headers_t hdr, inout meta_t meta) { apply { } }
control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    action add(in bit<8> from, inout bit<8> to, out bit<8> seen, bit<8> more) {
        to = to + more;
        seen = from;
    }
    action leave(out bit<8> seen) {
        seen = 0x77;
        exit;
    }
    action jump(in bit<8> from, inout bit<8> to) {
        to = from;
        if (to != 0) { return; }
        to = 0xff;
    }
    table t {
        key = { hdr.h.key : exact; }
        actions = {
            add(next(hdr.h.a), hdr.h.b, hdr.h.c);
            leave(hdr.h.c);
            jump(hdr.h.a + 3, hdr.h.c);
        }
        const entries = {
            1 : add(next(hdr.h.a), hdr.h.b, hdr.h.c, 5);
            2 : jump(hdr.h.a + 3, hdr.h.c);
            3 : leave(hdr.h.c);
        }
        const default_action = leave(hdr.h.c);
    }
    apply {
        std.egress_spec = 2;
        t.apply();
        if (hdr.h.key == 1) { hdr.h.c = hdr.h.c + 0x20; }
        if (hdr.h.key == 2) { hdr.h.a = 0x13; hdr.h.c = hdr.h.c + 0x20; }
    }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) { apply { } }
control C(inout headers_t hdr, inout meta_t meta) { apply { } }
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
