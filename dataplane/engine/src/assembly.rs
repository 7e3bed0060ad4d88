//! Putting a switch together: ports are mapped and split, their queues dealt out to workers, and the workers
//! connected by rings.
//!
//! Invariant: every queue pair has one worker; every port has one worker that sends for it, unless its
//! scheduler is plain and every worker has a queue of it, in which case each sends what it processed itself.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use crossbeam::channel::{Receiver, Sender, bounded};
use heddle_exec::Executor;
use heddle_ir::Program;
use heddle_packet::PortId;
use heddle_ports::{Port, PortDescription, Queue};
use heddle_state::{Kept, State, StateError, Succession};

use crate::config::{Config, PortConfig, QUEUES_MAX};
use crate::core::{Core, Parts, Pauses, Route, Shared};
use crate::event::{Command, DigestMessage, Event, Injection, PacketIn};
use crate::pipeline::{Pipeline, Published, is_drained};
use crate::port_map::{MappedPort, PORTS_MAX, PortMap};
use crate::ring::ring;
use crate::stats::{Stats, WorkerCells};

/// Why a switch cannot be set up as asked.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Two ports, or a port and the controller, have the same number.
    #[error("port {0} is given twice")]
    DuplicatePort(PortId),
    /// The program cannot name a port.
    #[error(transparent)]
    Unnameable(#[from] Unnameable),
    /// A scheduler is configured for a port that is not there.
    #[error("a scheduler is configured for port {0}, which is not attached")]
    UnknownPort(PortId),
    /// More ports than positions.
    #[error("{ports} ports, at most {PORTS_MAX} are possible")]
    TooManyPorts {
        /// How many there are.
        ports: usize,
    },
    /// A number of priority queues that no port can have.
    #[error("port {port} cannot have {queues} queues: 1 to {QUEUES_MAX} are possible")]
    Queues {
        /// Which.
        port: PortId,
        /// How many were asked for.
        queues: usize,
    },
    /// No workers, or more than the state has counters for.
    #[error("{workers} workers, but the state counts for {state_workers}")]
    Workers {
        /// How many were asked for.
        workers: usize,
        /// How many the state was made for.
        state_workers: usize,
    },
    /// The system refused what a worker needs.
    #[error("{what}: {source}")]
    System {
        /// What was asked for.
        what: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
}

/// A port whose number the program takes for another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("port {port} is beyond what the program can tell apart: give it a number below {ports}")]
pub struct Unnameable {
    /// Which.
    pub port: PortId,
    /// How many numbers there are.
    pub ports: u32,
}

impl Unnameable {
    fn check(program: &Program, port: PortId) -> Result<(), Unnameable> {
        match program.ports {
            Some(ports) if port.0 >= ports => Err(Unnameable { port, ports }),
            _ => Ok(()),
        }
    }
}

/// Why a port's scheduler cannot be changed as asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigureError {
    /// No such port.
    #[error("port {0} is not attached")]
    UnknownPort(PortId),
    /// The number of queues is fixed at start.
    #[error("port {port} has {queues} queues, which cannot be changed while it runs")]
    Queues {
        /// Which.
        port: PortId,
        /// How many it has.
        queues: usize,
    },
    /// Several workers send for the port, so that it cannot have a rate.
    #[error("port {0} is served by several workers and cannot be given a rate while it runs")]
    Shared(PortId),
    /// Too many changes wait.
    #[error("the worker of port {0} has not taken up earlier changes")]
    Busy(PortId),
}

/// Why a pipeline cannot be replaced now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplaceError {
    /// Packets of the pipeline before the current one are still under way.
    #[error("packets of the pipeline replaced before are still under way")]
    Draining,
    /// The state counts for fewer workers than there are.
    #[error("{workers} workers, but the state counts for {state_workers}")]
    Workers {
        /// How many there are.
        workers: usize,
        /// How many the state was made for.
        state_workers: usize,
    },
    /// It cannot name a port that is attached.
    #[error(transparent)]
    Unnameable(#[from] Unnameable),
}

/// Why a port cannot be attached or detached while the switch runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PortChangeError {
    /// There is one of that number.
    #[error("port {0} is attached already; detach it first")]
    Attached(PortId),
    /// There is none of that number.
    #[error("port {0} is not attached")]
    Unknown(PortId),
    /// The program cannot name it.
    #[error(transparent)]
    Unnameable(#[from] Unnameable),
    /// No more positions.
    #[error("there is no room for port {0}: no spare port is left of those that were asked for at start")]
    NoRoom(PortId),
    /// It is the controller's.
    #[error("port {0} is the controller's")]
    Controller(PortId),
    /// Too many changes wait.
    #[error("the workers have not taken up earlier changes of ports")]
    Busy,
}

/// Why another program cannot take over.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// Its state cannot be made; the old program goes on.
    #[error(transparent)]
    State(#[from] StateError),
    /// It cannot be put in place now.
    #[error(transparent)]
    Replace(#[from] ReplaceError),
}

/// What another program took over.
#[derive(Clone, Debug)]
pub struct Reloaded {
    /// Its state: what the control plane writes to from now on.
    pub state: Arc<State>,
    /// What of the old program's state was kept, and what was left.
    pub kept: Kept,
}

/// Changes that wait for a worker at most.
const COMMANDS: usize = 256;

/// What the control side keeps of a switch.
pub(crate) struct Control {
    pub(crate) shared: Arc<Shared>,
    pub(crate) events: Receiver<Event>,
    pub(crate) digests: Receiver<DigestMessage>,
    pub(crate) packet_ins: Receiver<PacketIn>,
    pub(crate) injections: Sender<Injection>,
    /// By worker.
    pub(crate) commands: Vec<Sender<Command>>,
    /// Ports that are served by more than one worker, by position.
    many_workers: Vec<AtomicBool>,
    /// What direct counters count in the program that retires is yet to be brought over to this state.
    unsettled: Mutex<Option<(Arc<State>, Succession)>>,
    /// Kept so that interfaces stay attached, and restored when the switch is gone.
    ports: Mutex<Vec<Option<Box<dyn Port>>>>,
}

impl std::fmt::Debug for Control {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Control").field("shared", &self.shared).finish_non_exhaustive()
    }
}

/// Makes the cores of all workers, and what the control side keeps.
pub(crate) fn assemble(
    config: Config,
    pipeline: Pipeline,
    mut ports: Vec<Box<dyn Port>>,
) -> Result<(Control, Vec<Core>), EngineError> {
    let workers = config.workers;
    let state_workers = pipeline.state.workers();
    if workers == 0 || state_workers < workers {
        return Err(EngineError::Workers { workers, state_workers });
    }
    let map = map_ports(&config, &ports)?;
    // The controller's port has a number for programs that speak to it.
    for port in &ports {
        Unnameable::check(pipeline.executor.program(), port.description().id)?;
    }

    let mut queues: Vec<Vec<(usize, Box<dyn Queue>)>> = (0..workers).map(|_| Vec::new()).collect();
    let mut routes: Vec<Vec<Route>> = (0..workers).map(|_| Vec::new()).collect();
    let mut many_workers = Vec::new();
    for (position, mapped) in map.ports().iter().enumerate() {
        let split = ports.get_mut(position).map(|port| port.split()).unwrap_or_default();
        let dealing = Dealing::new(position, mapped, split.len(), workers);
        many_workers.push(AtomicBool::new(dealing.is_shared && workers > 1));
        for (worker, routes) in routes.iter_mut().enumerate() {
            routes.push(dealing.route(worker));
        }
        for (index, queue) in split.into_iter().enumerate() {
            queues[dealing.owner(index)].push((position, queue));
        }
    }

    let takes_whole = queues.iter().flatten().any(|(_, queue)| queue.takes_whole());
    let is_paced = map.ports().iter().any(|port| port.config.has_rate());

    let mut rings_out: Vec<Vec<_>> = (0..workers).map(|_| Vec::new()).collect();
    let mut rings_in: Vec<Vec<_>> = (0..workers).map(|_| Vec::new()).collect();
    for (from, rings_out) in rings_out.iter_mut().enumerate() {
        for (to, rings_in) in rings_in.iter_mut().enumerate() {
            let needed = routes[from].contains(&Route::Worker(to)) || (config.spare_ports > 0 && from != to);
            rings_out.push(needed.then(|| {
                let (ring_out, ring_in) = ring(config.ring_packets.max(1));
                rings_in.push(ring_in);
                ring_out
            }));
        }
    }

    let queue_counts: Vec<usize> = map.ports().iter().map(|port| port.config.queues).collect();
    let (events_in, events) = bounded(config.events.max(1));
    let (digests_in, digests) = bounded(config.digests.max(1));
    let (packet_ins_in, packet_ins) =
        bounded(config.controller.map_or(1, |controller| controller.packets.max(1)));
    let (injections, injections_out) = bounded(config.injections.max(1));
    let shared = Arc::new(Shared {
        ports: map,
        published: ArcSwap::from_pointee(Published::first(pipeline)),
        cells: (0..workers).map(|_| WorkerCells::new(&queue_counts)).collect(),
        events: events_in,
        digests: digests_in,
        packet_ins: packet_ins_in,
        takes_whole: AtomicBool::new(takes_whole),
        is_paced: AtomicBool::new(is_paced),
        config,
    });
    shared.find_whole(&shared.published.load().current);
    let mut commands = Vec::new();
    let mut cores = Vec::new();
    let rings = rings_out.into_iter().zip(rings_in).zip(Pauses::between(workers));
    let parts = queues.into_iter().zip(routes).zip(rings).enumerate();
    for (worker, ((queues, routes), ((rings_out, rings_in), pauses))) in parts {
        let (sender, receiver) = bounded(COMMANDS);
        commands.push(sender);
        cores.push(Core::new(Parts {
            worker,
            shared: Arc::clone(&shared),
            queues,
            routes,
            rings_out,
            rings_in,
            pauses,
            commands: receiver,
            injections: (worker == 0).then(|| injections_out.clone()),
        }));
    }
    let control = Control {
        shared,
        events,
        digests,
        packet_ins,
        injections,
        commands,
        many_workers,
        unsettled: Mutex::default(),
        ports: Mutex::new(ports.into_iter().map(Some).collect()),
    };
    Ok((control, cores))
}

/// How a port's queue pairs are dealt out to workers, and who sends for it.
struct Dealing {
    position: usize,
    workers: usize,
    /// Whether every worker sends for it.
    is_shared: bool,
}

impl Dealing {
    fn new(position: usize, port: &MappedPort, queues: usize, workers: usize) -> Self {
        let is_everywhere = port.is_controller() || queues >= workers;
        Self { position, workers, is_shared: port.config.is_plain() && is_everywhere }
    }

    /// The worker that gets a queue pair.
    fn owner(&self, queue: usize) -> usize {
        (self.position + queue) % self.workers
    }

    fn route(&self, worker: usize) -> Route {
        let owner = self.owner(0);
        if self.is_shared || worker == owner { Route::Here } else { Route::Worker(owner) }
    }
}

fn map_ports(config: &Config, ports: &[Box<dyn Port>]) -> Result<PortMap, EngineError> {
    let attached = ports.iter().map(|port| port.description());
    let controller = config.controller.map(|controller| (controller.port, None));
    let all: Vec<(PortId, Option<PortDescription>)> =
        attached.map(|description| (description.id, Some(description))).chain(controller).collect();
    if all.len() > PORTS_MAX {
        return Err(EngineError::TooManyPorts { ports: all.len() });
    }
    if let Some((id, _)) = config.ports.iter().find(|(id, _)| all.iter().all(|port| port.0 != *id)) {
        return Err(EngineError::UnknownPort(*id));
    }
    let configured = all.into_iter().map(|(id, description)| (id, description, config.port(id)));
    let map = PortMap::new(configured, config.spare_ports, config.port_default)
        .map_err(EngineError::DuplicatePort)?;
    match map.ports().iter().find(|port| !(1..=QUEUES_MAX).contains(&port.config.queues)) {
        Some(port) => {
            let id = port.id().unwrap_or_default();
            Err(EngineError::Queues { port: id, queues: port.config.queues })
        }
        None => Ok(map),
    }
}

impl Control {
    pub(crate) fn stats(&self) -> Stats {
        let ports = self.shared.ports.ports();
        let ports: Vec<_> =
            ports.iter().map(|port| (port.id(), port.is_up(), port.is_controller())).collect();
        Stats::collect(&self.shared.cells, &ports)
    }

    /// Whether a port is attached and has a link.
    pub(crate) fn is_up(&self, id: PortId) -> bool {
        self.shared.ports.is_up(id.0)
    }

    /// What attaching each port did.
    pub(crate) fn descriptions(&self) -> impl Iterator<Item = Arc<PortDescription>> + '_ {
        self.shared.ports.ports().iter().filter_map(MappedPort::description)
    }

    /// Sends a port's new scheduler to all workers; those that do not send for it ignore it.
    pub(crate) fn configure_port(&self, id: PortId, config: PortConfig) -> Result<(), ConfigureError> {
        let port = self.shared.ports.position(id.0).ok_or(ConfigureError::UnknownPort(id))?;
        let queues = self.shared.ports.ports()[port].config.queues;
        if config.queues != queues {
            return Err(ConfigureError::Queues { port: id, queues });
        }
        if self.many_workers[port].load(Ordering::Relaxed) && !config.is_plain() {
            return Err(ConfigureError::Shared(id));
        }
        if config.has_rate() {
            self.shared.is_paced.store(true, Ordering::Relaxed);
        }
        for commands in &self.commands {
            commands.try_send(Command::Configure { port, config }).map_err(|_| ConfigureError::Busy(id))?;
        }
        Ok(())
    }

    /// Publishes another pipeline. Of several callers at once one at a time may be here.
    pub(crate) fn replace(&self, pipeline: Pipeline) -> Result<(), ReplaceError> {
        let (workers, state_workers) = (self.commands.len(), pipeline.state.workers());
        if state_workers < workers {
            return Err(ReplaceError::Workers { workers, state_workers });
        }
        // Held to the end: what is attached meanwhile is held against the new program.
        let attached = self.ports();
        let mapped = self.shared.ports.ports().iter().zip(&*attached).filter(|(_, port)| port.is_some());
        for id in mapped.filter_map(|(mapped, _)| mapped.id()) {
            Unnameable::check(pipeline.executor.program(), id)?;
        }
        if self.is_draining() {
            return Err(ReplaceError::Draining);
        }
        for port in self.shared.ports.ports().iter().filter(|port| !port.is_up()) {
            if let Some(id) = port.id() {
                pipeline.state.set_port_up(id.0, false);
            }
        }
        self.shared.find_whole(&pipeline);
        let published = self.shared.published.load();
        self.shared.published.store(Arc::new(published.replaced(pipeline)));
        // A worker that found meanwhile how a port is may have told only the program before.
        self.shared.ports.ports().iter().for_each(|port| self.shared.tell_up(port));
        Ok(())
    }

    /// Publishes another program, whose state takes over what it has in common with the current one's. Of several
    /// callers at once one at a time may be here.
    pub(crate) fn reload(&self, executor: Arc<dyn Executor>) -> Result<Reloaded, ReloadError> {
        if self.is_draining() {
            return Err(ReplaceError::Draining.into());
        }
        let old = Arc::clone(self.shared.published.load().current.state());
        let (state, succession) = old.succeed(executor.program())?;
        let (state, kept) = (Arc::new(state), succession.kept().clone());
        self.replace(Pipeline::new(executor, Arc::clone(&state)))?;
        *self.unsettled() = Some((Arc::clone(&state), succession));
        Ok(Reloaded { state, kept })
    }

    fn unsettled(&self) -> MutexGuard<'_, Option<(Arc<State>, Succession)>> {
        self.unsettled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether packets of the pipeline before the current one may be under way. Lets go of it if not.
    pub(crate) fn is_draining(&self) -> bool {
        let published = self.shared.published.load();
        if published.retiring.is_none() {
            return false;
        }
        if !is_drained(&self.shared.cells, published.generation) {
            return true;
        }
        self.shared.published.store(Arc::new(Published { retiring: None, ..Published::clone(&published) }));
        if let Some((state, succession)) = self.unsettled().take() {
            succession.settle(&state);
        }
        false
    }

    /// Lets go of the ports, whose queues the cores have let go of before.
    pub(crate) fn detach_ports(&mut self) {
        self.ports().clear();
    }

    fn ports(&self) -> MutexGuard<'_, Vec<Option<Box<dyn Port>>>> {
        self.ports.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Attaches a port while the workers run.
    pub(crate) fn attach_port(
        &self,
        mut port: Box<dyn Port>,
    ) -> Result<Arc<PortDescription>, PortChangeError> {
        // Held to the end: one change of ports at a time.
        let mut ports = self.ports();
        let description = port.description();
        let id = description.id;
        Unnameable::check(self.shared.published.load().current.executor.program(), id)?;
        if let Some(position) = self.shared.ports.position(id.0) {
            let mapped = &self.shared.ports.ports()[position];
            if mapped.is_controller() {
                return Err(PortChangeError::Controller(id));
            }
            if mapped.is_attached() {
                return Err(PortChangeError::Attached(id));
            }
        }
        // Letting go of what was there, and attaching.
        self.check_commands(2)?;
        let position = self.shared.ports.occupy(id).ok_or(PortChangeError::NoRoom(id))?;
        let mapped = &self.shared.ports.ports()[position];
        mapped.describe(description);
        // Before anybody can say otherwise, which takes its being attached.
        mapped.set_link(true);
        let split = port.split();
        if split.iter().any(|queue| queue.takes_whole()) {
            self.shared.takes_whole.store(true, Ordering::Relaxed);
            self.shared.find_whole(&self.shared.published.load().current);
        }
        let workers = self.commands.len();
        let dealing = Dealing::new(position, mapped, split.len(), workers);
        self.many_workers[position].store(dealing.is_shared && workers > 1, Ordering::Relaxed);
        let mut queues: Vec<Vec<_>> = (0..workers).map(|_| Vec::new()).collect();
        for (index, queue) in split.into_iter().enumerate() {
            queues[dealing.owner(index)].push(queue);
        }
        for (worker, (commands, queues)) in self.commands.iter().zip(queues).enumerate() {
            let attach = Command::Attach {
                port: position,
                number: id.0,
                route: dealing.route(worker),
                config: mapped.config,
                queues,
            };
            for command in [Command::Detach { port: position }, attach] {
                // There is room, or the worker is gone and takes its share of the port along.
                let _gone = commands.try_send(command);
            }
        }
        if ports.len() <= position {
            ports.resize_with(position + 1, || None);
        }
        ports[position] = Some(port);
        mapped.description().ok_or(PortChangeError::Unknown(id))
    }

    /// Detaches a port, or lets go of what is left of one that is gone.
    pub(crate) fn detach_port(&self, id: PortId) -> Result<(), PortChangeError> {
        let mut ports = self.ports();
        let position = self.shared.ports.position(id.0).ok_or(PortChangeError::Unknown(id))?;
        let mapped = &self.shared.ports.ports()[position];
        if mapped.is_controller() {
            return Err(PortChangeError::Controller(id));
        }
        self.check_commands(1)?;
        if mapped.take_down() {
            self.shared.tell_up(mapped);
        }
        for commands in &self.commands {
            let _gone = commands.try_send(Command::Detach { port: position });
        }
        if let Some(port) = ports.get_mut(position) {
            *port = None;
        }
        Ok(())
    }

    /// Takes a port out of service that has lost its link, or into it again. True if that is new.
    pub(crate) fn set_link(&self, id: PortId, has_link: bool) -> Result<bool, PortChangeError> {
        let _one_change_at_a_time = self.ports();
        let position = self.shared.ports.position(id.0).ok_or(PortChangeError::Unknown(id))?;
        let mapped = &self.shared.ports.ports()[position];
        if mapped.is_controller() {
            return Err(PortChangeError::Controller(id));
        }
        if !mapped.is_attached() {
            return Err(PortChangeError::Unknown(id));
        }
        self.check_commands(1)?;
        if !mapped.set_link(has_link) {
            return Ok(false);
        }
        self.shared.tell_up(mapped);
        for commands in &self.commands {
            let _gone = commands.try_send(Command::Link { port: position, has_link });
        }
        Ok(true)
    }

    /// Whether all workers can take so many more commands.
    fn check_commands(&self, count: usize) -> Result<(), PortChangeError> {
        let has_room = |commands: &Sender<Command>| commands.len() + count <= COMMANDS;
        if self.commands.iter().all(has_room) { Ok(()) } else { Err(PortChangeError::Busy) }
    }
}
