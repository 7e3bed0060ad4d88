//! The parser: recursive descent, a function per production of the grammar (P4-16, appendix "Grammar").
//!
//! A production that fails has reported why and says [`Reported`]; the list it stands in skips to where the next
//! element may begin, so one mistake costs one diagnostic and every loop makes progress. Recursion is bounded by
//! [`NESTING_MAX`], and the depth of the tree by that and [`HEIGHT_MAX`], so that whoever walks it may recurse.

mod annotations;
mod blocks;
mod declarations;
mod expressions;
mod scope;
mod statements;
mod tables;
mod types;

#[cfg(test)]
mod tests;

use super::ast::{Ident, SourceUnit};
use super::preprocessor::Preprocessed;
use super::token::{Interner, Token, TokenKind};
use crate::diag::codes::*;
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::source::Span;
use scope::{Binding, Scopes};

/// How deeply expressions, types and statements may nest, each in themselves and in one another.
pub const NESTING_MAX: usize = 256;

/// How high the tree of one expression, and how long a chain of `else if`, may grow.
pub const HEIGHT_MAX: usize = 1000;

/// An error was found and reported.
#[derive(Clone, Copy, Debug)]
struct Reported;

type Parsed<T> = Result<T, Reported>;

/// Parses a whole program.
pub(super) fn parse(source: &Preprocessed, diags: &mut Diagnostics) -> SourceUnit {
    let mut parser = Parser {
        tokens: &source.tokens,
        at: 0,
        interner: &source.interner,
        diags,
        scopes: Scopes::new(source.interner.len()),
        nesting: 0,
        depth: 0,
        type_height: 0,
        last_error_at: usize::MAX,
        open_braces: 0,
        gave_up: false,
    };
    parser.program()
}

struct Parser<'a> {
    /// Never empty; the last is the end.
    tokens: &'a [Token],
    at: usize,
    interner: &'a Interner,
    diags: &'a mut Diagnostics,
    scopes: Scopes,
    /// Productions that are active because they nest.
    nesting: usize,
    /// How deep in the tree the parser is.
    depth: usize,
    /// Height of the type parsed last.
    type_height: usize,
    /// The token at which the last error was reported.
    last_error_at: usize,
    /// Braces of expressions that are open in the element being parsed.
    open_braces: usize,
    /// The rest of the program is not looked at.
    gave_up: bool,
}

impl Parser<'_> {
    fn token_at(&self, at: usize) -> Token {
        let last = self.tokens.len().saturating_sub(1);
        self.tokens[at.min(last)]
    }

    fn peek(&self) -> Token {
        self.token_at(self.at)
    }

    fn kind(&self) -> TokenKind {
        self.peek().kind
    }

    /// The kind of the token `ahead` of the next one.
    fn kind_ahead(&self, ahead: usize) -> TokenKind {
        self.token_at(self.at + ahead).kind
    }

    fn is_at(&self, kind: TokenKind) -> bool {
        self.kind() == kind
    }

    /// Takes the next token; the end stays.
    fn bump(&mut self) -> Token {
        let token = self.peek();
        if token.kind != TokenKind::Eof {
            self.at += 1;
        }
        token
    }

    fn eat(&mut self, kind: TokenKind) -> Option<Token> {
        self.is_at(kind).then(|| self.bump())
    }

    /// The span of the token taken last.
    fn last_span(&self) -> Span {
        match self.at.checked_sub(1) {
            Some(last) => self.token_at(last).span,
            None => Span::default(),
        }
    }

    /// From `start` to the token taken last.
    fn span_from(&self, start: Span) -> Span {
        match self.last_span() {
            last if last.start >= start.start => start.to(last),
            _ => start,
        }
    }

    /// What the text of a token is.
    fn text(&self, token: Token) -> &str {
        token.text(self.interner)
    }

    /// Whether a word says this.
    fn is_word(&self, token: Token, text: &str) -> bool {
        token.kind == TokenKind::Ident && self.text(token) == text
    }

    /// Whether `name` names a type.
    fn is_type(&self, name: Token) -> bool {
        name.kind == TokenKind::Ident && self.scopes.lookup(name.symbol) == Binding::Type
    }

    /// How messages call a token.
    fn describe(&self, token: Token) -> String {
        match token.kind {
            TokenKind::Eof => "the end of the file".to_owned(),
            TokenKind::String => "a string".to_owned(),
            TokenKind::Ident | TokenKind::Int | TokenKind::Unknown => format!("`{}`", self.text(token)),
            kind if kind.is_word() => format!("the keyword `{}`", kind.text()),
            kind => format!("`{}`", kind.text()),
        }
    }

    /// Reports, unless an error was reported at this token already.
    fn report(&mut self, diagnostic: Diagnostic) -> Reported {
        if !self.gave_up && self.last_error_at != self.at {
            self.diags.emit(diagnostic);
        }
        self.last_error_at = self.at;
        Reported
    }

    /// The next token is not what the grammar asks for.
    fn unexpected(&mut self, expected: &str) -> Reported {
        let diagnostic = self.mismatch(UNEXPECTED_TOKEN, expected);
        self.report(diagnostic)
    }

    fn mismatch(&self, code: Code, expected: &str) -> Diagnostic {
        let token = self.peek();
        if token.kind == TokenKind::Unknown {
            return self.unknown_character(token);
        }
        let found = self.describe(token);
        let diagnostic = Diagnostic::error(code, token.span, format!("expected {expected}, found {found}"))
            .primary_label(format!("expected {expected}"));
        match expected {
            "a name" if token.kind.is_word() => {
                diagnostic.note(format!("`{}` is a keyword and cannot be a name", token.kind.text()))
            }
            _ => diagnostic,
        }
    }

    fn unknown_character(&self, token: Token) -> Diagnostic {
        let text = self.text(token);
        let message = format!("`{text}` begins no token of P4");
        let diagnostic = Diagnostic::error(UNEXPECTED_CHARACTER, token.span, message);
        let meant = match text {
            "\u{201c}" | "\u{201d}" | "\u{201e}" | "'" | "\u{2018}" | "\u{2019}" => Some("\""),
            "\u{2013}" | "\u{2014}" | "\u{2212}" => Some("-"),
            "\u{ff1b}" | "\u{37e}" => Some(";"),
            "\u{ff0c}" => Some(","),
            _ => None,
        };
        match meant {
            Some(meant) => diagnostic.suggest("this may be meant", token.span, meant),
            None => diagnostic,
        }
    }

    fn expect(&mut self, kind: TokenKind) -> Parsed<Token> {
        match self.eat(kind) {
            Some(token) => Ok(token),
            None => Err(self.unexpected(&format!("`{}`", kind.text()))),
        }
    }

    /// `;`. If it was forgotten at the end of a line, reports that and goes on as if it were there.
    fn expect_semicolon(&mut self) -> Parsed<()> {
        if self.eat(TokenKind::Semicolon).is_some() {
            return Ok(());
        }
        let next = self.peek();
        let forgotten = next.starts_line() || next.kind == TokenKind::RightBrace;
        if !forgotten || next.kind == TokenKind::Unknown {
            return Err(self.unexpected("`;`"));
        }
        let end = self.last_span().after();
        let diagnostic =
            Diagnostic::error(UNEXPECTED_TOKEN, end, format!("expected `;`, found {}", self.describe(next)))
                .primary_label("expected `;`")
                .label(next.span, "before this")
                .suggest("add `;`", end, ";");
        self.report(diagnostic);
        Ok(())
    }

    /// `;`, where others may write a comma; takes one for the other, and says so.
    fn expect_semicolon_not_comma(&mut self, what: &str) -> Parsed<()> {
        if !self.is_at(TokenKind::Comma) {
            return self.expect_semicolon();
        }
        let span = self.peek().span;
        let diagnostic = Diagnostic::error(UNEXPECTED_TOKEN, span, "expected `;`, found `,`")
            .note(format!("{what} end in `;`"))
            .suggest("write `;`", span, ";");
        self.report(diagnostic);
        self.bump();
        Ok(())
    }

    /// The delimiter that closes what `open` opened.
    fn expect_closing(&mut self, kind: TokenKind, open: Token) -> Parsed<Token> {
        match self.eat(kind) {
            Some(token) => Ok(token),
            None => Err(self.unclosed(kind, open)),
        }
    }

    /// The same behind a list whose elements commas separate.
    fn expect_list_end(&mut self, kind: TokenKind, open: Token) -> Parsed<Token> {
        match self.eat(kind) {
            Some(token) => Ok(token),
            None => Err(self.unclosed_list(kind, open)),
        }
    }

    fn unclosed(&mut self, kind: TokenKind, open: Token) -> Reported {
        let expected = format!("`{}`", kind.text());
        self.unclosed_expecting(kind, open, &expected)
    }

    fn unclosed_list(&mut self, kind: TokenKind, open: Token) -> Reported {
        let expected = format!("`,` or `{}`", kind.text());
        self.unclosed_expecting(kind, open, &expected)
    }

    fn unclosed_expecting(&mut self, kind: TokenKind, open: Token, expected: &str) -> Reported {
        let diagnostic = match self.kind() {
            TokenKind::Eof => {
                let message = format!("this `{}` is not closed", open.kind.text());
                Diagnostic::error(UNCLOSED_DELIMITER, open.span, message)
                    .label(self.peek().span, format!("the file ends without its `{}`", kind.text()))
            }
            _ => self
                .mismatch(UNEXPECTED_TOKEN, expected)
                .label(open.span, format!("to close this `{}`", open.kind.text())),
        };
        self.report(diagnostic)
    }

    /// Something in parentheses that a body follows. If it fails, skips to behind the parenthesis that closes it,
    /// so that the body is looked at all the same.
    fn head<T>(&mut self, production: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<Option<T>> {
        let open = self.expect(TokenKind::LeftParen)?;
        let open_braces = self.open_braces;
        let result = production(self).and_then(|head| {
            if self.is_at(TokenKind::Assign) {
                return Err(self.assignment_in_expression());
            }
            self.expect_closing(TokenKind::RightParen, open)?;
            Ok(head)
        });
        if let Ok(head) = result {
            return Ok(Some(head));
        }
        let mut parens = 0usize;
        let mut braces = std::mem::replace(&mut self.open_braces, open_braces).saturating_sub(open_braces);
        loop {
            match self.kind() {
                TokenKind::Eof => return Err(Reported),
                TokenKind::LeftBrace if braces == 0 => return Ok(None),
                TokenKind::RightBrace if braces == 0 => return Err(Reported),
                TokenKind::LeftBrace => braces += 1,
                TokenKind::RightBrace => braces -= 1,
                TokenKind::LeftParen => parens += 1,
                TokenKind::RightParen if braces == 0 && parens == 0 => {
                    self.bump();
                    return Ok(None);
                }
                TokenKind::RightParen => parens = parens.saturating_sub(1),
                _ => {}
            }
            self.bump();
        }
    }

    /// `name`
    fn name(&mut self) -> Parsed<Ident> {
        match self.kind().is_name() {
            true => {
                let token = self.bump();
                Ok(self.ident(token))
            }
            false => Err(self.unexpected("a name")),
        }
    }

    /// The name that a token is.
    fn ident(&self, token: Token) -> Ident {
        Ident { name: self.interner.text(token.symbol).clone(), span: token.span }
    }

    /// A name that is declared here.
    fn declared_name(&mut self, binding: Binding) -> Parsed<Ident> {
        let token = self.peek();
        let name = self.name()?;
        self.scopes.declare(token.symbol, binding);
        Ok(name)
    }

    /// Runs a production that nests.
    fn nested<T>(&mut self, production: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.nesting >= NESTING_MAX || self.depth >= HEIGHT_MAX {
            return Err(self.too_deep());
        }
        self.nesting += 1;
        self.depth += 1;
        let result = production(self);
        self.nesting -= 1;
        self.depth -= 1;
        result
    }

    fn too_deep(&mut self) -> Reported {
        let message = format!("nested more than {NESTING_MAX} deep, or more than {HEIGHT_MAX} in a chain");
        let diagnostic = Diagnostic::error(NESTED_TOO_DEEPLY, self.peek().span, message);
        self.give_up(diagnostic)
    }

    /// Reports, and looks at nothing more.
    fn give_up(&mut self, diagnostic: Diagnostic) -> Reported {
        if !self.gave_up {
            self.diags.emit(diagnostic);
        }
        self.gave_up = true;
        self.at = self.tokens.len().saturating_sub(1);
        Reported
    }

    /// Elements up to the `}` that closes `open`; takes it.
    ///
    /// After an element that failed, goes on behind the next `;` or braced group.
    fn braced<T>(
        &mut self,
        open: Token,
        element: impl FnMut(&mut Self) -> Parsed<Option<T>>,
    ) -> Parsed<Vec<T>> {
        self.braced_before(open, |_| false, element)
    }

    /// [`Parser::braced`], where something that cannot be an element shows that the `}` is missing as well.
    fn braced_before<T>(
        &mut self,
        open: Token,
        is_next: impl Fn(&Self) -> bool,
        mut element: impl FnMut(&mut Self) -> Parsed<Option<T>>,
    ) -> Parsed<Vec<T>> {
        let mut elements = Vec::new();
        loop {
            match self.kind() {
                TokenKind::RightBrace => {
                    self.bump();
                    return Ok(elements);
                }
                TokenKind::Eof => return Err(self.unclosed(TokenKind::RightBrace, open)),
                kind if (begins_top_level(kind) || is_next(self)) && self.peek().starts_line() => {
                    let next = self.peek();
                    let message = "this `{` is not closed before the next declaration";
                    let diagnostic = Diagnostic::error(UNCLOSED_DELIMITER, open.span, message)
                        .label(next.span, "which begins here");
                    self.report(diagnostic);
                    return Ok(elements);
                }
                _ => {}
            }
            if let Some(Some(element)) = self.recovered(&mut element) {
                elements.push(element);
            }
        }
    }

    /// Runs a production; if it fails, skips to where the next one may begin. Takes a token at least.
    fn recovered<T>(&mut self, production: impl FnOnce(&mut Self) -> Parsed<T>) -> Option<T> {
        let start = self.at;
        let scope_depth = self.scopes.depth();
        let open_braces = std::mem::take(&mut self.open_braces);
        let result = production(self);
        if result.is_err() {
            self.scopes.close_to(scope_depth);
            self.skip_element();
        }
        self.open_braces = open_braces;
        if self.at == start {
            self.bump();
        }
        result.ok()
    }

    /// Skips behind the next `;` or braced group, or up to a `}` or the beginning of a declaration.
    fn skip_element(&mut self) {
        let inside = self.open_braces;
        let mut depth = inside;
        loop {
            let token = self.peek();
            match token.kind {
                TokenKind::Eof => return,
                TokenKind::Semicolon if depth == 0 => {
                    self.bump();
                    return;
                }
                TokenKind::LeftBrace => depth += 1,
                TokenKind::RightBrace => {
                    if depth == 0 {
                        return;
                    }
                    depth -= 1;
                    // An expression goes on behind its braces.
                    if depth == 0 && inside == 0 {
                        self.bump();
                        return;
                    }
                }
                kind if depth == 0
                    && token.starts_line()
                    && self.at > self.last_error_at
                    && (begins_top_level(kind) || begins_member(kind)) =>
                {
                    return;
                }
                _ => {}
            }
            self.bump();
        }
    }
}

/// Whether a declaration that is allowed only at the top level begins like this.
fn begins_top_level(kind: TokenKind) -> bool {
    matches!(
        kind,
        TokenKind::Control
            | TokenKind::Enum
            | TokenKind::Extern
            | TokenKind::Header
            | TokenKind::HeaderUnion
            | TokenKind::Package
            | TokenKind::Parser
            | TokenKind::Struct
            | TokenKind::Typedef
    )
}

/// Whether a member of a parser or control begins like this.
fn begins_member(kind: TokenKind) -> bool {
    matches!(
        kind,
        TokenKind::Action
            | TokenKind::Apply
            | TokenKind::At
            | TokenKind::Const
            | TokenKind::State
            | TokenKind::Table
            | TokenKind::Transition
            | TokenKind::ValueSet
    )
}
