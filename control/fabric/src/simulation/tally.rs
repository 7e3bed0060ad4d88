//! What came of a run: figures of jobs, links and switches, gathered when it is over.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use heddle_engine::Reason;
use heddle_packet::PortId;
use heddle_state::CounterValue;

use super::{Node, Simulation};
use crate::collective::Op;
use crate::host::HostCounts;
use crate::ideal;
use crate::report::{JobCounts, JobReport, LinkReport, Report};
use crate::samples::Samples;
use crate::tables::number;
use crate::topology::{Cable, End, NodeIndex};

/// Reason of what the program drops in ingress.
const PROGRAM_DROP: &str = "ingress_drop";
/// And in egress.
const PROGRAM_DROP_OF_COPIES: &str = "egress_drop";

impl Simulation<'_> {
    pub(super) fn report(&mut self) -> Report {
        let topology = self.run.topology;
        let completion_ns = self.jobs.iter().filter_map(|job| job.finished_ns).max().unwrap_or(0);
        let (links, host_links) = (self.links(true, completion_ns), self.links(false, completion_ns));
        // By leaf: what each of its links to other switches sent, and what each brought, over its rate.
        let mut beside: BTreeMap<(NodeIndex, bool), Vec<f64>> = BTreeMap::new();
        let mut picojoules = 0.0;
        for (cable, bytes) in topology.cables.iter().zip(&self.cable_bytes) {
            for (end, &sent) in bytes.iter().enumerate() {
                picojoules += (8 * sent) as f64 * cable.medium.pj_per_bit;
                let (from, to) = (cable.ends[end].node, cable.ends[1 - end].node);
                if topology.is_host(from) || topology.is_host(to) {
                    continue;
                }
                let load = sent as f64 / cable.rate_bps as f64;
                for (leaf, sends) in [(from, true), (to, false)] {
                    if topology.leaves.contains(&leaf) {
                        beside.entry((leaf, sends)).or_default().push(load);
                    }
                }
            }
        }
        let worst = |sends: bool| {
            let groups = beside.iter().filter(|((_, of), _)| *of == sends).map(|(_, loads)| loads);
            groups.map(|loads| worst_over_mean(loads)).fold(1.0, f64::max)
        };
        let (imbalance, imbalance_down) = (worst(true), worst(false));
        let jobs: Vec<JobReport> = (0..self.jobs.len()).map(|job| self.job_report(job)).collect();
        let mut drops: BTreeMap<String, u64> = BTreeMap::new();
        let (mut packet_hops, mut queue_packets_max) = (0, 0);
        for node in &self.nodes {
            let stats = node.switch.stats();
            packet_hops += stats.transmitted;
            for (reason, count) in stats.drops.iter().filter(|(_, count)| *count > 0) {
                *drops.entry(reason.to_string()).or_default() += count;
            }
            let queues = stats.ports.iter().flat_map(|port| &port.queues);
            queue_packets_max =
                queues.map(|queue| queue.high_water_packets).fold(queue_packets_max, u64::max);
        }
        let reroutes = self.counted("reroutes", 0).packets;
        let ports = topology.ports.iter().map(Vec::len).max().unwrap_or(0);
        let by_port = |name: &str| -> u64 {
            (0..ports).map(|port| self.counted(name, number(port) as u64).packets).sum()
        };
        let (pauses, violations) = (by_port("pauses_by_port"), by_port("violations_by_port"));
        // A pause frame goes nowhere and is no loss.
        let dropped = drops.entry(PROGRAM_DROP.to_owned()).or_default();
        *dropped = dropped.saturating_sub(pauses);
        // Nor is a copy of one for a neighbour that need not be told.
        let copies = self.counted("not_passed_on", 0).packets;
        let dropped = drops.entry(PROGRAM_DROP_OF_COPIES.to_owned()).or_default();
        *dropped = dropped.saturating_sub(copies);
        drops.retain(|_, count| *count > 0);
        let (sample_ns, samples) = std::mem::replace(&mut self.samples, Samples::new()).into_parts();
        let payload: u64 = jobs.iter().map(|job| job.payload_bytes).sum();
        let n = jobs.len().max(1) as f64;
        Report {
            policy: self.run.policy.name(),
            seed: self.run.seed,
            mean_jct_ns: jobs.iter().map(|job| job.completion_ns as f64).sum::<f64>() / n,
            ideal_jct_ns: jobs.iter().map(|job| job.ideal_ns).sum::<f64>() / n,
            completion_ns,
            jobs,
            links,
            host_links,
            imbalance,
            imbalance_down,
            drops,
            lost_on_cables: self.lost_on_cables,
            cable_failures: self.worn_out,
            unreadable: self.unreadable,
            reroutes,
            pauses,
            violations,
            queue_packets_max,
            packet_hops,
            sample_ns,
            samples,
            pj_per_delivered_bit: picojoules / (8 * payload.max(1)) as f64,
        }
    }

    /// Each direction of each cable between switches, or of each to a host, over a time from the beginning.
    pub(super) fn links(&self, between_switches: bool, over_ns: u64) -> Vec<LinkReport> {
        self.ends(between_switches).map(|(cable, end)| self.told(cable, end, over_ns)).collect()
    }

    /// Cables between switches, or those to hosts, by the end that sends.
    fn ends(&self, between_switches: bool) -> impl Iterator<Item = (usize, usize)> + use<'_> {
        let topology = self.run.topology;
        let is_one = move |cable: &usize| {
            let ends = topology.cables[*cable].ends;
            ends.iter().all(|end| !topology.is_host(end.node)) == between_switches
        };
        (0..topology.cables.len()).filter(is_one).flat_map(|cable| [(cable, 0), (cable, 1)])
    }

    fn carried(&self, cable: usize, end: usize, over_ns: u64) -> LinkReport {
        let (topology, bytes) = (self.run.topology, self.cable_bytes[cable][end]);
        let Cable { ends, rate_bps, .. } = &topology.cables[cable];
        LinkReport {
            from: topology.node_name(ends[end].node).to_owned(),
            to: topology.node_name(ends[1 - end].node).to_owned(),
            bytes,
            utilisation: 8e9 * bytes as f64 / *rate_bps as f64 / over_ns.max(1) as f64,
            ..LinkReport::default()
        }
    }

    /// What a cable carried, and what the switch that sends has counted of the port.
    fn told(&self, cable: usize, end: usize, over_ns: u64) -> LinkReport {
        let carried = self.carried(cable, end, over_ns);
        let topology = self.run.topology;
        let End { node, port } = topology.cables[cable].ends[end];
        let Some(node) = node.checked_sub(topology.hosts()).and_then(|switch| self.nodes.get(switch)) else {
            return carried;
        };
        let port = number(port);
        let packets = |name: &str| self.counted_by(std::slice::from_ref(node), name, port as u64).packets;
        let stats = node.switch.stats();
        let lost = stats.port(PortId(port as u32)).map_or(0, |port| port.drops.get(Reason::QueueFull));
        let (marked, trimmed) = (packets("ecn_marked_by_port"), packets("trimmed_by_port"));
        LinkReport { marked, trimmed, dropped: lost, ..carried }
    }

    /// What all switches have counted in a cell; nothing if the program has no such counter.
    fn counted(&self, name: &str, cell: u64) -> CounterValue {
        self.counted_by(&self.nodes, name, cell)
    }

    fn counted_by(&self, nodes: &[Node], name: &str, cell: u64) -> CounterValue {
        let counters = &self.run.executor.program().counters;
        let is_it = |full: &str| full.rsplit('.').next() == Some(name);
        let Some((counter, _)) = counters.iter().find(|(_, counter)| is_it(&counter.control.name)) else {
            return CounterValue::default();
        };
        let values = nodes.iter().filter_map(|node| node.switch.state().counter(counter, cell));
        values.fold(CounterValue::default(), |sum, value| CounterValue {
            packets: sum.packets + value.packets,
            bytes: sum.bytes + value.bytes,
        })
    }

    fn job_counts(&self, index: usize) -> JobCounts {
        let job = u64::from(self.run.jobs.jobs[index].id);
        let packets = |name: &str| self.counted(name, job).packets;
        let traffic = self.counted("job_traffic", job);
        JobCounts {
            packets: traffic.packets,
            bytes: traffic.bytes,
            messages: packets("job_messages"),
            went_back: packets("went_back"),
            marked: packets("ecn_marked"),
            trimmed: packets("trimmed"),
            waited_for_pause: packets("waited_by_job"),
            freed: packets("freed_by_job"),
        }
    }

    fn job_report(&mut self, index: usize) -> JobReport {
        let switches = self.job_counts(index);
        let spec = &self.run.jobs.jobs[index];
        let state = &mut self.jobs[index];
        state.message_ns.sort_unstable();
        let messages = state.message_ns.len();
        let sum: u64 = state.message_ns.iter().sum();
        let total = |of: fn(&HostCounts) -> u64| self.hosts.iter().map(|host| of(&host.counts[index])).sum();
        let mut stragglers: Vec<(String, u64)> = (state.stragglers.iter().enumerate())
            .filter(|(_, count)| **count > 0)
            .map(|(rank, count)| (self.run.topology.host_name(self.placed[index][rank]).to_owned(), *count))
            .collect();
        stragglers.sort_by_key(|(_, count)| Reverse(*count));
        stragglers.truncate(5);
        let straggler =
            state.stragglers.iter().enumerate().max_by_key(|(rank, count)| (**count, Reverse(*rank)));
        let straggler = straggler.filter(|(_, count)| **count > 0).map(|(rank, count)| (rank, *count));
        let program: Vec<Vec<Op>> = state.ranks.iter().map(|rank| rank.ops.clone()).collect();
        JobReport {
            name: spec.name.clone(),
            policy: spec.policy(self.run.policy).name(),
            transport: state.transport.name(),
            completion_ns: state.finished_ns.unwrap_or(0).saturating_sub(spec.start_ns),
            ideal_ns: ideal::completion_ns(self.run.topology, &self.placed[index], &program, spec.parts()),
            payload_bytes: total(|counts| counts.payload_bytes),
            messages: messages as u64,
            message_mean_ns: sum as f64 / messages.max(1) as f64,
            message_p99_ns: state.message_ns.get(messages * 99 / 100).copied().unwrap_or(0),
            straggler,
            straggler_host: straggler.map(|(rank, _)| {
                let host = self.placed[index][rank];
                self.run.topology.host_name(host).to_owned()
            }),
            stragglers,
            busy: self.samples.busy(index, spec.start_ns, state.finished_ns.unwrap_or(0)),
            retransmitted: total(|counts| counts.retransmitted),
            timeouts: total(|counts| counts.timeouts),
            marked: total(|counts| counts.marked),
            trimmed: total(|counts| counts.trimmed),
            reordered: total(|counts| counts.reordered),
            notified: total(|counts| counts.notified),
            switches,
        }
    }
}

/// 1 if all are alike, or nothing.
fn worst_over_mean(loads: &[f64]) -> f64 {
    let mean = loads.iter().sum::<f64>() / loads.len().max(1) as f64;
    let worst = loads.iter().copied().fold(0.0, f64::max);
    if mean > 0.0 { worst / mean } else { 1.0 }
}
