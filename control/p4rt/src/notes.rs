//! What controllers want to read back and packets know nothing of.
//!
//! What belongs to a table's entry is kept with it, in the bytes that the state keeps for the control plane; the rest
//! here, by the numbers that controllers use.
//!
//! Invariant: a note is changed once the update that it came with has been applied, so that it is there if and only if
//! its entity is.

use std::collections::HashMap;

use heddle_p4rt_proto::v1;

/// What a controller attached to an entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct EntryNote {
    pub(crate) metadata: Vec<u8>,
    /// Before metadata was a byte string.
    pub(crate) controller_metadata: u64,
    /// Of a one-shot group: how it asked for a member to be picked.
    pub(crate) selection_mode: i32,
    /// Of a one-shot group: what it said that sizes count.
    pub(crate) size_semantics: i32,
}

const HAS_CONTROLLER_METADATA: u8 = 1;
const MODE_SHIFT: u32 = 1;
const SEMANTICS_SHIFT: u32 = 3;
/// Values of either enumeration fit.
const ENUM_MASK: u8 = 3;

impl EntryNote {
    /// As the state keeps it: nothing for an entry without.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        if *self == EntryNote::default() {
            return Vec::new();
        }
        let has = self.controller_metadata != 0;
        let flags = if has { HAS_CONTROLLER_METADATA } else { 0 }
            | ((self.selection_mode as u8 & ENUM_MASK) << MODE_SHIFT)
            | ((self.size_semantics as u8 & ENUM_MASK) << SEMANTICS_SHIFT);
        let mut bytes = vec![flags];
        if has {
            bytes.extend(self.controller_metadata.to_be_bytes());
        }
        bytes.extend(&self.metadata);
        bytes
    }

    /// From what the state keeps.
    pub(crate) fn from_bytes(bytes: &[u8]) -> EntryNote {
        let Some((flags, rest)) = bytes.split_first() else { return EntryNote::default() };
        let (controller_metadata, metadata) = match rest.split_first_chunk::<8>() {
            Some((number, metadata)) if flags & HAS_CONTROLLER_METADATA != 0 => {
                (u64::from_be_bytes(*number), metadata)
            }
            Some(_) | None => (0, rest),
        };
        EntryNote {
            metadata: metadata.to_vec(),
            controller_metadata,
            selection_mode: i32::from(flags >> MODE_SHIFT & ENUM_MASK),
            size_semantics: i32::from(flags >> SEMANTICS_SHIFT & ENUM_MASK),
        }
    }
}

/// How the ports of replicas were written: true for the number of old.
pub(crate) type PortKinds = Vec<bool>;

/// Notes of entities that are no table entries.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notes {
    /// Of default entries, by table id.
    pub(crate) defaults: HashMap<u32, EntryNote>,
    /// What groups were created with as their largest size, by profile and group id.
    pub(crate) group_sizes: HashMap<(u32, u32), i32>,
    /// Of multicast groups.
    pub(crate) multicast: HashMap<u32, (PortKinds, Vec<u8>)>,
    /// Of clone sessions.
    pub(crate) sessions: HashMap<u32, PortKinds>,
    /// Of digests that are sent, by digest id.
    pub(crate) digests: HashMap<u32, v1::digest_entry::Config>,
}

/// A change of one.
#[derive(Clone, Debug)]
pub(crate) enum NoteChange {
    Default(u32, EntryNote),
    GroupSize((u32, u32), Option<i32>),
    Multicast(u32, Option<(PortKinds, Vec<u8>)>),
    Session(u32, Option<PortKinds>),
    Digest(u32, Option<v1::digest_entry::Config>),
}

fn put<K: std::hash::Hash + Eq, V>(map: &mut HashMap<K, V>, key: K, value: Option<V>) {
    match value {
        Some(value) => drop(map.insert(key, value)),
        None => drop(map.remove(&key)),
    }
}

impl Notes {
    pub(crate) fn apply(&mut self, change: NoteChange) {
        match change {
            NoteChange::Default(table, note) => {
                put(&mut self.defaults, table, (note != EntryNote::default()).then_some(note));
            }
            NoteChange::GroupSize(group, size) => put(&mut self.group_sizes, group, size),
            NoteChange::Multicast(id, note) => put(&mut self.multicast, id, note),
            NoteChange::Session(id, note) => put(&mut self.sessions, id, note),
            NoteChange::Digest(id, config) => put(&mut self.digests, id, config),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_of_entries_go_both_ways() {
        for metadata in [&b""[..], b"\x00", b"\x01\x02", b"0123456789"] {
            for controller_metadata in [0, 1, u64::MAX] {
                for (selection_mode, size_semantics) in [(0, 0), (2, 1), (1, 2)] {
                    let metadata = metadata.to_vec();
                    let note = EntryNote { metadata, controller_metadata, selection_mode, size_semantics };
                    assert_eq!(EntryNote::from_bytes(&note.to_bytes()), note);
                }
            }
        }
        assert!(EntryNote::default().to_bytes().is_empty());
    }
}
