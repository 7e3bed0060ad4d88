//! Entries that a table is declared with: keysets by match kind, priorities (section on entries).

use hashbrown::HashMap;
use num_bigint::BigInt;

use super::Checker;
use super::annotations::has;
use super::codes::*;
use super::keysets::Context;
use super::tables::{TableDraft, WrittenAction};
use super::types::count;
use crate::diag::Diagnostic;
use crate::hir::{Entry, Keyset, KeysetKind, Ty};
use crate::source::Span;
use crate::syntax::ast::EntryDecl;

impl Checker<'_> {
    /// `entries = { ... }`
    pub(super) fn entries(
        &mut self,
        draft: &TableDraft<'_>,
        const_entries: bool,
        written: &[EntryDecl],
        span: Span,
    ) -> Vec<Entry> {
        let keys = match &draft.keys {
            Some((keys, _)) if !keys.is_empty() => keys,
            _ if written.is_empty() => return Vec::new(),
            _ => {
                self.emit(
                    Diagnostic::error(TABLE_ENTRY, draft.name.span, "a table without key has no entries")
                        .label(span, "these entries")
                        .note("`key` has to stand before `entries`"),
                );
                return Vec::new();
            }
        };
        let types: Vec<Ty> = keys.iter().map(|key| key.expr.ty.clone()).collect();
        let kinds: Vec<&str> = keys.iter().map(|key| &*key.match_kind).collect();
        let mut entries = Vec::new();
        let mut specified: Vec<Option<u32>> = Vec::new();
        let mut in_error = false;
        for entry in written {
            let annotations = self.annotations(&entry.annotations);
            let checked_keys = self.keyset(&entry.keys, &types, Context::Entry);
            let action = self.used_action(
                draft,
                WrittenAction {
                    dotted: entry.action.dotted,
                    name: &entry.action.name,
                    args: entry.action.args.as_deref(),
                    span: entry.action.span,
                },
            );
            let priority = match &entry.priority {
                Some(priority) => match self.priority(priority) {
                    Some(priority) => Some(priority),
                    None => {
                        in_error = true;
                        None
                    }
                },
                None => None,
            };
            let (Some(checked_keys), Some((action, args))) = (checked_keys, action) else {
                in_error = true;
                continue;
            };
            if let Some(listed) = draft.actions.get(action)
                && has(&listed.annotations, "defaultonly")
            {
                let at = listed.span;
                self.emit(
                    Diagnostic::error(
                        TABLE_ACTION,
                        entry.action.span,
                        "a `@defaultonly` action cannot be in an entry",
                    )
                    .label(at, "listed here"),
                );
                continue;
            }
            for (key, kind) in checked_keys.iter().zip(&kinds) {
                self.check_key(key, kind);
            }
            specified.push(priority);
            entries.push(Entry {
                keys: checked_keys,
                priority: 0,
                action,
                args,
                is_const: entry.is_const || const_entries,
                annotations,
                span: entry.span,
            });
        }
        if let Some(first) = written.iter().find(|entry| entry.priority.is_some())
            && !self.allows_priorities(draft, &kinds, const_entries, first)
        {
            return entries;
        }
        if !in_error {
            self.assign_priorities(draft, &mut entries, &specified);
            self.duplicate_entries(&entries, &kinds);
        }
        entries
    }

    fn allows_priorities(
        &mut self,
        draft: &TableDraft<'_>,
        kinds: &[&str],
        const_entries: bool,
        first: &EntryDecl,
    ) -> bool {
        let at = first.priority.as_ref().map_or(first.span, |priority| priority.span);
        if const_entries {
            self.emit(
                Diagnostic::error(TABLE_ENTRY, at, "`const entries` have no priorities: their order decides")
                    .help("leave the priority out, or the `const` before `entries`"),
            );
            return false;
        }
        if kinds.iter().all(|kind| matches!(*kind, "exact" | "lpm")) {
            self.emit(
                Diagnostic::error(TABLE_ENTRY, at, "the entries of this table need no priorities")
                    .label(draft.keys.as_ref().map_or(Span::default(), |(_, span)| *span), "these keys")
                    .note("where all keys are `exact` or `lpm`, at most one entry matches, or the longest prefix wins"),
            );
            return false;
        }
        true
    }

    /// The priority of each entry, as declared or counted (section on entry priorities).
    fn assign_priorities(
        &mut self,
        draft: &TableDraft<'_>,
        entries: &mut [Entry],
        specified: &[Option<u32>],
    ) {
        let delta = i64::from(draft.priority_delta);
        let largest_wins = draft.largest_priority_wins;
        let count = entries.len() as i64;
        let any = specified.iter().any(Option::is_some);
        if any
            && specified.first().is_some_and(Option::is_none)
            && let Some(first) = entries.first()
        {
            let span = first.span;
            self.emit(
                Diagnostic::error(
                    TABLE_ENTRY,
                    span,
                    "the first entry needs a priority, as a later one has one",
                )
                .help("write `priority = n :` before it"),
            );
            return;
        }
        let mut current: i64 = 0;
        for (i, (entry, specified)) in entries.iter_mut().zip(specified).enumerate() {
            let i = i as i64;
            current = match (any, specified) {
                (_, Some(priority)) => i64::from(*priority),
                (true, None) if largest_wins => current - delta,
                (true, None) => current + delta,
                (false, None) if largest_wins => 1 + (count - 1 - i).saturating_mul(delta),
                (false, None) => 1 + i.saturating_mul(delta),
            };
            match u32::try_from(current) {
                // P4Runtime knows no priority 0; `priority = 0 :` may still be written for other control planes.
                Ok(priority) if priority <= i32::MAX as u32 && (priority > 0 || specified.is_some()) => {
                    entry.priority = priority;
                }
                _ => {
                    self.emit(
                        Diagnostic::error(
                            TABLE_ENTRY,
                            entry.span,
                            format!("the priority of this entry would be {current}, which is out of range"),
                        )
                        .label(draft.name.span, "in this table")
                        .note(format!("counted from the entry before it by {delta}")),
                    );
                    return;
                }
            }
        }
        if !any {
            return;
        }
        let mut seen: HashMap<u32, Span> = HashMap::new();
        let mut previous: Option<(u32, Span)> = None;
        for entry in entries.iter() {
            if let Some(other) = seen.insert(entry.priority, entry.span) {
                self.emit(
                    Diagnostic::warning(
                        DUPLICATE_PRIORITIES,
                        entry.span,
                        format!("two entries have the priority {}", entry.priority),
                    )
                    .label(other, "the other one"),
                );
            }
            if let Some((before, span)) = previous
                && ((largest_wins && before < entry.priority) || (!largest_wins && before > entry.priority))
            {
                self.emit(
                    Diagnostic::warning(
                        ENTRIES_OUT_OF_ORDER,
                        entry.span,
                        "this entry is tried before the one that is written before it",
                    )
                    .label(span, "this one"),
                );
            }
            previous = Some((entry.priority, entry.span));
        }
    }

    /// Checks that a keyset is of the form that its key's match kind takes.
    fn check_key(&mut self, key: &Keyset, kind: &str) {
        let form = match &key.kind {
            KeysetKind::Value(_) => return,
            KeysetKind::Any => "the set of all values",
            KeysetKind::Mask(..) => "a mask",
            KeysetKind::Range(..) => "a range",
            KeysetKind::ValueSet(_) => "a value set",
        };
        let fits = match (kind, &key.kind) {
            // What a mask means to these is up to the architecture.
            ("exact" | "range", KeysetKind::Mask(..)) => true,
            ("exact", _) => false,
            ("lpm", KeysetKind::Mask(value, mask)) => {
                if let (Some(mask_value), Ty::Bit(width) | Ty::Int(width)) =
                    (self.int_value(mask), self.key_scalar(&mask.ty))
                {
                    let mask_value = super::constants::wrap(&mask_value, &Ty::Bit(width));
                    let inverted: BigInt = (BigInt::from(1u8) << width) - 1 - &mask_value;
                    let is_prefix = (&inverted & (&inverted + 1)) == BigInt::ZERO;
                    if !is_prefix {
                        self.emit(
                            Diagnostic::error(TABLE_ENTRY, mask.span, "this mask is no prefix")
                                .note("the mask of an `lpm` key is ones followed by zeros"),
                        );
                        return;
                    }
                }
                let _ = value;
                true
            }
            ("lpm" | "ternary", KeysetKind::Range(..)) => false,
            ("optional", KeysetKind::Mask(..) | KeysetKind::Range(..)) => false,
            _ => true,
        };
        if !fits {
            self.error(TABLE_ENTRY, key.span, format!("a key that is matched `{kind}` cannot take {form}"));
            return;
        }
        match &key.kind {
            KeysetKind::Range(low, high) => {
                if let (Some(a), Some(b)) = (self.int_value(low), self.int_value(high))
                    && a > b
                {
                    self.error(TABLE_ENTRY, key.span, format!("the range from {a} to {b} is empty"));
                }
            }
            KeysetKind::Mask(value, mask) => {
                if let (Some(value_number), Some(mask_number)) = (self.int_value(value), self.int_value(mask))
                    && (&value_number & &mask_number) != value_number
                {
                    self.emit(Diagnostic::warning(
                        MISMATCHED_ENTRY,
                        key.span,
                        "the value has ones where the mask has zeros; they are not compared",
                    ));
                }
            }
            _ => {}
        }
    }

    /// The number type that a key is matched as.
    fn key_scalar(&self, ty: &Ty) -> Ty {
        match self.without_new(ty) {
            ty @ Ty::Enum(_) => self.enum_underlying(ty).cloned().unwrap_or(Ty::Unknown),
            ty => ty.clone(),
        }
    }

    /// Reports two entries of an exact table with the same key.
    fn duplicate_entries(&mut self, entries: &[Entry], kinds: &[&str]) {
        if !kinds.iter().all(|kind| *kind == "exact") {
            return;
        }
        let mut seen: HashMap<Vec<super::constants::Literal>, Span> = HashMap::new();
        for entry in entries {
            let values: Option<Vec<_>> = entry
                .keys
                .iter()
                .map(|key| match &key.kind {
                    KeysetKind::Value(value) => super::constants::literal(value),
                    _ => None,
                })
                .collect();
            let Some(values) = values else { continue };
            if let Some(previous) = seen.insert(values, entry.span) {
                self.emit(
                    Diagnostic::error(
                        TABLE_ENTRY,
                        entry.span,
                        format!(
                            "two entries have the same {}",
                            if kinds.len() == 1 { "key" } else { "keys" }
                        ),
                    )
                    .label(previous, "the first one")
                    .note(format!("the table matches {} exactly", count(kinds.len(), "key"))),
                );
            }
        }
    }
}
