//! Decisions made before any code: which slots and headers live in registers, which stay in the packet.
//!
//! A program whose packets may go through both entry points at once ([`heddle_exec::Executor::run_through`]) gets a
//! third function for that, in which headers live in registers as well; [`Through`] says which.
//!
//! Invariant: a slot is promoted in an entry point only if no function that the entry point calls names it, so
//! that the frame needs to be right only when the pass begins and ends.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Range;
use std::rc::Rc;

use heddle_exec::Entry;
use heddle_exec::layout::Layout;
use heddle_ir::{BodyId, HeaderId, HeaderType, MatchKind, Program, Table, TableId, Ty, VarId};
use heddle_state::{DeclaredEntry, declared_entries, key_words};

use crate::ahead::KEY_WORDS_MAX;
use crate::assembly::Options;
use crate::code::{INLINE_LIMBS_MAX, limb_count};
use crate::exposure::exposed;
use crate::facts::Facts;
use crate::survey::{Reach, Survey, Unit};

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
    /// What is left in the frame and may be read before it is written, so that it has to be clear when the pass begins.
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
    /// If none are: of headers that are valid only once they are extracted, the fields that are given other values.
    /// Such headers stay in the packet where they are, but for these fields.
    pub(crate) staying: Option<BTreeMap<HeaderId, BTreeSet<usize>>>,
    /// The table whose lookups are worth making ahead of packets, once it is large.
    pub(crate) ahead: Option<TableId>,
    /// What is compiled into the function; whatever else it may call is a function of its own.
    inlined: HashSet<Unit>,
}

impl Through {
    /// Whether a unit is a function of its own, called from here.
    pub(crate) fn is_outlined(&self, unit: Unit) -> bool {
        !self.inlined.contains(&unit)
    }

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

impl Plan {
    /// The plan for a program.
    ///
    /// If it is to show all, the frame holds every slot when a pass has ended, even those that nobody reads again.
    pub(crate) fn new(program: &Program, options: Options) -> Plan {
        let entries = [program.ingress, program.egress];
        let survey = Survey::new(program, Facts::default());
        let outlined = survey.outlined(&entries.map(|body| body.map(Unit::Body)));
        let [ingress, egress] = entries.map(|body| survey.reach_of(&outlined, body));
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
        let through = match entries {
            [Some(of_ingress), Some(of_egress)] if !options.shows_all => {
                let survey = Survey::new(program, Facts::of_arrivals(survey.zeros()));
                through(&survey, of_ingress, (of_egress, &egress), &preserved, options)
            }
            _ => None,
        };
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

/// The plan for both passes at once, if they allow it and it is worth it. Packets that are held up, and copies of them,
/// find in the frame what egress may reach later.
fn through(
    survey: &Survey<'_>,
    ingress: BodyId,
    (egress, later): (BodyId, &Reach),
    preserved: &BTreeSet<VarId>,
    options: Options,
) -> Option<Through> {
    let program = survey.program;
    let outlined = survey.outlined(&[ingress, egress].map(|body| Some(Unit::Body(body))));
    let [of_ingress, of_egress] = [ingress, egress].map(|body| survey.reach_of(&outlined, Some(body)));
    let size = of_ingress.size.saturating_add(of_egress.size);
    if of_egress.does.sends_on || size > THROUGH_SIZE_MAX {
        return None;
    }
    let preserved_headers: BTreeSet<HeaderId> =
        program.preserves.values().flat_map(|preserve| preserve.headers.iter().copied()).collect();
    let (mut framed_vars, mut framed_headers) = (BTreeSet::new(), BTreeSet::new());
    let exposed = [(ingress, &survey.facts), (egress, &Facts::default())]
        .map(|(body, facts)| exposed(program, facts, Unit::Body(body)));
    let mut words = 0;
    let mut vars = BTreeMap::new();
    // What is preserved is kept even if only packets that come back look at it.
    let vars_named: BTreeSet<VarId> =
        of_ingress.vars.iter().chain(&of_egress.vars).chain(&later.vars).chain(preserved).copied().collect();
    for var in &vars_named {
        let fits = match program.vars[*var].ty {
            Ty::Bits(width) => width <= 64 * PROMOTED_LIMBS_MAX,
            Ty::Varbit(_) => false,
        };
        if fits && !of_ingress.outside.contains(var) && !of_egress.outside.contains(var) {
            words += 2;
            vars.insert(*var, later.vars.contains(var) || preserved.contains(var));
        } else if exposed.iter().any(|exposed| exposed.contains(var)) {
            framed_vars.insert(*var);
        }
    }
    let named = of_ingress.headers.iter().chain(&of_egress.headers).chain(&later.headers);
    let named: BTreeSet<HeaderId> = named.chain(&preserved_headers).copied().collect();
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
            headers.insert(*header, later.headers.contains(header) || preserved_headers.contains(header));
        }
    }
    let splits = (SPLIT_SIZE_MAX / size.max(1)).clamp(1, SPLITS_MAX);
    let staying = (options.stays || of_ingress.ways > splits).then(|| {
        let is_made = |header: &HeaderId| of_ingress.made.contains(header) || of_egress.made.contains(header);
        let given = |header: HeaderId| {
            let all = of_ingress.given.union(&of_egress.given);
            all.filter(|(of, _)| *of == header).map(|(_, field)| *field).collect()
        };
        let parsed = headers.keys().filter(|header| !is_made(header));
        parsed.map(|header| (*header, given(*header))).collect()
    });
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
        splits: if staying.is_some() { 1 } else { splits },
        staying,
        ahead: worth_ahead(
            program,
            &of_ingress.tables,
            if options.ahead_always { 0 } else { AHEAD_SIZE_MIN },
        ),
        inlined: survey.order.iter().copied().filter(|unit| !outlined.contains(unit)).collect(),
    })
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
