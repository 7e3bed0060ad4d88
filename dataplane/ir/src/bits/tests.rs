//! Every operation of [`Bits`] against arbitrary-precision integers.

use num_bigint::{BigInt, BigUint};
use proptest::prelude::*;

use super::*;

/// What the value means as an unsigned number, by way of the bytes only.
fn big(bits: &Bits) -> BigUint {
    BigUint::from_bytes_be(&bits.to_be_bytes())
}

fn modulus(width: u32) -> BigUint {
    BigUint::from(1u8) << width
}

fn signed(bits: &Bits) -> BigInt {
    let value = BigInt::from(big(bits));
    if bits.sign() { value - BigInt::from(modulus(bits.width())) } else { value }
}

/// The canonical value of a number modulo the width.
fn bits_of(width: u32, value: &BigUint) -> Bits {
    Bits::from_be_bytes(width, &(value % modulus(width)).to_bytes_be())
}

fn bits_of_signed(width: u32, value: &BigInt) -> Bits {
    let modulus = BigInt::from(modulus(width));
    let value = ((value % &modulus) + &modulus) % &modulus;
    bits_of(width, &value.to_biguint().unwrap_or_default())
}

/// Random limbs alone hardly ever carry far, so runs of zeros and ones are mixed in.
fn limb() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), Just(u64::MAX), Just(1), Just(1 << 63), any::<u64>(), 0u64..16]
}

fn bits(width: u32) -> impl Strategy<Value = Bits> {
    prop::collection::vec(limb(), 5).prop_map(move |limbs| Bits::from_limbs(width, &limbs))
}

fn width() -> impl Strategy<Value = u32> {
    prop_oneof![0u32..300, Just(64), Just(65), Just(127), Just(128), Just(129), Just(192)]
}

fn one() -> impl Strategy<Value = Bits> {
    width().prop_flat_map(bits)
}

fn two_alike() -> impl Strategy<Value = (Bits, Bits)> {
    width().prop_flat_map(|w| (bits(w), bits(w)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn is_canonical(a in one()) {
        prop_assert!(big(&a) < modulus(a.width()));
        prop_assert_eq!(a.limb_count(), a.limbs().count());
        prop_assert_eq!(&Bits::from_be_bytes(a.width(), &a.to_be_bytes()), &a);
        prop_assert_eq!(&Bits::from_limbs(a.width(), &a.limbs().collect::<Vec<_>>()), &a);
        prop_assert_eq!(a.to_be_bytes().len() as u32, a.width().div_ceil(8));
    }

    #[test]
    fn arithmetic((a, b) in two_alike()) {
        let w = a.width();
        let (x, y) = (big(&a), big(&b));
        prop_assert_eq!(a.add(&b), bits_of(w, &(&x + &y)));
        prop_assert_eq!(a.sub(&b), bits_of(w, &(&x + modulus(w) - &y)));
        prop_assert_eq!(a.mul(&b), bits_of(w, &(&x * &y)));
        prop_assert_eq!(a.neg(), bits_of(w, &(modulus(w) - &x)));
        let zero = BigUint::ZERO;
        let (q, r) = if y == zero { (zero.clone(), zero) } else { (&x / &y, &x % &y) };
        prop_assert_eq!(a.div(&b), bits_of(w, &q));
        prop_assert_eq!(a.rem(&b), bits_of(w, &r));
    }

    #[test]
    fn division_undoes_multiplication(a in bits(140), b in bits(140), c in bits(140)) {
        // Wide enough for the product, so the divisor is shorter than the dividend by any number of limbs.
        let (a, b, c) = (a.resize(300, false), b.resize(300, false), c.resize(300, false));
        let (b, c) = if c.cmp_unsigned(&b).is_lt() { (b, c) } else { (c, b) };
        prop_assume!(b != c);
        let dividend = a.mul(&b).add(&c);
        prop_assert_eq!(dividend.div(&b), a);
        prop_assert_eq!(dividend.rem(&b), c);
    }

    #[test]
    fn saturating((a, b) in two_alike()) {
        let w = a.width();
        let top = modulus(w) - 1u8;
        prop_assert_eq!(a.sat_add_unsigned(&b), bits_of(w, &(big(&a) + big(&b)).min(top)));
        let difference = if big(&a) > big(&b) { big(&a) - big(&b) } else { BigUint::ZERO };
        prop_assert_eq!(a.sat_sub_unsigned(&b), bits_of(w, &difference));
        if w > 0 {
            let (min, max): (BigInt, BigInt) = (-BigInt::from(modulus(w - 1)), BigInt::from(modulus(w - 1)) - 1);
            let sum = (signed(&a) + signed(&b)).clamp(min.clone(), max.clone());
            prop_assert_eq!(a.sat_add_signed(&b), bits_of_signed(w, &sum));
            let difference = (signed(&a) - signed(&b)).clamp(min, max);
            prop_assert_eq!(a.sat_sub_signed(&b), bits_of_signed(w, &difference));
        } else {
            prop_assert_eq!(a.sat_add_signed(&b), Bits::zero(0));
            prop_assert_eq!(a.sat_sub_signed(&b), Bits::zero(0));
        }
    }

    #[test]
    fn bitwise((a, b) in two_alike()) {
        let w = a.width();
        prop_assert_eq!(a.and(&b), bits_of(w, &(big(&a) & big(&b))));
        prop_assert_eq!(a.or(&b), bits_of(w, &(big(&a) | big(&b))));
        prop_assert_eq!(a.xor(&b), bits_of(w, &(big(&a) ^ big(&b))));
        prop_assert_eq!(a.not(), bits_of(w, &(modulus(w) - 1u8 - big(&a))));
    }

    #[test]
    fn shifts(a in one(), n in 0u32..330, extra in 0u32..100) {
        let w = a.width();
        let amount = Bits::new(32 + extra, u128::from(n));
        prop_assert_eq!(a.shl(&amount), bits_of(w, &(big(&a) << n)));
        prop_assert_eq!(a.shr(&amount), bits_of(w, &(big(&a) >> n)));
        prop_assert_eq!(a.sar(&amount), bits_of_signed(w, &(signed(&a) >> n)));
    }

    #[test]
    fn shifts_by_huge_amounts(a in one(), amount in one()) {
        prop_assume!(big(&amount) >= BigUint::from(a.width()));
        prop_assert!(a.shl(&amount).is_zero());
        prop_assert!(a.shr(&amount).is_zero());
        prop_assert_eq!(a.sar(&amount), if a.sign() { Bits::ones(a.width()) } else { Bits::zero(a.width()) });
    }

    #[test]
    fn order(a in one(), b in one()) {
        prop_assert_eq!(a.cmp_unsigned(&b), big(&a).cmp(&big(&b)));
        prop_assert_eq!(a.cmp_signed(&b), signed(&a).cmp(&signed(&b)));
    }

    #[test]
    fn slices(a in one(), value in one(), x in 0u32..320, y in 0u32..320) {
        let (high, low) = (x.max(y), x.min(y));
        prop_assert_eq!(a.slice(high, low), bits_of(high - low + 1, &(big(&a) >> low)));
        let field = modulus(high - low + 1) - 1u8;
        let put = (big(&value) & &field) << low;
        let expected = ((big(&a) | (&field << low)) - (&field << low)) | put;
        prop_assert_eq!(a.with_slice(high, low, &value), bits_of(a.width(), &expected));
        if high > low {
            prop_assert_eq!(a.slice(low, high), Bits::zero(0));
            prop_assert_eq!(&a.with_slice(low, high, &value), &a);
        }
    }

    #[test]
    fn widths(a in one(), b in one(), w in width()) {
        let joined = bits_of(a.width() + b.width(), &((big(&a) << b.width()) | big(&b)));
        prop_assert_eq!(a.concat(&b), joined);
        prop_assert_eq!(a.resize(w, false), bits_of(w, &big(&a)));
        prop_assert_eq!(a.resize(w, true), bits_of_signed(w, &signed(&a)));
    }

    #[test]
    fn right_operand_takes_the_left_ones_width(a in one(), b in one()) {
        let fitted = b.resize(a.width(), false);
        for operation in [
            Bits::add, Bits::sub, Bits::mul, Bits::div, Bits::rem, Bits::and, Bits::or, Bits::xor,
            Bits::sat_add_unsigned, Bits::sat_sub_unsigned, Bits::sat_add_signed, Bits::sat_sub_signed,
        ] {
            prop_assert_eq!(operation(&a, &b), operation(&a, &fitted));
        }
    }

    #[test]
    fn prefixes(w in width(), len in 0u32..310) {
        let mask = Bits::mask_prefix(w, len);
        let len = len.min(w);
        prop_assert_eq!(&mask, &bits_of(w, &(modulus(w) - modulus(w - len))));
        prop_assert_eq!(mask.prefix_len(), Some(len));
        prop_assert_eq!(mask.leading_ones(), len);
        prop_assert_eq!(mask.trailing_zeros(), w - len);
    }

    #[test]
    fn counting(a in one()) {
        let w = a.width();
        let all: Vec<bool> = (0..w).map(|i| a.bit(i)).collect();
        prop_assert_eq!(a.count_ones() as usize, all.iter().filter(|b| **b).count());
        prop_assert_eq!(a.leading_zeros() as usize, all.iter().rev().take_while(|b| !**b).count());
        prop_assert_eq!(a.leading_ones() as usize, all.iter().rev().take_while(|b| **b).count());
        prop_assert_eq!(a.trailing_zeros() as usize, all.iter().take_while(|b| !**b).count());
        prop_assert_eq!(a.is_zero(), all.iter().all(|b| !b));
        prop_assert_eq!(a.is_ones(), all.iter().all(|b| *b));
        prop_assert_eq!(a.sign(), all.last().copied().unwrap_or(false));
        let is_prefix = all.windows(2).all(|pair| pair[1] || !pair[0]);
        prop_assert_eq!(a.prefix_len().is_some(), is_prefix);
        prop_assert_eq!(a.to_u64(), u64::try_from(big(&a)).ok());
        prop_assert_eq!(BigUint::from(a.low_u128()), big(&a) % modulus(128));
        prop_assert_eq!(Bits::new(w, a.low_u128()), bits_of(w, &(big(&a) % modulus(128))));
    }

    #[test]
    fn text(a in one()) {
        let w = a.width();
        prop_assert_eq!(a.to_string(), format!("{w}w0x{:x}", big(&a)));
        prop_assert_eq!(a.to_string().parse::<Bits>(), Ok(a.clone()));
        prop_assert_eq!(Bits::parse(w, &big(&a).to_string()), Ok(a.clone()));
        prop_assert_eq!(Bits::parse(w, &format!("0b{:b}", big(&a))), Ok(a.clone()));
        prop_assert_eq!(Bits::parse(w, &format!("0o{:o}", big(&a))), Ok(a.clone()));
        let json = serde_json::to_string(&a).unwrap();
        prop_assert_eq!(&json, &format!("\"{a}\""));
        prop_assert_eq!(serde_json::from_str::<Bits>(&json).unwrap(), a.clone());
        let beyond = modulus(w).to_string();
        prop_assert_eq!(Bits::parse(w, &beyond), Err(BitsParseError::DoesNotFit(w)));
    }

    #[test]
    fn parsing_never_panics(w in width(), text in "\\PC{0,12}") {
        let _ = Bits::parse(w, &text);
        let _ = text.parse::<Bits>();
    }
}

#[test]
fn a_value_is_three_words() {
    assert_eq!(size_of::<Bits>(), 24);
}

#[test]
fn refuses_what_is_no_number() {
    assert_eq!(Bits::parse(8, ""), Err(BitsParseError::NoDigits));
    assert_eq!(Bits::parse(8, "0x"), Err(BitsParseError::NoDigits));
    assert_eq!(Bits::parse(8, "_"), Err(BitsParseError::NoDigits));
    assert_eq!(Bits::parse(8, "12a"), Err(BitsParseError::BadDigit('a')));
    assert_eq!(Bits::parse(8, "0xé"), Err(BitsParseError::BadDigit('é')));
    assert_eq!(Bits::parse(8, "0x1_00"), Err(BitsParseError::DoesNotFit(8)));
    assert_eq!("w1".parse::<Bits>(), Err(BitsParseError::NoWidth));
    assert_eq!("8".parse::<Bits>(), Err(BitsParseError::NoWidth));
    assert!("4294967295w1".parse::<Bits>().is_err());
    assert_eq!("8w0x1_f".parse::<Bits>(), Ok(Bits::new(8, 0x1f)));
}
