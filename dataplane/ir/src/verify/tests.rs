//! Every rule, broken by small changes of one good program.

use std::collections::BTreeSet;
use std::fmt::Write;

use expect_test::expect_file;

use super::*;
use crate::{Block, Expr, HeaderRef, ProgramBuilder, Stmt, Ty, text};

const EVERYTHING: &str = include_str!("../../testdata/everything.ir");

/// A rule, what is taken out of the good program and what is put there instead.
const BROKEN: &[(Rule, &str, &str)] = &[
    (Rule::Entry, "    ingress body0;\n", ""),
    (Rule::Index, "ingress body0;", "ingress body9;"),
    (Rule::Index, "egress body3;", "egress body9;"),
    (Rule::Index, "hdr.ip.other\": htype0", "hdr.ip.other\": htype9"),
    (Rule::Index, "htype1 in union0", "htype1 in union9"),
    (Rule::Index, "hdr3, hdr4 next var1", "hdr3, hdr4, hdr9 next var9"),
    (Rule::Index, "\"hdr.ip\": hdr1, hdr2;", "\"hdr.ip\": hdr1, hdr2, hdr9;"),
    (Rule::Index, "preserve0 vars var0, var3 headers hdr0", "preserve0 vars var99 headers hdr99"),
    (Rule::Index, "x: var3) {", "x: var99) {"),
    (Rule::Index, "packets size 16;", "packets size 16 direct table9;"),
    (Rule::Index, "bytes size 16;", "bytes size 16 direct table9;"),
    (Rule::Index, "action action3 table_only;", "action action3 table_only; action action9;"),
    (Rule::Index, "default const action0();", "default const 9();"),
    (Rule::Index, "(48w0x2, any): action3();", "(48w0x2, any): 9();"),
    (Rule::Index, "profile profile0;", "profile profile9;"),
    (Rule::Index, "direct_counter counter1;", "direct_counter counter9;"),
    (Rule::Index, "direct_meter meter1;", "direct_meter meter9;"),
    (Rule::Index, "steps 64;\n        start state0;", "steps 64;\n        start state9;"),
    (Rule::Index, "(16w0x800, any): state1;", "(16w0x800, any): state9;"),
    (Rule::Index, "valueset1: accept;", "valueset9: accept;"),
    (Rule::Index, "(any, valueset0): accept;", "(any, valueset9): accept;"),
    (Rule::Index, "var1 = add(var1, 32w0x1);", "var99 = 8w0x1;"),
    (Rule::Index, "set_valid hdr2;", "set_valid hdr9;"),
    (Rule::Index, "set_valid hdr2;", "set_valid stack9[1w1];"),
    (Rule::Index, "hdr5.0 = ", "hdr5.3 = "),
    (Rule::Index, "push_front stack0, 1;", "push_front stack9, 1;"),
    (Rule::Index, "apply table1;", "apply table9;"),
    (Rule::Index, "hit var4", "hit var99"),
    (Rule::Index, "call parser1;", "call parser9;"),
    (Rule::Index, "call action2;", "call action9;"),
    (Rule::Index, "call body4;", "call body9;"),
    (Rule::Index, "count counter0[var3];", "count counter9[var3];"),
    (Rule::Index, "meter meter0[var7]", "meter meter9[var7]"),
    (Rule::Index, "read register0", "read register9"),
    (Rule::Index, "write register0", "write register9"),
    (Rule::Index, "digest digest0 (var0", "digest digest9 (var0"),
    (Rule::Index, "mirror live 32w0x5, preserve1;", "mirror live 32w0x5, preserve9;"),
    (Rule::Index, "resubmit preserve0;", "resubmit preserve9;"),
    (Rule::Index, "recirculate preserve1;", "recirculate preserve9;"),
    (Rule::CoreErrors, "NoError, PacketTooShort", "PacketTooShort, NoError"),
    (Rule::CoreErrors, ", ParserTimeout, ParserInvalidArgument, BadVersion", ""),
    (
        Rule::HeaderLayout,
        "type: 16; }\n    header_type htype1",
        "type: varbit 16; src2: varbit 8; }\n    header_type htype1",
    ),
    (Rule::WholeBytes, "version: 4;", "version: 5;"),
    (Rule::WholeBytes, "emit hdr0;", "emit hdr5;"),
    (Rule::StackElements, ": hdr3, hdr4 next", ": hdr3, hdr2 next"),
    (Rule::StackElements, ": hdr3, hdr4 next", ": hdr3, hdr3 next"),
    (Rule::StackElements, "    union union0", "    stack stack1 s: next var1;\n    union union0"),
    (Rule::StackElements, "    union union0", "    stack stack1 s: hdr4 next var1;\n    union union0"),
    (Rule::UnionMembers, ": hdr1, hdr2;", ": hdr1;"),
    (Rule::UnionMembers, ": hdr1, hdr2;", ": hdr1, hdr2, hdr2;"),
    (Rule::UnionMembers, ": hdr1, hdr2;", ": hdr1, hdr2, hdr0;"),
    (Rule::Limit, "options: varbit 320;", "options: varbit 524280;"),
    (Rule::Limit, "options: varbit 320;", "options: varbit 4294967295; more: 4294967295;"),
    (Rule::Limit, "var var8 empty: 0;", "var var8 empty: 524281;"),
    (
        Rule::Limit,
        "register register0 \"I.r\" id 0x16000001 width 32 size 16",
        "register register0 \"I.r\" id 0x16000001 width 32 size 18446744073709551615",
    ),
    (Rule::Limit, "packets size 16;", "packets size 268435457;"),
    (Rule::Limit, "size 1024;", "size 4294967297;"),
    (Rule::Limit, "\"I.sel\" id 0x11000001 size 128", "\"I.sel\" id 0x11000001 size 4294967297"),
    (Rule::Limit, "port: 32 exact; } size 4;", "port: 32 exact; } size 4294967297;"),
    (Rule::Limit, "loop 16 {", "loop 1048577 {"),
    (Rule::Limit, "steps 64;", "steps 1048577;"),
    (Rule::Limit, "resize_signed(var3, 200)", "resize_signed(var3, 524281)"),
    (Rule::Limit, "count counter0[var3];", "count counter0[concat(resize(var3, 524280), var3)];"),
    (Rule::ControlName, "id 0x01000004", "id 0x01000001"),
    (Rule::ControlName, "id 0x02000004", "id 0x01000001"),
    (Rule::ControlName, "\"I.exit\" id", "\"I.set\" id"),
    (Rule::ActionData, "(port: var0, x: var3)", "(port: var0, x: var3, y: var3)"),
    (Rule::ActionData, "(port: var0, x: var3)", "(port: var0, x: var3, y: var6)"),
    (Rule::TableKeys, "key exact 48", "key selector 48"),
    (Rule::TableKeys, "        profile profile0;\n", ""),
    (Rule::TableKeys, "profile profile0;", "profile profile1;"),
    (Rule::TableActions, "action action3 table_only;", "action action3 table_only; action action0;"),
    (
        Rule::TableActions,
        "        action action0;\n        default action0();\n        size 64;\n        profile profile1;",
        "        default 0();\n        size 64;\n        profile profile1;",
    ),
    (Rule::ActionCall, "action1(32w0x5, 16w0x1)", "action1(32w0x5)"),
    (Rule::ActionCall, "action1(32w0x5, 16w0x1)", "action1(32w0x5, 16w0x1, 1w1)"),
    (Rule::ActionCall, "action1(32w0x5, 16w0x1)", "action1(31w0x5, 16w0x1)"),
    (Rule::ActionCall, "default const action0();", "default const action0(1w1);"),
    (Rule::ActionCall, "default const action0();", "default const action3();"),
    (Rule::ActionCall, "(48w0x2, any): action3();", "(48w0x2, any): action0();"),
    (Rule::TableEntry, "(48w0x2, any): action3();", "(48w0x2): action3();"),
    (Rule::TableEntry, "(48w0x2, any): action3();", "(any, any): action3();"),
    (Rule::TableEntry, "(48w0x2, any): action3();", "(47w0x2, any): action3();"),
    (Rule::TableEntry, "(48w0x2, any): action3();", "(48w0x2, 32w0x0): action3();"),
    (Rule::TableEntry, "(48w0x2, any): action3();", "(48w0x2, any) priority 1: action3();"),
    (Rule::TableEntry, "32w0xa000000/8", "32w0xa000000/33"),
    (Rule::TableEntry, "32w0xa000000/8", "32w0xa000000/6"),
    (Rule::TableEntry, "32w0xa000000/8", "31w0x0/8"),
    (Rule::TableEntry, "(16w0x800 &&& 16w0xff00", "(16w0x801 &&& 16w0xff00"),
    (Rule::TableEntry, "(16w0x800 &&& 16w0xff00", "(16w0x800 &&& 15w0x7f00"),
    (Rule::TableEntry, "32w0x1 .. 32w0x5, any)", "32w0x5 .. 32w0x1, any)"),
    (Rule::TableEntry, "32w0x1 .. 32w0x5, any)", "32w0x1 .. 33w0x5, any)"),
    (Rule::TableEntry, "(any, any, 12w0x7)", "(any, any, 12w0x7 &&& 12w0x7)"),
    (Rule::TableEntry, "        profile profile1;", "        profile profile1; entry (): action0();"),
    (Rule::DirectState, "        direct_counter counter1;\n", ""),
    (Rule::DirectState, "        direct_meter meter1;\n", ""),
    (Rule::DirectState, "packets_and_bytes size 0 direct table0;", "packets_and_bytes size 0 direct table1;"),
    (Rule::Object, "initial 32w0x7", "initial 31w0x7"),
    (Rule::Object, "\"I.m\" id 0x14000001 bytes", "\"I.m\" id 0x14000001 packets_and_bytes"),
    (Rule::Object, "crc16 width 14", "crc16 width 0"),
    (Rule::Object, "crc16 width 14", "crc16 width 65"),
    (Rule::Object, "port: 32 exact; } size 4;", "port: 32 selector; } size 4;"),
    (Rule::Object, "preserve preserve0", "value_set valueset2 none {} size 4; preserve preserve0"),
    (Rule::Type, "parser_error: 32", "parser_error: 31"),
    (Rule::Type, "\"hdr.vlan.nextIndex\": 32", "\"hdr.vlan.nextIndex\": 8"),
    (Rule::Type, "key exact 48 \"hdr.ethernet.dst\"", "key exact 47 \"hdr.ethernet.dst\""),
    (Rule::Type, "var6 = hdr1.options;", "var7 = hdr1.options;"),
    (Rule::Type, "meta.options\": varbit 320", "meta.options\": varbit 328"),
    (Rule::Type, "var1 = add(var1, 32w0x1);", "var1 = add(var1, 8w0x1);"),
    (Rule::Type, "var1 = add(var1, 32w0x1);", "var1 = var3;"),
    (Rule::Type, "sat_add_u(var0, 32w0x1)", "sat_add_u(var0, 31w0x1)"),
    (Rule::Type, "lt_s(var3, 16w0x0)", "lt_s(var3, 15w0x0)"),
    (Rule::Type, "mux(lt_s(var3, 16w0x0)", "mux(var3"),
    (Rule::Type, "resize_signed(var3, 200)", "resize_signed(var3, 100)"),
    (Rule::Type, "resize_signed(var3, 200)", "resize_signed(var6, 200)"),
    (Rule::Type, "shl(neg(var7), var8)", "shl(neg(var7), var6)"),
    (Rule::Type, "neg(var7)", "neg(var6)"),
    (Rule::Type, "concat(hdr5.a, hdr5.2)", "concat(hdr5.a, var6)"),
    (Rule::Type, "eq(hdr1.options, var6)", "eq(hdr1.options, var7)"),
    (Rule::Type, "slice(var3, 11, 0)", "slice(var3, 16, 5)"),
    (Rule::Type, "slice(var3, 11, 0)", "slice(var3, 0, 11)"),
    (Rule::Type, "hdr0.dst[47:44] = 4w0xf;", "hdr0.dst[47:44] = 5w0xf;"),
    (Rule::Type, "hdr0.dst[47:44] = 4w0xf;", "hdr0.dst[48:45] = 4w0xf;"),
    (Rule::Type, "hdr0.dst[47:44] = 4w0xf;", "hdr1.options[3:0] = 4w0xf;"),
    (Rule::Type, "set_invalid stack0[var1];", "set_invalid stack0[var6];"),
    (Rule::Type, "copy_header hdr3,", "copy_header hdr0,"),
    (Rule::Type, "if var4 {", "if var3 {"),
    (Rule::Type, "case 16w0x1, 16w0x2 {", "case 15w0x1, 16w0x2 {"),
    (Rule::Type, "hit var4", "hit var3"),
    (Rule::Type, "action_run var0", "action_run var3"),
    (Rule::Type, "extract hdr0;", "extract hdr0, 32w0x8;"),
    (Rule::Type, "extract stack0[var1];", "extract hdr1;"),
    (Rule::Type, "lookahead var3;", "lookahead var6;"),
    (Rule::Type, "advance 32w0x8;", "advance 8w0x8;"),
    (Rule::Type, "verify eq(hdr1.version, 4w0x4), 32w0x7;", "verify hdr1.version, 32w0x7;"),
    (Rule::Type, "verify eq(hdr1.version, 4w0x4), 32w0x7;", "verify 1w1, 8w0x7;"),
    (Rule::Type, "count counter0[var3];", "count counter0[var6];"),
    (Rule::Type, "meter meter0[var7] -> var5;", "meter meter0[var7] -> var3;"),
    (Rule::Type, "read register0[var3] -> var0;", "read register0[var3] -> var3;"),
    (Rule::Type, "write register0[var3], ", "write register0[var6], "),
    (Rule::Type, "hash random () -> var8;", "hash random () -> var6;"),
    (Rule::Type, "random 8w0x0, 8w0xff -> var5;", "random 8w0x0, 9w0xff -> var5;"),
    (Rule::Type, "random 8w0x0, 8w0xff -> var5;", "random 8w0x0, 8w0xff -> var6;"),
    (Rule::Type, "digest digest0 (var0, hdr0.src);", "digest digest0 (var0);"),
    (Rule::Type, "digest digest0 (var0, hdr0.src);", "digest digest0 (hdr0.src, var0);"),
    (Rule::Type, "assert ne(var0, 32w0x0)", "assert var0"),
    (Rule::Type, "truncate 32w0x40;", "truncate 16w0x40;"),
    (Rule::Type, "mirror live 32w0x5,", "mirror live 16w0x5,"),
    (Rule::Type, "enqueue var0, 32w0x0;", "enqueue var3, 8w0x0;"),
    (Rule::Type, "replicate resize(var3, 32), 32w0x0;", "replicate var3, 8w0x0;"),
    (Rule::Type, "select (hdr0.type, ingress_port)", "select (hdr1.options, ingress_port)"),
    (Rule::Type, "(16w0x800, any): state1;", "(8w0x8, any): state1;"),
    (Rule::Type, "16w0x8100 &&& 16w0xefff", "16w0x8100 &&& 15w0x6fff"),
    (Rule::Type, "signed 32w0xffffffff .. 32w0x1", "signed 31w0xffff .. 31w0x1"),
    (Rule::Select, "(16w0x800, any): state1;", "(16w0x800): state1;"),
    (Rule::Select, "(any, valueset0): accept;", "(valueset0, any): accept;"),
    (Rule::Select, "(any, valueset0): accept;", "(any, valueset1): accept;"),
    (Rule::Select, "valueset1: accept;", "valueset0: accept;"),
    (Rule::SwitchLabel, "case 16w0x1, 16w0x2 {", "case 16w0x1, 16w0x1 {"),
    (Rule::SwitchLabel, "case {}", "case 16w0x2 {}"),
    (Rule::Bound, "loop 16 {", "loop 0 {"),
    (Rule::Bound, "steps 64;", "steps 0;"),
    (Rule::OutsideLoop, "set_valid hdr2;", "break;"),
    (Rule::OutsideLoop, "set_valid hdr2;", "continue;"),
    (Rule::OutsideLoop, "var4 = not(var4);", "continue;"),
    (Rule::OutsideLoop, "if var4 {", "call body2 copy_out { break; } if var4 {"),
    (Rule::Recursion, "log \"here\" ();", "call body2;"),
    (
        Rule::Recursion,
        "action action2 \"I.inner\" hidden () {",
        "action action2 \"I.inner\" hidden () { call action1;",
    ),
    (Rule::Recursion, "call body1;", "call parser0;"),
    (Rule::Recursion, "apply table0 hit var4 action_run var0;", "call body0;"),
    (Rule::CopyBlock, "var0 = 32w0x0;", "return;"),
    (Rule::CopyBlock, "var0 = 32w0x0;", "exit;"),
    (Rule::CopyBlock, "var0 = 32w0x0;", "catch {}"),
    (Rule::CopyBlock, "var0 = 32w0x0;", "apply table1;"),
    (Rule::CopyBlock, "var0 = 32w0x0;", "call body2;"),
    (Rule::CopyBlock, "var0 = 32w0x0;", "if var4 { atomic { return; } }"),
    (Rule::CopyBlock, "call parser1;", "call parser1 copy_out { advance 32w0x8; }"),
    (Rule::CopyBlock, "var3 = 16w0x1;\n            call body2;", "return;"),
    (Rule::ParserOnly, "set_valid hdr2;", "extract hdr0;"),
    (Rule::ParserOnly, "set_valid hdr2;", "lookahead var3;"),
    (Rule::ParserOnly, "set_valid hdr2;", "verify 1w1, 32w0x1;"),
    (Rule::ParserOnly, "set_valid hdr2;", "call body1;"),
    (Rule::ParserOnly, "call body1;", ""),
    (
        Rule::ParserOnly,
        "action action0 NoAction id 0x01000001 () {}",
        "action action0 NoAction id 0x01000001 () { advance 32w0x8; }",
    ),
    (Rule::NotInParser, "call body1;", "call action0; call body1;"),
    (Rule::NotInParser, "call body1;", "apply table1; call body1;"),
    (Rule::NotInParser, "call body1;", "exit; call body1;"),
    (Rule::NotInParser, "advance 32w0x8;", "catch { advance 32w0x8; }"),
    (Rule::NotInAction, "log \"here\" ();", "apply table1;"),
    (Rule::NotInAction, "log \"here\" ();", "call parser1;"),
    (Rule::Emit, "log \"here\" ();", "emit hdr0;"),
    (Rule::Emit, "advance 32w0x8;", "emit hdr0;"),
    (Rule::Decision, "enqueue var0, 32w0x0;", "transmit;"),
    (Rule::Decision, "enqueue var0, 32w0x0;", "recirculate preserve0;"),
    (Rule::Decision, "        transmit;", "enqueue var0, 32w0x0;"),
    (Rule::Decision, "        transmit;\n", "        replicate var0, 32w0x0;\n"),
    (Rule::Decision, "        transmit;\n", "        resubmit preserve0;\n"),
    (Rule::Decision, "        transmit;\n", "        call body0;\n"),
    (Rule::DirectUse, "count counter1;", "count counter1[var3];"),
    (Rule::DirectUse, "count counter0[var3];", "count counter0;"),
    (Rule::DirectUse, "meter meter0[var7] -> var5;", "meter meter0 -> var5;"),
    (Rule::DirectUse, "set_valid hdr2;", "count counter1;"),
    (Rule::DirectUse, "set_valid hdr2;", "call action1;"),
    (Rule::DirectUse, "set_valid hdr2;", "call action2;"),
    (
        Rule::DirectUse,
        "        action action0;\n        default action0();\n        entry",
        "        action action0; action action1;\n        default action0();\n        entry",
    ),
    (Rule::DirectUse, "call action2;", ""),
];

fn everything() -> Program {
    text::parse(EVERYTHING).unwrap()
}

#[test]
fn the_good_program_is_good() {
    let verified = verify(everything()).unwrap();
    assert_eq!(*verified.clone(), everything());
    assert_eq!(verified.program(), &everything());
    assert_eq!(format!("{verified:?}"), "Verified(\"everything\")");
}

#[test]
fn every_rule_can_be_broken() {
    let mut page = String::new();
    let mut broken = BTreeSet::new();
    for (rule, from, to) in BROKEN {
        let changed = EVERYTHING.replacen(from, to, 1);
        assert!(changed != EVERYTHING, "{from:?} is not in the good program");
        let program = text::parse(&changed).unwrap_or_else(|e| panic!("{to:?}: {e}"));
        let found = violations(&program);
        assert!(found.iter().any(|v| v.rule == *rule), "{rule:?} is not broken by {to:?}: {found:#?}");
        assert_eq!(verify(program).unwrap_err(), found);
        broken.insert(*rule);
        writeln!(page, "{from:?} -> {to:?}").unwrap();
        for violation in found {
            writeln!(page, "    {:?}: {violation}", violation.rule).unwrap();
        }
    }
    // Rules are numbered without gaps, the last one last.
    let all: Vec<u32> = broken.iter().map(|rule| rule.number()).collect();
    assert_eq!(all, (1..=Rule::DirectUse.number()).collect::<Vec<_>>());
    expect_file!["../../testdata/violations.txt"].assert_eq(&page);
}

fn ingress(build: impl FnOnce(&mut ProgramBuilder) -> Block) -> Vec<Violation> {
    let mut builder = ProgramBuilder::new("x");
    let block = build(&mut builder);
    builder.ingress(block);
    violations(&builder.finish())
}

#[test]
fn everything_wrong_is_reported_at_once() {
    let rules: Vec<Rule> = violations(&Program::default()).into_iter().map(|v| v.rule).collect();
    assert_eq!(rules, [Rule::Entry, Rule::CoreErrors]);
    let found = ingress(|b| {
        let x = b.var("x", 8);
        vec![
            Stmt::assign(x, Expr::constant(9, 0)),
            Stmt::either(Expr::read(x), vec![Stmt::Break], vec![Stmt::Continue]),
            Stmt::assign(x, Expr::constant(7, 0) + Expr::constant(6, 0)),
        ]
    });
    let shown: Vec<String> = found.iter().map(Violation::to_string).collect();
    assert_eq!(
        shown,
        [
            "body0 ingress statement 0: the value has to be bit<8> but is bit<9>",
            "body0 ingress statement 1: the condition has to be bit<1> but is bit<8>",
            "body0 ingress statement 1 then statement 0: there is no loop around it",
            "body0 ingress statement 1 else statement 0: there is no loop whose body is around it",
            "body0 ingress statement 2: operands of one type are needed, not bit<7> and bit<6>",
        ]
    );
}

#[test]
fn expressions_are_as_deep_as_the_limit_and_no_deeper() {
    let deep = |depth: usize| {
        let mut expr = Expr::constant(1, 1);
        for i in 1..depth {
            expr = if i % 2 == 0 { !expr } else { expr & Expr::bool(true) };
        }
        expr
    };
    let program = Program::default();
    assert_eq!(width_of(&program, &deep(limit::EXPRESSION_DEPTH)), Ok(Ty::Bits(1)));
    assert_eq!(width_of(&program, &deep(limit::EXPRESSION_DEPTH + 1)), Err(TypeError::TooDeep));
    assert_eq!(width_of(&program, &deep(4000)), Err(TypeError::TooDeep));

    let mut builder = ProgramBuilder::new("x");
    let ty = builder.header_type("t", &[("f", 1)]);
    let stack = builder.stack("s", ty, 2);
    let mut index = Expr::bool(false);
    for _ in 1..limit::EXPRESSION_DEPTH {
        index = Expr::field(HeaderRef::element(stack, index), 0);
    }
    assert_eq!(width_of(builder.program(), &index), Ok(Ty::Bits(1)));
    let index = Expr::field(HeaderRef::element(stack, index), 0);
    assert_eq!(width_of(builder.program(), &index), Err(TypeError::TooDeep));
}

#[test]
fn blocks_nest_as_deep_as_the_limit_through_calls_and_no_deeper() {
    let nested = |depth: usize, innermost: Block| {
        let mut block = innermost;
        for _ in 1..depth {
            block = vec![Stmt::Atomic(block)];
        }
        block
    };
    assert_eq!(ingress(|_| nested(limit::NESTING, vec![])), []);
    let found = ingress(|_| nested(limit::NESTING + 1, vec![]));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].rule, Rule::Limit);
    assert_eq!(ingress(|_| nested(4000, vec![])).len(), 1);

    // A call is one deeper than the statement; a chain of callees counts as a whole.
    let chain = |callers: usize, depth: usize| {
        ingress(|b| {
            let mut callee = b.body("last", nested(depth, vec![]));
            for i in 0..callers {
                callee = b.body(&format!("b{i}"), vec![Stmt::call(callee)]);
            }
            vec![Stmt::call(callee)]
        })
    };
    let left = (limit::NESTING - 10) / 2;
    assert_eq!(chain(left - 1, 10), []);
    let found = chain(limit::NESTING, 10);
    assert_eq!(found.len(), 1, "blamed once: {found:#?}");
    assert_eq!(found[0].rule, Rule::Limit);
}

#[test]
fn the_frame_and_stacks_are_bounded() {
    let found = ingress(|b| {
        let ty = b.header_type("big", &[("f", limit::WIDTH_BITS)]);
        for i in 0..=limit::FRAME_BITS / u64::from(limit::WIDTH_BITS) {
            b.header(&format!("h{i}"), ty);
        }
        vec![]
    });
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].rule, found[0].place.as_str()), (Rule::Limit, "frame"));

    let found = ingress(|b| {
        let ty = b.header_type("none", &[]);
        b.stack("fits", ty, limit::STACK_ELEMENTS);
        b.stack("s", ty, limit::STACK_ELEMENTS + 1);
        vec![]
    });
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].rule, found[0].place.as_str()), (Rule::Limit, "stack1 s"));
}

#[test]
fn types_of_the_good_program_are_found_from_outside() {
    let program = everything();
    let hash = |text: &str| {
        let text = EVERYTHING.replacen("hash random ()", &format!("hash random ({text})"), 1);
        let changed = text::parse(&text).unwrap();
        let found = changed.bodies.values().flat_map(|b| &b.block).find_map(|stmt| match stmt {
            Stmt::Hash { algorithm: crate::HashAlgorithm::Random, data, .. } => Some(data[0].clone()),
            _ => None,
        });
        width_of(&program, &found.unwrap())
    };
    assert_eq!(hash("concat(hdr0.dst, 8w0x1)"), Ok(Ty::Bits(56)));
    assert_eq!(hash("hdr1.options"), Ok(Ty::Varbit(320)));
    assert_eq!(hash("valid stack0[8w0x5]"), Ok(Ty::Bits(1)));
    assert_eq!(hash("stack0[8w0x5].vid"), Ok(Ty::Bits(12)));
    assert_eq!(hash("slice(hdr0.dst, 40, 9)"), Ok(Ty::Bits(32)));
    assert_eq!(hash("now_ns"), Ok(Ty::Bits(64)));
    assert_eq!(hash("resize(var8, 7)"), Ok(Ty::Bits(7)));
    assert_eq!(hash("add(var8, var3)"), Err(TypeError::Differ { left: Ty::Bits(0), right: Ty::Bits(16) }));
    assert_eq!(hash("not(var6)"), Err(TypeError::NotBits { part: "the operand", found: Ty::Varbit(320) }));
}
