//! The Internet checksum (RFC 1071) and its incremental update (RFC 1624).
//!
//! Invariant: a [`Sum`] is a one's-complement sum of 16-bit words in the machine's byte order, which RFC 1071
//! section 2(B) shows to be as good as network order as long as the bytes are swapped once at the end.

use std::net::{Ipv4Addr, Ipv6Addr};

/// A one's-complement sum under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum(u64);

impl Sum {
    /// The sum of nothing.
    pub const fn new() -> Self {
        Self(0)
    }

    /// Adds bytes as 16-bit words; an odd last byte is padded with a zero, so only the last slice of a
    /// checksummed range may be odd.
    #[inline]
    pub fn add_bytes(self, bytes: &[u8]) -> Self {
        // Four lanes of 32-bit words in 64-bit accumulators: no carry is lost below 16 GB, and the compiler
        // turns the loop into vector additions.
        let mut lanes = [0u64; 4];
        let mut blocks = bytes.chunks_exact(16);
        for block in &mut blocks {
            for (lane, word) in lanes.iter_mut().zip(block.chunks_exact(4)) {
                *lane += u64::from(u32::from_ne_bytes([word[0], word[1], word[2], word[3]]));
            }
        }
        let mut total = lanes.iter().map(|&lane| fold_to_u32(lane)).sum::<u64>();
        let mut words = blocks.remainder().chunks_exact(2);
        for word in &mut words {
            total += u64::from(u16::from_ne_bytes([word[0], word[1]]));
        }
        if let [last] = *words.remainder() {
            total += u64::from(u16::from_ne_bytes([last, 0]));
        }
        Self(fold_to_u32(self.0 + total))
    }

    /// Adds one word.
    pub fn add_u16(self, word: u16) -> Self {
        Self(fold_to_u32(self.0 + u64::from(word.to_be())))
    }

    /// Adds two words.
    pub fn add_u32(self, words: u32) -> Self {
        Self(fold_to_u32(self.0 + u64::from(words.to_be())))
    }

    /// Adds what another sum holds.
    pub fn add_sum(self, other: Self) -> Self {
        Self(fold_to_u32(self.0 + other.0))
    }

    /// The pseudo header of RFC 768 and RFC 9293 section 3.1: addresses, protocol, upper-layer length.
    pub fn ipv4_pseudo(source: Ipv4Addr, destination: Ipv4Addr, protocol: u8, len_bytes: u16) -> Self {
        Self::new()
            .add_bytes(&source.octets())
            .add_bytes(&destination.octets())
            .add_u16(u16::from(protocol))
            .add_u16(len_bytes)
    }

    /// The pseudo header of RFC 8200 section 8.1.
    pub fn ipv6_pseudo(source: Ipv6Addr, destination: Ipv6Addr, next_header: u8, len_bytes: u32) -> Self {
        Self::new()
            .add_bytes(&source.octets())
            .add_bytes(&destination.octets())
            .add_u32(len_bytes)
            .add_u16(u16::from(next_header))
    }

    /// The sum itself, folded to 16 bits, as a number. 0xffff over a range that includes a right checksum.
    #[inline]
    pub fn fold(self) -> u16 {
        let mut sum = self.0;
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        // Folded to 16 bits above.
        u16::from_be(sum as u16)
    }

    /// The checksum to write: the complement of the sum.
    #[inline]
    pub fn checksum(self) -> u16 {
        !self.fold()
    }

    /// The checksum to write in UDP, where zero means that there is none (RFC 768).
    pub fn udp_checksum(self) -> u16 {
        match self.checksum() {
            0 => 0xffff,
            checksum => checksum,
        }
    }

    /// Whether the range summed includes a checksum that is right.
    pub fn is_valid(self) -> bool {
        self.fold() == 0xffff
    }
}

/// Adds the upper half to the lower, twice: at most 32 bits and a carry remain, which is absorbed as well.
#[inline]
fn fold_to_u32(sum: u64) -> u64 {
    let once = (sum & 0xffff_ffff) + (sum >> 32);
    (once & 0xffff_ffff) + (once >> 32)
}

/// The checksum of a range that doesn't include one.
#[inline]
pub fn internet_checksum(bytes: &[u8]) -> u16 {
    Sum::new().add_bytes(bytes).checksum()
}

/// The checksum after a word that it covers changed from `old` to `new` (RFC 1624, equation 3).
pub fn updated(checksum: u16, old: u16, new: u16) -> u16 {
    !Sum::new().add_u16(!checksum).add_u16(!old).add_u16(new).fold()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// RFC 1071, word by word.
    fn reference(bytes: &[u8]) -> u16 {
        let mut sum = 0u32;
        for pair in bytes.chunks(2) {
            sum += u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !(sum as u16)
    }

    #[test]
    fn example_of_rfc_1071() {
        let sum = Sum::new().add_bytes(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]);
        assert_eq!(sum.fold(), 0xddf2);
    }

    #[test]
    fn example_of_rfc_1624() {
        assert_eq!(updated(0xdd2f, 0x5555, 0x3285), 0x0000);
    }

    proptest! {
        #[test]
        fn agrees_with_the_reference(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert_eq!(internet_checksum(&bytes), reference(&bytes));
        }

        #[test]
        fn pieces_sum_as_the_whole(bytes in proptest::collection::vec(any::<u8>(), 0..300), cut in 0usize..150) {
            let (head, tail) = bytes.split_at((2 * cut).min(bytes.len()));
            let pieces = Sum::new().add_bytes(head).add_sum(Sum::new().add_bytes(tail));
            prop_assert_eq!(pieces.checksum(), reference(&bytes));
        }

        #[test]
        fn update_agrees_with_a_new_sum(
            bytes in proptest::collection::vec(any::<u8>(), 4..64), new: u16, at in 0usize..30,
        ) {
            let at = 2 * at.min(bytes.len() / 2 - 1);
            let mut changed = bytes.clone();
            changed[at..at + 2].copy_from_slice(&new.to_be_bytes());
            let old = u16::from_be_bytes([bytes[at], bytes[at + 1]]);
            let fresh = internet_checksum(&changed);
            let incremental = updated(internet_checksum(&bytes), old, new);
            // Both zeros of one's complement are the same sum.
            prop_assert!(incremental == fresh || [incremental, fresh].iter().all(|c| [0, 0xffff].contains(c)));
        }
    }
}
