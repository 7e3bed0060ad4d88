// Section 8.17: setValid, setInvalid, copies of headers carry validity, `{#}`, equality.

#include <core.p4>
#include <v1model.p4>

header h_t { bit<8> v; }
struct headers_t { h_t one; h_t two; h_t three; }
struct meta_t { }

parser P(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    state start {
        packet.extract(hdr.one);
        packet.extract(hdr.two);
        transition accept;
    }
}
control V(inout headers_t hdr, inout meta_t meta) { apply { } }
control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    apply {
        std.egress_spec = 2;
        h_t gone = (h_t) {#};
        if (hdr.one.v == 0) { hdr.two = gone; }
        hdr.three = hdr.two;
        // Two invalid headers are equal; an invalid one and a valid one are not.
        if (hdr.three == hdr.two && hdr.two != gone) { hdr.three.v = 1; } else { hdr.three.setInvalid(); }
    }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) { apply { } }
control C(inout headers_t hdr, inout meta_t meta) { apply { } }
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
