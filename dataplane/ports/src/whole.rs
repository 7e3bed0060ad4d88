//! Segmentation-offloaded frames that go through the switch whole: which can, how a kernel is told to cut them, and
//! how they are cut here where it can't be told.
//!
//! Invariant: what a whole frame becomes on the wire is what its segments would have become one by one, given that
//! whoever rewrote its headers did to all segments what it did to the whole ([`cut`] and [`vnet_header`] never see
//! what the headers were before).

use std::collections::VecDeque;

use heddle_packet::wire::checksum::{Sum, updated};
use heddle_packet::{Packet, Pool, Segmentation};

use crate::frame::{ETHERNET_BYTES, VLAN_TAG_BYTES, is_tagged};
use crate::offload::{Gso, Offloaded, VNET_HEADER_BYTES};

/// The headers of a frame of many TCP segments. IPv4 comes without options and no fragment, IPv6 without extension
/// headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shape {
    /// Ethernet, IPv4, TCP.
    Ipv4,
    /// Ethernet, IPv6, TCP.
    Ipv6,
    /// Ethernet, an IEEE 802.1Q tag, IPv4, TCP.
    TaggedIpv4,
    /// Ethernet, an IEEE 802.1Q tag, IPv6, TCP.
    TaggedIpv6,
}

impl Shape {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Ipv4, Self::Ipv6, Self::TaggedIpv4, Self::TaggedIpv6];

    fn of(is_tagged: bool, is_ipv6: bool) -> Self {
        match (is_tagged, is_ipv6) {
            (false, false) => Self::Ipv4,
            (false, true) => Self::Ipv6,
            (true, false) => Self::TaggedIpv4,
            (true, true) => Self::TaggedIpv6,
        }
    }

    /// Of a packet that stands for several.
    pub(crate) fn of_packet(packet: &Packet) -> Option<Self> {
        packet.segmentation.map(|segmentation| Self::of(is_tagged(packet.bytes()), segmentation.is_ipv6()))
    }

    /// Whether there is a tag.
    pub fn is_tagged(self) -> bool {
        matches!(self, Self::TaggedIpv4 | Self::TaggedIpv6)
    }

    /// Whether it is IPv6.
    pub fn is_ipv6(self) -> bool {
        matches!(self, Self::Ipv6 | Self::TaggedIpv6)
    }

    /// Where the IP header begins, in bytes.
    pub fn network_at(self) -> usize {
        if self.is_tagged() { ETHERNET_BYTES + VLAN_TAG_BYTES } else { ETHERNET_BYTES }
    }

    /// Where the TCP header begins, in bytes.
    pub fn transport_at(self) -> usize {
        self.network_at() + if self.is_ipv6() { 40 } else { 20 }
    }
}

/// A set of shapes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shapes(u8);

impl Shapes {
    /// No shape: every frame is cut.
    pub const NONE: Self = Self(0);

    /// With one more.
    #[must_use]
    pub fn with(self, shape: Shape) -> Self {
        Self(self.0 | 1 << shape as u8)
    }

    /// Whether a shape is in it.
    pub fn contains(self, shape: Shape) -> bool {
        self.0 & 1 << shape as u8 != 0
    }

    /// Whether none is.
    pub fn is_empty(self) -> bool {
        self == Self::NONE
    }
}

const TCP: u8 = 6;
const TCP_CHECKSUM: usize = 16;
const TCP_FIN: u8 = 0x01;
const TCP_PSH: u8 = 0x08;
const TCP_CWR: u8 = 0x80;

/// How a received frame is to be cut, if it is of one of these shapes and its headers say in every way the same of it
/// as the kernel does. Anything else is for [`crate::offload`] to make plain.
pub(crate) fn recognise(frame: &Offloaded<'_>, shapes: Shapes) -> Option<Segmentation> {
    let header = &frame.header;
    if shapes.is_empty() || header.gso != Gso::Tcp || !header.needs_checksum {
        return None;
    }
    let bytes = frame.bytes;
    let is_within = is_tagged(bytes);
    let is_tagged = match frame.tag {
        // A second tag, or one of IEEE 802.1ad.
        Some(tag) if is_within || tag[..2] != [0x81, 0x00] => return None,
        None if is_within && bytes[12..14] != [0x81, 0x00] => return None,
        Some(_) => true,
        None => is_within,
    };
    let tag_bytes = if is_within { VLAN_TAG_BYTES } else { 0 };
    let network_at = ETHERNET_BYTES + tag_bytes;
    let network = bytes.get(network_at..)?;
    let (is_ipv6, transport_len) = read_network(network, get_u16(bytes, network_at - 2)?)?;
    if !shapes.contains(Shape::of(is_tagged, is_ipv6)) {
        return None;
    }
    let transport_at = bytes.len() - transport_len;
    let transport = &bytes[transport_at..];
    let transport_bytes = 4 * usize::from(transport.get(12)? >> 4);
    let is_meant = header.checksum_start == transport_at
        && header.checksum_offset == TCP_CHECKSUM
        && get_u16(transport, TCP_CHECKSUM)? == pseudo(network, is_ipv6, transport_len).fold();
    let payload_bytes = transport_len.checked_sub(transport_bytes)?;
    let segmentation = Segmentation::new(header.gso_size_bytes, payload_bytes, transport_bytes, is_ipv6)?
        .with_ecn(header.is_ecn);
    let is_many = segmentation.segments() > 1;
    (is_meant && is_many).then_some(segmentation)
}

/// Whether the rest of a frame is IP as [`Shape`] has it with right lengths and header checksum, and if so whether
/// it is IPv6, and the length behind its header.
fn read_network(network: &[u8], ethertype: u16) -> Option<(bool, usize)> {
    match ethertype {
        0x0800 => {
            let header: &[u8; 20] = network.first_chunk()?;
            let is_whole = get_u16(header, 6)? & 0x3fff == 0;
            // A checksum that nobody computes so would be compared with what a program computes.
            let fits = header[0] == 0x45
                && header[10..12] != [0xff, 0xff]
                && is_whole
                && header[9] == TCP
                && usize::from(get_u16(header, 2)?) == network.len()
                && Sum::new().add_bytes(header).is_valid();
            fits.then_some((false, network.len() - 20))
        }
        0x86dd => {
            let header: &[u8; 40] = network.first_chunk()?;
            let fits = header[0] >> 4 == 6
                && header[6] == TCP
                && usize::from(get_u16(header, 4)?) + 40 == network.len();
            fits.then_some((true, network.len() - 40))
        }
        _ => None,
    }
}

/// The pseudo header's sum for a TCP part of `len` bytes, at most 65,535.
fn pseudo(network: &[u8], is_ipv6: bool, len: usize) -> Sum {
    let addresses = if is_ipv6 { network.get(8..40) } else { network.get(12..20) };
    Sum::new().add_bytes(addresses.unwrap_or_default()).add_u16(u16::from(TCP)).add_u32(len as u32)
}

/// The offload header by which a kernel cuts a whole packet into what [`cut`] would make of it. `None` if it
/// would not: a segment would be larger than the MTU, the program left a checksum that is wrong on the wire too, or
/// put headers in front that the kernel does not know.
pub(crate) fn vnet_header(packet: &Packet, mtu_bytes: usize) -> Option<[u8; VNET_HEADER_BYTES]> {
    const NEEDS_CSUM: u8 = 1;
    const GSO_TCPV4: u8 = 1;
    const GSO_TCPV6: u8 = 4;
    const GSO_ECN: u8 = 0x80;
    let segmentation = packet.segmentation?;
    let bytes = packet.bytes();
    let headers_bytes = bytes.len().checked_sub(segmentation.payload_bytes())?;
    let transport_at = headers_bytes.checked_sub(segmentation.transport_bytes())?;
    let network_at = transport_at.checked_sub(segmentation.network_bytes())?;
    let expected_at = ETHERNET_BYTES + if is_tagged(bytes) { VLAN_TAG_BYTES } else { 0 };
    let network = bytes.get(network_at..)?;
    let (is_ipv6, transport_len) = read_network(network, get_u16(bytes, network_at.checked_sub(2)?)?)?;
    let is_whole = network_at == expected_at
        && is_ipv6 == segmentation.is_ipv6()
        && transport_len == bytes.len() - transport_at
        && headers_bytes - network_at + segmentation.segment_bytes() <= mtu_bytes
        && get_u16(bytes, transport_at + TCP_CHECKSUM)? == pseudo(network, is_ipv6, transport_len).fold();
    if !is_whole {
        return None;
    }
    let mut header = [0; VNET_HEADER_BYTES];
    header[0] = NEEDS_CSUM;
    header[1] = if is_ipv6 { GSO_TCPV6 } else { GSO_TCPV4 };
    if segmentation.is_ecn() {
        header[1] |= GSO_ECN;
    }
    // A frame is no longer than 65,535 bytes and its headers.
    let words = [headers_bytes, segmentation.segment_bytes(), transport_at, TCP_CHECKSUM];
    for (to, word) in header[2..].chunks_exact_mut(2).zip(words) {
        to.copy_from_slice(&(word as u16).to_ne_bytes());
    }
    Some(header)
}

/// Cuts a whole packet into its segments, first one first. A packet that stands for itself alone, or is too short
/// for what it says of itself, is copied.
pub fn cut(packet: &Packet, pool: &mut Pool, mut into: impl FnMut(Packet)) {
    let bytes = packet.bytes();
    let parts = packet.segmentation.and_then(|segmentation| {
        let headers_bytes = bytes.len().checked_sub(segmentation.payload_bytes())?;
        let transport_at = headers_bytes.checked_sub(segmentation.transport_bytes())?;
        let network_at = transport_at.checked_sub(segmentation.network_bytes())?;
        Some((segmentation, headers_bytes, transport_at, network_at))
    });
    let copy = |bytes_len: usize, pool: &mut Pool| {
        let mut copy = pool.take(bytes_len);
        copy.arrival_ns = packet.arrival_ns;
        copy.ingress_port = packet.ingress_port;
        copy
    };
    let Some((segmentation, headers_bytes, transport_at, network_at)) = parts else {
        let mut whole = copy(bytes.len(), pool);
        whole.fill(bytes);
        into(whole);
        return;
    };
    let (headers, payload) = bytes.split_at(headers_bytes);
    let segments = segmentation.segments();
    for (index, part) in payload.chunks(segmentation.segment_bytes()).enumerate() {
        let len = headers_bytes + part.len();
        let mut segment = copy(len, pool);
        // The buffer was taken for this length.
        let space = &mut segment.receive_space()[..len];
        space[..headers_bytes].copy_from_slice(headers);
        space[headers_bytes..].copy_from_slice(part);
        let missing = payload.len() - part.len();
        set_network(&mut space[network_at..], segmentation.is_ipv6(), index, missing);
        let done = index * segmentation.segment_bytes();
        set_transport(&mut space[transport_at..], missing, done, index == 0, index + 1 == segments);
        segment.set_received(len);
        into(segment);
    }
}

/// Puts the segments of the first packet in its place.
pub(crate) fn cut_first(from: &mut VecDeque<Packet>, pool: &mut Pool) {
    let Some(packet) = from.pop_front() else { return };
    let mut segments = 0;
    cut(&packet, pool, |segment| {
        from.push_back(segment);
        segments += 1;
    });
    from.rotate_right(segments);
    pool.give(packet);
}

/// Makes the IP header of the whole that of a segment which is `missing` bytes shorter. The header checksum changes
/// by as much as what it covers does, right or wrong.
fn set_network(network: &mut [u8], is_ipv6: bool, index: usize, missing: usize) {
    let mut change = |at: usize, by: u16, sub: u16| {
        let old = u16::from_be_bytes([network[at], network[at + 1]]);
        let new = old.wrapping_add(by).wrapping_sub(sub);
        network[at..at + 2].copy_from_slice(&new.to_be_bytes());
        (old, new)
    };
    // Both are below 65,536: lengths of a frame, and numbers of its segments.
    let (index, missing) = (index as u16, missing as u16);
    if is_ipv6 {
        change(4, 0, missing);
        return;
    }
    let (old_len, new_len) = change(2, 0, missing);
    let (old_id, new_id) = change(4, index, 0);
    let checksum = u16::from_be_bytes([network[10], network[11]]);
    let checksum = updated(updated(checksum, old_len, new_len), old_id, new_id);
    network[10..12].copy_from_slice(&checksum.to_be_bytes());
}

/// Makes the TCP header of the whole that of a segment, with its checksum: what was the pseudo header's sum for the
/// whole, whatever became of the addresses since, made that of the segment, and the segment's own.
fn set_transport(tcp: &mut [u8], missing: usize, done: usize, is_first: bool, is_last: bool) {
    let sequence = u32::from_be_bytes([tcp[4], tcp[5], tcp[6], tcp[7]]).wrapping_add(done as u32);
    tcp[4..8].copy_from_slice(&sequence.to_be_bytes());
    if !is_last {
        tcp[13] &= !(TCP_FIN | TCP_PSH);
    }
    // RFC 3168, section 6.1.2: congestion window reduced is said once.
    if !is_first {
        tcp[13] &= !TCP_CWR;
    }
    let partial = u16::from_be_bytes([tcp[TCP_CHECKSUM], tcp[TCP_CHECKSUM + 1]]);
    tcp[TCP_CHECKSUM..TCP_CHECKSUM + 2].fill(0);
    let checksum = Sum::new().add_u16(partial).add_u16(!(missing as u16)).add_bytes(tcp).checksum();
    tcp[TCP_CHECKSUM..TCP_CHECKSUM + 2].copy_from_slice(&checksum.to_be_bytes());
}

fn get_u16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
}

#[cfg(test)]
mod tests;
