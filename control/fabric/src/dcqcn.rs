//! DCQCN's reaction point: the rate of a queue pair under congestion notifications (Zhu and others, SIGCOMM 2015,
//! section 3.2), with its additive steps scaled from 40 Gb/s to the link's rate.
//!
//! Invariant: the rate stays between a thousandth of the link's and the link's own.

/// Period of the two timers.
const TIMER_NS: u64 = 55_000;
/// Timer steps of fast recovery.
const RECOVERY_STEPS: u32 = 5;
const GAIN: f64 = 1.0 / 256.0;

/// The rate of one queue pair.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dcqcn {
    link_bps: f64,
    rate_bps: f64,
    target_bps: f64,
    alpha: f64,
    steps: u32,
    timer_ns: u64,
    next_ns: u64,
}

impl Dcqcn {
    pub(crate) fn new(link_bps: u64) -> Self {
        let link_bps = link_bps as f64;
        Self {
            link_bps,
            rate_bps: link_bps,
            target_bps: link_bps,
            alpha: 1.0,
            steps: 0,
            timer_ns: 0,
            next_ns: 0,
        }
    }

    /// When the next packet may begin.
    pub(crate) fn next_ns(&self) -> u64 {
        self.next_ns
    }

    /// Charges a packet that begins now.
    pub(crate) fn charge(&mut self, now_ns: u64, wire_bytes: u64) {
        if self.rate_bps >= self.link_bps {
            self.next_ns = now_ns;
            return;
        }
        self.pass_time(now_ns);
        self.next_ns = now_ns + (wire_bytes as f64 * 8e9 / self.rate_bps) as u64;
    }

    /// A notification.
    pub(crate) fn notify(&mut self, now_ns: u64) {
        self.pass_time(now_ns);
        self.target_bps = self.rate_bps;
        self.rate_bps = (self.rate_bps * (1.0 - self.alpha / 2.0)).max(self.link_bps / 1000.0);
        self.alpha = (1.0 - GAIN) * self.alpha + GAIN;
        self.steps = 0;
        self.timer_ns = now_ns;
    }

    fn pass_time(&mut self, now_ns: u64) {
        while self.rate_bps < self.link_bps && self.timer_ns + TIMER_NS <= now_ns {
            self.timer_ns += TIMER_NS;
            self.alpha *= 1.0 - GAIN;
            self.steps += 1;
            if self.steps > 2 * RECOVERY_STEPS {
                self.target_bps += self.link_bps / 40.0;
            } else if self.steps > RECOVERY_STEPS {
                self.target_bps += self.link_bps / 400.0;
            }
            self.target_bps = self.target_bps.min(self.link_bps);
            self.rate_bps = ((self.rate_bps + self.target_bps) / 2.0).min(self.link_bps);
            if self.rate_bps > 0.999 * self.link_bps {
                self.rate_bps = self.link_bps;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notification_halves_the_rate_and_time_gives_it_back() {
        let mut rate = Dcqcn::new(400_000_000_000);
        rate.notify(1_000);
        assert!((rate.rate_bps - 2e11).abs() < 1.0);
        rate.charge(1_000, 5_000);
        assert_eq!(rate.next_ns(), 1_200);
        rate.charge(10_000_000, 5_000);
        assert!(rate.rate_bps > 3.9e11);
        for _ in 0..10_000 {
            rate.notify(20_000_000);
        }
        assert!(rate.rate_bps >= 4e8);
    }
}
