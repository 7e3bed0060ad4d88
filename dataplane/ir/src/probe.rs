//! What an engine tells a program about its ports: registers that the engine writes and the program reads.
//!
//! Invariant: a register is a probe by its name, which no source program can give to a register of its own.

use crate::{Bits, ControlName, Program, Register, RegisterId};

/// Cells of a probe, one a port.
pub const PROBE_PORTS: u64 = 512;

/// Something that the engine knows of each port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// Bytes that wait in all queues of the port.
    QueueDepthBytes,
    /// Bytes sent lately, each weighted by a half for every [`Probe::HALF_LIFE_NS`] that has passed since.
    LinkRecentBytes,
    /// 1 while the port works.
    PortIsUp,
}

impl Probe {
    /// Time in which the weight of a byte sent halves.
    pub const HALF_LIFE_NS: u64 = 8_192;

    /// Name of the register.
    pub fn name(self) -> &'static str {
        match self {
            Probe::QueueDepthBytes => "$queue_depth_bytes",
            Probe::LinkRecentBytes => "$link_recent_bytes",
            Probe::PortIsUp => "$port_is_up",
        }
    }

    /// Width of a cell in bits.
    pub fn width(self) -> u32 {
        match self {
            Probe::QueueDepthBytes | Probe::LinkRecentBytes => 32,
            Probe::PortIsUp => 1,
        }
    }

    /// A register for it.
    pub fn register(self) -> Register {
        let initial = match self {
            Probe::QueueDepthBytes | Probe::LinkRecentBytes => Bits::zero(self.width()),
            Probe::PortIsUp => Bits::bool(true),
        };
        let control = ControlName { name: self.name().to_owned(), id: 0, hidden: true };
        Register { control, width: self.width(), size: PROBE_PORTS, initial }
    }

    /// The register of a program that it is, if the program asks for it.
    pub fn of(self, program: &Program) -> Option<RegisterId> {
        let is_it =
            |register: &Register| register.control.name == self.name() && register.width == self.width();
        program.registers.iter().find(|(_, register)| is_it(register)).map(|(id, _)| id)
    }
}
