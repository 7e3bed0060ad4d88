//! Link media: what a metre delays, what a bit costs, how often it is wrong.
//!
//! The figures built in are those of docs/ai-fabric.md, at 800 Gb/s, with their sources and doubts; a topology file
//! may give its own. Invariant: no medium is faster than light, and no probability leaves 0 to 1.

use serde::Deserialize;

/// A medium, as a topology file has it.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
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
    /// How often a cable of it fails, in the mean.
    #[serde(default)]
    pub failures_per_hour: f64,
    /// How long it then does not work.
    #[serde(default = "outage_us")]
    pub outage_us: f64,
}

/// One of 200,000 optical cables fails in nine hours: what is told of fabrics of 100,000 accelerators. Copper fails a hundred times
/// as seldom, and of co-packaged optics their makers say ten times.
const OPTICS_FAIL_PER_HOUR: f64 = 1.0 / (9.0 * 200_000.0);
const COPPER_FAILS_PER_HOUR: f64 = OPTICS_FAIL_PER_HOUR / 100.0;
/// A link that has failed is trained again, or its module is.
const OUTAGE_US: f64 = 1e6;

fn outage_us() -> f64 {
    OUTAGE_US
}

/// The built-in media by name: passive, active copper, optics with and without signal processor, co-packaged.
pub(crate) const BUILT_IN: &[(&str, Medium)] = &[
    (
        "copper",
        Medium {
            ns_per_m: 4.6,
            ends_ns: 100.0,
            pj_per_bit: 0.1,
            bit_error_rate: 1e-15,
            reach_m: 2.0,
            failures_per_hour: COPPER_FAILS_PER_HOUR,
            outage_us: OUTAGE_US,
        },
    ),
    (
        "active-copper",
        Medium {
            ns_per_m: 4.6,
            ends_ns: 140.0,
            pj_per_bit: 12.0,
            bit_error_rate: 1e-15,
            reach_m: 7.0,
            failures_per_hour: COPPER_FAILS_PER_HOUR,
            outage_us: OUTAGE_US,
        },
    ),
    (
        "optics",
        Medium {
            ns_per_m: 4.9,
            ends_ns: 250.0,
            pj_per_bit: 18.0,
            bit_error_rate: 1e-13,
            reach_m: 2000.0,
            failures_per_hour: OPTICS_FAIL_PER_HOUR,
            outage_us: OUTAGE_US,
        },
    ),
    (
        "linear",
        Medium {
            ns_per_m: 4.9,
            ends_ns: 110.0,
            pj_per_bit: 10.5,
            bit_error_rate: 1e-13,
            reach_m: 500.0,
            failures_per_hour: OPTICS_FAIL_PER_HOUR,
            outage_us: OUTAGE_US,
        },
    ),
    (
        "co-packaged",
        Medium {
            ns_per_m: 4.9,
            ends_ns: 105.0,
            pj_per_bit: 6.5,
            bit_error_rate: 1e-14,
            reach_m: 2000.0,
            failures_per_hour: OPTICS_FAIL_PER_HOUR / 10.0,
            outage_us: OUTAGE_US,
        },
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
/// A failure each 3.6 microseconds, and a quarter of an hour's outage.
const FAILURES_PER_HOUR_MAX: f64 = 1e9;
const OUTAGE_US_MAX: f64 = 1e9;

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
            ("failures_per_hour", self.failures_per_hour, FAILURES_PER_HOUR_MAX),
            ("outage_us", self.outage_us, OUTAGE_US_MAX),
        ];
        let wrong = bounded.into_iter().find(|(_, value, most)| !(0.0..=*most).contains(value));
        wrong.map(|(name, value, most)| format!("{name} is from 0 to {most:?}, not {value:?}"))
    }

    /// How long until a cable fails next, if it ever does.
    pub(crate) fn next_failure_ns(&self, random: &mut fastrand::Rng) -> Option<u64> {
        let mean_ns = 3.6e12 / self.failures_per_hour;
        // The time between events that do not know of each other; none are longer than the clock goes.
        (self.failures_per_hour > 0.0).then(|| (-mean_ns * (1.0 - random.f64()).ln()) as u64)
    }

    /// How long it then lasts.
    pub(crate) fn outage_ns(&self) -> u64 {
        ((self.outage_us * 1e3) as u64).max(1)
    }

    /// Delay of so many metres.
    pub(crate) fn delay_ns(&self, length_m: f64) -> u64 {
        (self.ns_per_m * length_m + self.ends_ns).round() as u64
    }
}
