//! The life of a switch that serves: from the first port to the last number.
//!
//! A [`Daemon`] owns the engine and everything that decides about it while it runs: which ports are attached
//! ([`attachments`]), which program runs, who learns. One thread owns it and runs [`Daemon::serve`]; whoever wants
//! something of it sends a message and waits for the answer.
//!
//! Invariant: nothing here prints, and nothing here is on the packet path. What a person should read is a [`Notice`];
//! the edge decides how it looks.

pub mod attachments;
mod daemon;
mod notice;

pub use attachments::{Attachments, Opener, PortError};
pub use daemon::{Daemon, Loader, Observer, Settings, Signals, StartError};
pub use notice::Notice;
