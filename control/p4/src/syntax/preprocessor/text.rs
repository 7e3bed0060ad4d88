//! Conditionals in strings that span lines.
//!
//! p4c's preprocessor knows no such strings, so to it a line in one that begins with `#if` is a directive. Programs such as
//! SONiC's leave lines of their tables' constraints out that way.
//!
//! Invariant: a string keeps its number of lines; a directive, and what it leaves out, becomes an empty one.

use super::Preprocessor;
use crate::diag::Diagnostic;
use crate::diag::codes::UNBALANCED_CONDITIONAL;
use crate::source::Span;
use crate::syntax::lexer::Lexer;
use crate::syntax::token::{Token, TokenFlags, TokenKind};

/// A conditional that is open.
struct Group {
    /// Whether the lines that come now are kept, as far as this conditional goes.
    kept: bool,
    /// Whether lines of it were kept before, or none are to be.
    done: bool,
}

/// A directive: its word, and where in the line the rest begins.
fn conditional(line: &str) -> Option<(&str, usize)> {
    let after_hash = line.trim_start().strip_prefix('#')?.trim_start();
    let end = after_hash.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after_hash.len());
    let (word, rest) = after_hash.split_at(end);
    matches!(word, "if" | "ifdef" | "ifndef" | "elif" | "else" | "endif")
        .then_some((word, line.len() - rest.len()))
}

impl Preprocessor<'_> {
    /// A string without the lines that conditionals in it leave out.
    pub(super) fn string_without_skipped_lines(&mut self, token: Token) -> Token {
        let text = token.text(&self.interner);
        if !text.split('\n').skip(1).any(|line| conditional(line).is_some()) {
            return token;
        }
        let text = text.to_owned();
        let mut groups: Vec<Group> = Vec::new();
        let mut kept = String::with_capacity(text.len());
        let mut start = token.span.start;
        for (number, line) in text.split('\n').enumerate() {
            if number > 0 {
                kept.push('\n');
            }
            match conditional(line) {
                Some((word, rest)) if number > 0 => {
                    self.conditional_in_string(word, line, rest, start, &mut groups);
                }
                _ if groups.iter().all(|group| group.kept) => kept.push_str(line),
                _ => {}
            }
            start += line.len() as u32 + 1;
        }
        if !groups.is_empty() {
            let message = "a conditional in this string is not closed in it";
            self.emit(Diagnostic::error(UNBALANCED_CONDITIONAL, token.span, message));
            return token;
        }
        Token { symbol: self.interner.intern(&kept), ..token }
    }

    fn conditional_in_string(
        &mut self,
        word: &str,
        line: &str,
        rest: usize,
        start: u32,
        groups: &mut Vec<Group>,
    ) {
        let is_read = groups.iter().all(|group| group.kept);
        match word {
            "if" | "ifdef" | "ifndef" => {
                let kept = is_read && self.holds_in_string(word, line, rest, start);
                groups.push(Group { kept, done: kept || !is_read });
            }
            "endif" => {
                groups.pop();
            }
            _ => {
                let Some(Group { done: false, .. }) = groups.last() else {
                    if let Some(group) = groups.last_mut() {
                        group.kept = false;
                    }
                    return;
                };
                let kept = word == "else" || self.holds_in_string(word, line, rest, start);
                if let Some(group) = groups.last_mut() {
                    *group = Group { kept, done: kept };
                }
            }
        }
    }

    /// The value of a condition that begins at `rest` of `line`, which begins at `start` of the source text.
    fn holds_in_string(&mut self, word: &str, line: &str, rest: usize, start: u32) -> bool {
        let mut lexer = Lexer::new(line[rest..].into(), start + rest as u32);
        let mut tokens = Vec::new();
        loop {
            let token = lexer.next_token(&mut self.interner);
            // What is no token is no condition either.
            if token.kind == TokenKind::Eof || lexer.take_error().is_some() {
                break;
            }
            tokens.push(token);
        }
        let directive = Token {
            kind: TokenKind::Ident,
            flags: TokenFlags::default(),
            symbol: self.interner.intern(word),
            span: Span { start, end: start + rest as u32 },
        };
        match word {
            "ifdef" | "ifndef" => {
                let is_defined = tokens.first().is_some_and(|name| self.is_defined(name.symbol));
                is_defined == (word == "ifdef")
            }
            _ => self.evaluate_condition(directive, tokens),
        }
    }
}
