//! Packet buffers: bytes with room in front, and the pool that recycles them.
//!
//! Invariant: the packet's bytes are always `storage[start..start + len]`, and a buffer taken from a
//! [`Pool`] is at least as large as was asked for.

use std::fmt;
use std::ops::{Deref, DerefMut};

use crate::prefetch::prefetch;
use crate::segmentation::Segmentation;

/// Bytes kept free in front of a received packet, so that a deparser can put longer headers there in place.
pub const HEADROOM_BYTES: usize = 128;

/// Smallest storage of a buffer, headroom included. 2,112 and not 2,048: buffers a power of two apart fight
/// for the same cache sets.
pub const SMALL_STORAGE_BYTES: usize = 2_112;

/// Storage of [`Packet::compact`], headroom included.
const COMPACT_STORAGE_BYTES: usize = 320;

/// Storage of a buffer for jumbo frames (9,216 bytes and VLAN tags), headroom included.
pub const JUMBO_STORAGE_BYTES: usize = 10_304;

/// Largest packet that any buffer holds, in bytes.
pub const PACKET_BYTES_MAX: usize = 65_535 + 64;

/// Storage of a buffer for a segmentation-offloaded frame, headroom included; an odd number of cache lines too.
pub const LARGE_STORAGE_BYTES: usize = 65_856;

/// Buffers for segmentation-offloaded frames that a pool keeps: 4 MB and no more.
const LARGE_RETAINED_MAX: usize = 64;

/// A port's number, as the P4 program and the control plane know it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct PortId(pub u32);

impl fmt::Display for PortId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for PortId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "port{}", self.0)
    }
}

/// A packet: its bytes, and what was known when it arrived. A handle of one word, since packets change hands often:
/// between a port, its worker, queues and rings.
pub struct Packet(Box<Descriptor>);

/// What a [`Packet`] points to; reached through it.
pub struct Descriptor {
    storage: Box<[u8]>,
    start: usize,
    len: usize,
    /// Length on the wire in bytes. At least the bytes held; more where a simulator carries only headers.
    pub wire_len: usize,
    /// When it arrived, in the clock of whoever drives the engine.
    pub arrival_ns: u64,
    /// The port it arrived by.
    pub ingress_port: PortId,
    /// How it is to be cut, if it stands for several packets on the wire.
    pub segmentation: Option<Segmentation>,
}

impl Deref for Packet {
    type Target = Descriptor;

    #[inline]
    fn deref(&self) -> &Descriptor {
        &self.0
    }
}

impl DerefMut for Packet {
    #[inline]
    fn deref_mut(&mut self) -> &mut Descriptor {
        &mut self.0
    }
}

impl fmt::Debug for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Descriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Packet({} bytes from {:?})", self.len, self.ingress_port)
    }
}

impl Packet {
    /// A packet with room for `capacity` bytes behind the headroom, holding none.
    pub fn with_capacity(capacity: usize) -> Self {
        Self::with_storage((HEADROOM_BYTES + capacity).max(SMALL_STORAGE_BYTES))
    }

    /// A packet for a simulator that carries headers only: many of them stay in a processor's cache. No [`Pool`] keeps it.
    pub fn compact() -> Self {
        Self::with_storage(COMPACT_STORAGE_BYTES)
    }

    fn with_storage(storage: usize) -> Self {
        Self(Box::new(Descriptor {
            storage: vec![0; storage].into_boxed_slice(),
            start: HEADROOM_BYTES,
            len: 0,
            wire_len: 0,
            arrival_ns: 0,
            ingress_port: PortId(0),
            segmentation: None,
        }))
    }

    /// A packet that holds a copy of `bytes`.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let mut packet = Self::with_capacity(bytes.len());
        packet.fill(bytes);
        packet
    }
}

impl Descriptor {
    /// Bytes held.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it holds none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes it can hold behind the headroom.
    #[inline]
    pub fn capacity(&self) -> usize {
        self.storage.len() - HEADROOM_BYTES
    }

    /// Packets on the wire that it stands for: one, unless segmentation was left to whoever sends it.
    #[inline]
    pub fn segments(&self) -> usize {
        self.segmentation.map_or(1, Segmentation::segments)
    }

    /// Bytes on the wire of all packets that it stands for.
    #[inline]
    pub fn wire_bytes(&self) -> usize {
        match self.segmentation {
            None => self.wire_len,
            Some(segmentation) => {
                let headers_bytes = self.len.saturating_sub(segmentation.payload_bytes());
                self.wire_len + (segmentation.segments() - 1) * headers_bytes
            }
        }
    }

    /// The bytes.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        &self.storage[self.start..self.start + self.len]
    }

    /// Fetches so many of the bytes, at least one, into all levels of the cache.
    #[inline]
    pub fn prefetch(&self, bytes: usize) {
        prefetch(self.storage.as_ptr().wrapping_add(self.start), bytes);
    }

    /// The bytes, to be changed in place.
    #[inline]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.storage[self.start..self.start + self.len]
    }

    /// Empties it for use again: no bytes, the whole headroom free.
    #[inline]
    pub fn reset(&mut self) {
        self.start = HEADROOM_BYTES;
        self.len = 0;
        self.wire_len = 0;
        self.arrival_ns = 0;
        self.ingress_port = PortId(0);
        self.segmentation = None;
    }

    /// All storage behind the headroom, for a port to receive into; [`Packet::set_received`] says how much.
    #[inline]
    pub fn receive_space(&mut self) -> &mut [u8] {
        &mut self.storage[HEADROOM_BYTES..]
    }

    /// States that the first `len` bytes of [`Packet::receive_space`] are the packet.
    #[inline]
    pub fn set_received(&mut self, len: usize) {
        self.start = HEADROOM_BYTES;
        self.len = len.min(self.capacity());
        self.wire_len = self.len;
    }

    /// Replaces the bytes by a copy of `bytes`, growing the storage if it must.
    #[inline]
    pub fn fill(&mut self, bytes: &[u8]) {
        if bytes.len() > self.capacity() {
            self.storage = vec![0; HEADROOM_BYTES + bytes.len()].into_boxed_slice();
        }
        self.receive_space()[..bytes.len()].copy_from_slice(bytes);
        self.set_received(bytes.len());
    }

    /// Replaces the first `consumed` bytes by `front`, moving the rest only if the headroom is too small.
    /// The length on the wire changes by as much as the bytes held.
    pub fn replace_front(&mut self, consumed: usize, front: &[u8]) {
        let consumed = consumed.min(self.len);
        let rest = self.len - consumed;
        let hidden = self.wire_len.saturating_sub(self.len);
        let rest_start = self.start + consumed;
        if front.len() <= rest_start {
            self.start = rest_start - front.len();
        } else {
            let needed = HEADROOM_BYTES + front.len() + rest;
            if needed > self.storage.len() {
                let mut grown = vec![0; needed].into_boxed_slice();
                grown[HEADROOM_BYTES + front.len()..needed]
                    .copy_from_slice(&self.storage[rest_start..rest_start + rest]);
                self.storage = grown;
            } else {
                self.storage.copy_within(rest_start..rest_start + rest, HEADROOM_BYTES + front.len());
            }
            self.start = HEADROOM_BYTES;
        }
        self.storage[self.start..self.start + front.len()].copy_from_slice(front);
        self.len = front.len() + rest;
        self.wire_len = self.len + hidden;
    }

    /// Cuts the packet to at most `len` bytes, on the wire too.
    #[inline]
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
        self.wire_len = self.wire_len.min(len);
    }

    /// Makes this a copy of `other`, bytes and facts.
    pub fn copy_from(&mut self, other: &Descriptor) {
        self.fill(other.bytes());
        self.wire_len = other.wire_len;
        self.arrival_ns = other.arrival_ns;
        self.ingress_port = other.ingress_port;
        self.segmentation = other.segmentation;
    }
}

/// Free packets, recycled without going through the allocator in steady state.
///
/// Not shared: every worker has its own, and a packet may be given back to another pool than it came from.
#[derive(Debug)]
pub struct Pool {
    small: Vec<Packet>,
    jumbo: Vec<Packet>,
    large: Vec<Packet>,
    retained_max: usize,
}

impl Pool {
    /// A pool with `count` small packets at hand that keeps at most `4 * count` free ones of each size.
    pub fn new(count: usize) -> Self {
        let mut small = Vec::with_capacity(4 * count);
        small.extend((0..count).map(|_| Packet::with_capacity(0)));
        Self { small, jumbo: Vec::with_capacity(count), large: Vec::new(), retained_max: 4 * count }
    }

    /// An empty packet with room for `capacity` bytes.
    #[inline]
    pub fn take(&mut self, capacity: usize) -> Packet {
        let small = capacity <= SMALL_STORAGE_BYTES - HEADROOM_BYTES;
        let jumbo = capacity <= JUMBO_STORAGE_BYTES - HEADROOM_BYTES;
        if small && let Some(packet) = self.small.pop() {
            packet
        } else if small {
            Packet::with_capacity(capacity)
        } else if jumbo {
            self.jumbo.pop().unwrap_or_else(|| Packet::with_capacity(JUMBO_STORAGE_BYTES - HEADROOM_BYTES))
        } else if capacity <= LARGE_STORAGE_BYTES - HEADROOM_BYTES {
            self.large.pop().unwrap_or_else(|| Packet::with_capacity(LARGE_STORAGE_BYTES - HEADROOM_BYTES))
        } else {
            Packet::with_capacity(capacity)
        }
    }

    /// A small empty packet, if one is at hand.
    pub fn spare(&mut self) -> Option<Packet> {
        self.small.pop()
    }

    /// Takes a packet back.
    #[inline]
    pub fn give(&mut self, mut packet: Packet) {
        packet.reset();
        let (shelf, retained_max) = match packet.storage.len() {
            SMALL_STORAGE_BYTES..JUMBO_STORAGE_BYTES => (&mut self.small, self.retained_max),
            JUMBO_STORAGE_BYTES => (&mut self.jumbo, self.retained_max),
            LARGE_STORAGE_BYTES => (&mut self.large, self.retained_max.min(LARGE_RETAINED_MAX)),
            _ => return,
        };
        if shelf.len() < retained_max {
            shelf.push(packet);
        }
    }
}
