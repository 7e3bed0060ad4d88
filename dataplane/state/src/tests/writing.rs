//! What changes are accepted, what they do, and what is said of those that are not.

use heddle_ir::{ActionCall, Bits, CounterUnit, KeyMatch, MatchKind, TableEntry, TableId};

use super::fixture::{Fixture, exact, lookup, set_value};
use crate::{
    BackupReplica, CloneSession, Color, CounterValue, DirectOf, EntryAction, EntryHandle, EntryKey,
    EntrySpec, GroupMember, GroupSpec, MemberSpec, MeterConfig, MulticastGroup, OneShotMember, Replica,
    State, StateError, Update, UpdateError,
};

/// The error that one update gives.
fn refused(state: &State, update: Update) -> UpdateError {
    let generation = state.pin().generation();
    let error = state.write(std::slice::from_ref(&update)).expect_err("to be refused");
    assert_eq!(error.index, 0);
    assert_eq!(state.write_each(&[update]), [Err(error.error.clone())]);
    assert_eq!(state.pin().generation(), generation, "nothing was published");
    error.error
}

fn ternary(table: TableId, value: u32, mask: u32, priority: Option<u32>) -> EntryKey {
    let (value, mask) = (Bits::new(32, u128::from(value)), Bits::new(32, u128::from(mask)));
    EntryKey { table, matches: vec![KeyMatch::Ternary { value, mask }], priority }
}

#[test]
fn entries_are_checked_before_anything_changes() {
    let mut fixture = Fixture::new();
    let table = fixture.table(&[(32, MatchKind::Exact)], 2);
    let prefixes = fixture.table(&[(32, MatchKind::Lpm)], 0);
    let ranked = fixture.table(&[(32, MatchKind::Ternary)], 0);
    let ranges = fixture.table(&[(8, MatchKind::Range)], 0);
    let keyless = fixture.table(&[], 0);
    fixture.program.tables[table].actions[1].default_only = true;
    fixture.program.tables[table].actions[0].table_only = true;
    let state = fixture.state();
    let key = |matches| EntryKey { table, matches, priority: None };
    let insert = |key| fixture.insert(key, 1);

    let unknown = refused(&state, insert(exact(TableId::from_u32(99), 1)));
    assert_eq!(unknown.to_string(), "the program has no table number 99");
    assert_eq!(
        refused(&state, insert(key(vec![]))).to_string(),
        "table `t0` has 1 keys (k0), but 0 matches are given"
    );
    assert_eq!(
        refused(&state, insert(key(vec![KeyMatch::Any]))).to_string(),
        "key `k0` of `t0` is matched as exact, not as anything"
    );
    assert_eq!(
        refused(&state, insert(key(vec![KeyMatch::Exact(Bits::new(33, 0))]))).to_string(),
        "key `k0` of `t0` has 32 bits, but a value of 33 bits is given"
    );
    assert!(matches!(
        refused(&state, insert(EntryKey { priority: Some(1), ..exact(table, 1) })),
        UpdateError::UnwantedPriority { .. }
    ));
    let prefix = |bits: u32, prefix_len| EntryKey {
        table: prefixes,
        matches: vec![KeyMatch::Lpm { value: Bits::new(32, u128::from(bits)), prefix_len }],
        priority: None,
    };
    assert!(matches!(
        refused(&state, insert(prefix(0, 33))),
        UpdateError::PrefixTooLong { width: 32, given: 33, .. }
    ));
    assert!(matches!(
        refused(&state, insert(prefix(1, 31))),
        UpdateError::NotCanonical { mask: "prefix", .. }
    ));
    assert!(matches!(
        refused(&state, insert(ternary(ranked, 3, 1, Some(1)))),
        UpdateError::NotCanonical { mask: "mask", .. }
    ));
    assert_eq!(
        refused(&state, insert(ternary(ranked, 1, 1, None))).to_string(),
        "an entry of table `t2` needs a priority, since key `k0` is matched as ternary"
    );
    let range = KeyMatch::Range { low: Bits::new(8, 2), high: Bits::new(8, 1) };
    assert!(matches!(
        refused(&state, insert(EntryKey { table: ranges, matches: vec![range], priority: Some(1) })),
        UpdateError::EmptyRange { .. }
    ));
    assert!(matches!(
        refused(&state, insert(EntryKey { table: keyless, matches: vec![], priority: None })),
        UpdateError::NoKeys { .. }
    ));

    let with = |action| Update::InsertEntry(EntrySpec { action, ..fixture.entry(exact(table, 1), 1) });
    let mut wrong = fixture.set(1);
    wrong.args.clear();
    assert_eq!(
        refused(&state, with(EntryAction::Action(wrong.clone()))).to_string(),
        "action `set` takes 1 arguments (value), not 0"
    );
    wrong.args = vec![Bits::new(31, 0)];
    assert_eq!(
        refused(&state, with(EntryAction::Action(wrong.clone()))).to_string(),
        "parameter `value` of `set` has 32 bits, but a value of 31 bits is given"
    );
    wrong.action = heddle_ir::ActionId::from_u32(9);
    assert!(matches!(refused(&state, with(EntryAction::Action(wrong))), UpdateError::UnknownObject { .. }));
    assert!(matches!(
        refused(&state, with(EntryAction::Action(fixture.nop()))),
        UpdateError::DefaultOnly { .. }
    ));
    assert!(matches!(refused(&state, with(EntryAction::Member(1))), UpdateError::NoProfile { .. }));
    assert!(matches!(
        refused(&state, Update::SetDefault { table, action: fixture.set(1) }),
        UpdateError::TableOnly { .. }
    ));
    let idle = EntrySpec { idle_timeout_ns: 5, ..fixture.entry(exact(table, 1), 1) };
    assert!(matches!(refused(&state, Update::InsertEntry(idle)), UpdateError::NoIdleTimeout { .. }));

    assert!(matches!(refused(&state, fixture.modify(exact(table, 1), 1)), UpdateError::NotFound { .. }));
    state.write(&[insert(exact(table, 1))]).expect("a new entry");
    assert_eq!(
        refused(&state, insert(exact(table, 1))).to_string(),
        "such an entry of table `t0` is there already; modify it instead"
    );
    state.write(&[insert(exact(table, 2))]).expect("a new entry");
    assert_eq!(
        refused(&state, insert(exact(table, 3))).to_string(),
        "table `t0` is full: it has room for 2; declare a larger size"
    );
    state
        .write(&[Update::DeleteEntry(exact(table, 2)), insert(exact(table, 3))])
        .expect("room that the same batch has made");
    assert_eq!(lookup(&state, table, &[3]), Some(1));
    assert_eq!(lookup(&state, table, &[2]), None);
}

#[test]
fn what_the_program_declares_stays() {
    let mut fixture = Fixture::new();
    let ranked = fixture.table(&[(32, MatchKind::Ternary)], 0);
    let constant = fixture.table(&[(32, MatchKind::Exact)], 1);
    let declared = |low: u32, priority, value, is_const| TableEntry {
        matches: vec![KeyMatch::Ternary { value: Bits::new(32, u128::from(low)), mask: Bits::new(32, 0xff) }],
        priority,
        action: ActionCall { action: 0, args: vec![Bits::new(32, value)] },
        is_const,
    };
    fixture.program.tables[ranked].entries = vec![declared(1, 10, 100, true), declared(2, 20, 200, false)];
    fixture.program.tables[ranked].largest_priority_wins = false;
    fixture.program.tables[constant].entries = [7, 8]
        .map(|key| TableEntry {
            matches: vec![KeyMatch::Exact(Bits::new(32, key))],
            priority: 0,
            action: ActionCall { action: 0, args: vec![Bits::new(32, key * 10)] },
            is_const: true,
        })
        .to_vec();
    fixture.program.tables[constant].const_entries = true;
    fixture.program.tables[constant].const_default = true;
    let state = fixture.state();

    assert_eq!(lookup(&state, ranked, &[0x501]), Some(100));
    assert_eq!(lookup(&state, constant, &[8]), Some(80));
    assert!(matches!(
        refused(&state, Update::DeleteEntry(ternary(ranked, 1, 0xff, Some(10)))),
        UpdateError::ConstEntry { .. }
    ));
    assert!(matches!(refused(&state, fixture.modify(exact(constant, 7), 1)), UpdateError::ConstTable { .. }));
    assert!(matches!(refused(&state, fixture.insert(exact(constant, 9), 1)), UpdateError::ConstTable { .. }));
    assert!(matches!(refused(&state, Update::ClearTable(constant)), UpdateError::ConstTable { .. }));
    assert!(matches!(
        refused(&state, Update::SetDefault { table: constant, action: fixture.set(1) }),
        UpdateError::ConstDefault { .. }
    ));
    // The smaller number wins here.
    state
        .write(&[
            fixture.insert(ternary(ranked, 1, 1, Some(11)), 300),
            fixture.insert(ternary(ranked, 0, 1, Some(1)), 400),
        ])
        .expect("new entries");
    assert_eq!(lookup(&state, ranked, &[1]), Some(100));
    assert_eq!(lookup(&state, ranked, &[3]), Some(300));
    assert_eq!(lookup(&state, ranked, &[2]), Some(400));
    state.write(&[Update::ClearTable(ranked)]).expect("all but the constant one");
    assert_eq!(state.entry_count(ranked), 1);
    assert!(state.entries(ranked)[0].is_const);

    let twice = fixture.program.tables[constant].entries[0].clone();
    fixture.program.tables[constant].entries.push(twice);
    assert_eq!(
        State::new(&fixture.verified(), 1).expect_err("an entry twice").to_string(),
        "entry 2 that the program declares for table `t1`: such an entry of table `t1` is there already; \
         modify it instead"
    );
}

#[test]
fn default_actions_come_and_go() {
    let mut fixture = Fixture::new();
    let table = fixture.table(&[(32, MatchKind::Exact)], 0);
    fixture.direct_counter(table, CounterUnit::Packets);
    let state = fixture.state();
    assert_eq!(state.lookup(&state.pin(), table, &[1]).action, Some(1));
    state.write(&[Update::SetDefault { table, action: fixture.set(6) }]).expect("an action of the table");
    {
        let snapshot = state.pin();
        let found = state.lookup(&snapshot, table, &[1]);
        assert!(!found.hit);
        assert_eq!(set_value(&found), Some(6));
        state.count_direct(0, found.entry, 1, 1);
        assert_eq!(found.entry, EntryHandle::default_of(table));
    }
    let view = state.default_entry(table).expect("a table");
    assert_eq!(view.action, fixture.set(6));
    assert_eq!(view.counter, Some(CounterValue { packets: 1, bytes: 0 }));
    let failing = [Update::SetDefault { table, action: fixture.set(7) }, Update::DeleteCloneSession(1)];
    state.write(&failing).expect_err("there is no such session");
    assert_eq!(lookup(&state, table, &[1]), Some(6));
    state.write(&[Update::ResetDefault(table)]).expect("the declared one");
    assert_eq!(state.default_entry(table).expect("a table").action, fixture.nop());
    // A key that is no key of this table finds nothing.
    assert_eq!(state.lookup(&state.pin(), table, &[1, 2]).action, None);
}

#[test]
fn entries_keep_what_is_attached_to_them() {
    let mut fixture = Fixture::new();
    let table = fixture.table(&[(32, MatchKind::Exact)], 0);
    fixture.direct_counter(table, CounterUnit::PacketsAndBytes);
    fixture.direct_meter(table, CounterUnit::Packets);
    fixture.program.tables[table].idle_timeout = true;
    let state = fixture.state();
    let config = MeterConfig { cir: 1, cburst: 1, pir: 1, pburst: 2, eburst: 0 };
    let of = DirectOf::Entry(exact(table, 1));
    let spec =
        EntrySpec { idle_timeout_ns: 100, metadata: vec![1, 2, 3], ..fixture.entry(exact(table, 1), 5) };
    state
        .write(&[
            Update::InsertEntry(spec.clone()),
            Update::WriteDirectMeter { entry: of.clone(), config: Some(config) },
            Update::WriteDirectCounter { entry: of.clone(), value: CounterValue { packets: 7, bytes: 70 } },
        ])
        .expect("an entry with its counter and meter");
    let colors = |state: &State| {
        let snapshot = state.pin();
        let found = state.lookup(&snapshot, table, &[1]);
        state.count_direct(1, found.entry, 1, 30);
        state.touch(found.entry, 1_000);
        [0; 3].map(|_| state.meter_direct(&snapshot, found.entry, 64, 0))
    };
    assert_eq!(colors(&state), [Color::Green, Color::Yellow, Color::Red]);
    let view = state.entry(&exact(table, 1)).expect("an entry that is there");
    assert_eq!(view.spec, spec);
    assert_eq!(view.counter, Some(CounterValue { packets: 8, bytes: 100 }));
    assert_eq!(view.meter, Some(config));
    assert_eq!(view.last_hit_ns, Some(1_000));
    assert_eq!(state.direct_counter(&of), Ok(CounterValue { packets: 8, bytes: 100 }));

    // A modification leaves them.
    state.write(&[Update::ModifyEntry(spec.clone())]).expect("an entry that is there");
    assert_eq!(colors(&state), [Color::Red; 3]);
    assert_eq!(state.direct_counter(&of), Ok(CounterValue { packets: 9, bytes: 130 }));
    assert!(state.idle_entries(1_099).is_empty());
    let idle = state.idle_entries(1_100);
    assert_eq!((idle.len(), idle[0].idle_ns, idle[0].metadata.as_slice()), (1, 100, &[1, 2, 3][..]));
    assert_eq!(idle[0].key, exact(table, 1));

    // A new entry has none, though it may be given the same slot.
    for round in 0..20 {
        state.write(&[Update::DeleteEntry(exact(table, 1))]).expect("an entry that is there");
        assert!(matches!(state.direct_counter(&of), Err(UpdateError::NotFound { .. })));
        state.write(&[Update::InsertEntry(spec.clone())]).expect("a new entry");
        let view = state.entry(&exact(table, 1)).expect("an entry that is there");
        assert_eq!((view.counter, view.meter, view.last_hit_ns), (Some(CounterValue::default()), None, None));
        assert_eq!(colors(&state), [Color::Green; 3], "round {round}");
        let write = Update::WriteDirectMeter { entry: of.clone(), config: Some(config) };
        state.write(&[write]).expect("a valid meter");
    }

    // The time of an entry that was never hit begins when it is first looked at.
    state.write(&[Update::InsertEntry(EntrySpec { key: exact(table, 2), ..spec })]).expect("a new entry");
    let idle = |now| state.idle_entries(now).into_iter().map(|e| e.key).collect::<Vec<_>>();
    assert_eq!(idle(1_050), []);
    assert_eq!(idle(1_149), [exact(table, 1)]);
    assert_eq!(idle(1_150), [exact(table, 1), exact(table, 2)]);
}

#[test]
fn members_and_groups() {
    let mut fixture = Fixture::new();
    let table = fixture.table(&[(32, MatchKind::Exact), (16, MatchKind::Selector)], 0);
    let plain = fixture.table(&[(32, MatchKind::Exact)], 0);
    let profile = fixture.profile(&[table], 4, Some(5));
    let no_selector = fixture.profile(&[plain], 0, None);
    let state = fixture.state();
    let member = |id, value| MemberSpec { profile, id, action: fixture.set(value) };
    let group = |members: &[(u32, u32)]| GroupSpec {
        profile,
        id: 1,
        max_size: None,
        members: members
            .iter()
            .map(|(m, weight)| GroupMember { member: *m, weight: *weight, watch_port: Some(*m) })
            .collect(),
    };
    let entry = |value, action| EntrySpec { action, ..fixture.entry(exact(table, value), 0) };

    assert!(matches!(
        refused(&state, Update::InsertEntry(fixture.entry(exact(table, 1), 0))),
        UpdateError::NeedsProfile { .. }
    ));
    assert_eq!(
        refused(&state, Update::InsertEntry(entry(1, EntryAction::Member(3)))).to_string(),
        "member 3 of profile `p0` is not there; insert it first"
    );
    let no_group = EntrySpec { action: EntryAction::Group(1), ..fixture.entry(exact(plain, 1), 0) };
    assert!(matches!(refused(&state, Update::InsertEntry(no_group)), UpdateError::NoSelector { .. }));
    assert!(matches!(
        refused(&state, Update::CreateGroup(GroupSpec { profile: no_selector, ..group(&[]) })),
        UpdateError::NoSelector { .. }
    ));
    state
        .write(&[
            Update::CreateMember(member(1, 10)),
            Update::CreateMember(member(2, 20)),
            Update::CreateMember(member(3, 30)),
            Update::CreateGroup(group(&[(2, 1), (1, 3)])),
            Update::InsertEntry(entry(1, EntryAction::Member(3))),
            Update::InsertEntry(entry(2, EntryAction::Group(1))),
        ])
        .expect("a consistent batch");
    for (bad, message) in [
        (group(&[(1, 1), (1, 1)]), "group 1 of `p0` lists member 1 twice; give it a larger weight instead"),
        (group(&[(1, 0)]), "a weight in group 1 of profile `p0` is 0; it has to be at least 1"),
        (
            group(&[(1, 5), (2, 1)]),
            "the weights in group 1 of profile `p0` add up to 6, more than its limit of 5",
        ),
        (group(&[(9, 1)]), "member 9 of profile `p0` is not there; insert it first"),
    ] {
        assert_eq!(refused(&state, Update::ModifyGroup(bad)).to_string(), message);
    }
    assert!(matches!(refused(&state, Update::CreateGroup(group(&[]))), UpdateError::Exists { .. }));
    assert!(matches!(
        refused(&state, Update::DeleteMember { profile, id: 3 }),
        UpdateError::InUse { users: 1, .. }
    ));
    assert!(matches!(
        refused(&state, Update::DeleteMember { profile, id: 1 }),
        UpdateError::InUse { users: 1, .. }
    ));
    assert!(matches!(
        refused(&state, Update::DeleteGroup { profile, id: 1 }),
        UpdateError::InUse { users: 1, .. }
    ));

    let picks = || {
        let snapshot = state.pin();
        let found = state.lookup(&snapshot, table, &[2]);
        assert!(found.hit && found.needs_selection() && found.action.is_none());
        [0, 1, 2, 3, 4].map(|hash| {
            let found = state.select(&snapshot, found, hash);
            assert!(found.hit && !found.needs_selection());
            set_value(&found)
        })
    };
    assert_eq!(lookup(&state, table, &[1]), Some(30));
    assert_eq!(picks(), [Some(10), Some(10), Some(10), Some(20), Some(10)]);
    state
        .write(&[Update::ModifyMember(member(2, 21)), Update::ModifyMember(member(3, 31))])
        .expect("members");
    assert_eq!(lookup(&state, table, &[1]), Some(31));
    assert_eq!(picks()[3], Some(21));
    state.set_port_up(1, false);
    assert_eq!(picks(), [Some(21); 5]);
    state.set_port_up(2, false);
    assert_eq!(picks(), [None; 5]);
    state.set_port_up(1, true);
    state.set_port_up(2, true);
    state.write(&[Update::ModifyGroup(group(&[]))]).expect("an empty group");
    assert_eq!(picks(), [None; 5]);

    // Taken back in full.
    state
        .write(&[
            Update::ModifyGroup(group(&[(3, 2)])),
            Update::DeleteMember { profile, id: 1 },
            Update::ModifyMember(member(2, 99)),
            Update::DeleteEntry(exact(table, 2)),
            Update::DeleteGroup { profile, id: 1 },
            Update::CreateMember(member(9, 9)),
            Update::CreateMember(member(9, 9)),
        ])
        .expect_err("a member twice");
    assert_eq!(state.members(profile), [member(1, 10), member(2, 21), member(3, 31)]);
    assert_eq!(state.groups(profile), [group(&[])]);
    assert_eq!(picks(), [None; 5]);
    assert!(matches!(
        refused(&state, Update::DeleteGroup { profile, id: 1 }),
        UpdateError::InUse { users: 1, .. }
    ));

    // One-shot groups count as members, and go with their entry.
    let one_shot = |values: &[u32]| {
        let member = |v: &u32| OneShotMember { action: fixture.set(*v), weight: 1, watch_port: None };
        EntryAction::OneShot(values.iter().map(member).collect())
    };
    assert!(matches!(
        refused(&state, Update::InsertEntry(entry(4, one_shot(&[1, 2])))),
        UpdateError::Full { size: 4, .. }
    ));
    state.write(&[Update::DeleteMember { profile, id: 1 }]).expect("nobody uses it");
    state.write(&[Update::InsertEntry(entry(4, one_shot(&[1, 2])))]).expect("room for two");
    assert!(matches!(refused(&state, Update::CreateMember(member(1, 1))), UpdateError::Full { .. }));
    {
        let snapshot = state.pin();
        let found = state.lookup(&snapshot, table, &[4]);
        assert_eq!(
            [0, 1, 2].map(|h| set_value(&state.select(&snapshot, found, h))),
            [Some(1), Some(2), Some(1)]
        );
    }
    assert_eq!(state.entry(&exact(table, 4)).expect("there").spec.action, one_shot(&[1, 2]));
    state
        .write(&[
            Update::DeleteEntry(exact(table, 4)),
            Update::DeleteEntry(exact(table, 2)),
            Update::DeleteEntry(exact(table, 1)),
            Update::DeleteGroup { profile, id: 1 },
            Update::DeleteMember { profile, id: 2 },
            Update::DeleteMember { profile, id: 3 },
        ])
        .expect("all of it");
    assert_eq!((state.members(profile), state.groups(profile)), (vec![], vec![]));
}

#[test]
fn value_sets_are_replaced() {
    let mut fixture = Fixture::new();
    let set = fixture.value_set(&[(16, MatchKind::Exact), (32, MatchKind::Ternary)], 3);
    let ports = fixture.value_set(&[(16, MatchKind::Exact)], 0);
    let ranges = fixture.value_set(&[(16, MatchKind::Range)], 0);
    let state = fixture.state();
    let entry = |a: u32, value: u32, mask: u32| {
        vec![
            KeyMatch::Exact(Bits::new(16, u128::from(a))),
            KeyMatch::Ternary {
                value: Bits::new(32, u128::from(value)),
                mask: Bits::new(32, u128::from(mask)),
            },
        ]
    };
    let replace = |entries| Update::SetValueSet { value_set: set, entries };
    let is_in = |set, values: &[u64]| state.in_value_set(&state.pin(), set, values);
    assert!(!is_in(set, &[1, 5]));
    let first = vec![entry(1, 5, 0xff), entry(1, 6, 0xffff)];
    state.write(&[replace(first.clone())]).expect("two entries");
    assert!(
        is_in(set, &[1, 0x105]) && is_in(set, &[1, 6]) && !is_in(set, &[1, 0x106]) && !is_in(set, &[2, 5])
    );
    assert_eq!(state.value_set(set), first);
    state.write(&[replace(vec![entry(1, 6, 0xffff), entry(2, 5, 0xff)])]).expect("two entries");
    assert!(!is_in(set, &[1, 0x105]) && is_in(set, &[1, 6]) && is_in(set, &[2, 5]));
    assert!(matches!(
        refused(&state, replace(vec![entry(1, 6, 0xff), entry(1, 6, 0xff)])),
        UpdateError::Duplicate { .. }
    ));
    let four = (0..4).map(|i| entry(i, 0, 0xff)).collect();
    assert!(matches!(refused(&state, replace(four)), UpdateError::Full { size: 3, .. }));
    state.write(&[replace(vec![])]).expect("none");
    assert!(!is_in(set, &[1, 6]));

    let port = |p: u32| vec![KeyMatch::Exact(Bits::new(16, u128::from(p)))];
    for entries in [vec![port(1), port(2)], vec![port(2), port(3)], vec![port(3)]] {
        let expected: Vec<bool> = (1..4).map(|p| entries.contains(&port(p))).collect();
        state.write(&[Update::SetValueSet { value_set: ports, entries }]).expect("ports");
        assert_eq!([1, 2, 3].map(|p| is_in(ports, &[p])).to_vec(), expected);
    }
    let range = vec![KeyMatch::Range { low: Bits::new(16, 100), high: Bits::new(16, 200) }];
    state.write(&[Update::SetValueSet { value_set: ranges, entries: vec![range] }]).expect("a range");
    assert_eq!([99, 100, 150, 200, 201].map(|v| is_in(ranges, &[v])), [false, true, true, true, false]);
}

#[test]
fn cells_are_written_and_read() {
    let mut fixture = Fixture::new();
    let table = fixture.table(&[(32, MatchKind::Exact)], 0);
    let counter = fixture.counter(CounterUnit::Bytes, 3);
    let direct = fixture.direct_counter(table, CounterUnit::Packets);
    let meter = fixture.meter(CounterUnit::Bytes, 2);
    let narrow = fixture.register(9, 4);
    let wide = fixture.register(200, 2);
    let state = fixture.state();
    state.count(0, counter, 1, 1, 100);
    state.count(1, counter, 1, 1, 10);
    state.count(0, counter, 3, 1, 1);
    assert_eq!(state.counter(counter, 1), Some(CounterValue { packets: 0, bytes: 110 }));
    assert_eq!((state.counter(counter, 3), state.counter(direct, 0)), (None, None));
    let value = CounterValue { packets: 0, bytes: 5 };
    state.write(&[Update::WriteCounter { counter, index: None, value }]).expect("all cells");
    assert_eq!(state.counter(counter, 1), Some(value));
    assert_eq!(
        refused(&state, Update::WriteCounter { counter, index: Some(3), value }).to_string(),
        "counter `c0` has 3 cells, so there is no index 3"
    );
    assert!(matches!(
        refused(&state, Update::WriteCounter { counter: direct, index: Some(0), value }),
        UpdateError::Direct { .. }
    ));
    assert!(matches!(
        refused(&state, Update::WriteDirectMeter { entry: DirectOf::Default(table), config: None }),
        UpdateError::NoDirect { .. }
    ));

    let config = MeterConfig { cir: 100, cburst: 100, pir: 100, pburst: 200, eburst: 0 };
    let write = |config| Update::WriteMeter { meter, index: Some(1), config: Some(config) };
    state.write(&[write(config)]).expect("a valid meter");
    assert_eq!((state.meter_config(meter, 1), state.meter_config(meter, 0)), (Some(config), None));
    assert_eq!(state.meter(&state.pin(), meter, 1, 201, 0), Color::Red);
    assert_eq!(state.meter(&state.pin(), meter, 1, 150, 0), Color::Yellow);
    assert_eq!(state.meter(&state.pin(), meter, 0, 1 << 40, 0), Color::Green);
    assert_eq!(state.meter(&state.pin(), meter, 2, 1 << 40, 0), Color::Green);
    assert_eq!(
        refused(&state, write(MeterConfig { pir: 99, ..config })).to_string(),
        "the peak rate 99 of a meter is below its committed rate 100"
    );

    let value = Bits::new(9, 0x1ab);
    state
        .write(&[Update::WriteRegister { register: narrow, index: Some(2), value: value.clone() }])
        .expect("a cell");
    assert_eq!(state.register(narrow, 2), 0x1ab);
    assert_eq!(state.register_value(narrow, 2), Some(value));
    state.set_register(narrow, 3, 0xffff);
    assert_eq!(state.register(narrow, 3), 0x1ff);
    assert_eq!(state.register(narrow, u64::MAX), 0);
    assert!(state.register_word(narrow, 3).is_some() && state.register_word(wide, 0).is_none());
    let value = Bits::ones(200);
    state
        .write(&[Update::WriteRegister { register: wide, index: None, value: value.clone() }])
        .expect("all cells");
    let mut limbs = [0; 4];
    state.read_register(wide, 1, &mut limbs);
    assert_eq!(Bits::from_limbs(200, &limbs), value);
    assert!(matches!(
        refused(&state, Update::WriteRegister { register: wide, index: Some(0), value: Bits::zero(199) }),
        UpdateError::Width { wanted: 200, given: 199, .. }
    ));

    // A batch that fails writes no cell.
    let zero = Update::WriteRegister { register: narrow, index: None, value: Bits::zero(9) };
    state.write(&[zero, Update::DeleteCloneSession(1)]).expect_err("there is no such session");
    assert_eq!(state.register(narrow, 2), 0x1ab);
}

#[test]
fn replication_is_configured() {
    let state = Fixture::new().state();
    let replica =
        |port| Replica { port, instance: port * 10, backups: vec![BackupReplica { port: 9, instance: 1 }] };
    let group =
        |ports: &[u32]| MulticastGroup { id: 3, replicas: ports.iter().copied().map(replica).collect() };
    let session =
        CloneSession { id: 3, replicas: vec![replica(1)], packet_length_bytes: 64, class_of_service: 2 };
    assert!(matches!(
        refused(&state, Update::ModifyMulticastGroup(group(&[1]))),
        UpdateError::NotFound { .. }
    ));
    state
        .write(&[Update::CreateMulticastGroup(group(&[1, 2])), Update::CreateCloneSession(session.clone())])
        .expect("new ones");
    assert!(matches!(refused(&state, Update::CreateMulticastGroup(group(&[]))), UpdateError::Exists { .. }));
    let snapshot = state.pin();
    state
        .write(&[Update::ModifyMulticastGroup(group(&[4])), Update::DeleteCloneSession(3)])
        .expect("those that are there");
    assert_eq!(state.multicast_group(&snapshot, 3), Some(&group(&[1, 2])));
    assert_eq!(state.clone_session(&snapshot, 3), Some(&session));
    drop(snapshot);
    let snapshot = state.pin();
    assert_eq!(state.multicast_group(&snapshot, 3), Some(&group(&[4])));
    assert_eq!(state.clone_session(&snapshot, 3), None);
    assert_eq!((state.multicast_groups(), state.clone_sessions()), (vec![group(&[4])], vec![]));
    let failing = [
        Update::DeleteMulticastGroup(3),
        Update::CreateCloneSession(session),
        Update::DeleteMulticastGroup(3),
    ];
    assert_eq!(state.write(&failing).expect_err("it is gone already").index, 2);
    assert_eq!((state.multicast_groups(), state.clone_sessions()), (vec![group(&[4])], vec![]));
    let each = state.write_each(&failing);
    assert_eq!(each.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, true, false]);
    assert_eq!((state.multicast_groups().len(), state.clone_sessions().len()), (0, 1));
}

#[test]
fn absurd_sizes_are_refused_by_name() {
    let mut fixture = Fixture::new();
    fixture.register(32, 1 << 28);
    fixture.counter(CounterUnit::PacketsAndBytes, 1 << 26);
    assert_eq!(
        State::new(&fixture.verified(), 32).expect_err("too large").to_string(),
        "counter `c0` has 67108864 cells and would take the arrays to 35433480192 bytes, more than the limit of \
         17179869184; declare it smaller, or run fewer workers"
    );
    assert_eq!(State::new(&Fixture::new().verified(), 0).err(), Some(StateError::NoWorkers));
    let mut fixture = Fixture::new();
    fixture.table(&[(32, MatchKind::Exact)], 1_000);
    for _ in 0..64 {
        fixture.table(&[(32, MatchKind::Exact)], 1 << 32);
    }
    let error = State::new(&fixture.verified(), 1).expect_err("too large").to_string();
    assert!(
        error.contains(" has room for 4294967296 entries of 85 bytes and would take the tables to "),
        "{error}"
    );
    // A large one that is not used costs address space only.
    let mut fixture = Fixture::new();
    let register = fixture.register(32, 1 << 28);
    let state = fixture.state();
    state.set_register(register, (1 << 28) - 1, 5);
    assert_eq!(state.register(register, (1 << 28) - 1), 5);
}

#[test]
fn what_no_reader_sees_is_reused() {
    let mut fixture = Fixture::new();
    let table = fixture.table(&[(32, MatchKind::Ternary)], 0);
    let state = fixture.state();
    for round in 0..200u32 {
        let updates: Vec<Update> = (0..50)
            .map(|i| fixture.insert(ternary(table, i, 0xff, Some(round + 1)), i))
            .chain([Update::ClearTable(table)])
            .collect();
        state.write(&updates).expect("entries that come and go");
    }
    // Other tests pin the same collector; theirs are short.
    for _ in 0..1_000_000 {
        state.reclaim();
        if state.lock().waiting() == 0 {
            break;
        }
        std::thread::yield_now();
    }
    assert_eq!(state.lock().waiting(), 0);
    assert_eq!(state.entry_count(table), 0);
}

#[test]
fn groups_of_updates_are_applied_each_as_a_whole() {
    let mut fixture = Fixture::new();
    let table = fixture.table(&[(32, MatchKind::Exact)], 0);
    let state = fixture.state();
    let insert = |number| fixture.insert(exact(table, number), 1);
    let groups = [
        vec![insert(1), Update::ExpectEntry(exact(table, 1))],
        vec![insert(2), insert(1)],
        vec![insert(3), Update::ExpectEntry(exact(table, 9))],
        vec![insert(4)],
    ];
    let generation = state.pin().generation();
    let failed = |results: Vec<Result<(), crate::WriteError>>| -> Vec<Option<usize>> {
        results.into_iter().map(|result| result.err().map(|error| error.index)).collect()
    };
    let wanted = [None, Some(1), Some(1), None];
    assert_eq!(failed(state.check_groups(&groups)), wanted);
    assert_eq!((state.entry_count(table), state.pin().generation()), (0, generation), "only asked");
    assert_eq!(failed(state.write_groups(&groups)), wanted);
    assert_eq!(state.pin().generation(), generation + 1, "all at once");
    let entries: Vec<_> = state.entries(table).into_iter().map(|view| view.spec.key).collect();
    assert_eq!(entries, [exact(table, 1), exact(table, 4)]);
}

#[test]
fn meters_count_what_they_mark() {
    let mut fixture = Fixture::new();
    let table = fixture.table(&[(32, MatchKind::Exact)], 0);
    let meter = fixture.meter(CounterUnit::Bytes, 2);
    fixture.direct_meter(table, CounterUnit::Packets);
    let state = fixture.state();
    let config = MeterConfig { cir: 1, cburst: 100, pir: 1, pburst: 200, eburst: 0 };
    let configure = |config| Update::WriteMeter { meter, index: Some(1), config };
    state.write(&[configure(Some(config))]).expect("a cell");
    for bytes in [100, 100, 100] {
        state.meter(&state.pin(), meter, 1, bytes, 0);
    }
    let one = CounterValue { packets: 1, bytes: 100 };
    assert_eq!(state.meter_colors(meter, 1), Some([one; 3]));
    state.write(&[configure(Some(config))]).expect("again");
    assert_eq!(state.meter_colors(meter, 1), Some([one; 3]), "another configuration keeps the counts");
    state.write(&[Update::ResetMeterColors { meter, index: None }]).expect("all cells");
    assert_eq!(state.meter_colors(meter, 1), Some([CounterValue::default(); 3]));
    assert_eq!(
        (state.meter_colors(meter, 0), state.meter_colors(meter, 2)),
        (Some(Default::default()), None)
    );

    let of = DirectOf::Default(table);
    state.write(&[Update::WriteDirectMeter { entry: of.clone(), config: Some(config) }]).expect("a meter");
    state.meter_direct(&state.pin(), EntryHandle::default_of(table), 60, 0);
    let green = CounterValue { packets: 1, bytes: 60 };
    let view = state.default_entry(table).expect("there is one");
    assert_eq!(view.meter_colors, Some([green, CounterValue::default(), CounterValue::default()]));
    state.write(&[Update::ResetDirectMeterColors(of)]).expect("a meter");
    assert_eq!(state.default_entry(table).expect("there is one").meter_colors, Some(Default::default()));
}
