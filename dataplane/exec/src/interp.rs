//! The reference interpreter: what a program means, written to be read.
//!
//! It walks the program's tree as it is. One file per noun: [`layout`] says where a frame keeps what, [`value`]
//! what an expression is worth, [`header`] what becomes of headers, [`statement`] what every statement does,
//! [`parser`] how packets are taken apart, [`table`] how tables are applied, [`departure`] what a pass leaves
//! behind.
//!
//! Where the IR leaves room, this is how it is filled, and every other executor does the same:
//!
//! * The parser's cursor begins at bit 0 in ingress and in the egress of a clone of a received packet, else where
//!   ingress left it; parsers called later in the pass go on from there. Only bytes held can be parsed, however
//!   long the packet was on the wire.
//! * `Extract` looks for its errors in this order: a length that is no multiple of 8, too few bits in the packet,
//!   a `varbit` that is too short. One that fails takes nothing. One into no element of a stack takes the bits
//!   and stores nothing.
//! * A parser that rejects because one that it called did stores the same code. Called from a body, it just ends.
//! * A failed `assert` and a loop over its bound end the pass on the spot: no `copy_out` runs, the packet is
//!   dropped, clones already decided are made.
//! * `nextIndex` and union siblings are not touched by `PushFront` and `PopFront`, which move elements as they are.
//! * A table whose entry has nothing to run, a group without members, reports as `action_run` the number of its
//!   actions.
//! * A direct counter or meter of another table than the one whose action is running counts nothing and is green.
//! * Several `Truncate`s: the smallest counts. It is applied to what is transmitted or recirculated; until then it
//!   goes with the packet in [`crate::Work::truncate_bytes`]. It does not touch clones.
//!
//! Invariant: on the packet path nothing is allocated for values of up to 128 bits once the scratch storage has
//! grown to its size.

pub mod atomic;
mod departure;
mod header;
pub mod layout;
mod parser;
mod pass;
mod statement;
mod table;
#[cfg(test)]
mod tests;
mod value;

use crossbeam::queue::ArrayQueue;
use heddle_ir::{Bits, BodyId, MirrorSource, PreserveId, Verified};

use self::atomic::AtomicSets;
use self::layout::Layout;
use self::pass::Pass;
use crate::bitstring::BitString;
use crate::{Context, Entry, Executor, Work};

/// Scratch storages kept between batches: as many as there may be workers at once before one allocates anew.
const SCRATCH_KEPT_MAX: usize = 64;

/// Executes a program by walking it.
pub struct Interpreter {
    program: Verified,
    layout: Layout,
    atomic_sets: AtomicSets,
    /// Storage of the workers that are not running now.
    scratch: ArrayQueue<Scratch>,
}

impl std::fmt::Debug for Interpreter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Interpreter").field("program", &self.program).finish_non_exhaustive()
    }
}

/// Storage that a pass needs for a while. Contents mean nothing between uses.
#[derive(Debug, Default)]
struct Scratch {
    /// What the pass emitted: the packet's new front.
    front: BitString,
    /// Data of the hash being computed.
    hashed: BitString,
    /// Key of the lookup being made, or words that outlive the frame being cleared.
    words: Vec<u64>,
    /// Values that a transition selects on.
    selected: Vec<Bits>,
    /// Clones that the pass decided on.
    mirrors: Vec<Mirror>,
}

/// A clone decided on.
#[derive(Clone, Copy, Debug)]
struct Mirror {
    session: u32,
    source: MirrorSource,
    preserve: PreserveId,
}

impl Interpreter {
    /// An interpreter of a program.
    pub fn new(program: Verified) -> Self {
        let layout = Layout::new(&program);
        let atomic_sets = AtomicSets::new(&program);
        Self { program, layout, atomic_sets, scratch: ArrayQueue::new(SCRATCH_KEPT_MAX) }
    }

    fn body(&self, entry: Entry) -> Option<BodyId> {
        match entry {
            Entry::Ingress => self.program.ingress,
            Entry::Egress => self.program.egress,
        }
    }
}

impl Executor for Interpreter {
    fn program(&self) -> &Verified {
        &self.program
    }

    fn frame_words(&self) -> usize {
        self.layout.words
    }

    fn run(&self, entry: Entry, context: &mut Context<'_>, batch: &mut [Work]) {
        let mut scratch = self.scratch.pop().unwrap_or_default();
        for work in batch.iter_mut().enumerate() {
            Pass::begin(self, entry, context, &mut scratch, work).run(self.body(entry));
        }
        // Full only with more workers than it was made for; then one storage less is kept.
        let _ = self.scratch.push(scratch);
    }
}
