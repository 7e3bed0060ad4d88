//! Frames as a kernel hands them over with offloads on, made plain: partial checksums completed, large
//! segments cut, the VLAN tag put back where it was on the wire.
//!
//! Invariant: whatever the bytes and the offload header say, a packet that leaves here has right lengths and
//! checksums in every header that was touched, or the frame is refused as [`Malformed`].

use heddle_packet::wire::checksum::Sum;
use heddle_packet::{HEADROOM_BYTES, LARGE_STORAGE_BYTES, Packet, Pool, PortId, Segmentation};

use crate::frame::{ETHERNET_BYTES, VLAN_TAG_BYTES, insert_tag};
use crate::port::QueueStats;
use crate::whole::{Shapes, recognise};

/// Bytes of `struct virtio_net_hdr` without the count of merged buffers.
pub(crate) const VNET_HEADER_BYTES: usize = 10;

/// The offload header of a frame that needs nothing done.
pub(crate) static NO_OFFLOAD: [u8; VNET_HEADER_BYTES] = [0; VNET_HEADER_BYTES];

/// The largest frame a kernel hands over: `GSO_MAX_SIZE` (8 times 65,535) and its headers.
pub(crate) const OFFLOADED_BYTES_MAX: usize = 8 * 65_535 + 512;

/// Room for a frame that is handed on whole.
pub(crate) const LARGE_BYTES: usize = LARGE_STORAGE_BYTES - HEADROOM_BYTES;

/// The frame and its offload header contradict each other, or ask for what no kernel asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// What a segmentation-offloaded frame is to be cut into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gso {
    /// It is one packet.
    None,
    /// TCP segments over IPv4 or IPv6.
    Tcp,
    /// UDP datagrams.
    Udp,
    /// Something else (IP fragments of `VIRTIO_NET_HDR_GSO_UDP`, which kernels since 4.14 don't make).
    Unknown,
}

/// `struct virtio_net_hdr` (virtio 1.2, section 5.1.6), in the machine's byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct VnetHeader {
    pub(crate) needs_checksum: bool,
    pub(crate) gso: Gso,
    pub(crate) gso_size_bytes: usize,
    pub(crate) checksum_start: usize,
    pub(crate) checksum_offset: usize,
    /// Congestion window reduced is said in the first segment alone.
    pub(crate) is_ecn: bool,
}

impl VnetHeader {
    /// A frame that is complete as it stands.
    #[cfg(test)]
    pub(crate) const PLAIN: Self = Self {
        needs_checksum: false,
        gso: Gso::None,
        gso_size_bytes: 0,
        checksum_start: 0,
        checksum_offset: 0,
        is_ecn: false,
    };

    pub(crate) fn parse(bytes: &[u8; VNET_HEADER_BYTES]) -> Self {
        let word = |at: usize| usize::from(u16::from_ne_bytes([bytes[at], bytes[at + 1]]));
        const NEEDS_CSUM: u8 = 1;
        const GSO_ECN: u8 = 0x80;
        Self {
            needs_checksum: bytes[0] & NEEDS_CSUM != 0,
            gso: match bytes[1] & !GSO_ECN {
                0 => Gso::None,
                1 | 4 => Gso::Tcp,
                5 => Gso::Udp,
                _ => Gso::Unknown,
            },
            gso_size_bytes: word(4),
            checksum_start: word(6),
            checksum_offset: word(8),
            is_ecn: bytes[1] & GSO_ECN != 0,
        }
    }
}

/// A frame as it was received, before it is made plain.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offloaded<'a> {
    pub(crate) header: VnetHeader,
    pub(crate) bytes: &'a [u8],
    /// The tag that the kernel keeps beside the frame.
    pub(crate) tag: Option<[u8; VLAN_TAG_BYTES]>,
}

/// Makes received frames plain, one queue's worth of state: a large frame may be taken in several calls.
#[derive(Debug)]
pub(crate) struct Intake {
    id: PortId,
    segmenter: Segmenter,
    /// What is handed on as it is.
    whole: Shapes,
}

/// Where the packets of a call go.
pub(crate) struct Sink<'a> {
    pub(crate) now_ns: u64,
    pub(crate) pool: &'a mut Pool,
    pub(crate) into: &'a mut Vec<Packet>,
    pub(crate) stats: &'a mut QueueStats,
    /// Packets that may still be appended.
    pub(crate) room: usize,
}

impl Intake {
    pub(crate) fn new(id: PortId) -> Self {
        Self { id, segmenter: Segmenter::default(), whole: Shapes::NONE }
    }

    /// Which large frames are handed on whole from now on.
    pub(crate) fn set_whole(&mut self, whole: Shapes) {
        self.whole = whole;
    }

    /// How a frame is to be cut that is handed on whole; none for a frame to be made plain.
    pub(crate) fn whole(&self, frame: &Offloaded<'_>) -> Option<Segmentation> {
        if self.segmenter.is_done() { recognise(frame, self.whole) } else { None }
    }

    /// Hands on a packet that holds a frame as received. False, and it is still there, if there is no room.
    pub(crate) fn take_whole(
        &mut self,
        packet: &mut Packet,
        tag: Option<[u8; VLAN_TAG_BYTES]>,
        segmentation: Segmentation,
        sink: &mut Sink<'_>,
    ) -> bool {
        if sink.room == 0 {
            return false;
        }
        let empty = sink.pool.take(LARGE_BYTES);
        let mut packet = std::mem::replace(packet, empty);
        if let Some(tag) = tag
            && let Some(addresses) = packet.bytes().first_chunk::<12>()
        {
            let mut front = [0; 12 + VLAN_TAG_BYTES];
            front[..12].copy_from_slice(addresses);
            front[12..].copy_from_slice(&tag);
            packet.replace_front(12, &front);
        }
        packet.segmentation = Some(segmentation);
        self.push(packet, sink);
        true
    }

    /// Appends the frame's packets while there is room. False if some are left: the same frame must then be
    /// offered again before any other.
    pub(crate) fn take(&mut self, frame: &Offloaded<'_>, sink: &mut Sink<'_>) -> bool {
        if frame.header.gso == Gso::None {
            if sink.room == 0 {
                return false;
            }
            let mut packet = sink.pool.take(frame.bytes.len() + VLAN_TAG_BYTES);
            match plain(frame, &mut packet) {
                Ok(()) => self.push(packet, sink),
                Err(Malformed) => {
                    sink.stats.rx_invalid += 1;
                    sink.pool.give(packet);
                }
            }
            return true;
        }
        if self.segmenter.is_done() && self.segmenter.start(frame).is_err() {
            sink.stats.rx_invalid += 1;
            return true;
        }
        while sink.room > 0 && !self.segmenter.is_done() {
            let mut packet = sink.pool.take(self.segmenter.segment_bytes_max());
            self.segmenter.write_next(frame.bytes, &mut packet);
            self.push(packet, sink);
        }
        self.segmenter.is_done()
    }

    fn push(&self, mut packet: Packet, sink: &mut Sink<'_>) {
        packet.ingress_port = self.id;
        packet.arrival_ns = sink.now_ns;
        sink.stats.rx_packets += packet.segments() as u64;
        sink.stats.rx_bytes += packet.wire_bytes() as u64;
        sink.room -= 1;
        sink.into.push(packet);
    }
}

/// Copies a frame that is one packet, completing its checksum and putting its tag back.
fn plain(frame: &Offloaded<'_>, packet: &mut Packet) -> Result<(), Malformed> {
    if frame.bytes.len() < ETHERNET_BYTES {
        return Err(Malformed);
    }
    let mut tag_bytes = 0;
    if let Some(tag) = frame.tag {
        let len = frame.bytes.len() + VLAN_TAG_BYTES;
        insert_tag(frame.bytes, tag, packet.receive_space().get_mut(..len).ok_or(Malformed)?);
        packet.set_received(len);
        tag_bytes = VLAN_TAG_BYTES;
    } else {
        packet.fill(frame.bytes);
    }
    let header = &frame.header;
    if header.needs_checksum {
        complete(packet.bytes_mut(), header.checksum_start + tag_bytes, header.checksum_offset)?;
    }
    Ok(())
}

/// Where SCTP has its CRC32c; no other protocol that a kernel leaves partial has a checksum there.
const SCTP_CHECKSUM_OFFSET: usize = 8;

/// Completes a checksum over `frame[start..]` whose field, `offset` behind the start, holds the pseudo header's
/// sum. Zero is never written, as the kernel never writes it: it would mean no checksum in UDP.
pub(crate) fn complete(frame: &mut [u8], start: usize, offset: usize) -> Result<(), Malformed> {
    let covered = frame.get_mut(start..).ok_or(Malformed)?;
    if offset == SCTP_CHECKSUM_OFFSET {
        let field = covered.get_mut(offset..offset + 4).ok_or(Malformed)?;
        field.fill(0);
        let crc = crc32c(covered);
        covered[offset..offset + 4].copy_from_slice(&crc.to_le_bytes());
        return Ok(());
    }
    if offset + 2 > covered.len() {
        return Err(Malformed);
    }
    let checksum = Sum::new().add_bytes(covered).udp_checksum();
    covered[offset..offset + 2].copy_from_slice(&checksum.to_be_bytes());
    Ok(())
}

/// The CRC of SCTP (RFC 9260, appendix A).
fn crc32c(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0u32; 256];
        let mut index = 0;
        while index < 256 {
            let mut value = index as u32;
            let mut bit = 0;
            while bit < 8 {
                value = if value & 1 != 0 { (value >> 1) ^ 0x82f6_3b78 } else { value >> 1 };
                bit += 1;
            }
            table[index] = value;
            index += 1;
        }
        table
    };
    !bytes.iter().fold(!0, |crc, &byte| TABLE[usize::from(crc as u8 ^ byte)] ^ (crc >> 8))
}

/// A header that differs between segments, at its offset in the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layer {
    Ipv4 {
        at: usize,
    },
    /// `destination_at`: the final destination's offset, which routing headers keep elsewhere.
    Ipv6 {
        at: usize,
        destination_at: usize,
    },
    /// UDP around a tunnel.
    OuterUdp {
        at: usize,
    },
    /// The header whose payload is cut.
    Udp {
        at: usize,
    },
    /// The header whose payload is cut.
    Tcp {
        at: usize,
    },
}

/// Two tunnels deep: outer IP, UDP, IP, UDP, IP, TCP.
const LAYERS_MAX: usize = 6;

/// Cuts one large frame after the other.
#[derive(Debug, Default)]
struct Segmenter {
    /// All headers, tag included, as the first segment has them before lengths and checksums.
    headers: Vec<u8>,
    layers: Vec<Layer>,
    /// Offset of the payload in the frame as received (no tag).
    payload_at: usize,
    payload_bytes: usize,
    gso_size_bytes: usize,
    /// Payload bytes sent so far.
    done_bytes: usize,
    /// Segments sent so far.
    index: usize,
    remaining: bool,
}

impl Segmenter {
    fn is_done(&self) -> bool {
        !self.remaining
    }

    /// Reads the headers of a large frame.
    fn start(&mut self, frame: &Offloaded<'_>) -> Result<(), Malformed> {
        self.layers.clear();
        let header = &frame.header;
        if header.gso_size_bytes == 0 {
            return Err(Malformed);
        }
        let transport_at = header.needs_checksum.then_some(header.checksum_start);
        let payload_at = walk(frame.bytes, header.gso, transport_at, &mut self.layers).ok_or(Malformed)?;
        let untagged = frame.bytes.get(..payload_at).ok_or(Malformed)?;
        self.headers.clear();
        if let Some(tag) = frame.tag {
            self.headers.resize(payload_at + VLAN_TAG_BYTES, 0);
            insert_tag(untagged, tag, &mut self.headers);
            for layer in &mut self.layers {
                layer.shift(VLAN_TAG_BYTES);
            }
        } else {
            self.headers.extend_from_slice(untagged);
        }
        // What would not fit the length fields of IPv4, IPv6 and UDP can be no segment.
        if self.headers.len() + header.gso_size_bytes > 65_535 {
            return Err(Malformed);
        }
        self.payload_at = payload_at;
        self.payload_bytes = frame.bytes.len() - payload_at;
        self.gso_size_bytes = header.gso_size_bytes;
        self.done_bytes = 0;
        self.index = 0;
        self.remaining = true;
        Ok(())
    }

    fn segment_bytes_max(&self) -> usize {
        self.headers.len() + self.gso_size_bytes.min(self.payload_bytes - self.done_bytes)
    }

    /// Writes the next segment. `frame` is the one that [`Segmenter::start`] read.
    fn write_next(&mut self, frame: &[u8], packet: &mut Packet) {
        let payload_bytes = self.gso_size_bytes.min(self.payload_bytes - self.done_bytes);
        let payload_at = self.payload_at + self.done_bytes;
        let headers_bytes = self.headers.len();
        let len = headers_bytes + payload_bytes;
        // The buffer was taken for segment_bytes_max, which is this length.
        let space = &mut packet.receive_space()[..len];
        space[..headers_bytes].copy_from_slice(&self.headers);
        space[headers_bytes..].copy_from_slice(&frame[payload_at..payload_at + payload_bytes]);
        let is_first = self.index == 0;
        let is_last = self.done_bytes + payload_bytes == self.payload_bytes;
        for layer in &self.layers {
            layer.set_lengths(space, self.index, self.done_bytes, is_first, is_last);
        }
        // From the innermost outwards: an outer checksum covers the inner ones.
        for index in (0..self.layers.len()).rev() {
            let ip = index.checked_sub(1).map(|below| self.layers[below]);
            self.layers[index].set_checksum(space, ip);
        }
        packet.set_received(len);
        self.done_bytes += payload_bytes;
        self.index += 1;
        self.remaining = !is_last;
    }
}

const TCP_FIN: u8 = 0x01;
const TCP_PSH: u8 = 0x08;
const TCP_CWR: u8 = 0x80;

impl Layer {
    fn shift(&mut self, by: usize) {
        match self {
            Self::Ipv4 { at } | Self::OuterUdp { at } | Self::Udp { at } | Self::Tcp { at } => *at += by,
            Self::Ipv6 { at, destination_at } => {
                *at += by;
                *destination_at += by;
            }
        }
    }

    /// Sets everything that depends on the segment, checksums apart. [`walk`] saw that each header is there in
    /// full, and [`Segmenter::start`] that lengths fit their fields.
    fn set_lengths(self, packet: &mut [u8], index: usize, done: usize, is_first: bool, is_last: bool) {
        let end = packet.len();
        match self {
            Self::Ipv4 { at } => {
                put_u16(packet, at + 2, (end - at) as u16);
                let id = get_u16(packet, at + 4).wrapping_add(index as u16);
                put_u16(packet, at + 4, id);
            }
            Self::Ipv6 { at, .. } => put_u16(packet, at + 4, (end - at - 40) as u16),
            Self::OuterUdp { at } | Self::Udp { at } => put_u16(packet, at + 4, (end - at) as u16),
            Self::Tcp { at } => {
                let seq = get_u32(packet, at + 4).wrapping_add(done as u32);
                packet[at + 4..at + 8].copy_from_slice(&seq.to_be_bytes());
                if !is_last {
                    packet[at + 13] &= !(TCP_FIN | TCP_PSH);
                }
                // RFC 3168, section 6.1.2: congestion window reduced is said once.
                if !is_first {
                    packet[at + 13] &= !TCP_CWR;
                }
            }
        }
    }

    fn set_checksum(self, packet: &mut [u8], ip: Option<Self>) {
        match self {
            Self::Ipv4 { at } => {
                let end = at + 4 * usize::from(packet[at] & 0xf);
                put_u16(packet, at + 10, 0);
                let checksum = Sum::new().add_bytes(&packet[at..end]).checksum();
                put_u16(packet, at + 10, checksum);
            }
            Self::Ipv6 { .. } => {}
            Self::OuterUdp { at } => {
                if get_u16(packet, at + 6) != 0 {
                    set_transport_checksum(packet, at, 6, 17, ip);
                }
            }
            Self::Udp { at } => set_transport_checksum(packet, at, 6, 17, ip),
            Self::Tcp { at } => set_transport_checksum(packet, at, 16, 6, ip),
        }
    }
}

fn set_transport_checksum(packet: &mut [u8], at: usize, field: usize, protocol: u8, ip: Option<Layer>) {
    let addresses = match ip {
        Some(Layer::Ipv4 { at }) => Sum::new().add_bytes(&packet[at + 12..at + 20]),
        Some(Layer::Ipv6 { at, destination_at }) => Sum::new()
            .add_bytes(&packet[at + 8..at + 24])
            .add_bytes(&packet[destination_at..destination_at + 16]),
        // walk puts an IP layer in front of every transport layer.
        Some(Layer::OuterUdp { .. } | Layer::Udp { .. } | Layer::Tcp { .. }) | None => return,
    };
    put_u16(packet, at + field, 0);
    let sum =
        addresses.add_u32((packet.len() - at) as u32).add_u16(u16::from(protocol)).add_bytes(&packet[at..]);
    let checksum = if protocol == 17 { sum.udp_checksum() } else { sum.checksum() };
    put_u16(packet, at + field, checksum);
}

const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_IPV6: u16 = 0x86dd;
const ETHERTYPE_BRIDGED: u16 = 0x6558;

/// Finds the headers that differ between segments, down to the transport header whose payload is cut, and
/// returns where that payload starts. `transport_at` is that header's place where the kernel told it: it tells
/// a tunnel's outer header from the one meant.
fn walk(frame: &[u8], gso: Gso, transport_at: Option<usize>, layers: &mut Vec<Layer>) -> Option<usize> {
    let mut at = 0;
    let mut ethertype = ETHERTYPE_BRIDGED;
    loop {
        if ethertype == ETHERTYPE_BRIDGED {
            ethertype = read_u16(frame, at + 12)?;
            at += ETHERNET_BYTES;
            while matches!(ethertype, 0x8100 | 0x88a8) {
                ethertype = read_u16(frame, at + 2)?;
                at += VLAN_TAG_BYTES;
            }
        }
        if layers.len() + 2 > LAYERS_MAX {
            return None;
        }
        let (protocol, upper_at) = match ethertype {
            ETHERTYPE_IPV4 => ipv4(frame, at, layers)?,
            ETHERTYPE_IPV6 => ipv6(frame, at, layers)?,
            _ => return None,
        };
        let is_meant = transport_at.is_none_or(|transport_at| transport_at == upper_at);
        match protocol {
            6 if gso == Gso::Tcp && is_meant => {
                let header_bytes = 4 * usize::from(frame.get(upper_at + 12)? >> 4);
                if header_bytes < 20 {
                    return None;
                }
                layers.push(Layer::Tcp { at: upper_at });
                return Some(upper_at + header_bytes);
            }
            17 if gso == Gso::Udp && is_meant => {
                layers.push(Layer::Udp { at: upper_at });
                return Some(upper_at + 8);
            }
            // A tunnel over UDP: Geneve by its port, else VXLAN; either is believed only if headers follow that
            // end where the kernel said.
            17 => {
                const GENEVE_PORT: u16 = 6_081;
                layers.push(Layer::OuterUdp { at: upper_at });
                at = upper_at + 8;
                ethertype = ETHERTYPE_BRIDGED;
                if read_u16(frame, upper_at + 2)? == GENEVE_PORT {
                    ethertype = read_u16(frame, at + 2)?;
                    at += 4 * usize::from(frame.get(at)? & 0x3f);
                }
                at += 8;
            }
            4 => (at, ethertype) = (upper_at, ETHERTYPE_IPV4),
            41 => (at, ethertype) = (upper_at, ETHERTYPE_IPV6),
            // GRE (RFC 2784, RFC 2890), a key at most: checksum and sequence number would differ by segment.
            47 => {
                const KEY: u16 = 0x2000;
                let flags = read_u16(frame, upper_at)?;
                if flags & !KEY != 0 {
                    return None;
                }
                ethertype = read_u16(frame, upper_at + 2)?;
                at = upper_at + if flags == KEY { 8 } else { 4 };
            }
            _ => return None,
        }
    }
}

/// Reads an IPv4 header; returns the protocol and where it starts.
fn ipv4(frame: &[u8], at: usize, layers: &mut Vec<Layer>) -> Option<(u8, usize)> {
    let first = *frame.get(at)?;
    let header_bytes = 4 * usize::from(first & 0xf);
    if first >> 4 != 4 || header_bytes < 20 || frame.len() < at + header_bytes {
        return None;
    }
    layers.push(Layer::Ipv4 { at });
    Some((frame[at + 9], at + header_bytes))
}

/// Reads an IPv6 header and its extension headers (RFC 8200, section 4; RFC 8754).
fn ipv6(frame: &[u8], at: usize, layers: &mut Vec<Layer>) -> Option<(u8, usize)> {
    const HOP_BY_HOP: u8 = 0;
    const ROUTING: u8 = 43;
    const DESTINATION_OPTIONS: u8 = 60;
    const SEGMENT_ROUTING: u8 = 4;
    if frame.get(at)? >> 4 != 6 {
        return None;
    }
    let mut next = *frame.get(at + 6)?;
    let mut upper_at = at + 40;
    let mut destination_at = at + 24;
    while matches!(next, HOP_BY_HOP | ROUTING | DESTINATION_OPTIONS) {
        let extension = frame.get(upper_at..upper_at + 8)?;
        if next == ROUTING && extension[3] > 0 {
            if extension[2] != SEGMENT_ROUTING || extension[1] < 2 {
                return None;
            }
            // The last segment comes first in the list.
            destination_at = upper_at + 8;
        }
        next = extension[0];
        upper_at += 8 * (1 + usize::from(extension[1]));
    }
    layers.push(Layer::Ipv6 { at, destination_at });
    Some((next, upper_at))
}

fn read_u16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
}

/// For places that [`walk`] has seen to exist.
fn get_u16(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

fn get_u32(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn put_u16(bytes: &mut [u8], at: usize, value: u16) {
    bytes[at..at + 2].copy_from_slice(&value.to_be_bytes());
}

#[cfg(test)]
mod tests;
