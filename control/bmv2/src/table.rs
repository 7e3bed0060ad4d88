//! Tables, action profiles and the entries that a program declares.
//!
//! Invariant: a table has a default action. Where the document names none, it is one that does nothing and that the
//! control plane cannot name.

use std::collections::HashMap;

use heddle_ir::{
    Action, ActionCall, Bits, Block, ControlName, Expr, Key, KeyMatch, MatchKind, Profile, ProfileId,
    Selector, Stmt, Table, TableAction, TableEntry, TableId, Ty, VarId,
};
use heddle_p4::lower::fold;

use crate::action::{ActionRef, Usage};
use crate::calculation;
use crate::error::Lower;
use crate::json::Node;
use crate::layout::no_such;
use crate::number::Number;
use crate::operand::hex;
use crate::switch::Lowerer;

/// Entries that a table holds if its document does not say.
const TABLE_SIZE: u64 = 1024;

/// Prefix of the tables that a compiler makes of direct calls.
const HIDDEN_PREFIX: &str = "tbl_";

/// Whether a compiler made this table of something that is none in the source.
pub(crate) fn is_hidden(name: &str) -> bool {
    name.starts_with(HIDDEN_PREFIX)
}

/// A table as a pipeline runs it.
#[derive(Debug)]
pub(crate) struct TableInfo<'a> {
    /// The table, unless all it does is to call an action.
    pub(crate) is: TableIs,
    /// Names of its actions by position.
    pub(crate) action_names: Vec<&'a str>,
}

/// What a table became.
#[derive(Debug)]
pub(crate) enum TableIs {
    /// A table; the slot says whether an entry matched.
    Table(TableId, Option<VarId>),
    /// A call of an action: position, and what comes before it.
    Call(usize, ActionRef),
}

/// Actions of a table by their ids, or by names in older documents.
pub(crate) fn action_ids<'a>(node: &Node<'a>, names: &HashMap<&'a str, u64>) -> Lower<Vec<(Node<'a>, u64)>> {
    let mut ids = Vec::new();
    if let Some(list) = node.opt("action_ids") {
        for id in list.items()? {
            let number = id.number()?;
            ids.push((id, number));
        }
        return Ok(ids);
    }
    for name in node.get("actions")?.items()? {
        match names.get(name.text()?) {
            Some(id) => ids.push((name, *id)),
            None => return name.wrong(no_such("action", name.text()?)),
        }
    }
    Ok(ids)
}

/// How all pipelines use their actions.
pub(crate) fn usage<'a>(root: &Node<'a>) -> Lower<HashMap<u64, Usage>> {
    let mut names = HashMap::new();
    for action in root.get("actions")?.items()? {
        names.entry(action.name()?).or_insert(action.get("id")?.number()?);
    }
    let mut usage: HashMap<u64, Usage> = HashMap::new();
    for pipeline in root.get("pipelines")?.items()? {
        let stage = match pipeline.name()? {
            "ingress" => 0,
            "egress" => 1,
            _ => continue,
        };
        for table in pipeline.list("tables")? {
            let visible = !is_hidden(table.name()?);
            for (_, id) in action_ids(&table, &names)? {
                let used = usage.entry(id).or_default();
                used.stages[stage] = true;
                used.visible |= visible;
            }
        }
        for call in pipeline.list("action_calls")? {
            usage.entry(call.get("action_id")?.number()?).or_default().stages[stage] = true;
        }
    }
    Ok(usage)
}

impl<'a> Lowerer<'a> {
    /// Reads the action profiles of a pipeline.
    pub(crate) fn read_profiles(&mut self, pipeline: &Node<'a>) -> Lower<()> {
        for node in pipeline.list("action_profiles")? {
            let name = node.name()?;
            let size = node.opt("max_size").map_or(Ok(TABLE_SIZE), |n| n.number())?;
            self.profile(name, size, node.opt("selector"))?;
        }
        Ok(())
    }

    fn profile(&mut self, name: &'a str, size: u64, selector: Option<Node<'a>>) -> Lower<ProfileId> {
        let selector_ir = match &selector {
            Some(node) => {
                let algorithm = calculation::algorithm(&node.get("algo")?)?;
                let width = calculation::result_width(algorithm);
                Some(Selector { algorithm, width, max_group_size: 0 })
            }
            None => None,
        };
        let control = self.control(0x11, name);
        let id = self.ir.profiles.push(Profile { control, size, selector: selector_ir });
        self.profiles.insert(name, (id, selector));
        Ok(id)
    }

    /// Lowers a table.
    pub(crate) fn table(&mut self, node: &Node<'a>) -> Lower<TableInfo<'a>> {
        let name = node.name()?;
        let (keys, profile) = (self.keys(node)?, self.table_profile(node)?);
        let mut refs: Vec<ActionRef> = Vec::new();
        let mut action_names = Vec::new();
        let names = self.action_names.clone();
        for (at, id) in action_ids(node, &names)? {
            match self.actions.get(&id) {
                Some(action) if refs.iter().any(|r| r.id == action.id) => {
                    return at.wrong("the table has this action twice");
                }
                Some(action) => refs.push(action.clone()),
                None => return at.wrong(format!("there is no action with id {id}")),
            }
            action_names.push(names.iter().find(|(_, known)| **known == id).map_or("", |(name, _)| *name));
        }
        // Copies of an action have its name, and only the first of them an id that the names lead to.
        for (i, action) in refs.iter().enumerate() {
            if action_names[i].is_empty() {
                let known = &self.ir.actions[action.id].control.name;
                action_names[i] = names.keys().find(|n| *n == known).copied().unwrap_or_default();
            }
        }
        let default = self.default_entry(node, &refs)?;
        if let Some((call, true)) = &default
            && is_hidden(name)
            && keys.is_empty()
            && call.args.is_empty()
            && let Some(action) = refs.get(call.action)
        {
            let is = TableIs::Call(call.action, action.clone());
            return Ok(TableInfo { is, action_names });
        }
        let direct_counter = self.direct_counter(node)?;
        let direct_meter = match node.opt("direct_meters") {
            Some(meter) => {
                let text = meter.text()?;
                let known = self.direct_meters.get(text).cloned();
                Some(known.map_or_else(|| meter.wrong(no_such("direct meter array", text)), Ok)?)
            }
            None => None,
        };
        let hit = direct_meter.as_ref().map(|_| self.new_var(format!("{name}.$hit"), Ty::Bits(1)));
        let mut before: Block = Vec::new();
        if let Some(counter) = direct_counter {
            before.push(Stmt::Count { counter, index: None });
        }
        if let (Some(direct), Some(hit)) = (&direct_meter, hit) {
            // `simple_switch` leaves the field alone where no entry matched.
            let (meter, color) = (direct.meter, self.temp(8));
            before.push(Stmt::Meter { meter, index: None, color });
            let target = direct.target.clone();
            let store = self.in_block(|l| {
                l.store(&target, Number::unsigned(Expr::read(color), 8));
                Ok(())
            })?;
            before.push(Stmt::when(Expr::read(hit), store));
        }
        let table_action = |action: &ActionRef| TableAction {
            action: action.id,
            copy_in: [action.before(), before.clone()].concat(),
            copy_out: Vec::new(),
            default_only: false,
            table_only: false,
        };
        let mut actions: Vec<TableAction> = refs.iter().map(table_action).collect();
        let (default_action, const_default) = match default {
            Some(default) => default,
            None => {
                let control = ControlName { name: format!("{name}.$none"), id: 0, hidden: true };
                let action = self.ir.actions.push(Action { control, params: Vec::new(), body: Vec::new() });
                let none = TableAction {
                    default_only: true,
                    ..table_action(&ActionRef { id: action, variant: None })
                };
                actions.push(none);
                (ActionCall { action: actions.len() - 1, args: Vec::new() }, false)
            }
        };
        let entries = self.entries(node, &keys, &refs)?;
        let declared = node.opt("entries").is_some();
        let size = match node.opt("max_size") {
            Some(size) if !declared => size.number()?,
            _ => entries.len() as u64,
        };
        let mut control = self.control(0x02, name);
        if is_hidden(name) {
            (control.id, control.hidden) = (0, true);
        }
        let id = self.ir.tables.push(Table {
            control,
            keys,
            actions,
            default_action,
            const_default,
            // The smaller number wins in the format.
            largest_priority_wins: !declared,
            entries,
            const_entries: declared,
            size,
            profile,
            direct_counter,
            direct_meter: direct_meter.as_ref().map(|direct| direct.meter),
            idle_timeout: node.flag("support_timeout", false)?,
        });
        if let Some(counter) = direct_counter {
            self.ir.counters[counter].table = Some(id);
        }
        if let Some(direct) = direct_meter {
            self.ir.meters[direct.meter].table = Some(id);
        }
        Ok(TableInfo { is: TableIs::Table(id, hit), action_names })
    }

    fn direct_counter(&mut self, node: &Node<'a>) -> Lower<Option<heddle_ir::CounterId>> {
        if !node.flag("with_counters", false)? {
            return Ok(None);
        }
        let name = node.name()?;
        if let Some(counter) = self.direct_counters.get(name) {
            return Ok(Some(*counter));
        }
        let control = self.control(0x13, &format!("{name}.$counter"));
        let unit = heddle_ir::CounterUnit::PacketsAndBytes;
        Ok(Some(self.ir.counters.push(heddle_ir::Counter { control, unit, size: 0, table: None })))
    }

    fn table_profile(&mut self, node: &Node<'a>) -> Lower<Option<ProfileId>> {
        let kind = node.get("type")?;
        match kind.text()? {
            "simple" => return Ok(None),
            "indirect" | "indirect_ws" => {}
            other => {
                return kind
                    .wrong(format!("`simple`, `indirect` or `indirect_ws` is expected here, not `{other}`"));
            }
        }
        if let Some(name) = node.opt("action_profile") {
            let text = name.text()?;
            let known = self.profiles.get(text).map(|(id, _)| *id);
            return known.map_or_else(|| name.wrong(no_such("action profile", text)), |id| Ok(Some(id)));
        }
        // Older documents have it in the table.
        let name = node.get("act_prof_name")?.text()?;
        self.profile(name, TABLE_SIZE, node.opt("selector")).map(Some)
    }

    fn keys(&mut self, node: &Node<'a>) -> Lower<Vec<Key>> {
        let mut keys = Vec::new();
        for key in node.list("key")? {
            keys.push(self.key(&key)?);
        }
        let profile = node.opt("action_profile").map(|n| n.text()).transpose()?;
        let selector = profile.and_then(|name| self.profiles.get(name)).and_then(|(_, s)| s.clone());
        for input in selector.or_else(|| node.opt("selector")).map_or(Ok(Vec::new()), |s| s.list("input"))? {
            let number = self.number(&input)?;
            let name = match input.get("value")?.items()?.as_slice() {
                [header, field] => format!("{}.{}", header.text()?, field.text()?),
                _ => return input.wrong("a field is expected here"),
            };
            keys.push(Key { name, expr: number.expr, width: number.width, kind: MatchKind::Selector });
        }
        Ok(keys)
    }

    fn key(&mut self, node: &Node<'a>) -> Lower<Key> {
        let match_type = node.get("match_type")?;
        let target = node.get("target")?;
        let kind = match match_type.text()? {
            "exact" | "valid" => MatchKind::Exact,
            "lpm" => MatchKind::Lpm,
            "ternary" => MatchKind::Ternary,
            "range" => MatchKind::Range,
            "optional" => MatchKind::Optional,
            other => {
                return match_type.wrong(format!(
                    "`exact`, `lpm`, `ternary`, `range` or `valid` is expected here, not `{other}`"
                ));
            }
        };
        let (number, field) = if match_type.text()? == "valid" {
            (Number::unsigned(self.header_named(&target)?.valid(), 1), target.text()?.to_owned())
        } else {
            let [header, field] = target.tuple()?;
            let number = self.named_field(&header, &field)?;
            (number, format!("{}.{}", header.text()?, field.text()?))
        };
        let name = node.opt("name").map_or(Ok(field), |n| n.text().map(str::to_owned))?;
        let width = number.width;
        let expr = match node.opt("mask") {
            Some(mask) => {
                let mask = fold::bits_of(&hex(&mask)?, width);
                fold::binary(heddle_ir::BinaryOp::And, number.expr, Expr::Const(mask))
            }
            None => number.expr,
        };
        Ok(Key { name, expr, width, kind })
    }

    /// The default action, and whether it stays.
    fn default_entry(&self, node: &Node<'a>, refs: &[ActionRef]) -> Lower<Option<(ActionCall, bool)>> {
        let Some(entry) = node.opt("default_entry") else { return Ok(None) };
        let call = self.action_call(&entry, refs)?;
        Ok(Some((call, entry.flag("action_const", false)?)))
    }

    /// An action of a table with its data: members `action_id` and `action_data`.
    fn action_call(&self, node: &Node<'a>, refs: &[ActionRef]) -> Lower<ActionCall> {
        let id = node.get("action_id")?;
        let action = self.action_by_id(&id)?;
        let Some(position) = refs.iter().position(|r| r.id == action.id) else {
            return id
                .wrong(format!("`{}` is no action of this table", self.ir.actions[action.id].control.name));
        };
        let params = &self.ir.actions[action.id].params;
        let data = node.list("action_data")?;
        if data.len() != params.len() {
            return node.wrong(format!(
                "`{}` takes {} values, not {}",
                self.ir.actions[action.id].control.name,
                params.len(),
                data.len()
            ));
        }
        let mut args = Vec::new();
        for (param, value) in params.iter().zip(&data) {
            args.push(fold::bits_of(&hex(value)?, self.ir.vars[param.var].ty.width()));
        }
        Ok(ActionCall { action: position, args })
    }

    fn entries(&self, node: &Node<'a>, keys: &[Key], refs: &[ActionRef]) -> Lower<Vec<TableEntry>> {
        let ranked = keys.iter().any(|key| match key.kind {
            MatchKind::Ternary | MatchKind::Range | MatchKind::Optional => true,
            MatchKind::Exact | MatchKind::Lpm | MatchKind::Selector => false,
        });
        let mut entries = Vec::new();
        for entry in node.list("entries")? {
            let parts = entry.get("match_key")?;
            let items = parts.items()?;
            if items.len() != keys.len() {
                return parts.wrong(format!("the table has {} keys, and this {}", keys.len(), items.len()));
            }
            let mut matches = Vec::new();
            for (part, key) in items.iter().zip(keys) {
                matches.push(key_match(part, key)?);
            }
            let action = self.action_call(&entry.get("action_entry")?, refs)?;
            let priority = if ranked { entry.get("priority")?.small()? } else { 0 };
            entries.push(TableEntry { matches, priority, action, is_const: true });
        }
        Ok(entries)
    }
}

fn key_match(part: &Node<'_>, key: &Key) -> Lower<KeyMatch> {
    let width = key.width;
    let bits = |name| part.get(name).and_then(|n| hex(&n)).map(|n| fold::bits_of(&n, width));
    let kind = part.get("match_type")?;
    Ok(match (kind.text()?, key.kind) {
        ("valid", MatchKind::Exact) => KeyMatch::Exact(Bits::bool(part.get("key")?.truth()?)),
        ("exact", MatchKind::Exact) => KeyMatch::Exact(bits("key")?),
        ("lpm", MatchKind::Lpm) => {
            let length = part.get("prefix_length")?;
            let prefix_len = length.small()?;
            if prefix_len > width {
                return length.wrong(format!("the key has {width} bits"));
            }
            let value = bits("key")?.and(&Bits::mask_prefix(width, prefix_len));
            KeyMatch::Lpm { value, prefix_len }
        }
        ("ternary", MatchKind::Ternary) => {
            let mask = bits("mask")?;
            match mask.is_zero() {
                true => KeyMatch::Any,
                false => KeyMatch::Ternary { value: bits("key")?.and(&mask), mask },
            }
        }
        ("range", MatchKind::Range) => {
            let (low, high) = (bits("start")?, bits("end")?);
            if low.cmp_unsigned(&high).is_gt() {
                return part.wrong("the range ends before it starts");
            }
            KeyMatch::Range { low, high }
        }
        (other, _) => return kind.wrong(format!("the table's key is not matched as `{other}`")),
    })
}
