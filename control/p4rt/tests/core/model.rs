//! Arbitrary requests against a small model of the specification: never a panic, all or none where that is asked for,
//! every error the one that the specification gives, and reads return what was written.
//!
//! The fuzz target `p4runtime` runs the same on inputs of its own.

use std::collections::BTreeMap;

use heddle_p4rt::proto::prost::Message as _;
use heddle_p4rt::proto::rpc::Code;
use heddle_p4rt::proto::v1;
use heddle_p4rt::proto::v1::entity::Entity as Kind;
use heddle_p4rt::proto::v1::set_forwarding_pipeline_config_request::Action as Step;
use heddle_p4rt::proto::v1::update::Type;
use heddle_p4rt::proto::v1::write_request::Atomicity;
use heddle_p4rt::{StreamId, Transmit};

use crate::fixture::{Device, arbitration, bytes, codes, direct, optional, update};

/// Bytes that decide what happens; zeros when they are used up.
struct Choices<'a> {
    left: &'a [u8],
}

impl Choices<'_> {
    fn next(&mut self) -> u8 {
        match self.left.split_first() {
            Some((first, rest)) => {
                self.left = rest;
                *first
            }
            None => 0,
        }
    }

    fn below(&mut self, limit: u8) -> u8 {
        self.next() % limit
    }
}

/// What controllers wrote.
#[derive(Clone, Debug, Default, PartialEq)]
struct Written {
    /// `exact_one`: port by address. It has room for eight.
    exact: BTreeMap<u8, u8>,
    /// `acl`: metadata by priority and port.
    acl: BTreeMap<(u8, u8), u8>,
    members: BTreeMap<u8, u8>,
    /// Weights by member.
    groups: BTreeMap<u8, BTreeMap<u8, u8>>,
    /// Ports.
    multicast: BTreeMap<u8, Vec<u8>>,
}

/// An update, as it is thought of.
#[derive(Clone, Debug)]
enum Content {
    Exact { dst: u8, port: u8 },
    Acl { priority: u8, port: u8, metadata: u8 },
    Member { id: u8, port: u8 },
    Group { id: u8, members: BTreeMap<u8, u8> },
    Multicast { id: u8, ports: Vec<u8> },
}

fn put<K: Ord, V>(map: &mut BTreeMap<K, V>, kind: Type, key: K, value: V) -> Result<(), Code> {
    match (kind, map.contains_key(&key)) {
        (Type::Insert, true) => return Err(Code::AlreadyExists),
        (Type::Modify | Type::Delete, false) => return Err(Code::NotFound),
        (Type::Insert, false) | (Type::Modify, true) => drop(map.insert(key, value)),
        (Type::Delete, true) => drop(map.remove(&key)),
        (Type::Unspecified, _) => return Err(Code::InvalidArgument),
    }
    Ok(())
}

impl Written {
    /// What an update is refused with before any is tried.
    fn check(kind: Type, step: &Content) -> Result<(), Code> {
        match step {
            _ if kind == Type::Unspecified => Err(Code::InvalidArgument),
            Content::Acl { priority: 0, .. } => Err(Code::InvalidArgument),
            Content::Member { id: 0, .. }
            | Content::Group { id: 0, .. }
            | Content::Multicast { id: 0, .. } => Err(Code::InvalidArgument),
            Content::Group { members, .. } if kind != Type::Delete && members.contains_key(&0) => {
                Err(Code::InvalidArgument)
            }
            _ => Ok(()),
        }
    }

    fn apply(&mut self, kind: Type, step: &Content) -> Result<(), Code> {
        match step {
            Content::Exact { dst, port } => {
                if kind == Type::Insert && !self.exact.contains_key(dst) && self.exact.len() == 8 {
                    return Err(Code::ResourceExhausted);
                }
                put(&mut self.exact, kind, *dst, *port)
            }
            Content::Acl { priority, port, metadata } => {
                put(&mut self.acl, kind, (*priority, *port), *metadata)
            }
            Content::Member { id, port } => {
                let in_use = self.groups.values().any(|members| members.contains_key(id));
                if kind == Type::Delete && in_use {
                    return Err(Code::FailedPrecondition);
                }
                put(&mut self.members, kind, *id, *port)
            }
            Content::Group { id, members } => {
                let is_there = self.groups.contains_key(id);
                let unknown = members.keys().any(|member| !self.members.contains_key(member));
                if kind != Type::Delete && is_there == (kind == Type::Modify) && unknown {
                    return Err(Code::NotFound);
                }
                put(&mut self.groups, kind, *id, members.clone())
            }
            Content::Multicast { id, ports } => put(&mut self.multicast, kind, *id, ports.clone()),
        }
    }

    /// The codes that a batch is answered with, and what is there after it.
    fn batch(&self, steps: &[(Type, Content)], atomicity: Atomicity) -> (Vec<Code>, Written) {
        let mut after = self.clone();
        let refused: Vec<Result<(), Code>> =
            steps.iter().map(|(kind, step)| Written::check(*kind, step)).collect();
        if atomicity == Atomicity::ContinueOnError {
            let answers = steps.iter().zip(refused).map(|((kind, step), refused)| {
                refused.and_then(|()| after.apply(*kind, step)).err().unwrap_or(Code::Ok)
            });
            return (answers.collect(), after);
        }
        let answer = |refused: &Result<(), Code>| refused.err().unwrap_or(Code::Aborted);
        if refused.iter().any(Result::is_err) {
            return (refused.iter().map(answer).collect(), self.clone());
        }
        for (index, (kind, step)) in steps.iter().enumerate() {
            if let Err(code) = after.apply(*kind, step) {
                let mut answers = vec![Code::Aborted; steps.len()];
                answers[index] = code;
                return (answers, self.clone());
            }
        }
        (vec![Code::Ok; steps.len()], after)
    }
}

fn number(bytes: &[u8]) -> u8 {
    bytes.last().copied().unwrap_or(0)
}

/// The first parameter of an action.
fn port_of(action: &Option<v1::TableAction>) -> u8 {
    match action.as_ref().and_then(|action| action.r#type.as_ref()) {
        Some(v1::table_action::Type::Action(action)) => number(&action.params[0].value),
        other => panic!("{other:?}"),
    }
}

/// Everything that is there, by reading it.
fn read(device: &mut Device) -> Written {
    let mut read = Written::default();
    let table = |device: &Device, name| v1::TableEntry { table_id: device.table(name), ..Default::default() };
    let value = |found: &v1::FieldMatch| match found.field_match_type.as_ref() {
        Some(v1::field_match::FieldMatchType::Exact(exact)) => number(&exact.value),
        Some(v1::field_match::FieldMatchType::Optional(optional)) => number(&optional.value),
        other => panic!("{other:?}"),
    };
    for kind in device.read(table(device, "exact_one")) {
        let Kind::TableEntry(entry) = kind else { panic!("{kind:?}") };
        read.exact.insert(value(&entry.r#match[0]), port_of(&entry.action));
    }
    for kind in device.read(table(device, "acl")) {
        let Kind::TableEntry(entry) = kind else { panic!("{kind:?}") };
        read.acl.insert((entry.priority as u8, value(&entry.r#match[0])), number(&entry.metadata));
    }
    for kind in device.read(v1::ActionProfileMember::default()) {
        let Kind::ActionProfileMember(member) = kind else { panic!("{kind:?}") };
        let action = member.action.expect("read");
        read.members.insert(member.member_id as u8, number(&action.params[0].value));
    }
    for kind in device.read(v1::ActionProfileGroup::default()) {
        let Kind::ActionProfileGroup(group) = kind else { panic!("{kind:?}") };
        assert_eq!(group.max_size, 8);
        let members = group.members.iter().map(|member| (member.member_id as u8, member.weight as u8));
        read.groups.insert(group.group_id as u8, members.collect());
    }
    for kind in device.read(v1::MulticastGroupEntry::default()) {
        let Kind::PacketReplicationEngineEntry(entry) = kind else { panic!("{kind:?}") };
        let Some(v1::packet_replication_engine_entry::Type::MulticastGroupEntry(group)) = entry.r#type else {
            panic!("{entry:?}")
        };
        let ports = group.replicas.iter().map(|replica| match &replica.port_kind {
            Some(v1::replica::PortKind::Port(port)) => number(port),
            other => panic!("{other:?}"),
        });
        read.multicast.insert(group.multicast_group_id as u8, ports.collect());
    }
    read
}

impl Content {
    fn chosen(choices: &mut Choices<'_>) -> Content {
        match choices.below(5) {
            0 => Content::Exact { dst: choices.below(12), port: choices.below(30) },
            1 => Content::Acl {
                priority: choices.below(4),
                port: choices.below(3),
                metadata: choices.next() | 1,
            },
            2 => Content::Member { id: choices.below(5), port: choices.below(30) },
            3 => {
                let id = choices.below(4);
                let members = (0..choices.below(3)).map(|_| (choices.below(6), 1 + choices.below(2)));
                Content::Group { id, members: members.collect() }
            }
            _ => {
                let ports: std::collections::BTreeSet<u8> =
                    (0..choices.below(4)).map(|_| choices.below(9)).collect();
                Content::Multicast { id: choices.below(4), ports: ports.into_iter().collect() }
            }
        }
    }

    fn update(&self, device: &Device, kind: Type) -> v1::Update {
        match self {
            Content::Exact { dst, port } => {
                update(kind, device.exact(u64::from(*dst), device.forward(u64::from(*port), 1)))
            }
            Content::Acl { priority, port, metadata } => update(
                kind,
                v1::TableEntry {
                    table_id: device.table("acl"),
                    r#match: vec![optional(3, &[*port])],
                    action: Some(direct(device.drop())),
                    priority: i32::from(*priority),
                    metadata: vec![*metadata],
                    ..Default::default()
                },
            ),
            Content::Member { id, port } => update(
                kind,
                v1::ActionProfileMember {
                    action_profile_id: device.id("paths"),
                    member_id: u32::from(*id),
                    action: Some(device.forward(u64::from(*port), 1)),
                },
            ),
            Content::Group { id, members } => update(
                kind,
                v1::ActionProfileGroup {
                    action_profile_id: device.id("paths"),
                    group_id: u32::from(*id),
                    members: members
                        .iter()
                        .map(|(member, weight)| v1::action_profile_group::Member {
                            member_id: u32::from(*member),
                            weight: i32::from(*weight),
                            watch_kind: None,
                        })
                        .collect(),
                    max_size: 8,
                },
            ),
            Content::Multicast { id, ports } => update(
                kind,
                v1::MulticastGroupEntry {
                    multicast_group_id: u32::from(*id),
                    replicas: ports
                        .iter()
                        .map(|port| v1::Replica {
                            port_kind: Some(v1::replica::PortKind::Port(bytes(u64::from(*port)))),
                            ..Default::default()
                        })
                        .collect(),
                    metadata: vec![],
                },
            ),
        }
    }
}

/// Controllers of the default role, by stream: the id that they have.
#[derive(Debug, Default)]
struct Controllers {
    live: Vec<(StreamId, Option<u64>)>,
    highest: Option<u64>,
    primary: Option<StreamId>,
}

impl Controllers {
    fn act(&mut self, device: &mut Device, choices: &mut Choices<'_>) {
        let known = self.live.len();
        match choices.below(3) {
            0 if known > 0 => {
                let (stream, _) = self.live.remove(usize::from(choices.next()) % known);
                device.core.close_stream(0, stream);
                self.primary = self.primary.filter(|primary| *primary != stream);
            }
            1 if known > 0 => {
                let at = usize::from(choices.next()) % known;
                self.arbitrate(device, self.live[at].0, choices);
            }
            _ if known < 6 => {
                let stream = device.core.open_stream(0);
                self.arbitrate(device, stream, choices);
            }
            _ => {}
        }
    }

    fn arbitrate(&mut self, device: &mut Device, stream: StreamId, choices: &mut Choices<'_>) {
        let given = choices.below(8);
        let id = (given != 7).then(|| 10 + u64::from(given));
        let message = arbitration(None, id.map(|low| v1::Uint128 { high: 0, low }));
        device.core.stream_message(0, stream, message);
        let mut told = None;
        while let Some(next) = device.core.poll_transmit(stream) {
            told = Some(next);
        }
        let taken = id.is_some() && self.live.iter().any(|(other, known)| *other != stream && *known == id);
        if taken {
            assert!(matches!(told, Some(Transmit::Close(_))), "{told:?}");
            self.live.retain(|(other, _)| *other != stream);
            self.primary = self.primary.filter(|primary| *primary != stream);
            return;
        }
        assert!(matches!(told, Some(Transmit::Message(_))), "{told:?}");
        self.live.retain(|(other, _)| *other != stream);
        self.live.push((stream, id));
        if id.is_some() && id >= self.highest {
            self.highest = id;
            self.primary = Some(stream);
        } else if self.primary == Some(stream) {
            self.primary = None;
        }
    }
}

/// Drives a core and the model by what the bytes say. Panics where they differ.
pub(crate) fn run(input: &[u8]) {
    let mut choices = Choices { left: input };
    let mut device = Device::new();
    let mut written = Written::default();
    let mut controllers = Controllers {
        live: vec![(device.primary, Some(10))],
        highest: Some(10),
        primary: Some(device.primary),
    };
    while !choices.left.is_empty() {
        match choices.below(8) {
            0 => controllers.act(&mut device, &mut choices),
            1 => garble(&mut device, &mut choices),
            2 if choices.next() < 8 => reload(&mut device, &mut written, choices.next()),
            _ => {
                let atomicity =
                    [Atomicity::ContinueOnError, Atomicity::RollbackOnError, Atomicity::DataplaneAtomic];
                let atomicity = atomicity[usize::from(choices.below(3))];
                let kinds =
                    [Type::Insert, Type::Insert, Type::Insert, Type::Modify, Type::Delete, Type::Unspecified];
                let steps: Vec<(Type, Content)> = (0..=choices.below(4))
                    .map(|_| (kinds[usize::from(choices.below(6))], Content::chosen(&mut choices)))
                    .collect();
                let election = 10 + u64::from(choices.below(2)) * u64::from(choices.below(8));
                write(&mut device, &mut written, &controllers, &steps, atomicity, election);
            }
        }
        assert_eq!(read(&mut device), written);
    }
}

fn write(
    device: &mut Device,
    written: &mut Written,
    controllers: &Controllers,
    steps: &[(Type, Content)],
    atomicity: Atomicity,
    election: u64,
) {
    let updates: Vec<v1::Update> = steps.iter().map(|(kind, step)| step.update(device, *kind)).collect();
    // Half the time whoever is primary writes, otherwise whoever it is.
    let low = if election == 10 { controllers.highest.unwrap_or(0) } else { election };
    let request = v1::WriteRequest {
        device_id: 1,
        election_id: Some(v1::Uint128 { high: 0, low }),
        updates: updates.clone(),
        atomicity: atomicity.into(),
        ..Default::default()
    };
    let is_primary = controllers.primary.is_some() && controllers.highest == Some(low);
    if atomicity == Atomicity::ContinueOnError {
        // Asking first changes nothing; the answer is compared with what is then done.
        let dry = device.core.validate(&updates);
        assert_eq!(read(device), *written);
        if is_primary {
            assert_eq!(device.core.write(0, &request).result, dry);
            *written = check(&dry, written, steps, atomicity);
            return;
        }
    }
    let answer = device.core.write(0, &request);
    if !is_primary {
        let status = answer.result.expect_err("not primary");
        assert_eq!(status.code, i32::from(Code::PermissionDenied));
        assert!(answer.applied.is_empty());
        return;
    }
    *written = check(&answer.result, written, steps, atomicity);
}

fn check(
    result: &Result<v1::WriteResponse, heddle_p4rt::Status>,
    before: &Written,
    steps: &[(Type, Content)],
    atomicity: Atomicity,
) -> Written {
    let (wanted, after) = before.batch(steps, atomicity);
    let found = match result {
        Ok(_) => vec![Code::Ok; steps.len()],
        Err(status) => codes(status),
    };
    assert_eq!(found, wanted, "{steps:?} under {atomicity:?} on {before:?}");
    after
}

/// What no client of sound mind sends.
fn garble(device: &mut Device, choices: &mut Choices<'_>) {
    let length = usize::from(choices.next()).min(choices.left.len());
    let (given, rest) = choices.left.split_at(length);
    choices.left = rest;
    if let Ok(request) = v1::WriteRequest::decode(given) {
        let _ = device.core.validate(&request.updates);
    }
    if let Ok(update) = v1::Update::decode(given) {
        let _ = device.core.validate(&[update]);
    }
    if let Ok(entity) = v1::Entity::decode(given) {
        let request = v1::ReadRequest { device_id: 1, role: String::new(), entities: vec![entity] };
        device.core.read(0, &request).expect("can be read").for_each(drop);
    }
    if let Ok(request) = v1::StreamMessageRequest::decode(given) {
        let stream = device.core.open_stream(0);
        let is_arbitration =
            matches!(request.update, Some(v1::stream_message_request::Update::Arbitration(_)));
        if !is_arbitration {
            device.core.stream_message(0, stream, request);
        }
        while device.core.poll_transmit(stream).is_some() {}
        device.core.close_stream(0, stream);
    }
    let _ = heddle_p4rt::device::load(given);
    device.core.packet_in(0, given.to_vec().into());
}

/// Another program, or the same again.
fn reload(device: &mut Device, written: &mut Written, how: u8) {
    let config = device.core.pipeline_config().expect("a program runs").clone();
    let step = if how & 1 == 0 { Step::ReconcileAndCommit } else { Step::VerifyAndCommit };
    device.core.set_pipeline_locally(0, step, Some(&config)).expect("it ran before");
    if step == Step::VerifyAndCommit {
        *written = Written::default();
    }
}

#[cfg(test)]
mod tests {
    /// A generator of Lehmer's: the same inputs every time.
    fn inputs(count: u32, length: usize) -> impl Iterator<Item = Vec<u8>> {
        let mut state = 0x9e37_79b9_7f4a_7c15_u128;
        (0..count).map(move |_| {
            (0..length)
                .map(|_| {
                    state = state.wrapping_mul(0xda94_2042_e4dd_58b5) | 1;
                    (state >> 64) as u8
                })
                .collect()
        })
    }

    #[test]
    fn arbitrary_requests_are_answered_as_the_model_answers_them() {
        for input in inputs(60, 1_500) {
            super::run(&input);
        }
    }
}
