//! Macro expansion.
//!
//! A macro is not expanded within its own expansion: while the tokens of one are being read it is active, and a
//! name of it that turns up then is painted and stays a name for good (C11 6.10.3.4).

use std::cell::Cell;
use std::rc::Rc;

use super::directive::unquote;
use super::{Dynamic, Preprocessor};
use crate::diag::Diagnostic;
use crate::diag::codes::*;
use crate::source::Span;
use crate::syntax::lexer::Lexer;
use crate::syntax::token::{Interner, Token, TokenFlags, TokenKind};

/// Texts that `#` and `##` make count as so many tokens: they can double with each use.
const TEXT_BYTES_PER_TOKEN: usize = 8;

/// A macro.
#[derive(Debug)]
pub(super) struct Macro {
    /// Where it is defined: its name.
    pub(super) name: Span,
    pub(super) is_function: bool,
    /// The last parameter takes all further arguments.
    pub(super) is_variadic: bool,
    pub(super) param_count: usize,
    pub(super) pieces: Vec<Piece>,
    /// Its expansion is being read.
    pub(super) active: Cell<bool>,
}

/// A part of a macro's body. The token is as written there.
#[derive(Clone, Copy, Debug)]
pub(super) enum Piece {
    Token(Token),
    Param(usize, Token),
    /// `#param`
    Stringify(usize, Token),
    /// `##`
    Paste(Token),
}

impl Macro {
    /// Whether both mean the same.
    pub(super) fn same_as(&self, other: &Macro, interner: &Interner) -> bool {
        self.is_function == other.is_function
            && self.is_variadic == other.is_variadic
            && self.param_count == other.param_count
            && self.pieces.len() == other.pieces.len()
            && self.pieces.iter().zip(&other.pieces).all(|pair| match pair {
                (Piece::Token(a), Piece::Token(b)) => {
                    a.kind == b.kind && a.text(interner) == b.text(interner)
                }
                (Piece::Param(a, _), Piece::Param(b, _))
                | (Piece::Stringify(a, _), Piece::Stringify(b, _)) => a == b,
                (Piece::Paste(_), Piece::Paste(_)) => true,
                _ => false,
            })
    }
}

/// Tokens to be read next.
pub(super) struct Context {
    tokens: Vec<Token>,
    at: usize,
    /// Whose expansion they are.
    source: Option<Rc<Macro>>,
    /// Behind them is the end, not what follows in the program.
    pub(super) is_barrier: bool,
}

impl Context {
    pub(super) fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).copied();
        self.at += usize::from(token.is_some());
        token
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        if let Some(source) = &self.source {
            source.active.set(false);
        }
    }
}

impl Preprocessor<'_> {
    /// The next token after expansion.
    pub(super) fn next_expanded(&mut self) -> Token {
        loop {
            let mut token = self.next_painted();
            let pending = std::mem::take(&mut self.pending_flags);
            for flag in [TokenFlags::LINE_START, TokenFlags::SPACED] {
                token.flags = token.flags.with(flag, token.flags.has(flag) || pending.has(flag));
            }
            if token.kind != TokenKind::Ident || token.flags.has(TokenFlags::PAINTED) || self.stopped {
                return token;
            }
            if let Some(definition) = self.macros.get(&token.symbol).cloned() {
                if !self.expand(token, definition) {
                    return token;
                }
            } else if let Some(&dynamic) = self.dynamic.get(&token.symbol) {
                return self.dynamic_value(token, dynamic);
            } else {
                return token;
            }
        }
    }

    fn next_painted(&mut self) -> Token {
        let mut token = self.next_raw();
        if token.kind == TokenKind::Ident
            && self.macros.get(&token.symbol).is_some_and(|definition| definition.active.get())
        {
            token.flags = token.flags.with(TokenFlags::PAINTED, true);
        }
        token
    }

    /// Expands the macro that `name` names. False if it is not called, so that its name stands for itself.
    fn expand(&mut self, name: Token, definition: Rc<Macro>) -> bool {
        let mut args = Vec::new();
        if definition.is_function {
            let next = self.next_painted();
            if next.kind != TokenKind::LeftParen {
                if next.kind != TokenKind::Eof {
                    self.push_context(vec![next], None, false);
                }
                return false;
            }
            let outer = self.collecting.replace(name.span);
            let collected = self.collect_args(&definition);
            self.collecting = outer;
            let Some(collected) = collected else {
                let message = format!("the call of macro `{}` is not closed", name.text(&self.interner));
                let diagnostic =
                    Diagnostic::error(MACRO_CALL, name.span, message).label(definition.name, "defined here");
                self.emit(diagnostic);
                return false;
            };
            args = collected;
            if !self.check_arg_count(name, &definition, &mut args) {
                return true;
            }
        }
        let mut tokens = self.substitute(name, &definition, &args);
        match tokens.first_mut() {
            Some(first) => {
                for flag in [TokenFlags::LINE_START, TokenFlags::SPACED] {
                    first.flags = first.flags.with(flag, name.flags.has(flag));
                }
            }
            None => self.pending_flags = name.flags.with(TokenFlags::PAINTED, false),
        }
        if !self.count(tokens.len(), name) {
            return true;
        }
        definition.active.set(true);
        self.push_context(tokens, Some(definition), false);
        true
    }

    fn push_context(&mut self, tokens: Vec<Token>, source: Option<Rc<Macro>>, is_barrier: bool) {
        self.contexts.push(Context { tokens, at: 0, source, is_barrier });
    }

    /// Counts tokens made by expansion; false once there are too many.
    fn count(&mut self, count: usize, name: Token) -> bool {
        self.expansion_token_count += count + 1;
        if self.expansion_token_count <= self.options.limits.expansion_token_count_max {
            return true;
        }
        let message =
            format!("macros expand to more than {} tokens", self.options.limits.expansion_token_count_max);
        self.stop(Diagnostic::error(EXPANSION_TOO_LARGE, name.span, message));
        false
    }

    /// The arguments up to the closing parenthesis; nothing if there is none.
    fn collect_args(&mut self, definition: &Macro) -> Option<Vec<Vec<Token>>> {
        let mut args = vec![Vec::new()];
        let mut depth = 0usize;
        loop {
            let mut token = self.next_painted();
            if token.starts_line() {
                token.flags = token.flags.with(TokenFlags::LINE_START, false).with(TokenFlags::SPACED, true);
            }
            match token.kind {
                TokenKind::Eof => return None,
                TokenKind::RightParen if depth == 0 => return Some(args),
                TokenKind::LeftParen => depth += 1,
                TokenKind::RightParen => depth -= 1,
                TokenKind::Comma if depth == 0 => {
                    let takes_rest = definition.is_variadic && args.len() >= definition.param_count;
                    if !takes_rest {
                        args.push(Vec::new());
                        continue;
                    }
                }
                _ => {}
            }
            if let Some(arg) = args.last_mut() {
                arg.push(token);
            }
        }
    }

    /// Makes the arguments as many as the parameters; complains if that cannot be.
    fn check_arg_count(&mut self, name: Token, definition: &Macro, args: &mut Vec<Vec<Token>>) -> bool {
        if definition.param_count == 0 && args.len() == 1 && args.iter().all(Vec::is_empty) {
            args.clear();
        }
        if definition.is_variadic && args.len() + 1 == definition.param_count {
            args.push(Vec::new());
        }
        if args.len() == definition.param_count {
            return true;
        }
        let message = format!(
            "macro `{}` takes {} argument{}, not {}",
            name.text(&self.interner),
            definition.param_count,
            if definition.param_count == 1 { "" } else { "s" },
            args.len(),
        );
        let diagnostic =
            Diagnostic::error(MACRO_CALL, name.span, message).label(definition.name, "defined here");
        self.emit(diagnostic);
        false
    }

    /// The body with arguments put for parameters. Tokens of the body take the place of the use.
    fn substitute(&mut self, name: Token, definition: &Macro, args: &[Vec<Token>]) -> Vec<Token> {
        let mut out: Vec<Token> = Vec::with_capacity(definition.pieces.len());
        let mut expanded: Vec<Option<Vec<Token>>> = vec![None; args.len()];
        // Whether the left operand of a coming `##` is an empty argument.
        let mut left_empty = false;
        let mut made = 0;
        let mut pieces = definition.pieces.iter().peekable();
        while let Some(&piece) = pieces.next() {
            if self.stopped || !self.within_count(out.len() + made, name) {
                return Vec::new();
            }
            let before_paste = matches!(pieces.peek(), Some(Piece::Paste(_)));
            match piece {
                Piece::Paste(_) => {
                    let Some(&next) = pieces.next() else { break };
                    let mut right = match next {
                        Piece::Param(param, _) => args.get(param).cloned().unwrap_or_default(),
                        Piece::Token(token) | Piece::Paste(token) => vec![Token { span: name.span, ..token }],
                        Piece::Stringify(param, token) => vec![self.stringify(name, param, token, args)],
                    };
                    // `, ## __VA_ARGS__`: the comma goes if there are none, and is no operand if there are.
                    let rest = definition.is_variadic
                        && matches!(next, Piece::Param(param, _) if param + 1 == definition.param_count);
                    if rest && out.last().is_some_and(|token| token.kind == TokenKind::Comma) {
                        if right.is_empty() {
                            out.pop();
                        } else {
                            let whole = self.expand_all(right);
                            made += whole.len();
                            out.extend(whole);
                        }
                        left_empty = false;
                        continue;
                    }
                    if left_empty || right.is_empty() {
                        left_empty = left_empty && right.is_empty();
                        out.extend(right);
                        continue;
                    }
                    let first = right.remove(0);
                    match out.pop() {
                        Some(left) => self.paste(name, left, first, &mut out),
                        None => out.push(first),
                    }
                    out.extend(right);
                }
                Piece::Token(token) => {
                    out.push(Token { span: name.span, ..token });
                    left_empty = false;
                }
                Piece::Stringify(param, token) => {
                    let string = self.stringify(name, param, token, args);
                    out.push(string);
                    left_empty = false;
                }
                Piece::Param(param, token) => {
                    let raw = args.get(param).map(Vec::as_slice).unwrap_or_default();
                    let start = out.len();
                    if before_paste {
                        out.extend_from_slice(raw);
                    } else {
                        if let Some(slot) = expanded.get_mut(param)
                            && slot.is_none()
                        {
                            let whole = self.expand_all(raw.to_vec());
                            made += whole.len();
                            *slot = Some(whole);
                        }
                        let whole = expanded.get(param).and_then(Option::as_deref).unwrap_or_default();
                        out.extend_from_slice(whole);
                    }
                    left_empty = out.len() == start;
                    if let Some(first) = out.get_mut(start) {
                        first.flags = first.flags.with(TokenFlags::SPACED, token.is_spaced());
                    }
                }
            }
        }
        out
    }

    fn within_count(&mut self, count: usize, name: Token) -> bool {
        let total = self.expansion_token_count + count;
        total <= self.options.limits.expansion_token_count_max || self.count(count, name)
    }

    /// Expands tokens on their own, as if nothing followed them.
    pub(super) fn expand_all(&mut self, tokens: Vec<Token>) -> Vec<Token> {
        if tokens.iter().all(|token| token.kind != TokenKind::Ident) {
            return tokens;
        }
        let Some(&first) = tokens.first() else { return tokens };
        if self.expansion_depth >= self.options.limits.expansion_depth_max {
            let message = "macro calls are nested too deeply";
            self.stop(Diagnostic::error(EXPANSION_TOO_LARGE, first.span, message));
            return Vec::new();
        }
        self.expansion_depth += 1;
        let outer_flags = std::mem::take(&mut self.pending_flags);
        self.push_context(tokens, None, true);
        let depth = self.contexts.len();
        let mut out = Vec::new();
        loop {
            let token = self.next_expanded();
            if token.kind == TokenKind::Eof {
                break;
            }
            out.push(token);
            if out.len() & 0xfff == 0 && !self.within_count(out.len(), first) {
                break;
            }
        }
        self.contexts.truncate(depth - 1);
        self.pending_flags = outer_flags;
        self.expansion_depth -= 1;
        self.count(out.len(), first);
        out
    }

    /// `#param`: the argument's text as a string.
    fn stringify(&mut self, name: Token, param: usize, hash: Token, args: &[Vec<Token>]) -> Token {
        let mut text = String::from("\"");
        for (at, token) in args.get(param).into_iter().flatten().enumerate() {
            if at > 0 && token.is_spaced() {
                text.push(' ');
            }
            let part = token.text(&self.interner);
            if token.kind == TokenKind::String {
                text.push_str(&part.replace('\\', "\\\\").replace('"', "\\\""));
            } else {
                text.push_str(part);
            }
        }
        text.push('"');
        self.count(text.len() / TEXT_BYTES_PER_TOKEN, name);
        let symbol = self.interner.intern(&text);
        Token { kind: TokenKind::String, flags: hash.flags, symbol, span: name.span }
    }

    /// `left ## right`
    fn paste(&mut self, name: Token, left: Token, right: Token, out: &mut Vec<Token>) {
        let text = format!("{}{}", left.text(&self.interner), right.text(&self.interner));
        self.count(text.len() / TEXT_BYTES_PER_TOKEN, name);
        let mut lexer = Lexer::new(text.as_str().into(), 0);
        let first = lexer.next_token(&mut self.interner);
        let is_whole = lexer.position() as usize == text.len() && lexer.take_error().is_none();
        let flags = left.flags.with(TokenFlags::PAINTED, false);
        if is_whole && first.kind != TokenKind::Eof {
            out.push(Token { span: name.span, flags, ..first });
        } else {
            // What makes no token stays two, side by side, as in the mode in which p4c runs its preprocessor:
            // programs write `meta . ## name` and `x ## (`. So does `>>`, two tokens to the lexer.
            out.push(Token { span: name.span, flags, ..left });
            out.push(Token { span: name.span, flags: TokenFlags::default(), ..right });
        }
    }

    fn dynamic_value(&mut self, name: Token, dynamic: Dynamic) -> Token {
        let place = self.map.lookup(name.span.start);
        let (kind, text) = match dynamic {
            Dynamic::File => {
                let file = place.map_or_else(String::new, |place| place.file.to_string());
                (TokenKind::String, format!("\"{}\"", file.replace('\\', "\\\\").replace('"', "\\\"")))
            }
            Dynamic::Line => (TokenKind::Int, place.map_or(0, |place| place.line).to_string()),
            // Fixed, so that the same source compiles to the same result.
            Dynamic::Date => (TokenKind::String, "\"Jan  1 1970\"".to_owned()),
            Dynamic::Time => (TokenKind::String, "\"00:00:00\"".to_owned()),
            Dynamic::Counter => {
                self.counter += 1;
                (TokenKind::Int, (self.counter - 1).to_string())
            }
            Dynamic::IncludeLevel => (TokenKind::Int, self.sources.len().saturating_sub(1).to_string()),
        };
        debug_assert!(kind != TokenKind::String || unquote(&text).len() + 2 == text.len());
        Token { kind, symbol: self.interner.intern(&text), ..name }
    }
}
