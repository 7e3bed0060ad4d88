//! Bits as they lie in packets: the first bit is the most significant one of the first byte.
//!
//! Invariant: reading a range that lies inside the bytes gives its bits; there is no other access to packet
//! bytes by bit position.

/// Up to 64 bits from bit position `at`. Bits beyond the bytes are zero.
pub fn load(bytes: &[u8], at: usize, width: u32) -> u64 {
    debug_assert!(width <= 64);
    if width == 0 {
        return 0;
    }
    let (first, skipped) = (at / 8, (at % 8) as u32);
    if skipped + width <= 64
        && let Some(chunk) = bytes.get(first..).and_then(|rest| rest.first_chunk::<8>())
    {
        return u64::from_be_bytes(*chunk) << skipped >> (64 - width);
    }
    let count = (skipped + width).div_ceil(8);
    let byte = |i: u32| bytes.get(first + i as usize).copied().unwrap_or(0);
    let joined = (0..count).fold(0u128, |acc, i| acc << 8 | u128::from(byte(i)));
    (joined >> (count * 8 - skipped - width)) as u64 & (u64::MAX >> (64 - width))
}

/// `width` bits from bit position `at`, into little-endian limbs. Limbs above the width become zero.
pub fn load_limbs(bytes: &[u8], at: usize, width: u32, limbs: &mut [u64]) {
    let mut left = width;
    for limb in limbs {
        let taken = left.min(64);
        left -= taken;
        *limb = load(bytes, at + left as usize, taken);
    }
}

/// Bits appended one after the other, and what they look like as bytes.
#[derive(Clone, Debug, Default)]
pub struct BitString {
    bytes: Vec<u8>,
    len: usize,
}

impl BitString {
    /// No bits. Keeps the storage.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.len = 0;
    }

    /// The bits, padded at the end with zero bits to whole bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Appends the `width` least significant bits of a value; at most 64.
    pub fn push(&mut self, value: u64, width: u32) {
        debug_assert!(width <= 64);
        if width == 0 {
            return;
        }
        let used = (self.len % 8) as u32;
        self.len += width as usize;
        let mut left_aligned = value << (64 - width);
        if used != 0
            && let Some(last) = self.bytes.last_mut()
        {
            *last |= (left_aligned >> 56 >> used) as u8;
            left_aligned <<= 8 - used;
        }
        // Copying a whole word and cutting it is cheaper than copying as many bytes as it takes.
        self.bytes.extend_from_slice(&left_aligned.to_be_bytes());
        self.bytes.truncate(self.len.div_ceil(8));
    }

    /// Appends a value of `width` bits given as little-endian limbs.
    pub fn push_limbs(&mut self, width: u32, limb: impl Fn(usize) -> u64) {
        let count = width.div_ceil(64);
        for i in (0..count).rev() {
            self.push(limb(i as usize), (width - i * 64).min(64));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn first_bit_is_most_significant() {
        let bytes = [0b1010_0000, 0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0, 0x0f];
        assert_eq!(load(&bytes, 0, 1), 1);
        assert_eq!(load(&bytes, 1, 2), 0b01);
        assert_eq!(load(&bytes, 8, 64), 0x1234_5678_9abc_def0);
        assert_eq!(load(&bytes, 12, 64), 0x2345_6789_abcd_ef00);
        assert_eq!(load(&bytes, 72, 8), 0x0f);
        assert_eq!(load(&bytes, 76, 12), 0xf00, "beyond the end is zero");
        assert_eq!(load(&bytes, 400, 5), 0);
        assert_eq!(load(&bytes, 3, 0), 0);
        let mut limbs = [7; 3];
        load_limbs(&bytes, 4, 72, &mut limbs);
        assert_eq!(limbs, [0x2345_6789_abcd_ef00, 0x01, 0]);
    }

    #[test]
    fn the_last_byte_is_padded_with_zeros() {
        let mut string = BitString::default();
        string.push(0xff, 3);
        assert_eq!(string.bytes(), [0xe0]);
        string.push(0, 0);
        string.push(0x1234_5678_9abc_def0, 64);
        assert_eq!(string.bytes(), [0xe2, 0x46, 0x8a, 0xcf, 0x13, 0x57, 0x9b, 0xde, 0x00]);
    }

    proptest! {
        #[test]
        fn what_was_pushed_is_loaded(parts in prop::collection::vec((any::<[u64; 3]>(), 0u32..=180), 0..12)) {
            let mut string = BitString::default();
            for (limbs, width) in &parts {
                string.push_limbs(*width, |i| limbs[i]);
            }
            let mut at = 0;
            for (limbs, width) in &parts {
                let mut loaded = [u64::MAX; 3];
                load_limbs(string.bytes(), at, *width, &mut loaded);
                for (i, limb) in loaded.iter().enumerate() {
                    let bits = width.saturating_sub(i as u32 * 64).min(64);
                    let mask = u64::MAX.checked_shr(64 - bits).unwrap_or(0);
                    prop_assert_eq!(*limb, limbs[i] & mask);
                }
                at += *width as usize;
            }
            prop_assert_eq!(string.bytes().len(), at.div_ceil(8));
        }
    }
}
