// Section 8.19: the specification's parser of TCP options: a stack of unions, lookahead into a struct, a varbit.

#include <core.p4>
#include <v1model.p4>

header one_h { bit<8> kind; }
header ss_h { bit<8> kind; bit<32> size; }
header sack_h { bit<8> kind; bit<8> length; varbit<256> sack; }
header_union option_h { one_h end; one_h nop; ss_h ss; sack_h sack; }
typedef option_h[5] options_t;
struct sack_top { bit<8> kind; bit<8> length; }
header r_t { bit<8> v; }
struct headers_t { options_t vec; r_t r; }
struct meta_t { }

parser Options(packet_in b, out options_t vec) {
    state start {
        transition select(b.lookahead<bit<8>>()) {
            8w0x0: end;
            8w0x1: nop;
            8w0x2: ss;
            8w0x5: sack;
        }
    }
    state end { b.extract(vec.next.end); transition accept; }
    state nop { b.extract(vec.next.nop); transition start; }
    state ss { b.extract(vec.next.ss); transition start; }
    state sack {
        bit<8> n = b.lookahead<sack_top>().length;
        b.extract(vec.next.sack, (bit<32>) (8 * n - 16));
        transition start;
    }
}
parser P(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    state start {
        Options.apply(packet, hdr.vec);
        transition accept;
    }
}
control V(inout headers_t hdr, inout meta_t meta) { apply { } }
control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    apply {
        std.egress_spec = 2;
        hdr.r = { 0x80 };
        if (hdr.vec[0].nop.isValid()) { hdr.r.v = hdr.r.v + 0x10; }
        if (hdr.vec[3].isValid() && !hdr.vec[4].isValid()) { hdr.r.v = hdr.r.v + 4; }
        if (std.parser_error == error.NoMatch) { hdr.r.v = hdr.r.v + 2; }
    }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) { apply { } }
control C(inout headers_t hdr, inout meta_t meta) { apply { } }
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
