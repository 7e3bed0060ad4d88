// Entries that others hide: by mask, by range, by wildcard.
#include <core.p4>
#include <v1model.p4>

struct headers_t { }
struct meta_t { bit<8> a; bit<8> b; }

parser P(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    state start { transition accept; }
}
control V(inout headers_t hdr, inout meta_t meta) { apply { } }
control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    action set(bit<8> to) { meta.a = to; }
    table t {
        key = { meta.a : ternary; meta.b : range; }
        actions = { set; }
        const entries = {
            (0x10 &&& 0xf0, 10 .. 20) : set(1);
            (0x12, 15) : set(2);
            (0x12, 21) : set(3);
            (0x10 &&& 0xf8, 10 .. 20) : set(4);
            (_, 30 .. 40) : set(5);
            (0x01, 35) : set(6);
        }
    }
    apply { t.apply(); }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) { apply { } }
control C(inout headers_t hdr, inout meta_t meta) { apply { } }
control D(packet_out packet, in headers_t hdr) { apply { } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
