//! Objects of a program by the names that people use for them.
//!
//! Invariant: a name means one object: its full name, its alias, or an end of its full name that no other shares. A name
//! that means none, or several, is refused with those that it could have been.

use anyhow::bail;
use heddle_p4rt_proto::config::{self, P4Info, Preamble};

/// A program's objects.
#[derive(Debug)]
pub(crate) struct Names {
    pub(crate) p4info: P4Info,
}

/// What has a preamble.
pub(crate) trait Named {
    fn preamble(&self) -> Option<&Preamble>;

    fn id(&self) -> u32 {
        self.preamble().map_or(0, |preamble| preamble.id)
    }

    /// The short name where there is one.
    fn name(&self) -> &str {
        self.preamble().map_or("", |preamble| match preamble.alias.as_str() {
            "" => preamble.name.as_str(),
            alias => alias,
        })
    }
}

macro_rules! named {
    ($($kind:ident),*) => {
        $(impl Named for config::$kind {
            fn preamble(&self) -> Option<&Preamble> {
                self.preamble.as_ref()
            }
        })*
    };
}

named!(Table, Action, ActionProfile, Counter, DirectCounter, Meter, DirectMeter, Register, Digest, ValueSet);
named!(ControllerPacketMetadata);

/// The object of a kind that a name means.
pub(crate) fn find<'a, T: Named>(kind: &str, objects: &'a [T], name: &str) -> anyhow::Result<&'a T> {
    let is_exactly = |object: &&T| {
        object.preamble().is_some_and(|preamble| preamble.name == name || preamble.alias == name)
    };
    if let Some(object) = objects.iter().find(is_exactly) {
        return Ok(object);
    }
    let ends = |object: &&T| {
        object
            .preamble()
            .and_then(|preamble| preamble.name.strip_suffix(name))
            .is_some_and(|before| before.ends_with('.'))
    };
    let mut found = objects.iter().filter(ends);
    match (found.next(), found.next()) {
        (Some(object), None) => Ok(object),
        (Some(first), Some(second)) => {
            bail!("{kind} `{name}` may be `{}` or `{}`; write more of it", first.name(), second.name())
        }
        (None, _) if objects.is_empty() => bail!("the program has no {kind}"),
        (None, _) => {
            let all: Vec<&str> = objects.iter().map(Named::name).collect();
            bail!("the program has no {kind} `{name}`; it has {}", all.join(", "))
        }
    }
}

impl Names {
    pub(crate) fn new(p4info: P4Info) -> Names {
        Names { p4info }
    }

    pub(crate) fn table(&self, name: &str) -> anyhow::Result<&config::Table> {
        find("table", &self.p4info.tables, name)
    }

    pub(crate) fn table_by_id(&self, id: u32) -> Option<&config::Table> {
        self.p4info.tables.iter().find(|table| table.id() == id)
    }

    pub(crate) fn action_by_id(&self, id: u32) -> Option<&config::Action> {
        self.p4info.actions.iter().find(|action| action.id() == id)
    }

    /// An action out of a list of their numbers.
    pub(crate) fn action(&self, of: &str, ids: &[u32], name: &str) -> anyhow::Result<&config::Action> {
        let actions: Vec<config::Action> =
            self.p4info.actions.iter().filter(|action| ids.contains(&action.id())).cloned().collect();
        let id = find(&format!("action of `{of}`"), &actions, name)?.id();
        match self.action_by_id(id) {
            Some(action) => Ok(action),
            None => bail!("the program has no action `{name}`"),
        }
    }

    pub(crate) fn profile(&self, name: &str) -> anyhow::Result<&config::ActionProfile> {
        find("action profile", &self.p4info.action_profiles, name)
    }
}
