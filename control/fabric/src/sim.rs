//! `heddle fabric sim`: any fabric, any jobs, one program on every switch, on virtual time.
//!
//! * [`topology`], [`medium`] and [`jobs`] read what the user wrote; [`spec`] says where it is wrong.
//! * [`collective`] turns jobs into messages, [`host`], [`dcqcn`] and [`frame`] turn these into packets.
//! * [`ways`], [`tables`] and [`placement`] are the controller, [`simulation`] runs it all, [`ideal`] knows the bound.

mod collective;
mod dcqcn;
mod frame;
mod host;
mod ideal;
mod jobs;
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

pub use jobs::Jobs;
pub use medium::Medium;
pub use page::page;
pub use policy::{Policy, Transport};
pub use report::{JobCounts, JobReport, LinkReport, Report};
pub use simulation::{Progress, Run, RunError, run, watch};
pub use spec::SpecError;
pub use topology::{HostSpec, SwitchSpec, Topology};
