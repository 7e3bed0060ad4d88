//! What expressions are worth: arithmetic on limbs, and everything wider by the host.
//!
//! Invariant: a [`Val`] is canonical: bits above its width are zero. Up to [`INLINE_LIMBS_MAX`] limbs it is in
//! registers, else behind an address.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Value, types};
use heddle_ir::{BinaryOp, Bits, Expr, HeaderRef, Intrinsic, Place, UnaryOp};

use super::{Coder, Cond, INLINE_LIMBS_MAX};
use crate::host::{self, Host};
use crate::machine::{self, field};

/// A limb that is known, or in a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limb {
    Const(u64),
    Var(Value),
}

/// A value of a fixed width.
#[derive(Clone, Debug)]
pub(crate) struct Val {
    pub(crate) width: u32,
    pub(crate) repr: Repr,
}

/// Where a value is.
#[derive(Clone, Debug)]
pub(crate) enum Repr {
    /// Least significant first, as many as the width takes.
    Limbs(Vec<Limb>),
    /// At an address.
    Memory(Value),
}

/// Limbs of a width; at least one.
pub(crate) fn limb_count(width: u32) -> usize {
    width.div_ceil(64).max(1) as usize
}

/// The bits of a limb that belong to a value of a width.
pub(crate) fn limb_mask(width: u32, limb: usize) -> u64 {
    match (width as usize).saturating_sub(64 * limb) {
        bits @ 0..64 => (1 << bits) - 1,
        _ => u64::MAX,
    }
}

impl Val {
    pub(crate) fn limbs(width: u32, limbs: Vec<Limb>) -> Val {
        debug_assert_eq!(limbs.len(), limb_count(width));
        Val { width, repr: Repr::Limbs(limbs) }
    }

    pub(crate) fn word(width: u32, limb: Limb) -> Val {
        Val::limbs(width, vec![limb])
    }

    /// Its limbs, if they are in registers.
    pub(crate) fn in_registers(&self) -> Option<&[Limb]> {
        match &self.repr {
            Repr::Limbs(limbs) => Some(limbs),
            Repr::Memory(_) => None,
        }
    }
}

impl Coder<'_, '_> {
    /// The value of an expression of fixed width.
    pub(super) fn value(&mut self, expr: &Expr) -> Val {
        match expr {
            Expr::Const(bits) => self.constant_value(bits),
            Expr::Read(place) => self.read(place),
            Expr::Valid(_) => {
                let cond = self.cond(expr);
                let limb = self.truth(cond);
                Val::word(1, limb)
            }
            Expr::Unary(op, operand) => {
                let operand = self.value(operand);
                self.unary(*op, operand)
            }
            Expr::Binary(op, left, right) => self.binary_expr(*op, left, right),
            Expr::Slice { of, high, low } => {
                let of = self.value(of);
                self.slice(&of, *high, *low)
            }
            Expr::Resize { of, width, signed } => {
                let of = self.value(of);
                self.resize(&of, *width, *signed)
            }
            Expr::Mux { cond, then, els } => self.mux(cond, then, els),
            Expr::Intrinsic(intrinsic) => self.intrinsic(*intrinsic),
        }
    }

    fn binary_expr(&mut self, op: BinaryOp, left: &Expr, right: &Expr) -> Val {
        match op {
            BinaryOp::Eq | BinaryOp::Ne | BinaryOp::LtU | BinaryOp::LeU | BinaryOp::LtS | BinaryOp::LeS => {
                let cond = self.comparison(op, left, right);
                let limb = self.truth(cond);
                Val::word(1, limb)
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
            | BinaryOp::Concat => {
                let (left, right) = (self.value(left), self.value(right));
                self.binary(op, &left, &right)
            }
        }
    }

    fn constant_value(&mut self, bits: &Bits) -> Val {
        let width = bits.width();
        if limb_count(width) <= INLINE_LIMBS_MAX {
            return Val::limbs(width, bits.limbs().map(Limb::Const).collect());
        }
        let at = self.assembly.constants.len();
        self.assembly.constants.extend(bits.limbs());
        let address = self.builder.ins().iadd_imm_u(self.constants, 8 * at as i64);
        Val { width, repr: Repr::Memory(address) }
    }

    /// Zero of a width.
    pub(super) fn zero(&mut self, width: u32) -> Val {
        let count = limb_count(width);
        if count <= INLINE_LIMBS_MAX {
            return Val::limbs(width, vec![Limb::Const(0); count]);
        }
        let address = self.zeros();
        Val { width, repr: Repr::Memory(address) }
    }

    /// Zeros without end.
    pub(super) fn zeros(&mut self) -> Value {
        self.constant(machine::ZEROS.as_ptr() as u64)
    }

    fn intrinsic(&mut self, intrinsic: Intrinsic) -> Val {
        use std::mem::offset_of;

        use heddle_exec::Intrinsics;
        if let Some(passed) = self.passed_intrinsic(intrinsic) {
            return Val::word(intrinsic.width(), passed);
        }
        let (offset, ty) = match intrinsic {
            Intrinsic::NowNs => {
                let now = self.fetch(field::NOW_NS);
                return Val::word(64, Limb::Var(now));
            }
            Intrinsic::IngressPort => (offset_of!(Intrinsics, ingress_port), types::I32),
            Intrinsic::EgressPort => (offset_of!(Intrinsics, egress_port), types::I32),
            Intrinsic::PacketLength => (offset_of!(Intrinsics, packet_length), types::I32),
            Intrinsic::Origin => (offset_of!(Intrinsics, origin), types::I32),
            Intrinsic::ReplicationId => (offset_of!(Intrinsics, replication_id), types::I32),
            Intrinsic::IngressTimeNs => (offset_of!(Intrinsics, ingress_time_ns), types::I64),
            Intrinsic::EnqueueTimeNs => (offset_of!(Intrinsics, enqueue_time_ns), types::I64),
            Intrinsic::EnqueueDepth => (offset_of!(Intrinsics, enqueue_depth), types::I32),
            Intrinsic::DequeueDepth => (offset_of!(Intrinsics, dequeue_depth), types::I32),
            Intrinsic::QueueId => (offset_of!(Intrinsics, queue_id), types::I32),
        };
        let base = self.fetch(field::INTRINSICS);
        let value = self.builder.ins().load(ty, MemFlagsData::trusted(), base, offset as i32);
        let value = if ty == types::I64 { value } else { self.builder.ins().uextend(types::I64, value) };
        Val::word(intrinsic.width(), Limb::Var(value))
    }

    /// Whether a one-bit expression is one.
    pub(super) fn cond(&mut self, expr: &Expr) -> Cond {
        match expr {
            Expr::Valid(header) => self.validity(header),
            Expr::Binary(op @ (BinaryOp::And | BinaryOp::Or), left, right) => {
                let (left, right) = (self.cond(left), self.cond(right));
                if *op == BinaryOp::And { self.both(left, right) } else { self.either(left, right) }
            }
            Expr::Binary(
                op @ (BinaryOp::Eq
                | BinaryOp::Ne
                | BinaryOp::LtU
                | BinaryOp::LeU
                | BinaryOp::LtS
                | BinaryOp::LeS),
                left,
                right,
            ) => self.comparison(*op, left, right),
            Expr::Unary(UnaryOp::Not, operand) => {
                let cond = self.cond(operand);
                self.not(cond)
            }
            Expr::Const(_)
            | Expr::Read(_)
            | Expr::Unary(UnaryOp::Neg, _)
            | Expr::Binary(..)
            | Expr::Slice { .. }
            | Expr::Resize { .. }
            | Expr::Mux { .. }
            | Expr::Intrinsic(_) => {
                let value = self.value(expr);
                match value.in_registers() {
                    Some([limb]) => self.nonzero(*limb),
                    // A condition has one bit.
                    Some(_) | None => Cond::Const(false),
                }
            }
        }
    }

    pub(super) fn nonzero(&mut self, limb: Limb) -> Cond {
        self.compare(IntCC::NotEqual, limb, Limb::Const(0))
    }

    fn comparison(&mut self, op: BinaryOp, left: &Expr, right: &Expr) -> Cond {
        if let (Expr::Read(left), Expr::Read(right)) = (left, right)
            && self.is_varbit(left)
        {
            let equal = self.varbits_equal(left, right);
            return if op == BinaryOp::Eq { equal } else { self.not(equal) };
        }
        let (left, right) = (self.value(left), self.value(right));
        self.compare_values(op, &left, &right)
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

    /// A number of so many bits, 64 at most, with its sign extended to 64 bits.
    fn sign_extended(&mut self, limb: Limb, bits: u32) -> Limb {
        if bits == 0 || bits >= 64 {
            return limb;
        }
        let up = self.limb_shl(limb, 64 - bits);
        match up {
            Limb::Const(value) => Limb::Const(((value as i64) >> (64 - bits)) as u64),
            Limb::Var(value) => Limb::Var(self.builder.ins().sshr_imm_u(value, i64::from(64 - bits))),
        }
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

    /// What is where a value is, spilled if it is in registers.
    pub(super) fn address(&mut self, val: &Val) -> Value {
        match &val.repr {
            Repr::Memory(address) => *address,
            Repr::Limbs(limbs) => {
                let at = self.arena_words(limbs.len());
                self.spill(limbs, at);
                self.arena_address(at)
            }
        }
    }

    /// Stores limbs in the arena.
    pub(super) fn spill(&mut self, limbs: &[Limb], at: usize) {
        for (i, limb) in limbs.iter().enumerate() {
            let value = self.word_value(*limb);
            let offset = 8 * (at + i) as i32;
            self.builder.ins().store(MemFlagsData::trusted(), value, self.arena, offset);
        }
    }

    /// Room in the arena for a value.
    fn room(&mut self, width: u32) -> (usize, Value) {
        let at = self.arena_words(limb_count(width));
        (at, self.arena_address(at))
    }

    /// A value in the arena, fetched if it is narrow enough.
    pub(super) fn value_in_arena(&mut self, width: u32, at: usize) -> Val {
        let count = limb_count(width);
        if count > INLINE_LIMBS_MAX {
            let address = self.arena_address(at);
            return Val { width, repr: Repr::Memory(address) };
        }
        let limbs = (0..count).map(|i| {
            let offset = 8 * (at + i) as i32;
            Limb::Var(self.builder.ins().load(types::I64, MemFlagsData::trusted(), self.arena, offset))
        });
        let limbs = limbs.collect();
        Val::limbs(width, limbs)
    }

    /// What the host stores at the address it is given last.
    pub(super) fn host_value(&mut self, host: Host, width: u32, args: &[Value]) -> Val {
        let (at, room) = self.room(width);
        let mut all = args.to_vec();
        all.push(room);
        self.host(host, &all);
        self.value_in_arena(width, at)
    }

    fn unary(&mut self, op: UnaryOp, operand: Val) -> Val {
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
        let result = host::evaluate(op, &known(left)?, &known(right)?);
        Some(self.constant_value(&result))
    }

    fn mux(&mut self, cond: &Expr, then: &Expr, els: &Expr) -> Val {
        match self.cond(cond) {
            Cond::Const(true) => self.value(then),
            Cond::Const(false) => self.value(els),
            Cond::Var(cond) => {
                let (then, els) = (self.value(then), self.value(els));
                self.select(cond, &then, &els)
            }
        }
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

    pub(super) fn limb_select(&mut self, cond: Value, then: Limb, els: Limb) -> Limb {
        if then == els {
            return then;
        }
        let (then, els) = (self.word_value(then), self.word_value(els));
        Limb::Var(self.builder.ins().select(cond, then, els))
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

    /// The low 64 bits.
    pub(super) fn low_limb(&mut self, val: &Val) -> Limb {
        match &val.repr {
            Repr::Limbs(limbs) => limbs[0],
            Repr::Memory(address) => {
                Limb::Var(self.builder.ins().load(types::I64, MemFlagsData::trusted(), *address, 0))
            }
        }
    }

    /// A value as an index: all ones if it is too large for one.
    pub(super) fn index(&mut self, expr: &Expr) -> Limb {
        let value = self.value(expr);
        match &value.repr {
            Repr::Limbs(limbs) => {
                let mut high = Limb::Const(0);
                for limb in &limbs[1..] {
                    high = self.limb_or(high, *limb);
                }
                match self.nonzero(high) {
                    Cond::Const(false) => limbs[0],
                    Cond::Const(true) => Limb::Const(u64::MAX),
                    Cond::Var(large) => self.limb_select(large, Limb::Const(u64::MAX), limbs[0]),
                }
            }
            Repr::Memory(address) => {
                let count = self.constant(limb_count(value.width) as u64);
                Limb::Var(self.host(Host::Index, &[*address, count]))
            }
        }
    }

    /// What follows from a condition having held, or not.
    pub(super) fn assume(&mut self, cond: &Expr, held: bool) {
        match cond {
            Expr::Valid(HeaderRef::One(header)) => {
                let word = self.layout.headers[*header].word as u32;
                self.known.set(word, Limb::Const(u64::from(held)));
            }
            Expr::Unary(UnaryOp::Not, operand) => self.assume(operand, !held),
            Expr::Binary(BinaryOp::And, left, right) if held => {
                self.assume(left, held);
                self.assume(right, held);
            }
            Expr::Binary(BinaryOp::Or, left, right) if !held => {
                self.assume(left, held);
                self.assume(right, held);
            }
            Expr::Binary(op @ (BinaryOp::Eq | BinaryOp::Ne), left, right)
                if held == (*op == BinaryOp::Eq) =>
            {
                if let (Expr::Read(Place::Var(var)), Expr::Const(value)) = (&**left, &**right)
                    && value.width() <= 64
                {
                    let word = self.layout.vars[*var].word as u32;
                    self.known.set(word, Limb::Const(value.low_u64()));
                }
            }
            Expr::Valid(HeaderRef::Element(..))
            | Expr::Const(_)
            | Expr::Read(_)
            | Expr::Unary(UnaryOp::Neg, _)
            | Expr::Binary(..)
            | Expr::Slice { .. }
            | Expr::Resize { .. }
            | Expr::Mux { .. }
            | Expr::Intrinsic(_) => {}
        }
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

/// Arithmetic on limbs, which folds what is known.
impl Coder<'_, '_> {
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

    pub(super) fn choose(&mut self, cond: Cond, then: Limb, els: Limb) -> Limb {
        match cond {
            Cond::Const(true) => then,
            Cond::Const(false) => els,
            Cond::Var(cond) => self.limb_select(cond, then, els),
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
