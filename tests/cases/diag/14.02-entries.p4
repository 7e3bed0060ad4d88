// Section 14.2.1.4: entries and their priorities.

#include <core.p4>
#include <v1model.p4>

control c(inout bit<8> x, inout bit<16> y, inout bool q) {
    action a() { } action p(bit<9> v) { }
    table t1 { key = { x : exact; y : ternary; } actions = { a; p; } default_action = a;
        const entries = { (1, 0x1111 &&& 0xF) : p(1); (2, 3): p(2); (6, _): p(6); _ : a; } }
    table t2 { key = { x : exact; } actions = { a; p; } const entries = { 1 : p; } }
    table t3 { key = { x : exact; } actions = { a; p; } const entries = { (1, 2) : a; } }
    table t4 { key = { x : exact; y : exact; } actions = { a; p; } const entries = { 1 : a; } }
    table t5 { actions = { a; p; } const entries = { 1 : a; } }
    table t6 { key = { x : exact; } actions = { a; } const entries = { 1 : p(3); } }
    table t7 { key = { x : exact; } actions = { a; } const entries = { y[7:0] : a; } }
    table t9 { key = { x : lpm; } actions = { a; } const entries = { 1 &&& 3 : a; } }
    table t10 { key = { x : exact; } actions = { a; } const entries = { 1 : a; 1 : a; } }
    table t11 { key = { x : ternary; } actions = { a; } const entries = { priority = 3: 1 : a; } }
    table t12 { key = { x : ternary; } actions = { a; } entries = { priority = 3: 1 : a; const priority = 2: 2 : a; 3 : a; } }
    table t13 { key = { x : ternary; } actions = { a; } entries = { 1 : a; priority = 3: 2 : a; } }
    table t14 { key = { x : ternary; } actions = { a; } entries = { priority = -3: 2 : a; } }
    table t15 { key = { x : ternary; } actions = { a; } entries = { priority = 3: 1 : a; priority = 3: 2 : a; } }
    table t16 { key = { x : ternary; } actions = { a; } entries = { priority = 3: 1 : a; priority = 4: 2 : a; } }
    table t17 { key = { x : ternary; } actions = { a; } largest_priority_wins = 3; entries = { priority = 3: 1 : a; } }
    table t18 { key = { x : ternary; } actions = { a; } priority_delta = 0; entries = { priority = 3: 1 : a; } }
    table t19 { key = { x : ternary; } actions = { a; } priority_delta = 10; largest_priority_wins = false; @noWarn("duplicate_priorities") entries = { const priority=10: 1 : a; 2 : a; const 3 : a; priority=30 : 4: a; } }
    table t20 { key = { x : exact; } actions = { a; } entries = { priority = 3: 1 : a; } }
    table t21 { key = { x : range; } actions = { a; } const entries = { 1 .. 5 : a; 9 .. 7 : a; } }
    table t22 { key = { x : exact; } actions = { a; } const entries = { } }
    table t23 { key = { x : ternary; } actions = { a; } entries = { priority = 0xFFFFFFFFFF: 2 : a; } }
    table t24 { key = { q : exact; } actions = { a; } const entries = { true : a; false : a; } }
    table t25 { key = { x : exact; } actions = { a; } const entries = { 256 : a; } }
    table t26 { key = { x : optional; } actions = { a; } const entries = { 1 : a; _ : a; } }
    table t27 { key = { x : ternary; } actions = { a; } entries = { priority = 1: 2 : a; 3 : a; } }
    apply { t1.apply(); }
}
