// What nothing leads to: a table, an action, a variable, a state.
#include <core.p4>
#include <v1model.p4>

struct headers_t { }
struct meta_t { bit<8> a; }

parser P(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    state start { transition accept; }
    state forgotten { transition also_forgotten; }
    state also_forgotten { transition accept; }
}
control V(inout headers_t hdr, inout meta_t meta) { apply { } }
control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    bit<8> never;
    action used() { }
    action unused() { }
    @noWarn("unused") action kept() { }
    table applied { key = { meta.a : exact; } actions = { used; } }
    table not_applied { key = { meta.a : exact; } actions = { used; } }
    apply { if (applied.apply().hit) { meta.a = 1; } }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) { apply { } }
control C(inout headers_t hdr, inout meta_t meta) { apply { } }
control D(packet_out packet, in headers_t hdr) { apply { } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
