// A variable without a value on one path, an out parameter without one at the end, and both silenced.
#include <core.p4>
#include <v1model.p4>

struct headers_t { }
struct meta_t { bit<8> a; bit<8> b; }

bit<8> chosen(in bit<8> by, out bit<8> left) {
    bit<8> value;
    if (by == 1) { value = 3; } else if (by == 2) { left = 1; }
    return value;
}

@noWarn("uninitialized_use")
bit<8> quiet(in bit<8> by) {
    bit<8> value;
    return value + by;
}

bit<8> looped(in bit<8> count) {
    bit<8> sum;
    for (bit<8> i in 8w0 .. count) { sum = i; }
    return sum;
}

parser P(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    state start { transition accept; }
}
control V(inout headers_t hdr, inout meta_t meta) { apply { } }
control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    apply {
        meta.a = chosen(meta.a, meta.b) + quiet(meta.a) + looped(meta.a);
        meta_t all;
        meta.b = all.b;
        meta_t parts;
        parts.a = 1;
        meta = parts;
    }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) { apply { } }
control C(inout headers_t hdr, inout meta_t meta) { apply { } }
control D(packet_out packet, in headers_t hdr) { apply { } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
