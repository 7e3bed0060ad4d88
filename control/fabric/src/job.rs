//! Training jobs: ring all-reduce over queue pairs.
//!
//! A ring of n ranks reduces a buffer in 2(n - 1) steps. In each, every rank sends one n-th of the buffer to the next
//! rank, and may begin the following step only when its own part of this one has arrived (reduce-scatter, then
//! all-gather).

use crate::frame::HostId;

/// A job that all-reduces one buffer.
#[derive(Clone, Debug)]
pub struct Job {
    /// Name in reports.
    pub name: String,
    /// Its number in the switches' tables; not 0.
    pub id: u16,
    /// The hosts of its ranks, in ring order.
    pub ranks: Vec<HostId>,
    /// Bytes of the buffer on each rank.
    pub bytes: u64,
    /// Queue pairs to the next rank; a step's data are divided among them.
    pub queue_pairs: usize,
}

impl Job {
    /// Steps of the ring.
    pub fn steps(&self) -> usize {
        2 * self.ranks.len().saturating_sub(1)
    }

    /// Bytes that a rank sends in one step.
    pub fn step_bytes(&self) -> u64 {
        self.bytes.div_ceil(self.ranks.len().max(1) as u64)
    }

    /// Bytes of one step on one queue pair.
    pub(crate) fn message_bytes(&self) -> u64 {
        self.step_bytes().div_ceil(self.queue_pairs.max(1) as u64)
    }

    /// The time in which no fabric could beat it: what a rank sends, at its link's rate.
    pub fn ideal_ns(&self, rate_bps: u64) -> u64 {
        let bits = 8 * u128::from(self.step_bytes()) * self.steps() as u128;
        (bits * 1_000_000_000 / u128::from(rate_bps.max(1))) as u64
    }
}

/// How a job fared.
#[derive(Clone, Debug, serde::Serialize)]
pub struct JobReport {
    /// Its name.
    pub name: String,
    /// When its last rank was done, in ns from the start.
    pub completion_ns: u64,
    /// Bytes over rate on the busiest host link, headers not counted.
    pub ideal_ns: u64,
    /// Packets sent again.
    pub retransmitted: u64,
    /// Packets that arrived with a congestion mark.
    pub marked: u64,
}
