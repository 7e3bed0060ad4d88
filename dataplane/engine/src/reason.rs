//! Why packets are lost: the program's reasons and the engine's in one numbering.
//!
//! Invariant: every packet that does not leave the switch is counted under exactly one of these.

use std::fmt;

use heddle_ir::DropReason;

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $label:literal;)*) => {
        /// Why a packet was lost.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason {
            $($(#[$doc])* $name,)*
        }

        impl Reason {
            /// All of them, in order.
            pub const ALL: &'static [Reason] = &[$(Reason::$name),*];

            /// Its name in metrics and on the command line.
            pub fn label(self) -> &'static str {
                match self {
                    $(Reason::$name => $label,)*
                }
            }
        }
    };
}

reasons! {
    /// The program dropped it in ingress.
    IngressDrop = "ingress_drop";
    /// The program dropped it in egress.
    EgressDrop = "egress_drop";
    /// The parser rejected it.
    ParserReject = "parser_reject";
    /// A pass ended without a decision.
    NoDecision = "no_decision";
    /// An assertion of the program failed.
    AssertFailed = "assert_failed";
    /// A loop of the program went over its bound.
    LoopBound = "loop_bound";
    /// It was sent to a port that does not exist.
    UnknownPort = "unknown_port";
    /// It was sent to, or waited for, a port that is gone.
    PortDown = "port_down";
    /// Its queue was full.
    QueueFull = "queue_full";
    /// It was sent to a multicast group that does not exist.
    UnknownMulticastGroup = "unknown_multicast_group";
    /// It was sent to a multicast group without replicas.
    EmptyMulticastGroup = "empty_multicast_group";
    /// A clone for a session that does not exist.
    UnknownCloneSession = "unknown_clone_session";
    /// A clone for a session without replicas.
    EmptyCloneSession = "empty_clone_session";
    /// It was resubmitted, recirculated or cloned too often.
    PassLimit = "pass_limit";
    /// Too many resubmitted and recirculated packets were waiting.
    LoopFull = "loop_full";
    /// The ring to the worker that owns its port was full.
    RingFull = "ring_full";
    /// The port refused it for good (larger than the MTU).
    TransmitRefused = "transmit_refused";
    /// The control plane did not take its packets fast enough.
    ControllerFull = "controller_full";
    /// Nothing was left of it to be sent.
    Empty = "empty";
    /// It was decided in a way that its pass does not allow: an error of the executor.
    InvalidVerdict = "invalid_verdict";
    /// Its program was replaced twice while it was under way between workers.
    StaleProgram = "stale_program";
    /// Its worker panicked while it was at work on it.
    WorkerPanicked = "worker_panicked";
    /// The switch was stopped while it waited.
    Shutdown = "shutdown";
}

impl Reason {
    /// How many there are.
    pub const COUNT: usize = Reason::ALL.len();

    /// Position in [`Reason::ALL`].
    pub fn index(self) -> usize {
        self as usize
    }
}

impl From<DropReason> for Reason {
    fn from(reason: DropReason) -> Self {
        match reason {
            DropReason::IngressDrop => Reason::IngressDrop,
            DropReason::EgressDrop => Reason::EgressDrop,
            DropReason::ParserReject => Reason::ParserReject,
            DropReason::NoDecision => Reason::NoDecision,
            DropReason::AssertFailed => Reason::AssertFailed,
            DropReason::LoopBound => Reason::LoopBound,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_positions_and_labels_are_distinct() {
        for (position, reason) in Reason::ALL.iter().enumerate() {
            assert_eq!(reason.index(), position);
        }
        let mut labels: Vec<_> = Reason::ALL.iter().map(|reason| reason.label()).collect();
        labels.sort_unstable();
        labels.dedup();
        assert_eq!(labels.len(), Reason::COUNT);
    }
}
