//! What came out of a run.

use serde::Serialize;

/// A run of all jobs under one policy from one seed.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The policy's name.
    pub policy: &'static str,
    /// The seed.
    pub seed: u64,
    /// Mean over jobs of their completion times.
    pub mean_jct_ns: f64,
    /// Mean over jobs of what no fabric could beat.
    pub ideal_jct_ns: f64,
    /// When the last job was done.
    pub completion_ns: u64,
    /// Each job.
    pub jobs: Vec<JobReport>,
    /// Each direction of each cable between switches.
    pub links: Vec<LinkReport>,
    /// Likewise between hosts and switches.
    pub host_links: Vec<LinkReport>,
    /// Of the leaf where it is worst: what its busiest link to other switches sent, over the mean of all that it has.
    /// 1 is perfect balance.
    pub imbalance: f64,
    /// Likewise for what the links to a leaf brought.
    pub imbalance_down: f64,
    /// Packets dropped by switches, by reason.
    pub drops: std::collections::BTreeMap<String, u64>,
    /// Packets lost on cables: bit errors, failures.
    pub lost_on_cables: u64,
    /// Times that a cable failed as its medium has it.
    pub cable_failures: u64,
    /// Packets lost because a receiver could not read them; a fault of a program.
    pub unreadable: u64,
    /// Times that a flow took another path without loss of order.
    pub reroutes: u64,
    /// Pause frames that switches took.
    pub pauses: u64,
    /// Packets that were refused because they were for a job of others.
    pub violations: u64,
    /// Most packets that waited in one queue.
    pub queue_packets_max: u64,
    /// Packets that switches sent.
    pub packet_hops: u64,
    /// Energy of all cables over the payload that arrived.
    pub pj_per_delivered_bit: f64,
    /// Time between two samples.
    pub sample_ns: u64,
    /// At the end of each sample, what of each job's payload had arrived by then, in bytes.
    pub samples: Vec<Vec<u64>>,
}

/// How a job fared.
#[derive(Clone, Debug, Serialize)]
pub struct JobReport {
    /// Its name.
    pub name: String,
    /// How its packets chose among paths: the run's policy, or its own.
    pub policy: &'static str,
    /// What carried it.
    pub transport: &'static str,
    /// From its start to its last rank's end.
    pub completion_ns: u64,
    /// What no fabric could beat.
    pub ideal_ns: f64,
    /// Payload that arrived.
    pub payload_bytes: u64,
    /// Messages that arrived.
    pub messages: u64,
    /// Mean and 99th percentile of messages, from posting to arrival.
    pub message_mean_ns: f64,
    /// The latter.
    pub message_p99_ns: u64,
    /// The rank that most often was the last one of a step, and how often.
    pub straggler: Option<(usize, u64)>,
    /// The host of that rank.
    pub straggler_host: Option<String>,
    /// Ranks that were last in a step for which somebody waited, the most frequent ones first: host and how often.
    pub stragglers: Vec<(String, u64)>,
    /// Part of its time in which its payload arrived; the rest it computed or waited. As fine as the samples are.
    pub busy: f64,
    /// Packets sent again.
    pub retransmitted: u64,
    /// Time-outs.
    pub timeouts: u64,
    /// Packets that arrived with a mark.
    pub marked: u64,
    /// Packets that arrived without their payload.
    pub trimmed: u64,
    /// Packets that arrived after a later one.
    pub reordered: u64,
    /// Congestion notifications received.
    pub notified: u64,
    /// What the switches counted of it.
    pub switches: JobCounts,
}

/// What the program of all switches counted of a job, together.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct JobCounts {
    /// Packets and bytes, once at every switch that they went through and knows the job.
    pub packets: u64,
    /// Bytes on the wire.
    pub bytes: u64,
    /// Last packets of messages.
    pub messages: u64,
    /// Packets whose number was not beyond the one before, where they came down to their host.
    pub went_back: u64,
    /// Packets marked.
    pub marked: u64,
    /// Packets trimmed.
    pub trimmed: u64,
    /// Packets that had to wait in a queue that a neighbour had paused.
    pub waited_for_pause: u64,
    /// Packets for which the watchdog let a queue go on.
    pub freed: u64,
}

/// One direction of a cable: of a run under way, so far.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LinkReport {
    /// Who sends.
    pub from: String,
    /// Who receives.
    pub to: String,
    /// Bytes sent, with headers.
    pub bytes: u64,
    /// Part of the time until the last job was done, or until now, in which it was sending.
    pub utilisation: f64,
    /// Packets that the sending switch marked in the queues before it.
    pub marked: u64,
    /// Packets that lost their payload there.
    pub trimmed: u64,
    /// Packets that found no room there.
    pub dropped: u64,
}
