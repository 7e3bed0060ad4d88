#![allow(unsafe_code)] // Nodes that readers walk while the one writer replaces them.
//! Prefixes filed so that the longest one that covers a key is found in few steps: many readers without locks, one
//! writer.
//!
//! A table of the first [`ROOT_BITS`] bits, then nodes of [`STRIDE`] bits each. A node is one block: a bitmap of
//! the slots that lead on, a bitmap of the slots where another prefix begins to hold, then as many pointers as the
//! two have bits (Asai and Ohara's poptrie, 2015, without its pushing of prefixes into the nodes below: a walk
//! remembers the best it has passed instead, so that a short prefix costs as much to add to a full trie as to an
//! empty one). A prefix that is alone below a slot stands in it itself, however long, and is compared with the key
//! when a walk ends there: depth follows the number of prefixes, not their length.
//!
//! A node is never changed but for its pointers to nodes below: whatever changes else makes a new one, which takes
//! the old one's place by one store.
//!
//! Invariant: a prefix that was filed before a reader's walk began, and is not removed until it ends, is what the
//! walk gives, or a longer one is. A trie does not own what it points to.

#[cfg(all(test, loom))]
mod model;
#[cfg(all(test, not(loom)))]
mod tests;

use std::ptr::{NonNull, null_mut};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::memory::NoMemory;
#[cfg(not(loom))]
use crate::memory::{Zeroed, free_zeroed, zeroed};
use crate::prefetch::prefetch;
use crate::reclaim::Later;
use crate::slab::{LINE_BYTES, Slab};
use crate::sync::{AtomicPtr, AtomicU64, AtomicUsize, Ordering};

/// Bits that the table at the root takes, if keys have as many.
const ROOT_BITS: u32 = if cfg!(loom) { 1 } else { 16 };
/// Bits that a node takes.
const STRIDE: u32 = 6;
/// Slots of a node.
const SLOTS: usize = 1 << STRIDE;
/// Words of a bitmap of the root's pages.
const ROOT_PAGE_WORDS: usize = ROOT_BYTES_MAX.div_ceil(PAGE_BYTES).div_ceil(64);
/// Bytes of the root's table, of which those take memory that are used.
pub(crate) const ROOT_BYTES_MAX: usize = size_of::<RootSlot<()>>() << ROOT_BITS;
const PAGE_BYTES: usize = 4_096;
/// Bytes of nodes that, with what they point to, stay in the caches near a core.
const BYTES_NEAR: usize = if cfg!(test) { 64 } else { 256 << 10 };
/// Words before a node's pointers: the bitmaps.
const BITMAPS: usize = 2;

/// The first bits of a key, at the top of the number, and how many; the others are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Prefix {
    pub(crate) bits: u128,
    pub(crate) len: u32,
}

impl Prefix {
    /// Whether a key, at the top of the number, begins with it.
    #[inline]
    pub(crate) fn covers(self, key: u128) -> bool {
        self.len == 0 || (key ^ self.bits) >> (u128::BITS - self.len) == 0
    }
}

/// A key at the top of a number.
pub(crate) trait Key: Copy {
    /// So many bits, at least one, from a position below the width.
    fn bits(self, at: u32, count: u32) -> usize;
}

impl Key for u64 {
    #[inline]
    fn bits(self, at: u32, count: u32) -> usize {
        (self << at >> (u64::BITS - count)) as usize
    }
}

impl Key for u128 {
    #[inline]
    fn bits(self, at: u32, count: u32) -> usize {
        (self << at >> (u128::BITS - count)) as usize
    }
}

/// Says what prefix a pointer was filed under.
pub(crate) trait Prefixes<N> {
    /// The prefix, always the same for one pointer.
    fn of(&self, entry: NonNull<N>) -> Prefix;
}

/// The two ways on from the root.
#[repr(C)]
struct RootSlot<N> {
    /// The longest prefix of at most [`ROOT_BITS`] bits that covers the slot.
    leaf: AtomicPtr<N>,
    /// The longer ones: a [`Link`].
    child: AtomicPtr<()>,
}

// SAFETY: null pointers both; nothing is owned.
#[cfg(not(loom))]
unsafe impl<N> Zeroed for RootSlot<N> {}

/// What a pointer below a slot means: its lowest bit tells a node from a prefix that is alone.
enum Link<N> {
    Nothing,
    Alone(NonNull<N>),
    Node(Node),
}

const NODE_TAG: usize = 1;

impl<N> Clone for Link<N> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<N> Copy for Link<N> {}

impl<N> Link<N> {
    #[inline]
    fn read(word: *mut ()) -> Link<N> {
        if word.addr() & NODE_TAG != 0 {
            return match NonNull::new(word.map_addr(|a| a & !NODE_TAG)) {
                Some(words) => Link::Node(Node(words.cast())),
                None => Link::Nothing,
            };
        }
        NonNull::new(word).map_or(Link::Nothing, |entry| Link::Alone(entry.cast()))
    }

    fn word(self) -> *mut () {
        match self {
            Link::Nothing => null_mut(),
            Link::Alone(entry) => entry.as_ptr().cast(),
            Link::Node(node) => node.0.as_ptr().cast::<()>().map_addr(|a| a | NODE_TAG),
        }
    }
}

/// A node's first word: bitmaps, then pointers to what is below its slots, then those of the prefixes in it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Node(NonNull<AtomicPtr<()>>);

impl Node {
    /// # Safety
    /// The node is not freed during `'a` and the word is one of its own.
    #[inline]
    unsafe fn word<'a>(self, at: usize) -> &'a AtomicPtr<()> {
        // SAFETY: the caller's promise.
        unsafe { self.0.add(at).as_ref() }
    }

    /// Slots that lead on, and slots where another prefix than in the slot before begins to hold.
    ///
    /// # Safety
    /// The node is not freed.
    #[inline]
    unsafe fn bitmaps(self) -> (u64, u64) {
        // SAFETY: the caller's promise; every node has them. They are fixed before a node is published.
        unsafe {
            (
                self.word(0).load(Ordering::Relaxed).addr() as u64,
                self.word(1).load(Ordering::Relaxed).addr() as u64,
            )
        }
    }

    /// # Safety
    /// The node is not freed.
    unsafe fn words(self) -> usize {
        // SAFETY: the caller's promise.
        let (children, leaves) = unsafe { self.bitmaps() };
        BITMAPS + children.count_ones() as usize + leaves.count_ones() as usize
    }

    /// A node of these words, in whole cache lines.
    fn new(slab: &Mutex<Slab>, words: &[*mut ()]) -> Node {
        let block = lock(slab).allocate(words.len() * size_of::<AtomicPtr<()>>());
        let start: NonNull<AtomicPtr<()>> = block.cast();
        for (at, word) in words.iter().enumerate() {
            // SAFETY: the block has room for as many words, and is nobody else's yet.
            unsafe { start.add(at).write(AtomicPtr::new(*word)) }
        }
        Node(start)
    }

    /// # Safety
    /// Nobody can reach the node any more, and it is freed once, to the slab that it was made with.
    unsafe fn free(self, slab: &Mutex<Slab>) {
        // SAFETY: `new` has made so many words in a block of as many bytes.
        unsafe {
            let words = std::ptr::slice_from_raw_parts_mut(self.0.as_ptr(), self.words());
            let bytes = words.len() * size_of::<AtomicPtr<()>>();
            std::ptr::drop_in_place(words);
            lock(slab).free(self.0.cast(), bytes);
        }
    }

    /// Frees it once no reader can be in it. The slab is there until then.
    fn into_later(self, slab: &Mutex<Slab>) -> Later {
        /// # Safety
        /// As for [`Later::new`]: the second points to the node's slab.
        unsafe fn run(node: *mut (), slab: *mut (), _: usize, _: &mut Vec<Later>) {
            if let Some(words) = NonNull::new(node) {
                // SAFETY: run once, after every reader that could reach the node is gone; a trie is freed later than
                // what it retires.
                unsafe { Node(words.cast()).free(&*slab.cast::<Mutex<Slab>>()) }
            }
        }
        let slab = std::ptr::from_ref(slab).cast_mut();
        // SAFETY: `run` frees the node, once.
        unsafe { Later::new(self.0.as_ptr().cast(), slab.cast(), 0, run) }
    }
}

/// The slab, which only the writer locks.
fn lock(slab: &Mutex<Slab>) -> MutexGuard<'_, Slab> {
    slab.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A node taken apart.
struct Draft<N> {
    children: [Link<N>; SLOTS],
    /// For every slot the longest prefix that ends in this node and covers it.
    leaves: [*mut N; SLOTS],
}

impl<N> Draft<N> {
    fn new() -> Draft<N> {
        Draft { children: [Link::Nothing; SLOTS], leaves: [null_mut(); SLOTS] }
    }

    /// Of a node that the writer holds.
    ///
    /// # Safety
    /// The node is not freed.
    unsafe fn of(node: Node) -> Draft<N> {
        let mut draft = Draft::new();
        // SAFETY: the caller's promise; as many words follow as the bitmaps have bits.
        unsafe {
            let (children, leaves) = node.bitmaps();
            let mut next = BITMAPS;
            for (slot, child) in draft.children.iter_mut().enumerate() {
                if children >> slot & 1 != 0 {
                    *child = Link::read(node.word(next).load(Ordering::Relaxed));
                    next += 1;
                }
            }
            let mut leaf = null_mut();
            for (slot, to) in draft.leaves.iter_mut().enumerate() {
                if leaves >> slot & 1 != 0 {
                    leaf = node.word(next).load(Ordering::Relaxed).cast();
                    next += 1;
                }
                *to = leaf;
            }
        }
        draft
    }

    /// The only prefix in and below the node, if there is but one and no node below.
    fn alone(&self) -> Option<Link<N>> {
        let mut only: *mut N = null_mut();
        let leaves = self.leaves.iter().copied();
        for child in &self.children {
            match child {
                Link::Nothing => {}
                Link::Node(_) => return None,
                Link::Alone(entry) if only.is_null() => only = entry.as_ptr(),
                Link::Alone(_) => return None,
            }
        }
        for leaf in leaves.filter(|leaf| !leaf.is_null()) {
            if !only.is_null() && only != leaf {
                return None;
            }
            only = leaf;
        }
        Some(NonNull::new(only).map_or(Link::Nothing, Link::Alone))
    }

    /// The node.
    fn build(&self, slab: &Mutex<Slab>) -> Node {
        let mut words = vec![null_mut(); BITMAPS];
        let (mut children, mut leaves) = (0u64, 0u64);
        for (slot, child) in self.children.iter().enumerate() {
            if !matches!(child, Link::Nothing) {
                children |= 1 << slot;
                words.push(child.word());
            }
        }
        let mut before = null_mut();
        for (slot, leaf) in self.leaves.iter().enumerate() {
            if *leaf != before {
                leaves |= 1 << slot;
                words.push(leaf.cast());
                before = *leaf;
            }
        }
        words[0] = std::ptr::without_provenance_mut(children as usize);
        words[1] = std::ptr::without_provenance_mut(leaves as usize);
        Node::new(slab, &words)
    }

    /// Adds a prefix longer than `at` bits, whose first `at` bits are those of this node.
    fn put(
        &mut self,
        at: u32,
        prefix: Prefix,
        entry: NonNull<N>,
        prefixes: &impl Prefixes<N>,
        slab: &Mutex<Slab>,
    ) {
        if prefix.len <= at + STRIDE {
            for leaf in &mut self.leaves[slots(at, prefix)] {
                if NonNull::new(*leaf).is_none_or(|other| prefixes.of(other).len <= prefix.len) {
                    *leaf = entry.as_ptr();
                }
            }
            return;
        }
        let child = &mut self.children[prefix.bits.bits(at, STRIDE)];
        match *child {
            Link::Alone(other) if prefixes.of(other) != prefix => {
                *child = both(at + STRIDE, other, entry, prefixes, slab);
            }
            // The caller goes into a node that there is.
            Link::Nothing | Link::Alone(_) | Link::Node(_) => *child = Link::Alone(entry),
        }
    }
}

/// The slots of a node that a prefix which ends in it covers.
fn slots(at: u32, prefix: Prefix) -> std::ops::Range<usize> {
    let first = prefix.bits.bits(at, STRIDE);
    first..first + (1 << (at + STRIDE - prefix.len))
}

/// A node for two different prefixes that are longer than `at` bits and begin with the same.
fn both<N>(
    at: u32,
    one: NonNull<N>,
    other: NonNull<N>,
    prefixes: &impl Prefixes<N>,
    slab: &Mutex<Slab>,
) -> Link<N> {
    let mut draft = Draft::new();
    draft.put(at, prefixes.of(one), one, prefixes, slab);
    draft.put(at, prefixes.of(other), other, prefixes, slab);
    Link::Node(draft.build(slab))
}

/// Prefixes of keys of one width.
pub(crate) struct Trie<N> {
    root_bits: u32,
    root: NonNull<RootSlot<N>>,
    /// The prefix of no bits.
    all: AtomicPtr<N>,
    /// Whether it is too large for the caches near a core: not zero.
    large: AtomicUsize,
    writer: Box<WriterPart>,
}

/// Touched by the writer only; on a line of its own, or on none that readers need.
struct WriterPart {
    /// Pages of the root's table that were written.
    root_pages: [AtomicU64; ROOT_PAGE_WORDS],
    /// Bytes that nodes take.
    node_bytes: AtomicUsize,
    /// Where nodes are.
    slab: Mutex<Slab>,
}

// SAFETY: a trie hands out pointers, never what they point to; its own cells are atomics.
unsafe impl<N: Sync> Send for Trie<N> {}
// SAFETY: as above.
unsafe impl<N: Sync> Sync for Trie<N> {}

/// Where a walk has got to.
pub(crate) struct Walk<N> {
    best: *mut N,
    next: *mut (),
    at: u32,
}

impl<N> Clone for Walk<N> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<N> Copy for Walk<N> {}

impl<N> Walk<N> {
    /// One that ends at once with nothing.
    #[inline]
    pub(crate) fn nothing() -> Walk<N> {
        Walk { best: null_mut(), next: null_mut(), at: 0 }
    }

    /// What it has passed and what comes next, for [`Trie::walk_on`].
    #[inline]
    pub(crate) fn parts(self) -> (*mut N, *mut ()) {
        (self.best, self.next)
    }

    /// Fetches into the cache what the next step reads, or the end. Not the null pointer where there is anything: asked for
    /// what is not mapped, a processor searches its page tables every time.
    #[inline]
    pub(crate) fn prefetch(&self) {
        let next = if self.next.is_null() { self.best.cast() } else { self.next };
        prefetch(next.cast_const());
        if self.goes_on() {
            // What the bitmaps lead to is in the second line as often as in the first.
            prefetch(self.next.wrapping_byte_add(LINE_BYTES).cast_const());
        }
    }

    /// Whether a node comes next.
    #[inline]
    pub(crate) fn goes_on(&self) -> bool {
        self.next.addr() & NODE_TAG != 0
    }

    /// Walks through one node.
    ///
    /// # Safety
    /// The caller's snapshot, or the writer's lock, is the one that the walk began under.
    #[inline(always)] // Into code for processors that count bits in one instruction.
    pub(crate) unsafe fn step(&mut self, key: impl Key) {
        let Link::<N>::Node(node) = Link::read(self.next) else { return };
        let bit = 1u64 << key.bits(self.at, STRIDE);
        // SAFETY: a node is freed only after the snapshots that could reach it are gone; as many words follow as
        // the bitmaps have bits.
        unsafe {
            let (children, leaves) = node.bitmaps();
            let before = bit - 1;
            let held = leaves & (bit | before);
            if held != 0 {
                let at = BITMAPS + children.count_ones() as usize + held.count_ones() as usize - 1;
                let leaf = node.word(at).load(Ordering::Relaxed);
                if !leaf.is_null() {
                    self.best = leaf.cast();
                }
            }
            self.next = if children & bit == 0 {
                null_mut()
            } else {
                let at = BITMAPS + (children & before).count_ones() as usize;
                node.word(at).load(Ordering::Acquire)
            };
        }
        self.at += STRIDE;
    }

    /// What was found, once no node comes next: the prefix that stands alone at the end, if it covers the key, or
    /// the longest that was passed.
    #[inline]
    pub(crate) fn end(&self, covers: impl FnOnce(NonNull<N>) -> bool) -> Option<NonNull<N>> {
        match Link::read(self.next) {
            Link::Alone(entry) if covers(entry) => Some(entry),
            Link::Alone(_) | Link::Nothing | Link::Node(_) => NonNull::new(self.best),
        }
    }
}

impl<N> Trie<N> {
    /// No prefixes, for keys of so many bits.
    ///
    /// # Errors
    /// No memory for the root's table, of which only what is used takes memory.
    pub(crate) fn new(width: u32) -> Result<Trie<N>, NoMemory> {
        let root_bits = width.clamp(1, ROOT_BITS);
        Ok(Trie {
            root_bits,
            root: allocate_root(1 << root_bits)?,
            all: AtomicPtr::new(null_mut()),
            large: AtomicUsize::new(0),
            writer: Box::new(WriterPart {
                root_pages: std::array::from_fn(|_| AtomicU64::new(0)),
                node_bytes: AtomicUsize::new(0),
                slab: Mutex::new(Slab::new()),
            }),
        })
    }

    /// Bytes that it takes, of the root's table those that were written.
    pub(crate) fn bytes(&self) -> usize {
        let pages =
            self.writer.root_pages.iter().map(|word| word.load(Ordering::Relaxed).count_ones() as usize);
        pages.sum::<usize>() * PAGE_BYTES + self.writer.node_bytes.load(Ordering::Relaxed)
    }

    /// Whether it is too large for the caches near a core.
    #[inline]
    pub(crate) fn is_large(&self) -> bool {
        self.large.load(Ordering::Relaxed) != 0
    }

    /// Fetches into the cache what a walk begins with.
    #[inline]
    pub(crate) fn prefetch(&self, key: impl Key) {
        prefetch(self.root.as_ptr().wrapping_add(key.bits(0, self.root_bits)).cast_const());
    }

    /// Begins a walk. The caller holds a snapshot or the writer's lock until it ends.
    #[inline]
    pub(crate) fn walk(&self, key: impl Key) -> Walk<N> {
        let mut best = self.all.load(Ordering::Acquire);
        // SAFETY: the root's table has a slot for as many bits, and stays until the trie is dropped.
        let slot = unsafe { self.root.add(key.bits(0, self.root_bits)).as_ref() };
        let leaf = slot.leaf.load(Ordering::Acquire);
        if !leaf.is_null() {
            best = leaf;
        }
        Walk { best, next: slot.child.load(Ordering::Acquire), at: self.root_bits }
    }

    /// The walk that [`Trie::walk`] began and that was taken apart since.
    #[inline]
    pub(crate) fn walk_on(&self, (best, next): (*mut N, *mut ())) -> Walk<N> {
        Walk { best, next, at: self.root_bits }
    }

    /// The longest prefix that covers a key. The caller holds a snapshot or the writer's lock.
    #[inline(always)] // As above.
    pub(crate) fn find(&self, key: impl Key, covers: impl FnOnce(NonNull<N>) -> bool) -> Option<NonNull<N>> {
        let mut walk = self.walk(key);
        while walk.goes_on() {
            // SAFETY: the caller's snapshot or lock.
            unsafe { walk.step(key) }
        }
        walk.end(covers)
    }

    /// The root's table.
    fn root(&self) -> &[RootSlot<N>] {
        // SAFETY: it has so many slots and stays until the trie is dropped.
        unsafe { std::slice::from_raw_parts(self.root.as_ptr(), 1 << self.root_bits) }
    }

    /// Notes that a part of the root's table was written.
    fn touch_root(&self, slots: std::ops::Range<usize>) {
        let page = |slot: usize| slot * size_of::<RootSlot<N>>() / PAGE_BYTES;
        for page in page(slots.start)..=page(slots.end - 1) {
            if let Some(word) = self.writer.root_pages.get(page / 64) {
                word.store(word.load(Ordering::Relaxed) | 1 << (page % 64), Ordering::Relaxed);
            }
        }
    }

    /// The slots of the root's table under a prefix that is no longer than its bits.
    fn root_range(&self, prefix: Prefix) -> std::ops::Range<usize> {
        let first = prefix.bits.bits(0, self.root_bits);
        first..first + (1 << (self.root_bits - prefix.len))
    }

    /// Files a pointer, in the place of another with the same prefix. Only the writer calls this; what it has to
    /// do later is to be retired.
    pub(crate) fn insert(&self, entry: NonNull<N>, prefixes: &impl Prefixes<N>, later: &mut Vec<Later>) {
        let prefix = prefixes.of(entry);
        if prefix.len == 0 {
            self.all.store(entry.as_ptr(), Ordering::Release);
            return;
        }
        let root = self.root();
        if prefix.len <= self.root_bits {
            self.touch_root(self.root_range(prefix));
            for slot in &root[self.root_range(prefix)] {
                let old = NonNull::new(slot.leaf.load(Ordering::Relaxed));
                if old.is_none_or(|old| prefixes.of(old).len <= prefix.len) {
                    slot.leaf.store(entry.as_ptr(), Ordering::Release);
                }
            }
            return;
        }
        let slot = prefix.bits.bits(0, self.root_bits);
        self.touch_root(slot..slot + 1);
        let mut link = &root[slot].child;
        let mut at = self.root_bits;
        loop {
            let node = match Link::read(link.load(Ordering::Relaxed)) {
                Link::Nothing => {
                    self.put(link, Link::Alone(entry));
                    return;
                }
                Link::Alone(other) if prefixes.of(other) == prefix => {
                    self.put(link, Link::Alone(entry));
                    return;
                }
                Link::Alone(other) => {
                    let node = both(at, other, entry, prefixes, &self.writer.slab);
                    self.count_below(node, true);
                    self.put(link, node);
                    return;
                }
                Link::Node(node) => node,
            };
            let bit = 1u64 << prefix.bits.bits(at, STRIDE);
            // SAFETY: only the writer frees nodes; as many words follow as the bitmaps have bits.
            let child = unsafe {
                let (children, _) = node.bitmaps();
                let at = BITMAPS + (children & (bit - 1)).count_ones() as usize;
                (children & bit != 0).then(|| node.word(at))
            };
            match child {
                Some(child) if prefix.len > at + STRIDE => {
                    link = child;
                    at += STRIDE;
                }
                Some(_) | None => {
                    // SAFETY: as above.
                    let mut draft = unsafe { Draft::of(node) };
                    draft.put(at, prefix, entry, prefixes, &self.writer.slab);
                    self.replace(link, node, Link::Node(draft.build(&self.writer.slab)), later);
                    return;
                }
            }
        }
    }

    fn put(&self, link: &AtomicPtr<()>, to: Link<N>) {
        link.store(to.word(), Ordering::Release);
    }

    /// Puts another in a node's place.
    fn replace(&self, link: &AtomicPtr<()>, node: Node, by: Link<N>, later: &mut Vec<Later>) {
        self.put(link, by);
        if let Link::Node(new) = by {
            self.count(new, true);
        }
        self.count(node, false);
        later.push(node.into_later(&self.writer.slab));
    }

    /// Counts a new node's bytes and those of the nodes below.
    fn count_below(&self, link: Link<N>, added: bool) {
        if let Link::Node(node) = link {
            self.count(node, added);
            // SAFETY: the node is new, and only the writer frees nodes.
            let draft: Draft<N> = unsafe { Draft::of(node) };
            draft.children.into_iter().for_each(|child| self.count_below(child, added));
        }
    }

    fn count(&self, node: Node, added: bool) {
        // SAFETY: only the writer frees nodes.
        let bytes = (unsafe { node.words() } * size_of::<AtomicPtr<()>>()).next_multiple_of(LINE_BYTES);
        let now = self.writer.node_bytes.load(Ordering::Relaxed);
        let now = if added { now + bytes } else { now.saturating_sub(bytes) };
        self.writer.node_bytes.store(now, Ordering::Relaxed);
        let large = usize::from(now > BYTES_NEAR);
        if self.large.load(Ordering::Relaxed) != large {
            self.large.store(large, Ordering::Relaxed);
        }
    }

    /// Takes a pointer out, once no snapshot may find it any more. Only the writer calls this. `shorter` gives
    /// what is filed under the first so many bits of its prefix: asked for as many as those are, any other than
    /// this.
    pub(crate) fn remove(
        &self,
        entry: NonNull<N>,
        prefixes: &impl Prefixes<N>,
        shorter: &mut dyn FnMut(u32) -> Option<NonNull<N>>,
        later: &mut Vec<Later>,
    ) {
        let prefix = prefixes.of(entry);
        if prefix.len == 0 {
            if self.all.load(Ordering::Relaxed) == entry.as_ptr() {
                self.all.store(pointer(shorter(0)), Ordering::Release);
            }
            return;
        }
        let root = self.root();
        if prefix.len <= self.root_bits {
            let mut instead = None;
            for slot in &root[self.root_range(prefix)] {
                if slot.leaf.load(Ordering::Relaxed) == entry.as_ptr() {
                    let instead = *instead.get_or_insert_with(|| longest(1..prefix.len + 1, shorter));
                    slot.leaf.store(pointer(instead), Ordering::Release);
                }
            }
            return;
        }
        let link = &root[prefix.bits.bits(0, self.root_bits)].child;
        self.take(link, self.root_bits, prefix, entry, shorter, later);
    }

    fn take(
        &self,
        link: &AtomicPtr<()>,
        at: u32,
        prefix: Prefix,
        entry: NonNull<N>,
        shorter: &mut dyn FnMut(u32) -> Option<NonNull<N>>,
        later: &mut Vec<Later>,
    ) {
        let node = match Link::read(link.load(Ordering::Relaxed)) {
            Link::Alone(alone) if alone == entry => {
                let same = shorter(prefix.len);
                return self.put(link, same.map_or(Link::Nothing, Link::Alone));
            }
            Link::Nothing | Link::Alone(_) => return,
            Link::Node(node) => node,
        };
        let mut draft = if prefix.len <= at + STRIDE {
            // SAFETY: only the writer frees nodes.
            let mut draft = unsafe { Draft::of(node) };
            let mut instead = None;
            for leaf in draft.leaves[slots(at, prefix)].iter_mut().filter(|l| **l == entry.as_ptr()) {
                *leaf = pointer(*instead.get_or_insert_with(|| longest(at + 1..prefix.len + 1, shorter)));
            }
            if instead.is_none() {
                return;
            }
            draft
        } else {
            let bit = 1u64 << prefix.bits.bits(at, STRIDE);
            // SAFETY: as above; as many words follow as the bitmaps have bits.
            let child = unsafe {
                let (children, _) = node.bitmaps();
                if children & bit == 0 {
                    return;
                }
                node.word(BITMAPS + (children & (bit - 1)).count_ones() as usize)
            };
            self.take(child, at + STRIDE, prefix, entry, shorter, later);
            if let Link::Node(_) = Link::<N>::read(child.load(Ordering::Relaxed)) {
                return;
            }
            // SAFETY: as above.
            unsafe { Draft::of(node) }
        };
        let by = match draft.alone() {
            Some(alone) => alone,
            None => {
                draft.children.iter_mut().filter(|c| c.word().is_null()).for_each(|c| *c = Link::Nothing);
                Link::Node(draft.build(&self.writer.slab))
            }
        };
        self.replace(link, node, by, later);
    }
}

fn pointer<N>(entry: Option<NonNull<N>>) -> *mut N {
    entry.map_or(null_mut(), NonNull::as_ptr)
}

/// The longest of these lengths that there is a prefix of.
fn longest<N>(
    lens: std::ops::Range<u32>,
    shorter: &mut dyn FnMut(u32) -> Option<NonNull<N>>,
) -> Option<NonNull<N>> {
    lens.rev().find_map(shorter)
}

/// Empty slots, in memory that is not touched before it is used.
#[cfg(not(loom))]
fn allocate_root<N>(len: usize) -> Result<NonNull<RootSlot<N>>, NoMemory> {
    zeroed(len)
}

/// # Safety
/// Allocated by [`allocate_root`] with this length, and unused.
#[cfg(not(loom))]
unsafe fn free_root<N>(root: NonNull<RootSlot<N>>, len: usize) {
    // SAFETY: the caller's promise.
    unsafe { free_zeroed(root, len) }
}

/// The model checker's atomics have to be made one by one.
#[cfg(loom)]
fn allocate_root<N>(len: usize) -> Result<NonNull<RootSlot<N>>, NoMemory> {
    let slot = |_| RootSlot { leaf: AtomicPtr::new(null_mut()), child: AtomicPtr::new(null_mut()) };
    let slots: Box<[RootSlot<N>]> = (0..len).map(slot).collect();
    Ok(NonNull::from(Box::leak(slots)).cast())
}

/// # Safety
/// Allocated by [`allocate_root`] with this length, and unused.
#[cfg(loom)]
unsafe fn free_root<N>(root: NonNull<RootSlot<N>>, len: usize) {
    // SAFETY: the caller's promise.
    drop(unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(root.as_ptr(), len)) });
}

/// Frees a node and those below it.
///
/// # Safety
/// Nobody else can reach them.
unsafe fn free_below<N>(link: Link<N>, slab: &Mutex<Slab>) {
    if let Link::Node(node) = link {
        // SAFETY: not freed yet, by the caller's promise; each node is below one slot.
        unsafe {
            let (children, _) = node.bitmaps();
            for at in 0..children.count_ones() as usize {
                free_below(Link::<N>::read(node.word(BITMAPS + at).load(Ordering::Relaxed)), slab);
            }
            node.free(slab);
        }
    }
}

impl<N> Drop for Trie<N> {
    fn drop(&mut self) {
        let len = 1 << self.root_bits;
        // Pages that were never written are not read either when there is no node at all.
        let slots = if self.writer.node_bytes.load(Ordering::Relaxed) == 0 { 0 } else { len };
        for slot in 0..slots {
            // SAFETY: within the table; `&mut self`: nobody else can reach what is below.
            let child = unsafe { self.root.add(slot).as_ref() }.child.load(Ordering::Relaxed);
            // SAFETY: as above.
            unsafe { free_below(Link::<N>::read(child), &self.writer.slab) }
        }
        // SAFETY: made by `new` with this length, and freed once.
        unsafe { free_root(self.root, len) }
    }
}
