//! What the server counts of itself.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counts {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Numbers since the start, but for those that say how many there are.
        #[derive(Debug, Default)]
        pub(crate) struct Counts {
            $($(#[$doc])* pub(crate) $name: AtomicU64,)*
        }

        impl Counts {
            /// All of them, by name.
            pub(crate) fn list(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name.load(Ordering::Relaxed)),)*]
            }
        }
    };
}

counts! {
    /// Connections that are open.
    connections,
    /// Connections that were turned away, since there were too many.
    connections_refused,
    /// Connections that ended before they were any: garbage or silence where TLS or HTTP/2 was expected.
    handshakes_failed,
    /// Streams that are open.
    streams,
    /// Streams that were turned away, since there were too many.
    streams_refused,
    /// Messages of streams.
    stream_messages,
    /// Calls.
    calls,
    /// Calls that were turned away by the limit of their rate.
    calls_limited,
}
