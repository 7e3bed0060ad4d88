//! Reading a state back, for the control plane.
//!
//! Invariant: one call sees one generation: it holds the writer's lock.

use std::sync::atomic::Ordering;

use heddle_ir::{Bits, CounterId, KeyMatch, MeterId, ProfileId, Program, RegisterId, TableId, ValueSetId};

use crate::entry::{EntryRef, TargetRef};
use crate::error::UpdateError;
use crate::key::word_count;
use crate::meter::MeterConfig;
use crate::profile::ActionData;
use crate::state::State;
use crate::update::{
    ActionSpec, CloneSession, CounterValue, DirectOf, EntryAction, EntryKey, EntrySpec, GroupSpec,
    MemberSpec, MulticastGroup,
};
use crate::view::{DefaultView, EntryView, IdleEntry, ProfileUse, TableMemory};
use crate::write::Writer;

/// An action from the words of its arguments.
fn action_spec(program: &Program, action: heddle_ir::ActionId, mut words: &[u64]) -> ActionSpec {
    let params = program.actions.get(action).map_or(&[][..], |action| &action.params);
    let args = params.iter().map(|param| {
        let width = program.vars[param.var].ty.width();
        let (arg, rest) = words.split_at(word_count(width).min(words.len()));
        words = rest;
        Bits::from_limbs(width, arg)
    });
    ActionSpec { action, args: args.collect() }
}

fn data_spec(program: &Program, data: &ActionData) -> ActionSpec {
    action_spec(program, data.action, &data.args)
}

/// For the control plane: reading back.
impl State {
    fn published(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// The entries of a table in the order they were inserted. Empty for a table of another program.
    pub fn entries(&self, table: TableId) -> Vec<EntryView> {
        let mut views = Vec::new();
        self.for_each_entry(&self.lock(), table, |mask, entry| {
            views.push((entry.sequence(), self.view(table, mask, entry)));
        });
        views.sort_by_key(|(sequence, _)| *sequence);
        views.into_iter().map(|(_, view)| view).collect()
    }

    fn for_each_entry<'a>(
        &'a self,
        writer: &Writer,
        table: TableId,
        mut f: impl FnMut(&[u64], EntryRef<'a>),
    ) {
        let number = table.as_u32() as usize;
        let Some((table, writer)) = self.tables.get(number).zip(writer.tables.get(number)) else { return };
        let generation = self.published();
        table.space.for_each(&writer.space, |mask, entry| {
            if entry.span().contains(generation) {
                f(mask, entry);
            }
        });
    }

    /// One entry of a table.
    pub fn entry(&self, key: &EntryKey) -> Result<EntryView, UpdateError> {
        let writer = self.lock();
        let (mask, entry) = self.find_entry(&writer, key)?;
        Ok(self.view(key.table, &mask, entry))
    }

    pub(crate) fn find_entry<'a>(
        &'a self,
        writer: &Writer,
        key: &EntryKey,
    ) -> Result<(Box<[u64]>, EntryRef<'a>), UpdateError> {
        let number = key.table.as_u32() as usize;
        let Some((table, writer)) = self.tables.get(number).zip(writer.tables.get(number)) else {
            return Err(UpdateError::UnknownObject { kind: "table", number: key.table.as_u32() });
        };
        let encoded = table.space.layout().encode(&key.matches, key.priority)?;
        match table.space.find_same(&writer.space, self.published(), &encoded) {
            Some(entry) => Ok((encoded.mask, entry)),
            None => Err(UpdateError::NotFound {
                what: format!("such an entry of table `{}`", table.space.layout().owner()),
            }),
        }
    }

    /// The key of an entry.
    fn entry_key(&self, id: TableId, mask: &[u64], entry: EntryRef<'_>) -> EntryKey {
        let Some(table) = self.tables.get(id.as_u32() as usize) else {
            return EntryKey { table: id, matches: Vec::new(), priority: None };
        };
        let layout = table.space.layout();
        EntryKey {
            table: id,
            matches: layout.decode(mask, entry.key()),
            priority: layout.priority(entry.rank()),
        }
    }

    fn view(&self, id: TableId, mask: &[u64], entry: EntryRef<'_>) -> EntryView {
        let table = self.tables.get(id.as_u32() as usize);
        let cold = entry.cold();
        let action = match entry.target() {
            TargetRef::Action(position) => {
                let listed = self.program.tables.get(id).and_then(|t| t.actions.get(usize::from(position)));
                let action =
                    listed.map_or(heddle_ir::ActionId::from_u32(u32::MAX - 1), |listed| listed.action);
                EntryAction::Action(action_spec(&self.program, action, entry.args()))
            }
            TargetRef::Member(member) => EntryAction::Member(member.number),
            TargetRef::Group(group) => match cold.and_then(|cold| cold.one_shot.as_ref()) {
                Some(one_shot) => EntryAction::OneShot(one_shot.spec.clone()),
                None => EntryAction::Group(group.number),
            },
        };
        let spec = EntrySpec {
            key: self.entry_key(id, mask, entry),
            action,
            idle_timeout_ns: cold.map_or(0, |cold| cold.idle_timeout_ns),
            metadata: cold.map_or_else(Vec::new, |cold| cold.metadata.clone()),
        };
        EntryView {
            spec,
            is_const: cold.is_some_and(|cold| cold.is_const),
            counter: table.and_then(|t| t.counter.as_ref()).map(|counter| counter.value(entry.slot())),
            meter: table.and_then(|t| t.meter.as_ref()).and_then(|meter| meter.config(entry.slot())),
            meter_colors: table.and_then(|t| t.meter.as_ref()).and_then(|meter| meter.colors(entry.slot())),
            last_hit_ns: table.and_then(|t| t.last_hit_ns(entry.slot())),
        }
    }

    /// The default entry of a table.
    pub fn default_entry(&self, table: TableId) -> Result<DefaultView, UpdateError> {
        let _writer = self.lock();
        let Some(this) = self.tables.get(table.as_u32() as usize) else {
            return Err(UpdateError::UnknownObject { kind: "table", number: table.as_u32() });
        };
        Ok(DefaultView {
            table,
            action: data_spec(&self.program, &this.default.get(self.published()).data),
            counter: this.counter.as_ref().map(|counter| counter.value(0)),
            meter: this.meter.as_ref().and_then(|meter| meter.config(0)),
            meter_colors: this.meter.as_ref().and_then(|meter| meter.colors(0)),
        })
    }

    /// Entries a table holds.
    pub fn entry_count(&self, table: TableId) -> usize {
        self.lock().tables.get(table.as_u32() as usize).map_or(0, |writer| writer.space.live())
    }

    /// What the entries of a table take. Nothing for a table of another program.
    pub fn table_memory(&self, table: TableId) -> TableMemory {
        let number = table.as_u32() as usize;
        let writer = self.lock();
        match self.tables.get(number).zip(writer.tables.get(number)) {
            Some((table, writer)) => table.space.memory(&writer.space),
            None => TableMemory::default(),
        }
    }

    /// Entries that were not hit for as long as their idle timeout. The time of an entry that was never hit begins
    /// with the first call after its insertion.
    pub fn idle_entries(&self, now_ns: u64) -> Vec<IdleEntry> {
        let writer = self.lock();
        let mut idle = Vec::new();
        for (id, _) in self.program.tables.iter().filter(|(_, declared)| declared.idle_timeout) {
            let Some(table) = self.tables.get(id.as_u32() as usize) else { continue };
            self.for_each_entry(&writer, id, |mask, entry| {
                let Some(cold) = entry.cold().filter(|cold| cold.idle_timeout_ns != 0) else { return };
                let Some(since) = table.begin_idle(entry.slot(), now_ns) else { return };
                let idle_ns = now_ns.saturating_sub(since);
                if idle_ns >= cold.idle_timeout_ns {
                    let key = self.entry_key(id, mask, entry);
                    let (idle_timeout_ns, metadata) = (cold.idle_timeout_ns, cold.metadata.clone());
                    idle.push((
                        (id, entry.sequence()),
                        IdleEntry { key, idle_timeout_ns, idle_ns, metadata },
                    ));
                }
            });
        }
        idle.sort_by_key(|(order, _)| *order);
        idle.into_iter().map(|(_, entry)| entry).collect()
    }

    /// The members of a profile by number, without those of one-shot groups.
    pub fn members(&self, profile: ProfileId) -> Vec<MemberSpec> {
        let writer = self.lock();
        let Some(known) = writer.profiles.get(profile.as_u32() as usize) else { return Vec::new() };
        let spec = |(id, record): (&u32, &crate::profile::MemberRecord)| MemberSpec {
            profile,
            id: *id,
            action: data_spec(&self.program, record.cell().versions.get(self.published())),
        };
        known.members.iter().map(spec).collect()
    }

    /// The groups of a profile by number, without one-shot groups. Members are in the order of their numbers.
    pub fn groups(&self, profile: ProfileId) -> Vec<GroupSpec> {
        let writer = self.lock();
        let Some(known) = writer.profiles.get(profile.as_u32() as usize) else { return Vec::new() };
        let spec = |(id, record): (&u32, &crate::profile::GroupRecord)| GroupSpec {
            profile,
            id: *id,
            max_size: record.max_size,
            members: record.members.clone(),
        };
        known.groups.iter().map(spec).collect()
    }

    /// A member of a profile.
    pub fn member(&self, profile: ProfileId, id: u32) -> Option<MemberSpec> {
        let writer = self.lock();
        let record = writer.profiles.get(profile.as_u32() as usize)?.members.get(&id)?;
        let action = data_spec(&self.program, record.cell().versions.get(self.published()));
        Some(MemberSpec { profile, id, action })
    }

    /// A group of a profile.
    pub fn group(&self, profile: ProfileId, id: u32) -> Option<GroupSpec> {
        let writer = self.lock();
        let record = writer.profiles.get(profile.as_u32() as usize)?.groups.get(&id)?;
        Some(GroupSpec { profile, id, max_size: record.max_size, members: record.members.clone() })
    }

    /// What a profile holds.
    pub fn profile_use(&self, profile: ProfileId) -> ProfileUse {
        let writer = self.lock();
        writer.profiles.get(profile.as_u32() as usize).map_or_else(ProfileUse::default, |writer| ProfileUse {
            members: writer.members.len(),
            groups: writer.groups.len(),
            one_shot_members: writer.one_shot_members,
        })
    }

    /// The entries of a value set in the order they were inserted.
    pub fn value_set(&self, value_set: ValueSetId) -> Vec<Vec<KeyMatch>> {
        let writer = self.lock();
        let number = value_set.as_u32() as usize;
        let Some((space, writer)) = self.value_sets.get(number).zip(writer.value_sets.get(number)) else {
            return Vec::new();
        };
        let generation = self.published();
        let mut entries = Vec::new();
        space.for_each(writer, |mask, entry| {
            if entry.span().contains(generation) {
                entries.push((entry.sequence(), space.layout().decode(mask, entry.key())));
            }
        });
        entries.sort_by_key(|(sequence, _)| *sequence);
        entries.into_iter().map(|(_, matches)| matches).collect()
    }

    /// All multicast groups by number.
    pub fn multicast_groups(&self) -> Vec<MulticastGroup> {
        self.lock().multicast_groups.values().map(|group| group.value().clone()).collect()
    }

    /// All clone sessions by number.
    pub fn clone_sessions(&self) -> Vec<CloneSession> {
        self.lock().clone_sessions.values().map(|session| session.value().clone()).collect()
    }

    /// A cell of an indirect counter, summed over all workers. `None` if out of range.
    pub fn counter(&self, counter: CounterId, index: u64) -> Option<CounterValue> {
        self.counters.get(counter.as_u32() as usize)?.as_ref()?.value(index)
    }

    /// The direct counter of an entry, summed over all workers.
    pub fn direct_counter(&self, of: &DirectOf) -> Result<CounterValue, UpdateError> {
        let writer = self.lock();
        let id = of.table();
        let Some(table) = self.tables.get(id.as_u32() as usize) else {
            return Err(UpdateError::UnknownObject { kind: "table", number: id.as_u32() });
        };
        let Some(counter) = &table.counter else {
            return Err(UpdateError::NoDirect {
                table: table.space.layout().owner().to_string(),
                kind: "counter",
            });
        };
        match of {
            DirectOf::Default(_) => Ok(counter.value(0)),
            DirectOf::Entry(key) => Ok(counter.value(self.find_entry(&writer, key)?.1.slot())),
        }
    }

    /// The configuration of a cell of an indirect meter. `None` if out of range or unconfigured.
    pub fn meter_config(&self, meter: MeterId, index: u64) -> Option<MeterConfig> {
        let _writer = self.lock();
        self.meters.get(meter.as_u32() as usize)?.as_ref()?.config(index)
    }

    /// Packets of a cell of an indirect meter by colour (green, yellow, red). `None` if out of range. Those that came
    /// while the cell was not configured are not counted.
    pub fn meter_colors(&self, meter: MeterId, index: u64) -> Option<[CounterValue; 3]> {
        let _writer = self.lock();
        self.meters.get(meter.as_u32() as usize)?.as_ref()?.colors(index)
    }

    /// A cell of a register. `None` if out of range.
    pub fn register_value(&self, register: RegisterId, index: u64) -> Option<Bits> {
        self.registers.get(register.as_u32() as usize)?.value(index)
    }
}
