//! A port around a port that loses, damages, doubles and swaps packets on their way in, by a seed.
//!
//! Invariant: the same seed and the same packets give the same faults; every packet lost on purpose is counted
//! in [`QueueStats::rx_missed`], and none is held back once nothing follows it.

use std::collections::VecDeque;
use std::os::fd::RawFd;

use heddle_packet::{Packet, Pool, PortId};

use crate::port::{Port, PortDescription, Queue, QueueError, QueueStats};

/// How often each fault strikes, in packets of a million, and the seed of it all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Seed; queues of one port differ.
    pub seed: u64,
    /// Packets lost.
    pub drop_ppm: u32,
    /// Packets with one bit turned over.
    pub corrupt_ppm: u32,
    /// Packets that arrive twice.
    pub duplicate_ppm: u32,
    /// Packets that the next one overtakes.
    pub reorder_ppm: u32,
}

/// A port whose received packets suffer.
pub struct FaultyPort {
    inner: Box<dyn Port>,
    faults: Faults,
}

impl FaultyPort {
    /// Wraps a port.
    pub fn new(inner: Box<dyn Port>, faults: Faults) -> Self {
        Self { inner, faults }
    }
}

impl Port for FaultyPort {
    fn description(&self) -> PortDescription {
        let mut description = self.inner.description();
        description.notes.push(format!("Faults are injected: {:?}.", self.faults));
        description
    }

    fn split(&mut self) -> Vec<Box<dyn Queue>> {
        let queues = self.inner.split().into_iter().enumerate();
        queues
            .map(|(index, inner)| {
                let random = fastrand::Rng::with_seed(self.faults.seed.wrapping_add(index as u64));
                let queue = FaultyQueue {
                    inner,
                    faults: self.faults,
                    random,
                    held: None,
                    arrived: Vec::new(),
                    lost: 0,
                };
                Box::new(queue) as Box<dyn Queue>
            })
            .collect()
    }
}

struct FaultyQueue {
    inner: Box<dyn Queue>,
    faults: Faults,
    random: fastrand::Rng,
    /// A packet that the next one overtakes.
    held: Option<Packet>,
    arrived: Vec<Packet>,
    lost: u64,
}

impl FaultyQueue {
    fn strikes(&mut self, ppm: u32) -> bool {
        self.random.u32(..1_000_000) < ppm
    }
}

impl Queue for FaultyQueue {
    fn port(&self) -> PortId {
        self.inner.port()
    }

    fn receive(
        &mut self,
        now_ns: u64,
        pool: &mut Pool,
        into: &mut Vec<Packet>,
        max: usize,
    ) -> Result<usize, QueueError> {
        let before = into.len();
        // Every packet may become two, and one may be held from before.
        let room = max.saturating_sub(1) / 2;
        if room == 0 {
            // No room for faults that add packets.
            if max > 0
                && let Some(packet) = self.held.take()
            {
                into.push(packet);
                return Ok(1);
            }
            return self.inner.receive(now_ns, pool, into, max);
        }
        let mut arrived = std::mem::take(&mut self.arrived);
        let result = self.inner.receive(now_ns, pool, &mut arrived, room);
        for mut packet in arrived.drain(..) {
            if self.strikes(self.faults.drop_ppm) {
                self.lost += 1;
                pool.give(packet);
                continue;
            }
            if self.strikes(self.faults.corrupt_ppm) && !packet.is_empty() {
                let bit = self.random.usize(..8 * packet.len());
                packet.bytes_mut()[bit / 8] ^= 1 << (bit % 8);
            }
            let twin = self.strikes(self.faults.duplicate_ppm).then(|| {
                let mut twin = pool.take(packet.len());
                twin.copy_from(&packet);
                twin
            });
            if self.held.is_none() && self.strikes(self.faults.reorder_ppm) {
                self.held = Some(packet);
            } else {
                into.push(packet);
                into.extend(self.held.take());
            }
            into.extend(twin);
        }
        self.arrived = arrived;
        if into.len() == before {
            into.extend(self.held.take());
        }
        result.map(|_| into.len() - before)
    }

    fn transmit(
        &mut self,
        now_ns: u64,
        pool: &mut Pool,
        from: &mut VecDeque<Packet>,
    ) -> Result<usize, QueueError> {
        self.inner.transmit(now_ns, pool, from)
    }

    fn readable_fd(&self) -> Option<RawFd> {
        self.inner.readable_fd()
    }

    fn is_exhausted(&self) -> bool {
        self.held.is_none() && self.inner.is_exhausted()
    }

    fn next_arrival_ns(&self) -> Option<u64> {
        self.held.as_ref().map(|packet| packet.arrival_ns).or_else(|| self.inner.next_arrival_ns())
    }

    fn stats(&self) -> QueueStats {
        let stats = self.inner.stats();
        QueueStats { rx_missed: stats.rx_missed + self.lost, ..stats }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{MemoryOptions, pair};

    /// What of 1,000 numbered packets arrives, and the queue's counts.
    fn run(faults: Faults) -> (Vec<Vec<u8>>, QueueStats) {
        let (port, mut peer) = pair(PortId(1), &MemoryOptions::default());
        let mut queue = FaultyPort::new(Box::new(port), faults).split().remove(0);
        let (mut pool, mut into) = (Pool::new(0), Vec::new());
        for number in 0..1_000u32 {
            peer.inject(&number.to_be_bytes().repeat(16), 0);
        }
        drop(peer);
        while !queue.is_exhausted() {
            queue.receive(0, &mut pool, &mut into, 64).unwrap();
        }
        (into.iter().map(|packet| packet.bytes().to_vec()).collect(), queue.stats())
    }

    #[test]
    fn the_same_seed_gives_the_same_faults() {
        let faults = Faults {
            seed: 7,
            drop_ppm: 50_000,
            corrupt_ppm: 50_000,
            duplicate_ppm: 50_000,
            reorder_ppm: 50_000,
        };
        assert_eq!(run(faults), run(faults));
        assert_ne!(run(faults).0, run(Faults { seed: 8, ..faults }).0);
    }

    #[test]
    fn each_fault_does_what_it_says() {
        let clean = run(Faults::default()).0;
        assert_eq!(clean.len(), 1_000);
        let (left, stats) = run(Faults { drop_ppm: 100_000, ..Faults::default() });
        assert_eq!(left.len() as u64 + stats.rx_missed, 1_000);
        assert!((50..200).contains(&stats.rx_missed), "{}", stats.rx_missed);
        let damaged = run(Faults { corrupt_ppm: 1_000_000, ..Faults::default() }).0;
        assert!(
            clean
                .iter()
                .zip(&damaged)
                .all(|(a, b)| { a.iter().zip(b).map(|(a, b)| (a ^ b).count_ones()).sum::<u32>() == 1 })
        );
        assert_eq!(run(Faults { duplicate_ppm: 1_000_000, ..Faults::default() }).0.len(), 2_000);
        let mut swapped = run(Faults { reorder_ppm: 300_000, ..Faults::default() }).0;
        assert_ne!(swapped, clean);
        swapped.sort();
        assert_eq!(swapped, clean);
    }
}
