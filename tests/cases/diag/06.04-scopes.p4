// Section 6.4: names are declared before they are used, and seen in their block alone.

#include <core.p4>
#include <v1model.p4>

control c(inout bit<8> x) {
    apply { y = 1; bit<8> y; }
}
control d(inout bit<8> x) { apply { x = LATER; } }
const bit<8> LATER = 3;
const bit<32> xx = 2;
control e() { int<32> xx = 0; apply { xx = xx + (int<32>).xx; } }
parser p(packet_in b) { state start { transition s2; } state s2 { transition accept; } }
