//! Operators: of values in registers limb by limb, of wider ones by the host.
//!
//! Invariant: as that of [`super::value`]: results are canonical.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value};
use heddle_ir::{BinaryOp, Bits, UnaryOp};

use super::value::{Repr, limb_count, limb_mask};
use super::{Coder, Cond, INLINE_LIMBS_MAX, Limb, Val};
use crate::host::{self, Host};

impl Coder<'_, '_> {
    pub(super) fn unary(&mut self, op: UnaryOp, operand: Val) -> Val {
        let width = operand.width;
        match (op, &operand.repr) {
            (UnaryOp::Not, Repr::Limbs(limbs)) => {
                let limbs = limbs.iter().enumerate();
                let limbs = limbs.map(|(i, limb)| self.limb_xor(*limb, Limb::Const(limb_mask(width, i))));
                let limbs = limbs.collect();
                Val::limbs(width, limbs)
            }
            (UnaryOp::Neg, Repr::Limbs(limbs)) => {
                let zero = vec![Limb::Const(0); limbs.len()];
                self.subtract(width, &zero, limbs)
            }
            (UnaryOp::Not | UnaryOp::Neg, Repr::Memory(address)) => {
                let (negate, bits) = (u64::from(op == UnaryOp::Neg), u64::from(width));
                let (negate, bits) = (self.constant(negate), self.constant(bits));
                self.host_value(Host::Unary, width, &[negate, bits, *address])
            }
        }
    }

    pub(super) fn binary(&mut self, op: BinaryOp, left: &Val, right: &Val) -> Val {
        let width = if op == BinaryOp::Concat { left.width + right.width } else { left.width };
        let (Some(a), Some(b)) = (left.in_registers(), right.in_registers()) else {
            return self.binary_in_memory(op, width, left, right);
        };
        if limb_count(width) > INLINE_LIMBS_MAX {
            return self.binary_in_memory(op, width, left, right);
        }
        if let Some(folded) = self.folded(op, left, right) {
            return folded;
        }
        let (a, b) = (a.to_vec(), b.to_vec());
        let op = self.assembly.miscompiled(op);
        match op {
            BinaryOp::Concat => {
                let low = self.resize(right, width, false);
                let high = self.resize(left, width, false);
                let high = self.shift_left(&high, right.width);
                self.binary(BinaryOp::Or, &low, &high)
            }
            BinaryOp::And | BinaryOp::Or | BinaryOp::Xor => {
                let limbs = a.iter().zip(&b).map(|(a, b)| match op {
                    BinaryOp::And => self.limb_and(*a, *b),
                    BinaryOp::Or => self.limb_or(*a, *b),
                    _ => self.limb_xor(*a, *b),
                });
                let limbs = limbs.collect();
                Val::limbs(width, limbs)
            }
            BinaryOp::Add => self.add(width, &a, &b),
            BinaryOp::Sub => self.subtract(width, &a, &b),
            BinaryOp::Mul
            | BinaryOp::Div
            | BinaryOp::Mod
            | BinaryOp::SatAddU
            | BinaryOp::SatSubU
            | BinaryOp::SatAddS
            | BinaryOp::SatSubS
                if width > 64 =>
            {
                self.binary_in_memory(op, width, left, right)
            }
            BinaryOp::Mul
            | BinaryOp::Div
            | BinaryOp::Mod
            | BinaryOp::SatAddU
            | BinaryOp::SatSubU
            | BinaryOp::SatAddS
            | BinaryOp::SatSubS => {
                let limb = self.word_arithmetic(op, width, a[0], b[0]);
                Val::word(width, limb)
            }
            BinaryOp::Shl | BinaryOp::Shr | BinaryOp::Sar => {
                if let Some(amount) = known_amount(&b) {
                    return self.shift_by(op, left, amount);
                }
                if width > 64 {
                    return self.binary_in_memory(op, width, left, right);
                }
                let limb = self.word_shift(op, width, a[0], &b);
                Val::word(width, limb)
            }
            BinaryOp::Eq | BinaryOp::Ne | BinaryOp::LtU | BinaryOp::LeU | BinaryOp::LtS | BinaryOp::LeS => {
                let cond = self.compare_values(op, left, right);
                let limb = self.truth(cond);
                Val::word(1, limb)
            }
        }
    }

    fn binary_in_memory(&mut self, op: BinaryOp, width: u32, left: &Val, right: &Val) -> Val {
        let number = self.constant(host::binary_number(op));
        let widths = self.constant(u64::from(left.width) << 32 | u64::from(right.width));
        let (left, right) = (self.address(left), self.address(right));
        self.host_value(Host::Binary, width, &[number, widths, left, right])
    }

    /// The result if both operands are known.
    fn folded(&mut self, op: BinaryOp, left: &Val, right: &Val) -> Option<Val> {
        let result = op.apply(&known(left)?, &known(right)?);
        Some(self.constant_value(&result))
    }

    /// Compares two values of one width.
    pub(super) fn compare_values(&mut self, op: BinaryOp, left: &Val, right: &Val) -> Cond {
        let (Some(a), Some(b)) = (left.in_registers(), right.in_registers()) else {
            return self.compare_in_memory(op, left, right);
        };
        let (a, b) = (a.to_vec(), b.to_vec());
        match op {
            BinaryOp::Eq | BinaryOp::Ne => {
                let mut difference = Limb::Const(0);
                if let ([a], [b]) = (&a[..], &b[..]) {
                    let cc = if op == BinaryOp::Eq { IntCC::Equal } else { IntCC::NotEqual };
                    return self.compare(cc, *a, *b);
                }
                for (a, b) in a.iter().zip(&b) {
                    let limb = self.limb_xor(*a, *b);
                    difference = self.limb_or(difference, limb);
                }
                let cc = if op == BinaryOp::Eq { IntCC::Equal } else { IntCC::NotEqual };
                self.compare(cc, difference, Limb::Const(0))
            }
            BinaryOp::LtU => self.less(&a, &b, false),
            BinaryOp::LeU => {
                let greater = self.less(&b, &a, false);
                self.not(greater)
            }
            BinaryOp::LtS | BinaryOp::LeS => {
                let (a, b) = (self.top_extended(left.width, &a), self.top_extended(left.width, &b));
                if op == BinaryOp::LtS {
                    self.less(&a, &b, true)
                } else {
                    let greater = self.less(&b, &a, true);
                    self.not(greater)
                }
            }
            BinaryOp::Add
            | BinaryOp::Sub
            | BinaryOp::Mul
            | BinaryOp::Div
            | BinaryOp::Mod
            | BinaryOp::SatAddU
            | BinaryOp::SatSubU
            | BinaryOp::SatAddS
            | BinaryOp::SatSubS
            | BinaryOp::And
            | BinaryOp::Or
            | BinaryOp::Xor
            | BinaryOp::Shl
            | BinaryOp::Shr
            | BinaryOp::Sar
            | BinaryOp::Concat => Cond::Const(false),
        }
    }

    fn compare_in_memory(&mut self, op: BinaryOp, left: &Val, right: &Val) -> Cond {
        let (width, op) = (self.constant(u64::from(left.width)), self.constant(host::binary_number(op)));
        let (left, right) = (self.address(left), self.address(right));
        let result = self.host(Host::Compare, &[op, width, left, right]);
        self.nonzero(Limb::Var(result))
    }

    /// The limbs with the highest one's sign extended to 64 bits.
    fn top_extended(&mut self, width: u32, limbs: &[Limb]) -> Vec<Limb> {
        let mut limbs = limbs.to_vec();
        let bits = width - 64 * (limbs.len() as u32 - 1).min(width / 64);
        if let Some(top) = limbs.last_mut() {
            *top = self.sign_extended(*top, bits);
        }
        limbs
    }

    /// Whether one number is less than another of as many limbs.
    fn less(&mut self, left: &[Limb], right: &[Limb], signed: bool) -> Cond {
        let mut below = Cond::Const(false);
        let top = left.len() - 1;
        for (i, (a, b)) in left.iter().zip(right).enumerate() {
            let cc = if signed && i == top { IntCC::SignedLessThan } else { IntCC::UnsignedLessThan };
            let less = self.compare(cc, *a, *b);
            below = if i == 0 {
                less
            } else {
                let equal = self.compare(IntCC::Equal, *a, *b);
                let through = self.both(equal, below);
                self.either(less, through)
            };
        }
        below
    }

    /// One of two values of one width.
    pub(super) fn select(&mut self, cond: Value, then: &Val, els: &Val) -> Val {
        let width = then.width;
        match (&then.repr, &els.repr) {
            (Repr::Limbs(then), Repr::Limbs(els)) => {
                let limbs = then.iter().zip(els).map(|(a, b)| self.limb_select(cond, *a, *b));
                let limbs = limbs.collect();
                Val::limbs(width, limbs)
            }
            (Repr::Memory(_), _) | (_, Repr::Memory(_)) => {
                let (then, els) = (self.address(then), self.address(els));
                let address = self.builder.ins().select(cond, then, els);
                Val { width, repr: Repr::Memory(address) }
            }
        }
    }

    /// Bits `high` to `low`.
    pub(super) fn slice(&mut self, of: &Val, high: u32, low: u32) -> Val {
        let width = high - low + 1;
        match &of.repr {
            Repr::Limbs(_) => {
                let shifted = self.shift_right(of, low);
                self.resize(&shifted, width, false)
            }
            Repr::Memory(address) => {
                let bits = self.constant(u64::from(of.width));
                let (high, low) = (self.constant(u64::from(high)), self.constant(u64::from(low)));
                self.host_value(Host::Slice, width, &[bits, *address, high, low])
            }
        }
    }

    /// Another width.
    pub(super) fn resize(&mut self, of: &Val, width: u32, signed: bool) -> Val {
        let count = limb_count(width);
        let extends = signed && width > of.width && of.width > 0;
        let Some(limbs) = of.in_registers().filter(|_| count <= INLINE_LIMBS_MAX) else {
            if width == of.width {
                return of.clone();
            }
            let widths = self.constant(u64::from(of.width) << 32 | u64::from(width));
            let (address, signed) = (self.address(of), self.constant(u64::from(signed)));
            return self.host_value(Host::Resize, width, &[widths, address, signed]);
        };
        let mut limbs = limbs.to_vec();
        let mut fill = Limb::Const(0);
        if extends {
            limbs = self.top_extended(of.width, &limbs);
            let top = limbs.last().copied().unwrap_or(Limb::Const(0));
            fill = match top {
                Limb::Const(value) => Limb::Const(((value as i64) >> 63) as u64),
                Limb::Var(value) => Limb::Var(self.builder.ins().sshr_imm_u(value, 63)),
            };
        }
        limbs.resize(count, fill);
        if extends || width < of.width {
            let top = count - 1;
            limbs[top] = self.limb_and(limbs[top], Limb::Const(limb_mask(width, top)));
        }
        Val::limbs(width, limbs)
    }

    fn cut(&mut self, width: u32, mut limbs: Vec<Limb>) -> Val {
        let top = limbs.len() - 1;
        limbs[top] = self.limb_and(limbs[top], Limb::Const(limb_mask(width, top)));
        Val::limbs(width, limbs)
    }

    fn add(&mut self, width: u32, a: &[Limb], b: &[Limb]) -> Val {
        let mut carry = Limb::Const(0);
        let mut sums = Vec::with_capacity(a.len());
        for (i, (a, b)) in a.iter().zip(b).enumerate() {
            let half = self.limb_add(*a, *b);
            let sum = self.limb_add(half, carry);
            if i + 1 < width.div_ceil(64) as usize {
                let first = self.compare(IntCC::UnsignedLessThan, half, *a);
                let second = self.compare(IntCC::UnsignedLessThan, sum, half);
                let either = self.either(first, second);
                carry = self.truth(either);
            }
            sums.push(sum);
        }
        self.cut(width, sums)
    }

    fn subtract(&mut self, width: u32, a: &[Limb], b: &[Limb]) -> Val {
        let mut borrow = Limb::Const(0);
        let mut differences = Vec::with_capacity(a.len());
        for (i, (a, b)) in a.iter().zip(b).enumerate() {
            let half = self.limb_sub(*a, *b);
            let difference = self.limb_sub(half, borrow);
            if i + 1 < width.div_ceil(64) as usize {
                let first = self.compare(IntCC::UnsignedLessThan, *a, *b);
                let second = self.compare(IntCC::UnsignedLessThan, half, borrow);
                let either = self.either(first, second);
                borrow = self.truth(either);
            }
            differences.push(difference);
        }
        self.cut(width, differences)
    }

    /// What takes more than an instruction, of at most 64 bits.
    fn word_arithmetic(&mut self, op: BinaryOp, width: u32, a: Limb, b: Limb) -> Limb {
        if width == 0 {
            return Limb::Const(0);
        }
        let (a_value, b_value) = (self.word_value(a), self.word_value(b));
        let mask = Limb::Const(limb_mask(width, 0));
        let ins =
            |coder: &mut Self, f: fn(&mut Self, Value, Value) -> Value| Limb::Var(f(coder, a_value, b_value));
        match op {
            BinaryOp::Mul => {
                let product = ins(self, |c, a, b| c.builder.ins().imul(a, b));
                self.limb_and(product, mask)
            }
            BinaryOp::Div | BinaryOp::Mod => {
                let one = self.constant(1);
                let is_zero = self.builder.ins().icmp_imm_u(IntCC::Equal, b_value, 0);
                let divisor = self.builder.ins().select(is_zero, one, b_value);
                if op == BinaryOp::Mod {
                    // By one in place of zero: nothing remains.
                    return Limb::Var(self.builder.ins().urem(a_value, divisor));
                }
                let quotient = self.builder.ins().udiv(a_value, divisor);
                self.limb_select(is_zero, Limb::Const(0), Limb::Var(quotient))
            }
            BinaryOp::SatAddU => {
                let sum = ins(self, |c, a, b| c.builder.ins().iadd(a, b));
                let over = if width == 64 {
                    self.compare(IntCC::UnsignedLessThan, sum, a)
                } else {
                    self.compare(IntCC::UnsignedGreaterThan, sum, mask)
                };
                self.choose(over, mask, sum)
            }
            BinaryOp::SatSubU => {
                let difference = ins(self, |c, a, b| c.builder.ins().isub(a, b));
                let under = self.compare(IntCC::UnsignedLessThan, a, b);
                self.choose(under, Limb::Const(0), difference)
            }
            BinaryOp::SatAddS | BinaryOp::SatSubS => {
                let (x, y) = (self.sign_extended(a, width), self.sign_extended(b, width));
                let (x, y) = (self.word_value(x), self.word_value(y));
                let result = if op == BinaryOp::SatAddS {
                    self.builder.ins().iadd(x, y)
                } else {
                    self.builder.ins().isub(x, y)
                };
                let (smallest, largest) = ((-1i64) << (width - 1), !((-1i64) << (width - 1)));
                if width == 64 {
                    // Over, if the result's sign is neither operand's (for a difference: the second one's inverse).
                    let by_x = self.builder.ins().bxor(x, result);
                    let y = if op == BinaryOp::SatAddS { y } else { self.builder.ins().bnot(y) };
                    let by_y = self.builder.ins().bxor(y, result);
                    let signs = self.builder.ins().band(by_x, by_y);
                    let over = self.compare(IntCC::SignedLessThan, Limb::Var(signs), Limb::Const(0));
                    let fill = self.builder.ins().sshr_imm_u(x, 63);
                    let extreme = self.builder.ins().bxor_imm_u(fill, largest);
                    return self.choose(over, Limb::Var(extreme), Limb::Var(result));
                }
                let largest = self.constant(largest as u64);
                let smallest = self.constant(smallest as u64);
                let result = self.builder.ins().smin(result, largest);
                let result = self.builder.ins().smax(result, smallest);
                self.limb_and(Limb::Var(result), mask)
            }
            BinaryOp::Add
            | BinaryOp::Sub
            | BinaryOp::And
            | BinaryOp::Or
            | BinaryOp::Xor
            | BinaryOp::Shl
            | BinaryOp::Shr
            | BinaryOp::Sar
            | BinaryOp::Eq
            | BinaryOp::Ne
            | BinaryOp::LtU
            | BinaryOp::LeU
            | BinaryOp::LtS
            | BinaryOp::LeS
            | BinaryOp::Concat => Limb::Const(0),
        }
    }

    /// A shift of at most 64 bits by an amount that is not known.
    fn word_shift(&mut self, op: BinaryOp, width: u32, a: Limb, amount: &[Limb]) -> Limb {
        if width == 0 {
            return Limb::Const(0);
        }
        let mut far =
            self.compare(IntCC::UnsignedGreaterThanOrEqual, amount[0], Limb::Const(u64::from(width)));
        for limb in &amount[1..] {
            let high = self.nonzero(*limb);
            far = self.either(far, high);
        }
        let by = self.word_value(amount[0]);
        let mask = Limb::Const(limb_mask(width, 0));
        match op {
            BinaryOp::Shl => {
                let value = self.word_value(a);
                let shifted = self.builder.ins().ishl(value, by);
                let shifted = self.limb_and(Limb::Var(shifted), mask);
                self.choose(far, Limb::Const(0), shifted)
            }
            BinaryOp::Shr => {
                let value = self.word_value(a);
                let shifted = self.builder.ins().ushr(value, by);
                self.choose(far, Limb::Const(0), Limb::Var(shifted))
            }
            _ => {
                let value = self.sign_extended(a, width);
                let value = self.word_value(value);
                let by = self.choose(far, Limb::Const(63), Limb::Var(by));
                let by = self.word_value(by);
                let shifted = self.builder.ins().sshr(value, by);
                self.limb_and(Limb::Var(shifted), mask)
            }
        }
    }

    /// A shift by a known amount, in registers.
    fn shift_by(&mut self, op: BinaryOp, of: &Val, amount: u32) -> Val {
        let width = of.width;
        match op {
            BinaryOp::Shl if amount >= width => self.zero(width),
            BinaryOp::Shl => self.shift_left(of, amount),
            BinaryOp::Shr if amount >= width => self.zero(width),
            BinaryOp::Shr => self.shift_right(of, amount),
            _ => {
                if width == 0 {
                    return self.zero(0);
                }
                let amount = amount.min(width - 1);
                let kept = self.slice(of, width - 1, amount);
                self.resize(&kept, width, true)
            }
        }
    }

    /// To the left by less than the width, in registers.
    fn shift_left(&mut self, of: &Val, by: u32) -> Val {
        let limbs = of.in_registers().unwrap_or(&[]).to_vec();
        let (whole, bits) = ((by / 64) as usize, by % 64);
        let shifted = (0..limbs.len()).map(|i| {
            let at = |i: usize| i.checked_sub(whole).and_then(|i| limbs.get(i).copied());
            let low = at(i).unwrap_or(Limb::Const(0));
            let low = self.limb_shl(low, bits);
            match i.checked_sub(1).and_then(at) {
                Some(under) if bits != 0 => {
                    let carried = self.limb_shr(under, 64 - bits);
                    self.limb_or(low, carried)
                }
                Some(_) | None => low,
            }
        });
        let shifted: Vec<Limb> = shifted.collect();
        self.cut(of.width, shifted)
    }

    /// To the right, in registers.
    fn shift_right(&mut self, of: &Val, by: u32) -> Val {
        let limbs = of.in_registers().unwrap_or(&[]).to_vec();
        let (whole, bits) = ((by / 64) as usize, by % 64);
        let shifted = (0..limbs.len()).map(|i| {
            let at = |i: usize| limbs.get(i + whole).copied();
            let low = at(i).unwrap_or(Limb::Const(0));
            let low = self.limb_shr(low, bits);
            match at(i + 1) {
                Some(over) if bits != 0 => {
                    let carried = self.limb_shl(over, 64 - bits);
                    self.limb_or(low, carried)
                }
                Some(_) | None => low,
            }
        });
        let shifted = shifted.collect();
        Val::limbs(of.width, shifted)
    }
}

/// The value of what is known.
fn known(val: &Val) -> Option<Bits> {
    let limbs: Option<Vec<u64>> = val
        .in_registers()?
        .iter()
        .map(|limb| match limb {
            Limb::Const(value) => Some(*value),
            Limb::Var(_) => None,
        })
        .collect();
    Some(Bits::from_limbs(val.width, &limbs?))
}

/// A shift's amount, if it is known; a huge one is as good as the largest.
fn known_amount(limbs: &[Limb]) -> Option<u32> {
    let mut amount = 0;
    for (i, limb) in limbs.iter().enumerate() {
        let Limb::Const(value) = limb else { return None };
        amount = match (i, u32::try_from(*value)) {
            (0, Ok(value)) => value,
            (_, Ok(0)) => amount,
            (_, Ok(_) | Err(_)) => u32::MAX,
        };
    }
    Some(amount)
}
