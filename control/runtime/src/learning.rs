//! The agent that makes a switch learn: it answers digests by writing table entries, like any controller would.
//!
//! A program can be served if it has a digest with members `mac` and `port`, and two tables keyed by one
//! 48-bit address, one whose name ends in `smac` with an action `known(port)`, one in `dmac` with an action
//! `forward(port)`; see `pipelines/l2_switch.p4`. Floods go to multicast group 1, which holds every port.
//!
//! Invariant: every address the agent has written stands in both tables, at the same port.

use std::collections::{HashMap, VecDeque};

use heddle_ir::{ActionId, Bits, DigestId, KeyMatch, MatchKind, Program, TableId};
use heddle_state::{ActionSpec, EntryAction, EntryKey, EntrySpec, MulticastGroup, Replica, State, Update};

use crate::names::Names;

/// The group that floods.
pub const FLOOD_GROUP: u32 = 1;

/// The learning agent of one switch.
#[derive(Debug)]
pub struct Agent {
    digest: DigestId,
    mac_position: usize,
    port_position: usize,
    tables: [LearnedTable; 2],
    capacity: usize,
    ports: HashMap<Bits, u64>,
    oldest_first: VecDeque<Bits>,
}

#[derive(Clone, Copy, Debug)]
struct LearnedTable {
    table: TableId,
    action: ActionId,
    port_width: u32,
}

fn flood_group(ports: impl IntoIterator<Item = u32>) -> MulticastGroup {
    let replica = |port| Replica { port, instance: 0, backups: Vec::new() };
    MulticastGroup { id: FLOOD_GROUP, replicas: ports.into_iter().map(replica).collect() }
}

impl Agent {
    /// An agent for the program, if it is one to be served.
    pub fn for_program(program: &Program) -> Option<Agent> {
        let (digest, mac_position, port_position) = program.digests.iter().find_map(|(id, digest)| {
            let position = |name: &str| digest.fields.iter().position(|(field, _)| field == name);
            Some((id, position("mac")?, position("port")?))
        })?;
        let names = Names::new(program);
        let tables = [("smac", "known"), ("dmac", "forward")].map(|(table, action)| {
            let table = names.table(table).ok()?;
            let [key] = program.tables[table].keys.as_slice() else { return None };
            let action = names.action(table, action).ok()?;
            let [param] = program.actions[action].params.as_slice() else { return None };
            let fits = key.kind == MatchKind::Exact && key.width == 48 && param.name == "port";
            let port_width = program.vars[param.var].ty.width();
            fits.then_some(LearnedTable { table, action, port_width })
        });
        let tables = [tables[0]?, tables[1]?];
        let capacity = tables.iter().map(|t| program.tables[t.table].size).min().unwrap_or(0);
        Some(Agent {
            digest,
            mac_position,
            port_position,
            tables,
            capacity: usize::try_from(capacity).unwrap_or(usize::MAX).max(1),
            ports: HashMap::new(),
            oldest_first: VecDeque::new(),
        })
    }

    /// What has to be written before the first packet: the flood group with these ports.
    pub fn initial(&self, ports: impl IntoIterator<Item = u32>) -> Update {
        Update::CreateMulticastGroup(flood_group(ports))
    }

    /// What has to be written when ports have come or gone: the flood group with those that there are.
    pub fn with_ports(&self, ports: impl IntoIterator<Item = u32>) -> Update {
        Update::ModifyMulticastGroup(flood_group(ports))
    }

    /// Learns what an agent before it has written, from the tables themselves.
    pub fn recall(&mut self, state: &State) {
        let [known, _] = self.tables;
        for view in state.entries(known.table) {
            let ([KeyMatch::Exact(mac)], EntryAction::Action(action)) =
                (view.spec.key.matches.as_slice(), &view.spec.action)
            else {
                continue;
            };
            let stands_in_both =
                self.tables.iter().all(|learned| state.entry(&key(learned.table, mac)).is_ok());
            if let [port] = action.args.as_slice()
                && stands_in_both
                && self.ports.insert(mac.clone(), port.low_u64()).is_none()
            {
                self.oldest_first.push_back(mac.clone());
            }
        }
    }

    /// Answers a digest. Nothing if it is another digest, or tells nothing new.
    pub fn learn(&mut self, digest: DigestId, values: &[Bits]) -> Vec<Update> {
        let (Some(mac), Some(port)) = (values.get(self.mac_position), values.get(self.port_position)) else {
            return Vec::new();
        };
        if digest != self.digest {
            return Vec::new();
        }
        let (mac, port) = (mac.resize(48, false), port.low_u64());
        let before = self.ports.insert(mac.clone(), port);
        let mut updates = Vec::new();
        if before == Some(port) {
            return updates;
        }
        if before.is_none() {
            self.oldest_first.push_back(mac.clone());
            if self.oldest_first.len() > self.capacity
                && let Some(oldest) = self.oldest_first.pop_front()
            {
                self.ports.remove(&oldest);
                updates.extend(self.tables.iter().map(|t| Update::DeleteEntry(key(t.table, &oldest))));
            }
        }
        for table in &self.tables {
            let spec = EntrySpec {
                key: key(table.table, &mac),
                action: EntryAction::Action(ActionSpec {
                    action: table.action,
                    args: vec![Bits::new(table.port_width, u128::from(port))],
                }),
                idle_timeout_ns: 0,
                metadata: Vec::new(),
            };
            updates.push(match before {
                None => Update::InsertEntry(spec),
                Some(_) => Update::ModifyEntry(spec),
            });
        }
        updates
    }

    /// Addresses known.
    pub fn len(&self) -> usize {
        self.ports.len()
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.ports.is_empty()
    }
}

fn key(table: TableId, mac: &Bits) -> EntryKey {
    EntryKey { table, matches: vec![KeyMatch::Exact(mac.clone())], priority: None }
}
