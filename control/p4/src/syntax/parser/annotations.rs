//! Annotations (P4-16 §20).

use std::sync::Arc;

use super::{Parsed, Parser};
use crate::syntax::ast::{Annotation, AnnotationBody, AnnotationToken, AnnotationTokenKind};
use crate::syntax::integer;
use crate::syntax::token::{Token, TokenKind};

impl Parser<'_> {
    /// `optAnnotations`
    pub(super) fn annotations(&mut self) -> Parsed<Vec<Annotation>> {
        let mut annotations = Vec::new();
        while self.is_at(TokenKind::At) {
            annotations.push(self.annotation()?);
        }
        Ok(annotations)
    }

    /// `annotation`: `@name`, `@name(tokens)`, `@name[structured]`; and `@pragma name tokens` to the line's end.
    fn annotation(&mut self) -> Parsed<Annotation> {
        let start = self.expect(TokenKind::At)?.span;
        let is_pragma = self.is_word(self.peek(), "pragma") && !self.token_at(self.at + 1).starts_line();
        if is_pragma {
            self.bump();
        }
        if !self.kind().is_word() {
            return Err(self.unexpected("the name of an annotation"));
        }
        let name_token = self.bump();
        let name = self.ident(name_token);
        let body = match self.kind() {
            _ if is_pragma => self.pragma_body(),
            TokenKind::LeftParen => AnnotationBody::Unstructured(self.annotation_tokens()?),
            TokenKind::LeftBracket => self.structured_body()?,
            _ => AnnotationBody::Empty,
        };
        Ok(Annotation { name, body, span: self.span_from(start) })
    }

    fn pragma_body(&mut self) -> AnnotationBody {
        let mut tokens = Vec::new();
        while !self.peek().starts_line() {
            let token = self.bump();
            tokens.push(self.annotation_token(token));
        }
        if tokens.is_empty() { AnnotationBody::Empty } else { AnnotationBody::Unstructured(tokens) }
    }

    /// `"(" annotationBody ")"`: any tokens, parentheses balanced.
    fn annotation_tokens(&mut self) -> Parsed<Vec<AnnotationToken>> {
        let open = self.expect(TokenKind::LeftParen)?;
        let mut tokens = Vec::new();
        let mut depth = 0usize;
        loop {
            match self.kind() {
                TokenKind::Eof => return Err(self.unclosed(TokenKind::RightParen, open)),
                TokenKind::RightParen if depth == 0 => {
                    self.bump();
                    return Ok(tokens);
                }
                TokenKind::LeftParen => depth += 1,
                TokenKind::RightParen => depth -= 1,
                _ => {}
            }
            let token = self.bump();
            tokens.push(self.annotation_token(token));
        }
    }

    fn annotation_token(&self, token: Token) -> AnnotationToken {
        let text = self.text(token);
        let (text, kind): (Arc<str>, _) = match token.kind {
            TokenKind::String => (string_value(text).into(), AnnotationTokenKind::String),
            TokenKind::Int => match integer::parse(text) {
                Ok(integer) => (text.into(), AnnotationTokenKind::Integer(integer.value)),
                Err(_) => (text.into(), AnnotationTokenKind::Punctuation),
            },
            kind if kind.is_word() => (self.interner.text(token.symbol).clone(), AnnotationTokenKind::Word),
            _ => (text.into(), AnnotationTokenKind::Punctuation),
        };
        AnnotationToken { text, kind, span: token.span }
    }

    /// `"[" structuredAnnotationBody "]"`: expressions or pairs.
    fn structured_body(&mut self) -> Parsed<AnnotationBody> {
        let open = self.expect(TokenKind::LeftBracket)?;
        let is_pairs = self.kind().is_name() && self.kind_ahead(1) == TokenKind::Assign;
        let mut pairs = Vec::new();
        let mut expressions = Vec::new();
        while !self.is_at(TokenKind::RightBracket) {
            if is_pairs {
                let key = self.name()?;
                self.expect(TokenKind::Assign)?;
                pairs.push((key, self.expression()?));
            } else {
                expressions.push(self.expression()?);
            }
            if self.eat(TokenKind::Comma).is_none() {
                break;
            }
        }
        self.expect_closing(TokenKind::RightBracket, open)?;
        Ok(if is_pairs { AnnotationBody::Pairs(pairs) } else { AnnotationBody::Expressions(expressions) })
    }
}

/// A string literal without its quotes. Escapes stay as written: P4 gives them no meaning (§6.4.3.3).
pub(super) fn string_value(text: &str) -> &str {
    let text = text.strip_prefix('"').unwrap_or(text);
    text.strip_suffix('"').unwrap_or(text)
}
