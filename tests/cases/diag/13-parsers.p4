// Chapter 13: states, and methods of packets.

#include <core.p4>
#include <v1model.p4>

parser p0(packet_in b) { state s { transition accept; } }
parser p1(packet_in b) { state start { transition accept; } state start { transition accept; } }
parser p2(packet_in b) { state start { transition accept; } state accept { } }
parser p3(packet_in b) { state start { transition accept; } state reject { } }
parser p5(packet_in b) { state start { transition nowhere; } }
parser p6(packet_in b) { state start { } }
header H { bit<8> a; }
header HV { bit<8> a; varbit<16> v; }
header HVV { varbit<8> a; varbit<16> v; }
struct S { H h; }
struct SE { error e; }
header_union U { H h; }
error { MyE }
parser p7(packet_in b, out H h, out HV v, out HVV w, out S s, out bit<8> x, out U u, out H[2] st) {
    state start {
        b.extract(h); b.extract<H>(_); b.extract(v, 8); b.extract(u.h); b.extract(st.next);
        b.extract(v);
        b.extract(w, 8);
        b.extract(h, 8);
        b.extract(s);
        b.extract(x);
        b.extract(u);
        b.extract(st);
        b.extract(v, x);
        b.advance(8); b.advance((bit<32>)x); 
        b.advance(x);
        x = b.lookahead<bit<8>>();
        h = b.lookahead<H>();
        s = b.lookahead<S>();
        v = b.lookahead<HV>();
        bit<32> l = b.length();
        verify(x == 1, error.MyE);
        verify(x, error.MyE);
        verify(x == 1, 3);
        b.extract((H){ 1 });
        bool q = h.isValid();
        SE se = b.lookahead<SE>();
        transition accept;
    }
}
control c7(packet_in b, inout H h) { apply { b.extract(h); } }
control c8(inout H h) { apply { verify(true, error.NoError); } }
packet_in() pin;
control c9(inout H h) { packet_out() po; apply { } }
