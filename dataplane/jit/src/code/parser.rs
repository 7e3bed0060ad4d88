//! Parsers: states and transitions (P4-16, "Packet parsing").
//!
//! Invariant: states are written in an order in which as few as possible come before one that leads to them; only
//! those begin as the head of a loop does, knowing nothing.

use std::collections::HashMap;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, InstBuilder, types};
use cranelift_frontend::Variable;
use heddle_ir::{
    BinaryOp, Bits, Expr, Keyset, Parser, ParserId, SelectMatch, State, StateId, Target, Transition,
    ValueSetId, error_code,
};

use super::value::limb_count;
use super::{Coder, Cond, Limb, Val, Way};
use crate::host::Host;

/// What transitions of a parser need to know.
struct Targets {
    states: HashMap<StateId, Block>,
    /// Ways out that are told apart, at most.
    splits: usize,
    /// Whether states are written once for each way to them, too.
    apart: bool,
    accept: Block,
    /// Takes a code.
    rejected: Block,
    /// Keeps the code already stored.
    kept: Block,
    /// Counts transitions, if the bound may be reached.
    steps: Option<Variable>,
    step_bound: u32,
}

/// Ways through a parser for packets that differ in what is known of them.
#[derive(Default)]
struct Apart {
    /// Blocks that it accepts to.
    accepted: Vec<(Signature, Block)>,
    /// Blocks of states.
    states: HashMap<StateId, Vec<(Signature, Block)>>,
    /// How many of those there are.
    state_count: usize,
}

/// What is known of packets.
type Signature = Vec<(u32, u64)>;

/// The block for what is known now among those that there are, or a new one if there may be more.
fn block_for(
    blocks: &mut Vec<(Signature, Block)>,
    signature: Signature,
    new: impl FnOnce() -> Option<Block>,
) -> Option<Block> {
    if let Some((_, block)) = blocks.iter().find(|(other, _)| *other == signature) {
        return Some(*block);
    }
    let block = new()?;
    blocks.push((signature, block));
    Some(block)
}

/// The targets of a state's transition.
pub(crate) fn targets(transition: &Transition) -> Vec<Target> {
    match transition {
        Transition::Goto(target) => vec![*target],
        Transition::Select { on: _, cases } => cases.iter().map(|case| case.target).collect(),
    }
}

/// The states that can be reached, each before those it leads to as far as there are no circles; and the longest
/// way through them, if there are none.
pub(crate) fn order(parser: &Parser) -> (Vec<StateId>, Option<usize>) {
    let successors = |state: StateId| {
        let targets = targets(&parser.states[state].transition).into_iter();
        let states = targets.filter_map(|target| match target {
            Target::State(state) => Some(state),
            Target::Accept | Target::Reject => None,
        });
        states.collect::<Vec<_>>()
    };
    let mut finished: Vec<StateId> = Vec::new();
    let mut depths: HashMap<StateId, Option<usize>> = HashMap::new();
    let mut circular = false;
    let mut open = vec![(parser.start, successors(parser.start), 0)];
    depths.insert(parser.start, None);
    while let Some((state, next, at)) = open.last_mut() {
        if let Some(successor) = next.get(*at).copied() {
            *at += 1;
            match depths.get(&successor) {
                None => {
                    depths.insert(successor, None);
                    open.push((successor, successors(successor), 0));
                }
                Some(None) => circular = true,
                Some(Some(_)) => {}
            }
            continue;
        }
        let depth = next.iter().filter_map(|successor| depths.get(successor).copied().flatten());
        let depth = depth.max().map_or(0, |deepest| deepest + 1);
        depths.insert(*state, Some(depth));
        finished.push(*state);
        open.pop();
    }
    finished.reverse();
    let longest = depths.get(&parser.start).copied().flatten();
    (finished, longest.filter(|_| !circular))
}

impl Coder<'_, '_> {
    /// Runs a parser. One that rejects stores the code, and rejects the one that called it, if one did.
    pub(super) fn parse(&mut self, id: ParserId) {
        let (ways, accept) = self.parse_to(id, 0);
        debug_assert!(ways.is_empty(), "none was asked for");
        if self.start(accept) && !self.in_parser {
            self.end_parsing(id);
        }
    }

    /// Runs a parser, and what follows it to the end of the pass once for each way out of it.
    pub(super) fn parse_apart(&mut self, id: ParserId, rest: &[heddle_ir::Stmt]) {
        let splits = self.both_passes.as_ref().map_or(0, |plan| plan.splits);
        let (ways, accept) = self.parse_to(id, splits);
        for block in ways.into_iter().chain([accept]) {
            if self.start(block) {
                self.at_end = true;
                self.block(rest);
                self.end_pass();
            }
        }
    }

    /// Runs a parser. Gives the blocks that it accepts to: up to so many for packets that differ in what is known of
    /// them, and one for the others and for those that it rejects.
    fn parse_to(&mut self, id: ParserId, splits: usize) -> (Vec<Block>, Block) {
        let program = self.program();
        let parser = &program.parsers[id];
        let (order, longest) = order(parser);
        let bounded = longest.is_some_and(|longest| longest <= parser.step_bound as usize);
        let (accept, rejected, kept) = (self.new_block(), self.cold_block(), self.cold_block());
        let code = self.builder.append_block_param(rejected, types::I64);
        let steps = (!bounded).then(|| {
            let steps = self.builder.declare_var(types::I64);
            let zero = self.constant(0);
            self.builder.def_var(steps, zero);
            steps
        });
        let states = order.iter().map(|state| (*state, self.new_block())).collect();
        let apart = splits > 0 && bounded;
        let targets =
            Targets { states, splits, apart, accept, rejected, kept, steps, step_bound: parser.step_bound };
        let outside = self.ways;
        let in_parser = std::mem::replace(&mut self.in_parser, true);
        self.ways[Way::Reject as usize] = Some(rejected);
        let mut ways = Apart::default();
        self.states(parser, &order, &targets, &mut ways);
        self.ways = outside;
        self.in_parser = in_parser;

        let out = self.new_block();
        let out_code = self.builder.append_block_param(out, types::I64);
        if self.start(rejected) {
            self.set_var(parser.error, Limb::Var(code));
            self.jump(out, Some(code));
        }
        if self.start(kept) {
            let word = self.layout.vars[parser.error].word as u32;
            let code = self.read_word(word);
            let code = self.word_value(code);
            self.jump(out, Some(code));
        }
        if self.start(out) {
            if in_parser {
                self.leave(Way::Reject, Some(out_code));
            } else {
                self.jump(accept, None);
            }
        }
        (ways.accepted.into_iter().map(|(_, block)| block).collect(), accept)
    }

    /// Where to accept to: packets of which the same is known go the same way.
    fn accept(&mut self, targets: &Targets, ways: &mut Apart) -> Block {
        if targets.splits == 0 {
            return targets.accept;
        }
        let (signature, count) = (self.signature(), ways.accepted.len());
        let new = || (count < targets.splits).then(|| self.new_block());
        block_for(&mut ways.accepted, signature, new).unwrap_or(targets.accept)
    }

    /// The block of a state.
    fn state_block(&mut self, state: StateId, targets: &Targets, ways: &mut Apart) -> Block {
        if !targets.apart {
            return targets.states[&state];
        }
        let signature = self.signature();
        let (may, count) = (ways.state_count < 2 * targets.splits, &mut ways.state_count);
        let new = || {
            may.then(|| {
                *count += 1;
                self.new_block()
            })
        };
        block_for(ways.states.entry(state).or_default(), signature, new).unwrap_or(targets.states[&state])
    }

    fn states(&mut self, parser: &Parser, order: &[StateId], targets: &Targets, ways: &mut Apart) {
        let position: HashMap<StateId, usize> =
            order.iter().enumerate().map(|(i, state)| (*state, i)).collect();
        let is_head = |state: &StateId| {
            order.iter().enumerate().any(|(i, from)| {
                i >= position[state]
                    && self::targets(&parser.states[*from].transition).contains(&Target::State(*state))
            })
        };
        let heads: Vec<bool> = if targets.steps.is_some() {
            // Only a parser with circles, or with very many states, counts its steps.
            order.iter().map(is_head).collect()
        } else {
            vec![false; order.len()]
        };
        let mut unsealed = Vec::new();
        for (i, id) in order.iter().enumerate() {
            let block = targets.states[id];
            if i == 0 && !heads[0] {
                self.jump(block, None);
            }
            let state = &parser.states[*id];
            // All that leads here has been written: a parser whose states are told apart has no circles.
            for (_, block) in ways.states.remove(id).unwrap_or_default() {
                if self.start(block) {
                    self.state(state, targets, ways);
                }
            }
            if heads[i] {
                if i == 0 {
                    self.jump(block, None);
                }
                self.incoming.remove(&block);
                self.builder.switch_to_block(block);
                self.known = super::Known::default();
                self.reachable = true;
                unsealed.push(block);
            } else if !self.start(block) {
                continue;
            }
            self.state(state, targets, ways);
        }
        for block in unsealed {
            self.incoming.remove(&block);
            self.builder.seal_block(block);
        }
    }

    fn state(&mut self, state: &State, targets: &Targets, ways: &mut Apart) {
        self.returning(|coder| coder.block(&state.block));
        if self.reachable {
            let arena_used = self.arena_used;
            self.transition(&state.transition, targets, ways);
            self.arena_used = arena_used;
        }
    }

    fn transition(&mut self, transition: &Transition, targets: &Targets, ways: &mut Apart) {
        let (on, cases) = match transition {
            Transition::Goto(target) => return self.go(*target, targets, ways),
            Transition::Select { on, cases } => (on, cases),
        };
        let values: Vec<Val> = on.iter().map(|value| self.value(value)).collect();
        if let [value] = &values[..]
            && let Some((labels, rest)) = labels(cases)
        {
            return self.select_label((&on[0], value), &labels, rest, targets, ways);
        }
        for case in cases {
            if !self.reachable {
                return;
            }
            let arena_used = self.arena_used;
            let matches = match &case.matches {
                SelectMatch::Each(keysets) => {
                    let mut all = Cond::Const(true);
                    for (value, keyset) in values.iter().zip(keysets) {
                        let one = self.contains(keyset, value);
                        all = self.both(all, one);
                    }
                    all
                }
                SelectMatch::ValueSet(value_set) => self.in_value_set(*value_set, &values),
            };
            self.arena_used = arena_used;
            match matches {
                Cond::Const(false) => {}
                Cond::Const(true) => self.go(case.target, targets, ways),
                Cond::Var(matches) => {
                    let (edge, next) = (self.new_block(), self.new_block());
                    self.branch(matches, edge, next);
                    if self.start(edge) {
                        self.go(case.target, targets, ways);
                    }
                    self.start(next);
                }
            }
        }
        if self.reachable {
            self.no_match(targets);
        }
    }

    fn no_match(&mut self, targets: &Targets) {
        let code = self.constant(u64::from(error_code::NO_MATCH));
        self.jump(targets.rejected, Some(code));
    }

    /// To where the first label leads that a value is equal to.
    fn select_label(
        &mut self,
        (on, value): (&Expr, &Val),
        labels: &[(&Bits, Target)],
        rest: Option<Target>,
        targets: &Targets,
        ways: &mut Apart,
    ) {
        let edges: Vec<(&Bits, Block)> = labels.iter().map(|(label, _)| (*label, self.new_block())).collect();
        let otherwise = self.new_block();
        self.dispatch(value, &edges, otherwise);
        for ((label, edge), (_, target)) in edges.iter().zip(labels) {
            if self.start(*edge) {
                let equal =
                    Expr::Binary(BinaryOp::Eq, Box::new(on.clone()), Box::new(Expr::Const((*label).clone())));
                self.assume(&equal, true);
                self.go(*target, targets, ways);
            }
        }
        if self.start(otherwise) {
            match rest {
                Some(target) => self.go(target, targets, ways),
                None => self.no_match(targets),
            }
        }
    }

    fn go(&mut self, target: Target, targets: &Targets, ways: &mut Apart) {
        match target {
            Target::Accept => {
                let to = self.accept(targets, ways);
                self.jump(to, None);
            }
            Target::Reject => self.jump(targets.kept, None),
            Target::State(state) => {
                if let Some(steps) = targets.steps {
                    let taken = self.builder.use_var(steps);
                    let bound = Limb::Const(u64::from(targets.step_bound));
                    let may = self.compare(IntCC::UnsignedLessThan, Limb::Var(taken), bound);
                    self.require(may, error_code::PARSER_TIMEOUT);
                    let taken = self.builder.ins().iadd_imm_u(taken, 1);
                    self.builder.def_var(steps, taken);
                }
                let to = self.state_block(state, targets, ways);
                self.jump(to, None);
            }
        }
    }

    fn contains(&mut self, keyset: &Keyset, value: &Val) -> Cond {
        let between = |coder: &mut Self, low: &Expr, high: &Expr, op: BinaryOp| {
            let (low, high) = (coder.value(low), coder.value(high));
            let above = coder.compare_values(op, &low, value);
            let below = coder.compare_values(op, value, &high);
            coder.both(above, below)
        };
        match keyset {
            Keyset::Value(one) => {
                let one = self.value(one);
                self.compare_values(BinaryOp::Eq, &one, value)
            }
            Keyset::Mask(one, mask) => {
                let (one, mask) = (self.value(one), self.value(mask));
                let (left, right) =
                    (self.binary(BinaryOp::And, &one, &mask), self.binary(BinaryOp::And, value, &mask));
                self.compare_values(BinaryOp::Eq, &left, &right)
            }
            Keyset::Range(low, high) => between(self, low, high, BinaryOp::LeU),
            Keyset::RangeSigned(low, high) => between(self, low, high, BinaryOp::LeS),
            Keyset::Any => Cond::Const(true),
            Keyset::ValueSet(value_set) => self.in_value_set(*value_set, std::slice::from_ref(value)),
        }
    }

    fn in_value_set(&mut self, value_set: ValueSetId, values: &[Val]) -> Cond {
        let count = values.iter().map(|value| limb_count(value.width)).sum();
        let at = self.put_together(values.iter().cloned(), count);
        let number = self.constant(u64::from(value_set.as_u32()));
        let (from, count) = (self.arena_address(at), self.constant(count as u64));
        let found = self.host(Host::InValueSet, &[number, from, count]);
        self.nonzero(Limb::Var(found))
    }

    /// Values one after the other in the arena, each in its limbs.
    pub(super) fn put_together(&mut self, values: impl Iterator<Item = Val>, count: usize) -> usize {
        let at = self.arena_words(count);
        let mut next = at;
        for value in values {
            match value.in_registers() {
                Some(limbs) => {
                    let limbs = limbs.to_vec();
                    self.spill(&limbs, next);
                }
                None => {
                    let (from, to) = (self.address(&value), self.arena_address(next));
                    let count = self.constant(limb_count(value.width) as u64);
                    self.host(Host::CopyWords, &[from, to, count]);
                }
            }
            next += limb_count(value.width);
        }
        at
    }
}

/// The labels of a select of one value that compares it with constants alone, and where it goes otherwise.
#[expect(clippy::type_complexity, reason = "read once, where it is made")]
fn labels(cases: &[heddle_ir::SelectCase]) -> Option<(Vec<(&Bits, Target)>, Option<Target>)> {
    let mut labels = Vec::new();
    for case in cases {
        let SelectMatch::Each(keysets) = &case.matches else { return None };
        match &keysets[..] {
            [Keyset::Value(Expr::Const(label))] => labels.push((label, case.target)),
            [Keyset::Any] => return Some((labels, Some(case.target))),
            _ => return None,
        }
    }
    Some((labels, None))
}
