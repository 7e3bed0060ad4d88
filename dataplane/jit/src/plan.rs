//! Decisions made before any code: what is compiled into its caller, and which slots live in registers.
//!
//! A unit is a piece of code that can be called. One that is called once, or is small, becomes part of its caller;
//! any other becomes a function, so that the size of the code stays linear in that of the program.
//!
//! Invariant: a slot is promoted in an entry point only if no function that the entry point calls names it, so
//! that the frame needs to be right only when the pass begins and ends.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use heddle_exec::Entry;
use heddle_ir::{ActionId, BodyId, Callee, ParserId, Program, Stmt, TableId, Ty, VarId};

use crate::visit::{self, Part};

/// Statements and expressions up to which a unit is compiled into every caller.
const SMALL: usize = 40;
/// Statements and expressions above which a unit stays a function of its own, whoever calls it.
const LARGE: usize = 20_000;
/// Limbs of the widest slot that is promoted.
const PROMOTED_LIMBS_MAX: u32 = 2;

/// A piece of code that can be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Unit {
    Action(ActionId),
    Body(BodyId),
    Parser(ParserId),
    /// A table, with the slots that receive whether it hit and what it ran.
    Table(TableId, Option<VarId>, Option<VarId>),
}

impl From<Callee> for Unit {
    fn from(callee: Callee) -> Unit {
        match callee {
            Callee::Action(action) => Unit::Action(action),
            Callee::Body(body) => Unit::Body(body),
            Callee::Parser(parser) => Unit::Parser(parser),
        }
    }
}

/// What a unit consists of.
#[derive(Debug, Default)]
struct Contents {
    /// What it calls, once for each place.
    calls: Vec<Unit>,
    vars: BTreeSet<VarId>,
    /// Its own statements and expressions.
    size: usize,
}

impl Contents {
    fn of(program: &Program, unit: Unit) -> Contents {
        let mut contents = Contents::default();
        each_part(program, unit, &mut |part| match part {
            Part::Stmt(stmt) => {
                contents.size += 1;
                match stmt {
                    Stmt::Call { callee, .. } => contents.calls.push((*callee).into()),
                    Stmt::Apply { table, hit, action_run } => {
                        contents.calls.push(Unit::Table(*table, *hit, *action_run));
                    }
                    Stmt::Extract { header, .. } | Stmt::Emit(header) | Stmt::SetValid(header) => {
                        // Each field of these is an instruction or several.
                        contents.size += fields_of(program, header);
                    }
                    Stmt::Assign(..)
                    | Stmt::AssignSlice { .. }
                    | Stmt::SetInvalid(_)
                    | Stmt::CopyHeader { .. }
                    | Stmt::PushFront(..)
                    | Stmt::PopFront(..)
                    | Stmt::If { .. }
                    | Stmt::Switch { .. }
                    | Stmt::Loop { .. }
                    | Stmt::Break
                    | Stmt::Continue
                    | Stmt::Return
                    | Stmt::Exit
                    | Stmt::Catch(_)
                    | Stmt::Lookahead(_)
                    | Stmt::Advance(_)
                    | Stmt::Verify { .. }
                    | Stmt::Count { .. }
                    | Stmt::Meter { .. }
                    | Stmt::RegisterRead { .. }
                    | Stmt::RegisterWrite { .. }
                    | Stmt::Atomic(_)
                    | Stmt::Hash { .. }
                    | Stmt::Random { .. }
                    | Stmt::Digest { .. }
                    | Stmt::Log { .. }
                    | Stmt::Assert { .. }
                    | Stmt::Truncate(_)
                    | Stmt::Mirror { .. }
                    | Stmt::Decide(_) => {}
                }
            }
            Part::Expr => contents.size += 1,
            Part::Var(var) => {
                contents.vars.insert(var);
            }
        });
        match unit {
            Unit::Action(_) | Unit::Body(_) => {}
            Unit::Parser(parser) => {
                contents.vars.insert(program.parsers[parser].error);
            }
            Unit::Table(table, hit, action_run) => {
                contents.vars.extend(hit.iter().chain(&action_run));
                for of_table in &program.tables[table].actions {
                    contents.calls.push(Unit::Action(of_table.action));
                    contents
                        .vars
                        .extend(program.actions[of_table.action].params.iter().map(|param| param.var));
                }
            }
        }
        contents
    }
}

fn fields_of(program: &Program, header: &heddle_ir::HeaderRef) -> usize {
    let header = match header {
        heddle_ir::HeaderRef::One(header) => Some(*header),
        heddle_ir::HeaderRef::Element(stack, _) => program.stacks[*stack].elements.first().copied(),
    };
    header.map_or(0, |header| program.header_types[program.headers[header].ty].fields.len())
}

/// Shows every part of a unit, but for what it calls.
fn each_part<'p>(program: &'p Program, unit: Unit, seen: &mut dyn FnMut(Part<'p>)) {
    match unit {
        Unit::Action(action) => visit::block(&program.actions[action].body, seen),
        Unit::Body(body) => visit::block(&program.bodies[body].block, seen),
        Unit::Parser(parser) => {
            for state in program.parsers[parser].states.values() {
                visit::block(&state.block, seen);
                visit::transition(&state.transition, seen);
            }
        }
        Unit::Table(table, ..) => {
            let table = &program.tables[table];
            table.keys.iter().for_each(|key| visit::expr(&key.expr, seen));
            for action in &table.actions {
                visit::block(&action.copy_in, seen);
                visit::block(&action.copy_out, seen);
            }
        }
    }
}

/// How a promoted slot begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// It is zero when the pass begins, whatever came before.
    Zero,
    /// It is what the frame holds.
    Frame,
}

/// A slot that lives in registers during the passes of an entry point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Promoted {
    pub(crate) start: Start,
    /// Whether the frame has to hold it when the pass has ended.
    pub(crate) outlives: bool,
}

/// The decisions.
#[derive(Debug)]
pub(crate) struct Plan {
    outlined: HashSet<Unit>,
    ingress: BTreeMap<VarId, Promoted>,
    egress: BTreeMap<VarId, Promoted>,
}

/// What an entry point reaches.
#[derive(Default)]
struct Reach {
    vars: BTreeSet<VarId>,
    /// Slots named by code that is not compiled into the entry point.
    outside: BTreeSet<VarId>,
}

impl Plan {
    /// The plan for a program.
    ///
    /// If `shows_all`, the frame holds every slot when a pass has ended, even those that nobody reads again.
    pub(crate) fn new(program: &Program, shows_all: bool) -> Plan {
        let mut survey = Survey { program, contents: HashMap::new(), order: Vec::new() };
        let entries = [program.ingress, program.egress];
        for body in entries.into_iter().flatten() {
            survey.visit(Unit::Body(body));
        }
        let outlined = survey.outlined(&entries.map(|body| body.map(Unit::Body)));
        let [ingress, egress] = entries.map(|body| {
            let mut reach = Reach::default();
            if let Some(body) = body {
                survey.reach(&outlined, Unit::Body(body), &mut reach);
            }
            reach
        });
        let preserved: BTreeSet<VarId> =
            program.preserves.values().flat_map(|preserve| preserve.vars.iter().copied()).collect();
        let promote = |own: &Reach, other: &Reach, entry: Entry| {
            let vars = own.vars.difference(&own.outside).copied().filter(|var| match program.vars[*var].ty {
                Ty::Bits(width) => width <= 64 * PROMOTED_LIMBS_MAX,
                Ty::Varbit(_) => false,
            });
            let of = |var: VarId| {
                let (shared, kept) = (other.vars.contains(&var), preserved.contains(&var));
                // A packet begins ingress with nothing but what was preserved, and egress with that or with what
                // ingress left.
                let (start, outlives) = match entry {
                    Entry::Ingress => (kept, kept || shared),
                    Entry::Egress => (kept || shared, kept),
                };
                let start = if start || shows_all { Start::Frame } else { Start::Zero };
                Promoted { start, outlives: outlives || shows_all }
            };
            vars.map(|var| (var, of(var))).collect()
        };
        Plan {
            ingress: promote(&ingress, &egress, Entry::Ingress),
            egress: promote(&egress, &ingress, Entry::Egress),
            outlined,
        }
    }

    /// Whether a unit is a function of its own.
    pub(crate) fn is_outlined(&self, unit: Unit) -> bool {
        self.outlined.contains(&unit)
    }

    /// The slots that live in registers.
    pub(crate) fn promoted(&self, entry: Entry) -> &BTreeMap<VarId, Promoted> {
        match entry {
            Entry::Ingress => &self.ingress,
            Entry::Egress => &self.egress,
        }
    }
}

/// What is known of the units that can run.
struct Survey<'p> {
    program: &'p Program,
    contents: HashMap<Unit, Contents>,
    /// Callees first.
    order: Vec<Unit>,
}

impl Survey<'_> {
    /// No unit runs itself, and calls nest no deeper than blocks may.
    fn visit(&mut self, unit: Unit) {
        if self.contents.contains_key(&unit) {
            return;
        }
        let contents = Contents::of(self.program, unit);
        let callees = contents.calls.clone();
        self.contents.insert(unit, contents);
        for callee in callees {
            self.visit(callee);
        }
        self.order.push(unit);
    }

    fn outlined(&self, entries: &[Option<Unit>]) -> HashSet<Unit> {
        let mut called: HashMap<Unit, usize> = HashMap::new();
        for callee in self.contents.values().flat_map(|contents| &contents.calls) {
            *called.entry(*callee).or_default() += 1;
        }
        let mut outlined = HashSet::new();
        let mut sizes: HashMap<Unit, usize> = HashMap::new();
        for unit in &self.order {
            let contents = &self.contents[unit];
            let of_callees = contents.calls.iter().map(|callee| {
                if outlined.contains(callee) { 1 } else { sizes.get(callee).copied().unwrap_or(0) }
            });
            let size = of_callees.fold(contents.size, usize::saturating_add);
            sizes.insert(*unit, size);
            let times = called.get(unit).copied().unwrap_or(0);
            if size > LARGE || times > 1 && size > SMALL || times > 0 && entries.contains(&Some(*unit)) {
                outlined.insert(*unit);
            }
        }
        outlined
    }

    /// Collects what a unit and what is compiled into it name; what other functions name lies outside.
    fn reach(&self, outlined: &HashSet<Unit>, from: Unit, reach: &mut Reach) {
        let mut seen = HashSet::new();
        let mut open = vec![(from, false)];
        while let Some((unit, outside)) = open.pop() {
            if !seen.insert((unit, outside)) {
                continue;
            }
            let contents = &self.contents[&unit];
            reach.vars.extend(&contents.vars);
            if outside {
                reach.outside.extend(&contents.vars);
            }
            open.extend(contents.calls.iter().map(|callee| (*callee, outside || outlined.contains(callee))));
        }
    }
}
