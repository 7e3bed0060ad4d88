//! What is known of expressions.

use heddle_ir::{BinaryOp, Bits, Expr, HeaderId, HeaderRef, Place, UnaryOp, width_of};

use super::super::state::{State, Validity};
use super::super::value::{Bit, Value, of_bits, to_bits, zeros};
use super::Walk;

/// Which headers a reference means.
pub(super) enum Named<'p> {
    One(HeaderId),
    /// One of these, or none.
    Some(&'p [HeaderId]),
    /// Beyond the stack.
    None,
}

impl<'p> Walk<'p> {
    /// Resolves a reference to a header. Whether an index is the same in all segments is for the caller to see.
    pub(super) fn named(&self, state: &State, header: &HeaderRef) -> (Named<'p>, Value) {
        match header {
            HeaderRef::One(header) => (Named::One(*header), zeros(1)),
            HeaderRef::Element(stack, index) => {
                let elements = &self.program.stacks[*stack].elements;
                let index = self.value(state, index);
                let named = match to_bits(&index) {
                    Some(known) => known
                        .to_u64()
                        .and_then(|known| elements.get(usize::try_from(known).ok()?))
                        .map_or(Named::None, |header| Named::One(*header)),
                    None => Named::Some(elements),
                };
                (named, index)
            }
        }
    }

    pub(super) fn bit(&self, state: &State, expr: &Expr) -> Bit {
        self.value(state, expr).first().copied().unwrap_or(Bit::Zero)
    }

    pub(super) fn value(&self, state: &State, expr: &Expr) -> Value {
        match expr {
            Expr::Const(bits) => of_bits(bits),
            Expr::Read(Place::Var(var)) => state.var(*var).clone(),
            Expr::Read(place @ Place::Field(header, field)) => {
                // Beyond a stack there are zeros.
                self.field(state, header, *field)
                    .unwrap_or_else(|| zeros(self.width(&Expr::Read(place.clone()))))
            }
            Expr::Valid(header) => {
                let (named, index) = self.named(state, header);
                let bit = match named {
                    Named::One(header) => match state.header(header).valid {
                        Validity::No => Bit::Zero,
                        Validity::Maybe => Bit::Same,
                        Validity::Yes => Bit::One,
                    },
                    Named::Some(_) => self.unknown(&[&index]),
                    Named::None => Bit::Zero,
                };
                vec![bit].into()
            }
            Expr::Unary(op, of) => self.unary(*op, &self.value(state, of)),
            Expr::Binary(op, one, other) => {
                self.binary(*op, &self.value(state, one), &self.value(state, other))
            }
            Expr::Slice { of, high, low } => {
                let of = self.value(state, of);
                let top = of.len() as u32;
                of[(top - 1 - high) as usize..(top - low) as usize].into()
            }
            Expr::Resize { of, width, signed } => {
                let (of, width) = (self.value(state, of), *width as usize);
                if width <= of.len() {
                    return of[of.len() - width..].into();
                }
                let fill = match of.first() {
                    Some(&sign) if *signed => sign,
                    Some(_) | None => Bit::Zero,
                };
                std::iter::repeat_n(fill, width - of.len()).chain(of.iter().copied()).collect()
            }
            Expr::Mux { cond, then, els } => {
                let (then, els) = (self.value(state, then), self.value(state, els));
                match self.bit(state, cond) {
                    Bit::One => then,
                    Bit::Zero => els,
                    cond if self.frame.is_different(cond) => vec![Bit::Differs; then.len()].into(),
                    Bit::Same | Bit::Frame(_) | Bit::Sum(_) | Bit::Differs => {
                        self.frame.join_values(&then, &els)
                    }
                }
            }
            Expr::Intrinsic(intrinsic) => self.intrinsic(*intrinsic),
        }
    }

    /// What a field may read as; none for a header that isn't there.
    fn field(&self, state: &State, header: &HeaderRef, field: usize) -> Option<Value> {
        let (named, index) = self.named(state, header);
        let read = |header| state.field(self.program, self.frame, header, field);
        match named {
            Named::One(header) => Some(read(header)),
            Named::None => None,
            Named::Some(elements) => {
                let mut values = elements.iter().map(|header| read(*header));
                let first = values.next()?;
                let zero = zeros(first.len());
                let joined = values.fold(first, |one, other| self.frame.join_values(&one, &other));
                let joined = self.frame.join_values(&joined, &zero);
                let is_same = !self.frame.any_different(&index);
                Some(if is_same { joined } else { vec![Bit::Differs; joined.len()].into() })
            }
        }
    }

    /// A bit of which nothing is known but what it comes from.
    fn unknown(&self, from: &[&[Bit]]) -> Bit {
        self.frame.unknown(from.iter().any(|value| self.frame.any_different(value)))
    }

    fn unary(&self, op: UnaryOp, of: &Value) -> Value {
        match (op, to_bits(of)) {
            (UnaryOp::Not, _) => of
                .iter()
                .map(|&bit| match bit.known() {
                    Some(known) => Bit::of(!known),
                    None => self.frame.unknown(self.frame.is_different(bit)),
                })
                .collect(),
            (UnaryOp::Neg, Some(known)) => of_bits(&known.neg()),
            (UnaryOp::Neg, None) => vec![self.unknown(&[of]); of.len()].into(),
        }
    }

    fn binary(&self, op: BinaryOp, one: &Value, other: &Value) -> Value {
        let zip = |join: &dyn Fn(Bit, Bit) -> Bit| -> Value {
            one.iter().zip(other.iter()).map(|(&one, &other)| join(one, other)).collect()
        };
        let differ = |one: Bit, other: Bit| {
            self.frame.unknown(self.frame.is_different(one) || self.frame.is_different(other))
        };
        match op {
            BinaryOp::And => zip(&|one, other| match (one, other) {
                (Bit::Zero, _) | (_, Bit::Zero) => Bit::Zero,
                (Bit::One, bit) | (bit, Bit::One) => bit,
                (one, other) => differ(one, other),
            }),
            BinaryOp::Or => zip(&|one, other| match (one, other) {
                (Bit::One, _) | (_, Bit::One) => Bit::One,
                (Bit::Zero, bit) | (bit, Bit::Zero) => bit,
                (one, other) => differ(one, other),
            }),
            BinaryOp::Xor => zip(&|one, other| match (one.known(), other.known()) {
                (Some(one), Some(other)) => Bit::of(one != other),
                (Some(false), None) => other,
                (None, Some(false)) => one,
                (Some(true), None) | (None, _) => differ(one, other),
            }),
            BinaryOp::Eq => vec![self.frame.equal(one, other)].into(),
            BinaryOp::Ne => self.unary(UnaryOp::Not, &vec![self.frame.equal(one, other)].into()),
            BinaryOp::Concat => one.iter().chain(other.iter()).copied().collect(),
            BinaryOp::Shl | BinaryOp::Shr | BinaryOp::Sar => match to_bits(other) {
                Some(amount) => shift(op, one, &amount),
                None => vec![self.unknown(&[one, other]); one.len()].into(),
            },
            BinaryOp::LtU | BinaryOp::LeU | BinaryOp::LtS | BinaryOp::LeS => {
                let bit = match (to_bits(one), to_bits(other)) {
                    (Some(one), Some(other)) => Bit::of(!op.apply(&one, &other).is_zero()),
                    (Some(_) | None, _) => self.unknown(&[one, other]),
                };
                vec![bit].into()
            }
            BinaryOp::Add
            | BinaryOp::Sub
            | BinaryOp::Mul
            | BinaryOp::Div
            | BinaryOp::Mod
            | BinaryOp::SatAddU
            | BinaryOp::SatSubU
            | BinaryOp::SatAddS
            | BinaryOp::SatSubS => match (to_bits(one), to_bits(other)) {
                (Some(one), Some(other)) => of_bits(&op.apply(&one, &other)),
                (Some(_) | None, _) => vec![self.unknown(&[one, other]); one.len()].into(),
            },
        }
    }

    fn width(&self, expr: &Expr) -> usize {
        width_of(self.program, expr).map_or(0, |ty| ty.width() as usize)
    }
}

fn shift(op: BinaryOp, of: &[Bit], amount: &Bits) -> Value {
    let width = of.len();
    let amount = amount.to_u64().and_then(|amount| usize::try_from(amount).ok()).unwrap_or(width).min(width);
    let fill = match (op, of.first()) {
        (BinaryOp::Sar, Some(&sign)) => sign,
        _ => Bit::Zero,
    };
    let filled = std::iter::repeat_n(fill, amount);
    match op {
        BinaryOp::Shl => of[amount..].iter().copied().chain(filled).collect(),
        _ => filled.chain(of[..width - amount].iter().copied()).collect(),
    }
}
