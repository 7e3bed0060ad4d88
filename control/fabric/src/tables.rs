//! What the controller tells every switch: routes, groups of ports, jobs, members, policies, thresholds.
//!
//! Written through the ordinary write path, as a runtime file. Invariant: a switch is told of its own hosts and of the
//! other leaves, not of other leaves' hosts.

use std::collections::{BTreeSet, HashMap};
use std::net::Ipv4Addr;

use heddle_ir::Program;
use heddle_runtime::file::{self, FileError};
use heddle_state::{MeterConfig, Update};
use serde_json::{Value, json};

use crate::frame::mac_text;
use crate::jobs::Jobs;
use crate::placement::Pins;
use crate::policy::Policy;
use crate::topology::{NodeIndex, Topology};
use crate::ways::{Group, Ways, group};

/// How switches know a flow: its ends and queue pair.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FlowKey {
    pub(crate) src: usize,
    pub(crate) dst: usize,
    pub(crate) dest_qp: u32,
}

/// What is told.
pub(crate) struct Plan<'p> {
    pub(crate) topology: &'p Topology,
    pub(crate) jobs: &'p Jobs,
    /// By job, the host of each rank.
    pub(crate) placed: &'p [Vec<usize>],
    pub(crate) policy: Policy,
    pub(crate) seed: u64,
    /// By flow.
    pub(crate) keys: &'p [FlowKey],
    pub(crate) pins: &'p Pins,
    /// By leaf.
    pub(crate) ways: &'p [Ways],
    /// Of a message, in the mean over all bytes.
    pub(crate) message_bytes: u64,
}

/// For how long a tenant with a limit may have sent nothing and send that much at once, before marks have slowed its
/// senders down.
const LIMIT_BURST_MS: u64 = 1;

/// How many times as heavy as the lightest queue one is that outweighs it by much.
const HEAVY: u64 = 8;

/// Clone sessions of pause frames, as `pipelines/ai_fabric/pause.p4` has them, and the queue that they leave by.
const PAUSE_SESSION: usize = 1_024;
const PAUSE_ALL_SESSION: usize = 1_023;
const CONTROL_QUEUE: usize = 7;

/// How long a pause lasts: quanta of 512 bits.
pub(crate) fn pause_ns(rate_bps: u64, quanta: u16) -> u64 {
    u64::from(quanta) * 512 * 1_000_000_000 / rate_bps.max(1)
}

/// Port numbers of a switch by their positions are one more, so that no port has number 0.
pub(crate) fn number(port: usize) -> usize {
    port + 1
}

impl Plan<'_> {
    /// Everything for one switch.
    pub(crate) fn updates(&self, node: NodeIndex, program: &Program) -> Result<Vec<Update>, FileError> {
        let mut entries = Vec::new();
        let mut registers = Vec::new();
        self.routes(node, &|_| true, &mut entries, Some(&mut registers));
        self.arrivals(node, &mut registers);
        self.classes(node, &mut entries);
        let switch = self.topology.switch;
        // A packet waits at most twice between leaves, and once more before its host, which is no matter of paths.
        let queues = self.jobs.weights.len().max(1) as u64;
        let cables_ns: u64 = self.topology.cables.iter().map(|cable| cable.delay_ns).max().unwrap_or(0);
        let longest_us =
            (2 * queues * self.topology.queue_drain_ns(switch.queue_kb * 1_000) + 8 * cables_ns) / 1_000 + 10;
        let seed = (self.seed ^ (node as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)) as u32;
        for (register, index, value) in [
            ("path_config", 0, u64::from(seed)),
            ("path_config", 1, u64::from(switch.flowlet_us)),
            ("path_config", 2, longest_us),
            ("path_config", 3, excess_shift(self.message_bytes)),
            ("path_config", 4, self.topology.host.window_kb * 1_000 / 4),
            ("trim_above", 0, switch.trim_bytes(self.topology.host.mtu_bytes)),
        ] {
            let value = value.min(u64::from(u32::MAX));
            registers.push(json!({ "register": register, "index": index, "value": value }));
        }
        self.marks(&mut registers);
        let mut sessions = Vec::new();
        if switch.pause_buffer_kb > 0 {
            self.pauses(node, &mut registers, &mut sessions);
        }
        let file = json!({
            "table_entries": entries, "register_entries": registers, "clone_session_entries": sessions,
        });
        let mut updates = file::parse(&file.to_string(), program)?;
        let meter = program.meters.iter().find(|(_, meter)| meter.control.name.ends_with("tenant_limit"));
        if let Some((meter, _)) = meter {
            updates.extend(self.jobs.limits.iter().map(|(&tenant, &bps)| {
                // Marks take about a round trip and a sender's timer to tell: what comes until then has to be let through.
                let (cir, cburst) = (bps / 8, (bps / 8 / 10_000).max(64_000));
                let pburst = (cir / 1_000 * LIMIT_BURST_MS).max(4 * cburst);
                let config = Some(MeterConfig { cir, cburst, pir: cir, pburst, eburst: 0 });
                Update::WriteMeter { meter, index: Some(u64::from(tenant)), config }
            }));
        }
        Ok(updates)
    }

    /// From which depth on queues mark. One that outweighs another by much holds a whole window of a connection before it does:
    /// beside others it waits though its senders send no more than the link takes.
    fn marks(&self, registers: &mut Vec<Value>) {
        let (switch, host) = (self.topology.switch, self.topology.host);
        let lightest = self.jobs.weights.iter().copied().min().unwrap_or(1);
        let window_kb = (host.window_kb * 5 / 4).min(switch.queue_kb / 4);
        for queue in 0..8 {
            let weight = self.jobs.weights.get(queue).copied().unwrap_or(lightest);
            let is_heavy = u64::from(weight) >= HEAVY * u64::from(lightest);
            let (low_kb, high_kb) = match is_heavy && switch.ecn_low_kb > 0 && switch.ecn_low_kb < window_kb {
                true => (window_kb, switch.ecn_high_kb + window_kb - switch.ecn_low_kb),
                false => (switch.ecn_low_kb, switch.ecn_high_kb),
            };
            // The chance grows to about a fifth where marking becomes certain.
            let range_bytes = (high_kb.saturating_sub(low_kb) * 1_000).max(1);
            let shift = (range_bytes as f64 / 13_107.0).log2().max(0.0).round() as u64;
            for (register, value) in
                [("ecn_low", low_kb * 1_000), ("ecn_high", high_kb * 1_000), ("ecn_shift", shift)]
            {
                let value = value.min(u64::from(u32::MAX));
                registers.push(json!({ "register": register, "index": queue, "value": value }));
            }
        }
    }

    /// When to ask which neighbour for a pause, and how long the quanta of theirs are.
    fn pauses(&self, node: NodeIndex, registers: &mut Vec<Value>, sessions: &mut Vec<Value>) {
        let topology = self.topology;
        let buffer_bytes = topology.switch.pause_buffer_kb * 1_000;
        let mut again_us = u64::MAX;
        for (port, &(cable, _)) in topology.ports[node].iter().enumerate() {
            let cable = &topology.cables[cable];
            // Once for the pause, once more for what comes if it runs out before it is asked for again.
            let above = buffer_bytes.saturating_sub(2 * topology.headroom_bytes(cable));
            let low = above.saturating_sub(2 * u64::from(topology.host.mtu_bytes)) / 2;
            // 512 bits, in 1024ths of a nanosecond.
            let quantum = 512 * 1_024 * 1_000_000_000 / cable.rate_bps.max(1);
            again_us = again_us.min(pause_ns(cable.rate_bps, u16::MAX) / 2_000);
            for (register, value) in [
                ("pause_quantum", quantum),
                ("pause_above", above),
                ("resume_below", low),
                ("pause_buffer", buffer_bytes),
            ] {
                let index = number(port);
                let value = value.min(u64::from(u32::MAX));
                registers.push(json!({ "register": register, "index": index, "value": value }));
            }
            sessions.push(json!({
                "clone_session_id": PAUSE_SESSION + number(port), "class_of_service": CONTROL_QUEUE,
                "replicas": [{ "egress_port": number(port), "instance": 1 }],
            }));
        }
        let all: Vec<Value> = (0..topology.ports[node].len())
            .map(|port| json!({ "egress_port": number(port), "instance": number(port) }))
            .collect();
        sessions.push(json!({
            "clone_session_id": PAUSE_ALL_SESSION, "class_of_service": CONTROL_QUEUE, "replicas": all,
        }));
        let watchdog_us = topology.switch.watchdog_us;
        for (register, index, value) in [
            ("pause_again", 0, again_us.max(1)),
            ("watchdog", 0, watchdog_us),
            ("watchdog", 1, 4 * watchdog_us),
        ] {
            registers.push(json!({ "register": register, "index": index, "value": value }));
        }
    }

    /// What changes when cables stop working: the routes by groups and the pinned flows, as they then are. `told`: where entries of
    /// flows are already.
    pub(crate) fn rerouted(
        &self,
        node: NodeIndex,
        works: &dyn Fn(usize) -> bool,
        told: &BTreeSet<(NodeIndex, usize)>,
        program: &Program,
    ) -> Result<Vec<Update>, FileError> {
        let (mut changed, mut new) = (Vec::new(), Vec::new());
        self.routes(node, works, &mut changed, None);
        changed.retain(|entry| entry["action_name"] == "to_group");
        for (flow, entry) in self.pinned(node) {
            let entries = if told.contains(&(node, flow)) { &mut changed } else { &mut new };
            entries.push(entry);
        }
        let updates =
            |entries: Vec<Value>| file::parse(&json!({ "table_entries": entries }).to_string(), program);
        let changed = updates(changed)?.into_iter().map(|update| match update {
            Update::InsertEntry(entry) => Update::ModifyEntry(entry),
            other => other,
        });
        Ok(changed.chain(updates(new)?).collect())
    }

    fn routes(
        &self,
        node: NodeIndex,
        works: &dyn Fn(usize) -> bool,
        entries: &mut Vec<Value>,
        mut registers: Option<&mut Vec<Value>>,
    ) {
        let topology = self.topology;
        for (port, &(cable, end)) in topology.ports[node].iter().enumerate() {
            let host = topology.cables[cable].ends[1 - end].node;
            if topology.is_host(host) {
                let address = topology.address(host);
                entries.push(json!({
                    "table": "route_v4", "match": { "dst": [dotted(address), 32] }, "action_name": "to_host",
                    "action_params": { "port": number(port), "mac": mac_text(address) },
                }));
            }
        }
        let mut bases: HashMap<Vec<usize>, usize> = HashMap::new();
        let mut next_base = 0;
        for (ordinal, &leaf) in topology.leaves.iter().enumerate() {
            if leaf == node {
                continue;
            }
            let Group { ports, alive } = group(topology, node, &self.ways[ordinal], works);
            let prefix = dotted(10 << 24 | (ordinal as u32 + 1) << 12);
            let entry = match ports.as_slice() {
                [] => continue,
                [port] => json!({ "action_name": "to_port", "action_params": { "port": number(*port) } }),
                _ => {
                    let base = *bases.entry(ports.clone()).or_insert_with(|| {
                        let base = next_base;
                        next_base += ports.len();
                        if let Some(registers) = registers.as_deref_mut() {
                            for (member, port) in (base..).zip(&ports) {
                                let value = number(*port);
                                registers.push(
                                    json!({ "register": "group_port", "index": member, "value": value }),
                                );
                                // A port that stands there so much less often is so much slower.
                                let value = 16 * most_often(&ports) / times(&ports, *port) - 1;
                                registers.push(json!({
                                    "register": "member_byte_time", "index": member, "value": value,
                                }));
                            }
                        }
                        base
                    });
                    if let Some(registers) = registers.as_deref_mut() {
                        // Leaves that begin at different members fill the links down to another evenly, each with the part of
                        // its own that does not divide; so do the links up from one leaf to all.
                        let value = (node + topology.leaves.len() - ordinal) % ports.len();
                        registers.push(json!({ "register": "turn", "index": ordinal, "value": value }));
                    }
                    json!({ "action_name": "to_group", "action_params": {
                        "base": base, "count": ports.len(), "alive": alive, "remote": ordinal,
                    } })
                }
            };
            let mut entry = entry;
            entry["table"] = json!("route_v4");
            entry["match"] = json!({ "dst": [prefix, 20] });
            entries.push(entry);
        }
    }

    /// What a leaf tells others of what they send by its ports. Where their ways have more than one choice, a port says nothing of
    /// the first.
    fn arrivals(&self, node: NodeIndex, registers: &mut Vec<Value>) {
        let leaves = || self.topology.leaves.iter().enumerate().filter(|(_, leaf)| **leaf != node);
        if !self.topology.leaves.contains(&node)
            || !leaves().all(|(to, _)| self.ways[to].hops(node) == Some(2))
        {
            return;
        }
        let Some((to, _)) = leaves().next() else { return };
        let Group { ports, .. } = group(self.topology, node, &self.ways[to], &|_| true);
        for &port in &ports {
            let value = 256 * most_often(&ports) / times(&ports, port);
            registers.push(json!({ "register": "came_scale", "index": number(port), "value": value }));
        }
    }

    /// Jobs, members and policies, at switches that have hosts; at others what they need to choose queues and ports.
    fn classes(&self, node: NodeIndex, entries: &mut Vec<Value>) {
        let topology = self.topology;
        let here: Vec<usize> = (0..topology.ports[node].len())
            .map(|port| topology.peer(node, port).node)
            .filter(|&other| topology.is_host(other))
            .collect();
        let mut jobs_of: HashMap<usize, Vec<usize>> = HashMap::new();
        for (job, hosts) in self.placed.iter().enumerate() {
            for &host in hosts {
                jobs_of.entry(host).or_default().push(job);
            }
        }
        let all = u64::from(u32::MAX);
        for (job, hosts) in self.jobs.jobs.iter().zip(self.placed) {
            let set_job = json!({ "job": job.id, "tenant": job.tenant });
            entries.push(json!({
                "table": "job_by_uet", "match": { "uet_job": job.id }, "action_name": "set_job", "action_params": set_job,
            }));
            entries.push(json!({
                "table": "job_policy", "match": { "job": job.id }, "action_name": "set_policy",
                "action_params": { "policy": job.policy(self.policy).number(), "queue": job.queue },
            }));
            for &host in hosts {
                let address = topology.address(host);
                let is_here = here.contains(&host);
                let shared = jobs_of.get(&host).is_some_and(|jobs| jobs.len() > 1);
                if shared {
                    // Queue pairs carry the job's number in their upper bits.
                    entries.push(json!({
                        "table": "job_by_qp", "priority": 1, "action_name": "set_job", "action_params": set_job,
                        "match": { "dst": address, "dest_qp": [u32::from(job.id) << 14, 0xff_c000] },
                    }));
                } else if here.is_empty() {
                    // Whatever its queue pair: an exact lookup is cheap however many hosts there are.
                    entries.push(json!({
                        "table": "job_by_qp", "priority": 1, "action_name": "set_job", "action_params": set_job,
                        "match": { "dst": address },
                    }));
                } else if is_here {
                    for end in ["src", "dst"] {
                        entries.push(json!({
                            "table": "job_by_hosts", "priority": 1, "action_name": "set_job",
                            "action_params": set_job, "match": { end: [address, all] },
                        }));
                    }
                }
                if is_here {
                    entries.push(json!({
                        "table": "job_member", "match": { "job": job.id, "src": address }, "action_name": "allow",
                    }));
                }
            }
        }
        for (port, _) in topology.ports[node].iter().enumerate() {
            let host = topology.peer(node, port).node;
            let tenants = jobs_of.get(&host).map(|jobs| jobs.iter().map(|&job| self.jobs.jobs[job].tenant));
            // A host of several tenants' jobs is held to its jobs alone.
            let mut tenants: Vec<u16> = tenants.into_iter().flatten().collect();
            tenants.dedup();
            if let [tenant] = tenants[..] {
                let action = match self.jobs.limits.contains_key(&tenant) {
                    true => "set_limited_tenant",
                    false => "set_tenant",
                };
                entries.push(json!({
                    "table": "tenant_by_port", "match": { "port": number(port) }, "action_name": action,
                    "action_params": { "tenant": tenant },
                }));
            }
        }
        entries.extend(self.pinned(node).map(|(_, entry)| entry));
    }

    /// Flows that are pinned at a switch, and what it is told of each.
    fn pinned(&self, node: NodeIndex) -> impl Iterator<Item = (usize, Value)> {
        self.pins.range((node, 0)..(node + 1, 0)).map(|(&(_, flow), members)| {
            let FlowKey { src, dst, dest_qp } = self.keys[flow];
            let entry = json!({
                "table": "pinned", "priority": 1, "action_name": "set_path",
                "action_params": { "path": members.first, "backup": members.backup },
                "match": {
                    "src": self.topology.address(src), "dst": self.topology.address(dst),
                    "dest_qp": [dest_qp, 0xff_ffff],
                },
            });
            (flow, entry)
        })
    }
}

/// How often a port is a member of its group.
fn times(ports: &[usize], port: usize) -> usize {
    ports.iter().filter(|of| **of == port).count().max(1)
}

fn most_often(ports: &[usize]) -> usize {
    ports.iter().map(|&port| times(ports, port)).max().unwrap_or(1)
}

/// How far bytes are shifted, beyond 256ths, to be told by six bits: a message is four to eight of what is then told.
fn excess_shift(message_bytes: u64) -> u64 {
    u64::from((message_bytes / 4).max(1).ilog2()).saturating_sub(8).min(17)
}

fn dotted(address: u32) -> String {
    Ipv4Addr::from(address).to_string()
}
