//! Frames built here and read by `pnet`'s views, a second opinion; then bytes at random.

use pnet::packet::Packet as _;
use pnet::packet::arp::ArpPacket;
use pnet::packet::ethernet::EthernetPacket;
use pnet::packet::ipv4::{self, Ipv4Packet};
use pnet::packet::ipv6::Ipv6Packet;
use pnet::packet::tcp::{self, TcpPacket};
use pnet::packet::udp::{self, UdpPacket};
use pnet::packet::vlan::VlanPacket;
use pnet::packet::{icmp as pnet_icmp, icmpv6 as pnet_icmpv6};
use proptest::prelude::*;

use super::rocev2::*;
use super::*;

const A: std::net::Ipv4Addr = std::net::Ipv4Addr::new(10, 0, 0, 1);
const B: std::net::Ipv4Addr = std::net::Ipv4Addr::new(192, 168, 7, 9);
const A6: std::net::Ipv6Addr = std::net::Ipv6Addr::new(0xfd00, 0, 0, 1, 2, 3, 4, 5);
const B6: std::net::Ipv6Addr = std::net::Ipv6Addr::new(0xfd00, 0, 0, 9, 8, 7, 6, 5);

fn start() -> FrameBuilder {
    FrameBuilder::ethernet(Mac::local(2), Mac::local(1))
}

#[test]
fn udp_in_vlan_over_ipv4() {
    let frame =
        start().vlan(5, 77).ipv4(A, B).dscp_ecn(26, 1).ttl(9).identification(4).udp(5, 6).payload(b"odd");
    let ethernet = EthernetPacket::new(&frame).unwrap();
    assert_eq!(ethernet.get_destination().octets(), Mac::local(2).0);
    assert_eq!(ethernet.get_ethertype().0, EtherType::VLAN.0);
    let vlan = VlanPacket::new(ethernet.payload()).unwrap();
    assert_eq!((vlan.get_priority_code_point().0, vlan.get_vlan_identifier()), (5, 77));
    let ip = Ipv4Packet::new(vlan.payload()).unwrap();
    assert_eq!((ip.get_source(), ip.get_destination(), ip.get_dscp(), ip.get_ecn()), (A, B, 26, 1));
    assert_eq!((ip.get_ttl(), ip.get_identification(), ip.get_total_length()), (9, 4, 31));
    assert_eq!(ip.get_checksum(), ipv4::checksum(&ip));
    let datagram = UdpPacket::new(ip.payload()).unwrap();
    assert_eq!((datagram.get_source(), datagram.get_destination(), datagram.get_length()), (5, 6, 11));
    assert_eq!(datagram.get_checksum(), udp::ipv4_checksum(&datagram, &A, &B));
    assert_eq!(datagram.payload(), b"odd");

    let ours = Ethernet::new_checked(&frame).unwrap();
    let tag = Vlan::new_checked(ours.payload()).unwrap();
    assert_eq!((tag.priority(), tag.vlan_id(), tag.is_drop_eligible()), (5, 77, false));
    let (ethertype, rest) = ours.untagged();
    assert_eq!((ethertype, rest), (EtherType::IPV4, tag.payload()));
    let ours = Ipv4::new_checked(rest).unwrap();
    assert!(ours.has_valid_checksum() && ours.is_dont_fragment() && !ours.has_more_fragments());
    assert_eq!((ours.dscp(), ours.ecn(), ours.ttl(), ours.fragment_offset_bytes()), (26, 1, 9, 0));
    let ours_udp = Udp::new_checked(ours.payload()).unwrap();
    assert!(ours_udp.has_valid_checksum(ours.pseudo_sum()));
    assert_eq!(ours_udp.payload(), b"odd");
}

#[test]
fn tcp_with_options_over_ipv6() {
    let segment = TcpSegment {
        source_port: 80,
        destination_port: 4_000,
        sequence: 0xdead_beef,
        acknowledgment: 7,
        flags: TcpFlags::SYN.with(TcpFlags::ACK),
        window: 512,
        options: &[2, 4, 5, 180, 1],
    };
    let frame =
        start().ipv6(A6, B6).flow_label(0x12345).dscp_ecn(48, 2).ttl(3).tcp(&segment).payload(b"hello");
    let ip = Ipv6Packet::new(&frame[14..]).unwrap();
    assert_eq!((ip.get_flow_label(), ip.get_traffic_class(), ip.get_hop_limit()), (0x12345, 48 << 2 | 2, 3));
    assert_eq!((ip.get_source(), ip.get_destination(), ip.get_payload_length()), (A6, B6, 33));
    let theirs = TcpPacket::new(ip.payload()).unwrap();
    assert_eq!(
        (theirs.get_sequence(), theirs.get_acknowledgement(), theirs.get_data_offset()),
        (0xdead_beef, 7, 7)
    );
    assert_eq!(theirs.get_checksum(), tcp::ipv6_checksum(&theirs, &A6, &B6));
    assert_eq!(theirs.payload(), b"hello");

    let ours = Ipv6::new_checked(&frame[14..]).unwrap();
    let ours_tcp = Tcp::new_checked(ours.payload()).unwrap();
    assert!(ours_tcp.has_valid_checksum(ours.pseudo_sum()));
    assert_eq!(ours_tcp.flags(), TcpFlags(0x12));
    assert_eq!(format!("{:?}", ours_tcp.flags()), "SYN|ACK");
    assert_eq!((ours_tcp.options(), ours_tcp.payload()), (&[2, 4, 5, 180, 1, 0, 0, 0][..], &b"hello"[..]));
    assert_eq!((ours.flow_label(), ours.dscp(), ours.ecn()), (0x12345, 48, 2));
}

#[test]
fn echoes_and_arp() {
    let echo = IcmpEcho { identifier: 77, sequence: 3 };
    let frame = start().ipv4(A, B).echo(false, echo).payload(b"ping");
    let ip = Ipv4Packet::new(&frame[14..]).unwrap();
    let theirs = pnet_icmp::IcmpPacket::new(ip.payload()).unwrap();
    assert_eq!(theirs.get_checksum(), pnet_icmp::checksum(&theirs));
    let ours = Icmp::new_checked(ip.payload()).unwrap();
    assert_eq!((ours.kind(), ours.code(), ours.echo(), ours.payload()), (8, 0, echo, &b"ping"[..]));
    assert!(ours.has_valid_checksum(checksum::Sum::new()));

    let frame = start().ipv6(A6, B6).echo(true, echo).payload(b"ping");
    let ip = Ipv6Packet::new(&frame[14..]).unwrap();
    let theirs = pnet_icmpv6::Icmpv6Packet::new(ip.payload()).unwrap();
    assert_eq!(theirs.get_checksum(), pnet_icmpv6::checksum(&theirs, &A6, &B6));
    assert_eq!(theirs.get_icmpv6_type().0, 129);

    let frame = start().arp(1, (Mac::local(1), A), (Mac::default(), B)).payload(&[]);
    let theirs = ArpPacket::new(&frame[14..]).unwrap();
    assert_eq!(
        (theirs.get_operation().0, theirs.get_sender_proto_addr(), theirs.get_target_proto_addr()),
        (1, A, B)
    );
    let ours = Arp::new_checked(&frame[14..]).unwrap();
    assert!(ours.is_ipv4_over_ethernet());
    assert_eq!((ours.sender_mac(), ours.sender_ip(), ours.target_ip()), (Mac::local(1), A, B));
}

#[test]
fn a_router_s_change_keeps_the_checksum_right() {
    let mut frame = start().ipv4(A, B).udp(1, 2).payload(b"x");
    let mut ip = Ipv4::new_checked(&mut frame[14..]).unwrap();
    for expected in (0..64).rev() {
        assert!(ip.decrement_ttl());
        assert!(ip.has_valid_checksum());
        assert_eq!(ip.ttl(), expected);
    }
    assert!(!ip.decrement_ttl());
}

/// A congestion notification that a ConnectX-4 Lx sent, known by its fields and its CRC.
#[test]
fn invariant_crc_of_an_adapter_s_cnp() {
    let (source, destination) = ([10, 0, 17, 1].into(), [10, 0, 18, 1].into());
    let frame =
        start().ipv4(source, destination).dscp_ecn(48, 2).identification(0x718c).cnp(0, 0x118).payload(&[]);
    assert_eq!(frame.len(), 74);
    assert_eq!(Ipv4::new_checked(&frame[14..]).unwrap().checksum(), 0x9161);
    assert_eq!(frame[70..], [0x82, 0xfd, 0x00, 0x2a]);
    assert!(has_valid_icrc(&frame[14..]));
}

/// An unreliable SEND with padding, known by its fields and its CRC.
#[test]
fn invariant_crc_of_a_padded_send() {
    let address = [192, 168, 0, 7].into();
    let fields = BthFields { is_migrated: true, ..BthFields::new(Opcode::UC_SEND_ONLY, 211, 13_571_856) };
    let payload = b"F0\x81\x8b\xe2\x895\xd9\x0e\x9a\x95PT\x01\xbe\x88^P";
    let frame = start()
        .ipv4(address, address)
        .dscp_ecn(0, 1)
        .identification(1_144)
        .rocev2(49_152, &fields)
        .payload(payload);
    let ip = Ipv4::new_checked(&frame[14..]).unwrap();
    assert_eq!((ip.checksum(), ip.total_len()), (0xb4d5, 64));
    let datagram = Udp::new_checked(ip.payload()).unwrap();
    let bth = Bth::new_checked(datagram.payload()).unwrap();
    assert_eq!((bth.pad_bytes(), bth.destination_qp(), bth.sequence()), (2, 211, 13_571_856));
    assert_eq!(frame[frame.len() - 4..], [0x78, 0xf3, 0x53, 0xf3]);
}

#[test]
fn invariant_crc_ignores_what_changes_on_the_way_and_nothing_else() {
    let reth = Reth { virtual_address: 0x1122_3344_5566_7788, remote_key: 9, dma_len_bytes: 1 << 20 };
    let fields = BthFields::new(Opcode::RC_WRITE_FIRST, 0x1234, 5);
    for (frame, ip_len, invariant) in [
        (start().ipv4(A, B).rocev2(50_000, &fields).reth(&reth).payload(&[7; 64]), 20, vec![1, 8, 10, 11]),
        (start().ipv6(A6, B6).rocev2(50_000, &fields).reth(&reth).payload(&[7; 64]), 40, vec![1, 2, 3, 7]),
    ] {
        let packet = &frame[14..];
        assert!(has_valid_icrc(packet));
        let ignored: Vec<usize> = [invariant, vec![ip_len + 6, ip_len + 7, ip_len + 8 + 4]].concat();
        for at in 1..packet.len() {
            let mut changed = packet.to_vec();
            changed[at] ^= 0x55;
            assert_eq!(has_valid_icrc(&changed), ignored.contains(&at), "byte {at}");
        }
        let bth = Bth::new_checked(&packet[ip_len + 8..]).unwrap();
        assert!(bth.opcode().has_reth() && bth.opcode().starts_message() && !bth.opcode().ends_message());
        assert_eq!(Reth::parse(bth.rest()), Ok(reth));
    }
}

#[test]
fn opcodes_say_what_follows() {
    let all = |test: fn(Opcode) -> bool| {
        (0..=0xff)
            .map(Opcode)
            .filter(|&opcode| test(opcode))
            .map(|opcode| opcode.0)
            .filter(|&code| code < 0x20)
            .collect::<Vec<_>>()
    };
    assert_eq!(all(Opcode::has_reth), [0x06, 0x0a, 0x0b, 0x0c]);
    assert_eq!(all(Opcode::has_aeth), [0x0d, 0x0f, 0x10, 0x11, 0x12]);
    assert_eq!(all(Opcode::has_immediate), [0x03, 0x05, 0x09, 0x0b]);
    assert!(!Opcode::CNP.has_reth() && !Opcode::CNP.starts_message());
    let aeth = Aeth { syndrome: 0x60, message_sequence: 0x12_3456 };
    assert_eq!(Aeth::parse(&aeth.emit()), Ok(aeth));
}

proptest! {
    /// The contract of every view: once checked, no accessor panics, not even after the bytes changed.
    #[test]
    fn checked_views_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..120), at: usize, value: u8) {
        for _ in 0..2 {
            if let Ok(view) = Ethernet::new_checked(&bytes) {
                let _ = (view.destination(), view.source(), view.ethertype(), view.payload(), view.untagged());
            }
            if let Ok(view) = Vlan::new_checked(&bytes) {
                let _ = (view.priority(), view.vlan_id(), view.ethertype(), view.payload(), view.is_drop_eligible());
            }
            if let Ok(view) = Arp::new_checked(&bytes) {
                let _ = (view.operation(), view.sender_mac(), view.target_mac(), view.target_ip());
            }
            if let Ok(mut view) = Ipv4::new_checked(&mut bytes) {
                let _ = (view.options().len(), view.payload().len(), view.pseudo_sum(), view.has_valid_checksum());
                view.fill_checksum();
                view.decrement_ttl();
                view.payload_mut().fill(value);
            }
            if let Ok(mut view) = Ipv6::new_checked(&mut bytes) {
                let _ = (view.payload().len(), view.pseudo_sum(), view.next_header());
                view.payload_mut().reverse();
            }
            if let Ok(mut view) = Udp::new_checked(&mut bytes) {
                let _ = (view.payload().len(), view.has_valid_checksum(checksum::Sum::new()));
                view.fill_checksum(checksum::Sum::new());
            }
            if let Ok(view) = Tcp::new_checked(&bytes) {
                let _ = (view.payload().len(), view.options().len(), view.window(), view.urgent(), view.flags());
            }
            if let Ok(view) = Icmp::new_checked(&bytes) {
                let _ = (view.echo(), view.payload().len());
            }
            if let Ok(view) = Bth::new_checked(&bytes) {
                let _ = (view.opcode(), view.pad_bytes(), view.rest().len(), view.is_fecn(), view.is_becn());
            }
            let _ = (has_valid_icrc(&bytes), fill_icrc(&mut bytes), Reth::parse(&bytes), Aeth::parse(&bytes));
            if !bytes.is_empty() {
                let at = at % bytes.len();
                bytes[at] = value;
            }
        }
    }

    /// A view over bytes that were changed under it clamps rather than panics.
    #[test]
    fn a_length_changed_after_the_check_is_clamped(first: u8, len: u16) {
        let mut frame = start().ipv4(A, B).udp(1, 2).payload(b"payload");
        frame[14] = 0x40 | first & 0xf;
        frame[16..18].copy_from_slice(&len.to_be_bytes());
        if let Ok(view) = Ipv4::new_checked(&frame[14..]) {
            prop_assert!(view.payload().len() <= frame.len() - 14 - view.header_len());
        }
    }
}
