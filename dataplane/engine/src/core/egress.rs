//! From decision to wire: admission to a port's queues, taking packets out when the port can send, egress, and
//! the way to the kernel.
//!
//! Invariant: a packet is taken out of its queue only if there is room for it before the port; between there
//! and the port at most [`crate::Config::transmit_packets`] packets wait, so that back-pressure from the kernel
//! shows as depth of the queues.

use heddle_exec::{Entry, Verdict, Work};
use heddle_ir::Origin;

use super::port::{Sink, place_of};
use super::{Core, Route, Run};
use crate::job::{Facts, Job, Spare, Transfer};
use crate::probe::REFRESH_NS;
use crate::reason::Reason;
use crate::scheduler::Next;

/// Packets that go through egress together.
const EGRESS_BATCH: usize = 64;

/// What came of taking packets out of a port's queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pumped {
    /// All of them were taken out.
    Empty,
    /// The rest has to wait for time or room.
    Held,
    /// Whether the next can be taken out depends on what becomes of those in the egress batch.
    Unsettled,
}

/// Whether a packet went through a port's queue without stopping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passed {
    /// It is on its way to egress.
    Yes,
    /// Not before the port has been given what waits for it.
    NoRoom,
    /// It has to be queued, handed on or dropped.
    No,
}

impl Core {
    /// Sends a packet to the worker that owns a port. `position` is where it is counted if there is no such port.
    pub(super) fn forward(
        &mut self,
        run: &Run<'_, '_>,
        position: usize,
        port: u32,
        queue: u32,
        work: Work,
        facts: Facts,
    ) {
        let Some(to) = self.shared.ports.position(port) else {
            self.lose(position, Reason::UnknownPort, work, facts);
            return;
        };
        match self.routes[to] {
            Route::Here => self.admit(run, to, queue, Job { work, facts }),
            Route::Worker(owner) => {
                let parity = (facts.generation & 1) as usize;
                let packets = work.packet.segments() as u64;
                self.cells().ring_sent[parity].add(packets);
                let transfer = Transfer { job: Job { work, facts }, port: to as u16, queue };
                let refused = match self.rings_out.get_mut(owner) {
                    Some(Some(ring)) => ring.push(transfer).err(),
                    Some(None) | None => Some(transfer),
                };
                match refused {
                    None => self.to_wake[owner] = true,
                    Some(Transfer { job, .. }) => {
                        self.transferred[parity] += packets;
                        self.lose(to, Reason::RingFull, job.work, job.facts);
                    }
                }
            }
        }
    }

    /// Admits what other workers sent.
    pub(super) fn admit_transfers(&mut self, run: &Run<'_, '_>) {
        if self.rings_in.is_empty() {
            return;
        }
        for index in 0..self.rings_in.len() {
            // What is there now; a sender that keeps pushing must not keep the step from ending.
            for _ in 0..self.rings_in[index].len() {
                // A sender may have begun its step after a replacement that came during this one: what it sent
                // is for the next step, which knows that pipeline.
                let generation = self.rings_in[index].next_generation();
                if generation.is_some_and(|generation| generation > run.current.generation) {
                    self.moved += 1;
                    break;
                }
                let Some(Transfer { job, port, queue }) = self.rings_in[index].pop() else { break };
                self.moved += 1;
                let packets = job.work.packet.segments() as u64;
                self.transferred[(job.facts.generation & 1) as usize] += packets;
                if run.of(job.facts.generation).is_none() {
                    self.lose(usize::from(port), Reason::StaleProgram, job.work, job.facts);
                    continue;
                }
                self.admit(run, usize::from(port), queue, job);
                if run.singly {
                    self.flush(run);
                    self.run_loops(run);
                }
            }
        }
        self.flush(run);
        self.run_loops(run);
    }

    /// Gives storage back to workers that packets came from, and takes it back from those that they went to.
    pub(super) fn exchange_spares(&mut self) {
        for ring in &mut self.rings_in {
            ring.pay(|| {
                let packet = self.pool.spare()?;
                Some(Spare { packet, frame: self.frames.spare() })
            });
        }
        for ring in self.rings_out.iter_mut().flatten() {
            while let Some(Spare { packet, frame }) = ring.spare() {
                self.pool.give(packet);
                if let Some(frame) = frame {
                    self.frames.give(frame);
                }
            }
        }
    }

    /// Puts a packet into a queue of a port of this worker, and takes out what can be.
    fn admit(&mut self, run: &Run<'_, '_>, position: usize, queue: u32, mut job: Job) {
        let room = self.shared.config.transmit_packets.max(1);
        let Some(egress) = self.egress[position].as_mut().filter(|egress| egress.sink != Sink::Gone) else {
            self.lose(position, Reason::PortDown, job.work, job.facts);
            return;
        };
        let queue = egress.scheduler.queue(queue);
        let straight = self.budget > 0
            && self.out.len() < EGRESS_BATCH
            && self.out_facts.last().is_none_or(|last| last.generation == job.facts.generation)
            && egress.scheduler.is_empty()
            && !egress.scheduler.is_paced()
            && egress.has_room(room);
        let cells = &self.shared.cells[self.worker].ports[position].queues[queue];
        if !egress.scheduler.admits(queue, &job.work) {
            self.lose(position, Reason::QueueFull, job.work, job.facts);
        } else if straight {
            cells.high_water_packets.raise(job.work.packet.segments() as u64);
            egress.scheduler.pass(run.now_ns, queue, &mut job.work);
            self.take_out(run, position, job);
        } else {
            let (place, bytes) = place_of(egress.number, queue, &job.work);
            self.waiting.add(place, bytes);
            egress.scheduler.enqueue(run.now_ns, queue, job);
            let (packets, bytes) = egress.scheduler.depth(queue);
            cells.depth_packets.set(packets as u64);
            cells.depth_bytes.set(bytes);
            cells.high_water_packets.raise(packets as u64);
            if !egress.listed {
                egress.listed = true;
                self.backlog.push(position);
            }
            self.grow_stale(position);
            self.serve(run, position);
        }
    }

    /// Lets a packet that ingress sent to a port through the port's queue where it is, if that is empty.
    pub(super) fn pass(&mut self, run: &Run<'_, '_>, position: usize, queue: u32, work: &mut Work) -> Passed {
        if self.routes[position] != Route::Here {
            return Passed::No;
        }
        let Some(egress) = self.egress[position].as_mut() else { return Passed::No };
        let queue = egress.scheduler.queue(queue);
        if egress.sink == Sink::Gone
            || !egress.scheduler.is_empty()
            || egress.scheduler.is_paced()
            || !egress.scheduler.admits(queue, work)
        {
            return Passed::No;
        }
        if !egress.has_room(self.shared.config.transmit_packets.max(1)) {
            return Passed::NoRoom;
        }
        egress.unsettled += 1;
        egress.scheduler.pass(run.now_ns, queue, work);
        let intrinsics = &mut work.intrinsics;
        intrinsics.origin = Origin::Normal;
        intrinsics.replication_id = 0;
        intrinsics.egress_port = egress.number;
        let cells = &self.shared.cells[self.worker].ports[position].queues[queue];
        cells.high_water_packets.raise(work.packet.segments() as u64);
        Passed::Yes
    }

    /// Tells a program that asks what links have sent lately, ports that send nothing included.
    pub(super) fn refresh_links(&mut self, run: &Run<'_, '_>) {
        let pipeline = run.current.pipeline;
        if !pipeline.probes.links() || run.now_ns.saturating_sub(self.refreshed_ns) < REFRESH_NS {
            return;
        }
        self.refreshed_ns = run.now_ns;
        for egress in self.egress.iter_mut().flatten() {
            let recent_bytes = egress.recent.at(run.now_ns);
            pipeline.probes.set_recent(&pipeline.state, egress.number, recent_bytes);
        }
    }

    /// Looks at every port that has packets waiting, if any may leave.
    pub(super) fn serve_backlog(&mut self, run: &Run<'_, '_>) {
        if self.backlog.is_empty() || self.backlog_due_ns > run.now_ns {
            return;
        }
        // From here on what ports are found to be held until.
        self.backlog_due_ns = u64::MAX;
        for index in 0..self.backlog.len() {
            let position = self.backlog[index];
            let held_until_ns = self.egress[position].as_ref().map_or(0, |egress| egress.held_until_ns);
            if held_until_ns > run.now_ns {
                self.backlog_due_ns = self.backlog_due_ns.min(held_until_ns);
                continue;
            }
            self.serve(run, position);
            if run.singly {
                self.flush(run);
                self.run_loops(run);
            }
        }
        self.flush(run);
        self.run_loops(run);
        let egress = &mut self.egress;
        self.backlog.retain(|&position| {
            let Some(egress) = egress[position].as_mut() else { return false };
            egress.listed = !egress.scheduler.is_empty();
            egress.listed
        });
    }

    /// Takes out of a port's queues whatever can be taken out now.
    pub(super) fn serve(&mut self, run: &Run<'_, '_>, position: usize) {
        while self.pump(run, position) == Pumped::Unsettled {
            if self.flushing {
                // Egress is being dealt with: the port's turn comes once that is done.
                self.revisit.push_back(position);
                return;
            }
            if self.out.is_empty() {
                self.backlog_due_ns = 0;
                return;
            }
            self.flush(run);
        }
    }

    /// Takes packets out of a port's queues while it is certain that they may leave now.
    fn pump(&mut self, run: &Run<'_, '_>, position: usize) -> Pumped {
        let pumped = self.pump_out(run, position);
        if pumped == Pumped::Held {
            let held_until_ns = self.egress[position].as_ref().map_or(0, |egress| egress.held_until_ns);
            self.backlog_due_ns = self.backlog_due_ns.min(held_until_ns);
        }
        pumped
    }

    fn pump_out(&mut self, run: &Run<'_, '_>, position: usize) -> Pumped {
        let room = self.shared.config.transmit_packets.max(1);
        loop {
            let Some(egress) = self.egress[position].as_mut() else { return Pumped::Empty };
            if egress.scheduler.is_empty() {
                return Pumped::Empty;
            }
            // What it was held for need not be what holds it now.
            egress.held_until_ns = 0;
            if self.budget == 0 {
                return Pumped::Held;
            }
            if self.out.len() >= EGRESS_BATCH {
                return Pumped::Unsettled;
            }
            if !egress.has_room(room) {
                // First what can be given to the port: how much waits before it must not depend on when this
                // step last did so.
                self.transmit(run, position);
                let Some(egress) = self.egress[position].as_ref() else { return Pumped::Empty };
                if !egress.has_room(room) {
                    return if egress.unsettled > 0 { Pumped::Unsettled } else { Pumped::Held };
                }
                continue;
            }
            match egress.scheduler.next(run.now_ns) {
                Next::Empty => return Pumped::Empty,
                Next::NotBefore(due_ns) => {
                    egress.held_until_ns = due_ns;
                    return Pumped::Held;
                }
                Next::Unsettled => return Pumped::Unsettled,
                Next::Head { queue, start_ns } => {
                    let generation = egress.scheduler.head_generation(queue);
                    if self.out_facts.last().is_some_and(|last| Some(last.generation) != generation) {
                        return Pumped::Unsettled;
                    }
                    let Some(job) = egress.scheduler.dequeue(queue, start_ns) else { return Pumped::Empty };
                    let (place, bytes) = place_of(egress.number, queue, &job.work);
                    self.waiting.remove(place, bytes);
                    let (packets, bytes) = egress.scheduler.depth(queue);
                    let cells = &self.shared.cells[self.worker].ports[position].queues[queue];
                    cells.depth_packets.set(packets as u64);
                    cells.depth_bytes.set(bytes);
                    self.take_out(run, position, job);
                }
            }
        }
    }

    /// Puts a packet that has left its queue into the egress batch.
    fn take_out(&mut self, run: &Run<'_, '_>, position: usize, job: Job) {
        let Job { mut work, mut facts } = job;
        let Some(egress) = self.egress[position].as_mut() else {
            self.lose(position, Reason::PortDown, work, facts);
            return;
        };
        egress.unsettled += 1;
        egress.grow_stale(position, &mut self.stale);
        if run.current.pipeline.probes.links() {
            egress.tell_link(run, work.packet.wire_bytes() as u64);
        }
        work.intrinsics.egress_port = egress.number;
        facts.port = position as u16;
        self.out.push(work);
        self.out_facts.push(facts);
        self.budget = self.budget.saturating_sub(1);
        self.moved += 1;
    }

    /// Runs egress over everything that was taken out, and over what that leads to being taken out.
    #[inline]
    pub(super) fn flush(&mut self, run: &Run<'_, '_>) {
        self.flushing = !self.out.is_empty() || !self.revisit.is_empty();
        if self.flushing {
            self.flush_out(run);
        }
    }

    fn flush_out(&mut self, run: &Run<'_, '_>) {
        loop {
            while self.out.is_empty()
                && let Some(position) = self.revisit.pop_front()
            {
                if self.pump(run, position) == Pumped::Unsettled {
                    self.revisit.push_front(position);
                    break;
                }
            }
            if self.out.is_empty() {
                break;
            }
            self.run_egress(run);
        }
        if !self.revisit.is_empty() {
            self.revisit.clear();
            self.backlog_due_ns = 0;
        }
        self.flushing = false;
    }

    /// Runs egress over the batch and deals with its packets one after another.
    fn run_egress(&mut self, run: &Run<'_, '_>) {
        let mut works = std::mem::replace(&mut self.out, std::mem::take(&mut self.leaving));
        let mut facts = std::mem::replace(&mut self.out_facts, std::mem::take(&mut self.leaving_facts));
        let generation = facts.last().map_or(self.generation, |facts| facts.generation);
        let count = works.len();
        self.egress_of(run, generation, &mut works, &mut facts, count);
        self.leaving = works;
        self.leaving_facts = facts;
    }

    /// Takes the first `count` works, which have passed their queues, through egress and out of the vector; then
    /// whatever that leads to.
    pub(super) fn egress_in_place(
        &mut self,
        run: &Run<'_, '_>,
        generation: u64,
        works: &mut Vec<Work>,
        facts: &mut Vec<Facts>,
        count: usize,
    ) {
        self.flushing = true;
        self.egress_of(run, generation, works, facts, count);
        self.flush(run);
    }

    fn egress_of(
        &mut self,
        run: &Run<'_, '_>,
        generation: u64,
        works: &mut Vec<Work>,
        facts: &mut Vec<Facts>,
        count: usize,
    ) {
        let mut clones = std::mem::take(&mut self.leaving_clones);
        self.cells().egress_passes.add(count as u64);
        let ran = self.execute(run, Entry::Egress, generation, &mut works[..count], &mut clones);
        let sent = if ran && clones.is_empty() { self.send_front(works, facts, count) } else { 0 };
        if sent == count {
            self.leaving_clones = clones;
            return;
        }
        let left = works.drain(..count - sent).zip(facts.drain(..count - sent));
        let mut made = clones.drain(..).peekable();
        for (parent, (work, facts)) in left.enumerate() {
            while let Some(clone) = made.next_if(|clone| clone.parent <= parent) {
                self.mirror(run, usize::from(facts.port), clone, facts);
            }
            self.leave(run, work, facts, ran);
        }
        drop(made);
        self.leaving_clones = clones;
    }

    /// Does what [`Core::leave`] does with the works at the front that are to be transmitted, as most are. How many
    /// there were; they are gone from the vectors.
    fn send_front(&mut self, works: &mut Vec<Work>, facts: &mut Vec<Facts>, count: usize) -> usize {
        let sent = works
            .iter()
            .zip(facts.iter())
            .take(count)
            .take_while(|(work, facts)| {
                let sink = self.egress[usize::from(facts.port)].as_ref().map(|egress| egress.sink);
                work.verdict == Verdict::Transmit
                    && work.truncate_bytes.is_none()
                    && !work.packet.is_empty()
                    && matches!(sink, Some(Sink::Queue(_)))
            })
            .count();
        for (Work { packet, frame, .. }, facts) in works.drain(..sent).zip(&facts[..sent]) {
            let position = usize::from(facts.port);
            if let Some(egress) = self.egress[position].as_mut() {
                egress.unsettled = egress.unsettled.saturating_sub(1);
                egress.scheduler.settle(Some(packet.wire_bytes() as u64));
                egress.send(position, packet, &mut self.pool, &mut self.unsent, &mut self.stale);
            }
            if facts.generation == self.generation {
                self.frames.give(frame);
            } else {
                self.retiring_frames.give(frame);
            }
        }
        facts.drain(..sent);
        sent
    }

    /// Does what a packet's egress pass decided.
    fn leave(&mut self, run: &Run<'_, '_>, mut work: Work, facts: Facts, ran: bool) {
        let position = usize::from(facts.port);
        let transmits = ran && work.verdict == Verdict::Transmit;
        if transmits && let Some(bytes) = work.truncate_bytes {
            work.packet.truncate(bytes as usize);
        }
        let Some(egress) = self.egress[position].as_mut() else {
            self.lose(position, Reason::PortDown, work, facts);
            return;
        };
        egress.unsettled = egress.unsettled.saturating_sub(1);
        let goes = transmits && !work.packet.is_empty();
        egress.scheduler.settle(goes.then_some(work.packet.wire_bytes() as u64));
        if goes && matches!(egress.sink, Sink::Queue(_)) {
            egress.send(position, work.packet, &mut self.pool, &mut self.unsent, &mut self.stale);
            self.release_frame(facts.generation, work.frame);
            return;
        }
        let sink = egress.sink;
        if !ran {
            self.lose(position, Reason::StaleProgram, work, facts);
            return;
        }
        match work.verdict {
            Verdict::Transmit if !goes => self.lose(position, Reason::Empty, work, facts),
            Verdict::Transmit if sink == Sink::Controller => {
                self.release_frame(facts.generation, work.frame);
                self.deliver(run, position, work.packet);
            }
            Verdict::Transmit => self.lose(position, Reason::PortDown, work, facts),
            Verdict::Recirculate => self.come_back(position, Origin::Recirculated, work, facts),
            Verdict::Resubmit => self.come_back(position, Origin::Resubmitted, work, facts),
            Verdict::Drop(reason) => self.lose(position, reason.into(), work, facts),
            Verdict::Enqueue { .. }
            | Verdict::Replicate { .. }
            | Verdict::Passed { .. }
            | Verdict::Lost { .. } => {
                self.lose(position, Reason::InvalidVerdict, work, facts);
            }
        }
    }

    /// Asks ports that had no room again.
    pub(super) fn retry_transmit(&mut self, run: &Run<'_, '_>) {
        for index in 0..self.unsent.len() {
            let position = self.unsent[index];
            if let Some(egress) = self.egress[position].as_mut() {
                egress.blocked = false;
            }
            self.transmit(run, position);
        }
    }

    /// Gives what has been through egress to the ports.
    pub(super) fn transmit_all(&mut self, run: &Run<'_, '_>) {
        if self.unsent.is_empty() {
            return;
        }
        for index in 0..self.unsent.len() {
            let position = self.unsent[index];
            self.transmit(run, position);
        }
        let egress = &mut self.egress;
        self.unsent.retain(|&position| {
            let Some(egress) = egress[position].as_mut() else { return false };
            egress.unsent = !egress.fifo.is_empty();
            egress.unsent
        });
    }

    /// Gives a port what it takes.
    pub(super) fn transmit(&mut self, run: &Run<'_, '_>, position: usize) {
        let Some(egress) = self.egress[position].as_mut() else { return };
        let Sink::Queue(index) = egress.sink else { return };
        if egress.fifo.is_empty() || egress.blocked {
            return;
        }
        let Some(queue) = self.queues[index].queue.as_mut() else { return };
        let before = egress.waiting();
        let outcome = queue.transmit(run.now_ns, &mut self.pool, &mut egress.fifo);
        let removed = before - egress.waiting().min(before);
        egress.blocked = !egress.fifo.is_empty();
        let stats = queue.stats();
        let sent = stats.tx_packets.saturating_sub(egress.tx_packets).min(removed as u64);
        let cells = &self.shared.cells[self.worker].ports[position];
        cells.tx_packets.add(sent);
        cells.tx_bytes.add(stats.tx_bytes.saturating_sub(egress.tx_bytes));
        cells.drops[Reason::TransmitRefused.index()].add(removed as u64 - sent);
        (egress.tx_packets, egress.tx_bytes) = (stats.tx_packets, stats.tx_bytes);
        self.moved += removed as u64;
        if let Err(error) = outcome {
            self.detach(position, &error);
        }
    }
}
