// A drop that a later write takes back, and one that does not; a comparison of cut values.
#include <core.p4>
#include <v1model.p4>

struct headers_t { }
struct meta_t { bit<16> a; bit<8> b; }

parser P(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    state start { transition accept; }
}
control V(inout headers_t hdr, inout meta_t meta) { apply { } }
control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    action drop() { mark_to_drop(std); }
    apply {
        if (meta.b == 1) { drop(); }
        std.egress_spec = 1;
        if ((bit<8>) meta.a == meta.b) {
            drop();
            std.egress_spec = 2;
        }
        if (meta.a[7:0] == meta.b) { drop(); return; }
        std.egress_spec = 3;
    }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) { apply { } }
control C(inout headers_t hdr, inout meta_t meta) { apply { } }
control D(packet_out packet, in headers_t hdr) { apply { } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
