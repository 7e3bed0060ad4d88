// Section 13.10: parsers apply parsers, without recursion.

#include <core.p4>
#include <v1model.p4>

header H { bit<8> a; }
parser callee(packet_in packet, out H h) { state start { packet.extract(h); transition accept; } }
parser caller(packet_in packet, out H h) {
    callee() sub;
    state start { sub.apply(packet, h); callee.apply(packet, h); transition accept; }
}
parser para(packet_in packet, out H h)(bool u) { state start { transition select(u) { true: accept; false: s; } } state s { packet.extract(h); transition accept; } }
parser caller2(packet_in packet, out H h) { state start { para.apply(packet, h); transition accept; } }
parser caller3(packet_in packet, out H h) { para(true) x; para(false) y; state start { x.apply(packet, h); y.apply(packet, h); transition accept; } }
parser recp(packet_in packet) { state start { recp.apply(packet); transition accept; } }
control cc(packet_in packet, inout H h) { apply { callee.apply(packet, h); } }
parser cp(packet_in packet, out H h) { state start { cc.apply(packet, h); transition accept; } }
