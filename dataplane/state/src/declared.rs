//! The entries that a program declares, in the terms of keys: for tables that nobody can change, which code can stand for.
//!
//! Invariant: as a state of the program has them: what matches here matches there, and what comes first here wins there.

use std::cmp::Reverse;

use heddle_ir::{KeyMatch, MatchKind, Table};

use crate::key::{Encoded, KeyLayout, Precedence};

/// An entry that a program declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredEntry {
    /// Its position in [`Table::entries`].
    pub index: usize,
    /// For each word of a key as [`crate::State::lookup`] takes it: the bits that matter, and what they have to be.
    pub words: Vec<(u64, u64)>,
}

/// The entries that a table declares, those that win over others first. `None` if some of them are more than values under
/// masks (ranges), or not as they have to be.
pub fn declared_entries(table: &Table) -> Option<Vec<DeclaredEntry>> {
    if table.keys.iter().any(|key| key.kind == MatchKind::Range) {
        return None;
    }
    let layout = KeyLayout::of_table(table);
    let entry = |index: usize| {
        let (matches, priority) = declared_matches(table, layout.precedence(), index)?;
        let Encoded { mask, key, rank } = layout.encode(&matches, priority).ok()?;
        let words = mask.iter().copied().zip(key.iter().copied()).collect();
        Some((rank, DeclaredEntry { index, words }))
    };
    let mut entries = (0..table.entries.len()).map(entry).collect::<Option<Vec<_>>>()?;
    // Of equals the first.
    entries.sort_by_key(|(rank, _)| Reverse(*rank));
    Some(entries.into_iter().map(|(_, entry)| entry).collect())
}

/// What a declared entry matches, and its priority if the table's keys need one.
pub(crate) fn declared_matches(
    table: &Table,
    precedence: Precedence,
    index: usize,
) -> Option<(Vec<KeyMatch>, Option<u32>)> {
    let entry = table.entries.get(index)?;
    let priority = match precedence {
        Precedence::Priority { .. } => Some(entry.priority),
        Precedence::Unique | Precedence::LongestPrefix | Precedence::Any => None,
    };
    // A list that is as long as the keys has a place for selector keys too, which match nothing.
    let given = entry.matches.iter().zip(&table.keys);
    let matches = if entry.matches.len() == table.keys.len() {
        given.filter(|(_, key)| key.kind != MatchKind::Selector).map(|(m, _)| m.clone()).collect()
    } else {
        entry.matches.clone()
    };
    Some((matches, priority))
}

#[cfg(test)]
mod tests {
    use heddle_ir::{ActionCall, Bits, Expr, Key, ProgramBuilder, TableEntry};

    use super::*;

    /// Positions and words.
    type Words = Vec<(usize, Vec<(u64, u64)>)>;

    /// The entries of a table of 16-bit keys of these kinds.
    fn declared(kinds: &[MatchKind], entries: &[(u32, &[KeyMatch])]) -> Option<Words> {
        let mut builder = ProgramBuilder::new("declared");
        let action = builder.action("a", &[], vec![]);
        let table = builder.table("t").default_action(action, vec![]).finish();
        let key = |kind: &MatchKind| Key {
            name: "k".to_string(),
            expr: Expr::constant(16, 0),
            width: 16,
            kind: *kind,
        };
        let entry = |(priority, matches): &(u32, &[KeyMatch])| TableEntry {
            matches: matches.to_vec(),
            priority: *priority,
            action: ActionCall { action: 0, args: vec![] },
            is_const: true,
        };
        let mut table = builder.finish().tables[table].clone();
        table.keys = kinds.iter().map(key).collect();
        table.entries = entries.iter().map(entry).collect();
        table.largest_priority_wins = false;
        let entries = declared_entries(&table)?;
        Some(entries.into_iter().map(|entry| (entry.index, entry.words)).collect())
    }

    fn bits(value: u128) -> Bits {
        Bits::new(16, value)
    }

    #[test]
    fn what_wins_comes_first() {
        let lpm = |value, prefix_len| KeyMatch::Lpm { value: bits(value), prefix_len };
        assert_eq!(
            declared(
                &[MatchKind::Lpm],
                &[(0, &[lpm(0x0a00, 8)]), (0, &[lpm(0x0a0b, 16)]), (0, &[lpm(0, 0)])]
            ),
            Some(vec![(1, vec![(0xffff, 0x0a0b)]), (0, vec![(0xff00, 0x0a00)]), (2, vec![(0, 0)])])
        );
        let one = KeyMatch::Ternary { value: bits(0x10), mask: bits(0xf0) };
        let kinds = [MatchKind::Ternary, MatchKind::Exact];
        let exact = KeyMatch::Exact(bits(7));
        // The smaller number wins here; of equals the one declared first.
        assert_eq!(
            declared(
                &kinds,
                &[
                    (2, &[KeyMatch::Any, exact.clone()]),
                    (1, &[one, exact.clone()]),
                    (2, &[exact.clone(), exact])
                ]
            ),
            Some(vec![
                (1, vec![(0xf0, 0x10), (0xffff, 7)]),
                (0, vec![(0, 0), (0xffff, 7)]),
                (2, vec![(0xffff, 7), (0xffff, 7)])
            ])
        );
    }

    #[test]
    fn ranges_are_no_values_under_masks() {
        let range = KeyMatch::Range { low: bits(1), high: bits(5) };
        assert_eq!(declared(&[MatchKind::Range], &[(1, &[range])]), None);
    }
}
