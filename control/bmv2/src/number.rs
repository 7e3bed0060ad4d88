//! Integers without bound, as the format has them, in vectors of bits.
//!
//! Invariant: a [`Number`]'s vector always holds the integer meant, never a part of it; an operation's result is as
//! wide as its largest value needs. What a field keeps of a number is cut off when it is stored.

use heddle_ir::{BinaryOp, Bits, Expr};
use heddle_p4::lower::fold;
use num_bigint::{BigInt, Sign};
use num_traits::Num as _;

/// Bits beyond which arithmetic is refused.
const WIDTH_MAX: u32 = 1 << 16;

/// An integer, in as many bits as it may need.
#[derive(Clone, Debug)]
pub(crate) struct Number {
    pub(crate) expr: Expr,
    pub(crate) width: u32,
    /// Whether the bits are two's complement.
    pub(crate) signed: bool,
}

/// A number would need more bits than are allowed.
#[derive(Debug)]
pub(crate) struct TooWide;

/// Operators of arithmetic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Shl,
    Shr,
    And,
    Or,
    Xor,
}

impl Arithmetic {
    /// As the format writes it.
    pub(crate) fn named(op: &str) -> Option<Arithmetic> {
        Some(match op {
            "+" => Arithmetic::Add,
            "-" => Arithmetic::Sub,
            "*" => Arithmetic::Mul,
            "/" => Arithmetic::Div,
            "%" => Arithmetic::Mod,
            "<<" => Arithmetic::Shl,
            ">>" => Arithmetic::Shr,
            "&" => Arithmetic::And,
            "|" => Arithmetic::Or,
            "^" => Arithmetic::Xor,
            _ => return None,
        })
    }
}

/// Operators of comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

impl Comparison {
    /// As the format writes it.
    pub(crate) fn named(op: &str) -> Option<Comparison> {
        Some(match op {
            "==" => Comparison::Eq,
            "!=" => Comparison::Ne,
            "<" => Comparison::Lt,
            "<=" => Comparison::Le,
            ">" => Comparison::Gt,
            ">=" => Comparison::Ge,
            _ => return None,
        })
    }
}

impl Number {
    /// Bits that are no two's complement.
    pub(crate) fn unsigned(expr: Expr, width: u32) -> Number {
        Number { expr, width, signed: false }
    }

    /// A constant, in as few bits as it needs.
    pub(crate) fn constant(value: &BigInt) -> Number {
        let signed = value.sign() == Sign::Minus;
        let width = (value.bits() as u32).saturating_add(u32::from(signed)).max(1);
        Number { expr: Expr::Const(fold::bits_of(value, width)), width, signed }
    }

    /// The number modulo two to the power of `width`.
    pub(crate) fn to(self, width: u32) -> Expr {
        fold::resize(self.expr, self.width, width, self.signed)
    }

    /// Bits of two's complement that hold it.
    fn signed_width(&self) -> u32 {
        self.width + u32::from(!self.signed)
    }

    /// Whether it is negative.
    fn is_negative(&self) -> Expr {
        match self.signed {
            true => fold::slice(self.expr.clone(), self.width, self.width - 1, self.width - 1),
            false => Expr::bool(false),
        }
    }

    /// The same number in two's complement.
    fn into_signed(self) -> Number {
        let width = self.signed_width();
        Number { expr: self.to(width), width, signed: true }
    }

    /// Whether it is not zero.
    pub(crate) fn into_truth(self) -> Expr {
        match self.width {
            1 => self.expr,
            width => fold::binary(BinaryOp::Ne, self.expr, Expr::Const(Bits::zero(width))),
        }
    }

    /// `two_comp_mod`, of a number that has been cut to `width` bits.
    pub(crate) fn wrapped(expr: Expr, width: u32) -> Number {
        Number { expr, width, signed: true }
    }

    /// `usat_cast`: the nearest number from zero to the largest of `width` bits.
    pub(crate) fn clamp_unsigned(self, width: u32) -> Number {
        let negative = self.is_negative();
        let high = Number::unsigned(Expr::Const(Bits::ones(width)), width);
        let above = compare(Comparison::Gt, self.clone(), high.clone());
        let inside = fold::mux(above, high.expr, self.to(width));
        Number::unsigned(fold::mux(negative, Expr::Const(Bits::zero(width)), inside), width)
    }

    /// `sat_cast`: the nearest number that two's complement of `width` bits holds.
    pub(crate) fn clamp_signed(self, width: u32) -> Number {
        let one = Bits::new(width, 1).shl(&Bits::new(32, u128::from(width.saturating_sub(1))));
        let low = Number::wrapped(Expr::Const(one.clone()), width);
        let high = Number::wrapped(Expr::Const(one.not()), width);
        let below = compare(Comparison::Lt, self.clone(), low.clone());
        let above = compare(Comparison::Gt, self.clone(), high.clone());
        let inside = fold::mux(above, high.expr, self.to(width));
        Number::wrapped(fold::mux(below, low.expr, inside), width)
    }
}

/// Both in the same form: two vectors of one width, and whether they are two's complement.
fn alike(left: Number, right: Number, extra: u32) -> Result<(Expr, Expr, u32, bool), TooWide> {
    let signed = left.signed || right.signed;
    let widest = match signed {
        true => left.signed_width().max(right.signed_width()),
        false => left.width.max(right.width),
    };
    let width = limited(widest.saturating_add(extra))?;
    Ok((left.to(width), right.to(width), width, signed))
}

fn limited(width: u32) -> Result<u32, TooWide> {
    if width <= WIDTH_MAX { Ok(width) } else { Err(TooWide) }
}

/// Arithmetic without loss.
pub(crate) fn arithmetic(op: Arithmetic, left: Number, right: Number) -> Result<Number, TooWide> {
    let number = |op: BinaryOp, (a, b, width, signed): (Expr, Expr, u32, bool)| Number {
        expr: fold::binary(op, a, b),
        width,
        signed,
    };
    Ok(match op {
        Arithmetic::Add => number(BinaryOp::Add, alike(left, right, 1)?),
        Arithmetic::Sub => {
            let (left, right) = (left.into_signed(), right.into_signed());
            number(BinaryOp::Sub, alike(left, right, 1)?)
        }
        Arithmetic::Mul => {
            let extra = left.signed_width().min(right.signed_width());
            number(BinaryOp::Mul, alike(left, right, extra)?)
        }
        // Of negative numbers there is no quotient in the format: it is zero here, as that by zero.
        Arithmetic::Div | Arithmetic::Mod => {
            let negative = fold::binary(BinaryOp::Or, left.is_negative(), right.is_negative());
            let (a, b, width, signed) = alike(left, right, 0)?;
            let op = if op == Arithmetic::Div { BinaryOp::Div } else { BinaryOp::Mod };
            let quotient = fold::binary(op, a, b);
            let zero = Expr::Const(Bits::zero(width));
            Number { expr: fold::mux(negative, zero, quotient), width, signed }
        }
        Arithmetic::Shl => {
            let most = match &right.expr {
                Expr::Const(bits) => bits.to_u64().and_then(|n| u32::try_from(n).ok()).ok_or(TooWide)?,
                _ if right.width < 16 => (1 << right.width) - 1,
                _ => return Err(TooWide),
            };
            let width = limited(left.width.saturating_add(most))?;
            let signed = left.signed;
            let amount = right.expr;
            Number { expr: fold::binary(BinaryOp::Shl, left.to(width), amount), width, signed }
        }
        Arithmetic::Shr => {
            let op = if left.signed { BinaryOp::Sar } else { BinaryOp::Shr };
            Number { expr: fold::binary(op, left.expr, right.expr), ..left }
        }
        Arithmetic::And => number(BinaryOp::And, alike(left, right, 0)?),
        Arithmetic::Or => number(BinaryOp::Or, alike(left, right, 0)?),
        Arithmetic::Xor => number(BinaryOp::Xor, alike(left, right, 0)?),
    })
}

/// `~`: minus one minus the number.
pub(crate) fn complement(of: Number) -> Number {
    let of = of.into_signed();
    Number { expr: fold::not(of.expr), ..of }
}

/// One bit: how two numbers compare.
pub(crate) fn compare(op: Comparison, left: Number, right: Number) -> Expr {
    let signed = left.signed || right.signed;
    let width = match signed {
        true => left.signed_width().max(right.signed_width()),
        false => left.width.max(right.width),
    };
    let (left, right) = (left.to(width), right.to(width));
    let (lt, le) = if signed { (BinaryOp::LtS, BinaryOp::LeS) } else { (BinaryOp::LtU, BinaryOp::LeU) };
    match op {
        Comparison::Eq => fold::binary(BinaryOp::Eq, left, right),
        Comparison::Ne => fold::binary(BinaryOp::Ne, left, right),
        Comparison::Lt => fold::binary(lt, left, right),
        Comparison::Le => fold::binary(le, left, right),
        Comparison::Gt => fold::binary(lt, right, left),
        Comparison::Ge => fold::binary(le, right, left),
    }
}

/// A constant as the format writes it: hexadecimal digits, perhaps behind `0x`, perhaps behind `-`.
pub(crate) fn parse(text: &str) -> Option<BigInt> {
    let (negative, rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let digits = rest.strip_prefix("0x").or_else(|| rest.strip_prefix("0X")).unwrap_or(rest);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let value = BigInt::from_str_radix(digits, 16).ok()?;
    Some(if negative { -value } else { value })
}
