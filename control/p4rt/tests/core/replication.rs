//! Sections 9.5, 9.6, 9.8 and 9.9: replication, value sets, digests' configuration, externs.

use heddle_p4rt::proto::rpc::Code;
use heddle_p4rt::proto::v1;
use heddle_p4rt::proto::v1::entity::Entity as Kind;
use heddle_p4rt::proto::v1::packet_replication_engine_entry::Type as Replication;
use heddle_p4rt::proto::v1::replica::PortKind;
use heddle_p4rt::proto::v1::update::Type;

use crate::fixture::{Device, exact, ternary};

fn replica(port: u8, instance: u32) -> v1::Replica {
    v1::Replica { port_kind: Some(PortKind::Port(vec![port])), instance, backup_replicas: vec![] }
}

fn group(id: u32, replicas: Vec<v1::Replica>) -> v1::MulticastGroupEntry {
    v1::MulticastGroupEntry { multicast_group_id: id, replicas, metadata: b"m".to_vec() }
}

fn groups(read: Vec<Kind>) -> Vec<v1::MulticastGroupEntry> {
    let groups = read.into_iter().map(|kind| match kind {
        Kind::PacketReplicationEngineEntry(entry) => match entry.r#type {
            Some(Replication::MulticastGroupEntry(group)) => group,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    });
    groups.collect()
}

#[test]
fn multicast_groups_are_written_and_read() {
    let mut device = Device::new();
    let backup = |port: u8, instance| v1::BackupReplica { port: vec![port], instance };
    let with_backups = v1::Replica { backup_replicas: vec![backup(4, 5), backup(3, 6)], ..replica(2, 1) };
    let old = v1::Replica { port_kind: Some(PortKind::EgressPort(9)), ..replica(9, 0) };
    let one = group(1, vec![with_backups, replica(5, 1), old]);
    device.done(Type::Insert, one.clone());
    assert_eq!(
        groups(device.read(one.clone())),
        std::slice::from_ref(&one),
        "ports as they were written, backups in order"
    );
    assert_eq!(device.refused(Type::Insert, one.clone()).0, Code::AlreadyExists);
    device.done(Type::Insert, group(2, vec![]));
    assert_eq!(groups(device.read(v1::MulticastGroupEntry::default())).len(), 2);
    let changed = v1::MulticastGroupEntry { metadata: vec![], ..group(1, vec![replica(7, 7)]) };
    device.done(Type::Modify, changed.clone());
    assert_eq!(groups(device.read(one.clone())), [changed]);
    assert_eq!(device.refused(Type::Modify, group(3, vec![])).0, Code::NotFound);
    assert_eq!(device.refused(Type::Delete, group(3, vec![])).0, Code::NotFound);
    device.done(Type::Delete, one.clone());
    assert_eq!(groups(device.read(one)), []);
    for (replicas, part) in [
        (vec![replica(1, 1), replica(1, 1)], "twice"),
        (vec![replica(1, 0x1_0000)], "65535"),
        (vec![v1::Replica { backup_replicas: vec![backup(1, 2)], ..replica(1, 1) }], "same port"),
        (vec![v1::Replica { port_kind: None, ..replica(1, 1) }], "no port"),
    ] {
        let (code, message) = device.refused(Type::Insert, group(4, replicas));
        assert_eq!(code, Code::InvalidArgument);
        assert!(message.contains(part) && message.contains("multicast group 4"), "{message}");
    }
    assert_eq!(device.refused(Type::Insert, group(0, vec![])).0, Code::InvalidArgument);
}

#[test]
fn clone_sessions_are_written_and_read() {
    let mut device = Device::new();
    let session = |session_id, class_of_service, packet_length_bytes| v1::CloneSessionEntry {
        session_id,
        replicas: vec![replica(3, 1)],
        class_of_service,
        packet_length_bytes,
    };
    let entity = |session| {
        Kind::PacketReplicationEngineEntry(v1::PacketReplicationEngineEntry {
            r#type: Some(Replication::CloneSessionEntry(session)),
        })
    };
    let read = device.echo(Type::Insert, session(57, 2, 128), session(57, 0, 0));
    assert_eq!(read, entity(session(57, 2, 128)));
    let read = device.echo(Type::Modify, session(57, 7, 0), v1::CloneSessionEntry::default());
    assert_eq!(read, entity(session(57, 7, 0)));
    assert_eq!(device.refused(Type::Insert, session(1, 8, 0)).0, Code::InvalidArgument);
    assert_eq!(device.refused(Type::Insert, session(1, 0, -1)).0, Code::InvalidArgument);
    assert_eq!(device.refused(Type::Insert, session(0, 0, 0)).0, Code::InvalidArgument);
    assert_eq!(device.refused(Type::Delete, session(1, 0, 0)).0, Code::NotFound);
    device.done(Type::Insert, group(1, vec![]));
    assert_eq!(device.read(v1::PacketReplicationEngineEntry::default()).len(), 2, "both kinds");
    assert!(device.update(Type::Insert, v1::PacketReplicationEngineEntry::default()).is_err());
}

#[test]
fn value_sets_are_replaced_as_a_whole() {
    let mut device = Device::new();
    let value_set_id = device.id("types");
    let set = |values: &[u8]| v1::ValueSetEntry {
        value_set_id,
        members: values
            .iter()
            .map(|value| v1::ValueSetMember { r#match: vec![exact(1, &[*value])] })
            .collect(),
    };
    assert_eq!(device.echo(Type::Modify, set(&[1, 2]), set(&[])), Kind::ValueSetEntry(set(&[1, 2])));
    let all = v1::ValueSetEntry::default();
    assert_eq!(device.echo(Type::Modify, set(&[3]), all.clone()), Kind::ValueSetEntry(set(&[3])));
    assert_eq!(device.refused(Type::Modify, set(&[1, 1])).0, Code::AlreadyExists);
    assert_eq!(device.refused(Type::Modify, set(&[1, 2, 3, 4, 5])).0, Code::ResourceExhausted);
    assert_eq!(device.refused(Type::Insert, set(&[1])).0, Code::InvalidArgument);
    assert_eq!(device.refused(Type::Delete, set(&[1])).0, Code::InvalidArgument);
    let wrong = v1::ValueSetMember { r#match: vec![ternary(1, &[1], &[1])] };
    let wrong = v1::ValueSetEntry { value_set_id, members: vec![wrong] };
    assert_eq!(device.refused(Type::Modify, wrong).0, Code::InvalidArgument);
    assert_eq!(device.echo(Type::Modify, set(&[]), all), Kind::ValueSetEntry(set(&[])));
}

#[test]
fn digests_are_switched_on_and_off() {
    let mut device = Device::new();
    let digest_id = device.id("seen_t");
    let config = v1::digest_entry::Config { max_timeout_ns: 1, max_list_size: 2, ack_timeout_ns: 3 };
    let entry = |config| v1::DigestEntry { digest_id, config };
    assert_eq!(device.refused(Type::Modify, entry(Some(config))).0, Code::NotFound);
    assert_eq!(device.refused(Type::Delete, entry(None)).0, Code::NotFound);
    let read = device.echo(Type::Insert, entry(Some(config)), entry(None));
    assert_eq!(read, Kind::DigestEntry(entry(Some(config))));
    assert_eq!(device.refused(Type::Insert, entry(Some(config))).0, Code::AlreadyExists);
    let negative = v1::digest_entry::Config { max_timeout_ns: -1, ..config };
    assert_eq!(device.refused(Type::Modify, entry(Some(negative))).0, Code::InvalidArgument);
    assert_eq!(device.read(v1::DigestEntry::default()).len(), 1);
    device.done(Type::Delete, entry(None));
    assert_eq!(device.read(v1::DigestEntry::default()).len(), 0);
}

#[test]
fn externs_have_no_entries() {
    let mut device = Device::new();
    let entry = v1::ExternEntry { extern_type_id: 0x81, extern_id: 1, entry: None };
    assert_eq!(device.refused(Type::Insert, entry.clone()).0, Code::Unimplemented);
    let error = device.try_read(entry).expect_err("there are none");
    assert_eq!(error.canonical_code, i32::from(Code::Unimplemented));
    assert_eq!(device.read(v1::ExternEntry::default()).len(), 0, "all of none");
}
