#![allow(unsafe_code)] // A prefetch takes an address.
//! The hand-written forwarder that machine code is held against: an IPv4 router in plain Rust.
//!
//! It is an [`Executor`], so that it works on the same packets through the same engine as the program whose table it
//! took its routes from. It makes the checks that the program makes (Ethernet type, lengths, version and header
//! length, header checksum, TTL, a route), in place: multibit trie of 16, 8 and 8 bits, RFC 1624 checksum. Like the
//! program it goes through both passes at once where nothing holds a packet up. It is frozen: what it costs is what
//! others are measured in.
//!
//! Invariant: [`Router::of`] gives a router only for programs that do what it does. What it looks for in a program are
//! the parts; that the whole comes to the same is shown by [`agree`] with packets.

use heddle_exec::{Context, Entry, Executor, Passage, Verdict, Work};
use heddle_ir::{
    Action, ActionId, DropReason, Expr, HeaderId, HeaderRef, KeyMatch, MatchKind, Place, Program, Stmt,
    TableId, Verified,
};
use heddle_packet::{Packet, PortId};
use heddle_state::{EntryAction, State};

use crate::rig::Rig;

/// Bytes of an Ethernet header and an IPv4 header without options.
const HEADERS_BYTES: usize = 34;
/// Set in a slot that leads on to 256 more.
const LEADS_ON: u32 = 1 << 31;

/// How the router goes about a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// One packet after the other: best while the routes are in the cache.
    Straight,
    /// All packets of a batch step by step, each step fetching the memory of the next: best when they are not.
    Staged,
}

/// Where a packet goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
struct NextHop {
    port: u32,
    /// Destination, then source, as they lie on the wire.
    macs: [u8; 12],
}

/// Routes, as slots of next hops; 0 is none.
#[derive(Debug)]
struct Routes {
    first: Box<[u32]>,
    /// In groups of 256.
    rest: Vec<[u32; 256]>,
    next_hops: Vec<NextHop>,
}

impl Routes {
    fn new(mut routes: Vec<(u32, u32, NextHop)>) -> Routes {
        routes.sort_by_key(|(_, len, _)| *len);
        let mut made = Routes {
            first: vec![0; 1 << 16].into_boxed_slice(),
            rest: Vec::new(),
            next_hops: vec![NextHop::default()],
        };
        for (prefix, len, next_hop) in routes {
            let slot = made.next_hops.len() as u32;
            made.next_hops.push(next_hop);
            made.insert(prefix, len.min(32), slot);
        }
        made
    }

    /// Longer prefixes come later.
    fn insert(&mut self, prefix: u32, len: u32, slot: u32) {
        let top = (prefix >> 16) as usize;
        if len <= 16 {
            return self.first[top..top + (1 << (16 - len))].fill(slot);
        }
        let group = Self::group(&mut self.first[top], &mut self.rest);
        let middle = (prefix >> 8 & 0xff) as usize;
        if len <= 24 {
            return self.rest[group][middle..middle + (1 << (24 - len))].fill(slot);
        }
        let mut lead = self.rest[group][middle];
        let last = Self::group(&mut lead, &mut self.rest);
        self.rest[group][middle] = lead;
        let bottom = (prefix & 0xff) as usize;
        self.rest[last][bottom..bottom + (1 << (32 - len))].fill(slot);
    }

    /// The group that a slot leads to, made if it does not lead on yet.
    fn group(slot: &mut u32, rest: &mut Vec<[u32; 256]>) -> usize {
        if *slot & LEADS_ON == 0 {
            rest.push([*slot; 256]);
            *slot = LEADS_ON | (rest.len() - 1) as u32;
        }
        (*slot & !LEADS_ON) as usize
    }

    #[inline]
    fn find(&self, address: u32) -> u32 {
        let mut slot = self.first[(address >> 16) as usize];
        if slot & LEADS_ON != 0 {
            slot = self.rest[(slot & !LEADS_ON) as usize][(address >> 8 & 0xff) as usize];
            if slot & LEADS_ON != 0 {
                slot = self.rest[(slot & !LEADS_ON) as usize][(address & 0xff) as usize];
            }
        }
        slot
    }
}

/// What the router looks for in a program: the table, and what its parameters are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) table: TableId,
    /// What routes, and the positions of its parameters.
    pub(crate) action: ActionId,
    pub(crate) port: usize,
    pub(crate) src: usize,
    pub(crate) dst: usize,
}

/// Bits in front of a field, and its width.
fn extent(program: &Program, header: HeaderId, field: usize) -> Option<(u32, u32)> {
    let fields = &program.header_types[program.headers.get(header)?.ty].fields;
    let before = fields.iter().take(field).map(|field| field.ty.width()).sum();
    Some((before, fields.get(field)?.ty.width()))
}

fn header_bits(program: &Program, header: HeaderId) -> u32 {
    program.headers.get(header).map_or(0, |header| program.header_types[header.ty].max_width())
}

impl Shape {
    pub(crate) fn of(program: &Program) -> Option<Shape> {
        let has_more = !program.counters.is_empty()
            || !program.meters.is_empty()
            || !program.registers.is_empty()
            || !program.digests.is_empty()
            || !program.profiles.is_empty()
            || !program.value_sets.is_empty();
        let mut tables = program.tables.iter();
        let ((id, table), None) = (tables.next()?, tables.next()) else { return None };
        let [key] = &table.keys[..] else { return None };
        let Expr::Read(Place::Field(HeaderRef::One(ip), field)) = &key.expr else { return None };
        if has_more
            || key.kind != MatchKind::Lpm
            || header_bits(program, *ip) != 160
            || extent(program, *ip, *field) != Some((128, 32))
        {
            return None;
        }
        let mut routing = table.actions.iter().filter(|of| !program.actions[of.action].params.is_empty());
        let (of_table, None) = (routing.next()?, routing.next()) else { return None };
        if table.default_action.action >= table.actions.len()
            || !table.actions.iter().all(|of| of.copy_in.is_empty() && of.copy_out.is_empty())
        {
            return None;
        }
        let action = &program.actions[of_table.action];
        let src = mac_param(program, action, 48)?;
        let dst = mac_param(program, action, 0)?;
        let port = (0..action.params.len()).find(|param| *param != src && *param != dst)?;
        (action.params.len() == 3).then_some(Shape { table: id, port, src, dst, action: of_table.action })
    }
}

/// The parameter that an action writes to the MAC address so many bits into the Ethernet header.
fn mac_param(program: &Program, action: &Action, at_bits: u32) -> Option<usize> {
    action.body.iter().find_map(|stmt| {
        let Stmt::Assign(Place::Field(HeaderRef::One(header), field), Expr::Read(Place::Var(var))) = stmt
        else {
            return None;
        };
        let fits =
            header_bits(program, *header) == 112 && extent(program, *header, *field) == Some((at_bits, 48));
        if fits { action.params.iter().position(|param| param.var == *var) } else { None }
    })
}

/// The router.
#[derive(Debug)]
pub struct Router {
    program: Verified,
    routes: Routes,
    order: Order,
}

impl Router {
    /// A router with the routes that a program's table has now. `None` for programs that do something else.
    pub fn of(program: &Verified, state: &State, order: Order) -> Option<Router> {
        let shape = Shape::of(program)?;
        let mut routes = Vec::new();
        for view in state.entries(shape.table) {
            let EntryAction::Action(action) = &view.spec.action else { return None };
            if action.action != shape.action {
                // A prefix that is dropped.
                routes.push((prefix(&view.spec.key.matches)?, None));
                continue;
            }
            let arg = |at: usize| action.args.get(at).map(heddle_ir::Bits::low_u64);
            let (port, src, dst) = (arg(shape.port)?, arg(shape.src)?, arg(shape.dst)?);
            let mut macs = [0; 12];
            macs[..6].copy_from_slice(&dst.to_be_bytes()[2..]);
            macs[6..].copy_from_slice(&src.to_be_bytes()[2..]);
            let next_hop = NextHop { port: u32::try_from(port).ok()?, macs };
            routes.push((prefix(&view.spec.key.matches)?, Some(next_hop)));
        }
        if routes.iter().any(|(_, next_hop)| next_hop.is_none()) {
            // It could be done, but nobody measures it.
            return None;
        }
        let routes = routes.into_iter().filter_map(|((bits, len), hop)| Some((bits, len, hop?)));
        Some(Router { program: program.clone(), routes: Routes::new(routes.collect()), order })
    }

    fn route<T: Lane>(&self, batch: &mut [T], settle: impl FnMut(&mut T, Verdict) -> bool) -> usize {
        match self.order {
            Order::Straight => self.straight(batch, settle),
            Order::Staged => self.staged(batch, settle),
        }
    }

    fn straight<T: Lane>(&self, batch: &mut [T], mut settle: impl FnMut(&mut T, Verdict) -> bool) -> usize {
        for (index, lane) in batch.iter_mut().enumerate() {
            let verdict = match check(lane.packet().bytes_mut()) {
                None => DROP,
                Some(headers) => {
                    let slot = self.routes.find(destination(headers));
                    self.apply(headers, slot)
                }
            };
            if !settle(lane, verdict) {
                return index + 1;
            }
        }
        batch.len()
    }

    fn staged<T: Lane>(&self, batch: &mut [T], mut settle: impl FnMut(&mut T, Verdict) -> bool) -> usize {
        let mut done = 0;
        for lanes in batch.chunks_mut(LANES) {
            let mut slots = [0u32; LANES];
            let mut addresses = [0u32; LANES];
            let mut passed = [false; LANES];
            for lane in lanes.iter_mut() {
                fetch(lane.packet().bytes().as_ptr());
            }
            for (i, lane) in lanes.iter_mut().enumerate() {
                if let Some(headers) = check(lane.packet().bytes_mut()) {
                    passed[i] = true;
                    addresses[i] = destination(headers);
                    fetch(&raw const self.routes.first[(addresses[i] >> 16) as usize]);
                }
            }
            for i in 0..lanes.len() {
                slots[i] = self.routes.first[(addresses[i] >> 16) as usize];
                self.fetch_next(slots[i], addresses[i] >> 8 & 0xff);
            }
            for shift in [8, 0] {
                for i in 0..lanes.len() {
                    if slots[i] & LEADS_ON != 0 {
                        let group = &self.routes.rest[(slots[i] & !LEADS_ON) as usize];
                        slots[i] = group[(addresses[i] >> shift & 0xff) as usize];
                        self.fetch_next(slots[i], addresses[i] & 0xff);
                    }
                }
            }
            for (i, lane) in lanes.iter_mut().enumerate() {
                let verdict = match lane.packet().bytes_mut().first_chunk_mut() {
                    Some(headers) if passed[i] => self.apply(headers, slots[i]),
                    Some(_) | None => DROP,
                };
                done += 1;
                if !settle(lane, verdict) {
                    return done;
                }
            }
        }
        done
    }

    /// Forwards packets without any engine: what becomes of each is noted beside it.
    pub fn forward(&self, batch: &mut [(Packet, Verdict)]) {
        self.route(batch, |(_, noted), verdict| {
            *noted = verdict;
            true
        });
    }

    /// Fetches what a slot leads to.
    #[inline]
    fn fetch_next(&self, slot: u32, within: u32) {
        if slot & LEADS_ON != 0 {
            fetch(&raw const self.routes.rest[(slot & !LEADS_ON) as usize][within as usize]);
        } else {
            fetch(&raw const self.routes.next_hops[slot as usize]);
        }
    }

    #[inline]
    fn apply(&self, headers: &mut [u8; HEADERS_BYTES], slot: u32) -> Verdict {
        if slot == 0 {
            return DROP;
        }
        let next_hop = &self.routes.next_hops[slot as usize];
        headers[..12].copy_from_slice(&next_hop.macs);
        headers[22] -= 1;
        // RFC 1624: the TTL is the upper byte of its word, so the sum grows by 0x100, end-around carry included.
        let checksum = u32::from(u16::from_be_bytes([headers[24], headers[25]])) + 0x100;
        let checksum = (checksum + u32::from(checksum >= 0xffff)) as u16;
        headers[24..26].copy_from_slice(&checksum.to_be_bytes());
        Verdict::Enqueue { port: next_hop.port, queue: 0 }
    }
}

/// A packet under way.
trait Lane {
    fn packet(&mut self) -> &mut Packet;
}

impl Lane for Work {
    #[inline]
    fn packet(&mut self) -> &mut Packet {
        &mut self.packet
    }
}

impl Lane for (Packet, Verdict) {
    #[inline]
    fn packet(&mut self) -> &mut Packet {
        &mut self.0
    }
}

/// Packets whose steps are taken together.
const LANES: usize = 32;
const DROP: Verdict = Verdict::Drop(DropReason::IngressDrop);

fn prefix(matches: &[KeyMatch]) -> Option<(u32, u32)> {
    match matches {
        [KeyMatch::Lpm { value, prefix_len }] => Some((value.low_u64() as u32, *prefix_len)),
        _ => None,
    }
}

/// Fetches the line at an address that is there.
#[inline]
fn fetch<T>(address: *const T) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch reads nothing, whatever the address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}

#[inline]
fn destination(headers: &[u8; HEADERS_BYTES]) -> u32 {
    u32::from_be_bytes([headers[30], headers[31], headers[32], headers[33]])
}

/// The headers of a packet that is to be routed.
#[inline]
fn check(packet: &mut [u8]) -> Option<&mut [u8; HEADERS_BYTES]> {
    let headers: &mut [u8; HEADERS_BYTES] = packet.first_chunk_mut()?;
    if headers[12..14] != [0x08, 0x00] || headers[14] != 0x45 || headers[22] <= 1 {
        return None;
    }
    // RFC 1071: words of any size sum to the same, folded, in any byte order.
    let word = |at: usize| {
        let word: [u8; 4] = [headers[at], headers[at + 1], headers[at + 2], headers[at + 3]];
        u64::from(u32::from_ne_bytes(word))
    };
    let mut sum = word(14) + word(18) + word(22) + word(26) + word(30);
    sum = (sum >> 32) + (sum & 0xffff_ffff);
    sum = (sum >> 32) + (sum & 0xffff_ffff);
    sum = (sum >> 16) + (sum & 0xffff);
    sum = (sum >> 16) + (sum & 0xffff);
    (sum == 0xffff).then_some(headers)
}

impl Executor for Router {
    fn program(&self) -> &Verified {
        &self.program
    }

    fn frame_words(&self) -> usize {
        0
    }

    fn run(&self, entry: Entry, _: &mut Context<'_>, batch: &mut [Work]) {
        match entry {
            Entry::Ingress => {
                self.route(batch, |work, verdict| {
                    work.verdict = verdict;
                    true
                });
            }
            Entry::Egress => {
                for work in batch {
                    work.verdict = Verdict::Transmit;
                }
            }
        }
    }

    fn run_through(
        &self,
        context: &mut Context<'_>,
        passage: &mut Passage<'_>,
        batch: &mut [Work],
    ) -> Option<usize> {
        let ran = self.route(batch, |work, verdict| {
            work.verdict = verdict;
            let Verdict::Enqueue { port, queue } = verdict else { return true };
            match passage.pass(context.now_ns, port, queue, u64::from(work.intrinsics.packet_length)) {
                Some(passed) => {
                    work.verdict = passed;
                    true
                }
                None => false,
            }
        });
        Some(ran)
    }
}

/// Whether two switches send the same for frames, and for what [`probes`] makes of the first of them.
pub fn agree(one: &mut Rig, other: &mut Rig, frames: &[(PortId, Vec<u8>)]) -> bool {
    let probes = frames.first().map(|(port, bytes)| probes(bytes).into_iter().map(|probe| (*port, probe)));
    let probes: Vec<_> = probes.into_iter().flatten().collect();
    let mut all = frames.iter().take(AGREED_FRAMES_MAX).chain(&probes);
    all.all(|(port, bytes)| one.try_one(*port, bytes) == other.try_one(*port, bytes))
}

/// Frames that [`agree`] tries at most.
const AGREED_FRAMES_MAX: usize = 4_096;

/// Packets that a router has to treat in different ways, made from one that it forwards.
pub fn probes(forwarded: &[u8]) -> Vec<Vec<u8>> {
    let mut probes = vec![forwarded.to_vec()];
    let mut change = |at: usize, to: u8, sums: bool| {
        let mut probe = forwarded.to_vec();
        if let Some(byte) = probe.get_mut(at) {
            *byte = to;
        }
        if sums && let Some(header) = probe.get_mut(14..HEADERS_BYTES) {
            header[10..12].fill(0);
            let checksum = heddle_packet::wire::checksum::internet_checksum(header);
            header[10..12].copy_from_slice(&checksum.to_be_bytes());
        }
        probes.push(probe);
    };
    for ttl in [0, 1, 2, 255] {
        change(22, ttl, true);
    }
    // Not IPv4; version and header length; fragments, protocols and the like, which make no difference.
    for (at, to) in
        [(12, 0x86), (13, 0x06), (14, 0x46), (14, 0x65), (14, 0x44), (15, 0xff), (20, 0x20), (23, 6)]
    {
        change(at, to, true);
    }
    // A checksum that is wrong, and addresses with and without a route.
    change(24, forwarded.get(24).map_or(0, |byte| !byte), false);
    for first in 0..=255 {
        change(30, first, true);
    }
    for len in [0, 13, 14, 20, 33, 34, 35] {
        probes.push(forwarded.iter().copied().take(len).collect());
    }
    probes
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use heddle_exec::Interpreter;
    use heddle_jit::Jit;

    use super::*;
    use crate::{compiled, pipelines, scripted};

    fn program() -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("programs/ipv4_router.p4")
    }

    #[test]
    fn it_does_what_the_program_does() {
        let program = compiled(&program());
        let (state, frames) = scripted(&program, &self::program().with_extension("stf"));
        let rig = |executor: Arc<dyn Executor>| {
            Rig::new(executor, Arc::clone(&state), &frames, frames.len()).expect("a switch")
        };
        for order in [Order::Straight, Order::Staged] {
            let router = || rig(Arc::new(Router::of(&program, &state, order).expect("a plain router")));
            assert!(agree(&mut rig(Arc::new(Interpreter::new(program.clone()))), &mut router(), &frames));
            let jit = Jit::new(program.clone()).expect("it compiles");
            assert!(agree(&mut rig(Arc::new(jit)), &mut router(), &frames));
            assert_eq!(router().burst().out, frames.len() as u64, "every frame has a route");
        }
    }

    #[test]
    fn other_programs_have_none() {
        for name in ["l3_router", "l2_switch", "ai_leaf"] {
            let path = pipelines().join(name).with_extension("p4");
            let program = compiled(&path);
            let (state, _) = scripted(&program, &path.with_extension("stf"));
            assert!(Router::of(&program, &state, Order::Straight).is_none(), "{name}");
        }
    }
}
