//! The seam between programs and the engine: one call runs a batch of packets through an entry point.
//!
//! An executor turns a [`Work`] with its verdict unset into one with a verdict; it makes clones (into
//! [`Context::clones`]) and digests, and prepares resubmitted and recirculated packets itself, so that the
//! engine never needs to know how a frame is laid out. Invariant: a batch has exactly the effects of its
//! packets run one by one in order.

use heddle_ir::{DigestId, DropReason, Origin, Verified};
use heddle_packet::{Packet, Pool};
use heddle_state::{Snapshot, State};

use crate::trace::TraceSink;

/// Runs a verified program. Holds no packet and no run-time state, so one executor serves many switches.
pub trait Executor: Send + Sync {
    /// What it runs.
    fn program(&self) -> &Verified;

    /// Size of a frame in 64-bit words. How the words are used is the executor's own business.
    fn frame_words(&self) -> usize;

    /// Runs every work of the batch, first one first, through an entry point.
    ///
    /// Before: packet, frame and intrinsics are set. After: [`Work::verdict`] says what becomes of the packet,
    /// and the packet is ready for it. [`Verdict::Transmit`] and [`Verdict::Recirculate`]: the bytes are those
    /// deparsed. [`Verdict::Resubmit`]: the bytes are as they arrived. For the latter two the frame holds just
    /// what is preserved, and `parsed_bytes` is zero.
    fn run(&self, entry: Entry, context: &mut Context<'_>, batch: &mut [Work]);

    /// Runs works that have just arrived through ingress, and those that it sends to an open [`Gate`] through egress
    /// at once, each before the next begins: as if it had gone through the port's queue without stopping, now. Each
    /// packet to be transmitted takes one from its gate's room.
    ///
    /// Works come without a frame; one that is to go on has got one from [`Context::frames`].
    ///
    /// Ends behind the first work that neither passed ([`Verdict::Passed`], [`Verdict::Lost`]) nor was dropped: its
    /// verdict and clones are as [`Executor::run`] leaves them. A work may be left so though it could have passed.
    /// Ends as well behind a work of which clones were made, on the way in or out, and behind one that asked for
    /// queues to be held ([`heddle_ir::Probe::Hold`]), which does not pass.
    /// Gives how many works it ran; `None`, and nothing was done, if this executor cannot do so with this program.
    fn run_through(
        &self,
        context: &mut Context<'_>,
        passage: &mut Passage<'_>,
        batch: &mut [Work],
    ) -> Option<usize> {
        let _ = (context, passage, batch);
        None
    }
}

/// What packets pass between ingress and egress when they do not stop.
pub struct Passage<'a> {
    /// By port number.
    pub gates: &'a mut [Gate],
    /// Whom to tell of a packet that passes a gate, between its passes: the port, and bytes on the wire.
    pub sends: Option<&'a mut dyn FnMut(u32, u64)>,
}

impl Passage<'_> {
    /// Lets a packet that ingress sent to a port pass, if the gate is open now: what becomes of it if nothing does in
    /// egress.
    #[inline]
    pub fn pass(&mut self, now_ns: u64, port: u32, queue: u32, wire_bytes: u64) -> Option<Verdict> {
        let gate = self.gates.get_mut(port as usize).filter(|gate| gate.from_ns <= now_ns)?;
        gate.room = gate.room.checked_sub(1)?;
        if let Some(sends) = &mut self.sends {
            sends(port, wire_bytes);
        }
        Some(Verdict::Passed { port, queue: queue.min(u32::from(gate.queues.saturating_sub(1))) })
    }
}

/// Whether packets pass through a port's queues without stopping: they are empty, take a packet of any length, and there
/// is room behind them. What has a rate lets one pass at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Gate {
    /// When what was sent last has been sent, at the port's rate and that of each of its queues: nothing passes before. 0
    /// without rates.
    pub from_ns: u64,
    /// Packets that may still pass. None: the gate is shut.
    pub room: u8,
    /// Queues of the port. A decision for one beyond the last means the last.
    pub queues: u8,
}

/// Where a packet enters the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Entry {
    /// It arrived, or was resubmitted or recirculated.
    Ingress,
    /// It left its queue.
    Egress,
}

/// The storage of a packet's slots: opaque words. Those of a packet that begins ingress with [`Origin::Normal`] mean
/// nothing: the executor takes all of them for zero.
#[derive(Clone, Debug, Default)]
pub struct Frame {
    /// As many as [`Executor::frame_words`] says.
    pub words: Box<[u64]>,
}

impl Frame {
    /// An all-zero frame.
    pub fn new(words: usize) -> Self {
        Self { words: vec![0; words].into_boxed_slice() }
    }
}

/// Free frames of one size, recycled without the allocator in steady state.
#[derive(Debug)]
pub struct FramePool {
    words: usize,
    free: Vec<Frame>,
}

impl FramePool {
    /// A pool of frames of so many words, with `count` at hand.
    pub fn new(words: usize, count: usize) -> Self {
        Self { words, free: (0..count).map(|_| Frame::new(words)).collect() }
    }

    /// A frame for a packet that arrives, with anything in it: an executor clears it where it has to.
    #[inline]
    pub fn take_for_arrival(&mut self) -> Frame {
        self.free.pop().unwrap_or_else(|| Frame::new(self.words))
    }

    /// An all-zero frame.
    pub fn take(&mut self) -> Frame {
        match self.free.pop() {
            Some(mut frame) => {
                frame.words.fill(0);
                frame
            }
            None => Frame::new(self.words),
        }
    }

    /// A frame with anything in it, if one is at hand.
    pub fn spare(&mut self) -> Option<Frame> {
        self.free.pop()
    }

    /// Takes a frame back. Frames of another size (of a program since replaced) are dropped.
    #[inline]
    pub fn give(&mut self, frame: Frame) {
        if frame.words.len() == self.words && self.free.len() < self.free.capacity().max(4_096) {
            self.free.push(frame);
        }
    }
}

/// What the engine tells the program about a packet; see [`heddle_ir::Intrinsic`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Intrinsics {
    /// Port it came in by.
    pub ingress_port: u32,
    /// Port whose queue it left.
    pub egress_port: u32,
    /// Length on the wire when this pass began, in bytes; of all packets that it stands for.
    pub packet_length: u32,
    /// Packets on the wire that it stands for: one, but for frames carried whole. Counters count as many.
    pub packets: u32,
    /// How it came here.
    pub origin: Origin,
    /// Replication id.
    pub replication_id: u32,
    /// When it arrived at the switch.
    pub ingress_time_ns: u64,
    /// When it was queued.
    pub enqueue_time_ns: u64,
    /// Packets in the queue when it was queued.
    pub enqueue_depth: u32,
    /// Packets in the queue when it left it.
    pub dequeue_depth: u32,
    /// The queue.
    pub queue_id: u32,
}

impl Default for Intrinsics {
    #[inline]
    fn default() -> Self {
        Self {
            ingress_port: 0,
            egress_port: 0,
            packet_length: 0,
            packets: 1,
            origin: Origin::Normal,
            replication_id: 0,
            ingress_time_ns: 0,
            enqueue_time_ns: 0,
            enqueue_depth: 0,
            dequeue_depth: 0,
            queue_id: 0,
        }
    }
}

/// A packet under way.
#[derive(Debug)]
pub struct Work {
    /// Its bytes. Between passes they are still those that arrived, headers live in the frame.
    pub packet: Packet,
    /// Its slots.
    pub frame: Frame,
    /// Bytes at the packet's start that the parser has taken: the rest is payload.
    pub parsed_bytes: usize,
    /// What the engine knows.
    pub intrinsics: Intrinsics,
    /// What became of it.
    pub verdict: Verdict,
    /// The length that `truncate` asked for, if any, and that still has to be applied. A pass that ends in
    /// [`Verdict::Enqueue`] or [`Verdict::Replicate`] leaves it set; one that ends in [`Verdict::Transmit`] or
    /// [`Verdict::Recirculate`] cuts the bytes deparsed to what is set, by whomever, and clears it.
    pub truncate_bytes: Option<u32>,
}

/// What becomes of a packet when its pass ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Into a queue of a port.
    Enqueue {
        /// Port.
        port: u32,
        /// Queue: higher is served sooner.
        queue: u32,
    },
    /// To every replica of a group.
    Replicate {
        /// Multicast group.
        group: u32,
        /// Queue.
        queue: u32,
    },
    /// Ingress again, bytes as they arrived.
    Resubmit,
    /// Ingress again, bytes as deparsed.
    Recirculate,
    /// Out of the port whose queue it left.
    Transmit,
    /// Nowhere.
    Drop(DropReason),
    /// Out of a port, whose queue and egress it has been through: [`Executor::run_through`] alone decides so.
    Passed {
        /// Port.
        port: u32,
        /// Queue that it went through, one that the port has.
        queue: u32,
    },
    /// Nowhere: egress dropped it behind a port's queue. [`Executor::run_through`] alone decides so.
    Lost {
        /// Port.
        port: u32,
        /// Queue that it went through, one that the port has.
        queue: u32,
        /// Why.
        reason: DropReason,
    },
}

/// A clone that a pass made. Its egress pass starts with [`Work::intrinsics`]' `origin` as given here.
#[derive(Debug)]
pub struct Clone {
    /// Position in the batch of the packet that it is a clone of. Clones are made in ascending order of it.
    pub parent: usize,
    /// Clone session, to be looked up by the engine.
    pub session: u32,
    /// Packet, frame and `parsed_bytes`; verdict without meaning.
    pub work: Work,
}

/// Digests of a batch, flat, so that none allocates in steady state.
#[derive(Debug, Default)]
pub struct DigestBuffer {
    /// Which digest, and where its values end in `words`.
    pub messages: Vec<(DigestId, usize)>,
    /// Values in order, each in as many little-endian limbs as its width needs, at least one.
    pub words: Vec<u64>,
}

/// What a batch runs in.
pub struct Context<'a> {
    /// Tables, counters, meters, registers of this switch.
    pub state: &'a State,
    /// What this batch sees of the tables.
    pub snapshot: &'a Snapshot<'a>,
    /// Which worker this is, for per-worker counters.
    pub worker: usize,
    /// Now.
    pub now_ns: u64,
    /// State of this worker's random numbers; any value.
    pub random: &'a mut u64,
    /// Free packets.
    pub pool: &'a mut Pool,
    /// Free frames.
    pub frames: &'a mut FramePool,
    /// Clones made.
    pub clones: &'a mut Vec<Clone>,
    /// Digests made.
    pub digests: &'a mut DigestBuffer,
    /// Where the trace goes, if anyone asked.
    pub trace: Option<&'a mut dyn TraceSink>,
}
