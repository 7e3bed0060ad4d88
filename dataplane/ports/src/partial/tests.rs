//! Partial checksums as Linux leaves them, found under every header that it leaves them under.

use proptest::prelude::*;

use super::*;

fn ethernet(ethertype: u16, inner: &[u8]) -> Vec<u8> {
    [&[2; 12][..], &ethertype.to_be_bytes(), inner].concat()
}

fn ipv4(protocol: u8, inner: &[u8]) -> Vec<u8> {
    let len = 20 + inner.len() as u16;
    let mut header = vec![0x45, 0, 0, 0, 0, 1, 0x40, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
    header[2..4].copy_from_slice(&len.to_be_bytes());
    [&header, inner].concat()
}

/// A hop-by-hop header in between.
fn ipv6(protocol: u8, inner: &[u8]) -> Vec<u8> {
    let len = 8 + inner.len() as u16;
    let mut header = vec![0x60, 0, 0, 0, 0, 0, 0, 64];
    header[4..6].copy_from_slice(&len.to_be_bytes());
    for last in [1, 2] {
        header.extend([0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
    }
    header.extend([protocol, 0, 1, 4, 0, 0, 0, 0]);
    [&header, inner].concat()
}

fn transport(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut header = match protocol {
        6 => vec![0x12, 0x34, 0x56, 0x78, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x10, 1, 0, 0, 0, 0, 0],
        _ => vec![0x12, 0x34, 0x56, 0x78, 0, 0, 0, 0],
    };
    if protocol == 17 {
        header[4..6].copy_from_slice(&(8 + payload.len() as u16).to_be_bytes());
    }
    [&header, payload].concat()
}

const TUNNELS: usize = 6;

/// The packet inside of a tunnel, and how many bytes that adds in front.
fn tunnelled(tunnel: usize, ethertype: u16, packet: &[u8]) -> (Vec<u8>, usize) {
    let udp = |port: u16, inner: Vec<u8>| {
        let mut header = vec![0x12, 0x34, 0, 0, 0, 0, 0, 0];
        header[2..4].copy_from_slice(&port.to_be_bytes());
        header[4..6].copy_from_slice(&(8 + inner.len() as u16).to_be_bytes());
        ipv4(17, &[header, inner].concat())
    };
    let outer = match tunnel {
        0 => return (ethernet(ethertype, packet), 0),
        1 => ipv4(if ethertype == 0x0800 { 4 } else { 41 }, packet),
        2 => ipv4(47, &[&[0, 0], &ethertype.to_be_bytes()[..], packet].concat()),
        3 => ipv4(47, &[&[0x20, 0], &ethertype.to_be_bytes()[..], &[0, 0, 0, 9], packet].concat()),
        4 => udp(4_789, [&[8, 0, 0, 0, 0, 0, 7, 0][..], &ethernet(ethertype, packet)].concat()),
        _ => udp(
            6_081,
            [&[1, 0, 0x65, 0x58, 0, 0, 7, 0, 0, 0, 0, 0][..], &ethernet(ethertype, packet)].concat(),
        ),
    };
    let added = outer.len() - packet.len();
    (ethernet(0x0800, &outer), added)
}

/// The frame with its checksum partial, and with it complete.
fn pair(protocol: u8, is_ipv6: bool, tunnel: usize, tags: usize, payload: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let segment = transport(protocol, payload);
    let (ethertype, packet, ip_bytes) = match is_ipv6 {
        true => (0x86dd, ipv6(protocol, &segment), 48),
        false => (0x0800, ipv4(protocol, &segment), 20),
    };
    let addresses = if is_ipv6 { &packet[8..40] } else { &packet[12..20] };
    let pseudo = Sum::new().add_bytes(addresses).add_u32(segment.len() as u32).add_u16(u16::from(protocol));
    let (mut frame, added) = tunnelled(tunnel, ethertype, &packet);
    for _ in 0..tags {
        frame.splice(12..12, [0x81, 0x00, 0x00, 0x07]);
    }
    let start = 4 * tags + ETHERNET_BYTES + added + ip_bytes;
    let field = start + if protocol == 6 { 16 } else { 6 };
    let mut complete = frame.clone();
    frame[field..field + 2].copy_from_slice(&pseudo.fold().to_be_bytes());
    let checksum = pseudo.add_bytes(&segment).udp_checksum();
    complete[field..field + 2].copy_from_slice(&checksum.to_be_bytes());
    (frame, complete)
}

proptest! {
    #[test]
    fn partial_checksums_are_completed_and_complete_ones_stay(
        is_tcp: bool,
        is_ipv6: bool,
        tunnel in 0..TUNNELS,
        tags in 0..3usize,
        padding in 0..20usize,
        payload in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let (mut partial, mut complete) = pair(if is_tcp { 6 } else { 17 }, is_ipv6, tunnel, tags, &payload);
        // Bytes behind the packet, as short frames have them, are covered by nothing.
        partial.resize(partial.len() + padding, 0x5a);
        complete.resize(partial.len(), 0x5a);
        complete_partial(&mut partial);
        prop_assert_eq!(&partial, &complete);
        complete_partial(&mut partial);
        prop_assert_eq!(&partial, &complete);
    }

    #[test]
    fn any_bytes_will_do(mut frame in prop::collection::vec(any::<u8>(), 0..200), ethertype in 0..3usize) {
        if let Some(field) = frame.get_mut(12..14) {
            field.copy_from_slice(&[[0x08, 0x00], [0x86, 0xdd], [0x81, 0x00]][ethertype]);
        }
        let len = frame.len();
        complete_partial(&mut frame);
        prop_assert_eq!(frame.len(), len);
    }
}

#[test]
fn udp_without_a_checksum_and_fragments_stay() {
    let (_, mut none) = pair(17, false, 0, 0, b"payload");
    none[40..42].fill(0);
    let before = none.clone();
    complete_partial(&mut none);
    assert_eq!(none, before);

    let (mut fragment, _) = pair(6, false, 0, 0, b"payload");
    fragment[20] = 0x20;
    let before = fragment.clone();
    complete_partial(&mut fragment);
    assert_eq!(fragment, before);
}

#[test]
fn sctp_is_completed_by_its_crc() {
    let mut frame =
        ethernet(0x0800, &ipv4(132, &[0x12, 0x34, 0x56, 0x78, 0, 0, 0, 7, 0, 0, 0, 0, 1, 2, 3, 4]));
    complete_partial(&mut frame);
    let crc = frame[42..46].to_vec();
    assert_ne!(crc, [0; 4]);
    complete_partial(&mut frame);
    assert_eq!(frame[42..46], crc);
}
