//! Parsers and controls (P4-16 §13, §14).

use super::declarations::Place;
use super::scope::Binding;
use super::statements::Context;
use super::{Parsed, Parser};
use crate::diag::Diagnostic;
use crate::diag::codes::*;
use crate::source::Span;
use crate::syntax::ast::*;
use crate::syntax::token::TokenKind;

impl Parser<'_> {
    /// `parserDeclaration`, or `parserTypeDeclaration ";"`
    pub(super) fn parser_declaration(&mut self) -> Parsed<DeclKind> {
        self.expect(TokenKind::Parser)?;
        let signature = self.block_type()?;
        if self.eat(TokenKind::Semicolon).is_some() {
            self.scopes.close();
            return Ok(DeclKind::ParserType(signature));
        }
        let constructor_params = self.constructor_params()?;
        if !self.is_at(TokenKind::LeftBrace) {
            return Err(self.unexpected("`{` or `;`"));
        }
        let open = self.expect(TokenKind::LeftBrace)?;
        let mut states: Vec<ParserState> = Vec::new();
        let locals = self.braced(open, |parser| {
            if parser.eat(TokenKind::Semicolon).is_some() {
                return Ok(None);
            }
            let start = parser.here();
            let annotations = parser.annotations()?;
            if parser.is_at(TokenKind::State) {
                let state = parser.state(annotations, start)?;
                states.push(state);
                return Ok(None);
            }
            let decl = parser.parser_local(annotations, start)?;
            if let Some(first) = states.first() {
                let diagnostic = Diagnostic::error(
                    MISPLACED,
                    decl.span,
                    "a declaration behind the first state of a parser",
                )
                .label(first.name.span, "the first state")
                .help("move it before the states");
                parser.diags.emit(diagnostic);
            }
            Ok(Some(decl))
        })?;
        self.scopes.close();
        Ok(DeclKind::Parser(ParserDecl { signature, constructor_params, locals, states }))
    }

    /// `parserLocalElement`
    fn parser_local(&mut self, annotations: Vec<Annotation>, start: Span) -> Parsed<Decl> {
        let kind = match self.kind() {
            TokenKind::Const => self.constant()?,
            TokenKind::ValueSet => self.value_set()?,
            TokenKind::Action | TokenKind::Table => {
                let message = format!("`{}` in a parser", self.kind().text());
                let diagnostic = Diagnostic::error(MISPLACED, self.here(), message)
                    .note("a parser holds constants, instances, variables, value sets and states");
                return Err(self.report(diagnostic));
            }
            _ => self.declaration_after_type(Place::Local)?,
        };
        Ok(Decl { annotations, kind, span: self.span_from(start) })
    }

    /// `valueSetDeclaration`
    fn value_set(&mut self) -> Parsed<DeclKind> {
        self.expect(TokenKind::ValueSet)?;
        let open = self.expect(TokenKind::Less)?;
        let element = self.type_ref()?;
        self.expect_closing(TokenKind::Greater, open)?;
        let open = self.expect(TokenKind::LeftParen)?;
        let size = self.expression()?;
        self.expect_closing(TokenKind::RightParen, open)?;
        let name = self.declared_name(Binding::Value)?;
        self.expect_semicolon()?;
        Ok(DeclKind::ValueSet(ValueSetDecl { element, size, name }))
    }

    /// `parserState`
    fn state(&mut self, annotations: Vec<Annotation>, start: Span) -> Parsed<ParserState> {
        self.expect(TokenKind::State)?;
        let name = self.name()?;
        let open = self.expect(TokenKind::LeftBrace)?;
        self.scopes.open();
        let mut transition: Option<(Transition, Span)> = None;
        let mut stmts = Vec::new();
        self.braced(open, |parser| {
            let start = parser.here();
            if parser.is_at(TokenKind::Transition) {
                let next = parser.transition()?;
                let span = parser.span_from(start);
                match &transition {
                    None => transition = Some((next, span)),
                    Some((_, first)) => {
                        let diagnostic =
                            Diagnostic::error(MISPLACED, span, "a second `transition` in one state")
                                .label(*first, "the first one");
                        parser.diags.emit(diagnostic);
                    }
                }
                return Ok(None::<()>);
            }
            parser.statement_or_declaration(Context::ParserState, &mut stmts)?;
            if let Some((_, first)) = &transition {
                let span = parser.span_from(start);
                let diagnostic = Diagnostic::error(MISPLACED, span, "a statement behind `transition`")
                    .label(*first, "this ends the state");
                parser.diags.emit(diagnostic);
            }
            Ok(None)
        })?;
        self.scopes.close();
        let transition = transition.map(|(transition, _)| transition);
        Ok(ParserState { annotations, name, stmts, transition, span: self.span_from(start) })
    }

    /// `transitionStatement`
    fn transition(&mut self) -> Parsed<Transition> {
        self.expect(TokenKind::Transition)?;
        if !self.is_at(TokenKind::Select) {
            if !self.kind().is_name() {
                return Err(self.unexpected("the name of a state, or `select`"));
            }
            let target = self.name()?;
            self.expect_semicolon()?;
            return Ok(Transition::Goto(target));
        }
        let start = self.bump().span;
        let open = self.expect(TokenKind::LeftParen)?;
        let mut on = Vec::new();
        while !self.is_at(TokenKind::RightParen) {
            on.push(self.expression()?);
            if self.eat(TokenKind::Comma).is_none() {
                break;
            }
        }
        self.expect_closing(TokenKind::RightParen, open)?;
        let open = self.expect(TokenKind::LeftBrace)?;
        let cases = self.braced(open, Self::select_case)?;
        Ok(Transition::Select { on, cases, span: self.span_from(start) })
    }

    /// `selectCase`
    fn select_case(&mut self) -> Parsed<Option<SelectCase>> {
        let start = self.here();
        let keys = self.keyset()?;
        self.expect(TokenKind::Colon)?;
        if !self.kind().is_name() {
            return Err(self.unexpected("the name of a state"));
        }
        let target = self.name()?;
        self.expect_semicolon()?;
        Ok(Some(SelectCase { keys, target, span: self.span_from(start) }))
    }

    /// `controlDeclaration`, or `controlTypeDeclaration ";"`
    pub(super) fn control_declaration(&mut self) -> Parsed<DeclKind> {
        self.expect(TokenKind::Control)?;
        let signature = self.block_type()?;
        if self.eat(TokenKind::Semicolon).is_some() {
            self.scopes.close();
            return Ok(DeclKind::ControlType(signature));
        }
        let constructor_params = self.constructor_params()?;
        if !self.is_at(TokenKind::LeftBrace) {
            return Err(self.unexpected("`{` or `;`"));
        }
        let open = self.expect(TokenKind::LeftBrace)?;
        let mut apply: Option<(Option<BlockStmt>, Span)> = None;
        let locals = self.braced(open, |parser| {
            if parser.eat(TokenKind::Semicolon).is_some() {
                return Ok(None);
            }
            let start = parser.here();
            let annotations = parser.annotations()?;
            if parser.is_at(TokenKind::Apply) {
                let span = parser.bump().span;
                if let Some((_, first)) = &apply {
                    let diagnostic = Diagnostic::error(MISPLACED, span, "a second `apply` in one control")
                        .label(*first, "the first one");
                    parser.diags.emit(diagnostic);
                    parser.block(annotations)?;
                } else {
                    apply = Some((None, span));
                    apply = Some((Some(parser.block(annotations)?), span));
                }
                return Ok(None);
            }
            let decl = parser.control_local(annotations, start)?;
            if let Some((_, first)) = &apply {
                let diagnostic =
                    Diagnostic::error(MISPLACED, decl.span, "a declaration behind `apply` of a control")
                        .label(*first, "`apply` comes last")
                        .help("move it before `apply`");
                parser.diags.emit(diagnostic);
            }
            Ok(Some(decl))
        })?;
        self.scopes.close();
        let empty = BlockStmt { annotations: Vec::new(), stmts: Vec::new(), span: self.last_span() };
        let apply = match apply {
            Some((block, _)) => block.unwrap_or(empty),
            None => {
                let message = format!("control `{}` has no `apply` block", signature.name.name);
                let diagnostic = Diagnostic::error(UNEXPECTED_TOKEN, signature.name.span, message)
                    .help("add `apply { }` behind its declarations");
                self.report(diagnostic);
                empty
            }
        };
        Ok(DeclKind::Control(ControlDecl { signature, constructor_params, locals, apply }))
    }

    /// `controlLocalDeclaration`
    fn control_local(&mut self, annotations: Vec<Annotation>, start: Span) -> Parsed<Decl> {
        let kind = match self.kind() {
            TokenKind::Const => self.constant()?,
            TokenKind::Action => self.action()?,
            TokenKind::Table => self.table()?,
            TokenKind::State | TokenKind::ValueSet => {
                let message = format!("`{}` in a control", self.kind().text());
                let diagnostic = Diagnostic::error(MISPLACED, self.here(), message)
                    .note("a control holds constants, instances, variables, actions, tables and `apply`");
                return Err(self.report(diagnostic));
            }
            TokenKind::If | TokenKind::Switch | TokenKind::For | TokenKind::Return | TokenKind::Exit => {
                let message = format!("the statement `{}` outside of `apply`", self.kind().text());
                let diagnostic = Diagnostic::error(MISPLACED, self.here(), message)
                    .help("move it into `apply { }` or into an action");
                return Err(self.report(diagnostic));
            }
            _ => self.declaration_after_type(Place::Local)?,
        };
        Ok(Decl { annotations, kind, span: self.span_from(start) })
    }
}
