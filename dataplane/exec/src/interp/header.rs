//! Headers: validity, copies, stacks, taking them from the packet and putting them into it.

use heddle_ir::{Bits, HeaderId, HeaderRef, HeaderTypeId, StackId, Ty};

use super::layout::Slot;
use super::pass::Pass;
use crate::bitstring;

impl Pass<'_, '_> {
    pub(super) fn is_valid(&self, header: HeaderId) -> bool {
        self.frame.words[self.layout().headers[header].word] != 0
    }

    /// Where a field lies.
    pub(super) fn field(&self, header: HeaderId, field: usize) -> Slot {
        self.layout().headers[header].fields[field]
    }

    /// The type of the header meant, even if it lies beyond its stack.
    pub(super) fn header_type(&self, header: &HeaderRef) -> Option<HeaderTypeId> {
        let header = match header {
            HeaderRef::One(header) => *header,
            HeaderRef::Element(stack, _) => *self.program().stacks[*stack].elements.first()?,
        };
        Some(self.layout().headers[header].ty)
    }

    /// Makes a header valid, its fields zero if it was not, and its siblings in a union invalid.
    pub(super) fn set_valid(&mut self, header: HeaderId) {
        if !self.is_valid(header) {
            let at = &self.layout().headers[header];
            let words = self.layout().types[at.ty].words;
            self.frame.words[at.word..at.word + words].fill(0);
            self.frame.words[at.word] = 1;
        }
        self.invalidate_siblings(header);
    }

    pub(super) fn set_invalid(&mut self, header: HeaderId) {
        self.frame.words[self.layout().headers[header].word] = 0;
    }

    fn invalidate_siblings(&mut self, header: HeaderId) {
        let program = self.program();
        if let Some(union) = program.headers[header].union {
            for member in program.unions[union].members.iter().filter(|member| **member != header) {
                self.set_invalid(*member);
            }
        }
    }

    /// Copies validity and fields; what lies beyond a stack is an invalid header.
    pub(super) fn copy_header(&mut self, dst: HeaderId, src: Option<HeaderId>) {
        match src {
            Some(src) if self.is_valid(src) => {
                self.move_header(dst, src);
                self.invalidate_siblings(dst);
            }
            Some(_) | None => self.set_invalid(dst),
        }
    }

    /// Copies a header of the same type as it is, whatever unions there are.
    fn move_header(&mut self, dst: HeaderId, src: HeaderId) {
        let (dst, src) = (&self.layout().headers[dst], &self.layout().headers[src]);
        let words = self.layout().types[src.ty].words;
        self.frame.words.copy_within(src.word..src.word + words, dst.word);
    }

    /// Moves elements `count` places up (P4-16, "Operations on header stacks").
    pub(super) fn push_front(&mut self, stack: StackId, count: u32) {
        let elements = &self.program().stacks[stack].elements;
        let count = (count as usize).min(elements.len());
        for i in (count..elements.len()).rev() {
            self.move_header(elements[i], elements[i - count]);
        }
        for element in &elements[..count] {
            self.set_invalid(*element);
        }
    }

    /// Moves elements `count` places down.
    pub(super) fn pop_front(&mut self, stack: StackId, count: u32) {
        let elements = &self.program().stacks[stack].elements;
        let count = (count as usize).min(elements.len());
        let kept = elements.len() - count;
        for i in 0..kept {
            self.move_header(elements[i], elements[i + count]);
        }
        for element in &elements[kept..] {
            self.set_invalid(*element);
        }
    }

    /// Fills a header from bit position `at` of the packet and makes it valid. The bits are there.
    pub(super) fn read_header(&mut self, header: HeaderId, at: usize, varbit_bits: u32) {
        let slot = &self.layout().headers[header];
        let words = &mut self.frame.words;
        let bytes = self.packet.bytes();
        let mut at = at;
        words[slot.word] = 1;
        for field in &slot.fields {
            let width = match field.ty {
                Ty::Bits(width) => width,
                Ty::Varbit(_) => {
                    words[field.word] = u64::from(varbit_bits);
                    varbit_bits
                }
            };
            bitstring::load_limbs(
                bytes,
                at,
                width,
                &mut words[field.limbs()..field.limbs() + field.limb_count()],
            );
            at += width as usize;
        }
        self.invalidate_siblings(header);
    }

    /// Appends a header to the packet's new front.
    pub(super) fn write_header(&mut self, header: HeaderId) {
        let words = &self.frame.words;
        for field in &self.layout().headers[header].fields {
            let width = match field.ty {
                Ty::Bits(width) => width,
                Ty::Varbit(max) => (words[field.word] as u32).min(max),
            };
            self.scratch.front.push_limbs(width, |limb| words[field.limbs() + limb]);
        }
    }

    /// The values of a header's fields, for the trace.
    pub(super) fn fields(&self, header: HeaderId) -> Vec<Bits> {
        self.layout().headers[header].fields.iter().map(|field| self.load(*field)).collect()
    }
}
