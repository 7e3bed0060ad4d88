//! The owner of a running switch: answers the engine until it is told to stop.
//!
//! Invariant: one thread has it, so that what is decided here is decided in one order.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossbeam::channel::{self, select};
use heddle_engine::{Config, DigestMessage, Engine, EngineError, Event, Reloaded, Stats};
use heddle_exec::Executor;
use heddle_packet::PortId;
use heddle_ports::PortDescription;
use heddle_ports::spec::PortSpec;
use heddle_runtime::learning::{Agent, FLOOD_GROUP};
use heddle_state::{State, WriteError};

use crate::attachments::{Attachments, Opener, PortError};
use crate::notice::Notice;

/// How often ports that are gone and wishes of the user are looked at.
const TICK: Duration = Duration::from_millis(100);
/// Ports that may be attached beside those that are there from the start.
const SPARE_PORTS: usize = 64;

/// Loads the program anew, as the user wrote it.
pub type Loader = Box<dyn FnMut() -> Result<Arc<dyn Executor>, Box<dyn Error + Send + Sync>> + Send>;

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
    /// Sizes, limits and schedulers. Spare ports are added to it.
    pub engine: Config,
    /// The ports.
    pub ports: Vec<PortSpec>,
    /// How they are opened.
    pub opener: Opener,
    /// How the program is loaded again, if it can be.
    pub loader: Option<Loader>,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings").field("engine", &self.engine).field("ports", &self.ports).finish()
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
    /// The learning agent's flood group is refused.
    #[error("the learning agent cannot begin")]
    Agent(#[source] WriteError),
}

/// A running switch.
pub struct Daemon {
    engine: Engine,
    attachments: Attachments,
    agent: Option<Agent>,
    loader: Option<Loader>,
    observer: Box<dyn Observer>,
}

impl std::fmt::Debug for Daemon {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Daemon").field("engine", &self.engine).finish_non_exhaustive()
    }
}

impl Daemon {
    /// Attaches the ports and starts the workers on a program and its state.
    ///
    /// # Errors
    /// [`StartError`]; interfaces are then as they were found.
    pub fn start(
        settings: Settings,
        executor: Arc<dyn Executor>,
        state: Arc<State>,
        observer: Box<dyn Observer>,
    ) -> Result<Daemon, StartError> {
        let Settings { engine: config, ports, opener, loader } = settings;
        let agent = Agent::for_program(executor.program());
        if let Some(agent) = &agent {
            // Whoever gave a flood group of his own knows better.
            let is_given = state.multicast_groups().iter().any(|group| group.id == FLOOD_GROUP);
            if !is_given {
                let flood = agent.initial(ports.iter().map(|spec| spec.id.0));
                state.write(&[flood]).map_err(StartError::Agent)?;
            }
        }
        let mut attachments = Attachments::new(opener);
        let ports = attachments.open(ports)?;
        let config = Config { spare_ports: config.spare_ports.max(SPARE_PORTS), ..config };
        let engine = Engine::start(config, executor, state, ports)?;
        let mut daemon = Daemon { engine, attachments, agent, loader, observer };
        daemon.observer.program_runs(&daemon.engine);
        for port in daemon.engine.ports() {
            daemon.observer.notice(&Notice::Attached(&port));
        }
        Ok(daemon)
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
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
        self.attachments.add(&self.engine, spec)
    }

    /// Detaches a port for good.
    ///
    /// # Errors
    /// [`PortError`] if there is no such port.
    pub fn remove_port(&mut self, port: PortId) -> Result<(), PortError> {
        self.attachments.remove(&self.engine, port)
    }

    /// Answers the engine until it is told to stop, or for as long as `limit` says.
    pub fn serve(&mut self, signals: &Signals, limit: Option<Duration>) {
        let started = Instant::now();
        let ticks = channel::tick(TICK);
        let mut is_draining = false;
        while !signals.stop.load(Ordering::Relaxed) {
            if limit.is_some_and(|limit| started.elapsed() >= limit) {
                return;
            }
            select! {
                recv(ticks) -> _ => {
                    self.attachments.bring_back(&self.engine, self.observer.as_mut());
                    is_draining = is_draining && self.engine.is_draining();
                    if !is_draining && signals.reload.swap(false, Ordering::Relaxed) {
                        is_draining = self.reload();
                    }
                }
                recv(self.engine.events()) -> event => {
                    if let Ok(event) = event {
                        self.note(&event);
                    }
                }
                recv(self.engine.digests()) -> digest => {
                    if let Ok(digest) = digest {
                        self.learn(&digest);
                    }
                }
            }
        }
    }

    /// Stops the workers, detaches the ports, and gives the final numbers.
    pub fn stop(self) -> Stats {
        self.engine.stop()
    }

    fn note(&mut self, event: &Event) {
        self.observer.notice(&Notice::Event(event));
        match event {
            Event::PortGone { port, error: _ } => self.attachments.lose(&self.engine, *port),
            Event::PortUp { .. } | Event::NotPinned { .. } | Event::WorkerPanicked { .. } => {}
        }
    }

    fn learn(&mut self, digest: &DigestMessage) {
        let Some(agent) = &mut self.agent else { return };
        let updates = agent.learn(digest.digest, &digest.values);
        tracing::debug!(updates = updates.len(), known = agent.len(), "digest");
        if let Err(error) = self.engine.state().write(&updates) {
            tracing::warn!(%error, "the learning agent's write was refused");
        }
    }

    /// Loads the program again and has it take over. True if it did; whatever is wrong with it otherwise is said, and
    /// the old one goes on.
    fn reload(&mut self) -> bool {
        let reloaded = match self.loader.as_mut() {
            Some(loader) => loader(),
            None => Err("there is no program to read again".into()),
        };
        match reloaded.and_then(|executor| self.replace(executor)) {
            Ok(reloaded) => {
                self.observer.program_runs(&self.engine);
                self.observer.notice(&Notice::Reloaded(&reloaded));
                true
            }
            Err(error) => {
                self.observer.notice(&Notice::NotReloaded(error.as_ref()));
                false
            }
        }
    }

    fn replace(&mut self, executor: Arc<dyn Executor>) -> Result<Reloaded, Box<dyn Error + Send + Sync>> {
        let mut agent = Agent::for_program(executor.program());
        let reloaded = self.engine.reload(executor)?;
        if let Some(agent) = &mut agent {
            agent.recall(&reloaded.state);
        }
        self.agent = agent;
        Ok(reloaded)
    }
}
