//! A switch with worker threads: what `heddle run` serves.
//!
//! Invariant: workers share nothing that is locked; a worker that panics loses the packets that it was at work on,
//! which are counted, and goes on. Stopping counts what is still under way as lost, so that the books balance at the end.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use crossbeam::channel::Receiver;
use heddle_exec::Executor;
use heddle_exec::trace::TraceSink;
use heddle_packet::PortId;
use heddle_ports::{Port, PortDescription};
use heddle_state::State;

use crate::assembly::{
    ConfigureError, Control, EngineError, PortChangeError, ReloadError, Reloaded, ReplaceError, assemble,
};
use crate::bell::EventFd;
use crate::config::{Config, PortConfig};
use crate::core::{Core, Shared};
use crate::event::{Command, DigestMessage, Event, Injection, PacketIn};
use crate::pipeline::Pipeline;
use crate::processor::{allowed_processors, bind_to, go_first};
use crate::signal::Signal;
use crate::stats::{Stats, in_flight};
use crate::worker_loop::WorkerLoop;

/// A switch that runs in threads of its own until it is stopped or dropped.
#[derive(Debug)]
pub struct Engine {
    control: Control,
    common: Arc<Common>,
    threads: Vec<JoinHandle<Core>>,
    /// Held while a pipeline is replaced; on the control side only.
    replacing: Mutex<()>,
}

/// What the threads share beside what the cores share.
#[derive(Debug)]
pub(crate) struct Common {
    pub(crate) start: Instant,
    pub(crate) stop: AtomicBool,
    /// By worker.
    pub(crate) signals: Vec<Signal<EventFd>>,
}

impl Common {
    /// Time since the engine started.
    pub(crate) fn now_ns(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn notify_all(&self) {
        self.signals.iter().for_each(Signal::notify);
    }
}

/// The control side has put in more packets than the workers have taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many packets wait to be injected")]
pub struct InjectError;

impl Engine {
    /// Attaches the ports and starts the workers.
    ///
    /// # Errors
    /// [`EngineError`] if configuration, state and ports do not fit each other, or the system refuses threads or
    /// descriptors. Not being able to bind a worker to a processor is an event, not an error.
    pub fn start(
        config: Config,
        executor: Arc<dyn Executor>,
        state: Arc<State>,
        ports: Vec<Box<dyn Port>>,
    ) -> Result<Self, EngineError> {
        let life = Life { pin: config.pin, realtime: config.realtime, spin_ns: config.spin_ns };
        let (control, cores) = assemble(config, Pipeline::new(executor, state), ports)?;
        let signals: Result<Vec<_>, _> = cores.iter().map(|_| EventFd::new().map(Signal::new)).collect();
        let signals = signals.map_err(|source| EngineError::System { what: "eventfd", source })?;
        let common = Arc::new(Common { start: Instant::now(), stop: AtomicBool::new(false), signals });
        let mut engine = Self { control, common, threads: Vec::new(), replacing: Mutex::new(()) };
        for (worker, core) in cores.into_iter().enumerate() {
            let (common, shared) = (Arc::clone(&engine.common), Arc::clone(&engine.control.shared));
            let thread = std::thread::Builder::new()
                .name(format!("heddle-worker-{worker}"))
                .spawn(move || work(worker, core, &common, &shared, life))
                .map_err(|source| EngineError::System { what: "a worker's thread", source })?;
            engine.threads.push(thread);
        }
        Ok(engine)
    }

    /// Time since the start: the clock of every time that programs and statistics show.
    pub fn now_ns(&self) -> u64 {
        self.common.now_ns()
    }

    /// What happened so far. Does not disturb the workers.
    pub fn stats(&self) -> Stats {
        self.control.stats()
    }

    /// What attaching each port did.
    pub fn ports(&self) -> impl Iterator<Item = Arc<PortDescription>> + '_ {
        self.control.descriptions()
    }

    /// Events, first one first.
    pub fn events(&self) -> &Receiver<Event> {
        &self.control.events
    }

    /// Digests of the program.
    pub fn digests(&self) -> &Receiver<DigestMessage> {
        &self.control.digests
    }

    /// Packets for the controller.
    pub fn packet_ins(&self) -> &Receiver<PacketIn> {
        &self.control.packet_ins
    }

    /// Puts a packet into ingress as if it had arrived by `port`: with the controller's port, a packet-out.
    ///
    /// # Errors
    /// [`InjectError`] if too many wait; the packet is not taken and not counted.
    pub fn inject(&self, port: PortId, bytes: Bytes) -> Result<(), InjectError> {
        let injection = Injection { ingress_port: port, bytes };
        self.control.injections.try_send(injection).map_err(|_| InjectError)?;
        if let Some(first) = self.common.signals.first() {
            first.notify();
        }
        Ok(())
    }

    /// Whether nothing will ever be received again and no packet is under way: all ports were files and are at
    /// their end.
    pub fn is_exhausted(&self) -> bool {
        self.control.injections.is_empty()
            && self.control.shared.cells.iter().all(|cells| cells.exhausted.get() == 1)
            && in_flight(&self.control.shared.cells) == 0
    }

    /// The state of the program that runs.
    pub fn state(&self) -> Arc<State> {
        Arc::clone(self.control.shared.published.load().current.state())
    }

    /// Changes depths and rates of a port's queues; packets that wait stay.
    ///
    /// # Errors
    /// [`ConfigureError`] if there is no such port or it cannot be changed so.
    pub fn configure_port(&self, port: PortId, config: PortConfig) -> Result<(), ConfigureError> {
        self.control.configure_port(port, config)?;
        self.common.notify_all();
        Ok(())
    }

    /// Attaches a port while the switch runs: another of the [`Config::spare_ports`], or one that was gone or
    /// detached, which goes on under its number. [`Event::PortUp`] says when it works.
    ///
    /// # Errors
    /// [`PortChangeError`]; the port is then detached.
    pub fn attach_port(&self, port: Box<dyn Port>) -> Result<Arc<PortDescription>, PortChangeError> {
        let description = self.control.attach_port(port)?;
        self.common.notify_all();
        Ok(description)
    }

    /// Detaches a port while the switch runs. What waits for it is lost and counted as `port_down`. Also lets go of
    /// what is left of a port that is gone.
    ///
    /// # Errors
    /// [`PortChangeError`] if there is no such port.
    pub fn detach_port(&self, port: PortId) -> Result<(), PortChangeError> {
        self.control.detach_port(port)?;
        self.common.notify_all();
        Ok(())
    }

    /// Whether a port is attached and has a link.
    pub fn is_up(&self, port: PortId) -> bool {
        self.control.is_up(port)
    }

    /// Says whether something answers at the other end of a port, which the port itself does not know. One without a
    /// link is left by everything that looks for ports that work, and what is sent to it is lost and counted as
    /// `port_down`. Ports have one until somebody says otherwise, and again when they are attached again. True if
    /// that is new.
    ///
    /// # Errors
    /// [`PortChangeError`] if there is no such port.
    pub fn set_link(&self, port: PortId, has_link: bool) -> Result<bool, PortChangeError> {
        let is_new = self.control.set_link(port, has_link)?;
        self.common.notify_all();
        Ok(is_new)
    }

    /// Runs another program for packets that arrive from now on. Those under way finish on the one they began
    /// with; [`Engine::is_draining`] says when all have.
    ///
    /// # Errors
    /// [`ReplaceError::Draining`] while packets of the program before the current one are under way.
    pub fn replace(&self, executor: Arc<dyn Executor>, state: Arc<State>) -> Result<(), ReplaceError> {
        let _one_at_a_time = self.replacing.lock().unwrap_or_else(PoisonError::into_inner);
        self.control.replace(Pipeline::new(executor, state))?;
        self.common.notify_all();
        Ok(())
    }

    /// Runs another program for packets that arrive from now on, as [`Engine::replace`] does, with a state that takes
    /// over what both programs have: tables, counters, meters, registers, groups. The control plane must not write
    /// to the old program's state from the call on. What direct counters count on the way out is brought over once
    /// [`Engine::is_draining`] denies it.
    ///
    /// # Errors
    /// [`ReloadError`]; the old program then goes on as if nothing had been asked for.
    pub fn reload(&self, executor: Arc<dyn Executor>) -> Result<Reloaded, ReloadError> {
        let _one_at_a_time = self.replacing.lock().unwrap_or_else(PoisonError::into_inner);
        let reloaded = self.control.reload(executor)?;
        self.common.notify_all();
        Ok(reloaded)
    }

    /// Whether packets of the program before the current one may still be under way.
    pub fn is_draining(&self) -> bool {
        let _one_at_a_time = self.replacing.lock().unwrap_or_else(PoisonError::into_inner);
        self.common.notify_all();
        self.control.is_draining()
    }

    /// Tells traces, one per worker, from now on what happens; none from `sink` ends a worker's. While it is
    /// traced a worker runs packets one by one.
    pub fn set_trace(&self, mut sink: impl FnMut(usize) -> Option<Box<dyn TraceSink + Send>>) {
        for (worker, commands) in self.control.commands.iter().enumerate() {
            // A worker that takes no commands is gone and has nothing to tell.
            let _ = commands.try_send(Command::Trace(sink(worker)));
        }
        self.common.notify_all();
    }

    /// Stops the workers, detaches the ports, and gives the final numbers.
    pub fn stop(mut self) -> Stats {
        self.halt();
        self.stats()
    }

    fn halt(&mut self) {
        self.common.stop.store(true, Ordering::Release);
        self.common.notify_all();
        // A panic has been caught and told within the thread.
        let cores: Vec<Core> = self.threads.drain(..).filter_map(|thread| thread.join().ok()).collect();
        // Only now that no worker hands packets to another any more is what they hold all there is.
        for mut core in cores {
            core.shut_down();
        }
        self.control.detach_ports();
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.halt();
    }
}

/// How long a worker rests after a panic.
const PANIC_PAUSE_MIN: Duration = Duration::from_micros(100);
/// And at most, if there is one after the other.
const PANIC_PAUSE_MAX: Duration = Duration::from_millis(100);

/// What of the configuration is about the workers' threads.
#[derive(Clone, Copy)]
struct Life {
    pin: bool,
    realtime: bool,
    spin_ns: u64,
}

/// The life of a worker's thread. What it holds in the end comes back.
fn work(worker: usize, mut core: Core, common: &Common, shared: &Shared, life: Life) -> Core {
    let tell = |event| {
        // Full: there is nobody left to tell.
        let _ = shared.events.try_send(event);
    };
    if life.pin {
        let bound = allowed_processors().and_then(|allowed| {
            let processor = allowed.get(worker % allowed.len().max(1)).copied();
            processor.map_or(Ok(()), bind_to)
        });
        if let Err(error) = bound {
            tell(Event::NotPinned { worker, error: error.to_string() });
        }
    }
    if life.realtime
        && let Err(error) = go_first()
    {
        tell(Event::NotRealtime { worker, error: error.to_string() });
    }
    let mut pause = PANIC_PAUSE_MIN;
    loop {
        let since = Instant::now();
        let run = catch_unwind(AssertUnwindSafe(|| {
            WorkerLoop::new(worker, common, life.spin_ns).run(&mut core);
        }));
        let Err(panic) = run else { return core };
        let lost = core.recover();
        tell(Event::WorkerPanicked { worker, message: panic_message(panic.as_ref()), lost });
        // One packet is an accident; what panics again at once would keep a processor busy with nothing else.
        let is_again = since.elapsed() < PANIC_PAUSE_MAX;
        pause = if is_again { (pause * 2).min(PANIC_PAUSE_MAX) } else { PANIC_PAUSE_MIN };
        std::thread::sleep(pause);
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}

#[cfg(test)]
mod tests;
