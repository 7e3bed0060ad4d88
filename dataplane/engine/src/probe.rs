//! Telling programs about queues and links, by the registers that they read it from ([`heddle_ir::Probe`]).
//!
//! Invariant: at the beginning of a packet's pass the registers say what its own step's earlier packets left, and
//! what was sent is not older than [`REFRESH_NS`].

use heddle_ir::{PROBE_PORTS, Probe, Program, RegisterId};
use heddle_state::State;

/// How old what is said of links may get while packets move.
pub(crate) const REFRESH_NS: u64 = 1_024;

/// The registers of a program that it asks by.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Probes {
    depth: Option<RegisterId>,
    recent: Option<RegisterId>,
}

impl Probes {
    pub(crate) fn of(program: &Program) -> Self {
        Self { depth: Probe::QueueDepthBytes.of(program), recent: Probe::LinkRecentBytes.of(program) }
    }

    /// Whether it asks for anything that changes with packets.
    pub(crate) fn any(&self) -> bool {
        self.depth.is_some() || self.recent.is_some()
    }

    /// Whether it asks for what links have sent.
    pub(crate) fn links(&self) -> bool {
        self.recent.is_some()
    }

    /// Tells how much waits for a port.
    pub(crate) fn set_depth(&self, state: &State, port: u32, bytes: u64) {
        set(state, self.depth, port, bytes);
    }

    /// Tells what a port has sent lately.
    pub(crate) fn set_recent(&self, state: &State, port: u32, bytes: u64) {
        set(state, self.recent, port, bytes);
    }
}

fn set(state: &State, register: Option<RegisterId>, port: u32, bytes: u64) {
    if let Some(register) = register
        && u64::from(port) < PROBE_PORTS
    {
        state.set_register(register, u64::from(port), bytes.min(u64::from(u32::MAX)));
    }
}

/// Bytes sent, forgotten by half every [`Probe::HALF_LIFE_NS`].
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Recent {
    bytes: u64,
    at_ns: u64,
}

impl Recent {
    /// What is left at a time; a straight line from one halving to the next.
    pub(crate) fn at(&mut self, now_ns: u64) -> u64 {
        let passed_ns = now_ns.saturating_sub(self.at_ns);
        let halvings = passed_ns / Probe::HALF_LIFE_NS;
        self.bytes = u32::try_from(halvings).ok().and_then(|n| self.bytes.checked_shr(n)).unwrap_or(0);
        self.bytes -= self.bytes * (passed_ns % Probe::HALF_LIFE_NS) / (2 * Probe::HALF_LIFE_NS);
        self.at_ns = self.at_ns.max(now_ns);
        self.bytes
    }

    /// Counts a packet. What is left with it.
    pub(crate) fn add(&mut self, now_ns: u64, bytes: u64) -> u64 {
        self.bytes = self.at(now_ns).saturating_add(bytes).min(u64::from(u32::MAX));
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_is_forgotten_by_half() {
        let mut recent = Recent::default();
        assert_eq!(recent.add(1_000, 4_000), 4_000);
        assert_eq!(recent.at(1_000 + Probe::HALF_LIFE_NS), 2_000);
        assert_eq!(recent.at(1_000 + Probe::HALF_LIFE_NS * 3 / 2), 1_500);
        assert_eq!(recent.at(u64::MAX), 0);
    }
}
