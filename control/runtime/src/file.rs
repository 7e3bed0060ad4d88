//! The runtime file: table entries, multicast groups and clone sessions given at start.
//!
//! It is the JSON that P4 tutorials call `s1-runtime.json`, loaded as it is. Beyond that it knows action
//! selectors (`"action_selector": [{"action_name", "action_params", "weight"}]` in place of an action),
//! registers (`"register_entries": [{"register", "index", "value"}]`) and idle time-outs. Keys that mean nothing
//! here (`target`, `p4info`, `bmv2_json`) are left alone; misspelt ones are refused.
//!
//! Invariant: a file is translated as a whole or not at all; every error names the entry, the field and what is
//! wanted there.

use std::collections::BTreeMap;

use heddle_ir::{Key, KeyMatch, MatchKind, Program};
use heddle_state::{
    CloneSession, EntryAction, EntryKey, EntrySpec, MulticastGroup, OneShotMember, Replica, Update,
};
use serde::Deserialize;
use serde_json::Value;

use crate::entry::{self, EntryError, KeyError};
use crate::names::{NameError, Names};
use crate::value::{self, ValueError};

/// Why a runtime file is refused.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Not JSON, or not of the form.
    #[error("line {line}, column {column}: {message}")]
    Syntax {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// What is wrong.
        message: String,
    },
    /// An entry does not fit the program.
    #[error("{list}[{index}]: {error}")]
    Item {
        /// `table_entries`, ...
        list: &'static str,
        /// From 0.
        index: usize,
        /// Why.
        error: ItemError,
    },
}

/// Why one item of a runtime file is refused.
#[derive(Debug, thiserror::Error)]
pub enum ItemError {
    /// A name, key or argument is wrong.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// A name is wrong.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A value is wrong.
    #[error("{field}: {error}")]
    Value {
        /// Which.
        field: &'static str,
        /// Why.
        error: ValueError,
    },
    /// Something is missing, superfluous or contradicts itself.
    #[error("table `{table}`: {problem}")]
    Table {
        /// Table.
        table: String,
        /// What, and what is wanted.
        problem: &'static str,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "target")]
    _target: Option<Value>,
    #[serde(rename = "p4info")]
    _p4info: Option<Value>,
    #[serde(rename = "bmv2_json")]
    _bmv2_json: Option<Value>,
    #[serde(default)]
    table_entries: Vec<TableEntry>,
    #[serde(default)]
    multicast_group_entries: Vec<Group>,
    #[serde(default)]
    clone_session_entries: Vec<Session>,
    #[serde(default)]
    register_entries: Vec<RegisterCell>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TableEntry {
    table: String,
    #[serde(default)]
    default_action: bool,
    #[serde(rename = "match")]
    matches: Option<BTreeMap<String, Value>>,
    priority: Option<u32>,
    action_name: Option<String>,
    #[serde(default)]
    action_params: BTreeMap<String, Value>,
    action_selector: Option<Vec<SelectorMember>>,
    idle_timeout_ns: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SelectorMember {
    action_name: String,
    #[serde(default)]
    action_params: BTreeMap<String, Value>,
    weight: Option<u32>,
    watch_port: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    multicast_group_id: u32,
    replicas: Vec<GroupReplica>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Session {
    clone_session_id: u32,
    replicas: Vec<GroupReplica>,
    #[serde(default)]
    packet_length_bytes: u32,
    #[serde(default)]
    class_of_service: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GroupReplica {
    egress_port: u32,
    #[serde(default)]
    instance: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RegisterCell {
    register: String,
    index: Option<u64>,
    value: Value,
}

/// Translates a runtime file into updates for a program.
///
/// # Errors
/// [`FileError`] for the first thing that does not fit; nothing has been changed then.
pub fn parse(text: &str, program: &Program) -> Result<Vec<Update>, FileError> {
    let file: File = serde_json::from_str(text).map_err(|error| FileError::Syntax {
        line: error.line(),
        column: error.column(),
        message: error.to_string(),
    })?;
    let names = Names::new(program);
    let mut updates = Vec::new();
    items("table_entries", &file.table_entries, &mut updates, |entry| table_entry(names, entry))?;
    items("multicast_group_entries", &file.multicast_group_entries, &mut updates, |group| {
        Ok(Update::CreateMulticastGroup(MulticastGroup {
            id: group.multicast_group_id,
            replicas: replicas(&group.replicas),
        }))
    })?;
    items("clone_session_entries", &file.clone_session_entries, &mut updates, |session| {
        Ok(Update::CreateCloneSession(CloneSession {
            id: session.clone_session_id,
            replicas: replicas(&session.replicas),
            packet_length_bytes: session.packet_length_bytes,
            class_of_service: session.class_of_service,
        }))
    })?;
    items("register_entries", &file.register_entries, &mut updates, |cell| {
        let register = names.register(&cell.register)?;
        let width = program.registers[register].width;
        let value = value::parse(&text_of(&cell.value), width)
            .map_err(|error| ItemError::Value { field: "value", error })?;
        Ok(Update::WriteRegister { register, index: cell.index, value })
    })?;
    Ok(updates)
}

fn items<T>(
    list: &'static str,
    all: &[T],
    updates: &mut Vec<Update>,
    mut translate: impl FnMut(&T) -> Result<Update, ItemError>,
) -> Result<(), FileError> {
    for (index, item) in all.iter().enumerate() {
        updates.push(translate(item).map_err(|error| FileError::Item { list, index, error })?);
    }
    Ok(())
}

fn table_entry(names: Names<'_>, entry: &TableEntry) -> Result<Update, ItemError> {
    let table = names.table(&entry.table)?;
    let definition = &names.program().tables[table];
    let problem = |problem| ItemError::Table { table: definition.control.name.clone(), problem };

    let given = entry.matches.iter().flatten();
    if entry.default_action {
        let name = entry.action_name.as_deref().ok_or_else(|| problem("`action_name` is missing"))?;
        if entry.matches.as_ref().is_some_and(|m| !m.is_empty()) {
            return Err(problem("a default action has no `match`; remove one of the two"));
        }
        let action = entry::action(names, table, name, params(&entry.action_params))?;
        return Ok(Update::SetDefault { table, action });
    }

    let given = given.map(|(name, value)| (name.clone(), value));
    let matches = entry::matches(names, table, given, false, key_match)?;
    let has_priority = entry::has_priority(names, table);
    if !has_priority && entry.priority.is_some_and(|p| p != 0) {
        return Err(problem("`priority` is only for tables with ternary, range or optional keys"));
    }
    if has_priority && entry.priority.is_none_or(|p| p == 0) {
        return Err(problem(
            "`priority` is missing; tables with ternary, range or optional keys want one above 0",
        ));
    }
    let action = match (&entry.action_name, &entry.action_selector) {
        (Some(name), None) => {
            let action = entry::action(names, table, name, params(&entry.action_params))?;
            if definition.profile.is_some() {
                EntryAction::OneShot(vec![OneShotMember { action, weight: 1, watch_port: None }])
            } else {
                EntryAction::Action(action)
            }
        }
        (None, Some(members)) => {
            if definition.profile.is_none() {
                return Err(problem("the table has no action selector; give `action_name`"));
            }
            let members = members.iter().map(|member| {
                let params = params(&member.action_params);
                Ok(OneShotMember {
                    action: entry::action(names, table, &member.action_name, params)?,
                    weight: member.weight.unwrap_or(1),
                    watch_port: member.watch_port,
                })
            });
            EntryAction::OneShot(members.collect::<Result<_, EntryError>>()?)
        }
        (Some(_), Some(_)) => return Err(problem("give `action_name` or `action_selector`, not both")),
        (None, None) => return Err(problem("`action_name` is missing")),
    };
    Ok(Update::InsertEntry(EntrySpec {
        key: EntryKey { table, matches, priority: entry.priority.filter(|_| has_priority) },
        action,
        idle_timeout_ns: entry.idle_timeout_ns.unwrap_or(0),
        metadata: Vec::new(),
    }))
}

fn replicas(given: &[GroupReplica]) -> Vec<Replica> {
    let replica =
        |r: &GroupReplica| Replica { port: r.egress_port, instance: r.instance, backups: Vec::new() };
    given.iter().map(replica).collect()
}

fn params(given: &BTreeMap<String, Value>) -> impl Iterator<Item = (&str, String)> {
    given.iter().map(|(name, value)| (name.as_str(), text_of(value)))
}

/// A JSON value as one would write it. The tutorials also write a single value as a list of one.
fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(flag) => u8::from(*flag).to_string(),
        Value::Array(items) if items.len() == 1 => text_of(&items[0]),
        other => other.to_string(),
    }
}

/// A key's match as the tutorials write it: `value`, `[address, length]`, `[value, mask]`, `[low, high]`.
fn key_match(given: &Value, key: &Key) -> Result<KeyMatch, KeyError> {
    let Value::Array(pair) = given else {
        return entry::key_match(&text_of(given), key);
    };
    let [first, second] = pair.as_slice() else {
        return match pair.as_slice() {
            [one] => entry::key_match(&text_of(one), key),
            _ => Err(KeyError::Notation {
                text: given.to_string(),
                kind: "this",
                wanted: "one value or a list of two",
            }),
        };
    };
    let (first, second) = (text_of(first), text_of(second));
    let separator = match key.kind {
        MatchKind::Exact | MatchKind::Optional | MatchKind::Selector => {
            return Err(KeyError::Notation {
                text: given.to_string(),
                kind: "an exact",
                wanted: "one value",
            });
        }
        MatchKind::Lpm => "/",
        MatchKind::Ternary => "&&&",
        MatchKind::Range => "..",
    };
    entry::key_match(&format!("{first}{separator}{second}"), key)
}
