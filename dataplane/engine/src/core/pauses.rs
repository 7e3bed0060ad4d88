//! Holding queues as programs ask: those of the worker's own ports at once, those of others by asking their workers.
//!
//! Several workers may send for one port, each from queues of its own, so every other worker is asked and those that do
//! not send for the port have nothing to do.

use rtrb::{Consumer, Producer, RingBuffer};

use super::{Core, Run};
use crate::probe::Hold;

/// Pauses under way from one worker to another at most; more wait with the one that asks.
const PAUSES: usize = 64;

/// That a queue is to be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pause {
    /// The port's number.
    port: u32,
    /// Queue as asked for, not yet cut to those that the port has.
    queue: u32,
    /// Until when; it goes on if that has passed.
    until_ns: u64,
}

/// A worker's ways to and from the others.
#[derive(Debug, Default)]
pub(crate) struct Pauses {
    /// By worker; none to itself.
    to: Vec<Option<Producer<Pause>>>,
    from: Vec<Consumer<Pause>>,
    /// For a worker whose ring is full; of one queue at most one.
    waiting: Vec<(usize, Pause)>,
}

impl Pauses {
    /// The ways between so many workers, by worker.
    pub(crate) fn between(workers: usize) -> Vec<Pauses> {
        let mut all: Vec<Pauses> = (0..workers).map(|_| Pauses::default()).collect();
        for from in 0..workers {
            for to in 0..workers {
                let ring = (from != to).then(|| RingBuffer::new(PAUSES));
                let (ring_in, ring_out) = ring.unzip();
                all[from].to.push(ring_in);
                all[to].from.extend(ring_out);
            }
        }
        all
    }

    /// Asks every other worker.
    fn ask(&mut self, pause: Pause) {
        let is_another = |waiting: &Pause| (waiting.port, waiting.queue) != (pause.port, pause.queue);
        self.waiting.retain(|(_, waiting)| is_another(waiting));
        let others = self.to.iter().enumerate().filter(|(_, ring)| ring.is_some());
        self.waiting.extend(others.map(|(worker, _)| (worker, pause)));
    }

    /// Gives workers what they are asked for, as far as their rings have room.
    fn send(&mut self, to_wake: &mut [bool]) {
        let rings = &mut self.to;
        self.waiting.retain(|&(worker, pause)| {
            let is_sent = rings[worker].as_mut().is_some_and(|ring| ring.push(pause).is_ok());
            to_wake[worker] |= is_sent;
            !is_sent
        });
    }

    /// Whether a worker has yet to be asked for something.
    pub(super) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    fn next(&mut self) -> Option<Pause> {
        self.from.iter_mut().find_map(|ring| ring.pop().ok())
    }
}

impl Core {
    /// Does what the program asked for: holds queues of ports, and lets those go on that are held no more.
    pub(super) fn hold_queues(&mut self, run: &Run<'_, '_>) {
        let pipeline = run.current.pipeline;
        let Some(holds) = pipeline.probes.take_holds(&pipeline.state, self.worker) else { return };
        for Hold { port, queue, ns } in holds.into_iter().flatten() {
            // Another worker may be told at what is to it an earlier time.
            let until_ns = if ns == 0 { 0 } else { run.now_ns.saturating_add(u64::from(ns)) };
            let pause = Pause { port, queue, until_ns };
            self.pauses.ask(pause);
            self.hold(run, pause);
        }
        self.pauses.send(&mut self.to_wake);
    }

    /// Does what programs asked other workers for.
    pub(super) fn take_pauses(&mut self, run: &Run<'_, '_>) {
        if self.pauses.is_waiting() {
            self.pauses.send(&mut self.to_wake);
        }
        while let Some(pause) = self.pauses.next() {
            self.moved += 1;
            self.hold(run, pause);
        }
    }

    /// Holds a queue of a port that this worker sends for.
    fn hold(&mut self, run: &Run<'_, '_>, Pause { port, queue, until_ns }: Pause) {
        let Some(position) = self.shared.ports.position(port) else { return };
        let Some(Some(egress)) = self.egress.get_mut(position) else { return };
        let goes_on = egress.hold(run.now_ns, queue, until_ns);
        self.backlog_due_ns = 0;
        self.grow_stale(position);
        if goes_on {
            self.serve(run, position);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use heddle_exec::{Context, Verdict, Work};
    use heddle_ir::{DropReason, PROBE_QUEUES, Probe, Verified};
    use heddle_packet::PortId;
    use heddle_ports::Port;
    use heddle_ports::memory::{MemoryOptions, MemoryPeer, pair};
    use heddle_state::State;

    use super::*;
    use crate::Config;
    use crate::assembly::assemble;
    use crate::closures::{Closures, program_that_asks, to_first_byte};
    use crate::pipeline::Pipeline;

    /// A packet that begins with 0 has the queue 0 of the port in its second byte held for its third byte in
    /// milliseconds; all others go to the port in their first byte.
    fn holding() -> Arc<Closures> {
        let program = program_that_asks(&[Probe::Hold, Probe::HeldBytes]);
        let hold = Probe::Hold.of(&program).expect("it asks");
        let ingress = move |work: &mut Work, position: usize, context: &mut Context<'_>| {
            let bytes = work.packet.bytes();
            if bytes[0] != 0 {
                return to_first_byte(work, position, context);
            }
            let ns = 1_000_000 * u64::from(bytes[2]);
            let asked = 1 << 41 | u64::from(bytes[1]) << 32 | ns;
            for (index, value) in [(0, asked), (PROBE_QUEUES, 1)] {
                let cell = context.state.cell_of(context.worker, hold, index);
                context.state.set_register(hold, cell, value);
            }
            work.verdict = Verdict::Drop(DropReason::IngressDrop);
        };
        let egress = |work: &mut Work, _: usize, _: &mut Context<'_>| work.verdict = Verdict::Transmit;
        let (ingress, egress) = (Box::new(ingress), Box::new(egress));
        Arc::new(Closures { program, ingress, egress, words: 1, passes: false })
    }

    fn held_bytes(program: &Verified, state: &State, port: u64) -> u64 {
        let register = Probe::HeldBytes.of(program).expect("it asks");
        state.register(register, port * PROBE_QUEUES)
    }

    #[test]
    fn a_port_that_another_worker_sends_for_is_held_and_goes_on() {
        let executor = holding();
        let program = executor.program.clone();
        let state = Arc::new(State::new(&program, 2).expect("a state"));
        let (mut ports, mut peers) = (Vec::<Box<dyn Port>>::new(), Vec::<MemoryPeer>::new());
        for id in 1..=2 {
            let (port, peer) = pair(PortId(id), &MemoryOptions::default());
            ports.push(Box::new(port));
            peers.push(peer);
        }
        let config = Config { workers: 2, ..Config::default() };
        let pipeline = Pipeline::new(executor, Arc::clone(&state));
        let (_control, mut cores) = assemble(config, pipeline, ports).expect("it fits");
        let mut now_ns = 0;
        // All packets come by the port of the first worker.
        let mut send = |cores: &mut [Core], peers: &mut [MemoryPeer], frame: [u8; 60]| {
            now_ns += 1_000;
            assert!(peers[0].inject(&frame, now_ns));
            // The second one has looked at its clock before the first did.
            cores[0].step(now_ns);
            cores[1].step(now_ns - 500);
            [0, 1].map(|port: usize| peers[port].collect_frames().len())
        };
        let frame = |first: u8, second: u8, third: u8| {
            let mut frame = [0; 60];
            frame[..3].copy_from_slice(&[first, second, third]);
            frame
        };
        assert_eq!(send(&mut cores, &mut peers, frame(2, 0, 0)), [0, 1]);
        for port in [1, 2] {
            assert_eq!(send(&mut cores, &mut peers, frame(0, port, 200)), [0, 0]);
        }
        assert_eq!(cores[0].take_to_wake().collect::<Vec<_>>(), [1]);
        for port in [1, 2, 2] {
            assert_eq!(send(&mut cores, &mut peers, frame(port, 0, 0)), [0, 0]);
        }
        // What two workers have waiting came by one port.
        assert_eq!(held_bytes(&program, &state, 1), 3 * 60);
        // The second worker's ports go on; the first one's do not.
        assert_eq!(send(&mut cores, &mut peers, frame(0, 2, 0)), [0, 2]);
        let gate = cores[1].egress[1].as_ref().map(|egress| egress.gate(32).0);
        assert!(gate.is_some_and(|gate| gate.room > 0), "packets pass again: {gate:?}");
        assert_eq!(held_bytes(&program, &state, 1), 60);
        assert_eq!(send(&mut cores, &mut peers, frame(0, 1, 0)), [1, 0]);
        assert_eq!(held_bytes(&program, &state, 1), 0);
    }

    #[test]
    fn every_other_worker_is_asked_and_the_last_word_counts() {
        let mut workers = Pauses::between(3);
        let pause = |queue, until_ns| Pause { port: 7, queue, until_ns };
        let mut to_wake = [false; 3];
        for number in 0..2 * PAUSES as u64 {
            workers[1].ask(pause(number as u32 % 2, number));
            workers[1].send(&mut to_wake);
        }
        assert_eq!(to_wake, [true, false, true]);
        assert!(workers[1].is_waiting());
        for worker in [0, 2] {
            let first: Vec<_> = std::iter::from_fn(|| workers[worker].next()).collect();
            assert_eq!(first, (0..PAUSES as u64).map(|n| pause(n as u32 % 2, n)).collect::<Vec<_>>());
        }
        workers[1].send(&mut to_wake);
        for worker in [0, 2] {
            let last: Vec<_> = std::iter::from_fn(|| workers[worker].next()).collect();
            assert_eq!(last, [pause(0, 2 * PAUSES as u64 - 2), pause(1, 2 * PAUSES as u64 - 1)]);
        }
        assert!(!workers[1].is_waiting() && workers[1].next().is_none());
    }
}
