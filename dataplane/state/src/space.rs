#![allow(unsafe_code)] // Entries and tuples reached by pointers that the one writer replaces.
//! The entries of one table or value set, found by key.
//!
//! Keys that are all exact are looked up in one [`Index`]. Any others are searched by tuple space (Srinivasan,
//! Suri, Varghese 1999): one index per mask, tried from the one whose entries may rank highest to the first that
//! cannot beat what was found. Longest-prefix match is the case where the rank is the length of the mask.
//!
//! Invariant: a bound is never below the rank of an entry that some snapshot may see in its tuple, and an entry is
//! filed before the generation that first sees it is published.

use std::collections::BTreeMap;
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicPtr, Ordering};

use hashbrown::HashMap;

use crate::entry::{EntryRef, Header};
use crate::index::{Index, hash_words};
use crate::key::{Encoded, KeyLayout, Precedence, PrefixShape};
use crate::lookup::Structure;
use crate::memory::NoMemory;
use crate::reclaim::{Held, Later};
use crate::trie::{Key, Prefix, Prefixes, Trie, Walk};
use crate::view::TableMemory;

/// What readers search.
pub(crate) struct Space {
    layout: KeyLayout,
    search: Search,
}

enum Search {
    /// All keys are exact. On the heap, since what is retired points to it.
    Hash(Held<Index<Header>>),
    /// A value under a mask, perhaps ranges, perhaps ranks.
    Tuples(AtomicPtr<Probes>),
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
    (key ^ own).unbounded_shr(u64::BITS - entry.rank().min(u64::BITS)) == 0
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

/// [`longest`] for several keys, all walking at the same pace.
#[inline(always)] // As above.
fn walk_all<K: Key>(
    trie: &Trie<Header>,
    keys: &[u64],
    words: usize,
    string: impl Fn(&[u64]) -> K,
    covers: impl Fn(NonNull<Header>, K) -> bool,
) -> [Option<NonNull<Header>>; LANES] {
    let mut strings = [string(&[]); LANES];
    let mut count = 0;
    for (key, to) in keys.chunks_exact(words).zip(&mut strings) {
        *to = string(key);
        trie.prefetch(*to);
        count += 1;
    }
    let mut walks: [Walk<Header>; LANES] = std::array::from_fn(|_| Walk::nothing());
    let mut going = false;
    for (walk, key) in walks.iter_mut().zip(&strings).take(count) {
        *walk = trie.walk(*key);
        walk.prefetch();
        going |= walk.goes_on();
    }
    while going {
        going = false;
        for (walk, key) in walks.iter_mut().zip(&strings).take(count).filter(|(walk, _)| walk.goes_on()) {
            // SAFETY: the snapshot or lock that the caller holds all the while.
            unsafe { walk.step(*key) }
            walk.prefetch();
            going |= walk.goes_on();
        }
    }
    walks.iter().take(count).for_each(Walk::prefetch_end);
    let mut found = [None; LANES];
    for ((walk, key), to) in walks.iter().zip(strings).take(count).zip(&mut found) {
        *to = walk.end(|entry| covers(entry, key));
    }
    found
}

/// What the writer keeps beside a [`Space`].
pub(crate) struct SpaceWriter {
    tuples: HashMap<Box<[u64]>, TupleRecord>,
    /// Whether the probes no longer say what `tuples` says.
    dirty: bool,
    sequence: u64,
    /// Entries that the next generation sees.
    live: usize,
    /// Bytes of the entries that are filed.
    entry_bytes: usize,
}

struct TupleRecord {
    tuple: Held<Tuple>,
    /// How many entries there are of each rank, those that wait to be removed included.
    ranks: BTreeMap<u32, usize>,
}

impl TupleRecord {
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
                    None => Search::Tuples(probes),
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
            Search::Tuples(_) => Structure::Tuples,
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
            Search::Tuples(probes) => self.find_in_tuples(probes, generation, key),
            Search::Trie { shape, trie, probes } => {
                self.settle(longest(shape, trie, key), probes, generation, key)
            }
        }
    }

    /// [`Space::find`] for several keys that follow each other, as many as there is room for; misses of the cache
    /// overlap.
    #[inline(always)] // As above.
    pub(crate) fn find_many<'a>(
        &'a self,
        generation: u64,
        keys: &[u64],
        found: &mut [Option<EntryRef<'a>>; LANES],
    ) {
        let words = self.layout.words().max(1);
        match &self.search {
            Search::Hash(index) => {
                // SAFETY: the index is freed when this is dropped.
                let index = unsafe { index.get() };
                if index.is_large() {
                    return self.find_many_exact(index, generation, keys, found);
                }
            }
            Search::Trie { shape, trie, probes } if trie.is_large() => {
                let longest = if shape.is_word() {
                    walk_all(
                        trie,
                        keys,
                        words,
                        |key| shape.word(key.first().copied().unwrap_or(0)),
                        |entry, key| {
                            // SAFETY: what is in the trie is not freed while the caller's snapshot or lock is held; its
                            // keys have one word.
                            unsafe { covers_word(shape, entry, key) }
                        },
                    )
                } else {
                    walk_all(
                        trie,
                        keys,
                        words,
                        |key| shape.string(key),
                        |entry, key| shape.of(entry).covers(key),
                    )
                };
                for ((key, longest), to) in keys.chunks_exact(words).zip(longest).zip(found) {
                    *to = self.settle(longest, probes, generation, key);
                }
                return;
            }
            Search::Tuples(_) | Search::Trie { .. } => {}
        }
        for (key, to) in keys.chunks_exact(words).zip(found) {
            *to = self.find(generation, key);
        }
    }

    fn find_many_exact<'a>(
        &'a self,
        index: &'a Index<Header>,
        generation: u64,
        keys: &[u64],
        found: &mut [Option<EntryRef<'a>>; LANES],
    ) {
        let keys = || keys.chunks_exact(self.layout.words().max(1));
        let mut hashes = [0; LANES];
        for (key, hash) in keys().zip(&mut hashes) {
            *hash = hash_key(key);
            index.prefetch(*hash);
        }
        keys().zip(&hashes).for_each(|(_, hash)| index.prefetch_found(*hash));
        for ((key, hash), to) in keys().zip(hashes).zip(found) {
            *to = find_exact(index, hash, generation, key);
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
        self.find_in_tuples(probes, generation, key)
    }

    #[inline(never)]
    fn find_in_tuples(
        &self,
        probes: &AtomicPtr<Probes>,
        generation: u64,
        key: &[u64],
    ) -> Option<EntryRef<'_>> {
        // SAFETY: probes are freed only after the snapshots that could load them are gone.
        let probes = unsafe { probes.load(Ordering::Acquire).as_ref() }?;
        let mut best: Option<EntryRef<'_>> = None;
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
        let index = self.index(writer, &same.mask)?;
        let hash = hash_words(same.key.iter().copied().take(self.layout.words()));
        let found = index.find(hash, |entry| {
            // SAFETY: entries are freed only under the writer's lock.
            let entry = unsafe { EntryRef::from_non_null(entry) };
            entry.key() == &*same.key && entry.rank() == same.rank && entry.span().contains(generation)
        });
        // SAFETY: as above.
        found.map(|entry| unsafe { EntryRef::from_non_null(entry) })
    }

    fn index(&self, writer: &SpaceWriter, mask: &[u64]) -> Option<&Index<Header>> {
        match &self.search {
            // SAFETY: the index is freed when this is dropped.
            Search::Hash(index) => Some(unsafe { index.get() }),
            Search::Tuples(_) | Search::Trie { .. } => {
                let record = writer.tuples.get(mask)?;
                // SAFETY: tuples are freed only under the writer's lock, after they were taken out of the map.
                Some(unsafe { &record.tuple.get().index })
            }
        }
    }

    /// Files an entry that the next generation sees.
    pub(crate) fn insert(
        &self,
        writer: &mut SpaceWriter,
        mask: &[u64],
        entry: EntryRef<'_>,
        later: &mut Vec<Later>,
    ) {
        let index = match &self.search {
            // SAFETY: the index is freed when this is dropped.
            Search::Hash(index) => unsafe { index.get() },
            Search::Tuples(_) | Search::Trie { .. } => {
                let record = writer.tuples.entry_ref(mask).or_insert_with(|| TupleRecord {
                    tuple: Held::new(Tuple { index: Index::new() }),
                    ranks: BTreeMap::new(),
                });
                writer.dirty |= record.ranks.last_key_value().is_none_or(|(bound, _)| *bound < entry.rank());
                *record.ranks.entry(entry.rank()).or_insert(0) += 1;
                // SAFETY: tuples are freed only under the writer's lock, after they were taken out of the map.
                unsafe { &record.tuple.get().index }
            }
        };
        // SAFETY: an entry is freed only after `remove` and the snapshots of then.
        unsafe { index.insert(entry.as_non_null(), later) };
        if let Search::Trie { shape, trie, .. } = &self.search {
            trie.insert(entry.as_non_null(), shape, later);
        }
        writer.live += 1;
        writer.entry_bytes += entry.bytes();
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
            Search::Tuples(_) | Search::Trie { .. } => {
                if let Search::Trie { shape, trie, .. } = &self.search {
                    let mut shorter = |len| self.other_with_prefix(writer, shape, entry, len);
                    trie.remove(entry.as_non_null(), shape, &mut shorter, later);
                }
                let Some(record) = writer.tuples.get_mut(mask) else { return };
                let bound = record.bound();
                // SAFETY: tuples are freed only under the writer's lock, after they were taken out of the map.
                unsafe { record.tuple.get() }.index.remove(entry.as_non_null(), later);
                if let Some(count) = record.ranks.get_mut(&entry.rank()) {
                    *count -= 1;
                    if *count == 0 {
                        record.ranks.remove(&entry.rank());
                    }
                }
                writer.dirty |= record.ranks.is_empty() || record.bound() != bound;
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
        let record = writer.tuples.get(&mask)?;
        let masked = || entry.filed().iter().zip(&mask).map(|(word, mask)| word & mask);
        // SAFETY: tuples are freed only under the writer's lock, after they were taken out of the map.
        unsafe { record.tuple.get() }.index.find(hash_words(masked()), |other| {
            // SAFETY: entries are freed only under the writer's lock.
            let filed = unsafe { EntryRef::from_non_null(other) }.filed();
            other != entry.as_non_null() && masked().eq(filed.iter().copied())
        })
    }

    /// Shows readers the tuples as they are now; before the generation that needs them is published.
    pub(crate) fn publish(&self, writer: &mut SpaceWriter, later: &mut Vec<Later>) {
        let (Search::Tuples(published) | Search::Trie { probes: published, .. }) = &self.search else {
            return;
        };
        if !std::mem::take(&mut writer.dirty) {
            return;
        }
        writer.tuples.retain(|_, record| {
            let used = !record.ranks.is_empty();
            if !used {
                later.push(record.tuple.into_later());
            }
            used
        });
        let mut order: Vec<(&Box<[u64]>, &TupleRecord)> = writer.tuples.iter().collect();
        // By mask as well, so that the order does not depend on the map's.
        order.sort_unstable_by(|(a_mask, a), (b_mask, b)| {
            b.bound().cmp(&a.bound()).then_with(|| b_mask.cmp(a_mask))
        });
        let probes = Probes {
            probes: order.iter().map(|(_, r)| Probe { bound: r.bound(), tuple: r.tuple }).collect(),
            masks: order.iter().flat_map(|(mask, _)| mask.iter().copied()).collect(),
        };
        let old = published.swap(Held::new(probes).as_ptr(), Ordering::AcqRel);
        later.extend(Held::from_ptr(old).map(Held::into_later));
    }

    /// What it takes. Only under the writer's lock.
    pub(crate) fn memory(&self, writer: &SpaceWriter) -> TableMemory {
        let tuples = || {
            let index_bytes = |record: &TupleRecord| {
                // SAFETY: tuples are freed only under the writer's lock.
                size_of::<Tuple>() + unsafe { record.tuple.get() }.index.bytes()
            };
            writer.tuples.values().map(index_bytes).sum::<usize>()
        };
        let search_bytes = match &self.search {
            // SAFETY: the index is freed when this is dropped.
            Search::Hash(index) => unsafe { index.get() }.bytes(),
            Search::Tuples(_) => tuples(),
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
            Search::Tuples(_) | Search::Trie { .. } => {
                for (mask, record) in &writer.tuples {
                    // SAFETY: tuples are freed only under the writer's lock.
                    visit(mask, unsafe { &record.tuple.get().index });
                }
            }
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
        SpaceWriter { tuples: HashMap::new(), dirty: false, sequence: 0, live: 0, entry_bytes: 0 }
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
        match &mut self.search {
            Search::Hash(index) => {
                // SAFETY: freed here and nowhere else.
                unsafe {
                    drop_entries(index.get());
                    index.free();
                }
            }
            Search::Tuples(probes) | Search::Trie { probes, .. } => {
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
