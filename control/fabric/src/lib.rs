//! A fabric of switches on virtual time: any topology, any jobs, one program on every switch.
//!
//! Every switch is a [`heddle_engine::Switch`] running a verified program through the same executor as `heddle run`;
//! only cables and hosts are models. Hosts send packets as RoCEv2 and UET have them on the wire, payload by its length
//! only.
//!
//! Invariant: everything follows from topology, jobs, program, policy and seed. There is no clock, no thread and no other
//! source of randomness, so a run can be repeated to the byte.

mod sim;

pub use sim::*;
