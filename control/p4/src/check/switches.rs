//! `switch`, on the action that a table ran or on a value (section on the switch statement).

use hashbrown::HashMap;

use super::codes::*;
use super::constants::{Literal, literal};
use super::conversion::Wanted;
use super::statements::Flow;
use super::{Checker, Place};
use crate::diag::Diagnostic;
use crate::hir::{Block, Callee, Expr, ExprKind, StmtKind, SwitchCase, SwitchLabel, SwitchOn, TableId, Ty};
use crate::source::Span;
use crate::syntax::ast;

impl Checker<'_> {
    /// A `switch`; nothing of it is left if what it is on is in error.
    pub(super) fn switch(
        &mut self,
        on: &ast::Expr,
        cases: &[ast::SwitchCase],
        span: Span,
    ) -> (Option<StmtKind>, Flow) {
        let on = match self.action_run(on) {
            Some(on) => on,
            None => SwitchOn::Value(self.switch_value(on)),
        };
        let mut checked: Vec<SwitchCase> = Vec::new();
        let mut labels: Vec<SwitchLabel> = Vec::new();
        let mut default: Option<(Option<Block>, Span)> = None;
        let mut pending_default = false;
        let mut seen: HashMap<LabelKey, Span> = HashMap::new();
        // Without `default`, some value may match no case.
        let mut flow = Flow::Ends;
        for case in cases {
            if let Some((_, previous)) = &default {
                let previous = *previous;
                let message = match case.label {
                    Some(_) => "no label can stand behind `default`",
                    None => "`default` is there twice",
                };
                self.emit(
                    Diagnostic::error(SWITCH_LABEL, case.span, message).label(previous, "`default` is here"),
                );
            }
            match &case.label {
                None => {
                    pending_default = true;
                    if default.is_none() {
                        default = Some((None, case.span));
                    }
                }
                Some(label) => {
                    let label = match &on {
                        SwitchOn::Action(expr) => self.action_label(expr, label),
                        SwitchOn::Value(value) => self.value_label(value, label),
                    };
                    if let Some(label) = label {
                        if let Some(key) = LabelKey::of(&label)
                            && let Some(previous) = seen.insert(key, case.span)
                        {
                            self.emit(
                                Diagnostic::error(SWITCH_LABEL, case.span, "this label is there twice")
                                    .label(previous, "first here"),
                            );
                        }
                        labels.push(label);
                    }
                }
            }
            if let Some(body) = &case.body {
                let (body, ends) = self.block(body);
                flow = flow.or(ends);
                if pending_default {
                    if !labels.is_empty() {
                        checked.push(SwitchCase { labels: std::mem::take(&mut labels), body: body.clone() });
                    }
                    if let Some((slot @ None, _)) = &mut default {
                        *slot = Some(body);
                    }
                    pending_default = false;
                } else {
                    checked.push(SwitchCase { labels: std::mem::take(&mut labels), body });
                }
            }
        }
        // Labels at the end without a block have an empty one.
        if !labels.is_empty() || pending_default {
            flow = Flow::Continues;
        }
        if !labels.is_empty() {
            checked.push(SwitchCase { labels, body: Block::default() });
        }
        let has_default = default.is_some();
        let default = default.map(|(body, _)| body.unwrap_or_default());
        if !has_default && !self.covers_all_actions(&on, &checked) {
            flow = Flow::Continues;
        }
        let failed = matches!(&on, SwitchOn::Value(value) if value.ty == Ty::Unknown);
        let _ = span;
        ((!failed).then_some(StmtKind::Switch { on, cases: checked, default }), flow)
    }

    /// Whether the labels name all actions of a table, so that one case always runs.
    fn covers_all_actions(&self, on: &SwitchOn, cases: &[SwitchCase]) -> bool {
        let SwitchOn::Action(Expr { kind: ExprKind::ApplyActionRun(table), .. }) = on else { return false };
        let count = cases
            .iter()
            .flat_map(|case| &case.labels)
            .filter(|label| matches!(label, SwitchLabel::Action(_)))
            .count();
        count >= self.program.tables[*table].actions.len()
    }

    /// `t.apply().action_run`, if that is what the switch is on.
    fn action_run(&mut self, on: &ast::Expr) -> Option<SwitchOn> {
        let span = on.span;
        let mut on = on;
        while let ast::ExprKind::Paren(inner) = &on.kind {
            on = inner;
        }
        let ast::ExprKind::Member(of, name) = &on.kind else { return None };
        if &*name.name != "action_run" || !matches!(of.kind, ast::ExprKind::Call { .. }) {
            return None;
        }
        let applied = self.expr(of);
        let table = match &applied.kind {
            ExprKind::Call(call) => match call.callee {
                Callee::Table(table) => table,
                _ => return None,
            },
            _ if applied.ty == Ty::Unknown => return Some(SwitchOn::Value(applied)),
            _ => return None,
        };
        if !matches!(self.around.place, Place::ControlApply) {
            // What applies the table here has been reported already.
            return Some(SwitchOn::Value(self.broken(span)));
        }
        Some(SwitchOn::Action(Expr {
            kind: ExprKind::ApplyActionRun(table),
            ty: Ty::ApplyResult(table),
            span,
        }))
    }

    fn switch_value(&mut self, on: &ast::Expr) -> Expr {
        let value = self.value(on);
        let fits = matches!(value.ty, Ty::Bit(_) | Ty::Int(_) | Ty::Enum(_) | Ty::Error | Ty::Unknown);
        if fits {
            return value;
        }
        let shown = self.show(&value.ty);
        let mut diagnostic = Diagnostic::error(
            UNDEFINED_OPERATION,
            value.span,
            format!("a `switch` is on bits, an enum, an error or the action of a table, not on `{shown}`"),
        );
        diagnostic = match value.ty {
            Ty::Bool => diagnostic.help("use `if`"),
            Ty::ApplyResult(_) => diagnostic.help("the action is `t.apply().action_run`"),
            _ => diagnostic,
        };
        self.emit(diagnostic);
        self.broken(value.span)
    }

    fn action_label(&mut self, on: &Expr, label: &ast::Expr) -> Option<SwitchLabel> {
        let ExprKind::ApplyActionRun(table) = on.kind else { return None };
        let (dotted, name) = match &label.kind {
            ast::ExprKind::Name { dotted, name } => (*dotted, name),
            _ => {
                self.error(
                    SWITCH_LABEL,
                    label.span,
                    "the labels of a `switch` on `action_run` are names of actions",
                );
                return None;
            }
        };
        let found = self.action_position(table, dotted, name);
        if found.is_none() {
            let (table_name, declared) =
                (self.program.tables[table].decl.name.clone(), self.program.tables[table].decl.span);
            let names: Vec<String> = self.program.tables[table]
                .actions
                .iter()
                .map(|action| format!("`{}`", self.program.actions[action.action].decl.name))
                .collect();
            self.emit(
                Diagnostic::error(
                    SWITCH_LABEL,
                    label.span,
                    format!("`{}` is not an action of the table `{table_name}`", name.name),
                )
                .label(declared, "the table")
                .help(format!("its actions are {}", names.join(", "))),
            );
        }
        found.map(SwitchLabel::Action)
    }

    fn action_position(&mut self, table: TableId, dotted: bool, name: &ast::Ident) -> Option<usize> {
        let found = if dotted { self.scopes.find_top(&name.name) } else { self.scopes.find(&name.name) };
        let super::scopes::Entity::Action(action) = found?.entity else { return None };
        self.program.tables[table].actions.iter().position(|candidate| candidate.action == action)
    }

    fn value_label(&mut self, on: &Expr, label: &ast::Expr) -> Option<SwitchLabel> {
        let value = self.value(label);
        if value.ty == Ty::Unknown || on.ty == Ty::Unknown {
            return None;
        }
        let value =
            self.coerce(value, &on.ty, &Wanted { what: "what the `switch` is on", declared: on.span });
        if value.ty == Ty::Unknown {
            return None;
        }
        if !self.is_compile_time_known(&value) {
            self.not_constant(&value, "the label of a `switch`");
            return None;
        }
        Some(SwitchLabel::Value(value))
    }
}

/// What makes two labels the same.
#[derive(PartialEq, Eq, Hash)]
enum LabelKey {
    Action(usize),
    Value(Literal),
}

impl LabelKey {
    fn of(label: &SwitchLabel) -> Option<LabelKey> {
        match label {
            SwitchLabel::Action(index) => Some(LabelKey::Action(*index)),
            SwitchLabel::Value(value) => literal(value).map(LabelKey::Value),
        }
    }
}
