// Section 13.6: labels that are not known when the program is compiled, signed ranges, masks, tuples, the first that fits.

#include <core.p4>
#include <v1model.p4>

header h_t { bit<8> a; bit<8> b; int<8> s; bool odd; bit<7> rest; }
header r_t { bit<8> v; }
struct headers_t { h_t h; r_t r; }
struct meta_t { bit<8> way; }

parser P(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    state start {
        packet.extract(hdr.h);
        transition select(hdr.h.a) {
            hdr.h.b: same;
            _: signed;
        }
    }
    state same { meta.way = 1; transition accept; }
    state signed {
        transition select(hdr.h.s) {
            -3 .. -1: two;
            _: odd;
        }
    }
    state two { meta.way = 2; transition accept; }
    state odd {
        transition select(hdr.h.odd, hdr.h.a) {
            (true, _): three;
            (false, 0x30 &&& 0xf0): four;
            (_, 0 .. 7): five;
            default: six;
        }
    }
    state three { meta.way = 3; transition accept; }
    state four { meta.way = 4; transition accept; }
    state five { meta.way = 5; transition accept; }
    state six { meta.way = 6; transition accept; }
}
control V(inout headers_t hdr, inout meta_t meta) { apply { } }
control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    apply {
        std.egress_spec = 2;
        hdr.r = { meta.way };
    }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) { apply { } }
control C(inout headers_t hdr, inout meta_t meta) { apply { } }
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
