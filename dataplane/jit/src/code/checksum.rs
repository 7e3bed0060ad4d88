//! The Internet checksum (RFC 1071) of values, most of which lie in the packet as they lie in the sum.
//!
//! Words are added as the processor loads them, in its own byte order, and the result is swapped once (RFC 1071, section
//! 2B). A sum that was computed before and differs in few values is made from that (section 3, and RFC 1624), exactly:
//! before it is folded.
//!
//! Invariant: a sum has each 16-bit lane of the data once, shifted by what [`Sum::shifts`] says.

use cranelift_codegen::ir::{InstBuilder, Value, types};

use super::wire::{Packing, Source};
use super::{Coder, Limb};

/// The number that stands for the first sum among the words of which something is known.
pub(super) const SUMS: u32 = 0xe000_0000;
/// Sums that are kept for others to be made from.
const SUMS_MAX: usize = 256;
/// Values in which a sum may differ to be made from another.
const DIFFERENCES_MAX: usize = 2;
/// Values of the shortest data for which that is worth it.
const PIECES_MIN: usize = 5;

/// A sum that was computed.
pub(super) struct Sum {
    pieces: Vec<Piece>,
    /// By lane.
    shifts: Vec<u32>,
}

/// A value of the data.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Piece {
    /// First bit in the data.
    bit: u32,
    width: u32,
    limb: Limb,
}

impl Piece {
    fn end(self) -> u32 {
        self.bit + self.width
    }

    fn is_in_one_lane(self) -> bool {
        self.bit % 16 + self.width <= 16
    }
}

impl Coder<'_, '_> {
    /// The checksum of values one after the other.
    pub(super) fn internet_checksum(&mut self, data: &[(u32, Vec<Limb>)]) -> Limb {
        let mut pieces = Vec::new();
        let mut bit = 0;
        for (width, limbs) in data {
            for i in (0..width.div_ceil(64)).rev() {
                let width = (width - 64 * i).min(64);
                pieces.push(Piece { bit, width, limb: limbs[i as usize] });
                bit += width;
            }
        }
        let (sum, shifts) = match self.sum_from_another(&pieces) {
            Some(made) => made,
            None => self.sum_of(&pieces),
        };
        if matches!(sum, Limb::Var(_)) && self.sums.len() < SUMS_MAX {
            self.known.set(SUMS + self.sums.len() as u32, sum);
            self.sums.push(Sum { pieces, shifts });
        }
        let sum = self.one_lane(sum);
        let swapped = self.swapped_lane(sum);
        self.limb_xor(swapped, Limb::Const(0xffff))
    }

    /// A sum as 16 bits, carries added at the other end. Each half of a number, turned and added, is in the upper half what
    /// both halves and their carry make together.
    fn one_lane(&mut self, sum: Limb) -> Limb {
        let sum = match sum {
            Limb::Const(mut sum) => {
                while sum > 0xffff {
                    sum = (sum & 0xffff) + (sum >> 16);
                }
                return Limb::Const(sum);
            }
            Limb::Var(sum) => sum,
        };
        let turned = self.builder.ins().rotl_imm_u(sum, 32);
        let halves = self.builder.ins().iadd(sum, turned);
        let half = self.builder.ins().ushr_imm_u(halves, 32);
        let half = self.builder.ins().ireduce(types::I32, half);
        let turned = self.builder.ins().rotl_imm_u(half, 16);
        let halves = self.builder.ins().iadd(half, turned);
        let lane = self.builder.ins().ushr_imm_u(halves, 16);
        Limb::Var(self.builder.ins().uextend(types::I64, lane))
    }

    /// 16 bits in the other byte order.
    fn swapped_lane(&mut self, limb: Limb) -> Limb {
        match limb {
            Limb::Const(value) => Limb::Const(u64::from((value as u16).swap_bytes())),
            Limb::Var(value) => {
                let lane = self.builder.ins().ireduce(types::I16, value);
                let swapped = self.builder.ins().bswap(lane);
                Limb::Var(self.builder.ins().uextend(types::I64, swapped))
            }
        }
    }

    /// The sum of data that differs in little from what was summed before, on every way here.
    fn sum_from_another(&mut self, pieces: &[Piece]) -> Option<(Limb, Vec<u32>)> {
        if pieces.len() < PIECES_MIN {
            return None;
        }
        let (number, sum) = (0..self.sums.len()).rev().find_map(|number| {
            let known = self.known.get(SUMS + number as u32)?;
            let other = &self.sums[number].pieces;
            let same_shape = other.len() == pieces.len()
                && other.iter().zip(pieces).all(|(a, b)| (a.bit, a.width) == (b.bit, b.width));
            let differences = other.iter().zip(pieces).filter(|(a, b)| a.limb != b.limb);
            let few = differences.clone().count() <= DIFFERENCES_MAX
                && differences.clone().all(|(a, _)| a.is_in_one_lane());
            (same_shape && few).then_some((number, known))
        })?;
        let other = &self.sums[number];
        let shifts = other.shifts.clone();
        let changed: Vec<(Piece, Piece)> = other
            .pieces
            .iter()
            .copied()
            .zip(pieces.iter().copied())
            .filter(|(a, b)| a.limb != b.limb)
            .collect();
        let mut sum = sum;
        for (old, new) in changed {
            let shift = shifts[new.bit as usize / 16];
            let (added, taken) = (self.lane(new, shift), self.lane(old, shift));
            sum = self.limb_add(sum, added);
            sum = self.limb_sub(sum, taken);
        }
        Some((sum, shifts))
    }

    /// What a value adds to a sum.
    fn lane(&mut self, piece: Piece, shift: u32) -> Limb {
        let within = piece.bit % 16;
        if within % 8 + piece.width <= 8 {
            // The lane's first byte is its lower one.
            let upper = if within >= 8 { 8 } else { 0 };
            return self.limb_shl(piece.limb, 8 - within % 8 - piece.width + upper + shift);
        }
        let placed = self.limb_shl(piece.limb, 16 - within - piece.width);
        let swapped = self.swapped_lane(placed);
        self.limb_shl(swapped, shift)
    }

    /// The sum of values, and how far each lane is shifted in it.
    fn sum_of(&mut self, pieces: &[Piece]) -> (Limb, Vec<u32>) {
        let (mut sum, mut shifts) = (Limb::Const(0), Vec::new());
        let mut at = 0;
        while at < pieces.len() {
            // Always at the beginning of a lane.
            let in_packet = self.in_packet(&pieces[at..]);
            if let Some((count, source)) = in_packet {
                let lanes = (pieces[at + count - 1].end() - pieces[at].bit) / 16;
                sum = self.add_from_packet(sum, source, lanes, &mut shifts);
                at += count;
                continue;
            }
            let group = pieces[at..].iter().position(|piece| piece.end().is_multiple_of(16));
            let count = group.map_or(pieces.len() - at, |last| last + 1);
            sum = self.add_values(sum, &pieces[at..at + count], &mut shifts);
            at += count;
        }
        (sum, shifts)
    }

    /// How many values lie one after the other in the packet and end with a lane, and where.
    fn in_packet(&self, pieces: &[Piece]) -> Option<(usize, Source)> {
        let source = |piece: &Piece| match piece.limb {
            Limb::Const(_) => None,
            Limb::Var(value) => self.sources.get(&value).filter(|source| source.width == piece.width),
        };
        let first = *source(pieces.first()?)?;
        if first.bit % 8 != 0 {
            return None;
        }
        let follows = |piece: &&Piece| {
            let bit = first.bit + i64::from(piece.bit) - i64::from(pieces[0].bit);
            source(piece).is_some_and(|source| source.base == first.base && source.bit == bit)
        };
        let run = pieces.iter().take_while(follows).count();
        let count = (1..=run).rev().find(|count| pieces[count - 1].end().is_multiple_of(16))?;
        Some((count, first))
    }

    fn add_from_packet(&mut self, mut sum: Limb, source: Source, lanes: u32, shifts: &mut Vec<u32>) -> Limb {
        let flags = self.packet_flags();
        let mut at = (source.bit / 8) as i32;
        let mut left = lanes;
        while left > 0 {
            let (ty, count) = if left >= 2 { (types::I32, 2) } else { (types::I16, 1) };
            let loaded: Value = self.builder.ins().load(ty, flags, source.base, at);
            let loaded = self.builder.ins().uextend(types::I64, loaded);
            sum = self.limb_add(sum, Limb::Var(loaded));
            shifts.extend((0..count).map(|lane| 16 * lane));
            at += 2 * count as i32;
            left -= count;
        }
        sum
    }

    /// Adds values that do not lie in the packet so.
    fn add_values(&mut self, mut sum: Limb, pieces: &[Piece], shifts: &mut Vec<u32>) -> Limb {
        let mut packing = Packing::default();
        for piece in pieces {
            self.pack(&mut packing, piece.width, &[piece.limb]);
        }
        for chunk in &packing.chunks {
            let swapped = match chunk.word {
                Limb::Const(value) => Limb::Const(value.swap_bytes()),
                Limb::Var(value) => Limb::Var(self.builder.ins().bswap(value)),
            };
            if chunk.bits > 32 {
                let (high, low) =
                    (self.limb_shr(swapped, 32), self.limb_and(swapped, Limb::Const(0xffff_ffff)));
                sum = self.limb_add(sum, high);
                sum = self.limb_add(sum, low);
            } else {
                sum = self.limb_add(sum, swapped);
            }
            shifts.extend((0..chunk.bits.div_ceil(16)).map(|lane| 16 * (lane % 2)));
        }
        sum
    }
}
