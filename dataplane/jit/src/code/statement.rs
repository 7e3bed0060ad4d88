//! What every statement does.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block as CodeBlock, InstBuilder, Value, types};
use cranelift_frontend::Switch;
use heddle_ir::{
    BinaryOp, Bits, Block, Callee, CounterId, Decision, DigestId, DropReason, Expr, HashAlgorithm, MeterId,
    MirrorSource, Place, RegisterId, Stmt, VarId,
};

use super::value::limb_count;
use super::wire::Packing;
use super::{CURSOR, Coder, Cond, INLINE_LIMBS_MAX, Limb, Val, Way};
use crate::host::{self, Host};
use crate::machine::{Decided, field, reason_number};
use crate::survey::Unit;

/// Labels that a word is compared with one after the other, where more are looked up.
const COMPARED_MAX: usize = 3;
/// Chunks of the longest data whose checksum is computed in place.
const SUMMED_CHUNKS_MAX: usize = 32;

impl Coder<'_, '_> {
    /// Statements in order, until control cannot be behind one.
    pub(super) fn block(&mut self, block: &[Stmt]) {
        // Whether the pass is over behind the last statement, too.
        let ends = std::mem::take(&mut self.at_end);
        for (i, stmt) in block.iter().enumerate() {
            if !self.reachable {
                return;
            }
            let arena_used = self.arena_used;
            if ends
                && let Stmt::Call { callee: Callee::Parser(parser), copy_out } = stmt
                && copy_out.is_empty()
                && self.splits_behind(*parser)
            {
                self.parse_apart(*parser, &block[i + 1..]);
                self.arena_used = arena_used;
                return;
            }
            self.at_end = ends && i + 1 == block.len();
            self.stmt(stmt);
            self.at_end = false;
            self.arena_used = arena_used;
        }
    }

    fn stmt(&mut self, stmt: &Stmt) {
        // Few statements pass it on to what is within.
        let at_end = std::mem::take(&mut self.at_end);
        if let Some(table) = self.scouted
            && self.scout_stmt(table, stmt)
        {
            return;
        }
        if !matches!(stmt, Stmt::Emit(_) | Stmt::Call { .. } | Stmt::Decide(_)) {
            self.flush_staying();
        }
        match stmt {
            Stmt::Assign(place, value) => self.assign(place, value),
            Stmt::AssignSlice { dst, high, low, value } => self.assign_slice(dst, *high, *low, value),
            Stmt::SetValid(header) => self.set_valid(header),
            Stmt::SetInvalid(header) => self.set_invalid(header),
            Stmt::CopyHeader { dst, src } => self.copy_header(dst, src),
            Stmt::PushFront(stack, count) => self.push_front(*stack, *count),
            Stmt::PopFront(stack, count) => self.pop_front(*stack, *count),
            Stmt::If { cond, then, els } => self.if_else(cond, then, els, at_end),
            Stmt::Switch { on, cases, default } => self.switch(on, cases, default, at_end),
            Stmt::Loop { bound, body, update } => self.repeat(*bound, body, update),
            Stmt::Break => self.leave(Way::Break, None),
            Stmt::Continue => self.leave(Way::Continue, None),
            Stmt::Return => self.leave(Way::Return, None),
            Stmt::Exit => self.leave(Way::Exit, None),
            Stmt::Catch(block) => self.catch(block, at_end),
            Stmt::Apply { table, hit, action_run } => {
                self.enter(Unit::Table(*table, *hit, *action_run));
            }
            Stmt::Call { callee, copy_out } => {
                self.at_end = at_end && copy_out.is_empty() && !matches!(callee, Callee::Parser(_));
                self.call((*callee).into(), copy_out);
            }
            Stmt::Extract { header, varbit_bits } => self.extract(header, varbit_bits.as_ref()),
            Stmt::Lookahead(var) => self.lookahead(*var),
            Stmt::Advance(bits) => self.advance(bits),
            Stmt::Verify { cond, error } => self.verify(cond, error),
            Stmt::Emit(header) => self.emit(header),
            Stmt::Count { counter, index } => self.count(*counter, index.as_ref()),
            Stmt::Meter { meter, index, color } => self.meter(*meter, index.as_ref(), *color),
            Stmt::RegisterRead { register, index, dst } => self.register_read(*register, index, *dst),
            Stmt::RegisterWrite { register, index, value } => self.register_write(*register, index, value),
            Stmt::Atomic(block) => self.atomic(block),
            Stmt::Hash { algorithm, dst, data, payload } => {
                let result = self.hash(*algorithm, data, *payload);
                self.set_var(*dst, result);
            }
            Stmt::Random { dst, low, high } => self.random(*dst, low, high),
            Stmt::Digest { digest, values } => self.digest(*digest, values),
            // Only a trace shows it, and traced batches are interpreted.
            Stmt::Log { format: _, args: _ } => {}
            Stmt::Assert { cond, message: _ } => self.assert(cond),
            Stmt::Truncate(bytes) => self.truncate(bytes),
            Stmt::Mirror { session, source, preserve } => {
                let session = self.value(session);
                let session = self.low_limb(&session);
                let session = self.word_value(session);
                let live = match source {
                    MirrorSource::Received => 0,
                    MirrorSource::Live => 1,
                };
                let (live, preserve) = (self.constant(live), self.constant(u64::from(preserve.as_u32())));
                self.host(Host::Mirror, &[session, live, preserve]);
            }
            Stmt::Decide(decision) => self.decide(decision, at_end),
        }
    }

    fn if_else(&mut self, cond: &Expr, then: &Block, els: &Block, at_end: bool) {
        match self.cond(cond) {
            Cond::Const(held) => {
                self.at_end = at_end;
                self.block(if held { then } else { els });
            }
            Cond::Var(value) => {
                if els.is_empty() && self.set_where(value, then) {
                    return;
                }
                let (then_block, els_block, after) = (self.new_block(), self.new_block(), self.new_block());
                self.branch(value, then_block, els_block);
                for (code, block, held) in [(then_block, then, true), (els_block, els, false)] {
                    if self.start(code) {
                        self.assume(cond, held);
                        self.at_end = at_end;
                        self.block(block);
                        if self.reachable {
                            self.jump(after, None);
                        }
                    }
                }
                self.start(after);
            }
        }
    }

    /// Gives a slot in a register a value that is known where a condition holds, if that is all that a block does: without a
    /// branch, which whoever asks for the slot next would take once more.
    fn set_where(&mut self, cond: Value, block: &Block) -> bool {
        let [Stmt::Assign(Place::Var(var), Expr::Const(value))] = &block[..] else { return false };
        let words = self.words_of(*var);
        let &[word] = &words[..] else { return false };
        if !self.variables.contains_key(&word) {
            return false;
        }
        let (then, before) = (Limb::Const(value.low_u64()), self.read_word(word));
        let limb = match (then, before) {
            (Limb::Const(1), Limb::Const(0)) => self.truth(Cond::Var(cond)),
            _ => self.choose(Cond::Var(cond), then, before),
        };
        self.write_word(word, limb);
        true
    }

    fn switch(&mut self, on: &Expr, cases: &[(Vec<Bits>, Block)], default: &Block, at_end: bool) {
        let value = self.value(on);
        let after = self.new_block();
        let otherwise = self.new_block();
        let blocks: Vec<CodeBlock> = cases.iter().map(|_| self.new_block()).collect();
        let labels = cases.iter().zip(&blocks);
        let labels: Vec<(&Bits, CodeBlock)> =
            labels.flat_map(|((labels, _), block)| labels.iter().map(|label| (label, *block))).collect();
        self.dispatch(&value, &labels, otherwise);
        for ((labels, block), code) in cases.iter().zip(blocks) {
            if self.start(code) {
                if let ([label], true) = (&labels[..], value.width <= 64) {
                    let equal = Expr::Binary(
                        BinaryOp::Eq,
                        Box::new(on.clone()),
                        Box::new(Expr::Const(label.clone())),
                    );
                    self.assume(&equal, true);
                }
                self.at_end = at_end;
                self.block(block);
                if self.reachable {
                    self.jump(after, None);
                }
            }
        }
        if self.start(otherwise) {
            self.at_end = at_end;
            self.block(default);
            if self.reachable {
                self.jump(after, None);
            }
        }
        self.start(after);
    }

    /// To the block of the first label that a value is equal to.
    pub(super) fn dispatch(&mut self, value: &Val, labels: &[(&Bits, CodeBlock)], otherwise: CodeBlock) {
        if let Some([limb]) = value.in_registers() {
            return self.dispatch_word(
                *limb,
                labels.iter().map(|(label, to)| (label.low_u64(), *to)),
                otherwise,
            );
        }
        for (label, to) in labels {
            let label = self.value(&Expr::Const((*label).clone()));
            match self.compare_values(BinaryOp::Eq, value, &label) {
                Cond::Const(false) => {}
                Cond::Const(true) => return self.jump(*to, None),
                Cond::Var(equal) => {
                    let next = self.new_block();
                    self.branch(equal, *to, next);
                    self.start(next);
                }
            }
        }
        self.jump(otherwise, None);
    }

    /// The same for one word.
    pub(super) fn dispatch_word(
        &mut self,
        limb: Limb,
        labels: impl Iterator<Item = (u64, CodeBlock)>,
        otherwise: CodeBlock,
    ) {
        let mut switch = Switch::new();
        let mut seen = std::collections::HashSet::new();
        let labels: Vec<(u64, CodeBlock)> = labels.filter(|(label, _)| seen.insert(*label)).collect();
        let value = match limb {
            Limb::Const(value) => {
                let to = labels.iter().find(|(label, _)| *label == value);
                return self.jump(to.map_or(otherwise, |(_, to)| *to), None);
            }
            Limb::Var(value) => value,
        };
        self.flush_emitted();
        if labels.len() <= COMPARED_MAX {
            for (label, to) in labels {
                let equal = self.builder.ins().icmp_imm_u(IntCC::Equal, value, label as i64);
                let next = self.new_block();
                self.branch(equal, to, next);
                self.start(next);
            }
            return self.jump(otherwise, None);
        }
        for (label, to) in labels {
            switch.set_entry(u128::from(label), to);
            self.arrive(to);
        }
        self.arrive(otherwise);
        switch.emit(&mut self.builder, value, otherwise);
        self.reachable = false;
    }

    fn repeat(&mut self, bound: u32, body: &Block, update: &Block) {
        let rounds = self.builder.declare_var(types::I64);
        let zero = self.constant(0);
        self.builder.def_var(rounds, zero);
        let (head, next, after) = (self.new_block(), self.new_block(), self.new_block());
        self.start_loop(head);
        let done = self.builder.use_var(rounds);
        let more = self.compare(IntCC::UnsignedLessThan, Limb::Var(done), Limb::Const(u64::from(bound)));
        self.stop_unless(more, DropReason::LoopBound);
        let outside = self.ways;
        self.ways[Way::Break as usize] = Some(after);
        self.ways[Way::Continue as usize] = Some(next);
        self.block(body);
        if self.reachable {
            self.jump(next, None);
        }
        if self.start(next) {
            self.ways[Way::Continue as usize] = None;
            self.block(update);
            if self.reachable {
                let done = self.builder.use_var(rounds);
                let done = self.builder.ins().iadd_imm_u(done, 1);
                self.builder.def_var(rounds, done);
                self.jump(head, None);
                self.incoming.remove(&head);
            }
        }
        self.ways = outside;
        self.builder.seal_block(head);
        self.start(after);
    }

    /// Ends the pass unless a condition holds.
    fn stop_unless(&mut self, cond: Cond, reason: DropReason) {
        if let Cond::Const(true) = cond {
            return;
        }
        if let Some(block) = self.ways[Way::Stop as usize] {
            let reason = self.constant(reason_number(reason));
            self.unless(cond, block, Some(reason));
        }
    }

    fn catch(&mut self, block: &Block, at_end: bool) {
        let after = self.new_block();
        let outside = self.ways[Way::Exit as usize].replace(after);
        self.at_end = at_end;
        self.block(block);
        self.ways[Way::Exit as usize] = outside;
        if self.reachable {
            self.jump(after, None);
        }
        self.start(after);
    }

    fn lookahead(&mut self, var: VarId) {
        let width = self.layout.vars[var].ty.width();
        let len_bytes = width.div_ceil(8);
        let there = self.has_bytes(Limb::Const(u64::from(len_bytes)));
        self.require(there, heddle_ir::error_code::PACKET_TOO_SHORT);
        if !self.reachable {
            return;
        }
        let at = self.read_word(CURSOR);
        let value = if limb_count(width) <= INLINE_LIMBS_MAX {
            let range = self.range(at, len_bytes);
            self.load_value(range, 0, width)
        } else {
            let (at, bits) = (self.word_value(at), self.constant(u64::from(width)));
            self.host_value(Host::LoadBits, width, &[at, bits])
        };
        self.store_var(var, &value);
    }

    fn advance(&mut self, bits: &Expr) {
        let bits = self.value(bits);
        let bits = self.low_limb(&bits);
        let odd = self.limb_and(bits, Limb::Const(7));
        let whole = self.compare(IntCC::Equal, odd, Limb::Const(0));
        self.require(whole, heddle_ir::error_code::PARSER_INVALID_ARGUMENT);
        if !self.reachable {
            return;
        }
        let bytes = self.limb_shr(bits, 3);
        let there = self.has_bytes(bytes);
        self.require(there, heddle_ir::error_code::PACKET_TOO_SHORT);
        if !self.reachable {
            return;
        }
        let at = self.read_word(CURSOR);
        let behind = self.limb_add(at, bytes);
        self.write_word(CURSOR, behind);
    }

    fn verify(&mut self, cond: &Expr, error: &Expr) {
        let held = self.cond(cond);
        if let Cond::Const(true) = held {
            return;
        }
        let Some(reject) = self.ways[Way::Reject as usize] else { return };
        let (wrong, after) = (self.cold_block(), self.new_block());
        match held {
            Cond::Const(_) => self.jump(wrong, None),
            Cond::Var(held) => self.branch(held, after, wrong),
        }
        if self.start(wrong) {
            let error = self.value(error);
            let error = self.low_limb(&error);
            let error = self.word_value(error);
            self.jump(reject, Some(error));
        }
        if self.start(after) {
            self.assume(cond, true);
        }
    }

    fn count(&mut self, counter: CounterId, index: Option<&Expr>) {
        match index {
            Some(index) => {
                let index = self.index(index);
                self.count_in_place(counter, index);
            }
            None => {
                self.host(Host::CountDirect, &[]);
            }
        }
    }

    fn meter(&mut self, meter: MeterId, index: Option<&Expr>, color: VarId) {
        let metered = match index {
            Some(index) => {
                let index = self.index(index);
                let (number, index) = (self.constant(u64::from(meter.as_u32())), self.word_value(index));
                Limb::Var(self.host(Host::Meter, &[number, index]))
            }
            None => Limb::Var(self.host(Host::MeterDirect, &[])),
        };
        self.set_var(color, metered);
    }

    fn register_read(&mut self, register: RegisterId, index: &Expr, dst: VarId) {
        let index = self.index(index);
        let width = self.layout.vars[dst].ty.width();
        if width <= 64 && self.program().registers[register].width <= 64 {
            let value = self.register_in_place(register, index);
            return self.store_var(dst, &Val::word(width, Limb::Var(value)));
        }
        let number = self.constant(u64::from(register.as_u32()));
        let index = self.word_value(index);
        if width <= 64 {
            let value = self.host(Host::Register, &[number, index]);
            return self.store_var(dst, &Val::word(width, Limb::Var(value)));
        }
        let at = self.arena_words(limb_count(width));
        let (to, count) = (self.arena_address(at), self.constant(limb_count(width) as u64));
        self.host(Host::ReadRegister, &[number, index, to, count]);
        let value = self.value_in_arena(width, at);
        self.store_var(dst, &value);
    }

    fn register_write(&mut self, register: RegisterId, index: &Expr, value: &Expr) {
        let index = self.index(index);
        let value = self.value(value);
        if let Some([limb]) = value.in_registers()
            && self.program().registers[register].width <= 64
        {
            return self.set_register_in_place(register, index, *limb, value.width);
        }
        let number = self.constant(u64::from(register.as_u32()));
        let index = self.word_value(index);
        if let Some([limb]) = value.in_registers() {
            let limb = self.word_value(*limb);
            self.host(Host::SetRegister, &[number, index, limb]);
            return;
        }
        let (from, count) = (self.address(&value), self.constant(limb_count(value.width) as u64));
        self.host(Host::WriteRegister, &[number, index, from, count]);
    }

    /// A section within a section belongs to the outer one.
    fn atomic(&mut self, block: &Block) {
        let set = self.assembly.atomic_set(block);
        if self.in_atomic {
            return self.block(block);
        }
        self.in_atomic = true;
        match set {
            None => self.block(block),
            Some(set) => {
                let set = self.constant(set as u64);
                self.host(Host::EnterSection, &[set]);
                self.with_cleanup(
                    &Way::ALL,
                    |coder| coder.block(block),
                    |coder| {
                        coder.host(Host::LeaveSection, &[]);
                    },
                );
            }
        }
        self.in_atomic = false;
    }

    /// The hash of values one after the other.
    pub(super) fn hash(&mut self, algorithm: HashAlgorithm, data: &[Expr], payload: bool) -> Limb {
        let number = self.constant(host::algorithm_number(algorithm));
        if payload {
            let cursor = self.read_word(CURSOR);
            let cursor = self.word_value(cursor);
            self.put(field::CURSOR_BYTES, cursor);
        }
        let with_payload = self.constant(u64::from(payload));
        let is_long = data.iter().any(|value| match value {
            Expr::Read(place) => self.is_varbit(place),
            _ => false,
        });
        let values: Vec<Val> =
            if is_long { Vec::new() } else { data.iter().map(|value| self.value(value)).collect() };
        let in_registers: Option<Vec<(u32, Vec<Limb>)>> =
            values.iter().map(|value| Some((value.width, value.in_registers()?.to_vec()))).collect();
        let Some(pieces) = in_registers.filter(|_| !is_long) else {
            return self.hash_pieces(number, data, with_payload);
        };
        if algorithm == HashAlgorithm::Csum16 && !payload {
            let bits: u32 = pieces.iter().map(|(width, _)| *width).sum();
            if bits.div_ceil(64) as usize <= SUMMED_CHUNKS_MAX {
                return self.internet_checksum(&pieces);
            }
        }
        let mut packing = Packing::default();
        for (width, limbs) in &pieces {
            self.pack(&mut packing, *width, limbs);
        }
        let at = self.arena_words(packing.chunks.len() + 1);
        self.store_packing(&packing, self.arena, 8 * at as i32);
        let (from, len_bytes) = (self.arena_address(at), self.constant(u64::from(packing.len_bytes())));
        Limb::Var(self.host(Host::Hash, &[number, from, len_bytes, with_payload]))
    }

    /// A hash of what is long, or of a length that is not known.
    fn hash_pieces(&mut self, number: Value, data: &[Expr], with_payload: Value) -> Limb {
        self.host(Host::HashBegin, &[]);
        for value in data {
            let arena_used = self.arena_used;
            let (width, from) = match value {
                Expr::Read(place) if self.is_varbit(place) => {
                    let (length, from) = self.varbit(place);
                    (self.word_value(length), from)
                }
                _ => {
                    let value = self.value(value);
                    (self.constant(u64::from(value.width)), self.address(&value))
                }
            };
            self.host(Host::HashPush, &[from, width]);
            self.arena_used = arena_used;
        }
        Limb::Var(self.host(Host::HashEnd, &[number, with_payload]))
    }

    fn random(&mut self, dst: VarId, low: &Expr, high: &Expr) {
        let (low, high) = (self.value(low), self.value(high));
        let width = low.width;
        if let (Some([low]), Some([high])) = (low.in_registers(), high.in_registers()) {
            let (low, high) = (self.word_value(*low), self.word_value(*high));
            let drawn = self.host(Host::Random, &[low, high]);
            return self.store_var(dst, &Val::word(width, Limb::Var(drawn)));
        }
        let bits = self.constant(u64::from(width));
        let (low, high) = (self.address(&low), self.address(&high));
        let drawn = self.host_value(Host::RandomWide, width, &[bits, low, high]);
        self.store_var(dst, &drawn);
    }

    fn digest(&mut self, digest: DigestId, values: &[Expr]) {
        for value in values {
            let arena_used = self.arena_used;
            let value = self.value(value);
            let (from, count) = (self.address(&value), self.constant(limb_count(value.width) as u64));
            self.host(Host::DigestPush, &[from, count]);
            self.arena_used = arena_used;
        }
        let number = self.constant(u64::from(digest.as_u32()));
        self.host(Host::DigestEnd, &[number]);
    }

    fn assert(&mut self, cond: &Expr) {
        let held = self.cond(cond);
        self.stop_unless(held, DropReason::AssertFailed);
        if self.reachable {
            self.assume(cond, true);
        }
    }

    fn truncate(&mut self, bytes: &Expr) {
        let bytes = self.value(bytes);
        let bytes = self.low_limb(&bytes);
        let bytes = self.word_value(bytes);
        let earlier = self.fetch(field::TRUNCATE);
        let least = self.builder.ins().umin(earlier, bytes);
        self.put(field::TRUNCATE, least);
    }

    fn decide(&mut self, decision: &Decision, at_end: bool) {
        let word = |coder: &mut Self, expr: &Expr| {
            let value = coder.value(expr);
            let limb = coder.low_limb(&value);
            coder.word_value(limb)
        };
        if at_end && self.decide_through(decision) {
            return;
        }
        let (what, first, second) = match decision {
            Decision::Enqueue { port, queue } => {
                (Decided::Enqueue, Some(word(self, port)), Some(word(self, queue)))
            }
            Decision::Replicate { group, queue } => {
                (Decided::Replicate, Some(word(self, group)), Some(word(self, queue)))
            }
            Decision::Resubmit(preserve) => {
                (Decided::Resubmit, Some(self.constant(u64::from(preserve.as_u32()))), None)
            }
            Decision::Recirculate(preserve) => {
                (Decided::Recirculate, Some(self.constant(u64::from(preserve.as_u32()))), None)
            }
            Decision::Transmit => (Decided::Transmit, None, None),
            Decision::Drop(reason) => (Decided::Drop, Some(self.constant(reason_number(*reason))), None),
        };
        let what = self.constant(what as u64);
        self.put(field::DECIDED, what);
        for (offset, value) in [(field::DECIDED_FIRST, first), (field::DECIDED_SECOND, second)] {
            if let Some(value) = value {
                self.put(offset, value);
            }
        }
        if at_end && self.may_be_held_up() {
            self.hold_up();
        }
    }
}
