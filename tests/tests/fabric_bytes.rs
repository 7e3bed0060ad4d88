//! What the fabric program does to packets when a queue is long, byte by byte: marks and hops leave RoCEv2's invariant CRC right,
//! and what is trimmed has the lengths and checksums of what is left of it, under VXLAN too.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use heddle_engine::{Config, PortConfig, QueueConfig, Rate, Switch};
use heddle_jit::Jit;
use heddle_p4::{CompileOptions, DiskFiles};
use heddle_packet::PortId;
use heddle_packet::wire::rocev2::{BthFields, Opcode, has_valid_icrc};
use heddle_packet::wire::{FrameBuilder, Ipv4, Ipv6, Mac};
use heddle_ports::Port;
use heddle_ports::memory::{MemoryOptions, pair};
use heddle_runtime::file;
use heddle_state::State;
use heddle_tests::top;
use serde_json::json;

const ETHERNET: usize = 14;
const UDP: usize = 8;
const VXLAN_PORT: u16 = 4789;
const UET_PORT: u16 = 4793;
/// `TRIMMED_BYTES`, `TRIMMED_INSIDE_BYTES` and `DSCP_TRIMMED` of pipelines/ai_fabric/queues.p4.
const TRIMMED_BYTES: [usize; 2] = [128, 192];
const DSCP_TRIMMED: u8 = 5;
const PAYLOAD_BYTES: usize = 1_000;
/// Of each kind.
const PACKETS: usize = 60;

const SOURCE: (Ipv4Addr, Ipv6Addr) =
    (Ipv4Addr::new(10, 0, 32, 1), Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2));
const TARGET: (Ipv4Addr, Ipv6Addr) =
    (Ipv4Addr::new(10, 0, 16, 1), Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1));

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ip {
    V4,
    V6,
}

/// Ethernet and IP with the capability to be marked (ECT(0)).
fn ip(version: Ip) -> FrameBuilder {
    let frame = FrameBuilder::ethernet(Mac([2, 0, 0, 0, 0, 1]), Mac([2, 0, 0, 0, 0, 2]));
    let frame = match version {
        Ip::V4 => frame.ipv4(SOURCE.0, TARGET.0),
        Ip::V6 => frame.ipv6(SOURCE.1, TARGET.1),
    };
    frame.dscp_ecn(26, 2)
}

fn roce(version: Ip, psn: u32) -> Vec<u8> {
    ip(version)
        .rocev2(50_000, &BthFields::new(Opcode::RC_WRITE_MIDDLE, 0x1234, psn))
        .payload(&[0xa5; PAYLOAD_BYTES])
}

/// A request of reliable unordered delivery with the standard semantic header.
fn uet(version: Ip, psn: u32) -> Vec<u8> {
    let mut bytes = vec![0; 12 + 44 + PAYLOAD_BYTES];
    bytes[..2].copy_from_slice(&(2u16 << 11 | 3 << 7).to_be_bytes());
    bytes[4..8].copy_from_slice(&psn.to_be_bytes());
    bytes[12..14].copy_from_slice(&[1, 3]);
    ip(version).udp(50_001, UET_PORT).payload(&bytes)
}

fn under_vxlan(version: Ip, inner: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x08, 0, 0, 0, 0, 0, 42, 0];
    bytes.extend(inner);
    ip(version).udp(50_002, VXLAN_PORT).payload(&bytes)
}

/// Sends them one behind the other to a port of 100 Mb/s whose queue marks from a packet on and trims from a few on.
fn through(frames: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let path = top().join("pipelines/ai_fabric.p4");
    let compilation = heddle_p4::compile(&DiskFiles, &path.to_string_lossy(), &CompileOptions::default());
    let program = compilation.output.expect("a shipped program compiles").verified;
    let to_host = |table: &str, to: serde_json::Value| {
        json!({
            "table": table, "match": { "dst": to }, "action_name": "to_host",
            "action_params": { "port": 2, "mac": "02:00:00:00:00:01" },
        })
    };
    let registers = [("trim_above", 4_000), ("ecn_low", 1_000), ("ecn_high", 1_500)];
    let registers = registers.map(|(name, value)| json!({ "register": name, "index": 0, "value": value }));
    let tables = json!({
        "table_entries": [
            to_host("route_v4", json!([TARGET.0, 32])), to_host("route_v6", json!([TARGET.1, 128])),
        ],
        "register_entries": registers,
    });
    let state = Arc::new(State::new(&program, 1).expect("a shipped program fits"));
    state.write(&file::parse(&tables.to_string(), &program).expect("they fit")).expect("they fit");
    let mut config = Config::default();
    let queue = QueueConfig { depth_packets: frames.len(), ..QueueConfig::default() };
    let rate = Rate::bits_per_second(100_000_000);
    config.ports.push((PortId(2), PortConfig { queues: 8, queue, rate, ..PortConfig::default() }));
    let options = MemoryOptions::default();
    let ((one, mut sender), (two, mut receiver)) = (pair(PortId(1), &options), pair(PortId(2), &options));
    let ports: Vec<Box<dyn Port>> = vec![Box::new(one), Box::new(two)];
    let executor = Arc::new(Jit::new(program).expect("a shipped program compiles"));
    let mut switch = Switch::new(config, executor, state, ports).expect("a switch of two ports");
    let (mut now_ns, mut sent, mut came) = (0, frames.iter(), Vec::new());
    while came.len() < frames.len() {
        now_ns += 20_000;
        assert!(now_ns < 1_000_000_000, "{} of {} came", came.len(), frames.len());
        if let Some(frame) = sent.next() {
            assert!(sender.inject(frame, now_ns));
        }
        switch.run_until_quiet(now_ns);
        came.extend(receiver.collect_frames());
    }
    assert_eq!(switch.stats().drops.total(), 0);
    came
}

/// Type of service, whether all lengths and checksums of the IP and UDP headers are right, and what is in UDP.
fn opened(packet: &[u8], version: Ip) -> (u8, &[u8]) {
    let (tos, datagram, pseudo) = match version {
        Ip::V4 => {
            let ip = Ipv4::new_checked(packet).expect("a whole header");
            assert!(ip.has_valid_checksum());
            assert_eq!(usize::from(ip.total_len()), packet.len());
            (ip.traffic_class(), &packet[20..], ip.pseudo_sum())
        }
        Ip::V6 => {
            let ip = Ipv6::new_checked(packet).expect("a whole header");
            assert_eq!(usize::from(ip.payload_len()), packet.len() - 40);
            (ip.traffic_class(), &packet[40..], ip.pseudo_sum())
        }
    };
    assert_eq!(usize::from(u16::from_be_bytes([datagram[4], datagram[5]])), datagram.len());
    let is_summed = datagram[6..8] != [0, 0];
    assert!(!is_summed || pseudo.add_bytes(datagram).is_valid());
    (tos, &datagram[UDP..])
}

#[test]
fn rocev2_keeps_its_invariant_crc_whatever_happens_to_it_on_its_way() {
    for version in [Ip::V4, Ip::V6] {
        for is_inside in [false, true] {
            let frames: Vec<Vec<u8>> = (0..PACKETS as u32)
                .map(|psn| match is_inside {
                    false => roce(version, psn),
                    true => under_vxlan(version, &roce(version, psn)),
                })
                .collect();
            let (mut marked, came) = (0, through(&frames));
            for (frame, sent) in came.iter().zip(&frames) {
                assert_eq!(frame.len(), sent.len(), "RoCEv2 is never trimmed");
                let (tos, datagram) = opened(&frame[ETHERNET..], version);
                marked += usize::from(tos & 3 == 3);
                match is_inside {
                    false => assert!(has_valid_icrc(&frame[ETHERNET..])),
                    true => assert!(has_valid_icrc(&datagram[8 + ETHERNET..])),
                }
            }
            assert!(marked > PACKETS / 2 && marked < PACKETS, "{version:?} {is_inside}: {marked}");
            // The test would see it: a payload of another byte has another CRC.
            let (mut spoilt, at) = (came[0].clone(), came[0].len() - 10);
            spoilt[at] ^= 1;
            let tunnel = if version == Ip::V4 { 20 } else { 40 } + UDP + 8 + ETHERNET;
            let packet = &spoilt[ETHERNET + if is_inside { tunnel } else { 0 }..];
            assert!(has_valid_icrc(&came[0][came[0].len() - packet.len()..]));
            assert!(!has_valid_icrc(packet));
        }
    }
}

#[test]
fn what_is_trimmed_says_its_new_length_everywhere() {
    for version in [Ip::V4, Ip::V6] {
        for is_inside in [false, true] {
            let frames: Vec<Vec<u8>> = (0..PACKETS as u32)
                .map(|psn| match is_inside {
                    false => uet(version, psn),
                    true => under_vxlan(version, &uet(version, psn)),
                })
                .collect();
            let came = through(&frames);
            let trimmed_bytes = TRIMMED_BYTES[usize::from(is_inside)];
            let (trimmed, whole): (Vec<_>, Vec<_>) =
                came.iter().partition(|frame| frame.len() == trimmed_bytes);
            assert!(
                trimmed.len() > PACKETS / 3 && !whole.is_empty(),
                "{version:?} {is_inside}: {}",
                trimmed.len()
            );
            assert!(whole.iter().all(|frame| frame.len() == frames[0].len()));
            for frame in &came {
                let (tos, datagram) = opened(&frame[ETHERNET..], version);
                assert_eq!(tos >> 2 == DSCP_TRIMMED, frame.len() == trimmed_bytes);
                let inner = if is_inside { opened(&datagram[8 + ETHERNET..], version).1 } else { datagram };
                // As much of UET as is left is what was sent, so that the receiver knows what to ask for.
                assert_eq!(inner[..2], (2u16 << 11 | 3 << 7).to_be_bytes());
                assert!(u32::from_be_bytes([inner[4], inner[5], inner[6], inner[7]]) < PACKETS as u32);
            }
        }
    }
}
