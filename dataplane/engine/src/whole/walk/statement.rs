//! Statements: what they change, and which of them refuse.

use heddle_ir::{
    Callee, Decision, Expr, HashAlgorithm, HeaderId, HeaderRef, Place as Slot, Probe, RegisterId, Stmt, VarId,
};

use super::super::Refusal;
use super::super::state::{Decided, Header, Place, Sent, State, Validity, range};
use super::super::value::{Bit, Value, same, zeros};
use super::expression::Named;
use super::{Ends, Result, Walk};

/// Rounds of a loop that are followed.
const ROUNDS_MAX: u32 = 64;

impl Walk<'_> {
    pub(super) fn block(&mut self, block: &[Stmt], states: Vec<State>) -> Result<Ends> {
        let mut ends = Ends::default();
        let mut states = states;
        for statement in block {
            let mut next = Vec::new();
            for state in states {
                self.pay(1)?;
                let after = self.statement(statement, state)?;
                let on = self.absorb(&mut ends, after)?;
                if next.is_empty() {
                    next = on;
                } else {
                    self.merge_all(&mut next, on)?;
                }
            }
            states = next;
        }
        ends.next = states;
        Ok(ends)
    }

    /// A callee returns to its caller, and no loop reaches across a call.
    pub(super) fn returned(&mut self, ends: Ends) -> Result<Ends> {
        let Ends { mut next, breaks, continues, returns, exits, rejects } = ends;
        for state in [breaks, continues, returns].into_iter().flatten() {
            self.merge(&mut next, state)?;
        }
        Ok(Ends { next, exits, rejects, ..Ends::default() })
    }

    /// Runs what follows a call, however that ended.
    pub(super) fn copied_out(&mut self, copy_out: &[Stmt], called: Ends) -> Result<Ends> {
        let mut ends = Ends::default();
        let Ends { next, breaks, continues, returns, exits, rejects } = called;
        for (kind, states) in [next, breaks, continues, returns, exits, rejects].into_iter().enumerate() {
            if states.is_empty() {
                continue;
            }
            let after = self.block(copy_out, states)?;
            let on = self.absorb(&mut ends, after)?;
            let ended = match kind {
                0 => &mut ends.next,
                1 => &mut ends.breaks,
                2 => &mut ends.continues,
                3 => &mut ends.returns,
                4 => &mut ends.exits,
                _ => &mut ends.rejects,
            };
            self.merge_all(ended, on)?;
        }
        Ok(ends)
    }

    fn statement(&mut self, statement: &Stmt, mut state: State) -> Result<Ends> {
        match statement {
            Stmt::Assign(place, value) => {
                let value = self.value(&state, value);
                self.assign(&mut state, place, |_| value.clone())?;
            }
            Stmt::AssignSlice { dst, high, low, value } => {
                let value = self.value(&state, value);
                let (high, low) = (*high as usize, *low as usize);
                self.assign(&mut state, dst, |old| {
                    let mut new = old.to_vec();
                    let top = new.len();
                    new[top - 1 - high..top - low].copy_from_slice(&value);
                    new.into()
                })?;
            }
            Stmt::SetValid(header) => self.set_valid(&mut state, header)?,
            Stmt::SetInvalid(header) => match self.named(&state, header).0 {
                Named::One(header) => state.header_mut(header).valid = Validity::No,
                Named::None => {}
                Named::Some(_) => return Err(Refusal::NotFollowed),
            },
            Stmt::CopyHeader { dst, src } => {
                let copied = match self.named(&state, src).0 {
                    Named::One(src) => Some(state.header(src).clone()),
                    Named::None => None,
                    Named::Some(_) => return Err(Refusal::NotFollowed),
                };
                match self.named(&state, dst).0 {
                    Named::One(dst) => {
                        let invalid = || Header {
                            valid: Validity::No,
                            place: Place::Added,
                            bits: zeros(state.header(dst).bits.len()),
                        };
                        let copied = copied.unwrap_or_else(invalid);
                        state.set_header(self.program, dst, copied);
                    }
                    Named::None => {}
                    Named::Some(_) => return Err(Refusal::NotFollowed),
                }
            }
            Stmt::PushFront(stack, count) => state.shift(self.program, *stack, *count as isize),
            Stmt::PopFront(stack, count) => state.shift(self.program, *stack, -(*count as isize)),
            Stmt::If { cond, then, els } => return self.branch(cond, then, els, state),
            Stmt::Switch { on, cases, default } => {
                let on = self.value(&state, on);
                self.same(&on)?;
                let mut ends = Ends::default();
                for (labels, block) in cases {
                    let may = |label| self.frame.equal(&on, &super::of_bits(label)) != Bit::Zero;
                    if labels.iter().any(may) {
                        self.pay(1 + state.size())?;
                        let after = self.block(block, vec![state.clone()])?;
                        self.absorb_all(&mut ends, after)?;
                    }
                }
                let after = self.block(default, vec![state])?;
                self.absorb_all(&mut ends, after)?;
                return Ok(ends);
            }
            Stmt::Loop { bound, body, update } => return self.repeat(*bound, body, update, state),
            Stmt::Break => return Ok(Ends { breaks: vec![state], ..Ends::default() }),
            Stmt::Continue => return Ok(Ends { continues: vec![state], ..Ends::default() }),
            Stmt::Return => return Ok(Ends { returns: vec![state], ..Ends::default() }),
            Stmt::Exit => return Ok(Ends { exits: vec![state], ..Ends::default() }),
            Stmt::Catch(block) => {
                let mut ends = self.block(block, vec![state])?;
                let exits = std::mem::take(&mut ends.exits);
                self.merge_all(&mut ends.next, exits)?;
                return Ok(ends);
            }
            Stmt::Atomic(block) => return self.block(block, vec![state]),
            Stmt::Apply { table, hit, action_run } => return self.apply(*table, *hit, *action_run, state),
            Stmt::Call { callee, copy_out } => {
                let called = self.call(*callee, state)?;
                return self.copied_out(copy_out, called);
            }
            Stmt::Extract { header, varbit_bits } => {
                self.extract(&mut state, header, varbit_bits.as_ref())?;
            }
            Stmt::Lookahead(var) => self.lookahead(&mut state, *var)?,
            Stmt::Advance(bits) => self.advance(&mut state, bits)?,
            Stmt::Verify { cond, error: _ } => {
                let cond = self.bit(&state, cond);
                self.same(&[cond])?;
                return Ok(match cond {
                    Bit::One => Ends { next: vec![state], ..Ends::default() },
                    Bit::Zero => Ends { rejects: vec![state], ..Ends::default() },
                    Bit::Same | Bit::Frame(_) | Bit::Sum(_) | Bit::Differs => {
                        self.pay(state.size())?;
                        Ends { next: vec![state.clone()], rejects: vec![state], ..Ends::default() }
                    }
                });
            }
            Stmt::Emit(header) => self.emit(&mut state, header)?,
            Stmt::Count { counter: _, index } => {
                if let Some(index) = index {
                    self.same(&self.value(&state, index))?;
                }
            }
            Stmt::Meter { .. } | Stmt::RegisterWrite { .. } => return Err(Refusal::Remembers),
            Stmt::RegisterRead { register, index, dst } => {
                self.same(&self.value(&state, index))?;
                if self.changes_by_packet(*register) {
                    return Err(Refusal::Remembers);
                }
                state.forget_var(*dst);
            }
            Stmt::Hash { algorithm, dst, data, payload } => {
                self.hash(&mut state, *algorithm, *dst, data, *payload)?;
            }
            Stmt::Random { .. } => return Err(Refusal::Draws),
            // Once is enough: a digest's receiver is not told the same twice (P4Runtime, `DigestEntry`).
            Stmt::Digest { digest: _, values } => {
                values.iter().try_for_each(|value| self.same(&self.value(&state, value)))?;
            }
            // Traced packets are not carried whole.
            Stmt::Log { format: _, args: _ } => {}
            Stmt::Assert { cond, message: _ } => {
                let cond = self.bit(&state, cond);
                self.same(&[cond])?;
                if cond == Bit::Zero {
                    return Ok(Ends::default());
                }
            }
            Stmt::Truncate(_) => return Err(Refusal::Truncates),
            Stmt::Mirror { .. } => return Err(Refusal::Copies),
            Stmt::Decide(decision) => self.decide(&mut state, decision)?,
        }
        Ok(Ends { next: vec![state], ..Ends::default() })
    }

    fn branch(&mut self, cond: &Expr, then: &[Stmt], els: &[Stmt], state: State) -> Result<Ends> {
        let cond = self.bit(&state, cond);
        self.same(&[cond])?;
        match cond.known() {
            Some(true) => self.block(then, vec![state]),
            Some(false) => self.block(els, vec![state]),
            None => {
                self.pay(1 + state.size())?;
                let mut ends = self.block(then, vec![state.clone()])?;
                let other = self.block(els, vec![state])?;
                self.absorb_all(&mut ends, other)?;
                Ok(ends)
            }
        }
    }

    fn repeat(&mut self, bound: u32, body: &[Stmt], update: &[Stmt], state: State) -> Result<Ends> {
        let mut ends = Ends::default();
        let mut states = vec![state];
        for _ in 0..bound {
            for block in [body, update] {
                let after = self.block(block, states)?;
                let Ends { mut next, breaks, continues, returns, exits, rejects } = after;
                self.merge_all(&mut next, continues)?;
                self.merge_all(&mut ends.next, breaks)?;
                self.merge_all(&mut ends.returns, returns)?;
                self.merge_all(&mut ends.exits, exits)?;
                self.merge_all(&mut ends.rejects, rejects)?;
                states = next;
            }
            if states.is_empty() {
                return Ok(ends);
            }
        }
        // Beyond its bound the packet is dropped, and all segments with it.
        if bound > ROUNDS_MAX { Err(Refusal::TooLarge) } else { Ok(ends) }
    }

    fn call(&mut self, callee: Callee, state: State) -> Result<Ends> {
        let program = self.program;
        match callee {
            Callee::Action(action) => {
                let ends = self.block(&program.actions[action].body, vec![state])?;
                self.returned(ends)
            }
            Callee::Body(body) => {
                let ends = self.block(&program.bodies[body].block, vec![state])?;
                self.returned(ends)
            }
            Callee::Parser(parser) => {
                self.parsers += 1;
                let mut ends = self.parse(parser, state)?;
                self.parsers -= 1;
                if self.parsers == 0 {
                    let rejects = std::mem::take(&mut ends.rejects);
                    self.merge_all(&mut ends.next, rejects)?;
                }
                Ok(ends)
            }
        }
    }

    /// Stores what `change` makes of what is there.
    fn assign(&self, state: &mut State, place: &Slot, change: impl Fn(&[Bit]) -> Value) -> Result<()> {
        let (header, field) = match place {
            Slot::Var(var) => {
                let new = change(state.var(*var));
                state.set_var(*var, new);
                return Ok(());
            }
            Slot::Field(header, field) => (header, *field),
        };
        let (named, index) = self.named(state, header);
        self.same(&index)?;
        match named {
            Named::None => Ok(()),
            Named::One(header) => self.assign_field(state, header, field, false, &change),
            Named::Some(elements) => {
                elements.iter().try_for_each(|header| self.assign_field(state, *header, field, true, &change))
            }
        }
    }

    fn assign_field(
        &self,
        state: &mut State,
        header: HeaderId,
        field: usize,
        is_perhaps: bool,
        change: &impl Fn(&[Bit]) -> Value,
    ) -> Result<()> {
        let ty = &self.program.header_types[self.program.headers[header].ty];
        let (at, len) = range(ty, field).ok_or(Refusal::NotFollowed)?;
        if state.header(header).valid == Validity::No {
            return Ok(());
        }
        let of = state.header_mut(header);
        let old: Value = of.bits[at..at + len].into();
        let mut new = change(&old);
        if is_perhaps {
            new = self.frame.join_values(&old, &new);
        }
        let mut bits = of.bits.to_vec();
        bits[at..at + len].copy_from_slice(&new);
        of.bits = bits.into();
        Ok(())
    }

    fn set_valid(&self, state: &mut State, header: &HeaderRef) -> Result<()> {
        let header = match self.named(state, header).0 {
            Named::One(header) => header,
            Named::None => return Ok(()),
            Named::Some(_) => return Err(Refusal::NotFollowed),
        };
        let before = state.header(header);
        let zero = zeros(before.bits.len());
        let (place, bits) = match before.valid {
            Validity::Yes => (before.place, before.bits.clone()),
            Validity::No => (Place::Added, zero),
            Validity::Maybe => {
                let place = if before.place == Place::Added { Place::Added } else { Place::Lost };
                (place, self.frame.join_values(&before.bits, &zero))
            }
        };
        state.set_header(self.program, header, Header { valid: Validity::Yes, place, bits });
        Ok(())
    }

    /// Appends a header to what is sent. Those of the frame from the IP header on have to come as they came, with all
    /// that differs, or is under TCP's checksum, at its place.
    fn emit(&self, state: &mut State, header: &HeaderRef) -> Result<()> {
        let header = match self.named(state, header).0 {
            Named::One(header) => header,
            Named::None => return Ok(()),
            Named::Some(_) => return Err(Refusal::NotFollowed),
        };
        let of = state.header(header);
        if of.valid == Validity::No {
            return Ok(());
        }
        let network_at = self.frame.network_at();
        let place = match of.place {
            Place::Lost => return Err(Refusal::Order),
            Place::Added => None,
            Place::At(at) if at >= network_at => Some(at),
            Place::At(at) if at + of.bits.len() > network_at => return Err(Refusal::Order),
            Place::At(_) => None,
        };
        let Some(place) = place else {
            if state.sent != Sent::Front {
                return Err(Refusal::Order);
            }
            return if self.frame.any_different(&of.bits) { Err(Refusal::Changes) } else { Ok(()) };
        };
        let follows = match state.sent {
            Sent::Front => place == network_at,
            Sent::To(end) => place == end,
        };
        if !follows || of.valid != Validity::Yes {
            return Err(Refusal::Order);
        }
        for (at, &bit) in (place..).zip(of.bits.iter()) {
            let is_there = bit == Bit::Frame(at as u16);
            let is_fine = if at >= self.frame.transport_at() {
                is_there
            } else if self.frame.differs(at) {
                is_there || self.frame.checksum_bit(at).is_some_and(|index| bit == Bit::Sum(index))
            } else {
                !self.frame.is_different(bit)
            };
            if !is_fine {
                return Err(Refusal::Changes);
            }
        }
        state.sent = Sent::To(place + of.bits.len());
        Ok(())
    }

    /// Whether a register says something else for every packet.
    fn changes_by_packet(&self, register: RegisterId) -> bool {
        use Probe::{HeldBytes, Hold, LinkRecentBytes, QueueBytes, QueueDepthBytes};
        [QueueDepthBytes, QueueBytes, HeldBytes, LinkRecentBytes, Hold]
            .into_iter()
            .any(|probe| probe.of(self.program) == Some(register))
    }

    fn hash(
        &self,
        state: &mut State,
        algorithm: HashAlgorithm,
        dst: VarId,
        data: &[Expr],
        payload: bool,
    ) -> Result<()> {
        if algorithm == HashAlgorithm::Random {
            return Err(Refusal::Draws);
        }
        let data: Vec<Bit> = data.iter().flat_map(|expr| self.value(state, expr).to_vec()).collect();
        let width = state.var(dst).len();
        let value = if payload {
            vec![Bit::Differs; width].into()
        } else if !self.frame.any_different(&data) {
            same(width)
        } else if algorithm == HashAlgorithm::Csum16 && width == 16 {
            self.checksum(&data)
        } else {
            vec![Bit::Differs; width].into()
        };
        state.set_var(dst, value);
        Ok(())
    }

    /// The checksum of data that differs: known only if all that differs of the IPv4 header is in it, each bit once and
    /// with the weight that it has there. With the header's checksum it is the same for all segments.
    fn checksum(&self, data: &[Bit]) -> Value {
        let differs = || vec![Bit::Differs; 16].into();
        let (mut covered, mut sum) = (Vec::new(), Vec::new());
        for (position, &bit) in data.iter().enumerate() {
            match bit {
                Bit::Frame(at) if self.frame.is_different(bit) => {
                    let at = usize::from(at);
                    if at.abs_diff(self.frame.network_at()) % 16 != position % 16 {
                        return differs();
                    }
                    match self.frame.checksum_bit(at) {
                        Some(index) => sum.push(index),
                        None => covered.push(at),
                    }
                }
                Bit::Sum(index) if usize::from(index) == position % 16 => sum.push(index),
                Bit::Sum(_) | Bit::Differs => return differs(),
                Bit::Zero | Bit::One | Bit::Same | Bit::Frame(_) => {}
            }
        }
        covered.sort_unstable();
        sum.sort_unstable();
        if !covered.into_iter().eq(self.frame.covered()) {
            return differs();
        }
        match sum.is_empty() {
            true => (0..16).map(Bit::Sum).collect(),
            false if sum.into_iter().eq(0..16) => same(16),
            false => differs(),
        }
    }

    fn decide(&self, state: &mut State, decision: &Decision) -> Result<()> {
        let same = |expr| self.same(&self.value(state, expr));
        state.decided = match decision {
            Decision::Enqueue { port, queue } => {
                same(port).and(same(queue))?;
                Decided { enqueue: true, ..Decided::default() }
            }
            Decision::Replicate { group, queue } => {
                same(group).and(same(queue))?;
                Decided { replicate: true, ..Decided::default() }
            }
            Decision::Transmit => Decided { transmit: true, ..Decided::default() },
            Decision::Drop(_) => Decided::default(),
            Decision::Resubmit(_) | Decision::Recirculate(_) => return Err(Refusal::Copies),
        };
        Ok(())
    }
}
