//! What every statement does.

use heddle_ir::{
    Bits, Callee, CounterId, Decision, DigestId, DropReason, Expr, HashAlgorithm, MeterId, ParserId, Place,
    RegisterId, Stmt, VarId,
};
use heddle_state::Color;

use super::Mirror;
use super::pass::{Decided, Flow, Pass};
use crate::hash::Hasher;
use crate::trace::Event;
use crate::{Verdict, random};

impl Pass<'_, '_> {
    /// Statements in order, until one does not end in [`Flow::Next`].
    pub(super) fn block(&mut self, block: &[Stmt]) -> Flow {
        for statement in block {
            let flow = self.statement(statement);
            if flow != Flow::Next {
                return flow;
            }
        }
        Flow::Next
    }

    fn statement(&mut self, statement: &Stmt) -> Flow {
        match statement {
            Stmt::Assign(place, value) => {
                let value = self.value(value);
                self.assign(place, &value);
            }
            Stmt::AssignSlice { dst, high, low, value } => {
                if let Some(slot) = self.slot(dst) {
                    let whole = self.load(slot).with_slice(*high, *low, &self.value(value));
                    self.store(slot, &whole);
                }
            }
            Stmt::SetValid(header) => {
                if let Some(header) = self.header(header) {
                    self.set_valid(header);
                }
            }
            Stmt::SetInvalid(header) => {
                if let Some(header) = self.header(header) {
                    self.set_invalid(header);
                }
            }
            Stmt::CopyHeader { dst, src } => {
                if let Some(dst) = self.header(dst) {
                    self.copy_header(dst, self.header(src));
                }
            }
            Stmt::PushFront(stack, count) => self.push_front(*stack, *count),
            Stmt::PopFront(stack, count) => self.pop_front(*stack, *count),
            Stmt::If { cond, then, els } => return self.block(if self.holds(cond) { then } else { els }),
            Stmt::Switch { on, cases, default } => {
                let on = self.value(on);
                let case = cases.iter().find(|(labels, _)| labels.contains(&on));
                return self.block(case.map_or(default, |(_, block)| block));
            }
            Stmt::Loop { bound, body, update } => return self.repeat(*bound, body, update),
            Stmt::Break => return Flow::Break,
            Stmt::Continue => return Flow::Continue,
            Stmt::Return => return Flow::Return,
            Stmt::Exit => return Flow::Exit,
            Stmt::Catch(block) => {
                return match self.block(block) {
                    Flow::Exit => Flow::Next,
                    other => other,
                };
            }
            Stmt::Apply { table, hit, action_run } => return self.apply(*table, *hit, *action_run),
            Stmt::Call { callee, copy_out } => {
                let flow = self.call(*callee);
                return self.copy_out(copy_out, flow);
            }
            Stmt::Extract { header, varbit_bits } => return self.extract(header, varbit_bits.as_ref()),
            Stmt::Lookahead(var) => return self.lookahead(*var),
            Stmt::Advance(bits) => return self.advance(bits),
            Stmt::Verify { cond, error } => {
                if !self.holds(cond) {
                    return Flow::Reject(Some(self.value_u32(error)));
                }
            }
            Stmt::Emit(header) => {
                if let Some(header) = self.header(header).filter(|header| self.is_valid(*header)) {
                    self.write_header(header);
                    if self.context.trace.is_some() {
                        let fields = self.fields(header);
                        self.tell(&Event::HeaderEmitted { header, fields: &fields });
                    }
                }
            }
            Stmt::Count { counter, index } => self.count(*counter, index.as_ref()),
            Stmt::Meter { meter, index, color } => {
                let metered = self.meter(*meter, index.as_ref());
                self.set_var(*color, u64::from(metered as u8));
                if self.context.trace.is_some() {
                    let index = index.as_ref().map(|index| self.value(index));
                    self.tell(&Event::Metered { meter: *meter, index: index.as_ref(), color: metered });
                }
            }
            Stmt::RegisterRead { register, index, dst } => self.register_read(*register, index, *dst),
            Stmt::RegisterWrite { register, index, value } => self.register_write(*register, index, value),
            Stmt::Atomic(block) => return self.atomic(block),
            Stmt::Hash { algorithm, dst, data, payload } => self.hash(*algorithm, *dst, data, *payload),
            Stmt::Random { dst, low, high } => {
                let (low, high) = (self.value(low), self.value(high));
                let drawn = random::in_range(self.context.random, &low, &high);
                self.store(self.layout().vars[*dst], &drawn);
            }
            Stmt::Digest { digest, values } => self.digest(*digest, values),
            Stmt::Log { format, args } => {
                if self.context.trace.is_some() {
                    let args: Vec<Bits> = args.iter().map(|arg| self.value(arg)).collect();
                    self.tell(&Event::Logged { format, args: &args });
                }
            }
            Stmt::Assert { cond, message } => {
                if !self.holds(cond) {
                    self.tell(&Event::AssertFailed { message });
                    return Flow::Stop(DropReason::AssertFailed);
                }
            }
            Stmt::Truncate(bytes) => {
                let bytes = self.value_u32(bytes);
                *self.truncate_bytes = Some(self.truncate_bytes.map_or(bytes, |earlier| earlier.min(bytes)));
            }
            Stmt::Mirror { session, source, preserve } => {
                let session = self.value_u32(session);
                self.scratch.mirrors.push(Mirror { session, source: *source, preserve: *preserve });
            }
            Stmt::Decide(decision) => self.decide(decision),
        }
        Flow::Next
    }

    /// Tells whoever listens.
    #[inline(always)]
    pub(super) fn tell(&mut self, event: &Event<'_>) {
        if let Some(sink) = self.context.trace.as_deref_mut() {
            sink.event(event);
        }
    }

    fn assign(&mut self, place: &Place, value: &Bits) {
        if let Some(slot) = self.slot(place) {
            self.store(slot, value);
        }
    }

    /// Stores a number in a slot, cut to its width.
    pub(super) fn set_var(&mut self, var: VarId, value: u64) {
        let slot = self.layout().vars[var];
        self.store(slot, &Bits::new(slot.ty.width(), u128::from(value)));
    }

    fn repeat(&mut self, bound: u32, body: &[Stmt], update: &[Stmt]) -> Flow {
        for _ in 0..bound {
            match self.block(body) {
                Flow::Next | Flow::Continue => {}
                Flow::Break => return Flow::Next,
                other @ (Flow::Return | Flow::Exit | Flow::Reject(_) | Flow::Stop(_)) => return other,
            }
            match self.block(update) {
                Flow::Next | Flow::Continue => {}
                Flow::Break => return Flow::Next,
                other @ (Flow::Return | Flow::Exit | Flow::Reject(_) | Flow::Stop(_)) => return other,
            }
        }
        self.tell(&Event::LoopBoundExceeded { bound });
        Flow::Stop(DropReason::LoopBound)
    }

    fn call(&mut self, callee: Callee) -> Flow {
        match callee {
            Callee::Action(action) => {
                self.tell(&Event::ActionEntered { action });
                let flow = self.block(&self.program().actions[action].body);
                returned(flow)
            }
            Callee::Body(body) => {
                self.tell(&Event::BodyEntered { body });
                let flow = self.block(&self.program().bodies[body].block);
                returned(flow)
            }
            Callee::Parser(parser) => self.call_parser(parser),
        }
    }

    /// A parser called by another rejects that one too; one called by a body ends there.
    fn call_parser(&mut self, parser: ParserId) -> Flow {
        let caller = self.parser.replace(parser);
        let flow = self.parse(parser);
        self.parser = caller;
        match flow {
            Flow::Reject(_) if caller.is_none() => Flow::Next,
            other => other,
        }
    }

    /// Runs what follows a call however the call ended, unless the pass is over.
    pub(super) fn copy_out(&mut self, copy_out: &[Stmt], flow: Flow) -> Flow {
        if let Flow::Stop(_) = flow {
            return flow;
        }
        match self.block(copy_out) {
            Flow::Next => flow,
            other => other,
        }
    }

    fn count(&mut self, counter: CounterId, index: Option<&Expr>) {
        let (state, worker) = (self.context.state, self.context.worker);
        let bytes = u64::from(self.intrinsics.packet_length);
        let packets = u64::from(self.intrinsics.packets);
        match index {
            Some(index) => state.count(worker, counter, self.index(index), packets, bytes),
            None => {
                if let Some(entry) = self.running
                    && self.program().counters[counter].table == Some(entry.table())
                {
                    state.count_direct(worker, entry, packets, bytes);
                }
            }
        }
        if self.context.trace.is_some() {
            let index = index.map(|index| self.value(index));
            self.tell(&Event::Counted { counter, index: index.as_ref() });
        }
    }

    fn meter(&self, meter: MeterId, index: Option<&Expr>) -> Color {
        let (state, snapshot, now_ns) = (self.context.state, self.context.snapshot, self.context.now_ns);
        let bytes = u64::from(self.intrinsics.packet_length);
        match index {
            Some(index) => state.meter(snapshot, meter, self.index(index), bytes, now_ns),
            None => match self.running {
                Some(entry) if self.program().meters[meter].table == Some(entry.table()) => {
                    state.meter_direct(snapshot, entry, bytes, now_ns)
                }
                Some(_) | None => Color::Green,
            },
        }
    }

    fn register_read(&mut self, register: RegisterId, index: &Expr, dst: VarId) {
        let slot = self.layout().vars[dst];
        let cell = self.cell(register, index);
        let words = &mut self.frame.words[slot.limbs()..slot.limbs() + slot.limb_count()];
        self.context.state.read_register(register, cell, words);
        if self.context.trace.is_some() {
            let (index, value) = (self.value(index), self.load(slot));
            self.tell(&Event::RegisterRead { register, index: &index, value: &value });
        }
    }

    fn cell(&self, register: RegisterId, index: &Expr) -> u64 {
        let index = self.index(index);
        self.context.state.cell_of(self.context.worker, register, index)
    }

    fn register_write(&mut self, register: RegisterId, index: &Expr, value: &Expr) {
        let cell = self.cell(register, index);
        let value = self.value(value);
        let words = &mut self.scratch.words;
        words.clear();
        words.extend(value.limbs());
        self.context.state.write_register(register, cell, words);
        if self.context.trace.is_some() {
            let index = self.value(index);
            self.tell(&Event::RegisterWritten { register, index: &index, value: &value });
        }
    }

    /// A section within a section belongs to the outer one.
    fn atomic(&mut self, block: &[Stmt]) -> Flow {
        if self.in_atomic {
            return self.block(block);
        }
        let _section =
            self.interpreter.atomic_sets.of(block).map(|set| self.context.state.atomic_section(set));
        self.in_atomic = true;
        let flow = self.block(block);
        self.in_atomic = false;
        flow
    }

    fn hash(&mut self, algorithm: HashAlgorithm, dst: VarId, data: &[Expr], payload: bool) {
        self.scratch.hashed.clear();
        for expr in data {
            let value = self.value(expr);
            self.scratch.hashed.push_limbs(value.width(), |i| value.limb(i));
        }
        let mut hasher = Hasher::new(algorithm, self.context.random);
        hasher.update(self.scratch.hashed.bytes());
        if payload {
            hasher.update(self.payload());
        }
        self.set_var(dst, hasher.finish());
    }

    fn digest(&mut self, digest: DigestId, values: &[Expr]) {
        for value in values {
            let value = self.value(value);
            self.context.digests.words.extend(value.limbs());
        }
        let end = self.context.digests.words.len();
        self.context.digests.messages.push((digest, end));
        if self.context.trace.is_some() {
            let values: Vec<Bits> = values.iter().map(|value| self.value(value)).collect();
            self.tell(&Event::DigestSent { digest, values: &values });
        }
    }

    fn decide(&mut self, decision: &Decision) {
        let (verdict, preserve) = match decision {
            Decision::Enqueue { port, queue } => {
                (Verdict::Enqueue { port: self.value_u32(port), queue: self.value_u32(queue) }, None)
            }
            Decision::Replicate { group, queue } => {
                (Verdict::Replicate { group: self.value_u32(group), queue: self.value_u32(queue) }, None)
            }
            Decision::Resubmit(preserve) => (Verdict::Resubmit, Some(*preserve)),
            Decision::Recirculate(preserve) => (Verdict::Recirculate, Some(*preserve)),
            Decision::Transmit => (Verdict::Transmit, None),
            Decision::Drop(reason) => (Verdict::Drop(*reason), None),
        };
        self.tell(&Event::Decided { verdict });
        self.decided = Some(Decided { verdict, preserve });
    }
}

/// How a call ends that its callee's statements ended so: a callee returns to its caller, and no loop reaches
/// across a call.
pub(super) fn returned(flow: Flow) -> Flow {
    match flow {
        Flow::Next | Flow::Break | Flow::Continue | Flow::Return => Flow::Next,
        Flow::Exit | Flow::Reject(_) | Flow::Stop(_) => flow,
    }
}
