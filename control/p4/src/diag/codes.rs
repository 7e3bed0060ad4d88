//! What each code means: the text behind `heddle explain`.
//!
//! A code is never given another meaning and never reused. Each stage keeps the section of its own codes beside
//! its code and is listed in [`SECTIONS`]; here are those of the preprocessor, the lexer and the parser.

use super::Code;

/// A code, explained.
#[derive(Clone, Copy, Debug)]
pub struct CodeInfo {
    /// The code.
    pub code: Code,
    /// Its name, by which a warning is silenced.
    pub name: &'static str,
    /// What it means, with an example.
    pub explanation: &'static str,
}

impl CodeInfo {
    /// Whether it names a warning.
    pub fn is_warning(&self) -> bool {
        self.code.0.starts_with('W')
    }
}

/// Every section of the list.
pub const SECTIONS: &[&[CodeInfo]] =
    &[SYNTAX, crate::check::codes::CHECK, crate::lower::codes::LOWER, crate::lint::codes::LINT];

/// The entry of that code or name.
pub fn find(code_or_name: &str) -> Option<&'static CodeInfo> {
    all().find(|info| info.code.0.eq_ignore_ascii_case(code_or_name) || info.name == code_or_name)
}

/// All entries.
pub fn all() -> impl Iterator<Item = &'static CodeInfo> {
    SECTIONS.iter().flat_map(|section| section.iter())
}

/// Declares constants and the section that explains them.
#[macro_export]
macro_rules! diagnostic_codes {
    ($(#[$section_doc:meta])* $section:ident; $($constant:ident = $code:literal, $name:literal, $explanation:literal;)*) => {
        $(
            #[doc = concat!("`", $name, "`")]
            pub const $constant: $crate::diag::Code = $crate::diag::Code($code);
        )*
        $(#[$section_doc])*
        pub const $section: &[$crate::diag::CodeInfo] = &[
            $($crate::diag::CodeInfo { code: $constant, name: $name, explanation: $explanation },)*
        ];
    };
}

diagnostic_codes! {
    /// Codes of the preprocessor, the lexer and the parser.
    SYNTAX;

    FILE_NOT_READ = "E0101", "file-not-read",
        "A file could not be read: there is none of that name, or the system refused it. `#include \"x\"` looks \
         beside the file that includes it, then where `-I` says, then among the built-in files; `#include <x>` \
         leaves out the first. Built in are `core.p4` and the architectures.";
    UNKNOWN_DIRECTIVE = "E0102", "unknown-directive",
        "A line begins with `#` and a word that is no directive of the preprocessor, but nearly one, such as \
         `#inlcude`. Lines with any other word are passed over (W0105).";
    MALFORMED_DIRECTIVE = "E0103", "malformed-directive",
        "A directive of the preprocessor lacks a part or has one too many, such as `#ifdef` without a name or \
         `#define f(x` without its closing parenthesis.";
    UNBALANCED_CONDITIONAL = "E0104", "unbalanced-conditional",
        "`#else`, `#elif` or `#endif` without an `#if`, a second `#else`, or an `#if` that the end of the file \
         leaves open. Each file has to close the conditionals it opens.";
    CONDITION_NOT_CONSTANT = "E0105", "invalid-condition",
        "The condition of `#if` or `#elif` is not an integer constant expression of the preprocessor. Names that \
         are no macros count as 0, as in C; division by zero, strings and calls are errors.";
    USER_ERROR = "E0106", "user-error",
        "The program itself asked for this error, with `#error`.";
    INCLUDE_TOO_DEEP = "E0107", "include-too-deep",
        "Files include one another too deeply, most often because a file includes itself and has no include \
         guard. Wrap it in `#ifndef NAME`, `#define NAME`, `#endif`, or begin it with `#pragma once`.";
    MACRO_CALL = "E0108", "invalid-macro-call",
        "A macro with parameters is called with too few or too many arguments, or the closing parenthesis of the \
         call is missing.";
    EXPANSION_TOO_LARGE = "E0110", "expansion-too-large",
        "The macros of the program expand to more tokens than the compiler is ready to take, or nest too deeply. \
         A handful of macros that each use the next one twice is enough for that.";
    UNEXPECTED_CHARACTER = "E0111", "unexpected-character",
        "A character that no token of P4 begins with, such as `$` or a typographic quote. Outside of comments \
         and strings, P4 is ASCII.";
    UNTERMINATED = "E0112", "unterminated",
        "A string or comment is opened and never closed.";
    INVALID_INTEGER = "E0113", "invalid-integer",
        "An integer literal is malformed: a digit that its base does not have (`0b12`), no digit at all (`0x`), \
         or letters right behind it (`12ab`). Literals look like `42`, `0xFF_FF`, `0b1010`, `0o17`, and with a \
         width `8w255` (unsigned) or `8s0x7F` (signed). A leading zero does not mean octal.";
    INPUT_TOO_LARGE = "E0114", "input-too-large",
        "The program is larger than the compiler is ready to take.";

    UNEXPECTED_TOKEN = "E0201", "unexpected-token",
        "The grammar of P4 allows something else at this place. What was expected is named in the message.";
    EXPECTED_EXPRESSION = "E0202", "expected-expression",
        "An expression has to stand here: a literal, a name, a call, a list in braces, or operators on those.";
    EXPECTED_TYPE = "E0203", "expected-type",
        "A type has to stand here: `bit<8>`, `int<8>`, `varbit<32>`, `bool`, `error`, `string`, `tuple<...>`, or \
         the name of a type.";
    EXPECTED_DECLARATION = "E0204", "expected-declaration",
        "At the top level of a program there are declarations only: of constants, types, headers, structs, \
         parsers, controls, packages, externs, actions, functions and instances.";
    NESTED_TOO_DEEPLY = "E0205", "nested-too-deeply",
        "Expressions, types, blocks or statements are nested more deeply than the compiler is ready to follow, \
         or more operands are chained in one expression. Name intermediate results, or use a table.";
    P4_14_PROGRAM = "E0206", "p4-14-program",
        "The program is written in P4-14, the language before P4-16, which knew `header_type`, tables with \
         `reads` and controls without parameters. Only P4-16 is compiled; the reference compiler p4c converts \
         with `p4test --std p4-14 --pp new.p4 old.p4`.";
    MISPLACED = "E0207", "misplaced",
        "Something that P4 knows, but not at this place: a variable at the top level, `return` in a parser state, \
         a declaration in a control behind its `apply` block.";
    UNCLOSED_DELIMITER = "E0208", "unclosed-delimiter",
        "The program ends, or a new declaration begins, before a brace, parenthesis or bracket is closed.";
    ASSIGNMENT_OPERATOR = "E0209", "comparison-or-assignment",
        "`=` stands where a comparison is meant, or `==` where an assignment is. `=` assigns and is a statement; \
         `==` compares and is an expression.";

    USER_WARNING = "W0101", "user-warning",
        "The program itself asked for this warning, with `#warning`.";
    MACRO_REDEFINED = "W0102", "macro-redefined",
        "A macro is defined again with another meaning without `#undef` in between.";
    NOT_UTF_8 = "W0103", "not-utf-8",
        "A file is not UTF-8. Bytes that are not are taken for an unknown character, which is harmless in \
         comments and an error outside of comments and strings.";
    IGNORED_LINE = "W0105", "ignored-line",
        "A line begins with `#` and a word that is no directive of the preprocessor, as in `# TODO: counters`. \
         It is passed over, as other compilers do. Comments begin with `//`.";
    TRAILING_TOKENS = "W0104", "trailing-tokens",
        "A directive of the preprocessor is followed by text that means nothing there, as in `#endif FOO`. Put \
         it into a comment.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_names_are_unique_and_well_formed() {
        let mut seen = std::collections::HashSet::new();
        for info in all() {
            assert!(seen.insert(info.code.0), "{} is listed twice", info.code);
            assert!(seen.insert(info.name), "{} is listed twice", info.name);
            let digits = info.code.0.strip_prefix(['E', 'W']).unwrap_or_default();
            assert!(digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit()), "{}", info.code);
            assert!(info.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'));
            assert!(info.explanation.len() > 40, "{} is not explained", info.code);
        }
        assert_eq!(find("e0201").map(|info| info.name), Some("unexpected-token"));
    }
}
