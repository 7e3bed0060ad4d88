//! The owner of a running switch: answers the engine, and whoever asks, until it is told to stop.
//!
//! Invariant: one thread has it, so that what is decided here is decided in one order.

mod answers;

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crossbeam::channel::{self, Receiver, select};
use heddle_engine::{
    Config, Controller, DigestMessage, Engine, EngineError, Event, PacketIn, PortChangeError, Reloaded, Stats,
};
use heddle_exec::{Executor, Interpreter};
use heddle_p4rt::proto::v1;
use heddle_p4rt::proto::v1::set_forwarding_pipeline_config_request::Action;
use heddle_packet::PortId;
use heddle_ports::PortDescription;
use heddle_ports::links::LinkState;
use heddle_ports::spec::{BareName, PortSpec};
use heddle_runtime::learning::{Agent, FLOOD_GROUP};
use heddle_state::{State, StateError, Update, WriteError};

use crate::attachments::{Attachments, Opener, PortError};
use crate::call::{Call, Caller, line};
use crate::control_plane::ControlPlane;
use crate::grpc::{Counts, ServeError, Server, ServerSettings};
use crate::links::LinkWatch;
use crate::notice::Notice;
use crate::store::{StateSettings, StoreError};
use crate::switch::{EngineSwitch, MakeExecutor};

/// How often ports that are gone and wishes of the user are looked at.
const TICK: Duration = Duration::from_millis(100);
/// Ports that may be attached beside those that are there from the start.
const SPARE_PORTS: usize = 64;
/// Calls that are answered before the engine is looked at again.
const CALLS_IN_A_ROW: usize = 64;

/// A program ready to run, and what is known of it.
#[derive(Clone)]
pub enum Program {
    /// The program alone.
    Bare(Arc<dyn Executor>),
    /// With what controllers need to know of it, as they would set it themselves.
    Described(Box<v1::ForwardingPipelineConfig>),
}

/// Loads the program anew, as the user wrote it.
pub type Loader = Box<dyn FnMut() -> Result<Program, Box<dyn Error + Send + Sync>> + Send>;

/// Who is told what happens: the edge, which prints it.
pub trait Observer: Send {
    /// Something happened.
    fn notice(&mut self, notice: &Notice<'_>);

    /// A program runs: the first one, or one that took over.
    fn program_runs(&mut self, engine: &Engine) {
        let _ = engine;
    }
}

/// What a switch starts with.
pub struct Settings {
    /// Sizes, limits and schedulers. Spare ports are added to it, and a controller's port if there is a control plane.
    pub engine: Config,
    /// The ports.
    pub ports: Vec<PortSpec>,
    /// How they are opened.
    pub opener: Opener,
    /// How the program is loaded again, if it can be.
    pub loader: Option<Loader>,
    /// Whether controllers are served, and how.
    pub control: Option<ControlSettings>,
}

/// What a control plane starts with.
pub struct ControlSettings {
    /// The core's set-up. Its epoch, its controller's port and its classes of service are those of the switch.
    pub core: heddle_p4rt::Config,
    /// Makes the programs ready that controllers set.
    pub make_executor: MakeExecutor,
    /// Where P4Runtime is served.
    pub server: Option<ServerSettings>,
    /// Where Prometheus is served.
    pub metrics: Option<SocketAddr>,
    /// Where state is kept.
    pub state: Option<StateSettings>,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("engine", &self.engine)
            .field("ports", &self.ports)
            .finish_non_exhaustive()
    }
}

/// Wishes that come from outside of the daemon's thread.
#[derive(Clone, Debug, Default)]
pub struct Signals {
    /// End.
    pub stop: Arc<AtomicBool>,
    /// Load the program again.
    pub reload: Arc<AtomicBool>,
}

/// Why a switch cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A port cannot be attached.
    #[error(transparent)]
    Port(#[from] PortError),
    /// Configuration, state and ports do not fit each other, or the system refuses.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// There is no memory for the program's state.
    #[error(transparent)]
    State(#[from] StateError),
    /// The learning agent's flood group is refused.
    #[error("the learning agent cannot begin")]
    Agent(#[source] WriteError),
    /// What was written before anything is attached is refused.
    #[error("{0}")]
    Prepare(String),
    /// The program is refused.
    #[error("the program cannot be served: {0}")]
    Program(String),
    /// Nothing can be served.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// What was kept cannot be brought back.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Writes what a program is to start with into its state.
pub type Prepare<'a> = &'a dyn Fn(&State) -> Result<(), String>;

/// A running switch.
pub struct Daemon {
    engine: Arc<Engine>,
    attachments: Attachments,
    agent: Option<Agent>,
    /// Whether the flood group is the agent's, so that it goes with the ports.
    is_flood_ours: bool,
    loader: Option<Loader>,
    observer: Box<dyn Observer>,
    control: Option<ControlPlane>,
    /// Before the control plane's end of it, so that nobody asks one that is gone.
    server: Option<Server>,
    calls: Receiver<Call>,
    /// Kept, so that the line is never dead.
    _caller: Caller,
    is_draining: bool,
    /// None where the system tells nothing of links.
    links: Option<LinkWatch>,
    /// Whether all links have to be asked for again.
    asks_links: bool,
}

impl std::fmt::Debug for Daemon {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Daemon").field("engine", &self.engine).finish_non_exhaustive()
    }
}

/// A program that drops everything: what runs before a controller has set one.
fn no_program() -> Result<Arc<dyn Executor>, StartError> {
    let mut program = heddle_ir::ProgramBuilder::new("none");
    // It decides nothing, and packets are counted as lost by that.
    program.ingress(Vec::new());
    let verified = heddle_ir::verify(program.finish()).map_err(|violations| {
        StartError::Program(violations.first().map_or_else(String::new, ToString::to_string))
    })?;
    Ok(Arc::new(Interpreter::new(verified)))
}

impl Daemon {
    /// Starts a program, without one if there is none to start with, and attaches the ports.
    ///
    /// What was kept comes back before any port is attached, and a program given with it takes over what fits.
    ///
    /// # Errors
    /// [`StartError`]; interfaces are then as they were found.
    pub fn start(
        settings: Settings,
        program: Option<Program>,
        prepare: Prepare<'_>,
        observer: Box<dyn Observer>,
    ) -> Result<Daemon, StartError> {
        let Settings { engine: config, ports: specs, opener, loader, control } = settings;
        let is_given = program.is_some();
        let workers = config.workers;
        let spare_ports = config.spare_ports.max(SPARE_PORTS) + specs.len();
        let controller_port = control.as_ref().map(|control| PortId(control.core.controller_port));
        let controller = controller_port.map(|port| Controller { port, ..Controller::default() });
        let controller = controller.or(config.controller);
        let queues = config.port_default.queues;
        let config = Config { spare_ports, controller, ..config };
        let executor = match &program {
            Some(Program::Bare(executor)) => Arc::clone(executor),
            Some(Program::Described(_)) | None => no_program()?,
        };
        let state = Arc::new(State::new(executor.program(), workers)?);
        if let Some(Program::Bare(_)) = program {
            prepare(&state).map_err(StartError::Prepare)?;
        }
        let mut attachments = Attachments::new(opener);
        // With a control plane, what was kept and the program come first.
        let (first, specs) = if control.is_none() { (specs, Vec::new()) } else { (Vec::new(), specs) };
        let ports = attachments.open(first)?;
        let engine = Arc::new(Engine::start(config, executor, state, ports)?);
        let (caller, calls) = line();
        let mut daemon = Daemon {
            engine,
            attachments,
            agent: None,
            is_flood_ours: false,
            loader,
            observer,
            control: None,
            server: None,
            calls,
            _caller: caller.clone(),
            is_draining: false,
            links: None,
            asks_links: false,
        };
        let mut serve = None;
        if let Some(control) = control {
            let ControlSettings { mut core, make_executor, server, metrics, state } = control;
            core.epoch_ns = daemon.epoch_ns();
            core.classes_of_service = u32::try_from(queues).unwrap_or(u32::MAX);
            let switch = EngineSwitch {
                engine: Arc::clone(&daemon.engine),
                make_executor,
                workers,
                controller_port: controller_port.unwrap_or_default(),
                has_changed: false,
                kept: None,
            };
            daemon.control = Some(ControlPlane::new(core, switch, Arc::new(Counts::default())));
            daemon.begin_control(program, state.as_ref(), prepare, specs)?;
            serve = Some((server, metrics));
        }
        if is_given {
            daemon.begin_learning()?;
        }
        daemon.observer.program_runs(&daemon.engine);
        for port in daemon.engine.ports() {
            daemon.observer.notice(&Notice::Attached(&port));
        }
        if let (Some((server, metrics)), Some(control)) = (serve, &daemon.control)
            && (server.is_some() || metrics.is_some())
        {
            let is_open = server.as_ref().is_some_and(|s| s.tls.is_none() && !s.address.ip().is_loopback());
            let server = Server::start(server, metrics, caller, Arc::clone(&control.counts))?;
            if let Some(address) = server.address {
                daemon.observer.notice(&Notice::Serving { address, is_open });
            }
            daemon.server = Some(server);
        }
        match LinkWatch::start() {
            Ok(links) => daemon.links = Some(links),
            Err(error) => tracing::warn!(%error, "ports that lose their links are not noticed"),
        }
        Ok(daemon)
    }

    /// Brings back what was kept, lets the given program take over, and attaches the ports.
    fn begin_control(
        &mut self,
        program: Option<Program>,
        state: Option<&StateSettings>,
        prepare: Prepare<'_>,
        specs: Vec<PortSpec>,
    ) -> Result<(), StartError> {
        let now_ns = self.engine.now_ns();
        let Some(control) = &mut self.control else { return Ok(()) };
        let mut kept_ports = None;
        if let Some(settings) = state {
            let (ports, found, refused) = control.restore(settings, now_ns)?;
            kept_ports = ports;
            if found.records > 0 {
                self.observer.notice(&Notice::Restored {
                    folder: &settings.folder,
                    records: found.records,
                    cut_bytes: found.cut_bytes,
                    refused: &refused,
                });
            }
        }
        if let Some(Program::Described(config)) = program {
            let running = control.pipeline();
            let is_same = running.as_ref().is_some_and(|running| {
                running.p4info == config.p4info && running.p4_device_config == config.p4_device_config
            });
            if !is_same {
                let action =
                    if running.is_some() { Action::ReconcileAndCommit } else { Action::VerifyAndCommit };
                let set = control.set_pipeline_locally(now_ns, action, *config);
                set.map_err(|error| StartError::Program(error.message))?;
            }
            if running.is_none() {
                prepare(&self.engine.state()).map_err(StartError::Prepare)?;
            }
            control.switch_mut().has_changed = false;
        }
        self.attach_all(specs)?;
        for port in kept_ports.map(|list| list.ports).unwrap_or_default() {
            let spec = PortSpec::parse(&port.spec, BareName::Interface);
            let Ok(spec) = spec else { continue };
            let taken = self.attachments.specs().iter().any(|s| s.id == spec.id || s.name == spec.name);
            if !taken {
                self.attachments.add_or_await(&self.engine, spec, self.observer.as_mut());
            }
        }
        let ports = self.port_messages();
        if let Some(control) = &mut self.control {
            control.keep_ports(ports).map_err(|error| StartError::Prepare(error.message))?;
        }
        Ok(())
    }

    fn attach_all(&mut self, specs: Vec<PortSpec>) -> Result<(), StartError> {
        for port in self.attachments.open(specs)? {
            self.engine.attach_port(port).map_err(PortError::from)?;
        }
        Ok(())
    }

    /// Nanoseconds from 1970 to the zero of the engine's clock.
    fn epoch_ns(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX).saturating_sub(self.engine.now_ns())
    }

    /// Has the program that runs learn, if it is one that does.
    fn begin_learning(&mut self) -> Result<(), StartError> {
        let state = self.engine.state();
        self.agent = Agent::for_program(state.program());
        let Some(agent) = &mut self.agent else { return Ok(()) };
        agent.recall(&state);
        let ports = || self.attachments.specs().iter().map(|spec| spec.id.0);
        // Whoever gave a flood group of his own knows better.
        match state.multicast_groups().into_iter().find(|group| group.id == FLOOD_GROUP) {
            None => {
                state.write(&[agent.initial(ports())]).map_err(StartError::Agent)?;
                self.is_flood_ours = true;
            }
            Some(group) => {
                self.is_flood_ours = Update::ModifyMulticastGroup(group) == agent.with_ports(ports())
            }
        }
        Ok(())
    }

    /// Has the agent flood to the ports that there are.
    fn flood_to_ports(&self) {
        let Some(agent) = self.agent.as_ref().filter(|_| self.is_flood_ours) else { return };
        let flood = agent.with_ports(self.attachments.specs().iter().map(|spec| spec.id.0));
        if let Err(error) = self.engine.state().write(&[flood]) {
            tracing::warn!(%error, "the learning agent's flood group stays as it is");
        }
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Where P4Runtime is served.
    pub fn address(&self) -> Option<SocketAddr> {
        self.server.as_ref()?.address
    }

    /// The ports that were asked for, those included that are gone for now.
    pub fn port_specs(&self) -> &[PortSpec] {
        self.attachments.specs()
    }

    /// Attaches one more port.
    ///
    /// # Errors
    /// [`PortError`]; nothing has then changed.
    pub fn add_port(&mut self, spec: PortSpec) -> Result<Arc<PortDescription>, PortError> {
        let description = self.attachments.add(&self.engine, spec)?;
        self.flood_to_ports();
        Ok(description)
    }

    /// Detaches a port for good.
    ///
    /// # Errors
    /// [`PortError`] if there is no such port.
    pub fn remove_port(&mut self, port: PortId) -> Result<(), PortError> {
        self.attachments.remove(&self.engine, port)?;
        self.flood_to_ports();
        Ok(())
    }

    /// Answers until it is told to stop, or for as long as `limit` says.
    pub fn serve(&mut self, signals: &Signals, limit: Option<Duration>) {
        heddle_engine::stand_back();
        let started = Instant::now();
        let ticks = channel::tick(TICK);
        let engine = Arc::clone(&self.engine);
        let calls = self.calls.clone();
        let mut links = self.links.as_ref().map_or_else(channel::never, |links| links.news().clone());
        while !signals.stop.load(Ordering::Relaxed) {
            if limit.is_some_and(|limit| started.elapsed() >= limit) {
                return;
            }
            let due = self.control.as_ref().and_then(ControlPlane::timeout);
            let due = due.map(|due| Duration::from_nanos(due.saturating_sub(engine.now_ns())));
            let due = due.filter(|due| *due < TICK).map_or_else(channel::never, channel::after);
            select! {
                recv(ticks) -> _ => self.tick(signals),
                recv(due) -> _ => {
                    if let Some(control) = &mut self.control {
                        control.tick(engine.now_ns());
                    }
                }
                recv(engine.events()) -> event => {
                    if let Ok(event) = event {
                        self.note(&event);
                    }
                }
                recv(links) -> link => match link {
                    Ok(link) => self.link(link),
                    // Whoever listened has said why it does not any more.
                    Err(_) => links = channel::never(),
                },
                recv(engine.digests()) -> digest => {
                    if let Ok(digest) = digest {
                        self.digest(digest);
                    }
                }
                recv(engine.packet_ins()) -> packet => {
                    if let Ok(packet) = packet {
                        self.packet_in(packet);
                    }
                }
                recv(calls) -> call => {
                    if let Ok(call) = call {
                        self.answer(call.ask);
                    }
                    for _ in 1..CALLS_IN_A_ROW {
                        let Ok(call) = calls.try_recv() else { break };
                        self.answer(call.ask);
                    }
                }
            }
            if let Some(control) = &mut self.control {
                control.pump();
            }
        }
    }

    /// Stops the workers, detaches the ports, and gives the final numbers. What packets have done to registers is kept, if
    /// state is; if it cannot be, the reason comes with the numbers.
    pub fn stop(mut self) -> (Stats, Result<(), String>) {
        drop(self.server.take());
        let now_ns = self.engine.now_ns();
        let kept = self.control.as_mut().map_or(Ok(()), |control| control.finish(now_ns));
        drop(self.control.take());
        let stats = match Arc::try_unwrap(self.engine) {
            Ok(engine) => engine.stop(),
            // Somebody holds on to it; it stops once they let go.
            Err(engine) => engine.stats(),
        };
        (stats, kept)
    }

    /// An interface has a link, or has none.
    fn link(&mut self, link: LinkState) {
        // One that was removed keeps its description.
        let is_there = |port: PortId| self.attachments.specs().iter().any(|spec| spec.id == port);
        let is_it = |port: &Arc<PortDescription>| port.interface == Some(link.index) && is_there(port.id);
        let Some(port) = self.engine.ports().find(is_it).map(|port| port.id) else { return };
        match self.engine.set_link(port, link.has_link) {
            Ok(true) => {
                self.observer.notice(&Notice::Link { port, has_link: link.has_link });
                self.tell_control(port);
            }
            Ok(false) => {}
            Err(PortChangeError::Busy) => self.asks_links = true,
            // It is gone, or not attached yet, and is asked for again when it is.
            Err(error) => tracing::debug!(%error, port = port.0, "link"),
        }
    }

    /// Tells controllers whether a port works now, whatever was said of it before.
    fn tell_control(&mut self, port: PortId) {
        let (now_ns, is_up) = (self.engine.now_ns(), self.engine.is_up(port));
        if let Some(control) = &mut self.control {
            control.port(now_ns, port.0, is_up);
        }
    }

    fn tick(&mut self, signals: &Signals) {
        if std::mem::take(&mut self.asks_links)
            && let Some(links) = &self.links
        {
            links.ask();
        }
        self.attachments.bring_back(&self.engine, self.observer.as_mut());
        self.is_draining = self.is_draining && self.engine.is_draining();
        if !self.is_draining && signals.reload.swap(false, Ordering::Relaxed) {
            self.is_draining = self.reload_and_tell();
            if let Some(Err(error)) = self.server.as_ref().map(Server::reload_certificates) {
                self.observer.notice(&Notice::CertificatesKept(&error));
            }
        }
        let now_ns = self.engine.now_ns();
        if let Some(control) = &mut self.control {
            control.tick(now_ns);
        }
    }

    fn note(&mut self, event: &Event) {
        self.observer.notice(&Notice::Event(event));
        let port = match event {
            Event::PortGone { port, error: _ } => {
                self.attachments.lose(&self.engine, *port);
                port
            }
            Event::PortUp { port } => {
                self.links.iter().for_each(LinkWatch::ask);
                port
            }
            Event::NotPinned { .. } | Event::NotRealtime { .. } | Event::WorkerPanicked { .. } => return,
        };
        self.tell_control(*port);
    }

    fn packet_in(&mut self, packet: PacketIn) {
        let now_ns = self.engine.now_ns();
        if let Some(control) = &mut self.control {
            control.packet_in(now_ns, packet.bytes);
        }
    }

    fn digest(&mut self, digest: DigestMessage) {
        let now_ns = self.engine.now_ns();
        let is_taken = self.control.as_ref().is_some_and(|control| control.has_digests);
        if !is_taken && let Some(agent) = &mut self.agent {
            let updates = agent.learn(digest.digest, &digest.values);
            tracing::debug!(updates = updates.len(), known = agent.len(), "digest");
            if let Err(error) = self.engine.state().write(&updates) {
                tracing::warn!(%error, "the learning agent's write was refused");
            }
        }
        if let Some(control) = &mut self.control {
            control.digest(now_ns, digest);
        }
    }

    /// Loads the program again and has it take over. True if it did; whatever is wrong with it otherwise is said, and
    /// the old one goes on.
    fn reload_and_tell(&mut self) -> bool {
        match self.reload() {
            Ok(kept) => {
                self.observer.notice(&Notice::Reloaded(&kept));
                true
            }
            Err(error) => {
                self.observer.notice(&Notice::NotReloaded(error.as_ref()));
                false
            }
        }
    }

    fn reload(&mut self) -> Result<heddle_state::Kept, Box<dyn Error + Send + Sync>> {
        let Some(loader) = self.loader.as_mut() else {
            return Err("there is no program to read again: it came from a controller".into());
        };
        let kept = match (loader()?, &mut self.control) {
            (Program::Described(config), Some(control)) => {
                let now_ns = self.engine.now_ns();
                let action = match control.pipeline() {
                    Some(_) => Action::ReconcileAndCommit,
                    None => Action::VerifyAndCommit,
                };
                control.set_pipeline_locally(now_ns, action, *config).map_err(|error| error.message)?;
                let switch = control.switch_mut();
                switch.has_changed = false;
                switch.kept.take().unwrap_or_default()
            }
            (Program::Described(_), None) => return Err("there is no control plane to set it by".into()),
            (Program::Bare(executor), _) => {
                let Reloaded { state: _, kept } = self.engine.reload(executor)?;
                kept
            }
        };
        self.begin_learning()?;
        self.observer.program_runs(&self.engine);
        Ok(kept)
    }

    /// Looks whether a controller has set another program.
    fn after_pipeline(&mut self) {
        let Some(control) = &mut self.control else { return };
        if std::mem::take(&mut control.switch_mut().has_changed) {
            self.is_draining = true;
            // Who sets programs answers their digests.
            self.agent = None;
            self.observer.program_runs(&self.engine);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_program_for_a_switch_without_one() {
        assert_eq!(no_program().unwrap().program().name, "none");
    }
}
