//! Convenient construction of programs, for front ends and tests.
//!
//! Invariant: an index that a builder hands out denotes something in the program it finishes, so only what is
//! put together from several builders' indices can be out of range. Whether the program makes sense is for
//! [`crate::verify()`] to say.

use crate::{
    Action, ActionCall, ActionId, ActionParam, Bits, Block, Body, BodyId, ControlName, Counter, CounterId,
    CounterUnit, Digest, DigestId, Expr, HashAlgorithm, Header, HeaderField, HeaderId, HeaderType,
    HeaderTypeId, Key, KeyMatch, MatchKind, Meter, MeterId, Parser, ParserId, Preserve, PreserveId, Profile,
    ProfileId, Program, Register, RegisterId, Selector, Stack, StackId, State, StateId, Table, TableAction,
    TableEntry, TableId, Target, Transition, Ty, Union, UnionId, ValueSet, ValueSetId, Var, VarId, width_of,
};

mod code;

/// First byte of a P4Runtime id, by kind of object (`p4.config.v1.P4Ids.Prefix`).
mod id_prefix {
    pub(super) const ACTION: u32 = 0x01;
    pub(super) const TABLE: u32 = 0x02;
    pub(super) const VALUE_SET: u32 = 0x03;
    pub(super) const ACTION_PROFILE: u32 = 0x11;
    pub(super) const COUNTER: u32 = 0x12;
    pub(super) const DIRECT_COUNTER: u32 = 0x13;
    pub(super) const METER: u32 = 0x14;
    pub(super) const DIRECT_METER: u32 = 0x15;
    pub(super) const REGISTER: u32 = 0x16;
    pub(super) const DIGEST: u32 = 0x17;
}

/// Builds a program piece by piece. Objects of the control plane get P4Runtime ids in order of their making.
#[derive(Clone, Debug)]
pub struct ProgramBuilder {
    program: Program,
    ids: u32,
}

impl ProgramBuilder {
    /// A program with nothing in it but the errors that every program has.
    pub fn new(name: &str) -> ProgramBuilder {
        let errors = crate::verify::CORE_ERRORS.map(str::to_string).to_vec();
        ProgramBuilder { program: Program { name: name.to_string(), errors, ..Program::default() }, ids: 0 }
    }

    /// The program.
    pub fn finish(self) -> Program {
        self.program
    }

    /// The program so far.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// The program so far, for what has no method of its own.
    pub fn program_mut(&mut self) -> &mut Program {
        &mut self.program
    }

    /// Names the architecture.
    pub fn architecture(&mut self, name: &str) {
        self.program.architecture = name.to_string();
    }

    fn control(&mut self, prefix: u32, name: &str) -> ControlName {
        self.ids += 1;
        ControlName { name: name.to_string(), id: prefix << 24 | self.ids, hidden: false }
    }

    /// A header type without `varbit`: names and widths of its fields.
    pub fn header_type(&mut self, name: &str, fields: &[(&str, u32)]) -> HeaderTypeId {
        let typed: Vec<_> = fields.iter().map(|(name, width)| (*name, Ty::Bits(*width))).collect();
        self.header_type_of(name, &typed)
    }

    /// A header type: names and types of its fields.
    pub fn header_type_of(&mut self, name: &str, fields: &[(&str, Ty)]) -> HeaderTypeId {
        let fields =
            fields.iter().map(|(name, ty)| HeaderField { name: name.to_string(), ty: *ty }).collect();
        self.program.header_types.push(HeaderType { name: name.to_string(), fields })
    }

    /// A header.
    pub fn header(&mut self, name: &str, ty: HeaderTypeId) -> HeaderId {
        self.program.headers.push(Header { name: name.to_string(), ty, union: None })
    }

    /// A header stack with its elements and its `nextIndex`.
    pub fn stack(&mut self, name: &str, ty: HeaderTypeId, size: usize) -> StackId {
        let elements = (0..size).map(|i| self.header(&format!("{name}[{i}]"), ty)).collect();
        let next = self.var(&format!("{name}.nextIndex"), 32);
        self.program.stacks.push(Stack { name: name.to_string(), elements, next })
    }

    /// A header union of headers made before.
    pub fn union(&mut self, name: &str, members: &[HeaderId]) -> UnionId {
        let union = self.program.unions.push(Union { name: name.to_string(), members: members.to_vec() });
        for member in members {
            if let Some(header) = self.program.headers.get_mut(*member) {
                header.union = Some(union);
            }
        }
        union
    }

    /// A scalar slot.
    pub fn var(&mut self, name: &str, width: u32) -> VarId {
        self.program.vars.push(Var { name: name.to_string(), ty: Ty::Bits(width) })
    }

    /// A `varbit` slot.
    pub fn varbit(&mut self, name: &str, max_width: u32) -> VarId {
        self.program.vars.push(Var { name: name.to_string(), ty: Ty::Varbit(max_width) })
    }

    /// An error beyond those of `core.p4`; its code.
    pub fn error(&mut self, name: &str) -> u32 {
        self.program.errors.push(name.to_string());
        self.program.errors.len() as u32 - 1
    }

    /// An action: names and slots of its data, and what it does.
    pub fn action(&mut self, name: &str, params: &[(&str, VarId)], body: Block) -> ActionId {
        let control = self.control(id_prefix::ACTION, name);
        let params =
            params.iter().map(|(name, var)| ActionParam { name: name.to_string(), var: *var }).collect();
        self.program.actions.push(Action { control, params, body })
    }

    /// A table. Its first action becomes the default one unless another is named.
    pub fn table(&mut self, name: &str) -> TableBuilder<'_> {
        let table = Table {
            control: self.control(id_prefix::TABLE, name),
            keys: Vec::new(),
            actions: Vec::new(),
            default_action: ActionCall { action: 0, args: Vec::new() },
            const_default: false,
            entries: Vec::new(),
            const_entries: false,
            largest_priority_wins: true,
            size: 1024,
            profile: None,
            direct_counter: None,
            direct_meter: None,
            idle_timeout: false,
        };
        TableBuilder { program: self, table }
    }

    /// A body.
    pub fn body(&mut self, name: &str, block: Block) -> BodyId {
        self.program.bodies.push(Body { name: name.to_string(), block })
    }

    /// The body that ingress starts with.
    pub fn ingress(&mut self, block: Block) -> BodyId {
        let body = self.body("ingress", block);
        self.program.ingress = Some(body);
        body
    }

    /// The body that egress starts with.
    pub fn egress(&mut self, block: Block) -> BodyId {
        let body = self.body("egress", block);
        self.program.egress = Some(body);
        body
    }

    /// A parser. Its first state is where it starts; its error goes to a slot of its own.
    pub fn parser(&mut self, name: &str) -> ParserBuilder<'_> {
        let error = self.var(&format!("{name}.parser_error"), 32);
        let parser = Parser {
            name: name.to_string(),
            states: cranelift_entity::PrimaryMap::new(),
            start: StateId::from_u32(0),
            error,
            step_bound: 256,
        };
        ParserBuilder { program: self, parser }
    }

    /// An indirect counter.
    pub fn counter(&mut self, name: &str, unit: CounterUnit, size: u64) -> CounterId {
        let control = self.control(id_prefix::COUNTER, name);
        self.program.counters.push(Counter { control, unit, size, table: None })
    }

    /// The direct counter of a table.
    pub fn direct_counter(&mut self, name: &str, unit: CounterUnit, table: TableId) -> CounterId {
        let control = self.control(id_prefix::DIRECT_COUNTER, name);
        let counter = self.program.counters.push(Counter { control, unit, size: 0, table: Some(table) });
        if let Some(table) = self.program.tables.get_mut(table) {
            table.direct_counter = Some(counter);
        }
        counter
    }

    /// An indirect meter.
    pub fn meter(&mut self, name: &str, unit: CounterUnit, size: u64) -> MeterId {
        let control = self.control(id_prefix::METER, name);
        self.program.meters.push(Meter { control, unit, size, table: None })
    }

    /// The direct meter of a table.
    pub fn direct_meter(&mut self, name: &str, unit: CounterUnit, table: TableId) -> MeterId {
        let control = self.control(id_prefix::DIRECT_METER, name);
        let meter = self.program.meters.push(Meter { control, unit, size: 0, table: Some(table) });
        if let Some(table) = self.program.tables.get_mut(table) {
            table.direct_meter = Some(meter);
        }
        meter
    }

    /// A register array, zero at start.
    pub fn register(&mut self, name: &str, width: u32, size: u64) -> RegisterId {
        let control = self.control(id_prefix::REGISTER, name);
        self.program.registers.push(Register { control, width, size, initial: Bits::zero(width) })
    }

    /// A digest: names and widths of its members.
    pub fn digest(&mut self, name: &str, fields: &[(&str, u32)]) -> DigestId {
        let control = self.control(id_prefix::DIGEST, name);
        let fields = fields.iter().map(|(name, width)| (name.to_string(), *width)).collect();
        self.program.digests.push(Digest { control, fields })
    }

    /// An action profile.
    pub fn profile(&mut self, name: &str, size: u64) -> ProfileId {
        let control = self.control(id_prefix::ACTION_PROFILE, name);
        self.program.profiles.push(Profile { control, size, selector: None })
    }

    /// An action selector.
    pub fn selector(&mut self, name: &str, size: u64, algorithm: HashAlgorithm, width: u32) -> ProfileId {
        let control = self.control(id_prefix::ACTION_PROFILE, name);
        let selector = Some(Selector { algorithm, width, max_group_size: 0 });
        self.program.profiles.push(Profile { control, size, selector })
    }

    /// A value set: names, widths and kinds of its keys.
    pub fn value_set(&mut self, name: &str, keys: &[(&str, u32, MatchKind)], size: u64) -> ValueSetId {
        let control = self.control(id_prefix::VALUE_SET, name);
        let keys = keys.iter().map(|(name, width, kind)| (name.to_string(), *width, *kind)).collect();
        self.program.value_sets.push(ValueSet { control, keys, size })
    }

    /// What a pass hands to the next.
    pub fn preserve(&mut self, vars: &[VarId], headers: &[HeaderId]) -> PreserveId {
        self.program.preserves.push(Preserve { vars: vars.to_vec(), headers: headers.to_vec() })
    }
}

/// Builds a table.
#[derive(Debug)]
pub struct TableBuilder<'b> {
    program: &'b mut ProgramBuilder,
    table: Table,
}

impl TableBuilder<'_> {
    /// Adds a key, as wide as its expression; 0 bits if the expression has no type.
    pub fn key(mut self, name: &str, kind: MatchKind, expr: Expr) -> Self {
        let width = width_of(&self.program.program, &expr).map_or(0, Ty::width);
        self.table.keys.push(Key { name: name.to_string(), expr, width, kind });
        self
    }

    /// Adds an action without directional parameters.
    pub fn action(self, action: ActionId) -> Self {
        self.table_action(TableAction {
            action,
            copy_in: Vec::new(),
            copy_out: Vec::new(),
            default_only: false,
            table_only: false,
        })
    }

    /// Adds an action.
    pub fn table_action(mut self, action: TableAction) -> Self {
        self.table.actions.push(action);
        self
    }

    fn call(&mut self, action: ActionId, args: Vec<Bits>) -> ActionCall {
        let position = match self.table.actions.iter().position(|a| a.action == action) {
            Some(position) => position,
            None => {
                self.table.actions.push(TableAction {
                    action,
                    copy_in: Vec::new(),
                    copy_out: Vec::new(),
                    default_only: false,
                    table_only: false,
                });
                self.table.actions.len() - 1
            }
        };
        ActionCall { action: position, args }
    }

    /// Names the default action, adding it to the table's actions if it is not among them yet.
    pub fn default_action(mut self, action: ActionId, args: Vec<Bits>) -> Self {
        self.table.default_action = self.call(action, args);
        self
    }

    /// Declares an entry, adding its action to the table's if it is not among them yet.
    pub fn entry(mut self, matches: Vec<KeyMatch>, priority: u32, action: ActionId, args: Vec<Bits>) -> Self {
        let action = self.call(action, args);
        self.table.entries.push(TableEntry { matches, priority, action, is_const: false });
        self
    }

    /// Entries it holds; 1024 unless said.
    pub fn size(mut self, size: u64) -> Self {
        self.table.size = size;
        self
    }

    /// Where its actions live.
    pub fn profile(mut self, profile: ProfileId) -> Self {
        self.table.profile = Some(profile);
        self
    }

    /// Changes anything else.
    pub fn with(mut self, change: impl FnOnce(&mut Table)) -> Self {
        change(&mut self.table);
        self
    }

    /// The table.
    pub fn finish(self) -> TableId {
        self.program.program.tables.push(self.table)
    }
}

/// Builds a parser.
#[derive(Debug)]
pub struct ParserBuilder<'b> {
    program: &'b mut ProgramBuilder,
    parser: Parser,
}

impl ParserBuilder<'_> {
    /// A state to be defined later; until then it accepts at once.
    pub fn declare(&mut self, name: &str) -> StateId {
        let state =
            State { name: name.to_string(), block: Vec::new(), transition: Transition::Goto(Target::Accept) };
        self.parser.states.push(state)
    }

    /// Defines a declared state.
    pub fn define(&mut self, state: StateId, block: Block, transition: Transition) {
        if let Some(state) = self.parser.states.get_mut(state) {
            state.block = block;
            state.transition = transition;
        }
    }

    /// A state, declared and defined.
    pub fn state(&mut self, name: &str, block: Block, transition: Transition) -> StateId {
        self.parser.states.push(State { name: name.to_string(), block, transition })
    }

    /// Where its error goes, instead of a slot of its own.
    pub fn error(&mut self, var: VarId) {
        self.parser.error = var;
    }

    /// Steps after which it times out; 256 unless said.
    pub fn step_bound(&mut self, bound: u32) {
        self.parser.step_bound = bound;
    }

    /// The parser.
    pub fn finish(self) -> ParserId {
        self.program.program.parsers.push(self.parser)
    }
}

#[cfg(test)]
mod tests;
