#![allow(unsafe_code)] // An instruction that reads nothing.
//! Asking for memory before it is needed, so that the misses of a batch overlap.
//!
//! Invariant: it has no effect but on the cache; any address will do.

/// Fetches the line of an address into all levels of the cache.
#[inline(always)]
pub(crate) fn prefetch<T>(address: *const T) {
    #[cfg(all(target_arch = "x86_64", not(miri), not(loom)))]
    // SAFETY: the instruction never faults, whatever the address, and x86-64 always has it.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch(address.cast(), _MM_HINT_T0);
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri), not(loom))))]
    let _ = address;
}
