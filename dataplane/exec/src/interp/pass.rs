//! A packet's way through one entry point: the machine that the program runs on.
//!
//! Invariant: every limb of the frame holds no bits above its value's width, so that reading is copying.

use heddle_ir::{Bits, BodyId, DropReason, Origin, ParserId, PreserveId, Program, Ty};
use heddle_packet::Packet;
use heddle_state::EntryHandle;

use super::layout::{Layout, Slot};
use super::{Interpreter, Scratch};
use crate::trace::Event;
use crate::{Context, Entry, Frame, Intrinsics, Verdict, Work};

/// How a statement ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    /// On to the next statement.
    Next,
    /// Out of the innermost loop.
    Break,
    /// On to the update of the innermost loop.
    Continue,
    /// Out of the innermost body, action or parser state.
    Return,
    /// Out of everything up to the innermost `Catch`.
    Exit,
    /// Out of all parsers. With the code to store, or none to keep the one stored already.
    Reject(Option<u32>),
    /// The pass is over: the packet is dropped.
    Stop(DropReason),
}

/// A decision with its expressions evaluated.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decided {
    pub(super) verdict: Verdict,
    /// What a packet that comes back keeps.
    pub(super) preserve: Option<PreserveId>,
}

/// The machine.
pub(super) struct Pass<'r, 'c> {
    pub(super) interpreter: &'r Interpreter,
    pub(super) entry: Entry,
    /// Position of the packet in its batch.
    pub(super) position: usize,
    pub(super) context: &'r mut Context<'c>,
    pub(super) scratch: &'r mut Scratch,
    pub(super) packet: &'r mut Packet,
    pub(super) frame: &'r mut Frame,
    pub(super) intrinsics: &'r Intrinsics,
    pub(super) parsed_bytes: &'r mut usize,
    pub(super) truncate_bytes: &'r mut Option<u32>,
    pub(super) verdict: &'r mut Verdict,
    /// Bits of the packet that parsers have taken.
    pub(super) cursor_bits: usize,
    /// The parser that is running.
    pub(super) parser: Option<ParserId>,
    /// The entry whose action is running.
    pub(super) running: Option<EntryHandle>,
    /// Whether an `Atomic` block is running.
    pub(super) in_atomic: bool,
    pub(super) decided: Option<Decided>,
}

impl<'r, 'c> Pass<'r, 'c> {
    /// A pass about to start.
    pub(super) fn begin(
        interpreter: &'r Interpreter,
        entry: Entry,
        context: &'r mut Context<'c>,
        scratch: &'r mut Scratch,
        (position, work): (usize, &'r mut Work),
    ) -> Self {
        let Work { packet, frame, parsed_bytes, intrinsics, verdict, truncate_bytes } = work;
        if frame.words.len() != interpreter.layout.words {
            // A frame of another program has nothing that this one could read.
            *frame = Frame::new(interpreter.layout.words);
        }
        if entry == Entry::Ingress && intrinsics.origin == Origin::Normal {
            frame.words.fill(0);
        }
        scratch.front.clear();
        scratch.mirrors.clear();
        let unparsed = match entry {
            Entry::Ingress => true,
            Entry::Egress => intrinsics.origin == Origin::CloneOfReceived,
        };
        let cursor_bits = if unparsed { 0 } else { 8 * (*parsed_bytes).min(packet.len()) };
        Self {
            interpreter,
            entry,
            position,
            context,
            scratch,
            packet,
            frame,
            intrinsics,
            parsed_bytes,
            truncate_bytes,
            verdict,
            cursor_bits,
            parser: None,
            running: None,
            in_atomic: false,
            decided: None,
        }
    }

    /// Runs the entry point and does what it decided.
    pub(super) fn run(mut self, body: Option<BodyId>) {
        if let Some(sink) = self.context.trace.as_deref_mut() {
            let (entry, intrinsics, bytes) = (self.entry, self.intrinsics, self.packet.bytes());
            sink.event(&Event::PassBegan { entry, intrinsics, bytes });
        }
        let flow = match body {
            Some(body) => self.block(&self.program().bodies[body].block),
            None => Flow::Next,
        };
        self.end(flow);
    }

    pub(super) fn program(&self) -> &'r Program {
        self.interpreter.program.program()
    }

    pub(super) fn layout(&self) -> &'r Layout {
        &self.interpreter.layout
    }

    /// The value of a scalar. A `varbit`'s is as wide as it is long.
    pub(super) fn load(&self, slot: Slot) -> Bits {
        let words = &self.frame.words;
        match slot.ty {
            Ty::Bits(width) if width <= 64 => Bits::new(width, u128::from(words[slot.word])),
            Ty::Bits(width) => Bits::from_limbs(width, &words[slot.word..slot.word + slot.limb_count()]),
            Ty::Varbit(max) => {
                let length = (words[slot.word] as u32).min(max);
                Bits::from_limbs(length, &words[slot.limbs()..slot.limbs() + slot.limb_count()])
            }
        }
    }

    /// Stores a value of the scalar's type.
    pub(super) fn store(&mut self, slot: Slot, value: &Bits) {
        if let Ty::Varbit(max) = slot.ty {
            self.frame.words[slot.word] = u64::from(value.width().min(max));
        }
        let limbs = slot.limbs();
        for (i, word) in self.frame.words[limbs..limbs + slot.limb_count()].iter_mut().enumerate() {
            *word = value.limb(i);
        }
    }

    /// Bytes of the packet that no parser has taken.
    pub(super) fn payload(&self) -> &[u8] {
        self.packet.bytes().get(self.cursor_bits / 8..).unwrap_or(&[])
    }
}
