//! Telling programs how much waits ([`heddle_ir::Probe`]): for a port, in one of its queues, and of what came by a port.
//!
//! Each worker adds what waits with it to the registers that a program reads, and takes it away again, so that they hold
//! the sum over all workers that send for a port.
//!
//! Invariant: what is kept here is what this worker has added to the registers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use heddle_ir::{PROBE_PORTS, PROBE_QUEUES, Probe, Program, RegisterId};
use heddle_state::State;

/// What is told.
const SUMS: [Probe; 3] = [Probe::QueueDepthBytes, Probe::QueueBytes, Probe::HeldBytes];

/// Where a packet waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The port that it came by.
    pub(crate) from: u32,
    /// The port that it waits for.
    pub(crate) port: u32,
    /// In which of that port's queues.
    pub(crate) queue: usize,
}

impl Place {
    /// Its cell of each of the [`SUMS`]; none for a port or queue that probes do not know.
    fn cells(self) -> [Option<usize>; SUMS.len()] {
        let known = |port: u32| (u64::from(port) < PROBE_PORTS).then_some(port as usize);
        let of_queue = |port: u32| {
            let first = known(port)? * PROBE_QUEUES as usize;
            ((self.queue as u64) < PROBE_QUEUES).then_some(first + self.queue)
        };
        [known(self.port), of_queue(self.port), of_queue(self.from)]
    }
}

/// The register of a program that a sum stands in.
#[derive(Clone, Debug)]
struct Told {
    state: Arc<State>,
    register: RegisterId,
}

impl Told {
    fn cell(&self, cell: usize) -> Option<&AtomicU64> {
        self.state.register_word(self.register, cell as u64)
    }

    /// Adds to a cell; what is taken away was added before.
    #[inline]
    fn add(&self, cell: usize, bytes: u64, is_alone: bool) {
        match self.cell(cell) {
            Some(word) if is_alone => {
                word.store(word.load(Ordering::Relaxed).wrapping_add(bytes), Ordering::Relaxed);
            }
            Some(word) => {
                word.fetch_add(bytes, Ordering::Relaxed);
            }
            None => {}
        }
    }

    /// Whether another program has the same one: it is kept when a program is replaced.
    fn is(&self, other: &Told) -> bool {
        self.cell(0).zip(other.cell(0)).is_some_and(|(own, other)| std::ptr::eq(own, other))
    }
}

/// One worker's part of a sum, while a program asks for it.
#[derive(Debug, Default)]
struct Sum {
    /// By cell.
    bytes: Vec<u64>,
    told: Option<Told>,
}

/// What one worker has waiting.
#[derive(Debug)]
pub(crate) struct Waiting {
    /// In the order of [`SUMS`].
    sums: [Sum; SUMS.len()],
    /// Whether no other worker adds to the registers, so that adding need not keep others from doing so.
    is_alone: bool,
}

impl Waiting {
    /// Nothing, of the only worker or one of several.
    pub(crate) fn new(is_alone: bool) -> Self {
        Self { sums: Default::default(), is_alone }
    }

    /// Counts what begins to wait.
    #[inline]
    pub(crate) fn add(&mut self, place: Place, bytes: u64) {
        self.change(place, |waiting| waiting.saturating_add(bytes));
    }

    /// Counts what waits no more.
    #[inline]
    pub(crate) fn remove(&mut self, place: Place, bytes: u64) {
        self.change(place, |waiting| waiting.saturating_sub(bytes));
    }

    #[inline]
    fn change(&mut self, place: Place, after: impl Fn(u64) -> u64) {
        for (sum, cell) in self.sums.iter_mut().zip(place.cells()) {
            if let (Some(told), Some(cell)) = (&sum.told, cell)
                && let Some(bytes) = sum.bytes.get_mut(cell)
            {
                let before = *bytes;
                *bytes = after(before);
                told.add(cell, bytes.wrapping_sub(before), self.is_alone);
            }
        }
    }

    /// Takes up a program, which may ask elsewhere, or not at all, while this waits.
    pub(crate) fn adopt(
        &mut self,
        program: &Program,
        state: &Arc<State>,
        there: impl Iterator<Item = (Place, u64)> + Clone,
    ) {
        for (number, (sum, probe)) in self.sums.iter_mut().zip(SUMS).enumerate() {
            let told = probe.of(program).map(|register| Told { state: Arc::clone(state), register });
            let is_known = sum.told.as_ref().zip(told.as_ref()).is_some_and(|(old, new)| old.is(new));
            sum.told = told;
            if is_known {
                continue;
            }
            sum.bytes.clear();
            let Some(told) = &sum.told else { continue };
            sum.bytes.resize(probe.cells() as usize, 0);
            for (place, bytes) in there.clone() {
                if let Some(cell) = place.cells()[number] {
                    sum.bytes[cell] += bytes;
                    told.add(cell, bytes, self.is_alone);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use heddle_ir::Verified;

    use super::*;
    use crate::closures::program_that_asks;

    const PLACE: Place = Place { from: 3, port: 4, queue: 1 };

    /// What a program that asks all is told of [`PLACE`]: for its port, in its queue, by the port that it came by.
    fn told(program: &Verified, state: &State) -> [u64; 3] {
        let mut cells = SUMS.iter().zip([4, 8 * 4 + 1, 8 * 3 + 1]);
        std::array::from_fn(|_| {
            let (probe, cell) = cells.next().expect("three");
            state.register(probe.of(program).expect("it asks"), cell)
        })
    }

    #[test]
    fn what_workers_have_waiting_is_added_up() {
        let program = program_that_asks(&SUMS);
        let state = Arc::new(State::new(&program, 2).expect("a state"));
        let mut workers = [Waiting::new(false), Waiting::new(false)];
        workers.iter_mut().for_each(|worker| worker.adopt(&program, &state, std::iter::empty()));
        workers[0].add(PLACE, 100);
        workers[1].add(PLACE, 20);
        assert_eq!(told(&program, &state), [120, 120, 120]);
        // Another queue of the port, which came by another port; and what no probe knows.
        workers[1].add(Place { from: 5, queue: 2, ..PLACE }, 7);
        workers[1].add(Place { from: 600, port: 600, queue: 1 }, 7);
        workers[1].add(Place { queue: 8, ..PLACE }, 7);
        assert_eq!(told(&program, &state), [134, 120, 120]);
        workers[0].remove(PLACE, 100);
        assert_eq!(told(&program, &state), [34, 20, 20]);
    }

    #[test]
    fn what_waits_is_told_to_the_program_that_asks_now() {
        let silent = program_that_asks(&[]);
        let asking = program_that_asks(&SUMS);
        let there = [(PLACE, 60), (PLACE, 40)];
        let mut worker = Waiting::new(true);
        let nobody = Arc::new(State::new(&silent, 1).expect("a state"));
        worker.adopt(&silent, &nobody, std::iter::empty());
        worker.add(PLACE, 60);
        let first = Arc::new(nobody.succeed(&asking).expect("a state").0);
        worker.adopt(&asking, &first, there.iter().copied());
        assert_eq!(told(&asking, &first), [100, 100, 100], "what began to wait before is known");

        let kept = Arc::new(first.succeed(&asking).expect("a state").0);
        worker.adopt(&asking, &kept, there.iter().copied());
        assert_eq!(told(&asking, &kept), [100, 100, 100], "the registers are the same");
        worker.remove(PLACE, 40);
        let other = Arc::new(State::new(&asking, 1).expect("a state"));
        worker.adopt(&asking, &other, there[..1].iter().copied());
        assert_eq!((told(&asking, &kept), told(&asking, &other)), ([60, 60, 60], [60, 60, 60]));
        worker.remove(PLACE, 60);
        assert_eq!(told(&asking, &other), [0, 0, 0]);
    }
}
