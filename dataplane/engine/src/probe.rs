//! Telling programs about queues and links, by the registers that they read it from ([`heddle_ir::Probe`]).
//!
//! Invariant: at the beginning of a packet's pass the registers say what its own step's earlier packets left, and
//! what was sent is not older than [`REFRESH_NS`].

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

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

    /// Tells how much waits for a port.
    pub(crate) fn set_depth(&self, state: &State, port: u32, bytes: u64) {
        set(state, self.depth, port, bytes);
    }

    /// Tells how much waits in a queue of a port.
    pub(crate) fn set_queue(&self, state: &State, port: u32, queue: usize, bytes: u64) {
        set_of_queue(state, self.queue, port, queue, bytes);
    }

    /// Where a program that asks is told what came by which port and waits.
    pub(crate) fn held_in(&self, state: &Arc<State>) -> Option<HeldIn> {
        self.held.map(|register| HeldIn { state: Arc::clone(state), register })
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

/// The register of [`Probe::HeldBytes`] of a program, to which every worker adds what waits at its ports.
#[derive(Clone, Debug)]
pub(crate) struct HeldIn {
    state: Arc<State>,
    register: RegisterId,
}

impl HeldIn {
    fn cell(&self, cell: usize) -> Option<&AtomicU64> {
        self.state.register_word(self.register, cell as u64)
    }

    /// Adds to a cell; what is taken away was added before.
    fn add(&self, cell: usize, bytes: u64) {
        if let Some(word) = self.cell(cell) {
            word.fetch_add(bytes, Ordering::Relaxed);
        }
    }

    /// Whether another program has the same one: it is kept when a program is replaced.
    fn is(&self, other: &HeldIn) -> bool {
        self.cell(0).zip(other.cell(0)).is_some_and(|(own, other)| std::ptr::eq(own, other))
    }
}

/// What one worker has waiting, in bytes by the port that it came by and the number of its queue; of the ports that probes
/// know, while a program asks.
///
/// Invariant: it is what this worker has added to the register.
#[derive(Debug, Default)]
pub(crate) struct Held {
    bytes: Vec<u64>,
    told: Option<HeldIn>,
}

impl Held {
    /// Counts what begins to wait.
    #[inline]
    pub(crate) fn add(&mut self, port: u32, queue: usize, bytes: u64) {
        self.change(port, queue, |held| held.saturating_add(bytes));
    }

    /// Counts what waits no more. It may have begun to wait before anybody asked.
    #[inline]
    pub(crate) fn remove(&mut self, port: u32, queue: usize, bytes: u64) {
        self.change(port, queue, |held| held.saturating_sub(bytes));
    }

    #[inline]
    fn change(&mut self, port: u32, queue: usize, after: impl FnOnce(u64) -> u64) {
        let Some(told) = &self.told else { return };
        let cell = port as usize * PROBE_QUEUES as usize + queue;
        if queue as u64 >= PROBE_QUEUES || cell >= self.bytes.len() {
            return;
        }
        let before = self.bytes[cell];
        self.bytes[cell] = after(before);
        told.add(cell, self.bytes[cell].wrapping_sub(before));
    }

    /// Takes up a program, which may ask elsewhere, or not at all.
    pub(crate) fn adopt(&mut self, told: Option<HeldIn>) {
        let is_known = self.told.as_ref().zip(told.as_ref()).is_some_and(|(old, new)| old.is(new));
        self.told = told;
        match &self.told {
            None => self.bytes.clear(),
            Some(_) if is_known => {}
            Some(told) => {
                self.bytes.resize((PROBE_PORTS * PROBE_QUEUES) as usize, 0);
                let waiting = self.bytes.iter().enumerate().filter(|(_, bytes)| **bytes > 0);
                waiting.for_each(|(cell, bytes)| told.add(cell, *bytes));
            }
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
    use crate::closures::program_that_asks;

    /// A state of a program that asks some probes, after another one's; and where it is told what is held.
    fn asking(old: Option<&Arc<State>>, probes: &[Probe]) -> (Arc<State>, Option<HeldIn>) {
        let program = program_that_asks(probes);
        let state = match old {
            None => State::new(&program, 1).expect("a state"),
            Some(old) => old.succeed(&program).expect("a state").0,
        };
        let state = Arc::new(state);
        let told = Probes::of(&program).held_in(&state);
        (state, told)
    }

    #[test]
    fn what_waits_is_told_to_the_program_that_asks_now() {
        let read = |told: &Option<HeldIn>| {
            told.as_ref().and_then(|told| told.cell(8 * 3 + 1)).expect("it asks").load(Ordering::Relaxed)
        };
        let (first, told_first) = asking(None, &[Probe::HeldBytes]);
        let (mut one, mut other) = (Held::default(), Held::default());
        one.add(3, 1, 7);
        one.adopt(told_first.clone());
        other.adopt(told_first.clone());
        one.remove(3, 1, 7);
        assert_eq!(read(&told_first), 0, "what began to wait before is not known");
        one.add(3, 1, 100);
        other.add(3, 1, 20);
        other.add(600, 1, 5);
        other.add(3, 8, 5);
        one.remove(3, 1, 40);
        assert_eq!(read(&told_first), 80);

        let (kept, told_kept) = asking(Some(&first), &[Probe::HeldBytes]);
        one.adopt(told_kept.clone());
        other.remove(3, 1, 20);
        assert_eq!(read(&told_kept), 60, "the register is the same");
        let (_, told_new) = asking(None, &[Probe::HeldBytes]);
        one.adopt(told_new.clone());
        assert_eq!(read(&told_new), 60);
        let (silent, none) = asking(Some(&kept), &[]);
        one.adopt(none);
        let (_, told_again) = asking(Some(&silent), &[Probe::HeldBytes]);
        one.adopt(told_again.clone());
        one.remove(3, 1, 60);
        assert_eq!(read(&told_again), 0);
    }

    #[test]
    fn what_was_sent_is_forgotten_by_half() {
        let mut recent = Recent::default();
        assert_eq!(recent.add(1_000, 4_000), 4_000);
        assert_eq!(recent.at(1_000 + Probe::HALF_LIFE_NS), 2_000);
        assert_eq!(recent.at(1_000 + Probe::HALF_LIFE_NS * 3 / 2), 1_500);
        assert_eq!(recent.at(u64::MAX), 0);
    }
}
