//! The messages and calls of the switch's own service, `heddle.v1.Switch`: what P4Runtime has no message for.

// Generated: the fields' meanings are in the .proto file.
#[allow(missing_docs, unreachable_pub, unused_qualifications, clippy::all)]
mod messages {
    include!(concat!(env!("OUT_DIR"), "/messages.rs"));
}

pub use messages::heddle::v1::*;
