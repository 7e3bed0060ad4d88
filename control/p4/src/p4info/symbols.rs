//! Ids and aliases of control-plane objects.
//!
//! An id is the kind's prefix byte above 24 bits of a hash of the name; who comes later by name moves on to the next
//! free id (P4Runtime, id allocation; the hash is Jenkins' one-at-a-time). `@id` says otherwise.

use std::collections::{BTreeMap, BTreeSet};

use hashbrown::{HashMap, HashSet};

/// A kind of object, by its id's prefix (`P4Ids.Prefix`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Kind {
    Action = 0x01,
    Table = 0x02,
    ValueSet = 0x03,
    ControllerHeader = 0x04,
    ActionProfile = 0x11,
    Counter = 0x12,
    DirectCounter = 0x13,
    Meter = 0x14,
    DirectMeter = 0x15,
    Register = 0x16,
    Digest = 0x17,
}

/// Why an `@id` cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadId {
    /// Its first byte is another kind's.
    WrongPrefix,
    /// Another object has it.
    Taken,
}

/// All names, and their ids once they are assigned.
#[derive(Debug, Default)]
pub(super) struct Symbols {
    kinds: BTreeMap<Kind, BTreeMap<String, u32>>,
    assigned: HashSet<u32>,
    names: BTreeSet<String>,
    /// How many names end in these components.
    suffixes: HashMap<String, u32>,
}

impl Symbols {
    /// Adds a name, perhaps with an id that the program gives. Adding one twice changes nothing.
    pub(super) fn add(&mut self, kind: Kind, name: &str, given: Option<u32>) -> Result<(), BadId> {
        if self.kinds.entry(kind).or_default().contains_key(name) {
            return Ok(());
        }
        let prefix = u32::from(kind as u8) << 24;
        let mut result = Ok(());
        let id = match given {
            Some(id) if id >> 24 != 0 && id & 0xff00_0000 != prefix => {
                result = Err(BadId::WrongPrefix);
                0
            }
            Some(id) if !self.assigned.insert(id | prefix) => {
                result = Err(BadId::Taken);
                0
            }
            Some(id) => id | prefix,
            None => 0,
        };
        self.kinds.entry(kind).or_default().insert(name.to_owned(), id);
        if self.names.insert(name.to_owned()) {
            for suffix in suffixes(name) {
                *self.suffixes.entry_ref(suffix).or_default() += 1;
            }
        }
        result
    }

    /// Gives ids to all that have none, in order of kind and name.
    pub(super) fn assign(&mut self) {
        for (kind, names) in &mut self.kinds {
            for (name, id) in names.iter_mut().filter(|(_, id)| **id == 0) {
                let prefix = u32::from(*kind as u8) << 24;
                let mut hash = one_at_a_time(name.as_bytes());
                // There are fewer names than hashes: the program's size is bounded.
                while !self.assigned.insert(prefix | hash & 0x00ff_ffff) {
                    hash = hash.wrapping_add(1);
                }
                *id = prefix | hash & 0x00ff_ffff;
            }
        }
    }

    /// The id of a name; 0 if there is no such name.
    pub(super) fn id(&self, kind: Kind, name: &str) -> u32 {
        self.kinds.get(&kind).and_then(|names| names.get(name)).copied().unwrap_or(0)
    }

    /// The shortest suffix of whole components that no other name has.
    pub(super) fn alias(&self, name: &str) -> String {
        let shortest = suffixes(name).find(|s| self.suffixes.get(*s).is_none_or(|count| *count < 2));
        shortest.unwrap_or(name).to_owned()
    }
}

/// All suffixes of whole components, the shortest first.
fn suffixes(name: &str) -> impl Iterator<Item = &str> {
    name.rmatch_indices('.').map(|(at, _)| &name[at + 1..]).chain(std::iter::once(name))
}

fn one_at_a_time(bytes: &[u8]) -> u32 {
    let mut hash = 0u32;
    for byte in bytes {
        hash = hash.wrapping_add(u32::from(*byte));
        hash = hash.wrapping_add(hash << 10);
        hash ^= hash >> 6;
    }
    hash = hash.wrapping_add(hash << 3);
    hash ^= hash >> 11;
    hash.wrapping_add(hash << 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_those_of_p4c() {
        let mut symbols = Symbols::default();
        for name in ["NoAction", "ingressImpl.my_drop", "ingressImpl.redirect"] {
            assert_eq!(symbols.add(Kind::Action, name, None), Ok(()));
        }
        assert_eq!(symbols.add(Kind::Table, "ingressImpl.t", None), Ok(()));
        assert_eq!(symbols.add(Kind::Table, "given", Some(7)), Ok(()));
        assert_eq!(symbols.add(Kind::Table, "again", Some(7)), Err(BadId::Taken));
        assert_eq!(symbols.add(Kind::Table, "wrong", Some(0x0100_0007)), Err(BadId::WrongPrefix));
        symbols.assign();
        assert_eq!(symbols.id(Kind::Action, "NoAction"), 21257015);
        assert_eq!(symbols.id(Kind::Action, "ingressImpl.my_drop"), 32254556);
        assert_eq!(symbols.id(Kind::Action, "ingressImpl.redirect"), 30646950);
        assert_eq!(symbols.id(Kind::Table, "ingressImpl.t"), 48995541);
        assert_eq!(symbols.id(Kind::Table, "given"), 0x0200_0007);
    }

    #[test]
    fn aliases_are_the_shortest_unique_suffixes() {
        let mut symbols = Symbols::default();
        for name in ["d.a.c", "e.b.c", "x.b.c", "c2"] {
            assert_eq!(symbols.add(Kind::Table, name, None), Ok(()));
        }
        let alias = |name: &str| symbols.alias(name);
        assert_eq!(
            [alias("d.a.c"), alias("e.b.c"), alias("x.b.c"), alias("c2")],
            ["a.c", "e.b.c", "x.b.c", "c2"]
        );
    }
}
