//! The time in which no fabric could beat a job, without simulating one: for each collective the largest bytes over
//! rate among hosts and cuts, plus path latency; or, where that is longer, the longest chain of messages that wait for each
//! other, each with the time that its bytes take, all that a step waits for with the time that they take together on the link
//! to who waits, and all that a rank has to send from a step on with the time that they take together on its own.
//!
//! Bytes are those on the wire with the headers that every packet has. Invariant: a bound, whatever the switches do. So a
//! cut's bytes have only one path's latency after them, the shortest: some cross it while others wait. And a message's last
//! packet, if it is a short one, may take a way of its own and be there before the one that was sent before it.

use std::collections::{HashMap, VecDeque};

use crate::collective::Op;
use crate::frame::DATA_OVERHEAD_BYTES;
use crate::topology::{NodeIndex, Topology};

/// A message as its packets go, all of its queue pairs together.
#[derive(Clone, Copy, Debug)]
struct Parcel {
    wire_bytes: u64,
    /// Of the last packet of every queue pair, which may be short.
    last_wire_bytes: u64,
    /// Of one queue pair.
    lane_wire_bytes: u64,
    /// Payload of its longest and of its shortest packet.
    longest_bytes: u64,
    shortest_bytes: u64,
}

impl Parcel {
    /// `lanes`: queue pairs that the message is divided among, whose packets are no longer than what each has of it.
    fn new(bytes: u64, mtu_bytes: u64, lanes: u64) -> Parcel {
        let lanes = lanes.max(1);
        let of_lane = bytes.div_ceil(lanes).max(1);
        let packets = of_lane.div_ceil(mtu_bytes);
        let shortest_bytes = of_lane - (packets - 1) * mtu_bytes;
        let lane_wire_bytes = of_lane + packets * DATA_OVERHEAD_BYTES;
        Parcel {
            wire_bytes: lanes * lane_wire_bytes,
            last_wire_bytes: lanes * (shortest_bytes + DATA_OVERHEAD_BYTES),
            lane_wire_bytes,
            longest_bytes: of_lane.min(mtu_bytes),
            shortest_bytes,
        }
    }
}

/// When a message that is begun now arrives at the earliest.
#[derive(Clone, Copy, Debug)]
struct Passage {
    /// Its sender is done with it.
    sent_ns: f64,
    /// Its first bit is on the link to its receiver, and all of it is there.
    begins_ns: f64,
    arrives_ns: f64,
    /// What it is on that link in all.
    link_ns: f64,
    /// From the first bit of its shortest packet on any link to when that packet is there, less what it is on that link.
    crosses_ns: f64,
    /// From its shortest packet's last bit sent to that bit received.
    latency_ns: f64,
}

/// A job's completion from its start, in ns. `lanes`: queue pairs that a message is divided among.
pub(crate) fn completion_ns(topology: &Topology, hosts: &[usize], program: &[Vec<Op>], lanes: u64) -> f64 {
    let slowest_bps = topology.cables.iter().map(|cable| cable.rate_bps).min().unwrap_or(1);
    let mut job = Messages { topology, hosts, lanes, slowest_bps, latency_ns: HashMap::new() };
    let cuts = cuts(topology);
    let mut received = vec![Load::default(); hosts.len()];
    let mut crossing = vec![[Load::default(); 2]; cuts.len()];
    for (rank, ops) in program.iter().enumerate() {
        for &(to, bytes) in ops.iter().flat_map(|op| &op.sends) {
            let (wire_bytes, passage) = (job.parcel(bytes).wire_bytes, job.passage(rank, to, bytes));
            received[to].add(wire_bytes, passage.begins_ns);
            let (from, to) = (topology.places[hosts[rank]].0, topology.places[hosts[to]].0);
            for (cut, [out, into]) in cuts.iter().zip(&mut crossing) {
                match (cut.leaves[from], cut.leaves[to]) {
                    (true, false) => out.add(wire_bytes, passage.crosses_ns),
                    (false, true) => into.add(wire_bytes, passage.crosses_ns),
                    (true, true) | (false, false) => {}
                }
            }
        }
    }
    let of_hosts =
        received.iter().zip(hosts).map(|(received, &host)| received.ns(topology.host_rate_bps(host)));
    let of_cuts =
        cuts.iter().zip(&crossing).map(|(cut, [out, into])| out.ns(cut.rate_bps).max(into.ns(cut.rate_bps)));
    let of_loads = of_hosts.chain(of_cuts).fold(0.0, f64::max);
    // Nobody sends before somebody has computed.
    let computed_ns = program.iter().filter_map(|ops| ops.first()).map(|op| op.compute_ns).min().unwrap_or(0);
    job.chain_ns(program).max(computed_ns as f64 + of_loads)
}

/// What goes through one place.
#[derive(Clone, Copy, Debug, Default)]
struct Load {
    bytes: u64,
    /// What any message takes before and after at least.
    beside_ns: Option<f64>,
}

impl Load {
    fn add(&mut self, bytes: u64, beside_ns: f64) {
        self.bytes += bytes;
        self.beside_ns = Some(self.beside_ns.map_or(beside_ns, |known| known.min(beside_ns)));
    }

    fn ns(&self, rate_bps: u64) -> f64 {
        self.beside_ns.map_or(0.0, |beside_ns| sending_ns(self.bytes, rate_bps) + beside_ns)
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
    /// Of all cables.
    slowest_bps: u64,
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
    fn parcel(&self, bytes: u64) -> Parcel {
        Parcel::new(bytes, u64::from(self.topology.host.mtu_bytes), self.lanes)
    }

    fn passage(&mut self, from: usize, to: usize, bytes: u64) -> Passage {
        let parcel = self.parcel(bytes);
        let [src_bps, dst_bps] = [from, to].map(|rank| self.topology.host_rate_bps(self.hosts[rank]));
        let longest_ns = self.latency_ns(from, to, parcel.longest_bytes);
        let shortest_ns = self.latency_ns(from, to, parcel.shortest_bytes);
        let packet_ns = |bytes: u64, rate_bps| sending_ns(bytes + DATA_OVERHEAD_BYTES, rate_bps);
        let sent_ns = sending_ns(parcel.wire_bytes, src_bps);
        let long_ones_sent_ns = sending_ns(parcel.wire_bytes - parcel.last_wire_bytes, src_bps);
        // Packets of a queue pair are sent in order, so none is short before all long ones of it have been sent.
        let first_ns =
            packet_ns(parcel.longest_bytes, src_bps) + longest_ns - packet_ns(parcel.longest_bytes, dst_bps);
        let last_ns = sending_ns(parcel.lane_wire_bytes, src_bps) + shortest_ns
            - packet_ns(parcel.shortest_bytes, dst_bps);
        Passage {
            sent_ns,
            begins_ns: first_ns.min(last_ns),
            arrives_ns: (sent_ns + shortest_ns).max(long_ones_sent_ns + longest_ns),
            link_ns: sending_ns(parcel.wire_bytes, dst_bps),
            crosses_ns: packet_ns(parcel.shortest_bytes, src_bps) + shortest_ns
                - packet_ns(parcel.shortest_bytes, self.slowest_bps),
            latency_ns: shortest_ns,
        }
    }

    fn latency_ns(&mut self, from: usize, to: usize, payload_bytes: u64) -> f64 {
        let (topology, from, to) = (self.topology, self.hosts[from], self.hosts[to]);
        let attached = |host: usize| {
            let link = &topology.cables[topology.ports[host][0].0];
            Attached { leaf: topology.places[host].0, rate_bps: link.rate_bps, delay_ns: link.delay_ns }
        };
        let key = (attached(from), attached(to), payload_bytes);
        *self.latency_ns.entry(key).or_insert_with(|| path_latency_ns(topology, from, to, payload_bytes))
    }

    /// The chain of messages that is longest: each begins when all is there that its rank waits for before it, and when the one
    /// before it on its connection has been sent; what a rank waits for at once comes one by one over its link. Nobody is done
    /// before all that was sent has arrived, which leaves its sender one by one.
    fn chain_ns(&mut self, program: &[Vec<Op>]) -> f64 {
        let n = program.len();
        let mut connections: HashMap<(usize, usize), Connection> = HashMap::new();
        let (mut at, mut now, mut posted) = (vec![0; n], vec![0.0f64; n], vec![0; n]);
        let mut together: Vec<Arrival> = Vec::new();
        // By rank: when its link has sent all so far, and the shortest latency of any of it.
        let (mut all_sent_ns, mut latency_ns) = (vec![0.0f64; n], vec![f64::INFINITY; n]);
        loop {
            let mut moved = false;
            for rank in 0..n {
                while let Some(op) = program[rank].get(at[rank]) {
                    if posted[rank] == at[rank] {
                        posted[rank] += 1;
                        now[rank] += op.compute_ns as f64;
                        for &(to, bytes) in &op.sends {
                            let passage = self.passage(rank, to, bytes);
                            all_sent_ns[rank] = all_sent_ns[rank].max(now[rank]) + passage.sent_ns;
                            latency_ns[rank] = latency_ns[rank].min(passage.latency_ns);
                            let connection = connections.entry((rank, to)).or_default();
                            let begun_ns = connection.sent_ns.max(now[rank]);
                            connection.sent_ns = begun_ns + passage.sent_ns;
                            connection.arrivals.push_back(Arrival {
                                begins_ns: begun_ns + passage.begins_ns,
                                arrives_ns: begun_ns + passage.arrives_ns,
                                link_ns: passage.link_ns,
                            });
                        }
                    }
                    let arrived =
                        |from: &usize| connections.get(&(*from, rank)).and_then(|of| of.arrivals.front());
                    if !op.receives.iter().all(|from| arrived(from).is_some()) {
                        break;
                    }
                    together.clear();
                    together.extend(op.receives.iter().filter_map(|from| {
                        connections.get_mut(&(*from, rank)).and_then(|of| of.arrivals.pop_front())
                    }));
                    now[rank] = now[rank].max(all_there_ns(&mut together));
                    at[rank] += 1;
                    moved = true;
                }
            }
            if !moved {
                let arrived_ns = all_sent_ns.into_iter().zip(latency_ns).map(|(sent_ns, ns)| sent_ns + ns);
                return arrived_ns.filter(|ns| ns.is_finite()).chain(now).fold(0.0, f64::max);
            }
        }
    }
}

/// A message on its way to who waits for it: the earliest that it can be on the link to there, and all there.
#[derive(Clone, Copy, Debug)]
struct Arrival {
    begins_ns: f64,
    arrives_ns: f64,
    /// What it is on that link in all.
    link_ns: f64,
}

/// When all of some messages to one rank are there, whose link they share.
fn all_there_ns(messages: &mut [Arrival]) -> f64 {
    messages.sort_by(|a, b| a.begins_ns.total_cmp(&b.begins_ns));
    let free_ns = messages.iter().fold(0.0f64, |free_ns, of| free_ns.max(of.begins_ns) + of.link_ns);
    messages.iter().map(|of| of.arrives_ns).fold(free_ns, f64::max)
}

/// From one rank to another.
#[derive(Debug, Default)]
struct Connection {
    /// When the last message so far has been sent.
    sent_ns: f64,
    /// Messages that have not been waited for.
    arrivals: VecDeque<Arrival>,
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
