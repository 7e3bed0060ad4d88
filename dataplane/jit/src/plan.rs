//! Decisions made before any code: what is compiled into its caller, and which slots live in registers.
//!
//! A unit is a piece of code that can be called. One that is called once, or is small, becomes part of its caller;
//! any other becomes a function, so that the size of the code stays linear in that of the program.
//!
//! A program whose packets may go through both entry points at once ([`heddle_exec::Executor::run_through`]) gets a
//! third function for that, in which headers live in registers as well; [`Through`] says which.
//!
//! Invariant: a slot is promoted in an entry point only if no function that the entry point calls names it, so
//! that the frame needs to be right only when the pass begins and ends.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Range;
use std::rc::Rc;

use heddle_exec::Entry;
use heddle_exec::layout::Layout;
use heddle_ir::{
    ActionId, BodyId, Callee, Decision, Expr, HeaderId, HeaderRef, HeaderType, MatchKind, ParserId, Program,
    StackId, Stmt, Table, TableId, Ty, VarId,
};
use heddle_state::{DeclaredEntry, declared_entries};

use crate::ahead::KEY_WORDS_MAX;
use crate::assembly::Options;
use crate::code::{INLINE_LIMBS_MAX, limb_count};
use crate::visit::{self, Part};

/// Statements and expressions up to which a unit is compiled into every caller.
const SMALL: usize = 40;
/// Statements and expressions above which a unit stays a function of its own, whoever calls it.
const LARGE: usize = 20_000;
/// Limbs of the widest slot that is promoted.
const PROMOTED_LIMBS_MAX: u32 = 2;
/// Words of the largest header that is handled in place, and limbs of the widest field of one.
pub(crate) const HEADER_WORDS_MAX: usize = 48;
/// Statements and expressions of the largest program that packets go through at once.
const THROUGH_SIZE_MAX: usize = 12_000;
/// Words of headers and slots that such a program may have in registers.
const THROUGH_WORDS_MAX: usize = 1_024;
/// Statements and expressions that may come of compiling what follows the parser once for each way out of it.
const SPLIT_SIZE_MAX: usize = 8_000;
/// Entries of a table that code stands for, at most.
const FIXED_ENTRIES_MAX: usize = 8;
/// Entries that a table has to have room for, for lookups ahead of packets to be thought of.
const AHEAD_SIZE_MIN: u64 = 4_096;
/// Ways out of a parser that are told apart at most.
const SPLITS_MAX: usize = 24;

/// Whether a header is handled in place: it takes few words, and no field is beyond registers.
pub(crate) fn is_simple(ty: &HeaderType) -> bool {
    let limbs = ty.fields.iter().map(|field| match field.ty {
        Ty::Bits(width) => {
            Some(width.div_ceil(64).max(1) as usize).filter(|limbs| *limbs <= INLINE_LIMBS_MAX)
        }
        Ty::Varbit(_) => None,
    });
    let words: Option<usize> = limbs.sum();
    words.is_some_and(|words| words < HEADER_WORDS_MAX)
}

/// The entries of a table that nobody can change and nothing is attached to, if they are few: code stands for it.
pub(crate) fn fixed_entries(table: &Table) -> Option<Vec<DeclaredEntry>> {
    if !table.const_default || table.is_direct() {
        return None;
    }
    if table.keys.is_empty() {
        // It always misses.
        return Some(Vec::new());
    }
    let is_fixed = table.const_entries && table.profile.is_none() && !table.idle_timeout;
    let is_small = table.entries.len() <= FIXED_ENTRIES_MAX
        && table.keys.iter().all(|key| limb_count(key.width) <= INLINE_LIMBS_MAX);
    if is_fixed && is_small { declared_entries(table) } else { None }
}

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
    /// What it does that not every pass may.
    does: Does,
    /// Its own statements and expressions.
    size: usize,
}

/// What code does.
#[derive(Clone, Copy, Debug, Default)]
struct Does {
    /// Makes clones.
    mirrors: bool,
    /// Decides on anything but to transmit or to drop.
    sends_on: bool,
}

impl Contents {
    fn of(program: &Program, unit: Unit) -> Contents {
        let mut contents = Contents::default();
        each_part(program, unit, &mut |part| match part {
            Part::Stmt(stmt) => {
                contents.size += 1;
                contents.note(program, stmt);
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

    /// What a statement does with headers beyond naming them, and what else matters of it.
    fn note(&mut self, program: &Program, stmt: &Stmt) {
        let mut moves = |stack: StackId| {
            self.headers.extend(&program.stacks[stack].elements);
            self.moving.extend(&program.stacks[stack].elements);
        };
        match stmt {
            Stmt::PushFront(stack, _) | Stmt::PopFront(stack, _) => moves(*stack),
            Stmt::CopyHeader { dst, src } => {
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
            Stmt::Assign(..)
            | Stmt::AssignSlice { .. }
            | Stmt::SetValid(_)
            | Stmt::SetInvalid(_)
            | Stmt::If { .. }
            | Stmt::Switch { .. }
            | Stmt::Loop { .. }
            | Stmt::Break
            | Stmt::Continue
            | Stmt::Return
            | Stmt::Exit
            | Stmt::Catch(_)
            | Stmt::Apply { .. }
            | Stmt::Call { .. }
            | Stmt::Extract { .. }
            | Stmt::Lookahead(_)
            | Stmt::Advance(_)
            | Stmt::Verify { .. }
            | Stmt::Emit(_)
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

fn fields_of(program: &Program, header: &HeaderRef) -> usize {
    let header = match header {
        HeaderRef::One(header) => Some(*header),
        HeaderRef::Element(stack, _) => program.stacks[*stack].elements.first().copied(),
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
    through: Option<Rc<Through>>,
}

/// Both passes in one function, for packets that nothing holds up between them.
#[derive(Debug)]
pub(crate) struct Through {
    pub(crate) ingress: BodyId,
    pub(crate) egress: BodyId,
    /// What lives in registers; whether the frame has to hold it for egress if the packet is held up after all.
    pub(crate) vars: BTreeMap<VarId, bool>,
    pub(crate) headers: BTreeMap<HeaderId, bool>,
    /// What is left in the frame, and has to be clear there when the pass begins.
    pub(crate) framed_vars: BTreeSet<VarId>,
    pub(crate) framed_headers: BTreeSet<HeaderId>,
    /// Whether egress makes clones.
    pub(crate) egress_mirrors: bool,
    /// Whether ingress makes clones.
    pub(crate) mirrors: bool,
    /// Whether egress calls functions.
    pub(crate) egress_calls: bool,
    /// Ways out of the parser that are told apart.
    pub(crate) splits: usize,
    /// The table whose lookups are worth making ahead of packets, once it is large.
    pub(crate) ahead: Option<TableId>,
}

impl Through {
    /// The words in the frame that may be read before they are written, as few runs as they make: of headers the
    /// validity alone.
    pub(crate) fn framed(&self, layout: &Layout) -> Vec<Range<usize>> {
        let vars = self.framed_vars.iter().map(|var| {
            let slot = layout.vars[*var];
            slot.word..slot.limbs() + slot.limb_count()
        });
        let headers = self.framed_headers.iter().map(|header| {
            let valid = layout.headers[*header].word;
            valid..valid + 1
        });
        let mut all: Vec<Range<usize>> = vars.chain(headers).collect();
        all.sort_by_key(|words| words.start);
        let mut runs: Vec<Range<usize>> = Vec::new();
        for words in all {
            match runs.last_mut() {
                Some(last) if last.end == words.start => last.end = words.end,
                Some(_) | None => runs.push(words),
            }
        }
        runs
    }
}

/// What an entry point reaches.
#[derive(Default)]
struct Reach {
    vars: BTreeSet<VarId>,
    /// Slots named by code that is not compiled into the entry point.
    outside: BTreeSet<VarId>,
    headers: BTreeSet<HeaderId>,
    /// Tables that code which is compiled into the entry point applies.
    tables: BTreeSet<TableId>,
    /// Headers that have to be in the frame.
    framed: BTreeSet<HeaderId>,
    does: Does,
    /// Whether it calls functions.
    calls: bool,
    /// Statements and expressions that are compiled into the entry point.
    size: usize,
}

impl Plan {
    /// The plan for a program.
    ///
    /// If it is to show all, the frame holds every slot when a pass has ended, even those that nobody reads again.
    pub(crate) fn new(program: &Program, options: Options) -> Plan {
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
                let start = if start || options.shows_all { Start::Frame } else { Start::Zero };
                Promoted { start, outlives: outlives || options.shows_all }
            };
            vars.map(|var| (var, of(var))).collect()
        };
        let mut through = match entries {
            [Some(of_ingress), Some(of_egress)] if !options.shows_all => {
                through(program, (of_ingress, &ingress), (of_egress, &egress), &preserved)
            }
            _ => None,
        };
        if let Some(through) = &mut through {
            let size_min = if options.ahead_always { 0 } else { AHEAD_SIZE_MIN };
            through.ahead = worth_ahead(program, &ingress.tables, size_min);
        }
        Plan {
            through: through.map(Rc::new),
            ingress: promote(&ingress, &egress, Entry::Ingress),
            egress: promote(&egress, &ingress, Entry::Egress),
            outlined,
        }
    }

    /// Whether a unit is a function of its own.
    pub(crate) fn is_outlined(&self, unit: Unit) -> bool {
        self.outlined.contains(&unit)
    }

    /// Both passes at once, if packets may go through them so.
    pub(crate) fn through(&self) -> Option<&Rc<Through>> {
        self.through.as_ref()
    }

    /// The slots that live in registers.
    pub(crate) fn promoted(&self, entry: Entry) -> &BTreeMap<VarId, Promoted> {
        match entry {
            Entry::Ingress => &self.ingress,
            Entry::Egress => &self.egress,
        }
    }
}

/// The plan for both passes at once, if they allow it and it is worth it.
fn through(
    program: &Program,
    (ingress, of_ingress): (BodyId, &Reach),
    (egress, of_egress): (BodyId, &Reach),
    preserved: &BTreeSet<VarId>,
) -> Option<Through> {
    let size = of_ingress.size.saturating_add(of_egress.size);
    if of_egress.does.sends_on || size > THROUGH_SIZE_MAX {
        return None;
    }
    let preserved_headers: BTreeSet<HeaderId> =
        program.preserves.values().flat_map(|preserve| preserve.headers.iter().copied()).collect();
    let (mut framed_vars, mut framed_headers) = (BTreeSet::new(), BTreeSet::new());
    let mut words = 0;
    let mut vars = BTreeMap::new();
    for var in of_ingress.vars.union(&of_egress.vars) {
        let fits = match program.vars[*var].ty {
            Ty::Bits(width) => width <= 64 * PROMOTED_LIMBS_MAX,
            Ty::Varbit(_) => false,
        };
        if fits && !of_ingress.outside.contains(var) && !of_egress.outside.contains(var) {
            words += 2;
            vars.insert(*var, of_egress.vars.contains(var) || preserved.contains(var));
        } else {
            framed_vars.insert(*var);
        }
    }
    let named: BTreeSet<HeaderId> = of_ingress.headers.union(&of_egress.headers).copied().collect();
    let is_framed = |header: &HeaderId| {
        of_ingress.framed.contains(header)
            || of_egress.framed.contains(header)
            || !is_simple(&program.header_types[program.headers[*header].ty])
    };
    let mut headers = BTreeMap::new();
    for header in &named {
        // Members of a union make each other invalid, so they live in one place.
        let framed = match program.headers[*header].union {
            Some(union) => program.unions[union].members.iter().any(is_framed),
            None => is_framed(header),
        };
        if framed {
            framed_headers.insert(*header);
        } else {
            words += 1 + program.header_types[program.headers[*header].ty].fields.len();
            headers.insert(*header, of_egress.headers.contains(header) || preserved_headers.contains(header));
        }
    }
    (words <= THROUGH_WORDS_MAX).then_some(Through {
        ingress,
        egress,
        vars,
        headers,
        framed_vars,
        framed_headers,
        mirrors: of_ingress.does.mirrors,
        egress_mirrors: of_egress.does.mirrors,
        egress_calls: of_egress.calls,
        splits: (SPLIT_SIZE_MAX / size.max(1)).clamp(1, SPLITS_MAX),
        ahead: None,
    })
}

/// Words of a table's key, but for what selects a member.
pub(crate) fn key_words(table: &Table) -> usize {
    let keys = table.keys.iter().filter(|key| key.kind != MatchKind::Selector);
    keys.map(|key| limb_count(key.width)).sum()
}

/// The table whose lookups are worth making ahead of packets: of those that are searched by key alone and may have too
/// many entries for the caches near a core the one that may have most.
fn worth_ahead(program: &Program, tables: &BTreeSet<TableId>, size_min: u64) -> Option<TableId> {
    let sizes = tables.iter().filter_map(|id| {
        let table = &program.tables[*id];
        let is_plain =
            |kind: MatchKind| matches!(kind, MatchKind::Exact | MatchKind::Lpm | MatchKind::Selector);
        let by_key = table.keys.iter().all(|key| is_plain(key.kind));
        // No size is as many as come.
        let size = if table.size == 0 { u64::MAX } else { table.size };
        let fits = (1..=KEY_WORDS_MAX).contains(&key_words(table));
        (by_key && fits && size >= size_min).then_some((size, Reverse(*id)))
    });
    sizes.max().map(|(_, Reverse(id))| id)
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
            reach.headers.extend(&contents.headers);
            reach.framed.extend(&contents.moving);
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
    }
}
