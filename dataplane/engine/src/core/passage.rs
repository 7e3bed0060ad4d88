//! The way of most packets: through ingress, a port's empty queue and egress without stopping, each packet before the
//! next, by one call of the executor.
//!
//! Invariant: this has the effects of [`Core::decide`] on each packet in turn. A gate is open only while a packet sent
//! to its port would be taken out of the port's queue at once; it is shut, or the port's position is in
//! [`Core::stale`], wherever anything may stand in the way.

use heddle_exec::{Clone as PacketClone, Gate, Verdict, Work};

use super::{Core, Run};
use crate::job::Facts;
use crate::reason::Reason;

/// Port numbers that have gates.
const GATES_MAX: usize = 1_024;
/// Packets that have to pass before one that does not, for the rest of a batch to try it again.
const PASSED_MIN: usize = 8;

impl Core {
    /// Has a port's gate looked at before a packet passes it.
    pub(super) fn grow_stale(&mut self, position: usize) {
        match self.egress.get_mut(position) {
            Some(Some(egress)) => egress.grow_stale(position, &mut self.stale),
            // Not a port of this worker any more.
            Some(None) => self.stale.push(position),
            None => {}
        }
    }

    /// Has every gate looked at.
    pub(super) fn grow_all_stale(&mut self) {
        self.stale.clear();
        for (position, egress) in self.egress.iter_mut().enumerate() {
            if let Some(egress) = egress {
                egress.set_stale(true);
            }
            self.stale.push(position);
        }
    }

    fn refresh_gates(&mut self, run: &Run<'_, '_>) {
        if self.stale.is_empty() {
            return;
        }
        let mut stale = std::mem::take(&mut self.stale);
        stale.retain(|&position| self.refresh_gate(run, position));
        // A port may have failed meanwhile.
        stale.append(&mut self.stale);
        self.stale = stale;
    }

    /// Sets a port's gate. Whether it has to be looked at again next time.
    fn refresh_gate(&mut self, run: &Run<'_, '_>, position: usize) -> bool {
        let room_max = self.shared.config.transmit_packets.max(1);
        let of_port = |core: &Self| core.egress.get(position)?.as_ref().map(|egress| egress.gate(room_max));
        let mut found = of_port(self);
        if found.is_some_and(|(gate, is_idle)| gate.room == 0 && !is_idle) {
            // There may be room once the port has been given what waits for it.
            self.transmit(run, position);
            found = of_port(self);
        }
        let (gate, is_idle) = found.unwrap_or((Gate::default(), true));
        let Some(number) = self.shared.ports.ports().get(position).and_then(|port| port.id()) else {
            return false;
        };
        let number = number.0 as usize;
        if number < GATES_MAX {
            if number >= self.gates.len() && gate != Gate::default() {
                self.gates.resize(number + 1, Gate::default());
            }
            if let Some(place) = self.gates.get_mut(number) {
                *place = gate;
            }
        }
        if let Some(Some(egress)) = self.egress.get_mut(position) {
            egress.set_stale(!is_idle);
        }
        !is_idle
    }

    /// Takes packets of a batch that have just arrived out of it and to where they go, as long as most pass.
    pub(super) fn pass_through(
        &mut self,
        run: &Run<'_, '_>,
        works: &mut Vec<Work>,
        facts: &mut Vec<Facts>,
        clones: &mut Vec<PacketClone>,
    ) {
        while !works.is_empty() && self.out.is_empty() && self.budget > works.len() {
            self.refresh_gates(run);
            // What links have sent is told of each packet before the next begins.
            let count = if run.current.pipeline.probes.links() { 1 } else { works.len() };
            let Some(ran) = self.execute_through(run, &mut works[..count], clones) else { return };
            let ran = ran.min(count);
            let has_ended = |work: &Work| {
                matches!(work.verdict, Verdict::Passed { .. } | Verdict::Lost { .. } | Verdict::Drop(_))
            };
            let stopped = works[..ran].last().is_some_and(|last| !has_ended(last)) || !clones.is_empty();
            let passed = ran - usize::from(stopped);
            self.settle_passed(run, works, passed);
            facts.drain(..passed);
            if !stopped {
                continue;
            }
            let (work, its_facts) = (works.remove(0), facts.remove(0));
            let position = self.ingress_position(&work.packet);
            for clone in clones.drain(..) {
                self.mirror(run, position, clone, its_facts);
            }
            self.decide(run, position, work, its_facts);
            if run.batch_packets > 1 {
                self.flush(run);
                if passed < PASSED_MIN {
                    return;
                }
            }
        }
    }

    /// Gives what has passed to the ports' other side, and counts the rest of the first works.
    fn settle_passed(&mut self, run: &Run<'_, '_>, works: &mut Vec<Work>, count: usize) {
        let pipeline = run.current.pipeline;
        let mut through = 0;
        for Work { packet, frame, verdict, intrinsics, .. } in works.drain(..count) {
            self.frames.give(frame);
            let cells = &self.shared.cells[self.worker].ports;
            let (position, reason) = match verdict {
                Verdict::Passed { port, queue } => {
                    through += 1;
                    let position = self.shared.ports.position(port).unwrap_or(self.egress.len());
                    if pipeline.probes.links()
                        && let Some(Some(egress)) = self.egress.get_mut(position)
                    {
                        egress.tell_link(run, u64::from(intrinsics.packet_length));
                    }
                    match self.egress.get_mut(position) {
                        Some(Some(egress)) => {
                            cells[position].queues[queue as usize].high_water_packets.raise(1);
                            if !packet.is_empty() {
                                egress.send(
                                    position,
                                    packet,
                                    &mut self.pool,
                                    &mut self.unsent,
                                    &mut self.stale,
                                );
                                continue;
                            }
                            (position, Reason::Empty)
                        }
                        // No gate of such a port is open.
                        Some(None) | None => (position, Reason::PortDown),
                    }
                }
                Verdict::Lost { port, queue, reason } => {
                    through += 1;
                    let position = self.shared.ports.position(port).unwrap_or(self.egress.len());
                    if pipeline.probes.links()
                        && let Some(Some(egress)) = self.egress.get_mut(position)
                    {
                        egress.tell_link(run, u64::from(intrinsics.packet_length));
                    }
                    let queues = cells.get(position).map_or(&[][..], |cells| &cells.queues);
                    if let Some(cells) = queues.get(queue as usize) {
                        cells.high_water_packets.raise(1);
                    }
                    (position, Reason::from(reason))
                }
                Verdict::Drop(reason) => (self.ingress_position(&packet), Reason::from(reason)),
                Verdict::Enqueue { .. }
                | Verdict::Replicate { .. }
                | Verdict::Resubmit
                | Verdict::Recirculate
                | Verdict::Transmit => (self.ingress_position(&packet), Reason::InvalidVerdict),
            };
            self.lose_packet(position, reason, packet);
        }
        self.budget = self.budget.saturating_sub(through);
        self.moved += through as u64;
        self.cells().egress_passes.add(through as u64);
    }
}
