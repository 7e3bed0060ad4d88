#![allow(unsafe_code)] // Packets and frames are reached without asking whether each load is within them.
//! How the fields of headers are taken from packets into frames: a load, a shift and a mask for each limb.
//!
//! Invariant: every load lies within its header, or within the eight bytes that a shorter one is padded to, and what it gives
//! goes into a word of the header.

use cranelift_entity::PrimaryMap;
use heddle_exec::layout::Layout;
use heddle_ir::{HeaderTypeId, Program, Ty};

/// Bytes of a load.
const BYTES: usize = size_of::<u64>();

/// A limb of a field.
#[derive(Clone, Copy, Debug)]
struct Load {
    /// The byte of the header at which the load begins.
    start: u16,
    /// The word of the header in the frame, its validity being the first.
    word: u16,
    /// To the right, from the most significant bit on.
    shift: u8,
    mask: u64,
}

/// What takes all fields of a header.
#[derive(Debug)]
struct OfType {
    loads: Box<[Load]>,
    len_bytes: usize,
    words: usize,
}

/// By type of header, what takes its fields from a packet; none for a type that takes more than loads.
#[derive(Debug)]
pub(crate) struct Loads(PrimaryMap<HeaderTypeId, Option<OfType>>);

/// The limb of bits `at` to `at + width` of a header of so many bytes, if one load has all of it.
fn load(word: usize, at: usize, width: u32, len_bytes: usize) -> Option<Load> {
    let start = (at / 8).min(len_bytes.saturating_sub(BYTES));
    let end = at + width as usize - 8 * start;
    let shift = u64::BITS.checked_sub(end as u32)?;
    let mask = if width == 0 { 0 } else { u64::MAX >> (u64::BITS - width) };
    Some(Load {
        start: start.try_into().ok()?,
        word: word.try_into().ok()?,
        shift: shift.min(63) as u8,
        mask,
    })
}

fn whole_bytes(bits: u32) -> Option<usize> {
    bits.is_multiple_of(u8::BITS).then_some((bits / u8::BITS) as usize)
}

impl Loads {
    pub(crate) fn new(program: &Program, layout: &Layout) -> Loads {
        let of_type = |ty: HeaderTypeId| {
            // One that is not whole bytes long lies in no packet as a whole, only some of its bits do.
            let len_bytes = whole_bytes(program.header_types[ty].fixed_width())?;
            let (mut loads, mut at, mut word) = (Vec::new(), 0, 1);
            for field in &program.header_types[ty].fields {
                let Ty::Bits(width) = field.ty else { return None };
                let mut left = width;
                for _ in 0..width.div_ceil(u64::BITS).max(1) {
                    let taken = left.min(u64::BITS);
                    left -= taken;
                    // The least significant limb comes first and ends where the field ends.
                    loads.push(load(word, at + left as usize, taken, len_bytes)?);
                    word += 1;
                }
                at += width as usize;
            }
            debug_assert_eq!(word, layout.types[ty].words, "laid out otherwise");
            Some(OfType { loads: loads.into(), len_bytes, words: word })
        };
        Loads(program.header_types.keys().map(of_type).collect())
    }

    /// Takes all fields of a header, whose bytes these are, into its words of the frame. False, with nothing done, if that takes
    /// more than loads.
    pub(crate) fn take(&self, ty: HeaderTypeId, bytes: &[u8], own: &mut [u64]) -> bool {
        let Some(of_type) = &self.0[ty] else { return false };
        if bytes.len() != of_type.len_bytes || own.len() != of_type.words {
            return false;
        }
        let mut padded = [0; BYTES];
        let bytes = match bytes.len() {
            short @ ..BYTES => {
                padded[..short].copy_from_slice(bytes);
                &padded
            }
            _ => bytes,
        };
        for load in &of_type.loads {
            // SAFETY: `load` keeps its eight bytes within those of the header, of which there are as many as were counted, or
            // within the padding.
            let word = unsafe { bytes.as_ptr().add(usize::from(load.start)).cast::<[u8; BYTES]>().read() };
            // SAFETY: words were counted up to the last of the header, of which there are as many.
            let to = unsafe { own.get_unchecked_mut(usize::from(load.word)) };
            *to = u64::from_be_bytes(word) >> load.shift & load.mask;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use heddle_exec::bitstring;
    use heddle_ir::{HeaderField, HeaderType};

    use super::*;

    /// A program with one header type that has fields of these widths.
    fn program(widths: &[u32]) -> (Program, HeaderTypeId) {
        let mut program = Program::default();
        let field = |width: &u32| HeaderField { name: "f".to_owned(), ty: Ty::Bits(*width) };
        let fields = widths.iter().map(field).collect();
        let ty = program.header_types.push(HeaderType { name: "h".to_owned(), fields });
        (program, ty)
    }

    #[test]
    fn loads_take_what_lies_in_the_packet() {
        let headers: [&[u32]; 7] = [
            &[4, 4, 6, 2, 16, 16, 3, 13, 8, 8, 16, 32, 32],
            &[48, 48, 16],
            &[4, 6, 2, 20, 16, 8, 8, 128, 128],
            &[3, 1, 12, 16],
            &[0, 8, 0],
            &[1, 62, 1],
            &[7, 57, 64, 24, 0],
        ];
        let bytes: Vec<u8> = (0..64u8).map(|i| i.wrapping_mul(181) ^ 0x5a).collect();
        for widths in headers {
            let (program, ty) = program(widths);
            let layout = Layout::new(&program);
            let len_bytes = widths.iter().sum::<u32>() as usize / 8;
            let mut own = vec![u64::MAX; layout.types[ty].words];
            assert!(Loads::new(&program, &layout).take(ty, &bytes[..len_bytes], &mut own), "{widths:?}");
            let (mut at, mut word) = (0, 1);
            for &width in widths {
                let mut limbs = vec![0; width.div_ceil(64).max(1) as usize];
                bitstring::load_limbs(&bytes, at, width, &mut limbs);
                assert_eq!(own[word..word + limbs.len()], limbs, "{width} bits from {at} of {widths:?}");
                at += width as usize;
                word += limbs.len();
            }
            assert_eq!(own[0], u64::MAX, "validity is not a field");
        }
    }

    #[test]
    fn a_type_that_takes_more_than_loads_is_left_alone() {
        let (over_nine_bytes, ty) = program(&[4, 64, 4]);
        let (mut with_varbit, _) = program(&[8, 8]);
        with_varbit.header_types[ty].fields[1].ty = Ty::Varbit(64);
        let (no_whole_bytes, _) = program(&[4, 8]);
        for (program, bytes) in [(over_nine_bytes, 9), (with_varbit, 2), (no_whole_bytes, 1)] {
            let layout = Layout::new(&program);
            let mut own = vec![7; layout.types[ty].words];
            assert!(!Loads::new(&program, &layout).take(ty, &[0xff; 9][..bytes], &mut own));
            assert!(own.iter().all(|word| *word == 7));
        }
    }
}
