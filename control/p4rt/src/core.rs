//! The state machine itself.
//!
//! Invariant: what is answered to a call is true when it is answered: the state has been changed, or nothing has.

use std::sync::Arc;

use bytes::Bytes;
use heddle_ir::{Bits, DigestId};
use heddle_p4rt_proto::rpc::Code;
use heddle_p4rt_proto::v1;
use heddle_p4rt_proto::v1::entity::Entity as Kind;
use heddle_p4rt_proto::v1::get_forwarding_pipeline_config_request::ResponseType;
use heddle_p4rt_proto::v1::set_forwarding_pipeline_config_request::Action;
use heddle_p4rt_proto::v1::stream_error::Details;
use heddle_p4rt_proto::v1::stream_message_request::Update as Incoming;
use heddle_p4rt_proto::v1::stream_message_response::Update as Outgoing;
use heddle_p4rt_proto::v1::write_request::Atomicity;
use heddle_state::{Kept, State};

use crate::arbitration::{Arbitration, role_name};
use crate::config::Config;
use crate::digest::{List, Lists};
use crate::entity::{AnyPort, Ports, PortsOf, digest_data, no_extern};
use crate::idle::Idle;
use crate::packet;
use crate::pipeline::{Checked, Loaded, Pipeline};
use crate::read::{Pages, ReadResponses};
use crate::schema::Object;
use crate::status::{Refusal, Status, of_batch};
use crate::stream::{StreamId, Streams, Transmit};
use crate::switch::{Switch, SwitchError};
use crate::write::{Batch, Writer, Written};

/// The version of P4Runtime that is spoken (section 17).
pub const API_VERSION: &str = "1.5.0";
/// How BMv2's server says that there is no program; controllers look for the words.
const NO_PIPELINE: &str = "No forwarding pipeline config set for this device";

/// A device as controllers see it.
#[derive(Debug)]
pub struct Core<S> {
    config: Config,
    switch: S,
    /// What packets go through.
    running: Option<Loaded>,
    /// What was saved and is not committed yet: calls are about this, packets are not.
    saved: Option<Loaded>,
    arbitration: Arbitration,
    streams: Streams,
    lists: Lists,
    idle: Idle,
    kept: Option<Kept>,
    packets_unreadable: u64,
}

impl From<SwitchError> for Refusal {
    fn from(error: SwitchError) -> Refusal {
        match error {
            SwitchError::Busy(_) => Refusal::new(Code::Unavailable, error.to_string()),
            SwitchError::Refused(what) => {
                Refusal::invalid(format!("the switch cannot run the program: {what}"))
            }
        }
    }
}

fn no_pipeline() -> Refusal {
    Refusal::precondition(NO_PIPELINE)
}

/// Set-up.
impl<S: Switch> Core<S> {
    /// A device without a program.
    pub fn new(config: Config, switch: S) -> Core<S> {
        Core {
            streams: Streams::new(config.stream_messages),
            config,
            switch,
            running: None,
            saved: None,
            arbitration: Arbitration::default(),
            lists: Lists::default(),
            idle: Idle::default(),
            kept: None,
            packets_unreadable: 0,
        }
    }

    /// Serves a program that runs already.
    ///
    /// # Errors
    /// If P4Info and program do not fit each other.
    pub fn adopt(&mut self, pipeline: Pipeline) -> Result<(), Refusal> {
        let Pipeline { config, program, state } = pipeline;
        let loaded = Checked::of_program(&self.config, config, program)?.on(state);
        self.run(loaded);
        Ok(())
    }

    /// The set-up.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The switch.
    pub fn switch(&self) -> &S {
        &self.switch
    }

    /// The switch.
    pub fn switch_mut(&mut self) -> &mut S {
        &mut self.switch
    }

    /// The state that packets see; none without a program.
    pub fn state(&self) -> Option<&Arc<State>> {
        self.running.as_ref().map(|running| &running.state)
    }

    /// What controllers are told of the program that runs; none without one.
    pub fn pipeline_config(&self) -> Option<&v1::ForwardingPipelineConfig> {
        self.running.as_ref().map(|running| &running.config)
    }

    /// What the last program that took over from another kept of its state.
    pub fn kept(&self) -> Option<&Kept> {
        self.kept.as_ref()
    }

    /// Messages that were not sent since too many waited, and packets for the controller that were shorter than their
    /// header.
    pub fn dropped(&self) -> u64 {
        self.streams.dropped() + self.packets_unreadable
    }

    fn run(&mut self, loaded: Loaded) {
        self.lists = Lists::default();
        self.lists.configure(&loaded.notes.digests);
        self.idle = Idle::default();
        self.saved = None;
        self.running = Some(loaded);
    }

    /// What calls are about.
    fn target(&self) -> Result<&Loaded, Refusal> {
        self.saved.as_ref().or(self.running.as_ref()).ok_or_else(no_pipeline)
    }

    fn check_device(&self, device_id: u64) -> Result<(), Refusal> {
        match device_id == self.config.device_id {
            true => Ok(()),
            false => Err(Refusal::not_found(format!(
                "there is no device {device_id}; this switch is device {}",
                self.config.device_id
            ))),
        }
    }
}

/// Streams. A stream's owner sends what [`Core::poll_transmit`] has for it, at the pace of its client.
impl<S: Switch> Core<S> {
    /// A controller has opened a stream. Nothing is known of it before its first message.
    pub fn open_stream(&mut self, _now_ns: u64) -> StreamId {
        self.streams.open()
    }

    /// A controller has sent a message.
    pub fn stream_message(&mut self, _now_ns: u64, stream: StreamId, message: v1::StreamMessageRequest) {
        if !self.streams.is_open(stream) {
            return;
        }
        match message.update {
            Some(Incoming::Arbitration(update)) => self.arbitrate(stream, &update),
            Some(Incoming::Packet(packet)) => {
                if let Err(refusal) = self.packet_out(stream, &packet) {
                    let details = v1::PacketOutError { packet_out: Some(packet) };
                    self.complain(stream, refusal, Details::PacketOut(details));
                }
            }
            Some(Incoming::DigestAck(ack)) => {
                if let Err(refusal) = self.acknowledge(stream, &ack) {
                    let details = v1::DigestListAckError { digest_list_ack: Some(ack) };
                    self.complain(stream, refusal, Details::DigestListAck(details));
                }
            }
            Some(Incoming::Other(other)) => {
                let what = format!("messages of type `{}` mean nothing to this switch", other.type_url);
                let details = v1::StreamOtherError { other: Some(other) };
                self.complain(stream, Refusal::unimplemented(what), Details::Other(details));
            }
            None => {
                let refusal = Refusal::invalid("the message is empty; set one of its kinds");
                self.complain(stream, refusal, Details::Other(v1::StreamOtherError { other: None }));
            }
        }
    }

    /// A controller has closed its stream, or is gone. Does nothing if the core has closed it.
    pub fn close_stream(&mut self, _now_ns: u64, stream: StreamId) {
        if let Some(membership) = self.streams.forget(stream)
            && self.arbitration.gone(&self.config, &mut self.streams, stream, &membership)
        {
            self.lists.forget_sent();
        }
    }

    /// A stream that had nothing to send when last polled and has now; each is named once.
    pub fn take_ready(&mut self) -> Option<StreamId> {
        self.streams.take_ready()
    }

    /// The next that a stream is to send; nothing after [`Transmit::Close`].
    pub fn poll_transmit(&mut self, stream: StreamId) -> Option<Transmit> {
        self.streams.poll(stream)
    }

    fn arbitrate(&mut self, stream: StreamId, update: &v1::MasterArbitrationUpdate) {
        match self.arbitration.update(&self.config, &mut self.streams, stream, update) {
            Ok(true) => self.lists.forget_sent(),
            Ok(false) => {}
            Err(refusal) => {
                self.streams.end(stream, refusal.into());
                self.close_ended(stream);
            }
        }
    }

    /// Lets go of a role whose primary's stream was ended.
    fn close_ended(&mut self, stream: StreamId) {
        let Some(membership) = self.streams.ended_membership(stream) else { return };
        if self.arbitration.gone(&self.config, &mut self.streams, stream, &membership) {
            self.lists.forget_sent();
        }
    }

    fn complain(&mut self, stream: StreamId, refusal: Refusal, details: Details) {
        if self.config.stream_errors {
            let error = v1::StreamError {
                canonical_code: refusal.code.into(),
                message: refusal.message,
                space: String::new(),
                code: 0,
                details: Some(details),
            };
            self.streams.send(stream, Outgoing::Error(error));
        }
    }

    /// What the primary of a role may do, if the stream's controller is that.
    fn primary(&self, stream: StreamId) -> Result<&crate::role::Scope, Refusal> {
        let membership = self.streams.membership(stream);
        let scope = membership.and_then(|membership| self.arbitration.primary(membership, stream));
        scope.ok_or_else(|| {
            Refusal::denied("not primary: only a role's primary may send this; win the arbitration first")
        })
    }

    fn packet_out(&mut self, stream: StreamId, packet: &v1::PacketOut) -> Result<(), Refusal> {
        if !self.primary(stream)?.passes_out(&packet.metadata) {
            return Err(Refusal::denied("the role may not send this packet; its config says which it may"));
        }
        let running = self.running.as_mut().ok_or_else(no_pipeline)?;
        let bytes = packet::packet_out(running, packet)?;
        self.switch.inject(bytes).map_err(|error| Refusal::exhausted(error.to_string()))
    }

    fn acknowledge(&mut self, stream: StreamId, ack: &v1::DigestListAck) -> Result<(), Refusal> {
        self.primary(stream)?;
        self.running.as_ref().ok_or_else(no_pipeline)?.schema.digest(ack.digest_id)?;
        self.lists.acknowledge(ack.digest_id, ack.list_id);
        Ok(())
    }
}

/// Calls.
impl<S: Switch> Core<S> {
    /// Applies updates for the primary of a role (section 12).
    pub fn write(&mut self, _now_ns: u64, request: &v1::WriteRequest) -> Written {
        let role = role_name(&request.role, request.role_id);
        let scope = self
            .check_device(request.device_id)
            .and_then(|()| self.arbitration.check(&role, request.election_id.as_ref()));
        let scope = match scope {
            Ok(scope) => scope.clone(),
            Err(refusal) => return Written::refused(refusal),
        };
        self.apply(&request.updates, request.atomicity, Writer::Role(&role, &scope), false)
    }

    /// Applies updates of the switch's own: what a store brings back, or a file gives. Nobody has to be primary.
    pub fn write_locally(&mut self, _now_ns: u64, updates: &[v1::Update], atomicity: Atomicity) -> Written {
        self.apply(updates, atomicity.into(), Writer::Switch, false)
    }

    /// Says what updates would come to, under [`Atomicity::ContinueOnError`], without applying any of them. Nobody has to
    /// be primary.
    ///
    /// # Errors
    /// As [`Core::write`] has them.
    pub fn validate(&mut self, updates: &[v1::Update]) -> Result<v1::WriteResponse, Status> {
        self.apply(updates, Atomicity::ContinueOnError.into(), Writer::Switch, true).result
    }

    fn apply(&mut self, updates: &[v1::Update], atomicity: i32, writer: Writer<'_>, is_dry: bool) -> Written {
        let is_saved = self.saved.is_some();
        let Some(loaded) = self.saved.as_mut().or(self.running.as_mut()) else {
            return Written::refused(no_pipeline());
        };
        let room = self.config.entries_max.map(|max| max.saturating_sub(loaded.entries()));
        let own = PortsOf(&self.switch);
        let ports: &dyn Ports = match writer {
            Writer::Switch if !is_dry => &AnyPort,
            Writer::Switch | Writer::Role(..) => &own,
        };
        let batch = Batch { loaded, ports, config: &self.config, writer, is_dry, room };
        let written = batch.run(updates, atomicity);
        if !is_dry
            && !is_saved
            && let Some(running) = &self.running
        {
            self.lists.configure(&running.notes.digests);
        }
        written
    }

    /// Reads entities (section 13).
    ///
    /// # Errors
    /// If nothing can be read at all. What is wrong with single entities comes last, after what could be read.
    pub fn read(&self, now_ns: u64, request: &v1::ReadRequest) -> Result<ReadResponses, Status> {
        self.check_device(request.device_id)?;
        let role = request.role.as_str();
        let scope = self.arbitration.scope(role).cloned().unwrap_or_default();
        let target = self.target()?;
        let allowed = |object: &Object| role.is_empty() || scope.has(role, object);
        let mut pages = Pages::new(self.config.read_bytes);
        // What is asked for by names that nobody has written gets no numbers.
        let mut scratch = target.translations.clone();
        let results: Vec<Result<(), Refusal>> = request
            .entities
            .iter()
            .map(|entity| {
                let encoder = target.encoder(now_ns);
                let mut decoder = crate::entity::Decoder {
                    schema: &target.schema,
                    translations: &mut scratch,
                    state: &target.state,
                    notes: &target.notes,
                    ports: &PortsOf(&self.switch),
                    classes_of_service: self.config.classes_of_service,
                };
                let mut sink = |kind| pages.push(kind);
                let sink: &mut crate::entity::Sink<'_> = &mut sink;
                match entity.entity.as_ref() {
                    None => Err(Refusal::invalid("the entity is empty; set one of its kinds")),
                    // There are none to be read, which is no error where all are asked for.
                    Some(Kind::ExternEntry(entry)) if entry.extern_type_id == 0 => Ok(()),
                    Some(Kind::ExternEntry(entry)) => Err(no_extern(entry)),
                    Some(Kind::TableEntry(asked)) => encoder.read_table(&mut decoder, asked, &allowed, sink),
                    Some(Kind::ActionProfileMember(asked)) => encoder.read_members(asked, &allowed, sink),
                    Some(Kind::ActionProfileGroup(asked)) => encoder.read_groups(asked, &allowed, sink),
                    Some(Kind::MeterEntry(asked)) => encoder.read_meters(&mut decoder, asked, &allowed, sink),
                    Some(Kind::DirectMeterEntry(asked)) => {
                        encoder.read_direct_meters(&mut decoder, asked, &allowed, sink)
                    }
                    Some(Kind::CounterEntry(asked)) => {
                        encoder.read_counters(&mut decoder, asked, &allowed, sink)
                    }
                    Some(Kind::DirectCounterEntry(asked)) => {
                        encoder.read_direct_counters(&mut decoder, asked, &allowed, sink)
                    }
                    Some(Kind::PacketReplicationEngineEntry(asked)) => {
                        encoder.read_replication(asked, sink);
                        Ok(())
                    }
                    Some(Kind::ValueSetEntry(asked)) => encoder.read_value_sets(asked, &allowed, sink),
                    Some(Kind::RegisterEntry(asked)) => {
                        encoder.read_registers(&mut decoder, asked, &allowed, sink)
                    }
                    Some(Kind::DigestEntry(asked)) => encoder.read_digests(asked, &allowed, sink),
                }
            })
            .collect();
        Ok(ReadResponses::new(pages, of_batch("entities", &results)))
    }

    /// Verifies, saves or commits a program for the primary of a role (section 14).
    ///
    /// # Errors
    /// As the specification has them.
    pub fn set_forwarding_pipeline_config(
        &mut self,
        _now_ns: u64,
        request: &v1::SetForwardingPipelineConfigRequest,
    ) -> Result<v1::SetForwardingPipelineConfigResponse, Status> {
        self.check_device(request.device_id)?;
        let role = role_name(&request.role, request.role_id);
        let scope = self.arbitration.check(&role, request.election_id.as_ref())?;
        if !scope.sets_programs() {
            return Err(
                Refusal::denied(format!("role `{role}` may not set programs; its config says so")).into()
            );
        }
        let action = Action::try_from(request.action)
            .map_err(|_| Refusal::invalid(format!("action {} is not known", request.action)))?;
        self.set_pipeline(action, request.config.as_ref())?;
        Ok(v1::SetForwardingPipelineConfigResponse {})
    }

    /// The same for the switch's own purposes. Nobody has to be primary.
    ///
    /// # Errors
    /// As for controllers.
    pub fn set_pipeline_locally(
        &mut self,
        _now_ns: u64,
        action: Action,
        config: Option<&v1::ForwardingPipelineConfig>,
    ) -> Result<(), Status> {
        Ok(self.set_pipeline(action, config)?)
    }

    fn set_pipeline(
        &mut self,
        action: Action,
        given: Option<&v1::ForwardingPipelineConfig>,
    ) -> Result<(), Refusal> {
        let own = &self.config;
        let checked = || {
            let given = given.ok_or_else(|| {
                Refusal::invalid(format!("{} needs a config, and none is given", action.as_str_name()))
            })?;
            Checked::new(own, given)
        };
        match action {
            Action::Unspecified => Err(Refusal::invalid("no action is given; set one of the five")),
            Action::Verify => {
                let checked = checked()?;
                self.fresh(&checked).map(drop)
            }
            Action::VerifyAndSave => {
                let checked = checked()?;
                let state = self.fresh(&checked)?;
                self.saved = Some(checked.on(state));
                Ok(())
            }
            Action::VerifyAndCommit => {
                let checked = checked()?;
                let state = self.fresh(&checked)?;
                self.switch.replace(&checked.program, Arc::clone(&state))?;
                self.run(checked.on(state));
                Ok(())
            }
            Action::Commit => {
                if given.is_some() {
                    return Err(Refusal::invalid(
                        "COMMIT takes the config that was saved; leave the config out",
                    ));
                }
                let Some(saved) = &self.saved else {
                    return Err(Refusal::not_found("no config is saved; use VERIFY_AND_SAVE first"));
                };
                self.switch.replace(&saved.program, Arc::clone(&saved.state))?;
                if let Some(saved) = self.saved.take() {
                    self.run(saved);
                }
                Ok(())
            }
            Action::ReconcileAndCommit => {
                let checked = checked()?;
                let Some(before) = self.running.take() else {
                    let state = self.fresh(&checked)?;
                    self.switch.replace(&checked.program, Arc::clone(&state))?;
                    self.run(checked.on(state));
                    return Ok(());
                };
                match self.switch.reload(&checked.program) {
                    Ok((state, kept)) => {
                        let mut loaded = checked.on(state);
                        loaded.succeed(&before);
                        self.run(loaded);
                        self.kept = Some(kept);
                        Ok(())
                    }
                    Err(error) => {
                        self.running = Some(before);
                        Err(error.into())
                    }
                }
            }
        }
    }

    /// The state that a program starts with.
    fn fresh(&self, checked: &Checked) -> Result<Arc<State>, Refusal> {
        let state = State::new(&checked.program, self.switch.workers());
        state
            .map(Arc::new)
            .map_err(|error| Refusal::invalid(format!("the switch cannot run the program: {error}")))
    }

    /// What runs (section 15).
    ///
    /// # Errors
    /// For another device, and, as BMv2 has it, while there is no program.
    pub fn get_forwarding_pipeline_config(
        &self,
        request: &v1::GetForwardingPipelineConfigRequest,
    ) -> Result<v1::GetForwardingPipelineConfigResponse, Status> {
        self.check_device(request.device_id)?;
        let config = &self.target()?.config;
        let kind = ResponseType::try_from(request.response_type)
            .map_err(|_| Refusal::invalid(format!("response_type {} is not known", request.response_type)))?;
        let (with_p4info, with_device) = match kind {
            ResponseType::All => (true, true),
            ResponseType::CookieOnly => (false, false),
            ResponseType::P4infoAndCookie => (true, false),
            ResponseType::DeviceConfigAndCookie => (false, true),
        };
        let config = v1::ForwardingPipelineConfig {
            p4info: config.p4info.as_ref().filter(|_| with_p4info).cloned(),
            p4_device_config: if with_device { config.p4_device_config.clone() } else { Vec::new() },
            cookie: config.cookie,
        };
        Ok(v1::GetForwardingPipelineConfigResponse { config: Some(config) })
    }

    /// What is spoken (section 17).
    ///
    /// # Errors
    /// For another device.
    pub fn capabilities(
        &self,
        request: &v1::CapabilitiesRequest,
    ) -> Result<v1::CapabilitiesResponse, Status> {
        if request.device_id != 0 {
            self.check_device(request.device_id)?;
        }
        Ok(v1::CapabilitiesResponse { p4runtime_api_version: API_VERSION.to_owned(), experimental: None })
    }
}

/// What happens in the switch.
impl<S: Switch> Core<S> {
    /// A packet came out of the controller's port.
    pub fn packet_in(&mut self, _now_ns: u64, packet: Bytes) {
        let Some(running) = &self.running else { return };
        let Some(message) = packet::packet_in(running, &packet) else {
            self.packets_unreadable += 1;
            return;
        };
        let receivers: Vec<StreamId> = self
            .arbitration
            .primaries()
            .filter(|(_, _, scope)| scope.passes_in(&message.metadata))
            .map(|(id, _, _)| id)
            .collect();
        for id in receivers {
            self.streams.send(id, Outgoing::Packet(message.clone()));
        }
    }

    /// The program made a digest.
    pub fn digest(&mut self, now_ns: u64, digest: DigestId, values: Vec<Bits>) {
        let Some(running) = &self.running else { return };
        let Some(known) = running.schema.digests.iter().find(|known| known.ir == digest) else { return };
        let is_heard = self.arbitration.primaries().any(|(_, role, scope)| scope.has(role, &known.object));
        if !is_heard {
            return;
        }
        if let Some(list) = self.lists.add(now_ns, known.object.id, values) {
            self.send_list(now_ns, &list);
        }
    }

    fn timestamp(&self, now_ns: u64) -> i64 {
        i64::try_from(self.config.epoch_ns.saturating_add(now_ns)).unwrap_or(i64::MAX)
    }

    fn send_list(&mut self, now_ns: u64, list: &List) {
        let Some(running) = &self.running else { return };
        let Ok(digest) = running.schema.digest(list.digest_id) else { return };
        let data = list.values.iter().filter_map(|values| {
            digest_data(&running.translations, &running.schema.types, &digest.ty, values).ok()
        });
        let message = v1::DigestList {
            digest_id: list.digest_id,
            list_id: list.list_id,
            data: data.collect(),
            timestamp: self.timestamp(now_ns),
        };
        let receivers: Vec<StreamId> = self
            .arbitration
            .primaries()
            .filter(|(_, role, scope)| scope.has(role, &digest.object))
            .map(|(id, _, _)| id)
            .collect();
        for id in receivers {
            self.streams.send(id, Outgoing::Digest(message.clone()));
        }
    }

    /// A port came up or went down.
    pub fn port(&mut self, _now_ns: u64, port: u32, is_up: bool) {
        for loaded in self.running.iter().chain(&self.saved) {
            loaded.state.set_port_up(port, is_up);
        }
    }

    /// It is as late as [`Core::poll_timeout`] said, or later.
    pub fn handle_timeout(&mut self, now_ns: u64) {
        for list in self.lists.due(now_ns) {
            self.send_list(now_ns, &list);
        }
        if self.scans() && self.idle.scan_ns <= now_ns {
            self.idle.scan_ns = now_ns.saturating_add(self.config.idle_scan_ns);
            self.tell_idle(now_ns);
        }
    }

    /// When [`Core::handle_timeout`] is to be called next, if nothing happens before.
    pub fn poll_timeout(&self) -> Option<u64> {
        let scan_ns = self.scans().then_some(self.idle.scan_ns);
        [scan_ns, self.lists.next_ns()].into_iter().flatten().min()
    }

    fn scans(&self) -> bool {
        self.running
            .as_ref()
            .is_some_and(|running| running.schema.tables.iter().any(|table| table.idle_timeout))
    }

    fn tell_idle(&mut self, now_ns: u64) {
        let Some(running) = &self.running else { return };
        let due = self.idle.due(now_ns, running.state.idle_entries(now_ns));
        if due.is_empty() {
            return;
        }
        let encoder = running.encoder(now_ns);
        let mut messages = Vec::new();
        for (id, role, scope) in self.arbitration.primaries() {
            let entries = due.iter().filter_map(|idle| {
                let table = running.schema.table_of(idle.key.table)?;
                scope.has(role, &table.object).then(|| encoder.idle_entry(table, idle))
            });
            let table_entry: Vec<v1::TableEntry> = entries.collect();
            if !table_entry.is_empty() {
                messages.push((
                    id,
                    v1::IdleTimeoutNotification { table_entry, timestamp: self.timestamp(now_ns) },
                ));
            }
        }
        for (id, message) in messages {
            self.streams.send(id, Outgoing::IdleTimeoutNotification(message));
        }
    }
}
