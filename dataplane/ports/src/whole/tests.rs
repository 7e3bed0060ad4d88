//! Whole frames against the segments they stand for: same bytes, same counts.

use heddle_packet::PortId;
use heddle_packet::wire::{FrameBuilder, Mac, TcpFlags, TcpSegment};
use proptest::prelude::*;

use super::*;
use crate::offload::{Intake, Sink};
use crate::port::QueueStats;
use crate::scratch::Scratch;

const OPTIONS: [u8; 12] = [1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2];
const ACK: TcpFlags = TcpFlags::ACK;

/// A large frame as a kernel hands it over, behind its offload header.
fn large(shape: Shape, payload_bytes: usize, segment_bytes: u16, flags: TcpFlags) -> Vec<u8> {
    let mut start = FrameBuilder::ethernet(Mac::local(2), Mac::local(1));
    if shape.is_tagged() {
        start = start.vlan(3, 9);
    }
    let with_ip = if shape.is_ipv6() {
        start.ipv6([1; 16].into(), [2; 16].into())
    } else {
        start.ipv4([10, 0, 0, 1].into(), [10, 0, 0, 2].into())
    };
    let header = TcpSegment {
        source_port: 5_201,
        destination_port: 40_000,
        sequence: 0xffff_fc00,
        acknowledgment: 9,
        flags,
        window: 500,
        options: &OPTIONS,
    };
    let payload: Vec<u8> = (0..payload_bytes).map(|n| (n * 7 % 251) as u8).collect();
    let mut frame = with_ip.identification(0xfffe).tcp(&header).payload(&payload);
    let (network_at, tcp_at) = (shape.network_at(), shape.transport_at());
    let sum = pseudo(&frame[network_at..], shape.is_ipv6(), frame.len() - tcp_at).fold();
    frame[tcp_at + 16..tcp_at + 18].copy_from_slice(&sum.to_be_bytes());
    let mut bytes = vec![1, if shape.is_ipv6() { 4 } else { 1 }];
    for word in [tcp_at as u16 + 32, segment_bytes, tcp_at as u16, 16] {
        bytes.extend(word.to_ne_bytes());
    }
    bytes.extend(frame);
    bytes
}

/// What a queue makes of it: with `shapes`, perhaps one packet, else its segments.
fn taken(bytes: &[u8], tag: Option<[u8; 4]>, shapes: Shapes) -> Vec<Packet> {
    let mut scratch = Scratch::new();
    let mut left = bytes;
    for mut space in scratch.space() {
        let (now, later) = left.split_at(left.len().min(space.len()));
        space[..now.len()].copy_from_slice(now);
        left = later;
    }
    assert!(scratch.hold(bytes.len(), tag));
    let (mut pool, mut into, mut stats) = (Pool::new(0), Vec::new(), QueueStats::default());
    let mut sink = Sink { now_ns: 7, pool: &mut pool, into: &mut into, stats: &mut stats, room: usize::MAX };
    let mut intake = Intake::new(PortId(3));
    intake.set_whole(shapes);
    assert!(scratch.take(&mut intake, &mut sink));
    let bytes: usize = into.iter().map(|packet| packet.wire_bytes()).sum();
    let packets: usize = into.iter().map(|packet| packet.segments()).sum();
    assert_eq!((stats.rx_packets, stats.rx_bytes), (packets as u64, bytes as u64));
    into
}

fn all() -> Shapes {
    Shape::ALL.into_iter().fold(Shapes::NONE, Shapes::with)
}

fn whole(bytes: &[u8]) -> Packet {
    let mut packets = taken(bytes, None, all());
    assert_eq!(packets.len(), 1);
    packets.remove(0)
}

fn bytes_of(packets: &[Packet]) -> Vec<&[u8]> {
    packets.iter().map(|packet| packet.bytes()).collect()
}

fn cut_up(packet: &Packet) -> Vec<Packet> {
    let mut segments = Vec::new();
    cut(packet, &mut Pool::new(0), |segment| segments.push(segment));
    segments
}

#[test]
fn what_is_carried_whole_is_cut_into_the_segments_that_came() {
    for shape in Shape::ALL {
        for flags in [ACK, ACK.with(TcpFlags::PSH).with(TcpFlags::FIN), ACK.with(TcpFlags::CWR)] {
            let bytes = large(shape, 10_100, 1_448, flags);
            let packet = whole(&bytes);
            let plain = taken(&bytes, None, Shapes::NONE);
            assert_eq!((packet.segments(), packet.arrival_ns, packet.ingress_port), (7, 7, PortId(3)));
            let segments = cut_up(&packet);
            assert_eq!(bytes_of(&segments), bytes_of(&plain), "{shape:?}");
            assert!(segments.iter().all(|segment| segment.ingress_port == PortId(3)));
            // And a kernel is told to do the same.
            let header = vnet_header(&packet, 1_520).unwrap();
            let again = [&header[..], packet.bytes()].concat();
            assert_eq!(bytes_of(&taken(&again, None, Shapes::NONE)), bytes_of(&plain), "{shape:?}");
        }
    }
}

#[test]
fn a_tag_beside_the_frame_goes_into_it() {
    let untagged = large(Shape::Ipv4, 5_000, 1_448, ACK);
    let tag = Some([0x81, 0x00, 0x60, 0x09]);
    let packets = taken(&untagged, tag, all());
    assert_eq!(packets.len(), 1);
    assert_eq!(bytes_of(&cut_up(&packets[0])), bytes_of(&taken(&untagged, tag, Shapes::NONE)));
    assert!(vnet_header(&packets[0], 1_500).is_some());
    // Not where only untagged frames are to be whole, and no 802.1ad.
    assert_eq!(taken(&untagged, tag, Shapes::NONE.with(Shape::Ipv4)).len(), 4);
    assert_eq!(taken(&untagged, Some([0x88, 0xa8, 0x60, 0x09]), all()).len(), 4);
}

#[test]
fn a_frame_that_says_otherwise_than_the_kernel_is_cut() {
    let good = large(Shape::Ipv4, 5_000, 1_448, ACK);
    let at = |byte: usize| VNET_HEADER_BYTES + byte;
    for (byte, value) in [
        // No partial checksum, another place for it, no TCP to be cut, more to it.
        (0, 0),
        (6, 33),
        (1, 5),
        // Options, a fragment, another protocol, a length, a damaged header, a pseudo header's sum.
        (at(14), 0x46),
        (at(20), 0x20),
        (at(23), 17),
        (at(17), 0),
        (at(24), good[at(24)] ^ 1),
        (at(50), good[at(50)] ^ 1),
    ] {
        let mut bytes = good.clone();
        bytes[byte] = value;
        let packets = taken(&bytes, None, all());
        assert!(packets.iter().all(|packet| packet.segmentation.is_none()), "byte {byte}");
    }
    // One segment needs no cutting.
    assert!(taken(&large(Shape::Ipv4, 1_448, 1_448, ACK), None, all())[0].segmentation.is_none());
}

/// What a router does to a packet, one or whole.
fn route(packet: &mut Packet, network_at: usize, mends_checksum: bool) {
    let bytes = packet.bytes_mut();
    bytes[0..6].copy_from_slice(&[2, 9, 9, 9, 9, 9]);
    if bytes[network_at] >> 4 == 6 {
        bytes[network_at + 7] -= 1;
        return;
    }
    bytes[network_at + 8] -= 1;
    if mends_checksum {
        bytes[network_at + 10..network_at + 12].fill(0);
        let checksum = Sum::new().add_bytes(&bytes[network_at..network_at + 20]).checksum();
        bytes[network_at + 10..network_at + 12].copy_from_slice(&checksum.to_be_bytes());
    }
}

#[test]
fn headers_rewritten_once_are_rewritten_in_every_segment() {
    for shape in Shape::ALL {
        for mends_checksum in [true, false] {
            let bytes = large(shape, 4_000, 1_400, ACK);
            let mut packet = whole(&bytes);
            route(&mut packet, shape.network_at(), mends_checksum);
            let mut plain = taken(&bytes, None, Shapes::NONE);
            plain.iter_mut().for_each(|packet| route(packet, shape.network_at(), mends_checksum));
            assert_eq!(bytes_of(&cut_up(&packet)), bytes_of(&plain), "{shape:?} {mends_checksum}");
            // The kernel would mend what the program left broken.
            let is_right = mends_checksum || shape.is_ipv6();
            assert_eq!(vnet_header(&packet, 1_500).is_some(), is_right, "{shape:?} {mends_checksum}");
        }
    }
}

#[test]
fn addresses_rewritten_leave_a_wrong_checksum_wrong() {
    for shape in [Shape::Ipv4, Shape::Ipv6] {
        let bytes = large(shape, 4_000, 1_400, ACK);
        let at = shape.network_at() + if shape.is_ipv6() { 8 } else { 12 };
        let mut packet = whole(&bytes);
        packet.bytes_mut()[at] ^= 0x40;
        let mut plain = taken(&bytes, None, Shapes::NONE);
        plain.iter_mut().for_each(|packet| packet.bytes_mut()[at] ^= 0x40);
        assert_eq!(bytes_of(&cut_up(&packet)), bytes_of(&plain));
        assert_eq!(vnet_header(&packet, 1_500), None);
    }
}

#[test]
fn headers_in_front_may_come_and_go() {
    let bytes = large(Shape::Ipv4, 4_000, 1_400, ACK);
    let tagged = |packet: &mut Packet| {
        let mut front = packet.bytes()[..12].to_vec();
        front.extend([0x81, 0, 0, 5]);
        packet.replace_front(12, &front);
    };
    let mut packet = whole(&bytes);
    tagged(&mut packet);
    let mut plain = taken(&bytes, None, Shapes::NONE);
    plain.iter_mut().for_each(tagged);
    assert_eq!(bytes_of(&cut_up(&packet)), bytes_of(&plain));
    assert!(vnet_header(&packet, 1_500).is_some());
    // What a kernel doesn't know it is not asked to cut.
    let strange = |packet: &mut Packet| {
        let mut front = packet.bytes()[..12].to_vec();
        front.extend([0x88, 0xb5, 1, 2, 3, 4, 8, 0]);
        packet.replace_front(14, &front);
    };
    let mut packet = whole(&bytes);
    strange(&mut packet);
    let mut plain = taken(&bytes, None, Shapes::NONE);
    plain.iter_mut().for_each(strange);
    assert_eq!(bytes_of(&cut_up(&packet)), bytes_of(&plain));
    assert_eq!(vnet_header(&packet, 1_500), None);
}

#[test]
fn a_smaller_mtu_has_it_cut_here() {
    let packet = whole(&large(Shape::Ipv4, 4_000, 1_448, ACK));
    assert!(vnet_header(&packet, 1_500).is_some());
    assert_eq!(vnet_header(&packet, 1_499), None);
    let mut from = VecDeque::from([packet, Packet::from_bytes(&[1; 60])]);
    cut_first(&mut from, &mut Pool::new(0));
    assert_eq!(from.iter().map(|packet| packet.len()).collect::<Vec<_>>(), [1_514, 1_514, 1_170, 60]);
}

proptest! {
    /// Whatever the headers say, nothing panics, and what is taken whole is cut as it would have been.
    #[test]
    fn whole_or_not_the_segments_are_the_same(
        shape in prop::sample::select(Shape::ALL.to_vec()),
        payload_bytes in 1usize..9_000,
        segment_bytes in 1u16..3_000,
        damage in prop::collection::vec((0usize..120, any::<u8>()), 0..3),
    ) {
        let mut bytes = large(shape, payload_bytes, segment_bytes.max(200), ACK);
        for (at, value) in damage {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
        }
        let mut segments = Vec::new();
        for packet in taken(&bytes, None, all()) {
            segments.extend(cut_up(&packet));
            let _may_be = vnet_header(&packet, 1_500);
        }
        let plain = taken(&bytes, None, Shapes::NONE);
        prop_assert_eq!(bytes_of(&segments), bytes_of(&plain));
    }
}
