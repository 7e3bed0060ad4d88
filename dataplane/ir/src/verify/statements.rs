//! Statements of bodies, actions and parser states, and the copies around tables' actions.

use std::collections::HashSet;

use crate::{Block, Callee, CounterId, Decision, Expr, HeaderRef, MeterId, MirrorSource, Stmt, TableId, Ty};

use super::calls::{Need, Unit};
use super::typing::{TypeError, Typing};
use super::{Checker, Rule, limit};

/// What is around a statement in its own unit.
#[derive(Clone, Copy)]
struct Around {
    unit: Unit,
    /// Blocks.
    depth: usize,
    in_loop: Option<LoopPart>,
    copy: Option<Copy>,
}

/// Which part of the innermost loop a statement is in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LoopPart {
    Body,
    Update,
}

/// Which copy block a statement is in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Copy {
    In,
    Out,
}

impl Checker<'_> {
    /// All actions' and bodies' code, and the copies around tables' actions.
    pub(super) fn bodies(&mut self) {
        let program = self.program;
        for (id, action) in &program.actions {
            self.within_part(id, &action.control.name, |c| {
                c.block_of(Unit::Action(id), &action.body);
            });
        }
        for (id, body) in &program.bodies {
            self.within_part(id, &body.name, |c| c.block_of(Unit::Body(id), &body.block));
        }
        for (id, table) in &program.tables {
            let unit = Unit::Table(id);
            self.within_part(id, &table.control.name, |c| {
                for (i, action) in table.actions.iter().enumerate() {
                    let around = |copy| Around { unit, depth: 1, in_loop: None, copy: Some(copy) };
                    c.within(format_args!("action {i} copy_in"), |c| {
                        c.block(around(Copy::In), &action.copy_in)
                    });
                    c.within(format_args!("action {i} copy_out"), |c| {
                        c.block(around(Copy::Out), &action.copy_out)
                    });
                    if program.actions.is_valid(action.action) {
                        c.calls.call(unit, Unit::Action(action.action), 0);
                    }
                }
            });
        }
    }

    /// The code of a unit.
    pub(super) fn block_of(&mut self, unit: Unit, block: &Block) {
        self.block(Around { unit, depth: 1, in_loop: None, copy: None }, block);
    }

    fn block(&mut self, around: Around, block: &Block) {
        self.calls.depth(around.unit, around.depth);
        if around.depth > limit::NESTING {
            // Reported for the unit as a whole; going on could use up the stack.
            return;
        }
        for (i, stmt) in block.iter().enumerate() {
            self.within(format_args!("statement {i}"), |c| c.stmt(around, stmt));
        }
    }

    fn inner(&mut self, part: impl std::fmt::Display, around: Around, block: &Block) {
        let around = Around { depth: around.depth + 1, ..around };
        self.within(part, |c| c.block(around, block));
    }

    /// Finds types; reports what has none.
    pub(super) fn typed<R>(&mut self, check: impl FnOnce(&mut Typing<'_>) -> R) -> R {
        let mut typing = Typing::new(self.program);
        let result = check(&mut typing);
        for error in typing.errors {
            let rule = match &error {
                TypeError::NoVar(_)
                | TypeError::NoHeader(_)
                | TypeError::NoStack(_)
                | TypeError::NoHeaderType(_)
                | TypeError::NoField { .. } => Rule::Index,
                TypeError::EmptyStack(_) => Rule::StackElements,
                TypeError::TooWide(_) | TypeError::TooDeep => Rule::Limit,
                TypeError::Expected { .. }
                | TypeError::NotBits { .. }
                | TypeError::Differ { .. }
                | TypeError::BadSlice { .. } => Rule::Type,
            };
            self.report(rule, error);
        }
        result
    }

    fn bits(&mut self, part: &'static str, expr: &Expr, width: u32) {
        self.typed(|t| t.exactly(part, expr, Ty::Bits(width)));
    }

    fn need(&mut self, around: Around, need: Need) {
        self.calls.need(around.unit, &self.path, need);
    }

    /// What may not be in a copy block of either or one kind.
    fn not_in_copy(&mut self, around: Around, only_out: bool, does: &'static str) {
        let barred = match around.copy {
            None => false,
            Some(Copy::In) => !only_out,
            Some(Copy::Out) => true,
        };
        self.require(!barred, Rule::CopyBlock, format_args!("a copy block does not {does}"));
    }

    fn stmt(&mut self, around: Around, stmt: &Stmt) {
        let program = self.program;
        match stmt {
            Stmt::Assign(place, value) => self.typed(|t| {
                let (expected, found) = (t.place(place), t.expr(value));
                if let (Some(expected), Some(found)) = (expected, found) {
                    t.same("the value", expected, found);
                }
            }),
            Stmt::AssignSlice { dst, high, low, value } => self.typed(|t| {
                let found = t.fixed("the value", value);
                let place = t.place(dst).and_then(|ty| t.fixed_type("the place", ty));
                let slice = place.and_then(|width| t.slice(*high, *low, width));
                if let (Some(slice), Some(found)) = (slice, found) {
                    t.same("the value", Ty::Bits(slice), Ty::Bits(found));
                }
            }),
            Stmt::SetValid(header) | Stmt::SetInvalid(header) => {
                self.typed(|t| t.header(header));
            }
            Stmt::CopyHeader { dst, src } => {
                let (dst, src) = self.typed(|t| (t.header(dst), t.header(src)));
                if let (Some(dst), Some(src)) = (dst, src) {
                    self.require(dst == src, Rule::Type, format_args!("{src} is copied to {dst}"));
                }
            }
            Stmt::PushFront(stack, _) | Stmt::PopFront(stack, _) => {
                self.index(&program.stacks, *stack);
            }
            Stmt::If { cond, then, els } => {
                self.bits("the condition", cond, 1);
                self.inner("then", around, then);
                self.inner("else", around, els);
            }
            Stmt::Switch { on, cases, default } => self.switch(around, on, cases, default),
            Stmt::Loop { bound, body, update } => {
                self.bound("loop", *bound, limit::LOOP_BOUND);
                self.inner("body", Around { in_loop: Some(LoopPart::Body), ..around }, body);
                self.inner("update", Around { in_loop: Some(LoopPart::Update), ..around }, update);
            }
            Stmt::Break => {
                self.require(around.in_loop.is_some(), Rule::OutsideLoop, "there is no loop around it")
            }
            Stmt::Continue => {
                let in_body = around.in_loop == Some(LoopPart::Body);
                self.require(in_body, Rule::OutsideLoop, "there is no loop whose body is around it");
            }
            Stmt::Return => self.not_in_copy(around, false, "return"),
            Stmt::Exit => {
                self.not_in_copy(around, false, "exit");
                self.need(around, Need::NoParser("exits"));
            }
            Stmt::Catch(block) => {
                self.not_in_copy(around, false, "catch");
                self.need(around, Need::NoParser("catches"));
                self.inner("catch", around, block);
            }
            Stmt::Apply { table, hit, action_run } => {
                self.not_in_copy(around, false, "apply a table");
                self.need(around, Need::NoParser("applies a table"));
                self.need(around, Need::NoAction("applies a table"));
                if self.index(&program.tables, *table) {
                    self.calls.call(around.unit, Unit::Table(*table), around.depth);
                }
                if let Some(hit) = hit {
                    self.var_of("hit", *hit, Ty::Bits(1));
                }
                if let Some(action_run) = action_run {
                    self.var_of("action_run", *action_run, Ty::Bits(32));
                }
            }
            Stmt::Call { callee, copy_out } => {
                self.not_in_copy(around, true, "call");
                self.call(around, *callee);
                // Where a call is a copy's own, its copy-out is one too, and bound by the same rules.
                self.inner("copy_out", Around { in_loop: None, copy: Some(Copy::Out), ..around }, copy_out);
            }
            Stmt::Extract { header, varbit_bits } => {
                self.takes_bits(around);
                self.extract(header, varbit_bits.as_ref());
            }
            Stmt::Lookahead(var) => {
                self.takes_bits(around);
                self.typed(|t| t.var(*var).and_then(|ty| t.fixed_type("the slot", ty)));
            }
            Stmt::Advance(bits) => {
                self.takes_bits(around);
                self.bits("the number of bits", bits, 32);
            }
            Stmt::Verify { cond, error } => {
                self.takes_bits(around);
                self.bits("the condition", cond, 1);
                self.bits("the error", error, 32);
            }
            Stmt::Emit(header) => {
                self.need(around, Need::Control);
                self.whole_bytes(header);
            }
            Stmt::Count { counter, index } => self.count(around, *counter, index.as_ref()),
            Stmt::Meter { meter, index, color } => {
                self.meter(around, *meter, index.as_ref());
                self.var_of("color", *color, Ty::Bits(8));
            }
            Stmt::RegisterRead { register, index, dst } => {
                self.typed(|t| t.fixed("the index", index));
                if self.index(&program.registers, *register) {
                    self.var_of("destination", *dst, Ty::Bits(program.registers[*register].width));
                }
            }
            Stmt::RegisterWrite { register, index, value } => {
                self.typed(|t| t.fixed("the index", index));
                if self.index(&program.registers, *register) {
                    self.bits("the value", value, program.registers[*register].width);
                }
            }
            Stmt::Atomic(block) => self.inner("atomic", around, block),
            Stmt::Hash { algorithm: _, dst, data, payload: _ } => self.typed(|t| {
                t.var(*dst).and_then(|ty| t.fixed_type("the slot", ty));
                for value in data {
                    t.expr(value);
                }
            }),
            Stmt::Random { dst, low, high } => self.typed(|t| {
                let width = t.var(*dst).and_then(|ty| t.fixed_type("the slot", ty));
                for (part, bound) in [("the lower bound", low), ("the upper bound", high)] {
                    let found = t.fixed(part, bound);
                    if let (Some(width), Some(found)) = (width, found) {
                        t.same(part, Ty::Bits(width), Ty::Bits(found));
                    }
                }
            }),
            Stmt::Digest { digest, values } => {
                if self.index(&program.digests, *digest) {
                    let fields = &program.digests[*digest].fields;
                    let what = format_args!("{} members, and {} values", fields.len(), values.len());
                    self.require(fields.len() == values.len(), Rule::Type, what);
                    for ((_, width), value) in fields.iter().zip(values) {
                        self.bits("the value", value, *width);
                    }
                }
            }
            Stmt::Log { format: _, args } => self.typed(|t| {
                for arg in args {
                    t.expr(arg);
                }
            }),
            Stmt::Assert { cond, message: _ } => self.bits("the condition", cond, 1),
            Stmt::Truncate(bytes) => self.bits("the number of bytes", bytes, 32),
            Stmt::Mirror { session, source, preserve } => {
                self.bits("the session", session, 32);
                match source {
                    MirrorSource::Received | MirrorSource::Live => {}
                }
                self.index(&program.preserves, *preserve);
            }
            Stmt::Decide(decision) => self.decision(around, decision),
        }
    }

    fn switch(&mut self, around: Around, on: &Expr, cases: &[(Vec<crate::Bits>, Block)], default: &Block) {
        let width = self.typed(|t| t.fixed("the value", on));
        let mut seen = HashSet::new();
        for (i, (labels, block)) in cases.iter().enumerate() {
            self.within(format_args!("case {i}"), |c| {
                for label in labels {
                    if let Some(width) = width {
                        let what = format_args!("label {label} has to have {width} bits");
                        c.require(label.width() == width, Rule::Type, what);
                    }
                    c.require(
                        seen.insert(label),
                        Rule::SwitchLabel,
                        format_args!("label {label} is there already"),
                    );
                }
            });
            self.inner(format_args!("case {i}"), around, block);
        }
        self.inner("default", around, default);
    }

    fn call(&mut self, around: Around, callee: Callee) {
        let program = self.program;
        let unit = match callee {
            Callee::Action(action) => {
                self.need(around, Need::NoParser("runs an action"));
                self.index(&program.actions, action).then_some(Unit::Action(action))
            }
            Callee::Body(body) => self.index(&program.bodies, body).then_some(Unit::Body(body)),
            Callee::Parser(parser) => {
                self.need(around, Need::NoAction("runs a parser"));
                self.index(&program.parsers, parser).then_some(Unit::Parser(parser))
            }
        };
        if let Some(unit) = unit {
            self.calls.call(around.unit, unit, around.depth);
        }
    }

    fn takes_bits(&mut self, around: Around) {
        self.not_in_copy(around, false, "take bits from the packet");
        self.need(around, Need::Parser);
    }

    fn extract(&mut self, header: &HeaderRef, varbit_bits: Option<&Expr>) {
        if let Some(bits) = varbit_bits {
            self.bits("the length of the varbit", bits, 32);
        }
        if let Some(has_varbit) = self.whole_bytes(header) {
            self.require(
                has_varbit == varbit_bits.is_some(),
                Rule::Type,
                if has_varbit { "the length of the varbit is missing" } else { "the header has no varbit" },
            );
        }
    }

    /// Checks that a header on the wire is made of whole bytes; whether it has a `varbit` field.
    fn whole_bytes(&mut self, header: &HeaderRef) -> Option<bool> {
        let program = self.program;
        let header_type = &program.header_types[self.typed(|t| t.header(header))?];
        let fixed = header_type.fields.iter().map(|field| match field.ty {
            Ty::Bits(width) => u64::from(width),
            Ty::Varbit(_) => 0,
        });
        let fixed: u64 = fixed.sum();
        let what = format_args!("{fixed} bits of `{}` are not whole bytes", header_type.name);
        self.require(fixed.is_multiple_of(8), Rule::WholeBytes, what);
        Some(header_type.varbit_field().is_some())
    }

    fn count(&mut self, around: Around, counter: CounterId, index: Option<&Expr>) {
        let program = self.program;
        if self.index(&program.counters, counter) {
            self.direct_or_indexed(around, program.counters[counter].table, index);
        }
    }

    fn meter(&mut self, around: Around, meter: MeterId, index: Option<&Expr>) {
        let program = self.program;
        if self.index(&program.meters, meter) {
            self.direct_or_indexed(around, program.meters[meter].table, index);
        }
    }

    fn direct_or_indexed(&mut self, around: Around, table: Option<TableId>, index: Option<&Expr>) {
        if let Some(index) = index {
            self.typed(|t| t.fixed("the index", index));
        }
        match (table, index) {
            (Some(_), Some(_)) => self.report(Rule::DirectUse, "it is direct to a table and has no index"),
            (None, None) => self.report(Rule::DirectUse, "it needs an index"),
            (Some(table), None) => self.need(around, Need::Entry(table)),
            (None, Some(_)) => {}
        }
    }

    fn decision(&mut self, around: Around, decision: &Decision) {
        let program = self.program;
        match decision {
            Decision::Enqueue { port, queue } => {
                self.need(around, Need::Ingress);
                self.bits("the port", port, 32);
                self.bits("the queue", queue, 32);
            }
            Decision::Replicate { group, queue } => {
                self.need(around, Need::Ingress);
                self.bits("the group", group, 32);
                self.bits("the queue", queue, 32);
            }
            Decision::Resubmit(preserve) => {
                self.need(around, Need::Ingress);
                self.index(&program.preserves, *preserve);
            }
            Decision::Recirculate(preserve) => {
                self.need(around, Need::Egress);
                self.index(&program.preserves, *preserve);
            }
            Decision::Transmit => self.need(around, Need::Egress),
            Decision::Drop(_) => {}
        }
    }
}
