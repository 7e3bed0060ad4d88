//! Ports: where packets enter and leave the switch. Each kind is a module; the engine sees only [`Port`] and
//! [`Queue`].

pub mod af_packet;
pub mod af_xdp;
pub mod capture;
mod coalesce;
pub mod datagram;
pub mod device;
mod error;
pub mod fault;
mod frame;
pub mod links;
pub mod memory;
mod offload;
mod partial;
pub mod pcap;
mod port;
pub mod recorder;
mod ring;
mod scratch;
mod socket;
pub mod spec;
pub mod tap;
mod whole;

pub use error::{Existing, OpenError};
pub use port::*;
pub use whole::{Shape, Shapes, cut};
