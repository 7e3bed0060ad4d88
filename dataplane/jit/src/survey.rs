//! What the units of a program consist of, what they reach, and which of them become functions of their own.
//!
//! A unit is a piece of code that can be called. One that is called once, or is small, becomes part of its caller;
//! any other becomes a function, so that the size of the code stays linear in that of the program.
//!
//! Invariant: what code that runs may name, call or do is in its unit's contents, but for what the facts rule out.

use std::collections::{BTreeSet, HashMap, HashSet};

use heddle_ir::{
    ActionId, BodyId, Callee, Decision, Expr, HeaderId, HeaderRef, Parser, ParserId, Place, Program, StackId,
    StateId, Stmt, TableId, Target, VarId,
};

use crate::code::{parser_order, targets};
use crate::facts::Facts;
use crate::plan::fixed_entries;
use crate::visit::{self, Part};

/// Statements and expressions up to which a unit is compiled into every caller.
const SMALL: usize = 40;
/// Statements and expressions above which a unit stays a function of its own, whoever calls it.
const LARGE: usize = 20_000;
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
    headers: BTreeSet<HeaderId>,
    /// Headers that are reached by an index into their stack, or moved within it.
    moving: BTreeSet<HeaderId>,
    /// Fields that are given values, but by extracting their headers.
    given: BTreeSet<(HeaderId, usize)>,
    /// Headers that are made valid without being extracted.
    made: BTreeSet<HeaderId>,
    /// What it does that not every pass may.
    does: Does,
    /// Its own statements and expressions.
    size: usize,
}

/// What code does.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Does {
    /// Makes clones.
    pub(crate) mirrors: bool,
    /// Decides on anything but to transmit or to drop.
    pub(crate) sends_on: bool,
}

impl Contents {
    fn of(program: &Program, facts: &Facts, unit: Unit) -> Contents {
        let mut contents = Contents::default();
        each_part(program, facts, unit, &mut |part| match part {
            Part::Stmt(stmt) => {
                contents.size += 1;
                contents.note(program, stmt);
            }
            Part::Expr => contents.size += 1,
            Part::Var(var) => {
                contents.vars.insert(var);
            }
            Part::Header(HeaderRef::One(header)) => {
                contents.headers.insert(*header);
            }
            Part::Header(HeaderRef::Element(stack, index)) => {
                let elements = &program.stacks[*stack].elements;
                contents.headers.extend(elements);
                if !matches!(**index, Expr::Const(_)) {
                    contents.moving.extend(elements);
                }
            }
        });
        match unit {
            Unit::Action(_) | Unit::Body(_) => {}
            Unit::Parser(parser) => {
                contents.vars.insert(program.parsers[parser].error);
            }
            Unit::Table(table, hit, action_run) => {
                contents.vars.extend(hit.iter().chain(&action_run));
                let table = &program.tables[table];
                let positions: Vec<usize> = match fixed_entries(table) {
                    Some(entries) => {
                        let of_entries = entries.iter().map(|entry| table.entries[entry.index].action.action);
                        of_entries.chain([table.default_action.action]).collect()
                    }
                    None => (0..table.actions.len()).collect(),
                };
                for of_table in positions.into_iter().map(|position| &table.actions[position]) {
                    contents.calls.push(Unit::Action(of_table.action));
                    contents
                        .vars
                        .extend(program.actions[of_table.action].params.iter().map(|param| param.var));
                }
            }
        }
        contents
    }

    /// What a statement does with headers beyond naming them, what it calls, and what else matters of it.
    fn note(&mut self, program: &Program, stmt: &Stmt) {
        let mut moves = |stack: StackId| {
            self.headers.extend(&program.stacks[stack].elements);
            self.moving.extend(&program.stacks[stack].elements);
        };
        match stmt {
            Stmt::PushFront(stack, _) | Stmt::PopFront(stack, _) => moves(*stack),
            Stmt::Assign(Place::Field(header, field), _)
            | Stmt::AssignSlice { dst: Place::Field(header, field), .. } => {
                self.given.extend(meant(program, header).into_iter().map(|header| (header, *field)));
            }
            Stmt::Call { callee, .. } => self.calls.push((*callee).into()),
            Stmt::Apply { table, hit, action_run } => {
                self.calls.push(Unit::Table(*table, *hit, *action_run));
            }
            // Each field of these is an instruction or several.
            Stmt::Extract { header, .. } | Stmt::Emit(header) => self.size += fields_of(program, header),
            Stmt::SetValid(header) => {
                self.size += fields_of(program, header);
                self.made.extend(meant(program, header));
            }
            Stmt::CopyHeader { dst, src } => {
                self.made.extend(meant(program, dst));
                let is_fixed = |header: &HeaderRef| match header {
                    HeaderRef::One(_) => true,
                    HeaderRef::Element(_, index) => matches!(**index, Expr::Const(_)),
                };
                if !is_fixed(dst) || !is_fixed(src) {
                    for header in [dst, src] {
                        match header {
                            HeaderRef::One(header) => {
                                self.moving.insert(*header);
                            }
                            HeaderRef::Element(stack, _) => {
                                self.moving.extend(&program.stacks[*stack].elements);
                            }
                        }
                    }
                }
            }
            Stmt::Mirror { .. } => self.does.mirrors = true,
            Stmt::Decide(decision) => match decision {
                Decision::Transmit | Decision::Drop(_) => {}
                Decision::Enqueue { .. }
                | Decision::Replicate { .. }
                | Decision::Resubmit(_)
                | Decision::Recirculate(_) => self.does.sends_on = true,
            },
            Stmt::Assign(Place::Var(_), _)
            | Stmt::AssignSlice { dst: Place::Var(_), .. }
            | Stmt::SetInvalid(_)
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
            | Stmt::Truncate(_) => {}
        }
    }
}

/// The headers that may be meant.
fn meant(program: &Program, header: &HeaderRef) -> Vec<HeaderId> {
    match header {
        HeaderRef::One(header) => vec![*header],
        HeaderRef::Element(stack, _) => program.stacks[*stack].elements.clone(),
    }
}

fn fields_of(program: &Program, header: &HeaderRef) -> usize {
    let header = match header {
        HeaderRef::One(header) => Some(*header),
        HeaderRef::Element(stack, _) => program.stacks[*stack].elements.first().copied(),
    };
    header.map_or(0, |header| program.header_types[program.headers[header].ty].fields.len())
}

/// Shows every part of a unit, but for what it calls.
fn each_part<'p>(program: &'p Program, facts: &Facts, unit: Unit, seen: &mut dyn FnMut(Part<'p>)) {
    let block = |block: &'p [Stmt], seen: &mut dyn FnMut(Part<'p>)| {
        visit::block_where(block, &|cond| facts.holds(cond), seen);
    };
    match unit {
        Unit::Action(action) => block(&program.actions[action].body, seen),
        Unit::Body(body) => block(&program.bodies[body].block, seen),
        Unit::Parser(parser) => {
            for state in program.parsers[parser].states.values() {
                block(&state.block, seen);
                visit::transition(&state.transition, seen);
            }
        }
        Unit::Table(table, ..) => {
            let table = &program.tables[table];
            table.keys.iter().for_each(|key| visit::expr(&key.expr, seen));
            for action in &table.actions {
                block(&action.copy_in, seen);
                block(&action.copy_out, seen);
            }
        }
    }
}

/// What an entry point reaches.
#[derive(Default)]
pub(crate) struct Reach {
    pub(crate) vars: BTreeSet<VarId>,
    /// Slots named by code that is not compiled into the entry point.
    pub(crate) outside: BTreeSet<VarId>,
    pub(crate) headers: BTreeSet<HeaderId>,
    /// Tables that code which is compiled into the entry point applies.
    pub(crate) tables: BTreeSet<TableId>,
    /// Headers that have to be in the frame.
    pub(crate) framed: BTreeSet<HeaderId>,
    pub(crate) given: BTreeSet<(HeaderId, usize)>,
    pub(crate) made: BTreeSet<HeaderId>,
    /// Ways through its parsers.
    pub(crate) ways: usize,
    pub(crate) does: Does,
    /// Whether it calls functions.
    pub(crate) calls: bool,
    /// Statements and expressions that are compiled into the entry point.
    pub(crate) size: usize,
}

/// Ways through a parser, as many as its states make of it; very many if it has circles.
fn ways(parser: &Parser) -> usize {
    let (order, longest) = parser_order(parser);
    if longest.is_none() {
        return usize::MAX;
    }
    let mut ways: HashMap<StateId, usize> = HashMap::new();
    for state in order.into_iter().rev() {
        let targets = targets(&parser.states[state].transition).into_iter();
        let of_target = targets.map(|target| match target {
            Target::State(state) => ways.get(&state).copied().unwrap_or(1),
            Target::Accept | Target::Reject => 1,
        });
        ways.insert(state, of_target.fold(0, usize::saturating_add));
    }
    ways.get(&parser.start).copied().unwrap_or(1)
}

/// What is known of the units that can run.
pub(crate) struct Survey<'p> {
    pub(crate) program: &'p Program,
    pub(crate) facts: Facts,
    contents: HashMap<Unit, Contents>,
    /// Callees first.
    pub(crate) order: Vec<Unit>,
}

impl<'p> Survey<'p> {
    /// Of what both entry points reach, as far as the facts do not rule it out.
    pub(crate) fn new(program: &'p Program, facts: Facts) -> Survey<'p> {
        let mut survey = Survey { program, facts, contents: HashMap::new(), order: Vec::new() };
        for body in [program.ingress, program.egress].into_iter().flatten() {
            survey.visit(Unit::Body(body));
        }
        survey
    }

    /// The slots that hold nothing but zero as long as packets have just arrived.
    pub(crate) fn zeros(&self) -> BTreeSet<VarId> {
        let facts = Facts::of_arrivals(BTreeSet::new());
        let (mut named, mut other) = (BTreeSet::new(), BTreeSet::new());
        for (unit, contents) in &self.contents {
            named.extend(&contents.vars);
            each_part(self.program, &self.facts, *unit, &mut |part| match part {
                Part::Stmt(Stmt::Assign(Place::Var(_), value)) if facts.number(value) == Some(0) => {}
                Part::Stmt(stmt) => other.extend(visit::written(stmt).into_iter().flatten()),
                Part::Expr | Part::Var(_) | Part::Header(_) => {}
            });
            match unit {
                Unit::Action(_) | Unit::Body(_) => {}
                Unit::Parser(parser) => {
                    other.insert(self.program.parsers[*parser].error);
                }
                Unit::Table(table, ..) => {
                    let actions = self.program.tables[*table].actions.iter();
                    let params = actions.flat_map(|of| &self.program.actions[of.action].params);
                    other.extend(params.map(|param| param.var));
                }
            }
        }
        named.difference(&other).copied().collect()
    }

    /// No unit runs itself, and calls nest no deeper than blocks may.
    fn visit(&mut self, unit: Unit) {
        if self.contents.contains_key(&unit) {
            return;
        }
        let contents = Contents::of(self.program, &self.facts, unit);
        let callees = contents.calls.clone();
        self.contents.insert(unit, contents);
        for callee in callees {
            self.visit(callee);
        }
        self.order.push(unit);
    }

    pub(crate) fn outlined(&self, entries: &[Option<Unit>]) -> HashSet<Unit> {
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

    /// Collects what an entry point and what is compiled into it name; what other functions name lies outside.
    pub(crate) fn reach_of(&self, outlined: &HashSet<Unit>, from: Option<BodyId>) -> Reach {
        let mut reach = Reach::default();
        let mut seen = HashSet::new();
        let mut open: Vec<(Unit, bool)> = from.map(|body| (Unit::Body(body), false)).into_iter().collect();
        while let Some((unit, outside)) = open.pop() {
            if !seen.insert((unit, outside)) {
                continue;
            }
            let contents = &self.contents[&unit];
            reach.vars.extend(&contents.vars);
            reach.headers.extend(&contents.headers);
            reach.framed.extend(&contents.moving);
            reach.given.extend(&contents.given);
            reach.made.extend(&contents.made);
            if let Unit::Parser(parser) = unit {
                reach.ways = reach.ways.saturating_add(ways(&self.program.parsers[parser]));
            }
            reach.does.mirrors |= contents.does.mirrors;
            reach.does.sends_on |= contents.does.sends_on;
            if outside {
                reach.calls = true;
                reach.outside.extend(&contents.vars);
                reach.framed.extend(&contents.headers);
            } else {
                reach.size = reach.size.saturating_add(contents.size);
                reach.tables.extend(contents.calls.iter().filter_map(|callee| match callee {
                    Unit::Table(table, ..) => Some(*table),
                    Unit::Action(_) | Unit::Body(_) | Unit::Parser(_) => None,
                }));
            }
            open.extend(contents.calls.iter().map(|callee| (*callee, outside || outlined.contains(callee))));
        }
        reach
    }
}
