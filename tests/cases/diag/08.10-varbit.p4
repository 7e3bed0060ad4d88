// Section 8.10: the few operations on varbits.

#include <core.p4>
#include <v1model.p4>

header H { bit<8> l; varbit<32> v; }
header H2 { varbit<16> v; }
control c(inout H h, inout H g, inout H2 k, inout bit<32> x, inout bool p) {
    apply {
        h.v = g.v;
        p = h.v == g.v; p = h.v != g.v;
        h.v = k.v;
        p = h.v == k.v;
        x = h.v;
        x = (bit<32>)h.v;
        h.v = 1;
        x = h.v[3:0];
        p = h.v < g.v;
        h.v = h.v + g.v;
        h.v = ...;
        varbit<32> loc = h.v; h.v = loc;
        h = { 1, g.v };
    }
}
