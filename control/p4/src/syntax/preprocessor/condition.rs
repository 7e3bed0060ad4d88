//! Conditions of `#if` and `#elif`.
//!
//! Values are 64-bit integers that wrap, as in C; names that are no macros are 0.

use super::Preprocessor;
use crate::diag::Diagnostic;
use crate::diag::codes::*;
use crate::source::Span;
use crate::syntax::integer;
use crate::syntax::token::{Interner, Symbol, Token, TokenFlags, TokenKind};

/// Nesting of parentheses and operators.
const DEPTH_MAX: usize = 200;

impl Preprocessor<'_> {
    /// Whether `#ifdef` holds for it.
    pub(super) fn is_defined(&self, name: Symbol) -> bool {
        self.macros.contains_key(&name) || self.dynamic.contains_key(&name)
    }

    pub(super) fn evaluate_condition(&mut self, directive: Token, tokens: Vec<Token>) -> bool {
        // `defined X` asks about X before anything is expanded, and once more about what expansion brings.
        let tokens = self.resolve_defined(tokens);
        let tokens = self.expand_all(tokens);
        let tokens = self.resolve_defined(tokens);
        let end = tokens.last().map_or(directive.span, |token| token.span).after();
        let mut evaluator = Evaluator { tokens: &tokens, at: 0, end, depth: 0, interner: &self.interner };
        let result = evaluator.conditional(true).and_then(|value| match evaluator.peek() {
            None => Ok(value),
            Some(token) => Err((token.span, format!("unexpected `{}`", token.text(&self.interner)))),
        });
        match result {
            Ok(value) => value != 0,
            Err((span, problem)) => {
                let name = directive.text(&self.interner);
                let message = format!("invalid condition of `#{name}`: {problem}");
                let diagnostic = Diagnostic::error(CONDITION_NOT_CONSTANT, span, message);
                self.emit(diagnostic);
                false
            }
        }
    }

    /// Puts 1 or 0 for `defined X` and `defined(X)`.
    fn resolve_defined(&mut self, tokens: Vec<Token>) -> Vec<Token> {
        let defined = self.interner.intern("defined");
        let mut result = Vec::with_capacity(tokens.len());
        let mut rest = tokens.as_slice();
        while let Some((&first, mut after)) = rest.split_first() {
            let is_name = |token: &Token| token.kind == TokenKind::Ident;
            let asked = match after {
                _ if first.kind != TokenKind::Ident || first.symbol != defined => None,
                [open, name, close, ..]
                    if open.kind == TokenKind::LeftParen
                        && is_name(name)
                        && close.kind == TokenKind::RightParen =>
                {
                    after = after.get(3..).unwrap_or_default();
                    Some(name)
                }
                [name, ..] if is_name(name) => {
                    after = after.get(1..).unwrap_or_default();
                    Some(name)
                }
                _ => None,
            };
            result.push(match asked {
                Some(name) => {
                    let value = if self.is_defined(name.symbol) { "1" } else { "0" };
                    let flags = TokenFlags::SPACED;
                    Token {
                        kind: TokenKind::Int,
                        flags,
                        symbol: self.interner.intern(value),
                        span: first.span,
                    }
                }
                None => first,
            });
            rest = after;
        }
        result
    }
}

struct Evaluator<'a> {
    tokens: &'a [Token],
    at: usize,
    end: Span,
    depth: usize,
    interner: &'a Interner,
}

type Value = Result<i64, (Span, String)>;

impl Evaluator<'_> {
    fn peek(&self) -> Option<Token> {
        self.tokens.get(self.at).copied()
    }

    fn peek_kind(&self) -> Option<TokenKind> {
        self.peek().map(|token| token.kind)
    }

    fn expect(&mut self, kind: TokenKind) -> Result<(), (Span, String)> {
        match self.peek() {
            Some(token) if token.kind == kind => {
                self.at += 1;
                Ok(())
            }
            Some(token) => Err((
                token.span,
                format!("expected `{}`, found `{}`", kind.text(), token.text(self.interner)),
            )),
            None => Err((self.end, format!("expected `{}`", kind.text()))),
        }
    }

    /// `live`: whether the value matters; what does not may divide by zero.
    fn conditional(&mut self, live: bool) -> Value {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err((self.end, "nested too deeply".to_owned()));
        }
        let condition = self.binary(0, live)?;
        let value = if self.peek_kind() == Some(TokenKind::Question) {
            self.at += 1;
            let then = self.conditional(live && condition != 0)?;
            self.expect(TokenKind::Colon)?;
            let otherwise = self.conditional(live && condition == 0)?;
            if condition != 0 { then } else { otherwise }
        } else {
            condition
        };
        self.depth -= 1;
        Ok(value)
    }

    fn binary(&mut self, level_min: u8, live: bool) -> Value {
        let mut left = self.unary(live)?;
        while let Some(token) = self.peek() {
            // `>>` arrives as two adjacent tokens.
            let is_shift = token.kind == TokenKind::Greater
                && self
                    .tokens
                    .get(self.at + 1)
                    .is_some_and(|next| next.kind == TokenKind::Greater && !next.is_spaced());
            let Some(level) = (if is_shift { Some(8) } else { level(token.kind) }) else { break };
            if level < level_min {
                break;
            }
            self.at += if is_shift { 2 } else { 1 };
            let right_live = match token.kind {
                TokenKind::AndAnd => live && left != 0,
                TokenKind::OrOr => live && left == 0,
                _ => live,
            };
            let right = self.binary(level + 1, right_live)?;
            let truth = i64::from;
            left = match token.kind {
                TokenKind::Greater if is_shift => left.wrapping_shr(right as u32),
                TokenKind::OrOr => truth(left != 0 || right != 0),
                TokenKind::AndAnd => truth(left != 0 && right != 0),
                TokenKind::Pipe => left | right,
                TokenKind::Caret => left ^ right,
                TokenKind::Ampersand => left & right,
                TokenKind::EqEq => truth(left == right),
                TokenKind::NotEq => truth(left != right),
                TokenKind::Less => truth(left < right),
                TokenKind::LessEq => truth(left <= right),
                TokenKind::Greater => truth(left > right),
                TokenKind::GreaterEq => truth(left >= right),
                TokenKind::Shl => left.wrapping_shl(right as u32),
                TokenKind::Plus => left.wrapping_add(right),
                TokenKind::Minus => left.wrapping_sub(right),
                TokenKind::Star => left.wrapping_mul(right),
                TokenKind::Slash | TokenKind::Percent if right == 0 => {
                    if live {
                        return Err((token.span, "division by zero".to_owned()));
                    }
                    0
                }
                TokenKind::Slash => left.wrapping_div(right),
                TokenKind::Percent => left.wrapping_rem(right),
                _ => return Err((token.span, format!("unexpected `{}`", token.text(self.interner)))),
            };
        }
        Ok(left)
    }

    fn unary(&mut self, live: bool) -> Value {
        let mut operators = Vec::new();
        while let Some(kind) = self.peek_kind()
            && matches!(kind, TokenKind::Not | TokenKind::Tilde | TokenKind::Minus | TokenKind::Plus)
        {
            operators.push(kind);
            self.at += 1;
        }
        let value = self.primary(live)?;
        Ok(operators.into_iter().rev().fold(value, |value, operator| match operator {
            TokenKind::Not => i64::from(value == 0),
            TokenKind::Tilde => !value,
            TokenKind::Minus => value.wrapping_neg(),
            _ => value,
        }))
    }

    fn primary(&mut self, live: bool) -> Value {
        let Some(token) = self.peek() else { return Err((self.end, "expected a value".to_owned())) };
        self.at += 1;
        match token.kind {
            TokenKind::LeftParen => {
                let value = self.conditional(live)?;
                self.expect(TokenKind::RightParen)?;
                Ok(value)
            }
            TokenKind::Ident => {
                if self.peek_kind() == Some(TokenKind::LeftParen) {
                    let name = token.text(self.interner);
                    return Err((token.span, format!("there is no macro `{name}` to call")));
                }
                Ok(i64::from(token.text(self.interner) == "true"))
            }
            TokenKind::Int => {
                let text = token.text(self.interner);
                let digits = text.trim_end_matches(['u', 'U', 'l', 'L']);
                let literal = integer::parse(digits).map_err(|problem| (token.span, problem.to_string()))?;
                let value = i64::try_from(&literal.value)
                    .or_else(|_| u64::try_from(&literal.value).map(|v| v as i64));
                value.map_err(|_| (token.span, "the number exceeds 64 bits".to_owned()))
            }
            _ => Err((token.span, format!("expected a value, found `{}`", token.text(self.interner)))),
        }
    }
}

/// How tightly a binary operator binds, in C's order.
fn level(kind: TokenKind) -> Option<u8> {
    Some(match kind {
        TokenKind::OrOr => 1,
        TokenKind::AndAnd => 2,
        TokenKind::Pipe => 3,
        TokenKind::Caret => 4,
        TokenKind::Ampersand => 5,
        TokenKind::EqEq | TokenKind::NotEq => 6,
        TokenKind::Less | TokenKind::LessEq | TokenKind::Greater | TokenKind::GreaterEq => 7,
        TokenKind::Shl => 8,
        TokenKind::Plus | TokenKind::Minus => 9,
        TokenKind::Star | TokenKind::Slash | TokenKind::Percent => 10,
        _ => return None,
    })
}
