//! Small programs, and short names for updates of them.

use heddle_ir::{
    ActionCall, ActionId, Bits, ControlName, Counter, CounterId, CounterUnit, Expr, HashAlgorithm, Key,
    KeyMatch, MatchKind, Meter, MeterId, Place, Profile, ProfileId, Program, ProgramBuilder, Register,
    Selector, Table, TableAction, TableId, Ty, ValueSet, Var, Verified,
};

use crate::{ActionSpec, EntryAction, EntryKey, EntrySpec, Found, State, Update};

/// A program under construction with one action `set(value: 32)` and one action `nop()`.
pub(super) struct Fixture {
    pub(super) program: Program,
    pub(super) set: ActionId,
    pub(super) nop: ActionId,
}

fn named(name: &str, id: u32) -> ControlName {
    ControlName { name: name.to_string(), id, hidden: false }
}

impl Fixture {
    pub(super) fn new() -> Fixture {
        let mut builder = ProgramBuilder::new("test");
        let value = builder.var("value", 32);
        let set = builder.action("set", &[("value", value)], Vec::new());
        let nop = builder.action("nop", &[], Vec::new());
        builder.ingress(Vec::new());
        Fixture { program: builder.finish(), set, nop }
    }

    /// A table of these keys with the actions `set`, `nop`; `nop` is the default.
    pub(super) fn table(&mut self, keys: &[(u32, MatchKind)], size: u64) -> TableId {
        let number = self.program.tables.len();
        let keys = keys.iter().enumerate().map(|(i, (width, kind))| {
            let var = self.program.vars.push(Var { name: format!("t{number}k{i}"), ty: Ty::Bits(*width) });
            Key { name: format!("k{i}"), expr: Expr::Read(Place::Var(var)), width: *width, kind: *kind }
        });
        let listed = |action| TableAction {
            action,
            copy_in: Vec::new(),
            copy_out: Vec::new(),
            default_only: false,
            table_only: false,
        };
        let table = Table {
            control: named(&format!("t{number}"), 100 + number as u32),
            keys: keys.collect(),
            actions: vec![listed(self.set), listed(self.nop)],
            default_action: ActionCall { action: 1, args: Vec::new() },
            const_default: false,
            entries: Vec::new(),
            const_entries: false,
            largest_priority_wins: true,
            size,
            profile: None,
            direct_counter: None,
            direct_meter: None,
            idle_timeout: false,
        };
        self.program.tables.push(table)
    }

    pub(super) fn counter(&mut self, unit: CounterUnit, size: u64) -> CounterId {
        let number = self.program.counters.len() as u32;
        let control = named(&format!("c{number}"), 200 + number);
        self.program.counters.push(Counter { control, unit, size, table: None })
    }

    pub(super) fn direct_counter(&mut self, table: TableId, unit: CounterUnit) -> CounterId {
        let counter = self.counter(unit, 0);
        self.program.counters[counter].table = Some(table);
        self.program.tables[table].direct_counter = Some(counter);
        counter
    }

    pub(super) fn meter(&mut self, unit: CounterUnit, size: u64) -> MeterId {
        let number = self.program.meters.len() as u32;
        let control = named(&format!("m{number}"), 300 + number);
        self.program.meters.push(Meter { control, unit, size, table: None })
    }

    pub(super) fn direct_meter(&mut self, table: TableId, unit: CounterUnit) -> MeterId {
        let meter = self.meter(unit, 0);
        self.program.meters[meter].table = Some(table);
        self.program.tables[table].direct_meter = Some(meter);
        meter
    }

    pub(super) fn register(&mut self, width: u32, size: u64) -> heddle_ir::RegisterId {
        let number = self.program.registers.len() as u32;
        let control = named(&format!("r{number}"), 400 + number);
        self.program.registers.push(Register { control, width, size, initial: Bits::zero(width) })
    }

    /// A profile for these tables, with a selector if a group size is given.
    pub(super) fn profile(
        &mut self,
        tables: &[TableId],
        size: u64,
        max_group_size: Option<u32>,
    ) -> ProfileId {
        let number = self.program.profiles.len() as u32;
        let selector = max_group_size.map(|max_group_size| Selector {
            algorithm: HashAlgorithm::Crc16,
            width: 16,
            max_group_size,
        });
        let control = named(&format!("p{number}"), 500 + number);
        let profile = self.program.profiles.push(Profile { control, size, selector });
        for table in tables {
            self.program.tables[*table].profile = Some(profile);
        }
        profile
    }

    pub(super) fn value_set(&mut self, keys: &[(u32, MatchKind)], size: u64) -> heddle_ir::ValueSetId {
        let number = self.program.value_sets.len() as u32;
        let keys =
            keys.iter().enumerate().map(|(i, (width, kind))| (format!("v{i}"), *width, *kind)).collect();
        self.program.value_sets.push(ValueSet {
            control: named(&format!("v{number}"), 600 + number),
            keys,
            size,
        })
    }

    pub(super) fn verified(&self) -> Verified {
        heddle_ir::verify(self.program.clone()).expect("a valid program")
    }

    pub(super) fn state(&self) -> State {
        State::new(&self.verified(), 2).expect("a small state")
    }

    pub(super) fn set(&self, value: u32) -> ActionSpec {
        ActionSpec { action: self.set, args: vec![Bits::new(32, u128::from(value))] }
    }

    pub(super) fn nop(&self) -> ActionSpec {
        ActionSpec { action: self.nop, args: Vec::new() }
    }

    /// An entry that runs `set(value)`.
    pub(super) fn entry(&self, key: EntryKey, value: u32) -> EntrySpec {
        EntrySpec {
            key,
            action: EntryAction::Action(self.set(value)),
            idle_timeout_ns: 0,
            metadata: Vec::new(),
        }
    }

    pub(super) fn insert(&self, key: EntryKey, value: u32) -> Update {
        Update::InsertEntry(self.entry(key, value))
    }

    pub(super) fn modify(&self, key: EntryKey, value: u32) -> Update {
        Update::ModifyEntry(self.entry(key, value))
    }
}

/// The key of an entry with one exact key of 32 bits.
pub(super) fn exact(table: TableId, value: u32) -> EntryKey {
    EntryKey { table, matches: vec![KeyMatch::Exact(Bits::new(32, u128::from(value)))], priority: None }
}

/// The value that `set` was found with; `None` if `nop` was.
pub(super) fn set_value(found: &Found<'_>) -> Option<u64> {
    match found.action {
        Some(0) => found.args.first().copied(),
        _ => None,
    }
}

/// What a table with keys of one word each says of a key now.
pub(super) fn lookup(state: &State, table: TableId, key: &[u64]) -> Option<u64> {
    set_value(&state.lookup(&state.pin(), table, key))
}
