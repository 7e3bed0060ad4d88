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

/// Light in vacuum: 10^9 / 299 792 458.
const NS_PER_M_MIN: f64 = 3.335_640_951;
/// Beyond these no cable is one: a second in its ends, a three-hundredth of light's speed, a thousand times what optics take,
/// once and a half round the Earth.
const ENDS_NS_MAX: f64 = 1e9;
const NS_PER_M_MAX: f64 = 1_000.0;
const PJ_PER_BIT_MAX: f64 = 18_000.0;
const REACH_M_MAX: f64 = 6e7;
/// More than this after correction, and most long packets are lost: such a link is down.
const BIT_ERROR_RATE_MAX: f64 = 1e-5;

impl Medium {
    /// Why its figures are impossible, if they are.
    pub(crate) fn problem(&self) -> Option<String> {
        if !self.ns_per_m.is_finite() || self.ns_per_m < NS_PER_M_MIN {
            return Some(format!(
                "{} ns/m is faster than light; ns_per_m is from {NS_PER_M_MIN}",
                self.ns_per_m
            ));
        }
        let bounded = [
            ("ns_per_m", self.ns_per_m, NS_PER_M_MAX),
            ("ends_ns", self.ends_ns, ENDS_NS_MAX),
            ("pj_per_bit", self.pj_per_bit, PJ_PER_BIT_MAX),
            ("bit_error_rate", self.bit_error_rate, BIT_ERROR_RATE_MAX),
            ("reach_m", self.reach_m, REACH_M_MAX),
        ];
        let wrong = bounded.into_iter().find(|(_, value, most)| !(0.0..=*most).contains(value));
        wrong.map(|(name, value, most)| format!("{name} is from 0 to {most:?}, not {value:?}"))
    }

    /// Delay of so many metres.
    pub(crate) fn delay_ns(&self, length_m: f64) -> u64 {
        (self.ns_per_m * length_m + self.ends_ns).round() as u64
    }
}
