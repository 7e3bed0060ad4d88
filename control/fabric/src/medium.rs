//! Link media: what a metre delays, what a bit costs, how often it is wrong.
//!
//! The figures built in are those of docs/ai-fabric.md, at 800 Gb/s, with their sources and doubts; a topology file
//! may give its own. Invariant: no medium is faster than light, and no probability leaves 0 to 1.

/// A medium.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Medium {
    /// Propagation.
    pub ns_per_m: f64,
    /// Of both ends together: serialisers, signal processors, forward error correction.
    pub ends_ns: f64,
    /// Energy for a bit from end to end.
    pub pj_per_bit: f64,
    /// Chance that a bit is wrong after error correction; a packet with a wrong bit is lost.
    pub bit_error_rate: f64,
    /// How far it reaches.
    pub reach_m: f64,
}

/// The built-in media by name: passive, active copper, optics with and without signal processor, co-packaged.
pub(crate) const BUILT_IN: &[(&str, Medium)] = &[
    (
        "copper",
        Medium { ns_per_m: 4.6, ends_ns: 100.0, pj_per_bit: 0.1, bit_error_rate: 1e-15, reach_m: 2.0 },
    ),
    (
        "active-copper",
        Medium { ns_per_m: 4.6, ends_ns: 140.0, pj_per_bit: 12.0, bit_error_rate: 1e-15, reach_m: 7.0 },
    ),
    (
        "optics",
        Medium { ns_per_m: 4.9, ends_ns: 250.0, pj_per_bit: 18.0, bit_error_rate: 1e-13, reach_m: 2000.0 },
    ),
    (
        "linear",
        Medium { ns_per_m: 4.9, ends_ns: 110.0, pj_per_bit: 10.5, bit_error_rate: 1e-13, reach_m: 500.0 },
    ),
    (
        "co-packaged",
        Medium { ns_per_m: 4.9, ends_ns: 105.0, pj_per_bit: 6.5, bit_error_rate: 1e-14, reach_m: 2000.0 },
    ),
];

/// Light in vacuum.
const NS_PER_M_MIN: f64 = 3.335;

impl Medium {
    /// Why its figures are impossible, if they are.
    pub(crate) fn problem(&self) -> Option<String> {
        let sane = |value: f64| value.is_finite() && value >= 0.0;
        if !self.ns_per_m.is_finite() || self.ns_per_m < NS_PER_M_MIN {
            return Some(format!("{} ns/m is faster than light ({NS_PER_M_MIN} ns/m)", self.ns_per_m));
        }
        if !sane(self.ends_ns) || !sane(self.pj_per_bit) || !sane(self.reach_m) || self.ends_ns > 1e9 {
            return Some("ends_ns, pj_per_bit and reach_m have to be numbers from 0".into());
        }
        (!(0.0..1.0).contains(&self.bit_error_rate))
            .then(|| format!("bit_error_rate is a chance from 0 to below 1, not {}", self.bit_error_rate))
    }

    /// Delay of so many metres.
    pub(crate) fn delay_ns(&self, length_m: f64) -> u64 {
        (self.ns_per_m * length_m + self.ends_ns).round() as u64
    }
}
