//! Lookups made ahead of the packets that will ask for them, so that the misses of many overlap.
//!
//! A table that does not fit the caches near a core costs several misses a lookup, each waiting for the one before. The
//! keys of the next packets are found first ([`crate::code`]'s scout), and looked up together. Whoever looks a key up
//! then asks here before.
//!
//! Invariant: what is answered for a key is what the table has for it: the batch sees one generation of the table, and
//! keys are compared. That the keys found were the wrong ones costs time and nothing else.

use heddle_ir::TableId;
use heddle_state::{Hit, Match, TableReader};

/// Packets whose lookups are made together.
pub(crate) const LANES: usize = TableReader::LANES;
/// Words of the longest key that is looked up ahead.
pub(crate) const KEY_WORDS_MAX: usize = 4;
/// Packets below which it is not worth it.
pub(crate) const PACKETS_MIN: usize = 4;
/// Batches without lookups ahead, after one in which few were asked for.
const PAUSE_BATCHES: u32 = 64;

/// What the packets to come will look up.
pub(crate) struct Ahead<'c> {
    reader: TableReader<'c>,
    hits: [Hit<'c>; LANES],
    /// Packets whose lookups were made, and those that asked for them.
    made: u32,
    used: u32,
}

impl<'c> Ahead<'c> {
    pub(crate) fn new(reader: TableReader<'c>) -> Ahead<'c> {
        Ahead { hits: [Hit::MISS; LANES], reader, made: 0, used: 0 }
    }

    /// Asks for the memory that the lookup of a key begins with.
    #[inline]
    pub(crate) fn prefetch(&self, key: &[u64]) {
        self.reader.prefetch(key);
    }

    /// Makes so many lookups by keys, each of which was asked for, for so many packets.
    pub(crate) fn find(&mut self, keys: &[u64], lookups: usize, packets: usize) {
        let words = lookups * self.reader.key_words();
        self.reader.find_hits(keys.get(..words).unwrap_or(&[]), &mut self.hits);
        self.made += packets as u32;
    }

    /// Where they will look it up.
    #[inline]
    pub(crate) fn table(&self) -> TableId {
        self.reader.table()
    }

    /// Says what was found for a packet, which looks that up now, and does so as [`TableReader::settle`].
    #[inline]
    pub(crate) fn take(&mut self, lane: usize, to: &mut Match<'c>) -> u64 {
        self.used += 1;
        self.reader.settle(self.hits[lane % LANES], to)
    }

    /// For how many batches it is better left alone.
    pub(crate) fn pause(&self) -> u32 {
        if self.used < self.made / 2 { PAUSE_BATCHES } else { 0 }
    }
}
