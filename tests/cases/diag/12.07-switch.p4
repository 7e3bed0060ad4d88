// Section 12.7: labels of `switch`.

#include <core.p4>
#include <v1model.p4>

enum E { a, b }
enum bit<8> F { a = 1, b = 2 }
control c(inout bit<8> x, in E e, in F f, in error er, inout bool q, in int<8> s, in bit<8> y) {
    action a1() {} action a2() {} action a3() {}
    table t { actions = { a1; a2; } }
    apply {
        switch (t.apply().action_run) { a1: a2: { x = 1; } default: { x = 2; } }
        switch (t.apply().action_run) { a3: { x = 1; } }
        switch (t.apply().action_run) { a1: { x = 1; } a1: { x = 2; } }
        switch (t.apply().action_run) { default: { x = 1; } a1: { x = 2; } }
        switch (t.apply().action_run) { 1: { x = 1; } }
        switch (x) { 1: 2: { x = 1; } 3: }
        switch (x) { 1: { } 1: { } }
        switch (x) { 1: { } 8w1: { } }
        switch (x) { y: { } }
        switch (x) { 16w1: { } }
        switch (x) { default: { } 1: { } }
        switch (x) { 257: { } 1: { } }
        switch (e) { E.a: { } E.b: { } default: { } }
        switch (e) { E.a: { } E.a: { } }
        switch (f) { F.a: { } F.b: { } }
        switch (er) { error.NoError: { } error.PacketTooShort: { } }
        switch (s) { -1: { } 1: { } }
        switch (q) { true: { } }
        switch (5) { 1: { } 5: { x = 3; } } 
        switch (x + 1) { 1 + 1: { } }
        switch (x) { a1: { } }
    }
}
control d(inout bit<8> x) { action a(bit<8> k) { switch (k) { 1: { x = 1; } } } table t { actions = { a; } } apply { t.apply(); } }
control e(inout bit<8> x) { action a1() { } table t { actions = { a1; } } action b() { switch (t.apply().action_run) { a1: { } } } apply { } }
