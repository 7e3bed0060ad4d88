//! Directives, and which groups of lines are skipped.
//!
//! A directive is one line; whatever is wrong with it, reading goes on with the next.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use super::expansion::{Macro, Piece};
use super::{Conditional, Preprocessor};
use crate::diag::Diagnostic;
use crate::diag::codes::*;
use crate::diag::likeness::most_like;
use crate::source::Span;
use crate::syntax::token::{Token, TokenFlags, TokenKind};

const DIRECTIVES: &[&str] = &[
    "define", "undef", "include", "if", "ifdef", "ifndef", "elif", "else", "endif", "error", "warning",
    "line", "pragma",
];

impl Preprocessor<'_> {
    /// Carries out the directive that begins with `hash`.
    pub(super) fn directive(&mut self, hash: Token) {
        let Some(word) = self.next_on_line() else { return }; // A lone `#` is allowed and means nothing.
        let name = word.text(&self.interner).to_owned();
        match name.as_str() {
            "define" => self.define(word),
            "undef" => {
                if let Some(name) = self.macro_name(word) {
                    self.macros.remove(&name.symbol);
                    self.expect_line_end(word);
                }
            }
            "include" => self.include_directive(word),
            "if" => {
                let value = self.condition(word);
                self.begin_conditional(hash.span.to(word.span), value);
            }
            "ifdef" | "ifndef" => {
                let macro_name = self.macro_name(word);
                if macro_name.is_some() {
                    self.expect_line_end(word);
                }
                let taken =
                    macro_name.is_some_and(|token| self.is_defined(token.symbol) == (name == "ifdef"));
                self.begin_conditional(hash.span.to(word.span), taken);
            }
            "elif" | "else" => {
                // The group before this line was taken, so none of the others is.
                if self.open_branch(word) {
                    self.skip_rest_of_line();
                    self.skip_groups();
                }
            }
            "endif" => self.end_conditional(word),
            "error" | "warning" => self.user_message(word),
            "line" => {
                let tokens = self.line_tokens();
                self.line_directive(hash, word, &tokens);
            }
            "pragma" => {
                let what = self.next_on_line();
                if what.is_some_and(|token| token.text(&self.interner) == "once")
                    && let Some(source) = self.sources.last()
                {
                    self.once.insert(source.path.clone());
                }
                self.skip_rest_of_line();
            }
            _ if word.kind == TokenKind::Int => {
                // `# 33 "file"`, as other preprocessors leave it behind.
                let mut tokens = vec![word];
                tokens.extend(self.line_tokens());
                tokens.truncate(2);
                self.line_directive(hash, word, &tokens);
            }
            _ => {
                let message = format!("there is no directive `#{name}`");
                // p4c passes over whatever it does not know, so lines like `# TODO` are about.
                let diagnostic = match most_like(&name, DIRECTIVES.iter()) {
                    Some(&near) if !word.is_spaced() => Diagnostic::error(
                        UNKNOWN_DIRECTIVE,
                        word.span,
                        message,
                    )
                    .suggest(format!("`#{near}` is spelled similarly"), word.span, near),
                    _ => Diagnostic::warning(
                        IGNORED_LINE,
                        hash.span.to(word.span),
                        format!("{message}, so this line is passed over"),
                    )
                    .suggest("comments begin with `//`", hash.span, "//"),
                };
                self.emit(diagnostic);
                self.skip_rest_of_line();
            }
        }
    }

    pub(super) fn next_on_line(&mut self) -> Option<Token> {
        let source = self.sources.last_mut()?;
        let token = source.lexer.next_on_line(&mut self.interner);
        if let Some(error) = source.lexer.take_error() {
            self.report_lexical(error);
        }
        token
    }

    /// The tokens up to the end of the line.
    fn line_tokens(&mut self) -> Vec<Token> {
        let mut tokens = Vec::new();
        while let Some(token) = self.next_on_line() {
            tokens.push(token);
        }
        tokens
    }

    fn skip_rest_of_line(&mut self) {
        if let Some(source) = self.sources.last_mut() {
            source.lexer.rest_of_line();
        }
    }

    fn expect_line_end(&mut self, directive: Token) {
        let Some(first) = self.next_on_line() else { return };
        let name = directive.text(&self.interner);
        let message = format!("text behind `#{name}` means nothing");
        self.emit(Diagnostic::warning(TRAILING_TOKENS, first.span, message));
        self.skip_rest_of_line();
    }

    /// The name behind `#define`, `#undef`, `#ifdef`, `#ifndef`.
    fn macro_name(&mut self, directive: Token) -> Option<Token> {
        let found = self.next_on_line();
        let problem = match found {
            Some(name) if name.kind == TokenKind::Ident => match name.text(&self.interner) {
                "defined" => (name.span, "`defined` is no name of a macro".to_owned()),
                _ => return Some(name),
            },
            Some(other) => {
                let text = other.text(&self.interner);
                (other.span, format!("expected the name of a macro, found `{text}`"))
            }
            None => {
                let text = directive.text(&self.interner);
                (directive.span.after(), format!("expected the name of a macro after `#{text}`"))
            }
        };
        self.emit(Diagnostic::error(MALFORMED_DIRECTIVE, problem.0, problem.1));
        self.skip_rest_of_line();
        None
    }

    fn define(&mut self, directive: Token) {
        let Some(name) = self.macro_name(directive) else { return };
        let mut tokens = self.line_tokens().into_iter().peekable();
        let mut params = Vec::new();
        let mut is_function = false;
        let mut is_variadic = false;
        if let Some(open) = tokens.next_if(|token| token.kind == TokenKind::LeftParen && !token.is_spaced()) {
            is_function = true;
            // Names, separated by commas, the last perhaps `...` or `name...`.
            let mut last = open;
            let mut closed = tokens.next_if(|token| token.kind == TokenKind::RightParen).is_some();
            while !closed {
                let Some(token) = tokens.next() else { break };
                last = token;
                match token.kind {
                    TokenKind::Dots => {
                        is_variadic = true;
                        params.push(self.interner.intern("__VA_ARGS__"));
                    }
                    TokenKind::Ident => {
                        if params.contains(&token.symbol) {
                            let message = "two parameters have the same name";
                            self.emit(Diagnostic::error(MALFORMED_DIRECTIVE, token.span, message));
                        }
                        params.push(token.symbol);
                        is_variadic = tokens.next_if(|next| next.kind == TokenKind::Dots).is_some();
                    }
                    _ => break,
                }
                match tokens.next() {
                    Some(token) if token.kind == TokenKind::RightParen => closed = true,
                    Some(token) if token.kind == TokenKind::Comma && !is_variadic => {}
                    Some(token) => {
                        last = token;
                        break;
                    }
                    None => break,
                }
            }
            if !closed {
                let message = "expected parameter names, separated by commas and closed by `)`";
                return self.emit(Diagnostic::error(MALFORMED_DIRECTIVE, last.span, message));
            }
        }
        let mut pieces = Vec::new();
        while let Some(mut token) = tokens.next() {
            token.flags = token.flags.with(TokenFlags::LINE_START, false);
            let param =
                params.iter().position(|&param| token.kind == TokenKind::Ident && param == token.symbol);
            match (token.kind, param) {
                (TokenKind::HashHash, _) => pieces.push(Piece::Paste(token)),
                (TokenKind::Hash, _) if is_function => {
                    let next = tokens.next_if(|next| next.kind == TokenKind::Ident);
                    match next.and_then(|next| params.iter().position(|&param| param == next.symbol)) {
                        Some(param) => pieces.push(Piece::Stringify(param, token)),
                        None => {
                            let message = "`#` has to be followed by a parameter of the macro";
                            return self.emit(Diagnostic::error(MALFORMED_DIRECTIVE, token.span, message));
                        }
                    }
                }
                (_, Some(param)) => pieces.push(Piece::Param(param, token)),
                (_, None) => pieces.push(Piece::Token(token)),
            }
        }
        for end in [pieces.first(), pieces.last()] {
            if let Some(Piece::Paste(token)) = end {
                let message = "`##` has to stand between two tokens";
                return self.emit(Diagnostic::error(MALFORMED_DIRECTIVE, token.span, message));
            }
        }
        let definition = Macro {
            name: name.span,
            is_function,
            is_variadic,
            param_count: params.len(),
            pieces,
            active: Cell::new(false),
        };
        if let Some(old) = self.macros.get(&name.symbol)
            && !old.same_as(&definition, &self.interner)
        {
            let message = format!("macro `{}` is defined again, differently", name.text(&self.interner));
            let diagnostic = Diagnostic::warning(MACRO_REDEFINED, name.span, message)
                .label(old.name, "defined here before")
                .help("`#undef` it first if that is intended");
            self.emit(diagnostic);
        }
        self.macros.insert(name.symbol, Rc::new(definition));
    }

    fn include_directive(&mut self, directive: Token) {
        let raw = self.sources.last_mut().and_then(|source| source.lexer.header_name());
        let (name, span, is_angled) = match raw {
            Some((name, span)) => (name, span, true),
            None => {
                let written = self.line_tokens();
                let mut tokens = written.clone();
                if tokens.first().is_some_and(|token| token.kind != TokenKind::String) {
                    tokens = self.expand_all(tokens);
                }
                let first = written.first().map_or(directive.span.after(), |token| token.span);
                match self.header_of_tokens(&tokens) {
                    Some((name, is_angled)) => (name, first, is_angled),
                    None => {
                        let message = "expected `\"file\"` or `<file>` after `#include`";
                        return self.emit(Diagnostic::error(MALFORMED_DIRECTIVE, first, message));
                    }
                }
            }
        };
        self.skip_rest_of_line();
        if let Some(call) = self.collecting {
            let diagnostic =
                Diagnostic::error(MALFORMED_DIRECTIVE, span, "`#include` inside the arguments of a macro")
                    .label(call, "arguments of this macro");
            return self.emit(diagnostic);
        }
        self.include(&name, span, is_angled);
    }

    /// The file name that macros expanded to.
    fn header_of_tokens(&self, tokens: &[Token]) -> Option<(String, bool)> {
        let (first, rest) = tokens.split_first()?;
        match first.kind {
            TokenKind::String => Some((unquote(first.text(&self.interner)).to_owned(), false)),
            TokenKind::Less => {
                let end = rest.iter().position(|token| token.kind == TokenKind::Greater)?;
                Some((rest.get(..end)?.iter().map(|token| token.text(&self.interner)).collect(), true))
            }
            _ => None,
        }
    }

    fn line_directive(&mut self, hash: Token, word: Token, tokens: &[Token]) {
        let tokens = self.expand_all(tokens.to_vec());
        let number = match tokens.first() {
            Some(token) if token.kind == TokenKind::Int => token.text(&self.interner).parse::<u32>().ok(),
            _ => None,
        };
        let name: Result<Option<Arc<str>>, ()> = match tokens.get(1..).unwrap_or_default() {
            [] => Ok(None),
            [name] if name.kind == TokenKind::String => Ok(Some(unquote(name.text(&self.interner)).into())),
            _ => Err(()),
        };
        match (number, name) {
            (Some(number), Ok(name)) => self.map.set_line(hash.span.start, number, name),
            _ => {
                let message = "expected a line number and perhaps a file name in quotes";
                self.emit(Diagnostic::error(MALFORMED_DIRECTIVE, word.span, message));
            }
        }
    }

    fn user_message(&mut self, word: Token) {
        let Some(source) = self.sources.last_mut() else { return };
        let (text, span) = source.lexer.rest_of_line();
        let span = if text.is_empty() { word.span } else { word.span.to(span) };
        let is_error = word.text(&self.interner) == "error";
        self.emit(match (is_error, text.is_empty()) {
            (true, true) => Diagnostic::error(USER_ERROR, span, "`#error`"),
            (true, false) => Diagnostic::error(USER_ERROR, span, text),
            (false, true) => Diagnostic::warning(USER_WARNING, span, "`#warning`"),
            (false, false) => Diagnostic::warning(USER_WARNING, span, text),
        });
    }

    fn begin_conditional(&mut self, opening: Span, taken: bool) {
        if let Some(source) = self.sources.last_mut() {
            source.conditionals.push(Conditional { opening, taken, else_seen: None });
        }
        if !taken {
            self.skip_groups();
        }
    }

    fn end_conditional(&mut self, word: Token) {
        let popped = self.sources.last_mut().and_then(|source| source.conditionals.pop());
        if popped.is_none() {
            self.emit(Diagnostic::error(UNBALANCED_CONDITIONAL, word.span, "`#endif` without an `#if`"));
        }
        self.expect_line_end(word);
    }

    /// Whether `#else` or `#elif` belongs to an `#if`; complains if not, or if it follows an `#else`.
    fn open_branch(&mut self, word: Token) -> bool {
        let name = word.text(&self.interner).to_owned();
        let Some(conditional) = self.sources.last_mut().and_then(|source| source.conditionals.last_mut())
        else {
            let message = format!("`#{name}` without an `#if`");
            self.emit(Diagnostic::error(UNBALANCED_CONDITIONAL, word.span, message));
            self.skip_rest_of_line();
            return false;
        };
        let before = conditional.else_seen;
        if name == "else" {
            conditional.else_seen = Some(word.span);
        }
        if let Some(before) = before {
            let message = format!("`#{name}` after `#else`");
            let diagnostic = Diagnostic::error(UNBALANCED_CONDITIONAL, word.span, message)
                .label(before, "`#else` is here");
            self.emit(diagnostic);
        }
        true
    }

    /// Skips lines until a group of the innermost conditional is to be taken, or it ends.
    fn skip_groups(&mut self) {
        let mut nested = 0usize;
        loop {
            let Some(source) = self.sources.last_mut() else { return };
            let found = source.lexer.skip_to_directive();
            if let Some(error) = source.lexer.take_error() {
                self.report_lexical(error);
            }
            if !found {
                return; // The end of the file complains.
            }
            self.next_on_line(); // `#`
            let Some(word) = self.next_on_line() else { continue };
            match word.text(&self.interner) {
                "if" | "ifdef" | "ifndef" => nested += 1,
                "endif" if nested > 0 => nested -= 1,
                "endif" => return self.end_conditional(word),
                "else" if nested == 0 => {
                    let open = self.open_branch(word);
                    if open && self.take_group() {
                        return self.expect_line_end(word);
                    }
                }
                "elif" if nested == 0 => {
                    let open = self.open_branch(word);
                    let pending = self.innermost().is_some_and(|conditional| !conditional.taken);
                    if open && pending && self.condition(word) && self.take_group() {
                        return;
                    }
                }
                _ => {}
            }
        }
    }

    fn innermost(&mut self) -> Option<&mut Conditional> {
        self.sources.last_mut()?.conditionals.last_mut()
    }

    /// Marks the innermost conditional as taken; false if it was before.
    fn take_group(&mut self) -> bool {
        self.innermost().is_some_and(|conditional| !std::mem::replace(&mut conditional.taken, true))
    }

    /// Complains about what the file leaves open.
    pub(super) fn close_conditionals(&mut self) {
        let Some(source) = self.sources.last_mut() else { return };
        for conditional in std::mem::take(&mut source.conditionals) {
            let message = "this conditional is not closed in its file";
            self.emit(
                Diagnostic::error(UNBALANCED_CONDITIONAL, conditional.opening, message)
                    .help("close it with `#endif`"),
            );
        }
    }

    /// The value of the condition on the rest of the line; false if there is something wrong with it.
    fn condition(&mut self, directive: Token) -> bool {
        let tokens = self.line_tokens();
        self.evaluate_condition(directive, tokens)
    }
}

/// A string literal without its quotes.
pub(super) fn unquote(text: &str) -> &str {
    let text = text.strip_prefix('"').unwrap_or(text);
    text.strip_suffix('"').unwrap_or(text)
}
