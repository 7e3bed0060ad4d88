//! A port on any Ethernet interface, by `AF_PACKET`: the interface keeps its offloads, MTU and `tc` rate.
//!
//! Invariant: the interface is left as it was found. Promiscuous mode belongs to the sockets and ends with
//! them. Nothing bypasses the queueing discipline: what it has no room for stays with the caller.

use std::collections::VecDeque;
use std::io;
use std::os::fd::RawFd;

use heddle_packet::{Packet, Pool, PortId};

use crate::device::{Interface, mtu_bytes_through};
use crate::error::OpenError;
use crate::frame::{ETHERNET_BYTES, MTU_INTERVAL_NS, VLAN_TAG_BYTES};
use crate::offload::{Intake, Sink};
use crate::port::{Port, PortDescription, Queue, QueueError, QueueStats};
use crate::ring::{Ring, Slot};
use crate::scratch::Scratch;
use crate::socket::{Outcome, PacketSocket, SendBatch, Sent};
use crate::whole::{Shapes, cut_first};

/// Room for segmentation-offloaded frames that wait beside the ring.
const RECEIVE_BUFFER_BYTES: usize = 16 << 20;

/// How often an idle queue asks whether the interface is still there.
const LIVENESS_INTERVAL_NS: u64 = 1_000_000;

/// How often the kernel is asked what it had no room for.
const MISSED_INTERVAL_NS: u64 = 10_000_000;

/// A port on an Ethernet interface.
#[derive(Debug)]
pub struct AfPacketPort {
    description: PortDescription,
    queues: Vec<AfPacketQueue>,
}

impl AfPacketPort {
    /// Attaches the interface with as many queues, at least one; frames are shared between them by flow.
    ///
    /// # Errors
    /// What is missing and how to mend it.
    pub fn open(id: PortId, name: &str, queues: usize) -> Result<Self, OpenError> {
        let interface = Interface::find(name)?;
        interface.check_usable()?;
        let mut notes = Vec::new();
        let mut group = None;
        let mut opened = Vec::new();
        for _ in 0..queues.max(1) {
            opened.push(AfPacketQueue::open(id, &interface, &mut notes)?);
        }
        if let [_, _, ..] = opened[..] {
            for queue in &opened {
                let joined = queue.socket.join_fanout(group);
                group = Some(joined.map_err(system(name, "PACKET_FANOUT"))?);
            }
        }
        for queue in &opened {
            queue.socket.accept_all().map_err(system(name, "SO_DETACH_FILTER"))?;
        }
        notes.sort();
        notes.dedup();
        describe(&interface, &mut notes);
        let description = PortDescription {
            id,
            name: name.to_owned(),
            kind: "AF_PACKET",
            interface: Some(interface.index),
            queues: opened.len(),
            mtu_bytes: interface.mtu_bytes,
            notes,
        };
        Ok(Self { description, queues: opened })
    }

    /// Adds a sentence to the description, before the others.
    pub(crate) fn note(&mut self, note: String) {
        self.description.notes.insert(0, note);
    }
}

fn system<'a>(name: &'a str, call: &'static str) -> impl Fn(io::Error) -> OpenError + 'a {
    move |source| OpenError::of_call(name, call, "CAP_NET_RAW", source)
}

/// Says what was found that matters, and what was done.
fn describe(interface: &Interface, notes: &mut Vec<String>) {
    notes.push("Promiscuous while attached.".to_owned());
    let offloads = interface.offloads();
    let mut on = Vec::new();
    for (is_on, name) in [
        (offloads.tx_checksum, "checksum"),
        (offloads.tcp_segmentation || offloads.generic_segmentation, "segmentation"),
        (offloads.generic_receive, "receive merging"),
    ] {
        if is_on {
            on.push(name);
        }
    }
    if !on.is_empty() {
        notes.push(format!("Offloads stay as they are ({}); large frames go through whole or are cut, as the program allows.", on.join(", ")));
    }
    let addresses = interface.addresses();
    if !addresses.is_empty() {
        let list: Vec<_> = addresses.iter().map(ToString::to_string).collect();
        notes.push(format!(
            "The host has {} on this interface and answers there as well as the program; remove with `ip \
             address flush dev {}` if that is not meant.",
            list.join(", "),
            interface.name
        ));
    }
}

impl Port for AfPacketPort {
    fn description(&self) -> PortDescription {
        self.description.clone()
    }

    fn split(&mut self) -> Vec<Box<dyn Queue>> {
        self.queues.drain(..).map(|queue| Box::new(queue) as Box<dyn Queue>).collect()
    }
}

/// One socket.
#[derive(Debug)]
struct AfPacketQueue {
    id: PortId,
    name: String,
    interface_index: i32,
    // Declared before the socket: the ring is unmapped first.
    ring: Option<Ring>,
    socket: PacketSocket,
    scratch: Scratch,
    intake: Intake,
    batch: SendBatch,
    /// Whether large frames are sent, whole ones and such as TCP segments are joined to; not once the kernel has
    /// refused one.
    joins: bool,
    mtu_bytes: usize,
    mtu_checked_ns: u64,
    /// Whether the interface was gone when last looked at.
    is_gone: bool,
    checked_ns: u64,
    missed_checked_ns: u64,
    stats: QueueStats,
}

impl AfPacketQueue {
    fn open(id: PortId, interface: &Interface, notes: &mut Vec<String>) -> Result<Self, OpenError> {
        let name = interface.name.as_str();
        let socket = PacketSocket::open().map_err(system(name, "socket(AF_PACKET)"))?;
        socket.set_vnet_header().map_err(system(name, "PACKET_VNET_HDR"))?;
        socket.set_auxiliary_data().map_err(system(name, "PACKET_AUXDATA"))?;
        if socket.ignore_outgoing().is_err() {
            // Older kernels: outgoing frames are recognised one by one.
            notes.push("The kernel cannot hide the host's own frames; the port skips them.".to_owned());
        }
        socket.set_receive_buffer(RECEIVE_BUFFER_BYTES);
        let frame_bytes = interface.mtu_bytes + ETHERNET_BYTES + 2 * VLAN_TAG_BYTES;
        let ring = match Ring::map(&socket, frame_bytes) {
            Ok(ring) => Some(ring),
            Err(error) => {
                notes.push(format!("No mapped receive ring ({error}); every frame costs a system call."));
                None
            }
        };
        socket.refuse_all().map_err(system(name, "SO_ATTACH_FILTER"))?;
        socket.bind(interface.index).map_err(system(name, "bind"))?;
        socket.join_promiscuous(interface.index).map_err(system(name, "PACKET_ADD_MEMBERSHIP"))?;
        Ok(Self {
            id,
            name: name.to_owned(),
            interface_index: interface.index,
            ring,
            socket,
            scratch: Scratch::new(),
            intake: Intake::new(id),
            batch: SendBatch::new(),
            joins: true,
            mtu_bytes: interface.mtu_bytes,
            mtu_checked_ns: 0,
            is_gone: false,
            checked_ns: 0,
            missed_checked_ns: 0,
            stats: QueueStats::default(),
        })
    }
}

impl AfPacketQueue {
    /// Sorts a failed call: nothing to do but wait, or an error.
    fn failure(&mut self, call: &'static str, source: io::Error) -> QueueError {
        let name = self.name.clone();
        match source.raw_os_error() {
            Some(libc::ENETDOWN | libc::ENODEV | libc::ENXIO) => {
                self.is_gone = true;
                QueueError::Gone { name, source }
            }
            _ => QueueError::System { name, call, source },
        }
    }

    /// Asks an idle queue's socket, now and then, whether it still has an interface. The kernel says so once;
    /// from then on the interface itself is asked until it is back.
    fn check_alive(&mut self, now_ns: u64) -> Result<(), QueueError> {
        if now_ns.saturating_sub(self.checked_ns) < LIVENESS_INTERVAL_NS {
            return Ok(());
        }
        self.checked_ns = now_ns;
        if let Some(error) = self.socket.take_error() {
            return Err(self.failure("recvmsg", error));
        }
        if self.is_gone {
            let is_back = Interface::find(&self.name)
                .is_ok_and(|interface| interface.is_up && interface.index == self.interface_index);
            if !is_back {
                return Err(self.failure("recvmsg", io::Error::from_raw_os_error(libc::ENETDOWN)));
            }
            self.is_gone = false;
        }
        Ok(())
    }
}

impl Queue for AfPacketQueue {
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
        let before = into.len();
        let mut sink = Sink { now_ns, pool, into, stats: &mut self.stats, room: max };
        let mut failed = None;
        while sink.room > 0 {
            if !self.scratch.take(&mut self.intake, &mut sink) {
                break;
            }
            if let Some(ring) = &mut self.ring {
                match ring.head() {
                    Slot::Empty => break,
                    Slot::Frame(received) => {
                        if !received.is_outgoing {
                            match received.frame {
                                Some(frame) if !self.intake.take(&frame, &mut sink) => break,
                                Some(_) => {}
                                None => sink.stats.rx_missed += 1,
                            }
                        }
                        ring.release();
                        continue;
                    }
                    Slot::Beside => ring.release(),
                }
            }
            match self.socket.receive(&mut self.scratch) {
                // With a ring the slot said that there is one; what is at its head comes next all the same.
                Ok(Outcome::Nothing) if self.ring.is_some() => {}
                Ok(Outcome::Nothing) => break,
                Ok(Outcome::Held | Outcome::Outgoing) => {}
                Ok(Outcome::Cut) => sink.stats.rx_invalid += 1,
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        let count = into.len() - before;
        if let Some(error) = failed {
            return Err(self.failure("recvmsg", error));
        }
        if now_ns.saturating_sub(self.missed_checked_ns) >= MISSED_INTERVAL_NS {
            self.missed_checked_ns = now_ns;
            // The kernel's count starts anew whenever it is read.
            self.stats.rx_missed += self.socket.take_drops();
        }
        if count == 0 {
            self.check_alive(now_ns)?;
        }
        Ok(count)
    }

    fn transmit(
        &mut self,
        now_ns: u64,
        pool: &mut Pool,
        from: &mut VecDeque<Packet>,
    ) -> Result<usize, QueueError> {
        if now_ns.saturating_sub(self.mtu_checked_ns) >= MTU_INTERVAL_NS {
            self.mtu_checked_ns = now_ns;
            // A failure means that the interface is gone, which sending will tell.
            self.mtu_bytes = mtu_bytes_through(&self.socket, &self.name).unwrap_or(self.mtu_bytes);
        }
        let mut count = 0;
        while !from.is_empty() {
            match self.socket.send(&mut self.batch, from, self.mtu_bytes, self.joins) {
                Ok(Sent::CutFirst) => cut_first(from, pool),
                Ok(Sent::Packets(sent)) => {
                    for packet in from.drain(..sent) {
                        self.stats.tx_bytes += packet.wire_bytes() as u64;
                        self.stats.tx_packets += packet.segments() as u64;
                        count += packet.segments();
                        pool.give(packet);
                    }
                    if sent == 0 {
                        break;
                    }
                }
                Err(error) => match error.raw_os_error() {
                    // No room in the socket, the queueing discipline or memory: the rest stays.
                    Some(libc::EAGAIN | libc::ENOBUFS | libc::ENOMEM | libc::EINTR) => break,
                    Some(libc::EMSGSIZE | libc::EINVAL) if self.batch.first_is_large() => {
                        self.joins = false;
                    }
                    // This one will never go: larger than the MTU, or too short for an Ethernet header.
                    Some(libc::EMSGSIZE | libc::EINVAL) => {
                        if let Some(packet) = from.pop_front() {
                            self.stats.tx_refused += 1;
                            pool.give(packet);
                        }
                    }
                    _ => return Err(self.failure("sendmmsg", error)),
                },
            }
        }
        Ok(count)
    }

    fn carry_whole(&mut self, shapes: Shapes) {
        self.intake.set_whole(shapes);
    }

    fn takes_whole(&self) -> bool {
        true
    }

    fn readable_fd(&self) -> Option<RawFd> {
        Some(self.socket.raw_fd())
    }

    fn stats(&self) -> QueueStats {
        self.stats
    }
}
