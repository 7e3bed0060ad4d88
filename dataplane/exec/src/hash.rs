//! Hash and checksum functions, fed piece by piece, without allocation.
//!
//! Invariant: what a [`Hasher`] gives depends on the concatenation of the bytes it was fed alone, however they
//! were cut into pieces; save [`HashAlgorithm::Random`], which depends on the random numbers alone.
//!
//! The functions are those that v1model's `HashAlgorithm` names, computed as BMv2 computes them.

use crc::{Crc, Digest, Table};
use heddle_ir::HashAlgorithm;

use crate::random;

/// The 16-lane tables are 16 KiB; they pay off where a payload is hashed.
type Crc32 = Crc<u32, Table<16>>;

static CRC_32: Crc32 = Crc32::new(&crc::CRC_32_ISO_HDLC);
static CRC_16: Crc<u16> = Crc::<u16>::new(&crc::CRC_16_ARC);

/// A hash under way.
#[derive(Clone)]
pub struct Hasher(State);

#[derive(Clone)]
enum State {
    Crc32(Digest<'static, u32, Table<16>>),
    Crc16(Digest<'static, u16>),
    Random(u32),
    Identity(Identity),
    Csum16(Words),
    Xor16(Words),
}

/// The first eight bytes, or all if there are fewer.
#[derive(Clone, Copy, Default)]
struct Identity {
    value: u64,
    taken_bytes: usize,
}

/// A fold over big-endian 16-bit words, the last one padded with zeros.
#[derive(Clone, Copy, Default)]
struct Words {
    folded: u64,
    /// The first byte of a word whose second has not come yet.
    half: Option<u8>,
}

impl Words {
    fn feed(&mut self, bytes: &[u8], fold: impl Fn(u64, u16) -> u64) {
        let mut bytes = bytes;
        if let (Some(first), [second, rest @ ..]) = (self.half, bytes) {
            self.folded = fold(self.folded, u16::from_be_bytes([first, *second]));
            self.half = None;
            bytes = rest;
        }
        let (words, tail) = bytes.as_chunks::<2>();
        for word in words {
            self.folded = fold(self.folded, u16::from_be_bytes(*word));
        }
        if let [first] = tail {
            self.half = Some(*first);
        }
    }

    fn end(mut self, fold: impl Fn(u64, u16) -> u64) -> u64 {
        if let Some(first) = self.half.take() {
            self.folded = fold(self.folded, u16::from_be_bytes([first, 0]));
        }
        self.folded
    }
}

/// 2^48 words fit before the sum of 16-bit words overflows: more than any packet has.
fn sum(folded: u64, word: u16) -> u64 {
    folded + u64::from(word)
}

fn xor(folded: u64, word: u16) -> u64 {
    folded ^ u64::from(word)
}

impl Hasher {
    /// A hash of nothing yet. Only [`HashAlgorithm::Random`] draws a number.
    pub fn new(algorithm: HashAlgorithm, random: &mut u64) -> Self {
        Self(match algorithm {
            HashAlgorithm::Crc32 | HashAlgorithm::Crc32Custom => State::Crc32(CRC_32.digest()),
            HashAlgorithm::Crc16 | HashAlgorithm::Crc16Custom => State::Crc16(CRC_16.digest()),
            HashAlgorithm::Random => State::Random((random::next_u64(random) >> 32) as u32),
            HashAlgorithm::Identity => State::Identity(Identity::default()),
            HashAlgorithm::Csum16 => State::Csum16(Words::default()),
            HashAlgorithm::Xor16 => State::Xor16(Words::default()),
        })
    }

    /// The next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            State::Crc32(digest) => digest.update(bytes),
            State::Crc16(digest) => digest.update(bytes),
            State::Random(_) => {}
            State::Identity(identity) => {
                let room = 8 - identity.taken_bytes;
                for byte in bytes.iter().take(room) {
                    identity.value = identity.value << 8 | u64::from(*byte);
                    identity.taken_bytes += 1;
                }
            }
            State::Csum16(words) => words.feed(bytes, sum),
            State::Xor16(words) => words.feed(bytes, xor),
        }
    }

    /// The result, of as many bits as the algorithm gives.
    pub fn finish(self) -> u64 {
        match self.0 {
            State::Crc32(digest) => u64::from(digest.finalize()),
            State::Crc16(digest) => u64::from(digest.finalize()),
            State::Random(value) => u64::from(value),
            State::Identity(identity) => identity.value,
            State::Csum16(words) => {
                let mut sum = words.end(sum);
                while sum > 0xffff {
                    sum = (sum & 0xffff) + (sum >> 16);
                }
                !sum & 0xffff
            }
            State::Xor16(words) => words.end(xor),
        }
    }
}

/// The hash of bytes held in one piece.
pub fn hash(algorithm: HashAlgorithm, bytes: &[u8], random: &mut u64) -> u64 {
    let mut hasher = Hasher::new(algorithm, random);
    hasher.update(bytes);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [HashAlgorithm; 8] = [
        HashAlgorithm::Crc32,
        HashAlgorithm::Crc32Custom,
        HashAlgorithm::Crc16,
        HashAlgorithm::Crc16Custom,
        HashAlgorithm::Random,
        HashAlgorithm::Identity,
        HashAlgorithm::Csum16,
        HashAlgorithm::Xor16,
    ];

    fn of(algorithm: HashAlgorithm, bytes: &[u8]) -> u64 {
        hash(algorithm, bytes, &mut 0)
    }

    #[test]
    fn crc_check_values() {
        // The check values of the CRC catalogue.
        assert_eq!(of(HashAlgorithm::Crc32, b"123456789"), 0xcbf4_3926);
        assert_eq!(of(HashAlgorithm::Crc32Custom, b"123456789"), 0xcbf4_3926);
        assert_eq!(of(HashAlgorithm::Crc16, b"123456789"), 0xbb3d);
        assert_eq!(of(HashAlgorithm::Crc16Custom, b"123456789"), 0xbb3d);
        assert_eq!(of(HashAlgorithm::Crc32, b""), 0);
        assert_eq!(of(HashAlgorithm::Crc16, b""), 0);
    }

    #[test]
    fn bmv2_test_vectors() {
        let bytes = [0x0b, 0xb8, 0x1f, 0x90];
        assert_eq!(of(HashAlgorithm::Crc16, &bytes), 0x5d8a);
        assert_eq!(of(HashAlgorithm::Crc32, &bytes), 0x005d_6a6f);
        assert_eq!(of(HashAlgorithm::Xor16, &bytes), 0x1428);
        assert_eq!(of(HashAlgorithm::Xor16, &[0x0b, 0xb8, 0x1f, 0x90, 0x5a]), 0x4e28);
        assert_eq!(of(HashAlgorithm::Identity, &[1, 2, 3, 4, 5]), 0x01_0203_0405);
    }

    #[test]
    fn csum16_is_the_internet_checksum() {
        // The example of RFC 1071, section 3: the sum is 0xddf2.
        assert_eq!(
            of(HashAlgorithm::Csum16, &[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]),
            0xffff - 0xddf2
        );
        // A whole IPv4 header, its checksum field zero.
        let ipv4 = [
            0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11, 0x00, 0x00, 0xc0, 0xa8, 0x00, 0x01,
            0xc0, 0xa8, 0x00, 0xc7,
        ];
        assert_eq!(of(HashAlgorithm::Csum16, &ipv4), 0xb861);
        assert_eq!(of(HashAlgorithm::Csum16, &[]), 0xffff);
        assert_eq!(of(HashAlgorithm::Csum16, &[0xff, 0xff]), 0);
        // An odd byte is the first of its word.
        assert_eq!(of(HashAlgorithm::Csum16, &[0x12]), 0xffff - 0x1200);
    }

    #[test]
    fn xor16_folds_words_and_pads_the_last() {
        assert_eq!(of(HashAlgorithm::Xor16, &[0x12, 0x34, 0xff, 0x00]), 0xed34);
        assert_eq!(of(HashAlgorithm::Xor16, &[0x12, 0x34, 0xff]), 0xed34);
        assert_eq!(of(HashAlgorithm::Xor16, &[]), 0);
    }

    #[test]
    fn identity_is_the_first_eight_bytes() {
        assert_eq!(of(HashAlgorithm::Identity, &[1, 2]), 0x0102);
        assert_eq!(of(HashAlgorithm::Identity, &[1, 2, 3, 4, 5, 6, 7, 8, 9]), 0x0102_0304_0506_0708);
        assert_eq!(of(HashAlgorithm::Identity, &[]), 0);
    }

    #[test]
    fn random_follows_the_seed_and_not_the_data() {
        let (mut a, mut b) = (5, 5);
        let first = hash(HashAlgorithm::Random, b"x", &mut a);
        assert_eq!(first, hash(HashAlgorithm::Random, b"y", &mut b));
        assert_ne!(first, hash(HashAlgorithm::Random, b"x", &mut a));
        assert!(first <= u64::from(u32::MAX));
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(bytes in prop::collection::vec(any::<u8>(), 0..80), cuts in prop::collection::vec(0usize..80, 0..6)) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|c| c.min(bytes.len())).collect();
            cuts.sort_unstable();
            for algorithm in ALL {
                let mut hasher = Hasher::new(algorithm, &mut 3);
                let mut from = 0;
                for to in cuts.iter().copied().chain([bytes.len()]) {
                    hasher.update(&bytes[from..to]);
                    from = to;
                }
                prop_assert_eq!(hasher.finish(), hash(algorithm, &bytes, &mut 3), "{:?}", algorithm);
            }
        }
    }
}
