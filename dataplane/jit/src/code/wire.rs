//! Bits as they lie in packets: taken from one, and put together for one.
//!
//! Invariant: only bytes of the range asked for are read, since the packet may end with it.

use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Value, types};

use super::value::{limb_count, limb_mask};
use super::{Coder, Limb, Val};

/// The first byte of a range of the packet: a known distance behind an address.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    pub(super) base: Value,
    pub(super) offset: i32,
    pub(super) len_bytes: u32,
}

/// Where in the packet a value was loaded from. The packet stays as it is until all that is read of it has been.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Source {
    /// An address in the packet.
    pub(super) base: Value,
    /// The value's first bit behind it.
    pub(super) bit: i64,
    pub(super) width: u32,
}

/// A chunk of at most 64 bits, the first one the most significant of the word.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chunk {
    pub(super) word: Limb,
    pub(super) bits: u32,
}

/// Bits put together, in the order in which they lie on the wire.
#[derive(Debug, Default)]
pub(super) struct Packing {
    pub(super) chunks: Vec<Chunk>,
}

impl Packing {
    /// Bytes that all of it takes, the last one perhaps in part.
    pub(super) fn len_bytes(&self) -> u32 {
        self.chunks.iter().map(|chunk| chunk.bits).sum::<u32>().div_ceil(8)
    }
}

impl Coder<'_, '_> {
    /// The range of the packet that begins at a byte position.
    pub(super) fn range(&mut self, at_bytes: Limb, len_bytes: u32) -> Range {
        match at_bytes {
            Limb::Const(at) if at <= 1 << 20 => Range { base: self.bytes, offset: at as i32, len_bytes },
            at => {
                let at = self.word_value(at);
                Range { base: self.builder.ins().iadd(self.bytes, at), offset: 0, len_bytes }
            }
        }
    }

    /// A value of so many bits from bit position `at` of a range.
    pub(super) fn load_value(&mut self, range: Range, at: u32, width: u32) -> Val {
        let count = limb_count(width);
        let limbs = (0..count as u32).map(|i| {
            let bits = (width - (64 * i).min(width)).min(64);
            let below = 64 * i;
            // The least significant limb ends where the value ends.
            self.load_word(range, at + width - below.min(width) - bits, bits)
        });
        let limbs = limbs.collect();
        Val::limbs(width, limbs)
    }

    /// At most 64 bits from bit position `at` of a range, and a note of where they were.
    pub(super) fn load_word(&mut self, range: Range, at: u32, width: u32) -> Limb {
        let loaded = self.load_word_unnoted(range, at, width);
        if let Limb::Var(value) = loaded {
            let bit = 8 * i64::from(range.offset) + i64::from(at);
            self.sources.insert(value, Source { base: range.base, bit, width });
        }
        loaded
    }

    fn load_word_unnoted(&mut self, range: Range, at: u32, width: u32) -> Limb {
        if width == 0 {
            return Limb::Const(0);
        }
        let (first, end) = (at / 8, (at + width).div_ceil(8));
        let (skipped, behind) = (at % 8, 8 * end - at - width);
        let whole = 8 * (end - first);
        if whole <= 64 {
            let (loaded, extra_behind, has_more) = self.load_bytes(range, first, end);
            let behind = behind + extra_behind;
            let shifted = self.limb_shr(loaded, behind);
            return if has_more || skipped != 0 {
                self.limb_and(shifted, Limb::Const(limb_mask(width, 0)))
            } else {
                shifted
            };
        }
        // Nine bytes: the last one has less than eight of the bits.
        let (high, _, _) = self.load_bytes(range, first, end - 1);
        let (low, low_behind, _) = self.load_bytes(range, end - 1, end);
        let high = self.limb_shl(high, 8 - behind);
        let low = self.limb_shr(low, low_behind + behind);
        let low = self.limb_and(low, Limb::Const(limb_mask(8 - behind, 0)));
        let joined = self.limb_or(high, low);
        self.limb_and(joined, Limb::Const(limb_mask(width, 0)))
    }

    /// Bytes `first` to `end` of a range, eight at most, as a number; how many bits of later bytes are below them,
    /// and whether there may be bits of earlier bytes above.
    fn load_bytes(&mut self, range: Range, first: u32, end: u32) -> (Limb, u32, bool) {
        let count = end - first;
        let size = count.next_power_of_two();
        if size <= range.len_bytes {
            let start = first.min(range.len_bytes - size);
            let loaded = self.load_big_endian(range, start, size);
            return (loaded, 8 * (start + size - end), start < first || end < start + size);
        }
        // The range is shorter than the next power of two: put together from two.
        let upper = size / 2;
        let high = self.load_big_endian(range, first, upper);
        let (low, below, has_more) = self.load_bytes(range, first + upper, end);
        let low = self.limb_shr(low, below);
        let rest = 8 * (count - upper);
        let low = if has_more { self.limb_and(low, Limb::Const(limb_mask(rest, 0))) } else { low };
        let high = self.limb_shl(high, rest);
        (self.limb_or(high, low), 0, false)
    }

    fn load_big_endian(&mut self, range: Range, start: u32, size: u32) -> Limb {
        let ty = Self::int_type(size as usize);
        let flags = self.packet_flags();
        let loaded = self.builder.ins().load(ty, flags, range.base, range.offset + start as i32);
        let swapped = if size == 1 { loaded } else { self.builder.ins().bswap(loaded) };
        Limb::Var(if size == 8 { swapped } else { self.builder.ins().uextend(types::I64, swapped) })
    }

    /// Appends the bits of a value in registers.
    pub(super) fn pack(&mut self, packing: &mut Packing, width: u32, limbs: &[Limb]) {
        let count = width.div_ceil(64);
        for i in (0..count).rev() {
            self.pack_word(packing, (width - 64 * i).min(64), limbs[i as usize]);
        }
    }

    fn pack_word(&mut self, packing: &mut Packing, width: u32, limb: Limb) {
        let room = match packing.chunks.last() {
            Some(last) if last.bits < 64 => 64 - last.bits,
            Some(_) | None => {
                packing.chunks.push(Chunk { word: Limb::Const(0), bits: 0 });
                64
            }
        };
        let Some(last) = packing.chunks.len().checked_sub(1) else { return };
        let old = packing.chunks[last].word;
        if width <= room {
            let placed = self.limb_shl_by(limb, room - width);
            packing.chunks[last] = Chunk { word: self.limb_or(old, placed), bits: 64 - room + width };
            return;
        }
        let rest = width - room;
        let placed = self.limb_shr(limb, rest);
        packing.chunks[last] = Chunk { word: self.limb_or(old, placed), bits: 64 };
        let word = self.limb_shl(limb, 64 - rest);
        packing.chunks.push(Chunk { word, bits: rest });
    }

    /// To the left by at most 64, which is zero only for what has no bits.
    fn limb_shl_by(&mut self, limb: Limb, by: u32) -> Limb {
        if by >= 64 { Limb::Const(0) } else { self.limb_shl(limb, by) }
    }

    /// Stores chunks from an address on, the last one whole: what follows is overwritten.
    pub(super) fn store_packing(&mut self, packing: &Packing, base: Value, offset: i32) {
        let flags = MemFlagsData::new().with_trap_code(None);
        for (i, chunk) in packing.chunks.iter().enumerate() {
            let value = match chunk.word {
                Limb::Const(value) => self.constant(value.swap_bytes()),
                Limb::Var(value) => self.builder.ins().bswap(value),
            };
            self.builder.ins().store(flags, value, base, offset + 8 * i as i32);
        }
    }
}
