//! Section 9.2: members, groups and one-shot groups.

use heddle_p4rt::proto::rpc::Code;
use heddle_p4rt::proto::v1;
use heddle_p4rt::proto::v1::action_profile_group::Member;
use heddle_p4rt::proto::v1::action_profile_group::member::WatchKind;
use heddle_p4rt::proto::v1::entity::Entity as Kind;
use heddle_p4rt::proto::v1::table_action::Type as Does;
use heddle_p4rt::proto::v1::update::Type;

use crate::fixture::{Device, action, bytes, direct, exact};

fn member(device: &Device, member_id: u32) -> v1::ActionProfileMember {
    let action_profile_id = device.id("paths");
    v1::ActionProfileMember {
        action_profile_id,
        member_id,
        action: Some(device.forward(u64::from(member_id), 1)),
    }
}

fn group(device: &Device, group_id: u32, members: Vec<Member>) -> v1::ActionProfileGroup {
    v1::ActionProfileGroup { action_profile_id: device.id("paths"), group_id, members, max_size: 8 }
}

fn of(member_id: u32, weight: i32) -> Member {
    Member { member_id, weight, watch_kind: None }
}

fn balance(device: &Device, kind: u64, does: Does) -> v1::TableEntry {
    v1::TableEntry {
        table_id: device.table("balance"),
        r#match: vec![exact(1, &bytes(kind))],
        action: Some(v1::TableAction { r#type: Some(does) }),
        ..Default::default()
    }
}

fn one_shot(device: &Device, weights: &[i32]) -> v1::ActionProfileActionSet {
    let actions = weights.iter().map(|weight| v1::ActionProfileAction {
        action: Some(device.forward(1, 1)),
        weight: *weight,
        watch_kind: Some(v1::action_profile_action::WatchKind::WatchPort(vec![2])),
    });
    v1::ActionProfileActionSet { action_profile_actions: actions.collect(), ..Default::default() }
}

#[test]
fn members_are_written_and_read() {
    let mut device = Device::new();
    let one = member(&device, 1);
    assert_eq!(device.echo(Type::Insert, one.clone(), one.clone()), Kind::ActionProfileMember(one.clone()));
    assert_eq!(device.refused(Type::Insert, one.clone()).0, Code::AlreadyExists);
    let changed = v1::ActionProfileMember { action: Some(device.drop()), ..one.clone() };
    assert_eq!(device.echo(Type::Modify, changed.clone(), one.clone()), Kind::ActionProfileMember(changed));
    device.done(Type::Insert, member(&device, 2));
    let asked = v1::ActionProfileMember { action_profile_id: one.action_profile_id, ..Default::default() };
    assert_eq!(device.read(asked).len(), 2);
    assert_eq!(device.read(v1::ActionProfileMember::default()).len(), 2, "of all profiles");
    assert_eq!(device.refused(Type::Modify, member(&device, 3)).0, Code::NotFound);
    assert_eq!(device.refused(Type::Delete, member(&device, 3)).0, Code::NotFound);
    assert_eq!(device.refused(Type::Insert, member(&device, 0)).0, Code::InvalidArgument);
    let none = v1::ActionProfileMember { action: None, ..member(&device, 3) };
    assert_eq!(device.refused(Type::Insert, none).0, Code::InvalidArgument);
    let wrong = action(device.action("set_vrf"), &[b"a", &[1]]);
    let wrong = v1::ActionProfileMember { action: Some(wrong), ..member(&device, 3) };
    assert_eq!(device.refused(Type::Insert, wrong).0, Code::InvalidArgument);
    device.done(Type::Delete, v1::ActionProfileMember { action: None, ..member(&device, 1) });
}

#[test]
fn a_full_profile_says_so() {
    let mut device = Device::new();
    let shared = device.id("shared");
    for id in 1..=4 {
        device
            .done(Type::Insert, v1::ActionProfileMember { action_profile_id: shared, ..member(&device, id) });
    }
    let one_more = v1::ActionProfileMember { action_profile_id: shared, ..member(&device, 5) };
    assert_eq!(device.refused(Type::Insert, one_more).0, Code::ResourceExhausted);
    let no_selector = v1::ActionProfileGroup { action_profile_id: shared, group_id: 1, ..Default::default() };
    assert_eq!(device.refused(Type::Insert, no_selector).0, Code::InvalidArgument);
}

#[test]
fn groups_are_written_and_read() {
    let mut device = Device::new();
    device.done(Type::Insert, member(&device, 1));
    device.done(Type::Insert, member(&device, 2));
    let watched = Member { watch_kind: Some(WatchKind::WatchPort(vec![5])), ..of(2, 3) };
    let one = group(&device, 1, vec![of(1, 1), watched]);
    assert_eq!(device.echo(Type::Insert, one.clone(), one.clone()), Kind::ActionProfileGroup(one.clone()));
    assert_eq!(device.refused(Type::Insert, one.clone()).0, Code::AlreadyExists);
    let changed = group(&device, 1, vec![of(2, 1)]);
    assert_eq!(device.echo(Type::Modify, changed.clone(), one.clone()), Kind::ActionProfileGroup(changed));
    assert_eq!(device.read(v1::ActionProfileGroup::default()).len(), 1);
    let resized = v1::ActionProfileGroup { max_size: 9, ..one.clone() };
    assert_eq!(device.refused(Type::Modify, resized).0, Code::InvalidArgument);
    assert_eq!(device.refused(Type::Modify, group(&device, 2, vec![])).0, Code::NotFound);
    assert_eq!(device.refused(Type::Delete, group(&device, 2, vec![])).0, Code::NotFound);
    for (members, code) in [
        (vec![of(9, 1)], Code::NotFound),
        (vec![of(1, 0)], Code::InvalidArgument),
        (vec![of(1, -1)], Code::InvalidArgument),
        (vec![of(1, 1), of(1, 1)], Code::InvalidArgument),
        (vec![of(1, 9)], Code::InvalidArgument),
        (
            vec![Member { watch_kind: Some(WatchKind::WatchPort(vec![99])), ..of(1, 1) }],
            Code::InvalidArgument,
        ),
    ] {
        let (found, message) = device.refused(Type::Insert, group(&device, 2, members));
        assert_eq!(found, code, "{message}");
    }
    let large = v1::ActionProfileGroup { max_size: 11, ..group(&device, 2, vec![]) };
    assert_eq!(device.refused(Type::Insert, large).0, Code::InvalidArgument);
    assert_eq!(device.refused(Type::Insert, group(&device, 0, vec![])).0, Code::InvalidArgument);
    device.done(Type::Insert, group(&device, 3, vec![]));
}

#[test]
fn sizes_count_members_where_the_program_says_so() {
    let mut device = Device::new();
    let action_profile_id = device.id("few");
    for id in 1..=4 {
        device.done(Type::Insert, v1::ActionProfileMember { action_profile_id, ..member(&device, id) });
    }
    let group = |members: &[(u32, i32)], max_size| v1::ActionProfileGroup {
        action_profile_id,
        group_id: 1,
        members: members.iter().map(|(id, weight)| of(*id, *weight)).collect(),
        max_size,
    };
    let heavy = group(&[(1, 100), (2, 90), (3, 1)], 3);
    assert_eq!(device.echo(Type::Insert, heavy.clone(), heavy.clone()), Kind::ActionProfileGroup(heavy));
    assert_eq!(
        device.refused(Type::Modify, group(&[(1, 1), (2, 1), (3, 1), (4, 1)], 3)).0,
        Code::InvalidArgument
    );
    let (code, message) = device.refused(Type::Modify, group(&[(1, 101)], 3));
    assert_eq!(code, Code::InvalidArgument);
    assert!(message.contains("101") && message.contains("`I.few`"), "{message}");
    assert_eq!(device.refused(Type::Modify, group(&[(1, 1)], 2)).0, Code::InvalidArgument, "max_size stays");
}

#[test]
fn the_old_name_of_a_watch_port_is_taken() {
    let mut device = Device::new();
    device.done(Type::Insert, member(&device, 1));
    let watched = |kind| group(&device, 1, vec![Member { watch_kind: Some(kind), ..of(1, 1) }]);
    let (old, new) = (watched(WatchKind::Watch(5)), watched(WatchKind::WatchPort(vec![5])));
    assert_eq!(device.echo(Type::Insert, old.clone(), old), Kind::ActionProfileGroup(new));
}

#[test]
fn what_is_brought_back_may_watch_ports_that_are_not_there_yet() {
    let mut device = Device::new();
    device.done(Type::Insert, member(&device, 1));
    let watched = Member { watch_kind: Some(WatchKind::WatchPort(vec![99])), ..of(1, 1) };
    let group = group(&device, 1, vec![watched]);
    assert_eq!(device.refused(Type::Insert, group.clone()).0, Code::InvalidArgument);
    let update = crate::fixture::update(Type::Insert, group.clone());
    let dry = device.core.validate(std::slice::from_ref(&update));
    assert!(dry.is_err(), "what is only asked is checked as a controller's");
    let written = device.core.write_locally(0, &[update], Default::default());
    assert_eq!(written.applied, [true]);
    assert_eq!(device.read(group.clone()), [Kind::ActionProfileGroup(group)]);
}

/// The action that a packet of `kind` runs, with its arguments, for each of these hashes.
fn picked(
    device: &Device,
    table: &str,
    kind: u64,
    hashes: std::ops::Range<u64>,
) -> Vec<Option<(String, Vec<u64>)>> {
    let state = device.core.state().expect("a program");
    let (id, table) =
        state.program().tables.iter().find(|(_, t)| t.control.name.ends_with(table)).expect("it is there");
    let snapshot = state.pin();
    let pick = |hash| {
        let found = state.select(&snapshot, state.lookup(&snapshot, id, &[kind]), hash);
        let action = &state.program().actions[table.actions[found.action?].action];
        Some((action.control.name.clone(), found.args.to_vec()))
    };
    hashes.map(pick).collect()
}

#[test]
fn members_of_a_group_have_their_share_and_give_it_up_with_their_port() {
    let mut device = Device::new();
    device.done(Type::Insert, member(&device, 1));
    device.done(Type::Insert, v1::ActionProfileMember { action: Some(device.drop()), ..member(&device, 2) });
    let watch = |port: u8, id, weight| Member {
        watch_kind: Some(WatchKind::WatchPort(vec![port])),
        ..of(id, weight)
    };
    device.done(Type::Insert, group(&device, 1, vec![watch(5, 1, 3), watch(6, 2, 1)]));
    device.done(Type::Insert, balance(&device, 7, Does::ActionProfileGroupId(1)));
    let count = |device: &Device, name: &str| {
        let all = picked(device, "balance", 7, 0..400);
        all.iter().flatten().filter(|(action, _)| action.ends_with(name)).count()
    };
    // Different actions stand in one group (9.2.4), each in the share of its weight.
    assert_eq!((count(&device, "forward"), count(&device, "drop")), (300, 100));
    device.core.port(0, 5, false);
    assert_eq!((count(&device, "forward"), count(&device, "drop")), (0, 400));
    device.core.port(0, 6, false);
    assert_eq!(picked(&device, "balance", 7, 0..400), vec![None; 400], "no port is up: nothing runs");
    device.core.port(0, 5, true);
    assert_eq!((count(&device, "forward"), count(&device, "drop")), (400, 0));
}

#[test]
fn what_is_in_use_stays() {
    let mut device = Device::new();
    device.done(Type::Insert, member(&device, 1));
    device.done(Type::Insert, group(&device, 1, vec![of(1, 1)]));
    let entry = balance(&device, 7, Does::ActionProfileGroupId(1));
    assert_eq!(device.echo(Type::Insert, entry.clone(), entry.clone()), Kind::TableEntry(entry.clone()));
    let (code, message) = device.refused(Type::Delete, member(&device, 1));
    assert_eq!(code, Code::FailedPrecondition);
    assert!(message.contains("in use"), "{message}");
    assert_eq!(device.refused(Type::Delete, group(&device, 1, vec![])).0, Code::FailedPrecondition);
    let missing = balance(&device, 8, Does::ActionProfileMemberId(9));
    assert_eq!(device.refused(Type::Insert, missing).0, Code::NotFound);
    let missing = balance(&device, 8, Does::ActionProfileGroupId(9));
    assert_eq!(device.refused(Type::Insert, missing).0, Code::NotFound);
    let plain = v1::TableEntry {
        action: Some(direct(device.drop())),
        ..balance(&device, 8, Does::ActionProfileMemberId(1))
    };
    assert_eq!(device.refused(Type::Insert, plain).0, Code::InvalidArgument);
    device.done(Type::Delete, entry);
    device.done(Type::Delete, group(&device, 1, vec![]));
    device.done(Type::Delete, member(&device, 1));
}

#[test]
fn one_shot_groups_are_read_as_they_were_written() {
    let mut device = Device::new();
    let set = v1::ActionProfileActionSet {
        action_selection_mode: 1,
        size_semantics: 1,
        ..one_shot(&device, &[2, 3, 2])
    };
    let entry = balance(&device, 7, Does::ActionProfileActionSet(set));
    assert_eq!(device.echo(Type::Insert, entry.clone(), entry.clone()), Kind::TableEntry(entry.clone()));
    for (set, code) in [
        (one_shot(&device, &[0]), Code::InvalidArgument),
        (one_shot(&device, &[6, 5]), Code::InvalidArgument),
        (
            v1::ActionProfileActionSet { action_selection_mode: 2, ..one_shot(&device, &[1]) },
            Code::Unimplemented,
        ),
        (v1::ActionProfileActionSet { size_semantics: 2, ..one_shot(&device, &[1]) }, Code::Unimplemented),
        (
            v1::ActionProfileActionSet { group_action: Some(device.drop()), ..one_shot(&device, &[1]) },
            Code::Unimplemented,
        ),
    ] {
        let refused = balance(&device, 8, Does::ActionProfileActionSet(set));
        assert_eq!(device.refused(Type::Insert, refused).0, code);
    }
    // One style of programming excludes the other.
    assert_eq!(device.refused(Type::Insert, member(&device, 1)).0, Code::InvalidArgument);
    device.done(Type::Delete, entry);
    device.done(Type::Insert, member(&device, 1));
    let entry = balance(&device, 7, Does::ActionProfileActionSet(one_shot(&device, &[1])));
    assert_eq!(device.refused(Type::Insert, entry).0, Code::InvalidArgument);
}
