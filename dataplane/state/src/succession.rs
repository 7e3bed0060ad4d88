//! A new program's state that goes on where another's is.
//!
//! What the new program has under the same name and in the same shape is kept: arrays of counters and registers are
//! the *same arrays*, so that nothing is lost that packets still under way in the old program do to them; entries,
//! members, groups, value sets, defaults and what is attached to entries are copied.
//!
//! Invariant: the old state is not changed. It must not be written by the control plane between the copy and the
//! end of the old program; what packets count in it meanwhile is brought over by [`Succession::settle`].

use std::sync::Arc;
use std::sync::atomic::Ordering;

use hashbrown::HashMap;
use heddle_ir::{ActionId, Program, TableId, Verified};

use crate::counter::Counter;
use crate::error::StateError;
use crate::meter::Meter;
use crate::register::{Register, cell_count};
use crate::state::State;
use crate::update::{
    ActionSpec, CounterValue, DirectOf, EntryAction, EntryKey, EntrySpec, GroupSpec, MemberSpec,
    OneShotMember, Update,
};

/// Updates that are applied together.
const CHUNK: usize = 65_536;

/// What a new state took over from an old one, and what not.
#[derive(Debug)]
pub struct Succession {
    old: Arc<State>,
    counted: Vec<Counted>,
    kept: Kept,
}

/// What came of the old program's objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Table entries that were taken over.
    pub entries: usize,
    /// Objects with a state that was left behind, entirely or in part.
    pub left: Vec<LeftBehind>,
}

/// An object whose state was left behind, entirely or in part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftBehind {
    /// What it is: `table`, `register`.
    pub kind: &'static str,
    /// Its control-plane name.
    pub name: String,
    /// What of it, and why.
    pub what: String,
}

impl std::fmt::Display for LeftBehind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} `{}`: {}", self.kind, self.name, self.what)
    }
}

/// A direct counter that packets may still add to in the old state.
#[derive(Debug)]
struct Counted {
    from: (TableId, u32),
    to: (TableId, u32),
    /// None: of the default entry.
    key: Option<EntryKey>,
    copied: CounterValue,
}

/// Arrays that a new state shares with an old one.
pub(crate) struct Heritage<'a> {
    old: Option<&'a State>,
}

impl<'a> Heritage<'a> {
    /// Of a state that begins anew.
    pub(crate) fn none() -> Heritage<'a> {
        Heritage { old: None }
    }

    /// The old counter of the same shape.
    pub(crate) fn counter(&self, wanted: &heddle_ir::Counter, workers: usize) -> Option<Arc<Counter>> {
        let old = self.old.filter(|old| old.workers() == workers)?;
        let (id, _) = old.program.counters.iter().find(|(_, declared)| {
            (&declared.control.name, declared.unit, declared.size, declared.table)
                == (&wanted.control.name, wanted.unit, wanted.size, None)
        })?;
        old.counters.get(id.as_u32() as usize)?.clone()
    }

    /// The old register of the same shape.
    pub(crate) fn register(&self, wanted: &heddle_ir::Register, workers: usize) -> Option<Arc<Register>> {
        let old = self.old?;
        let (id, _) = old.program.registers.iter().find(|(_, declared)| {
            (&declared.control.name, declared.width, declared.size)
                == (&wanted.control.name, wanted.width, wanted.size)
        })?;
        old.registers
            .get(id.as_u32() as usize)
            .filter(|old| old.size() == cell_count(wanted, workers))
            .cloned()
    }

    /// Copies the cells of the old meter of the same shape into one that nobody uses yet.
    pub(crate) fn copy_meter(&self, wanted: &heddle_ir::Meter, new: &Meter) {
        let Some(old) = self.old else { return };
        let same = old.program.meters.iter().find(|(_, declared)| {
            (&declared.control.name, declared.unit, declared.size, declared.table)
                == (&wanted.control.name, wanted.unit, wanted.size, None)
        });
        if let Some((id, _)) = same
            && let Some(Some(meter)) = old.meters.get(id.as_u32() as usize)
        {
            let _writer = old.lock();
            new.copy_from(meter);
        }
    }
}

impl State {
    /// A state for another program that takes over what that program has in common with this one's.
    ///
    /// # Errors
    /// As [`State::new`]; this state stays as it is.
    pub fn succeed(self: &Arc<State>, program: &Verified) -> Result<(State, Succession), StateError> {
        let state = State::build(program, self.workers(), &Heritage { old: Some(self) })?;
        let (kept, counted) = Heir::new(self, &state).take();
        Ok((state, Succession { old: Arc::clone(self), counted, kept }))
    }

    /// The slot of an entry.
    fn slot_of(&self, key: &EntryKey) -> Option<u32> {
        let writer = self.lock();
        self.find_entry(&writer, key).ok().map(|(_, entry)| entry.slot())
    }
}

impl Succession {
    /// What was taken over.
    pub fn kept(&self) -> &Kept {
        &self.kept
    }

    /// Brings over what direct counters counted in the old state since they were copied. To be called when no packet
    /// is in the old program any more, with the state that came of it.
    pub fn settle(self, new: &State) {
        for counted in self.counted {
            let ((from, from_slot), (to, to_slot)) = (counted.from, counted.to);
            let now = self.old.direct_cell(from, from_slot);
            let since = CounterValue {
                packets: now.packets.wrapping_sub(counted.copied.packets),
                bytes: now.bytes.wrapping_sub(counted.copied.bytes),
            };
            // An entry that was removed meanwhile takes its counter along.
            let is_there = counted.key.is_none_or(|key| new.slot_of(&key) == Some(to_slot));
            if since != CounterValue::default() && is_there {
                let _writer = new.lock();
                let table = new.tables.get(to.as_u32() as usize);
                if let Some(counter) = table.and_then(|table| table.counter.as_ref()) {
                    counter.add(to_slot, since);
                }
            }
        }
    }
}

impl State {
    fn direct_cell(&self, table: TableId, slot: u32) -> CounterValue {
        let table = self.tables.get(table.as_u32() as usize);
        table.and_then(|table| table.counter.as_ref()).map_or_else(Default::default, |c| c.value(slot))
    }
}

/// Whether an entry still does what the program declared.
fn is_as_declared(table: &heddle_ir::Table, index: usize, action: &EntryAction) -> bool {
    let Some(call) = table.entries.get(index).map(|entry| &entry.action) else { return false };
    let Some(listed) = table.actions.get(call.action) else { return false };
    matches!(action, EntryAction::Action(spec) if spec.action == listed.action && spec.args == call.args)
}

/// A new state while it takes over.
struct Heir<'a> {
    old: &'a State,
    new: &'a State,
    /// Of the new program.
    actions: HashMap<&'a str, ActionId>,
    kept: Kept,
    counted: Vec<Counted>,
}

impl<'a> Heir<'a> {
    fn new(old: &'a State, new: &'a State) -> Heir<'a> {
        let actions = new.program.actions.iter().map(|(id, action)| (action.control.name.as_str(), id));
        Heir { old, new, actions: actions.collect(), kept: Kept::default(), counted: Vec::new() }
    }

    fn take(mut self) -> (Kept, Vec<Counted>) {
        self.note_arrays();
        self.take_profiles();
        for id in self.old.program.tables.keys() {
            self.take_table(id);
        }
        self.take_value_sets();
        self.take_replication();
        (self.kept, self.counted)
    }

    fn leave(&mut self, kind: &'static str, name: &str, what: impl Into<String>) {
        self.kept.left.push(LeftBehind { kind, name: name.to_owned(), what: what.into() });
    }

    /// Applies changes; how many were refused, and why the first was.
    fn apply(&self, updates: &[Update]) -> (usize, Option<String>) {
        let (mut refused, mut why) = (0, None);
        for chunk in updates.chunks(CHUNK) {
            for error in self.new.write_each(chunk).into_iter().filter_map(Result::err) {
                refused += 1;
                why.get_or_insert_with(|| error.to_string());
            }
        }
        (refused, why)
    }

    /// Says which arrays were not taken over though the new program knows them.
    fn note_arrays(&mut self) {
        let (old, new) = (&self.old.program, &self.new.program);
        let mut left = Vec::new();
        for counter in new.counters.values().filter(|counter| counter.table.is_none()) {
            let name = &counter.control.name;
            let taken = Heritage { old: Some(self.old) }.counter(counter, self.new.workers());
            let known = old.counters.values().any(|c| c.control.name == *name);
            if known && taken.is_none() {
                left.push(("counter", name, "has another shape, and begins at zero"));
            }
        }
        for register in new.registers.values() {
            let name = &register.control.name;
            let known = old.registers.values().any(|r| r.control.name == *name);
            if known && (Heritage { old: Some(self.old) }).register(register, self.old.workers()).is_none() {
                left.push(("register", name, "has another shape, and begins at its initial value"));
            }
        }
        for meter in new.meters.values().filter(|meter| meter.table.is_none()) {
            let name = &meter.control.name;
            let same = |m: &&heddle_ir::Meter| m.control.name == *name;
            if old.meters.values().find(same).is_some_and(|m| (m.unit, m.size) != (meter.unit, meter.size)) {
                left.push(("meter", name, "has another shape, and is not configured"));
            }
        }
        for (kind, name, what) in left {
            self.leave(kind, name, what);
        }
    }

    /// The new program's action of the same name and parameters.
    fn action(&self, spec: &ActionSpec) -> Option<ActionSpec> {
        let declared = self.old.program.actions.get(spec.action)?;
        let action = *self.actions.get(declared.control.name.as_str())?;
        let shape = |program: &Program, action: ActionId| -> Vec<(String, u32)> {
            let params = program.actions.get(action).map_or(&[][..], |action| &action.params);
            params.iter().map(|param| (param.name.clone(), program.vars[param.var].ty.width())).collect()
        };
        let is_same = shape(&self.old.program, spec.action) == shape(&self.new.program, action);
        is_same.then(|| ActionSpec { action, args: spec.args.clone() })
    }

    fn take_profiles(&mut self) {
        for (from, declared) in &self.old.program.profiles {
            let (members, groups) = (self.old.members(from), self.old.groups(from));
            if members.is_empty() && groups.is_empty() {
                continue;
            }
            let name = &declared.control.name;
            let found = self.new.program.profiles.iter().find(|(_, profile)| profile.control.name == *name);
            let Some((profile, _)) = found else {
                self.leave("action profile", name, format!("{} members have nowhere to go", members.len()));
                continue;
            };
            let wanted = members.len();
            let members: Vec<_> = members
                .into_iter()
                .filter_map(|member| {
                    let action = self.action(&member.action)?;
                    Some(Update::CreateMember(MemberSpec { profile, id: member.id, action }))
                })
                .collect();
            let (refused, why) = self.apply(&members);
            self.told("action profile", name, "members", wanted - members.len() + refused, why);
            let groups: Vec<_> =
                groups.into_iter().map(|group| Update::CreateGroup(GroupSpec { profile, ..group })).collect();
            let (refused, why) = self.apply(&groups);
            self.told("action profile", name, "groups", refused, why);
        }
    }

    /// Notes what was refused, if anything was.
    fn told(&mut self, kind: &'static str, name: &str, of: &str, refused: usize, why: Option<String>) {
        if refused > 0 {
            let why = why.unwrap_or_else(|| "their actions have other parameters or are gone".to_owned());
            self.leave(kind, name, format!("{refused} {of} are left behind: {why}"));
        }
    }

    /// The new program's table of the same name and keys.
    fn same_table(&self, from: TableId) -> Result<TableId, &'static str> {
        let (old, new) = (&self.old.program, &self.new.program);
        let declared = &old.tables[from];
        let name = &declared.control.name;
        let (id, found) = new
            .tables
            .iter()
            .find(|(_, table)| table.control.name == *name)
            .ok_or("the new program has no such table")?;
        let keys = |table: &heddle_ir::Table| -> Vec<_> {
            table.keys.iter().map(|key| (key.name.clone(), key.width, key.kind)).collect()
        };
        let profile = |program: &Program, table: &heddle_ir::Table| {
            table.profile.map(|profile| program.profiles[profile].control.name.clone())
        };
        if keys(declared) != keys(found) || declared.largest_priority_wins != found.largest_priority_wins {
            return Err("its keys are others");
        }
        if profile(old, declared) != profile(new, found) {
            return Err("its action profile is another");
        }
        Ok(id)
    }

    fn take_table(&mut self, from: TableId) {
        let declared = &self.old.program.tables[from];
        let name = declared.control.name.as_str();
        let to = match self.same_table(from) {
            Ok(to) => to,
            Err(why) => {
                // What the program declared itself is no loss.
                let written = self.old.entry_count(from).saturating_sub(declared.entries.len());
                if written > 0 {
                    self.leave("table", name, format!("its {written} entries are left behind: {why}"));
                }
                return;
            }
        };
        self.take_default(from, to);
        if self.new.program.tables[to].const_entries {
            self.take_attached(from, to, DirectOf::Default(from), DirectOf::Default(to));
            return;
        }
        let declared_slots: HashMap<u32, usize> = (0..declared.entries.len())
            .filter_map(|index| Some((self.old.slot_of(&self.old.declared_key(from, index)?)?, index)))
            .collect();
        let mut updates = self.deletions(from, to);
        let mut views = self.old.entries(from);
        views.retain(|view| !view.is_const);
        let mut unmapped = 0;
        let mut taken = Vec::new();
        for view in views {
            let key = EntryKey { table: to, ..view.spec.key.clone() };
            let exists = self.new.slot_of(&key).is_some();
            let index = match declared_slots.is_empty() {
                true => None,
                false => self.old.slot_of(&view.spec.key).and_then(|slot| declared_slots.get(&slot)),
            };
            // Of the entries that the program declares only changes are kept, as long as they are declared.
            if index.is_some_and(|index| !exists || is_as_declared(declared, *index, &view.spec.action)) {
                continue;
            }
            let Some(action) = self.entry_action(&view.spec.action) else {
                unmapped += 1;
                continue;
            };
            let spec = EntrySpec { key: key.clone(), action, ..view.spec.clone() };
            updates.push(if exists { Update::ModifyEntry(spec) } else { Update::InsertEntry(spec) });
            taken.push((view.spec.key, key));
        }
        let (refused, why) = self.apply(&updates);
        self.told("table", name, "entries", unmapped + refused, why);
        self.kept.entries += taken.len() - refused.min(taken.len());
        let table = &self.new.tables[to.as_u32() as usize];
        self.take_attached(from, to, DirectOf::Default(from), DirectOf::Default(to));
        if table.counter.is_some() || table.meter.is_some() || table.has_hits() {
            for (key, new_key) in taken {
                self.take_attached(from, to, DirectOf::Entry(key), DirectOf::Entry(new_key));
            }
        }
    }

    /// Removes entries that both programs declare and the control plane has removed.
    fn deletions(&self, from: TableId, to: TableId) -> Vec<Update> {
        let declared = &self.new.program.tables[to].entries;
        let of_old: Vec<_> = (0..self.old.program.tables[from].entries.len())
            .filter_map(|index| self.old.declared_key(from, index))
            .collect();
        let removed = |key: &EntryKey| {
            let old_key = EntryKey { table: from, ..key.clone() };
            of_old.contains(&old_key) && self.old.slot_of(&old_key).is_none()
        };
        (0..declared.len())
            .filter_map(|index| self.new.declared_key(to, index))
            .filter(removed)
            .map(Update::DeleteEntry)
            .collect()
    }

    fn take_default(&mut self, from: TableId, to: TableId) {
        let (old, new) = (&self.old.program.tables[from], &self.new.program.tables[to]);
        let Ok(view) = self.old.default_entry(from) else { return };
        let declared = old.actions.get(old.default_action.action).map(|listed| listed.action);
        let is_declared = Some(view.action.action) == declared && view.action.args == old.default_action.args;
        if is_declared || new.const_default {
            return;
        }
        let refused = match self.action(&view.action) {
            Some(action) => self.apply(&[Update::SetDefault { table: to, action }]).1,
            None => Some("its action is gone or has other parameters".to_owned()),
        };
        if let Some(why) = refused {
            self.leave("table", &old.control.name, format!("the default action is left behind: {why}"));
        }
    }

    fn entry_action(&self, action: &EntryAction) -> Option<EntryAction> {
        Some(match action {
            EntryAction::Action(spec) => EntryAction::Action(self.action(spec)?),
            EntryAction::Member(member) => EntryAction::Member(*member),
            EntryAction::Group(group) => EntryAction::Group(*group),
            EntryAction::OneShot(members) => {
                let member =
                    |m: &OneShotMember| Some(OneShotMember { action: self.action(&m.action)?, ..m.clone() });
                EntryAction::OneShot(members.iter().map(member).collect::<Option<_>>()?)
            }
        })
    }

    /// Copies what is attached to an entry: its counter, its meter with its buckets, the time of its last hit.
    fn take_attached(&mut self, from: TableId, to: TableId, old: DirectOf, new: DirectOf) {
        let slot = |state: &State, of: &DirectOf| match of {
            DirectOf::Entry(key) => state.slot_of(key),
            DirectOf::Default(_) => Some(0),
        };
        let (Some(old_slot), Some(new_slot)) = (slot(self.old, &old), slot(self.new, &new)) else { return };
        let (Some(old_table), Some(new_table)) =
            (self.old.tables.get(from.as_u32() as usize), self.new.tables.get(to.as_u32() as usize))
        else {
            return;
        };
        let _old_writer = self.old.lock();
        let _new_writer = self.new.lock();
        if let (Some(counter), Some(new_counter)) = (&old_table.counter, &new_table.counter)
            && counter.unit() == new_counter.unit()
        {
            let copied = counter.value(old_slot);
            new_counter.set(new_slot, copied);
            let key = match new {
                DirectOf::Entry(key) => Some(key),
                DirectOf::Default(_) => None,
            };
            self.counted.push(Counted { from: (from, old_slot), to: (to, new_slot), key, copied });
        }
        if let (Some(meter), Some(new_meter)) = (&old_table.meter, &new_table.meter) {
            new_meter.copy_cell(new_slot, meter, old_slot);
        }
        if let Some(hit_ns) = old_table.last_hit_ns(old_slot) {
            new_table.touch(new_slot, hit_ns);
        }
    }

    fn take_value_sets(&mut self) {
        for (from, declared) in &self.old.program.value_sets {
            let entries = self.old.value_set(from);
            if entries.is_empty() {
                continue;
            }
            let name = &declared.control.name;
            let same = self
                .new
                .program
                .value_sets
                .iter()
                .find(|(_, new)| new.control.name == *name && new.keys == declared.keys);
            let why = match same {
                Some((value_set, _)) => self.apply(&[Update::SetValueSet { value_set, entries }]).1,
                None => Some("the new program has none of these keys".to_owned()),
            };
            if let Some(why) = why {
                self.leave("value set", name, format!("its entries are left behind: {why}"));
            }
        }
    }

    fn take_replication(&mut self) {
        let groups = self.old.multicast_groups().into_iter().map(Update::CreateMulticastGroup);
        let sessions = self.old.clone_sessions().into_iter().map(Update::CreateCloneSession);
        let updates: Vec<_> = groups.chain(sessions).collect();
        let (refused, why) = self.apply(&updates);
        self.told("replication", "multicast groups and clone sessions", "of them", refused, why);
        for (port, is_down) in self.old.ports_down() {
            self.new.port(port).down.store(is_down, Ordering::Relaxed);
        }
    }
}
