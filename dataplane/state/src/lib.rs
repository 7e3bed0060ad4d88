//! Run-time state of one switch: match tables, action profiles and selectors, counters, meters, registers, value sets
//! and the replication configuration, and how they change under traffic.
//!
//! * Readers ([`State::pin`], [`State::lookup`] and all that takes a [`Snapshot`]) never lock, allocate or wait.
//! * There is one writer at a time ([`State::write`]). A batch of [`Update`]s is applied under a generation that no
//!   reader sees yet, taken back if one of them is refused, and published by a single store otherwise.
//! * Nothing here reads a clock or a random number: times are given by the caller.
//! * Nothing here knows of packets, of the program's statements or of the protocol the changes came by.

mod cells;
mod counter;
mod declared;
mod entry;
mod error;
mod found;
mod index;
mod key;
mod lookup;
mod memory;
mod meter;
mod prefetch;
mod profile;
mod read;
mod reclaim;
mod register;
mod replication;
mod slab;
mod slots;
mod snapshot;
mod space;
mod state;
mod succession;
mod sync;
mod table;
mod trie;
mod update;
mod vectors;
mod version;
mod view;
mod write;

#[cfg(test)]
mod tests;

pub use cells::Cells;
pub use declared::{DeclaredEntry, declared_entries};
pub use error::{StateError, UpdateError, WriteError};
pub use found::{EntryHandle, Found};
pub use key::key_words;
pub use lookup::{Hit, Lens, Match, Structure, TableReader};
pub use meter::{Color, MeterConfig};
pub use register::{AtomicSection, AtomicSet};
pub use snapshot::Snapshot;
pub use state::State;
pub use succession::{Kept, LeftBehind, Succession};
pub use update::{
    ActionSpec, BackupReplica, CloneSession, CounterValue, DirectOf, EntryAction, EntryKey, EntrySpec,
    GroupMember, GroupSpec, MemberSpec, MulticastGroup, OneShotMember, Replica, Update,
};
pub use view::{DefaultView, EntryView, IdleEntry, ProfileUse, TableMemory};
