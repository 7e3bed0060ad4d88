//! The words that stand for operators, kinds and the like.
//!
//! Invariant: in one set no two words are equal, so a word read is the one that was written.

use crate::{BinaryOp, CounterUnit, DropReason, HashAlgorithm, Intrinsic, MatchKind, MirrorSource, UnaryOp};

/// A set of things that each have a word.
pub(super) trait Word: Copy + 'static {
    /// All of them.
    const ALL: &'static [Self];

    fn word(self) -> &'static str;

    fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|x| x.word() == word)
    }
}

macro_rules! words {
    ($($set:ident { $($variant:ident $word:literal,)* })*) => {$(
        impl Word for $set {
            const ALL: &'static [$set] = &[$($set::$variant,)*];

            fn word(self) -> &'static str {
                match self {
                    $($set::$variant => $word,)*
                }
            }
        }
    )*};
}

words! {
    UnaryOp {
        Not "not",
        Neg "neg",
    }
    BinaryOp {
        Add "add",
        Sub "sub",
        Mul "mul",
        Div "div",
        Mod "mod",
        SatAddU "sat_add_u",
        SatSubU "sat_sub_u",
        SatAddS "sat_add_s",
        SatSubS "sat_sub_s",
        And "and",
        Or "or",
        Xor "xor",
        Shl "shl",
        Shr "shr",
        Sar "sar",
        Eq "eq",
        Ne "ne",
        LtU "lt_u",
        LeU "le_u",
        LtS "lt_s",
        LeS "le_s",
        Concat "concat",
    }
    Intrinsic {
        IngressPort "ingress_port",
        EgressPort "egress_port",
        PacketLength "packet_length",
        Origin "origin",
        ReplicationId "replication_id",
        IngressTimeNs "ingress_time_ns",
        NowNs "now_ns",
        EnqueueTimeNs "enqueue_time_ns",
        EnqueueDepth "enqueue_depth",
        DequeueDepth "dequeue_depth",
        QueueId "queue_id",
    }
    MatchKind {
        Exact "exact",
        Lpm "lpm",
        Ternary "ternary",
        Range "range",
        Optional "optional",
        Selector "selector",
    }
    CounterUnit {
        Packets "packets",
        Bytes "bytes",
        PacketsAndBytes "packets_and_bytes",
    }
    HashAlgorithm {
        Crc32 "crc32",
        Crc32Custom "crc32_custom",
        Crc16 "crc16",
        Crc16Custom "crc16_custom",
        Random "random",
        Identity "identity",
        Csum16 "csum16",
        Xor16 "xor16",
    }
    MirrorSource {
        Received "received",
        Live "live",
    }
    DropReason {
        IngressDrop "ingress_drop",
        EgressDrop "egress_drop",
        ParserReject "parser_reject",
        NoDecision "no_decision",
        AssertFailed "assert_failed",
        LoopBound "loop_bound",
    }
}

/// Whether a name can be written without quotes.
pub(super) fn is_word(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(is_word_start) && chars.all(is_word_part)
}

pub(super) fn is_word_start(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_'
}

pub(super) fn is_word_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}
