//! A fabric of switches on virtual time: real programs in real engines, simulated links and hosts.
//!
//! Every switch is a [`heddle_engine::Switch`] running a verified program through the same executor as `heddle run`;
//! only links (rate, delay) and hosts are models. Hosts send RoCEv2 as queue pairs do, headers as they are on the wire,
//! payload by its length only.
//!
//! Invariant: everything follows from the scenario and its seed. There is no clock, no thread and no other source
//! of randomness, so a run can be repeated to the byte.

mod frame;
mod host;
mod job;
pub mod sim;
mod simulation;
mod topology;

pub use frame::HostId;
pub use job::{Job, JobReport};
pub use simulation::{LinkReport, Progress, Report, RunError, Scenario, run};
pub use topology::{Programs, Spreading, Topology};
