// What beginners write: types of C, an address with dots, a type for an instance, a match kind and a table that are none.

#include <v1model.p4>

header h_t { uint16_t port; bit<8> ttl; }
struct headers { h_t h; }
struct meta { int count; boolean seen; }
parser P(packet_in packet, out headers h, inout meta m, inout standard_metadata_t s) {
    state start { packet.extract(h.h.ttl); transition accept; }
}
control V(inout headers h, inout meta m) { apply { } }
control I(inout headers h, inout meta m, inout standard_metadata_t s) {
    action a() { }
    table t { key = { h.h.ttl : prefix; } default_action = a(); }
    table u { key = { h.h.ttl : exact; } actions = { a; } const entries = { 10.0.0.1 : a(); } }
    apply {
        t.apply();
        log_msg("done);
    }
}
control D(packet_out packet, in headers h) { apply { packet.emit(h); } }
V1Switch(P, V(), I(), V(), V(), D()) main;
