// Headers that are not valid, or not on every path; and what is fine: asked first, extracted on every path.
#include <core.p4>
#include <v1model.p4>

header h_t { bit<8> a; bit<8> b; }
struct headers_t { h_t first; h_t second; h_t third; }
struct meta_t { bit<8> a; }

parser P(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    state start {
        meta.a = hdr.third.a;
        packet.extract(hdr.first);
        transition select(hdr.first.a) {
            1: more;
            default: last;
        }
    }
    state more {
        packet.extract(hdr.second);
        transition last;
    }
    state last {
        meta.a = hdr.first.b;
        transition select(hdr.second.b) {
            0: accept;
            default: reject;
        }
    }
}
control V(inout headers_t hdr, inout meta_t meta) { apply { } }
control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    h_t own;
    action remove() { hdr.third.setInvalid(); }
    action keep() { }
    table either { key = { hdr.first.a : exact; } actions = { remove; keep; } }
    table both { key = { hdr.first.a : exact; } actions = { remove; } default_action = remove; }
    apply {
        own.a = 1;
        if (hdr.first.isValid() && hdr.first.a == 1) { meta.a = hdr.first.b; } else { meta.a = 2; }
        meta.a = hdr.first.a;
        if (!hdr.second.isValid()) { meta.a = hdr.second.a; }
        either.apply();
        meta.a = hdr.third.a;
        both.apply();
        hdr.third.b = 1;
        hdr.third.setValid();
        hdr.third.b = 2;
    }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) { apply { } }
control C(inout headers_t hdr, inout meta_t meta) { apply { } }
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
