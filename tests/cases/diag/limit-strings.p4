// A string that doubles from constant to constant.

#include <core.p4>
#include <v1model.p4>

header h_t { bit<8> a; bit<8> b; }
struct headers_t { h_t h; }
struct meta_t { bit<8> x; }
const string s0 = "0123456789abcdef";
const string s1 = s0 ++ s0;
const string s2 = s1 ++ s1;
const string s3 = s2 ++ s2;
const string s4 = s3 ++ s3;
const string s5 = s4 ++ s4;
const string s6 = s5 ++ s5;
const string s7 = s6 ++ s6;
const string s8 = s7 ++ s7;
const string s9 = s8 ++ s8;
const string s10 = s9 ++ s9;
const string s11 = s10 ++ s10;
const string s12 = s11 ++ s11;
const string s13 = s12 ++ s12;
const string s14 = s13 ++ s13;
const string s15 = s14 ++ s14;

parser P(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    state start { packet.extract(hdr.h); transition accept; }
}
control V(inout headers_t hdr, inout meta_t meta) { apply { } }
control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    apply {
    }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) { apply { } }
control C(inout headers_t hdr, inout meta_t meta) { apply { } }
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr.h); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
