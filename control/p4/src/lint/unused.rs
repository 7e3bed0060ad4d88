//! Tables, actions, states and variables that nothing leads to.

use cranelift_entity::EntitySet;
use hashbrown::HashSet;

use super::codes::{UNREACHABLE_STATE, UNUSED};
use super::states::reverse_postorder;
use super::warn;
use crate::diag::{Diagnostic, Diagnostics};
use crate::hir::{
    ActionId, Arg, Block, Call, Callee, Control, Decl, Expr, ExprKind, InstanceId, Keyset, KeysetKind,
    LocalDecl, Parser, Program, StateId, Stmt, StmtKind, SwitchLabel, SwitchOn, TableId, Transition,
    VariableId,
};
use crate::source::Span;

pub(super) fn lint(program: &Program, diagnostics: &mut Diagnostics) {
    let mut uses = Uses::new(program);
    program.functions.values().for_each(|function| uses.block(&function.body));
    for action in program.actions.values() {
        uses.block(&action.body);
    }
    for instance in program.instances.values() {
        instance.args.iter().flatten().for_each(|arg| uses.expr(arg));
    }
    program.parsers.values().for_each(|parser| uses.parser(parser));
    program.controls.values().for_each(|control| uses.control(control));

    for control in program.controls.values() {
        for &table in &control.tables {
            let decl = &program.tables[table].decl;
            if !uses.tables.contains(&table) {
                unused(diagnostics, control, decl, &format!("the table `{}` is never applied", decl.name));
            }
        }
        for &action in &control.actions {
            let decl = &program.actions[action].decl;
            if !uses.actions.contains(&action) {
                let message = format!("no table lists the action `{}` and nothing calls it", decl.name);
                unused(diagnostics, control, decl, &message);
            }
        }
    }
    for (id, variable) in &program.variables {
        if variable.kind == crate::hir::VariableKind::Local
            && !uses.variables.contains(&id)
            && declared(&variable.decl)
        {
            let message = format!("nothing reads or writes `{}`", variable.decl.name);
            warn(
                diagnostics,
                &[&variable.decl.annotations],
                Diagnostic::warning(UNUSED, variable.decl.span, message),
            );
        }
    }
    program.parsers.values().for_each(|parser| states(parser, diagnostics));
}

/// Whether it stands in the source, and was not made by the compiler.
fn declared(decl: &Decl) -> bool {
    !decl.span.is_nowhere() && !decl.name.starts_with('_')
}

fn unused(diagnostics: &mut Diagnostics, control: &Control, decl: &Decl, message: &str) {
    if declared(decl) {
        let around = [control.decl.annotations.as_slice(), decl.annotations.as_slice()];
        warn(diagnostics, &around, Diagnostic::warning(UNUSED, decl.span, message));
    }
}

/// States that no transition leads to.
fn states(parser: &Parser, diagnostics: &mut Diagnostics) {
    let Some(start) = parser.start else { return };
    let mut reached = EntitySet::<StateId>::new();
    for state in reverse_postorder(parser, start) {
        reached.insert(state);
    }
    for (id, state) in &parser.states {
        if !reached.contains(id) && declared(&state.decl) {
            let message = format!("no transition leads from `start` to the state `{}`", state.decl.name);
            let around = [parser.decl.annotations.as_slice(), state.decl.annotations.as_slice()];
            warn(diagnostics, &around, Diagnostic::warning(UNREACHABLE_STATE, state.decl.span, message));
        }
    }
}

/// What is mentioned somewhere.
pub(super) struct Uses<'p> {
    program: &'p Program,
    tables: HashSet<TableId>,
    actions: HashSet<ActionId>,
    variables: HashSet<VariableId>,
    /// Extern objects whose methods are called, and where.
    pub(super) objects: Vec<(InstanceId, Span)>,
}

impl<'p> Uses<'p> {
    pub(super) fn new(program: &'p Program) -> Uses<'p> {
        Uses {
            program,
            tables: HashSet::new(),
            actions: HashSet::new(),
            variables: HashSet::new(),
            objects: Vec::new(),
        }
    }

    fn parser(&mut self, parser: &Parser) {
        self.locals(&parser.locals);
        for state in parser.states.values() {
            self.block(&state.body);
            if let Transition::Select { on, cases, .. } = &state.transition {
                on.iter().for_each(|e| self.expr(e));
                cases.iter().flat_map(|case| &case.keys).for_each(|keyset| self.keyset(keyset));
            }
        }
    }

    fn control(&mut self, control: &Control) {
        self.locals(&control.locals);
        self.block(&control.body);
        let program = self.program;
        for table in control.tables.iter().map(|&table| &program.tables[table]) {
            table.keys.iter().for_each(|key| self.expr(&key.expr));
            for action in &table.actions {
                self.actions.insert(action.action);
                self.args(&action.args);
            }
            table.properties.iter().for_each(|property| self.expr(&property.value));
        }
    }

    fn locals(&mut self, locals: &[LocalDecl]) {
        for local in locals {
            if let LocalDecl::Variable(_, Some(value)) = local {
                self.expr(value);
            }
        }
    }

    fn keyset(&mut self, keyset: &Keyset) {
        match &keyset.kind {
            KeysetKind::Value(value) => self.expr(value),
            KeysetKind::Mask(a, b) | KeysetKind::Range(a, b) => {
                self.expr(a);
                self.expr(b);
            }
            KeysetKind::Any | KeysetKind::ValueSet(_) => {}
        }
    }

    pub(super) fn block(&mut self, block: &Block) {
        block.stmts.iter().for_each(|stmt| self.stmt(stmt));
    }

    fn stmt(&mut self, stmt: &Stmt) {
        match &stmt.kind {
            StmtKind::Declare(_, value) => value.iter().for_each(|value| self.expr(value)),
            StmtKind::Assign { target, value, .. } => {
                self.expr(target);
                self.expr(value);
            }
            StmtKind::Call(call) => self.expr(call),
            StmtKind::Block(block) => self.block(block),
            StmtKind::If { cond, then, els } => {
                self.expr(cond);
                self.block(then);
                self.block(els);
            }
            StmtKind::Switch { on, cases, default } => {
                match on {
                    SwitchOn::Action(on) | SwitchOn::Value(on) => self.expr(on),
                }
                for case in cases {
                    for label in &case.labels {
                        if let SwitchLabel::Value(value) = label {
                            self.expr(value);
                        }
                    }
                    self.block(&case.body);
                }
                default.iter().for_each(|block| self.block(block));
            }
            StmtKind::For { init, cond, update, body } => {
                init.iter().chain(update).for_each(|stmt| self.stmt(stmt));
                self.expr(cond);
                self.block(body);
            }
            // A loop's variable may be there for the number of turns alone.
            StmtKind::ForRange { variable, low, high, body } => {
                self.variables.insert(*variable);
                self.expr(low);
                self.expr(high);
                self.block(body);
            }
            StmtKind::ForEach { variable, collection, body } => {
                self.variables.insert(*variable);
                self.expr(collection);
                self.block(body);
            }
            StmtKind::Return(value) => value.iter().for_each(|value| self.expr(value)),
            StmtKind::Instance(_) | StmtKind::Exit | StmtKind::Break | StmtKind::Continue => {}
        }
    }

    fn args(&mut self, args: &[Arg]) {
        args.iter().filter_map(|arg| arg.expr.as_ref()).for_each(|expr| self.expr(expr));
    }

    fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Variable(variable) => {
                self.variables.insert(*variable);
            }
            ExprKind::Field(of, _)
            | ExprKind::Element(of, _)
            | ExprKind::StackNext(of)
            | ExprKind::StackLast(of)
            | ExprKind::StackLastIndex(of)
            | ExprKind::StackNextIndex(of)
            | ExprKind::Slice { of, .. }
            | ExprKind::Unary(_, of)
            | ExprKind::Cast(of)
            | ExprKind::IsValid(of) => self.expr(of),
            ExprKind::Index(a, b) | ExprKind::Binary(_, a, b) | ExprKind::PlusSlice { of: a, low: b, .. } => {
                self.expr(a);
                self.expr(b);
            }
            ExprKind::Conditional(a, b, c) => [a, b, c].into_iter().for_each(|e| self.expr(e)),
            ExprKind::Aggregate(parts) => parts.iter().for_each(|part| self.expr(part)),
            ExprKind::Call(call) => self.call(call),
            ExprKind::ApplyHit(table) | ExprKind::ApplyMiss(table) | ExprKind::ApplyActionRun(table) => {
                self.tables.insert(*table);
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

    fn call(&mut self, call: &Call) {
        self.args(&call.args);
        match &call.callee {
            Callee::Action(action) => {
                self.actions.insert(*action);
            }
            Callee::Table(table) => {
                self.tables.insert(*table);
            }
            Callee::Method { receiver, .. } => {
                if let ExprKind::Instance(object) = &receiver.kind {
                    self.objects.push((*object, receiver.span));
                }
                self.expr(receiver);
            }
            Callee::Apply(on)
            | Callee::SetValid(on)
            | Callee::SetInvalid(on)
            | Callee::PushFront(on, _)
            | Callee::PopFront(on, _) => self.expr(on),
            Callee::Function(..) | Callee::ExternFunction(..) => {}
        }
    }
}
