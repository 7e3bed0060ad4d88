//! Values of which it is known, bit by bit, whether all segments have the same.

use std::rc::Rc;

use heddle_ir::Bits;

use super::frame::Frame;

/// A bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bit {
    /// Zero.
    Zero,
    /// One.
    One,
    /// One or the other, the same in all segments.
    Same,
    /// What the frame has there.
    Frame(u16),
    /// That bit of an IPv4 header checksum as it would be computed for the segment, or as the frame has it, or those
    /// less what all segments have too much of it.
    Sum(u8),
    /// Anything.
    Differs,
}

/// A value, most significant bit first, as on the wire.
pub(super) type Value = Rc<[Bit]>;

pub(super) fn zeros(width: usize) -> Value {
    vec![Bit::Zero; width].into()
}

pub(super) fn same(width: usize) -> Value {
    vec![Bit::Same; width].into()
}

pub(super) fn of_bits(bits: &Bits) -> Value {
    (0..bits.width()).rev().map(|i| Bit::of(bits.bit(i))).collect()
}

/// The value, if it is known.
pub(super) fn to_bits(value: &[Bit]) -> Option<Bits> {
    let mut limbs = vec![0u64; value.len().div_ceil(64).max(1)];
    for (i, bit) in value.iter().rev().enumerate() {
        match bit {
            Bit::Zero => {}
            Bit::One => limbs[i / 64] |= 1 << (i % 64),
            Bit::Same | Bit::Frame(_) | Bit::Sum(_) | Bit::Differs => return None,
        }
    }
    Some(Bits::from_limbs(value.len() as u32, &limbs))
}

impl Bit {
    pub(super) fn of(is_one: bool) -> Self {
        if is_one { Bit::One } else { Bit::Zero }
    }

    /// Its value, if it is known.
    pub(super) fn known(self) -> Option<bool> {
        match self {
            Bit::Zero => Some(false),
            Bit::One => Some(true),
            Bit::Same | Bit::Frame(_) | Bit::Sum(_) | Bit::Differs => None,
        }
    }
}

impl Frame {
    /// Whether a bit may not be the same in all segments.
    pub(super) fn is_different(self, bit: Bit) -> bool {
        match bit {
            Bit::Zero | Bit::One | Bit::Same => false,
            Bit::Frame(at) => self.differs(usize::from(at)),
            Bit::Sum(_) | Bit::Differs => true,
        }
    }

    /// Whether any is.
    pub(super) fn any_different(self, value: &[Bit]) -> bool {
        value.iter().any(|&bit| self.is_different(bit))
    }

    /// A bit that is this or that, which all segments agree on.
    pub(super) fn join(self, one: Bit, other: Bit) -> Bit {
        if one == other {
            return one;
        }
        match (self.sum_bit(one), self.sum_bit(other)) {
            (Some(a), Some(b)) if a == b => return Bit::Sum(a),
            (Some(_) | None, _) => {}
        }
        self.unknown(self.is_different(one) || self.is_different(other))
    }

    pub(super) fn unknown(self, differs: bool) -> Bit {
        if differs { Bit::Differs } else { Bit::Same }
    }

    pub(super) fn join_values(self, one: &Value, other: &Value) -> Value {
        if Rc::ptr_eq(one, other) || one == other {
            return Rc::clone(one);
        }
        one.iter().zip(other.iter()).map(|(&one, &other)| self.join(one, other)).collect()
    }

    /// Which bit of the IPv4 header checksum it is, for the segment or of the frame.
    fn sum_bit(self, bit: Bit) -> Option<u8> {
        match bit {
            Bit::Sum(index) => Some(index),
            Bit::Frame(at) => self.checksum_bit(usize::from(at)),
            Bit::Zero | Bit::One | Bit::Same | Bit::Differs => None,
        }
    }

    /// Whether all of it is an IPv4 header checksum.
    pub(super) fn is_sum(self, value: &[Bit]) -> bool {
        value.len() == 16 && (0..).zip(value).all(|(i, &bit)| self.sum_bit(bit) == Some(i))
    }

    /// One bit: whether two values are equal.
    pub(super) fn equal(self, one: &[Bit], other: &[Bit]) -> Bit {
        // Two such sums differ by the same in all segments, modulo 65,535, and neither ever is 65,535.
        if self.is_sum(one) && self.is_sum(other) {
            return Bit::Same;
        }
        let mut is_certain = true;
        let mut differs = false;
        for (&a, &b) in one.iter().zip(other) {
            match (a.known(), b.known()) {
                (Some(a), Some(b)) if a != b => return Bit::Zero,
                (Some(_), Some(_)) => {}
                (Some(_) | None, _) => {
                    let is_one = matches!(a, Bit::Frame(_)) && a == b;
                    is_certain &= is_one;
                    differs |= !is_one && (self.is_different(a) || self.is_different(b));
                }
            }
        }
        if is_certain { Bit::One } else { self.unknown(differs) }
    }
}
