//! Changes of table entries and default actions.
//!
//! Invariant: an update is checked against what the next generation would see, so that the updates of one batch may
//! build on each other.

use heddle_ir::{ActionId, Table as Declared, TableId};

use super::{Change, Owner, Transaction};
use crate::declared::declared_matches;
use crate::entry::{Cold, EntryRef, NewEntry, Target};
use crate::error::{StateError, UpdateError};
use crate::key::Encoded;
use crate::profile::{ActionData, OneShot};
use crate::state::State;
use crate::table::{DefaultAction, Table, argument_words, declared_default};
use crate::update::{ActionSpec, EntryAction, EntryKey, EntrySpec};

/// What an entry does, in the terms of an entry.
struct Resolved {
    target: Target,
    args: Box<[u64]>,
    one_shot: Option<OneShot>,
}

/// A table as the program and the state know it.
fn table(state: &State, id: TableId) -> Result<(&Declared, &Table), UpdateError> {
    let declared = state.program.tables.get(id);
    let table = state.tables.get(id.as_u32() as usize);
    declared.zip(table).ok_or(UpdateError::UnknownObject { kind: "table", number: id.as_u32() })
}

/// What a message calls an entry.
pub(super) fn entry_of(declared: &Declared) -> String {
    format!("such an entry of table `{}`", declared.control.name)
}

impl<'a> Transaction<'a> {
    /// The words of an entry's matches, and the entry with the same, if the next generation sees one.
    fn find_entry(&mut self, key: &EntryKey) -> Result<(Encoded, Option<EntryRef<'a>>), UpdateError> {
        let (_, table) = table(self.state, key.table)?;
        let encoded = table.space.layout().encode(&key.matches, key.priority)?;
        let found = match self.writer.tables.get(key.table.as_u32() as usize) {
            Some(writer) => table.space.find_same(&writer.space, self.next, &encoded),
            None => None,
        };
        Ok((encoded, found))
    }

    /// An entry that the control plane may change.
    fn find_changeable(&mut self, key: &EntryKey) -> Result<(Encoded, EntryRef<'a>), UpdateError> {
        let (declared, _) = table(self.state, key.table)?;
        if declared.const_entries {
            return Err(UpdateError::ConstTable { table: declared.control.name.clone() });
        }
        let (encoded, found) = self.find_entry(key)?;
        let entry = found.ok_or_else(|| UpdateError::NotFound { what: entry_of(declared) })?;
        if entry.cold().is_some_and(|cold| cold.is_const) {
            return Err(UpdateError::ConstEntry { table: declared.control.name.clone() });
        }
        Ok((encoded, entry))
    }

    /// The slot of an entry that the next generation sees.
    pub(super) fn slot_of(&mut self, key: &EntryKey) -> Result<u32, UpdateError> {
        let (declared, _) = table(self.state, key.table)?;
        let (_, found) = self.find_entry(key)?;
        found.map(EntryRef::slot).ok_or_else(|| UpdateError::NotFound { what: entry_of(declared) })
    }

    pub(super) fn insert_entry(&mut self, spec: &EntrySpec) -> Result<(), UpdateError> {
        let (declared, _) = table(self.state, spec.key.table)?;
        if declared.const_entries {
            return Err(UpdateError::ConstTable { table: declared.control.name.clone() });
        }
        let (encoded, found) = self.find_entry(&spec.key)?;
        if found.is_some() {
            return Err(UpdateError::Exists { what: entry_of(declared) });
        }
        let resolved = self.resolve(spec.key.table, &spec.action)?;
        self.check_idle_timeout(spec)?;
        let cold = Cold {
            idle_timeout_ns: spec.idle_timeout_ns,
            metadata: spec.metadata.clone(),
            is_const: false,
            one_shot: resolved.one_shot,
        };
        self.add_entry(spec.key.table, encoded, resolved.target, &resolved.args, cold)
    }

    /// Files an entry that is known to be new and allowed, if there is room.
    fn add_entry(
        &mut self,
        id: TableId,
        encoded: Encoded,
        target: Target,
        args: &[u64],
        cold: Cold,
    ) -> Result<(), UpdateError> {
        let (declared, _) = table(self.state, id)?;
        let Some((table, writer)) = self.writer.table(self.state, id) else { return Ok(()) };
        if writer.capacity != 0 && writer.space.live() as u64 >= writer.capacity {
            return Err(UpdateError::Full {
                kind: "table",
                name: declared.control.name.clone(),
                size: writer.capacity,
            });
        }
        let no_memory =
            |_| UpdateError::NoMemory { what: format!("an entry of table `{}`", declared.control.name) };
        let slot = table.take_slot(writer).map_err(no_memory)?;
        let new = NewEntry {
            first: self.next,
            rank: encoded.rank,
            slot,
            target,
            key: &encoded.key,
            filed_words: table.space.layout().words(),
            args,
            sequence: writer.space.next_sequence(),
            cold,
        };
        let entry = EntryRef::new(&mut self.writer.slab, new);
        self.begin_entry(Owner::Table(id), encoded.mask, entry, true);
        Ok(())
    }

    pub(super) fn modify_entry(&mut self, spec: &EntrySpec) -> Result<(), UpdateError> {
        let (encoded, old) = self.find_changeable(&spec.key)?;
        let resolved = self.resolve(spec.key.table, &spec.action)?;
        self.check_idle_timeout(spec)?;
        let owner = Owner::Table(spec.key.table);
        let new = NewEntry {
            first: self.next,
            rank: old.rank(),
            slot: old.slot(),
            target: resolved.target,
            key: old.key(),
            filed_words: old.filed().len(),
            args: &resolved.args,
            sequence: old.sequence(),
            cold: Cold {
                idle_timeout_ns: spec.idle_timeout_ns,
                metadata: spec.metadata.clone(),
                is_const: false,
                one_shot: resolved.one_shot,
            },
        };
        let new = EntryRef::new(&mut self.writer.slab, new);
        self.end_entry(owner, encoded.mask.clone(), old, false);
        self.begin_entry(owner, encoded.mask, new, false);
        Ok(())
    }

    pub(super) fn delete_entry(&mut self, key: &EntryKey) -> Result<(), UpdateError> {
        let (encoded, entry) = self.find_changeable(key)?;
        self.end_entry(Owner::Table(key.table), encoded.mask, entry, true);
        Ok(())
    }

    pub(super) fn clear_table(&mut self, id: TableId) -> Result<(), UpdateError> {
        let (declared, table) = table(self.state, id)?;
        if declared.const_entries {
            return Err(UpdateError::ConstTable { table: declared.control.name.clone() });
        }
        let mut entries = Vec::new();
        if let Some(writer) = self.writer.tables.get(id.as_u32() as usize) {
            table.space.for_each(&writer.space, |mask, entry| {
                if entry.span().contains(self.next) && !entry.cold().is_some_and(|cold| cold.is_const) {
                    entries.push((Box::from(mask), entry));
                }
            });
        }
        for (mask, entry) in entries {
            self.end_entry(Owner::Table(id), mask, entry, true);
        }
        Ok(())
    }

    fn check_idle_timeout(&self, spec: &EntrySpec) -> Result<(), UpdateError> {
        let (declared, _) = table(self.state, spec.key.table)?;
        if spec.idle_timeout_ns != 0 && !declared.idle_timeout {
            return Err(UpdateError::NoIdleTimeout { table: declared.control.name.clone() });
        }
        Ok(())
    }

    /// What an entry's action means in its table.
    fn resolve(&self, id: TableId, action: &EntryAction) -> Result<Resolved, UpdateError> {
        let (declared, _) = table(self.state, id)?;
        let Some(profile) = declared.profile else {
            return match action {
                EntryAction::Action(spec) => {
                    let (position, args) = self.listed_action(id, spec, false)?;
                    Ok(Resolved { target: Target::Action(position), args, one_shot: None })
                }
                EntryAction::Member(_) | EntryAction::Group(_) | EntryAction::OneShot(_) => {
                    Err(UpdateError::NoProfile { table: declared.control.name.clone() })
                }
            };
        };
        let indirect = |target| Resolved { target, args: Box::default(), one_shot: None };
        match action {
            EntryAction::Action(_) => {
                let profile = &self.state.program.profiles[profile];
                Err(UpdateError::NeedsProfile {
                    table: declared.control.name.clone(),
                    profile: profile.control.name.clone(),
                    wanted: match profile.selector {
                        Some(_) => "a member, a group or a one-shot group",
                        None => "a member",
                    },
                })
            }
            EntryAction::Member(member) => Ok(indirect(Target::Member(self.member_cell(profile, *member)?))),
            EntryAction::Group(group) => Ok(indirect(Target::Group(self.group_cell(profile, *group)?))),
            EntryAction::OneShot(members) => {
                let one_shot = self.one_shot(id, profile, members)?;
                Ok(Resolved {
                    target: Target::Group(one_shot.group),
                    args: Box::default(),
                    one_shot: Some(one_shot),
                })
            }
        }
    }

    /// Position and argument words of an action that a table lists.
    fn listed_action(
        &self,
        id: TableId,
        spec: &ActionSpec,
        as_default: bool,
    ) -> Result<(u16, Box<[u64]>), UpdateError> {
        let (declared, table) = table(self.state, id)?;
        let position = table.position(spec.action);
        let Some((position, listed)) = position.and_then(|p| declared.actions.get(p).map(|a| (p, a))) else {
            return Err(UpdateError::UnknownAction {
                table: declared.control.name.clone(),
                action: self.action_name(spec.action)?,
                allowed: self.action_names(declared.actions.iter().map(|a| a.action)),
            });
        };
        if listed.default_only && !as_default {
            return Err(UpdateError::DefaultOnly {
                table: declared.control.name.clone(),
                action: self.action_name(spec.action)?,
            });
        }
        if listed.table_only && as_default {
            return Err(UpdateError::TableOnly {
                table: declared.control.name.clone(),
                action: self.action_name(spec.action)?,
            });
        }
        Ok((position as u16, argument_words(&self.state.program, spec.action, &spec.args)?))
    }

    pub(super) fn action_name(&self, action: ActionId) -> Result<String, UpdateError> {
        let declared = self.state.program.actions.get(action);
        let name = declared.map(|action| action.control.name.clone());
        name.ok_or(UpdateError::UnknownObject { kind: "action", number: action.as_u32() })
    }

    pub(super) fn action_names(&self, actions: impl Iterator<Item = ActionId>) -> String {
        let names: Vec<String> = actions.filter_map(|action| self.action_name(action).ok()).collect();
        names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    }

    pub(super) fn set_default(&mut self, id: TableId, spec: &ActionSpec) -> Result<(), UpdateError> {
        let (declared, table) = table(self.state, id)?;
        if declared.const_default {
            return Err(UpdateError::ConstDefault { table: declared.control.name.clone() });
        }
        let (position, args) = self.listed_action(id, spec, true)?;
        let action = DefaultAction { position, data: ActionData { action: spec.action, args } };
        table.default.push(self.next, action);
        self.log.push(Change::DefaultPushed(id));
        Ok(())
    }

    pub(super) fn reset_default(&mut self, id: TableId) -> Result<(), UpdateError> {
        let (declared, table) = table(self.state, id)?;
        if declared.const_default {
            return Err(UpdateError::ConstDefault { table: declared.control.name.clone() });
        }
        table.default.push(self.next, declared_default(&self.state.program, id)?);
        self.log.push(Change::DefaultPushed(id));
        Ok(())
    }

    /// Adds the entries that the program declares.
    pub(crate) fn add_declared(&mut self) -> Result<(), StateError> {
        for (id, declared) in &self.state.program.tables {
            for index in 0..declared.entries.len() {
                self.add_declared_entry(id, index).map_err(|error| StateError::DeclaredEntry {
                    table: declared.control.name.clone(),
                    index,
                    error,
                })?;
            }
        }
        Ok(())
    }

    fn add_declared_entry(&mut self, id: TableId, index: usize) -> Result<(), UpdateError> {
        let (declared, _) = table(self.state, id)?;
        let Some(entry) = declared.entries.get(index) else { return Ok(()) };
        let Some(key) = self.state.declared_key(id, index) else { return Ok(()) };
        let (encoded, found) = self.find_entry(&key)?;
        if found.is_some() {
            return Err(UpdateError::Exists { what: entry_of(declared) });
        }
        let Some(listed) = declared.actions.get(entry.action.action) else {
            let number = u32::try_from(entry.action.action).unwrap_or(u32::MAX);
            return Err(UpdateError::UnknownObject { kind: "table action", number });
        };
        let args = argument_words(&self.state.program, listed.action, &entry.action.args)?;
        let cold = Cold { is_const: entry.is_const || declared.const_entries, ..Cold::default() };
        self.add_entry(id, encoded, Target::Action(entry.action.action as u16), &args, cold)
    }
}

impl State {
    /// The key of an entry that the program declares.
    pub(crate) fn declared_key(&self, id: TableId, index: usize) -> Option<EntryKey> {
        let declared = self.program.tables.get(id)?;
        let precedence = self.tables.get(id.as_u32() as usize)?.space.layout().precedence();
        let (matches, priority) = declared_matches(declared, precedence, index)?;
        Some(EntryKey { table: id, matches, priority })
    }
}
