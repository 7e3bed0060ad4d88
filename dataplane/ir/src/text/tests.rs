//! What is printed is read back; what is no program is refused with the place where it goes wrong.

use expect_test::{Expect, expect, expect_file};
use proptest::prelude::*;

use super::*;
use crate::generate;
use crate::verify::{limit, verify, violations};
use crate::{Block, Body, Expr, Stmt, VarId};

const EVERYTHING: &str = include_str!("../../testdata/everything.ir");

fn refused(text: &str, expected: Expect) {
    match parse(text) {
        Ok(_) => expected.assert_eq("no error"),
        Err(error) => expected.assert_eq(&error.to_string()),
    }
}

#[test]
fn everything_is_read_and_printed_as_it_stands() {
    let program = parse(EVERYTHING).unwrap();
    let printed = print(&program);
    expect_file!["../../testdata/everything.ir"].assert_eq(&printed);
    assert_eq!(parse(&printed).unwrap(), program);
    assert_eq!(violations(&program), []);
}

#[test]
fn an_action_can_be_called_by_its_position_in_the_table() {
    let by_position = EVERYTHING.replace("default const action0();", "default const 0();");
    assert_ne!(by_position, EVERYTHING);
    assert_eq!(parse(&by_position), parse(EVERYTHING));
}

#[test]
fn json_holds_the_same_program() {
    let program = parse(EVERYTHING).unwrap();
    let json = serde_json::to_string(&program).unwrap();
    assert_eq!(serde_json::from_str::<Program>(&json).unwrap(), program);
}

#[test]
fn the_form_shown_in_the_documentation_is_the_form() {
    // The example of the module's page, with what it refers to.
    let page = include_str!("../text.rs");
    let example = page.split("```text").nth(1).unwrap().split("```").next().unwrap();
    let example: String = example.lines().map(|l| l.trim_start_matches("//!")).collect::<Vec<_>>().join("\n");
    let program = parse(&example).unwrap();
    assert_eq!(parse(&print(&program)).unwrap(), program);

    // Every statement of the page, in a body.
    let stmts = page.split("```text").nth(2).unwrap().split("```").next().unwrap();
    let stmts: String = stmts.lines().map(|l| l.trim_start_matches("//!")).collect::<Vec<_>>().join("\n");
    let stmts = stmts.replace("..", "").replace(".vid", ".0");
    let text = format!(
        "program x for y {{ header_type htype0 e {{ dst: 48; src: 48; }} header hdr0 h: htype0; body body0 b {{ {stmts} }} }}"
    );
    let program = parse(&text).unwrap();
    assert_eq!(parse(&print(&program)).unwrap(), program);
}

#[test]
fn errors_say_where_and_what() {
    refused("", expect!["1:1: `program` is needed here, not the end"]);
    refused("program x for y {", expect!["1:18: a declaration is needed here, not the end"]);
    refused("program x for y {} z", expect!["1:20: the end is needed here, not `z`"]);
    refused("program x for y {\n  frob a;\n}", expect!["2:3: `frob` declares nothing"]);
    refused("program x for y { header hdr1 a: htype0; }", expect!["1:26: the next to be declared is hdr0"]);
    refused(
        "program x for y { header var0 a: htype0; }",
        expect!["1:26: an index like `hdr0` is needed here, not `var0`"],
    );
    refused(
        "program x for y { body body0 b { var0 = 8w256; } }",
        expect!["1:41: the number does not fit 8 bits"],
    );
    refused("program x for y { body body0 b { é } }", expect!["1:34: `é` has no meaning here"]);
    refused("program \"x\n\"", expect!["1:9: the string is not closed on its line"]);
    refused(r#"program "\q""#, expect![[r#"1:10: escapes are \" \\ \n \r \t \u{1f}"#]]);
    refused(r#"program "\u{d800}""#, expect![[r#"1:10: escapes are \" \\ \n \r \t \u{1f}"#]]);
    refused(
        "program x for y { body body0 b { var0 = hdr0.dst; } }",
        expect!["1:46: fields have names only where their header is declared above"],
    );
    refused(
        "program x for y { header_type htype0 t { a: 8; } header hdr0 h: htype0; body body0 b { var0 = hdr0.b; } }",
        expect!["1:100: there is no field `b`"],
    );
    refused(
        "program x for y { table table0 t { default action3(); } }",
        expect!["1:44: action3 is not among the table's actions above"],
    );
    refused("program x for y { var var0 v: 4294967296; }", expect!["1:31: 4294967296 is too large here"]);
    refused(
        "program x for y { var var0 v: 99999999999999999999; }",
        expect!["1:31: `99999999999999999999` is no number of 64 bits"],
    );
    refused(
        "program x for y { ingress body4294967295; }",
        expect!["1:27: an index like `body0` is needed here, not `body4294967295`"],
    );
    refused(
        "program x for y { body body0 b { if frob(1w1) {} } }",
        expect!["1:37: `frob` begins no expression"],
    );
    refused("program x for y { body body0 b { add(1w1); } }", expect!["1:34: `add` begins no statement"]);
}

fn body(block: Block) -> Program {
    let mut program = Program::default();
    program.bodies.push(Body { name: String::new(), block });
    program
}

#[test]
fn names_are_quoted_where_they_have_to_be() {
    for name in ["", "x", "_1", "1x", "a b", "\"", "\\", "\n\r\t\0\u{7f}", "é", "\u{2028}", "hidden", "//"] {
        let program =
            Program { name: name.to_string(), architecture: name.to_string(), ..Program::default() };
        assert_eq!(parse(&print(&program)), Ok(program));
    }
}

#[test]
fn blank_and_comments_do_not_count() {
    let plain = parse("program x for y { body body0 b { var0=8w31;return; } }").unwrap();
    let text = "// first\nprogram x for y\t{ body body0 b {//}\n var0 = 8w0x1_f ; \r\n return ; } }// last";
    assert_eq!(parse(text), Ok(plain));
}

#[test]
fn depth_is_bounded_where_the_verifier_bounds_it() {
    let expr = |depth: usize| {
        let mut expr = Expr::constant(1, 1);
        for _ in 1..depth {
            expr = !expr;
        }
        body(vec![Stmt::assign(VarId::from_u32(0), expr)])
    };
    let deepest = expr(limit::EXPRESSION_DEPTH);
    assert_eq!(parse(&print(&deepest)), Ok(deepest));
    refused(
        &print(&expr(limit::EXPRESSION_DEPTH + 1)),
        expect!["3:1040: expressions nest more than 256 deep"],
    );

    let nested = |depth: usize| {
        let mut block = vec![];
        for _ in 1..depth {
            block = vec![Stmt::Atomic(block)];
        }
        body(block)
    };
    let deepest = nested(limit::NESTING);
    assert_eq!(parse(&print(&deepest)), Ok(deepest));
    assert!(parse(&print(&nested(limit::NESTING + 1))).is_err());

    let chain = |depth: usize| {
        let mut block = vec![];
        for _ in 1..depth {
            block = vec![Stmt::either(Expr::bool(true), vec![], block)];
        }
        body(block)
    };
    let deepest = chain(limit::NESTING);
    assert_eq!(parse(&print(&deepest)), Ok(deepest));
    assert!(parse(&print(&chain(limit::NESTING + 1))).is_err());
}

#[test]
fn endless_nesting_is_refused_without_running_out_of_stack() {
    for opening in
        ["if 1w1 {", "if 1w1 {} else ", "var0 = not(", "var0 = stack0[", "loop 1 {", "call body0 copy_out {"]
    {
        let text = format!("program x for y {{ body body0 b {{ {}", opening.repeat(100_000));
        assert!(parse(&text).is_err());
        let inner = opening.trim_start_matches("var0 = ");
        let text = format!("program x for y {{ body body0 b {{ var0 = {}", inner.repeat(100_000));
        assert!(parse(&text).is_err());
    }
}

#[test]
fn wide_constants_are_budgeted() {
    let constants = |count: usize| {
        let labels = vec!["524280w0"; count].join(", ");
        parse(&format!("program x for y {{ body body0 b {{ switch var0 {{ case {labels} {{}} }} }} }}"))
    };
    assert!(constants(1000).is_ok());
    assert!(constants(1025).is_err());
    assert!(parse("program x for y { body body0 b { var0 = 4294967295w0; } }").is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_program_round_trips(program in generate::program()) {
        let text = print(&program);
        let parsed = parse(&text).map_err(|e| TestCaseError::fail(format!("{e}\n{text}")))?;
        prop_assert_eq!(&parsed, &program);
        prop_assert_eq!(print(&parsed), text);
    }

    #[test]
    fn whatever_is_read_is_printed_and_verified_without_a_panic(
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0usize..12, edit()), 1..4)
    ) {
        let mut text = EVERYTHING.to_string();
        for (at, length, put) in edits {
            let floor = |mut i: usize| { while !text.is_char_boundary(i) { i -= 1; } i };
            let from = floor(at.index(text.len() + 1));
            let to = floor((from + length).min(text.len()));
            text.replace_range(from..to, &put);
        }
        if let Ok(program) = parse(&text) {
            let printed = print(&program);
            prop_assert_eq!(parse(&printed).unwrap(), program.clone());
            let _ = verify(program);
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,60}", words in prop::collection::vec(edit(), 0..60)) {
        let _ = parse(&text);
        let _ = parse(&format!("program x for y {{ {text} }}"));
        let _ = parse(&format!("program x for y {{ {} }}", words.join(" ")));
        let _ = parse(&format!("program x for y {{ body body0 b {{ {} }}", words.join(" ")));
    }
}

/// What a mutation puts in: pieces of the language, and rubbish.
fn edit() -> impl Strategy<Value = String> {
    let pieces = [
        "",
        " ",
        "{",
        "}",
        "(",
        ")",
        "[",
        "]",
        ";",
        ",",
        ":",
        "=",
        "->",
        "..",
        "&&&",
        "/",
        "\"",
        "\\",
        "//",
        "\n",
        "0",
        "1",
        "9",
        "0x",
        "4294967295",
        "8w1",
        "1w1",
        "300w5",
        "w",
        "if",
        "else",
        "switch",
        "case",
        "default",
        "loop",
        "call",
        "var0",
        "var99",
        "hdr0",
        "hdr5",
        "hdr0.dst",
        "hdr0.7",
        "stack0",
        "stack0[var1]",
        "stack7",
        "action0",
        "action1",
        "body0",
        "body2",
        "parser0",
        "table0",
        "table9",
        "state0",
        "state9",
        "counter0",
        "counter1",
        "meter1",
        "register0",
        "valueset0",
        "valueset1",
        "preserve9",
        "profile0",
        "varbit",
        "exact",
        "lpm",
        "selector",
        "any",
        "signed",
        "id",
        "hidden",
        "direct",
        "in",
        "next",
        "eq",
        "slice",
        "mux",
        "valid",
        "transition",
        "select",
        "accept",
        "reject",
        "header",
        "var",
        "body",
        "ingress",
        "egress",
        "exit",
        "break",
    ];
    prop_oneof![
        4 => prop::sample::select(pieces.to_vec()).prop_map(str::to_string),
        1 => "\\PC{0,3}",
    ]
}
