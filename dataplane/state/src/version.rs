#![allow(unsafe_code)] // A chain of versions read without locks.
//! Which generations see a thing.
//!
//! Invariant: a [`Span`] changes only for generations that are not published yet, and a [`Versioned`] keeps every
//! version that a pinned snapshot may ask for.

use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use crate::reclaim::{Held, Later};

/// The generations from its first, included, to its last, excluded.
pub(crate) struct Span {
    first: AtomicU64,
    last: AtomicU64,
}

impl Span {
    /// From a generation on.
    pub(crate) fn from(first: u64) -> Span {
        Span { first: AtomicU64::new(first), last: AtomicU64::new(u64::MAX) }
    }

    /// Whether a generation is among them.
    ///
    /// Relaxed is enough: `first` is written before the thing can be reached, and `last` before the generation
    /// that it names is published; a reader that misses a later write of `last` is of an earlier generation.
    #[inline]
    pub(crate) fn contains(&self, generation: u64) -> bool {
        self.first.load(Ordering::Relaxed) <= generation && generation < self.last.load(Ordering::Relaxed)
    }

    /// Ends it with a generation that is not published yet.
    pub(crate) fn end(&self, last: u64) {
        self.last.store(last, Ordering::Relaxed);
    }

    /// Takes [`Span::end`] back.
    pub(crate) fn reopen(&self) {
        self.last.store(u64::MAX, Ordering::Relaxed);
    }

    /// Makes it contain no generation: its first is not published yet.
    pub(crate) fn cancel(&self) {
        self.last.store(self.first.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}

/// A value that changes from one generation to the next. There is always one.
pub(crate) struct Versioned<T> {
    newest: AtomicPtr<Version<T>>,
}

struct Version<T> {
    first: u64,
    value: T,
    older: AtomicPtr<Version<T>>,
}

impl<T> Versioned<T> {
    /// A value for all generations.
    pub(crate) fn new(value: T) -> Versioned<T> {
        let version = Version { first: 0, value, older: AtomicPtr::new(std::ptr::null_mut()) };
        Versioned { newest: AtomicPtr::new(Held::new(version).as_ptr()) }
    }

    /// The value that a generation sees. The caller holds a snapshot of that generation, or the writer's lock and
    /// asks for the published generation or the next.
    #[inline]
    pub(crate) fn get(&self, generation: u64) -> &T {
        let mut version = self.newest.load(Ordering::Acquire);
        loop {
            // SAFETY: the newest version is never null, and an older one that this generation asks for is freed
            // only after the snapshots that can ask for it are gone.
            let this = unsafe { &*version };
            let older = if this.first <= generation {
                std::ptr::null_mut()
            } else {
                this.older.load(Ordering::Acquire)
            };
            if older.is_null() {
                return &this.value;
            }
            version = older;
        }
    }

    /// Adds a version for a generation that is not published yet. Only the writer calls this.
    pub(crate) fn push(&self, first: u64, value: T) {
        let older = AtomicPtr::new(self.newest.load(Ordering::Relaxed));
        self.newest.store(Held::new(Version { first, value, older }).as_ptr(), Ordering::Release);
    }

    /// Takes the latest [`Versioned::push`] back; to be retired. Only the writer calls this, before its generation
    /// is published.
    pub(crate) fn pop(&self) -> Option<Later> {
        let newest = Held::from_ptr(self.newest.load(Ordering::Relaxed))?;
        // SAFETY: the newest version is freed only by the writer, who is here.
        let older = unsafe { newest.get() }.older.load(Ordering::Relaxed);
        if older.is_null() {
            return None;
        }
        self.newest.store(older, Ordering::Release);
        Some(newest.into_later())
    }

    /// What forgets, once no snapshot asks for them, the versions before the newest; to be retired when that one
    /// is published.
    pub(crate) fn trim(&self) -> Later {
        /// # Safety
        /// As for [`Later::new`]: `version` points to a version that no reader looks behind any more.
        unsafe fn run<T>(version: *mut (), _: *mut (), _: usize, _: &mut Vec<Later>) {
            // SAFETY: a version is freed by the trim of the one after it or with the whole chain, both later in
            // the reclaimer's order than this.
            let version = unsafe { &*version.cast::<Version<T>>() };
            // SAFETY: every snapshot left sees this version or a newer one, so nobody looks behind it.
            unsafe { free_chain(version.older.swap(std::ptr::null_mut(), Ordering::Relaxed)) }
        }
        // SAFETY: see `run`.
        unsafe { Later::new(self.newest.load(Ordering::Relaxed).cast(), std::ptr::null_mut(), 0, run::<T>) }
    }
}

/// Frees a version and all older ones.
///
/// # Safety
/// Nobody else can reach them.
unsafe fn free_chain<T>(newest: *mut Version<T>) {
    let mut next = Held::from_ptr(newest);
    while let Some(version) = next {
        // SAFETY: not freed yet, and not reachable from elsewhere.
        next = Held::from_ptr(unsafe { version.get() }.older.load(Ordering::Relaxed));
        // SAFETY: as above; each version of a chain is visited once.
        unsafe { version.free() }
    }
}

impl<T> Drop for Versioned<T> {
    fn drop(&mut self) {
        // SAFETY: `&mut self`: no reader is left, and the chain belongs to this.
        unsafe { free_chain(*self.newest.get_mut()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_generation_sees_its_version() {
        let value = Versioned::new("a".to_string());
        value.push(3, "b".to_string());
        value.push(7, "c".to_string());
        let seen: Vec<&str> = [0, 2, 3, 6, 7, 100].iter().map(|g| value.get(*g).as_str()).collect();
        assert_eq!(seen, ["a", "a", "b", "b", "c", "c"]);
        let mut more = Vec::new();
        // SAFETY: there are no readers.
        unsafe { value.pop().expect("pushed").run(&mut more) };
        assert_eq!(value.get(100), "b");
        // SAFETY: there are no readers of generations before 3.
        unsafe { value.trim().run(&mut more) };
        assert_eq!(value.get(3), "b");
        assert!(value.pop().is_none());
    }

    #[test]
    fn spans() {
        let span = Span::from(5);
        assert!(!span.contains(4) && span.contains(5) && span.contains(u64::MAX - 1));
        span.end(7);
        assert!(span.contains(6) && !span.contains(7));
        span.reopen();
        assert!(span.contains(7));
        span.cancel();
        assert!((0..10).all(|g| !span.contains(g)));
    }
}
