// Sections 15 and 18: instances of one control have tables and registers of their own; constructor arguments are theirs; direct application makes one more.

#include <core.p4>
#include <v1model.p4>

header h_t { bit<8> which; bit<8> n; bit<8> r; }
struct headers_t { h_t h; }
struct meta_t { }

control Counter(inout h_t h)(bit<8> step, register<bit<8>> shared) {
    register<bit<8>>(1) own;
    action add(bit<8> v) { h.n = h.n + v; }
    table t {
        key = { h.which : exact; }
        actions = { add; NoAction; }
        default_action = NoAction();
    }
    apply {
        bit<8> count;
        own.read(count, 0);
        own.write(0, count + step);
        h.r = count;
        shared.read(count, 0);
        shared.write(0, count + 1);
        t.apply();
    }
}
control Simple(inout h_t h) {
    action add(bit<8> v) { h.n = h.n + v; }
    table t {
        key = { h.which : exact; }
        actions = { add; NoAction; }
        default_action = NoAction();
    }
    apply { t.apply(); }
}

parser P(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    state start {
        packet.extract(hdr.h);
        transition accept;
    }
}
control V(inout headers_t hdr, inout meta_t meta) { apply { } }
control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    register<bit<8>>(1) shared;
    Counter(1, shared) one;
    Counter(5, shared) two;
    apply {
        std.egress_spec = 2;
        if (hdr.h.which == 1) { one.apply(hdr.h); }
        else if (hdr.h.which == 2) {
            two.apply(hdr.h);
            Simple.apply(hdr.h);
        } else {
            shared.read(hdr.h.r, 0);
        }
    }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) { apply { } }
control C(inout headers_t hdr, inout meta_t meta) { apply { } }
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
