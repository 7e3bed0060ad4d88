#![allow(unsafe_code)] // What is retired is run when due, and entries outlive the borrow they are found by.
//! The writer: changes applied under a generation that no reader sees yet, then published or taken back.
//!
//! Invariant: between two calls, what the next generation would see is what the published one sees; every change
//! that a transaction makes is in its log, and the log alone says how it is taken back or made final.

mod cells;
mod entries;
mod profiles;
mod replication;
mod value_sets;

use std::sync::atomic::Ordering;

use heddle_ir::{ProfileId, Program, TableId, ValueSetId};

use crate::entry::{EntryRef, TargetRef};
use crate::error::{UpdateError, WriteError};
use crate::profile::{GroupRecord, MemberRecord, ProfileWriter};
use crate::reclaim::{Later, Reclaimer};
use crate::replication::{Listed, NumbersWriter};
use crate::slab::Slab;
use crate::space::{Space, SpaceWriter};
use crate::state::State;
use crate::table::{Table, TableWriter};
use crate::update::{CloneSession, GroupMember, MulticastGroup, Update};

use cells::CellWrite;

/// Retired things that a write looks after, beside as many as it may retire itself: so that a large deletion is paid
/// for by the writes after it, bit by bit.
const RECLAIMED_PER_WRITE: usize = 1_024;
/// Things that an update may retire, about.
const RETIRED_PER_UPDATE: usize = 4;

/// What the writer's lock protects.
pub(crate) struct Writer {
    pub(crate) tables: Vec<TableWriter>,
    pub(crate) profiles: Vec<ProfileWriter>,
    pub(crate) value_sets: Vec<SpaceWriter>,
    pub(crate) multicast_groups: NumbersWriter<MulticastGroup>,
    pub(crate) clone_sessions: NumbersWriter<CloneSession>,
    reclaimer: Reclaimer<Retired>,
    /// Where entries are. Dropped after the tables, since this is.
    slab: Slab,
    /// Spaces whose tuples may have changed since they were published.
    touched: Vec<Owner>,
}

/// Whose entries they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    Table(TableId),
    ValueSet(ValueSetId),
}

/// Waits until no snapshot can see it.
enum Retired {
    Entry {
        owner: Owner,
        filed: Filing,
        entry: EntryRef<'static>,
        frees_slot: bool,
    },
    /// An entry that was taken out.
    Block(EntryRef<'static>),
    Later(Later),
}

/// The mask that an entry is filed under.
type Filing = Box<[u64]>;

/// A change that was made.
enum Change {
    /// The entry was filed.
    EntryBegun {
        owner: Owner,
        filed: Filing,
        entry: EntryRef<'static>,
        /// Whether its slot is new with it.
        owns_slot: bool,
    },
    /// The entry's span was ended.
    EntryEnded {
        owner: Owner,
        filed: Filing,
        entry: EntryRef<'static>,
        /// Whether its slot ends with it.
        frees_slot: bool,
    },
    /// A default action was pushed.
    DefaultPushed(TableId),
    MemberCreated(ProfileId, u32),
    /// A member's action was pushed.
    MemberPushed(ProfileId, u32),
    MemberDeleted(ProfileId, u32, MemberRecord),
    GroupCreated(ProfileId, u32),
    /// A group's members were pushed; what its record said before.
    GroupPushed(ProfileId, u32, Option<u32>, Vec<GroupMember>),
    GroupDeleted(ProfileId, u32, GroupRecord),
    MulticastBegun(u32),
    MulticastEnded(u32, Listed<MulticastGroup>),
    SessionBegun(u32),
    SessionEnded(u32, Listed<CloneSession>),
    /// Cells to be written when the transaction is published.
    Cells(CellWrite),
}

impl Writer {
    /// Of a state with nothing in it.
    pub(crate) fn new(tables: Vec<TableWriter>, profiles: usize, value_sets: usize) -> Writer {
        Writer {
            tables,
            profiles: (0..profiles).map(|_| ProfileWriter::default()).collect(),
            value_sets: (0..value_sets).map(|_| SpaceWriter::new()).collect(),
            multicast_groups: NumbersWriter::new(),
            clone_sessions: NumbersWriter::new(),
            reclaimer: Reclaimer::new(),
            slab: Slab::new(),
            touched: Vec::new(),
        }
    }

    /// Reuses what no snapshot can see any more, so many things at most.
    pub(crate) fn reclaim(&mut self, state: &State, limit: usize) {
        for _ in 0..limit {
            let Some(retired) = self.reclaimer.next_due() else { break };
            self.dispose(state, retired);
        }
        self.publish_touched(state);
        self.reclaimer.issue();
    }

    /// Reuses everything that was retired, and shows readers all tuples: when the state is dropped.
    pub(crate) fn reclaim_all(&mut self, state: &State) {
        loop {
            let retired = self.reclaimer.drain_in_any_case();
            if retired.is_empty() && self.touched.is_empty() {
                return;
            }
            retired.into_iter().for_each(|retired| self.dispose(state, retired));
            self.publish_touched(state);
        }
    }

    /// Does what was waiting for readers to be gone.
    fn dispose(&mut self, state: &State, retired: Retired) {
        let mut later = Vec::new();
        match retired {
            // SAFETY: the reclaimer hands out what is due, or the state is being dropped and has no readers.
            Retired::Later(due) => unsafe { due.run(&mut later) },
            Retired::Entry { owner, filed, entry, frees_slot } => {
                if let Some((space, writer)) = self.space(state, owner) {
                    space.remove(writer, &filed, entry, &mut later);
                }
                self.touched.push(owner);
                if frees_slot
                    && let Owner::Table(id) = owner
                    && let Some((table, writer)) = self.table(state, id)
                {
                    later.extend(table.meter.as_ref().and_then(|meter| meter.configure(entry.slot(), None)));
                    writer.give_slot(entry.slot());
                }
                self.reclaimer.retire(Retired::Block(entry));
            }
            // SAFETY: the readers that could have reached it before it was taken out are gone.
            Retired::Block(entry) => unsafe { entry.free(&mut self.slab) },
        }
        self.retire(later);
    }

    fn retire(&mut self, later: impl IntoIterator<Item = Later>) {
        later.into_iter().for_each(|later| self.reclaimer.retire(Retired::Later(later)));
    }

    /// Shows readers the tuples as they are now.
    fn publish_touched(&mut self, state: &State) {
        let mut later = Vec::new();
        for owner in std::mem::take(&mut self.touched) {
            if let Some((space, writer)) = self.space(state, owner) {
                space.publish(writer, &mut later);
            }
        }
        self.retire(later);
    }

    /// A table.
    pub(crate) fn table<'a>(
        &'a mut self,
        state: &'a State,
        id: TableId,
    ) -> Option<(&'a Table, &'a mut TableWriter)> {
        let index = id.as_u32() as usize;
        Some((state.tables.get(index)?, self.tables.get_mut(index)?))
    }

    /// The entries of an owner.
    pub(crate) fn space<'a>(
        &'a mut self,
        state: &'a State,
        owner: Owner,
    ) -> Option<(&'a Space, &'a mut SpaceWriter)> {
        match owner {
            Owner::Table(id) => {
                self.table(state, id).map(|(table, writer)| (&table.space, &mut writer.space))
            }
            Owner::ValueSet(id) => {
                let index = id.as_u32() as usize;
                Some((state.value_sets.get(index)?, self.value_sets.get_mut(index)?))
            }
        }
    }

    /// Retired things that wait.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.reclaimer.len()
    }

    fn member(&mut self, profile: ProfileId, id: u32) -> Option<&mut MemberRecord> {
        self.profiles.get_mut(profile.as_u32() as usize)?.members.get_mut(&id)
    }

    fn group(&mut self, profile: ProfileId, id: u32) -> Option<&mut GroupRecord> {
        self.profiles.get_mut(profile.as_u32() as usize)?.groups.get_mut(&id)
    }

    fn profile(&mut self, profile: ProfileId) -> Option<&mut ProfileWriter> {
        self.profiles.get_mut(profile.as_u32() as usize)
    }

    /// Adds to, or takes from, the users of the members of a group.
    fn count_group_members(&mut self, profile: ProfileId, members: &[GroupMember], begins: bool) {
        for member in members {
            if let Some(record) = self.member(profile, member.member) {
                record.users = if begins { record.users + 1 } else { record.users.saturating_sub(1) };
            }
        }
    }

    /// Adds to, or takes from, the users of what an entry refers to.
    fn count_entry(&mut self, program: &Program, owner: Owner, entry: EntryRef<'_>, begins: bool) {
        let Owner::Table(table) = owner else { return };
        let Some(profile) = program.tables.get(table).and_then(|t| t.profile) else { return };
        let add = |count: &mut usize, amount: usize| {
            *count = if begins { *count + amount } else { count.saturating_sub(amount) };
        };
        if let Some(one_shot) = entry.cold().and_then(|cold| cold.one_shot.as_ref()) {
            if let Some(writer) = self.profile(profile) {
                add(&mut writer.one_shot_members, one_shot.members.len());
            }
            return;
        }
        match entry.target() {
            TargetRef::Action(_) => {}
            TargetRef::Member(cell) => {
                if let Some(record) = self.member(profile, cell.number) {
                    add(&mut record.users, 1);
                }
            }
            TargetRef::Group(cell) => {
                if let Some(record) = self.group(profile, cell.number) {
                    add(&mut record.users, 1);
                }
            }
        }
    }
}

/// Changes under way.
pub(crate) struct Transaction<'a> {
    state: &'a State,
    writer: &'a mut Writer,
    /// The generation that will see them.
    next: u64,
    log: Vec<Change>,
    /// To be retired however this ends.
    later: Vec<Later>,
}

impl<'a> Transaction<'a> {
    /// Begins one; `writer` is that of `state`.
    pub(crate) fn begin(state: &'a State, writer: &'a mut Writer, updates: usize) -> Transaction<'a> {
        writer.reclaim(state, RECLAIMED_PER_WRITE.saturating_add(updates.saturating_mul(RETIRED_PER_UPDATE)));
        let next = state.generation.load(Ordering::Relaxed) + 1;
        Transaction { state, writer, next, log: Vec::new(), later: Vec::new() }
    }

    /// Applies all, or none.
    pub(crate) fn apply_all(&mut self, updates: &[Update]) -> Result<(), WriteError> {
        self.apply_group(updates)
    }

    /// Applies all of a group, or nothing of it; what was applied before stays.
    pub(crate) fn apply_group(&mut self, updates: &[Update]) -> Result<(), WriteError> {
        let mark = self.log.len();
        for (index, update) in updates.iter().enumerate() {
            if let Err(error) = self.apply(update) {
                self.undo_to(mark);
                return Err(WriteError { index, error });
            }
        }
        Ok(())
    }

    /// Applies one, or nothing of it.
    pub(crate) fn apply(&mut self, update: &Update) -> Result<(), UpdateError> {
        let mark = self.log.len();
        let result = self.dispatch(update);
        if result.is_err() {
            self.undo_to(mark);
        }
        result
    }

    fn dispatch(&mut self, update: &Update) -> Result<(), UpdateError> {
        match update {
            Update::InsertEntry(spec) => self.insert_entry(spec),
            Update::ModifyEntry(spec) => self.modify_entry(spec),
            Update::DeleteEntry(key) => self.delete_entry(key),
            Update::ExpectEntry(key) => self.slot_of(key).map(|_| ()),
            Update::ClearTable(table) => self.clear_table(*table),
            Update::SetDefault { table, action } => self.set_default(*table, action),
            Update::ResetDefault(table) => self.reset_default(*table),
            Update::CreateMember(spec) => self.create_member(spec),
            Update::ModifyMember(spec) => self.modify_member(spec),
            Update::DeleteMember { profile, id } => self.delete_member(*profile, *id),
            Update::CreateGroup(spec) => self.create_group(spec),
            Update::ModifyGroup(spec) => self.modify_group(spec),
            Update::DeleteGroup { profile, id } => self.delete_group(*profile, *id),
            Update::SetValueSet { value_set, entries } => self.set_value_set(*value_set, entries),
            Update::WriteCounter { counter, index, value } => self.write_counter(*counter, *index, *value),
            Update::WriteDirectCounter { entry, value } => self.write_direct_counter(entry, *value),
            Update::WriteMeter { meter, index, config } => self.write_meter(*meter, *index, *config),
            Update::WriteDirectMeter { entry, config } => self.write_direct_meter(entry, *config),
            Update::ResetMeterColors { meter, index } => self.reset_meter_colors(*meter, *index),
            Update::ResetDirectMeterColors(entry) => self.reset_direct_meter_colors(entry),
            Update::WriteRegister { register, index, value } => self.write_register(*register, *index, value),
            Update::CreateMulticastGroup(group) => self.create_multicast_group(group),
            Update::ModifyMulticastGroup(group) => self.modify_multicast_group(group),
            Update::DeleteMulticastGroup(id) => self.delete_multicast_group(*id),
            Update::CreateCloneSession(session) => self.create_clone_session(session),
            Update::ModifyCloneSession(session) => self.modify_clone_session(session),
            Update::DeleteCloneSession(id) => self.delete_clone_session(*id),
        }
    }

    /// Files an entry made for the next generation.
    fn begin_entry(&mut self, owner: Owner, filed: Filing, entry: EntryRef<'static>, owns_slot: bool) {
        if let Some((space, writer)) = self.writer.space(self.state, owner) {
            space.insert(writer, &filed, entry, &mut self.later);
        }
        self.writer.touched.push(owner);
        self.writer.count_entry(&self.state.program, owner, entry, true);
        self.log.push(Change::EntryBegun { owner, filed, entry, owns_slot });
    }

    /// Hides an entry from the next generation.
    fn end_entry(&mut self, owner: Owner, filed: Filing, entry: EntryRef<'_>, frees_slot: bool) {
        // SAFETY: entries are freed by the writer alone, once they were retired by what is logged here.
        let entry: EntryRef<'static> = unsafe { entry.extend() };
        entry.span().end(self.next);
        if let Some((_, writer)) = self.writer.space(self.state, owner) {
            writer.ended();
        }
        self.writer.count_entry(&self.state.program, owner, entry, false);
        self.log.push(Change::EntryEnded { owner, filed, entry, frees_slot });
    }

    /// Shows the changes to every snapshot from now on. A transaction that is dropped instead never happened;
    /// one without changes publishes nothing.
    pub(crate) fn finish(mut self) {
        let state = self.state;
        let changed = !self.log.is_empty();
        for change in std::mem::take(&mut self.log) {
            self.make_final(change);
        }
        self.writer.publish_touched(state);
        if changed {
            state.generation.store(self.next, Ordering::Release);
        }
    }

    fn make_final(&mut self, change: Change) {
        match change {
            Change::EntryBegun { .. }
            | Change::MemberCreated(..)
            | Change::GroupCreated(..)
            | Change::MulticastBegun(_)
            | Change::SessionBegun(_) => {}
            Change::EntryEnded { owner, filed, entry, frees_slot } => {
                self.writer.reclaimer.retire(Retired::Entry { owner, filed, entry, frees_slot });
            }
            Change::DefaultPushed(id) => {
                self.later
                    .extend(self.state.tables.get(id.as_u32() as usize).map(|table| table.default.trim()));
            }
            Change::MemberPushed(profile, id) => {
                let trim = self.writer.member(profile, id).map(|record| record.cell().versions.trim());
                self.later.extend(trim);
            }
            Change::GroupPushed(profile, id, _, _) => {
                let trim = self.writer.group(profile, id).map(|record| record.cell().versions.trim());
                self.later.extend(trim);
            }
            Change::MemberDeleted(_, _, record) => self.later.push(record.cell.into_later()),
            Change::GroupDeleted(_, _, record) => self.later.push(record.cell.into_later()),
            Change::MulticastEnded(_, old) => self.later.push(self.state.multicast_groups.retire(old)),
            Change::SessionEnded(_, old) => self.later.push(self.state.clone_sessions.retire(old)),
            Change::Cells(cells) => cells.write(self.state, &mut self.later),
        }
    }

    /// Takes back the changes after the first so many.
    fn undo_to(&mut self, mark: usize) {
        while self.log.len() > mark {
            if let Some(change) = self.log.pop() {
                self.undo(change);
            }
        }
    }

    fn undo(&mut self, change: Change) {
        let state = self.state;
        match change {
            Change::EntryBegun { owner, filed, entry, owns_slot } => {
                entry.span().cancel();
                if let Some((_, writer)) = self.writer.space(state, owner) {
                    writer.ended();
                }
                self.writer.count_entry(&state.program, owner, entry, false);
                self.writer.reclaimer.retire(Retired::Entry { owner, filed, entry, frees_slot: owns_slot });
            }
            Change::EntryEnded { owner, entry, .. } => {
                entry.span().reopen();
                if let Some((_, writer)) = self.writer.space(state, owner) {
                    writer.reopened();
                }
                self.writer.count_entry(&state.program, owner, entry, true);
            }
            Change::DefaultPushed(id) => {
                self.later
                    .extend(state.tables.get(id.as_u32() as usize).and_then(|table| table.default.pop()));
            }
            Change::MemberCreated(profile, id) => {
                let record = self.writer.profile(profile).and_then(|p| p.members.remove(&id));
                self.later.extend(record.map(|record| record.cell.into_later()));
            }
            Change::MemberPushed(profile, id) => {
                let popped = self.writer.member(profile, id).and_then(|record| record.cell().versions.pop());
                self.later.extend(popped);
            }
            Change::MemberDeleted(profile, id, record) => {
                if let Some(profile) = self.writer.profile(profile) {
                    profile.members.insert(id, record);
                }
            }
            Change::GroupCreated(profile, id) => {
                if let Some(record) = self.writer.profile(profile).and_then(|p| p.groups.remove(&id)) {
                    self.writer.count_group_members(profile, &record.members, false);
                    self.later.push(record.cell.into_later());
                }
            }
            Change::GroupPushed(profile, id, max_size, members) => {
                self.writer.count_group_members(profile, &members, true);
                if let Some(record) = self.writer.group(profile, id) {
                    record.max_size = max_size;
                    let new = std::mem::replace(&mut record.members, members);
                    let popped = record.cell().versions.pop();
                    self.later.extend(popped);
                    self.writer.count_group_members(profile, &new, false);
                }
            }
            Change::GroupDeleted(profile, id, record) => {
                self.writer.count_group_members(profile, &record.members, true);
                if let Some(profile) = self.writer.profile(profile) {
                    profile.groups.insert(id, record);
                }
            }
            Change::MulticastBegun(id) => {
                if let Some(new) = self.writer.multicast_groups.remove(&id) {
                    new.cancel();
                    self.later.push(state.multicast_groups.retire(new));
                }
            }
            Change::MulticastEnded(id, old) => {
                old.reopen();
                self.writer.multicast_groups.insert(id, old);
            }
            Change::SessionBegun(id) => {
                if let Some(new) = self.writer.clone_sessions.remove(&id) {
                    new.cancel();
                    self.later.push(state.clone_sessions.retire(new));
                }
            }
            Change::SessionEnded(id, old) => {
                old.reopen();
                self.writer.clone_sessions.insert(id, old);
            }
            Change::Cells(_) => {}
        }
    }
}

/// Takes back what was not published, and lets go of the rest.
impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        self.undo_to(0);
        self.writer.retire(self.later.drain(..));
        self.writer.reclaimer.issue();
    }
}
