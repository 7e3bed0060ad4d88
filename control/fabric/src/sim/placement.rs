//! Paths that the controller pins: each flow of every job on the member that leaves the busiest link least busy.
//!
//! Invariant: only the first hop is pinned; where a fabric has more choices further on, they are left to the hash.

use std::collections::HashMap;

use super::tables::group;
use super::topology::{NodeIndex, Topology};

/// Orders in which heavy flows are tried, and times that each is moved.
const ORDERS: usize = 64;
const ROUNDS: usize = 6;

/// A flow to be pinned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flow {
    pub(crate) src: usize,
    pub(crate) dst: usize,
    pub(crate) bytes: u64,
}

/// The member for each flow.
pub(crate) fn pin(topology: &Topology, flows: &[Flow]) -> Vec<usize> {
    let mut distances: HashMap<NodeIndex, Vec<Option<u32>>> = HashMap::new();
    let leaf_of = |host: usize| topology.leaves[topology.places[host].0];
    let mut choices: Vec<Vec<(usize, Option<usize>)>> = Vec::new();
    for flow in flows {
        let (from, to) = (leaf_of(flow.src), leaf_of(flow.dst));
        let built = distances.entry(to).or_insert_with(|| topology.distances(to, &|_| true));
        let ports =
            if from == to { Vec::new() } else { group(topology, from, built, built, &|_| true).ports };
        let links = ports.iter().map(|&port| {
            let (up, _) = topology.ports[from][port];
            let above = topology.peer(from, port).node;
            let down =
                topology.ports[above].iter().find(|(c, end)| topology.cables[*c].ends[1 - end].node == to);
            (up, down.map(|(cable, _)| *cable))
        });
        choices.push(links.collect());
    }
    // Heavy flows decide: they are tried in several orders, and the best way of placing them is kept.
    let most = flows.iter().map(|flow| flow.bytes).max().unwrap_or(0);
    let (heavy, light): (Vec<usize>, Vec<usize>) =
        (0..flows.len()).partition(|&flow| 2 * flows[flow].bytes >= most);
    let mut random = fastrand::Rng::with_seed(0);
    let mut best: Option<(u64, Loads)> = None;
    for _ in 0..ORDERS {
        let mut order = heavy.clone();
        random.shuffle(&mut order);
        let mut loads = Loads::new(topology.cables.len(), flows.len());
        for _ in 0..ROUNDS {
            for &flow in &order {
                loads.place(flow, flows[flow].bytes, &choices[flow]);
            }
        }
        let worst = loads.up.iter().chain(&loads.down).copied().max().unwrap_or(0);
        if best.as_ref().is_none_or(|(known, _)| worst < *known) {
            best = Some((worst, loads));
        }
    }
    let mut loads = best.map_or_else(|| Loads::new(topology.cables.len(), flows.len()), |(_, loads)| loads);
    for _ in 0..ROUNDS {
        for &flow in &light {
            loads.place(flow, flows[flow].bytes, &choices[flow]);
        }
    }
    loads.member.into_iter().map(|member| member.unwrap_or(0)).collect()
}

/// Loads by cable, up and down it, and the member of each flow that has been placed.
struct Loads {
    up: Vec<u64>,
    down: Vec<u64>,
    member: Vec<Option<usize>>,
}

impl Loads {
    fn new(cables: usize, flows: usize) -> Self {
        Self { up: vec![0; cables], down: vec![0; cables], member: vec![None; flows] }
    }

    /// Moves a flow to where it adds least to the sum of the squares of all loads.
    fn place(&mut self, flow: usize, bytes: u64, links: &[(usize, Option<usize>)]) {
        if links.is_empty() {
            return;
        }
        if let Some((up, down)) = self.member[flow].map(|member| links[member]) {
            self.up[up] = self.up[up].saturating_sub(bytes);
            if let Some(down) = down {
                self.down[down] = self.down[down].saturating_sub(bytes);
            }
        }
        let cost =
            |&(up, down): &(usize, Option<usize>)| self.up[up] + down.map_or(0, |down| self.down[down]);
        let turned = |i: usize| (i + flow) % links.len();
        let best = turned((0..links.len()).min_by_key(|&i| cost(&links[turned(i)])).unwrap_or(0));
        let (up, down) = links[best];
        self.up[up] += bytes;
        if let Some(down) = down {
            self.down[down] += bytes;
        }
        self.member[flow] = Some(best);
    }
}
