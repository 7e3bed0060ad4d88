//! Path policies by name, and the transport that each is run with.

/// How hosts send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// RoCEv2: in order, go-back-N, DCQCN.
    Roce,
    /// Like UET: in any order, selective retransmission, trimming, a window moved by marks.
    Uet,
}

impl Transport {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Transport::Roce => "roce",
            Transport::Uet => "uet",
        }
    }
}

/// How a job's packets choose among paths; the numbers are those of `pipelines/ai_fabric/headers.p4`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// A hash of the five-tuple.
    Ecmp,
    /// A hash of five-tuple and queue pair.
    QueuePair,
    /// Each message where the fewest bytes were put.
    Message,
    /// As the controller says. What is taken if nothing is said: it keeps order, and loses to [`Policy::Ecmp`] in no shape of
    /// fabric that was tried by more than a few percent.
    #[default]
    Pinned,
    /// Anew after a pause.
    Flowlet,
    /// Anew when nothing is under way.
    InOrder,
    /// Every packet to the least loaded.
    Adaptive,
    /// Every packet to the next in turn.
    Spray,
}

impl Policy {
    /// All of them, in the order of reports.
    pub const ALL: [Policy; 8] = [
        Policy::Ecmp,
        Policy::QueuePair,
        Policy::Message,
        Policy::Pinned,
        Policy::Flowlet,
        Policy::InOrder,
        Policy::Adaptive,
        Policy::Spray,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Policy::Ecmp => "ecmp",
            Policy::QueuePair => "queue-pair",
            Policy::Message => "message",
            Policy::Pinned => "pinned",
            Policy::Flowlet => "flowlet",
            Policy::InOrder => "in-order",
            Policy::Adaptive => "adaptive",
            Policy::Spray => "spray",
        }
    }

    /// The policy of a name.
    pub fn named(name: &str) -> Option<Policy> {
        Policy::ALL.into_iter().find(|policy| policy.name() == name)
    }

    pub(crate) fn number(self) -> u32 {
        match self {
            Policy::Ecmp => 0,
            Policy::QueuePair => 1,
            Policy::Message => 2,
            Policy::Pinned => 3,
            Policy::Flowlet => 4,
            Policy::Adaptive => 5,
            Policy::Spray => 6,
            Policy::InOrder => 7,
        }
    }

    /// What carries it, where the job does not say.
    pub fn transport(self) -> Transport {
        match self {
            Policy::Adaptive | Policy::Spray => Transport::Uet,
            Policy::Ecmp
            | Policy::QueuePair
            | Policy::Message
            | Policy::Pinned
            | Policy::Flowlet
            | Policy::InOrder => Transport::Roce,
        }
    }
}
