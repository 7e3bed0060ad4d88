//! The time in which no fabric could beat a job, without simulating one: for each collective the largest bytes over
//! rate among hosts and cuts, plus the latency of the longest chain of messages that wait for each other.
//!
//! Steps that are passed on slice by slice hide each other's latency, so there a path's counts once for a collective.
//! Bytes are those on the wire with the headers that every packet has. Invariant: a bound, whatever the switches do.

use crate::collective::Op;
use crate::frame::DATA_OVERHEAD_BYTES;
use crate::topology::Topology;

/// Bytes on the wire of a message.
fn wire_bytes(bytes: u64, mtu_bytes: u32) -> u64 {
    bytes + bytes.div_ceil(u64::from(mtu_bytes)) * DATA_OVERHEAD_BYTES
}

/// A job's completion from its start, in ns. `collectives`: how many one after the other, if each passes on what it has
/// while the rest is under way; then only one path's latency of each is not hidden. `lanes`: queue pairs that a message is
/// divided among, and its packets are no longer than what each has of it.
pub(crate) fn completion_ns(
    topology: &Topology,
    hosts: &[usize],
    program: &[Vec<Op>],
    collectives: Option<usize>,
    lanes: u64,
) -> f64 {
    let n = hosts.len();
    let packet = |bytes: u64| bytes.div_ceil(lanes.max(1)).min(u64::from(topology.host.mtu_bytes));
    let (mut sent, mut received) = (vec![0u64; n], vec![0u64; n]);
    let cuts = cuts(topology);
    let mut crossing: Vec<[u64; 2]> = vec![[0; 2]; cuts.len()];
    let mut compute_ns = vec![0u64; n];
    for (rank, ops) in program.iter().enumerate() {
        for op in ops {
            compute_ns[rank] += op.compute_ns;
            for &(to, bytes) in &op.sends {
                let bytes = wire_bytes(bytes, topology.host.mtu_bytes);
                sent[rank] += bytes;
                received[to] += bytes;
                let (from, to) = (topology.places[hosts[rank]].0, topology.places[hosts[to]].0);
                for (cut, [out, into]) in cuts.iter().zip(&mut crossing) {
                    match (cut.leaves[from], cut.leaves[to]) {
                        (true, false) => *out += bytes,
                        (false, true) => *into += bytes,
                        (true, true) | (false, false) => {}
                    }
                }
            }
        }
    }
    let ns = |bytes: u64, rate_bps: u64| bytes as f64 * 8e9 / rate_bps as f64;
    let of_hosts = (0..n).map(|rank| {
        let rate_bps = topology.host_rate_bps(hosts[rank]);
        ns(sent[rank].max(received[rank]), rate_bps) + compute_ns[rank] as f64
    });
    let of_cuts = cuts.iter().zip(&crossing).map(|(cut, [out, into])| match *out.max(into) {
        0 => 0.0,
        bytes => ns(bytes, cut.rate_bps),
    });
    let latency_ns = match collectives {
        None => chain_ns(topology, hosts, program, &packet),
        Some(collectives) => {
            // A ring: every rank to the next one.
            let sends = program.iter().flatten().flat_map(|op| &op.sends);
            let bytes = packet(sends.map(|(_, bytes)| *bytes).min().unwrap_or(0));
            let around =
                (0..n).map(|rank| path_latency_ns(topology, hosts[rank], hosts[(rank + 1) % n], bytes));
            collectives as f64 * around.fold(0.0, f64::max)
        }
    };
    of_hosts.chain(of_cuts).fold(0.0, f64::max) + latency_ns
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
    let mut queue: std::collections::VecDeque<usize> = (0..topology.hosts()).collect();
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

/// Latency alone: all messages of a packet, each waiting for what the schedule has it wait for.
fn chain_ns(topology: &Topology, hosts: &[usize], program: &[Vec<Op>], packet: &dyn Fn(u64) -> u64) -> f64 {
    let n = hosts.len();
    let mut latency = std::collections::HashMap::new();
    let mut between = |a: usize, b: usize, bytes: u64| {
        let bytes = packet(bytes);
        let key = (topology.places[hosts[a]].0, topology.places[hosts[b]].0, bytes);
        *latency.entry(key).or_insert_with(|| path_latency_ns(topology, hosts[a], hosts[b], bytes))
    };
    let mut arrivals: std::collections::HashMap<(usize, usize), std::collections::VecDeque<f64>> =
        Default::default();
    let (mut at, mut now, mut posted) = (vec![0; n], vec![0.0f64; n], vec![0; n]);
    loop {
        let mut moved = false;
        for rank in 0..n {
            while let Some(op) = program[rank].get(at[rank]) {
                if posted[rank] == at[rank] {
                    posted[rank] += 1;
                    for &(to, bytes) in &op.sends {
                        let due = now[rank] + between(rank, to, bytes);
                        arrivals.entry((rank, to)).or_default().push_back(due);
                    }
                }
                let has = |from: &usize| arrivals.get(&(*from, rank)).is_some_and(|queue| !queue.is_empty());
                if !op.receives.iter().all(has) {
                    break;
                }
                for from in &op.receives {
                    if let Some(due) = arrivals.get_mut(&(*from, rank)).and_then(|queue| queue.pop_front()) {
                        now[rank] = now[rank].max(due);
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

/// From the last bit sent to the last bit received by the shortest way: cables, and a packet of so much payload stored by
/// each switch.
pub(crate) fn path_latency_ns(topology: &Topology, from: usize, to: usize, payload_bytes: u64) -> f64 {
    let target = topology.leaves[topology.places[to].0];
    let distances = topology.distances(target, &|_| true);
    let packet_bits = (payload_bytes + DATA_OVERHEAD_BYTES) as f64 * 8e9;
    let mut node = topology.peer(from, 0).node;
    let (mut cable, _) = topology.ports[from][0];
    let mut total = topology.cables[cable].delay_ns as f64;
    while node != target {
        let next = topology.ports[node].iter().find(|(c, end)| {
            let other = topology.cables[*c].ends[1 - end].node;
            !topology.is_host(other)
                && matches!((distances[other], distances[node]), (Some(a), Some(b)) if a < b)
        });
        let Some(&(c, end)) = next else { break };
        cable = c;
        node = topology.cables[cable].ends[1 - end].node;
        total +=
            topology.cables[cable].delay_ns as f64 + packet_bits / topology.cables[cable].rate_bps as f64;
    }
    let (last, _) = topology.ports[to][0];
    total + topology.cables[last].delay_ns as f64 + packet_bits / topology.cables[last].rate_bps as f64
}
