//! What happened, in numbers: counted by each worker for itself, summed by whoever reads.
//!
//! Invariant: every cell has one writer, the worker it belongs to, so that counting is a plain addition, and
//! readers disturb nobody. A packet that is received, injected or made as a copy is later counted exactly once
//! as transmitted, delivered to the controller or dropped for a reason:
//! `received + injected + copies == transmitted + delivered + dropped + in flight`.

use std::sync::atomic::{AtomicU64, Ordering};

use heddle_packet::PortId;

use crate::reason::Reason;

/// A number that one thread writes and any may read.
#[derive(Debug, Default)]
pub(crate) struct Cell(AtomicU64);

impl Cell {
    /// Adds. Only the owner may: this is not an atomic addition.
    ///
    /// Released, so that whoever reads that a packet is gone can read that it came, and from where.
    pub(crate) fn add(&self, n: u64) {
        self.set(self.0.load(Ordering::Relaxed).wrapping_add(n));
    }

    pub(crate) fn set(&self, n: u64) {
        self.0.store(n, Ordering::Release);
    }

    /// Raises it to `n` if it is lower. Only the owner may.
    #[inline]
    pub(crate) fn raise(&self, n: u64) {
        if self.0.load(Ordering::Relaxed) < n {
            self.set(n);
        }
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}

/// One worker's cells, on cache lines of their own.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct WorkerCells {
    /// By position of the port; one more than there are ports, for packets that name a port that is not there.
    pub(crate) ports: Box<[PortCells]>,
    pub(crate) copies: Cell,
    pub(crate) ingress_passes: Cell,
    pub(crate) egress_passes: Cell,
    pub(crate) digests_lost: Cell,
    pub(crate) events_lost: Cell,
    pub(crate) steps: Cell,
    /// Oldest generation that the worker may still run; see [`crate::pipeline`].
    pub(crate) oldest_generation: Cell,
    /// Packets of even and of odd generations given to other workers.
    pub(crate) ring_sent: [Cell; 2],
    /// Those taken from other workers in steps that have reported.
    pub(crate) ring_received: [Cell; 2],
    /// 1 once nothing can be received any more and nothing waits.
    pub(crate) exhausted: Cell,
}

/// One worker's cells of one port.
#[derive(Debug)]
pub(crate) struct PortCells {
    pub(crate) rx_packets: Cell,
    pub(crate) rx_bytes: Cell,
    pub(crate) rx_missed: Cell,
    pub(crate) rx_invalid: Cell,
    pub(crate) injected: Cell,
    pub(crate) tx_packets: Cell,
    pub(crate) tx_bytes: Cell,
    pub(crate) drops: [Cell; Reason::COUNT],
    pub(crate) queues: Box<[QueueCells]>,
}

/// One worker's cells of one queue of a port.
#[derive(Debug, Default)]
pub(crate) struct QueueCells {
    pub(crate) depth_packets: Cell,
    pub(crate) depth_bytes: Cell,
    pub(crate) high_water_packets: Cell,
}

impl WorkerCells {
    /// Cells for ports with so many queues each.
    pub(crate) fn new(queues: &[usize]) -> Self {
        let ports = queues.iter().chain(&[0]).map(|&queues| PortCells {
            rx_packets: Cell::default(),
            rx_bytes: Cell::default(),
            rx_missed: Cell::default(),
            rx_invalid: Cell::default(),
            injected: Cell::default(),
            tx_packets: Cell::default(),
            tx_bytes: Cell::default(),
            drops: std::array::from_fn(|_| Cell::default()),
            queues: (0..queues).map(|_| QueueCells::default()).collect(),
        });
        Self {
            ports: ports.collect(),
            copies: Cell::default(),
            ingress_passes: Cell::default(),
            egress_passes: Cell::default(),
            digests_lost: Cell::default(),
            events_lost: Cell::default(),
            steps: Cell::default(),
            oldest_generation: Cell::default(),
            ring_sent: Default::default(),
            ring_received: Default::default(),
            exhausted: Cell::default(),
        }
    }
}

/// Packets that are neither gone nor lost. Never less than there really were when the call began.
pub(crate) fn in_flight(workers: &[WorkerCells]) -> u64 {
    // What is gone is read first: whatever made it come was counted before and is read after.
    let ports = || workers.iter().flat_map(|worker| &worker.ports);
    let lost = |port: &PortCells| port.drops.iter().map(Cell::get).sum::<u64>();
    let gone: u64 = ports().map(|port| port.tx_packets.get() + lost(port)).sum();
    let arrived: u64 = ports().map(|port| port.rx_packets.get() + port.injected.get()).sum();
    let copied: u64 = workers.iter().map(|worker| worker.copies.get()).sum();
    (arrived + copied).saturating_sub(gone)
}

/// Packets lost, by reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drops([u64; Reason::COUNT]);

impl Default for Drops {
    fn default() -> Self {
        Self([0; Reason::COUNT])
    }
}

impl Drops {
    /// Packets lost for a reason.
    pub fn get(&self, reason: Reason) -> u64 {
        self.0[reason.index()]
    }

    /// Packets lost for any reason.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The reasons that lost any, with their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (Reason, u64)> + '_ {
        Reason::ALL.iter().map(|&reason| (reason, self.get(reason))).filter(|(_, count)| *count > 0)
    }

    fn add(&mut self, cells: &[Cell; Reason::COUNT]) {
        for (sum, cell) in self.0.iter_mut().zip(cells) {
            *sum += cell.get();
        }
    }
}

/// One queue of a port, over all workers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueDepth {
    /// Packets that wait.
    pub packets: u64,
    /// Bytes that wait.
    pub bytes: u64,
    /// Most packets that ever waited, where several workers send for the port the most of one.
    pub high_water_packets: u64,
}

/// One port, over all workers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortStats {
    /// Its number; none for the packets that named a port that is not there.
    pub id: Option<PortId>,
    /// Whether it works.
    pub up: bool,
    /// Packets received.
    pub rx_packets: u64,
    /// Bytes received.
    pub rx_bytes: u64,
    /// Packets that the kernel had no room for; they never reached the switch.
    pub rx_missed: u64,
    /// Frames that could not be used; they never reached the switch.
    pub rx_invalid: u64,
    /// Packets that the control plane put in as if they had arrived here.
    pub injected: u64,
    /// Packets sent, or delivered if this is the controller's port.
    pub tx_packets: u64,
    /// Bytes sent, or delivered.
    pub tx_bytes: u64,
    /// Packets lost: in ingress by the port they came in by, from then on by the port they were to go out by.
    pub drops: Drops,
    /// Its queues, lowest first.
    pub queues: Vec<QueueDepth>,
}

/// A whole switch. Cells are read one after another while workers go on, so sums are exact only once they rest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Ports in the order in which they were attached, the controller's after them, and last an entry without
    /// a number.
    pub ports: Vec<PortStats>,
    /// Packets received by all ports.
    pub received: u64,
    /// Packets that the control plane put in.
    pub injected: u64,
    /// Packets made by cloning and multicast, beyond the originals.
    pub copies: u64,
    /// Packets sent by all ports.
    pub transmitted: u64,
    /// Packets delivered to the control plane.
    pub delivered: u64,
    /// Packets lost.
    pub drops: Drops,
    /// Passes through ingress.
    pub ingress_passes: u64,
    /// Passes through egress.
    pub egress_passes: u64,
    /// Digests that the control plane did not take fast enough.
    pub digests_lost: u64,
    /// Events that the control plane did not take fast enough.
    pub events_lost: u64,
}

impl Stats {
    /// Packets that are neither gone nor lost: in queues, in rings, between passes.
    pub fn in_flight(&self) -> u64 {
        let came = self.received + self.injected + self.copies;
        came.saturating_sub(self.transmitted + self.delivered + self.drops.total())
    }

    /// A port by its number.
    pub fn port(&self, id: PortId) -> Option<&PortStats> {
        self.ports.iter().find(|port| port.id == Some(id))
    }

    /// Sums the workers' cells. `ports`: number if not vacant, whether it works, and whether it is the controller's.
    pub(crate) fn collect(workers: &[WorkerCells], ports: &[(Option<PortId>, bool, bool)]) -> Self {
        let mut stats = Stats::default();
        for position in 0..=ports.len() {
            let port = ports.get(position);
            let mut sum = PortStats {
                id: port.and_then(|port| port.0),
                up: port.is_some_and(|port| port.1),
                rx_packets: 0,
                rx_bytes: 0,
                rx_missed: 0,
                rx_invalid: 0,
                injected: 0,
                tx_packets: 0,
                tx_bytes: 0,
                drops: Drops::default(),
                queues: Vec::new(),
            };
            for cells in workers.iter().filter_map(|worker| worker.ports.get(position)) {
                sum.rx_packets += cells.rx_packets.get();
                sum.rx_bytes += cells.rx_bytes.get();
                sum.rx_missed += cells.rx_missed.get();
                sum.rx_invalid += cells.rx_invalid.get();
                sum.injected += cells.injected.get();
                sum.tx_packets += cells.tx_packets.get();
                sum.tx_bytes += cells.tx_bytes.get();
                sum.drops.add(&cells.drops);
                stats.drops.add(&cells.drops);
                sum.queues.resize(cells.queues.len(), QueueDepth::default());
                for (queue, cells) in sum.queues.iter_mut().zip(&cells.queues) {
                    queue.packets += cells.depth_packets.get();
                    queue.bytes += cells.depth_bytes.get();
                    queue.high_water_packets = queue.high_water_packets.max(cells.high_water_packets.get());
                }
            }
            stats.received += sum.rx_packets;
            stats.injected += sum.injected;
            if port.is_some_and(|port| port.2) {
                stats.delivered += sum.tx_packets;
            } else {
                stats.transmitted += sum.tx_packets;
            }
            // Vacant positions count nothing.
            if sum.id.is_some() || port.is_none() {
                stats.ports.push(sum);
            }
        }
        for worker in workers {
            stats.copies += worker.copies.get();
            stats.ingress_passes += worker.ingress_passes.get();
            stats.egress_passes += worker.egress_passes.get();
            stats.digests_lost += worker.digests_lost.get();
            stats.events_lost += worker.events_lost.get();
        }
        stats
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_are_summed_and_the_controller_is_told_apart() {
        let workers = [WorkerCells::new(&[1, 2]), WorkerCells::new(&[1, 2])];
        for (n, worker) in workers.iter().enumerate() {
            worker.ports[0].rx_packets.add(10);
            worker.ports[0].tx_packets.add(3);
            worker.ports[1].tx_packets.add(2);
            worker.ports[2].drops[Reason::UnknownPort.index()].add(1);
            worker.ports[1].queues[1].high_water_packets.raise(5 + n as u64);
            worker.copies.add(4);
        }
        let stats =
            Stats::collect(&workers, &[(Some(PortId(7)), true, false), (Some(PortId(510)), true, true)]);
        assert_eq!((stats.received, stats.transmitted, stats.delivered, stats.copies), (20, 6, 4, 8));
        assert_eq!(stats.drops.iter().collect::<Vec<_>>(), [(Reason::UnknownPort, 2)]);
        assert_eq!(stats.in_flight(), 28 - 12);
        assert_eq!(stats.port(PortId(510)).map(|port| port.queues[1].high_water_packets), Some(6));
        assert_eq!(stats.ports[2].id, None);
    }
}
