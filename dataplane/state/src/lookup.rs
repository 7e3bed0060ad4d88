#![allow(unsafe_code)] // Code for processors that count bits in one instruction; arguments by address.
//! Looking keys up in one table for the length of a batch.
//!
//! What does not change within a batch is settled once, in [`State::reader`]: the table, the generation, the
//! structure that is searched. A lookup then neither pins, nor allocates, nor calls through a pointer; several of
//! them together ([`TableReader::find_batch`]) overlap their cache misses when the table is large.
//!
//! Invariant: what a [`Match`] points to is there for as long as the snapshot that its reader was made with.

use std::marker::PhantomData;
use std::mem::offset_of;

use heddle_ir::TableId;

use crate::entry::{EntryRef, Header, TargetRef};
use crate::found::{EntryHandle, Found};
use crate::profile::GroupVersion;
use crate::snapshot::Snapshot;
use crate::space::{ByWord, LANES};
use crate::state::State;
use crate::table::Table;

/// How a table is searched. Decided by its keys alone, when a program is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Structure {
    /// All keys are exact: one hash table of cache lines.
    Hash,
    /// One lpm key, perhaps after exact ones, of this many bits together: a trie.
    Trie {
        /// Bits of the keys, one after the other.
        width: u32,
    },
    /// Anything else: a hash table per mask, the most important first.
    Tuples,
}

/// One table as one batch sees it.
#[derive(Clone, Copy)]
pub struct TableReader<'s> {
    id: TableId,
    table: &'s Table,
    lens: Lens<'s>,
}

/// What a key matched, in four words that compiled code can read: a [`Found`] by another name.
///
/// Compiled code finds the parts at [`Match::ARGS_OFFSET`] and [`Match::SLOT_OFFSET`].
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Match<'s> {
    args: *const u64,
    action: u32,
    slot: u32,
    arg_words: u32,
    table: TableId,
    group: Option<&'s GroupVersion>,
    there: PhantomData<&'s [u64]>,
}

const _: () = assert!(size_of::<Match<'static>>() == 32);

impl<'s> Match<'s> {
    /// No action is to be run.
    pub const NOTHING: u32 = u32::MAX;
    /// [`State::select`] has to pick a member of [`Match::found`] first.
    pub const SELECT: u32 = u32::MAX - 1;

    /// Where the address of the arguments is: a pointer to words as [`Found::args`] has them, valid during `'s`.
    pub const ARGS_OFFSET: usize = offset_of!(Match<'static>, args);
    /// Where the slot is: a `u32`, 0 for a miss, else the number that the entry is counted and metered under.
    pub const SLOT_OFFSET: usize = offset_of!(Match<'static>, slot);

    /// A miss with nothing to run, to fill an array with.
    pub fn nothing(table: TableId) -> Match<'s> {
        Match::new(table, 0, Match::NOTHING, &[])
    }

    #[inline]
    fn new(table: TableId, slot: u32, action: u32, args: &'s [u64]) -> Match<'s> {
        let arg_words = args.len() as u32;
        Match { args: args.as_ptr(), action, slot, arg_words, table, group: None, there: PhantomData }
    }

    #[inline]
    fn selecting(table: TableId, slot: u32, group: &'s GroupVersion) -> Match<'s> {
        Match { group: Some(group), ..Match::new(table, slot, Match::SELECT, &[]) }
    }

    /// Becomes another. Gives [`Match::action`] of it.
    #[inline]
    fn set(&mut self, to: Match<'s>) -> u64 {
        *self = to;
        u64::from(to.action)
    }

    /// Position of the action in the table's actions, [`Match::NOTHING`] or [`Match::SELECT`].
    #[inline]
    pub fn action(&self) -> u32 {
        self.action
    }

    /// 0 for a miss, else the number that the entry is counted and metered under.
    #[inline]
    pub fn slot(&self) -> u32 {
        self.slot
    }

    /// As [`Found::args`].
    #[inline]
    pub fn args(&self) -> &'s [u64] {
        // SAFETY: made of a slice of so many words that is there during `'s`.
        unsafe { std::slice::from_raw_parts(self.args, self.arg_words as usize) }
    }

    /// Whether an entry matched.
    #[inline]
    pub fn is_hit(&self) -> bool {
        self.slot != 0
    }

    /// The entry, for its direct counter and meter and its idle timeout.
    #[inline]
    pub fn entry(&self) -> EntryHandle {
        EntryHandle { table: self.table, slot: self.slot }
    }

    /// The same as a [`Found`].
    #[inline]
    pub fn found(&self) -> Found<'s> {
        Found {
            hit: self.is_hit(),
            action: (self.action < Match::SELECT).then_some(self.action as usize),
            args: self.args(),
            entry: self.entry(),
            group: self.group,
        }
    }
}

/// What a key was found to match, before it is said what that does: see [`TableReader::settle`].
#[derive(Clone, Copy)]
pub struct Hit<'s>(Option<EntryRef<'s>>);

impl Hit<'_> {
    /// A miss, to fill an array with.
    pub const MISS: Self = Hit(None);
}

// SAFETY: a `Match` is a shared reference to words and, perhaps, to a group.
unsafe impl Send for Match<'_> {}
// SAFETY: as above.
unsafe impl Sync for Match<'_> {}

impl<'s> From<Found<'s>> for Match<'s> {
    #[inline]
    fn from(found: Found<'s>) -> Match<'s> {
        let EntryHandle { table, slot } = found.entry;
        match found.group {
            Some(group) => Match::selecting(table, slot, group),
            None => {
                let action = found.action.map_or(Match::NOTHING, |action| action as u32);
                Match::new(table, slot, action, found.args)
            }
        }
    }
}

impl std::fmt::Debug for Match<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.found().fmt(f)
    }
}

/// All tables as one batch sees them.
#[derive(Clone, Copy)]
pub struct Lens<'s> {
    state: &'s State,
    generation: u64,
    counts_bits: bool,
}

impl<'s> Lens<'s> {
    /// A table. `None` for a table of another program.
    #[inline]
    pub fn reader(&self, table: TableId) -> Option<TableReader<'s>> {
        let of_state = self.state.tables.get(table.as_u32() as usize)?;
        Some(TableReader { id: table, table: of_state, lens: *self })
    }

    /// The entry of a table that a key matches, as [`TableReader::find`] has it, in place. Gives [`Match::action`], in a
    /// word, so that whoever is asked for that by compiled code has nothing left to do.
    #[inline]
    pub fn find_into(&self, table: TableId, key: &[u64], to: &mut Match<'s>) -> u64 {
        #[cfg(target_arch = "x86_64")]
        if self.counts_bits {
            // SAFETY: the processor was asked when this was made.
            return unsafe { find_counting(self, table, key, to) };
        }
        self.search_plainly(table, key, to)
    }

    /// For any processor.
    #[inline(never)] // So that callers need not save registers for what they rarely do.
    fn search_plainly(&self, table: TableId, key: &[u64], to: &mut Match<'s>) -> u64 {
        self.search(table, key, to)
    }

    #[inline(always)] // Into code for processors that count bits in one instruction.
    fn search(&self, table: TableId, key: &[u64], to: &mut Match<'s>) -> u64 {
        match self.reader(table) {
            Some(reader) => reader.search(key, to),
            None => to.set(Match::nothing(table)),
        }
    }

    /// The same by a key of one word, with as little around the search as can be: what takes loops or calls is called
    /// last of all, so that the rest need not save registers for it.
    #[inline]
    pub fn find_word_into(&self, table: TableId, key: u64, to: &mut Match<'s>) -> u64 {
        #[cfg(target_arch = "x86_64")]
        if self.counts_bits {
            // SAFETY: the processor was asked when this was made.
            return unsafe { find_word_counting(self, table, key, to) };
        }
        self.search_at_length(table, key, to)
    }

    #[inline(never)]
    fn search_at_length(&self, table: TableId, key: u64, to: &mut Match<'s>) -> u64 {
        self.find_into(table, &[key], to)
    }
}

impl State {
    /// All tables for the length of a batch.
    #[inline]
    pub fn lens<'s>(&'s self, snapshot: &Snapshot<'_>) -> Lens<'s> {
        Lens { state: self, generation: snapshot.generation_of(self), counts_bits: counts_bits() }
    }

    /// A table for the length of a batch. `None` for a table of another program.
    #[inline]
    pub fn reader<'s>(&'s self, snapshot: &'s Snapshot<'_>, table: TableId) -> Option<TableReader<'s>> {
        self.lens(snapshot).reader(table)
    }

    /// How a table is searched. `None` for a table of another program.
    pub fn structure(&self, table: TableId) -> Option<Structure> {
        Some(self.tables.get(table.as_u32() as usize)?.space.structure())
    }
}

/// Whether the processor counts bits in one instruction, and has the shifts and masks that came with it.
#[inline]
fn counts_bits() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        std::arch::is_x86_feature_detected!("popcnt")
            && std::arch::is_x86_feature_detected!("bmi1")
            && std::arch::is_x86_feature_detected!("bmi2")
    }
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// [`Lens::search`].
///
/// # Safety
/// [`counts_bits`] says so.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "popcnt,bmi1,bmi2")]
unsafe fn find_counting<'s>(lens: &Lens<'s>, table: TableId, key: &[u64], to: &mut Match<'s>) -> u64 {
    lens.search(table, key, to)
}

/// [`Space::find_word`], and whatever follows that.
///
/// # Safety
/// [`counts_bits`] says so.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "popcnt,bmi1,bmi2")]
unsafe fn find_word_counting<'s>(lens: &Lens<'s>, table: TableId, key: u64, to: &mut Match<'s>) -> u64 {
    let Some(reader) = lens.reader(table) else { return to.set(Match::nothing(table)) };
    match reader.table.space.find_word(lens.generation, key) {
        ByWord::Found(found) => reader.settle_into(found, to),
        // SAFETY: as for this.
        ByWord::Below(best, next) => unsafe { find_word_below(lens, table, key, to, best, next) },
        // SAFETY: as for this.
        ByWord::Hashed => unsafe { find_word_hashed(lens, table, key, to) },
        ByWord::AtLength => lens.search_at_length(table, key, to),
    }
}

/// [`Space::find_word_below`]: all that it takes in registers.
///
/// # Safety
/// [`counts_bits`] says so.
#[cfg(target_arch = "x86_64")]
#[inline(never)]
#[target_feature(enable = "popcnt,bmi1,bmi2")]
unsafe fn find_word_below<'s>(
    lens: &Lens<'s>,
    table: TableId,
    key: u64,
    to: &mut Match<'s>,
    best: *mut Header,
    next: *mut (),
) -> u64 {
    let Some(reader) = lens.reader(table) else { return to.set(Match::nothing(table)) };
    match reader.table.space.find_word_below(lens.generation, key, (best, next)) {
        ByWord::Found(found) => reader.settle_into(found, to),
        ByWord::Below(..) | ByWord::Hashed | ByWord::AtLength => lens.search_at_length(table, key, to),
    }
}

/// [`Space::find_word_hashed`].
///
/// # Safety
/// [`counts_bits`] says so.
#[cfg(target_arch = "x86_64")]
#[inline(never)]
#[target_feature(enable = "popcnt,bmi1,bmi2")]
unsafe fn find_word_hashed<'s>(lens: &Lens<'s>, table: TableId, key: u64, to: &mut Match<'s>) -> u64 {
    let Some(reader) = lens.reader(table) else { return to.set(Match::nothing(table)) };
    match reader.table.space.find_word_hashed(lens.generation, key) {
        ByWord::Found(found) => reader.settle_into(found, to),
        ByWord::Below(..) | ByWord::Hashed | ByWord::AtLength => lens.search_at_length(table, key, to),
    }
}

/// [`TableReader::find_many`].
///
/// # Safety
/// [`counts_bits`] says so.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "popcnt,bmi1,bmi2")]
unsafe fn find_hits_counting<'s>(reader: &TableReader<'s>, keys: &[u64], hits: &mut [Hit<'s>; LANES]) {
    reader.find_many(keys, hits);
}

impl<'s> TableReader<'s> {
    /// Keys that are looked up together at most.
    pub const LANES: usize = LANES;

    /// The table.
    #[inline]
    pub fn table(&self) -> TableId {
        self.id
    }

    /// How it is searched.
    pub fn structure(&self) -> Structure {
        self.table.space.structure()
    }

    /// Whether it is too large for the caches near a core, so that the memory of several lookups is worth fetching at
    /// once: [`TableReader::find_batch`] then does so.
    #[inline]
    pub fn is_large(&self) -> bool {
        self.table.space.is_large()
    }

    /// Words of a key: for each key of the table in order, but selector keys, `max(1, ceil(width / 64))`
    /// little-endian limbs, bits above the width zero.
    #[inline]
    pub fn key_words(&self) -> usize {
        self.table.space.layout().words()
    }

    /// The entry that a key matches, or the default entry. A key of another length than
    /// [`TableReader::key_words`] finds nothing and runs nothing.
    #[inline]
    pub fn find(&self, key: &[u64]) -> Match<'s> {
        let mut found = Match::nothing(self.id);
        self.lens.find_into(self.id, key, &mut found);
        found
    }

    #[inline(always)] // Into code for processors that count bits in one instruction.
    fn search(&self, key: &[u64], to: &mut Match<'s>) -> u64 {
        if key.len() != self.key_words() {
            return to.set(Match::nothing(self.id));
        }
        // No entry has no key.
        let is_empty = key.is_empty();
        let found = if is_empty { None } else { self.table.space.find(self.lens.generation, key) };
        self.settle_into(found, to)
    }

    /// [`TableReader::find`] for keys that follow each other without gaps, into the first places of `matches`;
    /// gives how many that were. Stops at the last whole key or the last place.
    ///
    /// Where the table does not fit the caches near a core, the memory of several lookups is fetched at once.
    pub fn find_batch(&self, keys: &[u64], matches: &mut [Match<'s>]) -> usize {
        let words = self.key_words();
        let Some(whole) = keys.len().checked_div(words) else { return 0 };
        let count = whole.min(matches.len());
        let keys = keys.get(..count * words).unwrap_or(&[]);
        let (matches, _) = matches.split_at_mut(count);
        if !self.is_large() {
            for (key, to) in keys.chunks_exact(words).zip(matches) {
                self.lens.find_into(self.id, key, to);
            }
            return count;
        }
        for (keys, matches) in keys.chunks(LANES * words).zip(matches.chunks_mut(LANES)) {
            keys.chunks_exact(words).for_each(|key| self.prefetch(key));
            let mut hits = [Hit::MISS; LANES];
            self.find_hits(keys, &mut hits);
            for (hit, to) in hits.into_iter().zip(matches) {
                self.settle(hit, to);
            }
        }
        count
    }

    /// Asks for the memory that the lookup of a key begins with.
    #[inline]
    pub fn prefetch(&self, key: &[u64]) {
        self.table.space.prefetch(key);
    }

    /// What keys that follow each other without gaps match, [`TableReader::LANES`] at most, into the first places of `hits`:
    /// the memory of all of them is fetched at once, but for what [`TableReader::prefetch`] has fetched.
    #[inline]
    pub fn find_hits(&self, keys: &[u64], hits: &mut [Hit<'s>; LANES]) {
        #[cfg(target_arch = "x86_64")]
        if self.lens.counts_bits {
            // SAFETY: the processor was asked when this was made.
            return unsafe { find_hits_counting(self, keys, hits) };
        }
        self.find_many(keys, hits);
    }

    #[inline(always)] // Into code for processors that count bits in one instruction.
    fn find_many(&self, keys: &[u64], hits: &mut [Hit<'s>; LANES]) {
        self.table.space.find_many(self.lens.generation, keys, |lane, entry| hits[lane % LANES] = Hit(entry));
    }

    /// Says what a hit of this table does, or a miss. Gives [`Match::action`] in a word.
    #[inline]
    pub fn settle(&self, hit: Hit<'s>, to: &mut Match<'s>) -> u64 {
        self.settle_into(hit.0, to)
    }

    /// Says what an entry does, or the default entry if there is none: in place, since what is written in parts is not
    /// copied as a whole. Gives [`Match::action`].
    #[inline(always)] // As above.
    fn settle_into(&self, entry: Option<EntryRef<'s>>, to: &mut Match<'s>) -> u64 {
        let Some(entry) = entry else { return settle_default(self.table, self.lens.generation, self.id, to) };
        match entry.target() {
            TargetRef::Action(position) => {
                let args = entry.args();
                to.args = args.as_ptr();
                to.action = u32::from(position);
                to.slot = entry.slot();
                to.arg_words = args.len() as u32;
                to.table = self.id;
                to.group = None;
                u64::from(position)
            }
            TargetRef::Member(_) | TargetRef::Group(_) => {
                settle_profile(self.table, self.lens.generation, (self.id, entry), to)
            }
        }
    }
}

/// What a table does on a miss.
#[inline(never)] // Called last of all and without the reader, so that searches need not save registers for it.
fn settle_default<'s>(table: &'s Table, generation: u64, id: TableId, to: &mut Match<'s>) -> u64 {
    let default = table.default.get(generation);
    to.set(Match::new(id, 0, u32::from(default.position), &default.data.args))
}

/// What an entry does that refers to an action profile.
#[inline(never)] // As above.
fn settle_profile<'s>(
    table: &'s Table,
    generation: u64,
    (id, entry): (TableId, EntryRef<'s>),
    to: &mut Match<'s>,
) -> u64 {
    to.set(match entry.target() {
        TargetRef::Action(position) => Match::new(id, entry.slot(), u32::from(position), entry.args()),
        TargetRef::Member(member) => {
            let data = member.versions.get(generation);
            let position = table.position(data.action).map_or(Match::NOTHING, |p| p as u32);
            Match::new(id, entry.slot(), position, &data.args)
        }
        TargetRef::Group(group) => Match::selecting(id, entry.slot(), group.versions.get(generation)),
    })
}
