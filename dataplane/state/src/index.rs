#![allow(unsafe_code)] // Buckets that readers traverse while the one writer changes them.
//! A set of pointers filed by hash: many readers without locks, one writer, growth one bucket at a time.
//!
//! Linear hashing (Litwin 1980): with `n` buckets a hash belongs to the bucket of its low bits, as many as number
//! `n` buckets, or one fewer if there is no such bucket yet. A bucket is one cache line: eight bits of the hash for
//! each of its pointers, the pointers, and the overflow bucket. A probe that finds nothing touches that line alone.
//!
//! Growth: bucket `n` is filled with copies of the pointers that move to it, then `n + 1` is published, and only
//! when no reader can still hold `n` are the originals removed. So a reader finds a pointer through whichever count
//! it read, and a writer moves at most one bucket per insertion.
//!
//! Invariant: a pointer that was in the set before a reader's probe began, and is not removed until it ends, is
//! found by it. A set does not own what it points to.

#[cfg(all(test, loom))]
mod model;
#[cfg(all(test, not(loom)))]
mod tests;

use std::marker::PhantomData;
use std::ptr::{NonNull, null_mut};

use crossbeam::utils::CachePadded;

#[cfg(not(loom))]
use crate::memory::{Zeroed, free_zeroed, prefer_huge_pages, zeroed};
use crate::prefetch::prefetch;
use crate::reclaim::{Held, Later};
use crate::sync::{AtomicPtr, AtomicU64, AtomicUsize, Ordering};

/// Pointers in a bucket.
const LANES: usize = 6;
/// The bytes of a tag word that belong to lanes.
const LANE_BYTES: u64 = 0x0000_ffff_ffff_ffff;
/// Buckets at the start; a power of two, at least 2.
const BUCKETS_MIN: usize = if cfg!(loom) { 2 } else { 4 };
/// Buckets that, with what they point to, stay in the caches near a core.
const BUCKETS_NEAR: usize = if cfg!(test) { 6 } else { 2_048 };
/// Pointers per bucket on average before one more is added.
const LOAD: usize = if cfg!(loom) { 1 } else { 3 };
/// The first segment holds [`BUCKETS_MIN`] buckets, the second as many, and each after that twice as many.
const SEGMENTS: usize = if cfg!(loom) { 4 } else { 30 };

/// What can be filed.
pub(crate) trait Filed {
    /// The hash it is filed under, always the same.
    ///
    /// # Safety
    /// `this` points to one that is not freed.
    unsafe fn hash(this: NonNull<Self>) -> u64;
}

/// One cache line.
#[repr(C, align(64))]
struct Bucket<N> {
    /// One byte per lane: zero if empty.
    tags: AtomicU64,
    lanes: [AtomicPtr<N>; LANES],
    overflow: AtomicPtr<Bucket<N>>,
}

/// The tag byte of a hash: not zero, and of bits that do not choose the bucket.
#[inline]
fn tag(hash: u64) -> u64 {
    (hash >> 56).max(1)
}

/// The high bit of every byte of a tag word that is a hash's tag, and of some above one that is: those cost a
/// comparison.
#[inline]
fn equal_tags(tags: u64, hash: u64) -> u64 {
    let differences = tags ^ tag(hash).wrapping_mul(0x0101_0101_0101_0101);
    let equal = differences.wrapping_sub(0x0101_0101_0101_0101) & !differences & 0x8080_8080_8080_8080;
    equal & LANE_BYTES
}

impl<N> Bucket<N> {
    fn new() -> Bucket<N> {
        Bucket {
            tags: AtomicU64::new(0),
            lanes: std::array::from_fn(|_| AtomicPtr::new(null_mut())),
            overflow: AtomicPtr::new(null_mut()),
        }
    }

    /// Writer: puts a pointer into a lane.
    fn fill(&self, lane: usize, hash: u64, node: NonNull<N>) {
        self.lanes[lane].store(node.as_ptr(), Ordering::Release);
        let tags = self.tags.load(Ordering::Relaxed) | tag(hash) << (8 * lane);
        self.tags.store(tags, Ordering::Release);
    }

    /// Writer: empties a lane.
    fn clear(&self, lane: usize) {
        let tags = self.tags.load(Ordering::Relaxed) & !(0xff << (8 * lane));
        self.tags.store(tags, Ordering::Release);
        self.lanes[lane].store(null_mut(), Ordering::Release);
    }

    /// Writer: the pointers, with their lanes.
    fn nodes(&self) -> impl Iterator<Item = (usize, NonNull<N>)> + '_ {
        self.lanes
            .iter()
            .enumerate()
            .filter_map(|(i, l)| NonNull::new(l.load(Ordering::Relaxed)).map(|n| (i, n)))
    }
}

// SAFETY: all fields are zero for an empty bucket, which owns nothing but its overflow bucket, freed by the index.
#[cfg(not(loom))]
unsafe impl<N> Zeroed for Bucket<N> {}

/// Empty buckets, in memory that is not touched before it is used.
#[cfg(not(loom))]
fn allocate_segment<N>(len: usize) -> NonNull<Bucket<N>> {
    let fail = |_| std::alloc::handle_alloc_error(std::alloc::Layout::new::<Bucket<N>>());
    let start = zeroed::<Bucket<N>>(len).unwrap_or_else(fail);
    // Keys are spread over all buckets, so a segment is dense once it is used.
    prefer_huge_pages(start.cast(), len * size_of::<Bucket<N>>());
    start
}

/// # Safety
/// Allocated by [`allocate_segment`] with this length, and unused.
#[cfg(not(loom))]
unsafe fn free_segment<N>(start: NonNull<Bucket<N>>, len: usize) {
    // SAFETY: the caller's promise.
    unsafe { free_zeroed(start, len) }
}

/// The model checker's atomics have to be made one by one.
#[cfg(loom)]
fn allocate_segment<N>(len: usize) -> NonNull<Bucket<N>> {
    let buckets: Box<[Bucket<N>]> = (0..len).map(|_| Bucket::new()).collect();
    NonNull::from(Box::leak(buckets)).cast()
}

/// # Safety
/// Allocated by [`allocate_segment`] with this length, and unused.
#[cfg(loom)]
unsafe fn free_segment<N>(start: NonNull<Bucket<N>>, len: usize) {
    // SAFETY: the caller's promise.
    drop(unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(start.as_ptr(), len)) });
}

/// A set of pointers to `N`.
pub(crate) struct Index<N> {
    /// Published after the bucket it counts is filled.
    buckets: AtomicUsize,
    segments: [AtomicPtr<Bucket<N>>; SEGMENTS],
    writer: CachePadded<WriterPart>,
    nodes: PhantomData<NonNull<N>>,
}

/// Touched by the writer only.
struct WriterPart {
    /// Pointers in the set.
    len: AtomicUsize,
    /// Buckets that still hold pointers which have moved on.
    unclean: AtomicUsize,
}

// SAFETY: an index hands out pointers, never what they point to; its own cells are atomics.
unsafe impl<N: Sync> Send for Index<N> {}
// SAFETY: as above.
unsafe impl<N: Sync> Sync for Index<N> {}

/// Where a bucket lives: segment and offset.
#[inline]
fn place(bucket: usize) -> (usize, usize) {
    if bucket < BUCKETS_MIN {
        return (0, bucket);
    }
    let top = bucket.ilog2();
    ((top - BUCKETS_MIN.ilog2()) as usize + 1, bucket ^ 1 << top)
}

/// How many buckets a segment has.
fn segment_len(segment: usize) -> usize {
    BUCKETS_MIN << segment.saturating_sub(1)
}

/// The bucket that a hash belongs to while there are so many.
#[inline]
fn home(hash: u64, buckets: usize) -> usize {
    let mask = usize::MAX >> (buckets - 1).leading_zeros();
    let bucket = hash as usize & mask;
    if bucket < buckets { bucket } else { bucket & mask >> 1 }
}

/// The bucket whose split made this one.
fn parent(bucket: usize) -> Option<usize> {
    (bucket >= BUCKETS_MIN).then(|| bucket ^ 1 << bucket.ilog2())
}

impl<N: Filed> Index<N> {
    /// An empty set.
    pub(crate) fn new() -> Index<N> {
        let index = Index {
            buckets: AtomicUsize::new(BUCKETS_MIN),
            segments: std::array::from_fn(|_| AtomicPtr::new(null_mut())),
            writer: CachePadded::new(WriterPart { len: AtomicUsize::new(0), unclean: AtomicUsize::new(0) }),
            nodes: PhantomData,
        };
        index.add_segment(0);
        index
    }

    /// The first pointer filed under a hash that is accepted. The caller holds a snapshot or the writer's lock.
    ///
    /// May offer pointers filed under other hashes.
    #[inline]
    pub(crate) fn find(&self, hash: u64, accept: impl FnMut(NonNull<N>) -> bool) -> Option<NonNull<N>> {
        self.find_among(self.buckets.load(Ordering::Acquire), hash, accept)
    }

    /// [`Index::find`] by a reader that has read this count of buckets.
    #[inline]
    fn find_among(
        &self,
        buckets: usize,
        hash: u64,
        mut accept: impl FnMut(NonNull<N>) -> bool,
    ) -> Option<NonNull<N>> {
        let mut bucket = self.bucket(home(hash, buckets));
        loop {
            let mut equal = equal_tags(bucket.tags.load(Ordering::Acquire), hash);
            while equal != 0 {
                let lane = equal.trailing_zeros() as usize / 8;
                equal &= equal - 1;
                // A lane being emptied or refilled meanwhile holds null or something to be compared anyway.
                if let Some(node) = NonNull::new(bucket.lanes[lane].load(Ordering::Acquire))
                    && accept(node)
                {
                    return Some(node);
                }
            }
            let overflow = bucket.overflow.load(Ordering::Acquire);
            if overflow.is_null() {
                return None;
            }
            // SAFETY: an overflow bucket is freed only after the snapshots that could reach it are gone.
            bucket = unsafe { &*overflow };
        }
    }

    /// Whether it is too large for the caches near a core.
    #[inline]
    pub(crate) fn is_large(&self) -> bool {
        self.buckets.load(Ordering::Relaxed) > BUCKETS_NEAR
    }

    /// Fetches into the cache the bucket of a hash.
    #[inline]
    pub(crate) fn prefetch(&self, hash: u64) {
        prefetch(self.bucket(home(hash, self.buckets.load(Ordering::Acquire))));
    }

    /// Fetches into the cache what the bucket of a hash says is filed under it most likely. The caller holds a
    /// snapshot or the writer's lock.
    #[inline]
    pub(crate) fn prefetch_found(&self, hash: u64) {
        let bucket = self.bucket(home(hash, self.buckets.load(Ordering::Acquire)));
        let equal = equal_tags(bucket.tags.load(Ordering::Acquire), hash);
        if let Some(lane) = bucket.lanes.get(equal.trailing_zeros() as usize / 8) {
            prefetch(lane.load(Ordering::Relaxed).cast_const());
        }
    }

    #[inline]
    fn bucket(&self, bucket: usize) -> &Bucket<N> {
        let (segment, offset) = place(bucket);
        let start = self.segments[segment].load(Ordering::Acquire);
        // SAFETY: a bucket's number is below the published count, or it is the writer's new one: its segment is
        // there, is never freed before the index, and is long enough by `place`.
        unsafe { &*start.add(offset) }
    }

    fn add_segment(&self, segment: usize) {
        let buckets = allocate_segment(segment_len(segment));
        self.segments[segment].store(buckets.as_ptr(), Ordering::Release);
    }

    /// Buckets of a chain, the first one in the segment.
    fn chain(&self, bucket: usize) -> impl Iterator<Item = &Bucket<N>> + '_ {
        let mut next = Some(self.bucket(bucket));
        std::iter::from_fn(move || {
            let this = next?;
            // SAFETY: only the writer frees overflow buckets, and it is the one who iterates.
            next = unsafe { this.overflow.load(Ordering::Relaxed).as_ref() };
            Some(this)
        })
    }

    /// Files a pointer. Only the writer calls this; what it has to do later is to be retired.
    ///
    /// # Safety
    /// What it points to is not freed until it has been removed and the snapshots of then are gone.
    pub(crate) unsafe fn insert(&self, node: NonNull<N>, later: &mut Vec<Later>) {
        // SAFETY: not freed by the caller's promise.
        let hash = unsafe { N::hash(node) };
        let buckets = self.buckets.load(Ordering::Relaxed);
        self.put(home(hash, buckets), hash, node);
        let len = self.writer.len.load(Ordering::Relaxed) + 1;
        self.writer.len.store(len, Ordering::Relaxed);
        if len > buckets * LOAD && buckets < segment_len(SEGMENTS - 1) {
            self.split(buckets, later);
        }
    }

    fn put(&self, bucket: usize, hash: u64, node: NonNull<N>) {
        let mut last = self.bucket(bucket);
        for bucket in self.chain(bucket) {
            if let Some(lane) = bucket.lanes.iter().position(|l| l.load(Ordering::Relaxed).is_null()) {
                bucket.fill(lane, hash, node);
                return;
            }
            last = bucket;
        }
        let overflow = Bucket::new();
        overflow.fill(0, hash, node);
        last.overflow.store(Held::new(overflow).as_ptr(), Ordering::Release);
    }

    /// Adds a bucket.
    fn split(&self, new: usize, later: &mut Vec<Later>) {
        let Some(source) = parent(new) else { return };
        let (segment, offset) = place(new);
        if offset == 0 {
            self.add_segment(segment);
        }
        for bucket in self.chain(source) {
            for (_, node) in bucket.nodes() {
                // SAFETY: what is in the set is not freed.
                let hash = unsafe { N::hash(node) };
                if home(hash, new + 1) == new {
                    self.put(new, hash, node);
                }
            }
        }
        self.buckets.store(new + 1, Ordering::Release);
        self.writer.unclean.store(self.writer.unclean.load(Ordering::Relaxed) + 1, Ordering::Relaxed);

        /// # Safety
        /// As for [`Later::new`]: `index` points to an index that readers of the older count are done with.
        unsafe fn run<N: Filed>(index: *mut (), _: *mut (), new: usize, more: &mut Vec<Later>) {
            // SAFETY: an index is freed later than what it retires.
            let index = unsafe { &*index.cast::<Index<N>>() };
            index.clean(new, more);
        }
        let this: *const Index<N> = self;
        // SAFETY: an index that has entries stays where it is until all it has retired was handed back.
        later.push(unsafe { Later::new(this.cast_mut().cast(), null_mut(), new, run::<N>) });
    }

    /// Removes the originals of the pointers that have moved to a bucket when it was new. Those that have moved
    /// elsewhere since stay: readers of the count between may still look for them here.
    fn clean(&self, new: usize, later: &mut Vec<Later>) {
        let Some(source) = parent(new) else { return };
        for bucket in self.chain(source) {
            for (lane, node) in bucket.nodes() {
                // SAFETY: what is in the set is not freed.
                if home(unsafe { N::hash(node) }, new + 1) == new {
                    bucket.clear(lane);
                }
            }
        }
        self.unchain(source, later);
        self.writer
            .unclean
            .store(self.writer.unclean.load(Ordering::Relaxed).saturating_sub(1), Ordering::Relaxed);
    }

    /// Removes a pointer. Only the writer calls this, once no snapshot may find the pointer any more.
    pub(crate) fn remove(&self, node: NonNull<N>, later: &mut Vec<Later>) {
        // SAFETY: what is in the set is not freed.
        let hash = unsafe { N::hash(node) };
        let mut bucket = home(hash, self.buckets.load(Ordering::Relaxed));
        loop {
            for part in self.chain(bucket) {
                for (lane, _) in part.nodes().filter(|(_, n)| *n == node) {
                    part.clear(lane);
                }
            }
            self.unchain(bucket, later);
            match parent(bucket) {
                // Splits since may have left copies behind.
                Some(earlier) if self.writer.unclean.load(Ordering::Relaxed) > 0 => bucket = earlier,
                _ => break,
            }
        }
        self.writer.len.store(self.writer.len.load(Ordering::Relaxed).saturating_sub(1), Ordering::Relaxed);
    }

    /// Takes the empty overflow buckets out of a chain. Those who stand in one still find the way on.
    fn unchain(&self, bucket: usize, later: &mut Vec<Later>) {
        let mut previous = self.bucket(bucket);
        while let Some(overflow) = Held::from_ptr(previous.overflow.load(Ordering::Relaxed)) {
            // SAFETY: only the writer frees overflow buckets.
            let this = unsafe { overflow.get() };
            if this.nodes().next().is_some() {
                previous = this;
            } else {
                previous.overflow.store(this.overflow.load(Ordering::Relaxed), Ordering::Release);
                later.push(overflow.into_later());
            }
        }
    }

    /// Bytes of the buckets in use.
    pub(crate) fn bytes(&self) -> usize {
        self.buckets.load(Ordering::Relaxed) * size_of::<Bucket<N>>()
    }

    /// Pointers in the set.
    pub(crate) fn len(&self) -> usize {
        self.writer.len.load(Ordering::Relaxed)
    }

    /// Every pointer once. Only the writer calls this.
    pub(crate) fn for_each(&self, mut f: impl FnMut(NonNull<N>)) {
        let buckets = self.buckets.load(Ordering::Relaxed);
        for bucket in 0..buckets {
            for (_, node) in self.chain(bucket).flat_map(|b| b.nodes()) {
                // SAFETY: what is in the set is not freed.
                if home(unsafe { N::hash(node) }, buckets) == bucket {
                    f(node);
                }
            }
        }
    }
}

impl<N> Drop for Index<N> {
    fn drop(&mut self) {
        for (segment, start) in self.segments.iter().enumerate() {
            let Some(start) = NonNull::new(start.load(Ordering::Relaxed)) else { continue };
            let len = segment_len(segment);
            for offset in 0..len {
                // SAFETY: within the segment, which is still there.
                let bucket = unsafe { start.add(offset).as_ref() };
                let mut overflow = Held::from_ptr(bucket.overflow.load(Ordering::Relaxed));
                while let Some(this) = overflow {
                    // SAFETY: made by `put`, reachable through this chain only, and read before it is freed.
                    overflow = Held::from_ptr(unsafe { this.get() }.overflow.load(Ordering::Relaxed));
                    // SAFETY: as above.
                    unsafe { this.free() }
                }
            }
            // SAFETY: made by `add_segment` with this length, and freed once: `&mut self`.
            unsafe { free_segment(start, len) }
        }
    }
}

/// Two multiplied numbers' halves folded together.
#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

/// The hash of a key. Keys are filed by the control plane only, so it needs no secret.
#[inline]
pub(crate) fn hash_words(words: impl Iterator<Item = u64>) -> u64 {
    words.fold(0x2d35_8dcc_aa6c_78a5, |hash, word| fold(hash ^ word, 0x8bb8_4b93_962e_acc9))
}
