#![allow(unsafe_code)] // Pages that readers scan while the one writer sets and clears bits.
//! Entries of many masks, searched by bit vectors (Lakshman and Stiliadis 1998) over nibbles of the key.
//!
//! An entry has a position. For every nibble of the key and each of its sixteen values there is a row with a bit per
//! position, set if the entry admits the value there. The positions left when the rows of a key's nibbles are
//! intersected are the entries that match, however many masks they have between them; ranges are checked besides. A
//! page holds the rows of 512 positions, a cache line each, and a scan leaves a page as soon as no position is left:
//! after three or four rows if entries are specific. As soon as but one or two are left, they are compared with the key
//! instead, as all are while there are but a few: rows are one for every nibble of a wide key that matches.
//!
//! Invariant: the bits and the pointer of a position are those of its entry before the generation that first sees
//! the entry is published, and stay until no snapshot sees it. What a reader of an earlier generation finds in a
//! position that is being reused, it does not see either.

#[cfg(all(test, loom))]
mod model;
#[cfg(all(test, not(loom)))]
mod tests;

use std::ptr::{NonNull, null_mut};

use crate::reclaim::{Held, Later};
use crate::sync::{AtomicPtr, AtomicU64, Ordering};

/// Values of a nibble.
const VALUES: usize = 1 << Nibble::BITS;
/// Positions of a word.
const WORD: usize = 64;
/// Entries up to which each is compared.
const COMPARED_MAX: u32 = 12;
/// Words of a row: of the first page, so that a small table is small, and of the others.
const FIRST_WORDS: usize = 1;
const WORDS: usize = if cfg!(loom) { 1 } else { 8 };

/// Where a nibble of a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Nibble {
    pub(crate) word: u32,
    pub(crate) shift: u32,
}

impl Nibble {
    /// Its width.
    pub(crate) const BITS: u32 = 4;

    /// Its value in a key.
    #[inline]
    pub(crate) fn of(self, key: &[u64]) -> usize {
        key.get(self.word as usize).map_or(0, |word| (word >> self.shift) as usize % VALUES)
    }
}

/// The rows of some positions.
struct Page<N> {
    /// By nibble, value and word.
    rows: Box<[AtomicU64]>,
    entries: Box<[AtomicPtr<N>]>,
    /// By position and word of the key, mask and value of its entry.
    exact: Box<[[AtomicU64; 2]]>,
    /// Of the first page: which positions have an entry.
    occupied: AtomicU64,
    /// The highest rank of its entries, or above.
    bound: AtomicU64,
}

/// The pages. Replaced as a whole when there is one more.
struct Pages<N> {
    /// The nibbles with the numbers of their rows, in the order in which rows are intersected: those that tell most
    /// entries apart first.
    order: Box<[Step]>,
    pages: Box<[Held<Page<N>>]>,
}

/// One intersection.
#[derive(Clone, Copy)]
struct Step {
    nibble: Nibble,
    /// The row of the nibble's value 0, counted in rows.
    first_row: u32,
}

/// Entries by position.
pub(crate) struct Vectors<N> {
    nibbles: Box<[Nibble]>,
    pages: AtomicPtr<Pages<N>>,
}

/// What the writer keeps beside [`Vectors`].
#[derive(Default)]
pub(crate) struct Positions {
    free: Vec<u32>,
    /// Positions ever used.
    used: u32,
}

/// Page and offset of a position.
fn place(position: u32) -> (usize, usize) {
    let position = position as usize;
    match position.checked_sub(FIRST_WORDS * WORD) {
        None => (0, position),
        Some(rest) => (1 + rest / (WORDS * WORD), rest % (WORDS * WORD)),
    }
}

/// Words of a row of a page.
fn row_words(page: usize) -> usize {
    if page == 0 { FIRST_WORDS } else { WORDS }
}

/// A row of a nibble's value, as its first word.
#[inline]
fn row(nibble: usize, value: usize, words: usize) -> usize {
    (nibble * VALUES + value) * words
}

impl<N> Page<N> {
    fn new(nibbles: usize, words: usize, key_words: usize) -> Page<N> {
        Page {
            rows: (0..nibbles * VALUES * words).map(|_| AtomicU64::new(0)).collect(),
            entries: (0..words * WORD).map(|_| AtomicPtr::new(null_mut())).collect(),
            exact: (0..key_words * words * WORD).map(|_| [AtomicU64::new(0), AtomicU64::new(0)]).collect(),
            occupied: AtomicU64::new(0),
            bound: AtomicU64::new(0),
        }
    }

    /// Offers every entry that matches a key: that is left when the key's rows are intersected, all of them or until few are.
    #[inline(always)] // For two numbers of words.
    fn scan<const W: usize>(&self, order: &[Step], key: &[u64], offer: &mut impl FnMut(NonNull<N>)) {
        let mut left = [u64::MAX; W];
        for step in order {
            let at = (step.first_row as usize + step.nibble.of(key)) * W;
            let (mut any, mut words) = (0u64, 0);
            for (i, left) in left.iter_mut().enumerate() {
                // SAFETY: a page with rows of so many words has one for every value of the nibbles of its set.
                *left &= unsafe { self.rows.get_unchecked(at + i) }.load(Ordering::Relaxed);
                any |= *left;
                words += u32::from(*left != 0);
            }
            if any == 0 {
                return;
            }
            // One or two, in one word.
            let second = any & (any - 1);
            if words == 1 && second & second.wrapping_sub(1) == 0 {
                break;
            }
        }
        for (word, left) in left.into_iter().enumerate() {
            self.compare(word, left, key, offer);
        }
    }

    /// Offers every entry of some positions, bits of a word, whose value is that of a key under its mask.
    #[inline(always)] // As above.
    fn compare(&self, word: usize, mut positions: u64, key: &[u64], offer: &mut impl FnMut(NonNull<N>)) {
        let words = self.exact.len() / self.entries.len().max(1);
        while positions != 0 {
            let offset = word * WORD + positions.trailing_zeros() as usize;
            positions &= positions - 1;
            let exact = self.exact.get(offset * words..(offset + 1) * words).unwrap_or(&[]);
            let is_same = |(i, [mask, value]): (usize, &[AtomicU64; 2])| {
                let word = key.get(i).copied().unwrap_or(0);
                word & mask.load(Ordering::Relaxed) == value.load(Ordering::Relaxed)
            };
            if exact.iter().enumerate().all(is_same)
                && let Some(entry) =
                    self.entries.get(offset).and_then(|entry| NonNull::new(entry.load(Ordering::Acquire)))
            {
                offer(entry);
            }
        }
    }

    /// How many entries a nibble lets through for a key that is like one of them, times a constant: keys have in common what
    /// entries have.
    fn passes(&self, nibble: usize, words: usize) -> u32 {
        let rows = self.rows.get(row(nibble, 0, words)..row(nibble, VALUES, words)).unwrap_or(&[]);
        let count = |row: &[AtomicU64]| -> u32 {
            row.iter().map(|word| word.load(Ordering::Relaxed).count_ones()).sum()
        };
        rows.chunks_exact(words).map(count).map(|count| count * count).sum()
    }
}

impl<N> Vectors<N> {
    /// No entries, for keys with these nibbles.
    pub(crate) fn new(nibbles: Box<[Nibble]>) -> Vectors<N> {
        Vectors { nibbles, pages: AtomicPtr::new(null_mut()) }
    }

    /// The pages. Readers hold a snapshot, the writer its lock.
    #[inline]
    fn published(&self) -> Option<&Pages<N>> {
        // SAFETY: pages are freed only after the snapshots that could load them are gone, by the writer.
        unsafe { self.pages.load(Ordering::Acquire).as_ref() }
    }

    fn pages(&self) -> &[Held<Page<N>>] {
        self.published().map_or(&[], |published| &published.pages)
    }

    /// Offers every entry that may match a key: but for ranges, those that do. `least` is asked before each page for
    /// the lowest rank that is still of interest. The caller holds a snapshot or the writer's lock.
    #[inline]
    pub(crate) fn scan(&self, key: &[u64], mut offer: impl FnMut(NonNull<N>) -> u64) {
        let Some(published) = self.published() else { return };
        let mut least = 0;
        for (number, page) in published.pages.iter().enumerate() {
            // SAFETY: a page is freed when this is dropped.
            let page = unsafe { page.get() };
            if page.bound.load(Ordering::Relaxed) < least {
                continue;
            }
            let mut take = |entry| least = offer(entry);
            let occupied = page.occupied.load(Ordering::Relaxed);
            if number == 0 && occupied.count_ones() <= COMPARED_MAX {
                page.compare(0, occupied, key, &mut take);
            } else if number == 0 {
                page.scan::<FIRST_WORDS>(&published.order, key, &mut take);
            } else {
                page.scan::<WORDS>(&published.order, key, &mut take);
            }
        }
    }

    /// Every entry. Only the writer calls this.
    pub(crate) fn for_each(&self, mut f: impl FnMut(NonNull<N>)) {
        for page in self.pages() {
            // SAFETY: a page is freed when this is dropped.
            let entries = unsafe { page.get() }.entries.iter();
            entries.filter_map(|entry| NonNull::new(entry.load(Ordering::Relaxed))).for_each(&mut f);
        }
    }

    /// Bytes of the pages.
    pub(crate) fn bytes(&self) -> usize {
        let page = |page: &Held<Page<N>>| {
            // SAFETY: a page is freed when this is dropped.
            let page = unsafe { page.get() };
            let arrays = size_of_val(&*page.rows) + size_of_val(&*page.entries) + size_of_val(&*page.exact);
            arrays + size_of::<Page<N>>()
        };
        self.pages().iter().map(page).sum()
    }

    /// Gives an entry with a mask and a key a position. `admits` says whether it matches a value of a nibble. Only the writer calls this;
    /// what it has to do later is to be retired.
    pub(crate) fn insert(
        &self,
        positions: &mut Positions,
        entry: NonNull<N>,
        rank: u32,
        (mask, key): (&[u64], &[u64]),
        admits: impl Fn(Nibble, usize) -> bool,
        later: &mut Vec<Later>,
    ) -> u32 {
        let is_new = positions.free.is_empty();
        let position = positions.free.pop().unwrap_or_else(|| {
            positions.used += 1;
            positions.used - 1
        });
        let (number, offset) = place(position);
        let pages = self.pages().len();
        if number >= pages || is_new && number == 0 && offset.is_power_of_two() {
            // What tells entries apart is looked at again whenever there are twice as many as ever before, then when a page is full.
            let new = (number >= pages).then(|| self.new_page(pages));
            self.publish(new, later);
        }
        let words = row_words(number);
        let Some(page) = self.pages().get(number) else { return position };
        // SAFETY: a page is freed when this is dropped.
        let page = unsafe { page.get() };
        let bit = 1u64 << (offset % WORD);
        for (i, nibble) in self.nibbles.iter().enumerate() {
            for value in (0..VALUES).filter(|value| admits(*nibble, *value)) {
                if let Some(word) = page.rows.get(row(i, value, words) + offset / WORD) {
                    word.store(word.load(Ordering::Relaxed) | bit, Ordering::Relaxed);
                }
            }
        }
        let key_words = page.exact.len() / page.entries.len().max(1);
        let own = page.exact.get(offset * key_words..(offset + 1) * key_words).unwrap_or(&[]);
        for ([to_mask, to_value], (mask, word)) in own.iter().zip(mask.iter().zip(key)) {
            to_mask.store(*mask, Ordering::Relaxed);
            to_value.store(word & mask, Ordering::Relaxed);
        }
        if words == FIRST_WORDS {
            page.occupied.store(page.occupied.load(Ordering::Relaxed) | bit, Ordering::Relaxed);
        }
        let bound = page.bound.load(Ordering::Relaxed).max(u64::from(rank));
        page.bound.store(bound, Ordering::Relaxed);
        if let Some(slot) = page.entries.get(offset) {
            slot.store(entry.as_ptr(), Ordering::Release);
        }
        position
    }

    fn new_page(&self, number: usize) -> Held<Page<N>> {
        let key_words = self.nibbles.iter().map(|nibble| nibble.word as usize + 1).max().unwrap_or(0);
        Held::new(Page::new(self.nibbles.len(), row_words(number), key_words))
    }

    /// Shows readers a page more, if there is one, and the order that the last of the others asks for.
    fn publish(&self, new: Option<Held<Page<N>>>, later: &mut Vec<Later>) {
        let pages = self.pages();
        let step = |(number, nibble): (usize, &Nibble)| Step {
            nibble: *nibble,
            first_row: (number * VALUES) as u32,
        };
        let mut order: Vec<Step> = self.nibbles.iter().enumerate().map(step).collect();
        if let Some((last, words)) =
            pages.last().zip(pages.len().checked_sub(1)).map(|(p, n)| (p, row_words(n)))
        {
            // SAFETY: a page is freed when this is dropped.
            let last = unsafe { last.get() };
            order.sort_by_cached_key(|step| last.passes(step.first_row as usize / VALUES, words));
        }
        let pages = Pages { order: order.into(), pages: pages.iter().copied().chain(new).collect() };
        let old = self.pages.swap(Held::new(pages).as_ptr(), Ordering::AcqRel);
        later.extend(Held::from_ptr(old).map(Held::into_later));
    }

    /// Takes an entry from its position, once no snapshot sees it any more. Only the writer calls this.
    pub(crate) fn remove(&self, positions: &mut Positions, position: u32) {
        let (number, offset) = place(position);
        let words = row_words(number);
        let Some(page) = self.pages().get(number) else { return };
        // SAFETY: a page is freed when this is dropped.
        let page = unsafe { page.get() };
        let bit = 1u64 << (offset % WORD);
        for row in page.rows.chunks_exact(words) {
            if let Some(word) = row.get(offset / WORD) {
                let bits = word.load(Ordering::Relaxed);
                if bits & bit != 0 {
                    word.store(bits & !bit, Ordering::Relaxed);
                }
            }
        }
        if let Some(slot) = page.entries.get(offset) {
            slot.store(null_mut(), Ordering::Release);
        }
        if words == FIRST_WORDS {
            page.occupied.store(page.occupied.load(Ordering::Relaxed) & !bit, Ordering::Relaxed);
        }
        positions.free.push(position);
    }
}

impl<N> Drop for Vectors<N> {
    fn drop(&mut self) {
        let Some(pages) = Held::from_ptr(self.pages.load(Ordering::Relaxed)) else { return };
        // SAFETY: `&mut self`: no reader is left; each page is listed once, and freed here alone.
        unsafe {
            pages.get().pages.iter().for_each(|page| page.free());
            pages.free();
        }
    }
}
