//! Entries of tables that are never chosen, because others match all that they match.

use num_bigint::BigInt;

use super::codes::SHADOWED_ENTRY;
use super::warn;
use crate::diag::{Diagnostic, Diagnostics};
use crate::hir::{Entry, Expr, ExprKind, Keyset, KeysetKind, Program, Table};
use crate::lower::annotation;

/// Entries of a table that are compared, each with each.
const ENTRIES_MAX: usize = 1024;

/// `rank` is the annotation by which the architecture orders entries in its own way; tables with it are left alone.
pub(super) fn lint(program: &Program, rank: Option<&str>, diagnostics: &mut Diagnostics) {
    for control in program.controls.values() {
        for table in control.tables.iter().map(|&table| &program.tables[table]) {
            let is_ranked =
                |entry: &Entry| rank.is_some_and(|rank| annotation(&entry.annotations, rank).is_some());
            if table.entries.iter().any(is_ranked) {
                continue;
            }
            let around = [control.decl.annotations.as_slice(), table.decl.annotations.as_slice()];
            for (hidden, by) in hidden(table) {
                let (hidden, by) = (&table.entries[hidden], &table.entries[by]);
                let diagnostic =
                    Diagnostic::warning(SHADOWED_ENTRY, hidden.span, "this entry is never chosen")
                        .label(by.span, "this one is tried before it and matches all that it matches");
                warn(diagnostics, &around, diagnostic);
            }
        }
    }
}

/// Entries with one that hides each.
fn hidden(table: &Table) -> Vec<(usize, usize)> {
    let by_priority = |kind: &str| matches!(kind, "ternary" | "range" | "optional");
    // Among prefixes the longest wins, whatever the order.
    if table.entries.len() > ENTRIES_MAX
        || !table.keys.iter().any(|key| by_priority(&key.match_kind))
        || table.keys.iter().any(|key| &*key.match_kind == "lpm")
    {
        return Vec::new();
    }
    let is_before = |a: usize, b: usize| {
        let (a_priority, b_priority) = (table.entries[a].priority, table.entries[b].priority);
        match table.largest_priority_wins {
            true => a_priority > b_priority,
            false => a_priority < b_priority,
        }
    };
    let covers = |a: usize, b: usize| {
        let (a, b) = (&table.entries[a].keys, &table.entries[b].keys);
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| includes(a, b))
    };
    let entries = 0..table.entries.len();
    let by = |hidden: usize| {
        entries.clone().find(|&by| by != hidden && is_before(by, hidden) && covers(by, hidden))
    };
    entries.clone().filter_map(|hidden| by(hidden).map(|by| (hidden, by))).collect()
}

/// A set of values: those that agree with `value` where `mask` has ones, or a range.
enum Set<'e> {
    All,
    Masked(&'e BigInt, Option<&'e BigInt>),
    Range(&'e BigInt, &'e BigInt),
}

/// The integer that an expression is.
fn constant(expr: &Expr) -> Option<&BigInt> {
    match &expr.kind {
        ExprKind::Int(int) => Some(int),
        _ => None,
    }
}

fn set(keyset: &Keyset) -> Option<Set<'_>> {
    match &keyset.kind {
        KeysetKind::Any => Some(Set::All),
        KeysetKind::Value(value) => Some(Set::Masked(constant(value)?, None)),
        KeysetKind::Mask(value, mask) => Some(Set::Masked(constant(value)?, Some(constant(mask)?))),
        KeysetKind::Range(low, high) => Some(Set::Range(constant(low)?, constant(high)?)),
        KeysetKind::ValueSet(_) => None,
    }
}

/// Whether all of `b` is in `a`, as far as can be seen.
fn includes(a: &Keyset, b: &Keyset) -> bool {
    let (Some(a), Some(b)) = (set(a), set(b)) else { return false };
    match (a, b) {
        (Set::All, _) => true,
        (Set::Masked(a, None), Set::Masked(b, None)) => a == b,
        (Set::Masked(a, Some(mask)), Set::Masked(b, None)) => a & mask == b & mask,
        (Set::Masked(a, Some(wide)), Set::Masked(b, Some(narrow))) => {
            wide & narrow == *wide && a & wide == b & wide
        }
        (Set::Range(low, high), Set::Masked(b, None)) => low <= b && b <= high,
        (Set::Range(low, high), Set::Range(from, to)) => low <= from && to <= high,
        (Set::Masked(..), Set::All | Set::Range(..) | Set::Masked(_, Some(_)))
        | (Set::Range(..), Set::All | Set::Masked(_, Some(_))) => false,
    }
}
