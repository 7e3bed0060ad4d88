//! The life of a switch that serves: from the first port to the last number.
//!
//! A [`Daemon`] owns the engine and everything that decides about it while it runs: which ports are attached, which
//! program runs, who learns, what controllers are answered, what is kept. One thread owns it and runs [`Daemon::serve`];
//! whoever wants something of it sends a message and waits for the answer:
//!
//! ```text
//!  controllers ── grpc: connections, TLS, limits ──▶ call ──▶ ┌────────┐ ──▶ control_plane: the P4Runtime core
//!  Prometheus ─── metrics ─────────────────────────▶          │ Daemon │ ──▶ keeper, store: what survives a restart
//!  workers ────── events, digests, packets ────────────────▶  └────────┘ ──▶ attachments: ports that come and go
//! ```
//!
//! Invariant: nothing here prints, and nothing here is on the packet path. What a person should read is a [`Notice`];
//! the edge decides how it looks.

pub mod attachments;
mod call;
mod control_plane;
mod daemon;
mod grpc;
mod keeper;
mod links;
mod metrics;
mod notice;
pub mod proto;
mod stats;
mod store;
mod switch;

pub use attachments::{Attachments, Opener, PortError};
pub use daemon::{
    ControlSettings, Daemon, Loader, Observer, Prepare, Program, Settings, Signals, StartError,
};
pub use grpc::{RoleMap, RoleMapError, ServeError, ServerSettings, TlsError, TlsFiles, identity, roots};
pub use notice::Notice;
pub use store::{StateSettings, StoreError};
pub use switch::MakeExecutor;
