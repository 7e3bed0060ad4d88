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
        let mut found = (Gate::default(), false);
        // Twice if there may be room once the port has been given what waits for it.
        for is_last in [false, true] {
            let Some(Some(egress)) = self.egress.get_mut(position) else {
                // Another worker sends for it now.
                let port = self.shared.ports.ports().get(position);
                if let Some(number) = port.and_then(|port| port.id()) {
                    self.set_gate(number.0, Gate::default());
                }
                return false;
            };
            found = egress.gate(room_max);
            let (gate, may_change) = found;
            egress.set_stale(may_change);
            if is_last || gate.room > 0 || !may_change {
                let number = egress.number;
                self.set_gate(number, gate);
                break;
            }
            self.transmit(run, position);
        }
        found.1
    }

    fn set_gate(&mut self, number: u32, gate: Gate) {
        let number = number as usize;
        if number < GATES_MAX {
            if number >= self.gates.len() && gate != Gate::default() {
                self.gates.resize(number + 1, Gate::default());
            }
            if let Some(place) = self.gates.get_mut(number) {
                *place = gate;
            }
        }
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
            let Some(ran) = self.execute_through(run, works, clones) else { return };
            let ran = ran.min(works.len());
            let Some(last) = works[..ran].last() else { return };
            let is_over =
                matches!(last.verdict, Verdict::Passed { .. } | Verdict::Lost { .. } | Verdict::Drop(_));
            let at = match last.verdict {
                Verdict::Passed { port, .. } | Verdict::Lost { port, .. } => self.shared.ports.position(port),
                Verdict::Enqueue { .. }
                | Verdict::Replicate { .. }
                | Verdict::Resubmit
                | Verdict::Recirculate
                | Verdict::Transmit
                | Verdict::Drop(_) => None,
            };
            let at = at.unwrap_or_else(|| self.ingress_position(&last.packet));
            let its_facts = facts[ran - 1];
            let passed = ran - usize::from(!is_over);
            if passed > 0 {
                self.settle_passed(run, works, passed);
                facts.drain(..passed);
            }
            if run.current.pipeline.probes.holds() {
                self.hold_queues(run);
            }
            if is_over && clones.is_empty() && self.out.is_empty() {
                continue;
            }
            if !clones.is_empty() {
                for clone in clones.drain(..) {
                    self.mirror(run, at, clone, its_facts);
                }
            }
            if !is_over {
                let (work, its_facts) = (works.remove(0), facts.remove(0));
                self.decide(run, at, work, its_facts);
            }
            self.flush(run);
            if !run.singly && passed < PASSED_MIN {
                return;
            }
            // Behind the last one whoever began them does.
            if run.singly && !works.is_empty() {
                self.run_loops(run);
            }
        }
    }

    /// Gives what has passed to the ports' other side, and counts the rest of the first works.
    fn settle_passed(&mut self, run: &Run<'_, '_>, works: &mut Vec<Work>, count: usize) {
        let mut through = 0;
        for Work { packet, frame, verdict, .. } in works.drain(..count) {
            if !frame.words.is_empty() {
                self.frames.give(frame);
            }
            let (position, reason) = match verdict {
                Verdict::Passed { port, queue } | Verdict::Lost { port, queue, .. } => {
                    through += 1;
                    let position = self.shared.ports.position(port).unwrap_or(self.egress.len());
                    match self.egress.get_mut(position) {
                        Some(Some(egress)) => {
                            if egress.is_first_through(queue) {
                                let cells = &self.shared.cells[self.worker].ports[position];
                                cells.queues[queue as usize].high_water_packets.raise(1);
                            }
                            match verdict {
                                Verdict::Lost { reason, .. } => (position, Reason::from(reason)),
                                _ if packet.is_empty() => (position, Reason::Empty),
                                _ => {
                                    egress.passed(run.now_ns, queue, &packet);
                                    let (pool, unsent) = (&mut self.pool, &mut self.unsent);
                                    egress.send(position, packet, pool, unsent, &mut self.stale);
                                    continue;
                                }
                            }
                        }
                        // No gate of such a port is open.
                        Some(None) | None => (position, Reason::PortDown),
                    }
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
