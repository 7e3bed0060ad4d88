//! A port that this worker sends for: its queues, what waits before the kernel, and what is known of it without looking.
//!
//! Invariant: a packet is in its queues, in the egress batch (counted as unsettled), or before the kernel, and is counted there
//! alone.

use std::collections::VecDeque;

use heddle_exec::{Gate, Work};
use heddle_packet::{Packet, Pool};
use heddle_ports::cut;

use super::Run;
use crate::config::PortConfig;
use crate::port_map::MappedPort;
use crate::probe::Recent;
use crate::scheduler::{Next, Scheduler, waiting_bytes};
use crate::waiting::{Place, Waiting};

/// A port that this worker sends for.
pub(super) struct Egress {
    pub(super) number: u32,
    pub(super) scheduler: Scheduler,
    /// Have been through egress and wait for the kernel.
    pub(super) fifo: VecDeque<Packet>,
    pub(super) sink: Sink,
    /// Whether the port takes frames whole.
    pub(super) takes_whole: bool,
    /// Packets taken out whose egress has not been dealt with.
    pub(super) unsettled: usize,
    /// Whether the port did not take everything in this step, and so is not asked again in it.
    pub(super) blocked: bool,
    /// Nothing waiting may leave before; 0 where that is not known.
    pub(super) held_until_ns: u64,
    /// Whether it is in `backlog`.
    pub(super) listed: bool,
    /// Whether it is in `unsent`.
    pub(super) unsent: bool,
    /// Whether it is in `stale`.
    pub(super) stale: bool,
    /// What the queue had sent when it was looked at last.
    pub(super) tx_packets: u64,
    pub(super) tx_bytes: u64,
    /// What left its queues lately, while a program asks for it.
    pub(super) recent: Recent,
    /// Bit `q` is one once a packet has gone through queue `q` without stopping.
    pub(super) through: u64,
}

/// Where a port's packets go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sink {
    /// This queue pair of the core.
    Queue(usize),
    /// The control plane.
    Controller,
    /// Nowhere any more.
    Gone,
}

/// Where a packet waits for a port, and how many bytes of it.
pub(super) fn place_of(port: u32, queue: usize, work: &Work) -> (Place, u64) {
    (Place { from: work.packet.ingress_port.0, port, queue }, waiting_bytes(work))
}

impl Egress {
    pub(super) fn new(port: &MappedPort, queue: Option<usize>, takes_whole: bool) -> Self {
        let sink = match queue {
            _ if port.is_controller() => Sink::Controller,
            Some(index) => Sink::Queue(index),
            None => Sink::Gone,
        };
        // No program's number for a position that is vacant.
        let number = port.id().map_or(u32::MAX, |id| id.0);
        Self { takes_whole, ..Self::idle(number, &port.config, sink) }
    }

    /// Of a port that was attached while the switch runs. `listed`: as [`Egress::listed`] of the one before.
    pub(super) fn attached(
        number: u32,
        config: &PortConfig,
        queue: Option<usize>,
        takes_whole: bool,
        listed: Option<[bool; 3]>,
    ) -> Self {
        let [listed, unsent, stale] = listed.unwrap_or_default();
        let sink = queue.map_or(Sink::Gone, Sink::Queue);
        Self { takes_whole, listed, unsent, stale, ..Self::idle(number, config, sink) }
    }

    fn idle(number: u32, config: &PortConfig, sink: Sink) -> Self {
        Self {
            number,
            scheduler: Scheduler::new(config),
            fifo: VecDeque::new(),
            sink,
            takes_whole: false,
            unsettled: 0,
            blocked: false,
            held_until_ns: 0,
            listed: false,
            unsent: false,
            // As every port is when a core is made.
            stale: true,
            tx_packets: 0,
            tx_bytes: 0,
            recent: Recent::default(),
            through: 0,
        }
    }

    /// Whether it is in the list of ports with a backlog, in that of ports with packets unsent, and in that of ports
    /// whose gates have to be looked at.
    pub(super) fn listed(&self) -> [bool; 3] {
        [self.listed, self.unsent, self.stale]
    }

    /// Puts it into the list of ports whose gates have to be looked at.
    #[inline]
    pub(super) fn grow_stale(&mut self, position: usize, stale: &mut Vec<usize>) {
        if !self.stale {
            self.stale = true;
            stale.push(position);
        }
    }

    pub(super) fn set_stale(&mut self, stale: bool) {
        self.stale = stale;
    }

    /// Its gate with so much room before the port, and whether that may change without a packet being sent to it or taken
    /// out of its queues: when the port takes what waits before it.
    pub(super) fn gate(&self, room_max: usize) -> (Gate, bool) {
        let may_change = self.scheduler.is_empty() && !self.fifo.is_empty();
        let from_ns = self.scheduler.passes_from_ns().filter(|_| matches!(self.sink, Sink::Queue(_)));
        let room_max = room_max.saturating_sub(self.fifo.len() + self.unsettled);
        // When the next one may begin is known once one has been sent.
        let at_once_max = if self.scheduler.is_rated() { 1 } else { usize::from(u8::MAX) };
        let room = if from_ns.is_some() { room_max.min(at_once_max) as u8 } else { 0 };
        let gate = Gate { from_ns: from_ns.unwrap_or(0), room, queues: self.scheduler.queues() as u8 };
        (gate, may_change)
    }

    /// Whether its gate could ever be open as it is configured.
    pub(super) fn has_gate(&self) -> bool {
        matches!(self.sink, Sink::Queue(_)) && self.scheduler.may_pass()
    }

    /// Tells a program that asks what links have sent of a packet.
    pub(super) fn tell_link(&mut self, run: &Run<'_, '_>, wire_bytes: u64) {
        let pipeline = run.current.pipeline;
        let recent_bytes = self.recent.add(run.now_ns, wire_bytes);
        pipeline.probes.set_recent(&pipeline.state, self.number, recent_bytes);
    }

    /// Whether a packet that has gone through a queue without stopping is the first to do so.
    #[inline]
    pub(super) fn is_first_through(&mut self, queue: u32) -> bool {
        let before = self.through;
        self.through |= 1 << (queue % u64::BITS);
        self.through != before
    }

    /// Takes note of a packet that has gone through one of its queues without stopping, and is sent.
    #[inline]
    pub(super) fn passed(&mut self, now_ns: u64, queue: u32, packet: &Packet) {
        if self.scheduler.is_rated() {
            self.scheduler.passed(now_ns, queue as usize, packet.wire_bytes() as u64);
        }
    }

    /// Has a packet wait for the kernel.
    #[inline]
    pub(super) fn send(
        &mut self,
        position: usize,
        packet: Packet,
        pool: &mut Pool,
        unsent: &mut Vec<usize>,
        stale: &mut Vec<usize>,
    ) {
        if packet.segmentation.is_none() || self.takes_whole {
            self.fifo.push_back(packet);
        } else {
            self.push_cut(packet, pool);
        }
        if !self.unsent {
            self.unsent = true;
            unsent.push(position);
        }
        self.grow_stale(position, stale);
    }

    /// Forgets of a step that did not come to its end: what was taken out of the queues is gone. Returns whether it
    /// has a backlog, and packets unsent.
    pub(super) fn recover(&mut self) -> (bool, bool) {
        self.scheduler.settle(None);
        self.unsettled = 0;
        self.blocked = false;
        self.held_until_ns = 0;
        (self.listed, self.unsent) = (!self.scheduler.is_empty(), !self.fifo.is_empty());
        (self.listed, self.unsent)
    }

    pub(super) fn configure(&mut self, config: &PortConfig) {
        self.scheduler.configure(config);
        self.held_until_ns = 0;
    }

    /// Packets that wait in its queues and before the kernel.
    pub(super) fn held(&self) -> usize {
        self.scheduler.packets() + self.waiting()
    }

    pub(super) fn holds_before(&self, generation: u64) -> bool {
        self.scheduler.holds_before(generation)
    }

    /// When its queues want to be looked at. Not while the port has no room: that is found out by asking it.
    pub(super) fn due_ns(&self, now_ns: u64) -> Option<u64> {
        if self.held_until_ns > now_ns {
            return Some(self.held_until_ns);
        }
        match self.scheduler.next(now_ns) {
            Next::Empty => None,
            Next::NotBefore(due_ns) => Some(due_ns),
            Next::Unsettled | Next::Head { .. } => (!self.blocked).then_some(now_ns),
        }
    }

    /// Throws away all that waits; how many.
    pub(super) fn discard(&mut self, waiting: &mut Waiting) -> usize {
        self.held_until_ns = 0;
        let mut lost = self.waiting();
        let port = self.number;
        for (queue, job) in self.scheduler.drain() {
            let (place, bytes) = place_of(port, queue, &job.work);
            waiting.remove(place, bytes);
            lost += job.work.packet.segments();
        }
        self.fifo.clear();
        lost
    }

    /// Sends nothing any more and throws away what waits; how many.
    pub(super) fn detach(&mut self, waiting: &mut Waiting) -> usize {
        self.sink = Sink::Gone;
        self.discard(waiting)
    }

    /// Sends again, by this queue pair.
    pub(super) fn attach(&mut self, queue: usize) {
        self.sink = Sink::Queue(queue);
        self.blocked = false;
    }

    /// Where the packets in its queues wait, and what they take there.
    pub(super) fn queued(&self) -> impl Iterator<Item = (Place, u64)> + Clone + '_ {
        self.scheduler.jobs().map(|(queue, job)| place_of(self.number, queue, &job.work))
    }

    /// Holds a queue until a time, or lets it go on. Whether something that waits may leave at once.
    pub(super) fn hold(&mut self, now_ns: u64, queue: u32, until_ns: u64) -> bool {
        let queue = self.scheduler.queue(queue);
        self.scheduler.hold(now_ns, queue, until_ns);
        self.held_until_ns = 0;
        until_ns <= now_ns && !self.scheduler.is_empty()
    }

    /// Packets on the wire that wait before the kernel.
    pub(super) fn waiting(&self) -> usize {
        if self.takes_whole {
            self.fifo.iter().map(|packet| packet.segments()).sum()
        } else {
            self.fifo.len()
        }
    }

    /// Puts the parts of a frame before the kernel that the port does not take whole.
    #[inline(never)] // Few are such, and all packets come by here.
    fn push_cut(&mut self, packet: Packet, pool: &mut Pool) {
        cut(&packet, pool, |segment| self.fifo.push_back(segment));
        pool.give(packet);
    }

    pub(super) fn has_room(&self, transmit_packets: usize) -> bool {
        match self.sink {
            Sink::Queue(_) => self.fifo.len() + self.unsettled < transmit_packets,
            Sink::Controller | Sink::Gone => true,
        }
    }
}
