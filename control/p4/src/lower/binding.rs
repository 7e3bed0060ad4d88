//! Which parameters stand for their arguments' own slots, and which get copies.
//!
//! Invariant: nobody can tell the two apart. A parameter is bound to its argument only if nothing else that overlaps it is
//! written during the call by another way.

use std::ops::ControlFlow;

use hashbrown::{HashMap, HashSet};

use super::call::{Actual, BindKey, SPECIALISATIONS_MAX, Target};
use super::hazard::Slots;
use super::{ActId, BaseId, BaseKey, Binding, InstKind, LValue, Lower, Lowerer, mention};
use crate::hir::{self, ActionId, Arg, Block, Direction, Expr, ExprKind, VariableId};
use crate::source::Span;

impl Lowerer<'_> {
    /// How each parameter is bound.
    pub(super) fn plan(
        &mut self,
        target: &Target,
        base: BaseId,
        args: &[Arg],
        actuals: &[Actual],
        span: Span,
    ) -> Lower<Vec<BindKey>> {
        let own_only = |actuals: &[Actual]| -> Vec<BindKey> {
            actuals
                .iter()
                .map(|a| match a {
                    Actual::Const(value) => BindKey::Const(value.clone()),
                    Actual::In(..) | Actual::Ref(_) | Actual::Saved(..) | Actual::Absent => BindKey::Own,
                })
                .collect()
        };
        let single = match target {
            Target::Control(inst, _) => self.inst_has_tables(*inst),
            // What it reads of what is around it could be an argument too.
            Target::Method(..) => return Ok(own_only(actuals)),
            Target::Function(..) | Target::Action(..) | Target::Parser(..) => false,
        };
        if single && !self.is_applied_alike(base) {
            return Ok(own_only(actuals));
        }
        if let Target::Control(inst, _) | Target::Parser(inst, _) = target
            && self.runs_methods_of_owners(*inst)
        {
            return Ok(own_only(actuals));
        }
        let mut keys: Vec<BindKey> = actuals
            .iter()
            .map(|a| match a {
                Actual::Const(value) => BindKey::Const(value.clone()),
                Actual::In(_, Some(location)) => BindKey::Bound(location.clone()),
                Actual::Ref(LValue::Whole(location)) => BindKey::Bound(location.clone()),
                Actual::In(_, None) | Actual::Ref(_) | Actual::Saved(..) | Actual::Absent => BindKey::Own,
            })
            .collect();
        // What each argument touches; none for compile-time values.
        let slots: Vec<Option<Slots>> = actuals
            .iter()
            .map(|a| {
                let mut slots = Slots::default();
                match a {
                    Actual::In(_, Some(location)) => slots.add_written(location, &self.ir),
                    Actual::Ref(lvalue) | Actual::Saved(lvalue, _) => slots.add_lvalue(lvalue, &self.ir),
                    Actual::In(_, None) | Actual::Const(_) | Actual::Absent => return None,
                }
                Some(slots)
            })
            .collect();
        let is_written = |i: usize| matches!(args[i].direction, Direction::Out | Direction::InOut);
        let order = hir::evaluation_order(args);
        for (at, &j) in order.iter().enumerate() {
            for &i in &order[..at] {
                let (Some(a), Some(b)) = (&slots[i], &slots[j]) else { continue };
                if !(is_written(i) || is_written(j)) || !a.overlaps(b) {
                    continue;
                }
                // The copy of the later one goes out last. One that is only read keeps the value it had.
                let copied = if is_written(j) && !is_written(i) { i } else { j };
                if let BindKey::Bound(_) = keys[copied] {
                    keys[copied] = BindKey::Own;
                }
            }
        }
        if let Target::Action(Some(parent), id) = target {
            let reached = self.reached_by_action(*parent, *id)?;
            for (key, slots) in keys.iter_mut().zip(&slots) {
                if let (BindKey::Bound(_), Some(slots)) = (&*key, slots)
                    && slots.overlaps(&reached)
                {
                    *key = BindKey::Own;
                }
            }
        }
        let specs = self.specialisations.get(&base).map_or(&[][..], |s| s.as_slice());
        if single {
            if let Some(spec) = specs.first()
                && spec.keys != keys
            {
                return self.unsupported(span, "applying a control with tables to changing arguments");
            }
            return Ok(keys);
        }
        if specs.len() >= SPECIALISATIONS_MAX && !specs.iter().any(|s| s.keys == keys) {
            return Ok(own_only(actuals));
        }
        Ok(keys)
    }

    /// Whether a control is applied in one place only, or everywhere to the same variables, so that its parameters
    /// can stand for these.
    fn is_applied_alike(&mut self, base: BaseId) -> bool {
        let BaseKey::Inst(inst) = self.bases[base] else { return false };
        let inst = &self.insts[inst];
        let (hir_inst, parent) = (inst.hir, inst.parent);
        let Some(parent) = parent.filter(|p| Some(*p) == self.current_inst()) else { return false };
        let InstKind::Control(control) = self.insts[parent].kind else { return false };
        let body = &self.hir.controls[control].body;
        let alike = self.applied_alike.entry(control).or_insert_with(|| applied_alike(body));
        alike.get(&hir_inst).copied().unwrap_or(false)
    }

    /// What an action can read or write besides its parameters.
    fn reached_by_action(&mut self, parent: ActId, action: ActionId) -> Lower<Slots> {
        let variables = self.action_mentions(action);
        let mut slots = Slots::default();
        self.in_act(parent, |l| {
            for variable in variables {
                if let Some(Binding::Place(location)) = l.binding(variable).cloned() {
                    slots.add_written(&location, &l.ir);
                }
            }
            Ok(())
        })?;
        Ok(slots)
    }

    /// All variables that an action mentions, or another action that it calls.
    fn action_mentions(&mut self, action: ActionId) -> HashSet<VariableId> {
        if let Some(known) = self.mentions.get(&action) {
            return known.clone();
        }
        // Against recursion, which is reported elsewhere.
        self.mentions.insert(action, HashSet::new());
        let mut variables = HashSet::new();
        let mut called = Vec::new();
        let mut bodies = vec![&self.hir.actions[action].body];
        let mut methods = HashSet::new();
        while let Some(body) = bodies.pop() {
            let _ = mention::in_block(body, &mut |e| {
                match &e.kind {
                    ExprKind::Variable(variable) => {
                        variables.insert(*variable);
                    }
                    ExprKind::Call(call) => {
                        if let hir::Callee::Action(id) = call.callee {
                            called.push(id);
                        }
                    }
                    // Its methods may run, which use what is around them too.
                    ExprKind::Instance(instance) => {
                        let implemented = self.hir.instances[*instance].methods.iter();
                        let unseen = implemented.filter(|(_, function)| methods.insert(*function));
                        bodies.extend(unseen.map(|(_, function)| &self.hir.functions[*function].body));
                    }
                    _ => {}
                }
                ControlFlow::Continue(())
            });
        }
        for id in called {
            variables.extend(self.action_mentions(id));
        }
        self.mentions.insert(action, variables.clone());
        variables
    }
}

/// The instances that a block applies, and whether all applications of each have the same arguments.
fn applied_alike(block: &Block) -> HashMap<hir::InstanceId, bool> {
    let mut sites: HashMap<hir::InstanceId, (&[Arg], bool)> = HashMap::new();
    collect_sites(block, &mut |inst, args| match sites.get_mut(&inst) {
        Some((first, alike)) => {
            let same = args.iter().zip(first.iter()).all(|(a, b)| same_path(a, b));
            *alike &= args.len() == first.len() && same;
        }
        None => drop(sites.insert(inst, (args, true))),
    });
    sites.into_iter().map(|(inst, (_, alike))| (inst, alike)).collect()
}

/// Shows all applications of instances in a block.
fn collect_sites<'b>(block: &'b Block, visit: &mut dyn FnMut(hir::InstanceId, &'b [Arg])) {
    fn stmts<'b>(list: &'b [hir::Stmt], visit: &mut dyn FnMut(hir::InstanceId, &'b [Arg])) {
        for stmt in list {
            match &stmt.kind {
                hir::StmtKind::Call(Expr { kind: ExprKind::Call(call), .. }) => {
                    if let hir::Callee::Apply(Expr { kind: ExprKind::Instance(id), .. }) = &call.callee {
                        visit(*id, &call.args);
                    }
                }
                hir::StmtKind::Block(b) => stmts(&b.stmts, visit),
                hir::StmtKind::If { then, els, .. } => {
                    stmts(&then.stmts, visit);
                    stmts(&els.stmts, visit);
                }
                hir::StmtKind::Switch { cases, default, .. } => {
                    cases.iter().for_each(|c| stmts(&c.body.stmts, visit));
                    default.iter().for_each(|b| stmts(&b.stmts, visit));
                }
                hir::StmtKind::For { init, update, body, .. } => {
                    stmts(init, visit);
                    stmts(update, visit);
                    stmts(&body.stmts, visit);
                }
                hir::StmtKind::ForRange { body, .. } | hir::StmtKind::ForEach { body, .. } => {
                    stmts(&body.stmts, visit);
                }
                hir::StmtKind::Call(_)
                | hir::StmtKind::Declare(..)
                | hir::StmtKind::Instance(_)
                | hir::StmtKind::Assign { .. }
                | hir::StmtKind::Return(_)
                | hir::StmtKind::Exit
                | hir::StmtKind::Break
                | hir::StmtKind::Continue => {}
            }
        }
    }
    stmts(&block.stmts, visit);
}

/// Whether two arguments denote the same variable or field whatever happens, or the same compile-time object.
fn same_path(a: &Arg, b: &Arg) -> bool {
    fn same(a: &Expr, b: &Expr) -> bool {
        match (&a.kind, &b.kind) {
            (ExprKind::Variable(a), ExprKind::Variable(b)) => a == b,
            (ExprKind::Field(a, i), ExprKind::Field(b, j))
            | (ExprKind::Element(a, i), ExprKind::Element(b, j)) => i == j && same(a, b),
            _ => false,
        }
    }
    match (&a.expr, &b.expr) {
        (Some(a), Some(b)) => same(a, b),
        (None, None) => true,
        _ => false,
    }
}
