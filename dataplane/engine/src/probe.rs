//! Telling programs about links, and being told of queues to be held, by registers ([`heddle_ir::Probe`]).
//!
//! Invariant: at the beginning of a packet's pass the registers say what its own step's earlier packets left, and
//! what was sent is not older than [`REFRESH_NS`].

use heddle_ir::{PROBE_PORTS, PROBE_QUEUES, Probe, Program, RegisterId};
use heddle_state::State;

/// How old what is said of links may get while packets move.
pub(crate) const REFRESH_NS: u64 = 1_024;

/// The registers of a program that it asks by.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Probes {
    any: bool,
    recent: Option<RegisterId>,
    hold: Option<RegisterId>,
}

/// A queue that a program wants held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hold {
    pub(crate) port: u32,
    pub(crate) queue: u32,
    /// How long from now; 0: no more.
    pub(crate) ns: u32,
}

impl Probes {
    pub(crate) fn of(program: &Program) -> Self {
        let changing = [
            Probe::QueueDepthBytes,
            Probe::QueueBytes,
            Probe::HeldBytes,
            Probe::LinkRecentBytes,
            Probe::Hold,
        ];
        Self {
            any: changing.iter().any(|probe| probe.of(program).is_some()),
            recent: Probe::LinkRecentBytes.of(program),
            hold: Probe::Hold.of(program),
        }
    }

    /// Whether it asks for anything that changes with packets, or for anything to be done at once.
    pub(crate) fn any(&self) -> bool {
        self.any
    }

    /// Whether it has queues held, which is done between a packet's passes.
    pub(crate) fn holds(&self) -> bool {
        self.hold.is_some()
    }

    /// What a worker's packets have asked to be held since it was looked at last, if they have asked for anything.
    #[inline]
    pub(crate) fn take_holds(
        &self,
        state: &State,
        worker: usize,
    ) -> Option<[Option<Hold>; PROBE_QUEUES as usize]> {
        let register = self.hold?;
        let take = |index: u64| {
            let cell = state.cell_of(worker, register, index);
            let asked = state.register(register, cell);
            if asked != 0 {
                state.set_register(register, cell, 0);
            }
            asked
        };
        if take(PROBE_QUEUES) == 0 {
            return None;
        }
        let mut holds = [None; PROBE_QUEUES as usize];
        for (queue, hold) in (0..).zip(&mut holds) {
            let asked = take(u64::from(queue));
            if asked != 0 {
                *hold = Some(Hold { port: (asked >> 32 & 0x1ff) as u32, queue, ns: asked as u32 });
            }
        }
        Some(holds)
    }

    /// Whether it asks for what links have sent.
    pub(crate) fn links(&self) -> bool {
        self.recent.is_some()
    }

    /// The register that it has queues held by.
    pub(crate) fn hold(&self) -> Option<RegisterId> {
        self.hold
    }

    /// Tells what a port has sent lately.
    pub(crate) fn set_recent(&self, state: &State, port: u32, bytes: u64) {
        if let Some(register) = self.recent
            && u64::from(port) < PROBE_PORTS
        {
            state.set_register(register, u64::from(port), bytes.min(u64::from(u32::MAX)));
        }
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
