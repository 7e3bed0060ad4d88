//! The receive ring of an `AF_PACKET` socket, mapped into this process.
//!
//! Invariant: a slot is read only between the kernel handing it over (its status word, acquired) and its
//! release; the head moves only by a release.
#![allow(unsafe_code)] // The ring is memory shared with the kernel.

use std::io;
use std::mem::size_of;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

use heddle_packet::prefetch;

use crate::frame::{FRAMES_AHEAD, FRONT_BYTES};
use crate::offload::{Offloaded, VNET_HEADER_BYTES, VnetHeader};
use crate::socket::{PacketSocket, tag};

/// A receive ring of the second version, mapped.
///
/// Version 2 and not 3: a version 3 block reaches the reader when it is full or a timer of at least a
/// millisecond runs out, which is an eternity to a TCP stream that waits for an acknowledgement. Slots hold a
/// frame of the interface's MTU; what is larger (segmentation-offloaded frames) the kernel keeps whole beside
/// the ring (`PACKET_COPY_THRESH`), to be read with [`PacketSocket::receive`] in its turn.
#[derive(Debug)]
pub(crate) struct Ring {
    base: NonNull<u8>,
    mapped_bytes: usize,
    block_bytes: usize,
    slot_bytes: usize,
    slots_per_block: usize,
    next: Place,
    /// [`FRAMES_AHEAD`] slots behind it.
    ahead: Place,
}

/// Where a slot is. Slots are counted on, since dividing for each would cost as much as reading it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Place {
    /// Where its block begins, in bytes.
    block: usize,
    /// Its number in the block.
    slot: usize,
}

// SAFETY: the mapping belongs to the ring alone and is not tied to a thread.
unsafe impl Send for Ring {}

const RING_BLOCK_BYTES: usize = 1 << 18;
const RING_BYTES: usize = 8 << 20;
const RING_SLOTS_MAX: usize = 4_096;

/// Where the kernel puts a frame of a raw packet socket: header and address, room for 16 bytes of Ethernet
/// header, the offload header (tpacket_rcv in net/packet/af_packet.c), rounded up.
const SLOT_OVERHEAD_BYTES: usize = 112;

/// A frame in a ring.
#[derive(Debug)]
pub(crate) struct Received<'a> {
    /// None if the kernel had no room for all of it.
    pub(crate) frame: Option<Offloaded<'a>>,
    /// Whether this host sent it.
    pub(crate) is_outgoing: bool,
}

/// What the head of the ring holds.
pub(crate) enum Slot<'a> {
    /// Nothing yet.
    Empty,
    /// A frame.
    Frame(Received<'a>),
    /// A frame too large for a slot, to be read from the socket.
    Beside,
}

impl Ring {
    /// Gives a socket that is not bound yet a ring for frames of up to `frame_bytes`.
    pub(crate) fn map(socket: &PacketSocket, frame_bytes: usize) -> io::Result<Self> {
        const CACHE_LINE_BYTES: usize = 64;
        // An odd number of cache lines, so that slots don't fight for the same cache sets.
        let slot_bytes =
            ((SLOT_OVERHEAD_BYTES + frame_bytes).div_ceil(CACHE_LINE_BYTES) | 1) * CACHE_LINE_BYTES;
        let block_bytes = RING_BLOCK_BYTES.max(slot_bytes.next_power_of_two());
        let slots_per_block = block_bytes / slot_bytes;
        let blocks =
            (RING_BYTES / block_bytes).clamp(2, RING_SLOTS_MAX / slots_per_block.min(RING_SLOTS_MAX) + 1);
        let slots = blocks * slots_per_block;
        let too_large = |_| io::Error::from_raw_os_error(libc::EINVAL);
        let request = libc::tpacket_req {
            tp_block_size: u32::try_from(block_bytes).map_err(too_large)?,
            tp_block_nr: u32::try_from(blocks).map_err(too_large)?,
            tp_frame_size: u32::try_from(slot_bytes).map_err(too_large)?,
            tp_frame_nr: u32::try_from(slots).map_err(too_large)?,
        };
        socket.set(libc::SOL_PACKET, libc::PACKET_VERSION, &(libc::tpacket_versions::TPACKET_V2 as i32))?;
        socket.set(libc::SOL_PACKET, libc::PACKET_COPY_THRESH, &1i32)?;
        socket.set(libc::SOL_PACKET, libc::PACKET_RX_RING, &request)?;
        let mapped_bytes = blocks * block_bytes;
        // SAFETY: a new mapping at an address of the kernel's choice; the descriptor is open.
        let base = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                mapped_bytes,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_POPULATE,
                socket.raw_fd(),
                0,
            )
        };
        if base == libc::MAP_FAILED {
            let error = io::Error::last_os_error();
            // Without its ring the socket queues frames as any other.
            let none =
                libc::tpacket_req { tp_block_size: 0, tp_block_nr: 0, tp_frame_size: 0, tp_frame_nr: 0 };
            socket.set(libc::SOL_PACKET, libc::PACKET_RX_RING, &none)?;
            return Err(error);
        }
        let base = NonNull::new(base.cast()).ok_or_else(|| io::Error::from_raw_os_error(libc::ENOMEM))?;
        let next = Place::default();
        let mut ring =
            Self { base, mapped_bytes, block_bytes, slot_bytes, slots_per_block, next, ahead: next };
        for _ in 0..FRAMES_AHEAD {
            ring.ahead = ring.after(ring.ahead);
        }
        Ok(ring)
    }

    fn offset(&self, place: Place) -> usize {
        place.block + place.slot * self.slot_bytes
    }

    /// The slot behind another.
    fn after(&self, Place { block, slot }: Place) -> Place {
        if slot + 1 < self.slots_per_block {
            return Place { block, slot: slot + 1 };
        }
        let next = block + self.block_bytes;
        Place { block: if next < self.mapped_bytes { next } else { 0 }, slot: 0 }
    }

    fn status(&self) -> &AtomicU32 {
        // SAFETY: the slot lies within the mapping, which lives as long as self, and starts with its status
        // word, aligned to 64 bytes; the kernel too accesses it as one word.
        unsafe { AtomicU32::from_ptr(self.base.as_ptr().add(self.offset(self.next)).cast()) }
    }

    /// The frame at the head, which stays there until [`Ring::release`].
    pub(crate) fn head(&self) -> Slot<'_> {
        // Acquire: what the kernel wrote before it handed the slot over is seen after this.
        let status = self.status().load(Ordering::Acquire);
        if status & libc::TP_STATUS_USER == 0 {
            return Slot::Empty;
        }
        if status & libc::TP_STATUS_COPY != 0 {
            return Slot::Beside;
        }
        // Another processor wrote it, if anything is in it.
        let start = self.base.as_ptr().wrapping_add(self.offset(self.ahead));
        prefetch(start, SLOT_OVERHEAD_BYTES + FRONT_BYTES);
        // SAFETY: the slot lies within the mapping, is ours until released, and `next` moves only through
        // &mut self, so that nobody writes to it while the slice lives.
        let slot = unsafe {
            std::slice::from_raw_parts(self.base.as_ptr().add(self.offset(self.next)), self.slot_bytes)
        };
        Slot::Frame(read_slot(slot, status))
    }

    /// Gives the slot at the head back to the kernel.
    pub(crate) fn release(&mut self) {
        // Release: the kernel may write to the slot only after it was read.
        self.status().store(libc::TP_STATUS_KERNEL, Ordering::Release);
        self.next = self.after(self.next);
        self.ahead = self.after(self.ahead);
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, of this length, and nothing borrows from it any more.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.mapped_bytes) };
    }
}

/// Reads a slot: `struct tpacket2_hdr`, `struct sockaddr_ll`, the offload header, the frame.
fn read_slot(slot: &[u8], status: u32) -> Received<'_> {
    const HEADER_BYTES: usize = size_of::<libc::tpacket2_hdr>();
    const PKTTYPE_AT: usize = HEADER_BYTES + 10;
    let word = |at: usize| u16::from_ne_bytes([slot[at], slot[at + 1]]);
    let long = |at: usize| u32::from_ne_bytes([slot[at], slot[at + 1], slot[at + 2], slot[at + 3]]) as usize;
    let (len, held, mac) = (long(4), long(8), usize::from(word(12)));
    let frame = (held == len)
        .then(|| slot.get(mac.checked_sub(VNET_HEADER_BYTES)?..mac + held)?.split_first_chunk())
        .flatten()
        .map(|(header, bytes)| Offloaded {
            header: VnetHeader::parse(header),
            bytes,
            tag: tag(status, word(26), word(24)),
        });
    Received { frame, is_outgoing: slot[PKTTYPE_AT] == libc::PACKET_OUTGOING }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A slot as the kernel lays it out.
    fn slot(len: u32, held: u32, frame: &[u8]) -> Vec<u8> {
        let mut slot = vec![0; 256];
        slot[4..8].copy_from_slice(&len.to_ne_bytes());
        slot[8..12].copy_from_slice(&held.to_ne_bytes());
        slot[12..14].copy_from_slice(&76u16.to_ne_bytes());
        slot[24..26].copy_from_slice(&0x6005u16.to_ne_bytes());
        slot[26..28].copy_from_slice(&0x88a8u16.to_ne_bytes());
        slot[76..76 + frame.len()].copy_from_slice(frame);
        slot
    }

    #[test]
    fn a_slot_is_read_with_its_tag() {
        let frame = [9; 60];
        let slot = slot(60, 60, &frame);
        let plain = read_slot(&slot, libc::TP_STATUS_USER);
        assert_eq!(plain.frame.map(|frame| (frame.bytes, frame.tag)), Some((&frame[..], None)));
        assert!(!plain.is_outgoing);
        let valid = libc::TP_STATUS_VLAN_VALID;
        let tag = |status| read_slot(&slot, status).frame.and_then(|frame| frame.tag);
        assert_eq!(tag(valid), Some([0x81, 0x00, 0x60, 0x05]));
        assert_eq!(tag(valid | libc::TP_STATUS_VLAN_TPID_VALID), Some([0x88, 0xa8, 0x60, 0x05]));
    }

    #[test]
    fn what_is_cut_off_or_lies_outside_is_no_frame() {
        assert!(read_slot(&slot(61, 60, &[9; 60]), 1).frame.is_none());
        assert!(read_slot(&slot(1_000, 1_000, &[]), 1).frame.is_none());
        let mut low = slot(60, 60, &[]);
        low[12..14].fill(0);
        assert!(read_slot(&low, 1).frame.is_none());
        let mut outgoing = slot(60, 60, &[]);
        outgoing[42] = libc::PACKET_OUTGOING;
        assert!(read_slot(&outgoing, 1).is_outgoing);
    }
}
