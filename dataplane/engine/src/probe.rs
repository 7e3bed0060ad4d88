//! Telling programs about queues and links, by the registers that they read it from ([`heddle_ir::Probe`]).
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
    depth: Option<RegisterId>,
    queue: Option<RegisterId>,
    held: Option<RegisterId>,
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
        Self {
            depth: Probe::QueueDepthBytes.of(program),
            queue: Probe::QueueBytes.of(program),
            held: Probe::HeldBytes.of(program),
            recent: Probe::LinkRecentBytes.of(program),
            hold: Probe::Hold.of(program),
        }
    }

    /// Whether it asks for anything that changes with packets, or for anything to be done at once.
    pub(crate) fn any(&self) -> bool {
        [self.depth, self.queue, self.held, self.recent, self.hold].iter().any(Option::is_some)
    }

    /// Whether it asks for what came by which port.
    pub(crate) fn held(&self) -> bool {
        self.held.is_some()
    }

    /// Whether it has queues held, which is done between a packet's passes.
    pub(crate) fn holds(&self) -> bool {
        self.hold.is_some()
    }

    /// What the program has asked to be held since it was looked at last.
    pub(crate) fn take_holds(&self, state: &State) -> impl Iterator<Item = Hold> + use<> {
        let mut holds = [None; PROBE_QUEUES as usize];
        if let Some(register) = self.hold
            && state.register(register, PROBE_QUEUES) != 0
        {
            state.set_register(register, PROBE_QUEUES, 0);
            for (queue, hold) in (0..).zip(&mut holds) {
                let cell = state.register(register, u64::from(queue));
                if cell != 0 {
                    state.set_register(register, u64::from(queue), 0);
                    *hold = Some(Hold { port: (cell >> 32 & 0x1ff) as u32, queue, ns: cell as u32 });
                }
            }
        }
        holds.into_iter().flatten()
    }

    /// Whether it asks for what links have sent.
    pub(crate) fn links(&self) -> bool {
        self.recent.is_some()
    }

    /// The register that it has queues held by.
    pub(crate) fn hold(&self) -> Option<RegisterId> {
        self.hold
    }

    /// Tells how much waits for a port.
    pub(crate) fn set_depth(&self, state: &State, port: u32, bytes: u64) {
        set(state, self.depth, port, bytes);
    }

    /// Tells how much waits in a queue of a port.
    pub(crate) fn set_queue(&self, state: &State, port: u32, queue: usize, bytes: u64) {
        set_of_queue(state, self.queue, port, queue, bytes);
    }

    /// Tells how much of what came by a port waits in queues of a number.
    pub(crate) fn set_held(&self, state: &State, port: u32, queue: usize, bytes: u64) {
        set_of_queue(state, self.held, port, queue, bytes);
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

fn set_of_queue(state: &State, register: Option<RegisterId>, port: u32, queue: usize, bytes: u64) {
    if let Some(register) = register
        && u64::from(port) < PROBE_PORTS
        && (queue as u64) < PROBE_QUEUES
    {
        let cell = u64::from(port) * PROBE_QUEUES + queue as u64;
        state.set_register(register, cell, bytes.min(u64::from(u32::MAX)));
    }
}

/// Bytes that wait, by the port that they came by and the number of their queue; of the ports that probes know.
#[derive(Clone, Debug, Default)]
pub(crate) struct Held(Vec<u64>);

impl Held {
    /// Adds what begins to wait; what there is then. Not `None` only for what probes know of.
    pub(crate) fn add(&mut self, port: u32, queue: usize, bytes: u64) -> Option<u64> {
        let cell = self.cell(port, queue)?;
        *cell = cell.saturating_add(bytes);
        Some(*cell)
    }

    /// Takes away what waits no more; what there is then.
    pub(crate) fn remove(&mut self, port: u32, queue: usize, bytes: u64) -> Option<u64> {
        let cell = self.cell(port, queue)?;
        *cell = cell.saturating_sub(bytes);
        Some(*cell)
    }

    fn cell(&mut self, port: u32, queue: usize) -> Option<&mut u64> {
        if u64::from(port) >= PROBE_PORTS || queue as u64 >= PROBE_QUEUES {
            return None;
        }
        if self.0.is_empty() {
            self.0 = vec![0; (PROBE_PORTS * PROBE_QUEUES) as usize];
        }
        self.0.get_mut(port as usize * PROBE_QUEUES as usize + queue)
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
