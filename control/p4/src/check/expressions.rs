//! Expressions, one function per form of the grammar.

use std::sync::Arc;

use hashbrown::HashMap;

use super::codes::*;
use super::inference::{DOTS_FIELD, list_type};
use super::members::Operand;
use super::{Checker, DEPTH_MAX};
use crate::diag::{Diagnostic, codes as diag_codes};
use crate::hir::{Expr, ExprKind, Ty};
use crate::source::Span;
use crate::syntax::ast::{self, Ident};

impl Checker<'_> {
    /// An expression that has to be a value.
    pub(super) fn value(&mut self, written: &ast::Expr) -> Expr {
        let expr = self.expr(written);
        if expr.ty == Ty::Void {
            self.error(TYPE_NOT_ALLOWED, written.span, "this call returns nothing, and a value is needed");
            return self.broken(written.span);
        }
        expr
    }

    /// An expression. A call may turn out to return nothing.
    pub(super) fn expr(&mut self, written: &ast::Expr) -> Expr {
        // Calls take more of the stack than the rest.
        let cost = if matches!(written.kind, ast::ExprKind::Call { .. }) { 4 } else { 1 };
        if self.depth + cost > DEPTH_MAX {
            self.error(diag_codes::NESTED_TOO_DEEPLY, written.span, "this is nested too deeply");
            return self.broken(written.span);
        }
        self.depth += cost;
        let expr = self.expr_inner(written);
        self.depth -= cost;
        expr
    }

    /// Every form in a function of its own, which keeps this one small, as it is what recursion goes through.
    fn expr_inner(&mut self, written: &ast::Expr) -> Expr {
        let span = written.span;
        match &written.kind {
            ast::ExprKind::Int { value, width, .. } => self.integer(value, *width, span),
            ast::ExprKind::String(_)
            | ast::ExprKind::Bool(_)
            | ast::ExprKind::Dots
            | ast::ExprKind::InvalidHeader
            | ast::ExprKind::Error => self.atom(written),
            ast::ExprKind::This => self.this(span),
            ast::ExprKind::Name { .. } | ast::ExprKind::Type(_) => self.named_value(written),
            ast::ExprKind::Index(of, index) => self.index(of, index, span),
            ast::ExprKind::Slice(..) | ast::ExprKind::PlusSlice(..) => self.slice_expr(written),
            ast::ExprKind::List(elements) => self.list(elements, span),
            ast::ExprKind::Struct { fields, dots } => self.structure(fields, *dots, span),
            ast::ExprKind::Paren(inner) => self.parenthesized(inner, span),
            ast::ExprKind::Unary(..) => self.unary_expr(written),
            ast::ExprKind::Binary(..) => self.binary_chain(written),
            ast::ExprKind::Conditional(..) => self.conditional_expr(written),
            ast::ExprKind::Member(..) => self.member_chain(written),
            ast::ExprKind::Call { callee, type_args, args } => self.call(callee, type_args, args, span),
            ast::ExprKind::Cast(ty, operand) => self.cast_expr(ty, operand, span),
            ast::ExprKind::Mask(..) | ast::ExprKind::Range(..) | ast::ExprKind::DontCare => {
                self.error(
                    UNDEFINED_OPERATION,
                    span,
                    "sets of values can stand only in `select`, in the entries of a table and in `for`",
                );
                self.broken(span)
            }
        }
    }

    fn atom(&mut self, written: &ast::Expr) -> Expr {
        let made = |kind, ty| Expr { kind, ty, span: written.span };
        match &written.kind {
            ast::ExprKind::String(text) => made(ExprKind::String(text.clone()), Ty::String),
            ast::ExprKind::Bool(value) => made(ExprKind::Bool(*value), Ty::Bool),
            ast::ExprKind::Dots => made(ExprKind::Default, Ty::Dots),
            ast::ExprKind::InvalidHeader => made(ExprKind::InvalidHeader, Ty::InvalidHeader),
            _ => self.broken(written.span),
        }
    }

    fn named_value(&mut self, written: &ast::Expr) -> Expr {
        let span = written.span;
        match self.operand(written) {
            Operand::Value(expr) => expr,
            Operand::Broken => self.broken(span),
            Operand::Type(ty) => {
                let shown = self.show(&ty);
                self.error(WRONG_KIND_OF_NAME, span, format!("`{shown}` is a type, and a value is needed"));
                self.broken(span)
            }
            Operand::Table(id) => {
                let name = self.program.tables[id].decl.name.clone();
                self.emit(
                    Diagnostic::error(
                        WRONG_KIND_OF_NAME,
                        span,
                        format!("`{name}` is a table, and a value is needed"),
                    )
                    .help(format!("`{name}.apply()` applies it")),
                );
                self.broken(span)
            }
        }
    }

    fn parenthesized(&mut self, inner: &ast::Expr, span: Span) -> Expr {
        let mut expr = self.expr(inner);
        expr.span = span;
        expr
    }

    fn slice_expr(&mut self, written: &ast::Expr) -> Expr {
        match &written.kind {
            ast::ExprKind::Slice(of, high, low) => {
                let of = self.value(of);
                let (high, low) = (self.value(high), self.value(low));
                self.slice(of, high, low, written.span)
            }
            ast::ExprKind::PlusSlice(of, low, width) => {
                let of = self.value(of);
                let (low, width) = (self.value(low), self.value(width));
                self.plus_slice(of, low, width, written.span)
            }
            _ => self.broken(written.span),
        }
    }

    fn unary_expr(&mut self, written: &ast::Expr) -> Expr {
        let ast::ExprKind::Unary(op, operand) = &written.kind else { return self.broken(written.span) };
        let operand = self.value(operand);
        self.unary(*op, operand, written.span)
    }

    fn conditional_expr(&mut self, written: &ast::Expr) -> Expr {
        let ast::ExprKind::Conditional(cond, a, b) = &written.kind else { return self.broken(written.span) };
        let cond = self.value(cond);
        let a = self.value(a);
        let b = self.value(b);
        self.conditional(cond, a, b, written.span)
    }

    fn cast_expr(&mut self, ty: &ast::TypeRef, operand: &ast::Expr, span: Span) -> Expr {
        let to = self.resolve_complete_type(ty);
        let operand = self.value(operand);
        self.cast(operand, &to, span)
    }

    fn integer(&mut self, value: &num_bigint::BigInt, width: Option<(u32, bool)>, span: Span) -> Expr {
        let ty = match width {
            None => Ty::InfInt,
            Some((0, true)) => {
                self.error(INVALID_WIDTH, span, "a signed integer needs at least one bit");
                return self.broken(span);
            }
            Some((width, _)) if width > super::types::WIDTH_MAX => {
                let max = super::types::WIDTH_MAX;
                self.error(INVALID_WIDTH, span, format!("widths up to {max} bits are supported"));
                return self.broken(span);
            }
            Some((width, true)) => Ty::Int(width),
            Some((width, false)) => Ty::Bit(width),
        };
        let value = self.truncate(value, &ty, span);
        Expr { kind: ExprKind::Int(value), ty, span }
    }

    fn this(&mut self, span: Span) -> Expr {
        match self.around.this {
            Some(id) => {
                let ty = self.program.instances[id].ty.clone();
                Expr { kind: ExprKind::Instance(id), ty, span }
            }
            None => {
                self.error(
                    WRONG_KIND_OF_NAME,
                    span,
                    "`this` can only be used in the implementation of an abstract method",
                );
                self.broken(span)
            }
        }
    }

    /// Operators of two operands. Chains are long on the left, so that side is not descended into.
    fn binary_chain(&mut self, written: &ast::Expr) -> Expr {
        let mut spine = Vec::new();
        let mut at = written;
        while let ast::ExprKind::Binary(op, left, right) = &at.kind {
            spine.push((*op, &**right, at.span));
            at = left;
        }
        let mut left = self.value(at);
        for (op, right, span) in spine.into_iter().rev() {
            let right = self.value(right);
            left = self.binary(op, left, right, span);
        }
        left
    }

    /// `{a, b, ...}`: a tuple until its place says otherwise.
    fn list(&mut self, elements: &[ast::Expr], span: Span) -> Expr {
        let mut values = Vec::with_capacity(elements.len());
        for (i, element) in elements.iter().enumerate() {
            let value = self.value(element);
            if value.ty == Ty::Dots && i + 1 < elements.len() {
                self.error(DEFAULT_VALUE, element.span, "`...` has to be the last element");
                continue;
            }
            values.push(value);
        }
        let ty = list_type(values.iter().map(|value| &value.ty));
        Expr { kind: ExprKind::Aggregate(values), ty, span }
    }

    /// `{a = x, b = y, ...}`: a struct that is not known until its place says which.
    fn structure(&mut self, fields: &[(Ident, ast::Expr)], dots: bool, span: Span) -> Expr {
        let mut values = Vec::with_capacity(fields.len() + 1);
        let mut types = Vec::with_capacity(fields.len() + 1);
        let mut seen: HashMap<&str, Span> = HashMap::new();
        for (name, value) in fields {
            let value = self.value(value);
            if let Some(previous) = seen.insert(&name.name, name.span) {
                self.emit(
                    Diagnostic::error(
                        DUPLICATE_NAME,
                        name.span,
                        format!("the field `{}` is given more than once", name.name),
                    )
                    .label(previous, "first given here"),
                );
                continue;
            }
            types.push((name.name.clone(), value.ty.clone()));
            values.push(value);
        }
        if dots {
            types.push((Arc::from(DOTS_FIELD), Ty::Dots));
            values.push(Expr { kind: ExprKind::Default, ty: Ty::Dots, span });
        }
        Expr { kind: ExprKind::Aggregate(values), ty: Ty::AnonymousStruct(types.into()), span }
    }
}
