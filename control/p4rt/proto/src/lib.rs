//! P4Runtime's messages, compiled from the files in `proto/`; with feature `service` also its client and server.
//!
//! Invariant: fields have the names, numbers and types that the specification gives them; a test holds the
//! descriptors against those that others compiled.

// Generated: the fields' meanings are those of the specification, and repeating all of it here would help nobody.
#[allow(missing_docs, unreachable_pub, unused_qualifications, clippy::all)]
mod messages {
    include!(concat!(env!("OUT_DIR"), "/messages.rs"));
}

pub use messages::google::rpc;
pub use messages::heddle::v1 as heddle;
pub use messages::p4::config::v1 as config;
pub use messages::p4::tmp;
pub use messages::p4::v1;
pub use messages::stratum;

pub use prost;
pub use prost_types::Any;

/// The encoded `google.protobuf.FileDescriptorSet` of all files: for reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// The type that [`v1::Error`] goes by in the details of a [`rpc::Status`].
pub const ERROR_TYPE_URL: &str = "type.googleapis.com/p4.v1.Error";
