//! What the control plane reads back.
//!
//! Invariant: a view is a copy; it stays as it is when the state changes.

use heddle_ir::TableId;

use crate::meter::MeterConfig;
use crate::update::{ActionSpec, CounterValue, EntryKey, EntrySpec};

/// An entry with all that is attached to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryView {
    /// The entry, in canonical form: a match that any value satisfies is [`heddle_ir::KeyMatch::Any`].
    pub spec: EntrySpec,
    /// Whether the program declares it as constant.
    pub is_const: bool,
    /// Its direct counter, if the table has one.
    pub counter: Option<CounterValue>,
    /// The configuration of its direct meter, if the table has one and it is configured.
    pub meter: Option<MeterConfig>,
    /// Packets of its direct meter by colour (green, yellow, red), if the table has one; those that came while it was
    /// not configured are not counted.
    pub meter_colors: Option<[CounterValue; 3]>,
    /// When it was last hit; `None` if never, or if the table does not support idle timeouts.
    pub last_hit_ns: Option<u64>,
}

/// The default entry of a table with all that is attached to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefaultView {
    /// The table.
    pub table: TableId,
    /// Its action.
    pub action: ActionSpec,
    /// Its direct counter, if the table has one.
    pub counter: Option<CounterValue>,
    /// The configuration of its direct meter, if the table has one and it is configured.
    pub meter: Option<MeterConfig>,
    /// Packets of its direct meter by colour (green, yellow, red), if the table has one.
    pub meter_colors: Option<[CounterValue; 3]>,
}

/// An entry that was not hit for as long as its idle timeout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdleEntry {
    /// The entry.
    pub key: EntryKey,
    /// Its timeout.
    pub idle_timeout_ns: u64,
    /// Time since its last hit.
    pub idle_ns: u64,
    /// As given when it was inserted.
    pub metadata: Vec<u8>,
}

/// What an action profile holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProfileUse {
    /// Members with a number.
    pub members: usize,
    /// Groups with a number.
    pub groups: usize,
    /// Members that belong to an entry alone.
    pub one_shot_members: usize,
}

/// What the entries of a table take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableMemory {
    /// Entries that batches see from now on.
    pub entries: usize,
    /// Bytes of the entries themselves, in whole cache lines: keys, arguments and what decides who sees them; those
    /// included that were removed while a batch could still see them.
    pub entry_bytes: usize,
    /// Bytes of what finds them.
    pub search_bytes: usize,
}
