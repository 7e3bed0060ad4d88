//! Words and conditions, in registers or known: what is known is computed here and costs nothing when the code runs.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};

use super::Coder;

/// A limb that is known, or in a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limb {
    Const(u64),
    Var(Value),
}

/// A condition.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cond {
    Const(bool),
    /// One byte, one or zero.
    Var(Value),
}

impl Coder<'_, '_> {
    pub(super) fn compare(&mut self, cc: IntCC, left: Limb, right: Limb) -> Cond {
        if let (Limb::Const(left), Limb::Const(right)) = (left, right) {
            return Cond::Const(match cc {
                IntCC::Equal => left == right,
                IntCC::NotEqual => left != right,
                IntCC::SignedLessThan => (left as i64) < right as i64,
                IntCC::SignedGreaterThanOrEqual => left as i64 >= right as i64,
                IntCC::SignedGreaterThan => left as i64 > right as i64,
                IntCC::SignedLessThanOrEqual => left as i64 <= right as i64,
                IntCC::UnsignedLessThan => left < right,
                IntCC::UnsignedGreaterThanOrEqual => left >= right,
                IntCC::UnsignedGreaterThan => left > right,
                IntCC::UnsignedLessThanOrEqual => left <= right,
            });
        }
        if let Some(cond) = self.of_truth(cc, left, right) {
            return cond;
        }
        let (left, right) = (self.word_value(left), self.word_value(right));
        Cond::Var(self.builder.ins().icmp(cc, left, right))
    }

    pub(super) fn both(&mut self, left: Cond, right: Cond) -> Cond {
        match (left, right) {
            (Cond::Const(false), _) | (_, Cond::Const(false)) => Cond::Const(false),
            (Cond::Const(true), other) | (other, Cond::Const(true)) => other,
            (Cond::Var(left), Cond::Var(right)) => Cond::Var(self.builder.ins().band(left, right)),
        }
    }

    pub(super) fn either(&mut self, left: Cond, right: Cond) -> Cond {
        match (left, right) {
            (Cond::Const(true), _) | (_, Cond::Const(true)) => Cond::Const(true),
            (Cond::Const(false), other) | (other, Cond::Const(false)) => other,
            (Cond::Var(left), Cond::Var(right)) => Cond::Var(self.builder.ins().bor(left, right)),
        }
    }

    pub(super) fn not(&mut self, cond: Cond) -> Cond {
        match cond {
            Cond::Const(value) => Cond::Const(!value),
            Cond::Var(value) => Cond::Var(self.builder.ins().bxor_imm_u(value, 1)),
        }
    }

    /// A condition as a one-bit value.
    pub(super) fn truth(&mut self, cond: Cond) -> Limb {
        match cond {
            Cond::Const(value) => Limb::Const(u64::from(value)),
            Cond::Var(value) => {
                let truth = self.builder.ins().uextend(types::I64, value);
                self.truths.insert(truth, value);
                Limb::Var(truth)
            }
        }
    }

    /// What a comparison of a condition's truth with a constant comes to, if it is one for equality.
    fn of_truth(&mut self, cc: IntCC, left: Limb, right: Limb) -> Option<Cond> {
        let (Limb::Var(truth), Limb::Const(constant)) = (left, right) else { return None };
        let cond = Cond::Var(*self.truths.get(&truth)?);
        match (cc, constant) {
            (IntCC::Equal, 1) | (IntCC::NotEqual, 0) => Some(cond),
            (IntCC::Equal, 0) | (IntCC::NotEqual, 1) => Some(self.not(cond)),
            _ => None,
        }
    }

    pub(super) fn nonzero(&mut self, limb: Limb) -> Cond {
        self.compare(IntCC::NotEqual, limb, Limb::Const(0))
    }

    pub(super) fn limb_and(&mut self, a: Limb, b: Limb) -> Limb {
        match (a, b) {
            (Limb::Const(a), Limb::Const(b)) => Limb::Const(a & b),
            (Limb::Const(0), _) | (_, Limb::Const(0)) => Limb::Const(0),
            (Limb::Const(u64::MAX), other) | (other, Limb::Const(u64::MAX)) => other,
            (Limb::Var(a), Limb::Const(b)) | (Limb::Const(b), Limb::Var(a)) => {
                Limb::Var(self.builder.ins().band_imm_u(a, b as i64))
            }
            (Limb::Var(a), Limb::Var(b)) => Limb::Var(self.builder.ins().band(a, b)),
        }
    }

    pub(super) fn limb_or(&mut self, a: Limb, b: Limb) -> Limb {
        match (a, b) {
            (Limb::Const(a), Limb::Const(b)) => Limb::Const(a | b),
            (Limb::Const(0), other) | (other, Limb::Const(0)) => other,
            (Limb::Const(u64::MAX), _) | (_, Limb::Const(u64::MAX)) => Limb::Const(u64::MAX),
            (Limb::Var(a), Limb::Const(b)) | (Limb::Const(b), Limb::Var(a)) => {
                Limb::Var(self.builder.ins().bor_imm_u(a, b as i64))
            }
            (Limb::Var(a), Limb::Var(b)) => Limb::Var(self.builder.ins().bor(a, b)),
        }
    }

    pub(super) fn limb_xor(&mut self, a: Limb, b: Limb) -> Limb {
        match (a, b) {
            (Limb::Const(a), Limb::Const(b)) => Limb::Const(a ^ b),
            (Limb::Const(0), other) | (other, Limb::Const(0)) => other,
            (Limb::Var(a), Limb::Const(b)) | (Limb::Const(b), Limb::Var(a)) => {
                Limb::Var(self.builder.ins().bxor_imm_u(a, b as i64))
            }
            (Limb::Var(a), Limb::Var(b)) => Limb::Var(self.builder.ins().bxor(a, b)),
        }
    }

    pub(super) fn limb_add(&mut self, a: Limb, b: Limb) -> Limb {
        match (a, b) {
            (Limb::Const(a), Limb::Const(b)) => Limb::Const(a.wrapping_add(b)),
            (Limb::Const(0), other) | (other, Limb::Const(0)) => other,
            (Limb::Var(a), Limb::Const(b)) | (Limb::Const(b), Limb::Var(a)) => {
                Limb::Var(self.builder.ins().iadd_imm_u(a, b as i64))
            }
            (Limb::Var(a), Limb::Var(b)) => Limb::Var(self.builder.ins().iadd(a, b)),
        }
    }

    pub(super) fn limb_sub(&mut self, a: Limb, b: Limb) -> Limb {
        match (a, b) {
            (Limb::Const(a), Limb::Const(b)) => Limb::Const(a.wrapping_sub(b)),
            (other, Limb::Const(0)) => other,
            (a, b) => {
                let (a, b) = (self.word_value(a), self.word_value(b));
                Limb::Var(self.builder.ins().isub(a, b))
            }
        }
    }

    /// To the left by less than 64.
    pub(super) fn limb_shl(&mut self, limb: Limb, by: u32) -> Limb {
        match limb {
            _ if by == 0 => limb,
            Limb::Const(value) => Limb::Const(value << by),
            Limb::Var(value) => Limb::Var(self.builder.ins().ishl_imm_u(value, i64::from(by))),
        }
    }

    /// To the right by less than 64.
    pub(super) fn limb_shr(&mut self, limb: Limb, by: u32) -> Limb {
        match limb {
            _ if by == 0 => limb,
            Limb::Const(value) => Limb::Const(value >> by),
            Limb::Var(value) => Limb::Var(self.builder.ins().ushr_imm_u(value, i64::from(by))),
        }
    }

    pub(super) fn limb_select(&mut self, cond: Value, then: Limb, els: Limb) -> Limb {
        if then == els {
            return then;
        }
        let (then, els) = (self.word_value(then), self.word_value(els));
        Limb::Var(self.builder.ins().select(cond, then, els))
    }

    pub(super) fn choose(&mut self, cond: Cond, then: Limb, els: Limb) -> Limb {
        match cond {
            Cond::Const(true) => then,
            Cond::Const(false) => els,
            Cond::Var(cond) => self.limb_select(cond, then, els),
        }
    }

    /// A number of so many bits, 64 at most, with its sign extended to 64 bits.
    pub(super) fn sign_extended(&mut self, limb: Limb, bits: u32) -> Limb {
        if bits == 0 || bits >= 64 {
            return limb;
        }
        let up = self.limb_shl(limb, 64 - bits);
        match up {
            Limb::Const(value) => Limb::Const(((value as i64) >> (64 - bits)) as u64),
            Limb::Var(value) => Limb::Var(self.builder.ins().sshr_imm_u(value, i64::from(64 - bits))),
        }
    }
}
