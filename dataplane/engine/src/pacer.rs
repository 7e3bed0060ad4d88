//! A rate on virtual time: when the next packet may begin, to the fraction of a nanosecond.
//!
//! Invariant: over any stretch in which packets wait, the time charged is the sum of what the packets cost,
//! whenever the clock was looked at: a late look makes up for it, an early one changes nothing.

use crate::config::Rate;

const NS_PER_S: u64 = 1_000_000_000;

/// Longer packets are charged as if they had this many bytes, which keeps the arithmetic in 64 bits.
const CHARGED_BYTES_MAX: u64 = 1 << 28;

/// When something of a given rate is free again.
#[derive(Clone, Debug)]
pub(crate) struct Pacer {
    rate: Rate,
    overhead_bytes: u32,
    free_ns: u64,
    /// What `free_ns` is short of, in nanoseconds divided by the rate.
    remainder: u64,
}

impl Pacer {
    pub(crate) fn new(rate: Rate, overhead_bytes: u32) -> Self {
        Self { rate, overhead_bytes, free_ns: 0, remainder: 0 }
    }

    /// When the next packet may begin.
    pub(crate) fn free_ns(&self) -> u64 {
        self.free_ns
    }

    /// Charges a packet that began at `start_ns`.
    pub(crate) fn charge(&mut self, start_ns: u64, wire_bytes: u64) {
        if start_ns > self.free_ns {
            self.free_ns = start_ns;
            self.remainder = 0;
        }
        let (cost, rate) = match self.rate {
            Rate::BitsPerSecond(rate) => {
                let bytes = (wire_bytes + u64::from(self.overhead_bytes)).min(CHARGED_BYTES_MAX);
                (bytes * 8 * NS_PER_S, rate.get())
            }
            Rate::PacketsPerSecond(rate) => (NS_PER_S, rate.get()),
        };
        // Neither operand is above 2^62 unless the rate is, and then the remainder is cut by at most a nanosecond.
        let total = cost.saturating_add(self.remainder);
        self.free_ns = self.free_ns.saturating_add(total / rate);
        self.remainder = total % rate;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_of_a_nanosecond_add_up() {
        // 64 bytes at 400 Gb/s take 1.28 ns.
        let rate = Rate::bits_per_second(400_000_000_000).expect("not zero");
        let mut pacer = Pacer::new(rate, 0);
        for _ in 0..100 {
            pacer.charge(pacer.free_ns(), 64);
        }
        assert_eq!(pacer.free_ns(), 128);
    }

    #[test]
    fn idle_time_is_not_saved_up() {
        let mut pacer = Pacer::new(Rate::packets_per_second(1_000).expect("not zero"), 0);
        pacer.charge(0, 64);
        assert_eq!(pacer.free_ns(), 1_000_000);
        pacer.charge(5_000_000, 64);
        assert_eq!(pacer.free_ns(), 6_000_000);
    }

    #[test]
    fn overhead_counts_for_bits_only() {
        let mut bits = Pacer::new(Rate::bits_per_second(8_000_000_000).expect("not zero"), 24);
        bits.charge(0, 76);
        assert_eq!(bits.free_ns(), 100);
        let mut packets = Pacer::new(Rate::packets_per_second(1_000_000).expect("not zero"), 24);
        packets.charge(0, 76);
        assert_eq!(packets.free_ns(), 1_000);
    }
}
