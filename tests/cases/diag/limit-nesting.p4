// Controls that are nested too deeply: each of them adds to the depth that a packet goes to.

#include <core.p4>
#include <v1model.p4>

header h_t { bit<8> a; bit<8> b; }
struct headers_t { h_t h; }
struct meta_t { bit<8> x; }
control C0(inout bit<8> x) { apply { x = x + 1; } }
control C1(inout bit<8> x) { C0() c; apply { if (x != 1) { c.apply(x); } } }
control C2(inout bit<8> x) { C1() c; apply { if (x != 2) { c.apply(x); } } }
control C3(inout bit<8> x) { C2() c; apply { if (x != 3) { c.apply(x); } } }
control C4(inout bit<8> x) { C3() c; apply { if (x != 4) { c.apply(x); } } }
control C5(inout bit<8> x) { C4() c; apply { if (x != 5) { c.apply(x); } } }
control C6(inout bit<8> x) { C5() c; apply { if (x != 6) { c.apply(x); } } }
control C7(inout bit<8> x) { C6() c; apply { if (x != 7) { c.apply(x); } } }
control C8(inout bit<8> x) { C7() c; apply { if (x != 8) { c.apply(x); } } }
control C9(inout bit<8> x) { C8() c; apply { if (x != 9) { c.apply(x); } } }
control C10(inout bit<8> x) { C9() c; apply { if (x != 10) { c.apply(x); } } }
control C11(inout bit<8> x) { C10() c; apply { if (x != 11) { c.apply(x); } } }
control C12(inout bit<8> x) { C11() c; apply { if (x != 12) { c.apply(x); } } }
control C13(inout bit<8> x) { C12() c; apply { if (x != 13) { c.apply(x); } } }
control C14(inout bit<8> x) { C13() c; apply { if (x != 14) { c.apply(x); } } }
control C15(inout bit<8> x) { C14() c; apply { if (x != 15) { c.apply(x); } } }
control C16(inout bit<8> x) { C15() c; apply { if (x != 16) { c.apply(x); } } }
control C17(inout bit<8> x) { C16() c; apply { if (x != 17) { c.apply(x); } } }
control C18(inout bit<8> x) { C17() c; apply { if (x != 18) { c.apply(x); } } }
control C19(inout bit<8> x) { C18() c; apply { if (x != 19) { c.apply(x); } } }
control C20(inout bit<8> x) { C19() c; apply { if (x != 20) { c.apply(x); } } }
control C21(inout bit<8> x) { C20() c; apply { if (x != 21) { c.apply(x); } } }
control C22(inout bit<8> x) { C21() c; apply { if (x != 22) { c.apply(x); } } }
control C23(inout bit<8> x) { C22() c; apply { if (x != 23) { c.apply(x); } } }
control C24(inout bit<8> x) { C23() c; apply { if (x != 24) { c.apply(x); } } }
control C25(inout bit<8> x) { C24() c; apply { if (x != 25) { c.apply(x); } } }
control C26(inout bit<8> x) { C25() c; apply { if (x != 26) { c.apply(x); } } }
control C27(inout bit<8> x) { C26() c; apply { if (x != 27) { c.apply(x); } } }
control C28(inout bit<8> x) { C27() c; apply { if (x != 28) { c.apply(x); } } }
control C29(inout bit<8> x) { C28() c; apply { if (x != 29) { c.apply(x); } } }
control C30(inout bit<8> x) { C29() c; apply { if (x != 30) { c.apply(x); } } }
control C31(inout bit<8> x) { C30() c; apply { if (x != 31) { c.apply(x); } } }
control C32(inout bit<8> x) { C31() c; apply { if (x != 32) { c.apply(x); } } }
control C33(inout bit<8> x) { C32() c; apply { if (x != 33) { c.apply(x); } } }
control C34(inout bit<8> x) { C33() c; apply { if (x != 34) { c.apply(x); } } }
control C35(inout bit<8> x) { C34() c; apply { if (x != 35) { c.apply(x); } } }
control C36(inout bit<8> x) { C35() c; apply { if (x != 36) { c.apply(x); } } }
control C37(inout bit<8> x) { C36() c; apply { if (x != 37) { c.apply(x); } } }
control C38(inout bit<8> x) { C37() c; apply { if (x != 38) { c.apply(x); } } }
control C39(inout bit<8> x) { C38() c; apply { if (x != 39) { c.apply(x); } } }
control C40(inout bit<8> x) { C39() c; apply { if (x != 40) { c.apply(x); } } }
control C41(inout bit<8> x) { C40() c; apply { if (x != 41) { c.apply(x); } } }
control C42(inout bit<8> x) { C41() c; apply { if (x != 42) { c.apply(x); } } }
control C43(inout bit<8> x) { C42() c; apply { if (x != 43) { c.apply(x); } } }
control C44(inout bit<8> x) { C43() c; apply { if (x != 44) { c.apply(x); } } }
control C45(inout bit<8> x) { C44() c; apply { if (x != 45) { c.apply(x); } } }
control C46(inout bit<8> x) { C45() c; apply { if (x != 46) { c.apply(x); } } }
control C47(inout bit<8> x) { C46() c; apply { if (x != 47) { c.apply(x); } } }
control C48(inout bit<8> x) { C47() c; apply { if (x != 48) { c.apply(x); } } }
control C49(inout bit<8> x) { C48() c; apply { if (x != 49) { c.apply(x); } } }
control C50(inout bit<8> x) { C49() c; apply { if (x != 50) { c.apply(x); } } }
control C51(inout bit<8> x) { C50() c; apply { if (x != 51) { c.apply(x); } } }
control C52(inout bit<8> x) { C51() c; apply { if (x != 52) { c.apply(x); } } }
control C53(inout bit<8> x) { C52() c; apply { if (x != 53) { c.apply(x); } } }
control C54(inout bit<8> x) { C53() c; apply { if (x != 54) { c.apply(x); } } }
control C55(inout bit<8> x) { C54() c; apply { if (x != 55) { c.apply(x); } } }
control C56(inout bit<8> x) { C55() c; apply { if (x != 56) { c.apply(x); } } }
control C57(inout bit<8> x) { C56() c; apply { if (x != 57) { c.apply(x); } } }
control C58(inout bit<8> x) { C57() c; apply { if (x != 58) { c.apply(x); } } }
control C59(inout bit<8> x) { C58() c; apply { if (x != 59) { c.apply(x); } } }
control C60(inout bit<8> x) { C59() c; apply { if (x != 60) { c.apply(x); } } }
control C61(inout bit<8> x) { C60() c; apply { if (x != 61) { c.apply(x); } } }
control C62(inout bit<8> x) { C61() c; apply { if (x != 62) { c.apply(x); } } }
control C63(inout bit<8> x) { C62() c; apply { if (x != 63) { c.apply(x); } } }
control C64(inout bit<8> x) { C63() c; apply { if (x != 64) { c.apply(x); } } }
control C65(inout bit<8> x) { C64() c; apply { if (x != 65) { c.apply(x); } } }
control C66(inout bit<8> x) { C65() c; apply { if (x != 66) { c.apply(x); } } }
control C67(inout bit<8> x) { C66() c; apply { if (x != 67) { c.apply(x); } } }
control C68(inout bit<8> x) { C67() c; apply { if (x != 68) { c.apply(x); } } }
control C69(inout bit<8> x) { C68() c; apply { if (x != 69) { c.apply(x); } } }
control C70(inout bit<8> x) { C69() c; apply { if (x != 70) { c.apply(x); } } }
control C71(inout bit<8> x) { C70() c; apply { if (x != 71) { c.apply(x); } } }
control C72(inout bit<8> x) { C71() c; apply { if (x != 72) { c.apply(x); } } }
control C73(inout bit<8> x) { C72() c; apply { if (x != 73) { c.apply(x); } } }
control C74(inout bit<8> x) { C73() c; apply { if (x != 74) { c.apply(x); } } }
control C75(inout bit<8> x) { C74() c; apply { if (x != 75) { c.apply(x); } } }
control C76(inout bit<8> x) { C75() c; apply { if (x != 76) { c.apply(x); } } }
control C77(inout bit<8> x) { C76() c; apply { if (x != 77) { c.apply(x); } } }
control C78(inout bit<8> x) { C77() c; apply { if (x != 78) { c.apply(x); } } }
control C79(inout bit<8> x) { C78() c; apply { if (x != 79) { c.apply(x); } } }
control C80(inout bit<8> x) { C79() c; apply { if (x != 80) { c.apply(x); } } }
control C81(inout bit<8> x) { C80() c; apply { if (x != 81) { c.apply(x); } } }
control C82(inout bit<8> x) { C81() c; apply { if (x != 82) { c.apply(x); } } }
control C83(inout bit<8> x) { C82() c; apply { if (x != 83) { c.apply(x); } } }
control C84(inout bit<8> x) { C83() c; apply { if (x != 84) { c.apply(x); } } }
control C85(inout bit<8> x) { C84() c; apply { if (x != 85) { c.apply(x); } } }
control C86(inout bit<8> x) { C85() c; apply { if (x != 86) { c.apply(x); } } }
control C87(inout bit<8> x) { C86() c; apply { if (x != 87) { c.apply(x); } } }
control C88(inout bit<8> x) { C87() c; apply { if (x != 88) { c.apply(x); } } }
control C89(inout bit<8> x) { C88() c; apply { if (x != 89) { c.apply(x); } } }

parser P(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    state start { packet.extract(hdr.h); transition accept; }
}
control V(inout headers_t hdr, inout meta_t meta) { apply { } }
control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    C89() c;
    apply {
        c.apply(meta.x);
    }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) { apply { } }
control C(inout headers_t hdr, inout meta_t meta) { apply { } }
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr.h); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
