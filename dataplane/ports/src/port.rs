//! What a port is to the engine: receive and transmit queues that never block.
//!
//! A [`Port`] is opened on the control side, describes what it did to its interface, and is then split into
//! [`Queue`]s, each of which one worker owns. Above a queue every frame is plain: checksums that a kernel left
//! partial are complete and segmentation-offloaded frames are cut to the MTU, both by the queue. The exception are
//! frames that the worker asked for whole ([`Queue::carry_whole`]), which say of themselves how they are to be cut.

use std::os::fd::RawFd;

use heddle_packet::{Packet, Pool, PortId};

use crate::whole::Shapes;

/// An attached port.
pub trait Port: Send {
    /// What it is and what attaching it did.
    fn description(&self) -> PortDescription;

    /// Its queues, to be handed to workers. Called once; dropping the last queue and the port detaches it and
    /// leaves the interface as it was found.
    fn split(&mut self) -> Vec<Box<dyn Queue>>;
}

/// What `heddle run` prints when it attaches a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortDescription {
    /// Its number.
    pub id: PortId,
    /// Interface or file.
    pub name: String,
    /// `AF_PACKET`, `AF_XDP`, `TAP`, `pcap`, `memory`.
    pub kind: &'static str,
    /// Index of the interface, if its link matters. What holds a TAP interface is its link.
    pub interface: Option<i32>,
    /// Queues it will split into.
    pub queues: usize,
    /// Largest frame without Ethernet header, in bytes.
    pub mtu_bytes: usize,
    /// What was found or changed that matters: offloads, promiscuous mode, fallbacks; each a sentence.
    pub notes: Vec<String>,
}

/// One queue pair of a port, owned by one worker. No call blocks, and none allocates in steady state.
pub trait Queue: Send {
    /// The port's number.
    fn port(&self) -> PortId;

    /// Whether anything is ever received by it. One that only sends is not asked.
    fn receives(&self) -> bool {
        true
    }

    /// Appends up to `max` received packets to `into`, stamped with port and `now_ns`; a whole frame counts as one.
    /// Returns how many were appended.
    ///
    /// # Errors
    /// [`QueueError`] when the port is gone; what was received before stays in `into`.
    fn receive(
        &mut self,
        now_ns: u64,
        pool: &mut Pool,
        into: &mut Vec<Packet>,
        max: usize,
    ) -> Result<usize, QueueError>;

    /// Transmits packets from the front of `from`, and gives those that left back to `pool`. Those that do not
    /// fit now stay, in order: the kernel's back-pressure is the caller's queue. A whole frame that cannot leave as
    /// such is cut, and its segments take its place. Returns how many packets on the wire left.
    ///
    /// # Errors
    /// [`QueueError`] when the port is gone; what was not sent stays in `from`.
    fn transmit(
        &mut self,
        now_ns: u64,
        pool: &mut Pool,
        from: &mut std::collections::VecDeque<Packet>,
    ) -> Result<usize, QueueError>;

    /// Hands over segmentation-offloaded frames of these shapes whole from now on, and cuts all others. Queues that
    /// never see any need do nothing.
    fn carry_whole(&mut self, shapes: Shapes) {
        let _cut_anyway = shapes;
    }

    /// Whether [`Queue::transmit`] takes whole frames. If not they have to be cut before ([`crate::cut`]).
    fn takes_whole(&self) -> bool {
        false
    }

    /// A descriptor that polls readable when there is something to receive, if there is one.
    fn readable_fd(&self) -> Option<RawFd>;

    /// Whether nothing will ever be received again (a file at its end).
    fn is_exhausted(&self) -> bool {
        false
    }

    /// When the next packet is due, for ports that know it ahead of time (a capture being replayed).
    fn next_arrival_ns(&self) -> Option<u64> {
        None
    }

    /// Counts of what the queue itself received, sent and lost. Costs no system call.
    fn stats(&self) -> QueueStats;
}

/// What a queue counted since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueStats {
    /// Packets received.
    pub rx_packets: u64,
    /// Bytes received.
    pub rx_bytes: u64,
    /// Packets sent.
    pub tx_packets: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
    /// Packets the kernel had no room for.
    pub rx_missed: u64,
    /// Frames received that could not be used (truncated, malformed offload header).
    pub rx_invalid: u64,
    /// Packets refused for good when sent (larger than the MTU).
    pub tx_refused: u64,
}

/// Why a queue works no more.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The interface was removed or set down.
    #[error("{name}: the interface is gone: {source}")]
    Gone {
        /// Interface.
        name: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A system call failed in a way that repeating it would not mend.
    #[error("{name}: {call} failed: {source}")]
    System {
        /// Interface.
        name: String,
        /// Which call.
        call: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
}
