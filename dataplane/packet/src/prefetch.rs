#![allow(unsafe_code)] // An instruction that reads nothing.
//! Asking for the beginnings of packets before they are read, so that the misses of several overlap.
//!
//! Tables ask for theirs by a function of their own crate, which knows nothing of packets.
//!
//! Invariant: it has no effect but on the cache; any address will do.

/// What a processor fetches at once.
const LINE_BYTES: usize = 64;

/// Fetches so many bytes, at least one, into all levels of the cache. They may begin anywhere in a line.
#[inline(always)]
pub fn prefetch(start: *const u8, bytes: usize) {
    for at in (0..bytes - 1).step_by(LINE_BYTES) {
        fetch_line(start.wrapping_add(at));
    }
    fetch_line(start.wrapping_add(bytes - 1));
}

#[inline(always)]
fn fetch_line(address: *const u8) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: the instruction never faults, whatever the address, and x86-64 always has it.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch(address.cast(), _MM_HINT_T0);
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = address;
}
