//! Tables (P4-16 §14.2) and the sets of values that tables and `select` match (§13.6).

use super::{Parsed, Parser};
use crate::diag::Diagnostic;
use crate::diag::codes::*;
use crate::source::Span;
use crate::syntax::ast::*;
use crate::syntax::token::TokenKind;

use super::expressions::Tall;
use super::scope::Binding;

impl Parser<'_> {
    /// `tableDeclaration`
    pub(super) fn table(&mut self) -> Parsed<DeclKind> {
        self.expect(TokenKind::Table)?;
        let name = self.declared_name(Binding::Value)?;
        let open = self.expect(TokenKind::LeftBrace)?;
        let properties = self.braced(open, Self::table_property)?;
        Ok(DeclKind::Table(TableDecl { name, properties }))
    }

    /// `tableProperty`
    fn table_property(&mut self) -> Parsed<Option<TableProperty>> {
        let start = self.here();
        let annotations = self.annotations()?;
        let constant = self.eat(TokenKind::Const);
        let is_const = constant.is_some();
        let what = self.peek();
        if let Some(constant) = constant
            && matches!(what.kind, TokenKind::Key | TokenKind::Actions)
        {
            let message = format!("`{}` is constant anyway", what.kind.text());
            self.diags.emit(Diagnostic::error(MISPLACED, constant.span, message).help("leave out `const`"));
        }
        if self.is_word(what, "reads") {
            let diagnostic =
                Diagnostic::error(UNEXPECTED_TOKEN, what.span, "tables of P4-16 have no `reads`")
                    .help("write `key = { FIELD : MATCH_KIND; }`");
            return Err(self.report(diagnostic));
        }
        let braced = match what.kind {
            TokenKind::Key | TokenKind::Actions | TokenKind::Entries => {
                self.bump();
                self.expect(TokenKind::Assign)?;
                Some(self.expect(TokenKind::LeftBrace)?)
            }
            _ => None,
        };
        let kind = match (what.kind, braced) {
            (TokenKind::Key, Some(open)) => TablePropertyKind::Key(self.braced(open, Self::key_element)?),
            (TokenKind::Actions, Some(open)) => {
                TablePropertyKind::Actions(self.braced(open, Self::action_list_element)?)
            }
            (TokenKind::Entries, Some(open)) => {
                TablePropertyKind::Entries { is_const, entries: self.braced(open, Self::entry)? }
            }
            _ => {
                if !self.kind().is_name() {
                    return Err(self.unexpected("a property of the table"));
                }
                let name = self.name()?;
                self.expect(TokenKind::Assign)?;
                let value = self.expression()?;
                self.expect_semicolon()?;
                TablePropertyKind::Custom { is_const, name, value }
            }
        };
        Ok(Some(TableProperty { annotations, kind, span: self.span_from(start) }))
    }

    /// `keyElement`
    fn key_element(&mut self) -> Parsed<Option<KeyElement>> {
        let start = self.here();
        let expr = self.expression()?;
        if !self.is_at(TokenKind::Colon) {
            return Err(self.unexpected("`:` and a match kind"));
        }
        self.bump();
        let match_kind = self.name()?;
        let annotations = self.annotations()?;
        self.expect_semicolon()?;
        Ok(Some(KeyElement { expr, match_kind, annotations, span: self.span_from(start) }))
    }

    /// An element of `actionList`.
    fn action_list_element(&mut self) -> Parsed<Option<ActionRef>> {
        let start = self.here();
        let annotations = self.annotations()?;
        let action = self.action_ref(annotations, start)?;
        self.expect_semicolon_not_comma("actions of a table")?;
        Ok(Some(action))
    }

    /// `actionRef`, its annotations taken.
    fn action_ref(&mut self, annotations: Vec<Annotation>, start: Span) -> Parsed<ActionRef> {
        let dotted = self.eat(TokenKind::Dot).is_some();
        if !self.kind().is_name() {
            return Err(self.unexpected("the name of an action"));
        }
        let name = self.name()?;
        let args = match self.is_at(TokenKind::LeftParen) {
            true => Some(self.arguments(&mut 0)?),
            false => None,
        };
        Ok(ActionRef { annotations, dotted, name, args, span: self.span_from(start) })
    }

    /// `entry`
    fn entry(&mut self) -> Parsed<Option<EntryDecl>> {
        let start = self.here();
        let is_const = self.eat(TokenKind::Const).is_some();
        let priority = self.entry_priority()?;
        let keys = self.keyset()?;
        self.expect(TokenKind::Colon)?;
        let action_start = self.here();
        let action = self.action_ref(Vec::new(), action_start)?;
        let annotations = self.annotations()?;
        self.expect_semicolon()?;
        Ok(Some(EntryDecl { is_const, priority, keys, action, annotations, span: self.span_from(start) }))
    }

    /// `entryPriority`, if there is one: an integer, or an expression in parentheses.
    fn entry_priority(&mut self) -> Parsed<Option<Expr>> {
        if !self.is_at(TokenKind::Priority) || self.kind_ahead(1) != TokenKind::Assign {
            return Ok(None);
        }
        self.bump();
        self.bump();
        let token = self.peek();
        let priority = match token.kind {
            TokenKind::Int => {
                self.bump();
                Expr { kind: self.integer(token), span: token.span }
            }
            TokenKind::LeftParen => {
                self.bump();
                let inner = self.tall_expression()?;
                self.expect_closing(TokenKind::RightParen, token)?;
                self.parens(token.span, inner)?.expr
            }
            _ => return Err(self.unexpected("an integer, or an expression in parentheses")),
        };
        self.expect(TokenKind::Colon)?;
        Ok(Some(priority))
    }

    /// `keysetExpression`
    ///
    /// What begins with a parenthesis is a tuple if a comma or a set is inside; otherwise the parenthesis belongs
    /// to an expression, which goes on behind it.
    pub(super) fn keyset(&mut self) -> Parsed<Keyset> {
        let start = self.here();
        if !self.is_at(TokenKind::LeftParen) || self.cast_ahead() {
            let element = self.simple_keyset()?;
            let span = element.span;
            return Ok(Keyset { elements: vec![element], is_tuple: false, span });
        }
        let open = self.bump();
        let first = self.keyset_operand()?;
        let mut elements = Vec::new();
        match first {
            Operand::Set(element) => elements.push(element),
            Operand::Expr(tall) if self.is_at(TokenKind::Comma) => {
                elements.push(KeysetElement { span: tall.expr.span, kind: KeysetKind::Expr(tall.expr) });
            }
            Operand::Expr(tall) => {
                self.expect_closing(TokenKind::RightParen, open)?;
                let operand = self.parens(open.span, tall)?;
                let expr = self.after_parens(operand)?;
                let element = self.keyset_after(expr)?;
                let span = element.span;
                return Ok(Keyset { elements: vec![element], is_tuple: false, span });
            }
        }
        while self.eat(TokenKind::Comma).is_some() {
            elements.push(self.simple_keyset()?);
        }
        self.expect_list_end(TokenKind::RightParen, open)?;
        Ok(Keyset { elements, is_tuple: true, span: self.span_from(start) })
    }

    /// `simpleKeysetExpression`
    fn simple_keyset(&mut self) -> Parsed<KeysetElement> {
        match self.keyset_operand()? {
            Operand::Set(element) => Ok(element),
            Operand::Expr(tall) => {
                Ok(KeysetElement { span: tall.expr.span, kind: KeysetKind::Expr(tall.expr) })
            }
        }
    }

    fn keyset_operand(&mut self) -> Parsed<Operand> {
        let token = self.peek();
        let whole = match token.kind {
            TokenKind::Default => KeysetKind::Default,
            TokenKind::Underscore => KeysetKind::DontCare,
            _ => {
                let tall = self.tall_expression()?;
                return match self.kind() {
                    TokenKind::Mask | TokenKind::Range => Ok(Operand::Set(self.keyset_after(tall.expr)?)),
                    _ => Ok(Operand::Expr(tall)),
                };
            }
        };
        self.bump();
        Ok(Operand::Set(KeysetElement { kind: whole, span: token.span }))
    }

    /// An expression, or the set that begins with it.
    fn keyset_after(&mut self, first: Expr) -> Parsed<KeysetElement> {
        let start = first.span;
        let kind = match self.kind() {
            TokenKind::Mask => {
                self.bump();
                KeysetKind::Mask(first, self.expression()?)
            }
            TokenKind::Range => {
                self.bump();
                KeysetKind::Range(first, self.expression()?)
            }
            _ => KeysetKind::Expr(first),
        };
        Ok(KeysetElement { kind, span: self.span_from(start) })
    }
}

/// What a keyset begins with.
enum Operand {
    /// Surely a set.
    Set(KeysetElement),
    /// Perhaps only part of an expression.
    Expr(Tall),
}
