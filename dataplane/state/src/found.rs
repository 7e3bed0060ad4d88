//! What a table lookup found.
//!
//! Invariant: a [`Found`] is only made by [`crate::State::lookup`] and [`crate::State::select`], so its action is a
//! position in its table's actions and its arguments are as many words as that action's parameters take.

use heddle_ir::TableId;

use crate::profile::GroupVersion;

/// The entry of a table that a key matched, or its default entry.
#[derive(Clone, Copy)]
pub struct Found<'s> {
    /// Whether an entry matched.
    pub hit: bool,
    /// Position in [`heddle_ir::Table::actions`] of the action to run. `None`: nothing runs, because the entry
    /// refers to a group without members, or because [`Found::needs_selection`] and none was made yet.
    pub action: Option<usize>,
    /// The values of the action's parameters in order, each in `max(1, ceil(width / 64))` little-endian limbs.
    pub args: &'s [u64],
    /// The entry, for its direct counter and meter and its idle timeout.
    pub entry: EntryHandle,
    /// The group to pick a member from.
    pub(crate) group: Option<&'s GroupVersion>,
}

impl Found<'_> {
    /// Whether the entry refers to a group, so that [`crate::State::select`] has to pick a member by the hash of
    /// the selector keys.
    #[inline]
    pub fn needs_selection(&self) -> bool {
        self.group.is_some()
    }
}

impl std::fmt::Debug for Found<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Found")
            .field("hit", &self.hit)
            .field("action", &self.action)
            .field("args", &self.args)
            .field("entry", &self.entry)
            .field("needs_selection", &self.needs_selection())
            .finish()
    }
}

/// An entry of a table, or its default entry, for as long as the batch that found it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryHandle {
    pub(crate) table: TableId,
    /// 0 is the default entry.
    pub(crate) slot: u32,
}

impl EntryHandle {
    /// The default entry of a table: for counting or metering a miss.
    pub fn default_of(table: TableId) -> EntryHandle {
        EntryHandle { table, slot: 0 }
    }

    /// The table.
    pub fn table(self) -> TableId {
        self.table
    }
}
