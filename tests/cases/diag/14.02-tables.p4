// Sections 14.1 and 14.2: actions and the properties of tables.

#include <core.p4>
#include <v1model.p4>

extern E { E(); void m(); }
control c(inout bit<32> x, in bit<32> y, inout bit<32> z) {
    action a(in bit<32> x1) { }
    action b(inout bit<32> x1, bit<8> data) { x1 = 1; }
    action n() { }
    table t2 { actions = { n; } }
    table t { key = { x : exact; } actions = { a(5); b(z); } }
    table u1 { key = { x : exact; } actions = { a; } }
    table u2 { key = { x : exact; } actions = { b(z, 3); } }
    table u3 { key = { x : exact; } actions = { b(); } }
    table u4 { key = { x : exact; } actions = { a(t2.apply().hit ? 32w5 : 3); } }
    table u5 { key = { x : exact; } actions = { nosuch; } }
    table u6 { key = { x : exact; } actions = { t2; } }
    table t3 { key = { x : exact; } actions = { a(5); b(z); } default_action = a(5); }
    table t4 { key = { x : exact; } actions = { a(5); b(z); } default_action = a(z); }
    table t5 { key = { x : exact; } actions = { a(5); b(z); } default_action = b(z, 8w8); }
    table t6 { key = { x : exact; } actions = { a(5); b(z); } default_action = b(z); }
    table t7 { key = { x : exact; } actions = { a(5); b(z); } default_action = b(x, 3); }
    table t8 { key = { x : exact; } actions = { a(5); } default_action = n(); }
    table t9 { key = { x : exact; } default_action = n(); actions = { n; } }
    table t10 { key = { x : exact; } }
    table t11 { key = { x : exact; } key = { y : exact; } actions = { n; } }
    table t12 { key = { x : exact; } actions = { n; n; } }
    table t13 { key = { x : nokind; } actions = { n; } }
    table t14 { key = { x + 1 : exact; } actions = { n; } }
    table t15 { key = { x + 1 : exact @name("k"); } actions = { n; } }
    table t16 { key = { x : exact; } actions = { n; } size = 5; size = 6; }
    table t17 { key = { x : exact; } actions = { n; } size = x; }
    table t18 { key = { } actions = { n; } }
    table t19 { actions = { n; } }
    table t20 { key = { x : exact; } actions = { n; } myprop = 3; }
    table t21 { key = { x : exact; } actions = { @tableonly n; } default_action = n(); }
    table t22 { key = { x : exact; } actions = { @defaultonly n; a(5); } const entries = { 1 : n(); } }
    action callst() { t2.apply(); }
    action callsn() { n(); b(z, 3); a(1); }
    action callsn2() { b(z); }
    apply { t.apply(); n(); t2.apply(); bool h = t2.apply().hit; h = t2.apply().miss; t2.apply().foo; }
}
action aa() { }
control cc() { action aa() { } table t { actions = { aa; .aa; } } apply { t.apply(); } }
