//! Routes as many as asked for, and frames for them: what an IPv4 router is measured with.
//!
//! Invariant: what is drawn depends on the number of routes alone; prefixes differ, and every frame has a route.

use std::collections::HashSet;

use heddle_ir::{Bits, KeyMatch, Program};
use heddle_packet::PortId;
use heddle_packet::wire::checksum::internet_checksum;
use heddle_state::{ActionSpec, EntryAction, EntryKey, EntrySpec, Update};

use crate::baseline::Shape;

/// Ports that routes lead to: 1 and so on.
const PORTS: u64 = 8;
/// Most routes that there are different prefixes for.
pub const ROUTES_MAX: usize = 4_000_000;

/// Routes and frames.
#[derive(Debug)]
pub struct Routes {
    /// What puts the routes into the program's table.
    pub updates: Vec<Update>,
    /// Frames of 64 bytes to addresses drawn evenly from the routes.
    pub frames: Vec<(PortId, Vec<u8>)>,
}

/// Numbers that a seed decides (splitmix64).
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }
}

fn mac(number: u64) -> u64 {
    0x0200_0000_0000 | number & 0xffff_ffff
}

impl Routes {
    /// For a program that is such a router; at most [`ROUTES_MAX`] routes.
    pub fn new(program: &Program, routes: usize, frames: usize) -> Option<Routes> {
        let shape = Shape::of(program)?;
        let mut draw = Draw(routes as u64);
        let (mut seen, mut prefixes) = (HashSet::new(), Vec::new());
        while prefixes.len() < routes.min(ROUTES_MAX) {
            let drawn = draw.next();
            // As on the Internet, most prefixes have 24 bits and most of the others fewer.
            let len = [24, 24, 24, 24, 24, 22, 20, 32][(drawn >> 61) as usize];
            let bits = drawn as u32 & u32::MAX << (32 - len);
            // Unicast addresses: 1.0.0.0 to 223.255.255.255.
            if (1..224).contains(&(bits >> 24)) && seen.insert((bits, len)) {
                prefixes.push((bits, len));
            }
        }
        let params = &program.actions[shape.action].params;
        let width = |param: usize| program.vars[params[param].var].ty.width();
        let updates = prefixes.iter().map(|(bits, len)| {
            let drawn = draw.next();
            let arg = |param: usize| {
                let value = if param == shape.port {
                    1 + drawn % PORTS
                } else if param == shape.src {
                    mac(0xff00 + 1 + drawn % PORTS)
                } else {
                    mac(drawn >> 32)
                };
                Bits::new(width(param), u128::from(value))
            };
            let value = Bits::new(32, u128::from(*bits));
            Update::InsertEntry(EntrySpec {
                key: EntryKey {
                    table: shape.table,
                    matches: vec![KeyMatch::Lpm { value, prefix_len: *len }],
                    priority: None,
                },
                action: EntryAction::Action(ActionSpec {
                    action: shape.action,
                    args: (0..params.len()).map(arg).collect(),
                }),
                idle_timeout_ns: 0,
                metadata: Vec::new(),
            })
        });
        let updates = updates.collect();
        let mut draw = Draw(!(routes as u64));
        let frames = (0..if prefixes.is_empty() { 0 } else { frames }).map(|_| {
            let (bits, len) = prefixes[draw.next() as usize % prefixes.len()];
            let host = draw.next() as u32 & u32::MAX.checked_shr(len).unwrap_or(0);
            (PortId(0), frame(bits | host, &mut draw))
        });
        let frames = frames.collect();
        Some(Routes { updates, frames })
    }
}

/// Frames of 64 bytes, each a UDP packet of another flow to somewhere in 10.0.0.0/16: what a program is measured with that
/// comes without packets.
pub fn plain_frames(count: usize) -> Vec<(PortId, Vec<u8>)> {
    let mut draw = Draw(count as u64);
    let frames = (0..count).map(|_| {
        let address = 10 << 24 | draw.next() as u32 & 0xffff;
        (PortId(1), frame(address, &mut draw))
    });
    frames.collect()
}

/// An Ethernet frame with a UDP packet to an address.
fn frame(address: u32, draw: &mut Draw) -> Vec<u8> {
    let mut frame = mac(0xff00).to_be_bytes()[2..].to_vec();
    frame.extend_from_slice(&mac(0xa).to_be_bytes()[2..]);
    frame.extend_from_slice(&[0x08, 0x00]);
    let drawn = draw.next();
    let mut ip = vec![
        0x45,
        0,
        0,
        50,
        drawn as u8,
        (drawn >> 8) as u8,
        0x40,
        0,
        64,
        17,
        0,
        0,
        192,
        0,
        2,
        (drawn >> 16) as u8,
    ];
    ip.extend_from_slice(&address.to_be_bytes());
    let checksum = internet_checksum(&ip);
    ip[10..12].copy_from_slice(&checksum.to_be_bytes());
    frame.extend(ip);
    frame.extend_from_slice(&[(drawn >> 24) as u8, 0x80, 0x12, 0xb7, 0, 30, 0, 0]);
    frame.resize(64, 0x5a);
    frame
}
