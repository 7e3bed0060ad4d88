//! What expressions are worth, and where that is: in registers, or wider in memory.
//!
//! Invariant: a [`Val`] is canonical: bits above its width are zero. Up to [`INLINE_LIMBS_MAX`] limbs it is in
//! registers, else behind an address.

use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Value, types};
use heddle_ir::{BinaryOp, Bits, Expr, HeaderRef, Intrinsic, Place, UnaryOp};

use super::{Coder, Cond, INLINE_LIMBS_MAX, Limb};
use crate::host::Host;
use crate::machine::{self, field};

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

    pub(super) fn constant_value(&mut self, bits: &Bits) -> Val {
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
