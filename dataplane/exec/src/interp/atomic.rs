//! The registers of every `Atomic` block, found once when the program is loaded.
//!
//! Invariant: a set holds every register that its block can reach, through calls and table actions too. A block
//! is known by its address: the program it is part of is neither moved nor changed while it is [`Verified`].

use std::collections::{BTreeSet, HashMap};

use heddle_ir::{
    ActionId, BodyId, Callee, ParserId, Program, RegisterId, Stmt, TableId, Verified, each_stmt,
};
use heddle_state::AtomicSet;

/// The sets of a program, by the address of their blocks' statements. Blocks without registers have none.
#[derive(Debug, Default)]
pub struct AtomicSets(HashMap<usize, AtomicSet>);

impl AtomicSets {
    /// The sets of a program.
    pub fn new(program: &Verified) -> Self {
        let mut sets = HashMap::new();
        for block in blocks(program.program()) {
            each_stmt(block, &mut |statement| {
                if let Stmt::Atomic(block) = statement {
                    let mut reach =
                        Reach { program: program.program(), callees: BTreeSet::new(), registers: vec![] };
                    reach.block(block);
                    if !reach.registers.is_empty() {
                        sets.insert(block.as_ptr().addr(), reach.registers.into_iter().collect());
                    }
                }
            });
        }
        Self(sets)
    }

    /// The set of a block.
    pub fn of(&self, block: &[Stmt]) -> Option<&AtomicSet> {
        self.0.get(&block.as_ptr().addr())
    }
}

/// Every outermost block of a program.
fn blocks(program: &Program) -> impl Iterator<Item = &[Stmt]> {
    let actions = program.actions.values().map(|action| &action.body[..]);
    let bodies = program.bodies.values().map(|body| &body.block[..]);
    let states =
        program.parsers.values().flat_map(|parser| parser.states.values()).map(|state| &state.block[..]);
    let of_tables = program.tables.values().flat_map(|table| &table.actions);
    let copies = of_tables.flat_map(|action| [&action.copy_in[..], &action.copy_out[..]]);
    actions.chain(bodies).chain(states).chain(copies)
}

/// What a block can run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reached {
    Action(ActionId),
    Body(BodyId),
    Parser(ParserId),
    Table(TableId),
}

/// What a block reaches.
struct Reach<'p> {
    program: &'p Program,
    callees: BTreeSet<Reached>,
    registers: Vec<RegisterId>,
}

impl<'p> Reach<'p> {
    fn block(&mut self, block: &'p [Stmt]) {
        let mut reached = Vec::new();
        each_stmt(block, &mut |statement| {
            if let Stmt::RegisterRead { register, .. } | Stmt::RegisterWrite { register, .. } = statement {
                self.registers.push(*register);
            } else if let Stmt::Call { callee, .. } = statement {
                reached.push(match callee {
                    Callee::Action(action) => Reached::Action(*action),
                    Callee::Body(body) => Reached::Body(*body),
                    Callee::Parser(parser) => Reached::Parser(*parser),
                });
            } else if let Stmt::Apply { table, .. } = statement {
                reached.push(Reached::Table(*table));
            }
        });
        for reached in reached {
            if self.callees.insert(reached) {
                self.callee(reached);
            }
        }
    }

    fn callee(&mut self, reached: Reached) {
        let program = self.program;
        match reached {
            Reached::Action(action) => self.block(&program.actions[action].body),
            Reached::Body(body) => self.block(&program.bodies[body].block),
            Reached::Parser(parser) => {
                program.parsers[parser].states.values().for_each(|s| self.block(&s.block))
            }
            Reached::Table(table) => {
                for action in &program.tables[table].actions {
                    self.block(&action.copy_in);
                    self.block(&program.actions[action.action].body);
                    self.block(&action.copy_out);
                }
            }
        }
    }
}
