//! A core put in order again after a panic within a step.
//!
//! Invariant: what the step was at work on is counted as lost, by the books: whatever came to this worker and is
//! neither gone nor held any more.

use super::{Core, Egress};
use crate::reason::Reason;
use crate::stats::Cell;

impl Core {
    /// Makes the core ready for another step. How many packets are lost.
    pub(crate) fn recover(&mut self) -> u64 {
        for batch in [&mut self.batch, &mut self.out, &mut self.leaving] {
            batch.clear();
        }
        for facts in [&mut self.batch_facts, &mut self.out_facts, &mut self.leaving_facts] {
            facts.clear();
        }
        self.batch_clones.clear();
        self.leaving_clones.clear();
        self.digests.messages.clear();
        self.digests.words.clear();
        self.revisit.clear();
        self.flushing = false;
        // The lists may have been on loan when the step ended.
        self.backlog.clear();
        self.backlog_due_ns = 0;
        self.unsent.clear();
        for (position, egress) in self.egress.iter_mut().enumerate() {
            let Some((backlog, unsent)) = egress.as_mut().map(Egress::recover) else { continue };
            if backlog {
                self.backlog.push(position);
            }
            if unsent {
                self.unsent.push(position);
            }
        }
        self.grow_all_stale();
        let transferred = std::mem::take(&mut self.transferred);
        for (cell, count) in self.cells().ring_received.iter().zip(transferred) {
            cell.add(count);
        }
        let lost = self.came().saturating_sub(self.went() + self.held() as u64);
        self.port_cells(usize::MAX).drops[Reason::WorkerPanicked.index()].add(lost);
        lost
    }

    /// Packets that ever came to this worker.
    fn came(&self) -> u64 {
        let cells = self.cells();
        let arrived = cells.ports.iter().map(|port| port.rx_packets.get() + port.injected.get());
        let taken = cells.ring_received.iter().map(Cell::get);
        arrived.chain(taken).sum::<u64>() + cells.copies.get()
    }

    /// Packets that it ever sent, dropped, or gave to others.
    fn went(&self) -> u64 {
        let cells = self.cells();
        let gone = cells
            .ports
            .iter()
            .map(|port| port.tx_packets.get() + port.drops.iter().map(Cell::get).sum::<u64>());
        gone.chain(cells.ring_sent.iter().map(Cell::get)).sum()
    }
}
