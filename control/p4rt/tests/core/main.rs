//! The core, driven as a server drives it: one file per chapter of the specification.

mod arbitration;
mod batches;
mod cells;
mod fixture;
mod model;
mod packets;
mod pipelines;
mod profiles;
mod replication;
mod tables;
