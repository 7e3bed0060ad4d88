//! What an engine is told at start: sizes, limits and the schedulers of its ports.
//!
//! Invariant: every number here is a bound that something is held to; what exceeds it is a counted drop.

use std::num::NonZeroU64;

use heddle_packet::PortId;

/// Most priority queues of a port.
pub const QUEUES_MAX: usize = 64;

/// Port number of the controller in the field's programs (`--cpu-port 510`).
pub const CONTROLLER_PORT: PortId = PortId(510);

/// How an engine or a [`crate::Switch`] is set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Workers, each a thread with its own receive queues, schedulers and counters. A [`crate::Switch`] has one
    /// and no thread.
    pub workers: usize,
    /// Whether each worker is bound to a processor of its own.
    pub pin: bool,
    /// Whether workers go before every ordinary thread of the machine ([`crate::go_first`]).
    pub realtime: bool,
    /// Packets that go through an entry point together. 1 is allowed and changes nothing but the speed.
    pub batch_packets: usize,
    /// Packets between egress and the port; beyond them the scheduler holds the rest.
    pub transmit_packets: usize,
    /// The scheduler of every port that [`Config::ports`] does not name, other than the controller's.
    pub port_default: PortConfig,
    /// Schedulers of single ports. A number that no port has is refused at start.
    pub ports: Vec<(PortId, PortConfig)>,
    /// Ports that may be attached while the switch runs, beside those that are there from the start.
    pub spare_ports: usize,
    /// The port of the control plane, if there is one.
    pub controller: Option<Controller>,
    /// Passes through ingress that one packet may make by resubmission, recirculation and cloning.
    pub pass_limit: u16,
    /// Resubmitted and recirculated packets that wait for ingress, per worker.
    pub loop_packets: usize,
    /// Packets under way from one worker to another, per pair.
    pub ring_packets: usize,
    /// Free packet buffers at hand per worker; up to four times as many are kept.
    pub buffers: usize,
    /// Digests that wait for the control plane.
    pub digests: usize,
    /// Events that wait for the control plane.
    pub events: usize,
    /// Packets that wait to be injected, per engine.
    pub injections: usize,
    /// Time after which a port that had no room is asked again.
    pub retry_ns: u64,
    /// Time that a worker goes on asking its queues after the last packet, before it sleeps.
    pub spin_ns: u64,
    /// Whether segmentation-offloaded frames may go through whole, where the program treats them as it would their
    /// segments. Off changes nothing but the speed.
    pub whole: bool,
    /// Seed of the program's random numbers.
    pub seed: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            workers: 1,
            pin: false,
            realtime: false,
            batch_packets: 64,
            transmit_packets: 32,
            port_default: PortConfig::default(),
            ports: Vec::new(),
            spare_ports: 0,
            controller: None,
            pass_limit: 256,
            loop_packets: 1_024,
            ring_packets: 1_024,
            buffers: 1_024,
            digests: 1_024,
            events: 1_024,
            injections: 1_024,
            retry_ns: 50_000,
            spin_ns: 50_000,
            whole: true,
            seed: 0,
        }
    }
}

impl Config {
    /// Small bounds for one of thousands of switches in a process.
    pub fn simulated() -> Self {
        Self {
            buffers: 8,
            batch_packets: 16,
            loop_packets: 64,
            digests: 64,
            events: 16,
            injections: 16,
            ..Self::default()
        }
    }

    /// The scheduler of a port.
    pub(crate) fn port(&self, id: PortId) -> PortConfig {
        let named = self.ports.iter().rev().find(|(named, _)| *named == id);
        let is_controller = self.controller.is_some_and(|controller| controller.port == id);
        let default = if is_controller { PortConfig::default() } else { self.port_default };
        named.map_or(default, |(_, config)| *config)
    }
}

/// The control plane's port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Controller {
    /// Its number, for the program.
    pub port: PortId,
    /// Packets that wait for the control plane.
    pub packets: usize,
}

impl Default for Controller {
    fn default() -> Self {
        Self { port: CONTROLLER_PORT, packets: 1_024 }
    }
}

/// The scheduler of a port: strict priority, the queue with the highest number first, but for those that have weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortConfig {
    /// Queues, 1 to [`QUEUES_MAX`]. Fixed at start.
    pub queues: usize,
    /// What every queue may hold and send.
    pub queue: QueueConfig,
    /// Which queues share instead of going before each other.
    pub weights: Weights,
    /// How fast the port sends; `None`: as fast as it takes packets.
    pub rate: Option<Rate>,
    /// Bytes that a packet takes on the wire beyond its own (preamble, check sequence and gap of Ethernet: 24),
    /// for rates in bits.
    pub overhead_bytes: u32,
}

impl Default for PortConfig {
    fn default() -> Self {
        Self {
            queues: 1,
            queue: QueueConfig::default(),
            weights: Weights::default(),
            rate: None,
            overhead_bytes: 0,
        }
    }
}

impl PortConfig {
    /// Whether several workers can send for the port without being told apart from one.
    pub(crate) fn is_plain(&self) -> bool {
        self.queues == 1 && !self.has_rate()
    }

    /// Whether packets are spaced in time.
    pub(crate) fn has_rate(&self) -> bool {
        self.rate.is_some() || self.queue.rate.is_some()
    }
}

/// Weights of a port's queues, by number; 0, which all have at first, is strict priority.
///
/// Queues with weights have one rank together, that of the highest of them, and divide what the queues above leave in
/// proportion to their weights, by bytes. What one does not use is the others'.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weights([u8; QUEUES_MAX]);

impl Default for Weights {
    fn default() -> Self {
        Self([0; QUEUES_MAX])
    }
}

impl Weights {
    /// The weights of the lowest queues; what is beyond the last queue that there can be is left out.
    pub fn lowest(weights: &[u8]) -> Self {
        let mut all = Self::default();
        for (to, &weight) in all.0.iter_mut().zip(weights) {
            *to = weight;
        }
        all
    }

    /// The weight of a queue.
    pub fn of(&self, queue: usize) -> u8 {
        self.0.get(queue).copied().unwrap_or(0)
    }
}

/// One queue of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueConfig {
    /// Packets it holds.
    pub depth_packets: usize,
    /// Bytes it holds, if they are limited too.
    pub depth_bytes: Option<u64>,
    /// How fast it is served; `None`: as fast as the port sends.
    pub rate: Option<Rate>,
}

impl Default for QueueConfig {
    fn default() -> Self {
        Self { depth_packets: 64, depth_bytes: None, rate: None }
    }
}

/// A speed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rate {
    /// Bits on the wire.
    BitsPerSecond(NonZeroU64),
    /// Packets of any length.
    PacketsPerSecond(NonZeroU64),
}

impl Rate {
    /// So many bits per second; none for zero, which means unlimited.
    pub fn bits_per_second(bits: u64) -> Option<Self> {
        NonZeroU64::new(bits).map(Rate::BitsPerSecond)
    }

    /// So many packets per second; none for zero, which means unlimited.
    pub fn packets_per_second(packets: u64) -> Option<Self> {
        NonZeroU64::new(packets).map(Rate::PacketsPerSecond)
    }
}
