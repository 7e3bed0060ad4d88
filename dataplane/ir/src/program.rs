//! A program: its types, its per-packet slots, its control-plane objects and its two entry points.

use std::fmt;

use cranelift_entity::PrimaryMap;
use serde::{Deserialize, Serialize};

use crate::{
    ActionId, Bits, Block, BodyId, CounterId, DigestId, Expr, HashAlgorithm, HeaderId, HeaderTypeId, MeterId,
    ParserId, PreserveId, ProfileId, RegisterId, StackId, StateId, TableId, Transition, UnionId, ValueSetId,
    VarId,
};

/// A whole pipeline. Plain data: [`crate::verify()`] turns it into something executable.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// What the user calls it; usually the source file's stem.
    pub name: String,
    /// The architecture it was written for, for display only (`v1model`): nothing may branch on it.
    pub architecture: String,
    /// How many port numbers the program tells apart, from 0 on; none if as many as there are. A switch has no other ports,
    /// which the program would take for these or could not send to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ports: Option<u32>,
    /// Header types.
    pub header_types: PrimaryMap<HeaderTypeId, HeaderType>,
    /// Header instances.
    pub headers: PrimaryMap<HeaderId, Header>,
    /// Header stacks.
    pub stacks: PrimaryMap<StackId, Stack>,
    /// Header unions.
    pub unions: PrimaryMap<UnionId, Union>,
    /// Scalar slots.
    pub vars: PrimaryMap<VarId, Var>,
    /// Names of the `error` members; the index is the code. The first seven are `core.p4`'s, in order:
    /// `NoError PacketTooShort NoMatch StackOutOfBounds HeaderTooShort ParserTimeout
    /// ParserInvalidArgument`.
    pub errors: Vec<String>,
    /// Actions.
    pub actions: PrimaryMap<ActionId, Action>,
    /// Tables.
    pub tables: PrimaryMap<TableId, Table>,
    /// Callable bodies.
    pub bodies: PrimaryMap<BodyId, Body>,
    /// Parsers.
    pub parsers: PrimaryMap<ParserId, Parser>,
    /// Counters.
    pub counters: PrimaryMap<CounterId, Counter>,
    /// Meters.
    pub meters: PrimaryMap<MeterId, Meter>,
    /// Registers.
    pub registers: PrimaryMap<RegisterId, Register>,
    /// Digests.
    pub digests: PrimaryMap<DigestId, Digest>,
    /// Action profiles and selectors.
    pub profiles: PrimaryMap<ProfileId, Profile>,
    /// Value sets.
    pub value_sets: PrimaryMap<ValueSetId, ValueSet>,
    /// What outlives a pass when a packet is cloned, resubmitted or recirculated.
    pub preserves: PrimaryMap<PreserveId, Preserve>,
    /// Runs when a packet arrives from a port, or comes back by resubmission or recirculation.
    pub ingress: Option<BodyId>,
    /// Runs when a packet leaves its queue: after unicast, replication, or as a clone.
    pub egress: Option<BodyId>,
}

/// [`Program::ports`] where a port's number has so many bits; the number of packets to drop, if it is the last, is no port's.
pub fn port_numbers(width: u32, drop_port: u64) -> Option<u32> {
    let numbers = 1u64.checked_shl(width)?;
    u32::try_from(numbers - u64::from(drop_port == numbers - 1)).ok()
}

/// Codes of `core.p4`'s errors: fixed positions in [`Program::errors`].
pub mod error_code {
    /// No error.
    pub const NO_ERROR: u32 = 0;
    /// Not enough bits in the packet for `extract`, `lookahead` or `advance`.
    pub const PACKET_TOO_SHORT: u32 = 1;
    /// `select` had no matching case.
    pub const NO_MATCH: u32 = 2;
    /// Reference to an invalid element of a header stack.
    pub const STACK_OUT_OF_BOUNDS: u32 = 3;
    /// Extracting too many bits into a `varbit` field.
    pub const HEADER_TOO_SHORT: u32 = 4;
    /// The parser took more steps than its bound.
    pub const PARSER_TIMEOUT: u32 = 5;
    /// An argument of a parser operation has a value that is not supported.
    pub const PARSER_INVALID_ARGUMENT: u32 = 6;
}

/// A header's layout. Fields follow each other on the wire, most significant bit first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeaderType {
    /// P4 name.
    pub name: String,
    /// Fields in wire order; nested structs are flattened (`a.b`).
    pub fields: Vec<HeaderField>,
}

/// A field of a header type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeaderField {
    /// P4 name.
    pub name: String,
    /// Width.
    pub ty: Ty,
}

/// The type of a scalar slot, header field or expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Ty {
    /// This many bits. Width 0 is allowed and holds only zero.
    Bits(u32),
    /// At most this many bits, with the current length beside them.
    Varbit(u32),
}

impl Ty {
    /// Width in bits; for a `varbit`, the largest.
    pub fn width(self) -> u32 {
        match self {
            Ty::Bits(w) | Ty::Varbit(w) => w,
        }
    }
}

impl fmt::Display for Ty {
    /// As P4 writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ty::Bits(width) => write!(f, "bit<{width}>"),
            Ty::Varbit(width) => write!(f, "varbit<{width}>"),
        }
    }
}

impl HeaderType {
    /// Width in bits of the whole header, with every `varbit` field at its largest.
    pub fn max_width(&self) -> u32 {
        self.fields.iter().map(|f| f.ty.width()).sum()
    }

    /// Width in bits of the fields that are not `varbit`.
    pub fn fixed_width(&self) -> u32 {
        self.fields.iter().map(|f| if let Ty::Bits(w) = f.ty { w } else { 0 }).sum()
    }

    /// Position of the `varbit` field, if there is one.
    pub fn varbit_field(&self) -> Option<usize> {
        self.fields.iter().position(|f| matches!(f.ty, Ty::Varbit(_)))
    }
}

/// A header instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Its path in the program, for diagnostics and traces (`hdr.ipv4`, `hdr.vlan[1]`).
    pub name: String,
    /// Its type.
    pub ty: HeaderTypeId,
    /// The union it is a member of: making it valid makes the other members invalid.
    pub union: Option<UnionId>,
}

/// A header stack, or one member's column in a stack of header unions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stack {
    /// Its path in the program.
    pub name: String,
    /// Its elements, all of one header type; element `i` of the stack is `elements[i]`.
    pub elements: Vec<HeaderId>,
    /// The slot of its `nextIndex` (32 bits). The columns of a stack of unions share one.
    pub next: VarId,
}

/// A header union: at most one of its members is valid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Union {
    /// Its path in the program.
    pub name: String,
    /// Its members.
    pub members: Vec<HeaderId>,
}

/// A scalar slot of the frame.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Var {
    /// Its path in the program (`meta.job`, `standard_metadata.egress_spec`, `MyIngress.tmp`).
    pub name: String,
    /// Its type.
    pub ty: Ty,
}

/// What the control plane knows an object by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlName {
    /// Fully qualified control-plane name (`MyIngress.ipv4_lpm`), unique in its kind.
    pub name: String,
    /// P4Runtime id, unique in the program; 0 for what the control plane does not see.
    pub id: u32,
    /// Whether `@hidden` keeps it from the control plane.
    pub hidden: bool,
}

/// An action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// Control-plane name.
    pub control: ControlName,
    /// Action data, in order: name, and the slot that receives the value before the body runs.
    pub params: Vec<ActionParam>,
    /// What it does.
    pub body: Block,
}

/// One parameter whose value the control plane gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionParam {
    /// P4 name.
    pub name: String,
    /// The slot, of type [`Ty::Bits`].
    pub var: VarId,
}

/// A match-action table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Control-plane name.
    pub control: ControlName,
    /// Keys in order. None: every apply misses.
    pub keys: Vec<Key>,
    /// The actions it can run. [`crate::Stmt::Apply`] reports positions in this list.
    pub actions: Vec<TableAction>,
    /// The action run on a miss.
    pub default_action: ActionCall,
    /// Whether the control plane may not change the default action.
    pub const_default: bool,
    /// Entries the program declares, first one first.
    pub entries: Vec<TableEntry>,
    /// Whether the control plane may not change the entries.
    pub const_entries: bool,
    /// Whether, among entries with priorities, the larger number wins (P4-16's default) or the smaller.
    pub largest_priority_wins: bool,
    /// Entries it is guaranteed to hold.
    pub size: u64,
    /// Where its actions live when it does not own them.
    pub profile: Option<ProfileId>,
    /// Its direct counter.
    pub direct_counter: Option<CounterId>,
    /// Its direct meter.
    pub direct_meter: Option<MeterId>,
    /// Whether entries may time out.
    pub idle_timeout: bool,
}

impl Table {
    /// Whether a counter or a meter goes with every entry.
    pub fn is_direct(&self) -> bool {
        self.direct_counter.is_some() || self.direct_meter.is_some()
    }
}

/// One key of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// Control-plane name (`hdr.ipv4.dstAddr`).
    pub name: String,
    /// The value looked up.
    pub expr: Expr,
    /// Its width in bits.
    pub width: u32,
    /// How it is matched.
    pub kind: MatchKind,
}

/// How a key is matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum MatchKind {
    /// Equality.
    Exact,
    /// Longest prefix.
    Lpm,
    /// Value and mask; priorities decide.
    Ternary,
    /// Inclusive interval; priorities decide.
    Range,
    /// Equality or anything; priorities decide.
    Optional,
    /// Not matched: input of the selector that picks a member.
    Selector,
}

/// An action as a table refers to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableAction {
    /// The action.
    pub action: ActionId,
    /// Runs before the action: copy-in of its directional parameters.
    pub copy_in: Block,
    /// Runs after the action, even if it exits: copy-out of its directional parameters.
    pub copy_out: Block,
    /// Only as default action, `@defaultonly`.
    pub default_only: bool,
    /// Only in entries, `@tableonly`.
    pub table_only: bool,
}

/// An action of a table with its data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionCall {
    /// Position in [`Table::actions`].
    pub action: usize,
    /// Values of [`Action::params`], in order and width.
    pub args: Vec<Bits>,
}

/// An entry that the program declares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableEntry {
    /// One per key.
    pub matches: Vec<KeyMatch>,
    /// Rank among overlapping entries, in the sense of [`Table::largest_priority_wins`]; 0 where the table's
    /// kinds need none.
    pub priority: u32,
    /// What it does.
    pub action: ActionCall,
    /// Whether the control plane may not change this entry.
    pub is_const: bool,
}

/// What one key has to be for an entry to match.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum KeyMatch {
    /// This value.
    Exact(Bits),
    /// A value whose first `prefix_len` bits are those of `value`.
    Lpm {
        /// Bits beyond the prefix are zero.
        value: Bits,
        /// 0 to the key's width.
        prefix_len: u32,
    },
    /// A value that is `value` where `mask` is one.
    Ternary {
        /// Bits outside the mask are zero.
        value: Bits,
        /// One: compared.
        mask: Bits,
    },
    /// A value from `low` to `high`, both included.
    Range {
        /// Smallest.
        low: Bits,
        /// Largest.
        high: Bits,
    },
    /// Anything. Allowed for every kind but exact and selector.
    Any,
}

/// A body that can be called: a control, a function, a deparser.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Body {
    /// For traces.
    pub name: String,
    /// What it does.
    pub block: Block,
}

/// A parser: starts in `start`, ends in accept or reject.
///
/// Reject stores a code in `error` and ends the parser; a parser called by another rejects that one too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parser {
    /// For traces.
    pub name: String,
    /// Its states.
    pub states: PrimaryMap<StateId, State>,
    /// Where it starts.
    pub start: StateId,
    /// The slot (32 bits) that receives the code of what made it reject. A parser that accepts leaves it.
    pub error: VarId,
    /// State transitions after which it rejects with `ParserTimeout`.
    pub step_bound: u32,
}

/// A parser state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// P4 name.
    pub name: String,
    /// What it does.
    pub block: Block,
    /// Where it goes.
    pub transition: Transition,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CounterUnit {
    /// Packets.
    Packets,
    /// Bytes of the packet as it arrived in this pass.
    Bytes,
    /// Both.
    PacketsAndBytes,
}

/// A counter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counter {
    /// Control-plane name.
    pub control: ControlName,
    /// What it counts.
    pub unit: CounterUnit,
    /// Cells of an indirect counter.
    pub size: u64,
    /// The table whose entries it counts, if direct.
    pub table: Option<TableId>,
}

/// A meter: two rates, three colours (RFC 2698, colour-blind unless said otherwise).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meter {
    /// Control-plane name.
    pub control: ControlName,
    /// Whether rates are of packets or bytes.
    pub unit: CounterUnit,
    /// Cells of an indirect meter.
    pub size: u64,
    /// The table whose entries it meters, if direct.
    pub table: Option<TableId>,
}

/// A register array.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Register {
    /// Control-plane name.
    pub control: ControlName,
    /// Width of a cell in bits; a struct's fields are concatenated, first field most significant.
    pub width: u32,
    /// Cells.
    pub size: u64,
    /// Value of every cell at start.
    pub initial: Bits,
}

/// A digest: a list of values sent to the control plane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// Control-plane name.
    pub control: ControlName,
    /// Names and widths of its members.
    pub fields: Vec<(String, u32)>,
}

/// An action profile: actions with data, shared between entries as members, and groups of members if it has a
/// selector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// Control-plane name.
    pub control: ControlName,
    /// Members it is guaranteed to hold.
    pub size: u64,
    /// How a member of a group is picked.
    pub selector: Option<Selector>,
}

/// How a group's member is picked from the table's selector keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selector {
    /// Hash of the concatenated selector keys.
    pub algorithm: HashAlgorithm,
    /// Bits of the hash that are used.
    pub width: u32,
    /// Largest group; 0 for no limit of its own.
    pub max_group_size: u32,
}

/// A value set: values that the control plane gives to a `select`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValueSet {
    /// Control-plane name.
    pub control: ControlName,
    /// Members, first one first: name, width in bits, kind.
    pub keys: Vec<(String, u32, MatchKind)>,
    /// Entries it is guaranteed to hold.
    pub size: u64,
}

/// Slots that survive into a packet's next pass; all others are zero, all other headers invalid.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preserve {
    /// Scalars.
    pub vars: Vec<VarId>,
    /// Headers with their validity.
    pub headers: Vec<HeaderId>,
}
