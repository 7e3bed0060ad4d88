//! Chapters 12 and 13: batches, their atomicity, and what their status says.

use heddle_p4rt::proto::rpc::Code;
use heddle_p4rt::proto::v1;
use heddle_p4rt::proto::v1::entity::Entity as Kind;
use heddle_p4rt::proto::v1::update::Type;
use heddle_p4rt::proto::v1::write_request::Atomicity;

use crate::fixture::{Device, ELECTION, action, bytes, code, codes, direct, errors, exact, sent, update};

fn entries(device: &mut Device) -> usize {
    let table_id = device.table("exact_one");
    device.read(v1::TableEntry { table_id, ..Default::default() }).len()
}

fn mixed(device: &Device) -> Vec<v1::Update> {
    vec![
        update(Type::Insert, device.exact(1, device.drop())),
        update(Type::Insert, device.exact(2, action(1, &[]))),
        update(Type::Insert, device.exact(1, device.drop())),
        update(Type::Insert, device.exact(3, device.drop())),
    ]
}

#[test]
fn every_update_is_tried_and_told_of() {
    let mut device = Device::new();
    let updates = mixed(&device);
    let request =
        v1::WriteRequest { device_id: 1, election_id: Some(ELECTION), updates, ..Default::default() };
    let written = device.core.write(0, &request);
    let status = written.result.expect_err("two fail");
    assert_eq!(code(&status), Code::Unknown);
    assert_eq!(codes(&status), [Code::Ok, Code::InvalidArgument, Code::AlreadyExists, Code::Ok]);
    assert_eq!(written.applied, [true, false, false, true]);
    let errors = errors(&status);
    assert_eq!(errors[0], v1::Error::default(), "nothing but the code");
    assert_eq!(errors[1].space, "heddle");
    assert!(
        status.message.contains(&errors[1].message),
        "for clients that read no details: {}",
        status.message
    );
    assert_eq!(entries(&mut device), 2);
}

#[test]
fn all_or_none_leaves_none() {
    for atomicity in [Atomicity::RollbackOnError, Atomicity::DataplaneAtomic] {
        let mut device = Device::new();
        let updates = mixed(&device);
        let status = device.write(updates, atomicity).expect_err("one is refused before any is tried");
        assert_eq!(codes(&status), [Code::Aborted, Code::InvalidArgument, Code::Aborted, Code::Aborted]);
        assert_eq!(entries(&mut device), 0);
        let updates = vec![
            update(Type::Insert, device.exact(1, device.drop())),
            update(Type::Insert, device.exact(1, device.drop())),
            update(Type::Insert, device.exact(3, device.drop())),
        ];
        let status = device.write(updates, atomicity).expect_err("one is refused by the state");
        assert_eq!(codes(&status), [Code::Aborted, Code::AlreadyExists, Code::Aborted]);
        assert_eq!(entries(&mut device), 0);
        let group =
            v1::MulticastGroupEntry { multicast_group_id: 1, metadata: b"m".to_vec(), ..Default::default() };
        let updates =
            vec![update(Type::Insert, group.clone()), update(Type::Insert, device.exact(1, device.drop()))];
        device.write(updates, atomicity).expect("both");
        assert_eq!(entries(&mut device), 1);
        assert_eq!(device.read(group).len(), 1);
    }
}

#[test]
fn cells_do_not_change_together_with_other_things() {
    let mut device = Device::new();
    let data = Some(v1::CounterData { byte_count: 1, packet_count: 1 });
    let counter = v1::CounterEntry { counter_id: device.id("ports"), index: None, data };
    let entry = update(Type::Insert, v1::TableEntry { counter_data: data, ..device.exact(1, device.drop()) });
    let status = device
        .write(vec![entry.clone(), update(Type::Modify, counter)], Atomicity::DataplaneAtomic)
        .expect_err("not at once");
    assert_eq!(codes(&status), [Code::Aborted, Code::Unimplemented]);
    device.write(vec![update(Type::Modify, counter)], Atomicity::DataplaneAtomic).expect("by itself");
    let other = update(Type::Insert, device.exact(2, device.drop()));
    device.write(vec![entry, other], Atomicity::DataplaneAtomic).expect("a new entry brings its own");
}

#[test]
fn an_update_of_several_parts_is_one() {
    let mut device = Device::new();
    let bad_meter = v1::MeterConfig { cir: 5, pir: 1, ..Default::default() };
    let entry = v1::TableEntry { meter_config: Some(bad_meter), ..device.exact(1, device.drop()) };
    assert_eq!(device.refused(Type::Insert, entry).0, Code::InvalidArgument);
    assert_eq!(entries(&mut device), 0);
}

#[test]
fn updates_of_a_batch_may_build_on_each_other() {
    for atomicity in [Atomicity::ContinueOnError, Atomicity::RollbackOnError, Atomicity::DataplaneAtomic] {
        let mut device = Device::new();
        let member = v1::ActionProfileMember {
            action_profile_id: device.id("paths"),
            member_id: 1,
            action: Some(device.drop()),
        };
        let entry = v1::TableEntry {
            table_id: device.table("balance"),
            r#match: vec![exact(1, &bytes(1))],
            action: Some(v1::TableAction { r#type: Some(v1::table_action::Type::ActionProfileMemberId(1)) }),
            ..Default::default()
        };
        device
            .write(vec![update(Type::Insert, member), update(Type::Insert, entry)], atomicity)
            .expect("in order");
    }
}

#[test]
fn malformed_updates_are_told_of() {
    let mut device = Device::new();
    let updates = vec![
        v1::Update { r#type: Type::Insert.into(), entity: None },
        v1::Update { r#type: Type::Insert.into(), entity: Some(v1::Entity { entity: None }) },
        v1::Update { r#type: 77, ..update(Type::Insert, device.exact(1, device.drop())) },
    ];
    let status = device.write(updates, Atomicity::ContinueOnError).expect_err("all are wrong");
    assert_eq!(codes(&status), [Code::InvalidArgument; 3]);
    let request =
        v1::WriteRequest { device_id: 1, election_id: Some(ELECTION), atomicity: 9, ..Default::default() };
    assert_eq!(code(&device.core.write(0, &request).result.expect_err("unknown")), Code::InvalidArgument);
}

#[test]
fn a_dry_run_says_what_would_be_and_changes_nothing() {
    let mut device = Device::new();
    let vlan = v1::TableEntry {
        table_id: device.table("vlan"),
        r#match: vec![exact(1, &[1])],
        action: Some(direct(action(device.action("set_vrf"), &[b"new", &[1]]))),
        ..Default::default()
    };
    let mut updates = mixed(&device);
    updates.push(update(Type::Insert, vlan));
    let status = device.core.validate(&updates).expect_err("two would fail");
    assert_eq!(codes(&status), [Code::Ok, Code::InvalidArgument, Code::AlreadyExists, Code::Ok, Code::Ok]);
    assert_eq!(entries(&mut device), 0);
    let primary = device.primary;
    assert_eq!(sent(&mut device.core, primary), []);
}

#[test]
fn a_read_sees_a_write_as_a_whole_or_not_at_all() {
    let config = heddle_p4rt::Config { read_bytes: 1, ..heddle_p4rt::Config::default() };
    let mut device = Device::with(config);
    let entity =
        Kind::TableEntry(v1::TableEntry { table_id: device.table("exact_one"), ..Default::default() });
    let entities = vec![v1::Entity { entity: Some(entity) }];
    let request = v1::ReadRequest { device_id: 1, role: String::new(), entities };
    let batch = |device: &Device, from: u64| -> Vec<v1::Update> {
        (from..from + 3).map(|dst| update(Type::Insert, device.exact(dst, device.drop()))).collect()
    };
    let updates = batch(&device, 1);
    device.write(updates, Atomicity::ContinueOnError).expect("written");
    // A message per entity, and a write between two of them.
    let mut messages = device.core.read(0, &request).expect("reads");
    let mut seen = messages.next().expect("one").expect("valid").entities.len();
    let updates = batch(&device, 4);
    device.write(updates, Atomicity::ContinueOnError).expect("written");
    seen += messages.map(|message| message.expect("valid").entities.len()).sum::<usize>();
    assert_eq!(seen, 3, "what there was when it was asked for");
    let after = device.core.read(0, &request).expect("reads");
    assert_eq!(after.map(|message| message.expect("valid").entities.len()).sum::<usize>(), 6);
}

#[test]
fn what_can_be_read_comes_before_what_is_wrong() {
    let mut device = Device::new();
    device.done(Type::Insert, device.exact(1, device.drop()));
    let entity = |kind| v1::Entity { entity: Some(kind) };
    let good = entity(Kind::TableEntry(v1::TableEntry {
        table_id: device.table("exact_one"),
        ..Default::default()
    }));
    let bad = entity(Kind::CounterEntry(v1::CounterEntry { counter_id: 1, ..Default::default() }));
    let entities = vec![bad, good.clone(), v1::Entity { entity: None }, good];
    let request = v1::ReadRequest { device_id: 1, role: String::new(), entities };
    let mut answers = device.core.read(0, &request).expect("reads");
    assert_eq!(answers.next().expect("one").expect("valid").entities.len(), 2);
    let status = answers.next().expect("the end").expect_err("two were wrong");
    assert_eq!(codes(&status), [Code::InvalidArgument, Code::Ok, Code::InvalidArgument, Code::Ok]);
    assert!(answers.next().is_none());
}
