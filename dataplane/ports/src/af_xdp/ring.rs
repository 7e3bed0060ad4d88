//! The four rings of an AF_XDP socket: single producer, single consumer, one of the two the kernel.
//!
//! Invariant: an entry is written only while it is free by the consumer's index, which is read with acquire, and
//! read only once the producer's index has passed it, read with acquire; own indices are stored with release.
#![allow(unsafe_code)] // Rings are memory shared with the kernel.

use std::io;
use std::marker::PhantomData;
use std::mem::size_of;
use std::os::fd::AsRawFd;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

/// What a ring of frame addresses and a ring of descriptors have in common: any bits make one.
pub(super) trait Entry: Copy {}

impl Entry for u64 {}
impl Entry for libc::xdp_desc {}

/// A mapped ring.
#[derive(Debug)]
struct Ring<T> {
    base: NonNull<u8>,
    mapped_bytes: usize,
    producer: usize,
    consumer: usize,
    flags: usize,
    entries: usize,
    /// A power of two.
    capacity: u32,
    of: PhantomData<T>,
}

// SAFETY: the mapping belongs to the ring alone and is not tied to a thread.
unsafe impl<T: Entry> Send for Ring<T> {}

impl<T: Entry> Ring<T> {
    fn map(
        socket: &impl AsRawFd,
        capacity: u32,
        offsets: &libc::xdp_ring_offset,
        page_offset: libc::off_t,
    ) -> io::Result<Self> {
        let place = |offset: u64| usize::try_from(offset).map_err(|_| invalid());
        let entries = place(offsets.desc)?;
        let mapped_bytes = capacity as usize * size_of::<T>() + entries;
        let (producer, consumer, flags) =
            (place(offsets.producer)?, place(offsets.consumer)?, place(offsets.flags)?);
        // What the accesses below rely on.
        let is_word = |at: usize| at.is_multiple_of(4) && at + 4 <= mapped_bytes;
        let aligned = entries.is_multiple_of(size_of::<u64>());
        if !capacity.is_power_of_two() || !aligned || ![producer, consumer, flags].into_iter().all(is_word) {
            return Err(invalid());
        }
        // SAFETY: a new mapping at an address of the kernel's choice; the descriptor is open.
        let base = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                mapped_bytes,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_POPULATE,
                socket.as_raw_fd(),
                page_offset,
            )
        };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let base = NonNull::new(base.cast()).ok_or_else(invalid)?;
        Ok(Self { base, mapped_bytes, producer, consumer, flags, entries, capacity, of: PhantomData })
    }

    fn word(&self, at: usize) -> &AtomicU32 {
        // SAFETY: the word lies within the mapping and is aligned, as seen when it was mapped, and the kernel too
        // accesses it as one.
        unsafe { AtomicU32::from_ptr(self.base.as_ptr().add(at).cast()) }
    }

    fn entry(&self, index: u32) -> *mut T {
        let at = self.entries + (index & (self.capacity - 1)) as usize * size_of::<T>();
        // SAFETY: masked, the index is below the capacity, and the mapping holds so many entries.
        unsafe { self.base.as_ptr().add(at).cast() }
    }

    fn needs_wakeup(&self) -> bool {
        self.word(self.flags).load(Ordering::Relaxed) & libc::XDP_RING_NEED_WAKEUP != 0
    }
}

impl<T> Drop for Ring<T> {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, of this length, and nothing borrows from it any more.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.mapped_bytes) };
    }
}

fn invalid() -> io::Error {
    io::Error::from_raw_os_error(libc::EINVAL)
}

/// A ring that the kernel takes from.
#[derive(Debug)]
pub(super) struct Producer<T> {
    ring: Ring<T>,
    /// Where the next entry goes; published by [`Producer::publish`].
    next: u32,
    /// The kernel's index when last read.
    taken: u32,
}

impl<T: Entry> Producer<T> {
    pub(super) fn map(
        socket: &impl AsRawFd,
        capacity: u32,
        offsets: &libc::xdp_ring_offset,
        page_offset: libc::off_t,
    ) -> io::Result<Self> {
        let ring = Ring::map(socket, capacity, offsets, page_offset)?;
        let next = ring.word(ring.producer).load(Ordering::Relaxed);
        let taken = ring.word(ring.consumer).load(Ordering::Acquire);
        Ok(Self { ring, next, taken })
    }

    /// Entries that may be pushed.
    pub(super) fn room(&mut self, wanted: u32) -> u32 {
        let room = |next: u32, taken: u32, capacity: u32| capacity.saturating_sub(next.wrapping_sub(taken));
        if room(self.next, self.taken, self.ring.capacity) < wanted {
            // Acquire: the kernel has read an entry before it is written again.
            self.taken = self.ring.word(self.ring.consumer).load(Ordering::Acquire);
        }
        room(self.next, self.taken, self.ring.capacity)
    }

    /// Puts an entry in if there is room; the kernel sees it once it is published.
    pub(super) fn push(&mut self, entry: T) -> bool {
        if self.room(1) == 0 {
            return false;
        }
        // SAFETY: the entry is free: the kernel's index says that it has read it.
        unsafe { self.ring.entry(self.next).write(entry) };
        self.next = self.next.wrapping_add(1);
        true
    }

    /// Shows the kernel what was pushed.
    pub(super) fn publish(&mut self) {
        // Release: entries, and the frames that they name, are written before.
        self.ring.word(self.ring.producer).store(self.next, Ordering::Release);
    }

    /// Entries that the kernel has not taken.
    pub(super) fn outstanding(&mut self) -> u32 {
        self.taken = self.ring.word(self.ring.consumer).load(Ordering::Acquire);
        self.next.wrapping_sub(self.taken)
    }

    /// Whether the kernel wants a system call before it goes on.
    pub(super) fn needs_wakeup(&self) -> bool {
        self.ring.needs_wakeup()
    }
}

/// A ring that the kernel puts into.
#[derive(Debug)]
pub(super) struct Consumer<T> {
    ring: Ring<T>,
    /// The first entry not released.
    next: u32,
    /// The kernel's index when last read.
    published: u32,
}

impl<T: Entry> Consumer<T> {
    pub(super) fn map(
        socket: &impl AsRawFd,
        capacity: u32,
        offsets: &libc::xdp_ring_offset,
        page_offset: libc::off_t,
    ) -> io::Result<Self> {
        let ring = Ring::map(socket, capacity, offsets, page_offset)?;
        let next = ring.word(ring.consumer).load(Ordering::Relaxed);
        let published = ring.word(ring.producer).load(Ordering::Acquire);
        Ok(Self { ring, next, published })
    }

    /// The entry so many behind the head, if it is there.
    pub(super) fn peek(&mut self, behind: u32) -> Option<T> {
        if self.published.wrapping_sub(self.next) <= behind {
            // Acquire: what the kernel wrote before it published is seen after this.
            self.published = self.ring.word(self.ring.producer).load(Ordering::Acquire);
        }
        self.known(behind)
    }

    /// The entry so many behind the head, if it was there when the kernel's index was last read.
    pub(super) fn known(&self, behind: u32) -> Option<T> {
        // SAFETY: the kernel's index has passed the entry, and it will not write to it before it is released.
        (self.published.wrapping_sub(self.next) > behind)
            .then(|| unsafe { self.ring.entry(self.next.wrapping_add(behind)).read() })
    }

    /// Takes entries from the head; the kernel sees that by [`Consumer::publish`].
    pub(super) fn advance(&mut self, entries: u32) {
        self.next = self.next.wrapping_add(entries);
    }

    /// Gives the kernel what was advanced over.
    pub(super) fn publish(&mut self) {
        // Release: entries have been read before.
        self.ring.word(self.ring.consumer).store(self.next, Ordering::Release);
    }
}
