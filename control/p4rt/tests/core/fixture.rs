//! A core on a switch that only remembers, and short ways to say what controllers say.

use std::sync::Arc;

use bytes::Bytes;
use heddle_ir::Verified;
use heddle_p4rt::proto::config::P4Info;
use heddle_p4rt::proto::prost::Message as _;
use heddle_p4rt::proto::rpc::Code;
use heddle_p4rt::proto::v1::entity::Entity as Kind;
use heddle_p4rt::proto::v1::set_forwarding_pipeline_config_request::Action as Step;
use heddle_p4rt::proto::v1::stream_message_request::Update as Incoming;
use heddle_p4rt::proto::v1::stream_message_response::Update as Outgoing;
use heddle_p4rt::proto::v1::update::Type;
use heddle_p4rt::proto::v1::write_request::Atomicity;
use heddle_p4rt::proto::v1::{self, field_match::FieldMatchType, table_action};
use heddle_p4rt::{Config, Core, Status, StreamId, Switch, SwitchError, Transmit, device};
use heddle_state::{Kept, State};

pub(crate) const PROGRAM: &str = include_str!("program.p4");

/// Remembers what it is asked for.
#[derive(Debug, Default)]
pub(crate) struct Remembers {
    pub(crate) state: Option<Arc<State>>,
    pub(crate) injected: Vec<Bytes>,
    /// What the next request for another program is refused with.
    pub(crate) refuses: Option<SwitchError>,
}

impl Switch for Remembers {
    fn workers(&self) -> usize {
        1
    }

    fn replace(&mut self, _program: &Verified, state: Arc<State>) -> Result<(), SwitchError> {
        match self.refuses.take() {
            Some(error) => Err(error),
            None => {
                self.state = Some(state);
                Ok(())
            }
        }
    }

    fn reload(&mut self, program: &Verified) -> Result<(Arc<State>, Kept), SwitchError> {
        if let Some(error) = self.refuses.take() {
            return Err(error);
        }
        let old = self.state.clone().expect("a program runs");
        let (state, succession) =
            old.succeed(program).map_err(|error| SwitchError::Refused(error.to_string()))?;
        let state = Arc::new(state);
        self.state = Some(Arc::clone(&state));
        Ok((state, succession.kept().clone()))
    }

    fn inject(&mut self, packet: Bytes) -> Result<(), SwitchError> {
        self.injected.push(packet);
        Ok(())
    }

    fn has_port(&self, port: u32) -> bool {
        (1..=32).contains(&port)
    }
}

/// A device with its primary controller.
pub(crate) struct Device {
    pub(crate) core: Core<Remembers>,
    pub(crate) primary: StreamId,
    pub(crate) p4info: P4Info,
}

pub(crate) const ELECTION: v1::Uint128 = v1::Uint128 { high: 0, low: 10 };

pub(crate) fn arbitration(
    role: Option<v1::Role>,
    election_id: Option<v1::Uint128>,
) -> v1::StreamMessageRequest {
    let update = v1::MasterArbitrationUpdate { device_id: 1, role, election_id, status: None };
    v1::StreamMessageRequest { update: Some(Incoming::Arbitration(update)) }
}

pub(crate) fn config_of(program: &str) -> v1::ForwardingPipelineConfig {
    v1::ForwardingPipelineConfig {
        p4info: None,
        p4_device_config: program.as_bytes().to_vec(),
        cookie: Some(v1::forwarding_pipeline_config::Cookie { cookie: 7 }),
    }
}

/// Everything that waits on a stream.
pub(crate) fn sent(core: &mut Core<Remembers>, stream: StreamId) -> Vec<Outgoing> {
    let mut all = Vec::new();
    while let Some(next) = core.poll_transmit(stream) {
        match next {
            Transmit::Message(message) => all.push(message.update.expect("a message says something")),
            Transmit::Close(status) => panic!("the stream was ended: {}", status.message),
        }
    }
    all
}

/// How a stream was ended.
pub(crate) fn ended(core: &mut Core<Remembers>, stream: StreamId) -> Status {
    loop {
        match core.poll_transmit(stream) {
            Some(Transmit::Message(_)) => {}
            Some(Transmit::Close(status)) => return status,
            None => panic!("the stream was not ended"),
        }
    }
}

/// Without a program and without a controller.
pub(crate) fn empty() -> Core<Remembers> {
    Core::new(Config { epoch_ns: 1_000_000, ..Config::default() }, Remembers::default())
}

impl Device {
    pub(crate) fn new() -> Device {
        Device::with(Config { epoch_ns: 1_000_000, ..Config::default() })
    }

    pub(crate) fn with(config: Config) -> Device {
        let mut core = Core::new(config, Remembers::default());
        let primary = core.open_stream(0);
        core.stream_message(0, primary, arbitration(None, Some(ELECTION)));
        sent(&mut core, primary);
        let p4info = device::load(PROGRAM.as_bytes()).expect("compiles").p4info.expect("of source");
        let mut device = Device { core, primary, p4info };
        device.set(Step::VerifyAndCommit, Some(config_of(PROGRAM))).expect("a program");
        device
    }

    pub(crate) fn set(
        &mut self,
        action: Step,
        config: Option<v1::ForwardingPipelineConfig>,
    ) -> Result<(), Status> {
        let request = v1::SetForwardingPipelineConfigRequest {
            device_id: 1,
            election_id: Some(ELECTION),
            action: action.into(),
            config,
            ..Default::default()
        };
        self.core.set_forwarding_pipeline_config(0, &request).map(drop)
    }

    pub(crate) fn write(&mut self, updates: Vec<v1::Update>, atomicity: Atomicity) -> Result<(), Status> {
        let request = v1::WriteRequest {
            device_id: 1,
            election_id: Some(ELECTION),
            updates,
            atomicity: atomicity.into(),
            ..Default::default()
        };
        self.core.write(0, &request).result.map(drop)
    }

    /// One update.
    pub(crate) fn update(&mut self, kind: Type, entity: impl Into<Entity>) -> Result<(), v1::Error> {
        match self.write(vec![update(kind, entity)], Atomicity::ContinueOnError) {
            Ok(()) => Ok(()),
            Err(status) => {
                assert_eq!(status.code, i32::from(Code::Unknown), "{}", status.message);
                let mut errors = errors(&status);
                assert_eq!(errors.len(), 1);
                Err(errors.remove(0))
            }
        }
    }

    pub(crate) fn done(&mut self, kind: Type, entity: impl Into<Entity>) {
        self.update(kind, entity).unwrap_or_else(|error| panic!("{}", error.message));
    }

    /// Code and text of what an update is refused with.
    pub(crate) fn refused(&mut self, kind: Type, entity: impl Into<Entity>) -> (Code, String) {
        let error = self.update(kind, entity).expect_err("it is refused");
        (Code::try_from(error.canonical_code).expect("a code"), error.message)
    }

    pub(crate) fn read(&mut self, entity: impl Into<Entity>) -> Vec<Kind> {
        self.try_read(entity).unwrap_or_else(|error| panic!("{}", error.message))
    }

    pub(crate) fn try_read(&mut self, entity: impl Into<Entity>) -> Result<Vec<Kind>, v1::Error> {
        self.read_at(0, entity)
    }

    pub(crate) fn read_at(&mut self, now_ns: u64, entity: impl Into<Entity>) -> Result<Vec<Kind>, v1::Error> {
        let entities = vec![v1::Entity { entity: Some(entity.into().0) }];
        let request = v1::ReadRequest { device_id: 1, role: String::new(), entities };
        let mut read = Vec::new();
        for message in self.core.read(now_ns, &request).expect("can be read") {
            match message {
                Ok(message) => read.extend(message.entities.into_iter().filter_map(|entity| entity.entity)),
                Err(status) => return Err(errors(&status).remove(0)),
            }
        }
        Ok(read)
    }

    /// What a write of these is read back as.
    pub(crate) fn echo(
        &mut self,
        kind: Type,
        entity: impl Into<Entity> + Clone,
        asked: impl Into<Entity>,
    ) -> Kind {
        self.done(kind, entity);
        let mut read = self.read(asked);
        assert_eq!(read.len(), 1, "{read:?}");
        read.remove(0)
    }

    pub(crate) fn table(&self, name: &str) -> u32 {
        let preambles = self.p4info.tables.iter().filter_map(|table| table.preamble.as_ref());
        preambles.clone().find(|p| p.alias == name).unwrap_or_else(|| panic!("no table {name}")).id
    }

    pub(crate) fn action(&self, name: &str) -> u32 {
        let mut preambles = self.p4info.actions.iter().filter_map(|action| action.preamble.as_ref());
        preambles.find(|p| p.alias == name).unwrap_or_else(|| panic!("no action {name}")).id
    }

    /// The id of any other object.
    pub(crate) fn id(&self, name: &str) -> u32 {
        let info = &self.p4info;
        let profiles = info.action_profiles.iter().map(|o| &o.preamble);
        let counters = info.counters.iter().map(|o| &o.preamble);
        let meters = info.meters.iter().map(|o| &o.preamble);
        let registers = info.registers.iter().map(|o| &o.preamble);
        let sets = info.value_sets.iter().map(|o| &o.preamble);
        let digests = info.digests.iter().map(|o| &o.preamble);
        let all = profiles.chain(counters).chain(meters).chain(registers).chain(sets).chain(digests);
        let mut all = all.flatten();
        all.find(|p| p.alias == name).unwrap_or_else(|| panic!("no object {name}")).id
    }

    pub(crate) fn forward(&self, port: u64, dst: u64) -> v1::Action {
        action(self.action("forward"), &[&bytes(port), &bytes(dst)])
    }

    pub(crate) fn drop(&self) -> v1::Action {
        action(self.action("drop"), &[])
    }

    /// An entry of `exact_one`.
    pub(crate) fn exact(&self, dst: u64, action: v1::Action) -> v1::TableEntry {
        v1::TableEntry {
            table_id: self.table("exact_one"),
            r#match: vec![exact(1, &bytes(dst))],
            action: Some(direct(action)),
            ..Default::default()
        }
    }
}

/// Anything that is an entity.
pub(crate) struct Entity(pub(crate) Kind);

macro_rules! entities {
    ($($variant:ident),*) => { $(
        impl From<v1::$variant> for Entity {
            fn from(entry: v1::$variant) -> Entity {
                Entity(Kind::$variant(entry))
            }
        }
    )* };
}

entities!(
    ExternEntry,
    TableEntry,
    ActionProfileMember,
    ActionProfileGroup,
    MeterEntry,
    DirectMeterEntry,
    CounterEntry,
    DirectCounterEntry,
    PacketReplicationEngineEntry,
    ValueSetEntry,
    RegisterEntry,
    DigestEntry
);

impl From<v1::MulticastGroupEntry> for Entity {
    fn from(group: v1::MulticastGroupEntry) -> Entity {
        use v1::packet_replication_engine_entry::Type;
        v1::PacketReplicationEngineEntry { r#type: Some(Type::MulticastGroupEntry(group)) }.into()
    }
}

impl From<v1::CloneSessionEntry> for Entity {
    fn from(session: v1::CloneSessionEntry) -> Entity {
        use v1::packet_replication_engine_entry::Type;
        v1::PacketReplicationEngineEntry { r#type: Some(Type::CloneSessionEntry(session)) }.into()
    }
}

pub(crate) fn update(kind: Type, entity: impl Into<Entity>) -> v1::Update {
    v1::Update { r#type: kind.into(), entity: Some(v1::Entity { entity: Some(entity.into().0) }) }
}

/// The errors in a status's details, one per element of the batch.
pub(crate) fn errors(status: &Status) -> Vec<v1::Error> {
    let details = status.details.iter().map(|any| {
        assert_eq!(any.type_url, "type.googleapis.com/p4.v1.Error");
        v1::Error::decode(any.value.as_slice()).expect("an error")
    });
    details.collect()
}

pub(crate) fn codes(status: &Status) -> Vec<Code> {
    errors(status).iter().map(|error| Code::try_from(error.canonical_code).expect("a code")).collect()
}

/// A number in the shortest form.
pub(crate) fn bytes(number: u64) -> Vec<u8> {
    let all = number.to_be_bytes();
    let from = all.iter().position(|byte| *byte != 0).unwrap_or(7);
    all[from..].to_vec()
}

pub(crate) fn action(action_id: u32, values: &[&[u8]]) -> v1::Action {
    let params =
        values.iter().zip(1..).map(|(value, param_id)| v1::action::Param { param_id, value: value.to_vec() });
    v1::Action { action_id, params: params.collect() }
}

pub(crate) fn direct(action: v1::Action) -> v1::TableAction {
    v1::TableAction { r#type: Some(table_action::Type::Action(action)) }
}

pub(crate) fn field(field_id: u32, found: FieldMatchType) -> v1::FieldMatch {
    v1::FieldMatch { field_id, field_match_type: Some(found) }
}

pub(crate) fn exact(field_id: u32, value: &[u8]) -> v1::FieldMatch {
    field(field_id, FieldMatchType::Exact(v1::field_match::Exact { value: value.to_vec() }))
}

pub(crate) fn optional(field_id: u32, value: &[u8]) -> v1::FieldMatch {
    field(field_id, FieldMatchType::Optional(v1::field_match::Optional { value: value.to_vec() }))
}

pub(crate) fn lpm(field_id: u32, value: &[u8], prefix_len: i32) -> v1::FieldMatch {
    field(field_id, FieldMatchType::Lpm(v1::field_match::Lpm { value: value.to_vec(), prefix_len }))
}

pub(crate) fn ternary(field_id: u32, value: &[u8], mask: &[u8]) -> v1::FieldMatch {
    let (value, mask) = (value.to_vec(), mask.to_vec());
    field(field_id, FieldMatchType::Ternary(v1::field_match::Ternary { value, mask }))
}

pub(crate) fn range(field_id: u32, low: &[u8], high: &[u8]) -> v1::FieldMatch {
    let (low, high) = (low.to_vec(), high.to_vec());
    field(field_id, FieldMatchType::Range(v1::field_match::Range { low, high }))
}

/// What a call by itself is refused with.
pub(crate) fn code(status: &Status) -> Code {
    Code::try_from(status.code).expect("a code")
}
