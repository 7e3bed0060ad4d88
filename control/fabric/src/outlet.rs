//! The ports of a simulated switch: what it sends by any of them comes out in one place.
//!
//! Packets get in by [`heddle_engine::Switch::inject_packet`], so nothing is ever asked for arrivals. Invariant: packets
//! come out in the order in which they were sent.

use std::collections::VecDeque;
use std::os::fd::RawFd;
use std::sync::{Arc, Mutex, PoisonError};

use heddle_packet::{Packet, Pool, PortId};
use heddle_ports::{Port, PortDescription, Queue, QueueError, QueueStats};

/// What a switch has sent, by position of the port.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outlet(Arc<Mutex<Vec<(usize, Packet)>>>);

impl Outlet {
    /// Everything sent since it was asked last.
    pub(crate) fn take(&self, into: &mut Vec<(usize, Packet)>) {
        // One thread drives switch and simulation: nobody ever waits here.
        into.append(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// A port that sends to here.
    pub(crate) fn port(&self, position: usize, id: PortId) -> Box<dyn Port> {
        Box::new(OutletPort { id, position, outlet: self.clone() })
    }
}

struct OutletPort {
    id: PortId,
    position: usize,
    outlet: Outlet,
}

impl Port for OutletPort {
    fn description(&self) -> PortDescription {
        PortDescription {
            id: self.id,
            name: format!("port{}", self.id.0),
            kind: "model",
            interface: None,
            queues: 1,
            mtu_bytes: usize::from(u16::MAX),
            notes: Vec::new(),
        }
    }

    fn split(&mut self) -> Vec<Box<dyn Queue>> {
        let (id, position, outlet) = (self.id, self.position, self.outlet.clone());
        vec![Box::new(OutletQueue { id, position, outlet, stats: QueueStats::default() })]
    }
}

struct OutletQueue {
    id: PortId,
    position: usize,
    outlet: Outlet,
    stats: QueueStats,
}

impl Queue for OutletQueue {
    fn port(&self) -> PortId {
        self.id
    }

    fn receives(&self) -> bool {
        false
    }

    fn receive(
        &mut self,
        _now_ns: u64,
        _pool: &mut Pool,
        _into: &mut Vec<Packet>,
        _max: usize,
    ) -> Result<usize, QueueError> {
        Ok(0)
    }

    fn transmit(
        &mut self,
        _now_ns: u64,
        _pool: &mut Pool,
        from: &mut VecDeque<Packet>,
    ) -> Result<usize, QueueError> {
        let mut sent = self.outlet.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = from.len();
        while let Some(packet) = from.pop_front() {
            self.stats.tx_packets += 1;
            self.stats.tx_bytes += packet.wire_len as u64;
            sent.push((self.position, packet));
        }
        Ok(count)
    }

    fn readable_fd(&self) -> Option<RawFd> {
        None
    }

    fn stats(&self) -> QueueStats {
        self.stats
    }
}
