//! What a person who watches a switch should read.
//!
//! Invariant: a notice is a whole sentence without a line break, except that the notes of a port follow in lines of
//! their own.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use heddle_engine::{Event, Reloaded};
use heddle_packet::PortId;
use heddle_ports::PortDescription;

/// Something that happened to a switch.
#[derive(Debug)]
pub enum Notice<'a> {
    /// A port was attached.
    Attached(&'a Arc<PortDescription>),
    /// The engine had something to say.
    Event(&'a Event),
    /// A port whose interface is back cannot be attached. Said once for each reason.
    NotBack {
        /// Which.
        port: PortId,
        /// Why not.
        error: &'a str,
    },
    /// Another program took over.
    Reloaded(&'a Reloaded),
    /// Another program could not take over, and the one before goes on.
    NotReloaded(&'a (dyn Error + Send + Sync)),
}

impl Notice<'_> {
    /// Whether something is less than it should be.
    pub fn is_warning(&self) -> bool {
        match self {
            Notice::Attached(_) | Notice::Reloaded(_) | Notice::Event(Event::PortUp { .. }) => false,
            Notice::Event(
                Event::PortGone { .. } | Event::NotPinned { .. } | Event::WorkerPanicked { .. },
            )
            | Notice::NotBack { .. }
            | Notice::NotReloaded(_) => true,
        }
    }
}

impl fmt::Display for Notice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Notice::Attached(port) => {
                let plural = if port.queues == 1 { "" } else { "s" };
                write!(f, "port {}: {} {}, {} queue{plural}", port.id, port.kind, port.name, port.queues)?;
                write!(f, ", MTU {}", port.mtu_bytes)?;
                port.notes.iter().try_for_each(|note| write!(f, "\n  {note}"))
            }
            Notice::Event(event) => event.fmt(f),
            Notice::NotBack { port, error } => {
                write!(f, "port {port} cannot be attached again yet: {error}")
            }
            Notice::Reloaded(reloaded) => {
                write!(f, "the program is reloaded; table entries kept: {}", reloaded.kept.entries)?;
                reloaded.kept.left.iter().try_for_each(|left| write!(f, "\n  {left}"))
            }
            Notice::NotReloaded(error) => {
                write!(f, "the program is not reloaded, the program before goes on: {error}")?;
                let mut cause = error.source();
                while let Some(error) = cause {
                    write!(f, ": {error}")?;
                    cause = error.source();
                }
                Ok(())
            }
        }
    }
}
