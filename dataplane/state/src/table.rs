//! A match-action table: its entries, its default action and what is attached to them by slot.
//!
//! Invariant: a slot belongs to one entry from its insertion until no snapshot can see it; the entry's later
//! versions keep it. Slot 0 is the default entry's.

use std::sync::atomic::{AtomicU64, Ordering};

use heddle_ir::{ActionId, Program, TableId};

use crate::counter::DirectCounter;
use crate::error::{StateError, UpdateError};
use crate::key::KeyLayout;
use crate::memory::NoMemory;
use crate::meter::DirectMeter;
use crate::profile::ActionData;
use crate::slots::{FIRST as FIRST_SLOTS, Slots};
use crate::space::{Space, SpaceWriter};
use crate::version::Versioned;

/// Stands for an action that a table does not list. Entries give the number and the one below other meanings.
const NOT_LISTED: u16 = u16::MAX;

/// What a table does on a miss.
pub(crate) struct DefaultAction {
    /// Position of the action in the table's actions.
    pub(crate) position: u16,
    pub(crate) data: ActionData,
}

/// What readers use.
pub(crate) struct Table {
    pub(crate) space: Space,
    pub(crate) default: Versioned<DefaultAction>,
    /// For each action of the program, its position in the table's.
    positions: Box<[u16]>,
    pub(crate) counter: Option<DirectCounter>,
    pub(crate) meter: Option<DirectMeter>,
    /// When the entry of a slot was last hit; 0 for never.
    hits: Option<Slots<AtomicU64>>,
}

/// What the writer keeps beside.
pub(crate) struct TableWriter {
    pub(crate) space: SpaceWriter,
    free_slots: Vec<u32>,
    /// Slots ever used.
    slots: u32,
    /// Entries that it may hold; 0 for as many as come.
    pub(crate) capacity: u64,
}

impl Table {
    /// A table as the program declares it, without its entries.
    pub(crate) fn new(
        program: &Program,
        id: TableId,
        workers: usize,
    ) -> Result<(Table, TableWriter), StateError> {
        let declared = &program.tables[id];
        let name = || declared.control.name.clone();
        if declared.actions.len() >= usize::from(NOT_LISTED) {
            return Err(StateError::TooManyActions {
                table: name(),
                actions: declared.actions.len(),
                limit: usize::from(NOT_LISTED) - 1,
            });
        }
        let mut positions = vec![NOT_LISTED; program.actions.len()];
        for (position, listed) in declared.actions.iter().enumerate().rev() {
            if let Some(slot) = positions.get_mut(listed.action.as_u32() as usize) {
                *slot = position as u16;
            }
        }
        let default = declared_default(program, id)
            .map_err(|error| StateError::DeclaredDefault { table: name(), error })?;
        let counter =
            declared.direct_counter.map(|id| DirectCounter::new(program.counters[id].unit, workers));
        let meter = declared.direct_meter.map(|id| DirectMeter::new(program.meters[id].unit));
        let no_memory = |bytes: u64| {
            let name = name();
            move |_| StateError::NoMemory { kind: "table", name, bytes }
        };
        let space = Space::new(KeyLayout::of_table(declared));
        let table = Table {
            space: space.map_err(no_memory(Space::BYTES_MIN))?,
            default: Versioned::new(default),
            positions: positions.into(),
            counter,
            meter,
            hits: declared.idle_timeout.then(Slots::new),
        };
        table.ensure_slot(0).map_err(no_memory(FIRST_SLOTS as u64 * (workers as u64 + 2) * 16))?;
        // What the program declares itself always has room. A size of 0 is none given.
        let capacity = match declared.size {
            0 => 0,
            size => size.max(declared.entries.len() as u64),
        };
        let writer = TableWriter { space: SpaceWriter::new(), free_slots: Vec::new(), slots: 1, capacity };
        Ok((table, writer))
    }

    /// Position of an action in the table's actions.
    #[inline]
    pub(crate) fn position(&self, action: ActionId) -> Option<usize> {
        let position = self.positions.get(action.as_u32() as usize).copied().unwrap_or(NOT_LISTED);
        (position != NOT_LISTED).then_some(usize::from(position))
    }

    /// Whether hits are noted.
    pub(crate) fn has_hits(&self) -> bool {
        self.hits.is_some()
    }

    /// Notes when the entry of a slot was hit.
    #[inline]
    pub(crate) fn touch(&self, slot: u32, now_ns: u64) {
        if let Some(hit) = self.hits.as_ref().and_then(|hits| hits.get(slot as usize)) {
            let now_ns = now_ns.max(1);
            // Once per batch and entry is enough of a line that all workers share.
            if hit.load(Ordering::Relaxed) != now_ns {
                hit.store(now_ns, Ordering::Relaxed);
            }
        }
    }

    /// When the entry of a slot was last hit, if ever.
    pub(crate) fn last_hit_ns(&self, slot: u32) -> Option<u64> {
        let hit = self.hits.as_ref()?.get(slot as usize)?.load(Ordering::Relaxed);
        (hit != 0).then_some(hit)
    }

    /// When the entry of a slot was last hit; now, from now on, if never.
    pub(crate) fn begin_idle(&self, slot: u32, now_ns: u64) -> Option<u64> {
        let hit = self.hits.as_ref()?.get(slot as usize)?;
        match hit.compare_exchange(0, now_ns.max(1), Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => Some(now_ns),
            Err(hit) => Some(hit),
        }
    }

    fn ensure_slot(&self, slot: u32) -> Result<(), NoMemory> {
        if let Some(counter) = &self.counter {
            counter.ensure(slot)?;
        }
        if let Some(meter) = &self.meter {
            meter.ensure(slot)?;
        }
        if let Some(hits) = &self.hits {
            hits.ensure(slot as usize)?;
        }
        Ok(())
    }

    /// A slot for a new entry, with nothing counted, unmetered and never hit.
    pub(crate) fn take_slot(&self, writer: &mut TableWriter) -> Result<u32, NoMemory> {
        let slot = match writer.free_slots.pop() {
            Some(slot) => slot,
            None => {
                let slot = writer.slots;
                let next = slot.checked_add(1).ok_or(NoMemory)?;
                self.ensure_slot(slot)?;
                writer.slots = next;
                slot
            }
        };
        if let Some(counter) = &self.counter {
            counter.set(slot, Default::default());
        }
        if let Some(hit) = self.hits.as_ref().and_then(|hits| hits.get(slot as usize)) {
            hit.store(0, Ordering::Relaxed);
        }
        Ok(slot)
    }
}

impl TableWriter {
    /// Takes a slot back that no snapshot can see any more and whose meter is unconfigured.
    pub(crate) fn give_slot(&mut self, slot: u32) {
        self.free_slots.push(slot);
    }
}

/// The default action that the program declares.
pub(crate) fn declared_default(program: &Program, table: TableId) -> Result<DefaultAction, UpdateError> {
    let declared = &program.tables[table];
    let call = &declared.default_action;
    let listed = declared.actions.get(call.action).ok_or(UpdateError::UnknownObject {
        kind: "table action",
        number: u32::try_from(call.action).unwrap_or(u32::MAX),
    })?;
    let args = argument_words(program, listed.action, &call.args)?;
    Ok(DefaultAction { position: call.action as u16, data: ActionData { action: listed.action, args } })
}

/// The words of an action's arguments.
pub(crate) fn argument_words(
    program: &Program,
    action: ActionId,
    args: &[heddle_ir::Bits],
) -> Result<Box<[u64]>, UpdateError> {
    let Some(declared) = program.actions.get(action) else {
        return Err(UpdateError::UnknownObject { kind: "action", number: action.as_u32() });
    };
    if args.len() != declared.params.len() {
        return Err(UpdateError::ArgumentCount {
            action: declared.control.name.clone(),
            params: declared.params.iter().map(|p| p.name.as_str()).collect::<Vec<_>>().join(", "),
            wanted: declared.params.len(),
            given: args.len(),
        });
    }
    let mut words = Vec::new();
    for (param, arg) in declared.params.iter().zip(args) {
        let wanted = program.vars[param.var].ty.width();
        if arg.width() != wanted {
            return Err(UpdateError::Width {
                what: format!("parameter `{}`", param.name),
                of: declared.control.name.clone(),
                wanted,
                given: arg.width(),
            });
        }
        words.extend(arg.limbs());
    }
    Ok(words.into())
}
