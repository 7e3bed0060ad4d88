//! A program's successor keeps what both have, and says what it leaves.

use std::sync::Arc;

use heddle_ir::{ActionCall, Bits, CounterUnit, KeyMatch, MatchKind, TableEntry, TableId, Verified};

use super::fixture::{Fixture, exact, lookup};
use crate::{
    CloneSession, Color, CounterValue, DirectOf, EntryAction, EntryKey, EntrySpec, GroupMember, GroupSpec,
    Kept, MemberSpec, MeterConfig, MulticastGroup, Replica, State, Succession, Update,
};

fn succeed(old: &Arc<State>, program: &Verified) -> (State, Succession) {
    old.succeed(program).expect("a small state")
}

fn whole(entries: usize) -> Kept {
    Kept { entries, left: Vec::new() }
}

fn declared(value: u32, set_to: u32, is_const: bool) -> TableEntry {
    TableEntry {
        matches: vec![KeyMatch::Exact(Bits::new(32, u128::from(value)))],
        priority: 0,
        action: ActionCall { action: 0, args: vec![Bits::new(32, u128::from(set_to))] },
        is_const,
    }
}

#[test]
fn everything_of_the_same_program_is_kept() {
    let mut fixture = Fixture::new();
    let table = fixture.table(&[(32, MatchKind::Exact)], 100);
    let ternary = fixture.table(&[(32, MatchKind::Ternary)], 100);
    let selected = fixture.table(&[(32, MatchKind::Exact), (32, MatchKind::Selector)], 100);
    let profile = fixture.profile(&[selected], 10, Some(4));
    let counter = fixture.counter(CounterUnit::PacketsAndBytes, 4);
    fixture.direct_counter(table, CounterUnit::Packets);
    fixture.direct_meter(ternary, CounterUnit::Packets);
    let meter = fixture.meter(CounterUnit::Packets, 2);
    let register = fixture.register(100, 3);
    let value_set = fixture.value_set(&[(16, MatchKind::Exact)], 4);
    fixture.program.tables[table].idle_timeout = true;
    let old = Arc::new(fixture.state());

    let any = EntryKey { table: ternary, matches: vec![KeyMatch::Any], priority: Some(7) };
    let config = Some(MeterConfig { cir: 1, cburst: 1, pir: 1, pburst: 1, eburst: 0 });
    let replicas = vec![Replica { port: 3, instance: 1, backups: Vec::new() }];
    let member = |id| MemberSpec { profile, id, action: fixture.set(id) };
    let members = [1, 2].map(|member| GroupMember { member, weight: member, watch_port: None }).to_vec();
    old.write(&[
        fixture.insert(exact(table, 1), 11),
        fixture.insert(any.clone(), 22),
        Update::CreateMember(member(1)),
        Update::CreateMember(member(2)),
        Update::CreateGroup(GroupSpec { profile, id: 5, max_size: None, members: members.clone() }),
        Update::InsertEntry(EntrySpec {
            action: EntryAction::Group(5),
            ..fixture.entry(exact(selected, 9), 0)
        }),
        Update::SetDefault { table, action: fixture.set(99) },
        Update::WriteDirectMeter { entry: DirectOf::Entry(any.clone()), config },
        Update::WriteMeter { meter, index: Some(1), config },
        Update::WriteRegister { register, index: Some(2), value: Bits::ones(100) },
        Update::SetValueSet { value_set, entries: vec![vec![KeyMatch::Exact(Bits::new(16, 443))]] },
        Update::CreateMulticastGroup(MulticastGroup { id: 1, replicas: replicas.clone() }),
        Update::CreateCloneSession(CloneSession {
            id: 2,
            replicas,
            packet_length_bytes: 64,
            class_of_service: 3,
        }),
    ])
    .expect("a first configuration");
    old.count(1, counter, 3, 1, 60);
    let hit = |state: &State| {
        let snapshot = state.pin();
        let entry = state.lookup(&snapshot, table, &[1]).entry;
        state.count_direct(0, entry, 1, 60);
        state.touch(entry, 1_000);
    };
    hit(&old);
    // The only token of the bucket.
    let metered = |state: &State| {
        let snapshot = state.pin();
        state.meter(&snapshot, meter, 1, 60, 1_000)
    };
    assert_eq!(metered(&old), Color::Green);

    let (new, succession) = succeed(&old, &fixture.verified());
    assert_eq!(*succession.kept(), whole(3));
    for id in [table, ternary, selected] {
        assert_eq!(new.entries(id), old.entries(id));
    }
    assert_eq!(new.default_entry(table), old.default_entry(table));
    assert_eq!((new.members(profile), new.groups(profile)), (old.members(profile), old.groups(profile)));
    assert_eq!(new.value_set(value_set), old.value_set(value_set));
    assert_eq!(new.multicast_groups(), old.multicast_groups());
    assert_eq!(new.clone_sessions(), old.clone_sessions());
    assert_eq!(new.meter_config(meter, 1), config);
    assert_eq!(metered(&new), Color::Red);
    assert_eq!(new.register_value(register, 2), Some(Bits::ones(100)));

    // What packets of the old program still do is not lost.
    old.write_register(register, 0, &[5]);
    old.count(0, counter, 3, 1, 40);
    hit(&old);
    hit(&new);
    assert_eq!(new.register_value(register, 0), Some(Bits::new(100, 5)));
    assert_eq!(new.counter(counter, 3), Some(CounterValue { packets: 2, bytes: 100 }));
    let counted = |state: &State| state.direct_counter(&DirectOf::Entry(exact(table, 1))).expect("an entry");
    assert_eq!((counted(&old).packets, counted(&new).packets), (2, 2));
    succession.settle(&new);
    assert_eq!(counted(&new).packets, 3);
}

#[test]
fn what_changed_its_shape_is_named_and_the_rest_is_kept() {
    let mut before = Fixture::new();
    let kept = before.table(&[(32, MatchKind::Exact)], 100);
    let other_keys = before.table(&[(32, MatchKind::Exact)], 100);
    before.register(32, 8);
    before.counter(CounterUnit::Packets, 8);
    let old = Arc::new(before.state());
    old.write(&[
        before.insert(exact(kept, 1), 11),
        before.insert(exact(kept, 2), 12),
        before.insert(exact(kept, 3), 13),
        before.insert(exact(other_keys, 1), 21),
    ])
    .expect("entries");

    let mut after = Fixture::new();
    after.program.vars.push(heddle_ir::Var { name: "new".to_owned(), ty: heddle_ir::Ty::Bits(7) });
    // Room for two, and all actions in another order.
    let smaller = after.table(&[(32, MatchKind::Exact)], 2);
    after.program.tables[smaller].actions.swap(0, 1);
    after.program.tables[smaller].default_action.action = 0;
    after.table(&[(16, MatchKind::Lpm)], 100);
    after.register(33, 8);
    after.counter(CounterUnit::Bytes, 8);
    let (new, succession) = succeed(&old, &after.verified());
    let left: Vec<_> = succession.kept().left.iter().map(ToString::to_string).collect();
    assert_eq!(succession.kept().entries, 2);
    assert_eq!(new.entry_count(smaller), 2);
    assert_eq!(new.entries(smaller)[0].spec, old.entries(kept)[0].spec);
    let [counter, register, full, keys] = &left[..] else { panic!("{left:#?}") };
    assert_eq!(counter, "counter `c0`: has another shape, and begins at zero");
    assert_eq!(register, "register `r0`: has another shape, and begins at its initial value");
    assert!(full.starts_with("table `t0`: 1 entries are left behind: "), "{full}");
    assert_eq!(keys, "table `t1`: its 1 entries are left behind: its keys are others");
}

#[test]
fn declared_entries_are_the_new_programs_but_for_what_was_written() {
    let program = |entries: &[(u32, u32, bool)]| {
        let mut fixture = Fixture::new();
        let table = fixture.table(&[(32, MatchKind::Exact)], 100);
        fixture.program.tables[table].entries =
            entries.iter().map(|&(value, set_to, is_const)| declared(value, set_to, is_const)).collect();
        (fixture, table)
    };
    let (before, table) =
        program(&[(1, 11, true), (2, 12, false), (3, 13, false), (4, 14, false), (5, 15, false)]);
    let old = Arc::new(before.state());
    old.write(&[
        before.modify(exact(table, 2), 92),
        Update::DeleteEntry(exact(table, 3)),
        before.insert(exact(table, 9), 99),
    ])
    .expect("changes");
    let (after, table) = program(&[(1, 21, true), (2, 22, false), (3, 23, false), (5, 25, false)]);
    let (new, succession) = succeed(&old, &after.verified());
    let look = |value| lookup(&new, table, &[value]);
    // Constant: the new program's. Changed: as it was. Removed: stays so. Declared no more: gone. Not changed: the
    // new program's. Written: kept.
    assert_eq!([1, 2, 3, 4, 5, 9].map(look), [Some(21), Some(92), None, None, Some(25), Some(99)]);
    assert!(succession.kept().left.is_empty(), "{:?}", succession.kept());
}

#[test]
fn a_program_that_does_not_fit_leaves_everything_as_it_is() {
    let mut before = Fixture::new();
    let table = before.table(&[(32, MatchKind::Exact)], 100);
    let old = Arc::new(before.state());
    old.write(&[before.insert(exact(table, 1), 11)]).expect("an entry");
    let mut after = Fixture::new();
    after.table(&[(32, MatchKind::Exact)], 1 << 32);
    assert!(old.succeed(&after.verified()).is_err());
    assert_eq!(lookup(&old, TableId::from_u32(0), &[1]), Some(11));
}
