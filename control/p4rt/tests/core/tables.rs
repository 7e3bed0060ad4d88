//! Section 9.1: table entries.

use heddle_p4rt::proto::rpc::Code;
use heddle_p4rt::proto::v1;
use heddle_p4rt::proto::v1::entity::Entity as Kind;
use heddle_p4rt::proto::v1::update::Type;
use heddle_p4rt::proto::v1::write_request::Atomicity;

use crate::fixture::{
    Device, action, bytes, code, config_of, direct, exact, lpm, optional, range, ternary, update,
};

fn entry(kind: Kind) -> v1::TableEntry {
    match kind {
        Kind::TableEntry(entry) => entry,
        other => panic!("{other:?}"),
    }
}

fn all(device: &mut Device, table: &str) -> Vec<v1::TableEntry> {
    let table_id = device.table(table);
    device.read(v1::TableEntry { table_id, ..Default::default() }).into_iter().map(entry).collect()
}

/// An entry of `acl`.
fn acl(device: &Device, priority: i32, matches: Vec<v1::FieldMatch>) -> v1::TableEntry {
    v1::TableEntry {
        table_id: device.table("acl"),
        r#match: matches,
        action: Some(direct(device.drop())),
        priority,
        ..Default::default()
    }
}

#[test]
fn what_was_written_is_read() {
    let mut device = Device::new();
    let written = v1::TableEntry {
        metadata: b"mine".to_vec(),
        controller_metadata: 9,
        idle_timeout_ns: 5,
        ..device.exact(0x0a0b, device.forward(3, 0xff))
    };
    let key = v1::TableEntry { action: None, ..device.exact(0x0a0b, device.drop()) };
    assert_eq!(entry(device.echo(Type::Insert, written.clone(), key.clone())), written);
    let changed = v1::TableEntry { action: Some(direct(device.drop())), metadata: vec![], ..written };
    assert_eq!(entry(device.echo(Type::Modify, changed.clone(), key.clone())), changed);
    device.done(Type::Delete, key.clone());
    assert!(device.read(key).is_empty());
}

#[test]
fn padded_values_are_taken_and_short_ones_given_back() {
    let mut device = Device::new();
    let mut padded = device.exact(1, device.forward(3, 0xff));
    padded.r#match = vec![exact(1, &[0, 0, 0, 0, 0, 0, 0, 0, 1])];
    padded.action = Some(direct(action(device.action("forward"), &[&[0, 0, 3], &[0, 0xff]])));
    device.done(Type::Insert, padded);
    assert_eq!(all(&mut device, "exact_one"), [device.exact(1, device.forward(3, 0xff))]);
}

#[test]
fn values_that_do_not_fit_name_table_field_value_and_remedy() {
    let mut device = Device::new();
    let mut wide = device.exact(1, device.drop());
    wide.r#match = vec![exact(1, &[1, 0, 0, 0, 0, 0, 0])];
    let (code, message) = device.refused(Type::Insert, wide);
    assert_eq!(code, Code::OutOfRange);
    for part in
        ["`I.exact_one`", "`hdr.eth.dst`", "0x01000000000000", "49 bits", "48", "send a smaller value"]
    {
        assert!(message.contains(part), "{part}: {message}");
    }
    let (code, message) = device.refused(Type::Insert, device.exact(1, device.forward(512, 1)));
    assert_eq!(code, Code::OutOfRange);
    for part in ["`I.exact_one`", "`I.forward`", "`port`", "10 bits"] {
        assert!(message.contains(part), "{part}: {message}");
    }
    let mut none = device.exact(1, device.drop());
    none.r#match = vec![exact(1, &[])];
    assert_eq!(device.refused(Type::Insert, none).0, Code::OutOfRange);
}

#[test]
fn keys_are_checked() {
    let mut device = Device::new();
    let good = device.exact(1, device.drop());
    let with = |matches| v1::TableEntry { r#match: matches, ..good.clone() };
    for (matches, part) in [
        (vec![], "no value is given"),
        (vec![exact(9, &[1])], "no match field with id 9"),
        (vec![exact(1, &[1]), exact(1, &[1])], "given twice"),
        (vec![ternary(1, &[1], &[1])], "set exact instead"),
        (vec![v1::FieldMatch { field_id: 1, field_match_type: None }], "no match is set"),
    ] {
        let (code, message) = device.refused(Type::Insert, with(matches));
        assert_eq!(code, Code::InvalidArgument, "{message}");
        assert!(message.contains(part), "{message}");
    }
    let (code, message) = device.refused(Type::Insert, v1::TableEntry { priority: 1, ..good.clone() });
    assert_eq!(code, Code::InvalidArgument);
    assert!(message.contains("priority"), "{message}");
    let (code, message) =
        device.refused(Type::Insert, v1::TableEntry { table_id: 0x0200_0001, ..good.clone() });
    assert_eq!(code, Code::InvalidArgument);
    assert!(message.contains("0x2000001"), "{message}");
    assert_eq!(device.refused(Type::Insert, v1::TableEntry { table_id: 0, ..good }).0, Code::InvalidArgument);
}

#[test]
fn actions_are_checked() {
    let mut device = Device::new();
    let with = |device: &Device, action| device.exact(1, action);
    for (given, code, part) in [
        (action(device.action("set_vrf"), &[b"a", &[1]]), Code::InvalidArgument, "its actions are"),
        (action(device.action("forward"), &[&[1]]), Code::InvalidArgument, "`dst`"),
        (action(device.action("drop"), &[&[1]]), Code::InvalidArgument, "no parameter with id 1"),
        (action(device.action("NoAction"), &[]), Code::PermissionDenied, "default action"),
    ] {
        let (found, message) = device.refused(Type::Insert, with(&device, given));
        assert_eq!(found, code, "{message}");
        assert!(message.contains(part), "{message}");
    }
    let none = v1::TableEntry { action: None, ..device.exact(1, device.drop()) };
    assert_eq!(device.refused(Type::Insert, none).0, Code::InvalidArgument);
    let member = v1::TableAction { r#type: Some(v1::table_action::Type::ActionProfileMemberId(1)) };
    let member = v1::TableEntry { action: Some(member), ..device.exact(1, device.drop()) };
    assert_eq!(device.refused(Type::Insert, member).0, Code::InvalidArgument);
}

#[test]
fn inserting_modifying_and_deleting_need_what_they_need() {
    let mut device = Device::new();
    let entry = device.exact(1, device.drop());
    assert_eq!(device.refused(Type::Modify, entry.clone()).0, Code::NotFound);
    assert_eq!(device.refused(Type::Delete, entry.clone()).0, Code::NotFound);
    device.done(Type::Insert, entry.clone());
    assert_eq!(device.refused(Type::Insert, entry.clone()).0, Code::AlreadyExists);
    assert_eq!(device.refused(Type::Unspecified, entry.clone()).0, Code::InvalidArgument);
    let constant = v1::TableEntry { is_const: true, ..entry.clone() };
    assert_eq!(device.refused(Type::Modify, constant).0, Code::InvalidArgument);
    // All but the key is ignored.
    let nonsense = v1::TableEntry { action: Some(direct(action(7, &[]))), idle_timeout_ns: -1, ..entry };
    device.done(Type::Delete, nonsense);
}

#[test]
fn a_full_table_says_so() {
    let mut device = Device::new();
    for dst in 1..=8 {
        device.done(Type::Insert, device.exact(dst, device.drop()));
    }
    let (code, message) = device.refused(Type::Insert, device.exact(9, device.drop()));
    assert_eq!(code, Code::ResourceExhausted);
    assert!(message.contains("`I.exact_one`") && message.contains('8'), "{message}");
}

#[test]
fn a_table_without_keys_has_a_default_entry_only() {
    let mut device = Device::new();
    let table_id = device.table("keyless");
    let entry = v1::TableEntry { table_id, action: Some(direct(device.drop())), ..Default::default() };
    assert_eq!(device.refused(Type::Insert, entry.clone()).0, Code::InvalidArgument);
    device.done(Type::Modify, v1::TableEntry { is_default_action: true, ..entry });
}

#[test]
fn prefixes_masks_ranges_and_optional_values_go_both_ways() {
    let mut device = Device::new();
    let route = v1::TableEntry {
        table_id: device.table("route"),
        r#match: vec![exact(1, b"blue"), lpm(2, &[0x0a, 0, 0, 0, 0, 0], 8)],
        action: Some(direct(device.forward(1, 1))),
        ..Default::default()
    };
    let any = v1::TableEntry { r#match: vec![exact(1, b"blue")], ..route.clone() };
    device.done(Type::Insert, route.clone());
    device.done(Type::Insert, any.clone());
    assert_eq!(all(&mut device, "route"), [route, any]);

    let full =
        acl(&device, 5, vec![ternary(1, &[0x10], &[0xf0]), range(2, &[1], &[0xff]), optional(3, &[7])]);
    let some = acl(&device, 6, vec![range(2, &[3], &[3])]);
    let none = acl(&device, 7, vec![]);
    for entry in [&full, &some, &none] {
        device.done(Type::Insert, entry.clone());
    }
    assert_eq!(all(&mut device, "acl"), [full, some, none]);
}

#[test]
fn matches_that_are_not_canonical_are_refused() {
    let mut device = Device::new();
    let route = |device: &Device, found| v1::TableEntry {
        table_id: device.table("route"),
        r#match: vec![exact(1, b"blue"), found],
        action: Some(direct(device.drop())),
        ..Default::default()
    };
    for (found, part) in [
        (lpm(2, &[0], 0), "left out"),
        (lpm(2, &[1], 8), "beyond its prefix"),
        (lpm(2, &[0], 49), "more than the field's 48"),
        (lpm(2, &[0], -1), "negative"),
    ] {
        let (code, message) = device.refused(Type::Insert, route(&device, found));
        assert_eq!(code, Code::InvalidArgument);
        assert!(message.contains(part) && message.contains("hdr.eth.dst"), "{message}");
    }
    for (found, part) in [
        (ternary(1, &[0], &[0]), "left out"),
        (ternary(1, &[3], &[1]), "where the mask has none"),
        (range(2, &[2], &[1]), "begins above its end"),
        (range(2, &[0], &[0xff, 0xff]), "left out"),
    ] {
        let (code, message) = device.refused(Type::Insert, acl(&device, 1, vec![found]));
        assert_eq!(code, Code::InvalidArgument);
        assert!(message.contains(part), "{message}");
    }
    let (code, message) = device.refused(Type::Insert, acl(&device, 0, vec![]));
    assert_eq!(code, Code::InvalidArgument);
    assert!(message.contains("priority"), "{message}");
    assert_eq!(device.refused(Type::Insert, acl(&device, -1, vec![])).0, Code::InvalidArgument);
}

#[test]
fn entries_of_one_priority_may_stand_side_by_side() {
    let mut device = Device::new();
    device.done(Type::Insert, acl(&device, 5, vec![optional(3, &[1])]));
    device.done(Type::Insert, acl(&device, 5, vec![optional(3, &[2])]));
    device.done(Type::Insert, acl(&device, 6, vec![optional(3, &[1])]));
    assert_eq!(all(&mut device, "acl").len(), 3);
}

#[test]
fn the_default_entry_is_modified_and_reset() {
    let mut device = Device::new();
    let table_id = device.table("exact_one");
    let asked = v1::TableEntry { table_id, is_default_action: true, ..Default::default() };
    let no_action = Some(direct(action(device.action("NoAction"), &[])));
    assert_eq!(entry(device.read(asked.clone()).remove(0)).action, no_action);
    let changed = v1::TableEntry {
        action: Some(direct(device.forward(1, 2))),
        metadata: b"m".to_vec(),
        controller_metadata: 3,
        ..asked.clone()
    };
    assert_eq!(entry(device.echo(Type::Modify, changed.clone(), asked.clone())), changed);
    let reset = entry(device.echo(Type::Modify, asked.clone(), asked.clone()));
    assert_eq!((reset.action, reset.metadata), (no_action, vec![]));

    assert_eq!(device.refused(Type::Insert, changed.clone()).0, Code::InvalidArgument);
    assert_eq!(device.refused(Type::Delete, changed.clone()).0, Code::InvalidArgument);
    for wrong in [
        v1::TableEntry { priority: 1, ..changed.clone() },
        v1::TableEntry { r#match: vec![exact(1, &[1])], ..changed.clone() },
        v1::TableEntry { idle_timeout_ns: 1, ..changed.clone() },
    ] {
        assert_eq!(device.refused(Type::Modify, wrong).0, Code::InvalidArgument);
    }
    let constant = v1::TableEntry { table_id: device.table("fixed"), ..changed };
    assert_eq!(device.refused(Type::Modify, constant).0, Code::PermissionDenied);
    let table_only = v1::TableEntry {
        table_id: device.table("acl"),
        is_default_action: true,
        action: Some(direct(device.forward(1, 1))),
        ..Default::default()
    };
    assert_eq!(device.refused(Type::Modify, table_only).0, Code::PermissionDenied);
}

#[test]
fn constant_entries_are_read_and_not_written() {
    let mut device = Device::new();
    let fixed = all(&mut device, "fixed");
    assert_eq!(fixed.len(), 2);
    let own = v1::TableEntry { is_const: false, ..fixed[0].clone() };
    for kind in [Type::Insert, Type::Modify, Type::Delete] {
        assert_eq!(device.refused(kind, own.clone()).0, Code::PermissionDenied, "{kind:?}");
    }
    let given = all(&mut device, "given");
    assert_eq!(given.iter().map(|entry| entry.is_const).collect::<Vec<_>>(), [true, false]);
    let (constant, free) = (given[0].clone(), given[1].clone());
    let constant = v1::TableEntry { is_const: false, ..constant };
    assert_eq!(device.refused(Type::Delete, constant).0, Code::PermissionDenied);
    device.done(Type::Delete, free);
}

#[test]
fn reads_are_filtered() {
    let mut device = Device::new();
    device.done(Type::Insert, acl(&device, 5, vec![optional(3, &[1])]));
    device.done(
        Type::Insert,
        v1::TableEntry { metadata: b"m".to_vec(), ..acl(&device, 6, vec![optional(3, &[1])]) },
    );
    let other = v1::TableEntry {
        action: Some(direct(action(device.action("NoAction"), &[]))),
        controller_metadata: 4,
        ..acl(&device, 6, vec![optional(3, &[2])])
    };
    device.done(Type::Insert, other);
    let table_id = device.table("acl");
    let asked = v1::TableEntry { table_id, ..Default::default() };
    let no_action = Some(direct(action(device.action("NoAction"), &[])));
    for (filter, count) in [
        (asked.clone(), 3),
        (v1::TableEntry { priority: 6, ..asked.clone() }, 2),
        (v1::TableEntry { metadata: b"m".to_vec(), ..asked.clone() }, 1),
        (v1::TableEntry { controller_metadata: 4, ..asked.clone() }, 1),
        (v1::TableEntry { action: no_action, ..asked.clone() }, 1),
        (v1::TableEntry { r#match: vec![optional(3, &[1])], ..asked.clone() }, 2),
        (v1::TableEntry { r#match: vec![optional(3, &[1])], priority: 5, ..asked.clone() }, 1),
        (v1::TableEntry { r#match: vec![optional(3, &[9])], priority: 5, ..asked.clone() }, 0),
        // All tables: with those that the program declares.
        (v1::TableEntry::default(), 7),
    ] {
        assert_eq!(device.read(filter.clone()).len(), count, "{filter:?}");
    }
    let wrong = v1::TableEntry { table_id: 1, ..Default::default() };
    assert_eq!(
        device.try_read(wrong).expect_err("no such table").canonical_code,
        i32::from(Code::InvalidArgument)
    );
}

#[test]
fn direct_resources_are_set_kept_and_reset_as_the_specification_has_it() {
    let mut device = Device::new();
    let meter = v1::MeterConfig { cir: 1, cburst: 2, pir: 3, pburst: 4, eburst: 0 };
    let counter = v1::CounterData { byte_count: 5, packet_count: 6 };
    let written = v1::TableEntry {
        meter_config: Some(meter),
        counter_data: Some(counter),
        ..device.exact(1, device.drop())
    };
    let asked = v1::TableEntry {
        meter_config: Some(v1::MeterConfig::default()),
        counter_data: Some(v1::CounterData::default()),
        meter_counter_data: Some(v1::MeterCounterData::default()),
        action: None,
        ..device.exact(1, device.drop())
    };
    let read = entry(device.echo(Type::Insert, written.clone(), asked.clone()));
    let zero = Some(v1::CounterData::default());
    assert_eq!((read.meter_config, read.counter_data), (Some(meter), Some(counter)));
    assert_eq!(read.meter_counter_data, Some(v1::MeterCounterData { green: zero, yellow: zero, red: zero }));
    assert_eq!(all(&mut device, "exact_one")[0].counter_data, None, "nobody asked for it");

    // An unset counter is kept, an unset meter is reset; without an action the action stays.
    let touch = v1::TableEntry { action: None, ..device.exact(1, device.drop()) };
    let read = entry(device.echo(Type::Modify, touch.clone(), asked.clone()));
    assert_eq!((read.meter_config, read.counter_data), (None, Some(counter)));
    assert_eq!(read.action, written.action);
    let colours = v1::MeterCounterData { red: Some(counter), ..Default::default() };
    let colours = v1::TableEntry { meter_counter_data: Some(colours), ..touch.clone() };
    assert_eq!(device.refused(Type::Modify, colours).0, Code::InvalidArgument);
    let missing = v1::TableEntry { action: None, ..device.exact(2, device.drop()) };
    assert_eq!(device.refused(Type::Modify, missing).0, Code::NotFound);

    let none = v1::TableEntry { counter_data: Some(counter), ..acl(&device, 1, vec![]) };
    assert_eq!(device.refused(Type::Insert, none).0, Code::InvalidArgument);
    let none = v1::TableEntry { meter_config: Some(meter), ..acl(&device, 1, vec![]) };
    assert_eq!(device.refused(Type::Insert, none).0, Code::InvalidArgument);
}

#[test]
fn idle_time_outs_are_for_tables_that_support_them() {
    let mut device = Device::new();
    let wrong = v1::TableEntry { idle_timeout_ns: 1, ..acl(&device, 1, vec![]) };
    assert_eq!(device.refused(Type::Insert, wrong).0, Code::InvalidArgument);
    let hit = Some(v1::table_entry::IdleTimeout::default());
    let written = v1::TableEntry { time_since_last_hit: hit, ..device.exact(1, device.drop()) };
    assert_eq!(device.refused(Type::Insert, written).0, Code::InvalidArgument);
    device.done(Type::Insert, device.exact(1, device.drop()));
    let asked = v1::TableEntry { time_since_last_hit: hit, action: None, ..device.exact(1, device.drop()) };
    assert!(entry(device.read(asked).remove(0)).time_since_last_hit.is_some());
    let asked =
        v1::TableEntry { table_id: device.table("acl"), time_since_last_hit: hit, ..Default::default() };
    assert!(device.try_read(asked).is_err());
}

#[test]
fn names_and_numbers_are_translated() {
    let mut device = Device::new();
    let set = |device: &Device, vrf: &[u8], vlan: &[u8]| action(device.action("set_vrf"), &[vrf, vlan]);
    let entry = |device: &Device, vlan: &[u8], action| v1::TableEntry {
        table_id: device.table("vlan"),
        r#match: vec![exact(1, vlan)],
        action: Some(direct(action)),
        ..Default::default()
    };
    for (vlan, vrf) in [(&[1][..], "red"), (&[2], "blue"), (&[3], "red"), (&[4], "17")] {
        device.done(Type::Insert, entry(&device, vlan, set(&device, vrf.as_bytes(), &[0x0f, 0xff])));
    }
    let read = all(&mut device, "vlan");
    assert_eq!(read[0], entry(&device, &[1], set(&device, b"red", &[0x0f, 0xff])));
    assert_eq!(read[1], entry(&device, &[2], set(&device, b"blue", &[0x0f, 0xff])));
    assert_eq!(read[3], entry(&device, &[4], set(&device, b"17", &[0x0f, 0xff])));
    // The controller's sixteen bits have to have a counterpart in the program's twelve.
    let (code, message) =
        device.refused(Type::Insert, entry(&device, &[0x10, 0], set(&device, b"red", &[1])));
    assert_eq!(code, Code::OutOfRange);
    assert!(message.contains("example.org/vlan"), "{message}");
}

/// The action that an entry of `table` runs for a key, with its arguments.
fn runs(device: &Device, table: &str, key: &[u64]) -> (String, Vec<u64>) {
    let state = device.core.state().expect("a program");
    let mut tables = state.program().tables.iter();
    let (id, table) = tables.find(|(_, t)| t.control.name.ends_with(table)).expect("it is there");
    let snapshot = state.pin();
    let found = state.lookup(&snapshot, id, key);
    let action = &state.program().actions[table.actions[found.action.expect("one runs")].action];
    (action.control.name.clone(), found.args.to_vec())
}

#[test]
fn the_larger_priority_wins() {
    for larger_first in [false, true] {
        let mut device = Device::new();
        let dropped = acl(&device, 1, vec![ternary(1, &[1], &[1])]);
        let sent = v1::TableEntry {
            action: Some(direct(device.forward(3, 9))),
            ..acl(&device, 2, vec![optional(3, &[5])])
        };
        let both = if larger_first { [sent.clone(), dropped] } else { [dropped, sent.clone()] };
        both.into_iter().for_each(|entry| device.done(Type::Insert, entry));
        let key = [1, 0x800, 5];
        assert_eq!(runs(&device, "acl", &key), ("I.forward".to_owned(), vec![3, 9]));
        device.done(Type::Delete, sent);
        assert_eq!(runs(&device, "acl", &key).0, "I.drop");
    }
}

/// A device with a program that knows ports by number and by name.
fn with_ports() -> Device {
    let pairs = [("Ethernet0", 1), ("Ethernet4", 2)];
    let pairs = pairs.map(|(name, port)| (heddle_p4rt::SdnValue::Text(name.to_owned()), port));
    let translation =
        heddle_p4rt::TranslationConfig { uri: "example.org/port_name".to_owned(), pairs: pairs.to_vec() };
    let translations = vec![translation];
    let mut device = Device::with(heddle_p4rt::Config { translations, ..heddle_p4rt::Config::default() });
    let program = include_str!("ports.p4");
    let p4info = heddle_p4rt::device::load(program.as_bytes()).expect("compiles").p4info;
    device.p4info = p4info.expect("of source");
    let commit = v1::set_forwarding_pipeline_config_request::Action::VerifyAndCommit;
    device.set(commit, Some(config_of(program))).expect("a program");
    device
}

fn to(device: &Device, dst: u64, name: &str, port: &[u8]) -> v1::TableEntry {
    v1::TableEntry {
        table_id: device.table("to"),
        r#match: vec![exact(1, &bytes(dst))],
        action: Some(direct(action(device.action(name), &[port]))),
        ..Default::default()
    }
}

#[test]
fn the_reserved_number_of_the_controllers_port_is_known() {
    let mut device = with_ports();
    let cpu = to(&device, 1, "send", &[0xff, 0xff, 0xff, 0xfd]);
    assert_eq!(entry(device.echo(Type::Insert, cpu.clone(), cpu.clone())), cpu);
    assert_eq!(runs(&device, "to", &[1]), ("I.send".to_owned(), vec![510]));
    let own = to(&device, 2, "send", &[7]);
    assert_eq!(entry(device.echo(Type::Insert, own.clone(), own.clone())), own);
    for (reserved, part) in
        [(&[0xff, 0xff, 0xff, 0xfe][..], "reserved"), (&[0xff, 0xff, 0xff, 0x00], "reserved")]
    {
        let (code, message) = device.refused(Type::Insert, to(&device, 3, "send", reserved));
        assert_eq!(code, Code::OutOfRange);
        assert!(message.contains(part), "{message}");
    }
    let (code, _) = device.refused(Type::Insert, to(&device, 3, "send", &[0x02, 0x00]));
    assert_eq!(code, Code::OutOfRange, "nine bits have no such port");
}

#[test]
fn ports_have_the_names_that_the_set_up_gives_them() {
    let mut device = with_ports();
    let named = to(&device, 1, "send_by_name", b"Ethernet4");
    assert_eq!(entry(device.echo(Type::Insert, named.clone(), named.clone())), named);
    assert_eq!(runs(&device, "to", &[1]), ("I.send_by_name".to_owned(), vec![2]));
    let numbered = to(&device, 2, "send_by_name", b"7");
    assert_eq!(entry(device.echo(Type::Insert, numbered.clone(), numbered.clone())), numbered);
    let (code, message) = device.refused(Type::Insert, to(&device, 3, "send_by_name", b"Ethernet8"));
    assert_eq!(code, Code::InvalidArgument);
    assert!(message.contains("Ethernet8"), "{message}");
}

#[test]
fn reads_come_in_bounded_messages() {
    let config = heddle_p4rt::Config { read_bytes: 100, ..heddle_p4rt::Config::default() };
    let mut device = Device::with(config);
    let updates: Vec<_> = (1..=200)
        .map(|vlan| {
            update(
                Type::Insert,
                v1::TableEntry {
                    table_id: device.table("wide"),
                    r#match: vec![exact(1, &bytes(vlan))],
                    action: Some(direct(device.drop())),
                    ..Default::default()
                },
            )
        })
        .collect();
    device.write(updates, Atomicity::ContinueOnError).expect("written");
    let entities = vec![v1::Entity { entity: Some(Kind::TableEntry(v1::TableEntry::default())) }];
    let request = v1::ReadRequest { device_id: 1, role: String::new(), entities };
    let messages: Vec<_> = device.core.read(0, &request).expect("reads").map(|m| m.expect("valid")).collect();
    assert!(messages.len() > 50, "{}", messages.len());
    use heddle_p4rt::proto::prost::Message as _;
    assert!(messages.iter().all(|message| message.encoded_len() <= 100));
    assert_eq!(messages.iter().map(|message| message.entities.len()).sum::<usize>(), 204);
    let other = v1::ReadRequest { device_id: 2, ..request };
    assert_eq!(code(&device.core.read(0, &other).expect_err("another device")), Code::NotFound);
}
