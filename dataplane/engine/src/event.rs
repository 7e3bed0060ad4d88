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

use crate::config::PortConfig;

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
    /// A worker could not be bound to a processor and runs wherever the system puts it.
    NotPinned {
        /// Which.
        worker: usize,
        /// What the system said.
        error: String,
    },
    /// A worker panicked and is gone with the packets it held. The others go on.
    WorkerPanicked {
        /// Which.
        worker: usize,
        /// What it said.
        message: String,
    },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::PortGone { port, error } => write!(f, "port {port} is gone: {error}"),
            Event::NotPinned { worker, error } => {
                write!(f, "worker {worker} runs on no processor of its own: {error}")
            }
            Event::WorkerPanicked { worker, message } => {
                write!(f, "worker {worker} is gone, and the packets it held with it: {message}")
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
    /// New depths and rates for a port.
    Configure {
        /// Position of the port.
        port: usize,
        /// The depths and rates.
        config: PortConfig,
    },
}
