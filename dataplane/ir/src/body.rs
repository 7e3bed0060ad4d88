//! Bodies: expressions, places, statements, transitions, and what becomes of the packet.

use serde::{Deserialize, Serialize};

use crate::{
    ActionId, Bits, BodyId, CounterId, DigestId, HeaderId, MeterId, ParserId, PreserveId, RegisterId,
    StackId, StateId, TableId, ValueSetId, VarId,
};

/// Statements in order.
pub type Block = Vec<Stmt>;

/// A header, named directly or by a stack's index.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum HeaderRef {
    /// This one.
    One(HeaderId),
    /// The element of a stack at an index known at run time. Out of range: reads as an invalid header, writes
    /// do nothing.
    Element(StackId, Box<Expr>),
}

/// Where a scalar is read from or written to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Place {
    /// A scalar slot.
    Var(VarId),
    /// A header's field, by its position in the header type.
    Field(HeaderRef, usize),
}

/// A pure, total expression. Its width follows from its parts; see [`crate::width_of`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Expr {
    /// A constant.
    Const(Bits),
    /// The value at a place. The only expression that can have a `varbit` type.
    Read(Place),
    /// One bit: whether the header is valid.
    Valid(HeaderRef),
    /// One operand.
    Unary(UnaryOp, Box<Expr>),
    /// Two operands.
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
    /// Bits `high` to `low`, both included, of the operand; `high` is below its width.
    Slice {
        /// Of what.
        of: Box<Expr>,
        /// Most significant bit taken.
        high: u32,
        /// Least significant bit taken.
        low: u32,
    },
    /// Another width: cut off at the most significant end, or extended there by zeros or the sign.
    Resize {
        /// Of what.
        of: Box<Expr>,
        /// New width.
        width: u32,
        /// Whether to extend by the sign.
        signed: bool,
    },
    /// `cond ? then : els`; both have the same width, `cond` is one bit.
    Mux {
        /// Condition.
        cond: Box<Expr>,
        /// Value if one.
        then: Box<Expr>,
        /// Value if zero.
        els: Box<Expr>,
    },
    /// What the engine knows of the packet. See [`Intrinsic::width`].
    Intrinsic(Intrinsic),
}

/// Operators of one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum UnaryOp {
    /// Every bit inverted; on one bit, logical not.
    Not,
    /// Two's complement negation.
    Neg,
}

/// Operators of two operands of one width, unless said otherwise. Arithmetic wraps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum BinaryOp {
    /// Sum.
    Add,
    /// Difference.
    Sub,
    /// Product.
    Mul,
    /// Unsigned quotient; zero if the divisor is zero.
    Div,
    /// Unsigned remainder; zero if the divisor is zero.
    Mod,
    /// Unsigned saturating sum.
    SatAddU,
    /// Unsigned saturating difference.
    SatSubU,
    /// Signed saturating sum.
    SatAddS,
    /// Signed saturating difference.
    SatSubS,
    /// Bitwise and; on one bit, logical and.
    And,
    /// Bitwise or.
    Or,
    /// Bitwise exclusive or.
    Xor,
    /// Shift left by an unsigned amount of any width.
    Shl,
    /// Shift right filling with zeros, by an unsigned amount of any width.
    Shr,
    /// Shift right filling with the sign, by an unsigned amount of any width.
    Sar,
    /// One bit: equal. Also of two `varbit`s: same length and same bits.
    Eq,
    /// One bit: not equal.
    Ne,
    /// One bit: unsigned less than.
    LtU,
    /// One bit: unsigned less than or equal.
    LeU,
    /// One bit: signed less than.
    LtS,
    /// One bit: signed less than or equal.
    LeS,
    /// The left operand's bits above the right operand's; any two widths.
    Concat,
}

impl BinaryOp {
    /// What it gives for two values of the widths that it takes; one bit, if it compares them.
    pub fn apply(self, left: &Bits, right: &Bits) -> Bits {
        match self {
            BinaryOp::Add => left.add(right),
            BinaryOp::Sub => left.sub(right),
            BinaryOp::Mul => left.mul(right),
            BinaryOp::Div => left.div(right),
            BinaryOp::Mod => left.rem(right),
            BinaryOp::SatAddU => left.sat_add_unsigned(right),
            BinaryOp::SatSubU => left.sat_sub_unsigned(right),
            BinaryOp::SatAddS => left.sat_add_signed(right),
            BinaryOp::SatSubS => left.sat_sub_signed(right),
            BinaryOp::And => left.and(right),
            BinaryOp::Or => left.or(right),
            BinaryOp::Xor => left.xor(right),
            BinaryOp::Shl => left.shl(right),
            BinaryOp::Shr => left.shr(right),
            BinaryOp::Sar => left.sar(right),
            BinaryOp::Eq => Bits::bool(left == right),
            BinaryOp::Ne => Bits::bool(left != right),
            BinaryOp::LtU => Bits::bool(left.cmp_unsigned(right).is_lt()),
            BinaryOp::LeU => Bits::bool(left.cmp_unsigned(right).is_le()),
            BinaryOp::LtS => Bits::bool(left.cmp_signed(right).is_lt()),
            BinaryOp::LeS => Bits::bool(left.cmp_signed(right).is_le()),
            BinaryOp::Concat => left.concat(right),
        }
    }
}

/// What the engine knows of a packet when an entry point runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Intrinsic {
    /// 32 bits: the port the packet came in by.
    IngressPort,
    /// 32 bits: the port whose queue the packet came out of. Zero in ingress.
    EgressPort,
    /// 32 bits: the packet's length on the wire in bytes when this pass began.
    PacketLength,
    /// 32 bits: how the packet came to this entry point: a code of [`Origin`].
    Origin,
    /// 32 bits: replication id of a multicast copy, else zero.
    ReplicationId,
    /// 64 bits, ns: when the packet arrived at the switch.
    IngressTimeNs,
    /// 64 bits, ns: now.
    NowNs,
    /// 64 bits, ns: when the packet was put in its queue. Zero in ingress.
    EnqueueTimeNs,
    /// 32 bits: packets in its queue when it was put there.
    EnqueueDepth,
    /// 32 bits: packets in its queue when it was taken out.
    DequeueDepth,
    /// 32 bits: the queue (priority) it came out of.
    QueueId,
}

impl Intrinsic {
    /// Width in bits.
    pub fn width(self) -> u32 {
        match self {
            Intrinsic::IngressTimeNs | Intrinsic::NowNs | Intrinsic::EnqueueTimeNs => 64,
            Intrinsic::IngressPort
            | Intrinsic::EgressPort
            | Intrinsic::PacketLength
            | Intrinsic::Origin
            | Intrinsic::ReplicationId
            | Intrinsic::EnqueueDepth
            | Intrinsic::DequeueDepth
            | Intrinsic::QueueId => 32,
        }
    }
}

/// How a packet came to an entry point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u32)]
pub enum Origin {
    /// From a port, or by unicast from ingress.
    Normal = 0,
    /// A clone made in ingress, of the packet as it arrived: headers are not parsed yet.
    CloneOfReceived = 1,
    /// A clone made in egress, of the packet as it was there: headers are live.
    CloneOfSent = 2,
    /// By recirculation.
    Recirculated = 4,
    /// A copy made by the replication engine.
    Replicated = 5,
    /// By resubmission.
    Resubmitted = 6,
}

/// Something callable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Callee {
    /// An action, its data slots already assigned.
    Action(ActionId),
    /// A control, function or deparser.
    Body(BodyId),
    /// A parser; only from ingress, egress or another parser.
    Parser(ParserId),
}

/// A statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stmt {
    /// Stores a value of the place's type.
    Assign(Place, Expr),
    /// Stores into bits `high` to `low` of a place, both included.
    AssignSlice {
        /// Where.
        dst: Place,
        /// Most significant bit written.
        high: u32,
        /// Least significant bit written.
        low: u32,
        /// `high - low + 1` bits.
        value: Expr,
    },
    /// Makes a header valid. Its fields become zero if it was invalid. Siblings in its union become invalid.
    SetValid(HeaderRef),
    /// Makes a header invalid.
    SetInvalid(HeaderRef),
    /// Copies validity and fields between headers of one type.
    CopyHeader {
        /// To.
        dst: HeaderRef,
        /// From.
        src: HeaderRef,
    },
    /// `push_front`: elements move to higher indices, the first `count` become invalid. `nextIndex` is not
    /// touched: it grows by an explicit assignment, since columns of a stack of unions share it.
    PushFront(StackId, u32),
    /// `pop_front`: elements move to lower indices, the last `count` become invalid.
    PopFront(StackId, u32),
    /// Two ways.
    If {
        /// One bit.
        cond: Expr,
        /// If one.
        then: Block,
        /// If zero.
        els: Block,
    },
    /// Many ways. No fall-through.
    Switch {
        /// Compared with every label.
        on: Expr,
        /// Labels, distinct, of `on`'s width, and what they do.
        cases: Vec<(Vec<Bits>, Block)>,
        /// If no label is equal.
        default: Block,
    },
    /// Repeats `body` then `update` until a [`Stmt::Break`]. [`Stmt::Continue`] goes on with `update`. After
    /// `bound` rounds the packet is dropped as [`DropReason::LoopBound`].
    Loop {
        /// Rounds at most.
        bound: u32,
        /// What is repeated.
        body: Block,
        /// What follows each round.
        update: Block,
    },
    /// Leaves the innermost loop.
    Break,
    /// Next round of the innermost loop.
    Continue,
    /// Leaves the innermost body, action or parser state's block being called.
    Return,
    /// Leaves everything up to the entry point's [`Stmt::Catch`], running `copy_out` blocks on the way.
    Exit,
    /// Runs a block that [`Stmt::Exit`] leaves no further than here: a top-level control of the architecture.
    Catch(Block),
    /// Looks the table up and runs the action found.
    Apply {
        /// Which.
        table: TableId,
        /// One bit slot: whether an entry matched.
        hit: Option<VarId>,
        /// 32-bit slot: position in [`crate::Table::actions`] of the action that ran; their number if the entry had
        /// none to run (a group without members).
        action_run: Option<VarId>,
    },
    /// Calls. Arguments have been assigned to the callee's slots.
    Call {
        /// Whom.
        callee: Callee,
        /// Runs afterwards, even if the callee exits (or rejects).
        copy_out: Block,
    },
    /// Parser: takes a header from the packet and makes it valid. Errors: `PacketTooShort`; with a `varbit`
    /// longer than declared, `HeaderTooShort`; with a length that is no multiple of 8,
    /// `ParserInvalidArgument`.
    Extract {
        /// Into.
        header: HeaderRef,
        /// Length in bits of the `varbit` field, 32 bits wide; present if and only if there is such a field.
        varbit_bits: Option<Expr>,
    },
    /// Parser: stores the next bits of the packet, as many as the slot is wide, without taking them. Error:
    /// `PacketTooShort`.
    Lookahead(VarId),
    /// Parser: skips a 32-bit number of bits. Errors: `PacketTooShort`; not a multiple of 8:
    /// `ParserInvalidArgument`.
    Advance(Expr),
    /// Parser: rejects with the 32-bit error code unless the condition holds.
    Verify {
        /// One bit.
        cond: Expr,
        /// The code.
        error: Expr,
    },
    /// Deparser: appends the header to the packet's new front if it is valid.
    Emit(HeaderRef),
    /// Counts the packet in a cell, or for a direct counter in the entry whose action, with its `copy_in` and
    /// `copy_out`, is running. Out of range does nothing.
    Count {
        /// Which.
        counter: CounterId,
        /// Cell of an indirect counter, of any width.
        index: Option<Expr>,
    },
    /// Meters the packet and stores its colour: 0 green, 1 yellow, 2 red. Out of range gives green.
    Meter {
        /// Which.
        meter: MeterId,
        /// Cell of an indirect meter, of any width.
        index: Option<Expr>,
        /// 8-bit slot.
        color: VarId,
    },
    /// Reads a cell. Out of range gives zero.
    RegisterRead {
        /// Which.
        register: RegisterId,
        /// Cell, of any width.
        index: Expr,
        /// Slot of the register's width.
        dst: VarId,
    },
    /// Writes a cell. Out of range does nothing.
    RegisterWrite {
        /// Which.
        register: RegisterId,
        /// Cell, of any width.
        index: Expr,
        /// Of the register's width.
        value: Expr,
    },
    /// Runs a block such that no other packet's `Atomic` block on the same registers runs meanwhile.
    Atomic(Block),
    /// Hashes the concatenation of the data, padded with zero bits at the end to whole bytes, and of the
    /// packet's unparsed payload if asked; stores the result cut to, or zero-extended to, the slot's width.
    Hash {
        /// Which function.
        algorithm: HashAlgorithm,
        /// Where the result goes.
        dst: VarId,
        /// Most significant first. `varbit`s count with their current length.
        data: Vec<Expr>,
        /// Whether the bytes that the parser did not take follow.
        payload: bool,
    },
    /// Stores a uniform random value from `low` to `high`, both included. If `low` is above `high`: `low`.
    Random {
        /// Where.
        dst: VarId,
        /// Of the slot's width.
        low: Expr,
        /// Of the slot's width.
        high: Expr,
    },
    /// Sends values to the control plane.
    Digest {
        /// Which.
        digest: DigestId,
        /// Of the digest's widths.
        values: Vec<Expr>,
    },
    /// Adds a line to the trace. `{}` stands for the arguments in order.
    Log {
        /// Text.
        format: String,
        /// Values.
        args: Vec<Expr>,
    },
    /// `assert` or `assume`: if the condition does not hold the packet is dropped as
    /// [`DropReason::AssertFailed`], and the trace names the place.
    Assert {
        /// One bit.
        cond: Expr,
        /// The source line and text.
        message: String,
    },
    /// From now on the packet has at most so many (32 bits) bytes when it leaves this pass.
    Truncate(Expr),
    /// A clone of the packet, decided here, made when the pass ends, with the slots' values of then. Does not
    /// end the pass.
    Mirror {
        /// 32 bits: clone session. Unknown sessions make no clone, and are counted.
        session: Expr,
        /// What is cloned.
        source: MirrorSource,
        /// What the clone keeps.
        preserve: PreserveId,
    },
    /// Decides where the packet goes when the pass ends. The last decision of a pass counts.
    Decide(Decision),
}

impl Stmt {
    /// The blocks within this statement, in the order of the text. What it calls is elsewhere.
    pub fn blocks(&self) -> impl Iterator<Item = &Block> {
        let cases = match self {
            Stmt::Switch { cases, .. } => &cases[..],
            _ => &[],
        };
        let others = match self {
            Stmt::If { then, els, .. } => [Some(then), Some(els)],
            Stmt::Switch { default, .. } => [Some(default), None],
            Stmt::Loop { body, update, .. } => [Some(body), Some(update)],
            Stmt::Catch(block) | Stmt::Atomic(block) | Stmt::Call { copy_out: block, .. } => {
                [Some(block), None]
            }
            Stmt::Assign(..)
            | Stmt::AssignSlice { .. }
            | Stmt::SetValid(_)
            | Stmt::SetInvalid(_)
            | Stmt::CopyHeader { .. }
            | Stmt::PushFront(..)
            | Stmt::PopFront(..)
            | Stmt::Break
            | Stmt::Continue
            | Stmt::Return
            | Stmt::Exit
            | Stmt::Apply { .. }
            | Stmt::Extract { .. }
            | Stmt::Lookahead(_)
            | Stmt::Advance(_)
            | Stmt::Verify { .. }
            | Stmt::Emit(_)
            | Stmt::Count { .. }
            | Stmt::Meter { .. }
            | Stmt::RegisterRead { .. }
            | Stmt::RegisterWrite { .. }
            | Stmt::Hash { .. }
            | Stmt::Random { .. }
            | Stmt::Digest { .. }
            | Stmt::Log { .. }
            | Stmt::Assert { .. }
            | Stmt::Truncate(_)
            | Stmt::Mirror { .. }
            | Stmt::Decide(_) => [None, None],
        };
        cases.iter().map(|(_, block)| block).chain(others.into_iter().flatten())
    }
}

/// Every statement of a block and of the blocks within it, each before what it holds, but not of what they call.
pub fn each_stmt<'b>(block: &'b [Stmt], seen: &mut impl FnMut(&'b Stmt)) {
    for stmt in block {
        seen(stmt);
        stmt.blocks().for_each(|inner| each_stmt(inner, seen));
    }
}

/// What a clone is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum MirrorSource {
    /// The bytes as they were when the pass began; goes to egress as [`Origin::CloneOfReceived`].
    Received,
    /// The preserved headers and the unparsed payload; goes to egress as [`Origin::CloneOfSent`].
    Live,
}

/// Where a packet goes when its pass ends. A pass without a decision drops it as
/// [`DropReason::NoDecision`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Decision {
    /// Ingress: into a queue of a port, with all its slots.
    Enqueue {
        /// 32 bits.
        port: Expr,
        /// 32 bits: the higher, the sooner served; beyond the port's queues means its highest.
        queue: Expr,
    },
    /// Ingress: a copy to every replica of a multicast group, with all its slots.
    Replicate {
        /// 32 bits.
        group: Expr,
        /// 32 bits, as for [`Decision::Enqueue`].
        queue: Expr,
    },
    /// Ingress: again from the start with the bytes as they were when the pass began.
    Resubmit(PreserveId),
    /// Egress: again from ingress with the bytes as deparsed.
    Recirculate(PreserveId),
    /// Egress: out by the port whose queue it came from: what was emitted, then the unparsed payload.
    Transmit,
    /// Nowhere.
    Drop(DropReason),
}

/// Why a packet went nowhere. Every drop is counted under one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum DropReason {
    /// The program said so in ingress.
    IngressDrop,
    /// The program said so in egress.
    EgressDrop,
    /// The parser rejected it where the architecture drops such packets.
    ParserReject,
    /// The program ended a pass without deciding.
    NoDecision,
    /// An `assert` or `assume` failed.
    AssertFailed,
    /// A loop went over its bound.
    LoopBound,
}

/// Hash and checksum functions, over bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum HashAlgorithm {
    /// CRC-32 (ISO-HDLC), 32 bits.
    Crc32,
    /// CRC-32 as BMv2's `crc32_custom` before it is configured: the same parameters.
    Crc32Custom,
    /// CRC-16 (ARC), 16 bits.
    Crc16,
    /// CRC-16 as BMv2's `crc16_custom` before it is configured: the same parameters.
    Crc16Custom,
    /// Randomised per packet, 32 bits.
    Random,
    /// The data itself as a number: its first 8 bytes at most, as BMv2 has it.
    Identity,
    /// RFC 1071's one's complement sum, complemented, 16 bits.
    Csum16,
    /// Exclusive or of 16-bit words, 16 bits.
    Xor16,
}

/// Where a parser state goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Transition {
    /// To one place.
    Goto(Target),
    /// To the target of the first case that matches; no case matching rejects with `NoMatch`.
    Select {
        /// Evaluated once.
        on: Vec<Expr>,
        /// Tried in order.
        cases: Vec<SelectCase>,
    },
}

/// One case of a select.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SelectCase {
    /// What has to hold.
    pub matches: SelectMatch,
    /// Where to go.
    pub target: Target,
}

/// What a select case asks of its values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SelectMatch {
    /// One keyset per value; all must contain it.
    Each(Vec<Keyset>),
    /// The values, in order, are in the value set.
    ValueSet(ValueSetId),
}

/// A set of values. The expressions have the width of what is selected on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Keyset {
    /// One.
    Value(Expr),
    /// Those equal to the first where the second is one.
    Mask(Expr, Expr),
    /// From the first to the second, both included, unsigned.
    Range(Expr, Expr),
    /// From the first to the second, both included, signed.
    RangeSigned(Expr, Expr),
    /// All.
    Any,
    /// Those in a value set with one key.
    ValueSet(ValueSetId),
}

/// Where a transition leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Target {
    /// Another state.
    State(StateId),
    /// The parser is done.
    Accept,
    /// The parser fails, keeping the code already stored.
    Reject,
}
