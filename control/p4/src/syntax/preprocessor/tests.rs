//! What comes out of the preprocessor, as text, and what it complains about.

use expect_test::{Expect, expect};

use super::*;
use crate::diag::Style;
use crate::syntax::MemoryFiles;

/// Tokens of `files`' `main.p4`, a line per line start, and messages behind them.
fn check_files(files: &MemoryFiles, options: &PreprocessorOptions, expect: Expect) {
    let (mut map, mut diags) = (SourceMap::new(), Diagnostics::new());
    let result = preprocess(files, "main.p4", options, &mut map, &mut diags);
    let mut text = String::new();
    for token in &result.tokens {
        if token.kind == TokenKind::Eof {
            break;
        }
        if token.starts_line() && !text.is_empty() {
            text.push('\n');
        } else if token.is_spaced() && !text.is_empty() {
            text.push(' ');
        }
        text.push_str(token.text(&result.interner));
    }
    for diagnostic in &diags {
        let place = map.lookup(diagnostic.span().start);
        let place = place.map_or("nowhere".to_owned(), |at| format!("{}:{}:{}", at.file, at.line, at.column));
        text.push_str(&format!("\n{place}: {}: {}", diagnostic.code, diagnostic.message));
    }
    expect.assert_eq(text.trim_start());
}

fn check(input: &str, expect: Expect) {
    check_files(&MemoryFiles::new().with("main.p4", input), &PreprocessorOptions::default(), expect);
}

#[test]
fn object_like_macros() {
    check("#define A 1\n#define B A + A\nB; A x", expect!["1 + 1; 1 x"]);
    check("#define A B\n#define B A\nA B", expect!["A B"]);
    check(
        "#define EMPTY\nx EMPTY y EMPTYz\nEMPTY\nz",
        expect![[r#"
        x y EMPTYz
        z"#]],
    );
    check("#define A 1\n#undef A\nA", expect!["A"]);
    check(
        "#define A 1\n#define A 1\n#define A 2\nA",
        expect![[r#"
        2
        main.p4:3:9: W0102: macro `A` is defined again, differently"#]],
    );
    check("#define bit varbit\nbit<8>", expect!["varbit<8>"]);
}

#[test]
fn function_like_macros() {
    check("#define F(a, b) a-b\nF(1, 2) F((1,2), 3) F (4,\n 5) F", expect!["1-2 (1,2)-3 4-5 F"]);
    check("#define F() x\n#define G(a) [a]\nF() G() G(F())", expect!["x [] [x]"]);
    check("#define F (a)\nF", expect!["(a)"]);
    check("#define F(x) x F\nF(1)(2)", expect!["1 F(2)"]);
    check("#define f(x) g(x)\n#define g(x) f(x) + x\nf(f(1))", expect!["f(f(1) + 1) + f(1) + 1"]);
    check(
        "#define F(a) a\nF(1, 2)\nF(",
        expect![[r#"
        F
        main.p4:2:1: E0108: macro `F` takes 1 argument, not 2
        main.p4:3:1: E0108: the call of macro `F` is not closed"#]],
    );
    check("#define LATER F\n#define F(x) <x>\nLATER(1)", expect!["<1>"]);
}

#[test]
fn stringify_and_paste() {
    check(
        r##"#define S(x) #x
S(a  +"b\n" )"##,
        expect![[r#""a +\"b\\n\"""#]],
    );
    check(
        "#define P(a, b) a ## b\nP(x, 1) P(, y) P(z,) P(,) P(8w, 0xF) P(<, <) P(>, >)",
        expect!["x1 y z 8w0xF << >>"],
    );
    // What is not one token stays two, as programs for p4c rely on.
    check("#define P(a) a ## +\n#define Q(a, b) a. ## b ## (1)\nP(x) P(<) Q(m, f)", expect!["x+ <+ m.f(1)"]);
    check("#define X 1\n#define P(a) a ## X\n#define Q(a) a\nP(Y) P(X) Q(X)", expect!["YX XX 1"]);
    check(
        "#define F(x) # y\n#define G ## x\n#define H(x) x ##",
        expect![[r#"
        main.p4:1:14: E0103: `#` has to be followed by a parameter of the macro
        main.p4:2:11: E0103: `##` has to stand between two tokens
        main.p4:3:16: E0103: `##` has to stand between two tokens"#]],
    );
}

#[test]
fn variadic_macros() {
    check("#define V(...) f(__VA_ARGS__)\nV() V(1) V(1, 2)", expect!["f() f(1) f(1, 2)"]);
    check("#define V(a, ...) f(a, ## __VA_ARGS__)\nV(1) V(1, 2, 3)", expect!["f(1) f(1, 2, 3)"]);
    check("#define V(a, rest...) a|rest\nV(1, 2, 3)", expect!["1|2, 3"]);
}

#[test]
fn conditionals() {
    check(
        "#define A\n#ifdef A\n1\n#else\n2\n#endif\n#ifndef A\n3\n#else\n4\n#endif",
        expect![[r#"
        1
        4"#]],
    );
    check(
        "#if 0\n1\n#elif 1\n2\n#elif 1\n3\n#else\n4\n#endif\n5",
        expect![[r#"
        2
        5"#]],
    );
    check("#if 0\n#if 1\nx\n#else\ny\n#endif\n#garbage\ndon't \"\n#else\nz\n#endif", expect!["z"]);
    check("#if 0\n/* #endif */ // #endif\n#endif\nx", expect!["x"]);
    check(
        "#if 1\nx",
        expect![[r#"
        x
        main.p4:1:1: E0104: this conditional is not closed in its file"#]],
    );
    check(
        "#endif\n#else\n#if 1\n#else\n#else\n#endif x",
        expect![[r#"
        main.p4:1:2: E0104: `#endif` without an `#if`
        main.p4:2:2: E0104: `#else` without an `#if`
        main.p4:5:2: E0104: `#else` after `#else`
        main.p4:6:8: W0104: text behind `#endif` means nothing"#]],
    );
}

#[test]
fn conditions() {
    let truth = |condition: &str| {
        let text = format!("#define ONE 1\n#define ID(x) x\n#if {condition}\nyes\n#else\nno\n#endif");
        let files = MemoryFiles::new().with("main.p4", text);
        let (mut map, mut diags) = (SourceMap::new(), Diagnostics::new());
        let result = preprocess(&files, "main.p4", &PreprocessorOptions::default(), &mut map, &mut diags);
        match diags.iter().next() {
            Some(diagnostic) => diagnostic.message.clone(),
            None => result.tokens[0].text(&result.interner).to_owned(),
        }
    };
    for yes in [
        "ONE",
        "1 + 2 * 3 == 7",
        "(1 + 2) * 3 == 9",
        "-1 < 0 && !0",
        "defined ONE && defined(ONE) && !defined(TWO)",
        "ID(ID(1))",
        "0x10 == 16 && 0b11 == 3 && 20180101L >= 20180101u",
        "1 || 1 / 0",
        "0 ? 1 / 0 : 1",
        "1 << 4 >> 2 == 4",
        "(5 % 3) == 2 && (6 ^ 3) == 5 && ~0 == -1",
        "__LINE__ == 3",
        "18446744073709551615 == -1",
        "defined(__HEDDLE__) && __TARGET_BMV2__",
    ] {
        assert_eq!(truth(yes), "yes", "{yes}");
    }
    for no in ["0", "UNKNOWN", "ONE - 1", "1 == 2"] {
        assert_eq!(truth(no), "no", "{no}");
    }
    let wrong: Vec<String> = ["", "1 +", "1 2", "1 / 0", "\"x\"", "f(1)", "(1", "12ab", "1 ? 2"]
        .iter()
        .map(|c| truth(c))
        .collect();
    expect![[r#"
        invalid condition of `#if`: expected a value
        invalid condition of `#if`: expected a value
        invalid condition of `#if`: unexpected `2`
        invalid condition of `#if`: division by zero
        invalid condition of `#if`: expected a value, found `"x"`
        invalid condition of `#if`: there is no macro `f` to call
        invalid condition of `#if`: expected `)`
        invalid condition of `#if`: `a` does not belong into an integer
        invalid condition of `#if`: expected `:`"#]]
    .assert_eq(&wrong.join("\n"));
    assert!(truth(&"(".repeat(1000)).contains("nested too deeply"));
}

#[test]
fn includes() {
    let files = MemoryFiles::new()
        .with("main.p4", "#include \"a.p4\"\n#include <a.p4>\n#define WHICH <b.p4>\n#include WHICH\nmain")
        .with("a.p4", "here")
        .with("inc/a.p4", "#include \"c.p4\"\nthere")
        .with("inc/c.p4", "beside")
        .with("inc/b.p4", "b");
    let options = PreprocessorOptions { include_dirs: vec!["inc".into()], ..Default::default() };
    check_files(
        &files,
        &options,
        expect![[r#"
        here
        beside
        there
        b
        main"#]],
    );
    check(
        "#include <nothing.p4>\n#include\n#include x\nx",
        expect![[r#"
        x
        main.p4:1:10: E0101: there is no file `nothing.p4`
        main.p4:2:9: E0103: expected `"file"` or `<file>` after `#include`
        main.p4:3:10: E0103: expected `"file"` or `<file>` after `#include`"#]],
    );
    let files = MemoryFiles::new();
    check_files(&files, &options, expect!["nowhere: E0101: cannot read `main.p4`: entity not found"]);
    // Guards, `#pragma once`, and a file that includes itself without either.
    let files = MemoryFiles::new()
        .with("main.p4", "#include \"g\"\n#include \"g\"\n#include \"o\"\n#include \"o\"\n#include \"s\"\nx")
        .with("g", "#ifndef G\n#define G\nguarded\n#endif")
        .with("o", "#pragma once\nonce")
        .with("s", "#include \"s\"\n#include \"s\"\n");
    check_files(
        &files,
        &PreprocessorOptions::default(),
        expect![[r#"
        guarded
        once
        s:1:10: E0107: files are included 100 deep"#]],
    );
}

#[test]
fn built_in_files() {
    let files = MemoryFiles::new().with("main.p4", "#include <v1model.p4>\n#include <core.p4>\n");
    let (mut map, mut diags) = (SourceMap::new(), Diagnostics::new());
    let result = preprocess(&files, "main.p4", &PreprocessorOptions::default(), &mut map, &mut diags);
    assert!(diags.is_empty(), "{}", diags.render(&map, Style::Plain));
    assert!(result.tokens.len() > 500);
    let names: Vec<&str> = map.files().iter().map(|file| &*file.name).collect();
    assert_eq!(names, ["<predefined>", "main.p4", "<v1model.p4>", "<core.p4>"]);
}

#[test]
fn conditionals_in_strings() {
    check(
        "#define A 2\n\"one\n#ifdef A\ntwo\n # if A > 2\nnever\n#elif defined(A)\nthree\n#else\nno\n#endif\n\
         #else\nno\n#if 1\nno\n#endif\n#endif\n# four\n#ifndef A\nno\n#endif\nfive\" \"#if\" __LINE__",
        expect![[r##"
            "one

            two



            three









            # four



            five" "#if" 22"##]],
    );
    check(
        "\"one\n#if 0\ntwo\"\n3",
        expect![[r#"
        "one
        #if 0
        two"
        3
        main.p4:1:1: E0104: a conditional in this string is not closed in it"#]],
    );
}

#[test]
fn other_directives() {
    check(
        "# TODO: this\n#if_only.apply();\n#endif_ 'x\n # defines a thing\ny",
        expect![[r#"
        y
        main.p4:1:1: W0105: there is no directive `#TODO`, so this line is passed over
        main.p4:2:1: W0105: there is no directive `#if_only`, so this line is passed over
        main.p4:3:2: E0102: there is no directive `#endif_`
        main.p4:4:2: W0105: there is no directive `#defines`, so this line is passed over"#]],
    );
    check(
        "#error don't do \"that\n#warning \\\n careful\n#\n#pragma whatever\n#inlcude <x>\nx",
        expect![[r#"
        x
        main.p4:1:2: E0106: don't do "that
        main.p4:2:2: W0101: careful
        main.p4:6:2: E0102: there is no directive `#inlcude`"#]],
    );
    check(
        "#line 7 \"gen\"\n__FILE__ __LINE__ $\n# 40\n__LINE__\n#line\n__COUNTER__ __COUNTER__",
        expect![[r#"
        "gen" 7 $
        40
        0 1
        gen:41:2: E0103: expected a line number and perhaps a file name in quotes"#]],
    );
    check(
        "#define\n#define 3\n#undef\n#ifdef\n#endif\n#define F(a,a) x\n#define G(\n#define defined",
        expect![[r#"
        main.p4:1:8: E0103: expected the name of a macro after `#define`
        main.p4:2:9: E0103: expected the name of a macro, found `3`
        main.p4:3:7: E0103: expected the name of a macro after `#undef`
        main.p4:4:7: E0103: expected the name of a macro after `#ifdef`
        main.p4:6:13: E0103: two parameters have the same name
        main.p4:7:10: E0103: expected parameter names, separated by commas and closed by `)`
        main.p4:8:9: E0103: `defined` is no name of a macro"#]],
    );
}

#[test]
fn lines_comments_and_strings() {
    check(
        "a\\\nb \\\r\n c // d \\\n e\nf /* \n # */ #g",
        expect![[r#"
        ab c
        f #g"#]],
    );
    check("/* x */ #define A 1\nA", expect!["1"]);
    check(
        "\"a\\\"b\" \"line\nbreak\" \"con\\\ntinued\"",
        expect![[r#"
        "a\"b" "line
        break" "continued""#]],
    );
    check(
        "x \"open\ny",
        expect![[r#"
        x "open
        y
        main.p4:1:3: E0112: this string is not closed"#]],
    );
    check(
        "x /* open",
        expect![[r#"
        x
        main.p4:1:3: E0112: this comment is not closed"#]],
    );
    check("a{#}b {#", expect!["a{#}b {#"]);
    check(
        "1..2 a...b a&&&b x|+|y |+|= |-| |-|= <<= >>= >> >= 8w0xFF_0 +: @",
        expect!["1..2 a...b a&&&b x|+|y |+|= |-| |-|= <<= >>= >> >= 8w0xFF_0 +: @"],
    );
}

#[test]
fn not_utf_8() {
    let files = MemoryFiles::new().with("main.p4", b"a // \xe9t\xe9\nb".to_vec());
    check_files(
        &files,
        &PreprocessorOptions::default(),
        expect![[r#"
        a
        b
        main.p4:1:6: W0103: `main.p4` is not UTF-8"#]],
    );
}

#[test]
fn macros_from_outside() {
    let files = MemoryFiles::new().with("main.p4", "A B __HEDDLE__ __TARGET_BMV2__");
    let options = PreprocessorOptions {
        macros: vec![
            MacroOption::Define("A".into(), Some("x + 1".into())),
            MacroOption::Define("B".into(), None),
            MacroOption::Undefine("__TARGET_BMV2__".into()),
        ],
        ..Default::default()
    };
    check_files(&files, &options, expect!["x + 1 1 1 __TARGET_BMV2__"]);
}

/// Every way to ask for exponential work ends with a diagnostic, soon.
#[test]
fn work_is_bounded() {
    let mut doubling = String::from("#define M0 x\n");
    for level in 1..60 {
        doubling.push_str(&format!("#define M{level} M{0} M{0}\n", level - 1));
    }
    doubling.push_str("M59\n");
    let nested = format!("#define F(x) x x\n{}1{}", "F(".repeat(90), ")".repeat(90));
    let deep = format!("#define F(x) x\n{}1{}", "F(".repeat(5000), ")".repeat(5000));
    let mut pasting = String::from("#define C(a, b) a##b\n#define D(a) C(a, a)\n");
    pasting.push_str(&format!("{}x{}", "D(".repeat(60), ")".repeat(60)));
    let mut strings = String::from("#define S(x) #x\n#define T(x) S(x)\n");
    strings.push_str(&format!("{}\"{}", "T(".repeat(60), ")".repeat(60)));
    for program in [doubling, nested, deep, pasting, strings] {
        let files = MemoryFiles::new().with("main.p4", program.clone());
        let options = PreprocessorOptions {
            limits: Limits { expansion_token_count_max: 100_000, ..Default::default() },
            ..Default::default()
        };
        let (mut map, mut diags) = (SourceMap::new(), Diagnostics::new());
        let result = preprocess(&files, "main.p4", &options, &mut map, &mut diags);
        assert!(diags.has_errors(), "{}", &program[..80]);
        assert!(result.tokens.len() < 400_000);
    }
    // Files that include one another twice each.
    let mut files = MemoryFiles::new().with("main.p4", "#include \"f0\"\n");
    for level in 0..40 {
        let text = format!("#include \"f{0}\"\n#include \"f{0}\"\n", level + 1);
        files = files.with(format!("f{level}"), text);
    }
    let files = files.with("f40", "x\n");
    let (mut map, mut diags) = (SourceMap::new(), Diagnostics::new());
    preprocess(&files, "main.p4", &PreprocessorOptions::default(), &mut map, &mut diags);
    assert_eq!(diags.error_count(), 1);
}
