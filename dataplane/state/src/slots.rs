#![allow(unsafe_code)] // Segments published by pointer.
//! Cells that grow in number without moving: what is attached to a table's entries.
//!
//! Invariant: a segment that is there stays until the whole is dropped.

use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicPtr, Ordering};

use crate::memory::{NoMemory, Zeroed, free_zeroed, zeroed};

/// Cells of the first segment; each after it has twice as many.
pub(crate) const FIRST: usize = 64;
/// Enough for a cell, or a pair, per 32-bit slot.
const SEGMENTS: usize = 28;

/// Cells by number, zero at first.
pub(crate) struct Slots<T: Zeroed> {
    segments: [AtomicPtr<T>; SEGMENTS],
}

/// Segment and offset of a cell.
#[inline]
fn place(cell: usize) -> (usize, usize) {
    let shifted = cell + FIRST;
    let top = shifted.ilog2();
    ((top - FIRST.ilog2()) as usize, shifted ^ 1 << top)
}

impl<T: Zeroed> Slots<T> {
    /// No cells.
    pub(crate) fn new() -> Slots<T> {
        Slots { segments: std::array::from_fn(|_| AtomicPtr::new(null_mut())) }
    }

    /// A cell, if it is there.
    #[inline]
    pub(crate) fn get(&self, cell: usize) -> Option<&T> {
        let (segment, offset) = place(cell);
        let start = self.segments.get(segment)?.load(Ordering::Acquire);
        if start.is_null() {
            return None;
        }
        // SAFETY: segment `s` has `FIRST << s` cells, more than any offset that `place` gives for it, and is not
        // freed before `self`.
        Some(unsafe { &*start.add(offset) })
    }

    /// Every cell that is there.
    pub(crate) fn for_each(&self, mut f: impl FnMut(&T)) {
        for segment in 0..SEGMENTS {
            let from = (FIRST << segment) - FIRST;
            (from..from + (FIRST << segment)).map_while(|cell| self.get(cell)).for_each(&mut f);
        }
    }

    /// Makes a cell be there. Only the writer calls this.
    pub(crate) fn ensure(&self, cell: usize) -> Result<(), NoMemory> {
        let (segment, _) = place(cell);
        let slot = self.segments.get(segment).ok_or(NoMemory)?;
        if slot.load(Ordering::Relaxed).is_null() {
            slot.store(zeroed(FIRST << segment)?.as_ptr(), Ordering::Release);
        }
        Ok(())
    }
}

impl<T: Zeroed> Drop for Slots<T> {
    fn drop(&mut self) {
        for (segment, start) in self.segments.iter_mut().enumerate() {
            if let Some(start) = NonNull::new(*start.get_mut()) {
                // SAFETY: allocated by `ensure` with this length, and `&mut self`.
                unsafe { free_zeroed(start, FIRST << segment) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use super::*;

    #[test]
    fn cells_stay_where_they_are() {
        let slots = Slots::<AtomicU64>::new();
        assert!(slots.get(0).is_none());
        let mut addresses = Vec::new();
        for i in 0..10_000 {
            slots.ensure(i).expect("memory");
            let cell = slots.get(i).expect("ensured");
            cell.store(i as u64, Ordering::Relaxed);
            addresses.push(std::ptr::from_ref(cell));
        }
        for (i, address) in addresses.iter().enumerate() {
            let cell = slots.get(i).expect("ensured");
            assert_eq!(cell.load(Ordering::Relaxed), i as u64);
            assert!(std::ptr::eq(*address, cell));
        }
        let mut sorted = addresses.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), addresses.len());
    }
}
