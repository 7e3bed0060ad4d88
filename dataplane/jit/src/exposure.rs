//! Slots that may be read before anything has been written to them, so that what lies in the frame from before would be
//! seen.
//!
//! Invariant: a slot that is not named here is written on every way to a read of it. What is not worth following counts
//! as not written: loops, parsers and what an exit skips.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use heddle_ir::{Decision, Expr, Place, PreserveId, Program, Stmt, TableId, VarId};

use crate::facts::Facts;
use crate::survey::Unit;
use crate::visit::{self, Part};

/// What was written on every way to a place; none if control cannot be there.
type Written = Option<BTreeSet<VarId>>;

/// What a unit does that nothing was written before.
#[derive(Debug, Default)]
struct Effect {
    exposed: BTreeSet<VarId>,
    written: Written,
}

/// The slots that an entry point reads before it writes to them.
pub(crate) fn exposed(program: &Program, facts: &Facts, entry: Unit) -> BTreeSet<VarId> {
    let mut walk = Walk { program, facts, units: HashMap::new() };
    walk.unit(entry).exposed.clone()
}

struct Walk<'p> {
    program: &'p Program,
    facts: &'p Facts,
    units: HashMap<Unit, Rc<Effect>>,
}

/// What is seen on the way through a unit.
struct Way {
    exposed: BTreeSet<VarId>,
    now: Written,
    /// What was written wherever the unit returned.
    returned: Written,
}

fn meet(one: Written, other: Written) -> Written {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.intersection(&other).copied().collect()),
        (one, other) => one.or(other),
    }
}

impl Way {
    fn new(now: Written) -> Way {
        Way { exposed: BTreeSet::new(), now, returned: None }
    }

    fn read(&mut self, var: VarId) {
        if self.now.as_ref().is_some_and(|written| !written.contains(&var)) {
            self.exposed.insert(var);
        }
    }

    fn read_in(&mut self, expr: &Expr) {
        visit::expr(expr, &mut |part| {
            if let Part::Var(var) = part {
                self.read(var);
            }
        });
    }

    fn write(&mut self, var: VarId) {
        if let Some(now) = &mut self.now {
            now.insert(var);
        }
    }

    /// What follows may be reached from `now` as from what is kept.
    fn join(&mut self, kept: Written) {
        self.now = meet(self.now.take(), kept);
    }
}

impl Walk<'_> {
    fn unit(&mut self, unit: Unit) -> Rc<Effect> {
        if let Some(effect) = self.units.get(&unit) {
            return Rc::clone(effect);
        }
        let program = self.program;
        let mut way = Way::new(Some(BTreeSet::new()));
        match unit {
            Unit::Action(action) => self.block(&program.actions[action].body, &mut way),
            Unit::Body(body) => self.block(&program.bodies[body].block, &mut way),
            Unit::Parser(parser) => {
                for state in program.parsers[parser].states.values() {
                    way.now = Some(BTreeSet::new());
                    self.block(&state.block, &mut way);
                    way.now = Some(BTreeSet::new());
                    // What it selects on may have been written by the state alone.
                    let mut ends_early = false;
                    visit::block(&state.block, &mut |part| {
                        ends_early |= matches!(part, Part::Stmt(Stmt::Return));
                    });
                    let always = if ends_early { &[][..] } else { &state.block[..] };
                    let written: BTreeSet<VarId> =
                        always.iter().flat_map(|stmt| visit::written(stmt).into_iter().flatten()).collect();
                    visit::transition(&state.transition, &mut |part| match part {
                        Part::Var(var) if !written.contains(&var) => way.read(var),
                        Part::Var(_) | Part::Stmt(_) | Part::Expr | Part::Header(_) => {}
                    });
                }
                way.now = Some(BTreeSet::new());
                way.returned = None;
            }
            Unit::Table(table, hit, action_run) => self.table(table, [hit, action_run], &mut way),
        }
        way.join(way.returned.clone());
        let effect = Rc::new(Effect { exposed: way.exposed, written: way.now });
        self.units.insert(unit, Rc::clone(&effect));
        effect
    }

    fn call(&mut self, unit: Unit, way: &mut Way) {
        let effect = self.unit(unit);
        effect.exposed.iter().for_each(|var| way.read(*var));
        way.now = match (way.now.take(), &effect.written) {
            (Some(now), Some(written)) => Some(now.union(written).copied().collect()),
            (Some(_) | None, None) | (None, Some(_)) => None,
        };
    }

    fn table(&mut self, id: TableId, results: [Option<VarId>; 2], way: &mut Way) {
        let program = self.program;
        let table = &program.tables[id];
        table.keys.iter().for_each(|key| way.read_in(&key.expr));
        results.into_iter().flatten().for_each(|var| way.write(var));
        // There may be nothing to run.
        let before = way.now.clone();
        for of_table in &table.actions {
            way.now.clone_from(&before);
            self.block(&of_table.copy_in, way);
            program.actions[of_table.action].params.iter().for_each(|param| way.write(param.var));
            self.call(Unit::Action(of_table.action), way);
            // Run as well when the action exits.
            way.now.clone_from(&before);
            self.block(&of_table.copy_out, way);
        }
        way.now = before;
    }

    fn block(&mut self, block: &[Stmt], way: &mut Way) {
        block.iter().for_each(|stmt| self.stmt(stmt, way));
    }

    fn preserve(&mut self, preserve: PreserveId, way: &mut Way) {
        self.program.preserves[preserve].vars.iter().for_each(|var| way.read(*var));
    }

    fn stmt(&mut self, stmt: &Stmt, way: &mut Way) {
        match stmt {
            Stmt::If { cond, then, els } => {
                way.read_in(cond);
                let before = way.now.clone();
                let held = self.facts.holds(cond);
                let mut run = |block: &[Stmt], is_run: bool, way: &mut Way| {
                    way.now = before.clone().filter(|_| is_run);
                    self.block(block, way);
                    way.now.take()
                };
                let behind_then = run(then, held != Some(false), way);
                let behind_else = run(els, held != Some(true), way);
                way.now = meet(behind_then, behind_else);
            }
            Stmt::Switch { on, cases, default } => {
                way.read_in(on);
                let before = way.now.clone();
                let mut behind = None;
                for block in cases.iter().map(|(_, block)| block).chain([default]) {
                    way.now.clone_from(&before);
                    self.block(block, way);
                    behind = meet(behind, way.now.take());
                }
                way.now = behind;
            }
            Stmt::Loop { bound: _, body, update } => {
                let before = way.now.clone();
                self.block(body, way);
                // By `continue` from anywhere in it.
                way.now.clone_from(&before);
                self.block(update, way);
                way.now = before;
            }
            Stmt::Catch(block) => {
                let before = way.now.clone();
                self.block(block, way);
                way.now = before;
            }
            Stmt::Atomic(block) => self.block(block, way),
            Stmt::Call { callee, copy_out } => {
                let before = way.now.clone();
                self.call((*callee).into(), way);
                if !copy_out.is_empty() {
                    // Run as well when what is called exits.
                    way.now.clone_from(&before);
                    self.block(copy_out, way);
                    way.now = before;
                }
            }
            Stmt::Apply { table, hit, action_run } => self.call(Unit::Table(*table, *hit, *action_run), way),
            Stmt::Return => {
                way.returned = meet(way.returned.take(), way.now.take());
            }
            Stmt::Break | Stmt::Continue | Stmt::Exit => way.now = None,
            Stmt::AssignSlice { dst: Place::Var(var), value, .. } => {
                way.read_in(value);
                way.read(*var);
            }
            Stmt::Mirror { session, source: _, preserve } => {
                way.read_in(session);
                self.preserve(*preserve, way);
            }
            Stmt::Decide(Decision::Resubmit(preserve) | Decision::Recirculate(preserve)) => {
                self.preserve(*preserve, way);
            }
            Stmt::Assign(..)
            | Stmt::AssignSlice { dst: Place::Field(..), .. }
            | Stmt::SetValid(_)
            | Stmt::SetInvalid(_)
            | Stmt::CopyHeader { .. }
            | Stmt::PushFront(..)
            | Stmt::PopFront(..)
            | Stmt::Extract { .. }
            | Stmt::Lookahead(_)
            | Stmt::Advance(_)
            | Stmt::Verify { .. }
            | Stmt::Emit(_)
            | Stmt::Count { .. }
            | Stmt::Meter { .. }
            | Stmt::RegisterRead { .. }
            | Stmt::RegisterWrite { .. }
            | Stmt::Hash { .. }
            | Stmt::Random { .. }
            | Stmt::Digest { .. }
            | Stmt::Log { .. }
            | Stmt::Assert { .. }
            | Stmt::Truncate(_)
            | Stmt::Decide(_) => {
                // Nothing is within these but expressions and what is written last.
                let mut named = Vec::new();
                visit::block(std::slice::from_ref(stmt), &mut |part| match part {
                    Part::Var(var) => named.push(var),
                    Part::Stmt(_) | Part::Expr | Part::Header(_) => {}
                });
                let written = visit::written(stmt);
                for var in written.into_iter().flatten() {
                    // Named once to be written to.
                    if let Some(at) = named.iter().position(|other| *other == var) {
                        named.swap_remove(at);
                    }
                }
                named.into_iter().for_each(|var| way.read(var));
                written.into_iter().flatten().for_each(|var| way.write(var));
            }
        }
    }
}
