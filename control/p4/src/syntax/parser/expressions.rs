//! Expressions (P4-16 §8).
//!
//! Operators are taken with an explicit stack, so that only what is nested in parentheses, braces and the like
//! recurses. Every expression is measured while it is built, so that none grows higher than [`HEIGHT_MAX`].
//!
//! [`HEIGHT_MAX`]: super::HEIGHT_MAX

use super::annotations::string_value;
use super::scope::Binding;
use super::{Parsed, Parser, Reported};
use crate::diag::Diagnostic;
use crate::diag::codes::*;
use crate::source::Span;
use crate::syntax::ast::{Argument, BinaryOp, Expr, ExprKind, TypeKind, TypeRef, UnaryOp};
use crate::syntax::integer;
use crate::syntax::token::{Token, TokenKind};

/// An expression and the height of its tree.
#[derive(Debug)]
pub(super) struct Tall {
    pub(super) expr: Expr,
    pub(super) height: usize,
}

impl Tall {
    fn leaf(kind: ExprKind, span: Span) -> Tall {
        Tall { expr: Expr { kind, span }, height: 1 }
    }
}

/// What may stand outside of parentheses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Everything.
    Any,
    /// No `>`, since it would close the `<` before the expression.
    NoGreater,
}

impl Parser<'_> {
    /// `expression`
    pub(super) fn expression(&mut self) -> Parsed<Expr> {
        self.tall_expression().map(|tall| tall.expr)
    }

    /// `expression`, measured.
    pub(super) fn tall_expression(&mut self) -> Parsed<Tall> {
        self.expression_in(Mode::Any)
    }

    /// The expression in `bit<...>`.
    pub(super) fn width_expression(&mut self) -> Parsed<Tall> {
        self.expression_in(Mode::NoGreater)
    }

    fn expression_in(&mut self, mode: Mode) -> Parsed<Tall> {
        self.nested(|parser| {
            let first = parser.unary()?;
            parser.after_operand(first, mode)
        })
    }

    /// What a statement begins with: an expression whose first operand may be a call with type arguments that the
    /// grammar allows only here (`lvalue`).
    pub(super) fn statement_expression(&mut self) -> Parsed<Expr> {
        let tall = self.nested(|parser| match parser.kind() {
            kind if kind.is_name() || matches!(kind, TokenKind::Dot | TokenKind::This) => {
                let primary = parser.primary()?;
                let first = parser.postfix(primary, true)?;
                parser.after_operand(first, Mode::Any)
            }
            _ => parser.expression_in(Mode::Any),
        })?;
        Ok(tall.expr)
    }

    /// The rest of an expression that begins with `first`: operators and `? :`.
    fn after_operand(&mut self, first: Tall, mode: Mode) -> Parsed<Tall> {
        let condition = self.binary(first, mode)?;
        if self.eat(TokenKind::Question).is_none() {
            return Ok(condition);
        }
        let then = self.expression_in(Mode::Any)?;
        self.expect(TokenKind::Colon)?;
        // Groups to the right, as in the C that §8.5 refers to.
        let otherwise = self.expression_in(mode)?;
        let span = condition.expr.span.to(otherwise.expr.span);
        let height = condition.height.max(then.height).max(otherwise.height) + 1;
        self.check_height(height)?;
        let kind =
            ExprKind::Conditional(Box::new(condition.expr), Box::new(then.expr), Box::new(otherwise.expr));
        Ok(Tall { expr: Expr { kind, span }, height })
    }

    /// Operands and the operators between them.
    fn binary(&mut self, first: Tall, mode: Mode) -> Parsed<Tall> {
        let Some(mut operator) = self.binary_operator(mode) else { return Ok(first) };
        let mut operands = vec![first];
        let mut operators: Vec<(BinaryOp, u8)> = Vec::new();
        loop {
            let (op, level, length) = operator;
            self.at += length;
            // All operators group to the left: what binds as tightly is complete.
            while operators.last().is_some_and(|&(_, before)| before >= level) {
                self.reduce(&mut operands, &mut operators)?;
            }
            operators.push((op, level));
            operands.push(self.unary()?);
            match self.binary_operator(mode) {
                Some(next) => operator = next,
                None => break,
            }
        }
        while !operators.is_empty() {
            self.reduce(&mut operands, &mut operators)?;
        }
        operands.pop().ok_or(Reported)
    }

    fn reduce(&mut self, operands: &mut Vec<Tall>, operators: &mut Vec<(BinaryOp, u8)>) -> Parsed<()> {
        let (Some((op, _)), Some(right), Some(left)) = (operators.pop(), operands.pop(), operands.pop())
        else {
            return Err(Reported);
        };
        let span = left.expr.span.to(right.expr.span);
        let height = left.height.max(right.height) + 1;
        self.check_height(height)?;
        let kind = ExprKind::Binary(op, Box::new(left.expr), Box::new(right.expr));
        operands.push(Tall { expr: Expr { kind, span }, height });
        Ok(())
    }

    /// The operator that comes next, how tightly it binds and how many tokens it is.
    fn binary_operator(&self, mode: Mode) -> Option<(BinaryOp, u8, usize)> {
        let (op, level) = match self.kind() {
            TokenKind::OrOr => (BinaryOp::Or, 1),
            TokenKind::AndAnd => (BinaryOp::And, 2),
            TokenKind::EqEq => (BinaryOp::Eq, 3),
            TokenKind::NotEq => (BinaryOp::Ne, 3),
            TokenKind::Less => (BinaryOp::Lt, 4),
            TokenKind::LessEq => (BinaryOp::Le, 4),
            TokenKind::GreaterEq => (BinaryOp::Ge, 4),
            TokenKind::Greater if mode == Mode::NoGreater => return None,
            TokenKind::Greater => {
                let next = self.token_at(self.at + 1);
                if next.kind == TokenKind::Greater && !next.is_spaced() {
                    return Some((BinaryOp::Shr, 8, 2));
                }
                (BinaryOp::Gt, 4)
            }
            TokenKind::Pipe => (BinaryOp::BitOr, 5),
            TokenKind::Caret => (BinaryOp::BitXor, 6),
            TokenKind::Ampersand => (BinaryOp::BitAnd, 7),
            TokenKind::Shl => (BinaryOp::Shl, 8),
            TokenKind::PlusPlus => (BinaryOp::Concat, 9),
            // `[base +: width]`
            TokenKind::Plus if self.kind_ahead(1) == TokenKind::Colon => return None,
            TokenKind::Plus => (BinaryOp::Add, 9),
            TokenKind::Minus => (BinaryOp::Sub, 9),
            TokenKind::SatPlus => (BinaryOp::SatAdd, 9),
            TokenKind::SatMinus => (BinaryOp::SatSub, 9),
            TokenKind::Star => (BinaryOp::Mul, 10),
            TokenKind::Slash => (BinaryOp::Div, 10),
            TokenKind::Percent => (BinaryOp::Mod, 10),
            _ => return None,
        };
        Some((op, level, 1))
    }

    /// Prefix operators and casts, which bind more tightly than operators between operands.
    fn unary(&mut self) -> Parsed<Tall> {
        let start = self.here();
        let op = match self.kind() {
            TokenKind::Not => UnaryOp::LogicalNot,
            TokenKind::Tilde => UnaryOp::BitNot,
            TokenKind::Minus => UnaryOp::Neg,
            TokenKind::Plus => UnaryOp::Plus,
            TokenKind::LeftParen if self.cast_ahead() => return self.cast(),
            _ => {
                let primary = self.primary()?;
                return self.postfix(primary, false);
            }
        };
        self.bump();
        let operand = self.nested(Self::unary)?;
        self.check_height(operand.height + 1)?;
        let kind = ExprKind::Unary(op, Box::new(operand.expr));
        Ok(Tall { expr: Expr { kind, span: self.span_from(start) }, height: operand.height + 1 })
    }

    /// Whether the parenthesis that comes next holds a type.
    pub(super) fn cast_ahead(&self) -> bool {
        let inside = self.at + 1;
        let end = match self.type_begins_at(inside) {
            true => self.type_end(inside, true),
            // `(name) operand` can only be a cast, to a type that is not declared.
            false if self.token_at(inside).kind == TokenKind::Ident => {
                let operand = self.token_at(inside + 2).kind;
                let is_cast = matches!(operand, TokenKind::Ident | TokenKind::Int | TokenKind::LeftBrace)
                    && self.scopes.lookup(self.token_at(inside).symbol) == Binding::Unknown;
                if is_cast { Some(inside + 1) } else { None }
            }
            false => None,
        };
        match end {
            Some(end) => self.token_at(end).kind == TokenKind::RightParen,
            // Something is wrong with it, but it begins like nothing else.
            None => Self::begins_keyword_type(self.token_at(inside).kind),
        }
    }

    /// `"(" typeRef ")" expression`
    fn cast(&mut self) -> Parsed<Tall> {
        let open = self.expect(TokenKind::LeftParen)?;
        let ty = self.type_ref()?;
        let type_height = self.type_height;
        self.expect_closing(TokenKind::RightParen, open)?;
        let operand = self.nested(Self::unary)?;
        let height = operand.height.max(type_height) + 1;
        self.check_height(height)?;
        let kind = ExprKind::Cast(ty, Box::new(operand.expr));
        Ok(Tall { expr: Expr { kind, span: self.span_from(open.span) }, height })
    }

    /// What stands behind an operand: members, indexes, slices, calls. `lenient`: see
    /// [`type_args_ahead`](Self::type_args_ahead).
    fn postfix(&mut self, mut base: Tall, lenient: bool) -> Parsed<Tall> {
        loop {
            let start = base.expr.span;
            let mut height = base.height;
            let kind = match self.kind() {
                TokenKind::Dot => {
                    self.bump();
                    if matches!(base.expr.kind, ExprKind::Int { .. }) && self.is_at(TokenKind::Int) {
                        return Err(self.dotted_number());
                    }
                    let name = self.name()?;
                    ExprKind::Member(Box::new(base.expr), name)
                }
                TokenKind::LeftBracket => self.index(base.expr, &mut height)?,
                TokenKind::LeftParen => {
                    let args = self.arguments(&mut height)?;
                    ExprKind::Call { callee: Box::new(base.expr), type_args: Vec::new(), args }
                }
                TokenKind::Less if self.type_args_ahead(lenient) => {
                    let type_args = self.type_args(&mut height)?;
                    if !self.is_at(TokenKind::LeftParen) {
                        return Err(self.unexpected("`(` and the arguments of the call"));
                    }
                    let args = self.arguments(&mut height)?;
                    ExprKind::Call { callee: Box::new(base.expr), type_args, args }
                }
                _ => return Ok(base),
            };
            self.check_height(height + 1)?;
            base = Tall { expr: Expr { kind, span: self.span_from(start) }, height: height + 1 };
        }
    }

    /// `10.0.0.1`, or `1.5`.
    fn dotted_number(&mut self) -> Reported {
        let diagnostic = Diagnostic::error(UNEXPECTED_TOKEN, self.here(), "P4 has no numbers with dots")
            .help("an address is one number, as `0x0A000001` is 10.0.0.1");
        self.report(diagnostic)
    }

    /// Whether the `<` that comes next opens type arguments of a call. `lenient`: they may be names that are not
    /// declared as types, since nothing is compared here.
    fn type_args_ahead(&self, lenient: bool) -> bool {
        match self.type_args_end(self.at, lenient) {
            // A type followed by `>` is no operand, so a call is meant even if its parenthesis is missing.
            Some(end) => self.token_at(end).kind == TokenKind::LeftParen || self.type_begins_at(self.at + 1),
            None => false,
        }
    }

    /// `"[" ... "]"`: index or slice.
    fn index(&mut self, base: Expr, height: &mut usize) -> Parsed<ExprKind> {
        let open = self.expect(TokenKind::LeftBracket)?;
        let first = self.tall_expression()?;
        *height = (*height).max(first.height);
        let base = Box::new(base);
        let first_expr = Box::new(first.expr);
        let mut second = |parser: &mut Self| {
            let second = parser.tall_expression()?;
            *height = (*height).max(second.height);
            Ok(Box::new(second.expr))
        };
        let kind = if self.eat(TokenKind::Colon).is_some() {
            ExprKind::Slice(base, first_expr, second(self)?)
        } else if self.is_at(TokenKind::Plus) && self.kind_ahead(1) == TokenKind::Colon {
            self.bump();
            self.bump();
            ExprKind::PlusSlice(base, first_expr, second(self)?)
        } else {
            ExprKind::Index(base, first_expr)
        };
        self.expect_closing(TokenKind::RightBracket, open)?;
        Ok(kind)
    }

    /// `"(" argumentList ")"`
    pub(super) fn arguments(&mut self, height: &mut usize) -> Parsed<Vec<Argument>> {
        let open = self.expect(TokenKind::LeftParen)?;
        let mut args = Vec::new();
        if self.eat(TokenKind::RightParen).is_some() {
            return Ok(args);
        }
        loop {
            let start = self.here();
            let name = match self.kind().is_name() && self.kind_ahead(1) == TokenKind::Assign {
                true => {
                    let name = self.name()?;
                    self.bump();
                    Some(name)
                }
                false => None,
            };
            let value = match self.eat(TokenKind::Underscore) {
                Some(_) => None,
                None => {
                    let value = self.tall_expression()?;
                    *height = (*height).max(value.height);
                    Some(value.expr)
                }
            };
            args.push(Argument { name, value, span: self.span_from(start) });
            if self.eat(TokenKind::Comma).is_none() {
                break;
            }
        }
        self.expect_list_end(TokenKind::RightParen, open)?;
        Ok(args)
    }

    fn primary(&mut self) -> Parsed<Tall> {
        let token = self.peek();
        match token.kind {
            TokenKind::LeftParen => self.parenthesized(),
            TokenKind::LeftBrace => self.braces(),
            TokenKind::Dot if self.is_top_type(self.token_at(self.at + 1)) => self.type_operand(),
            kind if self.is_type(token) || Self::begins_keyword_type(kind) => self.type_operand(),
            _ => self.leaf(token),
        }
    }

    /// An operand with nothing inside.
    fn leaf(&mut self, token: Token) -> Parsed<Tall> {
        let leaf = |kind| Ok(Tall::leaf(kind, token.span));
        match token.kind {
            TokenKind::Int => {
                self.bump();
                leaf(self.integer(token))
            }
            TokenKind::String => {
                self.bump();
                leaf(ExprKind::String(string_value(self.text(token)).into()))
            }
            TokenKind::True | TokenKind::False => {
                self.bump();
                leaf(ExprKind::Bool(token.kind == TokenKind::True))
            }
            TokenKind::This => {
                self.bump();
                leaf(ExprKind::This)
            }
            TokenKind::Dots => {
                self.bump();
                leaf(ExprKind::Dots)
            }
            TokenKind::InvalidHeader => {
                self.bump();
                leaf(ExprKind::InvalidHeader)
            }
            TokenKind::Error => {
                self.bump();
                let ty = TypeRef { kind: TypeKind::Error, span: token.span };
                match self.is_at(TokenKind::Dot) {
                    true => leaf(ExprKind::Type(ty)),
                    false => Err(self.unexpected("`.` and the name of an error")),
                }
            }
            TokenKind::Dot if !self.is_top_type(self.token_at(self.at + 1)) => {
                self.bump();
                let name = self.name()?;
                let span = token.span.to(name.span);
                Ok(Tall::leaf(ExprKind::Name { dotted: true, name }, span))
            }
            kind if kind.is_non_type_name() => {
                self.bump();
                leaf(ExprKind::Name { dotted: false, name: self.ident(token) })
            }
            _ => {
                let mut diagnostic = self.mismatch(EXPECTED_EXPRESSION, "an expression");
                if token.kind == TokenKind::Assign {
                    diagnostic = diagnostic.help("equality is written `==`");
                }
                Err(self.report(diagnostic))
            }
        }
    }

    /// The value of an integer literal; reports what is wrong with it.
    pub(super) fn integer(&mut self, token: Token) -> ExprKind {
        match integer::parse(self.text(token)) {
            Ok(integer) => ExprKind::Int { value: integer.value, width: integer.width, base: integer.base },
            Err(problem) => {
                let message = format!("invalid integer: {problem}");
                self.diags.emit(Diagnostic::error(INVALID_INTEGER, token.span, message));
                ExprKind::Error
            }
        }
    }

    /// A type before `.member` or called as a constructor.
    fn type_operand(&mut self) -> Parsed<Tall> {
        let start = self.here();
        let is_keyword = Self::begins_keyword_type(self.kind());
        // No array: `[` behind a type that is an operand is an error anyway.
        let ty = self.type_ref()?;
        let height = self.type_height;
        match self.kind() {
            TokenKind::LeftParen if is_keyword => {
                let diagnostic =
                    Diagnostic::error(EXPECTED_EXPRESSION, ty.span, "this type has no constructor")
                        .help("a conversion is written `(TYPE) value`");
                Err(self.report(diagnostic))
            }
            TokenKind::Dot | TokenKind::LeftParen => {
                let span = self.span_from(start);
                Ok(Tall { expr: Expr { kind: ExprKind::Type(ty), span }, height: height + 1 })
            }
            _ => Err(self.type_as_value(&ty)),
        }
    }

    /// `"(" expression ")"`
    fn parenthesized(&mut self) -> Parsed<Tall> {
        let open = self.expect(TokenKind::LeftParen)?;
        let inner = self.tall_expression()?;
        if self.is_at(TokenKind::Assign) {
            return Err(self.assignment_in_expression());
        }
        self.expect_closing(TokenKind::RightParen, open)?;
        self.parens(open.span, inner)
    }

    /// The node for an expression in parentheses, the closing one taken.
    pub(super) fn parens(&mut self, open: Span, inner: Tall) -> Parsed<Tall> {
        self.check_height(inner.height + 1)?;
        let kind = ExprKind::Paren(Box::new(inner.expr));
        Ok(Tall { expr: Expr { kind, span: self.span_from(open) }, height: inner.height + 1 })
    }

    /// Goes on with an expression that begins with `first`, an operand in parentheses.
    pub(super) fn after_parens(&mut self, first: Tall) -> Parsed<Expr> {
        let first = self.postfix(first, false)?;
        self.after_operand(first, Mode::Any).map(|tall| tall.expr)
    }

    /// `=` where an expression goes on.
    pub(super) fn assignment_in_expression(&mut self) -> Reported {
        let span = self.here();
        let diagnostic = Diagnostic::error(ASSIGNMENT_OPERATOR, span, "an assignment is not an expression")
            .suggest("to compare, write `==`", span, "==");
        self.report(diagnostic)
    }

    /// `{ ... }`: a list of expressions or of named values.
    fn braces(&mut self) -> Parsed<Tall> {
        let open = self.expect(TokenKind::LeftBrace)?;
        self.open_braces += 1;
        let mut height = 0;
        let kind = match self.kind().is_name() && self.kind_ahead(1) == TokenKind::Assign {
            true => self.named_values(&mut height)?,
            false => self.list(&mut height)?,
        };
        self.expect_list_end(TokenKind::RightBrace, open)?;
        self.open_braces -= 1;
        self.check_height(height + 1)?;
        Ok(Tall { expr: Expr { kind, span: self.span_from(open.span) }, height: height + 1 })
    }

    /// `expressionList optTrailingComma`
    fn list(&mut self, height: &mut usize) -> Parsed<ExprKind> {
        let mut elements = Vec::new();
        while !self.is_at(TokenKind::RightBrace) {
            let element = self.list_element()?;
            *height = (*height).max(element.height);
            elements.push(element.expr);
            if self.eat(TokenKind::Comma).is_none() {
                break;
            }
        }
        Ok(ExprKind::List(elements))
    }

    /// An expression, or a set of values: `a &&& b`, `a .. b`, `default`, `_`.
    fn list_element(&mut self) -> Parsed<Tall> {
        let token = self.peek();
        if matches!(token.kind, TokenKind::Default | TokenKind::Underscore) {
            self.bump();
            return Ok(Tall::leaf(ExprKind::DontCare, token.span));
        }
        let first = self.tall_expression()?;
        let is_mask = match self.kind() {
            TokenKind::Mask => true,
            TokenKind::Range => false,
            _ => return Ok(first),
        };
        self.bump();
        let second = self.tall_expression()?;
        let span = first.expr.span.to(second.expr.span);
        let height = first.height.max(second.height) + 1;
        self.check_height(height)?;
        let (first, second) = (Box::new(first.expr), Box::new(second.expr));
        let kind = if is_mask { ExprKind::Mask(first, second) } else { ExprKind::Range(first, second) };
        Ok(Tall { expr: Expr { kind, span }, height })
    }

    /// `kvList`, perhaps with `...` last, perhaps with a trailing comma.
    fn named_values(&mut self, height: &mut usize) -> Parsed<ExprKind> {
        let mut fields = Vec::new();
        let mut dots = false;
        while !self.is_at(TokenKind::RightBrace) {
            if self.eat(TokenKind::Dots).is_some() {
                dots = true;
                self.eat(TokenKind::Comma);
                break;
            }
            let name = self.name()?;
            self.expect(TokenKind::Assign)?;
            let value = self.tall_expression()?;
            *height = (*height).max(value.height);
            fields.push((name, value.expr));
            if self.eat(TokenKind::Comma).is_none() {
                break;
            }
        }
        Ok(ExprKind::Struct { fields, dots })
    }
}
