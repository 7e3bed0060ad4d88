//! One socket as the worker that owns it uses it.
//!
//! Invariant: every frame of the socket's memory is in exactly one place: with the kernel (fill, receive, transmit
//! or completion ring), waiting to be filled in, or free to send from.

use std::cell::Cell;
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;

use heddle_packet::{Packet, Pool, PortId};

use super::Attachment;
use super::socket::{FRAMES_EACH_WAY, XdpSocket};
use crate::device::{is_up, mtu_bytes};
use crate::frame::{ETHERNET_BYTES, FRAMES_AHEAD, MTU_INTERVAL_NS, fits_mtu};
use crate::partial::complete_partial;
use crate::port::{Queue, QueueError, QueueStats};

/// Buffers that one frame may take: the kernel's limit on fragments (`MAX_SKB_FRAGS`) and its head.
const BUFFERS_MAX: usize = 18;

/// How often an idle queue asks whether the interface is still there, and what the kernel lost.
const LIVENESS_INTERVAL_NS: u64 = 1_000_000;

/// How often it asks whether the interface is set up.
const UP_INTERVAL_NS: u64 = 50_000_000;

/// When frames that the kernel did not take at once are offered again.
const KICK_INTERVAL_NS: u64 = 50_000;

/// One socket.
#[derive(Debug)]
pub(super) struct XdpQueue {
    id: PortId,
    // Declared before the attachment: frames go to the host again once no socket takes them.
    socket: XdpSocket,
    attachment: Arc<Attachment>,
    /// Frames to give to the fill ring.
    to_fill: Vec<u64>,
    /// Frames to send from.
    free: Vec<u64>,
    /// Whether receiving drives the device.
    is_polled: bool,
    mtu_bytes: usize,
    mtu_checked_ns: u64,
    checked_ns: u64,
    up_checked_ns: u64,
    /// When the kernel is to be asked again to send what it has been given.
    kick_due_ns: Option<u64>,
    stats: QueueStats,
    missed: Cell<u64>,
}

impl XdpQueue {
    pub(super) fn new(
        id: PortId,
        mtu_bytes: usize,
        socket: XdpSocket,
        is_polled: bool,
        attachment: Arc<Attachment>,
    ) -> Self {
        let each_way = FRAMES_EACH_WAY as usize;
        let address = |frame| socket.umem.address(frame);
        let to_fill: Vec<_> = (0..each_way).map(address).collect();
        let free = (each_way..2 * each_way).map(address).collect();
        let mut queue = Self {
            id,
            socket,
            attachment,
            to_fill,
            free,
            is_polled,
            mtu_bytes,
            mtu_checked_ns: 0,
            checked_ns: 0,
            up_checked_ns: 0,
            kick_due_ns: None,
            stats: QueueStats::default(),
            missed: Cell::new(0),
        };
        queue.fill();
        queue
    }

    fn failure(&self, call: &'static str, source: io::Error) -> QueueError {
        let name = self.attachment.name.clone();
        match source.raw_os_error() {
            Some(libc::ENETDOWN | libc::ENODEV | libc::ENXIO) => QueueError::Gone { name, source },
            _ => QueueError::System { name, call, source },
        }
    }

    /// Gives frames that have been read back to the kernel.
    fn fill(&mut self) {
        if self.to_fill.is_empty() {
            return;
        }
        while let Some(&frame) = self.to_fill.last()
            && self.socket.fill.push(frame)
        {
            self.to_fill.pop();
        }
        self.socket.fill.publish();
    }

    /// Takes one frame off the receive ring. False if none is there.
    fn receive_one(&mut self, now_ns: u64, pool: &mut Pool, into: &mut Vec<Packet>) -> bool {
        let (mut descriptors, mut len) = (0, 0);
        loop {
            // The kernel publishes the buffers of a frame together.
            let Some(descriptor) = self.socket.receive.peek(descriptors) else { return false };
            descriptors += 1;
            len += descriptor.len as usize;
            if descriptor.options & libc::XDP_PKT_CONTD == 0 {
                break;
            }
        }
        if let Some(descriptor) = self.socket.receive.known(FRAMES_AHEAD as u32) {
            self.socket.umem.prefetch(descriptor.addr);
        }
        let mut packet = pool.take(len);
        let mut filled = 0;
        for behind in 0..descriptors {
            let Some(descriptor) = self.socket.receive.peek(behind) else { break };
            let space = packet.receive_space().get_mut(filled..).unwrap_or_default();
            if let Some(bytes) = self.socket.umem.received(descriptor.addr, descriptor.len)
                && let Some(space) = space.get_mut(..bytes.len())
            {
                space.copy_from_slice(bytes);
                filled += bytes.len();
            }
            self.to_fill.push(self.socket.umem.frame_of(descriptor.addr));
        }
        self.socket.receive.advance(descriptors);
        if filled < len || len < ETHERNET_BYTES {
            self.stats.rx_invalid += 1;
            pool.give(packet);
            return true;
        }
        packet.set_received(len);
        if !self.socket.is_zero_copy {
            complete_partial(packet.bytes_mut());
        }
        packet.ingress_port = self.id;
        packet.arrival_ns = now_ns;
        self.stats.rx_packets += 1;
        self.stats.rx_bytes += len as u64;
        into.push(packet);
        true
    }

    /// Puts a packet into the transmit ring. False if there are not frames enough now.
    fn send_one(&mut self, bytes: &[u8]) -> bool {
        let stride_bytes = self.socket.umem.layout().stride_bytes;
        let buffers = bytes.len().div_ceil(stride_bytes);
        // The ring has an entry for every frame, and the kernel frees the entry first.
        if self.free.len() < buffers || (self.socket.transmit.room(buffers as u32) as usize) < buffers {
            return false;
        }
        let mut left = buffers;
        for part in bytes.chunks(stride_bytes) {
            let Some(addr) = self.free.pop() else { break };
            self.socket.umem.write(addr, part);
            left -= 1;
            let options = if left > 0 { libc::XDP_PKT_CONTD } else { 0 };
            self.socket.transmit.push(libc::xdp_desc { addr, len: part.len() as u32, options });
        }
        true
    }

    fn is_sendable(&self, packet: &Packet) -> bool {
        let (bytes, stride_bytes) = (packet.bytes(), self.socket.umem.layout().stride_bytes);
        let buffers_max = if self.socket.is_multi_buffer { BUFFERS_MAX } else { 1 };
        bytes.len() >= ETHERNET_BYTES
            && bytes.len().div_ceil(stride_bytes) <= buffers_max
            && fits_mtu(bytes, packet.wire_len, self.mtu_bytes)
    }

    /// Takes back frames that have been sent.
    fn reclaim(&mut self) {
        let mut count = 0;
        while let Some(frame) = self.socket.completion.peek(0) {
            self.socket.completion.advance(1);
            self.free.push(frame);
            count += 1;
        }
        if count > 0 {
            self.socket.completion.publish();
        }
    }

    /// Has the kernel send what it has been given. What it does not take now is asked for again later.
    fn kick(&mut self, now_ns: u64) -> io::Result<()> {
        self.kick_due_ns = None;
        let mut outstanding = self.socket.transmit.outstanding();
        // Every call sends something, or the loop ends.
        let calls_max = outstanding;
        for _ in 0..calls_max {
            if outstanding == 0 || !self.socket.transmit.needs_wakeup() {
                return Ok(());
            }
            let outcome = self.socket.drive_transmit();
            let before = outstanding;
            outstanding = self.socket.transmit.outstanding();
            match outcome {
                Ok(()) if self.socket.is_zero_copy => return Ok(()),
                Ok(()) => {}
                Err(error) => match error.raw_os_error() {
                    // The device dropped one: it has no carrier, or its queue is stopped.
                    Some(libc::EBUSY) if !self.socket.is_zero_copy => {
                        self.stats.tx_packets = self.stats.tx_packets.saturating_sub(1);
                        self.stats.tx_refused += 1;
                        continue;
                    }
                    Some(libc::EAGAIN | libc::EBUSY | libc::ENOBUFS | libc::ENOMEM | libc::EINTR) => {}
                    _ => return Err(error),
                },
            }
            if outstanding == before {
                break;
            }
        }
        if outstanding > 0 {
            self.kick_due_ns = Some(now_ns.saturating_add(KICK_INTERVAL_NS));
        }
        Ok(())
    }

    /// Asks an idle queue's socket, now and then, whether it still has an interface, and what it lost.
    fn check_alive(&mut self, now_ns: u64) -> Result<(), QueueError> {
        if now_ns.saturating_sub(self.checked_ns) < LIVENESS_INTERVAL_NS {
            return Ok(());
        }
        self.checked_ns = now_ns;
        self.missed.set(self.socket.missed());
        let mut error = self.socket.take_error();
        // The socket is told of an interface that is removed, and not of one that is set down.
        if error.is_none() && now_ns.saturating_sub(self.up_checked_ns) >= UP_INTERVAL_NS {
            self.up_checked_ns = now_ns;
            error = (!is_up(&self.attachment.name)).then(|| io::Error::from_raw_os_error(libc::ENETDOWN));
        }
        error.map_or(Ok(()), |error| Err(self.failure("AF_XDP", error)))
    }
}

impl Queue for XdpQueue {
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
        if self.is_polled || self.socket.fill.needs_wakeup() {
            self.socket.drive_receive();
        }
        let before = into.len();
        while into.len() - before < max && self.receive_one(now_ns, pool, into) {}
        let count = into.len() - before;
        if !self.to_fill.is_empty() {
            self.socket.receive.publish();
            self.fill();
        }
        if self.kick_due_ns.is_some_and(|due_ns| due_ns <= now_ns) {
            self.kick(now_ns).map_err(|source| self.failure("sendto", source))?;
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
            self.mtu_bytes = mtu_bytes(&self.attachment.name).unwrap_or(self.mtu_bytes);
        }
        self.reclaim();
        let mut count = 0;
        while let Some(packet) = from.front() {
            let is_sendable = self.is_sendable(packet);
            if is_sendable && !self.send_one(packet.bytes()) {
                break;
            }
            if is_sendable {
                self.stats.tx_packets += 1;
                self.stats.tx_bytes += packet.len() as u64;
                count += 1;
            } else {
                self.stats.tx_refused += 1;
            }
            if let Some(packet) = from.pop_front() {
                pool.give(packet);
            }
        }
        self.socket.transmit.publish();
        self.kick(now_ns).map_err(|source| self.failure("sendto", source))?;
        Ok(count)
    }

    fn readable_fd(&self) -> Option<RawFd> {
        Some(self.socket.as_raw_fd())
    }

    fn next_arrival_ns(&self) -> Option<u64> {
        self.kick_due_ns
    }

    fn stats(&self) -> QueueStats {
        QueueStats { rx_missed: self.stats.rx_missed + self.missed.get(), ..self.stats }
    }
}
