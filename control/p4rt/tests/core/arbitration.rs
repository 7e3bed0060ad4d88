//! Chapter 5: who is primary, and who is told.

use heddle_p4rt::proto::heddle::RoleConfig;
use heddle_p4rt::proto::prost::Message as _;
use heddle_p4rt::proto::rpc::Code;
use heddle_p4rt::proto::v1::stream_message_response::Update as Outgoing;
use heddle_p4rt::proto::v1::update::Type;
use heddle_p4rt::proto::{Any, v1};
use heddle_p4rt::{Config, Core, StreamId};

use crate::fixture::{Device, ELECTION, Remembers, arbitration, code, codes, empty, ended, sent, update};

fn id(low: u64) -> Option<v1::Uint128> {
    Some(v1::Uint128 { high: 0, low })
}

fn join(core: &mut Core<Remembers>, role: Option<v1::Role>, election_id: Option<v1::Uint128>) -> StreamId {
    let stream = core.open_stream(0);
    core.stream_message(0, stream, arbitration(role, election_id));
    stream
}

/// Code and highest election id of every notification that waits.
fn told(core: &mut Core<Remembers>, stream: StreamId) -> Vec<(Code, Option<u64>)> {
    let told = sent(core, stream).into_iter().map(|update| match update {
        Outgoing::Arbitration(update) => {
            let status = update.status.expect("the server sets it");
            (Code::try_from(status.code).expect("a code"), update.election_id.map(|id| id.low))
        }
        other => panic!("{other:?}"),
    });
    told.collect()
}

#[test]
fn the_highest_election_id_is_primary_and_all_are_told() {
    let mut core = empty();
    let first = join(&mut core, None, id(5));
    assert_eq!(told(&mut core, first), [(Code::Ok, Some(5))]);
    let backup = join(&mut core, None, id(4));
    assert_eq!(told(&mut core, backup), [(Code::AlreadyExists, Some(5))]);
    assert_eq!(told(&mut core, first), [], "nothing has changed for it");
    let second = join(&mut core, None, id(6));
    assert_eq!(told(&mut core, second), [(Code::Ok, Some(6))]);
    assert_eq!(told(&mut core, first), [(Code::AlreadyExists, Some(6))]);
    assert_eq!(told(&mut core, backup), [(Code::AlreadyExists, Some(6))]);
}

#[test]
fn without_the_primary_there_is_none_until_an_id_as_high_comes() {
    let mut core = empty();
    let first = join(&mut core, None, id(5));
    let backup = join(&mut core, None, id(4));
    told(&mut core, backup);
    core.close_stream(0, first);
    assert_eq!(told(&mut core, backup), [(Code::NotFound, Some(5))]);
    let lower = join(&mut core, None, id(3));
    assert_eq!(told(&mut core, lower), [(Code::NotFound, Some(5))]);
    let again = join(&mut core, None, id(5));
    assert_eq!(told(&mut core, again), [(Code::Ok, Some(5))]);
    assert_eq!(told(&mut core, backup), [(Code::AlreadyExists, Some(5))]);
}

#[test]
fn a_device_may_have_the_number_zero() {
    let mut core = Core::new(Config { device_id: 0, ..Config::default() }, Remembers::default());
    let stream = core.open_stream(0);
    let mut message = arbitration(None, id(1));
    if let Some(v1::stream_message_request::Update::Arbitration(update)) = &mut message.update {
        update.device_id = 0;
    }
    core.stream_message(0, stream, message);
    assert_eq!(told(&mut core, stream), [(Code::Ok, Some(1))]);
    // And it is no wildcard for others.
    let core = empty();
    let request = v1::ReadRequest { device_id: 0, ..Default::default() };
    assert_eq!(code(&core.read(0, &request).expect_err("another device")), Code::NotFound);
}

#[test]
fn what_a_primary_wrote_is_done_before_another_is_told_of_its_turn() {
    let mut device = Device::new();
    device.done(Type::Insert, device.exact(1, device.drop()));
    let next = join(&mut device.core, None, id(11));
    // Both are told in the order of what has happened: the write is in the state by then.
    assert_eq!(told(&mut device.core, next), [(Code::Ok, Some(11))]);
    let table_id = device.table("exact_one");
    assert_eq!(device.read(v1::TableEntry { table_id, ..Default::default() }).len(), 1);
    let late = vec![update(Type::Insert, device.exact(2, device.drop()))];
    let status = device.write(late, Default::default()).expect_err("its turn is over");
    assert_eq!(code(&status), Code::PermissionDenied);
    assert_eq!(device.read(v1::TableEntry { table_id, ..Default::default() }).len(), 1);
}

#[test]
fn a_primary_may_step_down() {
    let mut core = empty();
    let first = join(&mut core, None, id(5));
    let backup = join(&mut core, None, id(4));
    told(&mut core, first);
    told(&mut core, backup);
    core.stream_message(0, first, arbitration(None, id(1)));
    assert_eq!(told(&mut core, first), [(Code::NotFound, Some(5))]);
    assert_eq!(told(&mut core, backup), [(Code::NotFound, Some(5))]);
}

#[test]
fn an_unset_election_id_is_a_backup_and_zero_is_an_id() {
    let mut core = empty();
    let unset = join(&mut core, None, None);
    assert_eq!(told(&mut core, unset), [(Code::NotFound, None)], "there has never been a primary");
    let zero = join(&mut core, None, id(0));
    assert_eq!(told(&mut core, zero), [(Code::Ok, Some(0))]);
    assert_eq!(told(&mut core, unset), [(Code::AlreadyExists, Some(0))]);
}

#[test]
fn an_election_id_in_use_ends_the_stream() {
    let mut core = empty();
    join(&mut core, None, id(5));
    let twin = join(&mut core, None, id(5));
    let status = ended(&mut core, twin);
    assert_eq!(code(&status), Code::InvalidArgument);
    // Controllers look for these words.
    assert!(status.message.contains("election id 5 is used"), "{}", status.message);
    let role = Some(v1::Role { name: "other".to_owned(), ..Default::default() });
    let other = join(&mut core, role, id(5));
    assert_eq!(told(&mut core, other), [(Code::Ok, Some(5))], "another role has ids of its own");
}

#[test]
fn another_device_or_role_ends_the_stream() {
    let mut core = empty();
    let stream = core.open_stream(0);
    let mut message = arbitration(None, id(1));
    if let Some(v1::stream_message_request::Update::Arbitration(update)) = &mut message.update {
        update.device_id = 9;
    }
    core.stream_message(0, stream, message.clone());
    assert_eq!(code(&ended(&mut core, stream)), Code::NotFound);

    let stream = join(&mut core, None, id(1));
    core.stream_message(0, stream, message);
    assert_eq!(code(&ended(&mut core, stream)), Code::FailedPrecondition);

    let stream = join(&mut core, None, id(2));
    let role = Some(v1::Role { name: "other".to_owned(), ..Default::default() });
    core.stream_message(0, stream, arbitration(role, id(2)));
    assert_eq!(code(&ended(&mut core, stream)), Code::FailedPrecondition);
}

#[test]
fn a_primary_whose_stream_is_ended_is_none_any_more() {
    let mut core = empty();
    let backup = join(&mut core, None, id(1));
    let first = join(&mut core, None, id(5));
    told(&mut core, backup);
    let role = Some(v1::Role { name: "other".to_owned(), ..Default::default() });
    core.stream_message(0, first, arbitration(role, id(5)));
    assert_eq!(told(&mut core, backup), [(Code::NotFound, Some(5))]);
    ended(&mut core, first);
    core.close_stream(0, first);
    assert_eq!(told(&mut core, backup), []);
}

#[test]
fn streams_of_a_role_are_limited() {
    let mut core = Core::new(Config { streams_per_role: 2, ..Config::default() }, Remembers::default());
    join(&mut core, None, id(1));
    let second = join(&mut core, None, id(2));
    let third = join(&mut core, None, id(3));
    assert_eq!(code(&ended(&mut core, third)), Code::ResourceExhausted);
    core.close_stream(0, second);
    let fourth = join(&mut core, None, id(4));
    assert_eq!(told(&mut core, fourth), [(Code::Ok, Some(4))]);
}

#[test]
fn a_stream_is_ready_once_until_it_was_found_empty() {
    let mut core = empty();
    let stream = join(&mut core, None, id(1));
    core.stream_message(0, stream, arbitration(None, id(2)));
    assert_eq!(core.take_ready(), Some(stream));
    assert_eq!(core.take_ready(), None);
    assert_eq!(told(&mut core, stream).len(), 2);
    core.stream_message(0, stream, arbitration(None, id(3)));
    assert_eq!(core.take_ready(), Some(stream));
}

#[test]
fn messages_that_find_no_room_are_dropped_but_not_those_of_arbitration() {
    let config = Config { stream_messages: 2, ..Config::default() };
    let mut device = Device::with(config);
    let primary = device.primary;
    for _ in 0..5 {
        device.core.packet_in(0, vec![0, 0, 1].into());
    }
    assert_eq!(device.core.dropped(), 3);
    device.core.stream_message(0, primary, arbitration(None, Some(ELECTION)));
    let waiting = sent(&mut device.core, primary);
    assert_eq!(waiting.len(), 2);
    assert!(matches!(waiting.last(), Some(Outgoing::Arbitration(_))));
}

#[test]
fn only_the_primary_writes() {
    let mut device = Device::new();
    let write = |device: &mut Device, request: v1::WriteRequest| {
        code(&device.core.write(0, &request).result.expect_err("refused"))
    };
    let request = v1::WriteRequest { device_id: 1, election_id: Some(ELECTION), ..Default::default() };
    assert!(device.core.write(0, &request).result.is_ok(), "an empty batch");
    assert_eq!(write(&mut device, v1::WriteRequest { device_id: 2, ..request.clone() }), Code::NotFound);
    assert_eq!(
        write(&mut device, v1::WriteRequest { role: "nobody".to_owned(), ..request.clone() }),
        Code::NotFound
    );
    assert_eq!(
        write(&mut device, v1::WriteRequest { election_id: id(9), ..request.clone() }),
        Code::PermissionDenied
    );
    assert_eq!(
        write(&mut device, v1::WriteRequest { election_id: None, ..request.clone() }),
        Code::PermissionDenied
    );
    let primary = device.primary;
    device.core.close_stream(0, primary);
    assert_eq!(write(&mut device, request), Code::PermissionDenied);
}

#[test]
fn a_role_has_what_its_config_lists() {
    let mut device = Device::new();
    let limits = RoleConfig {
        objects: vec!["exact_one".to_owned(), "multicast_groups".to_owned()],
        ..Default::default()
    };
    let config = Any {
        type_url: "type.googleapis.com/heddle.v1.RoleConfig".to_owned(),
        value: limits.encode_to_vec(),
    };
    let role = v1::Role { name: "edge".to_owned(), config: Some(config.clone()), ..Default::default() };
    let stream = join(&mut device.core, Some(role), id(3));
    match sent(&mut device.core, stream).as_slice() {
        [Outgoing::Arbitration(update)] => {
            let role = update.role.as_ref().expect("a role");
            assert_eq!((role.name.as_str(), role.config.as_ref()), ("edge", Some(&config)));
        }
        other => panic!("{other:?}"),
    }
    let own = device.exact(1, device.drop());
    let others = v1::TableEntry { table_id: device.table("route"), ..own.clone() };
    let session = v1::CloneSessionEntry { session_id: 1, ..Default::default() };
    let group = v1::MulticastGroupEntry { multicast_group_id: 1, ..Default::default() };
    let updates = vec![
        update(Type::Insert, own),
        update(Type::Insert, others),
        update(Type::Insert, session),
        update(Type::Insert, group),
    ];
    let request = v1::WriteRequest {
        device_id: 1,
        role: "edge".to_owned(),
        election_id: id(3),
        updates,
        ..Default::default()
    };
    let status = device.core.write(0, &request).result.expect_err("two are not its own");
    assert_eq!(codes(&status), [Code::Ok, Code::PermissionDenied, Code::PermissionDenied, Code::Ok]);
    device.core.packet_in(0, vec![0, 0, 1].into());
    assert_eq!(sent(&mut device.core, stream), [], "it is given no packets");

    // Reads are filtered by the role.
    let entities =
        vec![v1::Entity { entity: Some(v1::entity::Entity::TableEntry(v1::TableEntry::default())) }];
    let request = v1::ReadRequest { device_id: 1, role: "edge".to_owned(), entities };
    let read =
        device.core.read(0, &request).expect("reads").map(|message| message.expect("valid").entities.len());
    assert_eq!(read.sum::<usize>(), 1);
}

#[test]
fn a_role_may_have_stratums_config() {
    use heddle_p4rt::proto::stratum::P4RoleConfig;
    let mut device = Device::new();
    let config = P4RoleConfig {
        exclusive_p4_ids: vec![device.table("exact_one")],
        receives_packet_ins: true,
        ..Default::default()
    };
    let type_url = "type.googleapis.com/stratum.P4RoleConfig".to_owned();
    let config = Some(Any { type_url, value: config.encode_to_vec() });
    let role = v1::Role { name: "role1".to_owned(), config: config.clone(), ..Default::default() };
    let stream = join(&mut device.core, Some(role), id(1));
    let Some(Outgoing::Arbitration(told)) = sent(&mut device.core, stream).pop() else {
        panic!("it is told")
    };
    assert_eq!(told.role.expect("it is named").config, config, "as it was given");
    let write = |device: &Device, entry| v1::WriteRequest {
        device_id: device.core.config().device_id,
        role: "role1".to_owned(),
        election_id: id(1),
        updates: vec![update(Type::Insert, entry)],
        ..Default::default()
    };
    let request = write(&device, device.exact(1, device.drop()));
    device.core.write(0, &request).result.expect("the table is its own");
    let other = v1::TableEntry { table_id: device.table("acl"), ..device.exact(1, device.drop()) };
    let request = write(&device, other);
    assert_eq!(
        codes(&device.core.write(0, &request).result.expect_err("not its own")),
        [Code::PermissionDenied]
    );
    device.core.packet_in(0, vec![0x82, 0x83, 9].into());
    assert!(matches!(sent(&mut device.core, stream).as_slice(), [Outgoing::Packet(_)]));
    let request = v1::SetForwardingPipelineConfigRequest {
        device_id: 1,
        role: "role1".to_owned(),
        election_id: id(1),
        action: 1,
        ..Default::default()
    };
    let status = device.core.set_forwarding_pipeline_config(0, &request).expect_err("it may not");
    assert_eq!(code(&status), Code::PermissionDenied);
}

#[test]
fn a_role_config_of_another_scheme_ends_the_stream() {
    let mut core = empty();
    for (type_url, value) in
        [("type.googleapis.com/other.Config", vec![]), ("x/heddle.v1.RoleConfig", vec![0xff])]
    {
        let config = Any { type_url: type_url.to_owned(), value };
        let role = v1::Role { name: "edge".to_owned(), config: Some(config), ..Default::default() };
        let stream = join(&mut core, Some(role), id(1));
        assert_eq!(code(&ended(&mut core, stream)), Code::InvalidArgument);
    }
}
