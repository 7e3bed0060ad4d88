#![allow(unsafe_code)] // Groups and sessions are replaced by pointer.
//! Multicast groups and clone sessions, found by number without locks.
//!
//! Invariant: for each number, at most one is seen by any generation.

use std::collections::BTreeMap;
use std::ptr::NonNull;

use crate::index::{Filed, Index, hash_words};
use crate::reclaim::{Held, Later};
use crate::version::Span;

/// A thing with a number.
pub(crate) struct Numbered<T> {
    span: Span,
    number: u32,
    value: T,
}

impl<T> Filed for Numbered<T> {
    unsafe fn hash(this: NonNull<Self>) -> u64 {
        // SAFETY: not freed, by the caller's promise.
        hash_number(unsafe { this.as_ref() }.number)
    }
}

#[inline]
fn hash_number(number: u32) -> u64 {
    hash_words(std::iter::once(u64::from(number)))
}

/// Things by number.
pub(crate) struct Numbers<T> {
    /// On the heap, since what is retired points to it.
    index: Held<Index<Numbered<T>>>,
}

/// What the writer keeps beside: those that the next generation sees.
pub(crate) type NumbersWriter<T> = BTreeMap<u32, Listed<T>>;

/// One that is filed and not retired yet.
pub(crate) struct Listed<T>(Held<Numbered<T>>);

impl<T> Numbers<T> {
    /// Nothing.
    pub(crate) fn new() -> Numbers<T> {
        Numbers { index: Held::new(Index::new()) }
    }

    #[inline]
    fn index(&self) -> &Index<Numbered<T>> {
        // SAFETY: freed when this is dropped.
        unsafe { self.index.get() }
    }

    /// What a generation sees; the caller holds a snapshot of it.
    #[inline]
    pub(crate) fn get(&self, generation: u64, number: u32) -> Option<&T> {
        let found = self.index().find(hash_number(number), |this| {
            // SAFETY: what is filed is not freed while the caller's snapshot is held.
            let this = unsafe { this.as_ref() };
            this.number == number && this.span.contains(generation)
        });
        // SAFETY: as above.
        found.map(|this| unsafe { &this.as_ref().value })
    }

    /// Files one that the next generation sees.
    pub(crate) fn insert(&self, first: u64, number: u32, value: T, later: &mut Vec<Later>) -> Listed<T> {
        let new = Held::new(Numbered { span: Span::from(first), number, value });
        // SAFETY: it is freed only after it has been removed and the snapshots of then are gone: see `retire`.
        unsafe { self.index().insert(new.as_non_null(), later) };
        Listed(new)
    }

    /// What takes one out, and then frees it, once no snapshot sees it.
    pub(crate) fn retire(&self, Listed(old): Listed<T>) -> Later {
        /// # Safety
        /// As for [`Later::new`].
        unsafe fn run<T>(old: *mut (), index: *mut (), _: usize, more: &mut Vec<Later>) {
            let old = Held::from_ptr(old.cast::<Numbered<T>>());
            let index = Held::from_ptr(index.cast::<Index<Numbered<T>>>());
            if let (Some(old), Some(index)) = (old, index) {
                // SAFETY: the state runs all that is retired before it drops its parts.
                unsafe { index.get() }.remove(old.as_non_null(), more);
                more.push(old.into_later());
            }
        }
        // SAFETY: `run` removes and frees `old` once.
        unsafe { Later::new(old.as_ptr().cast(), self.index.as_ptr().cast(), 0, run::<T>) }
    }
}

impl<T> Listed<T> {
    fn get(&self) -> &Numbered<T> {
        // SAFETY: it is freed after it was given to `retire`, which takes this.
        unsafe { self.0.get() }
    }

    /// Hides it from a generation that is not published yet, and those after it.
    pub(crate) fn end(&self, generation: u64) {
        self.get().span.end(generation);
    }

    /// Takes [`Listed::end`] back.
    pub(crate) fn reopen(&self) {
        self.get().span.reopen();
    }

    /// Hides from all what no published generation has seen.
    pub(crate) fn cancel(&self) {
        self.get().span.cancel();
    }

    /// The thing.
    pub(crate) fn value(&self) -> &T {
        &self.get().value
    }
}

impl<T> Drop for Numbers<T> {
    fn drop(&mut self) {
        let mut all = Vec::with_capacity(self.index().len());
        self.index().for_each(|this| all.push(this));
        for this in all.into_iter().filter_map(|this| Held::from_ptr(this.as_ptr())) {
            // SAFETY: `&mut self`: no reader is left, and each is filed once.
            unsafe { this.free() }
        }
        // SAFETY: as above.
        unsafe { self.index.free() }
    }
}
