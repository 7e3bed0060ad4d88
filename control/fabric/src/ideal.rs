//! The time in which no fabric could beat a job, without simulating one: for each collective the largest bytes over
//! rate among hosts and cuts, plus path latency; or, where that is longer, the longest chain of messages that wait for each
//! other, each with the time that its bytes take.
//!
//! Bytes are those on the wire with the headers that every packet has. Invariant: a bound, whatever the switches do. So a
//! cut's bytes have only one path's latency after them, the shortest: some cross it while others wait.

use std::collections::{HashMap, VecDeque};

use crate::collective::Op;
use crate::frame::DATA_OVERHEAD_BYTES;
use crate::topology::{NodeIndex, Topology};

/// Bytes on the wire of a message.
fn wire_bytes(bytes: u64, mtu_bytes: u32) -> u64 {
    bytes + bytes.div_ceil(u64::from(mtu_bytes)) * DATA_OVERHEAD_BYTES
}

/// A job's completion from its start, in ns. `lanes`: queue pairs that a message is divided among, and its packets are no longer
/// than what each has of it.
pub(crate) fn completion_ns(topology: &Topology, hosts: &[usize], program: &[Vec<Op>], lanes: u64) -> f64 {
    let mut job = Messages { topology, hosts, lanes, latency_ns: HashMap::new() };
    let cuts = cuts(topology);
    let (mut sent, mut received) = (vec![Load::default(); hosts.len()], vec![Load::default(); hosts.len()]);
    let mut crossing = vec![[Load::default(); 2]; cuts.len()];
    for (rank, ops) in program.iter().enumerate() {
        for &(to, bytes) in ops.iter().flat_map(|op| &op.sends) {
            let (wire_bytes, latency_ns) =
                (wire_bytes(bytes, topology.host.mtu_bytes), job.latency_ns(rank, to, bytes));
            sent[rank].add(wire_bytes, latency_ns);
            received[to].add(wire_bytes, latency_ns);
            let (from, to) = (topology.places[hosts[rank]].0, topology.places[hosts[to]].0);
            for (cut, [out, into]) in cuts.iter().zip(&mut crossing) {
                match (cut.leaves[from], cut.leaves[to]) {
                    (true, false) => out.add(wire_bytes, latency_ns),
                    (false, true) => into.add(wire_bytes, latency_ns),
                    (true, true) | (false, false) => {}
                }
            }
        }
    }
    let of_hosts = sent.iter().zip(&received).zip(hosts).map(|((sent, received), &host)| {
        let rate_bps = topology.host_rate_bps(host);
        sent.ns(rate_bps).max(received.ns(rate_bps))
    });
    let of_cuts =
        cuts.iter().zip(&crossing).map(|(cut, [out, into])| out.ns(cut.rate_bps).max(into.ns(cut.rate_bps)));
    of_hosts.chain(of_cuts).fold(job.chain_ns(program), f64::max)
}

/// What goes through one place.
#[derive(Clone, Copy, Debug, Default)]
struct Load {
    bytes: u64,
    /// The shortest of any message.
    latency_ns: Option<f64>,
}

impl Load {
    fn add(&mut self, bytes: u64, latency_ns: f64) {
        self.bytes += bytes;
        self.latency_ns = Some(self.latency_ns.map_or(latency_ns, |known| known.min(latency_ns)));
    }

    fn ns(&self, rate_bps: u64) -> f64 {
        self.latency_ns.map_or(0.0, |latency_ns| sending_ns(self.bytes, rate_bps) + latency_ns)
    }
}

fn sending_ns(bytes: u64, rate_bps: u64) -> f64 {
    bytes as f64 * 8e9 / rate_bps as f64
}

/// Some leaves, and the rate of all cables between them with what is below, and the rest.
struct Cut {
    leaves: Vec<bool>,
    rate_bps: u64,
}

/// What is left together when all switches from a tier on are taken away, for every tier: single leaves, then pods.
fn cuts(topology: &Topology) -> Vec<Cut> {
    let nodes = topology.ports.len();
    let mut tier = vec![usize::MAX; nodes];
    let mut queue: VecDeque<usize> = (0..topology.hosts()).collect();
    (0..topology.hosts()).for_each(|host| tier[host] = 0);
    while let Some(node) = queue.pop_front() {
        for port in 0..topology.ports[node].len() {
            let other = topology.peer(node, port).node;
            if tier[other] == usize::MAX {
                tier[other] = tier[node] + 1;
                queue.push_back(other);
            }
        }
    }
    let top = tier.iter().copied().filter(|&tier| tier < usize::MAX).max().unwrap_or(0);
    let mut cuts = Vec::new();
    for below in 2..=top {
        let mut part = vec![usize::MAX; nodes];
        for first in topology.hosts()..nodes {
            if tier[first] >= below || part[first] != usize::MAX {
                continue;
            }
            let mut rate_bps = 0;
            let mut together = vec![first];
            part[first] = first;
            while let Some(node) = together.pop() {
                for port in 0..topology.ports[node].len() {
                    let other = topology.peer(node, port).node;
                    if topology.is_host(other) {
                        continue;
                    }
                    if tier[other] >= below {
                        rate_bps += topology.cables[topology.ports[node][port].0].rate_bps;
                    } else if part[other] == usize::MAX {
                        part[other] = first;
                        together.push(other);
                    }
                }
            }
            let leaves = topology.leaves.iter().map(|&leaf| part[leaf] == first).collect();
            cuts.push(Cut { leaves, rate_bps });
        }
    }
    cuts
}

/// Messages of a job between its ranks.
struct Messages<'j> {
    topology: &'j Topology,
    hosts: &'j [usize],
    lanes: u64,
    /// By how both ends are attached, and the payload of a packet.
    latency_ns: HashMap<(Attached, Attached, u64), f64>,
}

/// All that paths know of a host.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Attached {
    leaf: usize,
    rate_bps: u64,
    delay_ns: u64,
}

impl Messages<'_> {
    fn latency_ns(&mut self, from: usize, to: usize, bytes: u64) -> f64 {
        let (topology, from, to) = (self.topology, self.hosts[from], self.hosts[to]);
        let payload_bytes = bytes.div_ceil(self.lanes.max(1)).min(u64::from(topology.host.mtu_bytes));
        let attached = |host: usize| {
            let link = &topology.cables[topology.ports[host][0].0];
            Attached { leaf: topology.places[host].0, rate_bps: link.rate_bps, delay_ns: link.delay_ns }
        };
        let key = (attached(from), attached(to), payload_bytes);
        *self.latency_ns.entry(key).or_insert_with(|| path_latency_ns(topology, from, to, payload_bytes))
    }

    /// The chain of messages that is longest: each begins when all is there that its rank waits for before it, and when the one
    /// before it on its connection has been sent; it takes its bytes over the slower rate of its ends, and its path.
    fn chain_ns(&mut self, program: &[Vec<Op>]) -> f64 {
        let n = program.len();
        let rates: Vec<u64> = self.hosts.iter().map(|&host| self.topology.host_rate_bps(host)).collect();
        let mut connections: HashMap<(usize, usize), Connection> = HashMap::new();
        let (mut at, mut now, mut posted) = (vec![0; n], vec![0.0f64; n], vec![0; n]);
        loop {
            let mut moved = false;
            for rank in 0..n {
                while let Some(op) = program[rank].get(at[rank]) {
                    if posted[rank] == at[rank] {
                        posted[rank] += 1;
                        now[rank] += op.compute_ns as f64;
                        for &(to, bytes) in &op.sends {
                            let wire_bytes = wire_bytes(bytes, self.topology.host.mtu_bytes);
                            let connection = connections.entry((rank, to)).or_default();
                            let sent_ns = connection.sent_ns.max(now[rank])
                                + sending_ns(wire_bytes, rates[rank].min(rates[to]));
                            connection.sent_ns = sent_ns;
                            connection.arrivals_ns.push_back(sent_ns + self.latency_ns(rank, to, bytes));
                        }
                    }
                    let arrived =
                        |from: &usize| connections.get(&(*from, rank)).and_then(|of| of.arrivals_ns.front());
                    if !op.receives.iter().all(|from| arrived(from).is_some()) {
                        break;
                    }
                    for from in &op.receives {
                        if let Some(due_ns) =
                            connections.get_mut(&(*from, rank)).and_then(|of| of.arrivals_ns.pop_front())
                        {
                            now[rank] = now[rank].max(due_ns);
                        }
                    }
                    at[rank] += 1;
                    moved = true;
                }
            }
            if !moved {
                return now.into_iter().fold(0.0, f64::max);
            }
        }
    }
}

/// From one rank to another.
#[derive(Debug, Default)]
struct Connection {
    /// When the last message so far has been sent.
    sent_ns: f64,
    /// When messages arrive that have not been waited for.
    arrivals_ns: VecDeque<f64>,
}

/// From the last bit sent to the last bit received by the shortest way, and of ways as short the fastest: cables, and a packet of
/// so much payload stored by each switch.
pub(crate) fn path_latency_ns(topology: &Topology, from: usize, to: usize, payload_bytes: u64) -> f64 {
    let (first, target) = (topology.peer(from, 0).node, topology.leaves[topology.places[to].0]);
    let distances = topology.distances(target, &|_| true);
    let packet_bits = (payload_bytes + DATA_OVERHEAD_BYTES) as f64 * 8e9;
    let over = |cable: usize| {
        let cable = &topology.cables[cable];
        cable.delay_ns as f64 + packet_bits / cable.rate_bps as f64
    };
    let mut nearer: Vec<NodeIndex> = (0..distances.len()).filter(|&node| distances[node].is_some()).collect();
    nearer.sort_by_key(|&node| distances[node]);
    let mut latency_ns = vec![f64::INFINITY; distances.len()];
    latency_ns[target] = 0.0;
    for node in nearer {
        for &(cable, end) in &topology.ports[node] {
            let next = topology.cables[cable].ends[1 - end].node;
            if matches!((distances[next], distances[node]), (Some(a), Some(b)) if a < b) {
                latency_ns[node] = latency_ns[node].min(over(cable) + latency_ns[next]);
            }
        }
    }
    let (up, _) = topology.ports[from][0];
    let (down, _) = topology.ports[to][0];
    topology.cables[up].delay_ns as f64 + latency_ns[first] + over(down)
}
