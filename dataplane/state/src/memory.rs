#![allow(unsafe_code)] // Zeroed allocations of atomics, and advice to the system about them.
//! Arrays of atomics, zeroed by the system, so that a large one costs memory only where it is used.
//!
//! Invariant: an [`Array`] never moves and never shares a cache line with another allocation.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicPtr, AtomicU64};

/// Two lines: adjacent lines are fetched in pairs on current processors.
const ALIGN_BYTES: usize = 128;
/// What the system's allocator gives without being asked. Asking for more would make it write the zeros itself.
const SYSTEM_ALIGN_BYTES: usize = 16;

/// Types for which all bytes zero is a value, and which need no drop.
///
/// # Safety
/// Both have to be true, and [`ALIGN_BYTES`] has to be enough for it.
pub(crate) unsafe trait Zeroed {}

// SAFETY: zero is a number.
unsafe impl Zeroed for AtomicU64 {}
// SAFETY: all bytes zero is the null pointer; the pointee is not owned.
unsafe impl<T> Zeroed for AtomicPtr<T> {}

/// The system has no memory left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoMemory;

/// Room for the cells, for aligning them, and before them for the address of it all.
fn layout<T>(len: usize) -> Option<Layout> {
    let bytes = len.checked_mul(size_of::<T>())?.checked_add(ALIGN_BYTES + SYSTEM_ALIGN_BYTES)?;
    Layout::from_size_align(bytes, SYSTEM_ALIGN_BYTES).ok()
}

/// So many zero cells, to be given back to [`free_zeroed`].
pub(crate) fn zeroed<T: Zeroed>(len: usize) -> Result<NonNull<T>, NoMemory> {
    const { assert!(align_of::<T>() <= ALIGN_BYTES) };
    let layout = layout::<T>(len).ok_or(NoMemory)?;
    // SAFETY: the layout's size is not zero.
    let base = unsafe { alloc_zeroed(layout) };
    if base.is_null() {
        return Err(NoMemory);
    }
    let skip = (base.addr() + SYSTEM_ALIGN_BYTES).next_multiple_of(ALIGN_BYTES) - base.addr();
    // SAFETY: `skip` is at most the two alignments that the layout has on top of the cells.
    let cells = unsafe { base.add(skip) };
    // SAFETY: `skip` is at least the system's alignment, so there is room for an aligned pointer before the cells.
    unsafe { cells.cast::<*mut u8>().sub(1).write(base) };
    NonNull::new(cells.cast()).ok_or(NoMemory)
}

/// Gives cells back.
///
/// # Safety
/// They come from [`zeroed`] with this length, and nobody uses them any more.
pub(crate) unsafe fn free_zeroed<T: Zeroed>(cells: NonNull<T>, len: usize) {
    if let Some(layout) = layout::<T>(len) {
        // SAFETY: `zeroed` has written the address of the allocation there.
        let base = unsafe { cells.as_ptr().cast::<*mut u8>().sub(1).read() };
        // SAFETY: allocated by `zeroed` with this very layout.
        unsafe { dealloc(base, layout) }
    }
}

/// What the system can map as one where memory is dense.
pub(crate) const HUGE_PAGE_BYTES: usize = 2 << 20;

/// Asks for huge pages under the part of a block that has room for them, if any. Only a hint.
pub(crate) fn prefer_huge_pages(start: NonNull<u8>, bytes: usize) {
    #[cfg(target_os = "linux")]
    {
        let skip = start.addr().get().next_multiple_of(HUGE_PAGE_BYTES) - start.addr().get();
        let whole = bytes.saturating_sub(skip) / HUGE_PAGE_BYTES * HUGE_PAGE_BYTES;
        if whole > 0 {
            // SAFETY: the range is within the caller's block, and the advice changes no contents. That it may not
            // be taken is no error.
            unsafe { libc::madvise(start.as_ptr().add(skip).cast(), whole, libc::MADV_HUGEPAGE) };
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (start, bytes);
}

/// Memory that the machine has, if it says so.
pub(crate) fn physical_bytes() -> Option<u64> {
    #[cfg(target_os = "linux")]
    {
        // SAFETY: asks for two numbers; nothing is touched.
        let (pages, page_bytes) =
            unsafe { (libc::sysconf(libc::_SC_PHYS_PAGES), libc::sysconf(libc::_SC_PAGESIZE)) };
        u64::try_from(pages).ok()?.checked_mul(u64::try_from(page_bytes).ok()?)
    }
    #[cfg(not(target_os = "linux"))]
    None
}

/// A fixed number of cells, all zero at first.
pub(crate) struct Array<T: Zeroed> {
    cells: NonNull<T>,
    len: usize,
}

// SAFETY: an array owns its cells, like a `Box<[T]>`.
unsafe impl<T: Zeroed + Send> Send for Array<T> {}
// SAFETY: as above; it only hands out `&T`.
unsafe impl<T: Zeroed + Sync> Sync for Array<T> {}

impl<T: Zeroed> Array<T> {
    /// So many cells.
    pub(crate) fn new(len: usize) -> Result<Array<T>, NoMemory> {
        Ok(Array { cells: zeroed(len)?, len })
    }
}

impl<T: Zeroed> Deref for Array<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        // SAFETY: `cells` points to `len` zeroed cells, which are values by `Zeroed`, owned by this array.
        unsafe { std::slice::from_raw_parts(self.cells.as_ptr(), self.len) }
    }
}

impl<T: Zeroed> Drop for Array<T> {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with this length, and `&mut self`.
        unsafe { free_zeroed(self.cells, self.len) }
    }
}

/// Counts what the arrays of a state take, before any is allocated.
pub(crate) struct Budget {
    taken_bytes: u128,
    limit_bytes: u64,
}

impl Budget {
    /// Nothing taken yet.
    pub(crate) fn new(limit_bytes: u64) -> Budget {
        Budget { taken_bytes: 0, limit_bytes }
    }

    /// Takes so many cells of so many bytes; the error is the total it would come to and the limit.
    pub(crate) fn take(&mut self, cells: u64, bytes_per_cell: u64) -> Result<(), (u128, u64)> {
        let wanted = self.taken_bytes.saturating_add(u128::from(cells) * u128::from(bytes_per_cell));
        if wanted > u128::from(self.limit_bytes) {
            return Err((wanted, self.limit_bytes));
        }
        self.taken_bytes = wanted;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering::Relaxed;

    use super::*;

    #[test]
    fn arrays_are_zero_and_aligned() {
        let array = Array::<AtomicU64>::new(1_000).expect("8 kB");
        assert_eq!(array.len(), 1_000);
        assert!(array.iter().all(|c| c.load(Relaxed) == 0));
        assert_eq!(array.as_ptr().addr() % ALIGN_BYTES, 0);
        assert!(Array::<AtomicU64>::new(0).expect("nothing").is_empty());
    }

    #[test]
    fn impossible_sizes_are_refused() {
        assert_eq!(Array::<AtomicU64>::new(usize::MAX).err(), Some(NoMemory));
        let mut budget = Budget::new(100);
        assert_eq!(budget.take(10, 8), Ok(()));
        assert_eq!(budget.take(3, 8), Err((104, 100)));
        assert!(budget.take(u64::MAX, u64::MAX).is_err());
        assert_eq!(budget.take(2, 8), Ok(()));
    }
}
