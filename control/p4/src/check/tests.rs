//! Small programs, and what is found in them.
//!
//! Each line of an expectation is a finding: place, code, message, then its help.

use expect_test::{Expect, expect};

use super::check;
use crate::diag::{Diagnostics, Style};
use crate::hir::{ExprKind, LocalDecl, Program, Ty};
use crate::source::SourceMap;
use crate::syntax::{MemoryFiles, PreprocessorOptions, parse};

fn compile(text: &str) -> (Program, Diagnostics, SourceMap) {
    let files = MemoryFiles::new().with("test.p4", text);
    let mut map = SourceMap::new();
    let mut diags = Diagnostics::new();
    let unit = parse(&files, "test.p4", &PreprocessorOptions::default(), &mut map, &mut diags);
    let program = check(&unit, &mut diags);
    (program, diags, map)
}

fn check_errors(text: &str, expected: Expect) {
    let (_, diags, map) = compile(text);
    let mut found = String::new();
    for diagnostic in &diags {
        let at = map
            .lookup(diagnostic.span().start)
            .map_or_else(String::new, |l| format!("{}:{}", l.line, l.column));
        found += &format!("{at} {} {}\n", diagnostic.code, diagnostic.message);
        for help in &diagnostic.help {
            found += &format!("    {}\n", help.text);
        }
    }
    expected.assert_eq(&found);
}

/// A program without findings.
fn accepted(text: &str) -> Program {
    let (program, diags, map) = compile(text);
    let found: String = diags.iter().map(|diagnostic| diagnostic.render(&map, Style::Plain)).collect();
    assert!(diags.is_empty(), "{found}");
    program
}

/// The statements of a control's `apply`, in an environment of variables.
fn in_apply(statements: &str) -> String {
    format!(
        "#include <core.p4>
header H {{ bit<8> f; bit<16> g; varbit<32> v; }}
struct S {{ bit<8> a; bool b; }}
enum E {{ X, Y }}
enum bit<8> F {{ A = 1, B = 2 }}
type bit<8> N;
extern Ext {{ Ext(); void run(in bit<8> x); bit<8> get(); bit<8> get(in bit<8> x); }}
extern void out_of(out bit<8> x);
extern void both<T>(in T a, in T b);
control c(inout bit<8> x, inout bit<16> y, inout int<8> z, in bit<8> i, inout H h, inout S s, inout H[4] st)(int n) {{
    Ext() ext;
    apply {{
{statements}
    }}
}}
"
    )
}

fn apply_errors(statements: &str, expected: Expect) {
    check_errors(&in_apply(statements), expected);
}

#[test]
fn names() {
    check_errors(
        "const bit<8> early = late; const bit<8> late = 1; const bit<8> late = 2;
control c(inout bit<8> hops) { apply { hosp = 1; bit<8> hops = 2; nothing(); c = 1; } }
packet_in p;",
        expect![[r#"
            2:80 E0201 expected a name, found `=`
            3:11 E0207 a variable at the top level
                packets share no variables; declare a `const`, or an extern such as a register
            1:22 E0305 `late` is used before it is declared
                move the declaration up: P4 wants declarations before uses
            1:64 E0302 `late` is declared more than once in this scope
                give one of them another name
            2:40 E0301 `hosp` is not declared
                did you mean `hops`?
            2:57 E0302 `hops` hides the parameter of the same name
                give it another name
            2:67 E0301 `nothing` is not declared
            3:1 E0405 the variable `p` stands outside of any parser or control
                make it a `const`, or declare it where it is used
        "#]],
    );
}

#[test]
fn operand_types() {
    apply_errors(
        "x = x + y;
x = x + z;
x = ~1;
x = 1 << x;
x = x << z;
x = x << -1;
if (x) { }
x = x == 1;
y = x ++ 5;
x = z / 2;
x = x / 0;
x = (bool)x ? 1 : 2;
x = h.f[7:8];
x[8:1] = 0;
x = x |+| z;",
        expect![[r#"
            13:5 E0311 the operands of `+` have different types, `bit<8>` and `bit<16>`
                cast one operand, for instance the left one to `bit<16>`
            14:5 E0311 the operands of `+` have different types, `bit<8>` and `int<8>`
                cast one operand
            15:5 E0312 `~` is not defined for `int`
                give the operand a width, as in `~8w1`
            16:5 E0325 an `int` without width can be shifted only by an amount that is known at compile time
                give the left operand a width, as in `32w1 << x`
            17:5 E0325 the amount of a shift has to be unsigned
                cast it: `(bit<8>)`
            18:5 E0325 shifts by negative amounts are not defined
            19:5 E0310 a condition has type `bool`, and this is `bit<8>`
                compare it, as in `x != 0`: numbers are not conditions in P4
            20:5 E0310 what is assigned to has type `bit<8>`, and this is `bool`
            21:10 E0327 an operand of `++` needs a width
                write it with a width, as in `8w5`
            22:5 E0324 division is not defined for signed numbers
            23:5 E0324 division by zero
            24:5 E0313 `bit<8>` cannot be cast to `bool`
                compare it, as in `x != 0`
            25:5 E0323 the lower bound 8 is above the upper bound 7
                a slice is written `[high:low]`
            26:3 E0323 bit 8 is beyond the width of 8 bits
            27:5 E0311 the operands of `|+|` have different types, `bit<8>` and `int<8>`
                cast one operand
        "#]],
    );
}

#[test]
fn casts() {
    accepted(&in_apply(
        "x = (bit<8>)y; y = (bit<16>)x; z = (int<8>)x; x = F.A; y = (bit<16>)F.B;
x = (bit<8>)(F)3; N m = (N)x; x = (bit<8>)m; bool t = (bool)1w1; t = (bool)1; bit<1> u = (bit<1>)t;
h = (H){#}; s = (S){ 1, true }; s = { b = true, a = 2 }; s = { 3, ... }; st = { {#}, {#}, ... };
t = h == {#}; t = s == { 1, true }; F e = (F)x; t = e == F.A; x = e + 1; z = (int<8>)((int<16>)z * 2);
x = (bit<8>)((int)y + 1); x = (bit<8>)n; y = x ++ z; x = y[11:4]; x = y[x +: 8]; x = (bit<8>)(y >> n);",
    ));
    apply_errors(
        "z = (int<8>)y;
x = (bit<8>)E.X;
E e = (E)1;
F f = 1;
N m = x;
m = m + 1;
s = { 1 };
s = { a = 1, c = true };
s = { a = 1, a = 2 };
h = { 1, true };
x = (bool)2;",
        expect![[r#"
            13:5 E0313 `bit<16>` cannot be cast to `int<8>`
                write two casts: `(int<8>)(int<16>)`
            14:5 E0313 `E` cannot be cast to `bit<8>`
            15:7 E0313 `int` cannot be cast to `E`
            16:7 E0310 the variable `f` has type `F`, and this is `int`
                convert it with a cast: `(F)`
            17:7 E0310 the variable `m` has type `N`, and this is `bit<8>`
                convert it with a cast: `(N)`
            18:5 E0312 `+` is not defined for `N`
                cast it to the type it is made of
            19:5 E0310 this does not fit `S`: it has 2 fields, and 1 is given
            20:5 E0310 this does not fit `S`: it has no field `c`
            21:14 E0302 the field `a` is given more than once
            21:5 E0310 this does not fit `S`: the field `b` has no value
            22:5 E0310 this does not fit `H`: it has 3 fields, and 2 are given
            23:5 E0313 only 0 and 1 can be cast to `bool`, and this is 2
        "#]],
    );
}

#[test]
fn members_and_elements() {
    apply_errors(
        "x = h.ff;
x = s.isValid();
s.setValid();
h.setvalid();
x = st[4].f;
x = st[-1].f;
x = st.next.f;
x = x[0];
ext.rum(1);
ext.run(1, 2);
x = E.Z;
x = error.Nothing;
st.push_front(0);
x = F.A.minSizeInBits() + E.minSizeInBits();",
        expect![[r#"
            13:7 E0304 `H` has no field `ff`
            14:7 E0304 `S` has no method `isValid`
            15:3 E0304 `S` has no method `setValid`
            16:3 E0304 `H` has no method `setvalid`
            17:8 E0323 the index 4 is beyond the last element
            18:8 E0323 an index cannot be negative, and this is -1
            19:8 E0421 `next` of a header stack can only be used in a parser
                use an index, as in `stack[0]`
            20:5 E0312 `bit<8>` cannot be indexed
                a single bit is a slice: `x[i:i]`
            21:5 E0304 `Ext` has no method `rum`
                did you mean `run`?
            22:12 E0320 the method `run` takes 1 argument, and 2 are given
            23:7 E0304 the type `E` has no member `Z`
            24:11 E0304 the type `error` has no member `Nothing`
            25:15 E0323 the argument of `push_front` has to be positive, and this is 0
            26:27 E0312 `E` has no size that is known at compile time
        "#]],
    );
}

#[test]
fn lvalues() {
    apply_errors(
        "i = 1;
n = 1;
out_of(i);
out_of(5);
out_of(x + 1);
ext.get() = 1;
out_of(_);
h.f[3:0] = 1;
out_of(y);",
        expect![[r#"
            13:1 E0402 this is assigned to, but `i` is an `in` parameter and can only be read
                declare it `inout`, or copy it to a variable
            14:1 E0402 this is assigned to, but `n` is a constructor parameter and can only be read
                copy it to a variable
            15:8 E0402 the `out` parameter `x` is written to, but `i` is an `in` parameter and can only be read
                declare it `inout`, or copy it to a variable
            16:8 E0401 the `out` parameter `x` is written to, and this is a value, not storage
            17:8 E0401 the `out` parameter `x` is written to, and this is a value, not storage
            18:1 E0401 this is assigned to, and the result of a call is no storage
            21:8 E0310 the parameter `x` has type `bit<8>`, and this is `bit<16>`
        "#]],
    );
}

#[test]
fn calls_and_inference() {
    accepted(&in_apply(
        "both(x, 1); both(1, x); both<bit<8>>(1, 2); both({ x, 8w1 }, { x, x }); both(s, { 1, true });",
    ));
    apply_errors(
        "both(1, 2);
both(x, y);
both(a = x, 1);
both(a = x, a = x);
both(a = x, c = x);
both(x);
both<bit<8>, bit<8>>(x, x);
x = ext.get(1, 2);
both({#}, {#});",
        expect![[r#"
            13:1 E0327 the arguments make `T` a type that contains `int`, which has no width
                write a width into the literals, as in `8w5`
            14:9 E0310 the parameter `b` has type `bit<8>`, and this is `bit<16>`
                convert it with a cast: `(bit<8>)`
            15:13 E0320 either all arguments are named or none is
            16:13 E0320 this parameter is given more than one argument
            17:13 E0320 the extern function `both` has no parameter `c`
            18:1 E0320 no argument is given for the parameter `b` of the extern function `both`
            19:6 E0314 `both` takes 1 type argument, 2 given
            20:9 E0321 no `get` takes these arguments
            21:1 E0315 nothing determines the type `T`
                cast the argument, as in `(T){ ... }`
        "#]],
    );
}

#[test]
fn statements() {
    apply_errors(
        "break;
return 1;
for (bit<8> k in 0 .. 3) { if (k == x) { continue; } x = x + k; }
for (bit<8> k = 0; k < 3; k = k + 1) { x += k; }
for (H e in st) { x = e.f; }
for (S e in st) { }
switch (x) { 1: { } 2: 1: { } default: { } 3: { } }
switch (s.b) { }
x |= y;
x <<= 3;
int k = 1;
Ext e;",
        expect![[r#"
            13:1 E0405 `break` can only be used in a loop
            14:8 E0405 nothing is returned here, so `return` takes no value
            18:13 E0310 the variable `e` has type `S`, and the elements have type `H`
            19:24 E0413 this label is there twice
            19:44 E0413 no label can stand behind `default`
            20:9 E0312 a `switch` is on bits, an enum, an error or the action of a table, not on `bool`
                use `if`
            21:1 E0311 the operands of `|` have different types, `bit<8>` and `bit<16>`
                cast one operand, for instance the left one to `bit<16>`
            23:1 E0417 there are no variables of type `int`
                give it a width, as in `int<32>`, or make it a `const`
            24:1 E0417 there are no variables of type `Ext`
                to make an instance, write `Ext(...) e;`
        "#]],
    );
}

#[test]
fn functions_return_on_all_paths() {
    check_errors(
        "bit<8> f(in bit<8> x) { if (x == 1) { return 1; } }
bit<8> g(in bit<8> x) { if (x == 1) { return 1; } else if (x == 2) { return 2; } else { return 3; } }
bit<8> h(in bit<8> x) { switch (x) { 1: { return 1; } default: { return 2; } } }
bit<8> i(in bit<8> x) { for (bit<8> k in 0 .. x) { return k; } }
void j() { return 1; }
bit<8> k() { return; }
void l() { exit; }
bit<8> m(in bit<8> x) { return m(x); }",
        expect![[r#"
            1:8 E0404 the function `f` does not return a value on every path
            4:8 E0404 the function `i` does not return a value on every path
            5:19 E0405 nothing is returned here, so `return` takes no value
            6:14 E0405 a value of type `bit<8>` has to be returned
            7:12 E0405 `exit` cannot be used in a function
            8:32 E0318 `m` calls itself
        "#]],
    );
}

#[test]
fn type_declarations() {
    check_errors(
        "#include <core.p4>
enum E { X }
header H1 { E e; int i; H1 h; }
header_union U { bit<8> x; }
struct S { string s; packet_in p; S self; }
struct G<T> { T t; }
const G x = { 1 };
const G<bit<8>, bit<8>> y = { 1 };
const E<bit<8>> z = E.X;
typedef bit<(0 - 1)> t0;
typedef bit<100000> t1;
typedef int<0> t2;
enum bit<4> F { A = 16, B = A, A = 2 }
enum bool B { A = true }
type H2 N;
type E M;
header H3 { G<E> g; }
header H4<T> { T t; }
typedef H4<packet_out> t3;",
        expect![[r#"
            3:15 E0317 a header cannot have the field `e` of type `E`
                give the enum an underlying type, as in `enum bit<8> E { ... }`
            3:22 E0317 a header cannot have the field `i` of type `int`
                `int` has no width: write it, as in `bit<32>` or `int<32>`
            3:25 E0318 `H1` refers to itself in its own declaration
            4:25 E0317 a header union cannot have the field `x` of type `bit<8>`
            5:19 E0317 a struct cannot have the field `s` of type `string`
            5:32 E0317 a struct cannot have the field `p` of type `packet_in`
            5:35 E0318 `S` refers to itself in its own declaration
            7:7 E0314 `G` is generic and needs 1 type argument
            8:7 E0314 `G` takes 1 type argument, 2 given
            9:7 E0314 `E` is not generic
            10:13 E0316 a width cannot be negative, and this is -1
            11:13 E0316 widths up to 65535 bits are supported
            12:13 E0316 a signed integer needs at least one bit
            13:21 E0323 the value 16 of `A` does not fit the underlying type `bit<4>`
            13:32 E0302 `A` is declared more than once in this scope
                give one of them another name
            14:6 E0317 an enum cannot be made of `bool`, only of `bit<w>` and `int<w>`
            15:6 E0301 `H2` is not declared
            16:6 E0417 `type` cannot be made of `E`, only of `bit<w>`, `int<w>` and `bool`
                use `typedef`
            17:18 E0317 a header cannot have the field `g` of type `G<E>`
            19:9 E0317 a header cannot have the field `t` of type `packet_out`
        "#]],
    );
}

#[test]
fn constants() {
    let program = accepted(
        "const int a = 7; const bit<8> b = a * 2 + 1; const int<8> c = -a; const bool d = a > 6 && b == 15;
const string e = \"x\" ++ \"y\"; const bit<4> f = b[3:0]; const int g = (1 << 100) >> 98; const int h = 17 % 5;
struct P { bit<8> u; bit<8> v; } const P p = { v = 1, u = 2 }; const bit<8> q = p.u + p.v;
const tuple<bit<8>, bool> t = { 5, true }; const bit<8> r = t[0]; const bit<8> s = t[1] ? 8w1 : 2;
const bit<16> w = 8w0xAB ++ 8w0xCD; const bit<8> o = 8w250 |+| 10; const bit<8> k = (bit<8>)P.minSizeInBits();
control ctl(out bit<8> x) { apply { x = b; x = (bit<8>)c; x = q; x = r; x = s; x = w[7:0]; x = o; x = k; } }",
    );
    let control = &program.controls.values().next().unwrap();
    let values: Vec<String> = control
        .body
        .stmts
        .iter()
        .map(|stmt| match &stmt.kind {
            crate::hir::StmtKind::Assign { value, .. } => match &value.kind {
                ExprKind::Int(value) => value.to_string(),
                other => format!("{other:?}"),
            },
            other => format!("{other:?}"),
        })
        .collect();
    assert_eq!(values, ["15", "249", "3", "5", "1", "205", "255", "16"]);
    check_errors(
        "#include <core.p4>
extern bit<8> f();
const bit<8> a = f();
const bool b = static_assert(1 > 2, \"one is not more than two\");
const int c = -7 / 2;
const bit<8> d = 256;
const bit<8> e = -1;
const int g = 1 << 100000000000;
control k(inout bit<8> x)(bit<8> n) { const bit<8> m = n; bit<(n)> y; apply { const bit<8> o = x; } }",
        expect![[r#"
            3:18 E0403 extern functions and methods cannot be called at the top level
            3:18 E0326 the value of a constant has to be a compile-time known value
            4:16 E0414 static assertion failed: one is not more than two
            5:15 E0324 division and modulo are not defined for negative numbers
            6:18 W0301 the constant 256 does not fit `bit<8>` and becomes 0
            7:18 W0301 the negative constant -1 becomes 255 as `bit<8>`
            8:15 E0328 this constant has too many bits
            9:56 E0326 the value of a constant has to be a compile-time known value
            9:63 E0326 a width has to be a compile-time known value
            9:96 E0326 the value of a constant has to be a compile-time known value
        "#]],
    );
}

#[test]
fn parsers() {
    check_errors(
        "#include <core.p4>
header H { bit<8> f; } header V { varbit<8> v; } struct S { H h; V v; H[2] s; }
parser p(packet_in b, out S s)(bool flag) {
    value_set<bit<8>>(4) vs;
    state start {
        b.extract(s.h);
        b.extract(s.v);
        b.extract(s.v, 8);
        b.extract(s);
        b.extract(s.s.next);
        bit<8> x = b.lookahead<bit<8>>();
        b.lookahead<varbit<8>>();
        verify(x == 1, error.NoMatch);
        transition select(x, flag) {
            (1, true): next;
            (2 &&& 3, _): accept;
            (1 .. 2, false): reject;
            (true, true): accept;
            1: accept;
            default: done;
            (3, _): start;
        }
    }
    state next { transition select(x) { vs: start; } }
    state more { transition select(s.h.f) { vs: start; 256: accept; } }
    state accept { transition start; }
    state next { transition start; }
}
parser q() { state begin { return; } }
parser r() { state start { transition start; } }
control c() { apply { verify(true, error.NoMatch); p.apply(); } }",
        expect![[r#"
            29:28 E0207 `return` in a parser state
                `transition accept` and `transition reject` end parsing
            26:11 E0406 the state `accept` is built in and cannot be declared
            27:11 E0302 `next` is declared more than once in this scope
                give one of them another name
            7:19 E0310 `V` has a `varbit` field, whose size `extract` takes as second argument
            9:19 E0310 `extract` fills in a header, and this is `S`
            12:9 E0310 `lookahead` needs a type of fixed size, unlike `varbit<8>`
            18:14 E0310 what is selected on has type `bit<8>`, and this is `bool`
            19:13 E0420 1 keyset given for 2 values
            20:22 E0301 there is no state `done`
            21:13 W0303 this case is never reached
            24:36 E0301 `x` is not declared
            25:56 W0301 the constant 256 does not fit `bit<8>` and becomes 0
            29:20 W0307 the state `begin` ends in `reject`, without saying so
                write `transition reject;`, or `transition accept;` if parsing is done
            29:8 E0406 the parser `q` has no state `start`
            30:8 E0406 the parser `r` never reaches `accept` or `reject`
                give one of its loops a way out
            31:23 E0403 `verify` can only be called in a parser
            31:52 E0320 `p` has constructor parameters and cannot be applied without an instance
                declare an instance, as in `p(...) instance;`
        "#]],
    );
}

#[test]
fn tables() {
    check_errors(
        "#include <core.p4>
control c(inout bit<8> x, inout bit<32> y) {
    action a() { } action b(inout bit<8> p, bit<8> d) { p = d; } action z(bit<8> d) { x = d; }
    table t0 { key = { x : exakt; x + 1 : exact; x == 1 : exact @name(\"one\"); } actions = { a; } }
    table t1 { actions = { a; a; q; x; b; } }
    table t2 { actions = { b(x); z(1); } default_action = b(x, 1); size = -1; }
    table t3 { actions = { b(x); a; } default_action = b(x + 0, 1); }
    table t4 { actions = { z; @tableonly a; } default_action = a; }
    table t5 { default_action = a; actions = { a; } key = { x : exact; } key = { x : exact; } }
    table t6 { key = { x : exact; y : lpm; } actions = { a; @defaultonly z; }
        const entries = { (1, 0x0A000000 &&& 0xFF000000) : a; (2, 5 &&& 0xF0F) : a; (3, 1) : z(1); (_, _) : a;
            (4) : a; priority = 1 : (5, 5) : a(); } }
    table t7 { key = { x : exact; } actions = { a; z; } entries = { 1 : a; 2 : z(3); 1 : z(4); 3 : z; } }
    table t8 { key = { x : ternary; } actions = { a; } largest_priority_wins = 3; priority_delta = 0;
        entries = { priority = 10 : 1 : a; 2 : a; priority = 20 : 3 : a; } }
    apply { t0.apply(); t0.apply(1); if (t1.apply()) { } bool hit = t2.apply().hit;
        switch (t7.apply().action_run) { a: { } b: { } } t7.app(); x = t7.apply().action_run; }
}",
        expect![[r#"
            4:28 E0301 there is no match kind `exakt`
                did you mean `exact`?
                the match kinds are `exact`, `ternary`, `lpm`
            4:35 E0412 the control plane has no name for this key, as it is more than a field, element or slice
                name it: `@name("...")` behind the match kind
            5:31 E0410 the table has two actions named `a`
            5:34 E0301 `q` is not declared
            5:37 E0303 `x` is a variable, not an action
            5:40 E0320 no argument is given for the parameter `p` of the action `b`
            6:75 E0409 `size` cannot be negative, and this is -1
            6:36 E0410 the parameter `d` is set by the control plane and cannot be bound
            7:58 E0410 the parameter `p` is bound differently in the list of actions
            8:64 E0410 a `@tableonly` action cannot be the default action
            9:74 E0409 the property `key` is given twice
            9:16 E0409 `default_action` has to stand behind `actions`
            11:73 E0411 this mask is no prefix
            11:94 E0410 a `@defaultonly` action cannot be in an entry
            11:101 E0411 a key that is matched `exact` cannot take the set of all values
            12:13 E0411 1 keyset given for 2 keys
            12:33 E0411 `const entries` have no priorities: their order decides
                leave the priority out, or the `const` before `entries`
            13:100 E0320 no argument is given for the parameter `d` of the action `z`
            14:80 E0409 `largest_priority_wins` has to be a constant `bool`, and this is `int`
            14:100 E0409 `priority_delta` has to be positive, and this is 0
            15:51 W0306 this entry is tried before the one that is written before it
            16:34 E0320 `apply` of a table takes no arguments
            16:42 E0310 a condition has type `bool`, and this is `apply_result(t1)`
                `.hit` says whether an entry matched, as in `t.apply().hit`
            17:49 E0413 `b` is not an action of the table `t7`
                its actions are `a`, `z`, `NoAction`
            17:61 E0304 a table has no method `app`, only `apply`
            17:72 E0312 `action_run` can only be what a `switch` is on
                write `switch (t.apply().action_run) { ... }`
        "#]],
    );
}

#[test]
fn priorities_are_counted() {
    let program = accepted(
        "#include <core.p4>
control c(inout bit<8> x) {
    action a(bit<8> v) { x = v; }
    table t { key = { x : ternary; } actions = { a; } largest_priority_wins = false; priority_delta = 10;
        entries = { const priority = 10 : 1 : a(1); 2 : a(2); 3 : a(3); priority = 50 : 4 : a(4); _ : a(5); } }
    table u { key = { x : ternary; } actions = { a; } entries = { 1 : a(1); 2 &&& 6 : a(2); _ : a(3); } }
    apply { t.apply(); u.apply(); }
}",
    );
    let priorities: Vec<Vec<u32>> = program
        .tables
        .values()
        .map(|table| table.entries.iter().map(|entry| entry.priority).collect())
        .collect();
    assert_eq!(priorities, [vec![10, 20, 30, 50, 60], vec![3, 2, 1]]);
    let table = program.tables.values().next().unwrap();
    assert_eq!((table.actions.len(), table.default_action.0, table.default_is_explicit), (2, 1, false));
    assert!(table.entries[0].is_const && !table.entries[1].is_const);
}

#[test]
fn places() {
    check_errors(
        "#include <core.p4>
extern Ext { Ext(); void run(); }
control d() { apply { } }
parser p() { d() x; state start { d.apply(); transition accept; } }
control c(inout bit<8> x) {
    p() y;
    action a() { d.apply(); t.apply(); exit; Ext() e; }
    action b(bit<8> v, in bit<8> w, packet_in q) { }
    table t { actions = { a; NoAction; } }
    Ext() e;
    apply { p.apply(); d() z; Ext(); b(1, 2); a(); e.run(); t.apply(); }
}
d() top;
void f() { d.apply(); e.run(); Ext() e; }
void g(in string s, out int i, packet_in q) { }
control h(in packet_in q)(in bit<8> v, d block) { apply { } }
control k<T>(inout T v) { apply { } }",
        expect![[r#"
            11:36 E0201 expected the name of the instance, found `;`
            4:18 E0408 a control cannot be instantiated in the declarations of a parser
            4:35 E0403 controls cannot be called in a parser state
            6:9 E0408 a parser cannot be instantiated in the declarations of a control
            7:18 E0403 controls cannot be called in an action
            7:29 E0305 `t` is used before it is declared
                move the declaration up: P4 wants declarations before uses
            7:52 E0408 an extern cannot be instantiated in an action
            8:34 E0419 the parameters of an action that have no direction stand last
            8:37 E0419 `q`: an action cannot have parameters of type `packet_in`
            11:13 E0403 parsers cannot be called in an `apply` block
            11:28 E0408 a control cannot be instantiated in an `apply` block
                move it up, before `apply`
            11:38 E0320 no argument is given for the parameter `q` of the action `b`
            13:5 E0408 a control cannot be instantiated at the top level
                instantiate it where it is used, or in the arguments of the package
            14:12 E0403 controls cannot be called in a function
            14:23 E0301 `e` is not declared
            14:38 E0408 an extern cannot be instantiated in a function
            15:8 E0407 a parameter of type `string` cannot have a direction
                leave the direction out
            15:21 E0407 a parameter of type `int` cannot have a direction
                leave the direction out
            16:11 E0407 a parameter of type `packet_in` cannot have a direction
                leave the direction out
            16:27 E0407 the parameters of constructors are compile-time values and have no direction
            16:40 E0417 `block`: the constructor of a control cannot have parameters of type `control d`
            17:11 E0423 a control with a body cannot be generic
                use concrete types
        "#]],
    );
}

#[test]
fn packages() {
    let text = "#include <core.p4>
parser P<H>(packet_in b, out H h);
control C<H, M>(inout H h, inout M m);
package Switch<H, M>(P<H> p, C<H, M> c, @optional C<H, _> o, bit<8> n = 3);
struct S { bit<8> x; }
parser prs(packet_in b, out S s) { state start { transition accept; } }
control ctl(inout S s, inout bit<8> m)(bool flag) { apply { } }
control odd(in S s, inout bit<8> m) { apply { } }
control two(inout bit<8> s, inout bit<8> m) { apply { } }
";
    let program = accepted(&format!("{text}Switch(prs(), ctl(true)) main;"));
    let main = &program.instances[program.main.unwrap()];
    assert!(matches!(&main.ty, Ty::Package(_, args) if args.len() == 2 && args[1] == Ty::Bit(8)));
    assert!(main.args[2].is_none() && main.args[3].is_some());
    accepted(&format!("{text}Switch(c = ctl(true), p = prs(), n = 4) main;"));
    check_errors(
        &format!(
            "{text}Switch(prs(), odd()) a; Switch(prs(), two()) b; Switch(prs(), prs()) d; Switch(prs()) e; ctl(1) f;"
        ),
        expect![[r#"
            10:15 E0310 the parameter `c` has type `control C<S, _>`, and this is `control odd`
            10:39 E0310 the parameter `c` has type `control C<S, _>`, and this is `control two`
            10:63 E0310 the parameter `c` has type `control C<S, _>`, and this is `parser prs`
            10:73 E0320 no argument is given for the parameter `c` of the package `Switch`
            10:97 E0408 a control cannot be instantiated at the top level
                instantiate it where it is used, or in the arguments of the package
        "#]],
    );
}

#[test]
fn abstract_methods() {
    let text = "extern Balancer<T> { Balancer(); bit<32> count(); abstract T pick(in bit<32> a); }
";
    let program = accepted(&format!(
        "{text}Balancer<bit<4>>() b = {{ bit<4> pick(in bit<32> a) {{ return (this.count() + a)[3:0]; }} }};"
    ));
    let instance = program.instances.values().next().unwrap();
    assert_eq!(instance.methods.len(), 1);
    check_errors(
        &format!(
            "{text}Balancer<bit<4>>() a;
Balancer<bit<4>>() b = {{ bit<8> pick(in bit<32> a) {{ return 1; }} }};
Balancer<bit<4>>() d = {{ bit<4> pick(in bit<32> a) {{ return 1; }} void nothing() {{ }} }};
bit<8> f() {{ return this.x(); }}"
        ),
        expect![[r#"
            2:20 E0416 the abstract method `pick` is not implemented
            3:33 E0330 `pick` does not fit the abstract method that it implements
            4:71 E0416 `Balancer<bit<4>>` has no abstract method `nothing`
            5:21 E0303 `this` can only be used in the implementation of an abstract method
        "#]],
    );
}

#[test]
fn annotations() {
    accepted("@a(1) @a(2) @b[1, \"x\", true] @c[k = 1, l = 2 + 3] const bit<8> x = 1;");
    check_errors(
        "@a[1] @a[2] @b(1) @b[2] @c[k = 1, k = 2] @d[{1}] @name(3) @hidden(1) const bit<8> x = 1;
@deprecated(\"use g\") extern void f();
control c() { apply { f(); } }
@noWarn(\"deprecated\") control d() { apply { f(); } }",
        expect![[r#"
            1:7 E0415 the annotation `@a` is given more than once on the same element
            1:19 E0415 the annotation `@b` is given both with brackets and without on the same element
            1:35 E0415 the key `k` is given more than once
            1:45 E0415 structured annotations contain constant strings, integers and booleans, and this is `{int}`
            1:50 E0415 the annotation `@name` takes one string
                write `@name("...")`
            1:59 E0415 the annotation `@hidden` has no body
            3:23 W0304 `f` is deprecated: use g
        "#]],
    );
}

#[test]
fn arguments_are_in_parameter_order() {
    let program = accepted(
        "extern void f(in bit<8> a, in bit<16> b = 7, @optional in bool c);
control c(inout bit<8> x) { bit<8> y = 1; apply { f(a = x); f(b = 3, a = 2); } }",
    );
    let control = program.controls.values().next().unwrap();
    assert!(matches!(control.locals.as_slice(), [LocalDecl::Variable(_, Some(_))]));
    let shapes: Vec<Vec<bool>> = control
        .body
        .stmts
        .iter()
        .filter_map(|stmt| match &stmt.kind {
            crate::hir::StmtKind::Call(expr) => match &expr.kind {
                ExprKind::Call(call) => Some(call.args.iter().map(|arg| arg.expr.is_some()).collect()),
                _ => None,
            },
            _ => None,
        })
        .collect();
    assert_eq!(shapes, [[true, true, false], [true, true, false]]);
}

#[test]
fn a_finding_shows_both_places() {
    let (_, diags, map) =
        compile("struct S { bit<8> a; }\ncontrol c(inout S s) { apply { s = { a = true }; s.b = 1; } }");
    let found: String = diags.iter().map(|diagnostic| diagnostic.render(&map, Style::Plain)).collect();
    expect![[r#"
        error[E0310]: the field `a` has type `bit<8>`, and this is `bool`
         --> test.p4:2:42
          |
        2 | control c(inout S s) { apply { s = { a = true }; s.b = 1; } }
          |                                          ^^^^ expected `bit<8>`, found `bool`
        error[E0304]: `S` has no field `b`
         --> test.p4:2:52
          |
        1 | struct S { bit<8> a; }
          |        - declared here
        2 | control c(inout S s) { apply { s = { a = true }; s.b = 1; } }
          |                                                    ^
    "#]]
    .assert_eq(&found);
}

#[test]
fn nothing_panics_or_runs_away() {
    let doubling: String =
        (1..80).map(|i| format!("struct S{i} {{ S{} a; S{} b; }}\n", i - 1, i - 1)).collect();
    compile(&format!(
        "struct S0 {{ bit<8> a; }}\n{doubling}control c(inout S79 x) {{ apply {{ bool b = x == {{ ... }}; }} }}"
    ));
    let tuples: String = (1..80).map(|i| format!("typedef tuple<T{}, T{}> T{i};\n", i - 1, i - 1)).collect();
    compile(&format!("typedef tuple<bit<8>> T0;\n{tuples}"));
    let generics: String =
        (1..80).map(|i| format!("struct G{i}<T> {{ G{}<tuple<T, T>> a; }}\n", i - 1)).collect();
    compile(&format!(
        "struct G0<T> {{ T a; }}\n{generics}control c(inout G79<bit<8>> x) {{ apply {{ x.a.a.a = x.a.a.a; bool b = x == x; }} }}"
    ));
    let squares: String = (1..60).map(|i| format!("const int a{i} = a{} * a{};\n", i - 1, i - 1)).collect();
    compile(&format!("const int a0 = 3;\n{squares}"));
    compile(&format!(
        "control c(inout bit<8> x) {{ apply {{ x = x{}; x = x{}; }} }}",
        " + x".repeat(900),
        "[7:0]".repeat(900)
    ));
    compile(&format!(
        "extern bit<8> f(in bit<8> x); control c() {{ apply {{ f({}1{}); }} }}",
        "f(".repeat(250),
        ")".repeat(250)
    ));
    compile(
        "typedef A B; typedef B A; struct X { Y y; } struct Y { X x; } type N N; typedef T T; const int c = c;
enum bit<E.a> E { a = 1 } parser p() { p() q; state start { q.apply(); transition accept; } } parser PT<T>(PT<T> x);
control d() { apply { d.apply(); } } void f() { f(); } action a() { a(); } package P(P p); extern X<T> { X(X<T> y); }",
    );
}
