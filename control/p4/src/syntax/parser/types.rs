//! Types (P4-16 §7), and the look ahead that tells a type from an expression.

use super::scope::Binding;
use super::{HEIGHT_MAX, Parsed, Parser};
use crate::diag::Diagnostic;
use crate::diag::codes::*;
use crate::source::Span;
use crate::syntax::ast::{Ident, TypeKind, TypeRef};
use crate::syntax::token::{Token, TokenKind};

/// How far a look ahead goes before it takes what it sees for an expression.
const LOOK_AHEAD_MAX: usize = 2000;

/// How deeply types nest in what a look ahead takes for a type.
const LOOK_AHEAD_NESTING_MAX: usize = 64;

impl Parser<'_> {
    /// `typeRef`. A name that is no type is taken for one, since nothing else can be meant.
    pub(super) fn type_ref(&mut self) -> Parsed<TypeRef> {
        self.nested(|parser| {
            let start = parser.peek().span;
            let mut height = 0;
            let kind = parser.type_kind(&mut height)?;
            let mut ty = TypeRef { kind, span: parser.span_from(start) };
            while let Some(open) = parser.eat(TokenKind::LeftBracket) {
                let size = parser.tall_expression()?;
                parser.expect_closing(TokenKind::RightBracket, open)?;
                height = height.max(size.height) + 1;
                ty = TypeRef {
                    kind: TypeKind::Array(Box::new(ty), Box::new(size.expr)),
                    span: parser.span_from(start),
                };
                parser.check_height(height)?;
            }
            parser.type_height = height + 1;
            Ok(ty)
        })
    }

    /// Refuses a tree that is too high.
    pub(super) fn check_height(&mut self, height: usize) -> Parsed<()> {
        if height <= HEIGHT_MAX { Ok(()) } else { Err(self.too_deep()) }
    }

    fn type_kind(&mut self, height: &mut usize) -> Parsed<TypeKind> {
        let token = self.peek();
        let simple = match token.kind {
            TokenKind::Bool => Some(TypeKind::Bool),
            TokenKind::Error => Some(TypeKind::Error),
            TokenKind::MatchKind => Some(TypeKind::MatchKind),
            TokenKind::StringType => Some(TypeKind::String),
            TokenKind::Void => Some(TypeKind::Void),
            _ => None,
        };
        if let Some(kind) = simple {
            self.bump();
            return Ok(kind);
        }
        match token.kind {
            TokenKind::Bit => {
                self.bump();
                Ok(TypeKind::Bit(self.optional_width(height)?.map(Box::new)))
            }
            TokenKind::IntType => {
                self.bump();
                Ok(match self.optional_width(height)? {
                    Some(width) => TypeKind::Int(Box::new(width)),
                    None => TypeKind::InfInt,
                })
            }
            TokenKind::Varbit => {
                self.bump();
                match self.optional_width(height)? {
                    Some(width) => Ok(TypeKind::Varbit(Box::new(width))),
                    None => Err(self.unexpected("`<` and the largest width in bits")),
                }
            }
            TokenKind::Tuple => {
                self.bump();
                if !self.is_at(TokenKind::Less) {
                    return Err(self.unexpected("`<` and the types of the elements"));
                }
                Ok(TypeKind::Tuple(self.type_args(height)?))
            }
            TokenKind::List => {
                self.bump();
                let open = self.expect(TokenKind::Less)?;
                let element = self.type_arg()?;
                *height = (*height).max(self.type_height);
                self.expect_closing(TokenKind::Greater, open)?;
                Ok(TypeKind::List(Box::new(element)))
            }
            TokenKind::Dot => {
                self.bump();
                let name = self.type_name()?;
                self.named_type(true, name, height)
            }
            kind if kind.is_name() => {
                let name = self.type_name()?;
                self.named_type(false, name, height)
            }
            _ => Err(self.expected_type()),
        }
    }

    fn expected_type(&mut self) -> super::Reported {
        let diagnostic = self.mismatch(EXPECTED_TYPE, "a type");
        self.report(diagnostic)
    }

    fn type_name(&mut self) -> Parsed<Ident> {
        match self.kind().is_name() {
            true => self.name(),
            false => Err(self.expected_type()),
        }
    }

    /// Behind a type's name: its arguments, if any.
    fn named_type(&mut self, dotted: bool, name: Ident, height: &mut usize) -> Parsed<TypeKind> {
        let args = match self.is_at(TokenKind::Less) {
            true => self.type_args(height)?,
            false => Vec::new(),
        };
        Ok(TypeKind::Named { dotted, name, args })
    }

    /// `"<" width ">"`, if there is one. The width is an expression without `>` outside of parentheses.
    fn optional_width(&mut self, height: &mut usize) -> Parsed<Option<crate::syntax::ast::Expr>> {
        let Some(open) = self.eat(TokenKind::Less) else { return Ok(None) };
        let width = self.width_expression()?;
        *height = (*height).max(width.height);
        self.expect_closing(TokenKind::Greater, open)?;
        Ok(Some(width.expr))
    }

    /// `"<" typeArgumentList ">"`
    pub(super) fn type_args(&mut self, height: &mut usize) -> Parsed<Vec<TypeRef>> {
        let open = self.expect(TokenKind::Less)?;
        let mut args = Vec::new();
        while !self.is_at(TokenKind::Greater) {
            args.push(self.type_arg()?);
            *height = (*height).max(self.type_height);
            if self.eat(TokenKind::Comma).is_none() {
                break;
            }
        }
        self.expect_list_end(TokenKind::Greater, open)?;
        Ok(args)
    }

    /// `typeArg`
    fn type_arg(&mut self) -> Parsed<TypeRef> {
        if let Some(token) = self.eat(TokenKind::Underscore) {
            self.type_height = 1;
            return Ok(TypeRef { kind: TypeKind::DontCare, span: token.span });
        }
        self.type_ref()
    }

    /// `optTypeParameters`: names, declared as types in the scope that is open.
    pub(super) fn type_params(&mut self) -> Parsed<Vec<Ident>> {
        let Some(open) = self.eat(TokenKind::Less) else { return Ok(Vec::new()) };
        let mut params = Vec::new();
        loop {
            params.push(self.declared_name(Binding::Type)?);
            if self.eat(TokenKind::Comma).is_none() {
                break;
            }
        }
        self.expect_list_end(TokenKind::Greater, open)?;
        Ok(params)
    }

    /// `declarator`: a name, perhaps with sizes of arrays behind it, that binds as `binding`.
    pub(super) fn declarator(&mut self, mut ty: TypeRef, binding: Binding) -> Parsed<(TypeRef, Ident)> {
        let name_token = self.peek();
        let name = self.name()?;
        let mut height = self.type_height;
        while let Some(open) = self.eat(TokenKind::LeftBracket) {
            let size = self.tall_expression()?;
            self.expect_closing(TokenKind::RightBracket, open)?;
            height = height.max(size.height) + 1;
            self.check_height(height)?;
            let span = ty.span;
            ty = TypeRef { kind: TypeKind::Array(Box::new(ty), Box::new(size.expr)), span };
        }
        self.scopes.declare(name_token.symbol, binding);
        Ok((ty, name))
    }

    /// `baseType` and other types that begin with a keyword, but not `error`, which may begin `error.X`.
    pub(super) fn begins_keyword_type(kind: TokenKind) -> bool {
        matches!(
            kind,
            TokenKind::Bool
                | TokenKind::MatchKind
                | TokenKind::StringType
                | TokenKind::Void
                | TokenKind::Bit
                | TokenKind::IntType
                | TokenKind::Varbit
                | TokenKind::Tuple
                | TokenKind::List
        )
    }

    /// Whether a token at `at` begins a type for sure, or names one.
    pub(super) fn type_begins_at(&self, at: usize) -> bool {
        let token = self.token_at(at);
        match token.kind {
            TokenKind::Dot => self.is_top_type(self.token_at(at + 1)),
            TokenKind::Error => self.token_at(at + 1).kind != TokenKind::Dot,
            kind => Self::begins_keyword_type(kind) || self.is_type(token),
        }
    }

    /// Whether `.name` names a type.
    pub(super) fn is_top_type(&self, name: Token) -> bool {
        name.kind == TokenKind::Ident && self.scopes.lookup_top(name.symbol) == Binding::Type
    }

    /// The position behind the type at `at`, if there is one. `lenient`: any name may be a type.
    pub(super) fn type_end(&self, at: usize, lenient: bool) -> Option<usize> {
        self.type_end_within(at, lenient, at + LOOK_AHEAD_MAX, 0)
    }

    fn type_end_within(&self, at: usize, lenient: bool, limit: usize, nesting: usize) -> Option<usize> {
        if at >= limit || nesting > LOOK_AHEAD_NESTING_MAX {
            return None;
        }
        let token = self.token_at(at);
        let is_less = |at: usize| self.token_at(at).kind == TokenKind::Less;
        let mut end = match token.kind {
            TokenKind::Bool
            | TokenKind::Error
            | TokenKind::MatchKind
            | TokenKind::StringType
            | TokenKind::Void => at + 1,
            TokenKind::Bit | TokenKind::IntType | TokenKind::Varbit => match is_less(at + 1) {
                true => self.width_end(at + 2, limit)?,
                false => at + 1,
            },
            TokenKind::Tuple | TokenKind::List => {
                self.type_args_end_within(at + 1, lenient, lenient, limit, nesting)?
            }
            TokenKind::Dot | TokenKind::Ident => {
                let name = if token.kind == TokenKind::Dot { at + 1 } else { at };
                let known = match token.kind {
                    TokenKind::Dot => self.is_top_type(self.token_at(name)),
                    _ => self.is_type(token),
                };
                let may_be = known || lenient && self.token_at(name).kind == TokenKind::Ident;
                if !may_be {
                    return None;
                }
                match is_less(name + 1) {
                    true => self.type_args_end_within(name + 1, true, true, limit, nesting)?,
                    false => name + 1,
                }
            }
            kind if lenient && kind.is_non_type_name() => at + 1,
            _ => return None,
        };
        while self.token_at(end).kind == TokenKind::LeftBracket {
            end = self.closing_end(end, limit)?;
        }
        Some(end)
    }

    /// The position behind the `>` of the type arguments whose `<` is at `at`, if that is what they are.
    ///
    /// Unless `lenient`, the first has to be a type for sure: otherwise `<` compares (grammar,
    /// `realTypeArgumentList`).
    pub(super) fn type_args_end(&self, at: usize, lenient: bool) -> Option<usize> {
        self.type_args_end_within(at, lenient, true, at + LOOK_AHEAD_MAX, 0)
    }

    fn type_args_end_within(
        &self,
        at: usize,
        first_lenient: bool,
        rest_lenient: bool,
        limit: usize,
        nesting: usize,
    ) -> Option<usize> {
        if self.token_at(at).kind != TokenKind::Less {
            return None;
        }
        let mut next = at + 1;
        let mut lenient = first_lenient;
        if self.token_at(next).kind == TokenKind::Greater {
            return Some(next + 1);
        }
        loop {
            next = match self.token_at(next).kind {
                TokenKind::Underscore => next + 1,
                _ => self.type_end_within(next, lenient, limit, nesting + 1)?,
            };
            lenient = rest_lenient;
            match self.token_at(next).kind {
                TokenKind::Comma => next += 1,
                TokenKind::Greater => return Some(next + 1),
                _ => return None,
            }
        }
    }

    /// The position behind the `>` that ends a width.
    fn width_end(&self, mut at: usize, limit: usize) -> Option<usize> {
        while at < limit {
            match self.token_at(at).kind {
                TokenKind::Greater => return Some(at + 1),
                TokenKind::LeftParen | TokenKind::LeftBracket | TokenKind::LeftBrace => {
                    at = self.closing_end(at, limit)?;
                }
                TokenKind::Semicolon
                | TokenKind::RightParen
                | TokenKind::RightBracket
                | TokenKind::RightBrace
                | TokenKind::Eof => return None,
                _ => at += 1,
            }
        }
        None
    }

    /// The position behind the delimiter that closes the one at `at`.
    fn closing_end(&self, at: usize, limit: usize) -> Option<usize> {
        let mut depth = 0usize;
        for next in at..limit {
            match self.token_at(next).kind {
                TokenKind::LeftParen | TokenKind::LeftBracket | TokenKind::LeftBrace => depth += 1,
                TokenKind::RightParen | TokenKind::RightBracket | TokenKind::RightBrace => {
                    depth -= 1;
                    if depth == 0 {
                        return Some(next + 1);
                    }
                }
                TokenKind::Semicolon | TokenKind::Eof => return None,
                _ => {}
            }
        }
        None
    }

    /// A type stands where a value is needed.
    pub(super) fn type_as_value(&mut self, ty: &TypeRef) -> super::Reported {
        let name = match &ty.kind {
            TypeKind::Named { name, args, .. } if args.is_empty() => &name.name,
            _ => "TYPE",
        };
        let help = format!(
            "write `{name}(arguments)` for an instance, `{name}.member` for a member of it, `({name}) value` for a \
             conversion to it"
        );
        let diagnostic =
            Diagnostic::error(EXPECTED_EXPRESSION, ty.span, "expected an expression, found a type")
                .primary_label("this is a type")
                .help(help);
        self.report(diagnostic)
    }

    /// Where the next token begins.
    pub(super) fn here(&self) -> Span {
        self.peek().span
    }
}
