//! Values and validity along the paths through bodies.
//!
//! Controls, parsers and functions are followed each by itself, knowing nothing of what comes in; actions where they
//! are called or a table may run them. Loops are gone through once to learn what they leave behind, and once to report.

use std::collections::BTreeSet;

use cranelift_entity::SecondaryMap;
use hashbrown::HashSet;

use super::codes::*;
use super::facts::{Fact, Facts};
use super::slots::{Range, Slots};
use super::states::reverse_postorder;
use super::warn;
use crate::arch::Drop;
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::hir::{
    ActionId, Annotation, Arg, BinaryOp, Block, Call, Callee, Direction, Expr, ExprKind, Keyset, KeysetKind,
    LocalDecl, Parser, Program, StateId, Stmt, StmtKind, SwitchLabel, SwitchOn, TableId, Target, Transition,
    Ty, UnaryOp, VariableId, VariableKind,
};
use crate::source::Span;

/// Statements that are followed before the linter gives up: actions are followed once for every table that runs them.
const STEPS_MAX: usize = 1_000_000;

/// Actions that call one another are followed this deep; what lies deeper is too deep to be lowered.
const DEPTH_MAX: usize = 100;

pub(super) fn lint(program: &Program, drop: Option<&Drop>, diagnostics: &mut Diagnostics) {
    let mut flow = Flow {
        program,
        drop,
        diagnostics,
        slots: Slots::new(program),
        around: &[],
        reporting: true,
        reported: HashSet::new(),
        steps: 0,
        returns: Vec::new(),
        loops: Vec::new(),
    };
    for function in program.functions.values() {
        flow.around = &function.decl.annotations;
        let facts = flow.entry(&function.params, &[]);
        let end = flow.callable(&function.body, facts);
        flow.check_outs(&function.params, &end);
    }
    for control in program.controls.values() {
        flow.around = &control.decl.annotations;
        let facts = flow.entry(&control.params, &control.locals);
        let end = flow.callable(&control.body, facts);
        flow.check_outs(&control.params, &end);
    }
    for parser in program.parsers.values() {
        flow.around = &parser.decl.annotations;
        flow.parser(parser);
    }
}

struct Flow<'p, 'd> {
    program: &'p Program,
    drop: Option<&'p Drop>,
    diagnostics: &'d mut Diagnostics,
    slots: Slots<'p>,
    /// Annotations of the declaration that is followed.
    around: &'p [Annotation],
    reporting: bool,
    reported: HashSet<(Code, Span)>,
    steps: usize,
    /// Facts at the `return`s of the callables being followed, innermost last.
    returns: Vec<Facts>,
    /// Facts at the `break`s and `continue`s of the loops being followed.
    loops: Vec<(Facts, Facts)>,
}

impl<'p> Flow<'p, '_> {
    fn report(&mut self, diagnostic: Diagnostic) {
        let at = diagnostic.labels.first().map(|label| label.span).unwrap_or_default();
        if self.reporting && self.steps < STEPS_MAX && self.reported.insert((diagnostic.code, at)) {
            warn(self.diagnostics, &[self.around], diagnostic);
        }
    }

    /// What holds where a callable begins.
    fn entry(&mut self, params: &[VariableId], locals: &'p [LocalDecl]) -> Facts {
        let mut facts = Facts::new();
        self.begin(params, &mut facts);
        for local in locals {
            if let LocalDecl::Variable(variable, value) = local {
                self.declare(*variable, value.as_ref(), &mut facts);
            }
        }
        facts
    }

    fn begin(&mut self, params: &[VariableId], facts: &mut Facts) {
        for &param in params {
            let is_out = self.program.variables[param].kind == VariableKind::Param(Direction::Out);
            if let Some(range) = self.slots.of_variable(param) {
                self.fill(range, !is_out, facts);
            }
        }
    }

    /// Makes slots as of a variable with a value, or of one without.
    fn fill(&self, range: Range, with_value: bool, facts: &mut Facts) {
        if with_value {
            return facts.clear(range.slots());
        }
        for slot in range.slots() {
            let is_header = self.slots.leaf(slot).is_some_and(|leaf| leaf.is_header);
            facts.set(slot, if is_header { Fact::Invalid } else { Fact::Unset });
        }
    }

    fn declare(&mut self, variable: VariableId, value: Option<&'p Expr>, facts: &mut Facts) {
        let range = self.slots.of_variable(variable);
        match value {
            Some(value) => {
                self.read(value, facts);
                if let Some(range) = range {
                    self.assign(range, value, facts);
                }
            }
            None => {
                if let Some(range) = range {
                    self.fill(range, false, facts);
                }
            }
        }
    }

    /// What an assignment leaves behind.
    fn assign(&mut self, to: Range, value: &Expr, facts: &mut Facts) {
        match &value.kind {
            ExprKind::InvalidHeader => self.fill(to, false, facts),
            ExprKind::Aggregate(_) if to.count == 1 => {
                let is_header = self.slots.leaf(to.first).is_some_and(|leaf| leaf.is_header);
                facts.set(to.first, if is_header { Fact::Valid } else { Fact::Fine });
            }
            _ => match self.slots.of_expr(value) {
                Some(from) if from.count == to.count => {
                    let copied: Vec<Fact> = from.slots().map(|slot| facts.get(slot)).collect();
                    to.slots().zip(copied).for_each(|(slot, fact)| facts.set(slot, fact));
                }
                Some(_) | None => self.fill(to, true, facts),
            },
        }
    }

    /// Follows a body to its end, `return`s included.
    fn callable(&mut self, body: &'p Block, facts: Facts) -> Facts {
        self.returns.push(Facts::dead());
        let end = self.block(body, facts);
        let returned = self.returns.pop().unwrap_or_else(Facts::dead);
        end.join(returned)
    }

    fn check_outs(&mut self, params: &[VariableId], end: &Facts) {
        for &param in params {
            let variable = &self.program.variables[param];
            if variable.kind != VariableKind::Param(Direction::Out) || !end.live {
                continue;
            }
            let Some(range) = self.slots.of_variable(param) else { continue };
            let unset = |slot| end.get(slot) == Fact::Unset;
            if range.count > 0 && range.slots().all(unset) {
                let name = &variable.decl.name;
                let message = format!("`{name}` may have no value at the end");
                let diagnostic = Diagnostic::warning(UNINITIALIZED_OUT, variable.decl.span, message)
                    .note("the caller's variable then becomes zero");
                self.report(diagnostic);
            }
        }
    }

    fn parser(&mut self, parser: &'p Parser) {
        let Some(start) = parser.start else { return };
        let entry = self.entry(&parser.params, &parser.locals);
        // States are followed after those that lead to them, as far as there is such an order.
        let order = reverse_postorder(parser, start);
        let mut place: SecondaryMap<StateId, usize> = SecondaryMap::new();
        order.iter().enumerate().for_each(|(at, id)| place[*id] = at);
        let mut known: SecondaryMap<StateId, Option<Facts>> = SecondaryMap::new();
        known[start] = Some(entry);
        let mut todo = BTreeSet::from([place[start]]);
        let mut accepted = Facts::dead();
        self.reporting = false;
        while let Some(at) = todo.pop_first() {
            if self.steps >= STEPS_MAX {
                break;
            }
            let id = order[at];
            let Some(facts) = known[id].clone() else { continue };
            let end = self.state(parser, id, facts);
            for target in parser.states[id].transition.targets() {
                match target {
                    Target::State(next) => {
                        if known[next].get_or_insert_with(Facts::dead).absorb(end.clone()) {
                            todo.insert(place[next]);
                        }
                    }
                    Target::Accept => accepted = accepted.join(end.clone()),
                    Target::Reject => {}
                }
            }
        }
        self.reporting = true;
        for id in parser.states.keys() {
            if let Some(facts) = known[id].clone() {
                self.state(parser, id, facts);
            }
        }
        self.check_outs(&parser.params, &accepted);
    }

    fn state(&mut self, parser: &'p Parser, id: StateId, facts: Facts) -> Facts {
        let state = &parser.states[id];
        let mut facts = self.callable(&state.body, facts);
        if let Transition::Select { on, cases, .. } = &state.transition {
            on.iter().for_each(|e| self.read(e, &mut facts));
            for keyset in cases.iter().flat_map(|case| &case.keys) {
                self.keyset(keyset, &mut facts);
            }
        }
        facts
    }

    fn keyset(&mut self, keyset: &'p Keyset, facts: &mut Facts) {
        match &keyset.kind {
            KeysetKind::Value(value) => self.read(value, facts),
            KeysetKind::Mask(a, b) | KeysetKind::Range(a, b) => {
                self.read(a, facts);
                self.read(b, facts);
            }
            KeysetKind::Any | KeysetKind::ValueSet(_) => {}
        }
    }

    fn block(&mut self, block: &'p Block, mut facts: Facts) -> Facts {
        for stmt in &block.stmts {
            if self.steps >= STEPS_MAX {
                break;
            }
            if !facts.live {
                let message = "nothing leads to this statement";
                let help = "remove it, or what leaves the block before it";
                self.report(Diagnostic::warning(UNREACHABLE_STATEMENT, stmt.span, message).help(help));
                break;
            }
            self.steps += 1;
            facts = self.stmt(stmt, facts);
        }
        facts
    }

    fn stmt(&mut self, stmt: &'p Stmt, mut facts: Facts) -> Facts {
        match &stmt.kind {
            StmtKind::Declare(variable, value) => self.declare(*variable, value.as_ref(), &mut facts),
            StmtKind::Instance(_) => {}
            StmtKind::Assign { target, op, value } => {
                if op.is_some() {
                    self.read(target, &mut facts);
                }
                self.read(value, &mut facts);
                self.write(target, Some(value), &mut facts);
                self.check_drop(target, stmt.span, &mut facts);
            }
            StmtKind::Call(call) => self.read(call, &mut facts),
            StmtKind::Block(block) => return self.block(block, facts),
            StmtKind::If { cond, then, els } => return self.branch(cond, then, els, facts),
            StmtKind::Switch { on, cases, default } => {
                match on {
                    SwitchOn::Action(on) | SwitchOn::Value(on) => self.read(on, &mut facts),
                }
                let mut end = Facts::dead();
                for case in cases {
                    for label in &case.labels {
                        if let SwitchLabel::Value(value) = label {
                            self.read(value, &mut facts);
                        }
                    }
                    end = end.join(self.block(&case.body, facts.clone()));
                }
                return match default {
                    Some(default) => end.join(self.block(default, facts)),
                    None => end.join(facts),
                };
            }
            StmtKind::For { init, cond, update, body } => {
                for stmt in init {
                    facts = self.stmt(stmt, facts);
                }
                return self.repeat(facts, |flow, facts| {
                    let (inside, outside) = flow.cond(cond, facts);
                    let mut end = flow.body(body, inside);
                    for stmt in update {
                        end = flow.stmt(stmt, end);
                    }
                    (end, outside)
                });
            }
            StmtKind::ForRange { variable, low, high, body } => {
                self.read(low, &mut facts);
                self.read(high, &mut facts);
                return self.repeat(facts, |flow, facts| flow.each(*variable, body, facts));
            }
            StmtKind::ForEach { variable, collection, body } => {
                self.read(collection, &mut facts);
                return self.repeat(facts, |flow, facts| flow.each(*variable, body, facts));
            }
            StmtKind::Return(value) => {
                if let Some(value) = value {
                    self.read(value, &mut facts);
                }
                if let Some(returned) = self.returns.last_mut() {
                    *returned = std::mem::replace(returned, Facts::dead()).join(facts);
                }
                return Facts::dead();
            }
            StmtKind::Exit => return Facts::dead(),
            StmtKind::Break => {
                if let Some((broken, _)) = self.loops.last_mut() {
                    *broken = std::mem::replace(broken, Facts::dead()).join(facts);
                }
                return Facts::dead();
            }
            StmtKind::Continue => {
                if let Some((_, continued)) = self.loops.last_mut() {
                    *continued = std::mem::replace(continued, Facts::dead()).join(facts);
                }
                return Facts::dead();
            }
        }
        facts
    }

    /// The body of a loop, up to where the next turn begins.
    fn body(&mut self, body: &'p Block, facts: Facts) -> Facts {
        let end = self.block(body, facts);
        match self.loops.last_mut() {
            Some((_, continued)) => end.join(std::mem::replace(continued, Facts::dead())),
            None => end,
        }
    }

    fn each(&mut self, variable: VariableId, body: &'p Block, facts: Facts) -> (Facts, Facts) {
        let outside = facts.clone();
        let mut inside = facts;
        if let Some(range) = self.slots.of_variable(variable) {
            self.fill(range, true, &mut inside);
        }
        (self.body(body, inside), outside)
    }

    /// A loop: `turn` gives the facts at the end of a turn, and those with which the loop is left.
    fn repeat(&mut self, entry: Facts, mut turn: impl FnMut(&mut Self, Facts) -> (Facts, Facts)) -> Facts {
        let reporting = std::mem::replace(&mut self.reporting, false);
        self.loops.push((Facts::dead(), Facts::dead()));
        let (again, _) = turn(self, entry.clone());
        self.reporting = reporting;
        if let Some(top) = self.loops.last_mut() {
            *top = (Facts::dead(), Facts::dead());
        }
        let (_, outside) = turn(self, entry.join(again));
        let (broken, _) = self.loops.pop().unwrap_or_else(|| (Facts::dead(), Facts::dead()));
        outside.join(broken)
    }

    fn branch(&mut self, cond: &'p Expr, then: &'p Block, els: &'p Block, facts: Facts) -> Facts {
        let before = facts.clone();
        let (if_true, if_false) = self.cond(cond, facts);
        let asked: Vec<usize> =
            validities(cond).iter().filter_map(|header| self.slots.header(header)).collect();
        let then = self.block(then, if_true);
        let els = self.block(els, if_false);
        // To have asked whether a header is valid is no reason to doubt it behind.
        let untouched = |slot: &usize| {
            before.get(*slot) == Fact::Fine
                && then.live
                && els.live
                && matches!(
                    (then.get(*slot), els.get(*slot)),
                    (Fact::Valid | Fact::Fine, Fact::Invalid | Fact::Fine)
                        | (Fact::Invalid | Fact::Fine, Fact::Valid | Fact::Fine)
                )
        };
        let forget: Vec<usize> = asked.into_iter().filter(untouched).collect();
        let mut end = then.join(els);
        forget.into_iter().for_each(|slot| end.set(slot, Fact::Fine));
        end
    }

    /// What holds if a condition is true, and if it is false.
    fn cond(&mut self, cond: &'p Expr, mut facts: Facts) -> (Facts, Facts) {
        match &cond.kind {
            ExprKind::IsValid(header) => {
                let (mut if_true, mut if_false) = (facts.clone(), facts);
                if let Some(slot) = self.slots.header(header) {
                    if_true.set(slot, Fact::Valid);
                    if_false.set(slot, Fact::Invalid);
                }
                (if_true, if_false)
            }
            ExprKind::Unary(UnaryOp::LogicalNot, of) => {
                let (if_true, if_false) = self.cond(of, facts);
                (if_false, if_true)
            }
            ExprKind::Binary(BinaryOp::And, a, b) => {
                let (a_true, a_false) = self.cond(a, facts);
                let (b_true, b_false) = self.cond(b, a_true);
                (b_true, a_false.doubt_less(b_false))
            }
            ExprKind::Binary(BinaryOp::Or, a, b) => {
                let (a_true, a_false) = self.cond(a, facts);
                let (b_true, b_false) = self.cond(b, a_false);
                (a_true.doubt_less(b_true), b_false)
            }
            _ => {
                self.read(cond, &mut facts);
                (facts.clone(), facts)
            }
        }
    }

    /// Evaluates an expression.
    fn read(&mut self, expr: &'p Expr, facts: &mut Facts) {
        match &expr.kind {
            ExprKind::Variable(_) => self.read_slots(expr, facts),
            ExprKind::Field(of, _) => {
                if self.slots.header(of).is_some() {
                    self.check_header(of, expr.span, facts);
                } else if self.slots.of_expr(expr).is_some() {
                    self.read_slots(expr, facts);
                } else {
                    self.read(of, facts);
                }
            }
            ExprKind::Element(of, _)
            | ExprKind::StackNext(of)
            | ExprKind::StackLast(of)
            | ExprKind::StackLastIndex(of)
            | ExprKind::StackNextIndex(of)
            | ExprKind::Slice { of, .. }
            | ExprKind::Cast(of) => self.read(of, facts),
            ExprKind::Unary(UnaryOp::LogicalNot, _)
            | ExprKind::Binary(BinaryOp::And | BinaryOp::Or, _, _)
            | ExprKind::IsValid(_) => {
                let (a, b) = self.cond(expr, facts.clone());
                *facts = a.doubt_less(b);
            }
            ExprKind::Unary(_, of) => self.read(of, facts),
            ExprKind::Binary(op, a, b) => {
                self.read(a, facts);
                self.read(b, facts);
                self.check_comparison(*op, a, b);
            }
            ExprKind::Index(a, b) | ExprKind::PlusSlice { of: a, low: b, .. } => {
                self.read(a, facts);
                self.read(b, facts);
            }
            ExprKind::Conditional(cond, a, b) => {
                let (mut if_true, mut if_false) = self.cond(cond, facts.clone());
                self.read(a, &mut if_true);
                self.read(b, &mut if_false);
                *facts = if_true.doubt_less(if_false);
            }
            ExprKind::Aggregate(parts) => parts.iter().for_each(|part| self.read(part, facts)),
            ExprKind::Call(call) => self.call(call, facts),
            ExprKind::ApplyHit(table) | ExprKind::ApplyMiss(table) | ExprKind::ApplyActionRun(table) => {
                self.table(*table, facts);
            }
            ExprKind::Bool(_)
            | ExprKind::Int(_)
            | ExprKind::String(_)
            | ExprKind::Error(_)
            | ExprKind::EnumMember(..)
            | ExprKind::Instance(_)
            | ExprKind::InvalidHeader
            | ExprKind::Default
            | ExprKind::SizeOf(..) => {}
        }
    }

    fn read_slots(&mut self, expr: &Expr, facts: &mut Facts) {
        let Some(range) = self.slots.of_expr(expr) else { return };
        let unset = |slot| facts.get(slot) == Fact::Unset;
        if range.count == 0 || !range.slots().all(unset) {
            return;
        }
        let Some(leaf) = self.slots.leaf(range.first).cloned() else { return };
        let declared = &self.program.variables[leaf.variable];
        let name = if range.count == 1 { leaf.name } else { declared.decl.name.to_string() };
        let diagnostic = Diagnostic::warning(
            UNINITIALIZED_USE,
            expr.span,
            format!("`{name}` may be read before anything is written to it"),
        )
        .label(declared.decl.span, "declared here without a value")
        .note("it is then zero");
        self.report(diagnostic);
        self.fill(range, true, facts);
    }

    fn check_header(&mut self, header: &Expr, at: Span, facts: &mut Facts) {
        let Some(slot) = self.slots.header(header) else { return };
        let how = match facts.get(slot) {
            Fact::Invalid => "is not valid here",
            Fact::Doubtful => "may not be valid here",
            Fact::Fine | Fact::Unset | Fact::Valid => return,
        };
        let Some(leaf) = self.slots.leaf(slot) else { return };
        let name = leaf.name.clone();
        let diagnostic = Diagnostic::warning(INVALID_HEADER, at, format!("`{name}` {how}"))
            .note("reading its fields gives zero, and writing to them does nothing")
            .help(format!("ask first: `if ({name}.isValid()) {{ ... }}`"));
        self.report(diagnostic);
        facts.set(slot, Fact::Fine);
    }

    /// Writes to an l-value.
    fn write(&mut self, target: &'p Expr, value: Option<&'p Expr>, facts: &mut Facts) {
        if let Some(range) = self.slots.of_expr(target) {
            match value {
                Some(value) => self.assign(range, value, facts),
                None => self.fill(range, true, facts),
            }
            return;
        }
        match &target.kind {
            ExprKind::Field(of, _) => {
                if self.slots.header(of).is_some() {
                    self.check_header(of, target.span, facts);
                } else {
                    self.write(of, None, facts);
                }
            }
            // A part is written: what the rest holds is not followed.
            ExprKind::Slice { of, .. } | ExprKind::Element(of, _) => self.write(of, None, facts),
            ExprKind::PlusSlice { of, low, .. } | ExprKind::Index(of, low) => {
                self.read(low, facts);
                self.write(of, None, facts);
            }
            ExprKind::Aggregate(parts) => parts.iter().for_each(|part| self.write(part, None, facts)),
            _ => {}
        }
    }

    fn call(&mut self, call: &'p Call, facts: &mut Facts) {
        for arg in &call.args {
            let Some(expr) = &arg.expr else { continue };
            match arg.direction {
                Direction::Out => {}
                Direction::None | Direction::In | Direction::InOut => self.read(expr, facts),
            }
        }
        match &call.callee {
            Callee::Action(action) => *facts = self.action(*action, facts.clone()),
            Callee::Table(table) => self.table(*table, facts),
            Callee::SetValid(header) => self.set_header(header, Fact::Valid, facts),
            Callee::SetInvalid(header) => self.set_header(header, Fact::Invalid, facts),
            Callee::ExternFunction(function, _) => {
                let name = &self.program.extern_functions[*function].decl.name;
                if self.drop.is_some_and(|drop| drop.function == &**name) {
                    facts.dropped = true;
                }
            }
            Callee::Function(..)
            | Callee::Method { .. }
            | Callee::Apply(_)
            | Callee::PushFront(..)
            | Callee::PopFront(..) => {}
        }
        for Arg { expr, direction, .. } in &call.args {
            if let (Some(expr), Direction::Out | Direction::InOut) = (expr, direction) {
                self.write(expr, None, facts);
                // What a method of the packet takes out of it is there.
                if let (Callee::Method { .. }, Direction::Out, Some(slot)) =
                    (&call.callee, direction, self.slots.header(expr))
                {
                    facts.set(slot, Fact::Valid);
                }
            }
        }
    }

    fn set_header(&mut self, header: &'p Expr, fact: Fact, facts: &mut Facts) {
        match self.slots.header(header) {
            Some(slot) => facts.set(slot, fact),
            None => self.write(header, None, facts),
        }
    }

    fn action(&mut self, action: ActionId, mut facts: Facts) -> Facts {
        if self.returns.len() >= DEPTH_MAX {
            self.steps = STEPS_MAX;
            return facts;
        }
        let action = &self.program.actions[action];
        let mark = self.slots.mark();
        self.begin(&action.params, &mut facts);
        let around = std::mem::replace(&mut self.around, &action.decl.annotations);
        let loops = std::mem::take(&mut self.loops);
        let mut end = self.callable(&action.body, facts);
        self.loops = loops;
        self.around = around;
        // Without this a control's actions would carry each other's variables along.
        self.slots.forget(mark);
        end.truncate(mark.leaves);
        end
    }

    /// Any of a table's actions may run.
    fn table(&mut self, table: TableId, facts: &mut Facts) {
        let table = &self.program.tables[table];
        table.keys.iter().for_each(|key| self.read(&key.expr, facts));
        let mut end = Facts::dead();
        for used in &table.actions {
            let mut before = facts.clone();
            for arg in &used.args {
                if let (Some(expr), Direction::In | Direction::InOut) = (&arg.expr, arg.direction) {
                    self.read(expr, &mut before);
                }
            }
            let mut after = self.action(used.action, before);
            for arg in &used.args {
                if let (Some(expr), Direction::Out | Direction::InOut) = (&arg.expr, arg.direction) {
                    self.write(expr, None, &mut after);
                }
            }
            end = end.join(after);
        }
        *facts = if table.actions.is_empty() { facts.clone() } else { end };
    }

    fn check_drop(&mut self, target: &Expr, at: Span, facts: &mut Facts) {
        let Some(drop) = self.drop.filter(|_| facts.dropped) else { return };
        let ExprKind::Field(of, index) = &target.kind else { return };
        let Ty::Composite(id, _) = &of.ty else { return };
        let composite = &self.program.types.composites[*id];
        let field = composite.fields.get(*index).map_or("", |field| &field.decl.name);
        if &*composite.decl.name == drop.metadata && field == drop.field {
            let message = format!("writing `{field}` takes back the `{}` before it", drop.function);
            let help = format!("call `{}` last, or leave with `return` or `exit` behind it", drop.function);
            self.report(Diagnostic::warning(DROP_OVERWRITTEN, at, message).help(help));
        }
        facts.dropped = false;
    }

    fn check_comparison(&mut self, op: BinaryOp, a: &Expr, b: &Expr) {
        if !matches!(
            op,
            BinaryOp::Eq | BinaryOp::Ne | BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge
        ) {
            return;
        }
        for side in [a, b] {
            let ExprKind::Cast(of) = &side.kind else { continue };
            if let (Some(to), Some(from)) = (width(&side.ty), width(&of.ty))
                && to < from
                && to > 1
            {
                let message = format!("only {to} of {from} bits are compared");
                let diagnostic = Diagnostic::warning(TRUNCATED_COMPARISON, side.span, message)
                    .help(format!("compare {from} bits, or say that only these count: `x[{}:0]`", to - 1));
                self.report(diagnostic);
            }
        }
    }
}

fn width(ty: &Ty) -> Option<u32> {
    match ty {
        Ty::Bit(width) | Ty::Int(width) => Some(*width),
        _ => None,
    }
}

/// The headers that a condition asks after.
fn validities(cond: &Expr) -> Vec<&Expr> {
    match &cond.kind {
        ExprKind::IsValid(header) => vec![header],
        ExprKind::Unary(_, of) => validities(of),
        ExprKind::Binary(BinaryOp::And | BinaryOp::Or, a, b) => {
            let mut headers = validities(a);
            headers.append(&mut validities(b));
            headers
        }
        _ => Vec::new(),
    }
}
