//! A test per production: what the tree is, and what is said about what is no tree.

use expect_test::{Expect, expect};

use super::*;
use crate::diag::Style;
use crate::source::SourceMap;
use crate::syntax::dump::dump;
use crate::syntax::{MemoryFiles, PreprocessorOptions};

fn parse_text(input: &str) -> (SourceUnit, SourceMap, Diagnostics) {
    let files = MemoryFiles::new().with("t.p4", input);
    let (mut map, mut diags) = (SourceMap::new(), Diagnostics::new());
    let unit = crate::syntax::parse(&files, "t.p4", &PreprocessorOptions::default(), &mut map, &mut diags);
    (unit, map, diags)
}

/// The tree, then a line per diagnostic.
fn check(input: &str, expect: Expect) {
    let (unit, map, diags) = parse_text(input);
    let mut text = dump(&unit);
    for diagnostic in &diags {
        let place = map.lookup(diagnostic.span().start);
        let place = place.map_or("nowhere".to_owned(), |at| format!("{}:{}", at.line, at.column));
        text.push_str(&format!("{place}: {}: {}\n", diagnostic.code, diagnostic.message));
    }
    expect.assert_eq(&text);
}

/// An expression in a function whose scope has the types `T`, `E` and `G<X>` and no other.
fn check_expr(input: &str, expect: Expect) {
    let text = format!("typedef bit<8> T; enum E {{ A }} struct G<X> {{}} bool f() {{ return {input}; }}");
    let (unit, map, diags) = parse_text(&text);
    let text = dump(&unit);
    let mut text = text.rsplit_once("return ").map_or("", |(_, expr)| expr.trim_end()).to_owned();
    for diagnostic in &diags {
        text.push_str(&format!("\n{}: {}", diagnostic.code, diagnostic.message));
    }
    assert!(!map.files().is_empty());
    expect.assert_eq(text.trim_start());
}

/// Statements in a function.
fn check_stmts(input: &str, expect: Expect) {
    let text = format!("typedef bit<8> T; extern X<Y> {{}} void f() {{\n{input}\n}}");
    let (unit, map, diags) = parse_text(&text);
    let text = dump(&unit);
    let body = text.split_once("void f()\n").map_or("", |(_, body)| body);
    let mut text: String =
        body.lines().map(|line| format!("{}\n", line.strip_prefix("  ").unwrap_or(line))).collect();
    for diagnostic in &diags {
        let line = map.lookup(diagnostic.span().start).map_or(0, |at| at.line);
        text.push_str(&format!("{}: {}: {}\n", line - 1, diagnostic.code, diagnostic.message));
    }
    expect.assert_eq(&text);
}

#[test]
fn literals() {
    check_expr(
        "{ 8w0xFF, 4s1, 0b101, 1_000, true, \"a\\\"b\", {#}, ..., this }",
        expect![[r#"(list 8w255 4s1 5 1000 true "a\\\"b" {#} ... this)"#]],
    );
    check_expr(
        "0b12",
        expect![[r#"
        <error>
        E0113: invalid integer: `2` is no digit in base 2"#]],
    );
    check_expr("\"a\" ++ \"b\"", expect![[r#"(++ "a" "b")"#]]);
}

#[test]
fn precedence() {
    check_expr("a + b * c - d", expect!["(- (+ a (* b c)) d)"]);
    check_expr(
        "a || b && c == d < e | f ^ g & h << i + j * -k",
        expect!["(|| a (&& b (== c (< d (| e (^ f (& g (<< h (+ i (* j (- k)))))))))))"],
    );
    check_expr(
        "a * b + c << d & e ^ f | g < h == i && j || k",
        expect!["(|| (&& (== (< (| (^ (& (<< (+ (* a b) c) d) e) f) g) h) i) j) k)"],
    );
    check_expr("a << b >> c > > d", expect!["E0202: expected an expression, found `>`"]);
    check_expr("a >> b > c >= d", expect!["(>= (> (>> a b) c) d)"]);
    check_expr("a ++ b |+| c |-| d", expect!["(|-| (|+| (++ a b) c) d)"]);
    check_expr("a ? b : c ? d : e", expect!["(? a b (? c d e))"]);
    check_expr("a ? b ? c : d : e", expect!["(? a (? b c d) e)"]);
    check_expr("!a.b[3] && ~-+c == d", expect!["(&& (! (index a.b 3)) (== (~ (- (+ c))) d))"]);
    check_expr("(a + b) * c", expect!["(* (paren (+ a b)) c)"]);
}

#[test]
fn postfix() {
    check_expr("a.b.apply().hit", expect!["(call a.b.apply).hit"]);
    check_expr("a[3][7:0][i + 1 +: 4].last", expect!["(plus-slice (slice (index a 3) 7 0) (+ i 1) 4).last"]);
    check_expr(".a.b", expect![".a.b"]);
    check_expr("f(a, x = b, _, y = _)", expect!["(call f a, x=b, _, y=_)"]);
    check_expr(
        "a.key.actions.entries.state.type.list.priority",
        expect!["a.key.actions.entries.state.type.list.priority"],
    );
}

#[test]
fn calls_with_type_arguments() {
    check_expr("p.lookahead<bit<8>>()", expect!["(call p.lookahead <bit<8>>)"]);
    check_expr(
        "p.lookahead<T>() + f<T, X, _>(a)",
        expect!["(+ (call p.lookahead <T>) (call f <T, X, _> a))"],
    );
    check_expr("f<G<G<T>>>(a)", expect!["(call f <G<G<T>>> a)"]);
    check_expr("f<bit<(W >> 1)>>(x)", expect!["(call f <bit<(paren (>> W 1))>> x)"]);
    // Names that are no types compare.
    check_expr("a < b > (c)", expect!["(> (< a b) (paren c))"]);
    check_expr("a < E.A && b > (c)", expect!["(&& (< a 'E.A) (> b (paren c)))"]);
    check_expr("a < T(3)", expect!["(< a (call 'T 3))"]);
    check_expr("f<T>", expect!["E0201: expected `(` and the arguments of the call, found `;`"]);
}

#[test]
fn types_as_operands() {
    check_expr("E.A == error.NoMatch", expect!["(== 'E.A 'error.NoMatch)"]);
    check_expr(".E.A", expect!["'.E.A"]);
    check_expr("G<T>(1)", expect!["(call 'G<T> 1)"]);
    check_expr("G<bit<8>>(1).x", expect!["(call 'G<bit<8>> 1).x"]);
    check_expr("a + T", expect!["E0202: expected an expression, found a type"]);
    check_expr("bit<8>(a)", expect!["E0202: this type has no constructor"]);
    check_expr("error", expect!["E0201: expected `.` and the name of an error, found `;`"]);
}

#[test]
fn casts() {
    check_expr("(bit<8>) a + b", expect!["(+ (cast bit<8> a) b)"]);
    check_expr("(T) -a.b[1]", expect!["(cast T (- (index a.b 1)))"]);
    check_expr("(bit<(W+1)>)(int<8>)x", expect!["(cast bit<(paren (+ W 1))> (cast int<8> x))"]);
    check_expr("(a) - b", expect!["(- (paren a) b)"]);
    check_expr("(error) a == error.X", expect!["(== (cast error a) 'error.X)"]);
    check_expr("(error.X)", expect!["(paren 'error.X)"]);
    check_expr("(tuple<T, bool>) { 1, true }", expect!["(cast tuple<T, bool> (list 1 true))"]);
    check_expr("(G<T>){ x = 1 }", expect!["(cast G<T> (struct x=1))"]);
    check_expr("(Undeclared) a", expect!["(cast Undeclared a)"]);
    check_expr("(.T) a", expect!["(cast .T a)"]);
    check_expr("(E.A)", expect!["(paren 'E.A)"]);
    check_expr("(T[3]) a", expect!["(cast T[3] a)"]);
}

#[test]
fn braces() {
    check_expr("{}", expect!["(list)"]);
    check_expr("{ a, { b }, }", expect!["(list a (list b))"]);
    check_expr("{ a = 1, type = { b = 2 } }", expect!["(struct a=1 type=(struct b=2))"]);
    check_expr("{ a = 1, ... }", expect!["(struct a=1 ...)"]);
    check_expr("{ a, ... }", expect!["(list a ...)"]);
    check_expr("{ a &&& b, 1 .. 2, _, default }", expect!["(list (&&& a b) (.. 1 2) _ _)"]);
    check_expr("{ a = 1, 2 }", expect!["E0201: expected a name, found `2`"]);
}

#[test]
fn types() {
    check(
        "typedef bit<8>[4] A; typedef tuple<A, list<bool>, int> B; typedef bit C; typedef int<(3+1)> D;
         typedef varbit<32> F; typedef .A G; typedef tuple<> H; typedef bit<8> I[2][3]; typedef bit<W + 1> J;",
        expect![[r#"
            typedef A = bit<8>[4]
            typedef B = tuple<A, list<bool>, int>
            typedef C = bit
            typedef D = int<(paren (+ 3 1))>
            typedef F = varbit<32>
            typedef G = .A
            typedef H = tuple<>
            typedef I = bit<8>[2][3]
            typedef J = bit<(+ W 1)>
        "#]],
    );
    check(
        "typedef varbit V; typedef tuple T; typedef 3 X; typedef bit<a > b> Y;",
        expect![[r#"
        1:16: E0201: expected `<` and the largest width in bits, found `V`
        1:33: E0201: expected `<` and the types of the elements, found `T`
        1:44: E0203: expected a type, found `3`
        1:66: E0201: expected `;`, found `>`
    "#]],
    );
    check(
        "type bit<9> Port; typedef struct S { bit x; } T; typedef enum E { A } F;",
        expect![[r#"
        type Port = bit<9>
        typedef T =
          struct S
            bit x
        typedef F =
          enum E {A}
    "#]],
    );
}

#[test]
fn constants_and_instances() {
    check(
        "const bit<8> a = 1; const list<bit<8>> b = { 1, 2 }; const bool c[2] = { true, false };",
        expect![[r#"
        const bit<8> a = 1
        const list<bit<8>> b = (list 1 2)
        const bool[2] c = (list true false)
    "#]],
    );
    check(
        "extern X<T> { X(bit<8> n); } @name(\"y\") X<bit<4>>(3) x; Main(P(), C(1)) main;",
        expect![[r#"
        extern X<T>
          new X(bit<8> n)
        @name("y") new x X<bit<4>>(3)
        new main Main((call P), (call C 1))
    "#]],
    );
    check(
        "extern V { V(); } V() v = { bool g(in bit x) { return true; } @a V() w; };",
        expect![[r#"
        extern V
          new V()
        new v V()
          function bool g(in bit x)
            return true
          @a new w V()
    "#]],
    );
    check(
        "bit<8> x; bit<8> y = 3;",
        expect![[r#"
        var bit<8> x
        var bit<8> y = 3
        1:8: E0207: a variable at the top level
        1:18: E0207: a variable at the top level
    "#]],
    );
}

#[test]
fn annotations() {
    check(
        "@a @b() @c(1, \"s\", (x + y), 8w3) @d[] @e[1, {2}] @f[k=1, type=2] @match(if) @_ const bit x = 1;",
        expect![[r#"
            @a @b() @c(1 , "s" , ( x + y ) , 8w3) @d[] @e[1, (list 2)] @f[k=1, type=2] @match(if) @_ const bit x = 1
        "#]],
    );
    check(
        "@pragma a b \"c\" 1\n@pragma d\nconst bit x = 1;\n",
        expect![[r#"
        @a(b "c" 1) @d const bit x = 1
    "#]],
    );
    check(
        "@a(\nconst bit x = 1;",
        expect![[r#"
        1:3: E0208: this `(` is not closed
    "#]],
    );
    check(
        "@a($ # ' \\) const bit x = 1;",
        expect![[r#"
        @a($ # ' \) const bit x = 1
    "#]],
    );
}

#[test]
fn composites() {
    check(
        "header H<T> { @f bit<8> x; T y; varbit<8> z; } struct S { H<bit<1>>[3] h; error e; }
         header_union U { H<bit> a; } struct E {}",
        expect![[r#"
            header H<T>
              @f bit<8> x
              T y
              varbit<8> z
            struct S
              H<bit<1>>[3] h
              error e
            header_union U
              H<bit> a
            struct E
        "#]],
    );
    check(
        "enum E { A, B, } enum bit<8> F { A = 1, B = 2 + 3 } error { X, Y } match_kind { m, }",
        expect![[r#"
        enum E {A B}
        enum bit<8> F {A=1 B=(+ 2 3)}
        error {X Y}
        match_kind {m}
    "#]],
    );
    check(
        "struct S { bit<8> x, bit<8> y; bit<8> z }",
        expect![[r#"
        struct S
          bit<8> x
          bit<8> y
          bit<8> z
        1:20: E0201: expected `;`, found `,`
        1:40: E0201: expected `;`, found `}`
    "#]],
    );
    check(
        "enum E { A B C } struct S { bit x; }",
        expect![[r#"
        enum E {A}
        struct S
          bit x
        1:12: E0201: expected `,` or `}`, found `B`
    "#]],
    );
}

#[test]
fn externs() {
    check(
        "extern X<T, U> { X(); X(in T x); @a void f<V>(out V v); abstract U g(); }
         extern T h<T>(in T x, bit<8> n = 3, @optional in bool o); extern void i(); extern Fwd; extern Fwd j();",
        expect![[r#"
            extern X<T U>
              new X()
              new X(in T x)
              @a void f<V>(out V v)
              abstract U g()
            extern T h<T>(in T x, bit<8> n = 3, @optional in bool o)
            extern void i()
            extern Fwd j()
        "#]],
    );
    check(
        "extern X { X(; void f(; } extern x",
        expect![[r#"
        extern X
        1:14: E0203: expected a type, found `;`
        1:23: E0203: expected a type, found `;`
        1:35: E0201: expected the name of a function, or `{` and the methods of the extern, found the end of the file
    "#]],
    );
}

#[test]
fn functions_and_actions() {
    check(
        "T f<T>(in T x, inout bit<8> y) { return x; } @a action b(bit<9> p, in bit q) { }",
        expect![[r#"
        function T f<T>(in T x, inout bit<8> y)
          return x
        @a action b(bit<9> p, in bit q)
    "#]],
    );
    check(
        "error f() { return error.X; } void g(out bool[3] x) {}",
        expect![[r#"
        function error f()
          return 'error.X
        function void g(out bool[3] x)
    "#]],
    );
    check(
        "void f(in bit x,) {} action a {}",
        expect![[r#"
        1:17: E0201: expected a parameter, found `)`
        1:31: E0201: expected `(`, found `{`
    "#]],
    );
}

#[test]
fn parsers() {
    check(
        "parser P<H>(packet_in p, out H h); parser Q(packet_in p)(bit<8> n) {
           const bit c = 1; bit<8> v; X() x; value_set<tuple<bit, bit<2>>>(4) vs; @s
           state start { p.extract(v); bit a; { a = 1; } if (a == 1) v = 2; transition select(v, a) {
             (1, _): next; (2 &&& 3, 1..2): next; default: accept; } }
           state next { transition reject; } state last {} }",
        expect![[r#"
            parser-type P<H>(packet_in p, out H h)
            parser Q(packet_in p)(bit<8> n)
              const bit c = 1
              var bit<8> v
              new x X()
              value_set<tuple<bit, bit<2>>>(4) vs
              @s state start
                (call p.extract v)
                var bit a
                block
                  a = 1
                if (== a 1)
                  v = 2
                select v, a
                  (1, _) : next
                  ((&&& 2 3), (.. 1 2)) : next
                  default : accept
              state next
                goto reject
              state last
        "#]],
    );
    check(
        "parser P() { state s { transition select(x) { 1: a; (1): b; (1) + 2: c; (1 &&& 2): d; (1) &&& 2: e;
         (bit<8>) 1: f; _: g; (_): h; (default, a): i; vs: j; 1 .. (2): k; } } }",
        expect![[r#"
            parser P()
              state s
                select x
                  1 : a
                  (paren 1) : b
                  (+ (paren 1) 2) : c
                  ((&&& 1 2)) : d
                  (&&& (paren 1) 2) : e
                  (cast bit<8> 1) : f
                  _ : g
                  (_) : h
                  (default, a) : i
                  vs : j
                  (.. 1 (paren 2)) : k
        "#]],
    );
    check(
        "parser P() { state s { return; switch (x) {} transition a; x = 1; transition b; } bit x; table t {} }",
        expect![[r#"
            parser P()
              var bit x
              state s
                x = 1
                goto a
            1:24: E0207: `return` in a parser state
            1:32: E0207: `switch` in a parser state
            1:60: E0207: a statement behind `transition`
            1:67: E0207: a second `transition` in one state
            1:83: E0207: a declaration behind the first state of a parser
            1:90: E0207: `table` in a parser
        "#]],
    );
    check(
        "parser P() { state s { transition select(x) { 1 a; 2: b; } transition accept }  }",
        expect![[r#"
        parser P()
          state s
            select x
              2 : b
        1:49: E0201: expected `:`, found `a`
        1:77: E0201: expected `;`, found `}`
        1:60: E0207: a second `transition` in one state
    "#]],
    );
}

#[test]
fn controls() {
    check(
        "control C<H>(inout H h); @pipe control D(inout bit<8> x)(bool b) { action a() {} bit<8> y = 1; ; X() z;
           apply @hidden { y = x; } } control apply(in bit state) { apply { key.apply(); } }",
        expect![[r#"
            control-type C<H>(inout H h)
            @pipe control D(inout bit<8> x)(bool b)
              action a()
              var bit<8> y = 1
              new z X()
              @hidden apply
                y = x
            control apply(in bit state)
              apply
                (call key.apply)
        "#]],
    );
    check(
        "control C() { bit x; }",
        expect![[r#"
        control C()
          var bit x
          apply
        1:9: E0201: control `C` has no `apply` block
    "#]],
    );
    check(
        "control C() { apply {} bit x; apply {} }",
        expect![[r#"
        control C()
          var bit x
          apply
        1:24: E0207: a declaration behind `apply` of a control
        1:31: E0207: a second `apply` in one control
    "#]],
    );
    check(
        "control C() { x = 1; if (x) {} void f() {} bit<8> y; apply {} }",
        expect![[r#"
        control C()
          function void f()
          var bit<8> y
          apply
        1:15: E0207: expected a declaration, found a statement
        1:22: E0207: the statement `if` outside of `apply`
        1:37: E0207: a function inside a parser or control
    "#]],
    );
    check(
        "control C() { apply { x = ; } } control D() { apply {} }",
        expect![[r#"
        control C()
          apply
        control D()
          apply
        1:27: E0202: expected an expression, found `;`
    "#]],
    );
}

#[test]
fn tables() {
    check(
        "control C() { table t {
           key = { h.a : exact; h.b[3:0] & 1 : ternary @name(\"b\") @opt; }
           actions = { a; @defaultonly .b; c(x, 1); }
           const default_action = a(1); size = 1024; @x implementation = p(); counters = c;
           const entries = { 1: a(); (1, 2 &&& 3): b; priority = 3: (_, 1 .. 2): c(1) @e;
             const priority = (1 + 2): default: a; (1): a; }
         } apply { t.apply(); if (!t.apply().hit) {} } }",
        expect![[r#"
            control C()
              table t
                key
                  h.a : exact
                  @name("b") @opt (& (slice h.b 3 0) 1) : ternary
                actions
                  a
                  @defaultonly .b
                  c(x, 1)
                const default_action = (call a 1)
                size = 1024
                @x implementation = (call p)
                counters = c
                const entries
                  1 : a()
                  (1, (&&& 2 3)) : b
                  @e priority=3 (_, (.. 1 2)) : c(1)
                  const priority=(paren (+ 1 2)) default : a
                  (paren 1) : a
              apply
                (call t.apply)
                if (! (call t.apply).hit)
                  block
        "#]],
    );
    check(
        "control C() { table t { reads { x : exact; } actions { a; } } apply {} }",
        expect![[r#"
            control C()
              table t
              apply
            1:25: E0201: tables of P4-16 have no `reads`
            1:54: E0201: expected `=`, found `{`
        "#]],
    );
    check(
        "control C() { table t { key = { h.a; h.b : exact } actions = { a, b; c } size 3; const key = {} }
         apply {} }",
        expect![[r#"
            control C()
              table t
                key
                  h.b : exact
                actions
                  a
                  b
                  c
                key
              apply
            1:36: E0201: expected `:` and a match kind, found `;`
            1:49: E0201: expected `;`, found `}`
            1:65: E0201: expected `;`, found `,`
            1:71: E0201: expected `;`, found `}`
            1:79: E0201: expected `=`, found `3`
            1:82: E0207: `key` is constant anyway
        "#]],
    );
}

#[test]
fn assignments_and_calls() {
    check_stmts(
        "a = 1; a.b[3:0] = c; this.x = y; (a) = 2; .a = 3;",
        expect![[r#"
          a = 1
          (slice a.b 3 0) = c
          this.x = y
          (paren a) = 2
          .a = 3
    "#]],
    );
    check_stmts(
        "a += 1; a -= 1; a *= 1; a /= 1; a %= 1; a <<= 1; a >>= 1; a &= 1; a |= 1; a ^= 1; a |+|= 1; a |-|= 1;",
        expect![[r#"
              a += 1
              a -= 1
              a *= 1
              a /= 1
              a %= 1
              a <<= 1
              a >>= 1
              a &= 1
              a |= 1
              a ^= 1
              a |+|= 1
              a |-|= 1
        "#]],
    );
    check_stmts(
        "f(); a.f<T>(x); g<y, z>(1); T.apply(); X<T>.apply(1); .h();",
        expect![[r#"
          (call f)
          (call a.f <T> x)
          (call g <y, z> 1)
          (call 'T.apply)
          (call 'X<T>.apply 1)
          (call .h)
    "#]],
    );
    check_stmts(
        "a == 1; a + 1; a; 3; a = = 1;",
        expect![[r#"
        1: E0209: a comparison is not a statement
        1: E0201: this expression is not a statement
        1: E0201: this expression is not a statement
        1: E0201: expected a statement, found `3`
        1: E0202: expected an expression, found `=`
    "#]],
    );
    check_stmts(
        "a + 1 = 2; f() g(); { 1, 2 } = x;",
        expect![[r#"
            block
            1: E0201: this expression cannot be assigned to
            1: E0201: expected `;`, found `g`
            1: E0201: expected a statement, found `1`
            1: E0201: expected a statement, found `=`
        "#]],
    );
}

#[test]
fn declarations_in_blocks() {
    check_stmts(
        "bit<8> x; T y = 1; const T z = 2; @a X<T> u; X<T>(1) v; Undeclared w; Un<bit> t; tuple<T> s; T[3] r;",
        expect![[r#"
              var bit<8> x
              var T y = 1
              const T z = 2
              @a var X<T> u
              new v X<T>(1)
              var Undeclared w
              var Un<bit> t
              var tuple<T> s
              var T[3] r
        "#]],
    );
    // A value hides a type of the same name until its scope ends.
    check_stmts(
        "{ bit<8> T = 1; x = a < T > (3); } x = a<T>(3);",
        expect![[r#"
          block
            var bit<8> T = 1
            x = (> (< a T) (paren 3))
          x = (call a <T> 3)
    "#]],
    );
    check_stmts(
        "T key = 1; T apply; key = apply; T T; T = 3;",
        expect![[r#"
          var T key = 1
          var T apply
          key = apply
          var T T
          T = 3
    "#]],
    );
}

#[test]
fn conditionals() {
    check_stmts(
        "if (a) b = 1; else if (c) {} else if (d) ; else { e(); }",
        expect![[r#"
          if a
            b = 1
          else
            if c
              block
            else
              if d
                empty
              else
                block
                  (call e)
    "#]],
    );
    check_stmts(
        "if (a) if (b) c(); else d();",
        expect![[r#"
          if a
            if b
              (call c)
            else
              (call d)
    "#]],
    );
    check_stmts(
        "if (a = b) {} if (a = b && c) {} if a {} f();",
        expect![[r#"
            if <error>
              block
            if <error>
              block
            (call f)
            1: E0209: an assignment is not an expression
            1: E0209: an assignment is not an expression
            1: E0201: expected `(`, found `a`
        "#]],
    );
    check_stmts(
        "if (a) {} elif (b) {} f();\nelif b {} else {}\ng();",
        expect![[r#"
            if a
              block
            else
              if b
                block
            (call f)
            (call g)
            1: E0201: P4 has no `elif`
            2: E0201: expected `;`, found `{`
            2: E0201: `else` without an `if` before it
        "#]],
    );
    check_stmts(
        "if (a) bit x; f();",
        expect![[r#"
            (call f)
            1: E0207: expected a statement, found a declaration
        "#]],
    );
}

#[test]
fn switches() {
    check_stmts(
        "switch (t.apply().action_run) { a: b: { f(); } E.A: {} 1 + 2: @x {} default: { return; } }",
        expect![[r#"
              switch (call t.apply).action_run
                a |
                b
                  (call f)
                E.A
                (+ 1 2)
                default
                  return
        "#]],
    );
    check_stmts(
        "switch (x) { case 1: {} {1}: {} 2 {} 3: {} }",
        expect![[r#"
            switch x
              1
              3
            1: E0201: P4 has no `case`
            1: E0201: expected a label, found `{`
            1: E0202: expected an expression, found `:`
            1: E0201: expected `:`, found `{`
        "#]],
    );
}

#[test]
fn loops() {
    check_stmts(
        "for (bit<8> i = 0, j = 1; i < 3; i = i + 1, f(i)) { break; continue; } for (; true;) ;
         @unroll for (T i in 1 .. 3 + x) f(i); for (@a bit x in s.list) {} for (T k in { 1, 2 }) {}",
        expect![[r#"
              for var bit<8> i = 0, j = 1; (< i 3); i = (+ i 1), (call f i)
                block
                  break
                  continue
              for ; true; 
                empty
              @unroll for T i in 1..(+ 3 x)
                (call f i)
              for bit x in s.list
                block
              for T k in (list 1 2)
                block
        "#]],
    );
    check_stmts(
        "for (i in 1..3) {} for (a; b; c) f();",
        expect![[r#"
            empty
            empty
            1: E0203: the variable of this loop has no type
            1: E0201: this expression is not a statement
        "#]],
    );
}

#[test]
fn returns() {
    check_stmts(
        "return; return a; exit; ; { } @x { exit; }",
        expect![[r#"
          return
          return a
          exit
          empty
          block
          @x block
            exit
    "#]],
    );
    check_stmts(
        "@x exit; else f(); transition accept; action a() {}",
        expect![[r#"
            exit
            1: E0207: annotations belong to blocks, loops and declarations, not to other statements
            1: E0201: `else` without an `if` before it
            1: E0207: `transition` outside of a state
            1: E0207: `action` in a block of statements
        "#]],
    );
}

/// One mistake, one message; the rest of the program is parsed.
#[test]
fn recovery() {
    check(
        "const bit a = ; const bit b = 1; struct S { bit x } header H { 3 y; bit z; } const bit c = 2;",
        expect![[r#"
        const bit b = 1
        struct S
          bit x
        header H
          bit z
        const bit c = 2
        1:15: E0202: expected an expression, found `;`
        1:50: E0201: expected `;`, found `}`
        1:64: E0203: expected a type, found `3`
    "#]],
    );
    check(
        "control C( { apply {} } control D() { apply {} }",
        expect![[r#"
        control D()
          apply
        1:12: E0203: expected a type, found `{`
    "#]],
    );
    check(
        "control C() { apply { if (x { y(); } z(); } }\ncontrol D() { apply {} }",
        expect![[r#"
        control C()
          apply
            if <error>
              block
                (call y)
            (call z)
        control D()
          apply
        1:29: E0201: expected `)`, found `{`
    "#]],
    );
    check(
        "control C() { apply { x();\ncontrol D() { apply {} }\nstruct S { bit a;",
        expect![[r#"
        control C()
          apply
            (call x)
        control D()
          apply
        1:21: E0208: this `{` is not closed before the next declaration
        3:10: E0208: this `{` is not closed
    "#]],
    );
    check(
        "} ) ] const bit a = 1; } x y z; foo",
        expect![[r#"
        1:1: E0201: unexpected `}` at the top level
        1:3: E0204: expected a declaration, found `)`
        1:24: E0201: unexpected `}` at the top level
        1:28: E0207: a variable at the top level
        1:30: E0201: expected `;`, found `z`
        1:33: E0204: expected a declaration, found `foo`
    "#]],
    );
    check(
        "const bit a = $1; const bit b = \u{201c}x\u{201d};",
        expect![[r#"
        1:15: E0111: `$` begins no token of P4
        1:33: E0111: `“` begins no token of P4
    "#]],
    );
    check(
        "const bit table = 1; struct control {} action action() {} const bit b = 1;",
        expect![[r#"
        const bit b = 1
        1:11: E0201: expected a name, found the keyword `table`
        1:29: E0201: expected a name, found the keyword `control`
        1:47: E0201: expected a name, found the keyword `action`
    "#]],
    );
    check(
        "table t {} state s {} const bit b = 1",
        expect![[r#"
        const bit b = 1
        1:1: E0207: `table` at the top level
        1:12: E0207: `state` at the top level
        1:38: E0201: expected `;`, found the end of the file
    "#]],
    );
}

#[test]
fn built_in_files() {
    for version in ["20180101", "20200408"] {
        let text = format!("#define V1MODEL_VERSION {version}\n#include <v1model.p4>\n");
        let (unit, map, diags) = parse_text(&text);
        assert!(diags.is_empty(), "{}", diags.render(&map, Style::Plain));
        let tree = dump(&unit);
        let has_index_type =
            tree.contains("extern register<T I>\n") && tree.contains("typedef PortId_t = bit<9>");
        assert_eq!(has_index_type, version == "20200408", "{tree}");
        assert!(tree.contains("package V1Switch<H M>(") && tree.contains("error {NoError PacketTooShort"));
    }
}

#[test]
fn p4_14() {
    for program in [
        "header_type h_t { fields { a : 8; } }",
        "header ethernet_t ethernet;",
        "parser start { return ingress; }",
        "control ingress { apply(t); }",
        "table t { reads { a : exact; } }",
        "metadata m_t m;",
    ] {
        let (_, _, diags) = parse_text(program);
        let codes: Vec<Code> = diags.iter().map(|diagnostic| diagnostic.code).collect();
        assert_eq!(codes, [P4_14_PROGRAM], "{program}");
    }
}

#[test]
fn messages_for_people() {
    let (_, map, diags) =
        parse_text("#define EMPTY_LIST {,}\nconst bit<8> a = 1\nconst tuple<> b = EMPTY_LIST;\n");
    expect![[r#"
        error[E0201]: expected `;`, found the keyword `const`
         --> t.p4:2:19
          |
        2 | const bit<8> a = 1
          |                   ^ expected `;`
        3 | const tuple<> b = EMPTY_LIST;
          | ----- before this
          |
        help: add `;`
          |
        2 | const bit<8> a = 1;
          |                   +

        error[E0202]: expected an expression, found `,`
         --> t.p4:3:19
          |
        3 | const tuple<> b = EMPTY_LIST;
          |                   ^^^^^^^^^^ expected an expression

    "#]]
    .assert_eq(&diags.render(&map, Style::Plain));
}

/// Depth is refused before it becomes recursion, in the parser or in whoever walks the tree.
#[test]
fn depth_is_bounded() {
    let repeat = |before: &str, part: &str, middle: &str, after: &str, count: usize| {
        format!("void f() {{ {before}{}{middle}{}; }}", part.repeat(count), after.repeat(count))
    };
    let count = 20_000;
    for program in [
        repeat("return ", "(", "1", ")", count),
        repeat("return ", "{", "1", "}", count),
        repeat("return ", "!", "1", "", count),
        repeat("return ", "(bit) ", "1", "", count),
        repeat("return ", "a[", "1", "]", count),
        repeat("return ", "f(", "1", ")", count),
        repeat("return ", "1 + ", "1", "", count),
        repeat("return a", "", "", ".b", count),
        repeat("return ", "a ? b : ", "1", "", count),
        repeat("return ", "a ? ", "1", " : b", count),
        repeat("", "tuple<", "bit", ">", count),
        repeat("", "bit<(", "1", ")>", count),
        repeat("bit", "", "", "[1]", count),
        repeat("", "{", "", "}", count),
        repeat("", "if (a) ", "f();", "", count),
        repeat("", "if (a) {} else ", "f();", "", count),
        repeat("", "for (;a;) ", "f();", "", count),
        repeat("", "switch (a) { 1: {", "", "} }", count),
        repeat("x = ", "a < T<", "b", "", count),
        repeat("x = ", "(a < bit<(", "b", "", count),
        // Chains within nesting, so that both bounds add up.
        repeat("return ", "(", "1", &format!("{})", " + 1".repeat(500)), 200),
        repeat("return ", "f(", "a", &format!("{})", ".b".repeat(300)), 200),
        format!("X() x = {}", "{ X() y = ".repeat(count)),
    ] {
        let (_, _, diags) = parse_text(&program);
        let codes: Vec<Code> = diags.iter().map(|diagnostic| diagnostic.code).collect();
        assert!(diags.has_errors() && diags.error_count() < 3, "{codes:?} {}", &program[..60]);
    }
    for program in [
        repeat("return ", "(", "1", ")", 100),
        repeat("return ", "1 + ", "1", "", 900),
        repeat("", "if (a) {} else ", "f();", "", 900),
    ] {
        let (_, map, diags) = parse_text(&program);
        assert!(diags.is_empty(), "{}", diags.render(&map, Style::Plain));
    }
}

mod never_panics {
    use proptest::prelude::*;

    use super::*;

    /// Pieces of programs: whatever they are strung together to, parsing ends and all spans are in the file.
    const SOUP: &[&str] = &[
        "control",
        "parser",
        "C",
        "T",
        "x",
        "(",
        ")",
        "{",
        "}",
        "[",
        "]",
        "<",
        ">",
        ">>",
        ";",
        ":",
        ",",
        ".",
        "=",
        "==",
        "+",
        "-",
        "?",
        "@",
        "apply",
        "state",
        "table",
        "key",
        "actions",
        "entries",
        "const",
        "bit",
        "<8>",
        "8w1",
        "\"s\"",
        "\"",
        "/*",
        "*/",
        "//",
        "\n",
        "#",
        "##",
        "#define",
        "#if",
        "#else",
        "#endif",
        "#include",
        "F(",
        "__VA_ARGS__",
        "\\\n",
        "if",
        "else",
        "switch",
        "for",
        "in",
        "out",
        "return",
        "transition",
        "select",
        "extern",
        "struct",
        "enum",
        "typedef",
        "error",
        "match_kind",
        "list",
        "tuple",
        "void",
        "_",
        "...",
        "..",
        "&&&",
        "{#}",
        "$",
        "\u{201c}",
        "0x",
        "1_",
        "priority",
        "typedef bit T;",
        "control C() { apply {",
        "default",
        "action a() {}",
        "header H {",
        "@pragma",
        "this",
        "value_set",
        "\n#define F(a, ...) a ## F #a\n",
        "package",
    ];

    fn parse_soup(text: &str) {
        let (unit, map, diags) = parse_text(text);
        let _ = dump(&unit);
        for diagnostic in &diags {
            let _ = diagnostic.render(&map, Style::Plain);
            let _ = diagnostic.to_json(&map);
            assert!(diagnostic.labels.iter().all(|label| map.clamp(label.span).is_some()), "{diagnostic:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..Default::default() })]

        #[test]
        fn on_any_text(text in "\\PC*") {
            parse_soup(&text);
        }

        #[test]
        fn on_token_soup(pieces in prop::collection::vec(prop::sample::select(SOUP), 0..200)) {
            parse_soup(&pieces.join(" "));
            parse_soup(&pieces.concat());
        }

        #[test]
        fn on_mutilated_programs(cut in 0usize..4000, length in 0usize..200, insert in prop::sample::select(SOUP)) {
            let program = crate::syntax::files::built_in("core.p4").unwrap_or_default().to_owned()
                + "control C(inout bit<8> x) { action a() { x = x + 1; } table t { key = { x : exact; }
                   actions = { a; } entries = { 1 : a(); } } apply { if (x == 1) { t.apply(); } } }
                   parser P(packet_in p) { state start { transition select(p.lookahead<bit<8>>()) { 1: accept; } } }";
            let bytes = program.as_bytes();
            let start = cut.min(bytes.len());
            let end = (start + length).min(bytes.len());
            let text = [&bytes[..start], insert.as_bytes(), &bytes[end..]].concat();
            parse_soup(&String::from_utf8_lossy(&text));
        }
    }
}
