//! Tables: keys, actions and their bound arguments, the default action, properties.

use std::sync::Arc;

use hashbrown::HashMap;
use num_bigint::BigInt;
use num_traits::ToPrimitive;

use super::annotations::has;
use super::codes::*;
use super::constants::{Literal, literal};
use super::conversion::Wanted;
use super::scopes::{Entity, most_like};
use super::{Checker, Place, Surroundings};
use crate::diag::Diagnostic;
use crate::hir::{ActionUse, Decl, ExprKind, Key, Property, Table, Ty};
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
                        // Without any, that is what is said.
                        let is_listed =
                            |p: &ast::TableProperty| matches!(p.kind, TablePropertyKind::Actions(_));
                        if written.properties.iter().any(is_listed) {
                            let message = "`default_action` has to stand behind `actions`";
                            self.error(TABLE_PROPERTY, name.span, message);
                        }
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
                    Diagnostic::error(
                        TABLE_PROPERTY,
                        property.span,
                        format!("the property `{name}` is given twice"),
                    )
                    .label(previous, "first given here"),
                );
            }
        }
    }

    /// What surrounds expressions that are evaluated when the table is applied.
    pub(super) fn applied(&self) -> Surroundings {
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
            self.check_order(&expr, &key.match_kind);
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
        let kinds: Vec<Arc<str>> = self.program.match_kinds.clone();
        let diagnostic = match self.scopes.find(&name.name).map(|binding| (&binding.entity, binding.span)) {
            Some((Entity::MatchKind(_) | Entity::Broken, _)) => return,
            Some((other, declared)) => {
                let message = format!("`{}` is {}, not a match kind", name.name, other.kind());
                Diagnostic::error(TABLE_KEY, name.span, message).label(declared, "declared here")
            }
            // Without those of `core.p4` its `#include` is missing.
            None if kinds.is_empty() => return self.unknown_name(name),
            None => {
                let message = format!("there is no match kind `{}`", name.name);
                let diagnostic = Diagnostic::error(UNKNOWN_NAME, name.span, message);
                match most_like(&name.name, kinds.iter()) {
                    Some(like) => diagnostic.suggest(format!("did you mean `{like}`?"), name.span, &**like),
                    None => diagnostic,
                }
            }
        };
        let shown: Vec<String> = kinds.iter().map(|kind| format!("`{kind}`")).collect();
        self.emit(diagnostic.help(format!("the match kinds are {}", shown.join(", "))));
    }

    /// Ranges are of what has an order.
    fn check_order(&mut self, expr: &crate::hir::Expr, kind: &Ident) {
        let has_no_order = match self.without_new(&expr.ty) {
            Ty::Bool | Ty::Error => true,
            ty @ Ty::Enum(_) => self.enum_underlying(ty).is_none(),
            _ => false,
        };
        if has_no_order && &*kind.name == "range" {
            let shown = self.show(&expr.ty);
            let message = format!("a key of type `{shown}` cannot be matched by `range`");
            let diagnostic = Diagnostic::error(TABLE_KEY, kind.span, message)
                .label(expr.span, "values of this type have no order")
                .help("match it `exact` or `optional`");
            self.emit(diagnostic);
        }
    }

    fn is_key_type(&self, ty: &Ty) -> bool {
        matches!(
            ty,
            Ty::Bit(_)
                | Ty::Int(_)
                | Ty::Varbit(_)
                | Ty::Bool
                | Ty::Enum(_)
                | Ty::Error
                | Ty::New(_)
                | Ty::Unknown
        )
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
                    self.error(
                        TABLE_PROPERTY,
                        value.span,
                        format!("`size` has to be a number, and this is `{shown}`"),
                    );
                    return;
                }
                if !self.is_compile_time_known(&checked) {
                    self.not_constant(&checked, "the size of a table");
                    return;
                }
                if let Some(size) = self.int_value(&checked)
                    && size < BigInt::ZERO
                {
                    self.error(
                        TABLE_PROPERTY,
                        value.span,
                        format!("`size` cannot be negative, and this is {size}"),
                    );
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
