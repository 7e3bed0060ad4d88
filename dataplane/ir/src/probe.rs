//! What an engine tells a program about its ports: registers that the engine writes and the program reads. And one by which
//! a program asks something of the engine.
//!
//! Invariant: a register is a probe by its name, which no source program can give to a register of its own.

use crate::{Bits, ControlName, Program, Register, RegisterId};

/// Ports that probes know.
pub const PROBE_PORTS: u64 = 512;
/// Queues of a port that probes know.
pub const PROBE_QUEUES: u64 = 8;

/// Something that the engine knows of each port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// Bytes that wait in all queues of the port.
    QueueDepthBytes,
    /// Bytes that wait in one queue of the port; the cell's number has the queue in its low three bits.
    QueueBytes,
    /// Bytes that came by the port and wait in a queue of that number at any port; cells as of [`Probe::QueueBytes`].
    HeldBytes,
    /// Bytes sent lately, each weighted by a half for every [`Probe::HALF_LIFE_NS`] that has passed since.
    LinkRecentBytes,
    /// 1 while the port works.
    PortIsUp,
    /// What a program asks: that a queue be held. The cell of the queue's number has a one bit, nine bits of port and 32 of
    /// nanoseconds; that of [`PROBE_QUEUES`] is not 0 while any is asked for. The engine clears both. Every worker has cells of
    /// its own, of which these are the numbers.
    Hold,
}

impl Probe {
    /// Time in which the weight of a byte sent halves.
    pub const HALF_LIFE_NS: u64 = 8_192;

    /// Name of the register.
    pub fn name(self) -> &'static str {
        match self {
            Probe::QueueDepthBytes => "$queue_depth_bytes",
            Probe::QueueBytes => "$queue_bytes",
            Probe::HeldBytes => "$held_bytes",
            Probe::Hold => "$hold_queue",
            Probe::LinkRecentBytes => "$link_recent_bytes",
            Probe::PortIsUp => "$port_is_up",
        }
    }

    /// Width of a cell in bits.
    pub fn width(self) -> u32 {
        match self {
            // Sums of what several workers add and take away: nothing is carried out of the word.
            Probe::QueueDepthBytes | Probe::QueueBytes | Probe::HeldBytes => 64,
            Probe::LinkRecentBytes => 32,
            Probe::PortIsUp => 1,
            Probe::Hold => 42,
        }
    }

    /// Cells.
    pub fn cells(self) -> u64 {
        match self {
            Probe::QueueDepthBytes | Probe::LinkRecentBytes | Probe::PortIsUp => PROBE_PORTS,
            Probe::QueueBytes | Probe::HeldBytes => PROBE_PORTS * PROBE_QUEUES,
            Probe::Hold => PROBE_QUEUES + 1,
        }
    }

    /// A register for it.
    pub fn register(self) -> Register {
        let initial = match self {
            Probe::PortIsUp => Bits::bool(true),
            Probe::QueueDepthBytes
            | Probe::QueueBytes
            | Probe::HeldBytes
            | Probe::LinkRecentBytes
            | Probe::Hold => Bits::zero(self.width()),
        };
        let control = ControlName { name: self.name().to_owned(), id: 0, hidden: true };
        Register { control, width: self.width(), size: self.cells(), initial }
    }

    /// The register of a program that it is, if the program asks for it.
    pub fn of(self, program: &Program) -> Option<RegisterId> {
        let is_it =
            |register: &Register| register.control.name == self.name() && register.width == self.width();
        program.registers.iter().find(|(_, register)| is_it(register)).map(|(id, _)| id)
    }
}
