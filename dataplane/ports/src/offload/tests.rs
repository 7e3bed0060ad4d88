//! Large frames built by hand, cut, and put together again.

use proptest::prelude::*;

use super::*;

const ETHERNET: [u8; 12] = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
const TAG: [u8; 4] = [0x81, 0x00, 0x60, 0x05];

fn ethernet(ethertype: u16, inner: &[u8]) -> Vec<u8> {
    [&ETHERNET, &ethertype.to_be_bytes()[..], inner].concat()
}

/// IPv4 with an identification of 0xfffe, so that it wraps.
fn ipv4_around(protocol: u8, inner: &[u8]) -> Vec<u8> {
    let mut header = vec![0x45, 0, 0, 0, 0xff, 0xfe, 0x40, 0, 64, protocol, 0, 0];
    header.extend([10, 0, 0, 1, 10, 0, 0, 2]);
    [&header, inner].concat()
}

fn ipv6_around(next: u8, inner: &[u8]) -> Vec<u8> {
    let mut header = vec![0x60, 0, 0, 0, 0, 0, next, 64];
    for last in [1, 2] {
        header.extend([0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
    }
    [&header, inner].concat()
}

/// TCP with 12 bytes of options; sequence number close to the wrap; CWR, ACK, PSH and FIN set.
fn tcp(payload: &[u8]) -> Vec<u8> {
    let mut header = vec![0x12, 0x34, 0x00, 0x50, 0xff, 0xff, 0xff, 0x00, 0, 0, 0, 1, 0x80, 0x99];
    header.extend([0x10, 0, 0, 0, 0, 0]);
    header.extend([1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2]);
    [&header, payload].concat()
}

fn udp(destination: u16, payload: &[u8]) -> Vec<u8> {
    let [high, low] = destination.to_be_bytes();
    [&[0x30, 0x39, high, low, 0, 0, 0, 0], payload].concat()
}

fn payload(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n * 7 + n / 256) as u8).collect()
}

fn header(gso: Gso, gso_size_bytes: usize, checksum_start: usize) -> VnetHeader {
    let checksum_offset = if gso == Gso::Udp { 6 } else { 16 };
    VnetHeader { needs_checksum: true, gso, gso_size_bytes, checksum_start, checksum_offset, is_ecn: false }
}

/// Takes the frame in calls of at most `room` packets.
fn take_all(frame: &Offloaded<'_>, room: usize) -> (Vec<Packet>, QueueStats) {
    let (mut pool, mut into, mut stats) = (Pool::new(0), Vec::new(), QueueStats::default());
    let mut intake = Intake::new(PortId(7));
    loop {
        let mut sink =
            Sink { now_ns: 5, pool: &mut pool, into: &mut into, stats: &mut stats, room: room.max(1) };
        if intake.take(frame, &mut sink) {
            return (into, stats);
        }
    }
}

/// Whether the transport checksum at `at` holds, given IPv4 at `ip`.
fn ipv4_transport_holds(packet: &[u8], ip: usize, at: usize) -> bool {
    Sum::new()
        .add_bytes(&packet[ip + 12..ip + 20])
        .add_u16(u16::from(packet[ip + 9]))
        .add_u16((packet.len() - at) as u16)
        .add_bytes(&packet[at..])
        .is_valid()
}

#[test]
fn header_is_read_in_host_order() {
    let mut bytes = [0; VNET_HEADER_BYTES];
    bytes[0] = 1;
    bytes[1] = 0x81;
    bytes[4..6].copy_from_slice(&1448u16.to_ne_bytes());
    bytes[6..8].copy_from_slice(&34u16.to_ne_bytes());
    bytes[8..10].copy_from_slice(&16u16.to_ne_bytes());
    let expected = VnetHeader { is_ecn: true, ..header(Gso::Tcp, 1448, 34) };
    assert_eq!(VnetHeader::parse(&bytes), expected);
    bytes[1] = 3;
    assert_eq!(VnetHeader::parse(&bytes).gso, Gso::Unknown);
}

#[test]
fn a_partial_checksum_is_completed_behind_the_tag() {
    let mut frame = ethernet(0x0800, &ipv4_around(17, &udp(53, b"partial")));
    // The field holds the pseudo header's sum, as the kernel leaves it.
    let pseudo = Sum::ipv4_pseudo([10, 0, 0, 1].into(), [10, 0, 0, 2].into(), 17, 15).fold();
    frame[40..42].copy_from_slice(&pseudo.to_be_bytes());
    let offloaded = Offloaded {
        header: VnetHeader {
            needs_checksum: true,
            checksum_start: 34,
            checksum_offset: 6,
            ..VnetHeader::PLAIN
        },
        bytes: &frame,
        tag: Some(TAG),
    };
    let (packets, stats) = take_all(&offloaded, 64);
    let bytes = packets[0].bytes();
    assert_eq!(bytes[..12], ETHERNET);
    assert_eq!(bytes[12..16], TAG);
    assert_eq!(bytes[16..18], [0x08, 0x00]);
    assert!(ipv4_transport_holds(bytes, 18, 38));
    assert_eq!((packets[0].ingress_port, packets[0].arrival_ns), (PortId(7), 5));
    assert_eq!((stats.rx_packets, stats.rx_bytes), (1, bytes.len() as u64));
}

#[test]
fn a_partial_sctp_checksum_is_a_crc() {
    // The check value of CRC-32/ISCSI.
    assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    let mut frame = ethernet(0x0800, &ipv4_around(132, &[7; 24]));
    assert_eq!(complete(&mut frame, 34, 8), Ok(()));
    let written: [u8; 4] = frame[42..46].try_into().unwrap();
    frame[42..46].fill(0);
    assert_eq!(u32::from_le_bytes(written), crc32c(&frame[34..]));
}

#[test]
fn tcp_over_ipv4_is_cut_as_the_kernel_cuts_it() {
    let data = payload(3_000);
    let frame = ethernet(0x0800, &ipv4_around(6, &tcp(&data)));
    for tag in [None, Some(TAG)] {
        let offloaded = Offloaded { header: header(Gso::Tcp, 1_200, 34), bytes: &frame, tag };
        let (packets, stats) = take_all(&offloaded, 1);
        let ip = if tag.is_some() { 18 } else { 14 };
        let at = ip + 20;
        assert_eq!(
            packets.iter().map(|packet| packet.len()).collect::<Vec<_>>(),
            [1_200, 1_200, 600].map(|n| n + at + 32)
        );
        let mut joined = Vec::new();
        for (index, packet) in packets.iter().enumerate() {
            let bytes = packet.bytes();
            assert_eq!(usize::from(get_u16(bytes, ip + 2)), bytes.len() - ip);
            assert_eq!(get_u16(bytes, ip + 4), 0xfffeu16.wrapping_add(index as u16));
            assert!(Sum::new().add_bytes(&bytes[ip..at]).is_valid());
            assert!(ipv4_transport_holds(bytes, ip, at));
            assert_eq!(get_u32(bytes, at + 4), 0xffff_ff00u32.wrapping_add(1_200 * index as u32));
            assert_eq!(bytes[at + 13], [0x90, 0x10, 0x19][index]);
            joined.extend_from_slice(&bytes[at + 32..]);
        }
        assert_eq!(joined, data);
        assert_eq!(stats.rx_packets, 3);
    }
}

#[test]
fn udp_over_ipv6_with_a_segment_routing_header_is_cut() {
    let data = payload(2_500);
    let mut segment_routing = vec![17, 2, 4, 1, 0, 0, 0, 0];
    segment_routing.extend([0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9]);
    segment_routing.extend(udp(4_791, &data));
    let frame = ethernet(0x86dd, &ipv6_around(43, &segment_routing));
    let offloaded = Offloaded { header: header(Gso::Udp, 1_000, 78), bytes: &frame, tag: None };
    let (packets, _) = take_all(&offloaded, 64);
    assert_eq!(packets.len(), 3);
    for packet in &packets {
        let bytes = packet.bytes();
        assert_eq!(usize::from(get_u16(bytes, 18)), bytes.len() - 54);
        assert_eq!(usize::from(get_u16(bytes, 82)), bytes.len() - 78);
        let sum = Sum::new()
            .add_bytes(&bytes[22..38])
            .add_bytes(&bytes[62..78])
            .add_u32((bytes.len() - 78) as u32)
            .add_u16(17)
            .add_bytes(&bytes[78..]);
        assert!(sum.is_valid());
    }
}

#[test]
fn tcp_in_vxlan_is_cut_and_the_outer_checksum_follows() {
    let data = payload(2_000);
    let inner = ethernet(0x0800, &ipv4_around(6, &tcp(&data)));
    let mut outer = udp(4_789, &[&[8, 0, 0, 0, 0, 0, 42, 0], &inner[..]].concat());
    outer[6] = 1;
    let frame = ethernet(0x0800, &ipv4_around(17, &outer));
    let offloaded = Offloaded { header: header(Gso::Tcp, 1_000, 84), bytes: &frame, tag: None };
    let (packets, _) = take_all(&offloaded, 64);
    assert_eq!(packets.len(), 2);
    for packet in &packets {
        let bytes = packet.bytes();
        assert!(Sum::new().add_bytes(&bytes[14..34]).is_valid());
        assert_eq!(usize::from(get_u16(bytes, 38)), bytes.len() - 34);
        assert!(ipv4_transport_holds(bytes, 14, 34), "outer UDP");
        assert!(ipv4_transport_holds(bytes, 64, 84), "inner TCP");
    }
}

#[test]
fn what_contradicts_itself_is_counted_and_yields_nothing() {
    let tcp4 = ethernet(0x0800, &ipv4_around(6, &tcp(&payload(2_000))));
    let cases = [
        ("no segment size", header(Gso::Tcp, 0, 34), &tcp4[..]),
        ("segments too large", header(Gso::Tcp, 65_500, 34), &tcp4[..]),
        ("wrong transport", header(Gso::Udp, 1_000, 34), &tcp4[..]),
        ("unknown kind", header(Gso::Unknown, 1_000, 34), &tcp4[..]),
        ("headers cut off", header(Gso::Tcp, 1_000, 34), &tcp4[..50]),
        ("checksum outside", header(Gso::None, 0, 5_000), &tcp4[..]),
        ("no Ethernet header", VnetHeader::PLAIN, &tcp4[..13]),
    ];
    for (case, header, bytes) in cases {
        let (packets, stats) = take_all(&Offloaded { header, bytes, tag: None }, 64);
        assert_eq!((packets.len(), stats.rx_invalid), (0, 1), "{case}");
    }
}

proptest! {
    #[test]
    fn never_panics(
        vnet: [u8; VNET_HEADER_BYTES],
        mutations in proptest::collection::vec((0usize..160, any::<u8>()), 0..6),
        shape in 0usize..3,
        len in 0usize..2_000,
        cut in 0usize..2_200,
        real_start: bool,
        tagged: bool,
    ) {
        let inner = ethernet(0x0800, &ipv4_around(6, &tcp(&payload(len))));
        let (mut frame, start) = match shape {
            0 => (inner, 34),
            1 => (ethernet(0x86dd, &ipv6_around(17, &udp(1, &payload(len)))), 54),
            _ => (ethernet(0x0800, &ipv4_around(17, &udp(6_081, &[&[0; 8], &inner[..]].concat()))), 84),
        };
        for (at, value) in mutations {
            if let Some(byte) = frame.get_mut(at) {
                *byte = value;
            }
        }
        frame.truncate(cut);
        let mut header = VnetHeader::parse(&vnet);
        if real_start {
            header.needs_checksum = true;
            header.checksum_start = start;
        }
        let offloaded = Offloaded { header, bytes: &frame, tag: tagged.then_some(TAG) };
        let (packets, stats) = take_all(&offloaded, 64);
        prop_assert_eq!(packets.is_empty(), stats.rx_invalid == 1);
    }
}
