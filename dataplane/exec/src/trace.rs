//! What happened to a packet, told step by step.
//!
//! Events are data and name things by their numbers in the program, so that a sink decides what to keep and
//! how to show it; [`TextSink`] shows them as lines. Invariant: whether anyone listens changes nothing that
//! happens.

mod text;

use heddle_ir::{
    ActionId, Bits, BodyId, CounterId, DigestId, DropReason, HeaderId, MeterId, ParserId, RegisterId,
    StateId, TableId, Target,
};
use heddle_state::Color;

pub use text::TextSink;

use crate::{Entry, Intrinsics, Verdict};

/// Takes the events of a trace, in the order in which they happen.
pub trait TraceSink {
    /// One event. It is lent: a sink copies what it keeps.
    fn event(&mut self, event: &Event<'_>);
}

/// A step in the life of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A pass begins.
    PassBegan {
        /// By which entry point.
        entry: Entry,
        /// What the engine knows of the packet.
        intrinsics: &'a Intrinsics,
        /// The bytes held.
        bytes: &'a [u8],
    },
    /// A parser starts.
    ParserEntered {
        /// Which.
        parser: ParserId,
    },
    /// A parser state is entered.
    StateEntered {
        /// Of which parser.
        parser: ParserId,
        /// Which.
        state: StateId,
    },
    /// A parser state is left.
    Transition {
        /// Of which parser.
        parser: ParserId,
        /// The values that were selected on.
        on: &'a [Bits],
        /// Where it goes, if any case matched.
        target: Option<Target>,
    },
    /// A header was taken from the packet.
    HeaderExtracted {
        /// Which.
        header: HeaderId,
        /// Its fields in wire order; a `varbit` is as wide as it is long.
        fields: &'a [Bits],
    },
    /// A parser rejects.
    ParserRejected {
        /// Which.
        parser: ParserId,
        /// The code: a position in [`heddle_ir::Program::errors`].
        error: u32,
    },
    /// A table was looked up; the action follows.
    TableApplied {
        /// Which.
        table: TableId,
        /// The values of its keys.
        keys: &'a [Bits],
        /// Whether an entry matched.
        hit: bool,
        /// The action found. None if the entry refers to a group without members.
        action: Option<ActionId>,
        /// The action's data.
        args: &'a [Bits],
    },
    /// An action starts.
    ActionEntered {
        /// Which.
        action: ActionId,
    },
    /// A body starts.
    BodyEntered {
        /// Which.
        body: BodyId,
    },
    /// A header was appended to the packet's new front.
    HeaderEmitted {
        /// Which.
        header: HeaderId,
        /// Its fields in wire order; a `varbit` is as wide as it is long.
        fields: &'a [Bits],
    },
    /// An indirect counter counted; a direct one if there is no cell.
    Counted {
        /// Which.
        counter: CounterId,
        /// Which cell.
        index: Option<&'a Bits>,
    },
    /// A meter metered the packet.
    Metered {
        /// Which.
        meter: MeterId,
        /// Which cell; none of a direct meter.
        index: Option<&'a Bits>,
        /// What it made of it.
        color: Color,
    },
    /// A register's cell was read.
    RegisterRead {
        /// Which.
        register: RegisterId,
        /// Which cell.
        index: &'a Bits,
        /// What it held.
        value: &'a Bits,
    },
    /// A register's cell was written.
    RegisterWritten {
        /// Which.
        register: RegisterId,
        /// Which cell.
        index: &'a Bits,
        /// What it holds now.
        value: &'a Bits,
    },
    /// A digest goes to the control plane.
    DigestSent {
        /// Which.
        digest: DigestId,
        /// Its values.
        values: &'a [Bits],
    },
    /// The program logs.
    Logged {
        /// Text, `{}` standing for the arguments in order.
        format: &'a str,
        /// The arguments.
        args: &'a [Bits],
    },
    /// An `assert` or `assume` did not hold.
    AssertFailed {
        /// The source line and text.
        message: &'a str,
    },
    /// A loop went over its bound.
    LoopBoundExceeded {
        /// Rounds allowed.
        bound: u32,
    },
    /// The pass decided where the packet goes; a later decision replaces it.
    Decided {
        /// Where.
        verdict: Verdict,
    },
    /// A clone was made.
    Cloned {
        /// For which clone session.
        session: u32,
        /// Its bytes.
        bytes: &'a [u8],
    },
    /// The pass ends and the packet goes on.
    PassEnded {
        /// Where to.
        verdict: Verdict,
        /// The bytes held.
        bytes: &'a [u8],
    },
    /// The pass ends and the packet goes nowhere.
    Dropped {
        /// Why.
        reason: DropReason,
    },
}
