//! A packet under way with what the engine keeps about it beside what the program sees.
//!
//! Invariant: a job's frame was made by the pipeline of its generation, and only that one ever runs it.

use heddle_exec::{Frame, Work};
use heddle_packet::Packet;

/// What the engine knows of a packet and the program does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    /// The pipeline whose frame the packet has.
    pub(crate) generation: u64,
    /// Passes through ingress that lie behind it or what it was cloned from.
    pub(crate) passes: u16,
    /// Position of the port whose queue it left; meaningful between dequeue and the end of egress.
    pub(crate) port: u16,
}

impl Facts {
    /// Of a packet that has just arrived.
    pub(crate) fn new(generation: u64) -> Self {
        Self { generation, passes: 0, port: 0 }
    }
}

/// A packet that waits: in a queue of a port, for ingress again, or in a ring.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) work: Work,
    pub(crate) facts: Facts,
}

/// A packet on its way to the worker that owns its port.
#[derive(Debug)]
pub(crate) struct Transfer {
    pub(crate) job: Job,
    /// Position of the port.
    pub(crate) port: u16,
    /// Queue as decided, not yet cut to those that the port has.
    pub(crate) queue: u32,
}

/// Storage on its way back to a worker that gives away more packets than it gets.
#[derive(Debug)]
pub(crate) struct Spare {
    pub(crate) packet: Packet,
    pub(crate) frame: Option<Frame>,
}
