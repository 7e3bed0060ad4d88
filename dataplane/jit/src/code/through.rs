//! Both passes in one function: for packets that nothing holds up between ingress and egress.
//!
//! Headers live in registers and what was not changed stays in the packet. What follows the parser is written once for
//! each way out of it, so that which headers there are, and where, is known; or, where there are too many ways, once for all
//! ([`super::stay`]). A packet that a port's gate stops, or that
//! is decided otherwise, leaves as from ingress alone: the frame is filled then.
//!
//! Invariant: nothing of the packet is changed before all that the pass reads of it there has been read, and nothing else
//! that can be seen is done between those changes and the end of the pass.

use std::rc::Rc;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, InstBuilder, MemFlagsData, Value, types};
use heddle_exec::{Gate, Intrinsics};
use heddle_ir::{Decision, HeaderId, Intrinsic, PROBE_QUEUES, ParserId, Probe};
use std::mem::offset_of;

use super::wire::{Packing, Source};
use super::{CURSOR, Coder, Cond, FRONT_LEN, Limb, Way};
use crate::host::Host;
use crate::machine::{Decided, field, flow, reason_number};
use crate::plan::Through;
use crate::survey::Unit;

/// Words of the frame in a row that are cleared without a call.
const CLEARED_IN_PLACE_MAX: usize = 24;

/// Where a function of both passes is.
pub(super) struct State {
    /// The end of ingress, the end of both, and where egress ends by a drop reason.
    held_up: Block,
    passed: Block,
    lost: Block,
    /// In egress: the port and the queue that the packet passed.
    gate: Option<(Value, Value)>,
}

/// A header that was emitted.
pub(super) enum Emitted {
    /// Its fields then.
    Fields(Vec<(u32, Vec<Limb>)>),
    /// One that stays in the packet, if it is valid.
    Staying(HeaderId),
}

/// A part of a header that is to lie in the packet.
pub(super) struct Piece {
    /// First bit, counted from where they are to lie.
    pub(super) bit: i64,
    pub(super) width: u32,
    pub(super) limb: Limb,
    /// Whether it has to be stored.
    pub(super) is_new: bool,
}

impl Piece {
    fn end(&self) -> i64 {
        self.bit + i64::from(self.width)
    }

    /// Has those stored that share a byte with one that is.
    pub(super) fn widen(pieces: &mut [Piece]) {
        for i in (1..pieces.len()).rev() {
            pieces[i - 1].is_new |= pieces[i].is_new && pieces[i].bit % 8 != 0;
        }
        for i in 1..pieces.len() {
            pieces[i].is_new |= pieces[i - 1].is_new && pieces[i - 1].end() % 8 != 0;
        }
    }
}

impl Coder<'_, '_> {
    /// Begins with a packet that has just arrived: all that may be is in registers.
    pub(super) fn begin_in_registers(&mut self, plan: &Rc<Through>) {
        let program = self.program();
        self.both_passes = Some(Rc::clone(plan));
        for pseudo in [CURSOR, FRONT_LEN] {
            let variable = self.builder.declare_var(types::I64);
            self.variables.insert(pseudo, variable);
            self.write_word(pseudo, Limb::Const(0));
        }
        let vars = plan.vars.keys().flat_map(|var| self.words_of(*var));
        let kept = plan.headers.keys().filter(|_| plan.staying.is_none());
        let headers = kept.flat_map(|header| self.words_of_header(*header));
        let words: Vec<u32> = vars.chain(headers).collect();
        for word in words {
            let variable = self.builder.declare_var(types::I64);
            self.variables.insert(word, variable);
            self.write_word(word, Limb::Const(0));
        }
        self.begin_staying(plan);
        self.clear_frame(plan);
        // Nothing was preserved.
        for (header, _) in program.headers.iter().take(super::KNOWN_MAX / 4) {
            let word = self.layout.headers[header].word as u32;
            self.known.set(word, Limb::Const(0));
        }
    }

    pub(super) fn through(&mut self, plan: Rc<Through>) {
        let program = self.program();
        self.begin_in_registers(&plan);
        let (held_up, passed) = (self.builder.create_block(), self.builder.create_block());
        let (stopped, lost) = (self.builder.create_block(), self.builder.create_block());
        let reasons = [stopped, lost].map(|block| self.builder.append_block_param(block, types::I64));
        let (ingress, mirrors) = (plan.ingress, plan.mirrors);
        self.through = Some(State { held_up, passed, lost, gate: None });
        self.ways[Way::Return as usize] = Some(held_up);
        self.ways[Way::Exit as usize] = Some(held_up);
        self.ways[Way::Stop as usize] = Some(stopped);
        self.at_end = true;
        self.block(&program.bodies[ingress].block);
        self.end_pass();
        if self.start(held_up) {
            self.hold_up();
        }
        if self.start(passed) {
            self.make_clones();
            self.hand_over();
            self.give(flow::PASSED);
        }
        for (block, kind, reason) in [(stopped, flow::STOP, reasons[0]), (lost, flow::LOST, reasons[1])] {
            if self.start(block) {
                if kind == flow::STOP && mirrors {
                    self.if_mirrored(Self::fill_frame);
                }
                if kind == flow::LOST {
                    self.make_clones();
                }
                self.hand_over();
                let flow = self.leaving(kind, reason);
                self.builder.ins().return_(&[flow]);
                self.reachable = false;
            }
        }
    }

    /// Clears what lives in the frame.
    fn clear_frame(&mut self, plan: &Through) {
        for words in plan.framed(&self.layout) {
            if words.len() > CLEARED_IN_PLACE_MAX {
                let (first, count) = (self.constant(words.start as u64), self.constant(words.len() as u64));
                self.host(Host::Clear, &[first, count]);
                continue;
            }
            for word in words {
                self.store_frame(word as u32, Limb::Const(0));
            }
        }
    }

    /// Ends the function.
    pub(super) fn give(&mut self, flow: i64) {
        let flow = self.constant(flow as u64);
        self.builder.ins().return_(&[flow]);
        self.reachable = false;
    }

    /// Ends the pass that is being written, if control can be here.
    pub(super) fn end_pass(&mut self) {
        let Some(state) = &self.through else { return };
        let to = if state.gate.is_some() { state.passed } else { state.held_up };
        if self.reachable {
            self.jump(to, None);
        }
    }

    /// Whether what follows a parser is written once for each way out of it.
    pub(super) fn splits_behind(&self, parser: ParserId) -> bool {
        self.may_be_held_up()
            && self.both_passes.as_ref().is_some_and(|plan| plan.splits > 1)
            && !self.in_parser
            && !self.is_outlined(Unit::Parser(parser))
    }

    /// What is known of which headers there are and where the payload begins.
    pub(super) fn signature(&self) -> Vec<(u32, u64)> {
        let Some(plan) = &self.both_passes else { return Vec::new() };
        let words = plan.headers.keys().map(|header| self.layout.headers[*header].word as u32);
        let known = words.chain([CURSOR]).filter_map(|word| match self.known.get(word)? {
            Limb::Const(value) => Some((word, value)),
            Limb::Var(_) => None,
        });
        known.collect()
    }

    /// What the engine would say of a packet here, where that does not stand beside the packet.
    pub(super) fn passed_intrinsic(&mut self, intrinsic: Intrinsic) -> Option<Limb> {
        let gate = self.through.as_ref()?.gate;
        let of_gate =
            |value: fn((Value, Value)) -> Value| gate.map_or(Limb::Const(0), |gate| Limb::Var(value(gate)));
        match intrinsic {
            Intrinsic::EgressPort => Some(of_gate(|(port, _)| port)),
            Intrinsic::QueueId => Some(of_gate(|(_, queue)| queue)),
            Intrinsic::EnqueueTimeNs if gate.is_some() => Some(Limb::Var(self.fetch(field::NOW_NS))),
            Intrinsic::EnqueueTimeNs
            | Intrinsic::Origin
            | Intrinsic::ReplicationId
            | Intrinsic::EnqueueDepth
            | Intrinsic::DequeueDepth => Some(Limb::Const(0)),
            Intrinsic::IngressPort
            | Intrinsic::PacketLength
            | Intrinsic::IngressTimeNs
            | Intrinsic::NowNs => None,
        }
    }

    /// A decision at the end of a pass. False if it is to be noted as any other.
    pub(super) fn decide_through(&mut self, decision: &Decision) -> bool {
        let Some(state) = &self.through else { return false };
        let (in_egress, lost) = (state.gate.is_some(), state.lost);
        match decision {
            Decision::Enqueue { port, queue } if !in_egress => {
                let [port, queue] = [port, queue].map(|expr| {
                    let value = self.value(expr);
                    self.low_limb(&value)
                });
                let port = self.word_value(port);
                self.pass_gate(port, queue);
                true
            }
            Decision::Drop(reason) => {
                // What was emitted goes nowhere.
                self.emitted.clear();
                let reason = self.constant(reason_number(*reason));
                if in_egress {
                    self.jump(lost, Some(reason));
                } else {
                    self.leave(Way::Stop, Some(reason));
                }
                true
            }
            Decision::Transmit if in_egress => {
                self.transmit();
                true
            }
            Decision::Enqueue { .. }
            | Decision::Transmit
            | Decision::Replicate { .. }
            | Decision::Resubmit(_)
            | Decision::Recirculate(_) => false,
        }
    }

    /// On to egress if the gate of a port is open, else out.
    fn pass_gate(&mut self, port: Value, queue: Limb) {
        let mirrors = self.both_passes.as_ref().is_some_and(|plan| plan.mirrors);
        let (shut, within, open) = (self.cold_block(), self.new_block(), self.new_block());
        let count = self.fetch(field::GATE_COUNT);
        let is_there = self.builder.ins().icmp(IntCC::UnsignedLessThan, port, count);
        self.branch(is_there, within, shut);
        let (mut at, mut room) = (port, port);
        if self.start(within) {
            let gates = self.fetch(field::GATES);
            let offset = self.builder.ins().imul_imm_u(port, size_of::<Gate>() as i64);
            at = self.builder.ins().iadd(gates, offset);
            room = self.gate_byte(at, offset_of!(Gate, room));
            let has_room = self.compare(IntCC::NotEqual, Limb::Var(room), Limb::Const(0));
            let offset = offset_of!(Gate, from_ns) as i32;
            let from = self.builder.ins().load(types::I64, MemFlagsData::trusted(), at, offset);
            let now = self.fetch(field::NOW_NS);
            let is_free = self.compare(IntCC::UnsignedLessThanOrEqual, Limb::Var(from), Limb::Var(now));
            let mut is_open = self.both(has_room, is_free);
            if mirrors {
                let mirrored = self.fetch(field::MIRRORED);
                let is_single = self.compare(IntCC::Equal, Limb::Var(mirrored), Limb::Const(0));
                is_open = self.both(is_open, is_single);
            }
            if let Some(hold) = Probe::Hold.of(&self.program()) {
                // What was asked for is done before the packet goes on.
                let asked = self.register_in_place(hold, Limb::Const(PROBE_QUEUES));
                let is_quiet = self.compare(IntCC::Equal, Limb::Var(asked), Limb::Const(0));
                is_open = self.both(is_open, is_quiet);
            }
            if let Cond::Var(is_open) = is_open {
                self.branch(is_open, open, shut);
            }
        }
        if self.start(shut) {
            let what = self.constant(Decided::Enqueue as u64);
            self.put(field::DECIDED, what);
            self.put(field::DECIDED_FIRST, port);
            let queue = self.word_value(queue);
            self.put(field::DECIDED_SECOND, queue);
            self.hold_up();
        }
        if self.start(open) {
            let left = self.builder.ins().iadd_imm_s(room, -1);
            let left = self.builder.ins().ireduce(types::I8, left);
            self.builder.ins().store(MemFlagsData::trusted(), left, at, offset_of!(Gate, room) as i32);
            let queue = match queue {
                // Every port has it.
                Limb::Const(0) => self.constant(0),
                Limb::Const(_) | Limb::Var(_) => {
                    let queues = self.gate_byte(at, offset_of!(Gate, queues));
                    let last = self.builder.ins().iadd_imm_s(queues, -1);
                    let queue = self.word_value(queue);
                    self.builder.ins().umin(queue, last)
                }
            };
            self.put(field::PASSED_PORT, port);
            self.put(field::PASSED_QUEUE, queue);
            if Probe::LinkRecentBytes.of(&self.program()).is_some() {
                self.host(Host::TellLink, &[port]);
            }
            self.egress_behind(port, queue);
        }
    }

    fn gate_byte(&mut self, gate: Value, offset: usize) -> Value {
        let byte = self.builder.ins().load(types::I8, MemFlagsData::trusted(), gate, offset as i32);
        self.builder.ins().uextend(types::I64, byte)
    }

    /// Egress of a packet that has passed a gate.
    fn egress_behind(&mut self, port: Value, queue: Value) {
        let (Some(state), Some(plan)) = (&mut self.through, self.both_passes.clone()) else { return };
        state.gate = Some((port, queue));
        let (passed, lost) = (state.passed, state.lost);
        let outside = std::mem::take(&mut self.ways);
        self.ways[Way::Return as usize] = Some(passed);
        self.ways[Way::Exit as usize] = Some(passed);
        self.ways[Way::Stop as usize] = Some(lost);
        if plan.egress_calls || plan.egress_mirrors {
            self.tell_intrinsics(port, queue);
        }
        let nothing = self.constant(Decided::Nothing as u64);
        self.put(field::DECIDED, nothing);
        self.write_word(FRONT_LEN, Limb::Const(0));
        let program = self.program();
        self.at_end = true;
        self.block(&program.bodies[plan.egress].block);
        self.end_pass();
        self.ways = outside;
        if let Some(state) = &mut self.through {
            state.gate = None;
        }
    }

    /// Writes down what [`Coder::passed_intrinsic`] knows, for functions that are called.
    fn tell_intrinsics(&mut self, port: Value, queue: Value) {
        let (base, now) = (self.fetch(field::INTRINSICS), self.fetch(field::NOW_NS));
        for (offset, value) in
            [(offset_of!(Intrinsics, egress_port), port), (offset_of!(Intrinsics, queue_id), queue)]
        {
            let value = self.builder.ins().ireduce(types::I32, value);
            self.builder.ins().store(MemFlagsData::trusted(), value, base, offset as i32);
        }
        let offset = offset_of!(Intrinsics, enqueue_time_ns) as i32;
        self.builder.ins().store(MemFlagsData::trusted(), now, base, offset);
    }

    /// Leaves after ingress, as was decided, with all that egress needs in the frame.
    pub(super) fn hold_up(&mut self) {
        self.fill_frame();
        self.hand_over();
        self.give(flow::NEXT);
    }

    /// Whether this is the ingress part of a function of both passes.
    pub(super) fn may_be_held_up(&self) -> bool {
        self.through.as_ref().is_some_and(|state| state.gate.is_none())
    }

    /// Has the clones made that egress decided on, while the packet is as it arrived.
    pub(super) fn make_clones(&mut self) {
        if !self.both_passes.as_ref().is_some_and(|plan| plan.egress_mirrors) {
            return;
        }
        self.if_mirrored(|coder| {
            let positions = coder.positions();
            coder.fill_frame();
            coder.hand_over();
            coder.host(Host::MakeClones, &[]);
            for (word, position) in positions {
                coder.store_frame(word, Limb::Var(position));
            }
        });
    }

    /// Does something if clones were decided on, which is rare.
    fn if_mirrored(&mut self, act: impl FnOnce(&mut Self)) {
        let mirrored = self.fetch(field::MIRRORED);
        let any = self.compare(IntCC::NotEqual, Limb::Var(mirrored), Limb::Const(0));
        let (some, after) = (self.cold_block(), self.new_block());
        if let Cond::Var(any) = any {
            self.branch(any, some, after);
        }
        if self.start(some) {
            act(self);
            self.jump(after, None);
        }
        self.start(after);
    }

    /// Puts what lives in registers and outlives ingress into the frame.
    fn fill_frame(&mut self) {
        let Some(plan) = self.both_passes.clone() else { return };
        for header in plan.headers.iter().filter(|(_, outlives)| **outlives).map(|(header, _)| *header) {
            let valid = self.layout.headers[header].word as u32;
            match self.is_valid(header) {
                Cond::Const(false) => self.store_frame(valid, Limb::Const(0)),
                Cond::Const(true) => self.fill_header(header),
                Cond::Var(is_valid) => {
                    let (then, els, after) = (self.new_block(), self.new_block(), self.new_block());
                    self.branch(is_valid, then, els);
                    if self.start(then) {
                        self.known.set(valid, Limb::Const(1));
                        self.fill_header(header);
                        self.jump(after, None);
                    }
                    if self.start(els) {
                        self.store_frame(valid, Limb::Const(0));
                        self.jump(after, None);
                    }
                    self.start(after);
                }
            }
        }
        for var in plan.vars.iter().filter(|(_, outlives)| **outlives).map(|(var, _)| *var) {
            for word in self.words_of(var) {
                let limb = self.read_word(word);
                self.store_frame(word, limb);
            }
        }
    }

    /// Puts a valid header into the frame: as it lies in the packet, and then what differs.
    fn fill_header(&mut self, header: HeaderId) {
        if self.stays(header) {
            return self.put_in_frame(header);
        }
        let pieces = self.pieces_of(header);
        let slots = self.fields(header);
        let len_bits: u32 = pieces.iter().map(|(width, _)| *width).sum();
        let laid_out = self.lay_out(&[pieces]);
        let first = laid_out.iter().find_map(|piece| Some(self.source_of(piece.limb)?.bit - piece.bit));
        let there = first.filter(|first| match self.known.get(CURSOR) {
            Some(Limb::Const(cursor)) => {
                *first >= 0 && first % 8 == 0 && (*first + i64::from(len_bits)) as u64 <= 8 * cursor
            }
            Some(Limb::Var(_)) | None => false,
        });
        if let Some(first) = there {
            let (number, at) = (self.constant(u64::from(header.as_u32())), self.constant(first as u64 / 8));
            let no_bits = self.constant(0);
            self.host(Host::Fill, &[number, at, no_bits]);
        } else {
            let word = self.layout.headers[header].word as u32;
            self.store_frame(word, Limb::Const(1));
        }
        let mut at = 0;
        for slot in slots {
            let width = slot.ty.width();
            for i in 0..slot.limb_count() {
                let word = (slot.word + i) as u32;
                let limb = self.read_word(word);
                let bits = width.saturating_sub(64 * i as u32).min(64);
                // The least significant limb ends where the field ends.
                let bit = i64::from(at + width) - 64 * i as i64 - i64::from(bits);
                let lies_there = there.is_some_and(|first| self.is_from(limb, first + bit, bits));
                if !lies_there {
                    self.store_frame(word, limb);
                }
            }
            at += width;
        }
    }

    /// Where in the packet a value lies still, as bits from the packet's start.
    fn source_of(&self, limb: Limb) -> Option<Source> {
        match limb {
            Limb::Const(_) => None,
            Limb::Var(value) => self.sources.get(&value).copied().filter(|source| source.base == self.bytes),
        }
    }

    fn is_from(&self, limb: Limb, bit: i64, width: u32) -> bool {
        self.source_of(limb).is_some_and(|source| source.bit == bit && source.width == width)
    }

    /// Emits a header later, if it can be known by then where it comes to lie.
    pub(super) fn emit_later(&mut self, header: HeaderId) -> bool {
        let in_egress = self.through.as_ref().is_some_and(|state| state.gate.is_some());
        if !in_egress || !self.is_simple(header) || self.read_word(FRONT_LEN) != Limb::Const(0) {
            return false;
        }
        let ty = self.layout.headers[header].ty;
        if !self.layout.types[ty].fixed_bits.is_multiple_of(8) {
            return false;
        }
        let emitted = match self.stays(header) {
            true => Emitted::Staying(header),
            false => Emitted::Fields(self.pieces_of(header)),
        };
        self.emitted.push(emitted);
        true
    }

    /// Puts what was emitted into the packet's new front.
    pub(super) fn flush_emitted(&mut self) {
        for emitted in std::mem::take(&mut self.emitted) {
            match emitted {
                Emitted::Fields(pieces) => self.append(&pieces),
                Emitted::Staying(header) => self.emit_if_valid(header),
            }
        }
    }

    /// Puts headers that stay in the packet into its new front before anything else is done to them.
    pub(super) fn flush_staying(&mut self) {
        if self.emitted.iter().any(|emitted| matches!(emitted, Emitted::Staying(_))) {
            self.flush_emitted();
        }
    }

    /// Transmits the packet: with what changed of its headers in place, if they take as much as was parsed.
    fn transmit(&mut self) {
        let emitted = std::mem::take(&mut self.emitted);
        let staying = emitted.iter().map(|emitted| match emitted {
            Emitted::Fields(_) => None,
            Emitted::Staying(header) => Some(*header),
        });
        let fields = emitted.iter().map(|emitted| match emitted {
            Emitted::Fields(pieces) => Some(pieces.clone()),
            Emitted::Staying(_) => None,
        });
        if let Some(headers) = fields.collect::<Option<Vec<_>>>() {
            let bits: u64 = headers.iter().flatten().map(|(width, _)| u64::from(*width)).sum();
            if self.read_word(FRONT_LEN) == Limb::Const(0) && self.read_word(CURSOR) == Limb::Const(bits / 8)
            {
                self.make_clones();
                let pieces = self.lay_out(&headers);
                self.store_new(&pieces, self.bytes, 0);
                return self.give(flow::SENT);
            }
        } else if let Some(headers) = staying.collect::<Option<Vec<_>>>()
            && self.lie_in_order(&headers)
        {
            match self.are_as_parsed() {
                Cond::Const(true) => return self.send_as_it_lies(&headers),
                Cond::Const(false) => {}
                Cond::Var(as_parsed) => {
                    let (then, els) = (self.new_block(), self.cold_block());
                    self.branch(as_parsed, then, els);
                    if self.start(then) {
                        self.send_as_it_lies(&headers);
                    }
                    self.start(els);
                }
            }
        }
        self.emitted = emitted;
        self.flush_emitted();
        let what = self.constant(Decided::Transmit as u64);
        self.put(field::DECIDED, what);
        self.end_pass();
    }

    /// Stores what is new of what is to follow each other from an address on.
    pub(super) fn store_new(&mut self, pieces: &[Piece], base: Value, offset: i32) {
        for run in pieces.chunk_by(|one, next| one.is_new == next.is_new).filter(|run| run[0].is_new) {
            let mut packing = Packing::default();
            for piece in run {
                self.pack(&mut packing, piece.width, &[piece.limb]);
            }
            self.store_exactly(&packing, base, offset + (run[0].bit / 8) as i32);
        }
    }

    /// The parts of headers that are to follow each other from the packet's start on, and which of them have to be
    /// stored, in whole bytes.
    fn lay_out(&self, headers: &[Vec<(u32, Vec<Limb>)>]) -> Vec<Piece> {
        let (mut pieces, mut bit) = (Vec::new(), 0);
        for (width, limbs) in headers.iter().flatten() {
            for i in (0..width.div_ceil(64)).rev() {
                let width = (width - 64 * i).min(64);
                let limb = limbs[i as usize];
                pieces.push(Piece { bit, width, limb, is_new: !self.is_from(limb, bit, width) });
                bit += i64::from(width);
            }
        }
        Piece::widen(&mut pieces);
        pieces
    }

    /// Stores whole bytes of the packet, and no more.
    fn store_exactly(&mut self, packing: &Packing, base: Value, mut at: i32) {
        let flags = self.packet_flags();
        for chunk in &packing.chunks {
            let mut left = chunk.bits / 8;
            for size in [8, 4, 2, 1] {
                while left >= size {
                    let done = chunk.bits / 8 - left;
                    let part = self.limb_shr(chunk.word, 64 - 8 * (done + size));
                    let part = self.word_value(part);
                    let ty = Self::int_type(size as usize);
                    let part = if size == 8 { part } else { self.builder.ins().ireduce(ty, part) };
                    let part = if size == 1 { part } else { self.builder.ins().bswap(part) };
                    self.builder.ins().store(flags, part, base, at);
                    at += size as i32;
                    left -= size;
                }
            }
        }
    }
}
