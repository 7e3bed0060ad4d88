//! Actions.
//!
//! A compiler writes an action once for every table that runs it, under one control-plane name. Copies that do the
//! same are one action here. Copies that differ are variants of one action, which every table tells by a slot it sets
//! before: the control plane knows a single action by each name.
//!
//! Invariant: the visible actions of a program have different names.

use std::collections::HashMap;

use heddle_ir::{Action, ActionId, ActionParam, Bits, Block, Expr, Place, Stmt, Ty, VarId};
use heddle_p4::lower::updates_register;
use serde_json::Value;

use crate::error::Lower;
use crate::json::Node;
use crate::number::Number;
use crate::switch::Lowerer;

/// How the pipelines use an action.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// Whether ingress and egress run it.
    pub(crate) stages: [bool; 2],
    /// Whether a table that the control plane sees has it.
    pub(crate) visible: bool,
}

/// An action as tables refer to it.
#[derive(Clone, Debug)]
pub(crate) struct ActionRef {
    pub(crate) id: ActionId,
    /// The slot that tells variants, and which one this is.
    pub(crate) variant: Option<(VarId, Bits)>,
}

impl ActionRef {
    /// What comes before it.
    pub(crate) fn before(&self) -> Block {
        let set = |(slot, label): &(VarId, Bits)| Stmt::Assign(Place::Var(*slot), Expr::Const(label.clone()));
        self.variant.iter().map(set).collect()
    }
}

/// Bits of the slot that tells variants.
const VARIANT_WIDTH: u32 = 16;

/// Copies of one action.
struct Group<'a> {
    name: &'a str,
    params: Vec<(&'a str, u32)>,
    usage: Usage,
    /// Different bodies, without what says where in the source they are, and the ids that have them.
    bodies: Vec<(String, Node<'a>, Vec<u64>)>,
}

impl<'a> Lowerer<'a> {
    /// Reads all actions.
    pub(crate) fn read_actions(&mut self, root: &Node<'a>, usage: &HashMap<u64, Usage>) -> Lower<()> {
        let mut groups: Vec<Group<'a>> = Vec::new();
        for node in root.get("actions")?.items()? {
            let (name, id) = (node.name()?, node.get("id")?.number()?);
            let mut params = Vec::new();
            for param in node.list("runtime_data")? {
                params.push((param.name()?, param.get("bitwidth")?.small()?));
            }
            let primitives = node.get("primitives")?;
            let mut body = String::new();
            canonical(primitives.value, &mut body);
            let used = usage.get(&id).copied().unwrap_or_default();
            self.action_names.entry(name).or_insert(id);
            let group = match groups.iter_mut().find(|g| g.name == name && g.params == params) {
                Some(group) => group,
                None => {
                    groups.push(Group { name, params, usage: Usage::default(), bodies: Vec::new() });
                    let last = groups.len() - 1;
                    &mut groups[last]
                }
            };
            for (all, one) in group.usage.stages.iter_mut().zip(used.stages) {
                *all |= one;
            }
            group.usage.visible |= used.visible;
            match group.bodies.iter_mut().find(|(known, ..)| *known == body) {
                Some((_, _, ids)) => ids.push(id),
                None => group.bodies.push((body, primitives, vec![id])),
            }
        }
        let mut seen: Vec<&str> = Vec::new();
        for group in &groups {
            if group.usage.visible {
                if seen.contains(&group.name) {
                    let at = group.bodies.first().map_or(root, |(_, node, _)| node);
                    return at.wrong(format!(
                        "two actions `{}` that the control plane sees have different parameters",
                        group.name
                    ));
                }
                seen.push(group.name);
            }
            self.group(group)?;
        }
        Ok(())
    }

    fn group(&mut self, group: &Group<'a>) -> Lower<()> {
        let (mut params, mut locals) = (Vec::new(), Vec::new());
        for (name, width) in &group.params {
            let var = self.new_var(format!("{}.{name}", group.name), Ty::Bits(*width));
            params.push(ActionParam { name: (*name).to_owned(), var });
            locals.push(Number::unsigned(Expr::read(var), *width));
        }
        self.locals = locals;
        self.stages = group.usage.stages;
        let mut blocks = Vec::new();
        for (_, primitives, _) in &group.bodies {
            blocks.push(self.action_body(primitives)?);
        }
        self.locals = Vec::new();
        let (slot, mut body) = match (blocks.pop(), blocks.is_empty()) {
            (Some(only), true) => (None, only),
            (last, _) => {
                let slot = self.new_var(format!("{}.$variant", group.name), Ty::Bits(VARIANT_WIDTH));
                let cases = blocks.into_iter().enumerate().map(|(i, b)| (vec![label(i)], b)).collect();
                let default = last.unwrap_or_default();
                (Some(slot), vec![Stmt::Switch { on: Expr::read(slot), cases, default }])
            }
        };
        if updates_register(&body) {
            body = vec![Stmt::Atomic(body)];
        }
        let mut control = self.control(0x01, group.name);
        if !group.usage.visible {
            (control.id, control.hidden) = (0, true);
        }
        let id = self.ir.actions.push(Action { control, params, body });
        for (i, (_, _, ids)) in group.bodies.iter().enumerate() {
            let variant = slot.map(|slot| (slot, label(i)));
            for json_id in ids {
                self.actions.insert(*json_id, ActionRef { id, variant: variant.clone() });
            }
        }
        Ok(())
    }

    /// The action of an id.
    pub(crate) fn action_by_id(&self, id: &Node<'a>) -> Lower<ActionRef> {
        let number = id.number()?;
        match self.actions.get(&number) {
            Some(action) => Ok(action.clone()),
            None => id.wrong(format!("there is no action with id {number}")),
        }
    }
}

fn label(index: usize) -> Bits {
    Bits::new(VARIANT_WIDTH, index as u128)
}

/// A value as text, without where in the source it comes from. Order of members counts.
fn canonical(value: &Value, text: &mut String) {
    match value {
        Value::Object(members) => {
            text.push('{');
            for (key, value) in members.iter().filter(|(key, _)| *key != "source_info") {
                text.push_str(key);
                text.push(':');
                canonical(value, text);
                text.push(',');
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for item in items {
                canonical(item, text);
                text.push(',');
            }
            text.push(']');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            text.push_str(&value.to_string())
        }
    }
}
