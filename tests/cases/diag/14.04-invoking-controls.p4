// Sections 14.4 and 15.1: controls apply controls.

#include <core.p4>
#include <v1model.p4>

header H { bit<8> a; }
control callee(inout H h) { apply { h.a = 1; } }
control cp(inout H h)(bit<8> n) { apply { h.a = n; } }
control caller(inout H h) {
    callee() i; cp(3) j;
    action x() { i.apply(h); }
    apply { i.apply(h); callee.apply(h); j.apply(h);
        cp.apply(h);
        cp(3).apply(h);
        h.apply();
    }
}
control rc(inout H h) { apply { rc.apply(h); } }
control twice(inout H h) { apply { callee.apply(h); callee.apply(h); } }
control wt(inout H h) { action n() {} table t { key = { h.a : exact; } actions = { n; } } apply { t.apply(); } }
control bad(inout H h) { apply { wt.apply(h); wt.apply(h); } }
