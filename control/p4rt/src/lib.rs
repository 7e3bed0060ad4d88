//! P4Runtime without I/O: what a switch answers, and when.
//!
//! [`Core`] is a state machine. Calls and messages go in with the time; answers come out. It opens no sockets, reads no
//! clock and starts no threads; whoever owns it brings messages to it and takes messages from it:
//!
//! ```text
//!  gRPC ── open_stream, stream_message, close_stream ──▶ ┌──────┐ ──▶ State::write (tables, groups, cells)
//!       ── write, read, set_…, get_…, capabilities ────▶ │ Core │ ──▶ Switch: replace, reload, inject
//!  clock ─ handle_timeout ─────────────────────────────▶ │      │
//!  engine ─ packet_in, digest, port ───────────────────▶ └──────┘ ──▶ take_ready, poll_transmit, poll_timeout
//! ```
//!
//! Times are nanoseconds of one clock that never goes back: the engine's, so that hits of entries can be told by it.
//!
//! Sections cited in this crate are those of the P4Runtime specification, version 1.5.

mod arbitration;
pub mod bytestring;
mod config;
mod core;
pub mod device;
mod digest;
mod entity;
pub mod form;
mod idle;
mod notes;
mod packet;
mod pipeline;
mod read;
mod role;
mod schema;
mod status;
mod stream;
mod switch;
mod translation;
mod write;

pub use self::core::{API_VERSION, Core};
pub use config::{Config, SdnValue, TranslationConfig};
pub use heddle_p4rt_proto as proto;
pub use pipeline::Pipeline;
pub use read::ReadResponses;
pub use status::{ERROR_SPACE, Refusal, Status};
pub use stream::{StreamId, Transmit};
pub use switch::{Switch, SwitchError};
pub use write::Written;
