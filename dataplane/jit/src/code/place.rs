//! Where scalars lie, and how they are read and written.
//!
//! Invariant: what lies in an invalid header or beyond a stack reads as zero and is not written to, whatever its
//! words hold.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};
use heddle_exec::layout::Slot;
use heddle_ir::{Expr, HeaderId, HeaderRef, Place, StackId, Ty, VarId};

use super::value::{Repr, limb_count};
use super::{Coder, Cond, INLINE_LIMBS_MAX, Limb, Val};
use crate::host::Host;

/// Where a scalar's words are.
#[derive(Clone, Copy, Debug)]
pub(super) enum At {
    /// At a place of the frame.
    Word(u32),
    /// At an address in the frame that is known only when it runs.
    Address(Value),
}

/// A scalar, and whether it can be used.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot {
    pub(super) at: At,
    pub(super) ty: Ty,
    pub(super) usable: Cond,
}

/// A header, as far as it is known.
#[derive(Clone, Copy, Debug)]
pub(super) enum HeaderAt {
    One(HeaderId),
    /// Beyond its stack.
    Absent,
    /// A stack's element.
    Element(StackId, Limb),
}

impl Coder<'_, '_> {
    /// The header meant.
    pub(super) fn header(&mut self, header: &HeaderRef) -> HeaderAt {
        match header {
            HeaderRef::One(header) => HeaderAt::One(*header),
            HeaderRef::Element(stack, index) => match self.index(index) {
                Limb::Const(index) => {
                    let elements = &self.program.stacks[*stack].elements;
                    let element = usize::try_from(index).ok().and_then(|index| elements.get(index));
                    element.map_or(HeaderAt::Absent, |header| HeaderAt::One(*header))
                }
                index => HeaderAt::Element(*stack, index),
            },
        }
    }

    /// A header that stands for the type of all that may be meant. Verified stacks have elements.
    pub(super) fn example(&self, header: &HeaderRef) -> HeaderId {
        match header {
            HeaderRef::One(header) => *header,
            HeaderRef::Element(stack, _) => self.program.stacks[*stack].elements[0],
        }
    }

    pub(super) fn validity(&mut self, header: &HeaderRef) -> Cond {
        match self.header(header) {
            HeaderAt::One(header) => self.is_valid(header),
            HeaderAt::Absent => Cond::Const(false),
            HeaderAt::Element(stack, index) => self.element(stack, index).1,
        }
    }

    pub(super) fn is_valid(&mut self, header: HeaderId) -> Cond {
        let word = self.layout.headers[header].word as u32;
        let limb = match self.validity_bit(header) {
            Some(bit) => bit,
            None => self.read_word(word),
        };
        self.nonzero(limb)
    }

    /// The address of a stack's element, and whether there is one that is valid. Beyond the stack the address is
    /// that of the first.
    fn element(&mut self, stack: StackId, index: Limb) -> (Value, Cond) {
        let place = self.assembly.stack_place(stack);
        let there = self.compare(IntCC::UnsignedLessThan, index, Limb::Const(place.count));
        let index = self.choose(there, index, Limb::Const(0));
        let index = self.word_value(index);
        let offset = match place.stride {
            Some(stride) => {
                let scaled = self.builder.ins().imul_imm_u(index, 8 * stride as i64);
                self.builder.ins().iadd_imm_u(scaled, 8 * place.first as i64)
            }
            None => {
                let scaled = self.builder.ins().ishl_imm_u(index, 3);
                let at = self.builder.ins().iadd(self.constants, scaled);
                let flags = cranelift_codegen::ir::MemFlagsData::trusted().with_readonly();
                let at = self.builder.ins().iadd_imm_u(at, 8 * place.table as i64);
                let word = self.builder.ins().load(types::I64, flags, at, 0);
                self.builder.ins().ishl_imm_u(word, 3)
            }
        };
        let address = self.builder.ins().iadd(self.frame, offset);
        let flags = self.frame_flags();
        let valid = self.builder.ins().load(types::I64, flags, address, 0);
        let valid = self.nonzero(Limb::Var(valid));
        (address, self.both(there, valid))
    }

    /// Where a place is.
    pub(super) fn spot(&mut self, place: &Place) -> Spot {
        match place {
            Place::Var(var) => self.var_spot(*var),
            Place::Field(header, field) => {
                let example = self.example(header);
                let slot = self.layout.headers[example].fields[*field];
                match self.header(header) {
                    HeaderAt::One(header) => {
                        let slot = self.layout.headers[header].fields[*field];
                        let usable = self.is_valid(header);
                        Spot { at: At::Word(slot.word as u32), ty: slot.ty, usable }
                    }
                    HeaderAt::Absent => {
                        Spot { at: At::Word(slot.word as u32), ty: slot.ty, usable: Cond::Const(false) }
                    }
                    HeaderAt::Element(stack, index) => {
                        let (address, usable) = self.element(stack, index);
                        let within = slot.word - self.layout.headers[example].word;
                        let address = self.builder.ins().iadd_imm_u(address, 8 * within as i64);
                        Spot { at: At::Address(address), ty: slot.ty, usable }
                    }
                }
            }
        }
    }

    pub(super) fn var_spot(&self, var: VarId) -> Spot {
        let slot = self.layout.vars[var];
        Spot { at: At::Word(slot.word as u32), ty: slot.ty, usable: Cond::Const(true) }
    }

    pub(super) fn is_varbit(&self, place: &Place) -> bool {
        let ty = match place {
            Place::Var(var) => self.layout.vars[*var].ty,
            Place::Field(header, field) => self.layout.headers[self.example(header)].fields[*field].ty,
        };
        match ty {
            Ty::Bits(_) => false,
            Ty::Varbit(_) => true,
        }
    }

    /// One of the words of a scalar.
    fn spot_word(&mut self, at: At, i: usize) -> Limb {
        match at {
            At::Word(word) => self.read_word(word + i as u32),
            At::Address(address) => {
                let flags = self.frame_flags();
                Limb::Var(self.builder.ins().load(types::I64, flags, address, 8 * i as i32))
            }
        }
    }

    fn set_spot_word(&mut self, at: At, i: usize, limb: Limb) {
        match at {
            At::Word(word) => self.write_word(word + i as u32, limb),
            At::Address(address) => {
                let (flags, value) = (self.frame_flags(), self.word_value(limb));
                self.builder.ins().store(flags, value, address, 8 * i as i32);
            }
        }
    }

    /// The address of a scalar's words. Not of a promoted one.
    fn spot_address(&mut self, at: At, i: usize) -> Value {
        match at {
            At::Word(word) => self.builder.ins().iadd_imm_u(self.frame, 8 * (i64::from(word) + i as i64)),
            At::Address(address) => self.builder.ins().iadd_imm_u(address, 8 * i as i64),
        }
    }

    /// The value at a place of fixed width.
    pub(super) fn read(&mut self, place: &Place) -> Val {
        let spot = self.spot(place);
        let width = spot.ty.width();
        let whole = match spot.usable {
            Cond::Const(false) => return self.zero(width),
            Cond::Const(true) | Cond::Var(_) => self.load(spot.at, width),
        };
        match spot.usable {
            Cond::Const(_) => whole,
            Cond::Var(usable) => {
                let zero = self.zero(width);
                self.select(usable, &whole, &zero)
            }
        }
    }

    fn load(&mut self, at: At, width: u32) -> Val {
        let count = limb_count(width);
        if count > INLINE_LIMBS_MAX {
            let address = self.spot_address(at, 0);
            return Val { width, repr: Repr::Memory(address) };
        }
        if width == 0 {
            return self.zero(0);
        }
        let limbs = (0..count).map(|i| self.spot_word(at, i)).collect();
        Val::limbs(width, limbs)
    }

    /// Stores a value of the place's width.
    fn store(&mut self, at: At, value: &Val) {
        match &value.repr {
            Repr::Limbs(limbs) => {
                for (i, limb) in limbs.iter().enumerate() {
                    self.set_spot_word(at, i, *limb);
                }
            }
            Repr::Memory(from) => {
                let to = self.spot_address(at, 0);
                let count = self.constant(limb_count(value.width) as u64);
                self.host(Host::CopyWords, &[*from, to, count]);
            }
        }
    }

    pub(super) fn store_var(&mut self, var: VarId, value: &Val) {
        let spot = self.var_spot(var);
        self.store(spot.at, value);
    }

    /// Stores a number in a slot, cut to its width.
    pub(super) fn set_var(&mut self, var: VarId, number: Limb) {
        let width = self.layout.vars[var].ty.width();
        let value = self.resize(&Val::word(64, number), width, false);
        self.store_var(var, &value);
    }

    /// Does something to a place if it can be used.
    fn if_usable(&mut self, spot: Spot, stack: Option<StackId>, write: impl FnOnce(&mut Self)) {
        match spot.usable {
            Cond::Const(false) => {}
            Cond::Const(true) => write(self),
            Cond::Var(usable) => {
                let (then, after) = (self.new_block(), self.new_block());
                self.branch(usable, then, after);
                if self.start(then) {
                    write(self);
                    self.jump(after, None);
                }
                self.start(after);
            }
        }
        if let Some(stack) = stack {
            self.forget_stack(stack);
        }
    }

    /// The stack that a place is in at an index that is not known.
    fn moving(&self, place: &Place, spot: Spot) -> Option<StackId> {
        match (place, spot.at) {
            (Place::Field(HeaderRef::Element(stack, _), _), At::Address(_)) => Some(*stack),
            (Place::Var(_) | Place::Field(..), At::Word(_) | At::Address(_)) => None,
        }
    }

    pub(super) fn assign(&mut self, place: &Place, value: &Expr) {
        if let Expr::Read(from) = value
            && self.is_varbit(from)
        {
            return self.assign_varbit(place, from);
        }
        let value = self.value(value);
        let spot = self.spot(place);
        let stack = self.moving(place, spot);
        self.if_usable(spot, stack, |coder| coder.store(spot.at, &value));
    }

    pub(super) fn assign_slice(&mut self, place: &Place, high: u32, low: u32, value: &Expr) {
        let spot = self.spot(place);
        let stack = self.moving(place, spot);
        let width = spot.ty.width();
        let value = self.value(value);
        self.if_usable(spot, stack, |coder| {
            if limb_count(width) > INLINE_LIMBS_MAX {
                let (place, value) = (coder.spot_address(spot.at, 0), coder.address(&value));
                let width = coder.constant(u64::from(width));
                let (high, low) = (coder.constant(u64::from(high)), coder.constant(u64::from(low)));
                coder.host(Host::StoreSlice, &[width, place, high, low, value]);
                return;
            }
            let limbs = value.in_registers().unwrap_or(&[]).to_vec();
            coder.store_slice(spot.at, width, high, low, &limbs);
        });
    }

    /// Replaces bits of the limbs that they are in, and leaves the others alone.
    fn store_slice(&mut self, at: At, width: u32, high: u32, low: u32, value: &[Limb]) {
        let (whole, bits) = ((low / 64) as usize, low % 64);
        let last = (high / 64) as usize;
        for i in whole..=last.min(limb_count(width) - 1) {
            // Bits of this limb that are replaced.
            let first_bit = if i == whole { bits } else { 0 };
            let last_bit = if i == last { high % 64 } else { 63 };
            let hole = (u64::MAX >> (63 - last_bit)) & (u64::MAX << first_bit);
            let own = value.get(i - whole).copied().unwrap_or(Limb::Const(0));
            let mut put = self.limb_shl(own, bits);
            if bits != 0
                && let Some(under) = (i - whole).checked_sub(1).and_then(|under| value.get(under))
            {
                let carried = self.limb_shr(*under, 64 - bits);
                put = self.limb_or(put, carried);
            }
            let put = self.limb_and(put, Limb::Const(hole));
            let limb = if hole == u64::MAX {
                put
            } else {
                let old = self.spot_word(at, i);
                let kept = self.limb_and(old, Limb::Const(!hole));
                self.limb_or(kept, put)
            };
            self.set_spot_word(at, i, limb);
        }
    }

    /// The length and the address of the limbs of a `varbit`; of no length where it cannot be used.
    pub(super) fn varbit(&mut self, place: &Place) -> (Limb, Value) {
        let spot = self.spot(place);
        let length = match spot.usable {
            Cond::Const(false) => Limb::Const(0),
            Cond::Const(true) | Cond::Var(_) => {
                let length = self.spot_word(spot.at, 0);
                let longest = Limb::Const(u64::from(spot.ty.width()));
                let short = self.compare(IntCC::UnsignedLessThan, length, longest);
                let length = self.choose(short, length, longest);
                self.choose(spot.usable, length, Limb::Const(0))
            }
        };
        (length, self.spot_address(spot.at, 1))
    }

    pub(super) fn varbits_equal(&mut self, left: &Place, right: &Place) -> Cond {
        let (left_bits, left) = self.varbit(left);
        let (right_bits, right) = self.varbit(right);
        let (left_bits, right_bits) = (self.word_value(left_bits), self.word_value(right_bits));
        let equal = self.host(Host::VarbitEqual, &[left_bits, left, right_bits, right]);
        self.nonzero(Limb::Var(equal))
    }

    fn assign_varbit(&mut self, to: &Place, from: &Place) {
        let (length, source) = self.varbit(from);
        let spot = self.spot(to);
        let stack = self.moving(to, spot);
        self.if_usable(spot, stack, |coder| {
            let (width, to) = (coder.constant(u64::from(spot.ty.width())), coder.spot_address(spot.at, 1));
            let bits = coder.word_value(length);
            // Limbs above the length become zero, whatever is left over from another header.
            coder.host(Host::CopyVarbit, &[bits, source, width, to]);
            coder.set_spot_word(spot.at, 0, length);
        });
    }

    /// Forgets what a stack's elements hold, and whether the members of their unions are valid.
    pub(super) fn forget_stack(&mut self, stack: StackId) {
        let program = self.program();
        for header in &program.stacks[stack].elements {
            self.forget_header(*header);
        }
    }

    /// Forgets what a header holds, and whether it and the other members of its union are valid.
    pub(super) fn forget_header(&mut self, header: HeaderId) {
        let program = self.program();
        let slot = &self.layout.headers[header];
        let (word, count) = (slot.word, self.layout.types[slot.ty].words);
        self.forget(word..word + count);
        if let Some(union) = program.headers[header].union {
            for member in &program.unions[union].members {
                let word = self.layout.headers[*member].word;
                self.forget(word..word + 1);
            }
        }
    }

    /// The slots of a header's fields.
    pub(super) fn fields(&self, header: HeaderId) -> Vec<Slot> {
        self.layout.headers[header].fields.clone()
    }
}
