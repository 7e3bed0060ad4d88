//! Leaf-spine: every leaf has a link to every spine.
//!
//! Ports of a leaf: hosts from 1, then uplinks. Ports of a spine: leaves from 1. The tables that make a switch know its
//! place are written through the ordinary write path.

use std::sync::Arc;

use heddle_exec::Executor;
use heddle_ir::Program;
use heddle_runtime::file::{self, FileError};
use heddle_state::Update;
use serde_json::{Value, json};

use crate::frame::HostId;
use crate::job::Job;

/// A leaf-spine fabric with links all alike.
#[derive(Clone, Copy, Debug)]
pub struct Topology {
    /// Leaves.
    pub leaves: usize,
    /// Spines.
    pub spines: usize,
    /// Hosts at each leaf.
    pub hosts_per_leaf: usize,
    /// Rate of every link.
    pub rate_bps: u64,
    /// Delay of every link in one direction.
    pub delay_ns: u64,
}

/// How the leaves spread the jobs' packets over their uplinks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spreading {
    /// A hash of addresses, protocol and ports, as any ECMP switch does.
    FiveTuple,
    /// The destination queue pair.
    QueuePair,
}

impl Spreading {
    /// Name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Spreading::FiveTuple => "ecmp",
            Spreading::QueuePair => "queue-pair",
        }
    }
}

/// What the switches run.
#[derive(Clone)]
pub struct Programs {
    /// `ai_leaf.p4`.
    pub leaf: Arc<dyn Executor>,
    /// `ai_spine.p4`.
    pub spine: Arc<dyn Executor>,
}

impl Topology {
    /// Hosts of the fabric.
    pub fn hosts(&self) -> usize {
        self.leaves * self.hosts_per_leaf
    }

    pub(crate) fn leaf_of(&self, host: HostId) -> usize {
        host.0 / self.hosts_per_leaf
    }

    /// The port of a host at its leaf.
    pub(crate) fn host_port(&self, host: HostId) -> u32 {
        (host.0 % self.hosts_per_leaf) as u32 + 1
    }

    /// The port of a leaf that leads to a spine.
    pub(crate) fn uplink_port(&self, spine: usize) -> u32 {
        (self.hosts_per_leaf + spine) as u32 + 1
    }

    /// Tables of a leaf: its hosts, its uplinks, who belongs to which job, and how jobs are spread.
    pub(crate) fn leaf_tables(
        &self,
        leaf: usize,
        jobs: &[Job],
        spreading: Spreading,
        ecn_threshold_packets: u32,
        program: &Program,
    ) -> Result<Vec<Update>, FileError> {
        let mut entries = Vec::new();
        for position in 0..self.hosts_per_leaf {
            let host = HostId(leaf * self.hosts_per_leaf + position);
            entries.push(json!({
                "table": "host", "match": { "dst": dotted(self, host) }, "action_name": "to_host",
                "action_params": { "port": self.host_port(host), "mac": mac(host) },
            }));
        }
        let members: Vec<Value> = (0..self.spines)
            .map(|spine| json!({ "action_name": "to_uplink", "action_params": { "port": self.uplink_port(spine) } }))
            .collect();
        entries.push(json!({ "table": "uplink", "match": { "any": 1 }, "action_selector": members }));
        for job in jobs {
            for host in &job.ranks {
                entries.push(json!({
                    "table": "job_by_hosts", "priority": 1, "action_name": "set_job",
                    "match": { "dst": dotted(self, *host) }, "action_params": { "job": job.id },
                }));
            }
            let by_qp = u8::from(spreading == Spreading::QueuePair);
            entries.push(json!({
                "table": "job_policy", "match": { "job": job.id }, "action_name": "policy",
                "action_params": { "by_qp": by_qp },
            }));
        }
        tables(entries, ecn_threshold_packets, program)
    }

    /// Tables of a spine: which leaf has which prefix.
    pub(crate) fn spine_tables(
        &self,
        ecn_threshold_packets: u32,
        program: &Program,
    ) -> Result<Vec<Update>, FileError> {
        let entry = |leaf: usize| {
            json!({
                "table": "leaf_v4", "match": { "hdr.ipv4.dst": [format!("10.{}.0.0", leaf + 1), 16] },
                "action_name": "to_leaf", "action_params": { "port": leaf + 1 },
            })
        };
        tables((0..self.leaves).map(entry).collect(), ecn_threshold_packets, program)
    }
}

fn tables(
    entries: Vec<Value>,
    ecn_threshold_packets: u32,
    program: &Program,
) -> Result<Vec<Update>, FileError> {
    let file = json!({
        "table_entries": entries,
        "register_entries": [{ "register": "ecn_threshold", "index": 0, "value": ecn_threshold_packets }],
    });
    file::parse(&file.to_string(), program)
}

fn dotted(topology: &Topology, host: HostId) -> String {
    std::net::Ipv4Addr::from(host.ipv4(topology.hosts_per_leaf)).to_string()
}

fn mac(host: HostId) -> String {
    host.mac().map(|byte| format!("{byte:02x}")).join(":")
}
