//! Batches of updates, under their atomicity (section 12).
//!
//! All updates that succeed appear to packets at once, whatever the atomicity. What the atomicity decides is what
//! becomes of the others when one fails.
//!
//! Invariant: an update that is refused leaves nothing behind, neither in the state nor in the notes.

use heddle_p4rt_proto::rpc::Code;
use heddle_p4rt_proto::v1;
use heddle_p4rt_proto::v1::entity::Entity;
use heddle_p4rt_proto::v1::update::Type;
use heddle_p4rt_proto::v1::write_request::Atomicity;

use crate::config::Config;
use crate::entity::{Change, Ports, refusal_of};
use crate::pipeline::Loaded;
use crate::role::Scope;
use crate::status::{Refusal, Status, of_batch};

/// What came of the updates of a [`v1::WriteRequest`].
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// What the call ends with: its response, or the status with an error per update.
    pub result: Result<v1::WriteResponse, Status>,
    /// By update: whether it was applied. Empty if none was tried.
    pub applied: Vec<bool>,
}

impl Written {
    pub(crate) fn refused(refusal: Refusal) -> Written {
        Written { result: Err(refusal.into()), applied: Vec::new() }
    }
}

/// On whose behalf.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Writer<'a> {
    /// The primary of a role.
    Role(&'a str, &'a Scope),
    /// The switch itself.
    Switch,
}

/// A batch that is being applied.
pub(crate) struct Batch<'a> {
    pub(crate) loaded: &'a mut Loaded,
    pub(crate) ports: &'a dyn Ports,
    pub(crate) config: &'a Config,
    pub(crate) writer: Writer<'a>,
    /// Whether it is only asked what would be.
    pub(crate) is_dry: bool,
    /// Entries that may still be inserted; none: any number.
    pub(crate) room: Option<u64>,
}

type Outcome = Result<(), Refusal>;

/// Whether an entity is one of those that are limited in number as a whole.
fn takes_room(entity: &Entity) -> bool {
    matches!(entity, Entity::TableEntry(_) | Entity::ActionProfileMember(_) | Entity::ActionProfileGroup(_))
}

impl Batch<'_> {
    /// Applies all that the atomicity lets.
    pub(crate) fn run(mut self, updates: &[v1::Update], atomicity: i32) -> Written {
        let mark = self.loaded.translations.mark();
        let results = match Atomicity::try_from(atomicity) {
            Ok(Atomicity::ContinueOnError) => self.each(updates),
            Ok(Atomicity::RollbackOnError) => self.all(updates, false),
            Ok(Atomicity::DataplaneAtomic) => self.all(updates, true),
            Err(_) => {
                let message =
                    format!("atomicity {atomicity} is not known; use one of the three of the specification");
                return Written::refused(Refusal::invalid(message));
            }
        };
        let applied: Vec<bool> = results.iter().map(Result::is_ok).collect();
        if self.is_dry || !applied.contains(&true) {
            self.loaded.translations.take_back(&mark);
        }
        let result = match of_batch("updates", &results) {
            None => Ok(v1::WriteResponse {}),
            Some(status) => Err(status),
        };
        Written { result, applied }
    }

    fn decode(&mut self, update: &v1::Update) -> Result<Change, Refusal> {
        let kind = Type::try_from(update.r#type)
            .map_err(|_| Refusal::invalid(format!("update type {} is not known", update.r#type)))?;
        let entity = update.entity.as_ref().and_then(|entity| entity.entity.as_ref());
        let entity =
            entity.ok_or_else(|| Refusal::invalid("the update has no entity; set one of its kinds"))?;
        let owner = self.loaded.schema.owner(entity)?;
        if let Writer::Role(role, scope) = self.writer
            && !scope.owns(role, owner)
        {
            let what = match owner {
                crate::entity::Owner::Object(object) => object.name.clone(),
                crate::entity::Owner::MulticastGroups => "multicast_groups".to_owned(),
                crate::entity::Owner::CloneSessions => "clone_sessions".to_owned(),
            };
            return Err(Refusal::denied(format!(
                "role `{role}` does not have `{what}`; list it in the role's config"
            )));
        }
        let change = self.loaded.decoder(self.ports, self.config).update(kind, entity)?;
        if kind == Type::Insert && takes_room(entity) {
            self.take_room()?;
        }
        Ok(change)
    }

    fn take_room(&mut self) -> Result<(), Refusal> {
        let Some(room) = &mut self.room else { return Ok(()) };
        let Some(left) = room.checked_sub(1) else {
            return Err(Refusal::exhausted(format!(
                "the switch has {} entries, as many as it was set up for (--max-entries); delete some first",
                self.config.entries_max.unwrap_or_default()
            )));
        };
        *room = left;
        Ok(())
    }

    fn note(&mut self, change: Change) {
        if !self.is_dry {
            change.notes.into_iter().for_each(|note| self.loaded.notes.apply(note));
        }
    }

    /// Each for itself.
    fn each(&mut self, updates: &[v1::Update]) -> Vec<Outcome> {
        let mut results: Vec<Outcome> = Vec::with_capacity(updates.len());
        let mut changes: Vec<(usize, Change)> = Vec::with_capacity(updates.len());
        for (index, update) in updates.iter().enumerate() {
            match self.decode(update) {
                Ok(change) if change.updates.is_empty() => {
                    self.note(change);
                    results.push(Ok(()));
                }
                Ok(change) => {
                    changes.push((index, change));
                    results.push(Ok(()));
                }
                Err(refusal) => results.push(Err(refusal)),
            }
        }
        let groups: Vec<Vec<heddle_state::Update>> =
            changes.iter_mut().map(|(_, change)| std::mem::take(&mut change.updates)).collect();
        let state = &self.loaded.state;
        let written = if self.is_dry { state.check_groups(&groups) } else { state.write_groups(&groups) };
        for ((index, change), written) in changes.into_iter().zip(written) {
            match written {
                Ok(()) => self.note(change),
                Err(error) => results[index] = Err(refusal_of(&error.error)),
            }
        }
        results
    }

    /// All or none.
    fn all(&mut self, updates: &[v1::Update], atomic: bool) -> Vec<Outcome> {
        let mut changes = Vec::with_capacity(updates.len());
        let mut refused: Vec<(usize, Refusal)> = Vec::new();
        for (index, update) in updates.iter().enumerate() {
            match self.decode(update) {
                // Cells change by themselves, just before all else appears (section 12.2 lets such batches be refused).
                Ok(change) if atomic && change.writes_cells && updates.len() > 1 => {
                    let message = "cells of counters, meters and registers that packets may be using cannot change at the \
                                   very moment when the rest of a batch does; write them in a batch of their own";
                    refused.push((index, Refusal::unimplemented(message)));
                }
                Ok(change) => changes.push((index, change)),
                Err(refusal) => refused.push((index, refusal)),
            }
        }
        if refused.is_empty() {
            let mut flat = Vec::new();
            let mut of = Vec::new();
            for (index, change) in &mut changes {
                of.extend(change.updates.iter().map(|_| *index));
                flat.append(&mut change.updates);
            }
            let state = &self.loaded.state;
            let groups = [flat];
            let written = if self.is_dry { state.check_groups(&groups) } else { state.write_groups(&groups) };
            match written.into_iter().next() {
                Some(Err(error)) => {
                    let index = of.get(error.index).copied().unwrap_or(0);
                    refused.push((index, refusal_of(&error.error)));
                }
                Some(Ok(())) | None => {
                    changes.into_iter().for_each(|(_, change)| self.note(change));
                    return vec![Ok(()); updates.len()];
                }
            }
        }
        let first = refused.first().map_or(0, |(index, _)| *index);
        let other = Refusal::new(
            Code::Aborted,
            format!(
                "not applied, since update {first} of the batch was refused and the batch is all or nothing"
            ),
        );
        let mut results = vec![Err(other); updates.len()];
        for (index, refusal) in refused {
            results[index] = Err(refusal);
        }
        results
    }
}
