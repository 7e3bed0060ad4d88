//! A port in memory: its other end is a handle that a test, a benchmark or a simulator holds.
//!
//! Invariant: frames leave each queue in the order in which they were put there, none before its arrival time,
//! and every frame that finds its queue full is counted (`rx_missed`) and handed back to whoever offered it.
//! Both ends may live on different threads; neither ever locks or waits.

use std::collections::VecDeque;
use std::io;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use heddle_packet::{Packet, Pool, PortId};
use rtrb::{Consumer, Producer, RingBuffer};

use crate::frame::fits_mtu;
use crate::port::{Port, PortDescription, Queue, QueueError, QueueStats};
use crate::whole::{Shape, Shapes, cut, cut_first, vnet_header};

/// Collected buffers that a peer keeps for its next injections.
const PEER_RETAINED_MAX: usize = 256;

/// What a memory port is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryOptions {
    /// Shown in descriptions and errors.
    pub name: String,
    /// Queues; at least one is made.
    pub queues: usize,
    /// Packets that each direction of each queue holds; at least one.
    pub depth_packets: usize,
    /// Largest frame without Ethernet header, in bytes; longer ones are refused when sent.
    pub mtu_bytes: usize,
    /// Whether packets that stand for many are handed over and taken whole, as by a kernel with offloads.
    pub whole: bool,
}

impl Default for MemoryOptions {
    fn default() -> Self {
        Self { name: "memory".to_owned(), queues: 1, depth_packets: 1_024, mtu_bytes: 9_216, whole: false }
    }
}

/// Makes a port and the handle to its other end.
pub fn pair(id: PortId, options: &MemoryOptions) -> (MemoryPort, MemoryPeer) {
    let depth = options.depth_packets.max(1);
    let unplugged = Arc::new(AtomicBool::new(false));
    let mut queues = Vec::new();
    let mut lines = Vec::new();
    for index in 0..options.queues.max(1) {
        let (inject, received) = RingBuffer::new(depth);
        let (sent, collect) = RingBuffer::new(depth);
        let missed = Arc::new(AtomicU64::new(0));
        queues.push(MemoryQueue {
            id,
            index,
            name: options.name.clone(),
            mtu_bytes: options.mtu_bytes,
            takes_whole: options.whole,
            whole: Shapes::NONE,
            received,
            sent,
            missed: Arc::clone(&missed),
            unplugged: Arc::clone(&unplugged),
            stats: QueueStats::default(),
        });
        lines.push(Line { inject, collect, missed });
    }
    let port = MemoryPort { id, options: options.clone(), queues };
    (port, MemoryPeer { lines, unplugged, free: Vec::new(), next_collect: 0 })
}

/// The switch's end.
#[derive(Debug)]
pub struct MemoryPort {
    id: PortId,
    options: MemoryOptions,
    queues: Vec<MemoryQueue>,
}

impl Port for MemoryPort {
    fn description(&self) -> PortDescription {
        PortDescription {
            id: self.id,
            name: self.options.name.clone(),
            kind: "memory",
            interface: None,
            queues: self.options.queues.max(1),
            mtu_bytes: self.options.mtu_bytes,
            notes: Vec::new(),
        }
    }

    fn split(&mut self) -> Vec<Box<dyn Queue>> {
        self.queues.drain(..).map(|queue| Box::new(queue) as Box<dyn Queue>).collect()
    }
}

/// A packet that the switch sent.
#[derive(Debug)]
pub struct Sent {
    /// The packet, with the arrival time and ingress port that it had in the switch.
    pub packet: Packet,
    /// When it was sent, in the clock of whoever drives the engine.
    pub sent_ns: u64,
    /// The queue that sent it.
    pub queue: usize,
}

/// One queue pair, seen from outside.
#[derive(Debug)]
struct Line {
    inject: Producer<Packet>,
    collect: Consumer<Sent>,
    missed: Arc<AtomicU64>,
}

/// The other end of the wire: what is injected here the switch receives, what it sends is collected here.
///
/// Dropping it ends the port's input: the queues are exhausted once they are empty, and what they send from
/// then on is counted as sent and gone.
#[derive(Debug)]
pub struct MemoryPeer {
    lines: Vec<Line>,
    unplugged: Arc<AtomicBool>,
    free: Vec<Packet>,
    next_collect: usize,
}

impl MemoryPeer {
    /// Queues of the port.
    pub fn queues(&self) -> usize {
        self.lines.len()
    }

    /// Offers a copy of `frame` to the first queue, to be received at `arrival_ns`. False if the queue was
    /// full and the frame is lost.
    pub fn inject(&mut self, frame: &[u8], arrival_ns: u64) -> bool {
        self.inject_on(0, frame, arrival_ns)
    }

    /// Offers a copy of `frame` to a queue; queues beyond the last wrap around. False if the frame is lost.
    pub fn inject_on(&mut self, queue: usize, frame: &[u8], arrival_ns: u64) -> bool {
        let mut packet = self.free.pop().unwrap_or_else(|| Packet::with_capacity(frame.len()));
        packet.fill(frame);
        packet.arrival_ns = arrival_ns;
        match self.inject_packet(queue, packet) {
            Ok(()) => true,
            Err(packet) => {
                self.recycle(packet);
                false
            }
        }
    }

    /// Offers a packet as it is, `arrival_ns` and `wire_len` included, to a queue; queues beyond the last
    /// wrap around.
    ///
    /// # Errors
    /// The packet comes back if the queue was full; it is counted as missed.
    pub fn inject_packet(&mut self, queue: usize, packet: Packet) -> Result<(), Packet> {
        let count = self.lines.len();
        let line = &mut self.lines[queue % count];
        line.inject.push(packet).map_err(|rtrb::PushError::Full(packet)| {
            line.missed.fetch_add(1, Ordering::Relaxed);
            packet
        })
    }

    /// Packets that a queue can still take now; queues beyond the last wrap around.
    pub fn room(&self, queue: usize) -> usize {
        self.lines[queue % self.lines.len()].inject.slots()
    }

    /// The next packet that the switch sent, taking turns between queues.
    pub fn collect(&mut self) -> Option<Sent> {
        let count = self.lines.len();
        for turn in 0..count {
            let queue = (self.next_collect + turn) % count;
            if let Ok(sent) = self.lines[queue].collect.pop() {
                self.next_collect = (queue + 1) % count;
                return Some(sent);
            }
        }
        None
    }

    /// Everything that the switch has sent so far, as bytes; the packets are recycled.
    pub fn collect_frames(&mut self) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        while let Some(sent) = self.collect() {
            frames.push(sent.packet.bytes().to_vec());
            self.recycle(sent.packet);
        }
        frames
    }

    /// Gives a collected packet's buffer to the ones that [`MemoryPeer::inject`] fills.
    pub fn recycle(&mut self, mut packet: Packet) {
        if self.free.len() < PEER_RETAINED_MAX {
            packet.reset();
            self.free.push(packet);
        }
    }

    /// Removes the interface, as it were: from now on every call of every queue says that it is gone.
    pub fn unplug(&self) {
        self.unplugged.store(true, Ordering::Release);
    }

    /// Plugs it in again.
    pub fn plug_in(&self) {
        self.unplugged.store(false, Ordering::Release);
    }
}

/// One queue pair, seen from the switch.
#[derive(Debug)]
struct MemoryQueue {
    id: PortId,
    index: usize,
    name: String,
    mtu_bytes: usize,
    takes_whole: bool,
    /// What is handed over whole.
    whole: Shapes,
    received: Consumer<Packet>,
    sent: Producer<Sent>,
    missed: Arc<AtomicU64>,
    unplugged: Arc<AtomicBool>,
    stats: QueueStats,
}

impl MemoryQueue {
    fn check_plugged(&self) -> Result<(), QueueError> {
        if self.unplugged.load(Ordering::Acquire) {
            return Err(QueueError::Gone {
                name: self.name.clone(),
                source: io::Error::new(io::ErrorKind::NotConnected, "it was unplugged"),
            });
        }
        Ok(())
    }

    /// Sends the packets at the front that nothing has to be done to and that there is room for. How many.
    fn transmit_plain(&mut self, now_ns: u64, from: &mut VecDeque<Packet>) -> usize {
        if self.sent.is_abandoned() {
            return 0;
        }
        let (mut count, mut bytes) = (0, 0);
        let room = self.sent.slots().min(from.len());
        let (front, back) = from.as_slices();
        'plain: for packets in [front, back] {
            for packet in packets {
                let fits = || fits_mtu(packet.bytes(), packet.wire_len, self.mtu_bytes);
                if count == room || packet.segmentation.is_some() || !fits() {
                    break 'plain;
                }
                count += 1;
                bytes += packet.wire_len as u64;
            }
        }
        let Ok(chunk) = self.sent.write_chunk_uninit(count) else { return 0 };
        let (queue, sent_ns) = (self.index, now_ns);
        let next = || from.pop_front().map(|packet| Sent { packet, sent_ns, queue });
        chunk.fill_from_iter(std::iter::from_fn(next));
        self.stats.tx_packets += count as u64;
        self.stats.tx_bytes += bytes;
        count
    }
}

impl Queue for MemoryQueue {
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
        self.check_plugged()?;
        let before = into.len();
        let ready = self.received.slots().min(max);
        let Ok(mut chunk) = self.received.read_chunk(ready) else { return Ok(0) };
        let (first, second) = chunk.as_mut_slices();
        let (mut due, mut is_plain, mut bytes) = (0, true, 0);
        'due: for packets in [first, second] {
            for packet in packets {
                if packet.arrival_ns > now_ns {
                    break 'due;
                }
                packet.ingress_port = self.id;
                is_plain &= packet.segmentation.is_none();
                bytes += packet.wire_len as u64;
                due += 1;
            }
        }
        let mut arrived = chunk.into_iter().take(due);
        if is_plain {
            into.reserve(due);
            into.extend(arrived);
            self.stats.rx_packets += due as u64;
            self.stats.rx_bytes += bytes;
            return Ok(due);
        }
        let (mut packets, mut bytes) = (0, 0);
        // The last one may be cut into more than there is room for.
        while into.len() - before < max
            && let Some(packet) = arrived.next()
        {
            packets += packet.segments();
            bytes += packet.wire_bytes();
            if packet.segmentation.is_none()
                || Shape::of_packet(&packet).is_none_or(|shape| self.whole.contains(shape))
            {
                into.push(packet);
            } else {
                cut(&packet, pool, |segment| into.push(segment));
                pool.give(packet);
            }
        }
        self.stats.rx_packets += packets as u64;
        self.stats.rx_bytes += bytes as u64;
        Ok(into.len() - before)
    }

    fn transmit(
        &mut self,
        now_ns: u64,
        pool: &mut Pool,
        from: &mut VecDeque<Packet>,
    ) -> Result<usize, QueueError> {
        self.check_plugged()?;
        let mut count = self.transmit_plain(now_ns, from);
        while let Some(packet) = from.pop_front() {
            let is_whole = packet.segmentation.is_some();
            if is_whole && vnet_header(&packet, self.mtu_bytes).is_none() {
                from.push_front(packet);
                cut_first(from, pool);
                continue;
            }
            if !is_whole && !fits_mtu(packet.bytes(), packet.wire_len, self.mtu_bytes) {
                self.stats.tx_refused += 1;
                pool.give(packet);
                continue;
            }
            let (packets, bytes) = (packet.segments(), packet.wire_bytes());
            if self.sent.is_abandoned() {
                pool.give(packet);
            } else if let Err(rtrb::PushError::Full(sent)) =
                self.sent.push(Sent { packet, sent_ns: now_ns, queue: self.index })
            {
                from.push_front(sent.packet);
                break;
            }
            self.stats.tx_packets += packets as u64;
            self.stats.tx_bytes += bytes as u64;
            count += packets;
        }
        Ok(count)
    }

    fn carry_whole(&mut self, shapes: Shapes) {
        self.whole = if self.takes_whole { shapes } else { Shapes::NONE };
    }

    fn takes_whole(&self) -> bool {
        self.takes_whole
    }

    fn readable_fd(&self) -> Option<RawFd> {
        None
    }

    fn is_exhausted(&self) -> bool {
        self.received.is_abandoned() && self.received.is_empty()
    }

    fn next_arrival_ns(&self) -> Option<u64> {
        self.received.peek().ok().map(|packet| packet.arrival_ns)
    }

    fn stats(&self) -> QueueStats {
        QueueStats { rx_missed: self.missed.load(Ordering::Relaxed), ..self.stats }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: &[u8] = &[0x5a; 64];

    fn queue_of(port: &mut MemoryPort) -> Box<dyn Queue> {
        port.split().remove(0)
    }

    #[test]
    fn a_frame_is_not_received_before_its_arrival() {
        let (mut port, mut peer) = pair(PortId(3), &MemoryOptions::default());
        let mut queue = queue_of(&mut port);
        let (mut pool, mut into) = (Pool::new(0), Vec::new());
        assert!(peer.inject(FRAME, 100));
        assert_eq!(queue.next_arrival_ns(), Some(100));
        assert_eq!(queue.receive(99, &mut pool, &mut into, 64).unwrap(), 0);
        assert_eq!(queue.receive(150, &mut pool, &mut into, 64).unwrap(), 1);
        assert_eq!((into[0].arrival_ns, into[0].ingress_port, into[0].bytes()), (100, PortId(3), FRAME));
        assert_eq!(queue.next_arrival_ns(), None);
    }

    #[test]
    fn a_full_queue_counts_what_it_misses_and_gives_it_back() {
        let options = MemoryOptions { depth_packets: 2, ..MemoryOptions::default() };
        let (mut port, mut peer) = pair(PortId(1), &options);
        let queue = queue_of(&mut port);
        assert!(peer.inject(FRAME, 0) && peer.inject(FRAME, 0));
        assert_eq!(peer.room(0), 0);
        let refused = peer.inject_packet(0, Packet::from_bytes(FRAME)).unwrap_err();
        assert_eq!(refused.bytes(), FRAME);
        assert_eq!(queue.stats().rx_missed, 1);
    }

    #[test]
    fn what_does_not_fit_stays_in_order_with_the_caller() {
        let options = MemoryOptions { depth_packets: 2, ..MemoryOptions::default() };
        let (mut port, mut peer) = pair(PortId(1), &options);
        let mut queue = queue_of(&mut port);
        let mut pool = Pool::new(0);
        let mut from: VecDeque<_> = (0..4u8).map(|n| Packet::from_bytes(&[n; 60])).collect();
        assert_eq!(queue.transmit(7, &mut pool, &mut from).unwrap(), 2);
        assert_eq!(from.iter().map(|packet| packet.bytes()[0]).collect::<Vec<_>>(), [2, 3]);
        let sent = peer.collect().unwrap();
        assert_eq!((sent.packet.bytes()[0], sent.sent_ns, sent.queue), (0, 7, 0));
        assert_eq!(queue.transmit(8, &mut pool, &mut from).unwrap(), 1);
        assert_eq!(peer.collect_frames().iter().map(|frame| frame[0]).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(queue.stats().tx_packets, 3);
    }

    #[test]
    fn a_frame_beyond_the_mtu_is_refused_and_does_not_block_the_next() {
        let options = MemoryOptions { mtu_bytes: 100, ..MemoryOptions::default() };
        let (mut port, mut peer) = pair(PortId(1), &options);
        let mut queue = queue_of(&mut port);
        let mut pool = Pool::new(0);
        let mut from = VecDeque::from([Packet::from_bytes(&[1; 115]), Packet::from_bytes(&[2; 114])]);
        assert_eq!(queue.transmit(0, &mut pool, &mut from).unwrap(), 1);
        assert_eq!(queue.stats().tx_refused, 1);
        assert_eq!(peer.collect_frames(), [vec![2; 114]]);
    }

    #[test]
    fn a_dropped_peer_exhausts_the_queue_and_swallows_what_is_sent() {
        let (mut port, mut peer) = pair(PortId(1), &MemoryOptions::default());
        let mut queue = queue_of(&mut port);
        let (mut pool, mut into) = (Pool::new(0), Vec::new());
        peer.inject(FRAME, 0);
        drop(peer);
        assert!(!queue.is_exhausted());
        queue.receive(0, &mut pool, &mut into, 1).unwrap();
        assert!(queue.is_exhausted());
        let mut from = VecDeque::from(into);
        assert_eq!(queue.transmit(0, &mut pool, &mut from).unwrap(), 1);
        assert!(from.is_empty());
    }

    #[test]
    fn an_unplugged_port_is_gone_and_comes_back() {
        let (mut port, mut peer) = pair(PortId(1), &MemoryOptions::default());
        let mut queue = queue_of(&mut port);
        let (mut pool, mut into) = (Pool::new(0), Vec::new());
        peer.inject(FRAME, 0);
        peer.unplug();
        let gone = queue.receive(0, &mut pool, &mut into, 1).unwrap_err();
        assert_eq!(gone.to_string(), "memory: the interface is gone: it was unplugged");
        peer.plug_in();
        assert_eq!(queue.receive(0, &mut pool, &mut into, 1).unwrap(), 1);
    }

    #[test]
    fn queues_are_apart_and_collected_in_turn() {
        let options = MemoryOptions { queues: 2, ..MemoryOptions::default() };
        let (mut port, mut peer) = pair(PortId(1), &options);
        let mut queues = port.split();
        let mut pool = Pool::new(0);
        for (n, queue) in queues.iter_mut().enumerate() {
            peer.inject_on(n, FRAME, n as u64);
            let mut from: VecDeque<_> = (0..2).map(|_| Packet::from_bytes(FRAME)).collect();
            queue.transmit(0, &mut pool, &mut from).unwrap();
        }
        assert_eq!(queues[1].next_arrival_ns(), Some(1));
        let order: Vec<_> = std::iter::from_fn(|| peer.collect()).map(|sent| sent.queue).collect();
        assert_eq!(order, [0, 1, 0, 1]);
    }
}
