//! `--state` with every kind of thing that is kept: all of it comes back, after a clean stop and after `kill -9`.

use std::time::{Duration, Instant};

use heddle_p4rt_proto::v1;
use heddle_p4rt_proto::v1::entity::Entity;
use heddle_p4rt_proto::v1::field_match::{Exact, FieldMatchType};
use heddle_p4rt_proto::v1::packet_replication_engine_entry::Type as Replication;
use heddle_p4rt_proto::v1::replica::PortKind;
use heddle_p4rt_proto::v1::table_action::Type as Does;
use heddle_p4rt_proto::v1::update::Type;

use crate::served::{Controller, Switch, update};

/// A program with an object of every kind that controllers write to.
const PROGRAM: &str = "control/p4rt/tests/core/program.p4";
/// How often a switch is killed.
const KILLS: u64 = 10;

/// Ids by name.
struct Ids(Vec<(String, u32)>);

impl Ids {
    fn new(controller: &mut Controller) -> Ids {
        let info = controller.p4info();
        let mut ids = Vec::new();
        macro_rules! all {
            ($($kind:ident),*) => { $(
                let named = info.$kind.iter().filter_map(|object| object.preamble.as_ref());
                ids.extend(named.map(|preamble| (preamble.alias.clone(), preamble.id)));
            )* };
        }
        all!(tables, actions, action_profiles, meters, registers, value_sets, digests);
        Ids(ids)
    }

    fn of(&self, name: &str) -> u32 {
        self.0.iter().find(|(known, _)| known == name).unwrap_or_else(|| panic!("no {name}")).1
    }

    fn drop(&self) -> v1::Action {
        v1::Action { action_id: self.of("drop"), params: Vec::new() }
    }

    fn forward(&self, port: u8) -> v1::Action {
        let param = |param_id, value: &[u8]| v1::action::Param { param_id, value: value.to_vec() };
        v1::Action { action_id: self.of("forward"), params: vec![param(1, &[port]), param(2, &[9])] }
    }

    fn entry(&self, table: &str, value: Vec<u8>, does: Does) -> v1::TableEntry {
        v1::TableEntry {
            table_id: self.of(table),
            r#match: vec![v1::FieldMatch {
                field_id: 1,
                field_match_type: Some(FieldMatchType::Exact(Exact { value })),
            }],
            action: Some(v1::TableAction { r#type: Some(does) }),
            ..Default::default()
        }
    }

    fn meter(&self, index: i64, cir: i64) -> Entity {
        let config = v1::MeterConfig { cir, cburst: 20, pir: cir + 1, pburst: 40, eburst: 0 };
        let (meter_id, index) = (self.of("rates"), Some(v1::Index { index }));
        Entity::MeterEntry(v1::MeterEntry { meter_id, index, config: Some(config), counter_data: None })
    }

    fn register(&self, index: i64, value: Vec<u8>) -> Entity {
        let data = Some(v1::P4Data { data: Some(v1::p4_data::Data::Bitstring(value)) });
        let (register_id, index) = (self.of("words"), Some(v1::Index { index }));
        Entity::RegisterEntry(v1::RegisterEntry { register_id, index, data })
    }
}

fn replica(port: u8, backups: &[u8]) -> v1::Replica {
    let backup = |port: &u8| v1::BackupReplica { port: vec![*port], instance: 9 };
    v1::Replica {
        port_kind: Some(PortKind::Port(vec![port])),
        instance: 3,
        backup_replicas: backups.iter().map(backup).collect(),
    }
}

fn replication(kind: Replication) -> Entity {
    Entity::PacketReplicationEngineEntry(v1::PacketReplicationEngineEntry { r#type: Some(kind) })
}

fn multicast(id: u32, metadata: &[u8], backups: &[u8]) -> Entity {
    replication(Replication::MulticastGroupEntry(v1::MulticastGroupEntry {
        multicast_group_id: id,
        replicas: vec![replica(1, backups), replica(2, &[])],
        metadata: metadata.to_vec(),
    }))
}

/// One of everything.
fn one_of_everything(ids: &Ids) -> Vec<v1::Update> {
    let member = |member_id, action| {
        let action_profile_id = ids.of("paths");
        Entity::ActionProfileMember(v1::ActionProfileMember {
            action_profile_id,
            member_id,
            action: Some(action),
        })
    };
    let of = |member_id, weight| v1::action_profile_group::Member { member_id, weight, watch_kind: None };
    let group = v1::ActionProfileGroup {
        action_profile_id: ids.of("paths"),
        group_id: 4,
        members: vec![of(1, 3), of(2, 2)],
        max_size: 8,
    };
    let metered = v1::TableEntry {
        idle_timeout_ns: 3_000_000_000_000,
        metadata: b"mine".to_vec(),
        controller_metadata: 77,
        meter_config: Some(v1::MeterConfig { cir: 1, cburst: 2, pir: 3, pburst: 4, eburst: 0 }),
        ..ids.entry("exact_one", vec![1], Does::Action(ids.forward(5)))
    };
    let default = v1::TableEntry {
        table_id: ids.of("acl"),
        is_default_action: true,
        action: Some(v1::TableAction { r#type: Some(Does::Action(ids.drop())) }),
        ..Default::default()
    };
    let one_shot = v1::ActionProfileActionSet {
        action_profile_actions: vec![v1::ActionProfileAction {
            action: Some(ids.forward(2)),
            weight: 2,
            watch_kind: None,
        }],
        ..Default::default()
    };
    let types = v1::ValueSetEntry {
        value_set_id: ids.of("types"),
        members: vec![v1::ValueSetMember {
            r#match: vec![v1::FieldMatch {
                field_id: 1,
                field_match_type: Some(FieldMatchType::Exact(Exact { value: vec![8, 6] })),
            }],
        }],
    };
    let clone = v1::CloneSessionEntry {
        session_id: 57,
        replicas: vec![replica(2, &[])],
        class_of_service: 3,
        packet_length_bytes: 128,
    };
    let digest = v1::digest_entry::Config { max_timeout_ns: 10, max_list_size: 5, ack_timeout_ns: 20 };
    let digest = v1::DigestEntry { digest_id: ids.of("seen_t"), config: Some(digest) };
    vec![
        update(Type::Insert, member(1, ids.forward(1))),
        update(Type::Insert, member(2, ids.drop())),
        update(Type::Insert, Entity::ActionProfileGroup(group)),
        update(
            Type::Insert,
            Entity::TableEntry(ids.entry("balance", vec![7], Does::ActionProfileGroupId(4))),
        ),
        update(
            Type::Insert,
            Entity::TableEntry(ids.entry("spread", vec![7], Does::ActionProfileActionSet(one_shot))),
        ),
        update(Type::Insert, Entity::TableEntry(metered)),
        update(Type::Modify, Entity::TableEntry(default)),
        update(Type::Modify, Entity::ValueSetEntry(types)),
        update(Type::Modify, ids.meter(3, 10)),
        update(Type::Modify, ids.register(5, vec![0xab, 0xcd])),
        update(Type::Insert, multicast(6, b"group", &[3, 4])),
        update(Type::Insert, replication(Replication::CloneSessionEntry(clone))),
        update(Type::Insert, Entity::DigestEntry(digest)),
    ]
}

/// Everything that a switch has, but for what packets and time do.
fn everything(controller: &mut Controller) -> Vec<Entity> {
    let asked = [
        Entity::TableEntry(v1::TableEntry {
            meter_config: Some(v1::MeterConfig::default()),
            ..Default::default()
        }),
        Entity::TableEntry(v1::TableEntry { is_default_action: true, ..Default::default() }),
        Entity::ActionProfileMember(v1::ActionProfileMember::default()),
        Entity::ActionProfileGroup(v1::ActionProfileGroup::default()),
        Entity::ValueSetEntry(v1::ValueSetEntry::default()),
        Entity::MeterEntry(v1::MeterEntry::default()),
        Entity::RegisterEntry(v1::RegisterEntry::default()),
        Entity::PacketReplicationEngineEntry(v1::PacketReplicationEngineEntry::default()),
        Entity::DigestEntry(v1::DigestEntry::default()),
    ];
    asked.into_iter().flat_map(|entity| controller.read(entity)).collect()
}

fn seen(switch: &Switch) -> Vec<Entity> {
    everything(&mut Controller::new(switch.address))
}

#[test]
fn every_kind_of_thing_comes_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().join("state");
    let state = state.to_str().expect("a name");
    let args = [PROGRAM, "--state", state];
    let before = {
        let switch = Switch::start(&args);
        let mut controller = Controller::new(switch.address);
        let ids = Ids::new(&mut controller);
        let begun_with = everything(&mut controller);
        controller.write(one_of_everything(&ids)).expect("all of it");
        let before = everything(&mut controller);
        assert_ne!(before, begun_with);
        switch.kill();
        before
    };
    // From the log alone; from the snapshot that a clean stop writes; from that and a log.
    let switch = Switch::start(&args);
    assert_eq!(seen(&switch), before, "after kill -9");
    switch.stop();
    let switch = Switch::start(&args);
    assert_eq!(seen(&switch), before, "after a clean stop");
    let mut controller = Controller::new(switch.address);
    let ids = Ids::new(&mut controller);
    let changes = vec![
        update(Type::Modify, ids.register(6, vec![1])),
        update(Type::Modify, ids.meter(3, 99)),
        update(Type::Modify, multicast(6, b"other", &[])),
        update(Type::Delete, Entity::TableEntry(ids.entry("exact_one", vec![1], Does::Action(ids.drop())))),
    ];
    controller.write(changes).expect("all of it");
    let after = everything(&mut controller);
    assert_ne!(after, before);
    switch.kill();
    let switch = Switch::start(&args);
    assert_eq!(seen(&switch), after, "after kill -9 on top of a snapshot");
    switch.stop();
}

/// What request `number` makes true, in one request over several kinds of things.
fn request(ids: &Ids, number: u32) -> Vec<v1::Update> {
    let value = number.to_be_bytes().to_vec();
    vec![
        update(Type::Insert, Entity::TableEntry(ids.entry("wide", value.clone(), Does::Action(ids.drop())))),
        update(Type::Modify, ids.register(7, value)),
        update(Type::Insert, multicast(number, &[], &[])),
        update(Type::Modify, ids.meter(2, i64::from(number))),
    ]
}

/// The number of the last request whose effects are there; each kind of thing has to say the same.
fn last(controller: &mut Controller, ids: &Ids) -> u32 {
    let table = v1::TableEntry { table_id: ids.of("wide"), ..Default::default() };
    let entries = controller.read(Entity::TableEntry(table)).len();
    let groups = controller.read(replication(Replication::MulticastGroupEntry(Default::default()))).len();
    let Entity::RegisterEntry(word) = controller.read(ids.register(7, Vec::new())).remove(0) else {
        panic!("a register was asked for")
    };
    let Some(v1::p4_data::Data::Bitstring(word)) = word.data.and_then(|data| data.data) else {
        panic!("a number was asked for")
    };
    let word = word.iter().fold(0u32, |number, byte| number << 8 | u32::from(*byte));
    let Entity::MeterEntry(meter) = controller.read(ids.meter(2, 0)).remove(0) else {
        panic!("a meter was asked for")
    };
    let rate = meter.config.map_or(0, |config| config.cir);
    assert_eq!(
        (entries, groups, i64::from(word)),
        (word as usize, word as usize, rate),
        "a request is there by half"
    );
    word
}

fn survives_kills_at_random(more: &[&str]) {
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().join("state");
    let state = state.to_str().expect("a name");
    let args = [&[PROGRAM, "--state", state][..], more].concat();
    let mut acknowledged = 0;
    for _ in 0..KILLS {
        let switch = Switch::start(&args);
        let mut controller = Controller::new(switch.address);
        let ids = Ids::new(&mut controller);
        let found = last(&mut controller, &ids);
        assert!(found >= acknowledged, "{acknowledged} requests were acknowledged, {found} are there");
        assert!(found <= acknowledged + 1, "at most the one that was under way came on top");
        let writer = std::thread::spawn(move || {
            let mut done = found;
            while controller.write(request(&ids, done + 1)).is_ok() {
                done += 1;
            }
            done
        });
        // Any moment will do.
        let at = Instant::now() + Duration::from_micros(fastrand::u64(1_000..80_000));
        while Instant::now() < at && !writer.is_finished() {
            std::thread::yield_now();
        }
        assert!(!writer.is_finished(), "a write was refused");
        switch.kill();
        acknowledged = writer.join().expect("the writer ends");
    }
    assert!(acknowledged > 0, "nothing was written");
}

#[test]
fn requests_over_several_kinds_survive_kill_9_whole() {
    survives_kills_at_random(&[]);
}

#[test]
fn requests_over_several_kinds_survive_kill_9_whole_when_synced() {
    survives_kills_at_random(&["--state-sync"]);
}
