//! The memory that an AF_XDP socket and the kernel pass frames through.
//!
//! Invariant: frames lie within the mapping; each is either the kernel's (in a ring) or ours, and only ours are
//! read and written.
#![allow(unsafe_code)] // The memory is shared with the kernel.

use std::io;
use std::ptr::NonNull;

use heddle_packet::prefetch;

use crate::frame::FRONT_BYTES;

/// Bytes of a frame's address that say where it begins in unaligned memory; those above say how far into it its
/// bytes begin (`XSK_UNALIGNED_BUF_OFFSET_SHIFT`).
const OFFSET_SHIFT: u32 = 48;

/// How frames lie in the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// Bytes from one to the next.
    pub(super) stride_bytes: usize,
    /// Whether that is no power of two, which the kernel has to be told.
    pub(super) is_unaligned: bool,
    /// Frames.
    pub(super) frames: usize,
}

/// Mapped memory.
#[derive(Debug)]
pub(super) struct Umem {
    base: NonNull<u8>,
    mapped_bytes: usize,
    layout: Layout,
}

// SAFETY: the mapping belongs to this value alone and is not tied to a thread.
unsafe impl Send for Umem {}

impl Umem {
    /// Maps room for all frames: on huge pages if asked for, which a device that reads and writes the memory
    /// itself needs for frames that cross a page's end.
    pub(super) fn map(layout: Layout, huge_pages: bool) -> io::Result<Self> {
        const PAGE_BYTES: usize = 4_096;
        const HUGE_PAGE_BYTES: usize = 2 << 20;
        let page_bytes = if huge_pages { HUGE_PAGE_BYTES } else { PAGE_BYTES };
        let mapped_bytes = (layout.stride_bytes * layout.frames).next_multiple_of(page_bytes);
        let huge = if huge_pages { libc::MAP_HUGETLB } else { 0 };
        // SAFETY: a new anonymous mapping at an address of the kernel's choice.
        let base = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                mapped_bytes,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_POPULATE | huge,
                -1,
                0,
            )
        };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let base = NonNull::new(base.cast()).ok_or_else(|| io::Error::from_raw_os_error(libc::ENOMEM))?;
        Ok(Self { base, mapped_bytes, layout })
    }

    pub(super) fn layout(&self) -> Layout {
        self.layout
    }

    /// As the kernel is told of it.
    pub(super) fn registration(&self) -> libc::xdp_umem_reg {
        libc::xdp_umem_reg {
            addr: self.base.as_ptr() as u64,
            len: self.mapped_bytes as u64,
            chunk_size: self.layout.stride_bytes as u32,
            headroom: 0,
            flags: if self.layout.is_unaligned { libc::XDP_UMEM_UNALIGNED_CHUNK_FLAG } else { 0 },
            tx_metadata_len: 0,
        }
    }

    /// Address of a frame by number.
    pub(super) fn address(&self, frame: usize) -> u64 {
        (frame * self.layout.stride_bytes) as u64
    }

    /// Address of the frame that a descriptor of the receive ring points into.
    pub(super) fn frame_of(&self, address: u64) -> u64 {
        if self.layout.is_unaligned {
            address & ((1 << OFFSET_SHIFT) - 1)
        } else {
            address - address % self.layout.stride_bytes as u64
        }
    }

    /// Where a descriptor of the receive ring points to.
    fn start_of(&self, address: u64) -> u64 {
        if self.layout.is_unaligned { self.frame_of(address) + (address >> OFFSET_SHIFT) } else { address }
    }

    /// Asks for the beginning of what a descriptor of the receive ring points to: another processor wrote it.
    pub(super) fn prefetch(&self, address: u64) {
        prefetch(self.base.as_ptr().wrapping_add(self.start_of(address) as usize), FRONT_BYTES);
    }

    /// Bytes that a descriptor of the receive ring points to. None if they lie outside of the memory.
    pub(super) fn received(&self, address: u64, len: u32) -> Option<&[u8]> {
        let (start, len) = (usize::try_from(self.start_of(address)).ok()?, len as usize);
        if start.checked_add(len)? > self.mapped_bytes {
            return None;
        }
        // SAFETY: the range was seen to lie within the mapping. The kernel has given the frame away by putting it
        // into the receive ring, and the borrow keeps its owner from giving it back.
        Some(unsafe { std::slice::from_raw_parts(self.base.as_ptr().add(start), len) })
    }

    /// Writes to the beginning of a frame that is ours. At most a stride.
    pub(super) fn write(&mut self, frame: u64, bytes: &[u8]) {
        let start = frame as usize;
        let len = bytes.len().min(self.layout.stride_bytes).min(self.mapped_bytes.saturating_sub(start));
        // SAFETY: the range lies within the mapping, as limited above, and is no part of `bytes`, which is not of
        // this mapping: it lends out its bytes only behind a shared borrow.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.base.as_ptr().add(start), len) };
    }
}

impl Drop for Umem {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, of this length, and nothing borrows from it any more.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.mapped_bytes) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lead_back_to_their_frames() {
        let layout = Layout { stride_bytes: 2_112, is_unaligned: true, frames: 4 };
        let mut umem = Umem::map(layout, false).expect("four frames");
        let frame = umem.address(3);
        umem.write(frame, &[1, 2, 3, 4]);
        assert_eq!(umem.received(frame | 2 << OFFSET_SHIFT, 2), Some(&[3, 4][..]));
        assert_eq!(umem.frame_of(frame | 2 << OFFSET_SHIFT), frame);
        assert_eq!(umem.received(u64::MAX, 60), None);
        assert_eq!(umem.received(frame, u32::MAX), None);

        let aligned = Layout { stride_bytes: 2_048, is_unaligned: false, frames: 4 };
        let umem = Umem::map(aligned, false).expect("four frames");
        assert_eq!(umem.frame_of(umem.address(2) + 256), umem.address(2));
    }

    #[test]
    fn what_is_longer_than_a_frame_is_cut() {
        let layout = Layout { stride_bytes: 2_048, is_unaligned: false, frames: 2 };
        let mut umem = Umem::map(layout, false).expect("two frames");
        umem.write(0, &[7; 3_000]);
        assert_eq!(umem.received(2_047, 2), Some(&[7, 0][..]));
        umem.write(u64::MAX, &[7]);
    }
}
