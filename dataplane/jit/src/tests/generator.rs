//! Programs, entries and packets made at random from a seed.
//!
//! Invariant: every program made passes verification, and every kind of statement, expression, match and
//! transition is made by some seed.

use cranelift_entity::PrimaryMap;
use heddle_exec::random;
use heddle_ir::{
    Action, ActionCall, ActionId, ActionParam, BinaryOp, Bits, Body, BodyId, Callee, ControlName, Counter,
    CounterUnit, Decision, Digest, Expr, HashAlgorithm, Header, HeaderField, HeaderId, HeaderRef, HeaderType,
    HeaderTypeId, Intrinsic, Key, KeyMatch, Keyset, MatchKind, Meter, Origin, Parser, ParserId, Place,
    Preserve, Profile, Program, Register, SelectCase, SelectMatch, Selector, Stack, State, StateId, Stmt,
    Table, TableAction, TableEntry, TableId, Target, Transition, Ty, Union, ValueSet, ValueSetId, Var, VarId,
};

mod code;
mod contents;

/// Widths of slots and fields: narrow ones, the limits of words and pairs, and what no register holds.
const WIDTHS: [u32; 22] =
    [1, 1, 3, 8, 8, 9, 13, 16, 16, 32, 32, 48, 63, 64, 65, 100, 128, 129, 200, 512, 513, 700];

/// Where code is, and so what it may do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Spot {
    Ingress,
    Egress,
    /// A body that anything but a parser may call.
    Leaf,
    Action(Option<TableId>),
    /// Around a table's action, or around a call.
    CopyIn(TableId),
    CopyOut(Option<TableId>),
    ParserState,
}

#[derive(Clone, Copy)]
struct Around {
    place: Spot,
    /// In a loop's body.
    breaks: bool,
    continues: bool,
    depth: u32,
}

/// Makes things.
pub(super) struct Generator {
    random: u64,
    pub(super) program: Program,
    /// Headers that may be named directly.
    headers: Vec<HeaderId>,
    /// Headers that are no whole bytes long, and so neither extracted nor emitted.
    loose: Vec<HeaderId>,
    vars: Vec<VarId>,
    leaves: Vec<BodyId>,
    /// Actions that may be called directly.
    callable: Vec<ActionId>,
    tables: Vec<TableId>,
    parsers: Vec<ParserId>,
    parser_bodies: Vec<BodyId>,
    /// Statements that may still be made.
    budget: u32,
    /// Indices around the one being made.
    indices: u32,
    /// Whether packets are to go through both passes at once, and mostly by the headers that they came with.
    passes: bool,
    /// Whether parsers only extract, and headers are emitted as they were extracted.
    plain: bool,
}

fn control(name: &str) -> ControlName {
    ControlName { name: name.to_string(), id: 0, hidden: false }
}

impl Generator {
    pub(super) fn new(seed: u64) -> Generator {
        let errors = heddle_ir::ProgramBuilder::new("random").finish().errors;
        Generator {
            random: seed,
            program: Program { name: "random".to_string(), errors, ..Program::default() },
            headers: vec![],
            loose: vec![],
            vars: vec![],
            leaves: vec![],
            callable: vec![],
            tables: vec![],
            parsers: vec![],
            parser_bodies: vec![],
            budget: 0,
            indices: 0,
            passes: false,
            plain: false,
        }
    }

    /// Makes programs whose packets may go through both passes at once.
    pub(super) fn passing(seed: u64) -> Generator {
        Generator { passes: true, ..Generator::new(seed) }
    }

    /// Such ones whose parsers do nothing but extract headers in the order in which they are emitted.
    pub(super) fn plain(seed: u64) -> Generator {
        Generator { plain: true, ..Generator::passing(seed) }
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        random::in_range_u64(&mut self.random, 0, bound.max(1) as u64 - 1) as usize
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    fn word(&mut self) -> u64 {
        random::next_u64(&mut self.random)
    }

    /// A value, often one at a limit, or a small one that others are equal to.
    pub(super) fn bits(&mut self, width: u32) -> Bits {
        match self.below(8) {
            0 => Bits::zero(width),
            1 => Bits::ones(width),
            2 => Bits::mask_prefix(width, 1),
            3..6 => Bits::new(width, self.below(4) as u128),
            _ => {
                let limbs: Vec<u64> = (0..width.div_ceil(64)).map(|_| self.word()).collect();
                Bits::from_limbs(width, &limbs)
            }
        }
    }

    /// A whole program.
    pub(super) fn program(&mut self) {
        self.declare();
        for _ in 0..1 + self.below(3) {
            let block = self.some_block(Spot::Leaf, 6);
            let body = self.program.bodies.push(Body { name: "leaf".to_string(), block });
            self.leaves.push(body);
        }
        for _ in 0..self.below(3) {
            let action = self.action(Spot::Action(None));
            self.callable.push(action);
        }
        for _ in 0..1 + self.below(3) {
            self.table();
        }
        for _ in 0..1 + self.below(3) {
            self.parser();
        }
        if self.passes {
            return self.passing_entries();
        }
        let [ingress, egress] = [Spot::Ingress, Spot::Egress].map(|place| {
            let mut block = self.some_block(place, 25);
            if self.chance(80) {
                let decision = self.decision(place);
                block.push(Stmt::Decide(decision));
            }
            self.program.bodies.push(Body { name: "entry".to_string(), block })
        });
        self.program.ingress = Some(ingress);
        self.program.egress = Some(egress);
    }

    /// Entry points as architectures make them: a parser first, a decision last, headers emitted in order.
    fn passing_entries(&mut self) {
        let parser = self.pick(&self.parsers.clone());
        let sum = self.program.vars.push(Var { name: "sum".to_string(), ty: Ty::Bits(16) });
        let mut ingress = vec![Stmt::Call { callee: Callee::Parser(parser), copy_out: vec![] }];
        ingress.extend(self.checksum(sum));
        ingress.extend(self.some_block(Spot::Ingress, 6));
        if self.chance(50) {
            // Only of packets that come back.
            let then = self.some_block(Spot::Ingress, 4);
            ingress.push(only_of(Origin::Resubmitted, then));
        }
        let port = Expr::Const(Bits::new(32, self.below(20) as u128));
        let enqueue = Stmt::Decide(Decision::Enqueue { port, queue: self.expr(32, 1) });
        ingress.push(if self.chance(50) {
            let cond = self.expr(1, 2);
            Stmt::If { cond, then: vec![Stmt::Decide(self.decision(Spot::Ingress))], els: vec![enqueue] }
        } else {
            enqueue
        });
        let mut egress = self.some_block(Spot::Egress, 4);
        if self.chance(50) {
            // Only of copies.
            let then = self.some_block(Spot::Egress, 4);
            egress.push(only_of(Origin::Replicated, then));
        }
        egress.extend(self.checksum(sum));
        let emitted = if self.plain { self.plain_headers() } else { self.headers.clone() };
        for header in emitted {
            if self.plain || self.chance(95) {
                egress.push(Stmt::Emit(HeaderRef::One(header)));
            }
        }
        egress.push(Stmt::Decide(Decision::Transmit));
        let [ingress, egress] = [ingress, egress]
            .map(|block| self.program.bodies.push(Body { name: "entry".to_string(), block }));
        self.program.ingress = Some(ingress);
        self.program.egress = Some(egress);
    }

    /// A checksum of a header's fields but one, perhaps put into that one.
    fn checksum(&mut self, sum: VarId) -> Vec<Stmt> {
        let header = self.pick(&self.headers.clone());
        let fields = &self.program.header_types[self.program.headers[header].ty].fields;
        let widths: Vec<Ty> = fields.iter().map(|field| field.ty).collect();
        if widths.iter().any(|ty| matches!(ty, Ty::Varbit(_))) {
            return vec![];
        }
        let at = self.below(widths.len());
        let field = |i: usize| Place::Field(HeaderRef::One(header), i);
        let data = (0..widths.len()).filter(|i| *i != at).map(|i| Expr::Read(field(i))).collect();
        let mut body = vec![Stmt::Hash { algorithm: HashAlgorithm::Csum16, dst: sum, data, payload: false }];
        if self.chance(50) {
            let of = Box::new(Expr::Read(Place::Var(sum)));
            let value = Expr::Resize { of, width: widths[at].width(), signed: false };
            body.push(Stmt::Assign(field(at), value));
        }
        vec![Stmt::If { cond: Expr::Valid(HeaderRef::One(header)), then: body, els: vec![] }]
    }

    fn declare(&mut self) {
        let mut types: Vec<HeaderTypeId> = vec![];
        for i in 0..3 + self.below(2) {
            let mut fields: Vec<Ty> = (0..1 + self.below(5)).map(|_| Ty::Bits(self.pick(&WIDTHS))).collect();
            let width: u32 = fields.iter().map(|ty| ty.width()).sum();
            fields.push(Ty::Bits((8 - width % 8) % 8));
            if i == 0 {
                let at = self.below(fields.len() + 1);
                fields.insert(at, Ty::Varbit(64));
            }
            let fields = fields.into_iter().map(|ty| HeaderField { name: "f".to_string(), ty }).collect();
            types.push(self.program.header_types.push(HeaderType { name: "t".to_string(), fields }));
        }
        for _ in 0..20 {
            let ty = Ty::Bits(self.pick(&WIDTHS));
            let var = self.program.vars.push(Var { name: "v".to_string(), ty });
            self.vars.push(var);
        }
        for _ in 0..2 {
            let var = self.program.vars.push(Var { name: "vb".to_string(), ty: Ty::Varbit(64) });
            self.vars.push(var);
        }
        for ty in types.clone() {
            for _ in 0..1 + self.below(2) {
                let header = self.program.headers.push(Header { name: "h".to_string(), ty, union: None });
                self.headers.push(header);
            }
        }
        let mut fields: Vec<Ty> = (0..1 + self.below(3)).map(|_| Ty::Bits(self.pick(&WIDTHS))).collect();
        if fields.iter().map(|ty| ty.width()).sum::<u32>().is_multiple_of(8) {
            fields.push(Ty::Bits(4));
        }
        let fields = fields.into_iter().map(|ty| HeaderField { name: "f".to_string(), ty }).collect();
        let ty = self.program.header_types.push(HeaderType { name: "loose".to_string(), fields });
        for _ in 0..2 {
            let header = self.program.headers.push(Header { name: "l".to_string(), ty, union: None });
            self.loose.push(header);
        }
        // A stack, perhaps with holes between its elements.
        let ty = self.pick(&types);
        let next = self.program.vars.push(Var { name: "next".to_string(), ty: Ty::Bits(32) });
        self.vars.push(next);
        let holes = self.chance(30);
        let elements: Vec<HeaderId> = (0..1 + self.below(4))
            .map(|i| {
                if holes && i == 1 {
                    let hole = self.program.headers.push(Header { name: "x".to_string(), ty, union: None });
                    self.headers.push(hole);
                }
                self.program.headers.push(Header { name: "s".to_string(), ty, union: None })
            })
            .collect();
        self.headers.extend(&elements);
        self.program.stacks.push(Stack { name: "s".to_string(), elements, next });
        // A stack of unions of two.
        let (a, b) = (self.pick(&types), self.pick(&types));
        let mut columns = [vec![], vec![]];
        for _ in 0..2 {
            let union = self.program.unions.push(Union { name: "u".to_string(), members: vec![] });
            for (column, ty) in columns.iter_mut().zip([a, b]) {
                let member =
                    self.program.headers.push(Header { name: "m".to_string(), ty, union: Some(union) });
                self.program.unions[union].members.push(member);
                self.headers.push(member);
                column.push(member);
            }
        }
        for elements in columns {
            self.program.stacks.push(Stack { name: "u".to_string(), elements, next });
        }
        for width in [8, 64, 100, 700] {
            let initial = self.bits(width);
            self.program.registers.push(Register { control: control("r"), width, size: 3, initial });
        }
        for unit in [CounterUnit::Packets, CounterUnit::PacketsAndBytes] {
            self.program.counters.push(Counter { control: control("c"), unit, size: 3, table: None });
        }
        let unit = CounterUnit::Bytes;
        self.program.meters.push(Meter { control: control("m"), unit, size: 2, table: None });
        let fields = [1, 16, 130].map(|width| ("d".to_string(), width)).to_vec();
        self.program.digests.push(Digest { control: control("d"), fields });
        for _ in 0..2 {
            let vars = (0..self.below(5)).map(|_| self.pick(&self.vars.clone())).collect();
            let headers = (0..self.below(3)).map(|_| self.pick(&self.headers.clone())).collect();
            self.program.preserves.push(Preserve { vars, headers });
        }
        let key = |width, kind| ("k".to_string(), width, kind);
        let one = vec![key(8, MatchKind::Exact)];
        self.program.value_sets.push(ValueSet { control: control("one"), keys: one, size: 4 });
        let two = vec![key(8, MatchKind::Ternary), key(100, MatchKind::Range)];
        self.program.value_sets.push(ValueSet { control: control("two"), keys: two, size: 4 });
        let selector = Selector { algorithm: HashAlgorithm::Crc16, width: 10, max_group_size: 0 };
        self.program.profiles.push(Profile { control: control("p"), size: 8, selector: None });
        self.program.profiles.push(Profile { control: control("s"), size: 8, selector: Some(selector) });
    }

    fn action(&mut self, place: Spot) -> ActionId {
        let params: Vec<ActionParam> = (0..self.below(3))
            .map(|_| {
                let ty = Ty::Bits(self.pick(&WIDTHS));
                let var = self.program.vars.push(Var { name: "p".to_string(), ty });
                self.vars.push(var);
                ActionParam { name: "p".to_string(), var }
            })
            .collect();
        let body = self.some_block(place, 5);
        self.program.actions.push(Action { control: control("a"), params, body })
    }

    fn table(&mut self) {
        let id = TableId::from_u32(self.program.tables.len() as u32);
        let mut direct_counter = None;
        let mut direct_meter = None;
        if self.chance(50) {
            let unit = CounterUnit::PacketsAndBytes;
            let counter = Counter { control: control("dc"), unit, size: 0, table: Some(id) };
            direct_counter = Some(self.program.counters.push(counter));
            let meter =
                Meter { control: control("dm"), unit: CounterUnit::Packets, size: 0, table: Some(id) };
            direct_meter = Some(self.program.meters.push(meter));
        }
        let profile = match self.below(4) {
            0 => Some(heddle_ir::ProfileId::from_u32(0)),
            1 => Some(heddle_ir::ProfileId::from_u32(1)),
            _ => None,
        };
        // The table has to be there for what is direct to it to name it.
        let default_action = ActionCall { action: 0, args: vec![] };
        let [const_default, largest_priority_wins, idle_timeout] =
            [30, 50, 30].map(|percent| self.chance(percent));
        self.program.tables.push(Table {
            control: control("t"),
            keys: vec![],
            actions: vec![],
            default_action,
            const_default,
            entries: vec![],
            const_entries: false,
            largest_priority_wins,
            size: 16,
            profile,
            direct_counter,
            direct_meter,
            idle_timeout,
        });
        let mut keys = vec![];
        let has_selector = profile.is_some_and(|profile| self.program.profiles[profile].selector.is_some());
        let mut has_lpm = false;
        for _ in 0..self.below(4) {
            let width = self.pick(&[1, 8, 16, 32, 64, 100, 128, 200]);
            let kind = match self.below(6) {
                0 | 1 => MatchKind::Exact,
                2 if !has_lpm => MatchKind::Lpm,
                3 => MatchKind::Ternary,
                4 => MatchKind::Range,
                _ => MatchKind::Optional,
            };
            has_lpm |= kind == MatchKind::Lpm;
            let expr = self.expr(width, 2);
            keys.push(Key { name: "k".to_string(), expr, width, kind });
        }
        if has_selector && !keys.is_empty() {
            let expr = self.expr(16, 2);
            keys.push(Key { name: "sel".to_string(), expr, width: 16, kind: MatchKind::Selector });
        }
        let mut actions: Vec<TableAction> = vec![];
        for i in 0..1 + self.below(3) {
            let shared = self.callable.clone();
            let listed = |action: &ActionId| actions.iter().any(|of_table| of_table.action == *action);
            let action = match shared.first() {
                Some(action) if i == 1 && !listed(action) => *action,
                Some(_) | None => self.action(Spot::Action(Some(id))),
            };
            let copy_in = if self.chance(40) { self.some_block(Spot::CopyIn(id), 3) } else { vec![] };
            let copy_out = if self.chance(40) { self.some_block(Spot::CopyOut(Some(id)), 3) } else { vec![] };
            actions.push(TableAction { action, copy_in, copy_out, default_only: false, table_only: false });
        }
        let call = |generator: &mut Self| {
            let action = generator.below(actions.len());
            ActionCall { action, args: generator.arguments(actions[action].action) }
        };
        let default_action = call(self);
        let mut entries: Vec<TableEntry> = vec![];
        let ranked = keys.iter().any(|key| contents::needs_priority(key.kind));
        let const_entries = profile.is_none() && !keys.is_empty() && self.chance(40);
        for i in 0..if const_entries { self.below(5) } else { 0 } {
            let matches: Vec<KeyMatch> = keys.iter().map(|key| self.key_match(key.width, key.kind)).collect();
            // Each has a priority of its own, in no order; where there are none, no two may be the same.
            let priority = if ranked { 1 + (3 * i % 5) as u32 } else { 0 };
            let action = call(self);
            if entries.iter().all(|other| other.matches != matches) {
                entries.push(TableEntry { matches, priority, action, is_const: true });
            }
        }
        let table = &mut self.program.tables[id];
        (table.entries, table.const_entries) = (entries, const_entries);
        (table.keys, table.actions, table.default_action) = (keys, actions, default_action);
        self.tables.push(id);
    }

    fn arguments(&mut self, action: ActionId) -> Vec<Bits> {
        let params = self.program.actions[action].params.clone();
        params.iter().map(|param| self.bits(self.program.vars[param.var].ty.width())).collect()
    }

    /// Headers of which every bit has its place, and that make no others invalid.
    fn plain_headers(&self) -> Vec<HeaderId> {
        let is_plain = |header: &HeaderId| {
            let header = &self.program.headers[*header];
            header.union.is_none() && header.ty.as_u32() != 0
        };
        self.headers.iter().copied().filter(is_plain).collect()
    }

    fn plain_parser(&mut self) {
        let headers = self.plain_headers();
        let mut states = PrimaryMap::new();
        for (i, header) in headers.iter().enumerate() {
            let block = vec![Stmt::Extract { header: HeaderRef::One(*header), varbit_bits: None }];
            let transition = self.transition(i, headers.len(), false);
            states.push(State { name: "s".to_string(), block, transition });
        }
        self.end_parser(states);
    }

    fn end_parser(&mut self, states: PrimaryMap<StateId, State>) {
        let error = self.program.vars.push(Var { name: "error".to_string(), ty: Ty::Bits(32) });
        self.vars.push(error);
        let step_bound = 1 + self.below(8) as u32;
        let start = StateId::from_u32(0);
        let parser = Parser { name: "p".to_string(), states, start, error, step_bound };
        let parser = self.program.parsers.push(parser);
        self.parsers.push(parser);
    }

    fn parser(&mut self) {
        if self.plain {
            return self.plain_parser();
        }
        if self.chance(50) {
            let block = self.some_block(Spot::ParserState, 4);
            let body = self.program.bodies.push(Body { name: "of parser".to_string(), block });
            self.parser_bodies.push(body);
        }
        let count = 1 + self.below(5);
        let mut states = PrimaryMap::new();
        let circles = self.chance(30);
        for i in 0..count {
            let mut block = self.some_block(Spot::ParserState, 5);
            if let (0, Some(body)) = (i, self.parser_bodies.last()) {
                // What takes bits has to be called by a parser.
                block.insert(0, Stmt::Call { callee: Callee::Body(*body), copy_out: vec![] });
            }
            if self.passes {
                let header = HeaderRef::One(self.headers[i % self.headers.len()]);
                let varbit_bits = match self.program.headers[self.headers[i % self.headers.len()]].ty.as_u32()
                {
                    // The first type has bits of any number.
                    0 => Some(Expr::Const(Bits::new(32, 16))),
                    _ => None,
                };
                block.insert(0, Stmt::Extract { header, varbit_bits });
            }
            let transition = self.transition(i, count, circles);
            states.push(State { name: "s".to_string(), block, transition });
        }
        self.end_parser(states);
    }

    fn target(&mut self, from: usize, count: usize, circles: bool) -> Target {
        match self.below(10) {
            0 => Target::Reject,
            1 | 2 => Target::Accept,
            _ if circles => Target::State(StateId::from_u32(self.below(count) as u32)),
            _ if from + 1 < count => {
                Target::State(StateId::from_u32((from + 1 + self.below(count - from - 1)) as u32))
            }
            _ => Target::Accept,
        }
    }

    fn transition(&mut self, from: usize, count: usize, circles: bool) -> Transition {
        if self.chance(30) {
            return Transition::Goto(self.target(from, count, circles));
        }
        let simple = self.chance(40);
        let of_sets = !simple && self.chance(40);
        let widths: Vec<u32> = if simple {
            vec![self.pick(&[1, 8, 16, 70])]
        } else if of_sets {
            vec![8, 100]
        } else {
            (0..1 + self.below(3)).map(|_| self.pick(&[8, 16, 64, 130, 600])).collect()
        };
        let on = widths.iter().map(|width| self.expr(*width, 2)).collect();
        let mut cases = vec![];
        for _ in 0..1 + self.below(4) {
            let target = self.target(from, count, circles);
            let matches = if of_sets && self.chance(30) {
                SelectMatch::ValueSet(ValueSetId::from_u32(1))
            } else {
                let keysets = widths.iter().map(|width| self.keyset(*width, simple));
                SelectMatch::Each(keysets.collect())
            };
            cases.push(SelectCase { matches, target });
        }
        Transition::Select { on, cases }
    }

    fn keyset(&mut self, width: u32, simple: bool) -> Keyset {
        if simple {
            return if self.chance(85) { Keyset::Value(Expr::Const(self.bits(width))) } else { Keyset::Any };
        }
        match self.below(7) {
            0 => Keyset::Value(self.expr(width, 1)),
            1 => Keyset::Mask(self.expr(width, 1), self.expr(width, 1)),
            2 => Keyset::Range(self.expr(width, 1), self.expr(width, 1)),
            3 => Keyset::RangeSigned(self.expr(width, 1), self.expr(width, 1)),
            4 if width == 8 => Keyset::ValueSet(ValueSetId::from_u32(0)),
            5 => Keyset::Any,
            _ => Keyset::Value(Expr::Const(self.bits(width))),
        }
    }
}

/// Something that only packets of an origin do.
fn only_of(origin: Origin, then: Vec<Stmt>) -> Stmt {
    let origin = Expr::Const(Bits::new(32, origin as u128));
    let cond = Expr::Binary(BinaryOp::Eq, Box::new(Expr::Intrinsic(Intrinsic::Origin)), Box::new(origin));
    Stmt::If { cond, then, els: vec![] }
}
