#![allow(unsafe_code)] // Blocks cut from chunks, reused through a list in the free blocks themselves.
//! Memory for entries: blocks of whole cache lines, cut from chunks that grow with their number.
//!
//! A large table's entries lie in few huge pages, so that looking one up costs no walk through page tables, and an
//! entry of a line takes a line, which the system's allocator would not give it.
//!
//! Invariant: a block belongs to one caller until it is given back, and a chunk stays until the slab is dropped.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::{NonNull, null_mut};

use hashbrown::HashMap;

use crate::memory::{HUGE_PAGE_BYTES, prefer_huge_pages};

/// A cache line.
pub(crate) const LINE_BYTES: usize = 64;
/// Blocks of up to so many lines are cut from chunks; larger ones are rare and allocated singly.
const LINES_MAX: usize = 16;
/// The first chunk; each after it has twice as many bytes up to [`CHUNK_BYTES_MAX`].
const CHUNK_BYTES_MIN: usize = 4 << 10;
const CHUNK_BYTES_MAX: usize = 2 * HUGE_PAGE_BYTES;

/// A free block: where the next one is.
struct Free {
    next: *mut Free,
}

/// Blocks for the entries of one state.
pub(crate) struct Slab {
    /// Free blocks by number of lines, from 1.
    free: [*mut Free; LINES_MAX],
    chunks: Vec<(NonNull<u8>, Layout)>,
    /// Blocks that were too large for chunks.
    singles: HashMap<NonNull<u8>, Layout>,
    /// The part of the last chunk that was never handed out.
    rest: *mut u8,
    rest_bytes: usize,
}

// SAFETY: a slab owns its chunks, and nothing in it belongs to a thread.
unsafe impl Send for Slab {}

/// Lines that a block takes.
fn lines(bytes: usize) -> usize {
    bytes.div_ceil(LINE_BYTES).max(1)
}

/// The layout of a block that is too large for chunks.
fn single(bytes: usize) -> Layout {
    Layout::from_size_align(lines(bytes) * LINE_BYTES, LINE_BYTES)
        .unwrap_or_else(|_| handle_alloc_error(Layout::new::<u8>()))
}

impl Slab {
    /// No blocks.
    pub(crate) fn new() -> Slab {
        Slab {
            free: [null_mut(); LINES_MAX],
            chunks: Vec::new(),
            singles: HashMap::new(),
            rest: null_mut(),
            rest_bytes: 0,
        }
    }

    /// A block of at least so many bytes, aligned to a line.
    pub(crate) fn allocate(&mut self, bytes: usize) -> NonNull<u8> {
        let lines = lines(bytes);
        let Some(list) = self.free.get_mut(lines - 1) else {
            let layout = single(bytes);
            // SAFETY: the layout's size is not zero.
            let block = NonNull::new(unsafe { alloc(layout) }).unwrap_or_else(|| handle_alloc_error(layout));
            self.singles.insert(block, layout);
            return block;
        };
        if let Some(block) = NonNull::new(*list) {
            // SAFETY: a block in a list is free, and `free` has written the list's continuation into it.
            *list = unsafe { block.as_ref() }.next;
            return block.cast();
        }
        let wanted = lines * LINE_BYTES;
        if self.rest_bytes < wanted {
            self.add_chunk();
        }
        let block = self.rest;
        // SAFETY: the rest has that many bytes left: a chunk is larger than any block cut from it.
        self.rest = unsafe { self.rest.add(wanted) };
        self.rest_bytes -= wanted;
        NonNull::new(block).unwrap_or_else(|| handle_alloc_error(single(bytes)))
    }

    fn add_chunk(&mut self) {
        // What is left of the last chunk becomes free blocks of a line.
        while self.rest_bytes >= LINE_BYTES {
            // SAFETY: the rest has at least a line, which nobody has.
            unsafe {
                self.put(self.rest, 0);
                self.rest = self.rest.add(LINE_BYTES);
            }
            self.rest_bytes -= LINE_BYTES;
        }
        let bytes = (CHUNK_BYTES_MIN << self.chunks.len().min(usize::BITS as usize / 2)).min(CHUNK_BYTES_MAX);
        let align = if bytes >= HUGE_PAGE_BYTES { HUGE_PAGE_BYTES } else { LINE_BYTES };
        let layout =
            Layout::from_size_align(bytes, align).unwrap_or_else(|_| handle_alloc_error(Layout::new::<u8>()));
        // SAFETY: the layout's size is not zero.
        let chunk = NonNull::new(unsafe { alloc(layout) }).unwrap_or_else(|| handle_alloc_error(layout));
        prefer_huge_pages(chunk, bytes);
        self.chunks.push((chunk, layout));
        (self.rest, self.rest_bytes) = (chunk.as_ptr(), bytes);
    }

    /// Puts a block into a list.
    ///
    /// # Safety
    /// It is nobody's, and as long as the list's blocks.
    unsafe fn put(&mut self, block: *mut u8, list: usize) {
        if let Some(list) = self.free.get_mut(list) {
            let block = block.cast::<Free>();
            // SAFETY: the block is nobody's, aligned to a line, and at least a line long.
            unsafe { block.write(Free { next: *list }) };
            *list = block;
        }
    }

    /// Takes a block back.
    ///
    /// # Safety
    /// [`Slab::allocate`] of this slab has given it for this many bytes, and nobody uses it any more.
    pub(crate) unsafe fn free(&mut self, block: NonNull<u8>, bytes: usize) {
        let lines = lines(bytes);
        if lines > LINES_MAX {
            if let Some(layout) = self.singles.remove(&block) {
                // SAFETY: `allocate` has allocated it with this layout.
                unsafe { dealloc(block.as_ptr(), layout) }
            }
        } else {
            if cfg!(debug_assertions) {
                // So that whoever still looks at it finds nonsense.
                // SAFETY: the caller gives it up, and it has this many lines.
                unsafe { block.write_bytes(0xa5, lines * LINE_BYTES) };
            }
            // SAFETY: as above.
            unsafe { self.put(block.as_ptr(), lines - 1) }
        }
    }
}

impl Drop for Slab {
    fn drop(&mut self) {
        for (block, layout) in self.chunks.drain(..).chain(self.singles.drain()) {
            // SAFETY: allocated by `add_chunk` or `allocate` with this layout.
            unsafe { dealloc(block.as_ptr(), layout) }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn blocks_do_not_overlap_and_are_reused() {
        let mut slab = Slab::new();
        let mut blocks: BTreeMap<usize, (NonNull<u8>, usize)> = BTreeMap::new();
        let mut seed = 1u64;
        for round in 0..20_000u64 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(round);
            let bytes = (seed >> 33) as usize % (20 * LINE_BYTES);
            if round % 3 == 2
                && let Some((_, (block, bytes))) = blocks.pop_first()
            {
                // SAFETY: allocated below, and taken out of the map.
                unsafe { slab.free(block, bytes) }
            }
            let block = slab.allocate(bytes);
            let from = block.addr().get();
            assert_eq!(from % LINE_BYTES, 0);
            let before = blocks.range(..from).next_back();
            assert!(before.is_none_or(|(start, (_, bytes))| start + bytes <= from));
            let after = blocks.range(from..).next();
            assert!(after.is_none_or(|(start, _)| from + bytes <= *start));
            // SAFETY: the block has that many bytes.
            unsafe { block.write_bytes(0xaa, bytes) };
            blocks.insert(from, (block, bytes));
        }
        let chunks = slab.chunks.len();
        let live: Vec<(NonNull<u8>, usize)> = blocks.into_values().collect();
        // SAFETY: each was allocated with this size and is given up.
        live.iter().for_each(|(block, bytes)| unsafe { slab.free(*block, *bytes) });
        let again: Vec<_> = live.iter().map(|(_, bytes)| (slab.allocate(*bytes), *bytes)).collect();
        assert_eq!(slab.chunks.len(), chunks, "what was free was used again");
        // SAFETY: as above.
        again.into_iter().for_each(|(block, bytes)| unsafe { slab.free(block, bytes) });
    }
}
