//! The plain port, by `pnet_datalink`: for kernels and sandboxes that refuse packet sockets with offload headers.
//!
//! Invariant: every frame is taken as it comes. Nothing tells a partial checksum or a large segment from a whole
//! frame here, so the description says which offloads must be off.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::os::fd::RawFd;
use std::time::Duration;

use heddle_packet::{Packet, Pool, PortId};
use pnet_datalink::{Channel, Config, DataLinkReceiver, DataLinkSender};

use crate::device::{Interface, mtu_bytes};
use crate::error::OpenError;
use crate::frame::fits_mtu;
use crate::port::{Port, PortDescription, Queue, QueueError, QueueStats};

/// Longest frame that is read whole.
const READ_BUFFER_BYTES: usize = 65_536 + 64;

/// A port on an Ethernet interface, without offload headers.
#[derive(Debug)]
pub struct DatagramPort {
    description: PortDescription,
    queue: Option<DatagramQueue>,
}

impl DatagramPort {
    /// Attaches the interface, with one queue.
    ///
    /// # Errors
    /// What is missing and how to mend it.
    pub fn open(id: PortId, name: &str) -> Result<Self, OpenError> {
        let interface = Interface::find(name)?;
        interface.check_usable()?;
        let found = pnet_datalink::interfaces()
            .into_iter()
            .find(|candidate| candidate.name == name)
            .ok_or_else(|| OpenError::System {
                name: name.to_owned(),
                call: "getifaddrs",
                source: io::ErrorKind::NotFound.into(),
            })?;
        let config = Config {
            read_buffer_size: READ_BUFFER_BYTES,
            // Never wait.
            read_timeout: Some(Duration::ZERO),
            write_timeout: Some(Duration::ZERO),
            ..Config::default()
        };
        let of_call = |source| OpenError::of_call(name, "socket(AF_PACKET)", "CAP_NET_RAW", source);
        let Channel::Ethernet(sender, receiver) = pnet_datalink::channel(&found, config).map_err(of_call)?
        else {
            return Err(of_call(io::ErrorKind::Unsupported.into()));
        };
        let mut notes = vec![
            "Promiscuous while attached.".to_owned(),
            "Frames that the host itself sends there are received too.".to_owned(),
        ];
        let offloads = interface.offloads();
        if offloads.tx_checksum
            || offloads.tcp_segmentation
            || offloads.generic_segmentation
            || offloads.generic_receive
        {
            notes.push(format!(
                "Offloads cannot be undone by this kind of port; switch them off on both ends: `ethtool -K {name} \
                 tx off tso off gso off gro off`."
            ));
        }
        let mtu_bytes = interface.mtu_bytes;
        let description = PortDescription {
            id,
            name: name.to_owned(),
            kind: "datagram",
            interface: Some(interface.index),
            queues: 1,
            mtu_bytes,
            notes,
        };
        let queue = DatagramQueue {
            id,
            name: name.to_owned(),
            mtu_bytes,
            sender,
            receiver,
            stats: QueueStats::default(),
        };
        Ok(Self { description, queue: Some(queue) })
    }
}

impl Port for DatagramPort {
    fn description(&self) -> PortDescription {
        self.description.clone()
    }

    fn split(&mut self) -> Vec<Box<dyn Queue>> {
        self.queue.take().into_iter().map(|queue| Box::new(queue) as Box<dyn Queue>).collect()
    }
}

struct DatagramQueue {
    id: PortId,
    name: String,
    mtu_bytes: usize,
    sender: Box<dyn DataLinkSender>,
    receiver: Box<dyn DataLinkReceiver>,
    stats: QueueStats,
}

impl fmt::Debug for DatagramQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatagramQueue({} of {:?})", self.name, self.id)
    }
}

impl DatagramQueue {
    fn failure(&self, call: &'static str, source: io::Error) -> QueueError {
        let name = self.name.clone();
        match source.raw_os_error() {
            Some(libc::ENETDOWN | libc::ENODEV | libc::ENXIO) => QueueError::Gone { name, source },
            _ => QueueError::System { name, call, source },
        }
    }
}

/// Whether a call is to be repeated later.
fn is_for_later(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
        || matches!(error.raw_os_error(), Some(libc::ENOBUFS | libc::ENOMEM))
}

impl Queue for DatagramQueue {
    fn port(&self) -> PortId {
        self.id
    }

    fn receive(
        &mut self,
        now_ns: u64,
        pool: &mut Pool,
        into: &mut Vec<Packet>,
        max: usize,
    ) -> Result<usize, QueueError> {
        let mut count = 0;
        while count < max {
            match self.receiver.next() {
                Ok(frame) => {
                    let mut packet = pool.take(frame.len());
                    packet.fill(frame);
                    packet.ingress_port = self.id;
                    packet.arrival_ns = now_ns;
                    self.stats.rx_packets += 1;
                    self.stats.rx_bytes += packet.len() as u64;
                    into.push(packet);
                    count += 1;
                }
                Err(error) if is_for_later(&error) => break,
                Err(error) => return Err(self.failure("recvfrom", error)),
            }
        }
        Ok(count)
    }

    fn transmit(
        &mut self,
        _now_ns: u64,
        pool: &mut Pool,
        from: &mut VecDeque<Packet>,
    ) -> Result<usize, QueueError> {
        let mut count = 0;
        while let Some(packet) = from.pop_front() {
            if !fits_mtu(packet.bytes(), packet.len(), self.mtu_bytes) {
                if let Ok(now) = mtu_bytes(&self.name) {
                    self.mtu_bytes = now;
                }
                if !fits_mtu(packet.bytes(), packet.len(), self.mtu_bytes) {
                    self.stats.tx_refused += 1;
                    pool.give(packet);
                    continue;
                }
            }
            match self.sender.send_to(packet.bytes(), None) {
                Some(Ok(())) => {
                    self.stats.tx_packets += 1;
                    self.stats.tx_bytes += packet.len() as u64;
                    pool.give(packet);
                    count += 1;
                }
                Some(Err(error)) if is_for_later(&error) => {
                    from.push_front(packet);
                    break;
                }
                Some(Err(error)) if !matches!(error.raw_os_error(), Some(libc::EMSGSIZE | libc::EINVAL)) => {
                    from.push_front(packet);
                    return Err(self.failure("sendto", error));
                }
                // Too short or too long for the interface.
                Some(Err(_)) | None => {
                    self.stats.tx_refused += 1;
                    pool.give(packet);
                }
            }
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
