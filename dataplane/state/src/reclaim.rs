#![allow(unsafe_code)] // Objects that readers reach by pointer and a writer frees once no reader can.
//! When what a writer has replaced may be touched: after every reader that could still see it is gone.
//!
//! The writer retires things under a ticket and goes on; it never waits. A ticket is due once every snapshot that
//! was pinned when it was issued has been dropped.
//!
//! Invariant: what is retired after another thing is handed back after it.

use std::collections::VecDeque;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam::epoch;

/// A heap object that readers reach by pointer. It is owned by the writer's side, which frees it through a
/// [`Reclaimer`] or when the state is dropped.
pub(crate) struct Held<T>(NonNull<T>);

impl<T> Clone for Held<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Held<T> {}

impl<T> PartialEq for Held<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

// SAFETY: a `Held` gives out `&T` only, wherever it is sent to, and ends in one drop of a `T`.
unsafe impl<T: Send + Sync> Send for Held<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for Held<T> {}

impl<T> Held<T> {
    /// Puts an object on the heap.
    pub(crate) fn new(value: T) -> Held<T> {
        Held(NonNull::from(Box::leak(Box::new(value))))
    }

    /// The object that a pointer made by [`Held::as_ptr`] points to.
    pub(crate) fn from_ptr(ptr: *mut T) -> Option<Held<T>> {
        NonNull::new(ptr).map(Held)
    }

    /// For an atomic pointer.
    pub(crate) fn as_ptr(self) -> *mut T {
        self.0.as_ptr()
    }

    /// For a set of pointers.
    pub(crate) fn as_non_null(self) -> NonNull<T> {
        self.0
    }

    /// The object.
    ///
    /// # Safety
    /// It is not freed during `'a`.
    #[inline]
    pub(crate) unsafe fn get<'a>(self) -> &'a T {
        // SAFETY: it came from a `Box` and, by the caller's promise, is still there.
        unsafe { self.0.as_ref() }
    }

    /// Frees the object.
    ///
    /// # Safety
    /// Nobody can reach it any more, and it is freed once.
    pub(crate) unsafe fn free(self) {
        // SAFETY: it came from `Box::leak`; the rest is the caller's promise.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }

    /// Frees the object when its ticket is due.
    pub(crate) fn into_later(self) -> Later {
        /// # Safety
        /// As for [`Later::new`].
        unsafe fn run<T>(object: *mut (), _: *mut (), _: usize, _: &mut Vec<Later>) {
            if let Some(held) = Held::from_ptr(object.cast::<T>()) {
                // SAFETY: run once, after every reader that could reach the object is gone.
                unsafe { held.free() }
            }
        }
        // SAFETY: `run` frees, once, the object that `self` holds.
        unsafe { Later::new(self.as_ptr().cast(), std::ptr::null_mut(), 0, run::<T>) }
    }
}

/// What a [`Later`] does: with its two objects, its number, and a list for what has to be done later still.
type Run = unsafe fn(*mut (), *mut (), usize, &mut Vec<Later>);

/// Something to be done once no reader can notice.
pub(crate) struct Later {
    first: *mut (),
    second: *mut (),
    number: usize,
    run: Run,
}

// SAFETY: the objects are shared ones (`Held`, indices, versions) that may be used from any thread that holds the
// writer's lock; `Later::new` demands it.
unsafe impl Send for Later {}

impl Later {
    /// Calls `run` with these arguments when the ticket is due.
    ///
    /// # Safety
    /// The call is sound then, once, on any thread that holds the writer's lock.
    pub(crate) unsafe fn new(first: *mut (), second: *mut (), number: usize, run: Run) -> Later {
        Later { first, second, number, run }
    }

    /// Does it.
    ///
    /// # Safety
    /// The ticket under which it was retired is due.
    pub(crate) unsafe fn run(self, more: &mut Vec<Later>) {
        // SAFETY: the ticket is due by the caller's promise, which makes the call sound by that of `new`.
        unsafe { (self.run)(self.first, self.second, self.number, more) }
    }
}

/// Things waiting for their readers to be gone, in the order they were retired.
pub(crate) struct Reclaimer<R> {
    /// Retired since the last ticket.
    fresh: Vec<R>,
    waiting: VecDeque<(u64, R)>,
    issued: u64,
    /// Every ticket up to this one is due.
    due: Arc<AtomicU64>,
}

impl<R> Reclaimer<R> {
    /// Nothing is waiting.
    pub(crate) fn new() -> Reclaimer<R> {
        Reclaimer { fresh: Vec::new(), waiting: VecDeque::new(), issued: 0, due: Arc::new(AtomicU64::new(0)) }
    }

    /// Retires something under the next ticket.
    pub(crate) fn retire(&mut self, retired: R) {
        self.fresh.push(retired);
    }

    /// Issues the ticket of all that was retired since the last one. What readers must no longer see has to be
    /// invisible to those who pin from now on.
    pub(crate) fn issue(&mut self) {
        let guard = epoch::pin();
        if !self.fresh.is_empty() {
            self.issued += 1;
            let ticket = self.issued;
            self.waiting.extend(self.fresh.drain(..).map(|r| (ticket, r)));
            let due = Arc::clone(&self.due);
            guard.defer(move || {
                // Whoever was pinned when an earlier ticket was issued and still is, was pinned for this one too:
                // this ticket being due, all earlier ones are.
                due.fetch_max(ticket, Ordering::Release);
            });
        }
        guard.flush();
    }

    /// The oldest retired thing, if its ticket is due.
    pub(crate) fn next_due(&mut self) -> Option<R> {
        let (ticket, _) = self.waiting.front()?;
        if *ticket <= self.due.load(Ordering::Acquire) {
            self.waiting.pop_front().map(|(_, r)| r)
        } else {
            None
        }
    }

    /// All retired things in order, due or not: for when there are no readers.
    pub(crate) fn drain_in_any_case(&mut self) -> Vec<R> {
        let waiting = self.waiting.drain(..).map(|(_, r)| r);
        waiting.chain(self.fresh.drain(..)).collect()
    }

    /// Things that wait, for tests.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.waiting.len() + self.fresh.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_due_while_a_reader_is_pinned() {
        let mut reclaimer = Reclaimer::new();
        let reader = epoch::pin();
        reclaimer.retire(1);
        reclaimer.issue();
        for _ in 0..100 {
            reclaimer.issue();
        }
        assert_eq!(reclaimer.next_due(), None);
        drop(reader);
        // Other tests pin the same collector; theirs are short.
        let mut got = None;
        for _ in 0..10_000_000 {
            reclaimer.issue();
            got = reclaimer.next_due();
            if got.is_some() {
                break;
            }
            std::thread::yield_now();
        }
        assert_eq!(got, Some(1));
    }
}
