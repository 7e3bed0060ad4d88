//! Running a script on a switch in this process, on virtual time.
//!
//! Every packet is run until nothing moves before the next command. Output is compared at the end, port by port and in
//! order, as the scripts' authors expect: a packet too many fails as one too few does.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use heddle_engine::{Config, EngineError, Event, PortConfig, Rate, Switch};
use heddle_exec::Executor;
use heddle_exec::trace::TraceSink;
use heddle_ir::{Bits, Program, TableId};
use heddle_packet::PortId;
use heddle_ports::Port;
use heddle_ports::memory::{MemoryOptions, MemoryPeer, pair};
use heddle_state::{
    ActionSpec, CloneSession, CounterValue, DirectOf, EntryAction, EntryKey, EntrySpec, GroupMember,
    GroupSpec, MemberSpec, MeterConfig, MulticastGroup, OneShotMember, Replica, State, StateError, Update,
    WriteError,
};

use super::script::{ActionText, Command, CounterCheck, EntryText, ReadKind, Relation, Script};
use crate::entry::{self, EntryError};
use crate::names::{NameError, Names};
use crate::value::{self, ValueError};

/// Virtual time between two packets: enough for any queue to drain.
const PACKET_INTERVAL_NS: u64 = 1_000_000;

/// Ports that exist although a script may not speak of them.
const UNWATCHED_PORTS: u32 = 16;

/// Why a script cannot be run: not what it found, but that it does not fit the program.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A command does not fit the program.
    #[error("line {line}: {error}")]
    Command {
        /// Line number, from 1.
        line: usize,
        /// Why.
        error: CommandError,
    },
    /// The program's state cannot be built.
    #[error(transparent)]
    State(#[from] StateError),
    /// The switch cannot be built.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// Why a command does not fit the program.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// A name means nothing.
    #[error(transparent)]
    Name(#[from] NameError),
    /// An entry is wrong.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// A value is wrong.
    #[error(transparent)]
    Value(#[from] ValueError),
    /// The switch refuses it.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// Something that the script speaks of is not there.
    #[error("{0}")]
    Missing(String),
}

/// An expectation that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// A packet differs.
    Mismatch {
        /// Line of the expectation.
        line: usize,
        /// Port.
        port: u32,
        /// What was expected, `*` for any digit.
        expected: String,
        /// What came.
        got: String,
    },
    /// A packet did not come.
    Missing {
        /// Line of the expectation.
        line: usize,
        /// Port.
        port: u32,
        /// What was expected.
        expected: String,
    },
    /// A packet came that nothing expected.
    Unexpected {
        /// Port.
        port: u32,
        /// What came.
        got: String,
    },
    /// A counter or register is not what it should be.
    Check {
        /// Line of the check.
        line: usize,
        /// What it is, and what was expected.
        what: String,
    },
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Mismatch { line, port, expected, got } => {
                let at = first_difference(expected, got);
                write!(
                    f,
                    "line {line}: the packet from port {port} differs from byte {} on\n  expected {expected}\n       got {got}\n           {:>width$}",
                    at / 2,
                    "^",
                    width = at + 1
                )
            }
            Failure::Missing { line, port, expected } => {
                write!(f, "line {line}: no packet came from port {port}; expected {expected}")
            }
            Failure::Unexpected { port, got } => {
                write!(f, "port {port} sent a packet that nothing expects\n       got {got}")
            }
            Failure::Check { line, what } => write!(f, "line {line}: {what}"),
        }
    }
}

fn first_difference(expected: &str, got: &str) -> usize {
    let differs = |(a, b): (char, char)| a != '*' && a != b;
    expected.chars().zip(got.chars()).position(differs).unwrap_or_else(|| expected.len().min(got.len()))
}

/// What a script found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Expectations that did not hold. None: the script holds.
    pub failures: Vec<Failure>,
    /// Packets sent in.
    pub packets_in: usize,
    /// Packets that came out and were expected.
    pub packets_out: usize,
}

/// Runs a script through an executor.
///
/// # Errors
/// [`RunError`] if the script does not fit the program.
pub fn run(executor: Arc<dyn Executor>, script: &Script) -> Result<Outcome, RunError> {
    let mut runner = Runner::new(executor, script)?;
    for line in &script.lines {
        runner
            .command(line.number, &line.command)
            .map_err(|error| RunError::Command { line: line.number, error })?;
    }
    Ok(runner.finish())
}

struct Expectation {
    line: usize,
    pattern: Option<Vec<Option<u8>>>,
    exact_length: bool,
}

/// A script being run.
pub struct Runner {
    executor: Arc<dyn Executor>,
    state: Arc<State>,
    switch: Switch,
    peers: BTreeMap<u32, MemoryPeer>,
    /// The ports whose output counts.
    watched: BTreeSet<u32>,
    now_ns: u64,
    expected: BTreeMap<u32, Vec<Expectation>>,
    received: BTreeMap<u32, Vec<Vec<u8>>>,
    outcome: Outcome,
    entries: HashMap<String, EntryKey>,
    /// Multicast nodes by handle: replication id and ports.
    nodes: Vec<(u32, Vec<u32>)>,
    groups: BTreeMap<u32, Vec<usize>>,
    /// Clone sessions that copy what a group has.
    sessions: BTreeMap<u32, SessionTarget>,
}

#[derive(Clone, Copy)]
enum SessionTarget {
    Port(u32),
    Group(u32),
}

impl Runner {
    /// A switch for a script. It has the ports that the script speaks of, and the first few besides, so that
    /// programs may send there; what leaves by those is not looked at.
    ///
    /// # Errors
    /// [`RunError`] if the program's state does not fit the machine.
    pub fn new(executor: Arc<dyn Executor>, script: &Script) -> Result<Runner, RunError> {
        let state = Arc::new(State::new(executor.program(), 1)?);
        let (mut ports, mut peers): (Vec<Box<dyn Port>>, _) = (Vec::new(), BTreeMap::new());
        let watched: BTreeSet<u32> = script.ports().into_iter().collect();
        for number in watched.iter().copied().chain((0..UNWATCHED_PORTS).filter(|n| !watched.contains(n))) {
            let options = MemoryOptions { name: format!("port{number}"), ..MemoryOptions::default() };
            let (port, peer) = pair(PortId(number), &options);
            ports.push(Box::new(port));
            peers.insert(number, peer);
        }
        let config = Config { port_default: port_config(None), ..Config::simulated() };
        let switch = Switch::new(config, Arc::clone(&executor), Arc::clone(&state), ports)?;
        Ok(Runner {
            executor,
            state,
            switch,
            peers,
            watched,
            now_ns: PACKET_INTERVAL_NS,
            expected: BTreeMap::new(),
            received: BTreeMap::new(),
            outcome: Outcome::default(),
            entries: HashMap::new(),
            nodes: Vec::new(),
            groups: BTreeMap::new(),
            sessions: BTreeMap::new(),
        })
    }

    /// Tells a trace what happens from now on.
    pub fn set_trace(&mut self, sink: Option<Box<dyn TraceSink + Send>>) {
        self.switch.set_trace(sink);
    }

    /// Carries out one command.
    ///
    /// # Errors
    /// [`CommandError`] if it does not fit the program.
    pub fn command(&mut self, line: usize, command: &Command) -> Result<(), CommandError> {
        let executor = Arc::clone(&self.executor);
        let program: &Program = executor.program();
        let names = Names::new(program);
        match command {
            Command::Packet { port, bytes } => self.packet(*port, bytes),
            Command::Expect { port, pattern, exact_length } => {
                self.expected.entry(*port).or_default().push(Expectation {
                    line,
                    pattern: pattern.clone(),
                    exact_length: *exact_length,
                });
            }
            Command::NoPacket => {}
            Command::Wait => self.settle(),
            Command::QueueRate { packets_per_second, port } => {
                let config = port_config(Rate::packets_per_second(*packets_per_second));
                for number in self.peers.keys().filter(|number| port.is_none_or(|port| port == **number)) {
                    self.switch
                        .configure_port(PortId(*number), config)
                        .map_err(|error| CommandError::Missing(error.to_string()))?;
                }
            }
            Command::Add { table, priority, keys, does, id } => {
                let key = entry_key(names, table, *priority, keys)?;
                let action = entry_action(names, key.table, does)?;
                let entry = EntrySpec { key, action, idle_timeout_ns: 0, metadata: Vec::new() };
                if let Some(id) = id {
                    self.entries.insert(id.clone(), entry.key.clone());
                }
                self.write(Update::InsertEntry(entry))?;
            }
            Command::SetDefault { table, action } => {
                let table = names.table(table)?;
                let action = action_spec(names, table, action)?;
                self.write(Update::SetDefault { table, action })?;
            }
            Command::RemoveAll => {
                for table in program.tables.keys().filter(|t| !program.tables[*t].const_entries) {
                    self.write(Update::ClearTable(table))?;
                }
            }
            Command::Remove { table, priority, keys } => {
                self.write(Update::DeleteEntry(entry_key(names, table, *priority, keys)?))?;
            }
            Command::RemoveNamed { id } => {
                let key = self.entries.remove(id).ok_or_else(|| {
                    CommandError::Missing(format!("no entry was added as `= {id}`, or it was removed"))
                })?;
                self.write(Update::DeleteEntry(key))?;
            }
            Command::Member { profile, member, action } => {
                let id = names.profile(profile)?;
                let table = program.tables.iter().find(|(_, table)| table.profile == Some(id));
                let (table, _) = table.ok_or_else(|| {
                    CommandError::Missing(format!("no table is implemented by `{profile}`"))
                })?;
                let action = action_spec(names, table, action)?;
                self.write(Update::CreateMember(MemberSpec { profile: id, id: *member, action }))?;
            }
            Command::Group { profile, group, members } => {
                let profile = names.profile(profile)?;
                let member = |member: &u32| GroupMember { member: *member, weight: 1, watch_port: None };
                let members = members.iter().map(member).collect();
                self.write(Update::CreateGroup(GroupSpec { profile, id: *group, max_size: None, members }))?;
            }
            Command::CheckCounter { counter, index, check } => {
                let value = self.counter_value(names, counter, index)?;
                self.check_counter(line, counter, index, check.as_ref(), value);
            }
            Command::CheckRegister { register, index, relation, value } => {
                let id = names.register(register)?;
                let definition = &program.registers[id];
                let wanted = value::parse(value, definition.width)?;
                let cell = self.state.register_value(id, *index).ok_or_else(|| {
                    CommandError::Missing(format!(
                        "register `{register}` has {} cells, so there is no cell {index}",
                        definition.size
                    ))
                })?;
                if !holds(*relation, &cell, &wanted) {
                    let what = format!("{register}({index}) is {cell}; expected {relation} {wanted}");
                    self.outcome.failures.push(Failure::Check { line, what });
                }
            }
            Command::MirroringAdd { session, port } => self.session(*session, SessionTarget::Port(*port))?,
            Command::MirroringAddGroup { session, group } => {
                self.session(*session, SessionTarget::Group(*group))?;
            }
            Command::MirroringDelete { session } => {
                self.sessions.remove(session);
                self.write(Update::DeleteCloneSession(*session))?;
            }
            Command::GroupCreate { group } => {
                self.groups.insert(*group, Vec::new());
                self.write(Update::CreateMulticastGroup(MulticastGroup {
                    id: *group,
                    replicas: Vec::new(),
                }))?;
            }
            Command::NodeCreate { rid, ports } => self.nodes.push((*rid, ports.clone())),
            Command::NodeUpdate { node, ports } => {
                let count = self.nodes.len();
                let found = self.nodes.get_mut(*node as usize).ok_or_else(|| no_node(*node, count))?;
                found.1.clone_from(ports);
                for group in self.groups.keys().copied().collect::<Vec<_>>() {
                    self.publish_group(group)?;
                }
            }
            Command::NodeAssociate { group, node } => {
                if *node as usize >= self.nodes.len() {
                    return Err(no_node(*node, self.nodes.len()));
                }
                let Some(nodes) = self.groups.get_mut(group) else {
                    return Err(CommandError::Missing(format!(
                        "there is no multicast group {group}; `mc_mgrp_create {group}` makes it"
                    )));
                };
                nodes.push(*node as usize);
                self.publish_group(*group)?;
            }
            Command::CounterWrite { counter, index, packets, bytes } => {
                let counter = names.counter(counter)?;
                let value = CounterValue { packets: *packets, bytes: *bytes };
                self.write(Update::WriteCounter { counter, index: Some(*index), value })?;
            }
            Command::Read { kind, name, index } => self.read(names, *kind, name, *index)?,
            Command::RegisterWrite { register, index, value } => {
                let register = names.register(register)?;
                let value = value::parse(value, program.registers[register].width)?;
                self.write(Update::WriteRegister { register, index: Some(*index), value })?;
            }
            Command::RegisterReset { register } => {
                let register = names.register(register)?;
                let value = Bits::zero(program.registers[register].width);
                self.write(Update::WriteRegister { register, index: None, value })?;
            }
            Command::MeterSetRates { meter, index, rates } => {
                let id = names.meter(meter)?;
                let [(cir, cburst), (pir, pburst)] = *rates;
                let config = Some(MeterConfig { cir, cburst, pir, pburst, eburst: 0 });
                let update = match (index, program.meters[id].table) {
                    (Some(index), Some(_)) => {
                        let key = self.entries.get(index).cloned().ok_or_else(|| {
                            CommandError::Missing(format!(
                                "meter `{meter}` meters entries, and no entry was added as `= {index}`"
                            ))
                        })?;
                        Update::WriteDirectMeter { entry: DirectOf::Entry(key), config }
                    }
                    (Some(index), None) => {
                        let cell = value::parse(index, 64)?.low_u64();
                        Update::WriteMeter { meter: id, index: Some(cell), config }
                    }
                    (None, _) => Update::WriteMeter { meter: id, index: None, config },
                };
                self.write(update)?;
            }
        }
        Ok(())
    }

    /// Runs packets through as fast as they go, without keeping what comes out; gives how many came out. For
    /// measurements.
    pub fn pass(&mut self, packets: &[(PortId, Vec<u8>)]) -> u64 {
        self.now_ns += PACKET_INTERVAL_NS;
        for (port, bytes) in packets {
            self.switch.inject(*port, bytes, self.now_ns);
        }
        while let Some(due_ns) = self.switch.run_until_quiet(self.now_ns) {
            if self.switch.held() == 0 {
                break;
            }
            self.now_ns = self.now_ns.max(due_ns);
        }
        while self.switch.digest().is_some() {}
        let mut out = 0;
        for peer in self.peers.values_mut() {
            while let Some(sent) = peer.collect() {
                peer.recycle(sent.packet);
                out += 1;
            }
        }
        out
    }

    /// The state that commands change, to be run by other executors of the same program as well.
    pub fn state(&self) -> &Arc<State> {
        &self.state
    }

    /// What the switch counted so far.
    pub fn stats(&self) -> heddle_engine::Stats {
        self.switch.stats()
    }

    /// Compares what came out with what was expected.
    pub fn finish(mut self) -> Outcome {
        self.settle();
        for (port, expectations) in std::mem::take(&mut self.expected) {
            let got = self.received.remove(&port).unwrap_or_default();
            // An expectation without data asks only that the port sends: any number of packets will do.
            if expectations.iter().all(|e| e.pattern.is_none()) {
                match got.is_empty() {
                    true => self.outcome.failures.push(Failure::Missing {
                        line: expectations[0].line,
                        port,
                        expected: "any packet".to_owned(),
                    }),
                    false => self.outcome.packets_out += got.len(),
                }
                continue;
            }
            let mut got = got.into_iter();
            for expectation in expectations {
                let expected = text(&expectation);
                match got.next() {
                    None => {
                        let line = expectation.line;
                        self.outcome.failures.push(Failure::Missing { line, port, expected });
                    }
                    Some(bytes) if expectation.matches(&bytes) => self.outcome.packets_out += 1,
                    Some(bytes) => self.outcome.failures.push(Failure::Mismatch {
                        line: expectation.line,
                        port,
                        expected,
                        got: hex(&bytes),
                    }),
                }
            }
            self.outcome.failures.extend(got.map(|bytes| Failure::Unexpected { port, got: hex(&bytes) }));
        }
        for (port, got) in std::mem::take(&mut self.received) {
            let unexpected = got.into_iter().map(|bytes| Failure::Unexpected { port, got: hex(&bytes) });
            self.outcome.failures.extend(unexpected);
        }
        self.outcome
    }

    fn packet(&mut self, port: u32, bytes: &[u8]) {
        self.now_ns += PACKET_INTERVAL_NS;
        self.outcome.packets_in += 1;
        self.switch.inject(PortId(port), bytes, self.now_ns);
        self.settle();
    }

    /// Lets virtual time pass until nothing moves, and takes what came out.
    fn settle(&mut self) {
        loop {
            let due_ns = self.switch.run_until_quiet(self.now_ns);
            for (port, peer) in &mut self.peers {
                let frames = peer.collect_frames();
                if !frames.is_empty() && self.watched.contains(port) {
                    self.received.entry(*port).or_default().extend(frames);
                }
            }
            // Digests and events have no reader in a script.
            while self.switch.digest().is_some() {}
            while let Some(event) = self.switch.event() {
                match event {
                    Event::PortGone { .. }
                    | Event::PortUp { .. }
                    | Event::NotPinned { .. }
                    | Event::NotRealtime { .. }
                    | Event::WorkerPanicked { .. } => {}
                }
            }
            match due_ns {
                Some(due_ns) if self.switch.held() > 0 => self.now_ns = self.now_ns.max(due_ns),
                Some(_) | None => return,
            }
        }
    }

    fn write(&mut self, update: Update) -> Result<(), CommandError> {
        Ok(self.state.write(&[update])?)
    }

    fn session(&mut self, id: u32, target: SessionTarget) -> Result<(), CommandError> {
        let known = self.sessions.insert(id, target).is_some();
        let session = self.clone_session(id, target);
        self.write(match known {
            true => Update::ModifyCloneSession(session),
            false => Update::CreateCloneSession(session),
        })
    }

    fn clone_session(&self, id: u32, target: SessionTarget) -> CloneSession {
        let replicas = match target {
            SessionTarget::Port(port) => vec![Replica { port, instance: 0, backups: Vec::new() }],
            SessionTarget::Group(group) => self.replicas(group),
        };
        CloneSession { id, replicas, packet_length_bytes: 0, class_of_service: 0 }
    }

    fn replicas(&self, group: u32) -> Vec<Replica> {
        let nodes = self.groups.get(&group).into_iter().flatten().map(|node| &self.nodes[*node]);
        nodes
            .flat_map(|(rid, ports)| ports.iter().map(|port| (*rid, *port)))
            .map(|(instance, port)| Replica { port, instance, backups: Vec::new() })
            .collect()
    }

    /// Writes a group, and the sessions that copy it.
    fn publish_group(&mut self, group: u32) -> Result<(), CommandError> {
        self.write(Update::ModifyMulticastGroup(MulticastGroup {
            id: group,
            replicas: self.replicas(group),
        }))?;
        for (id, target) in self.sessions.clone() {
            if matches!(target, SessionTarget::Group(g) if g == group) {
                self.write(Update::ModifyCloneSession(self.clone_session(id, target)))?;
            }
        }
        Ok(())
    }

    fn counter_value(
        &self,
        names: Names<'_>,
        counter: &str,
        index: &str,
    ) -> Result<CounterValue, CommandError> {
        let id = names.counter(counter)?;
        let definition = &names.program().counters[id];
        if definition.table.is_some() {
            let key = self.entries.get(index).ok_or_else(|| {
                CommandError::Missing(format!(
                    "counter `{counter}` counts entries, and no entry was added as `= {index}`"
                ))
            })?;
            let value = self.state.direct_counter(&DirectOf::Entry(key.clone()));
            return value.map_err(|error| CommandError::Missing(error.to_string()));
        }
        let cell = value::parse(index, 64)?.low_u64();
        self.state.counter(id, cell).ok_or_else(|| {
            CommandError::Missing(format!(
                "counter `{counter}` has {} cells, so there is no cell {index}",
                definition.size
            ))
        })
    }

    fn check_counter(
        &mut self,
        line: usize,
        counter: &str,
        index: &str,
        check: Option<&CounterCheck>,
        value: CounterValue,
    ) {
        let Some(check) = check else { return };
        let (unit, is) = if check.bytes { ("bytes", value.bytes) } else { ("packets", value.packets) };
        if !check.relation.holds(&is, &check.value) {
            let what =
                format!("{counter}({index}) has {is} {unit}; expected {} {}", check.relation, check.value);
            self.outcome.failures.push(Failure::Check { line, what });
        }
    }

    fn read(
        &self,
        names: Names<'_>,
        kind: ReadKind,
        name: &str,
        index: Option<u64>,
    ) -> Result<(), CommandError> {
        let index = index.unwrap_or(0);
        let there = match kind {
            ReadKind::Counter => {
                let counter = names.counter(name)?;
                names.program().counters[counter].table.is_some()
                    || self.state.counter(counter, index).is_some()
            }
            ReadKind::Register => self.state.register_value(names.register(name)?, index).is_some(),
            ReadKind::Meter => {
                let meter = &names.program().meters[names.meter(name)?];
                meter.table.is_some() || index < meter.size
            }
            ReadKind::CloneSession => {
                let id = value::parse(name, 32)?.low_u64();
                self.sessions.contains_key(&(id as u32))
            }
        };
        match there {
            true => Ok(()),
            false => Err(CommandError::Missing(format!("there is no {name} {index} to be read"))),
        }
    }
}

/// As many queues as v1model has priorities.
fn port_config(rate: Option<Rate>) -> PortConfig {
    PortConfig { queues: 8, rate, ..PortConfig::default() }
}

fn no_node(node: u32, count: usize) -> CommandError {
    CommandError::Missing(format!("there is no multicast node {node}; {count} were created, numbered from 0"))
}

fn holds(relation: Relation, left: &Bits, right: &Bits) -> bool {
    relation.holds(&left.cmp_unsigned(right), &std::cmp::Ordering::Equal)
}

/// The action that a table may run, with its arguments by name.
fn action_spec(names: Names<'_>, table: TableId, written: &ActionText) -> Result<ActionSpec, CommandError> {
    let params = &names.program().actions[names.action(table, &written.name)?].params;
    let args: Option<Vec<(&str, String)>> = written
        .args
        .iter()
        .enumerate()
        .map(|(position, (name, value))| {
            let name = name.as_deref().or(params.get(position).map(|param| param.name.as_str()))?;
            Some((name, value.clone()))
        })
        .collect();
    let args = args.ok_or_else(|| {
        CommandError::Missing(format!(
            "the action `{}` has {} parameters, and {} arguments are given",
            written.name,
            params.len(),
            written.args.len()
        ))
    })?;
    Ok(entry::action(names, table, &written.name, args)?)
}

fn entry_key(
    names: Names<'_>,
    table: &str,
    priority: Option<u32>,
    keys: &[(String, String)],
) -> Result<EntryKey, CommandError> {
    let table = names.table(table)?;
    let matches =
        entry::matches(names, table, keys.iter().cloned(), true, |text, key| entry::key_match(&text, key))?;
    // In scripts the larger number wins, and none given is the least.
    let priority = entry::has_priority(names, table).then(|| {
        let given = priority.unwrap_or(0);
        match names.program().tables[table].largest_priority_wins {
            true => given.saturating_add(1),
            false => u32::MAX / 2 - given.min(u32::MAX / 2 - 1),
        }
    });
    Ok(EntryKey { table, matches, priority })
}

fn entry_action(names: Names<'_>, table: TableId, does: &EntryText) -> Result<EntryAction, CommandError> {
    let actions = match does {
        EntryText::Member(member) => return Ok(EntryAction::Member(*member)),
        EntryText::Group(group) => return Ok(EntryAction::Group(*group)),
        EntryText::Actions(actions) => actions,
    };
    let definition = &names.program().tables[table];
    let mut specs = Vec::new();
    for action in actions {
        specs.push(action_spec(names, table, action)?);
    }
    Ok(match (definition.profile, specs.as_slice()) {
        (None, [one]) => EntryAction::Action(one.clone()),
        (None, _) => {
            return Err(CommandError::Missing(format!(
                "table `{}` has no action selector, so its entries have one action each",
                definition.control.name
            )));
        }
        (Some(_), several) => EntryAction::OneShot(
            several
                .iter()
                .map(|action| OneShotMember { action: action.clone(), weight: 1, watch_port: None })
                .collect(),
        ),
    })
}

impl Expectation {
    fn matches(&self, bytes: &[u8]) -> bool {
        let Some(pattern) = &self.pattern else { return true };
        let digits = 2 * bytes.len();
        let length_fits = if self.exact_length { digits == pattern.len() } else { digits >= pattern.len() };
        let nibble = |i: usize| bytes[i / 2] >> (4 * (1 - i % 2)) & 0xf;
        length_fits && pattern.iter().enumerate().all(|(i, wanted)| wanted.is_none_or(|w| w == nibble(i)))
    }
}

fn text(expectation: &Expectation) -> String {
    let Some(pattern) = &expectation.pattern else { return "any packet".to_owned() };
    let digit = |nibble: &Option<u8>| match nibble {
        Some(value) => char::from_digit(u32::from(*value), 16).unwrap_or('?'),
        None => '*',
    };
    let mut text: String = pattern.iter().map(digit).collect();
    if expectation.exact_length {
        text.push('$');
    }
    text
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
