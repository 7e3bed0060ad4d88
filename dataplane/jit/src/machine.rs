#![allow(unsafe_code)] // Facts of the engine are reached by pointer, as compiled code does.
//! What compiled code works on: one packet's pass, and what the host does before and after it.
//!
//! Invariant: the fields that compiled code reads and writes come first, in the order of [`field`], and every
//! pointer among them is valid for the whole pass: the frame has [`Layout::words`] words, the packet's bytes are
//! not changed before all that is read of them has been read, and `front` is fetched anew after anything that may move it.

use std::mem::offset_of;

use cranelift_entity::packed_option::ReservedValue;
use heddle_exec::bitstring::BitString;
use heddle_exec::layout::Layout;
use heddle_exec::{Clone, Context, Entry, Frame, Gate, Intrinsics, Passage, Verdict, Work};
use heddle_ir::{DropReason, MirrorSource, Origin, PROBE_QUEUES, PreserveId, RegisterId, TableId};
use heddle_packet::Packet;
use heddle_state::{AtomicSection, Cells, Lens, Match};

use crate::ahead::{self, Ahead};
use crate::program::{Compiled, Function};

/// Room that `front` has at the start of every pass, so that short headers are written without asking.
pub(crate) const FRONT_BYTES_MIN: usize = 4_096;
/// Bytes behind `front`'s capacity and words behind the arena that may be written to but mean nothing: a last
/// chunk is stored whole.
pub(crate) const SLACK_BYTES: usize = 8;

/// Where the headers that a key is found in end, most often.
const HEADERS_BYTES: usize = 40;
/// How many packets ahead headers are asked for.
const HEADERS_AHEAD: usize = 8;

/// Zero limbs: what the widest value reads as where it is not there.
pub(crate) static ZEROS: [u64; heddle_ir::verify::limit::WIDTH_BITS as usize / 64 + 2] =
    [0; heddle_ir::verify::limit::WIDTH_BITS as usize / 64 + 2];

/// One packet's pass.
#[repr(C)]
pub(crate) struct Machine<'r, 'c> {
    frame: *mut u64,
    /// Changed by nobody before the pass ends, and then only by a pass through both entry points.
    bytes: *mut u8,
    len_bytes: u64,
    cursor_bytes: u64,
    front: *mut u8,
    front_len: u64,
    front_capacity: u64,
    arena: *mut u64,
    constants: *const u64,
    intrinsics: *const Intrinsics,
    now_ns: u64,
    /// What the last lookup found: the entry whose action is running, or ran last.
    pub(crate) found: Match<'c>,
    /// What `truncate` asked for; all ones for nothing.
    truncate: u64,
    /// What was decided; see [`Decided`].
    decided: u64,
    decided_first: u64,
    decided_second: u64,
    /// By port number: whether packets pass straight through, and the port and queue that one did.
    gates: *mut Gate,
    gate_count: u64,
    passed_port: u64,
    passed_queue: u64,
    /// Clones decided on.
    mirrored: u64,
    /// Where a key goes that is found ahead of its packet.
    key_ahead: *mut u64,
    /// Cells of registers, and of this worker's counters.
    registers: *const Cells,
    counters: *const Cells,
    /// What cells that are not there read as, and where writes to them go.
    zero: u64,
    sink: [u64; 2],

    // From here on only the host looks.
    /// The packet that passes, and its position in its batch.
    work: *const Work,
    position: usize,
    /// Whom to tell of packets that pass a gate.
    pub(crate) sends: Option<&'r mut (dyn FnMut(u32, u64) + 'r)>,
    pub(crate) program: &'r Compiled,
    pub(crate) context: &'r mut Context<'c>,
    pub(crate) scratch: &'r mut Scratch,
    pub(crate) lens: Lens<'c>,
    /// What was looked up ahead, and which of it is this packet's.
    pub(crate) ahead: Option<Ahead<'c>>,
    pub(crate) lane: usize,
    /// By packet, which lookup is its: packets of one flow that follow each other share one.
    lanes: [u8; ahead::LANES],
    pub(crate) section: Option<AtomicSection<'r>>,
}

/// Offsets of what compiled code touches.
pub(crate) mod field {
    use super::{Machine, offset_of};

    macro_rules! offsets {
        ($($name:ident = $field:ident;)*) => {$(
            pub(crate) const $name: i32 = offset_of!(Machine<'static, 'static>, $field) as i32;
        )*};
    }
    offsets! {
        BYTES = bytes;
        LEN_BYTES = len_bytes;
        CURSOR_BYTES = cursor_bytes;
        FRONT = front;
        FRONT_LEN = front_len;
        FRONT_CAPACITY = front_capacity;
        ARENA = arena;
        CONSTANTS = constants;
        INTRINSICS = intrinsics;
        NOW_NS = now_ns;
        FOUND = found;
        TRUNCATE = truncate;
        DECIDED = decided;
        DECIDED_FIRST = decided_first;
        DECIDED_SECOND = decided_second;
        GATES = gates;
        GATE_COUNT = gate_count;
        PASSED_PORT = passed_port;
        PASSED_QUEUE = passed_queue;
        MIRRORED = mirrored;
        KEY_AHEAD = key_ahead;
        REGISTERS = registers;
        COUNTERS = counters;
        ZERO = zero;
        SINK = sink;
    }
}

/// What a pass decided, as compiled code writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub(crate) enum Decided {
    Nothing = 0,
    Enqueue = 1,
    Replicate = 2,
    Resubmit = 3,
    Recirculate = 4,
    Transmit = 5,
    Drop = 6,
}

/// Drop reasons by the number that compiled code gives them.
const REASONS: [DropReason; 6] = [
    DropReason::IngressDrop,
    DropReason::EgressDrop,
    DropReason::ParserReject,
    DropReason::NoDecision,
    DropReason::AssertFailed,
    DropReason::LoopBound,
];

/// The number of a drop reason.
pub(crate) fn reason_number(reason: DropReason) -> u64 {
    match reason {
        DropReason::IngressDrop => 0,
        DropReason::EgressDrop => 1,
        DropReason::ParserReject => 2,
        DropReason::NoDecision => 3,
        DropReason::AssertFailed => 4,
        DropReason::LoopBound => 5,
    }
}

fn reason(number: u64) -> DropReason {
    REASONS.get(number as usize).copied().unwrap_or(DropReason::NoDecision)
}

/// How a compiled function ended: the low byte says how, the rest is a parser's error code or a drop reason.
pub(crate) mod flow {
    /// On to the next statement.
    pub(crate) const NEXT: i64 = 0;
    /// Out of everything up to the innermost `Catch`.
    pub(crate) const EXIT: i64 = 1;
    /// Out of all parsers.
    pub(crate) const REJECT: i64 = 2;
    /// The pass is over.
    pub(crate) const STOP: i64 = 3;
    /// Both passes are over, as was decided last.
    pub(crate) const PASSED: i64 = 4;
    /// Both passes are over, and the packet's bytes are already those to transmit.
    pub(crate) const SENT: i64 = 5;
    /// Egress is over in a drop, for the reason that follows.
    pub(crate) const LOST: i64 = 6;
    /// Where the rest begins.
    pub(crate) const SHIFT: u8 = 8;
}

/// A clone decided on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mirror {
    pub(crate) session: u32,
    pub(crate) source: MirrorSource,
    pub(crate) preserve: PreserveId,
}

/// Storage that passes need for a while, kept between batches.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// What the pass emitted, and room behind it.
    pub(crate) front: Vec<u8>,
    /// Values too wide for registers, and arguments of host functions.
    arena: Vec<u64>,
    /// Data of a hash whose length is not known beforehand.
    pub(crate) hashed: BitString,
    /// Words that outlive the frame being cleared.
    words: Vec<u64>,
    /// Of the packet that goes through both entry points: its own once it is held up.
    frame: Frame,
    /// Of packets to come.
    pub(crate) keys: Vec<u64>,
    /// Batches before lookups are made ahead again.
    pause: u32,
    pub(crate) mirrors: Vec<Mirror>,
}

impl Scratch {
    /// Whether lookups are not made ahead for a while.
    #[cfg(test)]
    pub(crate) fn is_paused(&self) -> bool {
        self.pause > 0
    }

    /// The first word of its own frame, of so many.
    fn own_frame(&mut self, words: usize) -> *mut u64 {
        if self.frame.words.len() != words {
            self.frame = Frame::new(words);
        }
        self.frame.words.as_mut_ptr()
    }
}

/// Runs every work of a batch through an entry point.
pub(crate) fn run(
    program: &Compiled,
    entry: Entry,
    context: &mut Context<'_>,
    scratch: &mut Scratch,
    batch: &mut [Work],
) {
    let mut passage = Passage { gates: &mut [], sends: None };
    let mut machine = Machine::new(program, context, scratch, &mut passage);
    if entry == Entry::Ingress {
        machine.begin_ahead(batch.len());
    }
    for position in 0..batch.len() {
        if machine.ahead.is_some() {
            machine.go_ahead(batch, position);
        }
        let work = &mut batch[position];
        machine.begin(entry, work);
        let flow = program.call(entry, &mut machine);
        machine.end(position, work, flow);
    }
    machine.end_batch();
}

/// Runs works through both entry points, up to and including the first that is held up. How many.
pub(crate) fn run_through(
    program: &Compiled,
    function: Function,
    context: &mut Context<'_>,
    scratch: &mut Scratch,
    passage: &mut Passage<'_>,
    batch: &mut [Work],
) -> usize {
    let mut machine = Machine::new(program, context, scratch, passage);
    machine.frame = machine.scratch.own_frame(program.layout.words);
    machine.begin_ahead(batch.len());
    let ran = machine.run_through(function, batch);
    machine.end_batch();
    ran
}

/// Asks for the headers of a packet, which soon will be read.
#[inline]
fn fetch_headers(packet: &Packet) {
    packet.prefetch(HEADERS_BYTES);
}

impl<'r, 'c> Machine<'r, 'c> {
    fn new(
        program: &'r Compiled,
        context: &'r mut Context<'c>,
        scratch: &'r mut Scratch,
        passage: &'r mut Passage<'_>,
    ) -> Machine<'r, 'c> {
        scratch.mirrors.clear();
        if scratch.front.len() < FRONT_BYTES_MIN + SLACK_BYTES {
            scratch.front.resize(FRONT_BYTES_MIN + SLACK_BYTES, 0);
        }
        let arena_words = program.arena_words + SLACK_BYTES;
        if scratch.arena.len() < arena_words {
            scratch.arena.resize(arena_words, 0);
        }
        Machine {
            frame: std::ptr::null_mut(),
            bytes: std::ptr::null_mut(),
            len_bytes: 0,
            cursor_bytes: 0,
            front: scratch.front.as_mut_ptr(),
            front_len: 0,
            front_capacity: (scratch.front.len() - SLACK_BYTES) as u64,
            arena: scratch.arena.as_mut_ptr(),
            constants: program.constants.as_ptr(),
            intrinsics: std::ptr::null(),
            now_ns: context.now_ns,
            found: Match::nothing(TableId::reserved_value()),
            truncate: u64::MAX,
            decided: 0,
            decided_first: 0,
            decided_second: 0,
            gates: passage.gates.as_mut_ptr(),
            gate_count: passage.gates.len() as u64,
            passed_port: 0,
            passed_queue: 0,
            mirrored: 0,
            key_ahead: std::ptr::null_mut(),
            registers: context.state.register_cells(context.worker).as_ptr(),
            counters: context.state.counter_cells(context.worker).as_ptr(),
            zero: 0,
            sink: [0; 2],
            work: std::ptr::null(),
            position: 0,
            sends: match &mut passage.sends {
                Some(sends) => Some(&mut **sends),
                None => None,
            },
            program,
            lens: context.state.lens(context.snapshot),
            context,
            scratch,
            ahead: None,
            lane: 0,
            lanes: [0; ahead::LANES],
            section: None,
        }
    }

    /// Has lookups made ahead for a batch of packets that begin ingress, if it has a table for which that is worth it.
    fn begin_ahead(&mut self, packets: usize) {
        let program = self.program;
        let Some((table, _)) = program.ahead else { return };
        if packets < ahead::PACKETS_MIN {
            return;
        }
        if self.scratch.pause > 0 {
            self.scratch.pause -= 1;
            return;
        }
        let reader = self.lens.reader(table);
        self.ahead = reader.filter(|reader| program.ahead_always || reader.is_large()).map(Ahead::new);
    }

    /// Makes the lookups of the next packets of a batch, if its position is that of the first of them; and asks for the
    /// headers of those after them.
    #[inline]
    fn go_ahead(&mut self, batch: &mut [Work], position: usize) {
        let first = position % ahead::LANES;
        if first == 0 {
            self.look_up_ahead(batch, position);
        }
        self.lane = usize::from(self.lanes[first]);
        if let Some(later) = batch.get(position + ahead::LANES) {
            fetch_headers(&later.packet);
        }
    }

    /// Looks up what packets will look up, from a position on.
    #[inline(never)] // Once for many packets.
    fn look_up_ahead(&mut self, batch: &mut [Work], position: usize) {
        let program = self.program;
        let (Some(scout), Some((_, words))) = (program.scout(), program.ahead) else { return };
        let end = batch.len().min(position + ahead::LANES);
        let works = &mut batch[position..end];
        if position == 0 {
            works.iter().for_each(|work| fetch_headers(&work.packet));
        }
        let passes = self.frame;
        self.frame = self.scratch.own_frame(program.layout.words);
        self.scratch.keys.clear();
        self.scratch.keys.resize(ahead::LANES * words, 0);
        let keys = self.scratch.keys.as_mut_ptr();
        let mut lookups = 0;
        for (work, lane) in works.iter_mut().zip(0..) {
            if work.intrinsics.origin == Origin::Normal {
                self.key_ahead = keys.wrapping_add(lookups * words);
                self.begin_arrival(work);
                program.call_function(scout, self);
            }
            let (before, key) = self.scratch.keys[..(lookups + 1) * words].split_at(lookups * words);
            if lookups == 0 || !before.iter().rev().zip(key.iter().rev()).all(|(one, other)| one == other) {
                lookups += 1;
                if let Some(ahead) = &self.ahead {
                    // While the next key is found.
                    ahead.prefetch(key);
                }
            }
            self.lanes[lane] = (lookups - 1) as u8;
        }
        self.frame = passes;
        if let Some(ahead) = &mut self.ahead {
            ahead.find(&self.scratch.keys, lookups, works.len());
        }
    }

    /// Ends a batch.
    fn end_batch(&mut self) {
        if let Some(ahead) = &self.ahead {
            self.scratch.pause = ahead.pause();
        }
    }

    /// The first word of the frame.
    pub(crate) fn frame(&mut self) -> *mut u64 {
        self.frame
    }

    /// Bytes of the packet, as long as it is not changed.
    pub(crate) fn packet(&self) -> (*const u8, usize) {
        (self.bytes, self.len_bytes as usize)
    }

    /// What the engine knows of the packet.
    pub(crate) fn intrinsics(&self) -> &Intrinsics {
        // SAFETY: set when the pass began, to those of the work that it runs on.
        unsafe { &*self.intrinsics }
    }

    /// Where parsers have come to, as of the last call of the host that needs it.
    pub(crate) fn cursor_bytes(&self) -> usize {
        self.cursor_bytes as usize
    }

    /// Makes room for so many more bytes behind `len` bytes of the packet's new front.
    pub(crate) fn grow_front(&mut self, len: usize, more: usize) {
        let needed = len + more + SLACK_BYTES;
        if self.scratch.front.len() < needed {
            self.scratch.front.resize(needed.next_power_of_two(), 0);
        }
        self.front = self.scratch.front.as_mut_ptr();
        self.front_capacity = (self.scratch.front.len() - SLACK_BYTES) as u64;
    }

    fn begin(&mut self, entry: Entry, work: &mut Work) {
        let words = self.program.layout.words;
        if work.frame.words.len() != words {
            // A frame of another program has nothing that this one could read.
            work.frame = Frame::new(words);
        }
        if entry == Entry::Ingress && work.intrinsics.origin == Origin::Normal {
            work.frame.words.fill(0);
        }
        let unparsed = match entry {
            Entry::Ingress => true,
            Entry::Egress => work.intrinsics.origin == Origin::CloneOfReceived,
        };
        self.frame = work.frame.words.as_mut_ptr();
        let bytes = work.packet.bytes_mut();
        self.bytes = bytes.as_mut_ptr();
        self.len_bytes = bytes.len() as u64;
        self.cursor_bytes = if unparsed { 0 } else { work.parsed_bytes.min(bytes.len()) as u64 };
        self.front_len = 0;
        self.intrinsics = &raw const work.intrinsics;
        self.truncate = work.truncate_bytes.map_or(u64::MAX, u64::from);
        self.decided = Decided::Nothing as u64;
        self.mirrored = 0;
        self.scratch.mirrors.clear();
    }

    /// Runs works through both entry points, up to and including the first that is held up. How many.
    fn run_through(&mut self, function: Function, batch: &mut [Work]) -> usize {
        let program = self.program;
        for position in 0..batch.len() {
            if self.ahead.is_some() {
                self.go_ahead(batch, position);
            } else if let Some(later) = batch.get(position + HEADERS_AHEAD) {
                fetch_headers(&later.packet);
            }
            let work = &mut batch[position];
            self.position = position;
            self.begin_arrival(work);
            let flow = program.call_function(function, self);
            let (port, queue) = (self.passed_port as u32, self.passed_queue as u32);
            let passes = match flow & 0xff {
                flow::SENT => {
                    if let Ok(bytes) = u32::try_from(self.truncate) {
                        work.packet.truncate(bytes as usize);
                    }
                    true
                }
                flow::PASSED if self.decided == Decided::Transmit as u64 => {
                    work.parsed_bytes = self.cursor_bytes as usize;
                    work.truncate_bytes = u32::try_from(self.truncate).ok();
                    self.deparse(work);
                    true
                }
                flow::PASSED | flow::LOST => {
                    self.give_room_back(port);
                    let why = match flow & 0xff {
                        flow::LOST => reason((flow >> flow::SHIFT) as u64),
                        _ if self.decided == Decided::Drop as u64 => reason(self.decided_first),
                        _ => DropReason::NoDecision,
                    };
                    work.verdict = Verdict::Lost { port, queue, reason: why };
                    if self.mirrored != 0 {
                        return position + 1;
                    }
                    continue;
                }
                _ => false,
            };
            if passes {
                work.verdict = Verdict::Passed { port, queue };
                if self.mirrored != 0 {
                    return position + 1;
                }
                continue;
            }
            std::mem::swap(&mut work.frame, &mut self.scratch.frame);
            self.end(position, work, flow);
            if !matches!(work.verdict, Verdict::Drop(_)) || self.mirrored != 0 {
                self.scratch.frame = self.context.frames.take_for_arrival();
                return position + 1;
            }
            std::mem::swap(&mut work.frame, &mut self.scratch.frame);
            if program.hold.is_some_and(|hold| self.asks_to_hold(hold)) {
                return position + 1;
            }
        }
        batch.len()
    }

    /// Whether a packet has asked for a queue to be held.
    fn asks_to_hold(&self, hold: RegisterId) -> bool {
        let state = self.context.state;
        state.register(hold, state.cell_of(self.context.worker, hold, PROBE_QUEUES)) != 0
    }

    /// Begins both passes of a packet that has just arrived.
    #[inline]
    fn begin_arrival(&mut self, work: &mut Work) {
        self.work = &raw const *work;
        let bytes = work.packet.bytes_mut();
        self.bytes = bytes.as_mut_ptr();
        self.len_bytes = bytes.len() as u64;
        self.intrinsics = &raw const work.intrinsics;
        self.truncate = u64::MAX;
        self.decided = Decided::Nothing as u64;
        if self.mirrored != 0 {
            self.mirrored = 0;
            self.scratch.mirrors.clear();
        }
    }

    /// Says that a packet that went through a port's gate is not transmitted: it has taken no room.
    fn give_room_back(&mut self, port: u32) {
        if u64::from(port) < self.gate_count {
            // SAFETY: there are as many gates, lent to this machine's maker for as long as it lives.
            let gate = unsafe { &mut *self.gates.add(port as usize) };
            gate.room = gate.room.saturating_add(1);
        }
    }

    /// Decides on a clone.
    pub(crate) fn add_mirror(&mut self, mirror: Mirror) {
        self.mirrored += 1;
        self.scratch.mirrors.push(mirror);
    }

    /// Clears words of the frame, of which as many follow the first.
    pub(crate) fn clear(&mut self, first: usize, count: usize) {
        // SAFETY: the frame has as many words as the program's layout, of which these are.
        unsafe { self.frame.add(first).write_bytes(0, count) }
    }

    /// Ends the pass: clones are made, and the packet is got ready for what was decided.
    fn end(&mut self, position: usize, work: &mut Work, flow: i64) {
        self.section = None;
        work.parsed_bytes = self.cursor_bytes as usize;
        work.truncate_bytes = u32::try_from(self.truncate).ok();
        for i in 0..self.scratch.mirrors.len() {
            self.mirror(self.scratch.mirrors[i], position, work, work.parsed_bytes);
        }
        let (first, second) = (self.decided_first as u32, self.decided_second as u32);
        work.verdict = if flow & 0xff == flow::STOP {
            Verdict::Drop(reason((flow >> flow::SHIFT) as u64))
        } else if self.decided == Decided::Enqueue as u64 {
            Verdict::Enqueue { port: first, queue: second }
        } else if self.decided == Decided::Replicate as u64 {
            Verdict::Replicate { group: first, queue: second }
        } else if self.decided == Decided::Transmit as u64 {
            self.deparse(work);
            Verdict::Transmit
        } else if self.decided == Decided::Resubmit as u64 {
            work.truncate_bytes = None;
            self.return_to_ingress(work, first);
            Verdict::Resubmit
        } else if self.decided == Decided::Recirculate as u64 {
            self.deparse(work);
            self.return_to_ingress(work, first);
            Verdict::Recirculate
        } else if self.decided == Decided::Drop as u64 {
            Verdict::Drop(reason(self.decided_first))
        } else {
            Verdict::Drop(DropReason::NoDecision)
        };
    }

    /// What was emitted, then the payload, cut to what `truncate` allows.
    fn deparse(&mut self, work: &mut Work) {
        let len = (self.front_len as usize).min(self.scratch.front.len());
        work.packet.replace_front(work.parsed_bytes, &self.scratch.front[..len]);
        if let Some(bytes) = work.truncate_bytes.take() {
            work.packet.truncate(bytes as usize);
        }
    }

    /// Leaves in the frame just what is preserved.
    fn return_to_ingress(&mut self, work: &mut Work, preserve: u32) {
        let layout: &Layout = &self.program.layout;
        let kept = layout.preserves.get(PreserveId::from_u32(preserve)).map_or(&[][..], |kept| kept);
        let (saved, words) = (&mut self.scratch.words, &mut work.frame.words);
        saved.clear();
        for (first, count) in kept {
            saved.extend_from_slice(&words[*first..*first + *count]);
        }
        words.fill(0);
        let mut saved = &saved[..];
        for (first, count) in kept {
            let (run, rest) = saved.split_at(*count);
            words[*first..*first + *count].copy_from_slice(run);
            saved = rest;
        }
        work.parsed_bytes = 0;
    }

    /// Makes the clones that egress of a packet that passes has decided on; the frame is filled.
    pub(crate) fn make_clones(&mut self) {
        // SAFETY: set when the pass began, to the work that it runs on, of which nothing is borrowed but by this.
        let work = unsafe { &*self.work };
        for i in 0..self.scratch.mirrors.len() {
            self.mirror(self.scratch.mirrors[i], self.position, work, self.cursor_bytes as usize);
        }
        self.scratch.mirrors.clear();
    }

    fn mirror(&mut self, mirror: Mirror, position: usize, work: &Work, parsed_bytes: usize) {
        let mut packet = self.context.pool.take(work.packet.len());
        packet.copy_from(&work.packet);
        let mut frame = self.context.frames.take();
        let words = self.program.layout.words;
        if frame.words.len() != words {
            frame = Frame::new(words);
        }
        // SAFETY: a frame of so many words, which nothing else looks at while the pass's code does not run.
        let live = unsafe { std::slice::from_raw_parts(self.frame, words) };
        let (origin, parsed_bytes) = match mirror.source {
            MirrorSource::Received => (Origin::CloneOfReceived, 0),
            MirrorSource::Live => (Origin::CloneOfSent, parsed_bytes),
        };
        for (first, count) in &self.program.layout.preserves[mirror.preserve] {
            let words = *first..*first + *count;
            frame.words[words.clone()].copy_from_slice(&live[words]);
        }
        let work = Work {
            packet,
            frame,
            parsed_bytes,
            intrinsics: Intrinsics { origin, ..work.intrinsics },
            verdict: Verdict::Drop(DropReason::NoDecision),
            truncate_bytes: None,
        };
        self.context.clones.push(Clone { parent: position, session: mirror.session, work });
    }
}
