//! A fabric of switches on virtual time: any topology, any jobs, one program on every switch.
//!
//! Every switch is a [`heddle_engine::Switch`] running a verified program through the same executor as `heddle run`;
//! only cables and hosts are models. Hosts send packets as RoCEv2 and UET have them on the wire, payload by its length
//! only.
//!
//! * [`topology`], [`medium`] and [`jobs`] read what the user wrote; [`spec`] says where it is wrong.
//! * [`collective`] turns jobs into messages, [`host`], [`dcqcn`] and [`frame`] turn these into packets.
//! * [`ways`], [`lattice`], [`placement`] and [`tables`] are the controller, [`simulation`] runs it all, part by part
//!   ([`division`]) and in the order that [`agenda`] and [`windows`] keep, [`ideal`] knows the bound.
//!
//! Invariant: everything follows from topology, jobs, program, policy and seed. There is no clock, no thread and no other
//! source of randomness, so a run can be repeated to the byte.

mod agenda;
mod collective;
mod dcqcn;
mod division;
mod frame;
mod host;
mod ideal;
mod jobs;
mod lattice;
mod medium;
mod outlet;
mod page;
mod placement;
mod policy;
mod report;
mod samples;
mod simulation;
mod spec;
mod tables;
mod topology;
mod ways;
mod windows;

pub use jobs::Jobs;
pub use medium::Medium;
pub use page::page;
pub use policy::{Policy, Transport};
pub use report::{JobCounts, JobReport, LinkReport, Report};
pub use simulation::{Progress, Run, RunError, run, watch};
pub use spec::SpecError;
pub use topology::{HostSpec, SwitchSpec, Topology};
