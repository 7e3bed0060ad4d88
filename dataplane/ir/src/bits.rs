//! Fixed-width unsigned bit vectors: the values of the IR.
//!
//! Invariant: a [`Bits`] is canonical. Up to 128 bits it is held inline, above that in exactly
//! `ceil(width / 64)` limbs, and every bit at or above the width is zero; so equality, hashing and the
//! unsigned order are those of the value and its width.
//!
//! Every operation is total. An operation of two operands has the width of the left one; the right one is cut
//! off or extended with zeros to it where the widths differ (a verified program never lets them differ).

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

mod limbs;

/// Widths up to this many bits are held inline.
const INLINE_WIDTH: u32 = 128;

/// A vector of a fixed number of bits, read as an unsigned number unless an operation says otherwise.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Bits(Repr);

/// The width is in both variants so that a value takes three words.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Repr {
    /// At most [`INLINE_WIDTH`] bits: the low and the high half.
    Inline { width: u32, halves: [u64; 2] },
    /// More: little-endian limbs, as many as the width asks for.
    Boxed { width: u32, limbs: Box<[u64]> },
}

/// Why a text is no number of a given width.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BitsParseError {
    /// There are no digits.
    #[error("a number needs at least one digit")]
    NoDigits,
    /// A character is no digit of the number's base.
    #[error("`{0}` is not a digit of this number")]
    BadDigit(char),
    /// The value needs more bits than there are.
    #[error("the number does not fit {0} bits")]
    DoesNotFit(u32),
    /// The text is not of the form `8w0x1f`.
    #[error("a sized number is written like `8w0x1f`")]
    NoWidth,
}

/// The low `width` bits set.
fn mask_u128(width: u32) -> u128 {
    if width >= 128 { u128::MAX } else { (1u128 << width) - 1 }
}

fn join(halves: [u64; 2]) -> u128 {
    u128::from(halves[0]) | u128::from(halves[1]) << 64
}

impl Bits {
    /// `value` cut off to `width` bits.
    pub fn new(width: u32, value: u128) -> Bits {
        if width <= INLINE_WIDTH {
            Bits::inline(width, value)
        } else {
            Bits::from_limbs(width, &[value as u64, (value >> 64) as u64])
        }
    }

    /// For widths up to [`INLINE_WIDTH`] only.
    fn inline(width: u32, value: u128) -> Bits {
        debug_assert!(width <= INLINE_WIDTH);
        let value = value & mask_u128(width);
        Bits(Repr::Inline { width, halves: [value as u64, (value >> 64) as u64] })
    }

    /// All bits zero.
    pub fn zero(width: u32) -> Bits {
        Bits::new(width, 0)
    }

    /// All bits one.
    pub fn ones(width: u32) -> Bits {
        if width <= INLINE_WIDTH {
            Bits::inline(width, u128::MAX)
        } else {
            Bits::from_vec(width, vec![u64::MAX; limbs::count(width)])
        }
    }

    /// One bit.
    pub fn bool(value: bool) -> Bits {
        Bits::inline(1, u128::from(value))
    }

    /// Little-endian limbs, cut off or extended with zeros to `width`.
    pub fn from_limbs(width: u32, limbs: &[u64]) -> Bits {
        if width <= INLINE_WIDTH {
            let limb = |i: usize| limbs.get(i).copied().unwrap_or(0);
            Bits::inline(width, join([limb(0), limb(1)]))
        } else {
            let mut own = vec![0; limbs::count(width)];
            for (to, from) in own.iter_mut().zip(limbs) {
                *to = *from;
            }
            Bits::from_vec(width, own)
        }
    }

    fn from_vec(width: u32, mut limbs: Vec<u64>) -> Bits {
        if width <= INLINE_WIDTH {
            return Bits::from_limbs(width, &limbs);
        }
        limbs.resize(limbs::count(width), 0);
        let top_bits = width % 64;
        if top_bits != 0
            && let Some(top) = limbs.last_mut()
        {
            *top &= (1 << top_bits) - 1;
        }
        Bits(Repr::Boxed { width, limbs: limbs.into_boxed_slice() })
    }

    /// A big-endian number, cut off or extended with zeros at its most significant end.
    pub fn from_be_bytes(width: u32, bytes: &[u8]) -> Bits {
        if width <= INLINE_WIDTH {
            let from = bytes.len().saturating_sub(16);
            let value = bytes.iter().skip(from).fold(0u128, |acc, b| acc << 8 | u128::from(*b));
            return Bits::inline(width, value);
        }
        let mut limbs = vec![0u64; limbs::count(width)];
        for (limb, chunk) in limbs.iter_mut().zip(bytes.rchunks(8)) {
            *limb = chunk.iter().fold(0, |acc, b| acc << 8 | u64::from(*b));
        }
        Bits::from_vec(width, limbs)
    }

    /// The value as a big-endian number of `ceil(width / 8)` bytes.
    pub fn to_be_bytes(&self) -> Vec<u8> {
        let count = self.width().div_ceil(8) as usize;
        (0..count).rev().map(|i| (self.limb(i / 8) >> (i % 8 * 8)) as u8).collect()
    }

    /// Width in bits.
    pub fn width(&self) -> u32 {
        match self.0 {
            Repr::Inline { width, .. } | Repr::Boxed { width, .. } => width,
        }
    }

    /// 64-bit limbs that the width takes; at least one.
    pub fn limb_count(&self) -> usize {
        limbs::count(self.width())
    }

    /// The `i`th limb, least significant first; zero beyond the width.
    pub fn limb(&self, i: usize) -> u64 {
        match &self.0 {
            Repr::Inline { halves, .. } => halves.get(i).copied().unwrap_or(0),
            Repr::Boxed { limbs, .. } => limbs.get(i).copied().unwrap_or(0),
        }
    }

    /// All [`Bits::limb_count`] limbs, least significant first.
    pub fn limbs(&self) -> impl Iterator<Item = u64> + '_ {
        self.as_limbs().iter().copied()
    }

    fn as_limbs(&self) -> &[u64] {
        match &self.0 {
            Repr::Inline { width, halves } => &halves[..limbs::count(*width).min(2)],
            Repr::Boxed { limbs, .. } => limbs,
        }
    }

    /// Both as inline values, if the left one is; the right one cut off to its width.
    fn pair(&self, other: &Bits) -> Option<(u32, u128, u128)> {
        match (&self.0, &other.0) {
            (Repr::Inline { width, halves: a }, Repr::Inline { width: other_width, halves: b }) => {
                let b = if other_width <= width { join(*b) } else { join(*b) & mask_u128(*width) };
                Some((*width, join(*a), b))
            }
            (Repr::Inline { width, halves }, Repr::Boxed { .. }) => {
                Some((*width, join(*halves), other.low_u128() & mask_u128(*width)))
            }
            (Repr::Boxed { .. }, _) => None,
        }
    }

    /// The limbs of `other` at the width of `self`.
    fn operand(&self, other: &Bits) -> Bits {
        other.resize(self.width(), false)
    }

    /// The least significant 64 bits.
    pub fn low_u64(&self) -> u64 {
        self.limb(0)
    }

    /// The least significant 128 bits.
    pub fn low_u128(&self) -> u128 {
        join([self.limb(0), self.limb(1)])
    }

    /// The value, if it fits 64 bits.
    pub fn to_u64(&self) -> Option<u64> {
        self.as_limbs().iter().skip(1).all(|l| *l == 0).then(|| self.low_u64())
    }

    /// Whether every bit is zero.
    pub fn is_zero(&self) -> bool {
        self.as_limbs().iter().all(|l| *l == 0)
    }

    /// Whether every bit is one. True of width 0.
    pub fn is_ones(&self) -> bool {
        self.count_ones() == self.width()
    }

    /// Bit `i`, the least significant being 0; zero beyond the width.
    pub fn bit(&self, i: u32) -> bool {
        self.limb(i as usize / 64) >> (i % 64) & 1 == 1
    }

    /// The most significant bit; zero for width 0.
    pub fn sign(&self) -> bool {
        self.width().checked_sub(1).is_some_and(|i| self.bit(i))
    }

    /// Bits that are one.
    pub fn count_ones(&self) -> u32 {
        self.as_limbs().iter().map(|l| l.count_ones()).sum()
    }

    /// Zero bits above the most significant one bit; the width if there is none.
    pub fn leading_zeros(&self) -> u32 {
        self.width() - limbs::bit_length(self.as_limbs())
    }

    /// One bits above the most significant zero bit; the width if there is none.
    pub fn leading_ones(&self) -> u32 {
        self.not().leading_zeros()
    }

    /// Zero bits below the least significant one bit; the width if there is none.
    pub fn trailing_zeros(&self) -> u32 {
        let limbs = self.as_limbs();
        match limbs.iter().position(|l| *l != 0) {
            Some(i) => i as u32 * 64 + limbs[i].trailing_zeros(),
            None => self.width(),
        }
    }

    /// Sum, wrapping.
    pub fn add(&self, other: &Bits) -> Bits {
        match self.pair(other) {
            Some((w, a, b)) => Bits::inline(w, a.wrapping_add(b)),
            None => Bits::from_vec(self.width(), limbs::add(self.as_limbs(), self.operand(other).as_limbs())),
        }
    }

    /// Difference, wrapping.
    pub fn sub(&self, other: &Bits) -> Bits {
        match self.pair(other) {
            Some((w, a, b)) => Bits::inline(w, a.wrapping_sub(b)),
            None => Bits::from_vec(self.width(), limbs::sub(self.as_limbs(), self.operand(other).as_limbs())),
        }
    }

    /// Product, wrapping.
    pub fn mul(&self, other: &Bits) -> Bits {
        match self.pair(other) {
            Some((w, a, b)) => Bits::inline(w, a.wrapping_mul(b)),
            None => Bits::from_vec(self.width(), limbs::mul(self.as_limbs(), self.operand(other).as_limbs())),
        }
    }

    /// Unsigned quotient; zero if the divisor is zero.
    pub fn div(&self, other: &Bits) -> Bits {
        match self.pair(other) {
            Some((w, a, b)) => Bits::inline(w, a.checked_div(b).unwrap_or(0)),
            None => Bits::from_vec(
                self.width(),
                limbs::div_rem(self.as_limbs(), self.operand(other).as_limbs()).0,
            ),
        }
    }

    /// Unsigned remainder; zero if the divisor is zero.
    pub fn rem(&self, other: &Bits) -> Bits {
        match self.pair(other) {
            Some((w, a, b)) => Bits::inline(w, a.checked_rem(b).unwrap_or(0)),
            None => Bits::from_vec(
                self.width(),
                limbs::div_rem(self.as_limbs(), self.operand(other).as_limbs()).1,
            ),
        }
    }

    /// Two's complement negation.
    pub fn neg(&self) -> Bits {
        match &self.0 {
            Repr::Inline { width, halves } => Bits::inline(*width, join(*halves).wrapping_neg()),
            Repr::Boxed { width, .. } => Bits::zero(*width).sub(self),
        }
    }

    /// Every bit inverted.
    pub fn not(&self) -> Bits {
        match &self.0 {
            Repr::Inline { width, halves } => Bits::inline(*width, !join(*halves)),
            Repr::Boxed { width, limbs } => Bits::from_vec(*width, limbs.iter().map(|l| !l).collect()),
        }
    }

    fn bitwise(&self, other: &Bits, small: fn(u128, u128) -> u128, limb: fn(u64, u64) -> u64) -> Bits {
        match self.pair(other) {
            Some((w, a, b)) => Bits::inline(w, small(a, b)),
            None => {
                let limbs = self.as_limbs().iter().enumerate().map(|(i, a)| limb(*a, other.limb(i)));
                Bits::from_vec(self.width(), limbs.collect())
            }
        }
    }

    /// Bitwise and.
    pub fn and(&self, other: &Bits) -> Bits {
        self.bitwise(other, |a, b| a & b, |a, b| a & b)
    }

    /// Bitwise or.
    pub fn or(&self, other: &Bits) -> Bits {
        self.bitwise(other, |a, b| a | b, |a, b| a | b)
    }

    /// Bitwise exclusive or.
    pub fn xor(&self, other: &Bits) -> Bits {
        self.bitwise(other, |a, b| a ^ b, |a, b| a ^ b)
    }

    /// Unsigned sum, at most the largest value.
    pub fn sat_add_unsigned(&self, other: &Bits) -> Bits {
        let sum = self.add(other);
        if sum.cmp_unsigned(self) == Ordering::Less { Bits::ones(self.width()) } else { sum }
    }

    /// Unsigned difference, at least zero.
    pub fn sat_sub_unsigned(&self, other: &Bits) -> Bits {
        let other = self.operand(other);
        if self.cmp_unsigned(&other) == Ordering::Less { Bits::zero(self.width()) } else { self.sub(&other) }
    }

    /// Signed sum, cut off at the smallest and the largest value.
    pub fn sat_add_signed(&self, other: &Bits) -> Bits {
        let other = self.operand(other);
        let sum = self.add(&other);
        if self.sign() == other.sign() && sum.sign() != self.sign() { self.signed_extreme() } else { sum }
    }

    /// Signed difference, cut off at the smallest and the largest value.
    pub fn sat_sub_signed(&self, other: &Bits) -> Bits {
        let other = self.operand(other);
        let difference = self.sub(&other);
        if self.sign() != other.sign() && difference.sign() != self.sign() {
            self.signed_extreme()
        } else {
            difference
        }
    }

    /// The value of this sign that is farthest from zero.
    fn signed_extreme(&self) -> Bits {
        let smallest = Bits::mask_prefix(self.width(), 1);
        if self.sign() { smallest } else { smallest.not() }
    }

    /// `amount` as a number of places, if it is below the width.
    fn places(&self, amount: &Bits) -> Option<u32> {
        let amount = u32::try_from(amount.to_u64()?).ok()?;
        (amount < self.width()).then_some(amount)
    }

    /// Shift to the left by an unsigned amount of any width, filling with zeros.
    pub fn shl(&self, amount: &Bits) -> Bits {
        match (self.places(amount), &self.0) {
            (None, _) => Bits::zero(self.width()),
            (Some(n), Repr::Inline { width, halves }) => Bits::inline(*width, join(*halves) << n),
            (Some(n), Repr::Boxed { width, limbs }) => {
                Bits::from_vec(*width, limbs::shl(limbs, n, limbs.len()))
            }
        }
    }

    /// Shift to the right by an unsigned amount of any width, filling with zeros.
    pub fn shr(&self, amount: &Bits) -> Bits {
        match (self.places(amount), &self.0) {
            (None, _) => Bits::zero(self.width()),
            (Some(n), Repr::Inline { width, halves }) => Bits::inline(*width, join(*halves) >> n),
            (Some(n), Repr::Boxed { width, limbs }) => {
                Bits::from_vec(*width, limbs::shr(limbs, n, limbs.len()))
            }
        }
    }

    /// Shift to the right by an unsigned amount of any width, filling with the sign.
    pub fn sar(&self, amount: &Bits) -> Bits {
        if !self.sign() {
            return self.shr(amount);
        }
        match self.places(amount) {
            None => Bits::ones(self.width()),
            Some(n) => self.shr(amount).or(&Bits::mask_prefix(self.width(), n)),
        }
    }

    /// Order as unsigned numbers, whatever the widths.
    pub fn cmp_unsigned(&self, other: &Bits) -> Ordering {
        match (&self.0, &other.0) {
            (Repr::Inline { halves: a, .. }, Repr::Inline { halves: b, .. }) => join(*a).cmp(&join(*b)),
            _ => {
                let count = self.limb_count().max(other.limb_count());
                (0..count)
                    .rev()
                    .map(|i| self.limb(i).cmp(&other.limb(i)))
                    .find(|o| o.is_ne())
                    .unwrap_or(Ordering::Equal)
            }
        }
    }

    /// Order as two's complement numbers, each of its own width.
    pub fn cmp_signed(&self, other: &Bits) -> Ordering {
        match (self.sign(), other.sign()) {
            (false, false) => self.cmp_unsigned(other),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (true, true) => {
                let width = self.width().max(other.width());
                self.resize(width, true).cmp_unsigned(&other.resize(width, true))
            }
        }
    }

    /// Bits `high` to `low`, both included. Bits beyond the width are zero; no bits if `high` is below `low`.
    pub fn slice(&self, high: u32, low: u32) -> Bits {
        let width = if high < low { 0 } else { (high - low).saturating_add(1) };
        match &self.0 {
            Repr::Inline { halves, .. } => Bits::new(width, join(*halves).checked_shr(low).unwrap_or(0)),
            Repr::Boxed { limbs, .. } => Bits::from_vec(width, limbs::shr(limbs, low, limbs::count(width))),
        }
    }

    /// The bits of `self` above those of `other`.
    pub fn concat(&self, other: &Bits) -> Bits {
        let width = self.width().saturating_add(other.width());
        if width <= INLINE_WIDTH {
            let high = self.low_u128().checked_shl(other.width()).unwrap_or(0);
            return Bits::inline(width, high | other.low_u128());
        }
        let mut limbs = limbs::shl(self.as_limbs(), other.width(), limbs::count(width));
        for (to, from) in limbs.iter_mut().zip(other.limbs()) {
            *to |= from;
        }
        Bits::from_vec(width, limbs)
    }

    /// `self` with bits `high` to `low`, both included, replaced by those of `value`. What lies beyond the width
    /// is lost; nothing changes if `high` is below `low`.
    pub fn with_slice(&self, high: u32, low: u32, value: &Bits) -> Bits {
        if high < low || low >= self.width() {
            return self.clone();
        }
        let high = high.min(self.width() - 1);
        let value = value.resize(high - low + 1, false);
        match &self.0 {
            Repr::Inline { width, halves } => {
                let hole = mask_u128(value.width()) << low;
                Bits::inline(*width, join(*halves) & !hole | value.low_u128() << low)
            }
            Repr::Boxed { width, limbs } => {
                let hole = limbs::shl(Bits::ones(value.width()).as_limbs(), low, limbs.len());
                let put = limbs::shl(value.as_limbs(), low, limbs.len());
                let limbs = limbs.iter().zip(hole).zip(put).map(|((old, hole), put)| old & !hole | put);
                Bits::from_vec(*width, limbs.collect())
            }
        }
    }

    /// Another width: cut off at the most significant end, or extended there by zeros or the sign.
    pub fn resize(&self, width: u32, signed: bool) -> Bits {
        if width == self.width() {
            return self.clone();
        }
        let resized = Bits::from_limbs(width, self.as_limbs());
        if signed && width > self.width() && self.sign() {
            resized.or(&Bits::mask_prefix(width, width - self.width()))
        } else {
            resized
        }
    }

    /// The mask of a prefix: the `prefix_len` most significant bits one, the others zero.
    pub fn mask_prefix(width: u32, prefix_len: u32) -> Bits {
        let zeros = width.saturating_sub(prefix_len);
        if width <= INLINE_WIDTH {
            return Bits::inline(width, u128::MAX.checked_shl(zeros).unwrap_or(0));
        }
        let limbs = (0..limbs::count(width) as u32).map(|i| match zeros.saturating_sub(i * 64) {
            inside @ 0..=63 => u64::MAX << inside,
            _ => 0,
        });
        Bits::from_vec(width, limbs.collect())
    }

    /// The length of the prefix that this is the mask of, if it is one.
    pub fn prefix_len(&self) -> Option<u32> {
        (self.leading_ones() == self.count_ones()).then(|| self.count_ones())
    }

    /// A decimal, `0x` hexadecimal, `0o` octal or `0b` binary number of `width` bits; `_` may separate digits.
    pub fn parse(width: u32, text: &str) -> Result<Bits, BitsParseError> {
        let (base, digits) = match text.get(..2) {
            Some("0x" | "0X") => (16, &text[2..]),
            Some("0o" | "0O") => (8, &text[2..]),
            Some("0b" | "0B") => (2, &text[2..]),
            _ => (10, text),
        };
        // The value grows with its digits, not with the width, so that a huge width costs nothing here.
        let mut value: Vec<u64> = Vec::new();
        let mut any = false;
        for c in digits.chars().filter(|c| *c != '_') {
            any = true;
            let digit = c.to_digit(base).ok_or(BitsParseError::BadDigit(c))?;
            limbs::scale_and_add(&mut value, u64::from(base), u64::from(digit));
            if limbs::bit_length(&value) > width {
                return Err(BitsParseError::DoesNotFit(width));
            }
        }
        if any { Ok(Bits::from_limbs(width, &value)) } else { Err(BitsParseError::NoDigits) }
    }
}

impl fmt::LowerHex for Bits {
    /// The value alone, without leading zeros.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = String::new();
        for limb in self.as_limbs().iter().rev() {
            if digits.is_empty() {
                if *limb != 0 {
                    digits = format!("{limb:x}");
                }
            } else {
                digits.push_str(&format!("{limb:016x}"));
            }
        }
        f.pad_integral(true, "0x", if digits.is_empty() { "0" } else { &digits })
    }
}

impl fmt::Display for Bits {
    /// Width and value, as in `8w0x1f`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}w{:#x}", self.width(), self)
    }
}

impl fmt::Debug for Bits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Bits {
    type Err = BitsParseError;

    /// What [`fmt::Display`] writes; the value may be of any base that [`Bits::parse`] knows.
    fn from_str(text: &str) -> Result<Bits, BitsParseError> {
        let (width, value) = text.split_once('w').ok_or(BitsParseError::NoWidth)?;
        let width = width.parse().map_err(|_| BitsParseError::NoWidth)?;
        if width > MAX_SERIAL_WIDTH {
            return Err(BitsParseError::DoesNotFit(MAX_SERIAL_WIDTH));
        }
        Bits::parse(width, value)
    }
}

/// The widest value read from text: a few characters may not ask for much memory.
const MAX_SERIAL_WIDTH: u32 = 1 << 20;

impl Serialize for Bits {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Bits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Bits, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Bits;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a sized number like \"8w0x1f\"")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Bits, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

#[cfg(test)]
mod tests;
