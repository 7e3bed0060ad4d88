//! A whole switch in the caller's thread: for tests, replays, demonstrations and simulators.
//!
//! Invariant: what a switch does depends on what its ports receive, what its state is told and the times it is
//! given, and on nothing else: the same calls give the same packets.

use std::sync::Arc;

use heddle_exec::Executor;
use heddle_exec::trace::TraceSink;
use heddle_packet::{Packet, PortId};
use heddle_ports::{Port, PortDescription};
use heddle_state::State;

use crate::assembly::{
    ConfigureError, Control, EngineError, PortChangeError, ReloadError, Reloaded, ReplaceError, assemble,
};
use crate::config::{Config, PortConfig};
use crate::core::{Core, Step};
use crate::event::{Command, DigestMessage, Event, PacketIn};
use crate::pipeline::Pipeline;
use crate::stats::Stats;

/// A switch without threads. Thousands of them fit into a process; see [`Config::simulated`].
pub struct Switch {
    core: Core,
    control: Control,
}

impl std::fmt::Debug for Switch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Switch").field("control", &self.control).finish_non_exhaustive()
    }
}

impl Switch {
    /// A switch that runs a program on ports. [`Config::workers`] means nothing to it.
    ///
    /// # Errors
    /// [`EngineError`] if configuration, state and ports do not fit each other.
    pub fn new(
        config: Config,
        executor: Arc<dyn Executor>,
        state: Arc<State>,
        ports: Vec<Box<dyn Port>>,
    ) -> Result<Self, EngineError> {
        let config = Config { workers: 1, ..config };
        let (control, cores) = assemble(config, Pipeline::new(executor, state), ports)?;
        match cores.into_iter().next() {
            Some(core) => Ok(Self { core, control }),
            None => Err(EngineError::Workers { workers: 0, state_workers: 0 }),
        }
    }

    /// Moves what can be moved at `now_ns`, which must not be earlier than at the last step: up to a batch from
    /// each queue, through ingress, queues and egress, to the ports.
    pub fn step(&mut self, now_ns: u64) -> Step {
        self.core.step(now_ns)
    }

    /// Like [`Switch::step`], packet by packet, and tells a trace what happens.
    pub fn step_traced(&mut self, now_ns: u64, sink: &mut dyn TraceSink) -> Step {
        self.core.step_traced(now_ns, Some(sink))
    }

    /// Steps at `now_ns` until nothing moves any more. Returns when there will be something to do again, if that
    /// is known. A program that sends packets round in circles ends this by its pass limit.
    pub fn run_until_quiet(&mut self, now_ns: u64) -> Option<u64> {
        loop {
            let step = self.step(now_ns);
            if !step.progressed {
                return step.next_due_ns;
            }
        }
    }

    /// Puts a packet into ingress as if it had arrived by `port` at `now_ns`. It is run by the next step.
    pub fn inject(&mut self, port: PortId, bytes: &[u8], now_ns: u64) {
        let mut packet = self.core.take_buffer(bytes.len());
        packet.fill(bytes);
        packet.ingress_port = port;
        packet.arrival_ns = now_ns;
        self.core.inject(packet);
    }

    /// Puts a packet into ingress as it is: port and time of arrival, and length on the wire, are its own.
    pub fn inject_packet(&mut self, packet: Packet) {
        self.core.inject(packet);
    }

    /// The next packet for the controller.
    pub fn packet_in(&mut self) -> Option<PacketIn> {
        self.control.packet_ins.try_recv().ok()
    }

    /// The next digest.
    pub fn digest(&mut self) -> Option<DigestMessage> {
        self.control.digests.try_recv().ok()
    }

    /// The next event.
    pub fn event(&mut self) -> Option<Event> {
        self.control.events.try_recv().ok()
    }

    /// What happened so far.
    pub fn stats(&self) -> Stats {
        self.control.stats()
    }

    /// Packets under way: in queues, before the ports, before ingress.
    pub fn held(&self) -> usize {
        self.core.held()
    }

    /// Whether no port will ever receive anything again and no packet is under way.
    pub fn is_exhausted(&self) -> bool {
        self.core.is_exhausted()
    }

    /// What attaching each port did.
    pub fn ports(&self) -> impl Iterator<Item = Arc<PortDescription>> + '_ {
        self.control.descriptions()
    }

    /// The state of the program that runs.
    pub fn state(&self) -> Arc<State> {
        Arc::clone(self.control.shared.published.load().current.state())
    }

    /// Changes depths and rates of a port's queues from the next step on; packets that wait stay.
    ///
    /// # Errors
    /// [`ConfigureError`] if there is no such port or it cannot be changed so.
    pub fn configure_port(&mut self, port: PortId, config: PortConfig) -> Result<(), ConfigureError> {
        self.control.configure_port(port, config)
    }

    /// Attaches a port from the next step on: another of the [`Config::spare_ports`], or one that was gone.
    ///
    /// # Errors
    /// [`PortChangeError`]; the port is then detached.
    pub fn attach_port(&mut self, port: Box<dyn Port>) -> Result<Arc<PortDescription>, PortChangeError> {
        self.control.attach_port(port)
    }

    /// Detaches a port from the next step on. What waits for it is lost and counted as `port_down`.
    ///
    /// # Errors
    /// [`PortChangeError`] if there is no such port.
    pub fn detach_port(&mut self, port: PortId) -> Result<(), PortChangeError> {
        self.control.detach_port(port)
    }

    /// Runs another program from the next step on. Packets under way finish on the one they began with.
    ///
    /// # Errors
    /// [`ReplaceError::Draining`] while packets of the program before the current one are under way.
    pub fn replace(&mut self, executor: Arc<dyn Executor>, state: Arc<State>) -> Result<(), ReplaceError> {
        self.control.replace(Pipeline::new(executor, state))
    }

    /// Runs another program from the next step on, with a state that takes over what both programs have.
    ///
    /// # Errors
    /// [`ReloadError`]; the old program then goes on as if nothing had been asked for.
    pub fn reload(&mut self, executor: Arc<dyn Executor>) -> Result<Reloaded, ReloadError> {
        self.control.reload(executor)
    }

    /// Whether packets of the program before the current one are still under way. Once there are none, what direct
    /// counters counted on the way out is brought over.
    pub fn is_draining(&self) -> bool {
        self.control.is_draining()
    }

    /// Tells a trace from the next step on what happens; `None` ends it.
    pub fn set_trace(&mut self, sink: Option<Box<dyn TraceSink + Send>>) {
        // The channel is emptied by every step, and a switch has no other sender.
        let _ = self.control.commands[0].try_send(Command::Trace(sink));
    }

    /// Ends the switch: what is under way is counted as lost. The final numbers.
    pub fn stop(mut self) -> Stats {
        self.core.shut_down();
        self.stats()
    }
}
