//! Who runs whom, and so where each piece of code can be running.
//!
//! Invariant: while statements are checked, only what they run and what they need of their surroundings is
//! written down here; it is judged once all code has been seen.

use std::collections::HashSet;
use std::fmt;

use crate::{ActionId, BodyId, ParserId, Program, TableId};

use super::{Checker, Part, Rule, limit};

/// A piece of code that runs as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Action(ActionId),
    Body(BodyId),
    Parser(ParserId),
    /// A table with the copies around its actions.
    Table(TableId),
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unit::Action(id) => id.fmt(f),
            Unit::Body(id) => id.fmt(f),
            Unit::Parser(id) => id.fmt(f),
            Unit::Table(id) => id.fmt(f),
        }
    }
}

/// Where a unit can be running: in a control, in an action or a table, in a parser.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Surroundings {
    in_control: bool,
    in_action: bool,
    in_parser: bool,
    in_ingress: bool,
    in_egress: bool,
    running: Running,
}

/// The tables whose actions can be running.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Running {
    /// The code runs nowhere.
    #[default]
    Nowhere,
    /// Only this one's.
    Only(TableId),
    /// Several's, or none.
    Mixed,
}

/// What a statement needs of its surroundings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// It takes bits from the packet.
    Parser,
    /// It leaves, catches, or runs an action, none of which a parser does.
    NoParser(&'static str),
    /// It runs a parser or a table, which an action does not.
    NoAction(&'static str),
    /// It emits.
    Control,
    /// It decides what only ingress does.
    Ingress,
    /// It decides what only egress does.
    Egress,
    /// It uses what is direct to a table.
    Entry(TableId),
}

#[derive(Debug)]
struct Call {
    to: usize,
    /// Blocks around it in its unit.
    depth: usize,
}

#[derive(Debug)]
struct Needed {
    unit: usize,
    path: String,
    need: Need,
}

/// Calls and needs.
#[derive(Debug)]
pub(super) struct CallGraph {
    /// Numbered: actions, bodies, parsers, tables.
    units: Vec<Unit>,
    calls: Vec<Vec<Call>>,
    /// Blocks around each unit's deepest statement.
    depths: Vec<usize>,
    needs: Vec<Needed>,
    counts: [usize; 3],
}

impl CallGraph {
    pub(super) fn new(program: &Program) -> CallGraph {
        let units: Vec<Unit> = (program.actions.keys().map(Unit::Action))
            .chain(program.bodies.keys().map(Unit::Body))
            .chain(program.parsers.keys().map(Unit::Parser))
            .chain(program.tables.keys().map(Unit::Table))
            .collect();
        CallGraph {
            calls: units.iter().map(|_| Vec::new()).collect(),
            depths: vec![0; units.len()],
            needs: Vec::new(),
            counts: [program.actions.len(), program.bodies.len(), program.parsers.len()],
            units,
        }
    }

    fn number(&self, unit: Unit) -> usize {
        let [actions, bodies, parsers] = self.counts;
        match unit {
            Unit::Action(id) => id.as_u32() as usize,
            Unit::Body(id) => actions + id.as_u32() as usize,
            Unit::Parser(id) => actions + bodies + id.as_u32() as usize,
            Unit::Table(id) => actions + bodies + parsers + id.as_u32() as usize,
        }
    }

    /// Notes that one unit runs another; both exist.
    pub(super) fn call(&mut self, from: Unit, to: Unit, depth: usize) {
        let (from, to) = (self.number(from), self.number(to));
        self.calls[from].push(Call { to, depth });
    }

    /// Notes how deep a statement is.
    pub(super) fn depth(&mut self, unit: Unit, depth: usize) {
        let unit = self.number(unit);
        self.depths[unit] = self.depths[unit].max(depth);
    }

    /// Notes what a statement needs.
    pub(super) fn need(&mut self, unit: Unit, path: &str, need: Need) {
        let unit = self.number(unit);
        self.needs.push(Needed { unit, path: path.to_string(), need });
    }

    /// Units, callees before callers. Where a call closes a circle, the circle is added to the second list.
    fn callees_first(&self) -> (Vec<usize>, Vec<Vec<usize>>) {
        #[derive(Clone, Copy, PartialEq)]
        enum Mark {
            New,
            Open,
            Done,
        }
        let mut marks = vec![Mark::New; self.units.len()];
        let (mut order, mut circles) = (Vec::new(), Vec::new());
        // A pair is one circle, however many calls there are between them.
        let mut closing = HashSet::new();
        for start in 0..self.units.len() {
            if marks[start] != Mark::New {
                continue;
            }
            marks[start] = Mark::Open;
            // Each with the call to look at next.
            let mut open = vec![(start, 0)];
            while let Some((unit, next)) = open.last_mut() {
                let unit = *unit;
                let Some(call) = self.calls[unit].get(*next) else {
                    marks[unit] = Mark::Done;
                    order.push(unit);
                    open.pop();
                    continue;
                };
                *next += 1;
                match marks[call.to] {
                    Mark::New => {
                        marks[call.to] = Mark::Open;
                        open.push((call.to, 0));
                    }
                    Mark::Open => {
                        if !closing.insert((unit, call.to)) {
                            continue;
                        }
                        let on_the_way = open.iter().map(|(unit, _)| *unit);
                        circles.push(on_the_way.skip_while(|unit| *unit != call.to).collect());
                    }
                    Mark::Done => {}
                }
            }
        }
        (order, circles)
    }

    fn surroundings(&self, program: &Program, callers_first: &[usize]) -> Vec<Surroundings> {
        let mut all: Vec<Surroundings> = self.units.iter().map(|unit| own_surroundings(*unit)).collect();
        for (entry, in_ingress) in [(program.ingress, true), (program.egress, false)] {
            if let Some(body) = entry.filter(|body| program.bodies.is_valid(*body)) {
                let at = &mut all[self.number(Unit::Body(body))];
                at.in_control = true;
                at.in_ingress |= in_ingress;
                at.in_egress |= !in_ingress;
                at.running = Running::Mixed;
            }
        }
        // One round does it, callers coming first, unless there are circles: then until nothing changes.
        loop {
            let mut changed = false;
            for from in callers_first {
                for call in &self.calls[*from] {
                    let handed_on = handed_on(self.units[*from], all[*from], self.units[call.to]);
                    let joined = join(all[call.to], handed_on);
                    changed |= joined != all[call.to];
                    all[call.to] = joined;
                }
            }
            if !changed {
                return all;
            }
        }
    }
}

/// What holds of a unit whoever runs it, if anybody.
fn own_surroundings(unit: Unit) -> Surroundings {
    let nowhere = Surroundings::default();
    match unit {
        Unit::Action(_) => Surroundings { in_action: true, ..nowhere },
        Unit::Body(_) => nowhere,
        Unit::Parser(_) => Surroundings { in_parser: true, running: Running::Mixed, ..nowhere },
        Unit::Table(table) => Surroundings { in_action: true, running: Running::Only(table), ..nowhere },
    }
}

/// What a unit brings to one that it runs.
fn handed_on(from: Unit, around: Surroundings, to: Unit) -> Surroundings {
    match to {
        // A body runs as part of who calls it.
        Unit::Body(_) => around,
        Unit::Action(_) => Surroundings { in_control: false, in_action: true, in_parser: false, ..around },
        Unit::Parser(_) => Surroundings { in_control: false, in_action: false, in_parser: true, ..around },
        // Whatever is running around it, what runs in it is the table's own.
        Unit::Table(_) => {
            debug_assert!(!matches!(from, Unit::Table(_)), "a table runs actions and bodies");
            Surroundings {
                in_control: false,
                in_action: true,
                in_parser: false,
                running: Running::Nowhere,
                ..around
            }
        }
    }
}

fn join(a: Surroundings, b: Surroundings) -> Surroundings {
    Surroundings {
        in_control: a.in_control || b.in_control,
        in_action: a.in_action || b.in_action,
        in_parser: a.in_parser || b.in_parser,
        in_ingress: a.in_ingress || b.in_ingress,
        in_egress: a.in_egress || b.in_egress,
        running: match (a.running, b.running) {
            (Running::Nowhere, other) | (other, Running::Nowhere) => other,
            (Running::Only(x), Running::Only(y)) if x == y => Running::Only(x),
            (Running::Only(_) | Running::Mixed, Running::Only(_) | Running::Mixed) => Running::Mixed,
        },
    }
}

impl Checker<'_> {
    /// Judges who runs whom.
    pub(super) fn call_graph(&mut self) {
        let (order, circles) = self.calls.callees_first();
        for circle in &circles {
            let names: Vec<String> =
                circle.iter().map(|unit| self.unit_name(self.calls.units[*unit])).collect();
            self.within(&names[0], |c| {
                c.report(Rule::Recursion, format_args!("it runs itself: {} and again", names.join(", ")));
            });
        }
        if circles.is_empty() {
            self.nesting(&order);
        }
        let callers_first: Vec<usize> = order.into_iter().rev().collect();
        let surroundings = self.calls.surroundings(self.program, &callers_first);
        for Needed { unit, path, need } in std::mem::take(&mut self.calls.needs) {
            if let Some((rule, what)) = unmet(need, surroundings[unit]) {
                self.within(path, |c| c.report(rule, what));
            }
        }
    }

    fn unit_name(&self, unit: Unit) -> String {
        let program = self.program;
        let name = match unit {
            Unit::Action(id) => program.actions.get(id).map(|x| &x.control.name),
            Unit::Body(id) => program.bodies.get(id).map(|x| &x.name),
            Unit::Parser(id) => program.parsers.get(id).map(|x| &x.name),
            Unit::Table(id) => program.tables.get(id).map(|x| &x.control.name),
        };
        format!("{unit} {}", name.map_or("", String::as_str))
    }

    /// How deep blocks nest through calls.
    fn nesting(&mut self, callees_first: &[usize]) {
        let mut totals = vec![0usize; self.calls.units.len()];
        for unit in callees_first {
            let called = self.calls.calls[*unit].iter().map(|call| call.depth + 1 + totals[call.to]);
            let before = called.clone().max().unwrap_or(0);
            totals[*unit] = before.max(self.calls.depths[*unit]);
            // Blamed where the limit is passed, not on everybody above.
            let passes = totals[*unit] > limit::NESTING;
            let callee_passed = self.calls.calls[*unit].iter().any(|call| totals[call.to] > limit::NESTING);
            if passes && !callee_passed {
                let unit_passing = self.calls.units[*unit];
                let name = self.unit_name(unit_passing);
                let what =
                    format!("blocks nest {} deep, callees' included, of {}", totals[*unit], limit::NESTING);
                self.part = Some(unit_passing.into());
                self.within(name, |c| c.report(Rule::Limit, what));
                self.part = None;
            }
        }
    }
}

impl From<Unit> for Part {
    fn from(unit: Unit) -> Part {
        match unit {
            Unit::Action(id) => Part::Action(id),
            Unit::Body(id) => Part::Body(id),
            Unit::Parser(id) => Part::Parser(id),
            Unit::Table(id) => Part::Table(id),
        }
    }
}

/// The rule that surroundings break, if they do.
fn unmet(need: Need, around: Surroundings) -> Option<(Rule, String)> {
    match need {
        Need::Parser => {
            let only = around.in_parser && !around.in_control && !around.in_action;
            (!only).then(|| (Rule::ParserOnly, "only parsers take bits from the packet".to_string()))
        }
        Need::NoParser(does) => around.in_parser.then(|| (Rule::NotInParser, format!("no parser {does}"))),
        Need::NoAction(does) => around.in_action.then(|| (Rule::NotInAction, format!("no action {does}"))),
        Need::Control => {
            let only = !around.in_parser && !around.in_action;
            (!only).then(|| (Rule::Emit, "neither actions nor parsers emit".to_string()))
        }
        Need::Ingress => {
            around.in_egress.then(|| (Rule::Decision, "egress does not decide that".to_string()))
        }
        Need::Egress => {
            around.in_ingress.then(|| (Rule::Decision, "ingress does not decide that".to_string()))
        }
        Need::Entry(table) => (around.running != Running::Only(table)).then(|| {
            (Rule::DirectUse, format!("it belongs to {table}, and this is not only run by actions of that"))
        }),
    }
}
