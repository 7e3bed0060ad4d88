//! Tables: keys, actions and their bound arguments, the default action, properties.

use std::sync::Arc;

use hashbrown::HashMap;
use num_bigint::BigInt;
use num_traits::ToPrimitive;

use super::annotations::has;
use super::arguments::{Manner, Outer};
use super::codes::*;
use super::constants::{Literal, literal};
use super::conversion::Wanted;
use super::sameness::same_expr;
use super::scopes::{Entity, most_like};
use super::signatures::Signature;
use super::{Checker, Place, Surroundings};
use crate::diag::Diagnostic;
use crate::hir::{
    ActionId, ActionUse, Annotation, AnnotationBody, Arg, Decl, Direction, Expr, ExprKind, Key, Property, Table, Ty,
};
use crate::source::Span;
use crate::syntax::ast::{self, Argument, Ident, TableDecl, TablePropertyKind};

/// A table while its properties are being looked at.
#[derive(Debug)]
pub(super) struct TableDraft<'t> {
    pub(super) name: &'t Ident,
    pub(super) keys: Option<(Vec<Key>, Span)>,
    pub(super) actions: Vec<ActionUse>,
    /// The arguments bound in the list of actions, as written.
    pub(super) bound: Vec<&'t [Argument]>,
    pub(super) largest_priority_wins: bool,
    pub(super) priority_delta: u32,
}

/// An action with its arguments, as a default action or an entry writes it.
#[derive(Clone, Copy, Debug)]
pub(super) struct WrittenAction<'t> {
    pub(super) dotted: bool,
    pub(super) name: &'t Ident,
    pub(super) args: Option<&'t [Argument]>,
    pub(super) span: Span,
}

impl Checker<'_> {
    /// `table t { ... }`
    pub(super) fn table(&mut self, written: &TableDecl, annotations: &[ast::Annotation]) {
        let decl = self.decl(&written.name, annotations);
        self.note_deprecated(&decl);
        self.declare(&written.name, Entity::Open("a table"));
        self.duplicate_properties(written);
        let mut draft = TableDraft {
            name: &written.name,
            keys: None,
            actions: Vec::new(),
            bound: Vec::new(),
            largest_priority_wins: true,
            priority_delta: 1,
        };
        let mut table = Table {
            decl,
            keys: Vec::new(),
            actions: Vec::new(),
            default_action: (0, Vec::new()),
            default_is_explicit: false,
            const_default: false,
            entries: Vec::new(),
            const_entries: false,
            largest_priority_wins: true,
            size: None,
            properties: Vec::new(),
        };
        for property in &written.properties {
            if let TablePropertyKind::Custom { is_const, name, value } = &property.kind
                && &*name.name != "default_action"
            {
                self.property(&mut draft, &mut table, *is_const, name, value, &property.annotations);
            }
        }
        let mut has_actions = false;
        for property in &written.properties {
            match &property.kind {
                TablePropertyKind::Key(keys) => {
                    let keys = self.keys(keys);
                    draft.keys = Some((keys, property.span));
                }
                TablePropertyKind::Actions(actions) => {
                    has_actions = true;
                    for action in actions {
                        self.list_action(&mut draft, action);
                    }
                }
                TablePropertyKind::Entries { is_const, entries } => {
                    self.silencing(&property.annotations, |c| {
                        c.annotations(&property.annotations);
                        table.const_entries = *is_const;
                        table.entries = c.entries(&draft, *is_const, entries, property.span);
                    });
                }
                TablePropertyKind::Custom { is_const, name, value } if &*name.name == "default_action" => {
                    self.annotations(&property.annotations);
                    if !has_actions {
                        self.error(
                            TABLE_PROPERTY,
                            name.span,
                            "`default_action` has to stand behind `actions`",
                        );
                        table.default_is_explicit = true;
                        continue;
                    }
                    table.const_default = *is_const;
                    table.default_is_explicit = true;
                    if let Some(default) = self.default_action(&draft, value) {
                        table.default_action = default;
                    }
                }
                TablePropertyKind::Custom { .. } => {}
            }
        }
        if !has_actions {
            self.emit(
                Diagnostic::error(
                    TABLE_PROPERTY,
                    written.name.span,
                    format!("the table `{}` has no `actions`", written.name.name),
                )
                .help("list the actions it can run: `actions = { ... }`"),
            );
        }
        if !table.default_is_explicit
            && has_actions
            && let Some(index) = self.implied_default(&mut draft)
        {
            table.default_action = (index, Vec::new());
        }
        table.largest_priority_wins = draft.largest_priority_wins;
        table.keys = draft.keys.map(|(keys, _)| keys).unwrap_or_default();
        table.actions = draft.actions;
        self.note_control_name("table", &table.decl);
        let id = self.program.tables.push(table);
        if let Some(control) = self.around.control {
            self.program.controls[control].tables.push(id);
        }
        self.close(&written.name, Entity::Table(id));
    }

    fn duplicate_properties(&mut self, written: &TableDecl) {
        let mut seen: HashMap<&str, Span> = HashMap::new();
        for property in &written.properties {
            let name = match &property.kind {
                TablePropertyKind::Key(_) => "key",
                TablePropertyKind::Actions(_) => "actions",
                TablePropertyKind::Entries { .. } => "entries",
                TablePropertyKind::Custom { name, .. } => &*name.name,
            };
            if let Some(previous) = seen.insert(name, property.span) {
                self.emit(
                    Diagnostic::error(TABLE_PROPERTY, property.span, format!("the property `{name}` is given twice"))
                        .label(previous, "first given here"),
                );
            }
        }
    }

    /// What surrounds expressions that are evaluated when the table is applied.
    fn applied(&self) -> Surroundings {
        Surroundings { place: Place::ControlApply, ..self.around.clone() }
    }

    // Keys

    fn keys(&mut self, written: &[ast::KeyElement]) -> Vec<Key> {
        let mut keys = Vec::new();
        for key in written {
            let around = self.applied();
            let expr = self.within(around, |c| c.value(&key.expr));
            let annotations = self.annotations(&key.annotations);
            self.match_kind(&key.match_kind);
            let expr = match self.is_key_type(&expr.ty) {
                true => expr,
                false => {
                    let shown = self.show(&expr.ty);
                    let mut diagnostic = Diagnostic::error(
                        TABLE_KEY,
                        key.expr.span,
                        format!("a value of type `{shown}` cannot be the key of a table"),
                    );
                    if expr.ty == Ty::InfInt {
                        diagnostic = diagnostic.help("give it a width, as in `8w5`");
                    } else if matches!(expr.ty, Ty::Composite(..) | Ty::Tuple(_) | Ty::Stack(..)) {
                        diagnostic = diagnostic.help("match its fields one by one");
                    }
                    self.emit(diagnostic);
                    self.broken(key.expr.span)
                }
            };
            let source_name = self.source_name(&key.expr, &expr);
            if source_name.is_none() && !has(&annotations, "name") && expr.ty != Ty::Unknown {
                self.emit(
                    Diagnostic::error(
                        TABLE_KEY,
                        key.expr.span,
                        "the control plane has no name for this key, as it is more than a field, element or slice",
                    )
                    .help("name it: `@name(\"...\")` behind the match kind"),
                );
            }
            keys.push(Key {
                expr,
                match_kind: key.match_kind.name.clone(),
                source_name: source_name.unwrap_or_default(),
                annotations,
                span: key.span,
            });
        }
        keys
    }

    fn match_kind(&mut self, name: &Ident) {
        match self.lookup(name, false) {
            None | Some((Entity::MatchKind(_), _)) => {}
            Some((other, declared)) => self.emit(
                Diagnostic::error(
                    TABLE_KEY,
                    name.span,
                    format!("`{}` is {}, not a match kind", name.name, other.kind()),
                )
                .label(declared, "declared here")
                .help(format!(
                    "the match kinds are {}",
                    self.program.match_kinds.iter().map(|kind| format!("`{kind}`")).collect::<Vec<_>>().join(", ")
                )),
            ),
        }
    }

    fn is_key_type(&self, ty: &Ty) -> bool {
        matches!(
            ty,
            Ty::Bit(_) | Ty::Int(_) | Ty::Varbit(_) | Ty::Bool | Ty::Enum(_) | Ty::Error | Ty::New(_) | Ty::Unknown
        )
    }

    // Actions

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
    fn list_action<'t>(&mut self, draft: &mut TableDraft<'t>, written: &'t ast::ActionRef) {
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
                        format!("the parameter `{}` is set by the control plane and cannot be bound", param.name),
                    )
                    .label(param.span, "it has no direction"),
                );
                self.check_unused_arguments(args);
                return None;
            }
        }
        let around = Surroundings { in_action_arguments: true, ..self.applied() };
        let call = self.within(around, |c| {
            c.check_call(&directed, Outer::default(), &[], args, Manner::Action, span)
        })?;
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
                Some(like) => diagnostic.suggest(format!("did you mean `{like}`?"), written.name.span, &**like),
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
        let directed: Vec<_> = signature.params.iter().filter(|param| param.direction != Direction::None).collect();
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
                                format!("the parameter `{}` is bound differently in the list of actions", param.name),
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

    // Default action

    fn default_action(&mut self, draft: &TableDraft<'_>, value: &ast::Expr) -> Option<(usize, Vec<Expr>)> {
        let Some(written) = written_action(value) else {
            self.value(value);
            self.emit(
                Diagnostic::error(TABLE_ACTION, value.span, "the default action has to be an action of the table")
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
                Diagnostic::error(TABLE_ACTION, value.span, "a `@tableonly` action cannot be the default action")
                    .label(at, "listed here"),
            );
            return None;
        }
        Some((index, args))
    }

    /// The default action of a table that names none: `NoAction`, listed or not.
    fn implied_default(&mut self, draft: &mut TableDraft<'_>) -> Option<usize> {
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
                self.error(TABLE_ACTION, at, "`NoAction` is the default action here and cannot be `@tableonly`");
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

    // Properties

    fn property(
        &mut self,
        draft: &mut TableDraft<'_>,
        table: &mut Table,
        is_const: bool,
        name: &Ident,
        value: &ast::Expr,
        annotations: &[ast::Annotation],
    ) {
        let around = Surroundings { in_constructor_arguments: true, ..self.around.clone() };
        let checked = self.within(around, |c| c.value(value));
        if checked.ty == Ty::Unknown {
            return;
        }
        match &*name.name {
            "size" => {
                if !matches!(checked.ty, Ty::InfInt | Ty::Bit(_) | Ty::Int(_)) {
                    let shown = self.show(&checked.ty);
                    self.error(TABLE_PROPERTY, value.span, format!("`size` has to be a number, and this is `{shown}`"));
                    return;
                }
                if !self.is_compile_time_known(&checked) {
                    self.not_constant(&checked, "the size of a table");
                    return;
                }
                if let Some(size) = self.int_value(&checked)
                    && size < BigInt::ZERO
                {
                    self.error(TABLE_PROPERTY, value.span, format!("`size` cannot be negative, and this is {size}"));
                }
                table.size = Some(checked);
            }
            "largest_priority_wins" => match literal(&checked) {
                Some(Literal::Bool(value)) => draft.largest_priority_wins = value,
                _ => {
                    let shown = self.show(&checked.ty);
                    self.error(
                        TABLE_PROPERTY,
                        value.span,
                        format!("`largest_priority_wins` has to be a constant `bool`, and this is `{shown}`"),
                    );
                }
            },
            "priority_delta" => match self.int_value(&checked).map(|delta| (delta.to_u32(), delta)) {
                Some((Some(delta), _)) if delta > 0 => draft.priority_delta = delta,
                Some((_, delta)) => {
                    self.error(
                        TABLE_PROPERTY,
                        value.span,
                        format!("`priority_delta` has to be positive, and this is {delta}"),
                    );
                }
                None => {
                    let shown = self.show(&checked.ty);
                    self.error(
                        TABLE_PROPERTY,
                        value.span,
                        format!("`priority_delta` has to be a constant number, and this is `{shown}`"),
                    );
                }
            },
            _ => {
                if !self.is_compile_time_known(&checked) && !matches!(checked.kind, ExprKind::Instance(_)) {
                    self.not_constant(&checked, &format!("the property `{}`", name.name));
                    return;
                }
                let annotations = self.annotations(annotations);
                let decl = Decl { name: name.name.clone(), span: name.span, annotations };
                table.properties.push(Property { decl, is_const, value: checked });
            }
        }
    }

    /// The value of a priority.
    pub(super) fn priority(&mut self, written: &ast::Expr) -> Option<u32> {
        let value = self.value(written);
        if matches!(value.ty, Ty::Bool | Ty::String) {
            self.coerce(value, &Ty::InfInt, &Wanted { what: "a priority", declared: Span::default() });
            return None;
        }
        let value = self.constant_int(&value, "the priority of an entry")?;
        match value.to_u32() {
            Some(priority) if priority <= i32::MAX as u32 => Some(priority),
            _ => {
                self.error(
                    TABLE_ENTRY,
                    written.span,
                    format!("priorities are between 0 and {}, and this is {value}", i32::MAX),
                );
                None
            }
        }
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
