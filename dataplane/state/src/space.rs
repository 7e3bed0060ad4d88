#![allow(unsafe_code)] // Entries and tuples reached by pointers that the one writer replaces.
//! The entries of one table or value set, found by key.
//!
//! Keys that are all exact are looked up in one [`Index`], and those of which one lpm key decides in a [`Trie`]. For
//! any others the first entries of every mask are in bit vectors ([`Vectors`]), which do not care how many masks there
//! are; the rest, of masks with many entries, are searched by tuple space (Srinivasan, Suri, Varghese 1999): one index
//! per mask, tried from the one whose entries may rank highest to the first that cannot beat what was found.
//!
//! Invariant: a bound is never below the rank of an entry that some snapshot may see in its tuple, and an entry is
//! filed before the generation that first sees it is published.

use std::collections::BTreeMap;
use std::ptr::{NonNull, null_mut};
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, Ordering};

use hashbrown::{HashMap, HashTable};

use crate::entry::{EntryRef, Header};
use crate::index::{Index, hash_words};
use crate::key::{Encoded, KeyLayout, Precedence, PrefixShape};
use crate::lookup::Structure;
use crate::memory::NoMemory;
use crate::reclaim::{Held, Later};
use crate::trie::{Key, Prefix, Prefixes, Trie, Walk};
use crate::vectors::{Positions, Vectors};
use crate::view::TableMemory;

/// What readers search.
pub(crate) struct Space {
    layout: KeyLayout,
    search: Search,
}

enum Search {
    /// All keys are exact. On the heap, since what is retired points to it.
    Hash(Held<Index<Header>>),
    /// A value under a mask, perhaps ranges, perhaps ranks: the first entries of each mask by bit vectors, those of
    /// a mask that has many by tuple.
    Tuples { vectors: Vectors<Header>, probes: AtomicPtr<Probes> },
    /// One lpm key decides: what is filed by tuple is also in a trie, which gives what was filed last or longest.
    /// Readers of an older generation, to whom that is nothing, try the tuples.
    Trie { shape: PrefixShape, trie: Trie<Header>, probes: AtomicPtr<Probes> },
}

/// Entries by their keys as strings of bits.
impl Prefixes<Header> for PrefixShape {
    fn of(&self, entry: NonNull<Header>) -> Prefix {
        // SAFETY: what is in a trie is not freed, and this is asked under the writer's lock.
        let entry: EntryRef<'_> = unsafe { EntryRef::from_non_null(entry) };
        Prefix { bits: self.string(entry.filed()), len: self.exact_bits() + entry.rank() }
    }
}

/// Whether an entry's prefix covers a key of one word, at the top of it.
///
/// # Safety
/// The entry is not freed, and has a key of one word.
#[inline]
unsafe fn covers_word(shape: &PrefixShape, entry: NonNull<Header>, key: u64) -> bool {
    // SAFETY: the caller's promise.
    let entry: EntryRef<'_> = unsafe { EntryRef::from_non_null(entry) };
    // SAFETY: the caller's promise.
    let own = shape.word(unsafe { entry.first_key_word() });
    // No prefix without bits stands below the root, where entries are asked.
    (key ^ own).wrapping_shr(u64::BITS.wrapping_sub(entry.rank())) == 0
}

/// The tuples in the order they are tried. Replaced as a whole.
struct Probes {
    probes: Box<[Probe]>,
    /// The masks of the probes, one after the other.
    masks: Box<[u64]>,
}

struct Probe {
    /// The highest rank in the tuple, or above.
    bound: u32,
    tuple: Held<Tuple>,
}

/// The entries of one mask.
struct Tuple {
    index: Index<Header>,
}

/// Keys that one [`Space::find_many`] takes at most.
pub(crate) const LANES: usize = 32;

/// The hash of a key.
#[inline]
fn hash_key(key: &[u64]) -> u64 {
    match key {
        // One word is common enough to spare it the loop.
        [word] => hash_words(std::iter::once(*word)),
        _ => hash_words(key.iter().copied()),
    }
}

/// The entry with a key that a generation sees. The caller holds a snapshot of that generation, or the writer's lock.
#[inline]
fn find_exact<'a>(index: &'a Index<Header>, hash: u64, generation: u64, key: &[u64]) -> Option<EntryRef<'a>> {
    let found = index.find(hash, |entry| {
        // SAFETY: an entry that is filed is not freed while the caller's snapshot or lock is held.
        let entry = unsafe { EntryRef::from_non_null(entry) };
        let equal = match (key, entry.key()) {
            ([word], [own]) => word == own,
            (key, own) => key == own,
        };
        equal && entry.span().contains(generation)
    });
    // SAFETY: as above.
    found.map(|entry| unsafe { EntryRef::from_non_null(entry) })
}

/// The longest prefix that is filed for a key, seen or not. The caller holds a snapshot or the writer's lock.
#[inline(always)] // Into code for processors that count bits in one instruction.
fn longest(shape: &PrefixShape, trie: &Trie<Header>, key: &[u64]) -> Option<NonNull<Header>> {
    if shape.is_word() {
        let key = shape.word(key.first().copied().unwrap_or(0));
        // SAFETY: what is in the trie is not freed while the caller's snapshot or lock is held; its keys have one
        // word.
        trie.find(key, |entry| unsafe { covers_word(shape, entry, key) })
    } else {
        let key = shape.string(key);
        trie.find(key, |entry| shape.of(entry).covers(key))
    }
}

/// The end of a walk by a key of one word, as a string.
#[inline(always)] // As above.
fn end_word<'a>(shape: &PrefixShape, walk: Walk<Header>, generation: u64, key: u64) -> ByWord<'a> {
    // SAFETY: what is in the trie is not freed while the caller's snapshot or lock is held; its keys have one word.
    let longest = walk.end(|entry| unsafe { covers_word(shape, entry, key) });
    // SAFETY: as above.
    match longest.map(|entry| unsafe { EntryRef::from_non_null(entry) }) {
        Some(entry) if !entry.span().contains(generation) => ByWord::AtLength,
        found => ByWord::Found(found),
    }
}

/// [`longest`] for several keys, all walking at the same pace, whose places in the root were fetched.
#[inline(always)] // As above.
fn walk_all<K: Key>(
    trie: &Trie<Header>,
    keys: &[K],
    covers: impl Fn(NonNull<Header>, K) -> bool,
    found: &mut [Option<NonNull<Header>>; LANES],
) {
    let mut walks = [Walk::nothing(); LANES];
    // Those that have not come to their end.
    let (mut walking, mut left) = ([0u8; LANES], 0);
    for (lane, (walk, key)) in (0..).zip(walks.iter_mut().zip(keys)) {
        *walk = trie.walk(*key);
        walk.prefetch();
        walking[left % LANES] = lane;
        left += usize::from(walk.goes_on());
    }
    while left > 0 {
        let mut still = 0;
        for at in 0..left {
            let lane = walking[at % LANES];
            let (walk, Some(key)) = (&mut walks[usize::from(lane) % LANES], keys.get(usize::from(lane)))
            else {
                break;
            };
            // SAFETY: the snapshot or lock that the caller holds all the while.
            unsafe { walk.step(*key) }
            walk.prefetch();
            walking[still % LANES] = lane;
            still += usize::from(walk.goes_on());
        }
        left = still;
    }
    for ((walk, key), to) in walks.iter().zip(keys).zip(found) {
        *to = walk.end(|entry| covers(entry, *key));
    }
}

/// Where a lookup by a key of one word has come to in few steps.
pub(crate) enum ByWord<'a> {
    /// Its end.
    Found(Option<EntryRef<'a>>),
    /// A node of a trie: [`Space::find_word_below`] goes on.
    Below(*mut Header, *mut ()),
    /// A hash table: [`Space::find_word_hashed`].
    Hashed,
    /// What only [`Space::find`] does.
    AtLength,
}

/// What the writer keeps beside a [`Space`].
pub(crate) struct SpaceWriter {
    tuples: HashMap<Box<[u64]>, TupleRecord>,
    positions: Positions,
    listed: HashTable<Listed>,
    /// Whether the probes no longer say what `tuples` says.
    dirty: bool,
    sequence: u64,
    /// Entries that the next generation sees.
    live: usize,
    /// Bytes of the entries that are filed.
    entry_bytes: usize,
}

struct TupleRecord {
    mask: Arc<[u64]>,
    /// Made when the mask has too many entries for bit vectors.
    tuple: Option<Held<Tuple>>,
    /// How many entries of the tuple there are of each rank, those that wait to be removed included.
    ranks: BTreeMap<u32, usize>,
    /// How many entries have positions in bit vectors instead.
    positions: usize,
}

/// An entry that has a position in bit vectors.
struct Listed {
    entry: NonNull<Header>,
    mask: Arc<[u64]>,
    position: u32,
}

// SAFETY: it stands for an entry that the holder of the writer's lock, whoever that is, may look at.
unsafe impl Send for Listed {}

impl Listed {
    fn entry(&self) -> EntryRef<'_> {
        // SAFETY: what is listed is not freed.
        unsafe { EntryRef::from_non_null(self.entry) }
    }

    fn hash(&self) -> u64 {
        let entry = self.entry();
        hash_listed(&self.mask, entry.key(), entry.rank())
    }
}

fn hash_listed(mask: &[u64], key: &[u64], rank: u32) -> u64 {
    hash_words(mask.iter().chain(key).copied().chain([u64::from(rank)]))
}

/// Entries of a mask that have positions in bit vectors, before the others are found by tuple. A probe of a tuple costs
/// about what this many positions do.
const POSITIONS_PER_MASK: usize = if cfg!(test) { 2 } else { 256 };
/// Entries of a tuple that are filed alike, since they differ in their ranges alone, before the others get positions.
const FILED_ALIKE_MAX: usize = if cfg!(test) { 2 } else { 8 };

impl TupleRecord {
    fn new(mask: &[u64]) -> TupleRecord {
        TupleRecord { mask: mask.into(), tuple: None, ranks: BTreeMap::new(), positions: 0 }
    }

    /// The tuple's index, with one entry more of a rank; `dirty` if readers have to be shown.
    fn add(&mut self, rank: u32, dirty: &mut bool) -> &Index<Header> {
        *dirty |= self.ranks.last_key_value().is_none_or(|(bound, _)| *bound < rank);
        *self.ranks.entry(rank).or_insert(0) += 1;
        let tuple = self.tuple.get_or_insert_with(|| Held::new(Tuple { index: Index::new() }));
        // SAFETY: tuples are freed only under the writer's lock, after they were taken out of the map.
        unsafe { &tuple.get().index }
    }

    fn bound(&self) -> u32 {
        self.ranks.last_key_value().map_or(0, |(rank, _)| *rank)
    }
}

impl Space {
    /// Bytes of what a search begins with, at most; a trie's root.
    pub(crate) const BYTES_MIN: u64 = crate::trie::ROOT_BYTES_MAX as u64;

    /// No entries.
    ///
    /// # Errors
    /// No memory for what a search begins with.
    pub(crate) fn new(layout: KeyLayout) -> Result<Space, NoMemory> {
        let search = match layout.precedence() {
            Precedence::Unique => Search::Hash(Held::new(Index::new())),
            Precedence::LongestPrefix | Precedence::Priority { .. } | Precedence::Any => {
                let probes = AtomicPtr::new(null_mut());
                match layout.prefix_shape() {
                    Some(shape) => Search::Trie { trie: Trie::new(shape.width())?, shape, probes },
                    None => Search::Tuples { vectors: Vectors::new(layout.nibbles()), probes },
                }
            }
        };
        Ok(Space { layout, search })
    }

    /// How it is searched.
    pub(crate) fn structure(&self) -> Structure {
        match &self.search {
            Search::Hash(_) => Structure::Hash,
            Search::Trie { shape, .. } => Structure::Trie { width: shape.width() },
            Search::Tuples { .. } => Structure::Tuples,
        }
    }

    /// The keys.
    #[inline]
    pub(crate) fn layout(&self) -> &KeyLayout {
        &self.layout
    }

    /// The entry that a generation sees for a key of [`KeyLayout::words`] words. The caller holds a snapshot of that
    /// generation, or the writer's lock.
    #[inline(always)] // Into code for processors that count bits in one instruction.
    pub(crate) fn find(&self, generation: u64, key: &[u64]) -> Option<EntryRef<'_>> {
        match &self.search {
            // SAFETY: the index is freed when this is dropped.
            Search::Hash(index) => find_exact(unsafe { index.get() }, hash_key(key), generation, key),
            Search::Tuples { vectors, probes } => {
                let mut best: Option<EntryRef<'_>> = None;
                vectors.scan(key, |entry| {
                    // SAFETY: what has a position is not freed while the caller's snapshot or lock is held.
                    let entry = unsafe { EntryRef::from_non_null(entry) };
                    if best.is_none_or(|best| beats(entry, best))
                        && entry.span().contains(generation)
                        && self.layout.in_ranges(key, entry.key().get(key.len()..).unwrap_or(&[]))
                    {
                        best = Some(entry);
                    }
                    best.map_or(0, |best| u64::from(best.rank()))
                });
                self.find_in_tuples(probes, best, generation, key)
            }
            Search::Trie { shape, trie, probes } => {
                self.settle(longest(shape, trie, key), probes, generation, key)
            }
        }
    }

    /// [`Space::find`] by a key of one word, as far as it goes without loops and calls.
    #[inline(always)] // As above.
    pub(crate) fn find_word(&self, generation: u64, key: u64) -> ByWord<'_> {
        match &self.search {
            Search::Trie { shape, trie, .. } if shape.is_word() => {
                let string = shape.word(key);
                let walk = trie.walk(string);
                if walk.goes_on() {
                    let (best, next) = walk.parts();
                    return ByWord::Below(best, next);
                }
                end_word(shape, walk, generation, string)
            }
            Search::Hash(_) if self.layout.words() == 1 => ByWord::Hashed,
            Search::Hash(_) | Search::Trie { .. } | Search::Tuples { .. } => ByWord::AtLength,
        }
    }

    /// The rest of a lookup that has come to a node.
    #[inline(always)] // As above.
    pub(crate) fn find_word_below(
        &self,
        generation: u64,
        key: u64,
        at: (*mut Header, *mut ()),
    ) -> ByWord<'_> {
        let Search::Trie { shape, trie, .. } = &self.search else { return ByWord::AtLength };
        let (string, mut walk) = (shape.word(key), trie.walk_on(at));
        while walk.goes_on() {
            // SAFETY: the caller's snapshot or lock.
            unsafe { walk.step(string) }
        }
        end_word(shape, walk, generation, string)
    }

    /// The rest of a lookup in a hash table.
    #[inline(always)] // As above.
    pub(crate) fn find_word_hashed(&self, generation: u64, key: u64) -> ByWord<'_> {
        let Search::Hash(index) = &self.search else { return ByWord::AtLength };
        // SAFETY: the index is freed when this is dropped.
        let index = unsafe { index.get() };
        ByWord::Found(find_exact(index, hash_key(&[key]), generation, &[key]))
    }

    /// Whether the memory of several lookups is worth fetching at once.
    #[inline]
    pub(crate) fn is_large(&self) -> bool {
        match &self.search {
            // SAFETY: the index is freed when this is dropped.
            Search::Hash(index) => unsafe { index.get() }.is_large(),
            Search::Trie { trie, .. } => trie.is_large(),
            Search::Tuples { .. } => false,
        }
    }

    /// Fetches into the cache what the search for a key of [`KeyLayout::words`] words begins with.
    #[inline]
    pub(crate) fn prefetch(&self, key: &[u64]) {
        match &self.search {
            // SAFETY: the index is freed when this is dropped.
            Search::Hash(index) => unsafe { index.get() }.prefetch(hash_key(key)),
            Search::Trie { shape, trie, .. } => match key {
                [key] if shape.is_word() => trie.prefetch(shape.word(*key)),
                _ => trie.prefetch(shape.string(key)),
            },
            Search::Tuples { .. } => {}
        }
    }

    /// [`Space::find`] for several keys that follow each other, [`LANES`] at most, each after [`Space::prefetch`]; misses
    /// of the cache overlap. `take` is given what each finds, in order.
    #[inline(always)] // As above.
    pub(crate) fn find_many<'a>(
        &'a self,
        generation: u64,
        keys: &[u64],
        mut take: impl FnMut(usize, Option<EntryRef<'a>>),
    ) {
        let words = self.layout.words().max(1);
        match &self.search {
            Search::Hash(index) => {
                // SAFETY: the index is freed when this is dropped.
                let index = unsafe { index.get() };
                let mut hashes = [0; LANES];
                let keys = || keys.chunks_exact(words);
                keys().zip(&mut hashes).for_each(|(key, hash)| *hash = hash_key(key));
                keys().zip(&hashes).for_each(|(_, hash)| index.prefetch_found(*hash));
                for (lane, (key, hash)) in keys().zip(hashes).enumerate() {
                    take(lane, find_exact(index, hash, generation, key));
                }
            }
            Search::Trie { shape, trie, probes } => {
                let mut all = [None; LANES];
                let count = (keys.len() / words).min(LANES);
                if shape.is_word() {
                    let mut strings = [0; LANES];
                    keys.iter().zip(&mut strings).for_each(|(key, to)| *to = shape.word(*key));
                    // SAFETY: what is in the trie is not freed while the caller's snapshot or lock is held; its keys
                    // have one word.
                    let covers = |entry, key| unsafe { covers_word(shape, entry, key) };
                    walk_all(trie, &strings[..count], covers, &mut all);
                } else {
                    let mut strings = [0; LANES];
                    let keys = keys.chunks_exact(words);
                    keys.zip(&mut strings).for_each(|(key, to)| *to = shape.string(key));
                    let covers = |entry, key| shape.of(entry).covers(key);
                    walk_all(trie, &strings[..count], covers, &mut all);
                }
                for (lane, (key, longest)) in keys.chunks_exact(words).zip(all).enumerate() {
                    take(lane, self.settle(longest, probes, generation, key));
                }
            }
            Search::Tuples { .. } => {
                for (lane, key) in keys.chunks_exact(words).take(LANES).enumerate() {
                    take(lane, self.find(generation, key));
                }
            }
        }
    }

    /// The entry that a generation sees, from what the trie gives: the longest prefix that is filed. No entry that
    /// is seen is longer, so it is the one if it is seen itself.
    #[inline]
    fn settle(
        &self,
        found: Option<NonNull<Header>>,
        probes: &AtomicPtr<Probes>,
        generation: u64,
        key: &[u64],
    ) -> Option<EntryRef<'_>> {
        // SAFETY: what is in the trie is not freed while the caller's snapshot or lock is held.
        let entry: EntryRef<'_> = unsafe { EntryRef::from_non_null(found?) };
        if entry.span().contains(generation) {
            return Some(entry);
        }
        self.find_in_tuples(probes, None, generation, key)
    }

    /// The best of what was found already and what the tuples have.
    #[inline(never)]
    fn find_in_tuples<'a>(
        &'a self,
        probes: &AtomicPtr<Probes>,
        mut best: Option<EntryRef<'a>>,
        generation: u64,
        key: &[u64],
    ) -> Option<EntryRef<'a>> {
        // SAFETY: probes are freed only after the snapshots that could load them are gone.
        let Some(probes) = (unsafe { probes.load(Ordering::Acquire).as_ref() }) else { return best };
        for (probe, mask) in probes.probes.iter().zip(probes.masks.chunks_exact(key.len().max(1))) {
            if best.is_some_and(|best| probe.bound < best.rank()) {
                break;
            }
            let hash = hash_words(key.iter().zip(mask).map(|(k, m)| k & m));
            // SAFETY: a tuple is freed only after the probes that list it and their readers are gone.
            let tuple = unsafe { probe.tuple.get() };
            tuple.index.find(hash, |entry| {
                // SAFETY: an entry that is filed is not freed while the caller's snapshot or lock is held.
                let entry = unsafe { EntryRef::from_non_null(entry) };
                let filed = entry.filed();
                let matches = key.iter().zip(mask).zip(filed).all(|((k, m), f)| k & m == *f)
                    && entry.span().contains(generation)
                    && self.layout.in_ranges(key, &entry.key()[filed.len()..]);
                if matches && best.is_none_or(|best| beats(entry, best)) {
                    best = Some(entry);
                }
                false
            });
        }
        best
    }

    /// The same entry, if a generation sees it. Only under the writer's lock.
    pub(crate) fn find_same(
        &self,
        writer: &SpaceWriter,
        generation: u64,
        same: &Encoded,
    ) -> Option<EntryRef<'_>> {
        let is_same = |entry: EntryRef<'_>| {
            entry.key() == &*same.key && entry.rank() == same.rank && entry.span().contains(generation)
        };
        let hash = hash_listed(&same.mask, &same.key, same.rank);
        if let Some(listed) = writer.listed.find(hash, |l| *l.mask == *same.mask && is_same(l.entry())) {
            // SAFETY: entries are freed only under the writer's lock.
            return Some(unsafe { EntryRef::from_non_null(listed.entry) });
        }
        let index = match &self.search {
            // SAFETY: the index is freed when this is dropped.
            Search::Hash(index) => unsafe { index.get() },
            Search::Tuples { .. } | Search::Trie { .. } => {
                let tuple = writer.tuples.get(&same.mask)?.tuple?;
                // SAFETY: tuples are freed only under the writer's lock, after they were taken out of the map.
                unsafe { &tuple.get().index }
            }
        };
        let hash = hash_words(same.key.iter().copied().take(self.layout.words()));
        // SAFETY: entries are freed only under the writer's lock.
        let found = index.find(hash, |entry| is_same(unsafe { EntryRef::from_non_null(entry) }));
        // SAFETY: as above.
        found.map(|entry| unsafe { EntryRef::from_non_null(entry) })
    }

    /// Files an entry that the next generation sees.
    pub(crate) fn insert(
        &self,
        writer: &mut SpaceWriter,
        mask: &[u64],
        entry: EntryRef<'_>,
        later: &mut Vec<Later>,
    ) {
        writer.live += 1;
        writer.entry_bytes += entry.bytes();
        let index = match &self.search {
            // SAFETY: the index is freed when this is dropped.
            Search::Hash(index) => unsafe { index.get() },
            Search::Tuples { vectors, .. } => {
                let record = writer.tuples.entry_ref(mask).or_insert_with(|| TupleRecord::new(mask));
                if record.positions < POSITIONS_PER_MASK || self.is_filed_alike(record, entry) {
                    let admits = |nibble, value| self.layout.admits(mask, entry.key(), nibble, value);
                    let (node, rank) = (entry.as_non_null(), entry.rank());
                    let position =
                        vectors.insert(&mut writer.positions, node, rank, (mask, entry.key()), admits, later);
                    record.positions += 1;
                    let listed = Listed { entry: node, mask: Arc::clone(&record.mask), position };
                    writer.listed.insert_unique(listed.hash(), listed, Listed::hash);
                    return;
                }
                record.add(entry.rank(), &mut writer.dirty)
            }
            Search::Trie { shape, trie, .. } => {
                trie.insert(entry.as_non_null(), shape, later);
                let record = writer.tuples.entry_ref(mask).or_insert_with(|| TupleRecord::new(mask));
                record.add(entry.rank(), &mut writer.dirty)
            }
        };
        // SAFETY: an entry is freed only after `remove` and the snapshots of then.
        unsafe { index.insert(entry.as_non_null(), later) };
    }

    /// Whether many entries of a tuple are filed as this one would be, differing in their ranges alone.
    fn is_filed_alike(&self, record: &TupleRecord, entry: EntryRef<'_>) -> bool {
        let Some(tuple) = record.tuple.filter(|_| self.layout.has_ranges()) else { return false };
        let mut alike = 0;
        // SAFETY: tuples and entries are freed only under the writer's lock.
        let index = unsafe { &tuple.get().index };
        index.find(hash_words(entry.filed().iter().copied()), |other| {
            // SAFETY: as above.
            alike += usize::from(unsafe { EntryRef::from_non_null(other) }.filed() == entry.filed());
            alike >= FILED_ALIKE_MAX
        });
        alike >= FILED_ALIKE_MAX
    }

    /// Takes an entry out once no snapshot can see it.
    pub(crate) fn remove(
        &self,
        writer: &mut SpaceWriter,
        mask: &[u64],
        entry: EntryRef<'_>,
        later: &mut Vec<Later>,
    ) {
        writer.entry_bytes = writer.entry_bytes.saturating_sub(entry.bytes());
        match &self.search {
            // SAFETY: the index is freed when this is dropped.
            Search::Hash(index) => unsafe { index.get() }.remove(entry.as_non_null(), later),
            Search::Tuples { vectors, .. } => {
                let hash = hash_listed(mask, entry.key(), entry.rank());
                let listed = writer.listed.find_entry(hash, |l| l.entry == entry.as_non_null());
                let Ok(listed) = listed else { return writer.remove_from_tuple(mask, entry, later) };
                let (listed, _) = listed.remove();
                vectors.remove(&mut writer.positions, listed.position);
                if let Some(record) = writer.tuples.get_mut(mask) {
                    record.positions = record.positions.saturating_sub(1);
                    if record.positions == 0 && record.tuple.is_none() {
                        writer.tuples.remove(mask);
                    }
                }
            }
            Search::Trie { shape, trie, .. } => {
                let mut shorter = |len| self.other_with_prefix(writer, shape, entry, len);
                trie.remove(entry.as_non_null(), shape, &mut shorter, later);
                writer.remove_from_tuple(mask, entry, later);
            }
        }
    }

    /// What is filed under the first so many bits of an entry's string of bits, other than itself. Only under the
    /// writer's lock.
    fn other_with_prefix(
        &self,
        writer: &SpaceWriter,
        shape: &PrefixShape,
        entry: EntryRef<'_>,
        len: u32,
    ) -> Option<NonNull<Header>> {
        let mask = shape.mask(self.layout.words(), len.checked_sub(shape.exact_bits())?);
        let tuple = writer.tuples.get(&mask)?.tuple?;
        let masked = || entry.filed().iter().zip(&mask).map(|(word, mask)| word & mask);
        // SAFETY: tuples are freed only under the writer's lock, after they were taken out of the map.
        unsafe { tuple.get() }.index.find(hash_words(masked()), |other| {
            // SAFETY: entries are freed only under the writer's lock.
            let filed = unsafe { EntryRef::from_non_null(other) }.filed();
            other != entry.as_non_null() && masked().eq(filed.iter().copied())
        })
    }

    /// Shows readers the tuples as they are now; before the generation that needs them is published.
    pub(crate) fn publish(&self, writer: &mut SpaceWriter, later: &mut Vec<Later>) {
        let (Search::Tuples { probes: published, .. } | Search::Trie { probes: published, .. }) =
            &self.search
        else {
            return;
        };
        if !std::mem::take(&mut writer.dirty) {
            return;
        }
        let mut order: Vec<(Arc<[u64]>, Probe)> = Vec::new();
        writer.tuples.retain(|_, record| {
            if let Some(tuple) = record.tuple {
                if record.ranks.is_empty() {
                    later.push(tuple.into_later());
                    record.tuple = None;
                } else {
                    order.push((Arc::clone(&record.mask), Probe { bound: record.bound(), tuple }));
                }
            }
            record.tuple.is_some() || record.positions > 0
        });
        // By mask as well, so that the order does not depend on the map's.
        order.sort_unstable_by(|(a_mask, a), (b_mask, b)| {
            b.bound.cmp(&a.bound).then_with(|| b_mask.cmp(a_mask))
        });
        let probes = Probes {
            masks: order.iter().flat_map(|(mask, _)| mask.iter().copied()).collect(),
            probes: order.into_iter().map(|(_, probe)| probe).collect(),
        };
        let old = published.swap(Held::new(probes).as_ptr(), Ordering::AcqRel);
        later.extend(Held::from_ptr(old).map(Held::into_later));
    }

    /// What it takes. Only under the writer's lock.
    pub(crate) fn memory(&self, writer: &SpaceWriter) -> TableMemory {
        let tuple_bytes = |record: &TupleRecord| {
            // SAFETY: tuples are freed only under the writer's lock.
            let index = record.tuple.map(|tuple| unsafe { &tuple.get().index });
            size_of::<TupleRecord>() + index.map_or(0, |index| size_of::<Tuple>() + index.bytes())
        };
        let tuples = || writer.tuples.values().map(tuple_bytes).sum::<usize>();
        let search_bytes = match &self.search {
            // SAFETY: the index is freed when this is dropped.
            Search::Hash(index) => unsafe { index.get() }.bytes(),
            Search::Tuples { vectors, .. } => {
                vectors.bytes() + writer.listed.capacity() * size_of::<Listed>() + tuples()
            }
            Search::Trie { trie, .. } => trie.bytes() + tuples(),
        };
        TableMemory { entries: writer.live, entry_bytes: writer.entry_bytes, search_bytes }
    }

    /// Every entry that is filed, with its mask. Only under the writer's lock.
    pub(crate) fn for_each<'a>(&'a self, writer: &SpaceWriter, mut f: impl FnMut(&[u64], EntryRef<'a>)) {
        let mut visit = |mask: &[u64], index: &Index<Header>| {
            // SAFETY: entries are freed only under the writer's lock.
            index.for_each(|entry| f(mask, unsafe { EntryRef::from_non_null(entry) }));
        };
        match &self.search {
            // SAFETY: the index is freed when this is dropped.
            Search::Hash(index) => visit(&[], unsafe { index.get() }),
            Search::Tuples { .. } | Search::Trie { .. } => {
                for (mask, tuple) in writer.tuples.iter().filter_map(|(mask, r)| Some((mask, r.tuple?))) {
                    // SAFETY: tuples are freed only under the writer's lock.
                    visit(mask, unsafe { &tuple.get().index });
                }
            }
        }
        for listed in &writer.listed {
            // SAFETY: entries are freed only under the writer's lock.
            f(&listed.mask, unsafe { EntryRef::from_non_null(listed.entry) });
        }
    }
}

/// Whether an entry is chosen over another that also matches.
fn beats(entry: EntryRef<'_>, best: EntryRef<'_>) -> bool {
    entry.rank() > best.rank() || entry.rank() == best.rank() && entry.sequence() < best.sequence()
}

impl SpaceWriter {
    /// Beside a new [`Space`].
    pub(crate) fn new() -> SpaceWriter {
        SpaceWriter {
            tuples: HashMap::new(),
            positions: Positions::default(),
            listed: HashTable::new(),
            dirty: false,
            sequence: 0,
            live: 0,
            entry_bytes: 0,
        }
    }

    fn remove_from_tuple(&mut self, mask: &[u64], entry: EntryRef<'_>, later: &mut Vec<Later>) {
        let Some(record) = self.tuples.get_mut(mask) else { return };
        let Some(tuple) = record.tuple else { return };
        let bound = record.bound();
        // SAFETY: tuples are freed only under the writer's lock, after they were taken out of the map.
        unsafe { tuple.get() }.index.remove(entry.as_non_null(), later);
        if let Some(count) = record.ranks.get_mut(&entry.rank()) {
            *count -= 1;
            if *count == 0 {
                record.ranks.remove(&entry.rank());
            }
        }
        self.dirty |= record.ranks.is_empty() || record.bound() != bound;
    }

    /// The number of the next entry in order of insertion.
    pub(crate) fn next_sequence(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    /// Entries that the next generation sees.
    pub(crate) fn live(&self) -> usize {
        self.live
    }

    /// Notes that the next generation sees one entry fewer.
    pub(crate) fn ended(&mut self) {
        self.live -= 1;
    }

    /// Takes [`SpaceWriter::ended`] back.
    pub(crate) fn reopened(&mut self) {
        self.live += 1;
    }
}

/// Frees tuples and probes, and what entries point to. The entries themselves go with their slab, which is dropped
/// later.
impl Drop for Space {
    fn drop(&mut self) {
        let drop_entries = |index: &Index<Header>| {
            index.for_each(|entry| {
                // SAFETY: `&mut self`: no reader is left; each entry is visited once.
                unsafe { EntryRef::from_non_null(entry).drop_cold() }
            });
        };
        if let Search::Tuples { vectors, .. } = &self.search {
            vectors.for_each(|entry| {
                // SAFETY: `&mut self`: no reader is left; each entry is visited once.
                unsafe { EntryRef::from_non_null(entry).drop_cold() }
            });
        }
        match &mut self.search {
            Search::Hash(index) => {
                // SAFETY: freed here and nowhere else.
                unsafe {
                    drop_entries(index.get());
                    index.free();
                }
            }
            Search::Tuples { probes, .. } | Search::Trie { probes, .. } => {
                let Some(probes) = Held::from_ptr(*probes.get_mut()) else { return };
                // SAFETY: published probes are freed by their replacement or here.
                for probe in &unsafe { probes.get() }.probes {
                    // SAFETY: every tuple is listed once.
                    drop_entries(unsafe { &probe.tuple.get().index });
                    // SAFETY: as above; its readers are gone.
                    unsafe { probe.tuple.free() }
                }
                // SAFETY: as above.
                unsafe { probes.free() }
            }
        }
    }
}
