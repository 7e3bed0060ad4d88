//! The P4Runtime core with what is around it: streams and their clients, and the store.
//!
//! Invariant: what was acknowledged is in the store, if there is one; and what a stream's client does not take waits in
//! the core, which bounds it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use heddle_engine::DigestMessage;
use heddle_p4rt::proto::v1;
use heddle_p4rt::proto::v1::entity::Entity;
use heddle_p4rt::proto::v1::set_forwarding_pipeline_config_request::Action;
use heddle_p4rt::proto::v1::update::Type;
use heddle_p4rt::proto::v1::write_request::Atomicity;
use heddle_p4rt::{Core, ReadResponses, Status, StreamId, Transmit};
use tonic::Code;

use crate::call::Outlet;
use crate::grpc::Counts;
use crate::keeper::Keeper;
use crate::proto;
use crate::store::{Found, Record, StateSettings, StoreError};
use crate::switch::EngineSwitch;

/// The core and who is served by it.
pub(crate) struct ControlPlane {
    core: Core<EngineSwitch>,
    streams: BTreeMap<StreamId, Outlet>,
    keeper: Option<Keeper>,
    pub(crate) counts: Arc<Counts>,
    /// Whether a controller has asked for digests: then nobody else answers them.
    pub(crate) has_digests: bool,
}

/// Everything that a store keeps besides program and ports, by reads that name no object.
fn everything(device_id: u64) -> v1::ReadRequest {
    let all = [
        Entity::ActionProfileMember(v1::ActionProfileMember::default()),
        Entity::ActionProfileGroup(v1::ActionProfileGroup::default()),
        Entity::TableEntry(v1::TableEntry {
            meter_config: Some(v1::MeterConfig::default()),
            ..v1::TableEntry::default()
        }),
        Entity::TableEntry(v1::TableEntry { is_default_action: true, ..v1::TableEntry::default() }),
        Entity::ValueSetEntry(v1::ValueSetEntry::default()),
        Entity::MeterEntry(v1::MeterEntry::default()),
        Entity::RegisterEntry(v1::RegisterEntry::default()),
        Entity::PacketReplicationEngineEntry(v1::PacketReplicationEngineEntry {
            r#type: Some(v1::packet_replication_engine_entry::Type::MulticastGroupEntry(
                v1::MulticastGroupEntry::default(),
            )),
        }),
        Entity::PacketReplicationEngineEntry(v1::PacketReplicationEngineEntry {
            r#type: Some(v1::packet_replication_engine_entry::Type::CloneSessionEntry(
                v1::CloneSessionEntry::default(),
            )),
        }),
        Entity::DigestEntry(v1::DigestEntry::default()),
    ];
    let entities = all.into_iter().map(|entity| v1::Entity { entity: Some(entity) }).collect();
    v1::ReadRequest { device_id, entities, ..v1::ReadRequest::default() }
}

/// What brings an entity back, if it is anything but what a program begins with.
fn restoring(entity: v1::Entity) -> Option<v1::Update> {
    let kind = match entity.entity.as_ref()? {
        Entity::TableEntry(entry) if entry.is_const => return None,
        Entity::TableEntry(entry) if entry.is_default_action => Type::Modify,
        Entity::MeterEntry(entry) => entry.config.as_ref().map(|_| Type::Modify)?,
        Entity::RegisterEntry(entry) if is_zero(entry.data.as_ref()) => return None,
        Entity::RegisterEntry(_) => Type::Modify,
        Entity::ValueSetEntry(entry) if entry.members.is_empty() => return None,
        Entity::ValueSetEntry(_) => Type::Modify,
        Entity::TableEntry(_)
        | Entity::ActionProfileMember(_)
        | Entity::ActionProfileGroup(_)
        | Entity::PacketReplicationEngineEntry(_)
        | Entity::DigestEntry(_) => Type::Insert,
        Entity::ExternEntry(_)
        | Entity::DirectMeterEntry(_)
        | Entity::CounterEntry(_)
        | Entity::DirectCounterEntry(_) => return None,
    };
    Some(v1::Update { r#type: kind.into(), entity: Some(entity) })
}

fn asks_for_digests(updates: &[v1::Update]) -> bool {
    updates.iter().any(|update| {
        let entity = update.entity.as_ref().and_then(|entity| entity.entity.as_ref());
        matches!(entity, Some(Entity::DigestEntry(_))) && update.r#type() != Type::Delete
    })
}

fn is_zero(data: Option<&v1::P4Data>) -> bool {
    match data.and_then(|data| data.data.as_ref()) {
        Some(v1::p4_data::Data::Bitstring(bytes)) => bytes.iter().all(|byte| *byte == 0),
        Some(_) => false,
        None => true,
    }
}

/// Updates that are kept in one record of a snapshot.
const SNAPSHOT_UPDATES: usize = 4096;

/// What a snapshot is made of, made while it is written.
pub(crate) struct Contents {
    first: Vec<Record>,
    entities: ReadResponses,
    waiting: Vec<v1::Update>,
}

impl Iterator for Contents {
    type Item = Result<Record, Status>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(record) = self.first.pop() {
            return Some(Ok(record));
        }
        while self.waiting.len() < SNAPSHOT_UPDATES {
            match self.entities.next() {
                Some(Ok(response)) => {
                    self.waiting.extend(response.entities.into_iter().filter_map(restoring));
                }
                Some(Err(error)) => return Some(Err(error)),
                None => break,
            }
        }
        let updates = std::mem::take(&mut self.waiting);
        let request = v1::WriteRequest { updates, ..v1::WriteRequest::default() };
        (!request.updates.is_empty()).then_some(Ok(Record::Updates(request)))
    }
}

fn not_kept(error: &StoreError) -> Status {
    let mut message = format!("it is in effect and would not survive a restart: {error}");
    if let Some(cause) = std::error::Error::source(error) {
        message.push_str(&format!(": {cause}"));
    }
    Status { code: Code::DataLoss.into(), message, details: Vec::new() }
}

impl ControlPlane {
    /// Without a program and without clients.
    pub(crate) fn new(config: heddle_p4rt::Config, switch: EngineSwitch, counts: Arc<Counts>) -> Self {
        let core = Core::new(config, switch);
        Self { core, streams: BTreeMap::new(), keeper: None, counts, has_digests: false }
    }

    /// Brings back what a folder keeps, and keeps what is done from now on. Gives the ports that were there.
    pub(crate) fn restore(
        &mut self,
        settings: &StateSettings,
        now_ns: u64,
    ) -> Result<(Option<proto::ListPortsResponse>, Found, Vec<String>), StoreError> {
        let mut ports = None;
        let mut refused = Vec::new();
        let (store, found) = crate::store::Store::open(settings, |record| match record {
            Record::Updates(request) => self.redo(now_ns, request.updates, &mut refused),
            Record::Pipeline(request) => {
                let action = request.action();
                if let Err(error) = self.core.set_pipeline_locally(now_ns, action, request.config.as_ref()) {
                    refused.push(format!("the program: {}", error.message));
                }
            }
            Record::Ports(list) => ports = Some(list),
        })?;
        let keeper = Keeper::new(store);
        self.keeper = Some(keeper);
        Ok((ports, found, refused))
    }

    /// Has entities be as updates leave them, whether or not they are so already: a snapshot may have seen what the log
    /// after it says.
    fn redo(&mut self, now_ns: u64, updates: Vec<v1::Update>, refused: &mut Vec<String>) {
        self.has_digests |= asks_for_digests(&updates);
        let atomicity = Atomicity::ContinueOnError;
        // Nothing is inserted twice in a request that was applied, so that these do not depend on each other.
        if updates.iter().all(|update| update.r#type() == Type::Insert) {
            let written = self.core.write_locally(now_ns, &updates, atomicity);
            if written.result.is_ok() {
                return;
            }
            let failed = updates.into_iter().enumerate();
            let failed = failed.filter(|(index, _)| !written.applied.get(*index).copied().unwrap_or(false));
            for (_, update) in failed {
                self.redo_one(now_ns, update, refused);
            }
            return;
        }
        for update in updates {
            self.redo_one(now_ns, update, refused);
        }
    }

    fn redo_one(&mut self, now_ns: u64, update: v1::Update, refused: &mut Vec<String>) {
        let atomicity = Atomicity::ContinueOnError;
        let kind = update.r#type();
        let mut updates = [update];
        let Err(error) = self.core.write_locally(now_ns, &updates, atomicity).result else { return };
        match kind {
            Type::Insert => {
                updates[0].set_type(Type::Modify);
                if self.core.write_locally(now_ns, &updates, atomicity).result.is_ok() {
                    return;
                }
            }
            // What is gone already, or goes later.
            Type::Delete => return,
            Type::Modify | Type::Unspecified => {}
        }
        refused.push(error.message);
    }

    /// The core.
    pub(crate) fn core(&mut self) -> &mut Core<EngineSwitch> {
        &mut self.core
    }

    /// The switch.
    pub(crate) fn switch_mut(&mut self) -> &mut EngineSwitch {
        self.core.switch_mut()
    }

    /// What the server and the core count of themselves, by name.
    pub(crate) fn numbers(&self) -> Vec<(&'static str, u64)> {
        let mut numbers = self.counts.list();
        numbers.push(("stream_messages_dropped", self.core.dropped()));
        numbers
    }

    /// Opens a stream.
    pub(crate) fn open_stream(&mut self, now_ns: u64, outlet: Outlet) -> StreamId {
        let stream = self.core.open_stream(now_ns);
        self.streams.insert(stream, outlet);
        stream
    }

    /// Takes what a client says on a stream.
    pub(crate) fn stream_message(
        &mut self,
        now_ns: u64,
        stream: StreamId,
        message: v1::StreamMessageRequest,
    ) {
        self.core.stream_message(now_ns, stream, message);
    }

    /// Forgets a stream whose client says nothing more; it may still listen for the answers to what it said.
    pub(crate) fn close_stream(&mut self, now_ns: u64, stream: StreamId) {
        self.pump_stream(stream);
        if self.streams.remove(&stream).is_some() {
            self.core.close_stream(now_ns, stream);
        }
    }

    /// Ends a stream that is not to go on, with a reason.
    pub(crate) fn end_stream(&mut self, now_ns: u64, stream: StreamId, reason: Status) {
        if let Some(outlet) = self.streams.remove(&stream) {
            self.core.close_stream(now_ns, stream);
            // A client that takes nothing learns no reason.
            let _ = outlet.messages.try_send(Transmit::Close(reason));
        }
    }

    /// Hands the clients what the core has for them, as far as they take it.
    pub(crate) fn pump(&mut self) {
        while let Some(stream) = self.core.take_ready() {
            self.pump_stream(stream);
        }
    }

    /// Hands one client what the core has for it.
    pub(crate) fn pump_stream(&mut self, stream: StreamId) {
        let Some(outlet) = self.streams.get(&stream) else { return };
        loop {
            let place = match outlet.messages.try_reserve() {
                Ok(place) => place,
                Err(_) => {
                    outlet.starved.store(true, Ordering::Release);
                    // The client may have taken everything between the two.
                    match outlet.messages.try_reserve() {
                        Ok(place) => place,
                        Err(_) => return,
                    }
                }
            };
            match self.core.poll_transmit(stream) {
                None => return,
                Some(message @ Transmit::Message(_)) => place.send(message),
                Some(end @ Transmit::Close(_)) => {
                    place.send(end);
                    self.streams.remove(&stream);
                    return;
                }
            }
        }
    }

    /// A packet came out of the controller's port.
    pub(crate) fn packet_in(&mut self, now_ns: u64, packet: Bytes) {
        self.core.packet_in(now_ns, packet);
    }

    /// The program made a digest.
    pub(crate) fn digest(&mut self, now_ns: u64, digest: DigestMessage) {
        self.core.digest(now_ns, digest.digest, digest.values);
    }

    /// A port came up or went down.
    pub(crate) fn port(&mut self, now_ns: u64, port: u32, is_up: bool) {
        self.core.port(now_ns, port, is_up);
    }

    /// When [`ControlPlane::tick`] is wanted.
    pub(crate) fn timeout(&self) -> Option<u64> {
        self.core.poll_timeout()
    }

    /// Lets time pass.
    pub(crate) fn tick(&mut self, now_ns: u64) {
        if self.core.poll_timeout().is_some_and(|due| due <= now_ns) {
            self.core.handle_timeout(now_ns);
        }
        if let Some(keeper) = &mut self.keeper {
            keeper.tick();
            if keeper.wants_snapshot() {
                self.begin_snapshot(now_ns);
            }
        }
    }

    /// Refuses what could not be kept.
    fn check_kept(&self) -> Result<(), Status> {
        match self.keeper.as_ref().and_then(Keeper::failure) {
            None => Ok(()),
            Some(why) => Err(Status {
                code: Code::Unavailable.into(),
                message: format!(
                    "nothing was changed, since it could not be kept: {why}; mend that, and try again"
                ),
                details: Vec::new(),
            }),
        }
    }

    fn keep(&mut self, record: &Record) -> Result<(), Status> {
        match &mut self.keeper {
            Some(keeper) => keeper.keep(record).map_err(|error| not_kept(&error)),
            None => Ok(()),
        }
    }

    /// Writes, and keeps what was written.
    pub(crate) fn write(
        &mut self,
        now_ns: u64,
        request: v1::WriteRequest,
    ) -> Result<v1::WriteResponse, Status> {
        self.check_kept()?;
        let written = self.core.write(now_ns, &request);
        let is_applied = |index: usize| written.applied.get(index).copied().unwrap_or(false);
        let mut index = 0;
        let mut updates = request.updates;
        updates.retain(|_| {
            index += 1;
            is_applied(index - 1)
        });
        self.has_digests |= asks_for_digests(&updates);
        if self.keeper.is_some() && !updates.is_empty() {
            self.keep(&Record::Updates(v1::WriteRequest { updates, ..v1::WriteRequest::default() }))?;
        }
        written.result
    }

    /// Says what updates would come to.
    pub(crate) fn validate(&mut self, updates: &[v1::Update]) -> Result<(), Status> {
        self.core.validate(updates).map(drop)
    }

    /// Sets the program for a controller, and keeps it.
    pub(crate) fn set_pipeline(
        &mut self,
        now_ns: u64,
        request: v1::SetForwardingPipelineConfigRequest,
    ) -> Result<v1::SetForwardingPipelineConfigResponse, Status> {
        self.check_kept()?;
        let response = self.core.set_forwarding_pipeline_config(now_ns, &request)?;
        self.keep_pipeline(request)?;
        Ok(response)
    }

    /// Sets the program as whoever runs the switch wants it, and keeps it.
    pub(crate) fn set_pipeline_locally(
        &mut self,
        now_ns: u64,
        action: Action,
        config: v1::ForwardingPipelineConfig,
    ) -> Result<(), Status> {
        self.check_kept()?;
        self.core.set_pipeline_locally(now_ns, action, Some(&config))?;
        self.keep_pipeline(v1::SetForwardingPipelineConfigRequest {
            action: action.into(),
            config: Some(config),
            ..v1::SetForwardingPipelineConfigRequest::default()
        })
    }

    fn keep_pipeline(&mut self, request: v1::SetForwardingPipelineConfigRequest) -> Result<(), Status> {
        match request.action() {
            Action::VerifyAndSave | Action::VerifyAndCommit | Action::Commit | Action::ReconcileAndCommit => {
                if self.keeper.is_some() {
                    self.keep(&Record::Pipeline(Box::new(request)))?;
                }
            }
            Action::Verify | Action::Unspecified => {}
        }
        Ok(())
    }

    /// Keeps what ports there are.
    pub(crate) fn keep_ports(&mut self, ports: Vec<proto::Port>) -> Result<(), Status> {
        if let Some(keeper) = &mut self.keeper {
            let list = proto::ListPortsResponse { ports };
            keeper.ports = Some(list.clone());
            return self.keep(&Record::Ports(list));
        }
        Ok(())
    }

    /// The program that runs, with all that controllers are told of it.
    pub(crate) fn pipeline(&self) -> Option<v1::ForwardingPipelineConfig> {
        let request = v1::GetForwardingPipelineConfigRequest {
            device_id: self.core.config().device_id,
            ..v1::GetForwardingPipelineConfigRequest::default()
        };
        self.core.get_forwarding_pipeline_config(&request).ok()?.config
    }

    /// The state of the program as a snapshot has it.
    fn contents(&mut self, now_ns: u64, ports: Option<proto::ListPortsResponse>) -> Result<Contents, Status> {
        let mut first: Vec<Record> = ports.map(Record::Ports).into_iter().collect();
        let Some(config) = self.pipeline() else {
            return Ok(Contents { first, entities: ReadResponses::default(), waiting: Vec::new() });
        };
        // The last comes first.
        first.push(Record::Pipeline(Box::new(v1::SetForwardingPipelineConfigRequest {
            action: Action::VerifyAndCommit.into(),
            config: Some(config),
            ..v1::SetForwardingPipelineConfigRequest::default()
        })));
        let entities = self.core.read(now_ns, &everything(self.core.config().device_id))?;
        Ok(Contents { first, entities, waiting: Vec::new() })
    }

    fn begin_snapshot(&mut self, now_ns: u64) {
        let ports = self.keeper.as_ref().and_then(|keeper| keeper.ports.clone());
        let contents = self.contents(now_ns, ports);
        let Some(keeper) = &mut self.keeper else { return };
        match contents {
            Ok(contents) => keeper.begin_snapshot(contents),
            Err(error) => keeper.put_off(error.message),
        }
    }

    /// Writes a last snapshot, with what packets have done to registers, and waits for it.
    pub(crate) fn finish(&mut self, now_ns: u64) -> Result<(), String> {
        let Some(keeper) = &mut self.keeper else { return Ok(()) };
        keeper.await_snapshot();
        self.begin_snapshot(now_ns);
        let Some(keeper) = &mut self.keeper else { return Ok(()) };
        keeper.await_snapshot();
        keeper.failure().map_or(Ok(()), |failure| Err(failure.to_owned()))
    }
}
