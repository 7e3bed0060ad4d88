//! Headers: validity, copies, stacks, taking them from the packet and putting them into it.
//!
//! Invariant: headers that take few words and have no field beyond registers are handled in place; all others, and
//! elements at an index that is not known, by the host, after which what they hold is forgotten.

use cranelift_codegen::ir::InstBuilder;
use cranelift_codegen::ir::condcodes::IntCC;
use heddle_ir::{Expr, HeaderId, HeaderRef, StackId, error_code};

use super::place::HeaderAt;
use super::wire::Packing;
use super::{CURSOR, Coder, Cond, FRONT_LEN, Limb, Way};
use crate::host::{self, Host};
use crate::machine::{FRONT_BYTES_MIN, field};
use crate::plan;

impl Coder<'_, '_> {
    /// Whether a header is handled in place.
    pub(super) fn is_simple(&self, header: HeaderId) -> bool {
        plan::is_simple(&self.program.header_types[self.layout.headers[header].ty])
    }

    pub(super) fn words_of_header(&self, header: HeaderId) -> std::ops::Range<u32> {
        let slot = &self.layout.headers[header];
        slot.word as u32..(slot.word + self.layout.types[slot.ty].words) as u32
    }

    fn number(&mut self, header: HeaderId) -> cranelift_codegen::ir::Value {
        self.constant(u64::from(header.as_u32()))
    }

    /// The number of the header meant.
    fn number_of(&mut self, header: HeaderAt) -> cranelift_codegen::ir::Value {
        match header {
            HeaderAt::One(header) => self.number(header),
            HeaderAt::Absent => self.constant(host::NO_HEADER),
            HeaderAt::Element(stack, index) => {
                let (stack, index) = (self.constant(u64::from(stack.as_u32())), self.word_value(index));
                self.host(Host::Element, &[stack, index])
            }
        }
    }

    fn forget_at(&mut self, header: HeaderAt) {
        match header {
            HeaderAt::One(header) => self.forget_header(header),
            HeaderAt::Absent => {}
            HeaderAt::Element(stack, _) => self.forget_stack(stack),
        }
    }

    pub(super) fn set_valid(&mut self, header: &HeaderRef) {
        match self.header(header) {
            HeaderAt::Absent => {}
            HeaderAt::One(header) if self.is_simple(header) => self.set_valid_here(header),
            at @ (HeaderAt::One(_) | HeaderAt::Element(..)) => {
                let number = self.number_of(at);
                self.host(Host::SetValid, &[number]);
                self.forget_at(at);
            }
        }
    }

    fn set_valid_here(&mut self, header: HeaderId) {
        match self.is_valid(header) {
            Cond::Const(true) => {}
            Cond::Const(false) => self.fresh(header),
            Cond::Var(valid) => {
                let (invalid, after) = (self.new_block(), self.new_block());
                self.branch(valid, after, invalid);
                if self.start(invalid) {
                    self.fresh(header);
                    self.jump(after, None);
                }
                self.start(after);
                // Known both ways.
                self.known.set(self.layout.headers[header].word as u32, Limb::Const(1));
            }
        }
        self.invalidate_siblings(header);
    }

    fn fresh(&mut self, header: HeaderId) {
        for word in self.words_of_header(header).skip(1) {
            self.write_word(word, Limb::Const(0));
        }
        self.set_validity(header, true);
    }

    fn invalidate(&mut self, header: HeaderId) {
        let word = self.layout.headers[header].word as u32;
        if self.known.get(word) != Some(Limb::Const(0)) {
            self.set_validity(header, false);
        }
    }

    fn invalidate_siblings(&mut self, header: HeaderId) {
        let program = self.program();
        if let Some(union) = program.headers[header].union {
            for member in program.unions[union].members.iter().filter(|member| **member != header) {
                self.invalidate(*member);
            }
        }
    }

    pub(super) fn set_invalid(&mut self, header: &HeaderRef) {
        match self.header(header) {
            HeaderAt::Absent => {}
            HeaderAt::One(header) => self.invalidate(header),
            at @ HeaderAt::Element(..) => {
                let number = self.number_of(at);
                self.host(Host::SetInvalid, &[number]);
                self.forget_at(at);
            }
        }
    }

    pub(super) fn copy_header(&mut self, to: &HeaderRef, from: &HeaderRef) {
        let (to, from) = (self.header(to), self.header(from));
        match (to, from) {
            (HeaderAt::Absent, _) => {}
            (HeaderAt::One(to), HeaderAt::Absent) => self.invalidate(to),
            (HeaderAt::One(to), HeaderAt::One(from)) if self.is_simple(to) => self.copy_here(to, from),
            (HeaderAt::One(_) | HeaderAt::Element(..), _) => {
                let (to_number, from_number) = (self.number_of(to), self.number_of(from));
                self.host(Host::CopyHeader, &[to_number, from_number]);
                self.forget_at(to);
            }
        }
    }

    fn copy_here(&mut self, to: HeaderId, from: HeaderId) {
        let move_words = |coder: &mut Self| {
            let (to_words, from_words) = (coder.words_of_header(to), coder.words_of_header(from));
            // The first word says that it is valid.
            for (to, from) in to_words.zip(from_words).skip(1) {
                let limb = coder.read_word(from);
                coder.write_word(to, limb);
            }
            coder.set_validity(to, true);
            coder.invalidate_siblings(to);
        };
        match self.is_valid(from) {
            Cond::Const(true) => move_words(self),
            Cond::Const(false) => self.invalidate(to),
            Cond::Var(valid) => {
                let (then, els, after) = (self.new_block(), self.new_block(), self.new_block());
                self.branch(valid, then, els);
                if self.start(then) {
                    move_words(self);
                    self.jump(after, None);
                }
                if self.start(els) {
                    self.invalidate(to);
                    self.jump(after, None);
                }
                self.start(after);
            }
        }
    }

    pub(super) fn push_front(&mut self, stack: StackId, count: u32) {
        self.shift(Host::PushFront, stack, count);
    }

    pub(super) fn pop_front(&mut self, stack: StackId, count: u32) {
        self.shift(Host::PopFront, stack, count);
    }

    fn shift(&mut self, how: Host, stack: StackId, count: u32) {
        let (number, count) = (self.constant(u64::from(stack.as_u32())), self.constant(u64::from(count)));
        self.host(how, &[number, count]);
        self.forget_stack(stack);
    }

    /// Rejects with a code unless a condition holds.
    pub(super) fn require(&mut self, cond: Cond, code: u32) {
        if let Cond::Const(true) = cond {
            return;
        }
        if let Some(block) = self.ways[Way::Reject as usize] {
            let code = self.constant(u64::from(code));
            self.unless(cond, block, Some(code));
        }
    }

    /// Whether the packet has so many more bytes behind the cursor, which never passes its end.
    pub(super) fn has_bytes(&mut self, len_bytes: Limb) -> Cond {
        let cursor = self.read_word(CURSOR);
        let end = self.limb_add(cursor, len_bytes);
        let held = Limb::Var(self.len_bytes);
        self.compare(IntCC::UnsignedLessThanOrEqual, end, held)
    }

    /// Takes a header from the packet.
    pub(super) fn extract(&mut self, header: &HeaderRef, varbit_bits: Option<&Expr>) {
        let example = self.example(header);
        let (fixed_bits, varbit_bits_max) = {
            let layout = &self.layout.types[self.layout.headers[example].ty];
            (layout.fixed_bits, layout.varbit_bits_max)
        };
        let varbit_bits = match varbit_bits {
            Some(bits) => {
                let bits = self.value(bits);
                self.low_limb(&bits)
            }
            None => Limb::Const(0),
        };
        let odd = self.limb_and(varbit_bits, Limb::Const(7));
        let whole = self.compare(IntCC::Equal, odd, Limb::Const(0));
        self.require(whole, error_code::PARSER_INVALID_ARGUMENT);
        if !self.reachable {
            return;
        }
        let varbit_bytes = self.limb_shr(varbit_bits, 3);
        let len_bytes = self.limb_add(varbit_bytes, Limb::Const(u64::from(fixed_bits / 8)));
        let there = self.has_bytes(len_bytes);
        self.require(there, error_code::PACKET_TOO_SHORT);
        let longest = Limb::Const(u64::from(varbit_bits_max));
        let fits = self.compare(IntCC::UnsignedLessThanOrEqual, varbit_bits, longest);
        self.require(fits, error_code::HEADER_TOO_SHORT);
        if !self.reachable {
            return;
        }
        let at = self.read_word(CURSOR);
        let behind = self.limb_add(at, len_bytes);
        self.write_word(CURSOR, behind);
        match self.header(header) {
            HeaderAt::Absent => {}
            HeaderAt::One(header) if self.is_simple(header) => self.fill_here(header, at, fixed_bits / 8),
            HeaderAt::One(header) => {
                let (number, at) = (self.number(header), self.word_value(at));
                let varbit_bits = self.word_value(varbit_bits);
                self.host(Host::Fill, &[number, at, varbit_bits]);
                self.forget_header(header);
                let word = self.layout.headers[header].word as u32;
                self.known.set(word, Limb::Const(1));
            }
            HeaderAt::Element(stack, index) => {
                let (number, index) = (self.constant(u64::from(stack.as_u32())), self.word_value(index));
                let (at, varbit_bits) = (self.word_value(at), self.word_value(varbit_bits));
                self.host(Host::FillElement, &[number, index, at, varbit_bits]);
                self.forget_stack(stack);
            }
        }
    }

    fn fill_here(&mut self, header: HeaderId, at_bytes: Limb, len_bytes: u32) {
        let range = self.range(at_bytes, len_bytes);
        self.set_validity(header, true);
        self.settle(header, at_bytes, range);
        let mut at = 0;
        for (number, slot) in self.fields(header).into_iter().enumerate() {
            let width = slot.ty.width();
            if self.is_read_in_packet(header, number) {
                self.forget(slot.word..slot.word + slot.limb_count());
            } else {
                let value = self.load_value(range, at, width);
                let limbs = value.in_registers().unwrap_or(&[]).to_vec();
                for (i, limb) in limbs.into_iter().enumerate() {
                    self.write_word((slot.word + i) as u32, limb);
                }
            }
            at += width;
        }
        self.lie_in_packet(header);
        self.invalidate_siblings(header);
    }

    /// Appends a header to the packet's new front if it is valid.
    pub(super) fn emit(&mut self, header: &HeaderRef) {
        match self.header(header) {
            HeaderAt::Absent => {}
            HeaderAt::One(header) if self.stays(header) && self.emit_later(header) => {}
            HeaderAt::One(header) => self.emit_if_valid(header),
            HeaderAt::Element(stack, index) => {
                self.flush_emitted();
                let front_len = self.read_word(FRONT_LEN);
                let front_len = self.word_value(front_len);
                let (number, index) = (self.constant(u64::from(stack.as_u32())), self.word_value(index));
                let len = self.host(Host::EmitElement, &[number, index, front_len]);
                self.write_word(FRONT_LEN, Limb::Var(len));
            }
        }
    }

    pub(super) fn emit_if_valid(&mut self, header: HeaderId) {
        match self.is_valid(header) {
            Cond::Const(false) => {}
            Cond::Const(true) if !self.stays(header) && self.emit_later(header) => {}
            Cond::Const(true) => self.emit_valid(header),
            Cond::Var(valid) => {
                let (then, after) = (self.new_block(), self.new_block());
                self.branch(valid, then, after);
                if self.start(then) {
                    self.known.set(self.layout.headers[header].word as u32, Limb::Const(1));
                    self.emit_valid(header);
                    self.jump(after, None);
                }
                self.start(after);
            }
        }
    }

    fn emit_valid(&mut self, header: HeaderId) {
        self.flush_emitted();
        let front_len = self.read_word(FRONT_LEN);
        if !self.is_simple(header) {
            let (number, front_len) = (self.number(header), self.word_value(front_len));
            let len = self.host(Host::Emit, &[number, front_len]);
            self.write_word(FRONT_LEN, Limb::Var(len));
            return;
        }
        let pieces = self.pieces_of(header);
        self.append(&pieces);
    }

    /// The widths and limbs of a header's fields as they are now.
    pub(super) fn pieces_of(&mut self, header: HeaderId) -> Vec<(u32, Vec<Limb>)> {
        let fields = self.fields(header);
        let limbs = |slot: heddle_exec::layout::Slot| {
            let words = (0..slot.limb_count()).map(|i| self.read_word((slot.word + i) as u32));
            (slot.ty.width(), words.collect())
        };
        fields.into_iter().map(limbs).collect()
    }

    /// Appends what is in registers to the packet's new front.
    pub(super) fn append(&mut self, pieces: &[(u32, Vec<Limb>)]) {
        let front_len = self.read_word(FRONT_LEN);
        let mut packing = Packing::default();
        for (width, limbs) in pieces {
            self.pack(&mut packing, *width, limbs);
        }
        let len_bytes = packing.len_bytes();
        let behind = self.limb_add(front_len, Limb::Const(u64::from(len_bytes)));
        self.front_room(front_len, behind, len_bytes);
        let front = self.fetch(field::FRONT);
        match front_len {
            Limb::Const(at) if at < FRONT_BYTES_MIN as u64 => self.store_packing(&packing, front, at as i32),
            at => {
                let at = self.word_value(at);
                let base = self.builder.ins().iadd(front, at);
                self.store_packing(&packing, base, 0);
            }
        }
        self.write_word(FRONT_LEN, behind);
    }

    /// Makes room for what ends at `behind`. There always is some at the start.
    fn front_room(&mut self, front_len: Limb, behind: Limb, len_bytes: u32) {
        if matches!(behind, Limb::Const(end) if end <= FRONT_BYTES_MIN as u64) {
            return;
        }
        let capacity = self.fetch(field::FRONT_CAPACITY);
        let fits = self.compare(IntCC::UnsignedLessThanOrEqual, behind, Limb::Var(capacity));
        let Cond::Var(fits) = fits else { return };
        let (grow, after) = (self.cold_block(), self.new_block());
        self.branch(fits, after, grow);
        if self.start(grow) {
            let (front_len, more) = (self.word_value(front_len), self.constant(u64::from(len_bytes)));
            self.host(Host::GrowFront, &[front_len, more]);
            self.jump(after, None);
        }
        self.start(after);
    }
}
