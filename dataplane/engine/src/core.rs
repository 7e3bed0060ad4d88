//! One worker's share of the switch: its queues, schedulers and buffers, and the step that moves packets.
//!
//! Knows no clock, no thread and no system call: [`Core::step`] is given the time and says when it wants to be
//! called again. A worker thread and a [`crate::Switch`] drive the same core.
//!
//! Invariant: between steps every packet the core holds is in exactly one place that [`Core::held`] counts,
//! and no packet is in the egress batch: what has been taken out of a queue has been sent or lost.
//!
//! # Batches
//!
//! A step has the effects of its packets run singly in arrival order, whatever [`Config::batch_packets`] is:
//!
//! * Ingress runs over a batch; then packet by packet, in order, clones and the packet itself are admitted.
//! * A packet is taken out of its queue at the moment at which running singly would have taken it out, and put
//!   into the egress batch. Where that moment depends on what becomes of packets in that batch (room before
//!   the port, a rate) the batch is run first.
//! * Programs in which ingress can see what egress did, or whose packets come back, are found by
//!   [`crate::effects`], and each of their packets is done with before the next begins; as is everything while a trace
//!   is taken.

mod attachment;
mod egress;
mod ingress;
mod passage;
mod pauses;
mod port;
mod recovery;
mod replication;
mod reports;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use crossbeam::channel::{Receiver, Sender};
use heddle_exec::trace::TraceSink;
use heddle_exec::{
    Clone as PacketClone, Context, DigestBuffer, Entry, Frame, FramePool, Gate, Passage, Work,
};
use heddle_packet::{Packet, Pool};
use heddle_ports::{Queue, Shapes, cut};
use heddle_state::Snapshot;

use crate::config::Config;
use crate::event::{Command, DigestMessage, Event, Injection, PacketIn};
use crate::job::{Facts, Job};
use crate::pipeline::{Pipeline, Published};
use crate::port_map::{MappedPort, PortMap};
use crate::reason::Reason;
use crate::ring::{RingIn, RingOut};
use crate::stats::{PortCells, WorkerCells};
use crate::waiting::Waiting;

pub(crate) use self::pauses::Pauses;
use self::port::Egress;

/// Packets that leave queues, and passes that are made again, in one step at most. What is left waits for the
/// next step: only a program that multiplies packets without end meets this.
const STEP_BUDGET: usize = 65_536;

/// Packets that are begun together although each has to be done with before the next: as many as passing gains by, and
/// not so many that taking one out of them costs.
const TURNS_MAX: usize = 16;

/// What a step did, and when it wants to be followed by another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Whether any packet moved. If so there may be more to do at once.
    pub progressed: bool,
    /// When there will be something to do even if nothing more is received: a packet in a paced queue is due, a
    /// full port may have room again, a port knows its next arrival.
    pub next_due_ns: Option<u64>,
}

/// What all workers of a switch share. Nothing in it is ever locked.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) ports: PortMap,
    pub(crate) published: ArcSwap<Published>,
    /// By worker.
    pub(crate) cells: Vec<WorkerCells>,
    pub(crate) events: Sender<Event>,
    pub(crate) digests: Sender<DigestMessage>,
    pub(crate) packet_ins: Sender<PacketIn>,
    /// Whether a port hands over or takes frames whole.
    pub(crate) takes_whole: AtomicBool,
    /// Whether a port was ever given a rate, which spaces packets one by one.
    pub(crate) is_paced: AtomicBool,
}

impl Shared {
    /// Tells programs whether a port works now. Several may find out different things at once: what is told last is so.
    pub(crate) fn tell_up(&self, port: &MappedPort) {
        let Some(id) = port.id() else { return };
        loop {
            let is_up = port.is_up();
            self.published.load().set_port_up(id.0, is_up);
            if port.is_up() == is_up {
                return;
            }
        }
    }

    /// Which large frames a pipeline may be given whole.
    pub(crate) fn whole(&self, pipeline: &Pipeline) -> Shapes {
        if self.is_paced.load(Ordering::Relaxed) { Shapes::NONE } else { pipeline.whole() }
    }

    /// Finds out what a pipeline may be given whole, if that will be asked.
    pub(crate) fn find_whole(&self, pipeline: &Pipeline) {
        if self.config.whole && self.takes_whole.load(Ordering::Relaxed) {
            pipeline.find_whole();
        }
    }
}

/// Who sends the packets of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// This worker.
    Here,
    /// Another one, by a ring.
    Worker(usize),
}

/// What a core is made of.
pub(crate) struct Parts {
    pub(crate) worker: usize,
    pub(crate) shared: Arc<Shared>,
    /// Queue pairs it owns, with their port's position.
    pub(crate) queues: Vec<(usize, Box<dyn Queue>)>,
    /// By position of the port.
    pub(crate) routes: Vec<Route>,
    /// By worker; none to itself.
    pub(crate) rings_out: Vec<Option<RingOut>>,
    pub(crate) rings_in: Vec<RingIn>,
    pub(crate) pauses: Pauses,
    pub(crate) commands: Receiver<Command>,
    /// Of one worker only.
    pub(crate) injections: Option<Receiver<Injection>>,
}

/// One worker's share of the switch.
pub(crate) struct Core {
    worker: usize,
    shared: Arc<Shared>,
    queues: Vec<ReceiveQueue>,
    /// Those that are asked for packets.
    receiving: Vec<usize>,
    routes: Vec<Route>,
    /// By position of the port; none where another worker sends.
    egress: Vec<Option<Egress>>,
    rings_out: Vec<Option<RingOut>>,
    rings_in: Vec<RingIn>,
    /// Workers to whom this step pushed something.
    to_wake: Vec<bool>,
    commands: Receiver<Command>,
    injections: Option<Receiver<Injection>>,
    sink: Option<Box<dyn TraceSink + Send>>,

    generation: u64,
    frames: FramePool,
    retiring_frames: FramePool,
    pool: Pool,
    random: u64,
    digests: DigestBuffer,

    /// Which large frames the running program treats as it would their segments.
    whole: Shapes,
    /// Received and not yet begun, in order of arrival.
    incoming: Vec<Packet>,
    /// Put in by the control side.
    injected: VecDeque<Packet>,
    /// Resubmitted and recirculated.
    loops: VecDeque<Job>,

    /// The ingress batch, empty between batches.
    batch: Vec<Work>,
    batch_facts: Vec<Facts>,
    batch_clones: Vec<PacketClone>,
    /// In place of the batch while its packets are done with in turn: what comes back meanwhile has the batch.
    turn: Vec<Work>,
    turn_facts: Vec<Facts>,
    turn_clones: Vec<PacketClone>,
    /// Taken out of queues and waiting for egress.
    out: Vec<Work>,
    out_facts: Vec<Facts>,
    /// In egress.
    leaving: Vec<Work>,
    leaving_facts: Vec<Facts>,
    leaving_clones: Vec<PacketClone>,
    /// Whether the results of egress are being dealt with.
    flushing: bool,
    /// Ports to be asked again once the egress batch has been run.
    revisit: VecDeque<usize>,
    /// Ports whose scheduler holds packets; no other has any.
    backlog: Vec<usize>,
    /// Nothing of the backlog may leave before; 0 where that is not known.
    backlog_due_ns: u64,
    /// Ports with packets on their way to the kernel.
    unsent: Vec<usize>,
    /// What waits at its ports, while a program asks for it.
    waiting: Waiting,
    pauses: Pauses,
    /// Which ports let packets through without stopping, by number; right but for those in `stale`.
    gates: Vec<Gate>,
    /// Whether any gate could be open: where no port's queues take a packet of any length, packets are not taken to them in vain.
    has_gates: bool,
    /// Positions of ports whose gates have to be looked at, each once.
    stale: Vec<usize>,
    /// When the program was last told what links have sent.
    refreshed_ns: u64,
    /// What is left of [`STEP_BUDGET`].
    budget: usize,
    /// What this step moved.
    moved: u64,
    /// Taken from rings in this step, by parity of their generation, and not yet counted.
    transferred: [u64; 2],
}

/// A queue pair.
struct ReceiveQueue {
    /// Position of its port.
    port: usize,
    /// None once the port is gone.
    queue: Option<Box<dyn Queue>>,
    /// What the kernel has lost, as counted so far.
    missed: u64,
    invalid: u64,
    /// What it was last told to hand over whole.
    whole: Shapes,
}

/// What one step runs with.
struct Run<'a, 't> {
    now_ns: u64,
    current: Running<'a>,
    retiring: Option<Running<'a>>,
    /// Packets that are begun together.
    batch_packets: usize,
    /// Whether each packet has to be done with before the next begins.
    singly: bool,
    /// Whether packets may go from ingress through egress each before the next, wherever nothing holds them up.
    may_pass: bool,
    /// Lent to one call of the executor at a time.
    trace: RefCell<Option<&'t mut (dyn TraceSink + 't)>>,
}

/// A pipeline and what this step sees of its state.
struct Running<'a> {
    generation: u64,
    pipeline: &'a Pipeline,
    snapshot: Snapshot<'a>,
}

impl<'a> Run<'a, '_> {
    fn of(&self, generation: u64) -> Option<&Running<'a>> {
        if self.current.generation == generation {
            return Some(&self.current);
        }
        self.retiring.as_ref().filter(|retiring| retiring.generation == generation)
    }
}

impl Core {
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts { worker, shared, queues, routes, rings_out, rings_in, pauses, commands, injections } =
            parts;
        let published = shared.published.load();
        let words = published.current.executor.frame_words();
        let generation = published.generation;
        let config = &shared.config;
        let mut waiting = Waiting::new(config.workers <= 1);
        let current = &published.current;
        waiting.adopt(current.executor.program(), &current.state, std::iter::empty());
        drop(published);
        let batch = config.batch_packets.max(1);
        let egress = routes.iter().zip(shared.ports.ports()).enumerate().map(|(position, (route, port))| {
            let queue = queues.iter().position(|(of, _)| *of == position);
            let takes_whole = queue.is_some_and(|index| queues[index].1.takes_whole());
            (*route == Route::Here).then(|| Egress::new(port, queue, takes_whole))
        });
        let egress: Vec<_> = egress.collect();
        let (ports, has_gates) = (egress.len(), egress.iter().flatten().any(Egress::has_gate));
        // Workers draw from sequences of their own: neighbouring seeds are far apart after the first step.
        let random = config.seed ^ (worker as u64).wrapping_mul(0xd6e8_feb8_6659_fd93);
        let asked = queues.iter().enumerate().filter(|(_, (_, queue))| queue.receives());
        let receiving = asked.map(|(index, _)| index).collect();
        Self {
            worker,
            receiving,
            egress,
            to_wake: vec![false; rings_out.len()],
            queues: queues
                .into_iter()
                .map(|(port, queue)| ReceiveQueue {
                    port,
                    queue: Some(queue),
                    missed: 0,
                    invalid: 0,
                    whole: Shapes::NONE,
                })
                .collect(),
            routes,
            rings_out,
            rings_in,
            commands,
            injections,
            sink: None,
            generation,
            frames: FramePool::new(words, config.buffers.min(4 * batch)),
            retiring_frames: FramePool::new(0, 0),
            pool: Pool::new(config.buffers),
            random,
            digests: DigestBuffer::default(),
            whole: Shapes::NONE,
            incoming: Vec::with_capacity(2 * batch),
            injected: VecDeque::new(),
            loops: VecDeque::new(),
            batch: Vec::with_capacity(batch),
            batch_facts: Vec::with_capacity(batch),
            batch_clones: Vec::new(),
            turn: Vec::with_capacity(batch),
            turn_facts: Vec::with_capacity(batch),
            turn_clones: Vec::new(),
            out: Vec::with_capacity(batch),
            out_facts: Vec::with_capacity(batch),
            leaving: Vec::with_capacity(batch),
            leaving_facts: Vec::with_capacity(batch),
            leaving_clones: Vec::new(),
            flushing: false,
            revisit: VecDeque::new(),
            backlog: Vec::with_capacity(ports),
            backlog_due_ns: 0,
            unsent: Vec::with_capacity(ports),
            waiting,
            pauses,
            gates: Vec::new(),
            has_gates,
            stale: (0..ports).collect(),
            refreshed_ns: 0,
            budget: 0,
            moved: 0,
            transferred: [0; 2],
            shared,
        }
    }

    /// Moves what can be moved at `now_ns`, which must not be earlier than at the last step.
    pub(crate) fn step(&mut self, now_ns: u64) -> Step {
        let mut sink = self.sink.take();
        let step = self.step_traced(now_ns, sink.as_deref_mut().map(|sink| sink as &mut dyn TraceSink));
        if self.sink.is_none() {
            self.sink = sink;
        }
        step
    }

    /// Like [`Core::step`]; tells a trace what happens.
    pub(crate) fn step_traced(&mut self, now_ns: u64, trace: Option<&mut dyn TraceSink>) -> Step {
        let published = self.shared.published.load();
        self.adopt(&published);
        self.adopt_whole(&published.current, trace.is_some());
        let (current, retiring) = (&published.current, published.retiring.as_ref());
        // A trace is told of the two passes apart.
        let may_pass = trace.is_none() && current.may_pass && self.has_gates;
        let mut singly = trace.is_some() || !current.may_batch;
        if let Some(retiring) = retiring {
            singly |= !retiring.may_batch;
        }
        let run = Run {
            now_ns,
            current: Running {
                generation: published.generation,
                pipeline: current,
                snapshot: current.state.pin(),
            },
            retiring: retiring.map(|pipeline| Running {
                generation: published.generation.wrapping_sub(1),
                pipeline,
                snapshot: pipeline.state.pin(),
            }),
            batch_packets: match (singly, may_pass) {
                (false, _) => self.shared.config.batch_packets.max(1),
                (true, true) => self.shared.config.batch_packets.clamp(1, TURNS_MAX),
                (true, false) => 1,
            },
            singly,
            may_pass,
            trace: RefCell::new(trace),
        };
        self.budget = STEP_BUDGET;
        self.moved = 0;

        self.take_commands();
        self.take_pauses(&run);
        self.refresh_links(&run);
        self.exchange_spares();
        self.retry_transmit(&run);
        self.serve_backlog(&run);
        self.run_loops(&run);
        self.admit_transfers(&run);
        self.run_injected(&run);
        self.run_received(&run);
        self.flush(&run);
        self.transmit_all(&run);

        let next_due_ns = self.next_due_ns(now_ns);
        self.report(&run);
        Step { progressed: self.moved > 0, next_due_ns }
    }

    /// Takes up a newer generation.
    fn adopt(&mut self, published: &Published) {
        if self.generation == published.generation {
            return;
        }
        let frames = FramePool::new(published.current.executor.frame_words(), 0);
        self.retiring_frames = std::mem::replace(&mut self.frames, frames);
        self.generation = published.generation;
        let current = &published.current;
        let there = self.egress.iter().flatten().flat_map(Egress::queued);
        self.waiting.adopt(current.executor.program(), &current.state, there);
    }

    /// Takes up which frames the program may be given whole. What waits to be begun is cut if it is none of them.
    fn adopt_whole(&mut self, current: &Pipeline, is_traced: bool) {
        let whole = if is_traced { Shapes::NONE } else { self.shared.whole(current) };
        if self.whole == whole {
            return;
        }
        self.whole = whole;
        if self.incoming.iter().any(|packet| packet.segmentation.is_some()) {
            for packet in std::mem::take(&mut self.incoming) {
                cut(&packet, &mut self.pool, |segment| self.incoming.push(segment));
                self.pool.give(packet);
            }
        }
    }

    fn take_commands(&mut self) {
        // Looking costs less than trying, and hardly ever is there one.
        if self.commands.is_empty() {
            return;
        }
        while let Ok(command) = self.commands.try_recv() {
            match command {
                Command::Configure { port, config } => {
                    if let Some(Some(egress)) = self.egress.get_mut(port) {
                        egress.configure(&config);
                        self.backlog_due_ns = 0;
                        self.has_gates = self.egress.iter().flatten().any(Egress::has_gate);
                        self.grow_stale(port);
                    }
                }
                Command::Trace(sink) => self.sink = sink,
                Command::Attach { port, number, route, config, queues } => {
                    self.attach(port, number, route, &config, queues);
                }
                Command::Detach { port } => self.let_go(port),
                Command::Link { port, has_link } => self.set_link(port, has_link),
            }
            self.moved += 1;
        }
    }

    /// Offers a packet to ingress, as if it had arrived by the port and at the time that it says.
    pub(crate) fn inject(&mut self, packet: Packet) {
        self.port_cells(self.ingress_position(&packet)).injected.add(1);
        self.injected.push_back(packet);
    }

    /// A buffer for [`Core::inject`].
    pub(crate) fn take_buffer(&mut self, bytes: usize) -> Packet {
        self.pool.take(bytes)
    }

    /// Packets that the core holds between steps.
    pub(crate) fn held(&self) -> usize {
        let egress: usize = self.egress.iter().flatten().map(Egress::held).sum();
        let incoming: usize = self.incoming.iter().map(|packet| packet.segments()).sum();
        egress + incoming + self.injected.len() + self.loops.len()
    }

    /// Whether no queue will ever receive anything again and nothing is held.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.held() == 0
            && self.queues.iter().all(|of| of.queue.as_ref().is_none_or(|queue| queue.is_exhausted()))
            && self.injections.as_ref().is_none_or(Receiver::is_empty)
            && self.rings_in.iter().all(RingIn::is_empty)
    }

    /// Descriptors that poll readable when there is something to receive. None if a queue has no descriptor,
    /// so that only asking it again tells.
    pub(crate) fn readable_fds(&self, into: &mut Vec<RawFd>) -> bool {
        let mut all = true;
        for queue in self.queues.iter().filter_map(|of| of.queue.as_ref()) {
            match queue.readable_fd() {
                Some(fd) => into.push(fd),
                None => all &= queue.is_exhausted(),
            }
        }
        all
    }

    /// Workers that the last step gave something to; each is named once.
    pub(crate) fn take_to_wake(&mut self) -> impl Iterator<Item = usize> + '_ {
        self.to_wake
            .iter_mut()
            .enumerate()
            .filter_map(|(worker, wake)| std::mem::take(wake).then_some(worker))
    }

    /// Counts everything that is still held as lost.
    pub(crate) fn shut_down(&mut self) {
        let fallback = self.shared.ports.ports().len();
        let mut lost = vec![0u64; fallback + 1];
        for (position, egress) in self.egress.iter_mut().enumerate() {
            let waiting = &mut self.waiting;
            lost[position] += egress.as_mut().map_or(0, |egress| egress.discard(waiting) as u64);
        }
        let waiting = self.injected.drain(..).chain(self.incoming.drain(..));
        let looping = self.loops.drain(..).map(|job| job.work.packet);
        for packet in waiting.chain(looping) {
            let position = self.shared.ports.position(packet.ingress_port.0).unwrap_or(fallback);
            lost[position] += packet.segments() as u64;
        }
        for ring in &mut self.rings_in {
            while let Some(transfer) = ring.pop() {
                lost[usize::from(transfer.port)] += transfer.job.work.packet.segments() as u64;
            }
        }
        for (position, count) in lost.into_iter().enumerate() {
            let cells = self.port_cells(position);
            cells.drops[Reason::Shutdown.index()].add(count);
            for queue in &cells.queues {
                queue.depth_packets.set(0);
                queue.depth_bytes.set(0);
            }
        }
    }

    fn cells(&self) -> &WorkerCells {
        &self.shared.cells[self.worker]
    }

    /// Cells of a port; those without a port for a position beyond the last.
    fn port_cells(&self, position: usize) -> &PortCells {
        let ports = &self.cells().ports;
        &ports[position.min(ports.len() - 1)]
    }

    /// Position of the port that a packet came in by, or of the cells for no port.
    fn ingress_position(&self, packet: &Packet) -> usize {
        self.shared.ports.position(packet.ingress_port.0).unwrap_or(self.shared.ports.ports().len())
    }

    fn frames(&mut self, generation: u64) -> &mut FramePool {
        if generation == self.generation { &mut self.frames } else { &mut self.retiring_frames }
    }

    /// Gives a packet's storage back and counts it as lost at a port.
    fn lose(&mut self, position: usize, reason: Reason, work: Work, facts: Facts) {
        self.release_frame(facts.generation, work.frame);
        self.lose_packet(position, reason, work.packet);
    }

    fn lose_packet(&mut self, position: usize, reason: Reason, packet: Packet) {
        self.port_cells(position).drops[reason.index()].add(packet.segments() as u64);
        self.pool.give(packet);
    }

    fn release_frame(&mut self, generation: u64, frame: Frame) {
        self.frames(generation).give(frame);
    }

    /// Runs an entry point over a batch of one generation. False, and nothing was done, if that pipeline is gone.
    fn execute(
        &mut self,
        run: &Run<'_, '_>,
        entry: Entry,
        generation: u64,
        works: &mut [Work],
        clones: &mut Vec<PacketClone>,
    ) -> bool {
        let Some(running) = run.of(generation) else { return false };
        let mut trace = run.trace.borrow_mut();
        let frames = if generation == self.generation { &mut self.frames } else { &mut self.retiring_frames };
        let mut context = Context {
            state: &running.pipeline.state,
            snapshot: &running.snapshot,
            worker: self.worker,
            now_ns: run.now_ns,
            random: &mut self.random,
            pool: &mut self.pool,
            frames,
            clones,
            digests: &mut self.digests,
            trace: trace.as_mut().map(|sink| &mut **sink as _),
        };
        running.pipeline.executor.run(entry, &mut context, works);
        drop(trace);
        self.deliver_digests(run, running);
        true
    }

    /// [`heddle_exec::Executor::run_through`] for packets that have just arrived.
    fn execute_through(
        &mut self,
        run: &Run<'_, '_>,
        works: &mut [Work],
        clones: &mut Vec<PacketClone>,
    ) -> Option<usize> {
        let running = &run.current;
        let mut context = Context {
            state: &running.pipeline.state,
            snapshot: &running.snapshot,
            worker: self.worker,
            now_ns: run.now_ns,
            random: &mut self.random,
            pool: &mut self.pool,
            frames: &mut self.frames,
            clones,
            digests: &mut self.digests,
            trace: None,
        };
        let (egress, ports) = (&mut self.egress, &self.shared.ports);
        let mut tell = |port: u32, wire_bytes: u64| {
            if let Some(Some(egress)) = ports.position(port).and_then(|position| egress.get_mut(position)) {
                egress.tell_link(run, wire_bytes);
            }
        };
        let sends: Option<&mut dyn FnMut(u32, u64)> =
            if running.pipeline.probes.links() { Some(&mut tell) } else { None };
        let mut passage = Passage { gates: &mut self.gates, sends };
        let ran = running.pipeline.executor.run_through(&mut context, &mut passage, works);
        self.deliver_digests(run, running);
        ran
    }

    /// When there is something to do though nothing is received.
    fn next_due_ns(&self, now_ns: u64) -> Option<u64> {
        let waiting = !self.loops.is_empty() || !self.incoming.is_empty() || self.budget == 0;
        if waiting || self.pauses.is_waiting() {
            return Some(now_ns);
        }
        // Never, until something is found that says when.
        let mut next_ns = u64::MAX;
        for &index in &self.receiving {
            let queue = self.queues.get(index).and_then(|of| of.queue.as_ref());
            next_ns = next_ns.min(queue.and_then(|queue| queue.next_arrival_ns()).unwrap_or(u64::MAX));
        }
        if !self.unsent.is_empty() {
            // What waits for room before a port is due when the port is asked again.
            next_ns = next_ns.min(now_ns.saturating_add(self.shared.config.retry_ns.max(1)));
        }
        if self.backlog_due_ns > now_ns {
            next_ns = next_ns.min(self.backlog_due_ns);
        } else {
            // It is not known of all at once.
            for &position in &self.backlog {
                let due_ns = self.egress[position].as_ref().and_then(|egress| egress.due_ns(now_ns));
                next_ns = next_ns.min(due_ns.unwrap_or(u64::MAX));
            }
        }
        (next_ns < u64::MAX).then_some(next_ns.max(now_ns))
    }
}

#[cfg(test)]
mod tests;
