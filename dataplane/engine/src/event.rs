//! What passes between workers and the control side: events, digests, packets to and from the controller,
//! and commands.
//!
//! Invariant: all of it goes through bounded channels; what does not fit is counted and gone, and no worker
//! ever waits for the control side.

use std::fmt;

use bytes::Bytes;
use heddle_exec::trace::TraceSink;
use heddle_ir::{Bits, DigestId};
use heddle_packet::PortId;
use heddle_ports::Queue;

use crate::config::PortConfig;
use crate::core::Route;

/// Something the control side should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A port works no more and was detached. Its packets are counted as `port_down`.
    PortGone {
        /// Which.
        port: PortId,
        /// What its queue said.
        error: String,
    },
    /// A port was attached to the switch that runs, for the first time or again.
    PortUp {
        /// Which.
        port: PortId,
    },
    /// A worker could not be bound to a processor and runs wherever the system puts it.
    NotPinned {
        /// Which.
        worker: usize,
        /// What the system said.
        error: String,
    },
    /// A worker may not go before other threads ([`crate::Config::realtime`]) and runs as they do.
    NotRealtime {
        /// Which.
        worker: usize,
        /// What the system said.
        error: String,
    },
    /// A worker panicked and goes on without the packets that it was at work on, which are counted as
    /// `worker_panicked`.
    WorkerPanicked {
        /// Which.
        worker: usize,
        /// What it said.
        message: String,
        /// How many packets are lost.
        lost: u64,
    },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::PortGone { port, error } => write!(f, "port {port} is gone: {error}"),
            Event::PortUp { port } => write!(f, "port {port} is up"),
            Event::NotPinned { worker, error } => {
                write!(f, "worker {worker} runs on no processor of its own: {error}")
            }
            Event::NotRealtime { worker, error } => {
                write!(
                    f,
                    "worker {worker} has no real-time priority, for which it needs CAP_SYS_NICE: {error}"
                )
            }
            Event::WorkerPanicked { worker, message, lost } => {
                write!(f, "worker {worker} panicked and goes on; packets lost: {lost}; it said: {message}")
            }
        }
    }
}

/// A digest of the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigestMessage {
    /// Which digest of the program.
    pub digest: DigestId,
    /// Its values, in the order and width of [`heddle_ir::Digest::fields`].
    pub values: Vec<Bits>,
    /// When it was made, in the engine's time.
    pub time_ns: u64,
}

/// A packet for the controller, as egress left it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PacketIn {
    /// Its bytes.
    pub bytes: Bytes,
    /// Its length on the wire; more than its bytes only where packets carry less than they stand for.
    pub wire_len: usize,
    /// The port it came in by.
    pub ingress_port: PortId,
    /// When it arrived at the switch.
    pub arrival_ns: u64,
    /// When it was delivered.
    pub time_ns: u64,
}

/// A packet that the control side puts into ingress as if it had arrived by a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Injection {
    /// The port. Need not exist.
    pub(crate) ingress_port: PortId,
    /// Its bytes.
    pub(crate) bytes: Bytes,
}

/// What the control side asks of a worker.
pub(crate) enum Command {
    /// Tell this trace from now on what happens; none: nobody.
    Trace(Option<Box<dyn TraceSink + Send>>),
    /// A port is there, or there again: who sends for it, and the queue pair that this worker gets.
    Attach {
        /// Position of the port.
        port: usize,
        /// Its number.
        number: u32,
        /// Who sends for it.
        route: Route,
        /// Its depths and rates.
        config: PortConfig,
        /// The queue pairs.
        queues: Vec<Box<dyn Queue>>,
    },
    /// Let go of a port.
    Detach {
        /// Position of the port.
        port: usize,
    },
    /// A port has a link, or has none.
    Link {
        /// Position of the port.
        port: usize,
        /// Which of it.
        has_link: bool,
    },
    /// New depths and rates for a port.
    Configure {
        /// Position of the port.
        port: usize,
        /// The depths and rates.
        config: PortConfig,
    },
}
