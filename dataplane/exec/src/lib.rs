//! Execution of verified programs: the [`Executor`] that the engine drives, the [`Interpreter`] that defines
//! what a program means, and what every executor shares: hashes, random numbers, trace events.
//!
//! Knows nothing of ports, queues or replication; those belong to whoever calls [`Executor::run`].

pub mod bitstring;
mod executor;
pub mod hash;
mod interp;
pub mod random;
pub mod trace;

pub use executor::*;
pub use interp::{Interpreter, atomic, layout};
