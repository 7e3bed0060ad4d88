// Instances that double from control to control.

#include <core.p4>
#include <v1model.p4>

header h_t { bit<8> a; bit<8> b; }
struct headers_t { h_t h; }
struct meta_t { bit<8> x; }
control C0(inout bit<8> x) { apply { x = x + 1; } }
control C1(inout bit<8> x) { C0() a; C0() b; apply { a.apply(x); b.apply(x); } }
control C2(inout bit<8> x) { C1() a; C1() b; apply { a.apply(x); b.apply(x); } }
control C3(inout bit<8> x) { C2() a; C2() b; apply { a.apply(x); b.apply(x); } }
control C4(inout bit<8> x) { C3() a; C3() b; apply { a.apply(x); b.apply(x); } }
control C5(inout bit<8> x) { C4() a; C4() b; apply { a.apply(x); b.apply(x); } }
control C6(inout bit<8> x) { C5() a; C5() b; apply { a.apply(x); b.apply(x); } }
control C7(inout bit<8> x) { C6() a; C6() b; apply { a.apply(x); b.apply(x); } }
control C8(inout bit<8> x) { C7() a; C7() b; apply { a.apply(x); b.apply(x); } }
control C9(inout bit<8> x) { C8() a; C8() b; apply { a.apply(x); b.apply(x); } }
control C10(inout bit<8> x) { C9() a; C9() b; apply { a.apply(x); b.apply(x); } }
control C11(inout bit<8> x) { C10() a; C10() b; apply { a.apply(x); b.apply(x); } }
control C12(inout bit<8> x) { C11() a; C11() b; apply { a.apply(x); b.apply(x); } }
control C13(inout bit<8> x) { C12() a; C12() b; apply { a.apply(x); b.apply(x); } }
control C14(inout bit<8> x) { C13() a; C13() b; apply { a.apply(x); b.apply(x); } }
control C15(inout bit<8> x) { C14() a; C14() b; apply { a.apply(x); b.apply(x); } }
control C16(inout bit<8> x) { C15() a; C15() b; apply { a.apply(x); b.apply(x); } }
control C17(inout bit<8> x) { C16() a; C16() b; apply { a.apply(x); b.apply(x); } }
control C18(inout bit<8> x) { C17() a; C17() b; apply { a.apply(x); b.apply(x); } }
control C19(inout bit<8> x) { C18() a; C18() b; apply { a.apply(x); b.apply(x); } }

parser P(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    state start { packet.extract(hdr.h); transition accept; }
}
control V(inout headers_t hdr, inout meta_t meta) { apply { } }
control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    C19() c;
    apply {
        c.apply(meta.x);
    }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) { apply { } }
control C(inout headers_t hdr, inout meta_t meta) { apply { } }
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr.h); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
