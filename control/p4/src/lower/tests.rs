//! What P4 becomes: small programs and the part of their pipeline that matters.

use expect_test::{Expect, expect};

use crate::compile::{Compilation, CompileOptions, compile};
use crate::diag::Style;
use crate::syntax::MemoryFiles;

/// A whole program around some declarations, and the locals and the body of its ingress.
fn program(declarations: &str, locals: &str, apply: &str) -> String {
    format!(
        "#include <core.p4>
#include <v1model.p4>
header h_t {{ bit<8> a; bit<8> b; bit<16> c; }}
header g_t {{ bit<8> t; }}
header_union u_t {{ h_t h; g_t g; }}
struct headers {{ h_t h; h_t i; h_t[3] hs; u_t[2] us; }}
struct inner {{ bit<8> p; bit<8> q; }}
struct meta_t {{ bit<8> x; bit<8> y; inner n; inner o; }}
{declarations}
parser MyParser(packet_in pkt, out headers hdr, inout meta_t meta, inout standard_metadata_t sm) {{
    state start {{
        pkt.extract(hdr.h);
        meta = {{ hdr.h.a, hdr.h.b, {{ hdr.h.a, hdr.h.b }}, {{ hdr.h.b, hdr.h.a }} }};
        transition accept;
    }}
}}
control MyVerify(inout headers hdr, inout meta_t meta) {{ apply {{}} }}
control MyIngress(inout headers hdr, inout meta_t meta, inout standard_metadata_t sm) {{
    {locals}
    apply {{ {apply} }}
}}
control MyEgress(inout headers hdr, inout meta_t meta, inout standard_metadata_t sm) {{ apply {{}} }}
control MyCompute(inout headers hdr, inout meta_t meta) {{ apply {{}} }}
control MyDeparser(packet_out pkt, in headers hdr) {{
    apply {{ pkt.emit(hdr); pkt.emit({{ hdr.h }}); }}
}}
V1Switch(MyParser(), MyVerify(), MyIngress(), MyEgress(), MyCompute(), MyDeparser()) main;
"
    )
}

fn compiled(text: &str) -> Compilation {
    let files = MemoryFiles::new().with("main.p4", text);
    compile(&files, "main.p4", &CompileOptions::default())
}

fn findings(compilation: &Compilation) -> String {
    compilation.diagnostics.iter().map(|d| d.render(&compilation.source_map, Style::Plain)).collect()
}

/// The pipeline's text, slots by name.
fn pipeline(text: &str) -> String {
    let compilation = compiled(text);
    let Some(output) = &compilation.output else { return findings(&compilation) };
    let mut out = heddle_ir::text::print(&output.verified);
    // Longest numbers first, so that `var1` is not taken for the start of `var10`.
    let vars = output.verified.vars.iter().map(|(id, var)| (id.to_string(), var.name.clone()));
    let headers = output.verified.headers.iter().map(|(id, header)| (id.to_string(), header.name.clone()));
    let mut names: Vec<(String, String)> = vars.chain(headers).collect();
    names.reverse();
    names.sort_by_key(|(id, _)| std::cmp::Reverse(id.len()));
    for (id, name) in names {
        out = out.replace(&id, &name);
    }
    out
}

/// The item of the pipeline's text that begins with `start`.
fn item(text: &str, start: &str) -> String {
    let all = pipeline(text);
    let mut lines = all.lines().skip_while(|l| !l.trim_start().contains(start)).peekable();
    let Some(first) = lines.peek() else { return all };
    let indent = first.len() - first.trim_start().len();
    let mut out = String::new();
    for (i, line) in lines.enumerate() {
        if line.len() <= indent {
            continue;
        }
        out.push_str(&line[indent..]);
        out.push('\n');
        if i > 0 && line[indent..].starts_with('}') || i == 0 && !line.ends_with('{') {
            break;
        }
    }
    out
}

/// What the ingress control becomes.
fn ingress(declarations: &str, locals: &str, apply: &str, expected: Expect) {
    expected.assert_eq(&item(&program(declarations, locals, apply), " MyIngress {"));
}

#[test]
fn operands_keep_their_values_whatever_follows_them() {
    ingress(
        "bit<8> f(inout bit<8> v) { v = v + 1; return v; }",
        "",
        "meta.y = meta.x + f(meta.x); meta.x = 1 + f(meta.y);",
        expect![[r#"
            body body0 MyIngress {
                MyIngress.tmp1 = meta.x;
                meta.x = add(meta.x, 8w0x1);
                f.result = meta.x;
                meta.y = add(MyIngress.tmp1, f.result);
                meta.y = add(meta.y, 8w0x1);
                f.result = meta.y;
                meta.x = add(8w0x1, f.result);
            }
        "#]],
    );
}

#[test]
fn both_operands_of_a_logical_operator_are_evaluated_only_if_needed() {
    ingress(
        "bool f(inout bit<8> v) { v = v + 1; return v > 3; }",
        "",
        "if (meta.x == 1 && f(meta.y)) { meta.x = 2; } meta.y = meta.x == 0 || meta.y == 0 ? 8w1 : 2;",
        expect![[r#"
            body body0 MyIngress {
                MyIngress.tmp1 = eq(meta.x, 8w0x1);
                if MyIngress.tmp1 {
                    meta.y = add(meta.y, 8w0x1);
                    f.result = lt_u(8w0x3, meta.y);
                    MyIngress.tmp1 = f.result;
                }
                if MyIngress.tmp1 {
                    meta.x = 8w0x2;
                }
                meta.y = mux(or(eq(meta.x, 8w0x0), eq(meta.y, 8w0x0)), 8w0x1, 8w0x2);
            }
        "#]],
    );
}

#[test]
fn parameters_stand_for_their_arguments_unless_these_overlap() {
    ingress(
        "void f(inout bit<8> v, in bit<8> w, out bit<8> z) { v = v + w; if (v == 0) { return; } z = v; }",
        "",
        "f(meta.x, meta.y, meta.n.p); f(meta.x, meta.x, meta.x);",
        expect![[r#"
            body body2 MyIngress {
                call body0;
                f.w = meta.x;
                call body1 copy_out {
                    meta.x = f.z;
                }
            }
        "#]],
    );
}

#[test]
fn actions_that_reach_an_argument_otherwise_get_a_copy() {
    ingress(
        "",
        "action a(inout bit<8> v) { v = 1; hdr.h.a = meta.x; v = v + hdr.h.b; v = v + 1; exit; }",
        "a(meta.x); a(hdr.i.a);",
        expect![[r#"
            body body1 MyIngress {
                MyIngress.a.v = meta.x;
                call body0 copy_out {
                    meta.x = MyIngress.a.v;
                }
                MyIngress.a.v = hdr.i.a;
                call body0 copy_out {
                    hdr.i.a = MyIngress.a.v;
                }
            }
        "#]],
    );
}

#[test]
fn structs_are_stored_whole() {
    ingress(
        "",
        "",
        "meta.n = meta.o; meta.n = { meta.n.q, meta.n.p }; if (meta.n == meta.o) { hdr.h = hdr.i; }
         hdr.i = { 1, hdr.i.a, 3 }; hdr.h.setInvalid(); hdr.hs[1] = hdr.h; hdr.us[0].g = { 5 };",
        expect![[r#"
            body body0 MyIngress {
                meta.n.p = meta.o.p;
                meta.n.q = meta.o.q;
                MyIngress.tmp1 = meta.n.q;
                MyIngress.tmp2 = meta.n.p;
                meta.n.p = MyIngress.tmp1;
                meta.n.q = MyIngress.tmp2;
                if and(eq(meta.n.p, meta.o.p), eq(meta.n.q, meta.o.q)) {
                    copy_header hdr.h, hdr.i;
                }
                MyIngress.tmp3 = hdr.i.a;
                set_valid hdr.i;
                hdr.i.a = 8w0x1;
                hdr.i.b = MyIngress.tmp3;
                hdr.i.c = 16w0x3;
                set_invalid hdr.h;
                copy_header hdr.hs[1], hdr.h;
                set_valid hdr.us[0].g;
                hdr.us[0].g.t = 8w0x5;
            }
        "#]],
    );
}

#[test]
fn stacks_by_index_and_shifted() {
    ingress(
        "",
        "",
        "hdr.hs[meta.x].a = hdr.hs[meta.y].b; hdr.hs.push_front(1); hdr.us[meta.x].g.t = 1;
         if (hdr.us[meta.x].isValid()) { hdr.us.pop_front(1); }",
        expect![[r#"
            body body0 MyIngress {
                stack0[meta.x].a = stack0[meta.y].b;
                push_front stack0, 1;
                stack2[meta.x].t = 8w0x1;
                if or(valid stack1[meta.x], valid stack2[meta.x]) {
                    pop_front stack1, 1;
                    pop_front stack2, 1;
                }
            }
        "#]],
    );
}

#[test]
fn slices_and_compound_assignments() {
    ingress(
        "",
        "",
        "hdr.h.c[11:4] = meta.x; hdr.h.c[11:4][3:0] = 5; meta.x |+|= 3; meta.y <<= meta.x; meta.x = hdr.h.c[meta.y+:8];",
        expect![[r#"
            body body0 MyIngress {
                hdr.h.c[11:4] = meta.x;
                hdr.h.c[7:4] = 4w0x5;
                meta.x = sat_add_u(meta.x, 8w0x3);
                meta.y = shl(meta.y, meta.x);
                meta.x = slice(shr(hdr.h.c, meta.y), 7, 0);
            }
        "#]],
    );
}

#[test]
fn loops_have_bounds() {
    ingress(
        "",
        "",
        "for (bit<8> i = 0; i < 4; i += 1) { if (i == meta.x) { continue; } meta.y = meta.y + i; }
         for (bit<8> j in 1 .. 5) { meta.y = meta.y ^ j; }
         for (h in hdr.hs) { if (!h.isValid()) { break; } meta.x = meta.x + h.a; }"
            .replace("for (h in", "for (h_t h in")
            .as_str(),
        expect![[r#"
            body body0 MyIngress {
                MyIngress.i = 8w0x0;
                loop 65536 {
                    if le_u(8w0x4, MyIngress.i) {
                        break;
                    }
                    if eq(MyIngress.i, meta.x) {
                        continue;
                    }
                    meta.y = add(meta.y, MyIngress.i);
                } update {
                    MyIngress.i = add(MyIngress.i, 8w0x1);
                }
                MyIngress.j = 8w0x1;
                loop 5 {
                    meta.y = xor(meta.y, MyIngress.j);
                } update {
                    if eq(MyIngress.j, 8w0x5) {
                        break;
                    }
                    MyIngress.j = add(MyIngress.j, 8w0x1);
                }
                MyIngress.tmp1 = 32w0x0;
                loop 3 {
                    copy_header MyIngress.h, stack0[MyIngress.tmp1];
                    if not(valid MyIngress.h) {
                        break;
                    }
                    meta.x = add(meta.x, MyIngress.h.a);
                } update {
                    if eq(MyIngress.tmp1, 32w0x2) {
                        break;
                    }
                    MyIngress.tmp1 = add(MyIngress.tmp1, 32w0x1);
                }
            }
        "#]],
    );
}

#[test]
fn what_is_not_initialised_is_zero() {
    ingress(
        "bit<8> f(in bit<8> v) { bit<8> r; bit<8> s; s = v; if (v == 1) { r = s; } return r; }",
        "action a() { meta.x = f(f(meta.y)); } table t { actions = { a; } default_action = a; }",
        "t.apply();",
        expect![[r#"
            body body2 MyIngress {
                apply table0;
            }
        "#]],
    );
    let text = program(
        "bit<8> f(in bit<8> v) { bit<8> r; bit<8> s; s = v; if (v == 1) { r = s; } return r; }",
        "",
        "meta.x = f(f(meta.y));",
    );
    expect![[r#"
        body body0 f {
            f.r = 8w0x0;
            f.s = meta.y;
            if eq(meta.y, 8w0x1) {
                f.r = f.s;
            }
            f.result = f.r;
        }
    "#]]
    .assert_eq(&item(&text, " f {"));
}

#[test]
fn tables_with_everything() {
    let locals =
        "direct_counter(CounterType.packets) c; direct_meter<bit<2>>(MeterType.bytes) m; bit<2> color;
        action a(bit<8> v) { meta.x = v; m.read(color); }
        action b(inout bit<8> w, bit<16> v) { w = w + v[7:0]; c.count(); }
        table t {
            key = { hdr.h.a : exact; hdr.h.c : lpm @name(\"see\"); meta.x ++ meta.y : ternary @name(\"xy\"); }
            actions = { a; @tableonly b(meta.y); }
            const entries = {
                (1, 0x1200 &&& 0xff00, _) : a(3);
                (2, 0x1234, 0x5566 &&& 0x0fff) : b(meta.y, 4);
                (3, _, _) : a(5);
            }
            default_action = a(7);
            counters = c; meters = m; support_timeout = true; size = 64;
        }";
    let apply =
        "if (t.apply().hit) { meta.y = 1; } switch (t.apply().action_run) { a : b : { } default : { } }";
    expect![[r#"
        table table0 "MyIngress.t" id 0x02a8e081 {
            key exact 8 "hdr.h.a" = hdr.h.a;
            key lpm 16 see = hdr.h.c;
            key ternary 16 xy = concat(meta.x, meta.y);
            action action0 copy_in {
                count counter0;
                meter meter0 -> MyIngress.m.color;
            };
            action action1 table_only copy_in {
                count counter0;
                meter meter0 -> MyIngress.m.color;
                MyIngress.b.w = meta.y;
            } copy_out {
                meta.y = MyIngress.b.w;
            };
            default action0(8w0x7);
            entry (8w0x1, 16w0x1200/8, any) const priority 3: action0(8w0x3);
            entry (8w0x2, 16w0x1234/16, 16w0x566 &&& 16w0xfff) const priority 2: action1(16w0x4);
            entry (8w0x3, any, any) const priority 1: action0(8w0x5);
            const_entries;
            idle_timeout;
            size 64;
            direct_counter counter0;
            direct_meter meter0;
        }
    "#]]
    .assert_eq(&item(&program("", locals, apply), "table table0"));
    expect![[r#"
        action action1 "MyIngress.b" id 0x010a56e6 (v: MyIngress.b.v) {
            MyIngress.b.w = add(MyIngress.b.w, slice(MyIngress.b.v, 7, 0));
        }
    "#]]
    .assert_eq(&item(&program("", locals, apply), "action action1"));
    ingress(
        "",
        locals,
        apply,
        expect![[r#"
            body body0 MyIngress {
                apply table0 hit MyIngress.tmp1;
                if MyIngress.tmp1 {
                    meta.y = 8w0x1;
                }
                apply table0;
            }
        "#]],
    );
}

#[test]
fn parsers_with_everything() {
    let declarations = "parser Sub(packet_in pkt, inout headers hdr, in bit<8> n) {
            value_set<bit<8>>(4) seen;
            bit<8> left = n;
            state start {
                left = left - 1;
                pkt.extract(hdr.us.next.g);
                transition select(left, pkt.lookahead<bit<8>>()) {
                    (0, _) : accept;
                    (_, seen) : reject;
                    (1 .. 3, 0x10 &&& 0xf0) : start;
                    default : more;
                }
            }
            state more { pkt.extract(hdr.hs.next); verify(hdr.hs.last.a != 0, error.NoMatch); transition start; }
        }";
    let text = program(declarations, "", "").replacen(
        "    state start {\n        pkt",
        "Sub() sub; state start { sub.apply(pkt, hdr, hdr.h.a); transition other; }
         state other { pkt",
        1,
    );
    expect![[r#"
        parser parser0 "MyParser.sub" {
            error standard_metadata.parser_error;
            steps 4096;
            start state0;
            state state0 "$init" {
                MyParser.sub.left = MyParser.sub.n;
                transition state1;
            }
            state state1 start {
                MyParser.sub.left = sub(MyParser.sub.left, 8w0x1);
                verify lt_u(hdr.us.nextIndex, 32w0x2), 32w0x3;
                extract stack2[hdr.us.nextIndex];
                hdr.us.nextIndex = add(hdr.us.nextIndex, 32w0x1);
                MyParser.sub.tmp1 = MyParser.sub.left;
                lookahead MyParser.sub.tmp2;
                transition select (MyParser.sub.tmp1, MyParser.sub.tmp2) {
                    (8w0x0, any): accept;
                    (any, valueset0): reject;
                    (8w0x1 .. 8w0x3, 8w0x10 &&& 8w0xf0): state1;
                    (any, any): state2;
                }
            }
            state state2 more {
                verify lt_u(hdr.hs.nextIndex, 32w0x3), 32w0x3;
                extract stack0[hdr.hs.nextIndex];
                hdr.hs.nextIndex = add(hdr.hs.nextIndex, 32w0x1);
                verify ne(hdr.hs.nextIndex, 32w0x0), 32w0x3;
                verify ne(stack0[sub(hdr.hs.nextIndex, 32w0x1)].a, 8w0x0), 32w0x2;
                transition state1;
            }
        }
    "#]]
    .assert_eq(&item(&text, "parser parser0"));
    expect![[r#"
        parser parser1 MyParser {
            error standard_metadata.parser_error;
            steps 4096;
            start state0;
            state state0 start {
                MyParser.sub.n = hdr.h.a;
                call parser0;
                transition state1;
            }
            state state1 other {
                extract hdr.h;
                transition accept;
            }
        }
    "#]]
    .assert_eq(&item(&text, "parser parser1"));
}

#[test]
fn nested_controls_are_bound_to_what_they_are_applied_to() {
    let declarations = "control Leaf(inout bit<8> v, in bit<8> w)(bit<8> k, bool more) {
            action add(bit<8> d) { v = v + d + k; }
            table t { key = { w : exact; } actions = { add; } }
            apply { if (more) { t.apply(); } v = v + k; }
        }
        control Mid(inout meta_t m)(Leaf l) {
            Leaf(3, true) own;
            apply { own.apply(m.x, m.y); }
        }"
    .replace("(Leaf l)", "");
    let text = program(
        &declarations,
        "Mid() mid; @name(\"other\") Leaf(4, false) leaf;",
        "mid.apply(meta); leaf.apply(meta.x, 1);",
    );
    expect![[r#"
        table table0 "MyIngress.mid.own.t" id 0x0205f0a9 {
            key exact 8 w = meta.y;
            action action0;
            action action1 default_only;
            default action1();
            size 1024;
        }
    "#]]
    .assert_eq(&item(&text, "table table0"));
    expect![[r#"
        action action0 "MyIngress.mid.own.add" id 0x0172bd0c (d: MyIngress.mid.own.add.d) {
            meta.x = add(add(meta.x, MyIngress.mid.own.add.d), 8w0x3);
        }
    "#]]
    .assert_eq(&item(&text, "action action0"));
    ingress(
        &declarations,
        "Mid() mid; @name(\"other\") Leaf(4, false) leaf;",
        "mid.apply(meta); leaf.apply(meta.x, 1);",
        expect![[r#"
        body body2 MyIngress {
            call body1;
            meta.x = add(meta.x, 8w0x4);
        }
    "#]],
    );
}

#[test]
fn passes_follow_simple_switch() {
    let apply = "if (hdr.h.a == 1) { clone_preserving_field_list(CloneType.I2E, 5, 1); }
        if (hdr.h.a == 2) { resubmit_preserving_field_list(2); } mark_to_drop(sm); meta.x = sm.instance_type[7:0];";
    let text = program("", "", apply)
        .replace(
            "struct meta_t {",
            "struct meta_t { @field_list(1, 2) bit<8> one; @field_list(2) bit<8> two;",
        )
        .replace("meta = {", "meta = { 7, 8,")
        .replace(
            "inout standard_metadata_t sm) { apply {} }",
            "inout standard_metadata_t sm) { apply { hdr.h.b = meta.one + meta.two; clone(CloneType.E2E, 6);
               recirculate_preserving_field_list(1); sm.mcast_grp = 3; } }",
        );
    expect![[r#"
        body body3 ingress {
            call parser0;
            call body0;
            if eq($clone, 16w0x1) {
                mirror received $clone_session, preserve0;
            }
            if eq($resubmit, 16w0x1) {
                resubmit preserve1;
            } else if ne(standard_metadata.mcast_grp, 16w0x0) {
                replicate resize(standard_metadata.mcast_grp, 32), 32w0x0;
            } else if eq(standard_metadata.egress_spec, 9w0x1ff) {
                drop ingress_drop;
            } else {
                enqueue resize(standard_metadata.egress_spec, 32), 32w0x0;
            }
        }
    "#]]
    .assert_eq(&item(&text, " ingress {"));
    expect![[r#"
        body body4 egress {
            if eq(origin, 32w0x1) {
                meta.one.kept = meta.one;
                call parser0;
                switch $clone {
                    case 16w0x1 {
                        meta.one = meta.one.kept;
                    }
                }
            }
            $clone = 16w0x0;
            standard_metadata.egress_spec = 9w0x0;
            call body1;
            if eq($clone, 16w0x2) {
                mirror live $clone_session, preserve2;
            }
            if eq(standard_metadata.egress_spec, 9w0x1ff) {
                drop egress_drop;
            } else {
                call body2;
                if eq($recirculate, 16w0x1) {
                    recirculate preserve3;
                } else {
                    transmit;
                }
            }
        }
    "#]]
    .assert_eq(&item(&text, " egress {"));
}

#[test]
fn externs_become_statements() {
    ingress(
        "struct pair { bit<8> first; bit<16> second; }",
        "register<pair>(8) r; register<bit<8>>(4) s; counter(16, CounterType.bytes) c; meter(4, MeterType.packets) m;",
        "pair p; r.read(p, (bit<32>)meta.x); p.second = p.second + 1; r.write((bit<32>)meta.x, p);
         s.read(meta.x, 1); c.count(3); m.execute_meter(2, meta.y); random(meta.n.p, 1, 6);
         hash(meta.o.p, HashAlgorithm.crc32, 8w2, { hdr.h.a, hdr.h.c }, 8w16);
         hash(hdr.h.c, HashAlgorithm.crc16, 16w2, { hdr.h.a }, 16w10);
         digest<pair>(1, { meta.n.p, hdr.h.c }); log_msg(\"x={}\", { meta.x }); truncate(64);
         assert(meta.o.p != 9); @atomic { s.write(0, meta.y); }",
        expect![[r#"
            body body0 MyIngress {
                read register0[resize(meta.x, 32)] -> MyIngress.tmp1;
                MyIngress.p.first = slice(MyIngress.tmp1, 23, 16);
                MyIngress.p.second = slice(MyIngress.tmp1, 15, 0);
                MyIngress.p.second = add(MyIngress.p.second, 16w0x1);
                write register0[resize(meta.x, 32)], concat(MyIngress.p.first, MyIngress.p.second);
                read register1[32w0x1] -> meta.x;
                count counter0[32w0x3];
                meter meter0[32w0x2] -> MyIngress.tmp2;
                meta.y = MyIngress.tmp2;
                random 8w0x1, 8w0x6 -> MyIngress.tmp3;
                meta.n.p = MyIngress.tmp3;
                hash crc32 (hdr.h.a, hdr.h.c) -> MyIngress.tmp4;
                meta.o.p = add(8w0x2, resize(slice(MyIngress.tmp4, 3, 0), 8));
                hash crc16 (hdr.h.a) -> MyIngress.tmp5;
                hdr.h.c = add(16w0x2, mod(MyIngress.tmp5, 16w0xa));
                digest digest0 (meta.n.p, hdr.h.c);
                log "x={}" (meta.x);
                truncate 32w0x40;
                assert ne(meta.o.p, 8w0x9) "main.p4:25: assert(meta.o.p != 9)";
                atomic {
                    write register1[32w0x0], meta.y;
                }
            }
        "#]],
    );
}

#[test]
fn arrays_of_numbers() {
    let text = program(
        "struct arr { bit<8>[3] e; }",
        "arr v;",
        "v.e[0] = 1; v.e[meta.x] = v.e[meta.y]; meta.x = v.e[0];",
    );
    expect![[r#"
        body body0 MyIngress {
            MyIngress.v.e.[0] = 8w0x1;
            switch meta.y {
                case 8w0x0 {
                    MyIngress.tmp1 = MyIngress.v.e.[0];
                }
                case 8w0x1 {
                    MyIngress.tmp1 = MyIngress.v.e.[1];
                }
                case 8w0x2 {
                    MyIngress.tmp1 = MyIngress.v.e.[2];
                }
                default {
                    MyIngress.tmp1 = 8w0x0;
                }
            }
            MyIngress.tmp2 = MyIngress.tmp1;
            switch meta.x {
                case 8w0x0 {
                    MyIngress.v.e.[0] = MyIngress.tmp2;
                }
                case 8w0x1 {
                    MyIngress.v.e.[1] = MyIngress.tmp2;
                }
                case 8w0x2 {
                    MyIngress.v.e.[2] = MyIngress.tmp2;
                }
            }
            meta.x = MyIngress.v.e.[0];
        }
    "#]]
    .assert_eq(&item(&text, " MyIngress {"));
}

#[test]
fn the_control_plane_knows_things_by_their_annotations() {
    let declarations = "@name(\"general\") action top(@name(\"value\") bit<8> v) {}
        control Sub(inout meta_t m) {
            @name(\".NoAction\") action Nothing() {}
            @name(\".abs.t\") table t { actions = { Nothing; @name(\"x\") top; } default_action = Nothing; }
            @id(5) table u { key = { m.x[3:0] : exact; } actions = { NoAction; } }
            apply { t.apply(); u.apply(); }
        }";
    let text = program(declarations, "@name(\"named\") Sub() sub;", "sub.apply(meta);");
    let names = |what: &str| -> String {
        let all = pipeline(&text);
        all.lines().filter(|l| l.trim_start().starts_with(what)).map(|l| format!("{}\n", l.trim())).collect()
    };
    expect![[r#"
        action action0 NoAction id 0x01445b37 () {}
        action action1 general id 0x0134fe60 (value: general.v) {}
        action action0;
        action action1;
        action action0;
    "#]]
    .assert_eq(&names("action action"));
    expect![[r#"
        table table0 "abs.t" id 0x02fb1a6f {
        table table1 "MyIngress.named.u" id 0x02000005 {
    "#]]
    .assert_eq(&names("table table"));
    expect![[r#"
        key exact 4 "m.x[3:0]" = slice(meta.x, 3, 0);
    "#]]
    .assert_eq(&names("key "));
}

#[test]
fn errors_of_core_have_their_codes_wherever_others_are_declared() {
    let text = program("", "", "if (sm.parser_error == error.NoMatch || sm.parser_error == error.Mine) { meta.x = 1; } hdr.h.a = meta.x;")
        .replacen("#include <core.p4>", "error { Mine } #include <core.p4>".replace("} #", "}\n#").as_str(), 1);
    expect![[r#"
        errors NoError, PacketTooShort, NoMatch, StackOutOfBounds, HeaderTooShort, ParserTimeout, ParserInvalidArgument, Mine;
    "#]].assert_eq(&item(&text, "errors "));
    expect![[r#"
        if or(eq(standard_metadata.parser_error, 32w0x2), eq(standard_metadata.parser_error, 32w0x7)) {
            meta.x = 8w0x1;
        }
    "#]]
    .assert_eq(&item(&text, "if or(eq("));
}

#[test]
fn findings_are_located() {
    let check = |declarations: &str, locals: &str, apply: &str, expected: Expect| {
        expected.assert_eq(&findings(&compiled(&program(declarations, locals, apply))));
    };
    check(
        "extern void mystery(in bit<8> x);",
        "",
        "mystery(meta.x);",
        expect![[r#"
            warning[W0502]: the extern function `mystery` is declared here and implemented nowhere: calling it gives zeros
              --> main.p4:20:13
               |
            20 |     apply { mystery(meta.x); }
               |             ^^^^^^^^^^^^^^^
        "#]],
    );
    check(
        "",
        "action a() {} table t { key = { hdr.h.a : lpm; hdr.h.b : lpm; } actions = { a; } }",
        "t.apply();",
        expect![""],
    );
    check(
        "",
        "action a() {} table t { key = { hdr.h.a : lpm; } actions = { a; } const entries = { 1 &&& 5 : a(); } }",
        "t.apply();",
        expect![[r#"
            error[E0411]: this mask is no prefix
              --> main.p4:19:95
               |
            19 |     action a() {} table t { key = { hdr.h.a : lpm; } actions = { a; } const entries = { 1 &&& 5 : a(); } }
               |                                                                                               ^
               |
               = note: the mask of an `lpm` key is ones followed by zeros
        "#]],
    );
    let twice = "action a() { meta.x = 1; } @name(\"a\") action b() { meta.x = 2; }
        table t { actions = { a; } default_action = a; } table u { actions = { b; } default_action = b; }";
    check(
        "",
        twice,
        "t.apply(); u.apply();",
        expect![[r#"
            error[E0509]: the control plane would know two different actions as `MyIngress.a`
              --> main.p4:19:50
               |
            19 |     action a() { meta.x = 1; } @name("a") action b() { meta.x = 2; }
               |                                                  ^
        "#]],
    );
    let no_main = program("", "", "").replace("main;", "not_main;");
    expect![[r#"
        error[E0502]: the program has no `main`
          --> main.p4:28:1
           |
        28 |
           | ^
    "#]]
    .assert_eq(&findings(&compiled(&no_main)));
}

#[test]
fn nesting_is_followed_or_reported_but_never_too_deep() {
    for depth in [64, 250, 2000] {
        let parens = format!("meta.x = {}hdr.h.a{};", "(".repeat(depth), " + meta.x)".repeat(depth));
        let ifs = format!("{}meta.x = 1;{}", "if (meta.x == 0) { ".repeat(depth), "}".repeat(depth));
        let chain = format!("meta.x = {}1;", "hdr.h.a + ".repeat(depth));
        for apply in [parens, ifs, chain] {
            let compilation = compiled(&program("", "", &apply));
            assert_eq!(compilation.output.is_none(), compilation.diagnostics.has_errors());
        }
        let mut functions = "bit<8> f0(in bit<8> v) { return v; }".to_owned();
        for i in 1..depth {
            functions.push_str(&format!("bit<8> f{i}(in bit<8> v) {{ return f{}(v); }}\n", i - 1));
        }
        let apply = format!("meta.x = f{}(meta.x);", depth - 1);
        let compilation = compiled(&program(&functions, "", &apply));
        assert_eq!(compilation.output.is_none(), compilation.diagnostics.has_errors());
    }
}
