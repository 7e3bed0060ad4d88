//! Every match kind against a list that is searched from one end to the other, over sequences of changes.

use std::ops::Range;

use heddle_ir::{Bits, KeyMatch, MatchKind};
use proptest::collection::vec;
use proptest::prelude::*;

use super::fixture::Fixture;
use crate::{EntryKey, Match, Update};

/// The oracle's entry.
#[derive(Clone, Debug)]
struct Known {
    key: EntryKey,
    value: u32,
}

/// Whether one key's value satisfies a match.
fn matches(m: &KeyMatch, value: &Bits) -> bool {
    match m {
        KeyMatch::Exact(wanted) => wanted == value,
        KeyMatch::Lpm { value: wanted, prefix_len } => {
            (0..*prefix_len).all(|i| value.bit(value.width() - 1 - i) == wanted.bit(value.width() - 1 - i))
        }
        KeyMatch::Ternary { value: wanted, mask } => value.and(mask) == *wanted,
        KeyMatch::Range { low, high } => low.cmp_unsigned(value).is_le() && value.cmp_unsigned(high).is_le(),
        KeyMatch::Any => true,
    }
}

/// The sum of prefix lengths.
fn prefix_bits(key: &EntryKey) -> u32 {
    let bits = |m: &KeyMatch| match m {
        KeyMatch::Lpm { prefix_len, .. } => *prefix_len,
        KeyMatch::Exact(_) | KeyMatch::Ternary { .. } | KeyMatch::Range { .. } | KeyMatch::Any => 0,
    };
    key.matches.iter().map(bits).sum()
}

/// The entry that wins: first by rank, then by insertion.
fn search<'a>(
    known: &'a [Known],
    values: &[Bits],
    kinds: &[(u32, MatchKind)],
    largest_wins: bool,
) -> Option<&'a Known> {
    let ranked = kinds.iter().any(|(_, k)| !matches!(k, MatchKind::Exact | MatchKind::Lpm));
    let rank = |k: &Known| match (ranked, largest_wins) {
        (true, true) => i64::from(k.key.priority.expect("ranked")),
        (true, false) => -i64::from(k.key.priority.expect("ranked")),
        (false, _) => i64::from(prefix_bits(&k.key)),
    };
    let fits = |k: &&Known| k.key.matches.iter().zip(values).all(|(m, v)| matches(m, v));
    // `max_by_key` gives the last of equal ones, so the list is turned around.
    known.iter().rev().filter(fits).max_by_key(|k| rank(k))
}

/// A value with few distinct bits, so that entries and keys meet.
fn small(width: u32) -> impl Strategy<Value = Bits> {
    let width_mask = Bits::ones(width);
    (0u64..8, 0u32..3).prop_map(move |(low, place)| {
        let shift = [0, width / 2, width.saturating_sub(3)][place as usize];
        Bits::new(width, u128::from(low)).shl(&Bits::new(32, u128::from(shift))).and(&width_mask)
    })
}

fn a_match(width: u32, kind: MatchKind) -> BoxedStrategy<KeyMatch> {
    let mask = prop_oneof![
        small(width),
        (0..=width).prop_map(move |n| Bits::mask_prefix(width, n)),
        small(width).prop_map(|b| b.not())
    ];
    match kind {
        MatchKind::Exact => small(width).prop_map(KeyMatch::Exact).boxed(),
        MatchKind::Lpm => (small(width), 0..=width)
            .prop_map(move |(value, prefix_len)| {
                let value = value.and(&Bits::mask_prefix(width, prefix_len));
                KeyMatch::Lpm { value, prefix_len }
            })
            .boxed(),
        MatchKind::Ternary => {
            (small(width), mask).prop_map(|(v, mask)| KeyMatch::Ternary { value: v.and(&mask), mask }).boxed()
        }
        MatchKind::Range => (small(width), small(width))
            .prop_map(|(a, b)| {
                if a.cmp_unsigned(&b).is_le() {
                    KeyMatch::Range { low: a, high: b }
                } else {
                    KeyMatch::Range { low: b, high: a }
                }
            })
            .boxed(),
        MatchKind::Optional => {
            prop_oneof![1 => Just(KeyMatch::Any), 3 => small(width).prop_map(KeyMatch::Exact)].boxed()
        }
        MatchKind::Selector => unreachable!("not matched"),
    }
}

/// A change, with a number that chooses among the entries there are.
#[derive(Clone, Debug)]
enum Step {
    Insert(Vec<KeyMatch>, u32),
    Modify(usize),
    Delete(usize),
    Clear,
    /// A batch that fails in its last update.
    Fail(Vec<KeyMatch>, u32, usize),
}

fn steps(kinds: Vec<(u32, MatchKind)>, priorities: Range<u32>) -> impl Strategy<Value = Vec<Step>> {
    let matches = move || kinds.iter().map(|(w, k)| a_match(*w, *k)).collect::<Vec<_>>();
    let step = prop_oneof![
        12 => (matches(), priorities.clone()).prop_map(|(m, p)| Step::Insert(m, p)),
        3 => any::<usize>().prop_map(Step::Modify),
        4 => any::<usize>().prop_map(Step::Delete),
        1 => Just(Step::Clear),
        2 => (matches(), priorities, any::<usize>()).prop_map(|(m, p, n)| Step::Fail(m, p, n)),
    ];
    vec(step, 1..60)
}

type Case = (Vec<(u32, MatchKind)>, bool, Vec<Step>, Vec<Vec<Bits>>);

fn case(kinds: &'static [(u32, MatchKind)]) -> impl Strategy<Value = Case> {
    let probes = vec(kinds.iter().map(|(w, _)| small(*w)).collect::<Vec<_>>(), 24);
    (Just(kinds.to_vec()), any::<bool>(), steps(kinds.to_vec(), 1..6), probes)
}

/// Runs the steps on a state and on the list, and compares every probe after each.
fn run((kinds, largest_wins, steps, probes): Case) -> Result<(), TestCaseError> {
    let mut fixture = Fixture::new();
    let table = fixture.table(&kinds, 0);
    fixture.program.tables[table].largest_priority_wins = largest_wins;
    let state = fixture.state();
    let ranked = kinds.iter().any(|(_, k)| !matches!(k, MatchKind::Exact | MatchKind::Lpm));
    let key = |matches: &[KeyMatch], priority: u32| EntryKey {
        table,
        matches: matches.to_vec(),
        priority: ranked.then_some(priority),
    };
    let mut known: Vec<Known> = Vec::new();
    let mut next_value = 1;
    for step in steps {
        next_value += 1;
        match step {
            Step::Insert(matches, priority) => {
                let key = key(&matches, priority);
                let result = state.write(&[fixture.insert(key.clone(), next_value)]);
                let there = known.iter().any(|k| canonical(&k.key) == canonical(&key));
                prop_assert_eq!(result.is_err(), there, "{:?}", result);
                if !there {
                    known.push(Known { key, value: next_value });
                }
            }
            Step::Modify(n) if !known.is_empty() => {
                let at = n % known.len();
                known[at].value = next_value;
                prop_assert_eq!(state.write(&[fixture.modify(known[at].key.clone(), next_value)]), Ok(()));
            }
            Step::Delete(n) if !known.is_empty() => {
                let gone = known.remove(n % known.len());
                prop_assert_eq!(state.write(&[Update::DeleteEntry(gone.key.clone())]), Ok(()));
                prop_assert!(state.write(&[Update::DeleteEntry(gone.key)]).is_err());
            }
            Step::Clear => {
                known.clear();
                prop_assert_eq!(state.write(&[Update::ClearTable(table)]), Ok(()));
            }
            Step::Fail(matches, priority, n) => {
                let new = key(&matches, priority);
                let mut updates = Vec::new();
                if !known.is_empty() {
                    let other = known[n % known.len()].key.clone();
                    updates.push(fixture.modify(other.clone(), 77));
                    updates.push(Update::DeleteEntry(other));
                }
                if !known.iter().any(|k| canonical(&k.key) == canonical(&new)) {
                    updates.push(fixture.insert(new, 88));
                }
                updates.push(Update::ClearTable(table));
                updates.push(Update::DeleteMulticastGroup(9));
                let error = state.write(&updates).expect_err("there is no such group");
                prop_assert_eq!(error.index, updates.len() - 1);
            }
            Step::Modify(_) | Step::Delete(_) => {}
        }
        let snapshot = state.pin();
        for probe in &probes {
            let words: Vec<u64> = probe.iter().flat_map(|b| b.limbs()).collect();
            let found = state.lookup(&snapshot, table, &words);
            let wanted = search(&known, probe, &kinds, largest_wins);
            prop_assert_eq!(found.hit, wanted.is_some(), "{:?} in {:?}", probe, &known);
            prop_assert_eq!(
                found.args.first().copied(),
                wanted.map(|k| u64::from(k.value)),
                "{:?} in {:?}",
                probe,
                &known
            );
        }
        let reader = state.reader(&snapshot, table).expect("a table of the program");
        let words: Vec<u64> = probes.iter().flatten().flat_map(|b| b.limbs()).collect();
        let mut batch = vec![Match::nothing(table); probes.len()];
        prop_assert_eq!(reader.find_batch(&words, &mut batch), probes.len());
        for (key, together) in words.chunks(reader.key_words()).zip(&batch) {
            let alone = reader.find(key);
            prop_assert_eq!((alone.entry(), alone.action()), (together.entry(), together.action()));
        }
    }
    let read: Vec<EntryKey> = state.entries(table).into_iter().map(|view| view.spec.key).collect();
    let wanted: Vec<EntryKey> = known.iter().map(|k| canonical(&k.key)).collect();
    prop_assert_eq!(read, wanted);
    prop_assert_eq!(state.entry_count(table), known.len());
    for k in &known {
        let view = state.entry(&k.key).expect("an entry that is known");
        prop_assert_eq!(view.spec.key, canonical(&k.key));
    }
    Ok(())
}

/// As entries are read back.
fn canonical(key: &EntryKey) -> EntryKey {
    let matches = key.matches.iter().map(|m| match m {
        KeyMatch::Lpm { prefix_len: 0, .. } => KeyMatch::Any,
        KeyMatch::Ternary { mask, .. } if mask.is_zero() => KeyMatch::Any,
        KeyMatch::Range { low, high } if low.is_zero() && high.is_ones() => KeyMatch::Any,
        other => other.clone(),
    });
    EntryKey { table: key.table, matches: matches.collect(), priority: key.priority }
}

macro_rules! kinds {
    ($($name:ident: [$(($width:literal, $kind:ident)),*];)*) => {
        proptest! {
            #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
            $(#[test]
            fn $name(case in case(&[$(($width, MatchKind::$kind)),*])) {
                run(case)?;
            })*
        }
    };
}

kinds! {
    exact_one_word: [(16, Exact)];
    exact_of_several_words: [(8, Exact), (130, Exact), (3, Exact)];
    lpm: [(32, Lpm)];
    lpm_wider_than_a_word: [(128, Lpm)];
    lpm_and_exact: [(12, Exact), (32, Lpm)];
    ternary: [(16, Ternary)];
    ternary_of_several_words: [(70, Ternary), (9, Ternary)];
    range: [(16, Range)];
    range_wider_than_a_word: [(100, Range), (8, Range)];
    optional: [(16, Optional), (8, Optional)];
    lpm_and_ternary: [(32, Lpm), (8, Ternary)];
    all_kinds: [(9, Exact), (32, Lpm), (48, Ternary), (16, Range), (128, Optional)];
}
