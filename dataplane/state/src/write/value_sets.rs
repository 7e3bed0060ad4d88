//! Changes of parser value sets.
//!
//! Invariant: entries that stay are not touched, so a set that grows by one is not rebuilt.

use hashbrown::HashSet;
use heddle_ir::{KeyMatch, ValueSetId};

use super::{Owner, Transaction};
use crate::entry::{Cold, EntryRef, NewEntry, Target};
use crate::error::UpdateError;
use crate::key::Precedence;

impl Transaction<'_> {
    pub(super) fn set_value_set(
        &mut self,
        id: ValueSetId,
        entries: &[Vec<KeyMatch>],
    ) -> Result<(), UpdateError> {
        let state = self.state;
        let number = id.as_u32() as usize;
        let known = state.program.value_sets.get(id).zip(state.value_sets.get(number));
        let Some((declared, space)) = known else {
            return Err(UpdateError::UnknownObject { kind: "value set", number: id.as_u32() });
        };
        if declared.size != 0 && entries.len() as u64 > declared.size {
            return Err(UpdateError::Full {
                kind: "value set",
                name: declared.control.name.clone(),
                size: declared.size,
            });
        }
        let mut wanted = Vec::with_capacity(entries.len());
        let mut seen = HashSet::with_capacity(entries.len());
        for matches in entries {
            let encoded = space.layout().encode(matches, None)?;
            if !seen.insert(encoded.clone()) {
                return Err(UpdateError::Duplicate {
                    what: format!("an entry of value set `{}`", declared.control.name),
                });
            }
            wanted.push(encoded);
        }
        // What is exact is all filed under one mask, which is not kept.
        let exact = space.layout().precedence() == Precedence::Unique;
        let kept: HashSet<(&[u64], &[u64])> =
            wanted.iter().map(|w| (if exact { &[] } else { &*w.mask }, &*w.key)).collect();
        let owner = Owner::ValueSet(id);
        let mut old = Vec::new();
        if let Some(writer) = self.writer.value_sets.get(number) {
            space.for_each(writer, |mask, entry| {
                if entry.span().contains(self.next) && !kept.contains(&(mask, entry.key())) {
                    old.push((Box::from(mask), entry));
                }
            });
        }
        for (mask, entry) in old {
            self.end_entry(owner, mask, entry, false);
        }
        for encoded in &wanted {
            let Some(writer) = self.writer.value_sets.get_mut(number) else { continue };
            if space.find_same(writer, self.next, encoded).is_some() {
                continue;
            }
            let new = NewEntry {
                first: self.next,
                rank: encoded.rank,
                slot: 0,
                target: Target::Action(0),
                key: &encoded.key,
                filed_words: space.layout().words(),
                args: &[],
                sequence: writer.next_sequence(),
                cold: Cold::default(),
            };
            let entry = EntryRef::new(&mut self.writer.slab, new);
            self.begin_entry(owner, encoded.mask.clone(), entry, false);
        }
        Ok(())
    }
}
