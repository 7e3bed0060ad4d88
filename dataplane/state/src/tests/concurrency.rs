//! Readers while a writer changes what they read.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use heddle_ir::{Bits, CounterUnit, KeyMatch, MatchKind, TableId};

use super::fixture::{Fixture, exact, lookup, set_value};
use crate::{
    Color, EntryAction, EntryKey, GroupMember, GroupSpec, MemberSpec, MeterConfig, MulticastGroup, Replica,
    State, Update,
};

/// Batches that readers make at least.
const READS: usize = 3_000;

/// Runs a writer once and readers until it is done, and at least [`READS`] times each.
fn against_readers(readers: usize, read: impl Fn(usize) + Sync, write: impl FnOnce()) {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for reader in 0..readers {
            let (done, read) = (&done, &read);
            scope.spawn(move || {
                let mut reads = 0;
                while reads < READS || !done.load(Ordering::Relaxed) {
                    read(reader * 1_000_003 + reads);
                    reads += 1;
                }
            });
        }
        write();
        done.store(true, Ordering::Relaxed);
    });
}

fn ternary(table: TableId, value: u32, mask: u32, priority: u32) -> EntryKey {
    let (value, mask) = (Bits::new(32, u128::from(value & mask)), Bits::new(32, u128::from(mask)));
    EntryKey { table, matches: vec![KeyMatch::Ternary { value, mask }], priority: Some(priority) }
}

#[test]
fn stable_entries_are_never_missed_while_a_table_grows_and_shrinks() {
    let mut fixture = Fixture::new();
    let table = fixture.table(&[(32, MatchKind::Exact)], 0);
    let state = fixture.state();
    let stable: Vec<Update> = (0..200).map(|i| fixture.insert(exact(table, i * 7), i)).collect();
    state.write(&stable).expect("new entries");
    against_readers(
        3,
        |i| {
            let n = (i % 200) as u32;
            assert_eq!(lookup(&state, table, &[u64::from(n * 7)]), Some(u64::from(n)));
        },
        || {
            for round in 0..4u32 {
                let keys: Vec<u32> = (0..3_000).map(|i| 1_000_000 + i * 13 + round).collect();
                for key in &keys {
                    state.write(&[fixture.insert(exact(table, *key), 1)]).expect("a new entry");
                }
                for chunk in keys.chunks(100) {
                    let deletes: Vec<Update> =
                        chunk.iter().map(|k| Update::DeleteEntry(exact(table, *k))).collect();
                    state.write(&deletes).expect("an entry that is there");
                }
            }
        },
    );
    assert_eq!(state.entry_count(table), 200);
}

#[test]
fn batches_across_tables_are_seen_whole_or_not_at_all() {
    let mut fixture = Fixture::new();
    let a = fixture.table(&[(32, MatchKind::Exact)], 0);
    let b = fixture.table(&[(32, MatchKind::Ternary)], 0);
    let c = fixture.table(&[(32, MatchKind::Exact)], 0);
    let state = fixture.state();
    let mut first = vec![fixture.insert(exact(a, 5), 0), fixture.insert(ternary(b, 5, 0xff, 1), 0)];
    first.push(Update::SetDefault { table: c, action: fixture.set(0) });
    first.push(Update::CreateMulticastGroup(MulticastGroup { id: 5, replicas: vec![Replica::default()] }));
    state.write(&first).expect("new entries");
    let newest = AtomicU64::new(0);
    against_readers(
        3,
        |_| {
            let published = newest.load(Ordering::Acquire);
            let snapshot = state.pin();
            let in_a = set_value(&state.lookup(&snapshot, a, &[5])).expect("never missing");
            // A second look in the same batch, after the first table was read.
            let in_b = set_value(&state.lookup(&snapshot, b, &[5])).expect("never missing");
            let in_c = set_value(&state.lookup(&snapshot, c, &[5])).expect("the default");
            let group = state.multicast_group(&snapshot, 5).expect("never missing");
            assert_eq!((in_a, in_b, in_c), (in_a, in_a, in_a));
            assert_eq!(u64::from(group.replicas[0].instance), in_a);
            assert!(in_a >= published, "what was published before the batch began is seen");
        },
        || {
            for value in 1..4_000u32 {
                let replica = Replica { instance: value, ..Replica::default() };
                // The mask moves, so that tuples come and go as well.
                let (old, new) = (0xff << ((value - 1) % 9), 0xff << (value % 9));
                state
                    .write(&[
                        fixture.modify(exact(a, 5), value),
                        Update::DeleteEntry(ternary(b, 5, old, value)),
                        fixture.insert(ternary(b, 5, new, value + 1), value),
                        Update::SetDefault { table: c, action: fixture.set(value) },
                        Update::ModifyMulticastGroup(MulticastGroup { id: 5, replicas: vec![replica] }),
                    ])
                    .expect("changes of what is there");
                newest.store(u64::from(value), Ordering::Release);
                if value % 5 == 0 {
                    // One that fails is never seen.
                    let failing = [fixture.modify(exact(a, 5), 1_000_000), Update::DeleteMulticastGroup(77)];
                    state.write(&failing).expect_err("there is no such group");
                }
            }
        },
    );
}

#[test]
fn groups_and_members_change_as_one() {
    let mut fixture = Fixture::new();
    let table = fixture.table(&[(32, MatchKind::Exact)], 0);
    let profile = fixture.profile(&[table], 0, Some(0));
    let state = fixture.state();
    let member = |id, value| MemberSpec { profile, id, action: fixture.set(value) };
    let group = |members: &[u32]| GroupSpec {
        profile,
        id: 1,
        max_size: None,
        members: members.iter().map(|m| GroupMember { member: *m, weight: 1, watch_port: None }).collect(),
    };
    let mut entry = fixture.entry(exact(table, 1), 0);
    entry.action = EntryAction::Group(1);
    state
        .write(&[
            Update::CreateMember(member(0, 0)),
            Update::CreateMember(member(1, 0)),
            Update::CreateGroup(group(&[0, 1])),
            Update::InsertEntry(entry),
        ])
        .expect("new ones");
    against_readers(
        3,
        |_| {
            let snapshot = state.pin();
            let found = state.lookup(&snapshot, table, &[1]);
            assert!(found.needs_selection());
            let pick = |hash| set_value(&state.select(&snapshot, found, hash)).expect("two members");
            assert_eq!(pick(0), pick(1));
        },
        || {
            for round in 1..2_000u32 {
                let fresh = 2 * round;
                let old = fresh - 2;
                state
                    .write(&[
                        Update::ModifyMember(member(old, round)),
                        Update::ModifyMember(member(old + 1, round)),
                    ])
                    .expect("members that are there");
                state
                    .write(&[
                        Update::CreateMember(member(fresh, round)),
                        Update::CreateMember(member(fresh + 1, round)),
                        Update::ModifyGroup(group(&[fresh, fresh + 1])),
                        Update::DeleteMember { profile, id: old },
                        Update::DeleteMember { profile, id: old + 1 },
                    ])
                    .expect("members that nobody uses any more can go");
            }
        },
    );
}

#[test]
fn a_sleeping_reader_keeps_its_view_and_delays_no_writer() {
    let mut fixture = Fixture::new();
    let table = fixture.table(&[(32, MatchKind::Exact)], 0);
    let state = fixture.state();
    let before: Vec<Update> = (0..100).map(|i| fixture.insert(exact(table, i), i)).collect();
    state.write(&before).expect("new entries");
    let asleep = state.pin();
    for round in 0..50u32 {
        let changes: Vec<Update> = (0..100).map(|i| fixture.modify(exact(table, i), 1_000 + round)).collect();
        state.write(&changes).expect("entries that are there");
    }
    state.write(&[Update::ClearTable(table)]).expect("entries that may go");
    for i in 0..100 {
        assert_eq!(set_value(&state.lookup(&asleep, table, &[i])), Some(i));
        assert_eq!(lookup(&state, table, &[i]), None);
    }
}

#[test]
fn a_snapshot_of_another_state_sees_what_is_newest() {
    let mut fixture = Fixture::new();
    let table = fixture.table(&[(32, MatchKind::Exact)], 0);
    let (one, other) = (fixture.state(), fixture.state());
    one.write(&[Update::SetDefault { table, action: fixture.set(7) }]).expect("a default");
    assert_eq!(set_value(&one.lookup(&other.pin(), table, &[1])), Some(7));
}

#[test]
fn counts_of_all_workers_add_up() {
    let mut fixture = Fixture::new();
    let table = fixture.table(&[(32, MatchKind::Exact)], 0);
    fixture.direct_counter(table, CounterUnit::PacketsAndBytes);
    let counter = fixture.counter(CounterUnit::Packets, 4);
    let state = State::new(&fixture.verified(), 3).expect("a small state");
    state.write(&[fixture.insert(exact(table, 1), 1)]).expect("a new entry");
    std::thread::scope(|scope| {
        for worker in 0..3 {
            let state = &state;
            scope.spawn(move || {
                for _ in 0..10_000 {
                    let snapshot = state.pin();
                    state.count(worker, counter, 2, 1, 0);
                    state.count_direct(worker, state.lookup(&snapshot, table, &[1]).entry, 1, 100);
                }
            });
        }
        for i in 0..200u32 {
            state.write(&[fixture.modify(exact(table, 1), i)]).expect("an entry that is there");
        }
    });
    assert_eq!(state.counter(counter, 2).map(|v| v.packets), Some(30_000));
    let view = state.entry(&exact(table, 1)).expect("an entry that is there");
    assert_eq!(view.counter.map(|v| (v.packets, v.bytes)), Some((30_000, 3_000_000)));
}

#[test]
fn a_meter_shared_by_workers_gives_out_its_tokens_once() {
    let mut fixture = Fixture::new();
    let meter = fixture.meter(CounterUnit::Packets, 1);
    let state = fixture.state();
    let config = MeterConfig { cir: 1_000, cburst: 5_000, pir: 2_000, pburst: 9_000, eburst: 0 };
    state
        .write(&[Update::WriteMeter { meter, index: Some(0), config: Some(config) }])
        .expect("a valid meter");
    let (green, yellow) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                // A second in steps of 20 us, each worker by its own clock.
                for i in 0..50_000u64 {
                    match state.meter(&state.pin(), meter, 0, 64, 1_000_000_000 + i * 20_000) {
                        Color::Green => green.fetch_add(1, Ordering::Relaxed),
                        Color::Yellow => yellow.fetch_add(1, Ordering::Relaxed),
                        Color::Red => 0,
                    };
                }
            });
        }
    });
    let (green, yellow) = (green.into_inner(), yellow.into_inner());
    // Burst and one second's worth; the peak bucket alone admits yellow.
    assert!((5_990..=6_000).contains(&green), "{green} green");
    assert!((10_980..=11_000).contains(&(green + yellow)), "{green} green and {yellow} yellow");
}

#[test]
fn writers_take_turns() {
    let mut fixture = Fixture::new();
    let table = fixture.table(&[(32, MatchKind::Exact)], 0);
    let state = fixture.state();
    std::thread::scope(|scope| {
        for writer in 0..3u32 {
            let (state, fixture) = (&state, &fixture);
            scope.spawn(move || {
                for i in 0..500 {
                    state.write(&[fixture.insert(exact(table, writer * 1_000 + i), i)]).expect("a new entry");
                }
            });
        }
    });
    assert_eq!(state.entry_count(table), 1_500);
    assert_eq!(state.pin().generation(), 1_500);
}
