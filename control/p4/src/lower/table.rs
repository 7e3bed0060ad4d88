//! Tables and the actions they run.
//!
//! Invariant: a table's keys look at the slots of the one activation that its control has; position `i` of
//! [`ir::Table::actions`] is the `i`th action of the table as declared.

use std::ops::Range;

use cranelift_entity::EntityRef;
use hashbrown::HashMap;
use heddle_ir as ir;
use heddle_ir::{Bits, Expr as IrExpr, KeyMatch, MatchKind, Place, Stmt, VarId};
use num_traits::ToPrimitive;

use super::layout::{Location, SYMBOL_WIDTH, Shape};
use super::mention::has_effects;
use super::names::{is_hidden, qualified};
use super::walk;
use super::{
    ActId, Activation, BaseKey, Binding, InstId, Lower, Lowerer, Reported, annotation, annotation_ints,
    annotation_string, bits_of, codes,
};
use crate::diag::Diagnostic;
use crate::hir::{
    self, ActionId, ActionUse, Direction, Entry, Expr, ExprKind, Keyset, KeysetKind, Table, TableId, Ty,
    VariableKind,
};
use crate::source::Span;

/// Entries a table is guaranteed to hold if it does not say (BMv2's default).
const SIZE_DEFAULT: u64 = 1024;

/// Entries that a table may be declared for.
const ENTRIES_MAX: u64 = ir::limit::ENTRIES;

/// A table that has been lowered.
#[derive(Clone, Debug)]
pub(crate) struct LoweredTable {
    id: ir::TableId,
    /// Keys that are evaluated before the lookup: position, and the slot it is looked up from.
    hoisted: Vec<(usize, VarId)>,
}

/// What the architecture makes of a table's properties.
#[derive(Clone, Debug, Default)]
pub(crate) struct Properties {
    /// Where its actions live.
    pub(crate) profile: Option<ir::ProfileId>,
    /// Its direct counter.
    pub(crate) direct_counter: Option<ir::CounterId>,
    /// Its direct meter.
    pub(crate) direct_meter: Option<ir::MeterId>,
    /// Whether entries may time out.
    pub(crate) idle_timeout: bool,
    /// What happens before the action of an entry that matched.
    pub(crate) before_action: ir::Block,
}

impl Lowerer<'_> {
    /// Whether a table's lookup hit, as one bit.
    pub(crate) fn apply_hit(&mut self, table: TableId, span: Span) -> Lower<IrExpr> {
        let hit = self.temp(1);
        self.apply_table(table, Some(hit), None, span)?;
        Ok(IrExpr::Read(Place::Var(hit)))
    }

    /// Which of a table's actions ran.
    pub(crate) fn apply_action_run(&mut self, table: TableId, span: Span) -> Lower<IrExpr> {
        let run = self.temp(SYMBOL_WIDTH);
        self.apply_table(table, None, Some(run), span)?;
        Ok(IrExpr::Read(Place::Var(run)))
    }

    /// Evaluates the keys and applies the table.
    pub(crate) fn apply_table(
        &mut self,
        table: TableId,
        hit: Option<VarId>,
        action_run: Option<VarId>,
        span: Span,
    ) -> Lower<()> {
        let Some(container) = self.container() else {
            return self.unsupported(span, "a table outside of a control");
        };
        let Some(inst) = self.acts[container].inst else {
            return self.unsupported(span, "a table outside of a control");
        };
        let lowered = match self.tables.get(&(inst, table)) {
            Some(lowered) => lowered.clone(),
            None => {
                let lowered =
                    self.in_act(container, |l| l.nested(span, |l| l.lower_table(inst, container, table)))?;
                self.tables.insert((inst, table), lowered.clone());
                lowered
            }
        };
        for (index, var) in &lowered.hoisted {
            let value = self.in_act(container, |l| l.scalar(&l.hir.tables[table].keys[*index].expr))?;
            self.emit(Stmt::Assign(Place::Var(*var), value));
        }
        self.emit(Stmt::Apply { table: lowered.id, hit, action_run });
        Ok(())
    }

    fn lower_table(&mut self, inst: InstId, act: ActId, table: TableId) -> Lower<LoweredTable> {
        let decl = &self.hir.tables[table];
        let span = decl.decl.span;
        let name = qualified(&self.insts[inst].name, &decl.decl);
        let mut keys = Vec::new();
        let mut hoisted = Vec::new();
        let last_effect = decl.keys.iter().rposition(|key| has_effects(&key.expr));
        for (i, key) in decl.keys.iter().enumerate() {
            let kind = self.match_kind(&key.match_kind, key.span)?;
            let key_name = annotation(&key.annotations, "name").and_then(annotation_string);
            let key_name = key_name.or_else(|| self.key_name(&key.expr));
            let key_name = key_name.unwrap_or_else(|| key.source_name.clone());
            let width = self.width(&key.expr.ty, key.span)?;
            // Keys are evaluated in order, so what a later one changes an earlier one must not see.
            let pure = match last_effect.is_some_and(|last| last >= i) {
                true => None,
                false => {
                    let (stmts, value) = self.in_block(|l| l.scalar(&key.expr))?;
                    stmts.is_empty().then_some(value)
                }
            };
            let expr = match pure {
                Some(expr) => expr,
                None => {
                    let var = self.new_var(format!("{name}.key{i}"), ir::Ty::Bits(width));
                    hoisted.push((i, var));
                    IrExpr::Read(Place::Var(var))
                }
            };
            keys.push(ir::Key { name: key_name, expr, width, kind });
        }
        let mut properties = Properties::default();
        for property in &decl.properties {
            crate::arch::table_property(self, property, &mut properties)?;
        }
        // A selector key without a selector says nothing.
        if properties.profile.is_none_or(|p| self.ir.profiles[p].selector.is_none()) {
            for (key, _) in decl.keys.iter().zip(&keys).filter(|(_, k)| k.kind == MatchKind::Selector) {
                let message = "this key is ignored, as the table chooses no member of a group";
                self.warn(
                    &decl.decl.annotations,
                    Diagnostic::warning(codes::IGNORED_KEY, key.span, message)
                        .label(span, "this table")
                        .help("give it `implementation = action_selector(...)`, or match the key otherwise"),
                );
            }
            keys.retain(|k| k.kind != MatchKind::Selector);
        }
        for (i, key) in keys.iter().enumerate() {
            if let (Some(first), Some(second)) =
                (keys.iter().take(i).position(|k| k.name == key.name), decl.keys.get(i))
            {
                let message = format!("the control plane would know two keys as `{}`", key.name);
                let diagnostic = Diagnostic::warning(codes::SAME_KEY_NAME, second.span, message)
                    .help("give one of them another `@name`");
                let diagnostic = match decl.keys.get(first) {
                    Some(first) => diagnostic.label(first.span, "the other one"),
                    None => diagnostic,
                };
                self.warn(&decl.decl.annotations, diagnostic);
            }
        }
        if properties.profile.is_some()
            && let Some(entry) = decl.entries.first()
        {
            return self.unsupported(entry.span, "an entry of a table with an action profile");
        }
        let mut actions: Vec<ir::TableAction> = Vec::new();
        for action in &decl.actions {
            let lowered = self.table_action(action, act, &properties)?;
            if let Some(i) = actions.iter().position(|other| other.action == lowered.action) {
                let name = &self.ir.actions[lowered.action].control.name;
                let message = format!("the table lists two actions that the control plane knows as `{name}`");
                let first = decl.actions.get(i).map_or(span, |other| other.span);
                self.diags.emit(
                    Diagnostic::error(codes::INVALID_ANNOTATION, action.span, message)
                        .label(first, "the other one")
                        .help("give one of them another `@name`, or leave it out"),
                );
                return Err(Reported);
            }
            actions.push(lowered);
        }
        let default_action = match actions.get(decl.default_action.0) {
            Some(action) => {
                let args = self.action_args(action.action, &decl.default_action.1)?;
                ir::ActionCall { action: decl.default_action.0, args }
            }
            None => return self.unsupported(span, "a table without actions"),
        };
        let ranked = keys.iter().any(|k| match k.kind {
            MatchKind::Ternary | MatchKind::Range | MatchKind::Optional => true,
            MatchKind::Exact | MatchKind::Lpm | MatchKind::Selector => false,
        });
        let mut entries = Vec::new();
        let mut result = Ok(());
        for entry in &decl.entries {
            match self.table_entry(entry, &keys, &actions, ranked) {
                Ok(entry) => {
                    entries.push(ir::TableEntry { is_const: entry.is_const || decl.const_entries, ..entry })
                }
                Err(reported) => result = Err(reported),
            }
        }
        result?;
        let mut largest_priority_wins = decl.largest_priority_wins;
        if let Some(name) = self.arch.entry_rank
            && ranked
            && decl.const_entries
            && decl.entries.iter().any(|e| annotation(&e.annotations, name).is_some())
        {
            // The smallest wins; entries that do not say are ranked by position.
            largest_priority_wins = false;
            for (i, (entry, lowered)) in decl.entries.iter().zip(&mut entries).enumerate() {
                let given =
                    annotation(&entry.annotations, name).and_then(|a| annotation_ints(a).first()?.to_u32());
                lowered.priority = given.unwrap_or(i as u32 + 1);
            }
        }
        let size = match &decl.size {
            Some(size) => self.table_size(size, decl)?,
            None => SIZE_DEFAULT.max(entries.len() as u64),
        };
        let hidden = is_hidden(&decl.decl.annotations);
        let id = self.ir.tables.push(ir::Table {
            control: ir::ControlName { name, id: 0, hidden },
            keys,
            actions,
            default_action,
            const_default: decl.const_default,
            size,
            entries,
            const_entries: decl.const_entries,
            largest_priority_wins,
            profile: properties.profile,
            direct_counter: properties.direct_counter,
            direct_meter: properties.direct_meter,
            idle_timeout: properties.idle_timeout,
        });
        self.attribute(decl.decl.span);
        if let Some(counter) = properties.direct_counter {
            self.ir.counters[counter].table = Some(id);
        }
        if let Some(meter) = properties.direct_meter {
            self.ir.meters[meter].table = Some(id);
        }
        self.table_order.push((inst, table, id));
        Ok(LoweredTable { id, hoisted })
    }

    /// The size that a table declares, which has to hold its own entries. Constant ones are as many as they are, and
    /// nobody adds to them (14.2.1.4 leaves it open).
    fn table_size(&mut self, written: &Expr, decl: &Table) -> Lower<u64> {
        let size = self.constant_size(written)?;
        let count = decl.entries.len() as u64;
        let name = &decl.decl.name;
        // BMv2 takes 0 for no limit that matters.
        if size == 0 {
            return Ok(SIZE_DEFAULT.max(count));
        }
        if size > ENTRIES_MAX {
            let message = format!("the table `{name}` is declared for {size} entries");
            let diagnostic = Diagnostic::error(codes::TOO_LARGE, written.span, message)
                .note(format!("tables hold {ENTRIES_MAX} entries at most"));
            self.diags.emit(diagnostic);
            return Err(Reported);
        }
        if size >= count {
            return Ok(size);
        }
        let message = format!("the table `{name}` has {count} entries and is declared for {size}");
        let help = format!("make it `size = {count};` or larger");
        if decl.const_entries {
            let diagnostic = Diagnostic::warning(codes::CONST_TABLE_FULL, written.span, message).help(help);
            self.warn(&decl.decl.annotations, diagnostic);
            return Ok(count);
        }
        let mut diagnostic = Diagnostic::error(codes::TABLE_FULL, written.span, message).help(help);
        if let Some(entry) = decl.entries.get(size as usize) {
            diagnostic = diagnostic.label(entry.span, "this one finds no room");
        }
        self.diags.emit(diagnostic);
        Err(Reported)
    }

    /// The name that the control plane knows a key by, if it is a path; `$valid$` is what p4c calls validity.
    fn key_name(&self, expr: &Expr) -> Option<String> {
        match &expr.kind {
            ExprKind::Variable(variable) => Some(self.hir.variables[*variable].decl.name.to_string()),
            ExprKind::Field(of, field) => {
                let Ty::Composite(id, _) = self.strip(&of.ty) else { return None };
                let decl = &self.hir.types.composites[id].fields.get(*field)?.decl;
                let given = annotation(&decl.annotations, "name").and_then(annotation_string);
                let name = given.unwrap_or_else(|| decl.name.to_string());
                match name.strip_prefix('.') {
                    Some(absolute) => Some(absolute.to_owned()),
                    None => Some(format!("{}.{name}", self.key_name(of)?)),
                }
            }
            ExprKind::Index(of, index) => match &index.kind {
                ExprKind::Int(int) => Some(format!("{}[{int}]", self.key_name(of)?)),
                _ => None,
            },
            ExprKind::Slice { of, high, low } => Some(format!("{}[{high}:{low}]", self.key_name(of)?)),
            ExprKind::IsValid(of) => Some(format!("{}.$valid$", self.key_name(of)?)),
            _ => None,
        }
    }

    fn table_action(
        &mut self,
        used: &ActionUse,
        act: ActId,
        properties: &Properties,
    ) -> Lower<ir::TableAction> {
        let decl = &self.hir.actions[used.action];
        let parent = decl.control.map(|_| act);
        let action = self.lower_action(used.action, parent)?;
        let action_act = self.action_acts.get(&action).copied();
        let mut copy_in = properties.before_action.clone();
        let mut copy_out = Vec::new();
        for i in hir::evaluation_order(&used.args) {
            let arg = &used.args[i];
            let (Some(expr), Some(action_act)) = (&arg.expr, action_act) else { continue };
            let own = self.storage_in(action_act, decl.params[i])?;
            match arg.direction {
                Direction::In | Direction::None => {
                    let (block, ()) = self.in_block(|l| {
                        let value = l.value(expr)?;
                        l.store(&own, value, expr.span)
                    })?;
                    copy_in.extend(block);
                }
                Direction::InOut | Direction::Out => {
                    let (block, lvalue) = self.in_block(|l| {
                        let lvalue = l.lvalue(expr, true)?;
                        if arg.direction == Direction::InOut {
                            let value = l.read_lvalue(&lvalue, expr.span)?;
                            l.store(&own, value, expr.span)?;
                        }
                        Ok(lvalue)
                    })?;
                    copy_in.extend(block);
                    let (block, ()) = self.in_block(|l| l.write_back(&lvalue, &own, expr.span))?;
                    copy_out.extend(block);
                }
            }
        }
        Ok(ir::TableAction {
            action,
            copy_in,
            copy_out,
            default_only: annotation(&used.annotations, "defaultonly").is_some(),
            table_only: annotation(&used.annotations, "tableonly").is_some(),
        })
    }

    /// An action as tables run it: all parameters have slots of their own.
    fn lower_action(&mut self, action: ActionId, parent: Option<ActId>) -> Lower<ir::ActionId> {
        if let Some(&known) = self.actions.get(&(parent, action)) {
            return Ok(known);
        }
        let decl = &self.hir.actions[action];
        let span = decl.decl.span;
        let prefix = parent.and_then(|p| self.acts[p].inst).map_or("", |i| self.insts[i].name.as_str());
        let name = qualified(prefix, &decl.decl);
        let base = self.base(BaseKey::Action(parent, action));
        let slots_before = self.ir.vars.len();
        let act = self.new_act(Activation {
            parent,
            base,
            name: name.clone(),
            inst: None,
            types: HashMap::new(),
            bindings: HashMap::new(),
            ret: None,
            in_parser: false,
        });
        let mut params = Vec::new();
        for param in &decl.params {
            let location = self.storage_in(act, *param)?;
            self.acts[act].bindings.insert(*param, Binding::Place(location.clone()));
            let variable = &self.hir.variables[*param];
            if variable.kind == VariableKind::Param(Direction::None) {
                let name = annotation(&variable.decl.annotations, "name").and_then(annotation_string);
                let name = name.unwrap_or_else(|| variable.decl.name.to_string());
                self.action_data(&name, &location, variable.decl.span, &mut params)?;
            }
        }
        let body = self.in_callable(act, span, |l| {
            let outer = std::mem::replace(&mut l.once, false);
            let result = l.callable_block(&decl.params, &decl.body);
            l.once = outer;
            result
        })?;
        let body = if self.arch.actions_are_atomic && updates_register(&body) {
            vec![Stmt::Atomic(body)]
        } else {
            body
        };
        let hidden = is_hidden(&decl.decl.annotations);
        let control = ir::ControlName { name, id: 0, hidden };
        let id = {
            let own = slots_before..self.ir.vars.len();
            self.same_action_or_new(ir::Action { control, params, body }, action, own)?
        };
        self.actions.insert((parent, action), id);
        self.action_acts.entry(id).or_insert(act);
        self.action_origins.entry(id).or_insert(action);
        Ok(id)
    }

    /// The control plane knows an action by its name. Actions that do the same may share one, as `NoAction` does that
    /// every control declares for itself, or the copies for each table that other compilers make; others may not.
    /// `own` are the slots that were made for the action.
    fn same_action_or_new(
        &mut self,
        new: ir::Action,
        origin: ActionId,
        own: Range<usize>,
    ) -> Lower<ir::ActionId> {
        let Some((id, old_own)) = self.action_names.get(&new.control.name).cloned() else {
            let name = new.control.name.clone();
            let id = self.ir.actions.push(new);
            self.attribute(self.hir.actions[origin].decl.span);
            self.action_names.insert(name, (id, own));
            return Ok(id);
        };
        // Tables give directed parameters values of their own, by the declaration that they name.
        let is_all_data = |action: ActionId| {
            let mut params = self.hir.actions[action].params.iter();
            params.all(|p| self.hir.variables[*p].kind == VariableKind::Param(Direction::None))
        };
        let old_origin = self.action_origins.get(&id).copied();
        if is_all_data(origin)
            && old_origin.is_some_and(is_all_data)
            && self.with_slots_by_rank(&self.ir.actions[id], &old_own) == self.with_slots_by_rank(&new, &own)
        {
            return Ok(id);
        }
        let span = self.hir.actions[origin].decl.span;
        let message = format!("the control plane would know two different actions as `{}`", new.control.name);
        self.error(codes::INVALID_ANNOTATION, span, message)
    }

    /// An action with its parameters and own slots numbered in the order in which they are mentioned, and the types of
    /// these slots. Two actions that give the same do the same.
    fn with_slots_by_rank(&self, action: &ir::Action, own: &Range<usize>) -> (ir::Action, Vec<ir::Ty>) {
        let mut action = action.clone();
        let mut ranks: HashMap<VarId, VarId> = HashMap::new();
        let mut types = Vec::new();
        let mut rank = |var: &mut VarId, is_own: bool| {
            if let Some(&known) = ranks.get(var) {
                *var = known;
            } else if is_own || own.contains(&var.index()) {
                let ranked = VarId::new(self.ir.vars.len() + types.len());
                types.push(self.ir.vars[*var].ty);
                ranks.insert(*var, ranked);
                *var = ranked;
            }
        };
        for param in &mut action.params {
            rank(&mut param.var, true);
        }
        walk::stmts(&mut action.body, &mut |stmt| {
            walk::stmt_exprs(stmt, &mut |expr| {
                walk::sub_exprs(expr, &mut |e| {
                    if let IrExpr::Read(Place::Var(var)) = e {
                        rank(var, false);
                    }
                });
            });
            walk::parts(stmt, &mut |part| {
                if let walk::Part::Def(var) | walk::Part::DefSlice(var) = part {
                    rank(var, false);
                }
            });
        });
        (action, types)
    }

    /// The slots of a parameter that the control plane gives; a struct is given field by field.
    fn action_data(
        &mut self,
        name: &str,
        location: &Location,
        span: Span,
        into: &mut Vec<ir::ActionParam>,
    ) -> Lower<()> {
        match location {
            Location::Scalar(Place::Var(var)) if matches!(self.ir.vars[*var].ty, ir::Ty::Bits(_)) => {
                into.push(ir::ActionParam { name: name.to_owned(), var: *var });
                Ok(())
            }
            Location::Struct(fields) => {
                for (i, field) in fields.iter().enumerate() {
                    self.action_data(&format!("{name}.{i}"), field, span, into)?;
                }
                Ok(())
            }
            Location::Scalar(_) | Location::Header(..) | Location::Union(_) | Location::Stack(_) => {
                self.unsupported(span, "action data of this type")
            }
        }
    }

    /// Compile-time values for an action's data.
    fn action_args(&mut self, action: ir::ActionId, args: &[Expr]) -> Lower<Vec<Bits>> {
        let widths: Vec<u32> =
            self.ir.actions[action].params.iter().map(|p| self.ir.vars[p.var].ty.width()).collect();
        let mut flat = Vec::new();
        for arg in args {
            let constant = self.constant(arg)?;
            match self.shape(&arg.ty, arg.span)? {
                Shape::Scalar(ty) => flat.push(self.bits_of_constant(&constant, ty.width(), arg.span)?),
                Shape::Nothing => {
                    let width = widths.get(flat.len()).copied().unwrap_or(SYMBOL_WIDTH);
                    flat.push(self.bits_of_constant(&constant, width, arg.span)?);
                }
                Shape::Struct(_) => {
                    let value = self.value_of(constant, &arg.ty, arg.span)?;
                    let mut exprs = Vec::new();
                    self.flatten(value, arg.span, &mut exprs)?;
                    for expr in exprs {
                        match expr {
                            IrExpr::Const(bits) => flat.push(bits),
                            _ => {
                                return self.error(
                                    codes::NOT_CONSTANT,
                                    arg.span,
                                    "this has to be known at compile time",
                                );
                            }
                        }
                    }
                }
                Shape::Header | Shape::Union(_) | Shape::Stack(..) => {
                    return self.unsupported(arg.span, "action data of this type");
                }
            }
        }
        Ok(flat.into_iter().zip(widths).map(|(bits, width)| bits.resize(width, false)).collect())
    }

    fn table_entry(
        &mut self,
        entry: &Entry,
        keys: &[ir::Key],
        actions: &[ir::TableAction],
        ranked: bool,
    ) -> Lower<ir::TableEntry> {
        let mut matches = Vec::new();
        let all_any =
            entry.keys.len() == 1 && matches!(entry.keys[0].kind, KeysetKind::Any) && keys.len() > 1;
        for (i, key) in keys.iter().enumerate() {
            let keyset = match entry.keys.get(i) {
                Some(keyset) => keyset,
                None if all_any => &entry.keys[0],
                None => return self.error(codes::INVALID_ENTRY, entry.span, "this entry has too few keys"),
            };
            matches.push(self.key_match(keyset, key)?);
        }
        let Some(action) = actions.get(entry.action) else {
            return self.unsupported(entry.span, "an entry without action");
        };
        let args = self.action_args(action.action, &entry.args)?;
        Ok(ir::TableEntry {
            matches,
            priority: if ranked { entry.priority } else { 0 },
            action: ir::ActionCall { action: entry.action, args },
            is_const: entry.is_const,
        })
    }

    fn key_match(&mut self, keyset: &Keyset, key: &ir::Key) -> Lower<KeyMatch> {
        let (span, width) = (keyset.span, key.width);
        let invalid = |l: &mut Self, why: &str| l.error(codes::INVALID_ENTRY, span, why.to_owned());
        match (&keyset.kind, key.kind) {
            (KeysetKind::Any, MatchKind::Exact) => invalid(self, "an exact key matches no wildcard"),
            (
                KeysetKind::Any,
                MatchKind::Lpm | MatchKind::Ternary | MatchKind::Range | MatchKind::Optional,
            ) => Ok(KeyMatch::Any),
            (_, MatchKind::Selector) => invalid(self, "entries cannot say anything about a selector key"),
            (KeysetKind::ValueSet(_), _) => invalid(self, "a value set is no key of an entry"),
            (KeysetKind::Value(value), kind) => {
                let value = self.key_bits(value, width)?;
                Ok(match kind {
                    MatchKind::Lpm => KeyMatch::Lpm { value, prefix_len: width },
                    MatchKind::Ternary => KeyMatch::Ternary { value, mask: Bits::ones(width) },
                    MatchKind::Range => KeyMatch::Range { low: value.clone(), high: value },
                    MatchKind::Exact | MatchKind::Optional | MatchKind::Selector => KeyMatch::Exact(value),
                })
            }
            (KeysetKind::Mask(value, mask), kind) => {
                let (value, mask) = (self.key_bits(value, width)?, self.key_bits(mask, width)?);
                let value = value.and(&mask);
                match kind {
                    MatchKind::Ternary => Ok(KeyMatch::Ternary { value, mask }),
                    MatchKind::Lpm => {
                        let prefix_len = mask.leading_ones();
                        if mask.count_ones() != prefix_len {
                            return invalid(self, "the mask of a longest-prefix key has to be a prefix");
                        }
                        Ok(KeyMatch::Lpm { value, prefix_len })
                    }
                    // A mask of ones is the value itself, one of zeros anything.
                    MatchKind::Exact | MatchKind::Optional if mask.is_ones() => Ok(KeyMatch::Exact(value)),
                    MatchKind::Optional if mask.is_zero() => Ok(KeyMatch::Any),
                    MatchKind::Exact | MatchKind::Optional | MatchKind::Range | MatchKind::Selector => {
                        invalid(self, "a key of this kind is not matched by a mask")
                    }
                }
            }
            (KeysetKind::Range(low, high), kind) => {
                let (low, high) = (self.key_bits(low, width)?, self.key_bits(high, width)?);
                if kind != MatchKind::Range {
                    return invalid(self, "only a range key is matched by a range");
                }
                if low.cmp_unsigned(&high).is_gt() {
                    return invalid(self, "the range ends before it begins");
                }
                Ok(KeyMatch::Range { low, high })
            }
        }
    }

    fn key_bits(&mut self, expr: &Expr, width: u32) -> Lower<Bits> {
        let value = self.constant(expr)?;
        match self.int_of(&value) {
            Some(int) => Ok(bits_of(&int, width)),
            None => self.bits_of_constant(&value, width, expr.span),
        }
    }

    /// A size that an extern was constructed with.
    pub(crate) fn size_arg(&mut self, inst: InstId, index: usize) -> Lower<u64> {
        let span = self.hir.instances[self.insts[inst].hir].decl.span;
        let value = self.insts[inst].args.get(index).cloned().flatten();
        let size = value.and_then(|v| self.int_of(&v)).and_then(|i| i.to_u64());
        match size {
            Some(size) => Ok(size),
            None => {
                self.error(codes::NOT_CONSTANT, span, "its size has to be a number known at compile time")
            }
        }
    }
}

/// Whether a block reads a register and writes it: something that other packets must not get between.
pub fn updates_register(block: &[Stmt]) -> bool {
    let (mut read, mut written) = (Vec::new(), Vec::new());
    ir::each_stmt(block, &mut |stmt| match stmt {
        Stmt::RegisterRead { register, .. } => read.push(*register),
        Stmt::RegisterWrite { register, .. } => written.push(*register),
        _ => {}
    });
    read.iter().any(|r| written.contains(r))
}
