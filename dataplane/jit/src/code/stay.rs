//! Headers that stay in the packet, in a function of both passes that does not tell its packets' ways apart.
//!
//! Which headers there are is a bit of a word for each, so that where ways meet one value stands for all. A field is
//! loaded from the packet where it is asked for; where its header begins is in the frame, in the place of the header's
//! validity. Fields that the program gives values lie in the frame from when they are extracted, and are loaded from
//! the packet as long as they are known to have had no other. A packet whose headers are those that were parsed is
//! transmitted as it lies, with such fields put back.
//!
//! Invariant: what is loaded of a header that is not valid, if that is not known, is zero: it does not come from the packet.

use std::collections::{HashMap, HashSet};

use cranelift_codegen::ir::{InstBuilder, Value, types};
use heddle_ir::{Expr, HeaderId, HeaderRef, Parser, ParserId, StateId, Stmt, Target};

use super::through::Piece;
use super::wire::Range;
use super::{Coder, Cond, Limb, checksum, parser};
use crate::host::Host;
use crate::machine::flow;
use crate::plan::Through;
use crate::visit::{self, Part};

/// Numbers among the words of which something is known: of the words with a bit for every valid header, of what they were
/// behind the parser, of where headers begin, as a position and as an address, and of fields that are as they were extracted.
const VALID: u32 = checksum::SUMS + 0x0100_0000;
const PARSED: u32 = checksum::SUMS + 0x0200_0000;
const POSITIONS: u32 = checksum::SUMS + 0x0300_0000;
const ADDRESSES: u32 = checksum::SUMS + 0x0400_0000;
const UNCHANGED: u32 = checksum::SUMS + 0x0500_0000;
const WORD_BITS: u32 = u64::BITS;

/// The headers that stay.
#[derive(Default)]
pub(super) struct Staying {
    /// The bit of each.
    bits: HashMap<HeaderId, u32>,
    /// Words of the frame with fields that are loaded from the packet, always or as long as they are unchanged.
    fields: HashMap<u32, Field>,
    /// All words of the frame that are these headers'.
    words: HashSet<u32>,
    /// The parsers that were run.
    parsers: Vec<ParserId>,
}

/// A limb of a field of a header that is valid only once it is extracted.
#[derive(Clone, Copy)]
struct Field {
    header: HeaderId,
    /// First bit, counted from the header's.
    bit: u32,
    width: u32,
    /// Whether the program gives it other values.
    is_given: bool,
}

impl Staying {
    /// Whether a word of the frame is one of these headers', which no function called looks at.
    pub(super) fn has_word(&self, word: u32) -> bool {
        self.words.contains(&word)
    }

    fn valid_words(&self) -> u32 {
        (self.bits.len() as u32).div_ceil(WORD_BITS)
    }
}

impl Coder<'_, '_> {
    /// Begins without headers.
    pub(super) fn begin_staying(&mut self, plan: &Through) {
        let Some(staying) = &plan.staying else { return };
        self.staying.bits = plan.headers.keys().zip(0..).map(|(header, bit)| (*header, bit)).collect();
        self.staying.words = plan.headers.keys().flat_map(|header| self.words_of_header(*header)).collect();
        for word in (0..self.staying.valid_words()).flat_map(|i| [VALID + i, PARSED + i]) {
            let variable = self.builder.declare_var(types::I64);
            self.variables.insert(word, variable);
            self.write_word(word, Limb::Const(0));
        }
        for (header, given) in staying {
            let mut at = 0;
            for (number, slot) in self.fields(*header).into_iter().enumerate() {
                let width = slot.ty.width();
                let is_given = given.contains(&number);
                for i in 0..slot.limb_count() {
                    let below = WORD_BITS * i as u32;
                    let bits = width.saturating_sub(below).min(WORD_BITS);
                    // The least significant limb ends where the field ends.
                    let bit = at + width - below.min(width) - bits;
                    let word = (slot.word + i) as u32;
                    self.staying.fields.insert(word, Field { header: *header, bit, width: bits, is_given });
                }
                at += width;
            }
            self.lie_in_packet(*header);
        }
    }

    /// Whether a header is valid, as a word that is zero if it is not; none if that is a word of its own.
    pub(super) fn validity_bit(&mut self, header: HeaderId) -> Option<Limb> {
        let known = self.known.get(self.layout.headers[header].word as u32);
        known.filter(|_| self.stays(header)).or_else(|| self.bit_of(header))
    }

    /// The bit of a header that stays.
    fn bit_of(&mut self, header: HeaderId) -> Option<Limb> {
        let bit = *self.staying.bits.get(&header)?;
        let all = self.read_word(VALID + bit / WORD_BITS);
        Some(self.limb_and(all, Limb::Const(1 << (bit % WORD_BITS))))
    }

    /// Says whether a header is valid.
    pub(super) fn set_validity(&mut self, header: HeaderId, is_valid: bool) {
        let (word, limb) = (self.layout.headers[header].word as u32, Limb::Const(u64::from(is_valid)));
        let Some(bit) = self.staying.bits.get(&header).copied() else { return self.write_word(word, limb) };
        let (all, own) = (self.read_word(VALID + bit / WORD_BITS), 1 << (bit % WORD_BITS));
        let all = match is_valid {
            true => self.limb_or(all, Limb::Const(own)),
            false => self.limb_and(all, Limb::Const(!own)),
        };
        self.write_word(VALID + bit / WORD_BITS, all);
        self.known.set(word, limb);
    }

    /// Notes which headers a parser that has ended has extracted: those that are valid of what it may extract.
    pub(super) fn end_parsing(&mut self, id: ParserId) {
        self.staying.parsers.push(id);
        let parser = &self.program.parsers[id];
        let mut extracted = vec![0u64; self.staying.valid_words() as usize];
        for header in parser.states.keys().flat_map(|state| self.extracted(parser, state)).flatten() {
            if let Some(bit) = self.staying.bits.get(&header) {
                extracted[(bit / WORD_BITS) as usize] |= 1 << (bit % WORD_BITS);
            }
        }
        for (i, extracted) in (0..).zip(extracted) {
            let all = self.read_word(VALID + i);
            let parsed = self.limb_and(all, Limb::Const(extracted));
            self.write_word(PARSED + i, parsed);
        }
    }

    /// Notes where a header begins that is extracted.
    pub(super) fn settle(&mut self, header: HeaderId, at_bytes: Limb, range: Range) {
        if self.staying.bits.contains_key(&header) {
            let (word, number) = (self.layout.headers[header].word as u32, header.as_u32());
            self.store_frame(word, at_bytes);
            self.known.set(POSITIONS + number, at_bytes);
            match at_bytes {
                Limb::Var(_) => self.known.set(ADDRESSES + number, Limb::Var(range.base)),
                // Where an earlier extraction had it.
                Limb::Const(_) => self.known.forget(|word| word == ADDRESSES + number),
            }
        }
    }

    /// Whether a field is never anywhere but in the packet.
    pub(super) fn is_read_in_packet(&self, header: HeaderId, field: usize) -> bool {
        let word = self.layout.headers[header].fields[field].word as u32;
        self.staying.fields.get(&word).is_some_and(|field| !field.is_given)
    }

    /// Notes that all of a header is as it lies in the packet.
    pub(super) fn lie_in_packet(&mut self, header: HeaderId) {
        for word in self.words_of_header(header) {
            if self.staying.fields.get(&word).is_some_and(|field| field.is_given) {
                self.known.set(UNCHANGED + word, Limb::Const(1));
            }
        }
    }

    /// Notes that a word was given a value.
    pub(super) fn leave_packet(&mut self, word: u32) {
        if self.staying.fields.contains_key(&word) {
            self.known.forget(|other| other == UNCHANGED + word);
        }
    }

    fn is_unchanged(&self, word: u32) -> bool {
        let field = self.staying.fields.get(&word);
        field.is_some_and(|field| !field.is_given || self.known.get(UNCHANGED + word).is_some())
    }

    /// A word of a header that is in the packet.
    pub(super) fn read_in_packet(&mut self, word: u32) -> Option<Limb> {
        let field = *self.staying.fields.get(&word)?;
        if !self.is_unchanged(word) {
            return None;
        }
        let range = self.range_of(field.header);
        Some(self.load_word(range, field.bit, field.width))
    }

    /// Where a header begins, as a position; only of one that is valid.
    fn position_of(&mut self, header: HeaderId) -> Limb {
        let known = self.known.get(POSITIONS + header.as_u32());
        known.unwrap_or_else(|| Limb::Var(self.load_frame(self.layout.headers[header].word as u32)))
    }

    /// Where a header lies; zeros if it is not valid.
    fn range_of(&mut self, header: HeaderId) -> Range {
        let (number, ty) = (header.as_u32(), self.layout.headers[header].ty);
        // One that is no whole bytes long is in no packet, and has zeros for all bits that it has.
        let len_bytes = self.layout.types[ty].fixed_bits.div_ceil(8);
        if let Some(at @ Limb::Const(_)) = self.known.get(POSITIONS + number) {
            return self.range(at, len_bytes);
        }
        if let Some(Limb::Var(base)) = self.known.get(ADDRESSES + number) {
            return Range { base, offset: 0, len_bytes };
        }
        let at = self.position_of(header);
        let at = self.word_value(at);
        let there = Limb::Var(self.builder.ins().iadd(self.bytes, at));
        let zeros = Limb::Var(self.zeros());
        // A scout takes for granted what leads to its table, whatever the packet has.
        let is_valid = match self.scouted {
            None => self.is_valid(header),
            Some(_) => {
                let bit = self.bit_of(header);
                bit.map_or(Cond::Const(false), |bit| self.nonzero(bit))
            }
        };
        let base = self.choose(is_valid, there, zeros);
        let base = self.word_value(base);
        self.known.set(ADDRESSES + number, Limb::Var(base));
        Range { base, offset: 0, len_bytes }
    }

    /// Puts a valid header into the frame, for what looks for it there.
    pub(super) fn put_in_frame(&mut self, header: HeaderId) {
        let words = self.words_of_header(header);
        if !words.clone().any(|word| self.staying.fields.contains_key(&word)) {
            return self.store_frame(words.start, Limb::Const(1));
        }
        let changed: Vec<u32> = words.skip(1).filter(|word| !self.is_unchanged(*word)).collect();
        let kept: Vec<(u32, Limb)> = changed.into_iter().map(|word| (word, self.read_word(word))).collect();
        let at = self.position_of(header);
        let (number, at, no_bits) =
            (self.constant(u64::from(header.as_u32())), self.word_value(at), self.constant(0));
        self.host(Host::Fill, &[number, at, no_bits]);
        for (word, limb) in kept {
            self.store_frame(word, limb);
        }
    }

    /// Where headers begin, to be put back when the frame has held them for a while.
    pub(super) fn positions(&mut self) -> Vec<(u32, Value)> {
        let headers = self.staying.bits.keys();
        let words: Vec<u32> = headers.map(|header| self.layout.headers[*header].word as u32).collect();
        words.into_iter().map(|word| (word, self.load_frame(word))).collect()
    }

    /// Whether a header stays, so that it is emitted where the packet is transmitted.
    pub(super) fn stays(&self, header: HeaderId) -> bool {
        self.staying.bits.contains_key(&header)
    }

    /// Whether headers that are emitted one after the other lie so in every packet that has them. What was parsed ends with
    /// the last of them.
    pub(super) fn lie_in_order(&self, headers: &[HeaderId]) -> bool {
        let [parser] = self.staying.parsers[..] else { return false };
        let parser = &self.program.parsers[parser];
        let (order, longest) = parser::order(parser);
        let places: HashMap<HeaderId, usize> = headers.iter().copied().zip(1..).collect();
        if longest.is_none() || places.len() != headers.len() {
            return false;
        }
        // The last place that any way to a state has come to.
        let mut before: HashMap<StateId, usize> = HashMap::new();
        for state in order {
            let mut place = before.get(&state).copied().unwrap_or(0);
            for header in self.extracted(parser, state) {
                match header.and_then(|header| places.get(&header)) {
                    Some(next) if *next > place => place = *next,
                    Some(_) | None => return false,
                }
            }
            for target in parser::targets(&parser.states[state].transition) {
                if let Target::State(next) = target {
                    let last = before.entry(next).or_default();
                    *last = place.max(*last);
                }
            }
        }
        true
    }

    /// The headers that a state extracts; nothing in the place of what else decides which there are.
    fn extracted(&self, parser: &Parser, state: StateId) -> Vec<Option<HeaderId>> {
        let block = &parser.states[state].block;
        let mut all = Vec::new();
        let own = |header: &HeaderRef| match header {
            HeaderRef::One(header) => Some(*header),
            HeaderRef::Element(stack, index) => match &**index {
                Expr::Const(index) => {
                    self.program.stacks[*stack].elements.get(usize::try_from(index.low_u64()).ok()?).copied()
                }
                _ => None,
            },
        };
        visit::block(block, &mut |part| match part {
            Part::Stmt(stmt @ Stmt::Extract { header, varbit_bits: None }) => {
                let is_always = block.iter().any(|own| std::ptr::eq(own, stmt));
                let header = own(header).filter(|header| self.program.headers[*header].union.is_none());
                all.push(header.filter(|_| is_always));
            }
            Part::Stmt(
                Stmt::Extract { .. }
                | Stmt::Advance(_)
                | Stmt::SetValid(_)
                | Stmt::SetInvalid(_)
                | Stmt::CopyHeader { .. }
                | Stmt::PushFront(..)
                | Stmt::PopFront(..)
                | Stmt::Call { .. },
            ) => all.push(None),
            Part::Stmt(_) | Part::Expr | Part::Var(_) | Part::Header(_) => {}
        });
        all
    }

    /// Whether the headers there are, are those that were parsed.
    pub(super) fn are_as_parsed(&mut self) -> Cond {
        let mut same = Cond::Const(true);
        for i in 0..self.staying.valid_words() {
            let (now, then) = (self.read_word(VALID + i), self.read_word(PARSED + i));
            let one = match now == then {
                true => Cond::Const(true),
                false => self.compare(cranelift_codegen::ir::condcodes::IntCC::Equal, now, then),
            };
            same = self.both(same, one);
        }
        same
    }

    /// Sends the packet as it lies, with what was changed of headers put back.
    pub(super) fn send_as_it_lies(&mut self, headers: &[HeaderId]) {
        self.make_clones();
        for header in headers {
            let mut words = self.words_of_header(*header).skip(1);
            if words.all(|word| self.is_unchanged(word)) {
                continue;
            }
            match self.is_valid(*header) {
                Cond::Const(false) => {}
                Cond::Const(true) => self.put_back(*header),
                Cond::Var(is_valid) => {
                    let (then, after) = (self.new_block(), self.new_block());
                    self.branch(is_valid, then, after);
                    if self.start(then) {
                        self.known.set(self.layout.headers[*header].word as u32, Limb::Const(1));
                        self.put_back(*header);
                        self.jump(after, None);
                    }
                    self.start(after);
                }
            }
        }
        self.give(flow::SENT);
    }

    /// Stores the fields of a valid header that were changed, with those that share bytes with them.
    fn put_back(&mut self, header: HeaderId) {
        let range = self.range_of(header);
        let mut pieces = Vec::new();
        let mut at = 0;
        for slot in self.fields(header) {
            let width = slot.ty.width();
            for i in (0..slot.limb_count().min(width.div_ceil(WORD_BITS) as usize)).rev() {
                let word = (slot.word + i) as u32;
                let bits = (width - WORD_BITS * i as u32).min(WORD_BITS);
                let (is_new, limb) = (!self.is_unchanged(word), self.read_word(word));
                pieces.push(Piece { bit: at, width: bits, limb, is_new });
                at += i64::from(bits);
            }
        }
        Piece::widen(&mut pieces);
        self.store_new(&pieces, range.base, range.offset);
    }
}
