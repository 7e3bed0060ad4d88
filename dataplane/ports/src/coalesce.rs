//! Consecutive TCP segments sent as one large frame that the kernel, or the receiver's stack, cuts again.
//!
//! Invariant: what is cut from the large frame is byte for byte what was put in (but for a checksum of 0xffff,
//! which may become the other zero of one's complement). So segments are joined only if
//! they are what a kernel makes of a large frame: the same headers but for sequence number, identification
//! counting up, lengths and checksums; equal sizes but for the last; PSH on the last alone; and every checksum
//! right, since the kernel writes new ones, and a damaged segment must stay damaged.

use heddle_packet::Packet;
use heddle_packet::wire::checksum::Sum;

use crate::frame::{ETHERNET_BYTES, VLAN_TAG_BYTES, is_tagged};
use crate::offload::VNET_HEADER_BYTES;

/// Ethernet, a tag, IPv6, TCP with all options.
const HEADERS_BYTES_MAX: usize = ETHERNET_BYTES + VLAN_TAG_BYTES + 40 + 60;

/// Largest frame, without Ethernet header, that every interface takes to be cut (`GSO_LEGACY_MAX_SIZE`).
const LARGE_BYTES_MAX: usize = 65_535;

/// Segments of a large frame; more vectors than this a system call would not take by far.
pub(crate) const SEGMENTS_MAX: usize = 64;

const TCP_PSH: u8 = 0x08;
const TCP_ACK: u8 = 0x10;
const TCP_ECE: u8 = 0x40;

/// The headers of a large frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Large {
    bytes: [u8; VNET_HEADER_BYTES + HEADERS_BYTES_MAX],
    headers_len: usize,
    /// Segments that it is made of.
    pub(crate) segments: usize,
}

impl Large {
    /// No frame.
    pub(crate) const NONE: Self =
        Self { bytes: [0; VNET_HEADER_BYTES + HEADERS_BYTES_MAX], headers_len: 0, segments: 0 };

    /// Offload header and headers; the segments' payloads follow.
    pub(crate) fn front(&self) -> &[u8] {
        &self.bytes[..VNET_HEADER_BYTES + self.headers_len]
    }

    /// What a segment adds to the frame.
    pub(crate) fn payload<'a>(&self, segment: &'a Packet) -> &'a [u8] {
        // Every segment was seen to hold its headers.
        &segment.bytes()[self.headers_len..]
    }
}

/// A TCP segment that could be joined with others.
#[derive(Clone, Copy, Debug)]
struct Segment<'a> {
    bytes: &'a [u8],
    ip_at: usize,
    is_ipv6: bool,
    tcp_at: usize,
    payload_at: usize,
}

impl<'a> Segment<'a> {
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let ip_at = ETHERNET_BYTES + if is_tagged(bytes) { VLAN_TAG_BYTES } else { 0 };
        let ip = bytes.get(ip_at..)?;
        let (is_ipv6, ip_bytes, protocol, len) = match (get_u16(bytes, ip_at - 2)?, ip.first()?) {
            // No options, no fragment.
            (0x0800, 0x45) if get_u16(ip, 6)? & 0xbfff == 0 => {
                (false, 20, *ip.get(9)?, usize::from(get_u16(ip, 2)?))
            }
            (0x86dd, first) if first >> 4 == 6 => (true, 40, *ip.get(6)?, 40 + usize::from(get_u16(ip, 4)?)),
            _ => return None,
        };
        let tcp = ip.get(ip_bytes..)?;
        let tcp_bytes = 4 * usize::from(tcp.get(12)? >> 4);
        let flags = *tcp.get(13)?;
        // Payload, no padding behind it, and nothing said that must be said once.
        let is_plain = protocol == 6
            && len == ip.len()
            && (20..tcp.len()).contains(&tcp_bytes)
            && matches!(flags & !(TCP_PSH | TCP_ECE), TCP_ACK);
        let tcp_at = ip_at + ip_bytes;
        is_plain.then_some(Self { bytes, ip_at, is_ipv6, tcp_at, payload_at: tcp_at + tcp_bytes })
    }

    fn sequence(&self) -> u32 {
        let at = self.tcp_at + 4;
        u32::from_be_bytes([self.bytes[at], self.bytes[at + 1], self.bytes[at + 2], self.bytes[at + 3]])
    }

    fn identification(&self) -> u16 {
        u16::from_be_bytes([self.bytes[self.ip_at + 4], self.bytes[self.ip_at + 5]])
    }

    fn flags(&self) -> u8 {
        self.bytes[self.tcp_at + 13]
    }

    fn payload_len(&self) -> usize {
        self.bytes.len() - self.payload_at
    }

    /// The sum over the pseudo header for a TCP part of `len` bytes.
    fn pseudo_sum(&self, len: usize) -> Sum {
        let addresses =
            if self.is_ipv6 { self.ip_at + 8..self.ip_at + 40 } else { self.ip_at + 12..self.ip_at + 20 };
        // At most LARGE_BYTES_MAX.
        Sum::new().add_bytes(&self.bytes[addresses]).add_u16(6).add_u32(len as u32)
    }

    fn has_valid_checksums(&self) -> bool {
        let tcp = &self.bytes[self.tcp_at..];
        (self.is_ipv6 || Sum::new().add_bytes(&self.bytes[self.ip_at..self.tcp_at]).is_valid())
            && self.pseudo_sum(tcp.len()).add_bytes(tcp).is_valid()
    }

    /// Whether this can follow `before`, the `index`-th behind `first`.
    fn follows(&self, before: &Self, first: &Self, index: usize) -> bool {
        let same = |from: usize, to: usize| self.bytes[from..to] == first.bytes[from..to];
        let (ip, tcp) = (self.ip_at, self.tcp_at);
        self.payload_at == first.payload_at
            && self.is_ipv6 == first.is_ipv6
            && before.flags() & TCP_PSH == 0
            && before.payload_len() == first.payload_len()
            && self.payload_len() <= first.payload_len()
            && self.sequence() == before.sequence().wrapping_add(before.payload_len() as u32)
            && self.flags() & !TCP_PSH == first.flags()
            // Addresses, tag, type, version, class.
            && if self.is_ipv6 {
                same(0, ip + 4) && same(ip + 6, tcp + 4)
            } else {
                self.identification() == first.identification().wrapping_add(index as u16)
                    && same(0, ip + 2)
                    && same(ip + 6, ip + 10)
                    && same(ip + 12, tcp + 4)
            }
            // Acknowledgment and offset; window; urgent pointer and options.
            && same(tcp + 8, tcp + 13)
            && same(tcp + 14, tcp + 16)
            && same(tcp + 18, self.payload_at)
    }
}

/// Joins as many of the first packets as can be, at least two, into `large`. False if there is nothing to join.
/// Segments larger than the MTU are left alone: the kernel, which would refuse them one by one, doesn't look at
/// the size of what it is to cut.
pub(crate) fn join<'a>(
    mut packets: impl Iterator<Item = &'a Packet>,
    mtu_bytes: usize,
    large: &mut Large,
) -> bool {
    let Some(first) = packets.next().and_then(|packet| Segment::parse(packet.bytes())) else {
        return false;
    };
    if first.flags() & TCP_PSH != 0 || first.bytes.len() - first.ip_at > mtu_bytes {
        return false;
    }
    let (mut last, mut segments) = (first, 1);
    let mut len = first.bytes.len();
    for packet in packets.take(SEGMENTS_MAX - 1) {
        let Some(next) = Segment::parse(packet.bytes()) else { break };
        if !next.follows(&last, &first, segments)
            || len + next.payload_len() - first.ip_at > LARGE_BYTES_MAX
            || (segments == 1 && !first.has_valid_checksums())
            || !next.has_valid_checksums()
        {
            break;
        }
        len += next.payload_len();
        segments += 1;
        last = next;
    }
    if segments < 2 {
        return false;
    }
    write(&first, &last, len, large);
    large.segments = segments;
    true
}

/// Writes the headers of a frame of `len` bytes in all.
fn write(first: &Segment<'_>, last: &Segment<'_>, len: usize, large: &mut Large) {
    const NEEDS_CSUM: u8 = 1;
    const GSO_TCPV4: u8 = 1;
    const GSO_TCPV6: u8 = 4;
    const TCP_CHECKSUM: u16 = 16;
    large.headers_len = first.payload_at;
    let (vnet, rest) = large.bytes.split_at_mut(VNET_HEADER_BYTES);
    // Nothing here is longer than a frame of LARGE_BYTES_MAX.
    let words = [first.payload_at as u16, first.payload_len() as u16, first.tcp_at as u16, TCP_CHECKSUM];
    vnet[0] = NEEDS_CSUM;
    vnet[1] = if first.is_ipv6 { GSO_TCPV6 } else { GSO_TCPV4 };
    for (to, word) in vnet[2..].chunks_exact_mut(2).zip(words) {
        to.copy_from_slice(&word.to_ne_bytes());
    }
    let headers = &mut rest[..first.payload_at];
    headers.copy_from_slice(&first.bytes[..first.payload_at]);
    let (ip, tcp) = (first.ip_at, first.tcp_at);
    if first.is_ipv6 {
        headers[ip + 4..ip + 6].copy_from_slice(&((len - tcp) as u16).to_be_bytes());
    } else {
        headers[ip + 2..ip + 4].copy_from_slice(&((len - ip) as u16).to_be_bytes());
        headers[ip + 10..ip + 12].fill(0);
        let checksum = Sum::new().add_bytes(&headers[ip..tcp]).checksum();
        headers[ip + 10..ip + 12].copy_from_slice(&checksum.to_be_bytes());
    }
    headers[tcp + 13] = last.flags();
    // The pseudo header's sum, to which the kernel adds the rest.
    let sum = first.pseudo_sum(len - tcp).fold();
    headers[tcp + 16..tcp + 18].copy_from_slice(&sum.to_be_bytes());
}

fn get_u16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
}

#[cfg(test)]
mod tests {
    use heddle_packet::wire::{FrameBuilder, Mac, TcpFlags, TcpSegment};
    use heddle_packet::{Pool, PortId};
    use proptest::prelude::*;

    use super::*;
    use crate::offload::{Intake, Offloaded, Sink, VnetHeader};
    use crate::port::QueueStats;

    const ACK: TcpFlags = TcpFlags::ACK;
    const OPTIONS: [u8; 12] = [1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2];

    #[derive(Clone, Copy, Debug)]
    enum Family {
        V4,
        V6,
        TaggedV4,
    }

    /// The `index`-th segment of a stream in steps of 1,000 bytes; sequence number and identification wrap.
    fn segment(family: Family, index: u32, len: usize, flags: TcpFlags) -> Vec<u8> {
        let start = FrameBuilder::ethernet(Mac::local(2), Mac::local(1));
        let with_ip = match family {
            Family::V4 => start.ipv4([10, 0, 0, 1].into(), [10, 0, 0, 2].into()),
            Family::TaggedV4 => start.vlan(3, 9).ipv4([10, 0, 0, 1].into(), [10, 0, 0, 2].into()),
            Family::V6 => start.ipv6([1; 16].into(), [2; 16].into()),
        };
        let header = TcpSegment {
            source_port: 5_201,
            destination_port: 40_000,
            sequence: 0xffff_fc00u32.wrapping_add(1_000 * index),
            acknowledgment: 9,
            flags,
            window: 500,
            options: &OPTIONS,
        };
        let payload: Vec<u8> = (0..len).map(|n| (n as u32 * 7 + index) as u8).collect();
        with_ip.identification(0xffffu16.wrapping_add(index as u16)).tcp(&header).payload(&payload)
    }

    fn packets(frames: &[Vec<u8>]) -> Vec<Packet> {
        frames.iter().map(|frame| Packet::from_bytes(frame)).collect()
    }

    fn joined(frames: &[Vec<u8>]) -> usize {
        let mut large = Large::NONE;
        if join(packets(frames).iter(), 1_500, &mut large) { large.segments } else { 0 }
    }

    /// The large frame, cut by the port's own receive side.
    fn cut(large: &Large, segments: &[Packet]) -> Vec<Vec<u8>> {
        let mut bytes = large.front().to_vec();
        for segment in segments {
            bytes.extend_from_slice(large.payload(segment));
        }
        let (vnet, frame) = bytes.split_first_chunk::<VNET_HEADER_BYTES>().unwrap();
        let offloaded = Offloaded { header: VnetHeader::parse(vnet), bytes: frame, tag: None };
        let (mut pool, mut into, mut stats) = (Pool::new(0), Vec::new(), QueueStats::default());
        let mut sink =
            Sink { now_ns: 0, pool: &mut pool, into: &mut into, stats: &mut stats, room: usize::MAX };
        assert!(Intake::new(PortId(0)).take(&offloaded, &mut sink));
        into.iter().map(|packet| packet.bytes().to_vec()).collect()
    }

    #[test]
    fn what_is_joined_is_cut_into_the_same_bytes() {
        for family in [Family::V4, Family::V6, Family::TaggedV4] {
            let mut frames: Vec<_> = (0..5).map(|index| segment(family, index, 1_000, ACK)).collect();
            frames.push(segment(family, 5, 300, ACK.with(TcpFlags::PSH)));
            let packets = packets(&frames);
            let mut large = Large::NONE;
            assert!(join(packets.iter(), 1_500, &mut large), "{family:?}");
            assert_eq!(large.segments, 6);
            assert_eq!(cut(&large, &packets), frames, "{family:?}");
        }
    }

    #[test]
    fn a_run_ends_where_the_kernel_would_have_ended_it() {
        let stream = |index| segment(Family::V4, index, 1_000, ACK);
        let changed = |index, at: usize, value: u8| {
            let mut frame = stream(index);
            frame[at] ^= value;
            frame
        };
        assert_eq!(joined(&[stream(0), stream(1), stream(2)]), 3);
        // A short segment, PSH, or FIN in the middle.
        assert_eq!(joined(&[stream(0), segment(Family::V4, 1, 999, ACK), stream(2)]), 2);
        assert_eq!(
            joined(&[stream(0), segment(Family::V4, 1, 1_000, ACK.with(TcpFlags::PSH)), stream(2)]),
            2
        );
        assert_eq!(
            joined(&[stream(0), segment(Family::V4, 1, 1_000, ACK.with(TcpFlags::FIN)), stream(2)]),
            0
        );
        // A gap, an overlap, another order.
        assert_eq!(joined(&[stream(0), stream(2)]), 0);
        assert_eq!(joined(&[stream(1), stream(0)]), 0);
        // Damage: payload, IP header checksum; a different TTL, DSCP, acknowledgment or option.
        assert_eq!(joined(&[stream(0), changed(1, 200, 1), stream(2)]), 0);
        assert_eq!(joined(&[changed(0, 200, 1), stream(1), stream(2)]), 0);
        for at in [15, 22, 24, 45, 60] {
            assert_eq!(joined(&[stream(0), changed(1, at, 4)]), 0, "byte {at}");
        }
        // Larger than the MTU.
        assert_eq!(joined(&(0..3).map(|n| segment(Family::V4, n, 1_600, ACK)).collect::<Vec<_>>()), 0);
        // No more than a frame can hold.
        assert_eq!(joined(&(0..80).map(stream).collect::<Vec<_>>()), SEGMENTS_MAX);
        // No payload.
        assert_eq!(joined(&[segment(Family::V4, 0, 0, ACK), segment(Family::V4, 0, 0, ACK)]), 0);
    }

    proptest! {
        /// However the segments are changed, what is joined is cut into the same bytes.
        #[test]
        fn joining_never_shows(
            lens in proptest::collection::vec(prop_oneof![9 => Just(1_000usize), 1 => 1usize..1_200], 1..12),
            damage in proptest::collection::vec((0usize..12, 0usize..120, any::<u8>()), 0..3),
            pushed in 0usize..24,
            is_ipv6: bool,
        ) {
            let family = if is_ipv6 { Family::V6 } else { Family::V4 };
            let mut frames: Vec<_> = lens
                .iter()
                .enumerate()
                .map(|(index, &len)| {
                    let flags = if index == pushed { ACK.with(TcpFlags::PSH) } else { ACK };
                    segment(family, index as u32, len, flags)
                })
                .collect();
            for (index, at, value) in damage {
                if let Some(byte) = frames.get_mut(index).and_then(|frame| frame.get_mut(at)) {
                    *byte = value;
                }
            }
            let packets = packets(&frames);
            let mut large = Large::NONE;
            if join(packets.iter(), 1_500, &mut large) {
                prop_assert_eq!(cut(&large, &packets[..large.segments]), &frames[..large.segments]);
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120), is_ipv6: bool) {
            let mut bytes = bytes;
            if let Some(start) = bytes.get_mut(12..15) {
                start.copy_from_slice(if is_ipv6 { &[0x86, 0xdd, 0x60] } else { &[0x08, 0x00, 0x45] });
            }
            let packets = packets(&[bytes.clone(), bytes]);
            let mut large = Large::NONE;
            join(packets.iter(), 1_500, &mut large);
        }
    }
}
