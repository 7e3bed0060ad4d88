//! Construction of IR expressions, constants folded and nothing done that does nothing.
//!
//! Invariant: what is made here has the value and the width of what was asked for.

use heddle_ir::{BinaryOp, Bits, Expr, UnaryOp};
use num_bigint::{BigInt, Sign};

/// The two's complement of `value`, cut off to `width` bits.
pub fn bits_of(value: &BigInt, width: u32) -> Bits {
    let (sign, bytes) = value.to_bytes_be();
    match sign {
        Sign::Minus => Bits::from_be_bytes(width, &bytes).neg(),
        Sign::NoSign | Sign::Plus => Bits::from_be_bytes(width, &bytes),
    }
}

/// A constant.
pub fn konst(width: u32, value: u128) -> Expr {
    Expr::Const(Bits::new(width, value))
}

/// The constant that an expression is.
pub fn as_const(expr: &Expr) -> Option<&Bits> {
    match expr {
        Expr::Const(bits) => Some(bits),
        _ => None,
    }
}

/// One operand.
pub fn unary(op: UnaryOp, of: Expr) -> Expr {
    if let Expr::Const(bits) = &of {
        return Expr::Const(match op {
            UnaryOp::Not => bits.not(),
            UnaryOp::Neg => bits.neg(),
        });
    }
    match (op, of) {
        (UnaryOp::Not, Expr::Unary(UnaryOp::Not, inner)) => *inner,
        // Negating a comparison is the opposite comparison; all of these have one bit.
        (UnaryOp::Not, Expr::Binary(BinaryOp::Eq, a, b)) => Expr::Binary(BinaryOp::Ne, a, b),
        (UnaryOp::Not, Expr::Binary(BinaryOp::Ne, a, b)) => Expr::Binary(BinaryOp::Eq, a, b),
        (UnaryOp::Not, Expr::Binary(BinaryOp::LtU, a, b)) => Expr::Binary(BinaryOp::LeU, b, a),
        (UnaryOp::Not, Expr::Binary(BinaryOp::LeU, a, b)) => Expr::Binary(BinaryOp::LtU, b, a),
        (UnaryOp::Not, Expr::Binary(BinaryOp::LtS, a, b)) => Expr::Binary(BinaryOp::LeS, b, a),
        (UnaryOp::Not, Expr::Binary(BinaryOp::LeS, a, b)) => Expr::Binary(BinaryOp::LtS, b, a),
        (op, of) => Expr::Unary(op, Box::new(of)),
    }
}

/// Two operands.
pub fn binary(op: BinaryOp, left: Expr, right: Expr) -> Expr {
    if let (Expr::Const(a), Expr::Const(b)) = (&left, &right) {
        return Expr::Const(op.apply(a, b));
    }
    // Identities with a constant on one side; what is returned has the width of the whole.
    use BinaryOp::{Add, And, Concat, Eq, Ne, Or, Sar, Shl, Shr, Sub, Xor};
    if let Expr::Const(b) = &right {
        let zero = b.is_zero();
        if zero && matches!(op, Add | Sub | Or | Xor | Shl | Shr | Sar)
            || op == And && b.is_ones()
            || op == Concat && b.width() == 0
        {
            return left;
        }
        if op == And && zero {
            return right;
        }
        // One bit compared with a constant is itself or its inverse.
        if b.width() == 1 && matches!(op, Eq | Ne) {
            return if zero == (op == Eq) { unary(UnaryOp::Not, left) } else { left };
        }
    }
    if let Expr::Const(a) = &left {
        let zero = a.is_zero();
        if zero && matches!(op, Add | Or | Xor) || op == And && a.is_ones() || op == Concat && a.width() == 0
        {
            return right;
        }
        if op == And && zero {
            return left;
        }
    }
    Expr::Binary(op, Box::new(left), Box::new(right))
}

/// Logical not of one bit.
pub fn not(of: Expr) -> Expr {
    unary(UnaryOp::Not, of)
}

/// Logical and of one bit.
pub fn and(left: Expr, right: Expr) -> Expr {
    binary(BinaryOp::And, left, right)
}

/// Equality.
pub fn eq(left: Expr, right: Expr) -> Expr {
    binary(BinaryOp::Eq, left, right)
}

/// Several operands put together by an associative operator, in order, as a tree that is no deeper than need be.
pub fn balanced(op: BinaryOp, mut operands: Vec<Expr>, none: Expr) -> Expr {
    while operands.len() > 1 {
        let mut pairs = Vec::with_capacity(operands.len().div_ceil(2));
        let mut rest = operands.into_iter();
        while let Some(left) = rest.next() {
            pairs.push(match rest.next() {
                Some(right) => binary(op, left, right),
                None => left,
            });
        }
        operands = pairs;
    }
    operands.pop().unwrap_or(none)
}

/// Bits `high` to `low` of an operand of width `width`.
pub fn slice(of: Expr, width: u32, high: u32, low: u32) -> Expr {
    if let Expr::Const(bits) = &of {
        return Expr::Const(bits.slice(high, low));
    }
    if low == 0 && high + 1 == width {
        return of;
    }
    match of {
        Expr::Slice { of, low: inner, .. } => Expr::Slice { of, high: high + inner, low: low + inner },
        of => Expr::Slice { of: Box::new(of), high, low },
    }
}

/// An operand of width `from` at another width.
pub fn resize(of: Expr, from: u32, width: u32, signed: bool) -> Expr {
    if from == width {
        return of;
    }
    if let Expr::Const(bits) = &of {
        return Expr::Const(bits.resize(width, signed));
    }
    Expr::Resize { of: Box::new(of), width, signed }
}

/// A choice.
pub fn mux(cond: Expr, then: Expr, els: Expr) -> Expr {
    if let Expr::Const(bits) = &cond {
        return if bits.is_zero() { els } else { then };
    }
    if then == els {
        return then;
    }
    Expr::Mux { cond: Box::new(cond), then: Box::new(then), els: Box::new(els) }
}
