//! How jobs got on, at even times.
//!
//! Invariant: never more than [`SAMPLES_MAX`] samples, however long a run is: when there would be, every second one goes and
//! the time between them doubles.

const SAMPLES_MAX: usize = 256;
const FIRST_SAMPLE_NS: u64 = 1_000;

/// Samples of what of each job has arrived.
#[derive(Debug)]
pub(crate) struct Samples {
    every_ns: u64,
    taken: Vec<Vec<u64>>,
}

impl Samples {
    pub(crate) fn new() -> Self {
        Self { every_ns: FIRST_SAMPLE_NS, taken: Vec::new() }
    }

    /// When the next one is due.
    pub(crate) fn due_ns(&self) -> u64 {
        (self.taken.len() as u64 + 1) * self.every_ns
    }

    /// Takes what has arrived as every sample due by now.
    pub(crate) fn take(&mut self, now_ns: u64, arrived: &[u64]) {
        while self.due_ns() <= now_ns {
            self.taken.push(arrived.to_vec());
            if self.taken.len() == SAMPLES_MAX {
                let mut number = 0;
                self.taken.retain(|_| {
                    number += 1;
                    number % 2 == 0
                });
                self.every_ns *= 2;
            }
        }
    }

    pub(crate) fn into_parts(self) -> (u64, Vec<Vec<u64>>) {
        (self.every_ns, self.taken)
    }

    /// Part of the time from one point to another in which anything of a job arrived.
    pub(crate) fn busy(&self, job: usize, from_ns: u64, to_ns: u64) -> f64 {
        let (mut before, mut busy, mut all) = (0, 0u32, 0u32);
        for (number, sample) in self.taken.iter().enumerate() {
            let end_ns = (number as u64 + 1) * self.every_ns;
            let arrived = sample.get(job).copied().unwrap_or(0);
            if end_ns > from_ns && end_ns <= to_ns + self.every_ns {
                all += 1;
                busy += u32::from(arrived > before);
            }
            before = arrived;
        }
        f64::from(busy) / f64::from(all.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_stay_few_and_even() {
        let mut samples = Samples::new();
        for now_ns in (0..2_000_000).step_by(700) {
            samples.take(now_ns, &[now_ns.min(1_000_000)]);
        }
        assert!((0.4..0.6).contains(&samples.busy(0, 0, 2_000_000)));
        let (every_ns, taken) = samples.into_parts();
        assert!((SAMPLES_MAX / 2 - 1..SAMPLES_MAX).contains(&taken.len()));
        for (number, sample) in taken.iter().enumerate() {
            assert!(sample[0].abs_diff(((number as u64 + 1) * every_ns).min(1_000_000)) <= 700);
        }
    }
}
