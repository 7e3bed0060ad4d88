//! Operators of one, two and three operands: their typing rules, and folding where all is known.

use num_bigint::{BigInt, Sign};
use num_traits::ToPrimitive;

use super::Checker;
use super::codes::*;
use super::constants::{
    FoldError, Literal, constants_equal, fold_binary, fold_comparison, fold_unary, is_constant, literal,
};
use super::conversion::Wanted;
use super::inference::{firm, is_list};
use super::types::WIDTH_MAX;
use crate::diag::Diagnostic;
use crate::hir::{BinaryOp, Expr, ExprKind, Ty, UnaryOp};
use crate::source::Span;

/// Longest string, in bytes.
const STRING_BYTES_MAX: usize = 1 << 16;

/// As the program writes it.
pub(super) fn symbol(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Mul => "*",
        BinaryOp::Div => "/",
        BinaryOp::Mod => "%",
        BinaryOp::Add => "+",
        BinaryOp::Sub => "-",
        BinaryOp::SatAdd => "|+|",
        BinaryOp::SatSub => "|-|",
        BinaryOp::Shl => "<<",
        BinaryOp::Shr => ">>",
        BinaryOp::Le => "<=",
        BinaryOp::Ge => ">=",
        BinaryOp::Lt => "<",
        BinaryOp::Gt => ">",
        BinaryOp::Ne => "!=",
        BinaryOp::Eq => "==",
        BinaryOp::BitAnd => "&",
        BinaryOp::BitXor => "^",
        BinaryOp::BitOr => "|",
        BinaryOp::Concat => "++",
        BinaryOp::And => "&&",
        BinaryOp::Or => "||",
    }
}

fn unary_symbol(op: UnaryOp) -> &'static str {
    match op {
        UnaryOp::LogicalNot => "!",
        UnaryOp::BitNot => "~",
        UnaryOp::Neg => "-",
        UnaryOp::Plus => "+",
    }
}

fn made(kind: ExprKind, ty: Ty, span: Span) -> Expr {
    Expr { kind, ty, span }
}

impl Checker<'_> {
    /// `op operand`.
    pub(super) fn unary(&mut self, op: UnaryOp, operand: Expr, span: Span) -> Expr {
        let operand = if op == UnaryOp::LogicalNot { operand } else { self.decay(operand) };
        let defined = match (op, &operand.ty) {
            (_, Ty::Unknown) => return self.broken(span),
            (UnaryOp::LogicalNot, ty) => *ty == Ty::Bool,
            (UnaryOp::BitNot, ty) => matches!(ty, Ty::Bit(_) | Ty::Int(_)),
            (UnaryOp::Neg | UnaryOp::Plus, ty) => matches!(ty, Ty::Bit(_) | Ty::Int(_) | Ty::InfInt),
        };
        if !defined {
            let shown = self.show(&operand.ty);
            let mut diagnostic = Diagnostic::error(
                UNDEFINED_OPERATION,
                span,
                format!("`{}` is not defined for `{shown}`", unary_symbol(op)),
            );
            if op == UnaryOp::BitNot && operand.ty == Ty::InfInt {
                diagnostic = diagnostic.help("give the operand a width, as in `~8w1`");
            } else if op == UnaryOp::LogicalNot {
                diagnostic = diagnostic.help("`!` negates a `bool`; compare numbers with `== 0`");
            }
            self.emit(diagnostic);
            return self.broken(span);
        }
        let ty = operand.ty.clone();
        match literal(&operand) {
            Some(Literal::Bool(value)) => made(ExprKind::Bool(!value), ty, span),
            Some(Literal::Int(value)) => made(ExprKind::Int(fold_unary(op, &value, &ty)), ty, span),
            _ if op == UnaryOp::Plus => Expr { span, ..operand },
            _ => made(ExprKind::Unary(op, Box::new(operand)), ty, span),
        }
    }

    /// `left op right`.
    pub(super) fn binary(&mut self, op: BinaryOp, left: Expr, right: Expr, span: Span) -> Expr {
        if left.ty == Ty::Unknown || right.ty == Ty::Unknown {
            return match op {
                BinaryOp::And
                | BinaryOp::Or
                | BinaryOp::Eq
                | BinaryOp::Ne
                | BinaryOp::Lt
                | BinaryOp::Le
                | BinaryOp::Gt
                | BinaryOp::Ge => Expr { ty: Ty::Unknown, ..self.broken(span) },
                _ => self.broken(span),
            };
        }
        match op {
            BinaryOp::And | BinaryOp::Or => self.logical(op, left, right, span),
            BinaryOp::Eq | BinaryOp::Ne => self.equality(op, left, right, span),
            BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge => {
                let Some((left, right)) = self.numeric_operands(op, left, right, span) else {
                    return self.broken(span);
                };
                self.comparison(op, left, right, span)
            }
            BinaryOp::Shl | BinaryOp::Shr => self.shift(op, left, right, span),
            BinaryOp::Concat => self.concat(left, right, span),
            BinaryOp::Mul
            | BinaryOp::Div
            | BinaryOp::Mod
            | BinaryOp::Add
            | BinaryOp::Sub
            | BinaryOp::SatAdd
            | BinaryOp::SatSub
            | BinaryOp::BitAnd
            | BinaryOp::BitXor
            | BinaryOp::BitOr => self.arithmetic(op, left, right, span),
        }
    }

    fn undefined(&mut self, op: BinaryOp, operand: &Expr, span: Span) -> Expr {
        let shown = self.show(&operand.ty);
        let mut diagnostic = Diagnostic::error(
            UNDEFINED_OPERATION,
            span,
            format!("`{}` is not defined for `{shown}`", symbol(op)),
        )
        .label(operand.span, format!("this is `{shown}`"));
        diagnostic = match (&operand.ty, op) {
            (
                Ty::InfInt,
                BinaryOp::BitAnd | BinaryOp::BitOr | BinaryOp::BitXor | BinaryOp::SatAdd | BinaryOp::SatSub,
            ) => diagnostic.help("give one of the operands a width, as in `8w5`"),
            (Ty::New(_), _) => diagnostic.help("cast it to the type it is made of"),
            (Ty::String, BinaryOp::Add) => diagnostic.help("strings are joined by `++`"),
            (Ty::Bit(_) | Ty::Int(_) | Ty::InfInt, BinaryOp::And | BinaryOp::Or) => {
                diagnostic.help("compare it, as in `x != 0`: numbers are not conditions in P4")
            }
            (Ty::Bool, BinaryOp::BitAnd) => diagnostic.help("booleans are combined by `&&`"),
            (Ty::Bool, BinaryOp::BitOr) => diagnostic.help("booleans are combined by `||`"),
            (Ty::Bool, BinaryOp::BitXor) => diagnostic.help("booleans are compared by `!=`"),
            _ => diagnostic,
        };
        self.emit(diagnostic);
        self.broken(span)
    }

    fn logical(&mut self, op: BinaryOp, left: Expr, right: Expr, span: Span) -> Expr {
        for operand in [&left, &right] {
            if operand.ty != Ty::Bool {
                return self.undefined(op, operand, span);
            }
        }
        if let (Some(Literal::Bool(a)), Some(Literal::Bool(b))) = (literal(&left), literal(&right)) {
            return made(ExprKind::Bool(if op == BinaryOp::And { a && b } else { a || b }), Ty::Bool, span);
        }
        made(ExprKind::Binary(op, Box::new(left), Box::new(right)), Ty::Bool, span)
    }

    /// Both operands as numbers of one type.
    fn numeric_operands(
        &mut self,
        op: BinaryOp,
        left: Expr,
        right: Expr,
        span: Span,
    ) -> Option<(Expr, Expr)> {
        let (left, right) = (self.decay(left), self.decay(right));
        for operand in [&left, &right] {
            if !matches!(operand.ty, Ty::Bit(_) | Ty::Int(_) | Ty::InfInt) {
                self.undefined(op, operand, span);
                return None;
            }
        }
        self.same_type(op, left, right, span)
    }

    /// Both operands as values of one type, implicit casts inserted.
    fn same_type(&mut self, op: BinaryOp, left: Expr, right: Expr, span: Span) -> Option<(Expr, Expr)> {
        if left.ty == right.ty {
            return Some((left, right));
        }
        if self.is_assignable(&left.ty, &right.ty) {
            let right = self.convert(right, &left.ty.clone());
            return Some((left, right));
        }
        if self.is_assignable(&right.ty, &left.ty) {
            let left = self.convert(left, &right.ty.clone());
            return Some((left, right));
        }
        if self.enum_underlying(&left.ty).is_some() && self.enum_underlying(&right.ty).is_some()
            || self.enum_underlying(&left.ty).is_some() && right.ty == Ty::InfInt
            || self.enum_underlying(&right.ty).is_some() && left.ty == Ty::InfInt
        {
            let (left, right) = (self.decay(left), self.decay(right));
            return self.same_type(op, left, right, span);
        }
        let (a, b) = (self.show(&left.ty), self.show(&right.ty));
        let mut diagnostic = Diagnostic::error(
            MISMATCHED_OPERANDS,
            span,
            format!("the operands of `{}` have different types, `{a}` and `{b}`", symbol(op)),
        )
        .label(left.span, format!("this is `{a}`"))
        .label(right.span, format!("this is `{b}`"));
        diagnostic = match (&left.ty, &right.ty) {
            (Ty::Bit(x), Ty::Bit(y)) | (Ty::Int(x), Ty::Int(y)) => {
                let (wide, narrow) = if x > y { (a, "right") } else { (b, "left") };
                diagnostic
                    .note("P4 never widens by itself, as the result depends on which operand is changed")
                    .help(format!("cast one operand, for instance the {narrow} one to `{wide}`"))
            }
            (Ty::Bit(_), Ty::Int(_)) | (Ty::Int(_), Ty::Bit(_)) => {
                diagnostic.note("P4 does not mix signed and unsigned").help("cast one operand")
            }
            (Ty::New(_), _) | (_, Ty::New(_)) => {
                diagnostic.help("a `type` is different from what it is made of: cast one operand")
            }
            _ => diagnostic,
        };
        self.emit(diagnostic);
        None
    }

    fn comparison(&mut self, op: BinaryOp, left: Expr, right: Expr, span: Span) -> Expr {
        if let (Some(Literal::Int(a)), Some(Literal::Int(b))) = (literal(&left), literal(&right))
            && let Some(result) = fold_comparison(op, &a, &b)
        {
            return made(ExprKind::Bool(result), Ty::Bool, span);
        }
        if !self.require_known_ints(&[&left, &right]) {
            return self.broken(span);
        }
        made(ExprKind::Binary(op, Box::new(left), Box::new(right)), Ty::Bool, span)
    }

    /// Reports an `int` that is not known at compile time, where no width can be given to it.
    pub(super) fn require_known_ints(&mut self, operands: &[&Expr]) -> bool {
        for operand in operands {
            if operand.ty == Ty::InfInt && !self.is_compile_time_known(operand) {
                self.not_constant(operand, "an `int`");
                return false;
            }
        }
        true
    }

    fn equality(&mut self, op: BinaryOp, left: Expr, right: Expr, span: Span) -> Expr {
        let (left, right) = match (&left.ty, &right.ty) {
            (Ty::AnonymousStruct(a), Ty::AnonymousStruct(b)) if is_list(a) && is_list(b) => {
                let ty = firm(&left.ty);
                (self.convert(left, &ty), right)
            }
            _ => (left, right),
        };
        let soft = |ty: &Ty| matches!(ty, Ty::AnonymousStruct(_) | Ty::InvalidHeader | Ty::Dots);
        if soft(&left.ty) && soft(&right.ty) {
            self.error(
                CANNOT_INFER,
                span,
                "neither operand has a type of its own; write one, as in `(T){...}`",
            );
            return self.broken(span);
        }
        let Some((left, right)) = self.same_type(op, left, right, span) else { return self.broken(span) };
        if !self.properties_of(&left.ty).is_comparable {
            let shown = self.show(&left.ty);
            let mut diagnostic = Diagnostic::error(
                UNDEFINED_OPERATION,
                span,
                format!("values of type `{shown}` cannot be compared"),
            );
            if matches!(left.ty, Ty::Param(_)) {
                diagnostic =
                    diagnostic.note("nothing is known of a type parameter but that its values can be copied");
            }
            self.emit(diagnostic);
            return self.broken(span);
        }
        if is_constant(&left)
            && is_constant(&right)
            && let Some(equal) = constants_equal(&left, &right)
        {
            return made(ExprKind::Bool(equal == (op == BinaryOp::Eq)), Ty::Bool, span);
        }
        if !self.require_known_ints(&[&left, &right]) {
            return self.broken(span);
        }
        made(ExprKind::Binary(op, Box::new(left), Box::new(right)), Ty::Bool, span)
    }

    fn arithmetic(&mut self, op: BinaryOp, left: Expr, right: Expr, span: Span) -> Expr {
        if matches!(op, BinaryOp::Div | BinaryOp::Mod) {
            for operand in [&left, &right] {
                if self.int_value(operand).is_some_and(|value| value.sign() == Sign::Minus) {
                    self.fold_error(FoldError::NegativeDivision, span);
                    return self.broken(span);
                }
            }
        }
        let Some((left, right)) = self.numeric_operands(op, left, right, span) else {
            return self.broken(span);
        };
        let needs_width = matches!(
            op,
            BinaryOp::BitAnd | BinaryOp::BitOr | BinaryOp::BitXor | BinaryOp::SatAdd | BinaryOp::SatSub
        );
        let is_known = literal(&left).is_some() && literal(&right).is_some();
        let is_bitwise = matches!(op, BinaryOp::BitAnd | BinaryOp::BitOr | BinaryOp::BitXor);
        if needs_width && left.ty == Ty::InfInt && !(is_bitwise && is_known) {
            return self.undefined(op, &left, span);
        }
        let ty = left.ty.clone();
        if matches!(op, BinaryOp::Div | BinaryOp::Mod) && !self.check_division(op, &left, &right, span) {
            return self.broken(span);
        }
        if let (Some(Literal::Int(a)), Some(Literal::Int(b))) = (literal(&left), literal(&right)) {
            return match fold_binary(op, &a, &b, &ty) {
                Ok(value) => made(ExprKind::Int(value), ty, span),
                Err(error) => {
                    self.fold_error(error, span);
                    self.broken(span)
                }
            };
        }
        made(ExprKind::Binary(op, Box::new(left), Box::new(right)), ty, span)
    }

    /// Division is of positive numbers. The specification has it for `int` alone; that of `bit<w>` is defined the
    /// same way, and the pipeline has it.
    fn check_division(&mut self, op: BinaryOp, left: &Expr, right: &Expr, span: Span) -> bool {
        let name = if op == BinaryOp::Div { "division" } else { "modulo" };
        if matches!(left.ty, Ty::Int(_)) {
            self.error(DIVISION, span, format!("{name} is not defined for signed numbers"));
            return false;
        }
        if literal(right) == Some(Literal::Int(BigInt::ZERO)) {
            self.error(DIVISION, span, format!("{name} by zero"));
            return false;
        }
        true
    }

    fn shift(&mut self, op: BinaryOp, left: Expr, right: Expr, span: Span) -> Expr {
        let (left, right) = (self.decay(left), self.decay(right));
        if !matches!(left.ty, Ty::Bit(_) | Ty::Int(_) | Ty::InfInt) {
            return self.undefined(op, &left, span);
        }
        if !matches!(right.ty, Ty::Bit(_) | Ty::Int(_) | Ty::InfInt) {
            return self.undefined(op, &right, span);
        }
        let amount = self.int_value(&right);
        if amount.as_ref().is_some_and(|amount| amount.sign() == Sign::Minus) {
            self.error(SHIFT_AMOUNT, span, "shifts by negative amounts are not defined");
            return self.broken(span);
        }
        if amount.is_none() {
            if left.ty == Ty::InfInt && !self.is_compile_time_known(&right) {
                self.emit(
                    Diagnostic::error(
                        SHIFT_AMOUNT,
                        span,
                        "an `int` without width can be shifted only by an amount that is known at compile time",
                    )
                    .label(left.span, "this has no width")
                    .help("give the left operand a width, as in `32w1 << x`"),
                );
                return self.broken(span);
            }
            if let Ty::Int(w) = right.ty {
                self.emit(
                    Diagnostic::error(SHIFT_AMOUNT, span, "the amount of a shift has to be unsigned")
                        .label(right.span, format!("this is `int<{w}>`"))
                        .help(format!("cast it: `(bit<{w}>)`")),
                );
                return self.broken(span);
            }
        }
        if !self.require_known_ints(&[&right]) {
            return self.broken(span);
        }
        let ty = left.ty.clone();
        if let (Some(Literal::Int(value)), Some(amount)) = (literal(&left), &amount) {
            return match fold_binary(op, &value, amount, &ty) {
                Ok(value) => made(ExprKind::Int(value), ty, span),
                Err(error) => {
                    self.fold_error(error, span);
                    self.broken(span)
                }
            };
        }
        // The amount gets a width that holds it, so that no `int` is left.
        let right = match (amount, &right.ty) {
            (_, Ty::Bit(_)) => right,
            (Some(amount), _) => {
                let amount = amount.to_u32().unwrap_or(u32::MAX);
                made(ExprKind::Int(amount.into()), Ty::Bit(32), right.span)
            }
            (None, _) => {
                let span = right.span;
                made(ExprKind::Cast(Box::new(right)), Ty::Bit(32), span)
            }
        };
        made(ExprKind::Binary(op, Box::new(left), Box::new(right)), ty, span)
    }

    fn concat(&mut self, left: Expr, right: Expr, span: Span) -> Expr {
        if left.ty == Ty::String && right.ty == Ty::String {
            if let (Some(Literal::String(a)), Some(Literal::String(b))) = (literal(&left), literal(&right)) {
                if a.len() + b.len() > STRING_BYTES_MAX {
                    self.error(CONSTANT_TOO_LARGE, span, "this string is too long");
                    return made(ExprKind::String(a), Ty::String, span);
                }
                return made(ExprKind::String(format!("{a}{b}").into()), Ty::String, span);
            }
            return made(
                ExprKind::Binary(BinaryOp::Concat, Box::new(left), Box::new(right)),
                Ty::String,
                span,
            );
        }
        let (left, right) = (self.decay(left), self.decay(right));
        let mut width = 0u64;
        for operand in [&left, &right] {
            match operand.ty {
                Ty::Bit(w) | Ty::Int(w) => width += u64::from(w),
                Ty::InfInt => {
                    self.emit(
                        Diagnostic::error(UNKNOWN_WIDTH, operand.span, "an operand of `++` needs a width")
                            .help("write it with a width, as in `8w5`"),
                    );
                    return self.broken(span);
                }
                _ => return self.undefined(BinaryOp::Concat, &operand.clone(), span),
            }
        }
        if width > u64::from(WIDTH_MAX) {
            self.error(INVALID_WIDTH, span, format!("widths up to {WIDTH_MAX} bits are supported"));
            return self.broken(span);
        }
        let width = width as u32;
        let ty = if matches!(left.ty, Ty::Int(_)) { Ty::Int(width) } else { Ty::Bit(width) };
        if let (Some(Literal::Int(a)), Some(Literal::Int(b)), Ty::Bit(w) | Ty::Int(w)) =
            (literal(&left), literal(&right), &right.ty)
        {
            let low = super::constants::wrap(&b, &Ty::Bit(*w));
            let value = super::constants::wrap(&((a << *w) + low), &ty);
            return made(ExprKind::Int(value), ty, span);
        }
        made(ExprKind::Binary(BinaryOp::Concat, Box::new(left), Box::new(right)), ty, span)
    }

    /// `cond ? a : b`.
    pub(super) fn conditional(&mut self, cond: Expr, a: Expr, b: Expr, span: Span) -> Expr {
        let cond = self.coerce(cond, &Ty::Bool, &Wanted { what: "a condition", declared: Span::default() });
        if cond.ty == Ty::Unknown || a.ty == Ty::Unknown || b.ty == Ty::Unknown {
            return self.broken(span);
        }
        let (a, b) = if a.ty == b.ty {
            (a, b)
        } else if self.is_assignable(&a.ty, &b.ty) {
            let b = self.convert(b, &a.ty.clone());
            (a, b)
        } else if self.is_assignable(&b.ty, &a.ty) {
            let a = self.convert(a, &b.ty.clone());
            (a, b)
        } else {
            let (x, y) = (self.show(&a.ty), self.show(&b.ty));
            self.emit(
                Diagnostic::error(
                    MISMATCHED_OPERANDS,
                    span,
                    format!(
                        "the two values of a conditional expression have different types, `{x}` and `{y}`"
                    ),
                )
                .label(a.span, format!("this is `{x}`"))
                .label(b.span, format!("this is `{y}`")),
            );
            return self.broken(span);
        };
        if let Some(Literal::Bool(value)) = literal(&cond) {
            return Expr { span, ..if value { a } else { b } };
        }
        if a.ty == Ty::InfInt && !self.is_compile_time_known(&cond) {
            self.emit(
                Diagnostic::error(UNKNOWN_WIDTH, span, "the width of this value is not known")
                    .help("give one of the two values a width, as in `8w5`"),
            );
            return self.broken(span);
        }
        let ty = a.ty.clone();
        made(ExprKind::Conditional(Box::new(cond), Box::new(a), Box::new(b)), ty, span)
    }
}
