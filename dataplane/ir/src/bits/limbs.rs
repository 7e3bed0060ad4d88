//! Arithmetic on little-endian 64-bit limbs, for values too wide to be held inline.
//!
//! Results are as long as the left operand unless a length is asked for; what does not fit is cut off.

use std::cmp::Ordering;

/// Limbs that a width takes; at least one.
pub(super) fn count(width: u32) -> usize {
    (width.div_ceil(64) as usize).max(1)
}

/// Bits up to and including the most significant one bit.
pub(super) fn bit_length(limbs: &[u64]) -> u32 {
    match limbs.iter().rposition(|l| *l != 0) {
        Some(i) => i as u32 * 64 + (64 - limbs[i].leading_zeros()),
        None => 0,
    }
}

fn limb(limbs: &[u64], i: usize) -> u64 {
    limbs.get(i).copied().unwrap_or(0)
}

pub(super) fn add(a: &[u64], b: &[u64]) -> Vec<u64> {
    let mut carry = 0;
    let mut sum = Vec::with_capacity(a.len());
    for (i, x) in a.iter().enumerate() {
        let wide = u128::from(*x) + u128::from(limb(b, i)) + carry;
        sum.push(wide as u64);
        carry = wide >> 64;
    }
    sum
}

pub(super) fn sub(a: &[u64], b: &[u64]) -> Vec<u64> {
    let mut borrow = false;
    let mut difference = Vec::with_capacity(a.len());
    for (i, x) in a.iter().enumerate() {
        let (d, under) = x.overflowing_sub(limb(b, i));
        let (d, under_borrow) = d.overflowing_sub(u64::from(borrow));
        difference.push(d);
        borrow = under || under_borrow;
    }
    difference
}

pub(super) fn mul(a: &[u64], b: &[u64]) -> Vec<u64> {
    let mut product = vec![0u64; a.len()];
    for (i, x) in a.iter().enumerate() {
        let mut carry = 0;
        for (to, y) in product[i..].iter_mut().zip(b) {
            let wide = u128::from(*x) * u128::from(*y) + u128::from(*to) + carry;
            *to = wide as u64;
            carry = wide >> 64;
        }
        // Where `b` is the shorter one its carry still has a place to go.
        if let Some(to) = product.get_mut(i + b.len()) {
            *to = carry as u64;
        }
    }
    product
}

/// `value = value * factor + term`, growing as needed.
pub(super) fn scale_and_add(value: &mut Vec<u64>, factor: u64, term: u64) {
    let mut carry = u128::from(term);
    for limb in value.iter_mut() {
        let wide = u128::from(*limb) * u128::from(factor) + carry;
        *limb = wide as u64;
        carry = wide >> 64;
    }
    if carry != 0 {
        value.push(carry as u64);
    }
}

/// The lowest `len` limbs of `a` shifted left by `n` bits.
pub(super) fn shl(a: &[u64], n: u32, len: usize) -> Vec<u64> {
    let (whole, part) = (n as usize / 64, n % 64);
    let shifted = |i: usize| {
        let Some(from) = i.checked_sub(whole) else { return 0 };
        let carried = if part == 0 || from == 0 { 0 } else { limb(a, from - 1) >> (64 - part) };
        limb(a, from) << part | carried
    };
    (0..len).map(shifted).collect()
}

/// The lowest `len` limbs of `a` shifted right by `n` bits.
pub(super) fn shr(a: &[u64], n: u32, len: usize) -> Vec<u64> {
    let (whole, part) = (n as usize / 64, n % 64);
    let shifted = |i: usize| {
        let carried = if part == 0 { 0 } else { limb(a, i + whole + 1) << (64 - part) };
        limb(a, i + whole) >> part | carried
    };
    (0..len).map(shifted).collect()
}

fn cmp(a: &[u64], b: &[u64]) -> Ordering {
    let len = a.len().max(b.len());
    (0..len).rev().map(|i| limb(a, i).cmp(&limb(b, i))).find(|o| o.is_ne()).unwrap_or(Ordering::Equal)
}

/// Quotient and remainder, both as long as `a`; both zero if `b` is zero.
pub(super) fn div_rem(a: &[u64], b: &[u64]) -> (Vec<u64>, Vec<u64>) {
    let len = a.len();
    let Some(top) = b.iter().rposition(|l| *l != 0) else {
        return (vec![0; len], vec![0; len]);
    };
    if cmp(a, b) == Ordering::Less {
        return (vec![0; len], a.to_vec());
    }
    if top == 0 {
        return div_rem_limb(a, b[0]);
    }
    // Knuth, The Art of Computer Programming, volume 2, 4.3.1, algorithm D. The divisor is shifted until its
    // top bit is one, so that a quotient digit guessed from the top limbs is at most two too large.
    let shift = b[top].leading_zeros();
    let divisor = shl(&b[..=top], shift, top + 1);
    let (high, second) = (u128::from(divisor[top]), u128::from(divisor[top - 1]));
    let mut rest = shl(a, shift, len + 1);
    let mut quotient = vec![0u64; len];
    for at in (0..len - top).rev() {
        let two = u128::from(rest[at + top + 1]) << 64 | u128::from(rest[at + top]);
        let (mut digit, mut left) = (two / high, two % high);
        while digit >> 64 != 0 || digit * second > (left << 64 | u128::from(rest[at + top - 1])) {
            digit -= 1;
            left += high;
            if left >> 64 != 0 {
                break;
            }
        }
        if take_multiple(&mut rest[at..=at + top + 1], &divisor, digit as u64) {
            digit -= 1;
            put_back(&mut rest[at..=at + top + 1], &divisor);
        }
        quotient[at] = digit as u64;
    }
    (quotient, shr(&rest, shift, len))
}

fn div_rem_limb(a: &[u64], divisor: u64) -> (Vec<u64>, Vec<u64>) {
    let mut quotient = vec![0; a.len()];
    let mut left = 0u128;
    for (to, x) in quotient.iter_mut().zip(a).rev() {
        let wide = left << 64 | u128::from(*x);
        *to = (wide / u128::from(divisor)) as u64;
        left = wide % u128::from(divisor);
    }
    let mut remainder = vec![0; a.len()];
    if let Some(low) = remainder.first_mut() {
        *low = left as u64;
    }
    (quotient, remainder)
}

/// `rest -= divisor * digit`, modulo the length of `rest`, which is one more than the divisor's. True if it
/// went below zero.
fn take_multiple(rest: &mut [u64], divisor: &[u64], digit: u64) -> bool {
    let mut carry = 0u128;
    let mut borrow = false;
    for (i, x) in rest.iter_mut().enumerate() {
        let product = u128::from(limb(divisor, i)) * u128::from(digit) + carry;
        carry = product >> 64;
        let (d, under) = x.overflowing_sub(product as u64);
        let (d, under_borrow) = d.overflowing_sub(u64::from(borrow));
        *x = d;
        borrow = under || under_borrow;
    }
    borrow
}

/// `rest += divisor`, modulo the length of `rest`.
fn put_back(rest: &mut [u64], divisor: &[u64]) {
    let mut carry = false;
    for (i, x) in rest.iter_mut().enumerate() {
        let (s, over) = x.overflowing_add(limb(divisor, i));
        let (s, over_carry) = s.overflowing_add(u64::from(carry));
        *x = s;
        carry = over || over_carry;
    }
}
