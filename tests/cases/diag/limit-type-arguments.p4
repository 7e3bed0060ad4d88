// Type arguments that double from call to call.

#include <core.p4>
#include <v1model.p4>

header h_t { bit<8> a; bit<8> b; }
struct headers_t { h_t h; }
struct meta_t { bit<8> x; }
bit<8> g0<T>(in T x) { return 1; }
bit<8> g1<T>(in T x) { return g0((tuple<T, T>) {x, x}); }
bit<8> g2<T>(in T x) { return g1((tuple<T, T>) {x, x}); }
bit<8> g3<T>(in T x) { return g2((tuple<T, T>) {x, x}); }
bit<8> g4<T>(in T x) { return g3((tuple<T, T>) {x, x}); }
bit<8> g5<T>(in T x) { return g4((tuple<T, T>) {x, x}); }
bit<8> g6<T>(in T x) { return g5((tuple<T, T>) {x, x}); }
bit<8> g7<T>(in T x) { return g6((tuple<T, T>) {x, x}); }
bit<8> g8<T>(in T x) { return g7((tuple<T, T>) {x, x}); }
bit<8> g9<T>(in T x) { return g8((tuple<T, T>) {x, x}); }
bit<8> g10<T>(in T x) { return g9((tuple<T, T>) {x, x}); }
bit<8> g11<T>(in T x) { return g10((tuple<T, T>) {x, x}); }
bit<8> g12<T>(in T x) { return g11((tuple<T, T>) {x, x}); }
bit<8> g13<T>(in T x) { return g12((tuple<T, T>) {x, x}); }

parser P(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    state start { packet.extract(hdr.h); transition accept; }
}
control V(inout headers_t hdr, inout meta_t meta) { apply { } }
control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    apply {
        meta.x = g13(meta.x);
    }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) { apply { } }
control C(inout headers_t hdr, inout meta_t meta) { apply { } }
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr.h); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
