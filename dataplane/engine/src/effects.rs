//! Whether a program's packets may go through its entry points in batches.
//!
//! The engine runs ingress over a batch before egress of its first packet. That equals running the packets one
//! by one if nothing that egress does can be seen by the ingress of a later packet or the other way round, and
//! if no packet comes back from egress (or to the start of ingress) ahead of packets that arrived later.
//! Invariant: [`may_batch`] says yes only if both hold for every packet.
//!
//! What can carry an effect from one entry point to the other: registers that one of them writes, meters, the
//! sequence of random numbers, and the sequence of digests. Tables are read under one snapshot and counters
//! are only ever added to, so neither can.

use std::collections::HashSet;

use heddle_ir::{
    ActionId, Block, BodyId, Callee, Decision, HashAlgorithm, MeterId, ParserId, Program, RegisterId, Stmt,
    TableId,
};

/// Whether ingress over a batch, then egress over what comes out of it, has the effects of one packet at a time.
pub(crate) fn may_batch(program: &Program) -> bool {
    let ingress = Effects::of(program, program.ingress);
    let egress = Effects::of(program, program.egress);
    let comes_back = ingress.comes_back || egress.comes_back || egress.mirrors;
    let digests = ingress.digests && egress.digests;
    let random = ingress.random && egress.random;
    let meters = !ingress.meters.is_disjoint(&egress.meters);
    let registers = !ingress.written.is_disjoint(&egress.written)
        || !ingress.written.is_disjoint(&egress.read)
        || !ingress.read.is_disjoint(&egress.written);
    !(comes_back || digests || random || meters || registers)
}

/// Whether egress may read or write a register.
pub(crate) fn egress_touches(program: &Program, register: RegisterId) -> bool {
    let egress = Effects::of(program, program.egress);
    egress.read.contains(&register) || egress.written.contains(&register)
}

/// What an entry point may do, gathered over everything it may call.
#[derive(Default)]
struct Effects {
    read: HashSet<RegisterId>,
    written: HashSet<RegisterId>,
    meters: HashSet<MeterId>,
    random: bool,
    digests: bool,
    mirrors: bool,
    comes_back: bool,
    visited: HashSet<Visited>,
}

#[derive(PartialEq, Eq, Hash)]
enum Visited {
    Action(ActionId),
    Body(BodyId),
    Parser(ParserId),
    Table(TableId),
}

impl Effects {
    fn of(program: &Program, entry: Option<BodyId>) -> Self {
        let mut effects = Self::default();
        if let Some(body) = entry {
            effects.callee(program, Callee::Body(body));
        }
        effects
    }

    fn callee(&mut self, program: &Program, callee: Callee) {
        match callee {
            Callee::Action(id) => {
                if self.visited.insert(Visited::Action(id))
                    && let Some(action) = program.actions.get(id)
                {
                    self.block(program, &action.body);
                }
            }
            Callee::Body(id) => {
                if self.visited.insert(Visited::Body(id))
                    && let Some(body) = program.bodies.get(id)
                {
                    self.block(program, &body.block);
                }
            }
            Callee::Parser(id) => {
                if self.visited.insert(Visited::Parser(id))
                    && let Some(parser) = program.parsers.get(id)
                {
                    for state in parser.states.values() {
                        self.block(program, &state.block);
                    }
                }
            }
        }
    }

    fn table(&mut self, program: &Program, id: TableId) {
        if self.visited.insert(Visited::Table(id))
            && let Some(table) = program.tables.get(id)
        {
            if let Some(profile) = table.profile.and_then(|profile| program.profiles.get(profile)) {
                self.random |= profile.selector.as_ref().is_some_and(|selector| draws(selector.algorithm));
            }
            for action in &table.actions {
                self.block(program, &action.copy_in);
                self.callee(program, Callee::Action(action.action));
                self.block(program, &action.copy_out);
            }
        }
    }

    fn block(&mut self, program: &Program, block: &Block) {
        for stmt in block {
            self.stmt(program, stmt);
        }
    }

    fn stmt(&mut self, program: &Program, stmt: &Stmt) {
        stmt.blocks().for_each(|block| self.block(program, block));
        match stmt {
            Stmt::Apply { table, hit: _, action_run: _ } => self.table(program, *table),
            Stmt::Call { callee, copy_out: _ } => self.callee(program, *callee),
            Stmt::Meter { meter, index: _, color: _ } => {
                self.meters.insert(*meter);
            }
            Stmt::RegisterRead { register, index: _, dst: _ } => {
                self.read.insert(*register);
            }
            Stmt::RegisterWrite { register, index: _, value: _ } => {
                self.written.insert(*register);
            }
            Stmt::Hash { algorithm, dst: _, data: _, payload: _ } => self.random |= draws(*algorithm),
            Stmt::Random { dst: _, low: _, high: _ } => self.random = true,
            Stmt::Digest { digest: _, values: _ } => self.digests = true,
            Stmt::Mirror { session: _, source: _, preserve: _ } => self.mirrors = true,
            Stmt::Decide(decision) => match decision {
                Decision::Resubmit(_) | Decision::Recirculate(_) => self.comes_back = true,
                Decision::Enqueue { .. }
                | Decision::Replicate { .. }
                | Decision::Transmit
                | Decision::Drop(_) => {}
            },
            // These touch nothing but the packet, or counters; a trace is taken one packet at a time.
            Stmt::If { .. }
            | Stmt::Switch { .. }
            | Stmt::Loop { .. }
            | Stmt::Catch(_)
            | Stmt::Atomic(_)
            | Stmt::Assign(..)
            | Stmt::AssignSlice { .. }
            | Stmt::SetValid(_)
            | Stmt::SetInvalid(_)
            | Stmt::CopyHeader { .. }
            | Stmt::PushFront(..)
            | Stmt::PopFront(..)
            | Stmt::Break
            | Stmt::Continue
            | Stmt::Return
            | Stmt::Exit
            | Stmt::Extract { .. }
            | Stmt::Lookahead(_)
            | Stmt::Advance(_)
            | Stmt::Verify { .. }
            | Stmt::Emit(_)
            | Stmt::Count { .. }
            | Stmt::Log { .. }
            | Stmt::Assert { .. }
            | Stmt::Truncate(_) => {}
        }
    }
}

/// Whether a hash takes a random number.
fn draws(algorithm: HashAlgorithm) -> bool {
    match algorithm {
        HashAlgorithm::Random => true,
        HashAlgorithm::Crc32
        | HashAlgorithm::Crc32Custom
        | HashAlgorithm::Crc16
        | HashAlgorithm::Crc16Custom
        | HashAlgorithm::Identity
        | HashAlgorithm::Csum16
        | HashAlgorithm::Xor16 => false,
    }
}

#[cfg(test)]
mod tests {
    use heddle_ir::{Bits, Body, Expr, MirrorSource, Preserve, PreserveId, Ty, Var};

    use super::*;

    fn zero() -> Expr {
        Expr::Const(Bits::zero(32))
    }

    /// A program whose entry points do these statements, egress one call away.
    fn program(ingress: Block, egress: Block) -> Program {
        let mut program = Program::default();
        program.vars.push(Var { name: "meta.v".to_owned(), ty: Ty::Bits(32) });
        program.preserves.push(Preserve::default());
        let inner = program.bodies.push(Body { name: "MyEgress".to_owned(), block: egress });
        let call = Stmt::If {
            cond: Expr::Const(Bits::bool(true)),
            then: vec![Stmt::Call { callee: Callee::Body(inner), copy_out: vec![] }],
            els: vec![],
        };
        program.ingress = Some(program.bodies.push(Body { name: "ingress".to_owned(), block: ingress }));
        program.egress = Some(program.bodies.push(Body { name: "egress".to_owned(), block: vec![call] }));
        program
    }

    fn read(register: u32) -> Stmt {
        let dst = heddle_ir::VarId::from_u32(0);
        Stmt::RegisterRead { register: RegisterId::from_u32(register), index: zero(), dst }
    }

    fn write(register: u32) -> Stmt {
        Stmt::RegisterWrite { register: RegisterId::from_u32(register), index: zero(), value: zero() }
    }

    fn random() -> Stmt {
        Stmt::Random { dst: heddle_ir::VarId::from_u32(0), low: zero(), high: zero() }
    }

    fn mirror() -> Stmt {
        let preserve = PreserveId::from_u32(0);
        Stmt::Mirror { session: zero(), source: MirrorSource::Received, preserve }
    }

    #[test]
    fn registers_shared_by_both_entry_points_forbid_batches_if_one_writes() {
        assert!(may_batch(&program(vec![read(1), write(1)], vec![read(2), write(2)])));
        assert!(may_batch(&program(vec![read(1)], vec![read(1)])));
        assert!(!may_batch(&program(vec![read(1)], vec![write(1)])));
        assert!(!may_batch(&program(vec![write(1)], vec![read(1)])));
        assert!(!may_batch(&program(vec![write(1)], vec![write(1)])));
    }

    #[test]
    fn a_shared_sequence_of_random_numbers_forbids_batches() {
        assert!(may_batch(&program(vec![random()], vec![])));
        assert!(!may_batch(&program(vec![random()], vec![random()])));
    }

    #[test]
    fn packets_that_come_back_forbid_batches() {
        let preserve = PreserveId::from_u32(0);
        assert!(may_batch(&program(vec![mirror()], vec![])));
        assert!(!may_batch(&program(vec![], vec![mirror()])));
        assert!(!may_batch(&program(vec![Stmt::Decide(Decision::Resubmit(preserve))], vec![])));
        assert!(!may_batch(&program(vec![], vec![Stmt::Decide(Decision::Recirculate(preserve))])));
    }
}
