//! Compile-time known values: what counts as one, and computing with them.
//!
//! A value that is known is folded to a literal where the expression is made, so that asking for a constant is
//! asking for a literal. What depends on a constructor parameter is compile-time known too, but no literal.

use std::sync::Arc;

use num_bigint::{BigInt, Sign};
use num_integer::Integer;
use num_traits::{One, ToPrimitive, Zero};

use super::Checker;
use super::annotations::has;
use super::codes::*;
use crate::diag::Diagnostic;
use crate::hir::{BinaryOp, Callee, Direction, EnumId, Expr, ExprKind, Ty, UnaryOp, VariableKind};
use crate::source::Span;
use crate::syntax::ast;

/// Largest `int`, in bits.
const INT_BITS_MAX: u64 = 1 << 18;

/// A literal of a type without parts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Literal {
    /// `bool`
    Bool(bool),
    /// A number, or an unnamed member of a serializable enum, or a match kind.
    Int(BigInt),
    /// `string`
    String(Arc<str>),
    /// `error`
    Error(usize),
    /// A member of an enum.
    Member(EnumId, usize),
}

/// Why an operation on constants has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FoldError {
    /// Division or modulo by zero.
    DivisionByZero,
    /// Division or modulo of or by a negative number.
    NegativeDivision,
    /// The result is beyond [`INT_BITS_MAX`].
    TooLarge,
}

/// The value that an expression is, if it is a literal; a literal cast to a `type` is one as well.
pub(super) fn literal(expr: &Expr) -> Option<Literal> {
    match &expr.kind {
        ExprKind::Bool(value) if expr.ty != Ty::Unknown => Some(Literal::Bool(*value)),
        ExprKind::Int(value) => Some(Literal::Int(value.clone())),
        ExprKind::String(value) => Some(Literal::String(value.clone())),
        ExprKind::Error(index) => Some(Literal::Error(*index)),
        ExprKind::EnumMember(id, index) => Some(Literal::Member(*id, *index)),
        ExprKind::Cast(of) if matches!(expr.ty, Ty::New(_)) => literal(of),
        _ => None,
    }
}

/// Whether an expression is a local compile-time known value: a literal, or a list of such.
pub(super) fn is_constant(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Aggregate(elements) => elements.iter().all(is_constant),
        ExprKind::InvalidHeader | ExprKind::Default | ExprKind::Instance(_) => true,
        ExprKind::Cast(of) => is_constant(of),
        _ => expr.ty == Ty::Unknown || literal(expr).is_some(),
    }
}

impl Checker<'_> {
    /// Whether an expression is a compile-time known value: constants, and what is computed from constructor
    /// parameters.
    pub(super) fn is_compile_time_known(&self, expr: &Expr) -> bool {
        self.is_known(expr, false)
    }

    /// Whether an expression can be passed where a compile-time known value is needed. The parameters of an action
    /// that the control plane sets can be: to the data plane they are as good as constant.
    pub(super) fn is_static_argument(&self, expr: &Expr) -> bool {
        self.is_known(expr, true)
    }

    fn is_known(&self, expr: &Expr, with_action_data: bool) -> bool {
        // The left spine is walked, as chains of operators are long on that side.
        let mut expr = expr;
        loop {
            if is_constant(expr) {
                return true;
            }
            expr = match &expr.kind {
                ExprKind::Variable(id) => {
                    let kind = self.program.variables[*id].kind;
                    let is_static =
                        matches!(kind, VariableKind::ConstructorParam | VariableKind::Param(Direction::None));
                    return is_static && (with_action_data || !self.action_data.contains(id));
                }
                ExprKind::SizeOf(..) => return true,
                // What depends on its arguments alone is known if they are.
                ExprKind::Call(call) => {
                    let Callee::ExternFunction(id, _) = &call.callee else { return false };
                    return has(&self.program.extern_functions[*id].decl.annotations, "pure")
                        && call.args.iter().all(|arg| {
                            arg.direction != Direction::Out
                                && arg.direction != Direction::InOut
                                && arg.expr.as_ref().is_none_or(|expr| self.is_known(expr, with_action_data))
                        });
                }
                ExprKind::Field(of, _)
                | ExprKind::Element(of, _)
                | ExprKind::Cast(of)
                | ExprKind::Unary(_, of)
                | ExprKind::Slice { of, .. } => of,
                ExprKind::Index(of, other)
                | ExprKind::Binary(_, of, other)
                | ExprKind::PlusSlice { of, low: other, .. } => {
                    if !self.is_known(other, with_action_data) {
                        return false;
                    }
                    of
                }
                ExprKind::Conditional(cond, a, b) => {
                    if !self.is_known(a, with_action_data) || !self.is_known(b, with_action_data) {
                        return false;
                    }
                    cond
                }
                ExprKind::Aggregate(elements) => {
                    return elements.iter().all(|element| self.is_known(element, with_action_data));
                }
                _ => return false,
            }
        }
    }

    /// The number that a literal stands for; members of serializable enums stand for their values.
    pub(super) fn int_value(&self, expr: &Expr) -> Option<BigInt> {
        match literal(expr)? {
            Literal::Int(value) => Some(value),
            Literal::Member(id, index) => {
                self.program.types.enums[id].members.get(index).and_then(|(_, value)| value.clone())
            }
            _ => None,
        }
    }

    /// The number that an expression is known to be without constructor parameters.
    pub(super) fn local_constant(&mut self, written: &ast::Expr, what: &str) -> Option<BigInt> {
        let expr = self.value(written);
        self.constant_int(&expr, what)
    }

    /// The number that a checked expression is known to be; reported if it is none.
    pub(super) fn constant_int(&mut self, expr: &Expr, what: &str) -> Option<BigInt> {
        if expr.ty == Ty::Unknown {
            return None;
        }
        let numeric = match &expr.ty {
            Ty::InfInt | Ty::Bit(_) | Ty::Int(_) => true,
            ty => self.enum_underlying(ty).is_some(),
        };
        if !numeric {
            let shown = self.show(&expr.ty);
            self.error(
                MISMATCHED_TYPES,
                expr.span,
                format!("{what} has to be a number, and this is `{shown}`"),
            );
            return None;
        }
        let value = self.int_value(expr);
        if value.is_none() {
            self.not_constant(expr, what);
        }
        value
    }

    /// Reports that something is not known without constructor parameters or not at compile time at all.
    pub(super) fn not_constant(&mut self, expr: &Expr, what: &str) {
        if expr.ty == Ty::Unknown {
            return;
        }
        let mut diagnostic = Diagnostic::error(
            NOT_CONSTANT,
            expr.span,
            format!("{what} has to be a compile-time known value"),
        );
        if self.is_compile_time_known(expr) {
            diagnostic = diagnostic.note(
                "constructor parameters are known only once the instance is made, which is too late here",
            );
        }
        self.emit(diagnostic);
    }

    /// Reports why an operation on constants has no value.
    pub(super) fn fold_error(&mut self, error: FoldError, span: Span) {
        match error {
            FoldError::DivisionByZero => self.error(DIVISION, span, "division by zero"),
            FoldError::NegativeDivision => {
                self.error(DIVISION, span, "division and modulo are not defined for negative numbers");
            }
            FoldError::TooLarge => self.error(CONSTANT_TOO_LARGE, span, "this constant has too many bits"),
        }
    }
}

/// A value cut to the range of a type: of `bit<w>` and `int<w>` the lowest bits are kept.
pub(super) fn wrap(value: &BigInt, ty: &Ty) -> BigInt {
    match ty {
        Ty::Bit(w) => value.mod_floor(&(BigInt::one() << *w)),
        Ty::Int(w) => {
            let modulus = BigInt::one() << *w;
            let value = value.mod_floor(&modulus);
            match *w > 0 && value.bit(u64::from(*w) - 1) {
                true => value - modulus,
                false => value,
            }
        }
        _ => value.clone(),
    }
}

/// Whether a value is in the range of a type.
pub(super) fn fits(value: &BigInt, ty: &Ty) -> bool {
    match ty {
        Ty::Bit(_) | Ty::Int(_) => wrap(value, ty) == *value,
        _ => true,
    }
}

/// Bits `high` to `low` of a number in two's complement.
pub(super) fn slice(value: &BigInt, high: u32, low: u32) -> BigInt {
    wrap(&(value >> low), &Ty::Bit(high - low + 1))
}

/// Computes an operation of one operand, of type `ty`.
pub(super) fn fold_unary(op: UnaryOp, value: &BigInt, ty: &Ty) -> BigInt {
    match op {
        UnaryOp::Neg => wrap(&-value, ty),
        UnaryOp::Plus => value.clone(),
        UnaryOp::BitNot => wrap(&!value, ty),
        // Operands are numbers here.
        UnaryOp::LogicalNot => value.clone(),
    }
}

/// Computes an operation of two numbers, the left one and the result of type `ty`.
pub(super) fn fold_binary(op: BinaryOp, a: &BigInt, b: &BigInt, ty: &Ty) -> Result<BigInt, FoldError> {
    let value = match op {
        BinaryOp::Add => a + b,
        BinaryOp::Sub => a - b,
        BinaryOp::Mul => {
            if *ty == Ty::InfInt && a.bits() + b.bits() > INT_BITS_MAX {
                return Err(FoldError::TooLarge);
            }
            a * b
        }
        BinaryOp::Div | BinaryOp::Mod => {
            if b.is_zero() {
                return Err(FoldError::DivisionByZero);
            }
            if a.sign() == Sign::Minus || b.sign() == Sign::Minus {
                return Err(FoldError::NegativeDivision);
            }
            if op == BinaryOp::Div { a / b } else { a % b }
        }
        BinaryOp::SatAdd => return Ok(saturate(a + b, ty)),
        BinaryOp::SatSub => return Ok(saturate(a - b, ty)),
        BinaryOp::Shl => match (ty, b.to_u64()) {
            (Ty::Bit(w) | Ty::Int(w), Some(amount)) if amount < u64::from(*w) => a << amount,
            (Ty::Bit(_) | Ty::Int(_), _) => BigInt::ZERO,
            (_, Some(amount)) if a.bits() + amount <= INT_BITS_MAX => a << amount,
            _ if a.is_zero() => BigInt::ZERO,
            _ => return Err(FoldError::TooLarge),
        },
        // The shift of a negative number rounds towards minus infinity, as the arithmetic shift does.
        BinaryOp::Shr => match b.to_u64() {
            Some(amount) if amount <= a.bits() => a >> amount,
            _ if a.sign() == Sign::Minus => -BigInt::one(),
            _ => BigInt::ZERO,
        },
        BinaryOp::BitAnd => a & b,
        BinaryOp::BitOr => a | b,
        BinaryOp::BitXor => a ^ b,
        BinaryOp::Le
        | BinaryOp::Ge
        | BinaryOp::Lt
        | BinaryOp::Gt
        | BinaryOp::Ne
        | BinaryOp::Eq
        | BinaryOp::And
        | BinaryOp::Or
        | BinaryOp::Concat => a.clone(),
    };
    if *ty == Ty::InfInt && value.bits() > INT_BITS_MAX {
        return Err(FoldError::TooLarge);
    }
    Ok(wrap(&value, ty))
}

/// The nearest value in the range of a type.
fn saturate(value: BigInt, ty: &Ty) -> BigInt {
    let (low, high) = match ty {
        Ty::Bit(w) => (BigInt::ZERO, (BigInt::one() << *w) - 1),
        Ty::Int(w) if *w > 0 => (-(BigInt::one() << (*w - 1)), (BigInt::one() << (*w - 1)) - 1),
        _ => return value,
    };
    value.clamp(low, high)
}

/// Compares two numbers.
pub(super) fn fold_comparison(op: BinaryOp, a: &BigInt, b: &BigInt) -> Option<bool> {
    match op {
        BinaryOp::Le => Some(a <= b),
        BinaryOp::Ge => Some(a >= b),
        BinaryOp::Lt => Some(a < b),
        BinaryOp::Gt => Some(a > b),
        BinaryOp::Eq => Some(a == b),
        BinaryOp::Ne => Some(a != b),
        _ => None,
    }
}

/// Whether two constants of one type are equal; nothing if that is not known.
pub(super) fn constants_equal(a: &Expr, b: &Expr) -> Option<bool> {
    match (&a.kind, &b.kind) {
        (ExprKind::Aggregate(a), ExprKind::Aggregate(b)) if a.len() == b.len() => {
            let mut all = Some(true);
            for (a, b) in a.iter().zip(b) {
                match constants_equal(a, b) {
                    Some(false) => return Some(false),
                    Some(true) => {}
                    None => all = None,
                }
            }
            all
        }
        (ExprKind::InvalidHeader, ExprKind::InvalidHeader) => Some(true),
        (ExprKind::InvalidHeader, ExprKind::Aggregate(_))
        | (ExprKind::Aggregate(_), ExprKind::InvalidHeader)
            if is_constant(a) && is_constant(b) =>
        {
            Some(false)
        }
        _ => Some(literal(a)? == literal(b)?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn n(value: i64) -> BigInt {
        value.into()
    }

    #[test]
    fn values_wrap_to_their_type() {
        assert_eq!(wrap(&n(256 + 5), &Ty::Bit(8)), n(5));
        assert_eq!(wrap(&n(-1), &Ty::Bit(8)), n(255));
        assert_eq!(wrap(&n(3), &Ty::Int(2)), n(-1));
        assert_eq!(wrap(&n(1), &Ty::Int(1)), n(-1));
        assert_eq!(wrap(&n(7), &Ty::Bit(0)), n(0));
        assert_eq!(wrap(&n(-300), &Ty::InfInt), n(-300));
        assert!(fits(&n(-128), &Ty::Int(8)) && !fits(&n(128), &Ty::Int(8)));
    }

    #[test]
    fn operators_follow_the_specification() {
        let fold = |op, a, b, ty: &Ty| fold_binary(op, &n(a), &n(b), ty);
        assert_eq!(fold(BinaryOp::Add, 250, 10, &Ty::Bit(8)), Ok(n(4)));
        assert_eq!(fold(BinaryOp::SatAdd, 250, 10, &Ty::Bit(8)), Ok(n(255)));
        assert_eq!(fold(BinaryOp::SatSub, -100, 100, &Ty::Int(8)), Ok(n(-128)));
        assert_eq!(fold(BinaryOp::Shl, 1, 8, &Ty::Bit(8)), Ok(n(0)));
        assert_eq!(fold(BinaryOp::Shr, -8, 1, &Ty::Int(8)), Ok(n(-4)));
        assert_eq!(fold(BinaryOp::Shr, -8, 100, &Ty::Int(8)), Ok(n(-1)));
        assert_eq!(fold(BinaryOp::Shr, -9, 1, &Ty::InfInt), Ok(n(-5)));
        assert_eq!(fold(BinaryOp::Shl, 1, 1 << 40, &Ty::InfInt), Err(FoldError::TooLarge));
        assert_eq!(fold(BinaryOp::Div, 7, 0, &Ty::InfInt), Err(FoldError::DivisionByZero));
        assert_eq!(fold(BinaryOp::Mod, -7, 2, &Ty::InfInt), Err(FoldError::NegativeDivision));
        assert_eq!(fold(BinaryOp::Mod, 7, 4, &Ty::Bit(8)), Ok(n(3)));
        assert_eq!(slice(&n(-1), 7, 4), n(15));
        assert_eq!(fold_unary(UnaryOp::BitNot, &n(1), &Ty::Bit(4)), n(14));
    }
}
