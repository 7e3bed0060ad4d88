//! Applying tables: keys, actions and their data, misses, direct state, profiles, value sets.

use heddle_ir::{
    ActionCall, ActionId, BinaryOp, Bits, Block, Callee, Counter, CounterId, CounterUnit, HashAlgorithm, Key,
    KeyMatch, Keyset, MatchKind, Meter, Profile, SelectCase, SelectMatch, Selector, Stmt, Table, TableAction,
    TableId, Target, Transition, ValueSet, VarId,
};
use heddle_state::{
    ActionSpec, CounterValue, DirectOf, EntryAction, EntryKey, EntrySpec, GroupMember, GroupSpec, MemberSpec,
    Update,
};

use super::switch::{
    Fixture, Switch, accept, binary, call, constant, control, enqueue, extract, read, read_field, set,
};

fn of_table(action: ActionId) -> TableAction {
    TableAction { action, copy_in: vec![], copy_out: vec![], default_only: false, table_only: false }
}

/// A table with one key, whose default action is the first.
fn table(fixture: &mut Fixture, key: Option<(VarId, u32, MatchKind)>, actions: Vec<TableAction>) -> TableId {
    let keys =
        key.into_iter().map(|(var, width, kind)| Key { name: "k".into(), expr: read(var), width, kind });
    let first = &fixture.program.actions[actions[0].action];
    let args =
        first.params.iter().map(|param| Bits::zero(fixture.program.vars[param.var].ty.width())).collect();
    fixture.program.tables.push(Table {
        control: control("t"),
        keys: keys.collect(),
        actions,
        default_action: ActionCall { action: 0, args },
        const_default: false,
        entries: vec![],
        const_entries: false,
        largest_priority_wins: true,
        size: 16,
        profile: None,
        direct_counter: None,
        direct_meter: None,
        idle_timeout: false,
    })
}

fn entry(table: TableId, matches: Vec<KeyMatch>, action: EntryAction) -> EntrySpec {
    EntrySpec {
        key: EntryKey { table, matches, priority: None },
        action,
        idle_timeout_ns: 0,
        metadata: vec![],
    }
}

fn runs(action: ActionId, args: Vec<Bits>) -> EntryAction {
    EntryAction::Action(ActionSpec { action, args })
}

fn write(switch: &Switch, updates: &[Update]) {
    switch.state.write(updates).expect("a correct update");
}

/// Slots that a table reports to, and one that its key is read from.
struct Probe {
    key: VarId,
    hit: VarId,
    action_run: VarId,
    result: VarId,
}

impl Probe {
    fn new(fixture: &mut Fixture, key_width: u32) -> Self {
        Self {
            key: fixture.var("key", key_width),
            hit: fixture.var("hit", 1),
            action_run: fixture.var("action_run", 32),
            result: fixture.var("result", 32),
        }
    }

    fn apply(&self, table: TableId) -> Stmt {
        Stmt::Apply { table, hit: Some(self.hit), action_run: Some(self.action_run) }
    }

    /// Hit, action run, result.
    fn seen(&self, switch: &mut Switch, bytes: &[u8]) -> [u64; 3] {
        let work = switch.ingress(bytes);
        [self.hit, self.action_run, self.result].map(|var| switch.number(&work, var))
    }

    /// A block that takes the key from the packet's first bytes.
    fn key_from_packet(&self, fixture: &mut Fixture, width: u32) -> Block {
        let header = fixture.simple_header("k", width);
        let (parser, _) = fixture.parser("p", vec![(vec![extract(header)], accept())]);
        vec![call(Callee::Parser(parser)), set(self.key, read_field(header, 0))]
    }
}

#[test]
fn entries_run_their_action_with_their_data() {
    let mut fixture = Fixture::new();
    let probe = Probe::new(&mut fixture, 16);
    let (data, wide) = (fixture.var("data", 32), fixture.var("wide", 100));
    let nothing = fixture.action("nothing", &[], vec![]);
    let put = fixture.action(
        "put",
        &[wide, data],
        vec![set(
            probe.result,
            binary(
                BinaryOp::Add,
                read(data),
                heddle_ir::Expr::Slice { of: Box::new(read(wide)), high: 99, low: 68 },
            ),
        )],
    );
    let table =
        table(&mut fixture, Some((probe.key, 16, MatchKind::Exact)), vec![of_table(nothing), of_table(put)]);
    let mut block = probe.key_from_packet(&mut fixture, 16);
    block.extend([probe.apply(table), enqueue(1)]);
    fixture.ingress(block);
    let mut switch = fixture.switch();
    assert_eq!(probe.seen(&mut switch, &[0, 7]), [0, 0, 0]);
    let spec = entry(
        table,
        vec![KeyMatch::Exact(Bits::new(16, 7))],
        runs(put, vec![Bits::new(100, 1 << 70), Bits::new(32, 1_000)]),
    );
    write(&switch, &[Update::InsertEntry(spec.clone())]);
    assert_eq!(probe.seen(&mut switch, &[0, 7]), [1, 1, 1_004]);
    assert_eq!(probe.seen(&mut switch, &[7, 0]), [0, 0, 0]);
    let (_, trace) = switch.trace_ingress(&[0, 7]);
    assert!(trace.contains("table t key (0x7) hits: put(0x400000000000000000, 0x3e8)\n"), "{trace}");
    let action = ActionSpec { action: put, args: vec![Bits::zero(100), Bits::new(32, 5)] };
    write(&switch, &[Update::DeleteEntry(spec.key), Update::SetDefault { table, action }]);
    assert_eq!(probe.seen(&mut switch, &[0, 7]), [0, 1, 5]);
}

#[test]
fn a_table_without_keys_runs_its_default_action() {
    let mut fixture = Fixture::new();
    let probe = Probe::new(&mut fixture, 8);
    let put = fixture.action("put", &[], vec![set(probe.result, constant(32, 3))]);
    let table = table(&mut fixture, None, vec![of_table(put)]);
    fixture.ingress(vec![set(probe.hit, constant(1, 1)), probe.apply(table), enqueue(1)]);
    assert_eq!(probe.seen(&mut fixture.switch(), &[]), [0, 0, 3]);
}

#[test]
fn keys_of_every_kind_and_of_many_words() {
    let mut fixture = Fixture::new();
    let probe = Probe::new(&mut fixture, 128);
    let data = fixture.var("data", 32);
    let put = fixture.action("put", &[data], vec![set(probe.result, read(data))]);
    let id = table(&mut fixture, Some((probe.key, 128, MatchKind::Lpm)), vec![of_table(put)]);
    let exact = fixture.var("exact", 5);
    let parts =
        [(MatchKind::Exact, 5), (MatchKind::Ternary, 70), (MatchKind::Range, 16), (MatchKind::Optional, 8)];
    let mixed = table(&mut fixture, None, vec![of_table(put)]);
    fixture.program.tables[mixed].control = control("mixed");
    fixture.program.tables[mixed].keys = parts
        .into_iter()
        .map(|(kind, width)| {
            let expr = heddle_ir::Expr::Slice { of: Box::new(read(probe.key)), high: width - 1, low: 0 };
            Key { name: format!("{kind:?}"), expr: if width == 5 { read(exact) } else { expr }, width, kind }
        })
        .collect();
    let second = fixture.var("second", 32);
    let mut block = probe.key_from_packet(&mut fixture, 128);
    block.extend([
        set(exact, constant(5, 17)),
        Stmt::Apply { table: id, hit: None, action_run: None },
        set(second, read(probe.result)),
        Stmt::Apply { table: mixed, hit: Some(probe.hit), action_run: None },
        enqueue(1),
    ]);
    fixture.ingress(block);
    let mut switch = fixture.switch();
    let value = Bits::new(128, 0xfd00 << 112);
    let prefix = KeyMatch::Lpm { value, prefix_len: 16 };
    let every = KeyMatch::Any;
    let ternary = KeyMatch::Ternary { value: Bits::new(70, 1 << 69), mask: Bits::new(70, 1 << 69) };
    let range = KeyMatch::Range { low: Bits::new(16, 100), high: Bits::new(16, 200) };
    let of_mixed = |matches, priority, result| {
        let mut spec = entry(mixed, matches, runs(put, vec![Bits::new(32, result)]));
        spec.key.priority = Some(priority);
        Update::InsertEntry(spec)
    };
    let is_17 = || KeyMatch::Exact(Bits::new(5, 17));
    write(
        &switch,
        &[
            Update::InsertEntry(entry(id, vec![prefix], runs(put, vec![Bits::new(32, 16)]))),
            Update::InsertEntry(entry(id, vec![every.clone()], runs(put, vec![Bits::new(32, 1)]))),
            of_mixed(vec![is_17(), ternary, range, every.clone()], 9, 90),
            of_mixed(vec![is_17(), every.clone(), every.clone(), KeyMatch::Exact(Bits::new(8, 150))], 5, 50),
        ],
    );
    let mut seen = |key: u128| {
        let work = switch.ingress(&key.to_be_bytes());
        [second, probe.hit, probe.result].map(|var| switch.number(&work, var))
    };
    assert_eq!(seen(0xfd00 << 112 | 1 << 69 | 150), [16, 1, 90]);
    assert_eq!(seen(1 << 69 | 150), [1, 1, 90]);
    assert_eq!(seen(150), [1, 1, 50]);
    assert_eq!(seen(1 << 69 | 250), [1, 0, 0]);
}

#[test]
fn arguments_are_copied_in_and_out_even_if_the_action_exits() {
    let mut fixture = Fixture::new();
    let probe = Probe::new(&mut fixture, 8);
    let (parameter, after) = (fixture.var("parameter", 32), fixture.var("after", 8));
    let double = binary(BinaryOp::Add, read(parameter), read(parameter));
    let action = fixture.action("double", &[], vec![set(parameter, double), Stmt::Exit]);
    let id = table(
        &mut fixture,
        None,
        vec![TableAction {
            copy_in: vec![set(parameter, constant(32, 21))],
            copy_out: vec![set(probe.result, read(parameter))],
            ..of_table(action)
        }],
    );
    fixture.ingress(vec![Stmt::Catch(vec![probe.apply(id), set(after, constant(8, 1))]), enqueue(1)]);
    let mut switch = fixture.switch();
    let work = switch.ingress(&[]);
    assert_eq!((switch.number(&work, probe.result), switch.number(&work, after)), (42, 0));
}

#[test]
fn counters_count_packets_and_bytes_where_they_should() {
    let mut fixture = Fixture::new();
    let probe = Probe::new(&mut fixture, 8);
    let counter = |fixture: &mut Fixture, name: &str, unit, size, table| -> CounterId {
        fixture.program.counters.push(Counter { control: control(name), unit, size, table })
    };
    let direct = CounterId::from_u32(0);
    let count = |counter| Stmt::Count { counter, index: None };
    // Counted in a body that the action calls.
    let body = fixture.body("counting", vec![count(direct)]);
    let action = fixture.action("counting", &[], vec![call(Callee::Body(body))]);
    let silent = fixture.action("silent", &[], vec![]);
    let id =
        table(&mut fixture, Some((probe.key, 8, MatchKind::Exact)), vec![of_table(action), of_table(silent)]);
    assert_eq!(counter(&mut fixture, "direct", CounterUnit::PacketsAndBytes, 0, Some(id)), direct);
    fixture.program.tables[id].direct_counter = Some(direct);
    let cells = counter(&mut fixture, "cells", CounterUnit::Bytes, 4, None);
    let mut block = probe.key_from_packet(&mut fixture, 8);
    block.extend([probe.apply(id), Stmt::Count { counter: cells, index: Some(read(probe.key)) }, enqueue(1)]);
    fixture.ingress(block);
    let mut switch = fixture.switch();
    let of_key = |key, action| entry(id, vec![KeyMatch::Exact(Bits::new(8, key))], runs(action, vec![]));
    write(&switch, &[Update::InsertEntry(of_key(1, action)), Update::InsertEntry(of_key(2, silent))]);
    for packet in [&[1, 0][..], &[1, 0, 0], &[2, 0], &[3, 0], &[3, 0, 0, 0], &[4, 0]] {
        switch.ingress(packet);
    }
    let direct_of = |of: &DirectOf| switch.state.direct_counter(of).expect("it exists");
    let value = |packets, bytes| CounterValue { packets, bytes };
    assert_eq!(direct_of(&DirectOf::Entry(of_key(1, action).key)), value(2, 5));
    assert_eq!(direct_of(&DirectOf::Entry(of_key(2, silent).key)), value(0, 0));
    assert_eq!(direct_of(&DirectOf::Default(id)), value(3, 8));
    let cells: Vec<_> = (0..5).map(|index| switch.state.counter(cells, index)).collect();
    assert_eq!(cells, [Some(value(0, 0)), Some(value(0, 5)), Some(value(0, 2)), Some(value(0, 6)), None]);
}

#[test]
fn meters_colour_by_rate_and_the_unconfigured_are_green() {
    let mut fixture = Fixture::new();
    let probe = Probe::new(&mut fixture, 8);
    let meter = fixture.program.meters.push(Meter {
        control: control("m"),
        unit: CounterUnit::Packets,
        size: 2,
        table: None,
    });
    let direct = heddle_ir::MeterId::from_u32(1);
    let colors = [0, 1, 2, 3].map(|i| fixture.var(&format!("color{i}"), 8));
    let action =
        fixture.action("metering", &[], vec![Stmt::Meter { meter: direct, index: None, color: colors[3] }]);
    let id = table(&mut fixture, Some((probe.key, 8, MatchKind::Exact)), vec![of_table(action)]);
    fixture.program.meters.push(Meter {
        control: control("direct"),
        unit: CounterUnit::Packets,
        size: 0,
        table: Some(id),
    });
    fixture.program.tables[id].direct_meter = Some(direct);
    let mut block: Vec<Stmt> = colors.iter().map(|color| set(*color, constant(8, 9))).collect();
    block.extend((0..3).map(|index| Stmt::Meter {
        meter,
        index: Some(constant(32, index)),
        color: colors[index as usize],
    }));
    block.extend([probe.apply(id), enqueue(1)]);
    fixture.ingress(block);
    let mut switch = fixture.switch();
    switch.now_ns = 5_000_000_000;
    let config = Some(heddle_state::MeterConfig { cir: 1, cburst: 1, pir: 1, pburst: 2, eburst: 0 });
    let spec = entry(id, vec![KeyMatch::Exact(Bits::new(8, 0))], runs(action, vec![]));
    write(
        &switch,
        &[
            Update::InsertEntry(spec.clone()),
            Update::WriteMeter { meter, index: Some(1), config },
            Update::WriteDirectMeter { entry: DirectOf::Entry(spec.key), config },
        ],
    );
    let mut seen = || {
        let work = switch.ingress(&[0]);
        colors.map(|color| switch.number(&work, color))
    };
    assert_eq!([seen(), seen(), seen()], [[0, 0, 0, 0], [0, 1, 0, 1], [0, 2, 0, 2]]);
}

#[test]
fn profiles_and_selectors() {
    let mut fixture = Fixture::new();
    let probe = Probe::new(&mut fixture, 8);
    let flow = fixture.var("flow", 16);
    let data = fixture.var("data", 32);
    let nothing = fixture.action("nothing", &[], vec![]);
    let put = fixture.action("put", &[data], vec![set(probe.result, read(data))]);
    let id =
        table(&mut fixture, Some((probe.key, 8, MatchKind::Exact)), vec![of_table(nothing), of_table(put)]);
    let profile = fixture.program.profiles.push(Profile {
        control: control("s"),
        size: 16,
        selector: Some(Selector { algorithm: HashAlgorithm::Crc16, width: 10, max_group_size: 0 }),
    });
    let keyed = &mut fixture.program.tables[id];
    keyed.profile = Some(profile);
    keyed.keys.push(Key { name: "flow".into(), expr: read(flow), width: 16, kind: MatchKind::Selector });
    let ty = fixture.header_type("h", &[("k", heddle_ir::Ty::Bits(8)), ("flow", heddle_ir::Ty::Bits(16))]);
    let header = fixture.header("h", ty);
    let (parser, _) = fixture.parser("p", vec![(vec![extract(header)], accept())]);
    fixture.ingress(vec![
        call(Callee::Parser(parser)),
        set(probe.key, read_field(header, 0)),
        set(flow, read_field(header, 1)),
        probe.apply(id),
        enqueue(1),
    ]);
    let mut switch = fixture.switch();
    let member = |id, value| {
        let action = ActionSpec { action: put, args: vec![Bits::new(32, value)] };
        Update::CreateMember(MemberSpec { profile, id, action })
    };
    let of_group = |member| GroupMember { member, weight: 1, watch_port: None };
    let group = |id, members: &[u32]| {
        let members = members.iter().copied().map(of_group).collect();
        Update::CreateGroup(GroupSpec { profile, id, max_size: None, members })
    };
    let matches = |key| vec![KeyMatch::Exact(Bits::new(8, key))];
    write(
        &switch,
        &[
            member(1, 100),
            member(2, 200),
            member(3, 300),
            group(1, &[1, 2, 3]),
            group(2, &[]),
            Update::InsertEntry(entry(id, matches(1), EntryAction::Member(2))),
            Update::InsertEntry(entry(id, matches(2), EntryAction::Group(1))),
            Update::InsertEntry(entry(id, matches(3), EntryAction::Group(2))),
        ],
    );
    assert_eq!(probe.seen(&mut switch, &[1, 0, 0]), [1, 1, 200]);
    assert_eq!(probe.seen(&mut switch, &[0, 0, 0]), [0, 0, 0]);
    assert_eq!(probe.seen(&mut switch, &[3, 0, 0]), [1, 2, 0], "a group without members runs nothing");
    let mut counts = [0; 3];
    for flow in 0u16..300 {
        let [high, low] = flow.to_be_bytes();
        let [hit, action, result] = probe.seen(&mut switch, &[2, high, low]);
        assert_eq!((hit, action), (1, 1));
        assert_eq!(probe.seen(&mut switch, &[2, high, low])[2], result, "a flow keeps its member");
        counts[result as usize / 100 - 1] += 1;
    }
    assert!(counts.iter().all(|count| (60..=140).contains(count)), "{counts:?}");
}

#[test]
fn value_sets_of_one_key_and_of_several() {
    let mut fixture = Fixture::new();
    let ty = fixture.header_type("h", &[("a", heddle_ir::Ty::Bits(8)), ("b", heddle_ir::Ty::Bits(120))]);
    let header = fixture.header("h", ty);
    let taken = fixture.var("taken", 8);
    let set_of =
        |keys: Vec<(String, u32, MatchKind)>, name: &str| ValueSet { control: control(name), keys, size: 4 };
    let one = fixture.program.value_sets.push(set_of(vec![("a".into(), 8, MatchKind::Exact)], "one"));
    let two = fixture
        .program
        .value_sets
        .push(set_of(vec![("a".into(), 8, MatchKind::Exact), ("b".into(), 120, MatchKind::Ternary)], "two"));
    let to = |state| Target::State(heddle_ir::StateId::from_u32(state));
    let case = |matches, state| SelectCase { matches, target: to(state) };
    let select = Transition::Select {
        on: vec![read_field(header, 0), read_field(header, 1)],
        cases: vec![
            case(SelectMatch::ValueSet(two), 1),
            case(SelectMatch::Each(vec![Keyset::ValueSet(one), Keyset::Any]), 2),
            case(SelectMatch::Each(vec![Keyset::Any, Keyset::Any]), 3),
        ],
    };
    let mut states = vec![(vec![extract(header)], select)];
    states.extend((1..=3).map(|i| (vec![set(taken, constant(8, i))], accept())));
    let (parser, _) = fixture.parser("p", states);
    fixture.ingress(vec![call(Callee::Parser(parser)), enqueue(1)]);
    let mut switch = fixture.switch();
    let exact = |value| KeyMatch::Exact(Bits::new(8, value));
    let mask = || Bits::new(120, 0xff);
    write(
        &switch,
        &[
            Update::SetValueSet { value_set: one, entries: vec![vec![exact(7)], vec![exact(8)]] },
            Update::SetValueSet {
                value_set: two,
                entries: vec![vec![
                    exact(7),
                    KeyMatch::Ternary { value: Bits::new(120, 0x42), mask: mask() },
                ]],
            },
        ],
    );
    let mut seen = |first: u8, last: u8| {
        let mut bytes = [first; 16];
        bytes[15] = last;
        let work = switch.ingress(&bytes);
        switch.number(&work, taken)
    };
    assert_eq!([seen(7, 0x42), seen(7, 0x43), seen(8, 0x42), seen(9, 0x42)], [1, 2, 2, 3]);
}
