//! From arrival to decision: what is received, injected or comes back goes through ingress, and is sent on as
//! it decided.
//!
//! Invariant: packets begin ingress in the order of their arrival, those that come back before those that
//! arrive.

use heddle_exec::{Clone as PacketClone, Entry, Frame, Intrinsics, Verdict, Work};
use heddle_ir::{DropReason, Origin};
use heddle_packet::{PACKET_BYTES_MAX, Packet};

use super::egress::Passed;
use super::{Core, Run};
use crate::job::{Facts, Job};
use crate::reason::Reason;

/// Whether works may go through both passes each before the next. What comes back keeps what was preserved, a frame that
/// is carried whole counts as several packets, and one longer than any should be may be too long for a queue; those go
/// the long way.
fn may_pass(run: &Run<'_, '_>, generation: u64, works: &[Work]) -> bool {
    let goes_apart = |work: &Work| {
        work.intrinsics.origin != Origin::Normal
            || work.packet.segmentation.is_some()
            || work.intrinsics.packet_length as usize > PACKET_BYTES_MAX
    };
    run.may_pass && generation == run.current.generation && !works.iter().any(goes_apart)
}

impl Core {
    /// Receives up to a batch from each queue and runs it.
    pub(super) fn run_received(&mut self, run: &Run<'_, '_>) {
        if self.receiving.is_empty() && self.incoming.is_empty() {
            return;
        }
        let horizon_ns = self.receive(run);
        if self.incoming.is_empty() {
            return;
        }
        if !self.incoming.is_sorted_by_key(|packet| packet.arrival_ns) {
            self.incoming.sort_by_key(|packet| packet.arrival_ns);
        }
        let begin = self.incoming.partition_point(|packet| packet.arrival_ns <= horizon_ns);
        let mut incoming = std::mem::take(&mut self.incoming);
        {
            let mut arrived = incoming.drain(..begin);
            loop {
                self.begin(run, arrived.by_ref().take(run.batch_packets));
                if self.batch.is_empty() {
                    break;
                }
                self.ingress(run, run.current.generation);
                self.flush(run);
                self.run_loops(run);
            }
        }
        self.incoming = incoming;
    }

    /// Appends what the queues have to `incoming`. Returns the time up to which nothing can be missing: a queue
    /// that gave a whole batch may have more that arrived before what the others gave.
    fn receive(&mut self, run: &Run<'_, '_>) -> u64 {
        let max = self.shared.config.batch_packets.max(1);
        let mut horizon_ns = u64::MAX;
        for turn in 0..self.receiving.len() {
            let index = self.receiving[turn];
            let of = &mut self.queues[index];
            let Some(queue) = of.queue.as_mut() else { continue };
            let before = self.incoming.len();
            if of.whole != self.whole {
                of.whole = self.whole;
                queue.carry_whole(self.whole);
            }
            let outcome = queue.receive(run.now_ns, &mut self.pool, &mut self.incoming, max);
            let (position, received) = (of.port, &self.incoming[before..]);
            if received.len() >= max
                && let Some(last) = received.last()
            {
                horizon_ns = horizon_ns.min(last.arrival_ns);
            }
            if !received.is_empty() {
                let (mut packets, mut bytes) = (0, 0);
                for packet in received {
                    packets += packet.segments();
                    bytes += packet.wire_bytes();
                }
                let cells = &self.shared.cells[self.worker].ports[position];
                cells.rx_packets.add(packets as u64);
                cells.rx_bytes.add(bytes as u64);
                self.moved += received.len() as u64;
            }
            if let Err(error) = outcome {
                self.detach(position, &error);
            }
        }
        horizon_ns
    }

    /// Runs what the control side put in.
    pub(super) fn run_injected(&mut self, run: &Run<'_, '_>) {
        // As for commands.
        let asked = self.injections.as_ref().filter(|injections| !injections.is_empty());
        let waiting = if asked.is_some() { self.shared.config.batch_packets.max(1) } else { 0 };
        for _ in 0..waiting {
            let Some(Ok(injection)) = self.injections.as_ref().map(|injections| injections.try_recv()) else {
                break;
            };
            let mut packet = self.pool.take(injection.bytes.len());
            packet.fill(&injection.bytes);
            packet.ingress_port = injection.ingress_port;
            packet.arrival_ns = run.now_ns;
            self.inject(packet);
        }
        while !self.injected.is_empty() {
            let mut injected = std::mem::take(&mut self.injected);
            let count = injected.len().min(run.batch_packets);
            self.begin(run, injected.drain(..count));
            self.injected = injected;
            self.moved += count as u64;
            self.ingress(run, run.current.generation);
            self.flush(run);
            self.run_loops(run);
        }
    }

    /// Runs what was resubmitted or recirculated, one by one: each may come back again, ahead of the next.
    #[inline]
    pub(super) fn run_loops(&mut self, run: &Run<'_, '_>) {
        if !self.loops.is_empty() {
            self.run_all_loops(run);
        }
    }

    fn run_all_loops(&mut self, run: &Run<'_, '_>) {
        while self.budget > 0
            && let Some(job) = self.loops.pop_front()
        {
            self.budget -= 1;
            self.moved += 1;
            let generation = job.facts.generation;
            self.batch.push(job.work);
            self.batch_facts.push(job.facts);
            self.ingress(run, generation);
            self.flush(run);
        }
    }

    /// Puts new packets into the ingress batch: by an iterator, so that each is written where it is to be.
    fn begin(&mut self, run: &Run<'_, '_>, packets: impl Iterator<Item = Packet>) {
        let works = packets.map(|packet| Work {
            intrinsics: Intrinsics {
                ingress_port: packet.ingress_port.0,
                packet_length: packet.wire_bytes() as u32,
                packets: packet.segments() as u32,
                ingress_time_ns: packet.arrival_ns,
                ..Intrinsics::default()
            },
            packet,
            // Most packets pass without ever needing one.
            frame: Frame::default(),
            parsed_bytes: 0,
            verdict: Verdict::Drop(DropReason::NoDecision),
            truncate_bytes: None,
        });
        self.batch.extend(works);
        self.batch_facts.resize(self.batch.len(), Facts::new(run.current.generation));
    }

    /// Runs ingress over the batch and deals with its packets one after another.
    fn ingress(&mut self, run: &Run<'_, '_>, generation: u64) {
        if run.singly && self.batch.len() > 1 {
            return self.ingress_in_turn(run, generation);
        }
        let mut works = std::mem::take(&mut self.batch);
        let mut facts = std::mem::take(&mut self.batch_facts);
        let mut clones = std::mem::take(&mut self.batch_clones);
        self.cells().ingress_passes.add(works.len() as u64);
        if may_pass(run, generation, &works) {
            self.pass_through(run, &mut works, &mut facts, &mut clones);
        }
        if !works.is_empty() {
            self.ingress_apart(run, generation, &mut works, &mut facts, &mut clones);
        }
        self.batch = works;
        self.batch_facts = facts;
        self.batch_clones = clones;
    }

    /// Does with each packet of the batch all that there is to be done before the next begins.
    fn ingress_in_turn(&mut self, run: &Run<'_, '_>, generation: u64) {
        let mut works = std::mem::replace(&mut self.batch, std::mem::take(&mut self.turn));
        let mut facts = std::mem::replace(&mut self.batch_facts, std::mem::take(&mut self.turn_facts));
        if may_pass(run, generation, &works) {
            let mut clones = std::mem::take(&mut self.turn_clones);
            let count = works.len();
            self.pass_through(run, &mut works, &mut facts, &mut clones);
            self.cells().ingress_passes.add((count - works.len()) as u64);
            self.turn_clones = clones;
        }
        for (work, facts) in works.drain(..).zip(facts.drain(..)) {
            self.batch.push(work);
            self.batch_facts.push(facts);
            self.ingress(run, generation);
            self.flush(run);
            self.run_loops(run);
        }
        self.turn = std::mem::replace(&mut self.batch, works);
        self.turn_facts = std::mem::replace(&mut self.batch_facts, facts);
    }

    /// Runs ingress over works, and egress later.
    fn ingress_apart(
        &mut self,
        run: &Run<'_, '_>,
        generation: u64,
        works: &mut Vec<Work>,
        facts: &mut Vec<Facts>,
        clones: &mut Vec<PacketClone>,
    ) {
        for work in works.iter_mut().filter(|work| work.frame.words.is_empty()) {
            work.frame = self.frames(generation).take_for_arrival();
        }
        let ran = self.execute(run, Entry::Ingress, generation, works, clones);
        self.hold_queues(run);
        if ran && clones.is_empty() {
            self.go_straight(run, generation, works, facts);
        }
        let mut made = clones.drain(..).peekable();
        for (parent, (work, facts)) in works.drain(..).zip(facts.drain(..)).enumerate() {
            let position = self.ingress_position(&work.packet);
            while let Some(clone) = made.next_if(|clone| clone.parent <= parent) {
                self.mirror(run, position, clone, facts);
            }
            if ran {
                self.decide(run, position, work, facts);
            } else {
                self.lose(position, Reason::StaleProgram, work, facts);
            }
        }
    }

    /// Takes the packets at the front of the batch that are dropped, or that pass through an empty queue of a port
    /// of this worker, through egress where they are. This is most packets most of the time, and has the effects
    /// of [`Core::decide`] on each.
    fn go_straight(
        &mut self,
        run: &Run<'_, '_>,
        generation: u64,
        works: &mut Vec<Work>,
        facts: &mut Vec<Facts>,
    ) {
        if !self.out.is_empty() {
            return;
        }
        loop {
            let (mut kept, mut end) = (0, 0);
            let mut full = None;
            for index in 0..works.len().min(self.budget) {
                let work = &mut works[index];
                match work.verdict {
                    Verdict::Enqueue { port, queue } => {
                        let Some(position) = self.shared.ports.position(port) else { break };
                        match self.pass(run, position, queue, work) {
                            Passed::Yes => {}
                            Passed::NoRoom => {
                                full = Some(position);
                                break;
                            }
                            Passed::No => break,
                        }
                        facts[index].port = position as u16;
                        if kept < index {
                            works.swap(kept, index);
                            facts.swap(kept, index);
                        }
                        kept += 1;
                    }
                    Verdict::Drop(reason) => {
                        let position = self.ingress_position(&work.packet);
                        let packets = work.packet.segments() as u64;
                        self.port_cells(position).drops[Reason::from(reason).index()].add(packets);
                    }
                    Verdict::Replicate { .. }
                    | Verdict::Resubmit
                    | Verdict::Recirculate
                    | Verdict::Passed { .. }
                    | Verdict::Lost { .. }
                    | Verdict::Transmit => break,
                }
                end = index + 1;
            }
            for (work, facts) in works.drain(kept..end).zip(facts.drain(kept..end)) {
                self.release_frame(facts.generation, work.frame);
                self.pool.give(work.packet);
            }
            if kept > 0 {
                self.budget -= kept;
                self.moved += kept as u64;
                self.egress_in_place(run, generation, works, facts, kept);
            }
            // A port that had no room may have it once it was given what is through egress by now.
            let Some(position) = full.filter(|_| end > 0 && !works.is_empty()) else { return };
            self.transmit(run, position);
        }
    }

    /// Does what a packet's ingress pass decided.
    pub(super) fn decide(&mut self, run: &Run<'_, '_>, position: usize, mut work: Work, facts: Facts) {
        match work.verdict {
            Verdict::Enqueue { port, queue } => {
                work.intrinsics.origin = Origin::Normal;
                work.intrinsics.replication_id = 0;
                self.forward(run, position, port, queue, work, facts);
            }
            Verdict::Replicate { group, queue } => self.multicast(run, position, group, queue, work, facts),
            Verdict::Resubmit => self.come_back(position, Origin::Resubmitted, work, facts),
            Verdict::Recirculate => self.come_back(position, Origin::Recirculated, work, facts),
            Verdict::Drop(reason) => self.lose(position, reason.into(), work, facts),
            Verdict::Transmit | Verdict::Passed { .. } | Verdict::Lost { .. } => {
                self.lose(position, Reason::InvalidVerdict, work, facts);
            }
        }
    }

    /// Queues a packet for another pass through ingress.
    pub(super) fn come_back(&mut self, position: usize, origin: Origin, mut work: Work, mut facts: Facts) {
        facts.passes = facts.passes.saturating_add(1);
        if let Some(bytes) = work.truncate_bytes.take() {
            work.packet.truncate(bytes as usize);
        }
        let lost = if facts.passes >= self.shared.config.pass_limit {
            Some(Reason::PassLimit)
        } else if self.loops.len() >= self.shared.config.loop_packets {
            Some(Reason::LoopFull)
        } else {
            None
        };
        if let Some(reason) = lost {
            self.lose(position, reason, work, facts);
            return;
        }
        work.parsed_bytes = 0;
        work.verdict = Verdict::Drop(DropReason::NoDecision);
        work.intrinsics = Intrinsics {
            ingress_port: work.intrinsics.ingress_port,
            ingress_time_ns: work.intrinsics.ingress_time_ns,
            packet_length: work.packet.wire_len as u32,
            origin,
            ..Intrinsics::default()
        };
        self.loops.push_back(Job { work, facts });
    }
}
