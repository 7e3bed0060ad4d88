//! What a person who watches a switch should read.
//!
//! Invariant: a notice is a whole sentence without a line break, except that the notes of a port follow in lines of
//! their own.

use std::error::Error;
use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use heddle_engine::Event;
use heddle_packet::PortId;
use heddle_ports::PortDescription;
use heddle_state::Kept;

use crate::grpc::TlsError;

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
    /// A port has lost its link, or has it again.
    Link {
        /// Which.
        port: PortId,
        /// Which of it.
        has_link: bool,
    },
    /// Another program took over.
    Reloaded(&'a Kept),
    /// Another program could not take over, and the one before goes on.
    NotReloaded(&'a (dyn Error + Send + Sync)),
    /// New certificates cannot be used, and those before stay in use.
    CertificatesKept(&'a TlsError),
    /// Controllers are served.
    Serving {
        /// Where.
        address: SocketAddr,
        /// Whether everybody who reaches the address may control the switch.
        is_open: bool,
    },
    /// What was kept is back.
    Restored {
        /// Where it was.
        folder: &'a Path,
        /// Records read.
        records: u64,
        /// Bytes of an unfinished record that were cut off.
        cut_bytes: u64,
        /// What could not be brought back, and why.
        refused: &'a [String],
    },
}

impl Notice<'_> {
    /// Whether something is less than it should be.
    pub fn is_warning(&self) -> bool {
        match self {
            Notice::Attached(_) | Notice::Reloaded(_) | Notice::Event(Event::PortUp { .. }) => false,
            Notice::Link { port: _, has_link } => !has_link,
            Notice::Serving { address: _, is_open } => *is_open,
            Notice::Restored { refused, .. } => !refused.is_empty(),
            Notice::Event(
                Event::PortGone { .. }
                | Event::NotPinned { .. }
                | Event::NotRealtime { .. }
                | Event::WorkerPanicked { .. },
            )
            | Notice::NotBack { .. }
            | Notice::NotReloaded(_)
            | Notice::CertificatesKept(_) => true,
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
            Notice::Link { port, has_link: false } => write!(f, "port {port} has no link"),
            Notice::Link { port, has_link: true } => write!(f, "port {port} has a link again"),
            Notice::Reloaded(kept) => {
                write!(f, "the program is reloaded; table entries kept: {}", kept.entries)?;
                kept.left.iter().try_for_each(|left| write!(f, "\n  {left}"))
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
            Notice::CertificatesKept(error) => write!(f, "the certificates before stay in use: {error}"),
            Notice::Serving { address, is_open: false } => write!(f, "serving P4Runtime on {address}"),
            Notice::Serving { address, is_open: true } => write!(
                f,
                "serving P4Runtime on {address}, where whoever reaches it controls this switch; --tls-cert, --tls-key and \
                 --tls-client-ca let in only those who may"
            ),
            Notice::Restored { folder, records, cut_bytes, refused } => {
                write!(f, "state of {} is back: {records} records", folder.display())?;
                if *cut_bytes > 0 {
                    write!(f, "; {cut_bytes} bytes of one that was never acknowledged are cut off")?;
                }
                refused.iter().take(20).try_for_each(|why| write!(f, "\n  not brought back: {why}"))
            }
        }
    }
}
