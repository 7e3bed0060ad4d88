// Section 13.7: verify, too short packets, no match: the error is the program's to see.

#include <core.p4>
#include <v1model.p4>

error { Unwanted }
header h_t { bit<8> a; }
header r_t { bit<8> v; }
struct headers_t { h_t h; h_t more; r_t r; }
struct meta_t { }

parser P(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    state start {
        packet.extract(hdr.h);
        verify(hdr.h.a != 2, error.Unwanted);
        transition select(hdr.h.a) {
            1: more;
        }
    }
    state more { packet.extract(hdr.more); transition accept; }
}
control V(inout headers_t hdr, inout meta_t meta) { apply { } }
control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    apply {
        std.egress_spec = 2;
        hdr.r.setValid();
        if (std.parser_error == error.NoError) { hdr.r.v = 0; }
        else if (std.parser_error == error.PacketTooShort) { hdr.r.v = 1; }
        else if (std.parser_error == error.NoMatch) { hdr.r.v = 2; }
        else if (std.parser_error == error.Unwanted) { hdr.r.v = 7; }
        else { hdr.r.v = 255; }
    }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) { apply { } }
control C(inout headers_t hdr, inout meta_t meta) { apply { } }
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
