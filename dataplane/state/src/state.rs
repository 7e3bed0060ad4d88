//! The state of one switch instance: what readers call for every packet, and what owns everything.
//!
//! Invariant: what `generation` says is published is complete, and the parts are touched by the holder of `writer`
//! or through atomics.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crossbeam::utils::CachePadded;
use hashbrown::HashMap;
use heddle_ir::{CounterId, MeterId, Probe, RegisterId, TableId, ValueSetId, Verified};

use crate::cells::{CellMap, Cells};
use crate::counter::{self, Counter};
use crate::entry::WORDS_MAX;
use crate::error::{StateError, UpdateError, WriteError};
use crate::found::{EntryHandle, Found};
use crate::key::{KeyLayout, word_count};
use crate::lookup::Match;
use crate::memory::{Budget, NoMemory, physical_bytes};
use crate::meter::{Color, Meter};
use crate::profile::PortStatus;
use crate::register::{self, AtomicSection, AtomicSet, Register};
use crate::replication::Numbers;
use crate::snapshot::Snapshot;
use crate::space::Space;
use crate::succession::Heritage;
use crate::table::Table;
use crate::update::{CloneSession, MulticastGroup, Update};
use crate::write::{Transaction, Writer};

/// Memory that the arrays of a state may take. They are zeroed by the system, so it is address space until used.
const ARRAY_BYTES_MAX: u64 = 16 << 30;
/// What finds an entry, at least: its share of a bucket.
const INDEX_BYTES_PER_ENTRY: usize = 21;
/// Retired things that one call of [`State::reclaim`] looks after.
const RECLAIMED_PER_CALL: usize = 16_384;

/// Tables, counters, meters, registers and replication configuration of one switch instance.
///
/// Readers take a [`Snapshot`] per batch and are never disturbed. Changes are made by [`State::write`].
pub struct State {
    pub(crate) program: Verified,
    workers: usize,
    /// The last generation that snapshots may see.
    pub(crate) generation: CachePadded<AtomicU64>,
    pub(crate) tables: Box<[Table]>,
    /// `None`: a direct one, which its table has.
    pub(crate) counters: Box<[Option<Arc<Counter>>]>,
    /// `None`: a direct one, which its table has.
    pub(crate) meters: Box<[Option<Meter>]>,
    pub(crate) registers: Box<[Arc<Register>]>,
    /// That by which a program asks something of the engine: every worker has cells of its own, and deals with what its own
    /// packets ask for.
    own_register: Option<RegisterId>,
    cells: CellMap,
    pub(crate) value_sets: Box<[Space]>,
    pub(crate) multicast_groups: Numbers<MulticastGroup>,
    pub(crate) clone_sessions: Numbers<CloneSession>,
    /// Sections that had to wait.
    section_waits: CachePadded<AtomicU64>,
    /// Ports that groups watch or that were said to be down. Not locked by readers.
    ports: Mutex<HashMap<u32, Arc<PortStatus>>>,
    /// Last, since what it owns is looked at when the tables are dropped.
    writer: Mutex<Writer>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let generation = self.generation.load(Ordering::Relaxed);
        f.debug_struct("State")
            .field("program", &self.program)
            .field("generation", &generation)
            .finish_non_exhaustive()
    }
}

/// Refuses tables that would not fit into memory if they were full, before anything is allocated.
fn check_tables(program: &Verified, workers: usize) -> Result<(), StateError> {
    let mut budget = Budget::new(physical_bytes().unwrap_or(0).max(ARRAY_BYTES_MAX));
    for table in program.tables.values() {
        let params = |action: heddle_ir::ActionId| {
            let params = &program.actions[action].params;
            params.iter().map(|p| word_count(program.vars[p.var].ty.width())).sum::<usize>()
        };
        let args = table.actions.iter().map(|listed| params(listed.action)).max().unwrap_or(0);
        let key = KeyLayout::of_table(table).entry_words();
        let cells = match table.direct_counter {
            Some(counter) => counter::cell_words(program.counters[counter].unit) * (workers + 1),
            None => 0,
        } + usize::from(table.direct_meter.is_some())
            + usize::from(table.idle_timeout);
        let bytes = crate::entry::bytes(key, args) + 8 * cells + INDEX_BYTES_PER_ENTRY;
        budget.take(table.size, bytes as u64).map_err(|(wanted_bytes, limit_bytes)| {
            let (name, entries) = (table.control.name.clone(), table.size);
            StateError::TableTooLarge {
                name,
                entries,
                bytes_per_entry: bytes as u64,
                wanted_bytes,
                limit_bytes,
            }
        })?;
    }
    Ok(())
}

/// Refuses a program whose arrays or entries would be too large, before anything is allocated.
fn check_sizes(program: &Verified, workers: usize) -> Result<(), StateError> {
    let mut budget = Budget::new(ARRAY_BYTES_MAX);
    let mut take = |kind, name: &str, cells: u64, words: usize| {
        budget.take(cells, words as u64 * 8).map_err(|(wanted_bytes, limit_bytes)| StateError::TooLarge {
            kind,
            name: name.to_string(),
            cells,
            wanted_bytes,
            limit_bytes,
        })
    };
    for counter in program.counters.values().filter(|c| c.table.is_none()) {
        let words = counter::cell_words(counter.unit).saturating_mul(workers.saturating_add(1));
        take("counter", &counter.control.name, counter.size, words)?;
    }
    for meter in program.meters.values().filter(|m| m.table.is_none()) {
        take("meter", &meter.control.name, meter.size, 1)?;
    }
    for register in program.registers.values() {
        take("register", &register.control.name, register.size, register::cell_words(register.width))?;
    }
    let wide = |kind, name: &str, words: usize| {
        if words <= WORDS_MAX {
            return Ok(());
        }
        Err(StateError::TooWide { kind, name: name.to_string(), words, limit: WORDS_MAX })
    };
    for table in program.tables.values() {
        wide("table", &table.control.name, KeyLayout::of_table(table).entry_words())?;
    }
    for value_set in program.value_sets.values() {
        wide("value set", &value_set.control.name, KeyLayout::of_value_set(value_set).entry_words())?;
    }
    for action in program.actions.values() {
        let words = action.params.iter().map(|p| word_count(program.vars[p.var].ty.width())).sum();
        wide("action", &action.control.name, words)?;
    }
    Ok(())
}

/// Building.
impl State {
    /// The state a program starts with: its declared entries and default actions, registers at their initial
    /// values, all else empty.
    ///
    /// Refuses arrays that together would take more than 16 GiB of address space, and tables that would take more
    /// than that and than the machine has if they were full, before it allocates any.
    pub fn new(program: &Verified, workers: usize) -> Result<State, StateError> {
        State::build(program, workers, &Heritage::none())
    }

    /// With arrays taken over where there are some.
    pub(crate) fn build(
        program: &Verified,
        workers: usize,
        heritage: &Heritage<'_>,
    ) -> Result<State, StateError> {
        if workers == 0 {
            return Err(StateError::NoWorkers);
        }
        check_sizes(program, workers)?;
        check_tables(program, workers)?;
        let no_memory = |kind, name: &str, bytes: u64| {
            let name = name.to_string();
            move |_: NoMemory| StateError::NoMemory { kind, name, bytes }
        };
        let mut tables = Vec::new();
        let mut writers = Vec::new();
        for id in program.tables.keys() {
            let (table, writer) = Table::new(program, id, workers)?;
            tables.push(table);
            writers.push(writer);
        }
        let counters = program.counters.values().map(|counter| {
            let bytes = counter.size * counter::cell_words(counter.unit) as u64 * (workers as u64 + 1) * 8;
            let new = counter.table.is_none().then(|| match heritage.counter(counter, workers) {
                Some(shared) => Ok(shared),
                None => Counter::new(counter.unit, counter.size, workers).map(Arc::new),
            });
            new.transpose().map_err(no_memory("counter", &counter.control.name, bytes))
        });
        let counters: Box<[_]> = counters.collect::<Result<_, _>>()?;
        let meters = program.meters.values().map(|meter| {
            let new = meter
                .table
                .is_none()
                .then(|| Meter::new(meter.unit, meter.size).inspect(|new| heritage.copy_meter(meter, new)));
            new.transpose().map_err(no_memory("meter", &meter.control.name, meter.size * 8))
        });
        let meters = meters.collect::<Result<_, _>>()?;
        let own_register = Probe::Hold.of(program);
        let registers = program.registers.values().map(|register| {
            let size = register::cell_count(register, workers);
            let bytes = size * register::cell_words(register.width) as u64 * 8;
            let new = match heritage.register(register, workers) {
                Some(shared) => Ok(shared),
                None => Register::new(register.width, size, &register.initial).map(Arc::new),
            };
            new.map_err(no_memory("register", &register.control.name, bytes))
        });
        let registers: Box<[_]> = registers.collect::<Result<_, _>>()?;
        let value_sets = program.value_sets.values().map(|value_set| {
            let new = Space::new(KeyLayout::of_value_set(value_set));
            new.map_err(no_memory("value set", &value_set.control.name, Space::BYTES_MIN))
        });
        let value_sets = value_sets.collect::<Result<_, _>>()?;
        let state = State {
            program: program.clone(),
            workers,
            generation: CachePadded::new(AtomicU64::new(0)),
            tables: tables.into(),
            cells: CellMap::new(&registers, own_register, &counters, workers),
            counters,
            meters,
            registers,
            own_register,
            value_sets,
            multicast_groups: Numbers::new(),
            clone_sessions: Numbers::new(),
            section_waits: CachePadded::default(),
            ports: Mutex::new(HashMap::new()),
            writer: Mutex::new(Writer::new(writers, program.profiles.len(), program.value_sets.len())),
        };
        state.begin_with_declared()?;
        Ok(state)
    }

    fn begin_with_declared(&self) -> Result<(), StateError> {
        let mut writer = self.lock();
        let mut transaction = Transaction::begin(self, &mut writer, 0);
        transaction.add_declared()?;
        transaction.finish();
        Ok(())
    }

    /// The program.
    pub fn program(&self) -> &Verified {
        &self.program
    }

    /// Workers that may count.
    pub fn workers(&self) -> usize {
        self.workers
    }

    /// The writer's part.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Writer> {
        // A writer that panicked has published nothing; what it left behind no generation sees.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for State {
    fn drop(&mut self) {
        let mut writer = std::mem::replace(
            self.writer.get_mut().unwrap_or_else(PoisonError::into_inner),
            Writer::new(Vec::new(), 0, 0),
        );
        // No snapshot can be left, since it would borrow this.
        writer.reclaim_all(self);
        // The tables look at their entries once more when they are dropped, and the writer holds those.
        *self.writer.get_mut().unwrap_or_else(PoisonError::into_inner) = writer;
    }
}

/// For every packet: no lock, no allocation, no wait.
impl State {
    /// What one batch sees.
    #[inline]
    pub fn pin(&self) -> Snapshot<'_> {
        Snapshot::new(self, &self.generation)
    }

    /// The entry that a key matches, or the default entry.
    ///
    /// `key` is the table's keys in order without selector keys, each in `max(1, ceil(width / 64))` little-endian
    /// limbs, bits above the width zero. A key of another length, or a table of another program, finds nothing and
    /// runs nothing.
    #[inline]
    pub fn lookup<'s>(&'s self, snapshot: &'s Snapshot<'_>, table: TableId, key: &[u64]) -> Found<'s> {
        match self.reader(snapshot, table) {
            Some(reader) => reader.find(key).found(),
            None => Match::nothing(table).found(),
        }
    }

    /// Picks the member of the group that an entry refers to by the hash of the selector keys, cut to the
    /// selector's width by the caller: member number `hash % sum of weights` in the order of member numbers, each
    /// counted as often as its weight. A member whose watch port is down is replaced by one whose port is not.
    ///
    /// What [`Found::needs_selection`] denies is given back as it is. A group without members, or with all ports
    /// down, runs nothing.
    #[inline]
    pub fn select<'s>(&'s self, snapshot: &'s Snapshot<'_>, found: Found<'s>, hash: u64) -> Found<'s> {
        let (Some(group), Some(table)) = (found.group, self.tables.get(found.entry.table.as_u32() as usize))
        else {
            return found;
        };
        match group.pick(snapshot.generation_of(self), hash) {
            Some(data) => {
                Found { action: table.position(data.action), args: &data.args, group: None, ..found }
            }
            None => Found { action: None, args: &[], group: None, ..found },
        }
    }

    /// Counts packets, `bytes` in all, in a cell of an indirect counter. Out of range does nothing.
    ///
    /// At most one thread at a time uses a worker's number: its cells are not shared.
    #[inline]
    pub fn count(&self, worker: usize, counter: CounterId, index: u64, packets: u64, bytes: u64) {
        if let Some(Some(counter)) = self.counters.get(counter.as_u32() as usize) {
            counter.count(worker, index, packets, bytes);
        }
    }

    /// Counts packets, `bytes` in all, in the direct counter of an entry. Does nothing if its table has none.
    #[inline]
    pub fn count_direct(&self, worker: usize, entry: EntryHandle, packets: u64, bytes: u64) {
        if let Some(counter) = self.tables.get(entry.table.as_u32() as usize).and_then(|t| t.counter.as_ref())
        {
            counter.count(worker, entry.slot, packets, bytes);
        }
    }

    /// Meters a packet in a cell of an indirect meter. Out of range or unconfigured gives green.
    #[inline]
    pub fn meter(
        &self,
        snapshot: &Snapshot<'_>,
        meter: MeterId,
        index: u64,
        bytes: u64,
        now_ns: u64,
    ) -> Color {
        // Every snapshot keeps every configuration.
        let _ = snapshot;
        match self.meters.get(meter.as_u32() as usize) {
            Some(Some(meter)) => meter.meter(index, bytes, now_ns),
            Some(None) | None => Color::Green,
        }
    }

    /// Meters a packet in the direct meter of an entry. Unconfigured, or a table without one, gives green.
    #[inline]
    pub fn meter_direct(
        &self,
        snapshot: &Snapshot<'_>,
        entry: EntryHandle,
        bytes: u64,
        now_ns: u64,
    ) -> Color {
        let _ = snapshot;
        match self.tables.get(entry.table.as_u32() as usize).and_then(|t| t.meter.as_ref()) {
            Some(meter) => meter.meter(entry.slot, bytes, now_ns),
            None => Color::Green,
        }
    }

    /// Notes that an entry was hit, for its idle timeout. Does nothing if its table has no idle timeouts.
    #[inline]
    pub fn touch(&self, entry: EntryHandle, now_ns: u64) {
        if let Some(table) = self.tables.get(entry.table.as_u32() as usize) {
            table.touch(entry.slot, now_ns);
        }
    }

    /// The least significant 64 bits of a register's cell. Out of range gives zero.
    #[inline]
    pub fn register(&self, register: RegisterId, index: u64) -> u64 {
        self.registers.get(register.as_u32() as usize).map_or(0, |register| register.get(index))
    }

    /// Sets a cell of a register of at most 64 bits; bits above its width are cut off. Out of range does nothing.
    #[inline]
    pub fn set_register(&self, register: RegisterId, index: u64, value: u64) {
        if let Some(register) = self.registers.get(register.as_u32() as usize) {
            register.set(index, value);
        }
    }

    /// Where a worker's cells of registers are, by register. None of those wider than 64 bits.
    #[inline]
    pub fn register_cells(&self, worker: usize) -> &[Cells] {
        self.cells.registers(worker)
    }

    /// What a program's index means to a worker: the cell itself, but its own one of [`Probe::Hold`].
    #[inline]
    pub fn cell_of(&self, worker: usize, register: RegisterId, index: u64) -> u64 {
        match Probe::Hold.cells() {
            _ if self.own_register != Some(register) => index,
            cells if index < cells => worker as u64 * cells + index,
            _ => u64::MAX,
        }
    }

    /// Where a worker's cells of indirect counters are, by counter. None of direct ones, nor of a worker beyond the last.
    #[inline]
    pub fn counter_cells(&self, worker: usize) -> &[Cells] {
        self.cells.counters(worker)
    }

    /// The word of a cell of a register of at most 64 bits, for a compare-and-swap. Bits above the register's width
    /// have to stay zero. `None` if out of range or wider.
    #[inline]
    pub fn register_word(&self, register: RegisterId, index: u64) -> Option<&AtomicU64> {
        self.registers.get(register.as_u32() as usize)?.word(index)
    }

    /// Reads a cell of a register of any width into little-endian limbs, zeros beyond it. Out of range gives zero.
    pub fn read_register(&self, register: RegisterId, index: u64, value: &mut [u64]) {
        match self.registers.get(register.as_u32() as usize) {
            Some(register) => register.read(index, value),
            None => value.fill(0),
        }
    }

    /// Sets a cell of a register of any width from little-endian limbs, cut off or extended with zeros to its width.
    /// Out of range does nothing.
    ///
    /// A cell of more than 64 bits is written by one thread at a time; others wait for the few stores it takes.
    pub fn write_register(&self, register: RegisterId, index: u64, value: &[u64]) {
        if let Some(register) = self.registers.get(register.as_u32() as usize) {
            register.write(index, value);
        }
    }

    /// Begins an `@atomic` section: no other worker is in a section that shares a register with this one until it is
    /// dropped. Not re-entrant: the registers of a section within a section belong in the outer one's set.
    pub fn atomic_section<'s>(&'s self, set: &'s AtomicSet) -> AtomicSection<'s> {
        AtomicSection::enter(&self.registers, set, &self.section_waits)
    }

    /// How many sections had to wait for another.
    pub fn section_waits(&self) -> u64 {
        self.section_waits.load(Ordering::Relaxed)
    }

    /// How many reads and writes of register cells of more than 64 bits had to wait for a write of the same cell.
    pub fn register_waits(&self) -> u64 {
        self.registers.iter().map(|register| register.waits()).sum()
    }

    /// Whether values are in a value set. `values` is laid out as for [`State::lookup`].
    #[inline]
    pub fn in_value_set(&self, snapshot: &Snapshot<'_>, value_set: ValueSetId, values: &[u64]) -> bool {
        let Some(space) = self.value_sets.get(value_set.as_u32() as usize) else { return false };
        values.len() == space.layout().words() && space.find(snapshot.generation_of(self), values).is_some()
    }

    /// A multicast group.
    #[inline]
    pub fn multicast_group<'s>(&'s self, snapshot: &'s Snapshot<'_>, id: u32) -> Option<&'s MulticastGroup> {
        self.multicast_groups.get(snapshot.generation_of(self), id)
    }

    /// A clone session.
    #[inline]
    pub fn clone_session<'s>(&'s self, snapshot: &'s Snapshot<'_>, id: u32) -> Option<&'s CloneSession> {
        self.clone_sessions.get(snapshot.generation_of(self), id)
    }
}

/// For the control plane: one writer at a time; readers of the state are not disturbed.
impl State {
    /// Applies all changes in order, or none. They appear to every batch at once, and all batches pinned after the
    /// return see them. Cells of counters, meters and registers have no generations: they change just before.
    ///
    /// Later updates of a batch may build on earlier ones.
    pub fn write(&self, updates: &[Update]) -> Result<(), WriteError> {
        let mut writer = self.lock();
        let mut transaction = Transaction::begin(self, &mut writer, updates.len());
        let result = transaction.apply_all(updates);
        transaction.finish();
        result
    }

    /// Applies each change that can be, in order. Those that can appear to every batch at once.
    pub fn write_each(&self, updates: &[Update]) -> Vec<Result<(), UpdateError>> {
        let mut writer = self.lock();
        let mut transaction = Transaction::begin(self, &mut writer, updates.len());
        let results = updates.iter().map(|update| transaction.apply(update)).collect();
        transaction.finish();
        results
    }

    /// Applies every group of changes that can be applied as a whole, in order. Those applied appear to every batch at
    /// once; of the others nothing is.
    pub fn write_groups<G: AsRef<[Update]>>(&self, groups: &[G]) -> Vec<Result<(), WriteError>> {
        self.try_groups(groups, true)
    }

    /// What [`State::write_groups`] would answer. Changes nothing.
    pub fn check_groups<G: AsRef<[Update]>>(&self, groups: &[G]) -> Vec<Result<(), WriteError>> {
        self.try_groups(groups, false)
    }

    fn try_groups<G: AsRef<[Update]>>(&self, groups: &[G], publish: bool) -> Vec<Result<(), WriteError>> {
        let mut writer = self.lock();
        let updates = groups.iter().map(|group| group.as_ref().len()).sum();
        let mut transaction = Transaction::begin(self, &mut writer, updates);
        let results = groups.iter().map(|group| transaction.apply_group(group.as_ref())).collect();
        if publish {
            transaction.finish();
        }
        results
    }

    /// Reuses memory that no batch can see any more. Every write does some of this; call it now and then when there
    /// are none.
    pub fn reclaim(&self) {
        self.lock().reclaim(self, RECLAIMED_PER_CALL);
    }

    /// Says whether a port works, for the watch ports of selector members and the programs that ask. Every port works until said otherwise.
    /// Takes effect at once, within a batch even.
    pub fn set_port_up(&self, port: u32, up: bool) {
        self.port(port).down.store(!up, Ordering::Relaxed);
        if let Some(register) = Probe::PortIsUp.of(&self.program) {
            self.set_register(register, u64::from(port), u64::from(up));
        }
    }

    /// Ports of which something is known, and whether they are down.
    pub(crate) fn ports_down(&self) -> Vec<(u32, bool)> {
        let ports = self.ports.lock().unwrap_or_else(PoisonError::into_inner);
        ports.iter().map(|(port, status)| (*port, status.down.load(Ordering::Relaxed))).collect()
    }

    /// Whether a port works.
    pub(crate) fn port(&self, port: u32) -> Arc<PortStatus> {
        Arc::clone(self.ports.lock().unwrap_or_else(PoisonError::into_inner).entry(port).or_default())
    }
}
