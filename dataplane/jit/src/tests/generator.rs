//! Programs, entries and packets made at random from a seed.
//!
//! Invariant: every program made passes verification, and every kind of statement, expression, match and
//! transition is made by some seed.

use cranelift_entity::PrimaryMap;
use heddle_exec::random;
use heddle_ir::{
    Action, ActionCall, ActionId, ActionParam, BinaryOp, Bits, Block, Body, BodyId, Callee, ControlName,
    Counter, CounterId, CounterUnit, Decision, Digest, DropReason, Expr, HashAlgorithm, Header, HeaderField,
    HeaderId, HeaderRef, HeaderType, HeaderTypeId, Intrinsic, Key, KeyMatch, Keyset, MatchKind, Meter,
    MeterId, MirrorSource, Origin, Parser, ParserId, Place, Preserve, PreserveId, Profile, Program, Register,
    SelectCase, SelectMatch, Selector, Stack, StackId, State, StateId, Stmt, Table, TableAction, TableEntry,
    TableId, Target, Transition, Ty, UnaryOp, Union, ValueSet, ValueSetId, Var, VarId,
};
use heddle_state::{
    ActionSpec, EntryAction, EntryKey, EntrySpec, GroupMember, GroupSpec, MemberSpec, MeterConfig, Update,
};

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
            let origin = Expr::Const(Bits::new(32, Origin::Replicated as u128));
            let of_copies =
                Expr::Binary(BinaryOp::Eq, Box::new(Expr::Intrinsic(Intrinsic::Origin)), Box::new(origin));
            let then = self.some_block(Spot::Egress, 4);
            egress.push(Stmt::If { cond: of_copies, then, els: vec![] });
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
        let ranked = keys.iter().any(|key| needs_priority(key.kind));
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

    /// A block of its own budget.
    fn some_block(&mut self, place: Spot, budget: u32) -> Block {
        self.budget = budget;
        self.block(Around { place, breaks: false, continues: false, depth: 0 })
    }

    fn block(&mut self, around: Around) -> Block {
        let mut block = vec![];
        let wanted = if around.depth == 0 { usize::MAX } else { self.below(4) };
        while self.budget > 0 && block.len() < wanted {
            self.budget -= 1;
            let stmt = self.stmt(around);
            block.push(stmt);
        }
        block
    }

    fn inner(&mut self, around: Around) -> Block {
        self.block(Around { depth: around.depth + 1, ..around })
    }

    fn header(&mut self) -> HeaderRef {
        if self.chance(70) {
            let headers = self.headers.clone();
            HeaderRef::One(self.pick(&headers))
        } else {
            HeaderRef::Element(self.stack(), Box::new(self.index()))
        }
    }

    fn stack(&mut self) -> StackId {
        StackId::from_u32(self.below(self.program.stacks.len()) as u32)
    }

    /// An index, mostly one that is there.
    fn index(&mut self) -> Expr {
        let width = self.pick(&[8, 32, 64, 100]);
        if self.indices > 0 || self.chance(25) {
            return Expr::Const(Bits::new(width, self.below(5) as u128));
        }
        self.indices += 1;
        let value = self.expr(width, 1);
        self.indices -= 1;
        if self.chance(30) {
            return value;
        }
        Expr::Binary(BinaryOp::And, Box::new(value), Box::new(Expr::Const(Bits::new(width, 3))))
    }

    fn type_of(&self, header: &HeaderRef) -> HeaderTypeId {
        let header = match header {
            HeaderRef::One(header) => *header,
            HeaderRef::Element(stack, _) => self.program.stacks[*stack].elements[0],
        };
        self.program.headers[header].ty
    }

    fn is_varbit(&self, place: &Place) -> bool {
        matches!(heddle_ir::verify::type_of_place(&self.program, place), Ok(Ty::Varbit(_)))
    }

    fn width(&self, place: &Place) -> u32 {
        heddle_ir::verify::type_of_place(&self.program, place).map_or(0, Ty::width)
    }

    fn place(&mut self) -> Place {
        if self.chance(55) {
            let vars = self.vars.clone();
            return Place::Var(self.pick(&vars));
        }
        let header = self.header();
        let fields = self.program.header_types[self.type_of(&header)].fields.len();
        Place::Field(header, self.below(fields))
    }

    /// A place of a type, if one is found soon.
    fn place_of(&mut self, ty: Ty) -> Option<Place> {
        (0..30).find_map(|_| {
            let place = self.place();
            (heddle_ir::verify::type_of_place(&self.program, &place) == Ok(ty)).then_some(place)
        })
    }

    fn var_of(&mut self, width: u32) -> VarId {
        let found: Vec<VarId> =
            self.vars.iter().copied().filter(|var| self.program.vars[*var].ty == Ty::Bits(width)).collect();
        if found.is_empty() || self.chance(10) {
            let ty = Ty::Bits(width);
            let var = self.program.vars.push(Var { name: "v".to_string(), ty });
            self.vars.push(var);
            return var;
        }
        self.pick(&found)
    }

    fn fixed_var(&mut self) -> VarId {
        let width = self.pick(&WIDTHS);
        self.var_of(width)
    }

    /// An expression of a width.
    pub(super) fn expr(&mut self, width: u32, depth: u32) -> Expr {
        if depth == 0 || self.chance(25) {
            return match self.below(4) {
                0 => Expr::Const(self.bits(width)),
                1 if width == 32 => Expr::Intrinsic(self.pick(&[
                    Intrinsic::IngressPort,
                    Intrinsic::EgressPort,
                    Intrinsic::PacketLength,
                    Intrinsic::Origin,
                    Intrinsic::ReplicationId,
                    Intrinsic::EnqueueDepth,
                    Intrinsic::DequeueDepth,
                    Intrinsic::QueueId,
                ])),
                1 if width == 64 => Expr::Intrinsic(self.pick(&[
                    Intrinsic::IngressTimeNs,
                    Intrinsic::NowNs,
                    Intrinsic::EnqueueTimeNs,
                ])),
                1 if width == 1 => Expr::Valid(self.header()),
                _ => match self.place_of(Ty::Bits(width)) {
                    Some(place) => Expr::Read(place),
                    None => Expr::Read(Place::Var(self.var_of(width))),
                },
            };
        }
        let depth = depth - 1;
        match self.below(12) {
            0 => {
                let op = self.pick(&[UnaryOp::Not, UnaryOp::Neg]);
                Expr::Unary(op, Box::new(self.expr(width, depth)))
            }
            1..5 => {
                let op = self.pick(&[
                    BinaryOp::Add,
                    BinaryOp::Sub,
                    BinaryOp::Mul,
                    BinaryOp::Div,
                    BinaryOp::Mod,
                    BinaryOp::SatAddU,
                    BinaryOp::SatSubU,
                    BinaryOp::SatAddS,
                    BinaryOp::SatSubS,
                    BinaryOp::And,
                    BinaryOp::Or,
                    BinaryOp::Xor,
                ]);
                Expr::Binary(op, Box::new(self.expr(width, depth)), Box::new(self.expr(width, depth)))
            }
            5 => {
                let op = self.pick(&[BinaryOp::Shl, BinaryOp::Shr, BinaryOp::Sar]);
                let amount = self.pick(&[3, 8, 8, 64, 100, 600]);
                let amount = match self.below(3) {
                    0 => self.expr(amount, depth),
                    _ => Expr::Const(Bits::new(amount, self.below(width as usize + 2) as u128)),
                };
                Expr::Binary(op, Box::new(self.expr(width, depth)), Box::new(amount))
            }
            6 | 7 if width == 1 => self.comparison(depth),
            6 if width > 1 => {
                let low = 1 + self.below(width as usize - 1) as u32;
                let (high, low) = (self.expr(width - low, depth), self.expr(low, depth));
                Expr::Binary(BinaryOp::Concat, Box::new(high), Box::new(low))
            }
            7 | 8 if width > 0 => {
                let low = self.below(80) as u32;
                let of = width + low + self.below(70) as u32;
                Expr::Slice { of: Box::new(self.expr(of, depth)), high: low + width - 1, low }
            }
            9 => {
                let of = self.pick(&WIDTHS);
                Expr::Resize { of: Box::new(self.expr(of, depth)), width, signed: self.chance(50) }
            }
            10 => Expr::Mux {
                cond: Box::new(self.expr(1, depth)),
                then: Box::new(self.expr(width, depth)),
                els: Box::new(self.expr(width, depth)),
            },
            _ => self.expr(width, depth),
        }
    }

    fn comparison(&mut self, depth: u32) -> Expr {
        if self.chance(15) {
            let (Some(left), Some(right)) = (self.place_of(Ty::Varbit(64)), self.place_of(Ty::Varbit(64)))
            else {
                return Expr::Const(Bits::bool(true));
            };
            let op = self.pick(&[BinaryOp::Eq, BinaryOp::Ne]);
            return Expr::Binary(op, Box::new(Expr::Read(left)), Box::new(Expr::Read(right)));
        }
        let op = self.pick(&[
            BinaryOp::Eq,
            BinaryOp::Ne,
            BinaryOp::LtU,
            BinaryOp::LeU,
            BinaryOp::LtS,
            BinaryOp::LeS,
        ]);
        let width = self.pick(&WIDTHS);
        Expr::Binary(op, Box::new(self.expr(width, depth)), Box::new(self.expr(width, depth)))
    }

    fn stmt(&mut self, around: Around) -> Stmt {
        let shallow = around.depth < 4;
        match self.below(40) {
            0..6 => self.assignment(),
            6 => {
                let dst = self.place();
                let width = self.width(&dst);
                if self.is_varbit(&dst) || width == 0 {
                    return self.assignment();
                }
                let low = self.below(width as usize) as u32;
                let high = low + self.below((width - low) as usize) as u32;
                Stmt::AssignSlice { dst, high, low, value: self.expr(high - low + 1, 2) }
            }
            7 => Stmt::SetValid(self.header()),
            8 => Stmt::SetInvalid(self.header()),
            9 => {
                let dst = self.header();
                let ty = self.type_of(&dst);
                let src = (0..20).find_map(|_| {
                    let src = self.header();
                    (self.type_of(&src) == ty).then_some(src)
                });
                Stmt::CopyHeader { src: src.unwrap_or_else(|| dst.clone()), dst }
            }
            10 => Stmt::PushFront(self.stack(), self.below(4) as u32),
            11 => Stmt::PopFront(self.stack(), self.below(4) as u32),
            12..16 if shallow => {
                Stmt::If { cond: self.expr(1, 3), then: self.inner(around), els: self.inner(around) }
            }
            16 if shallow => {
                let width = self.pick(&[1, 8, 16, 64, 100, 600]);
                let mut labels: Vec<Bits> = vec![];
                let mut cases = vec![];
                for _ in 0..1 + self.below(3) {
                    let mut own = vec![];
                    for _ in 0..1 + self.below(2) {
                        let label = self.bits(width);
                        if !labels.contains(&label) {
                            labels.push(label.clone());
                            own.push(label);
                        }
                    }
                    cases.push((own, self.inner(around)));
                }
                Stmt::Switch { on: self.expr(width, 2), cases, default: self.inner(around) }
            }
            17 | 18 if shallow => {
                let mut body = self.inner(Around { breaks: true, continues: true, ..around });
                if self.chance(85) {
                    // Most loops end before their bound, or few packets would come far.
                    body.push(Stmt::Break);
                }
                let update = self.inner(Around { breaks: true, continues: false, ..around });
                Stmt::Loop { bound: 1 + self.below(4) as u32, body, update }
            }
            19 | 20 if around.breaks => {
                if around.continues && self.chance(40) {
                    Stmt::Continue
                } else {
                    Stmt::Break
                }
            }
            21 => match around.place {
                Spot::CopyIn(_) | Spot::CopyOut(_) => self.assignment(),
                _ if self.chance(30) => Stmt::Return,
                _ => self.assignment(),
            },
            22 => match around.place {
                Spot::CopyIn(_) | Spot::CopyOut(_) | Spot::ParserState => self.assignment(),
                _ if shallow && self.chance(70) => Stmt::Catch(self.inner(around)),
                _ => Stmt::Exit,
            },
            23..27 => self.call(around),
            27 => {
                Stmt::Count { counter: CounterId::from_u32(self.below(2) as u32), index: Some(self.index()) }
            }
            28 => match around.place {
                Spot::Action(Some(table)) | Spot::CopyIn(table) | Spot::CopyOut(Some(table)) => {
                    self.direct(table)
                }
                _ => {
                    let color = self.var_of(8);
                    Stmt::Meter { meter: MeterId::from_u32(0), index: Some(self.index()), color }
                }
            },
            29 => {
                let register = self.below(self.program.registers.len()) as u32;
                let register = heddle_ir::RegisterId::from_u32(register);
                let width = self.program.registers[register].width;
                if self.chance(50) {
                    let dst = self.var_of(width);
                    Stmt::RegisterRead { register, index: self.index(), dst }
                } else {
                    Stmt::RegisterWrite { register, index: self.index(), value: self.expr(width, 2) }
                }
            }
            30 if shallow => Stmt::Atomic(self.inner(around)),
            31 => {
                let algorithm = self.pick(&[
                    HashAlgorithm::Crc32,
                    HashAlgorithm::Crc32Custom,
                    HashAlgorithm::Crc16,
                    HashAlgorithm::Crc16Custom,
                    HashAlgorithm::Random,
                    HashAlgorithm::Identity,
                    HashAlgorithm::Csum16,
                    HashAlgorithm::Csum16,
                    HashAlgorithm::Xor16,
                ]);
                let mut data: Vec<Expr> = vec![];
                for _ in 0..self.below(5) {
                    let width = self.pick(&WIDTHS);
                    let value = self.expr(width, 1);
                    data.push(value);
                }
                if self.chance(20)
                    && let Some(varbit) = self.place_of(Ty::Varbit(64))
                {
                    let at = self.below(data.len() + 1);
                    data.insert(at, Expr::Read(varbit));
                }
                Stmt::Hash { algorithm, dst: self.fixed_var(), data, payload: self.chance(30) }
            }
            32 => {
                let dst = self.fixed_var();
                let width = self.program.vars[dst].ty.width();
                Stmt::Random { dst, low: self.expr(width, 1), high: self.expr(width, 1) }
            }
            33 => {
                let digest = heddle_ir::DigestId::from_u32(0);
                let values = [1, 16, 130].map(|width| self.expr(width, 1)).to_vec();
                Stmt::Digest { digest, values }
            }
            34 => Stmt::Log { format: "{}".to_string(), args: vec![self.expr(8, 1)] },
            35 if self.chance(20) => Stmt::Assert { cond: self.expr(1, 2), message: "m".to_string() },
            36 => Stmt::Truncate(self.expr(32, 1)),
            37 if !self.passes || self.chance(30) => Stmt::Mirror {
                session: self.expr(32, 1),
                source: self.pick(&[MirrorSource::Received, MirrorSource::Live]),
                preserve: self.preserve(),
            },
            38 => Stmt::Decide(self.decision(around.place)),
            _ => self.of_place(around),
        }
    }

    fn preserve(&mut self) -> PreserveId {
        PreserveId::from_u32(self.below(2) as u32)
    }

    fn direct(&mut self, table: TableId) -> Stmt {
        let declared = &self.program.tables[table];
        match (declared.direct_counter, declared.direct_meter) {
            (Some(counter), _) if self.chance(50) => Stmt::Count { counter, index: None },
            (_, Some(meter)) => {
                let color = self.var_of(8);
                Stmt::Meter { meter, index: None, color }
            }
            _ => self.assignment(),
        }
    }

    /// What can be done in few places only.
    fn of_place(&mut self, around: Around) -> Stmt {
        match around.place {
            Spot::Ingress | Spot::Egress => Stmt::Emit(self.header()),
            Spot::ParserState => match self.below(8) {
                0 => Stmt::Lookahead(self.fixed_var()),
                1 => {
                    let bits = self.expr(32, 1);
                    let bits = if self.chance(70) {
                        let mask = Expr::Const(Bits::new(32, 0x38));
                        Expr::Binary(BinaryOp::And, Box::new(bits), Box::new(mask))
                    } else {
                        bits
                    };
                    Stmt::Advance(bits)
                }
                2 => Stmt::Verify { cond: self.expr(1, 2), error: self.expr(32, 1) },
                _ => {
                    let header = self.header();
                    let has_varbit =
                        self.program.header_types[self.type_of(&header)].varbit_field().is_some();
                    let varbit_bits = has_varbit.then(|| {
                        let bits = self.expr(32, 1);
                        if self.chance(80) {
                            let mask = Expr::Const(Bits::new(32, 0x78));
                            Expr::Binary(BinaryOp::And, Box::new(bits), Box::new(mask))
                        } else {
                            bits
                        }
                    });
                    Stmt::Extract { header, varbit_bits }
                }
            },
            Spot::Action(Some(table)) | Spot::CopyIn(table) | Spot::CopyOut(Some(table)) => {
                self.direct(table)
            }
            Spot::Action(None) | Spot::Leaf | Spot::CopyOut(None) => self.assignment(),
        }
    }

    fn assignment(&mut self) -> Stmt {
        let dst = self.place();
        let width = self.width(&dst);
        if self.is_varbit(&dst) {
            let src = self.place_of(Ty::Varbit(width)).unwrap_or_else(|| dst.clone());
            return Stmt::Assign(dst, Expr::Read(src));
        }
        Stmt::Assign(dst, self.expr(width, 3))
    }

    fn call(&mut self, around: Around) -> Stmt {
        let copy_out = |generator: &mut Self| {
            if generator.chance(30) {
                let around = Around {
                    place: Spot::CopyOut(None),
                    breaks: false,
                    continues: false,
                    depth: around.depth + 1,
                };
                generator.block(around)
            } else {
                vec![]
            }
        };
        let (leaves, callable) = (self.leaves.clone(), self.callable.clone());
        let (tables, parsers, bodies) =
            (self.tables.clone(), self.parsers.clone(), self.parser_bodies.clone());
        match around.place {
            Spot::Ingress | Spot::Egress => match self.below(5) {
                0 | 1 if !tables.is_empty() => {
                    let hit = self.chance(50).then(|| self.var_of(1));
                    let action_run = self.chance(50).then(|| self.var_of(32));
                    Stmt::Apply { table: self.pick(&tables), hit, action_run }
                }
                2 if !callable.is_empty() => {
                    let callee = Callee::Action(self.pick(&callable));
                    Stmt::Call { callee, copy_out: copy_out(self) }
                }
                3 | 4 if !parsers.is_empty() => {
                    let callee = Callee::Parser(self.pick(&parsers));
                    Stmt::Call { callee, copy_out: copy_out(self) }
                }
                _ => {
                    let callee = Callee::Body(self.pick(&leaves));
                    Stmt::Call { callee, copy_out: copy_out(self) }
                }
            },
            Spot::ParserState => match self.below(2) {
                0 if !parsers.is_empty() => {
                    let callee = Callee::Parser(self.pick(&parsers));
                    Stmt::Call { callee, copy_out: copy_out(self) }
                }
                _ if !bodies.is_empty() => {
                    let callee = Callee::Body(self.pick(&bodies));
                    Stmt::Call { callee, copy_out: copy_out(self) }
                }
                _ => self.assignment(),
            },
            Spot::Leaf | Spot::Action(_) | Spot::CopyIn(_) if !leaves.is_empty() => {
                let callee = Callee::Body(self.pick(&leaves));
                Stmt::Call { callee, copy_out: copy_out(self) }
            }
            Spot::Leaf | Spot::Action(_) | Spot::CopyIn(_) | Spot::CopyOut(_) => self.assignment(),
        }
    }

    fn decision(&mut self, place: Spot) -> Decision {
        let drop = Decision::Drop(DropReason::IngressDrop);
        match (place, self.below(8)) {
            (Spot::Ingress, 0..5) => Decision::Enqueue { port: self.expr(32, 1), queue: self.expr(32, 1) },
            (Spot::Ingress, 5) => Decision::Replicate { group: self.expr(32, 1), queue: self.expr(32, 1) },
            (Spot::Ingress, 6) => Decision::Resubmit(self.preserve()),
            (Spot::Egress, 0..6) => Decision::Transmit,
            (Spot::Egress, _) if self.passes => Decision::Drop(DropReason::EgressDrop),
            (Spot::Egress, 6) => Decision::Recirculate(self.preserve()),
            (_, _) => drop,
        }
    }

    /// A packet, of few different bytes.
    pub(super) fn packet(&mut self) -> Vec<u8> {
        let len = if self.chance(20) { self.below(20) } else { self.below(400) };
        (0..len)
            .map(|_| match self.below(6) {
                0 | 1 => 0,
                2 => 1,
                3 => 2,
                4 => 0xff,
                _ => self.word() as u8,
            })
            .collect()
    }

    /// What the control plane may say. Some of it will be refused.
    pub(super) fn updates(&mut self) -> Vec<Update> {
        let mut updates = vec![];
        for profile in [0, 1].map(heddle_ir::ProfileId::from_u32) {
            let of_profile: Vec<ActionId> = self
                .program
                .tables
                .values()
                .filter(|table| table.profile == Some(profile))
                .flat_map(|table| table.actions.iter().map(|action| action.action))
                .collect();
            if of_profile.is_empty() {
                continue;
            }
            for id in 1..4 {
                let action = self.pick(&of_profile);
                let action = ActionSpec { action, args: self.arguments(action) };
                updates.push(Update::CreateMember(MemberSpec { profile, id, action }));
            }
            for (id, members) in [(1, vec![1, 2, 3]), (2, vec![])] {
                let members: Vec<GroupMember> = members
                    .iter()
                    .map(|member| GroupMember { member: *member, weight: 1, watch_port: None })
                    .collect();
                updates.push(Update::CreateGroup(GroupSpec { profile, id, max_size: None, members }));
            }
        }
        for table in self.program.tables.keys().collect::<Vec<_>>() {
            for _ in 0..6 {
                updates.push(Update::InsertEntry(self.entry(table)));
            }
            if self.chance(30) {
                let action = self
                    .pick(&self.program.tables[table].actions.iter().map(|a| a.action).collect::<Vec<_>>());
                let action = ActionSpec { action, args: self.arguments(action) };
                updates.push(Update::SetDefault { table, action });
            }
        }
        let config = Some(MeterConfig { cir: 100, cburst: 300, pir: 200, pburst: 500, eburst: 0 });
        updates.push(Update::WriteMeter { meter: MeterId::from_u32(0), index: Some(1), config });
        let one = (0..2).map(|_| vec![KeyMatch::Exact(self.bits(8))]).collect();
        updates.push(Update::SetValueSet { value_set: ValueSetId::from_u32(0), entries: one });
        let two = (0..2)
            .map(|_| vec![self.key_match(8, MatchKind::Ternary), self.key_match(100, MatchKind::Range)]);
        let two = two.collect();
        updates.push(Update::SetValueSet { value_set: ValueSetId::from_u32(1), entries: two });
        updates
    }

    fn key_match(&mut self, width: u32, kind: MatchKind) -> KeyMatch {
        let value = self.bits(width);
        match kind {
            MatchKind::Exact | MatchKind::Selector => KeyMatch::Exact(value),
            MatchKind::Lpm => {
                let prefix_len = self.below(width as usize + 1) as u32;
                KeyMatch::Lpm { value: value.and(&Bits::mask_prefix(width, prefix_len)), prefix_len }
            }
            MatchKind::Ternary => {
                let mask = self.bits(width);
                KeyMatch::Ternary { value: value.and(&mask), mask }
            }
            MatchKind::Range => {
                let other = self.bits(width);
                let in_order = value.cmp_unsigned(&other).is_le();
                let (low, high) = if in_order { (value, other) } else { (other, value) };
                KeyMatch::Range { low, high }
            }
            MatchKind::Optional if self.chance(50) => KeyMatch::Any,
            MatchKind::Optional => KeyMatch::Exact(value),
        }
    }

    fn entry(&mut self, table: TableId) -> EntrySpec {
        let declared = self.program.tables[table].clone();
        let keys = declared.keys.iter().filter(|key| key.kind != MatchKind::Selector);
        let matches = keys.clone().map(|key| self.key_match(key.width, key.kind)).collect();
        let ranked = keys.clone().any(|key| needs_priority(key.kind));
        let priority = ranked.then(|| 1 + self.below(5) as u32);
        let action = match declared.profile {
            Some(_) => match self.below(4) {
                0 | 1 => EntryAction::Member(1 + self.below(3) as u32),
                _ => EntryAction::Group(1 + self.below(2) as u32),
            },
            None => {
                let action = declared.actions[self.below(declared.actions.len())].action;
                EntryAction::Action(ActionSpec { action, args: self.arguments(action) })
            }
        };
        let key = EntryKey { table, matches, priority };
        EntrySpec { key, action, idle_timeout_ns: 0, metadata: vec![] }
    }
}

/// Whether entries have priorities for keys of a kind.
fn needs_priority(kind: MatchKind) -> bool {
    matches!(kind, MatchKind::Ternary | MatchKind::Range | MatchKind::Optional)
}
