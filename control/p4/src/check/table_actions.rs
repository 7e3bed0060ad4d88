//! The actions of a table: what is bound in the list, what entries and the default action add.

use std::sync::Arc;

use super::annotations::has;
use super::arguments::{Manner, Outer};
use super::codes::*;
use super::sameness::same_expr;
use super::scopes::{Entity, most_like};
use super::signatures::Signature;
use super::tables::{TableDraft, WrittenAction};
use super::{Checker, Surroundings};
use crate::diag::Diagnostic;
use crate::hir::{ActionId, ActionUse, Annotation, AnnotationBody, Arg, Direction, Expr};
use crate::source::Span;
use crate::syntax::ast::{self, Argument, Ident};

impl Checker<'_> {
    fn find_action(&mut self, dotted: bool, name: &Ident) -> Option<ActionId> {
        match self.lookup(name, dotted)? {
            (Entity::Action(id), _) => Some(id),
            (Entity::Broken, _) => None,
            (other, declared) => {
                self.emit(
                    Diagnostic::error(
                        WRONG_KIND_OF_NAME,
                        name.span,
                        format!("`{}` is {}, not an action", name.name, other.kind()),
                    )
                    .label(declared, "declared here"),
                );
                None
            }
        }
    }

    /// An action in the list of actions: parameters with direction are bound, the others are not.
    pub(super) fn list_action<'t>(&mut self, draft: &mut TableDraft<'t>, written: &'t ast::ActionRef) {
        let annotations = self.annotations(&written.annotations);
        let Some(action) = self.find_action(written.dotted, &written.name) else {
            self.check_unused_arguments(written.args.as_deref().unwrap_or_default());
            return;
        };
        let name = self.program.actions[action].decl.name.clone();
        let previous =
            draft.actions.iter().find(|other| self.program.actions[other.action].decl.name == name);
        if let Some(previous) = previous {
            let previous = previous.span;
            self.emit(
                Diagnostic::error(
                    TABLE_ACTION,
                    written.span,
                    format!("the table has two actions named `{name}`"),
                )
                .label(previous, "the first one"),
            );
            return;
        }
        let args: &[Argument] = written.args.as_deref().unwrap_or_default();
        let checked = self.bound_arguments(action, args, written.span);
        draft.bound.push(args);
        draft.actions.push(ActionUse {
            action,
            args: checked.unwrap_or_default(),
            annotations,
            span: written.span,
        });
    }

    fn bound_arguments(&mut self, action: ActionId, args: &[Argument], span: Span) -> Option<Vec<Arg>> {
        let signature = self.actions[action].clone()?;
        let directed = part_of(&signature, |direction| direction != Direction::None);
        for (i, arg) in args.iter().enumerate() {
            let param = match &arg.name {
                Some(name) => signature.params.iter().find(|param| param.name == name.name),
                None => signature.params.get(i),
            };
            if let Some(param) = param
                && param.direction == Direction::None
            {
                self.emit(
                    Diagnostic::error(
                        TABLE_ACTION,
                        arg.span,
                        format!(
                            "the parameter `{}` is set by the control plane and cannot be bound",
                            param.name
                        ),
                    )
                    .label(param.span, "it has no direction"),
                );
                self.check_unused_arguments(args);
                return None;
            }
        }
        let around = Surroundings { in_action_arguments: true, ..self.applied() };
        let call = self
            .within(around, |c| c.check_call(&directed, Outer::default(), &[], args, Manner::Action, span))?;
        Some(call.args)
    }

    /// The position in the list of actions that a default action or entry means, and its control-plane arguments.
    pub(super) fn used_action(
        &mut self,
        draft: &TableDraft<'_>,
        written: WrittenAction<'_>,
    ) -> Option<(usize, Vec<Expr>)> {
        let args = written.args.unwrap_or_default();
        let Some(action) = self.find_action(written.dotted, written.name) else {
            self.check_unused_arguments(args);
            return None;
        };
        let Some(index) = draft.actions.iter().position(|other| other.action == action) else {
            let names: Vec<Arc<str>> = draft
                .actions
                .iter()
                .map(|other| self.program.actions[other.action].decl.name.clone())
                .collect();
            let mut diagnostic = Diagnostic::error(
                TABLE_ACTION,
                written.span,
                format!("the action `{}` is not in the list of actions of the table", written.name.name),
            )
            .label(draft.name.span, "this table");
            diagnostic = match most_like(&written.name.name, names.iter()) {
                Some(like) => {
                    diagnostic.suggest(format!("did you mean `{like}`?"), written.name.span, &**like)
                }
                None => diagnostic.help(format!("add it: `actions = {{ ...; {}; }}`", written.name.name)),
            };
            self.emit(diagnostic);
            self.check_unused_arguments(args);
            return None;
        };
        let signature = self.actions[action].clone()?;
        let (bound, data) = self.split_arguments(&signature, args);
        let listed = draft.bound.get(index).copied().unwrap_or_default();
        if !self.same_bound_arguments(&signature, listed, &bound, written) {
            return None;
        }
        let data_signature = part_of(&signature, |direction| direction == Direction::None);
        let around = self.applied();
        let call = self.within(around, |c| {
            c.check_call(&data_signature, Outer::default(), &[], &data, Manner::Ordinary, written.span)
        })?;
        // Defaults have been filled in, so that each parameter has a value.
        Some((index, call.args.into_iter().filter_map(|arg| arg.expr).collect()))
    }

    /// Arguments of parameters with direction, and of those without.
    fn split_arguments(&self, signature: &Signature, args: &[Argument]) -> (Vec<Argument>, Vec<Argument>) {
        let mut bound = Vec::new();
        let mut data = Vec::new();
        for (i, arg) in args.iter().enumerate() {
            let param = match &arg.name {
                Some(name) => signature.params.iter().find(|param| param.name == name.name),
                None => signature.params.get(i),
            };
            match param {
                Some(param) if param.direction != Direction::None => bound.push(arg.clone()),
                _ => data.push(arg.clone()),
            }
        }
        (bound, data)
    }

    /// Whether bound arguments are those of the list of actions, to the letter (section on default actions).
    fn same_bound_arguments(
        &mut self,
        signature: &Signature,
        listed: &[Argument],
        given: &[Argument],
        written: WrittenAction<'_>,
    ) -> bool {
        let directed: Vec<_> =
            signature.params.iter().filter(|param| param.direction != Direction::None).collect();
        for (i, param) in directed.iter().enumerate() {
            let find = |args: &'_ [Argument]| {
                args.iter()
                    .enumerate()
                    .find(|(at, arg)| match &arg.name {
                        Some(name) => name.name == param.name,
                        None => *at == i,
                    })
                    .map(|(_, arg)| arg.clone())
            };
            match (find(listed), find(given)) {
                (Some(a), Some(b)) => {
                    let same = match (&a.value, &b.value) {
                        (Some(a), Some(b)) => same_expr(a, b),
                        (None, None) => true,
                        _ => false,
                    };
                    if !same {
                        self.emit(
                            Diagnostic::error(
                                TABLE_ACTION,
                                b.span,
                                format!(
                                    "the parameter `{}` is bound differently in the list of actions",
                                    param.name
                                ),
                            )
                            .label(a.span, "bound here")
                            .note("an action is bound once per table"),
                        );
                        return false;
                    }
                }
                (Some(_), None) => {
                    self.emit(
                        Diagnostic::error(
                            TABLE_ACTION,
                            written.span,
                            format!("no argument is given for the parameter `{}`", param.name),
                        )
                        .label(param.span, "this parameter")
                        .help("repeat the argument of the list of actions"),
                    );
                    return false;
                }
                // The list of actions has been found in error.
                (None, _) => return false,
            }
        }
        true
    }

    pub(super) fn default_action(
        &mut self,
        draft: &TableDraft<'_>,
        value: &ast::Expr,
    ) -> Option<(usize, Vec<Expr>)> {
        let Some(written) = written_action(value) else {
            self.value(value);
            self.emit(
                Diagnostic::error(
                    TABLE_ACTION,
                    value.span,
                    "the default action has to be an action of the table",
                )
                .help("write its name, with arguments if it has parameters without direction"),
            );
            return None;
        };
        let (index, args) = self.used_action(draft, written)?;
        if let Some(action) = draft.actions.get(index)
            && has(&action.annotations, "tableonly")
        {
            let at = action.span;
            self.emit(
                Diagnostic::error(
                    TABLE_ACTION,
                    value.span,
                    "a `@tableonly` action cannot be the default action",
                )
                .label(at, "listed here"),
            );
            return None;
        }
        Some((index, args))
    }

    /// The default action of a table that names none: `NoAction`, listed or not.
    pub(super) fn implied_default(&mut self, draft: &mut TableDraft<'_>) -> Option<usize> {
        let found = match self.scopes.find_top("NoAction").map(|binding| &binding.entity) {
            Some(Entity::Action(id)) => Some(*id),
            _ => None,
        };
        let plain = found.filter(|id| self.program.actions[*id].params.is_empty());
        let Some(action) = plain else {
            let table = &draft.name.name;
            let diagnostic = match self.scopes.find_top("NoAction").map(|binding| binding.span) {
                Some(declared) => Diagnostic::error(
                    CORE_DECLARATION_MISSING,
                    declared,
                    "`NoAction` has to be an action without parameters",
                )
                .label(draft.name.span, format!("it is the default action of the table `{table}`")),
                None => Diagnostic::error(
                    CORE_DECLARATION_MISSING,
                    draft.name.span,
                    format!("the table `{table}` has no default action, and there is no action `NoAction`"),
                )
                .help("add `#include <core.p4>`, or name a `default_action`"),
            };
            self.emit(diagnostic);
            return None;
        };
        if let Some(index) = draft.actions.iter().position(|other| other.action == action) {
            if let Some(listed) = draft.actions.get(index)
                && has(&listed.annotations, "tableonly")
            {
                let at = listed.span;
                self.error(
                    TABLE_ACTION,
                    at,
                    "`NoAction` is the default action here and cannot be `@tableonly`",
                );
            }
            return Some(index);
        }
        let annotation =
            Annotation { name: "defaultonly".into(), body: AnnotationBody::Empty, span: draft.name.span };
        draft.actions.push(ActionUse {
            action,
            args: Vec::new(),
            annotations: vec![annotation],
            span: draft.name.span,
        });
        draft.bound.push(&[]);
        Some(draft.actions.len() - 1)
    }
}

/// The parameters of an action with, or those without direction.
fn part_of(signature: &Signature, keep: impl Fn(Direction) -> bool) -> Signature {
    Signature {
        params: signature.params.iter().filter(|param| keep(param.direction)).cloned().collect(),
        ..signature.clone()
    }
}

/// An action as an expression writes it: `a` or `a(1, 2)`.
fn written_action(value: &ast::Expr) -> Option<WrittenAction<'_>> {
    match &value.kind {
        ast::ExprKind::Name { dotted, name } => {
            Some(WrittenAction { dotted: *dotted, name, args: None, span: value.span })
        }
        ast::ExprKind::Call { callee, args, type_args } if type_args.is_empty() => match &callee.kind {
            ast::ExprKind::Name { dotted, name } => {
                Some(WrittenAction { dotted: *dotted, name, args: Some(args), span: value.span })
            }
            _ => None,
        },
        _ => None,
    }
}
