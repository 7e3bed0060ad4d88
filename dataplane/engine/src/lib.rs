//! .
mod assembly;
mod bell;
#[cfg(test)]
mod closures;
mod config;
mod core;
mod effects;
mod engine;
mod event;
mod job;
mod pacer;
mod pipeline;
mod port_map;
mod reason;
mod scheduler;
mod signal;
mod stats;
#[cfg(test)]
mod steady_state;
mod switch;
mod worker_loop;

pub use self::core::Step;
pub use assembly::{ConfigureError, EngineError, ReplaceError};
pub use config::{CONTROLLER_PORT, Config, Controller, PortConfig, QUEUES_MAX, QueueConfig, Rate};
pub use engine::{Engine, InjectError};
pub use event::{DigestMessage, Event, Injection, PacketIn};
pub use pipeline::Pipeline;
pub use reason::Reason;
pub use stats::{Drops, PortStats, QueueDepth, Stats};
pub use switch::Switch;
