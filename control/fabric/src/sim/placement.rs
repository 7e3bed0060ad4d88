//! Paths that the controller pins: each flow of every job on the member that leaves the busiest link least busy.
//!
//! Invariant: only the first hop is pinned; where a fabric has more choices further on, they are left to the hash.

use super::topology::Topology;
use super::ways::{Ways, group};

/// Orders in which heavy flows are tried, and times that each is moved.
const ORDERS: usize = 64;
const ROUNDS: usize = 6;

/// A flow to be pinned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flow {
    pub(crate) src: usize,
    pub(crate) dst: usize,
    /// What it wants while its job is under way: one of many into the same host wants a part of that host's link.
    pub(crate) bytes_per_s: u64,
}

/// A member of the group that a flow may take: its number, its cable, and the one from there down to the flow's leaf.
#[derive(Clone, Copy, Debug)]
struct Choice {
    member: usize,
    up: usize,
    down: Option<usize>,
}

/// The member for each flow, among those that are left while only some cables work.
pub(crate) fn pin(
    topology: &Topology,
    flows: &[Flow],
    ways: &[Ways],
    works: &dyn Fn(usize) -> bool,
) -> Vec<usize> {
    let leaf_of = |host: usize| topology.leaves[topology.places[host].0];
    let mut choices: Vec<Vec<Choice>> = Vec::new();
    for flow in flows {
        let (from, to) = (leaf_of(flow.src), leaf_of(flow.dst));
        if from == to {
            choices.push(Vec::new());
            continue;
        }
        let group = group(topology, from, &ways[topology.places[flow.dst].0], works);
        let living = group.ports.iter().enumerate().filter(|(member, _)| group.alive >> member & 1 == 1);
        let links = living.map(|(member, &port)| {
            let (up, _) = topology.ports[from][port];
            let above = topology.peer(from, port).node;
            let mut below = topology.ports[above].iter();
            let down = below.find(|(c, end)| topology.cables[*c].ends[1 - end].node == to);
            Choice { member, up, down: down.map(|(cable, _)| *cable) }
        });
        choices.push(links.collect());
    }
    // Heavy flows decide: they are tried in several orders, and the best way of placing them is kept.
    let most = flows.iter().map(|flow| flow.bytes_per_s).max().unwrap_or(0);
    let (heavy, light): (Vec<usize>, Vec<usize>) =
        (0..flows.len()).partition(|&flow| 2 * flows[flow].bytes_per_s >= most);
    let mut random = fastrand::Rng::with_seed(0);
    let mut best: Option<(u64, Loads)> = None;
    for _ in 0..ORDERS {
        let mut order = heavy.clone();
        random.shuffle(&mut order);
        let mut loads = Loads::new(topology, flows.len());
        for _ in 0..ROUNDS {
            for &flow in &order {
                loads.place(flow, flows[flow].bytes_per_s, &choices[flow]);
            }
        }
        let worst = loads.up.iter().chain(&loads.down).copied().max().unwrap_or(0);
        if best.as_ref().is_none_or(|(known, _)| worst < *known) {
            best = Some((worst, loads));
        }
    }
    let mut loads = best.map_or_else(|| Loads::new(topology, flows.len()), |(_, loads)| loads);
    for _ in 0..ROUNDS {
        for &flow in &light {
            loads.place(flow, flows[flow].bytes_per_s, &choices[flow]);
        }
    }
    let member = |(flow, choice): (usize, Option<usize>)| choice.map(|choice| choices[flow][choice].member);
    loads.choice.into_iter().enumerate().map(|chosen| member(chosen).unwrap_or(0)).collect()
}

/// Loads by cable, up and down it, in the time that its rate takes for them, and the choice of each flow that has been
/// placed.
struct Loads {
    up: Vec<u64>,
    down: Vec<u64>,
    /// Picoseconds of a byte, by cable.
    byte_ps: Vec<u64>,
    choice: Vec<Option<usize>>,
}

impl Loads {
    fn new(topology: &Topology, flows: usize) -> Self {
        let cables = topology.cables.len();
        let byte_ps = topology.cables.iter().map(|cable| 8_000_000_000_000 / cable.rate_bps.max(1));
        Self {
            up: vec![0; cables],
            down: vec![0; cables],
            byte_ps: byte_ps.collect(),
            choice: vec![None; flows],
        }
    }

    /// Moves a flow to where it adds least to the sum of the squares of all loads.
    fn place(&mut self, flow: usize, bytes: u64, links: &[Choice]) {
        if links.is_empty() {
            return;
        }
        if let Some(Choice { up, down, .. }) = self.choice[flow].map(|choice| links[choice]) {
            self.up[up] = self.up[up].saturating_sub(bytes.saturating_mul(self.byte_ps[up]));
            if let Some(down) = down {
                self.down[down] = self.down[down].saturating_sub(bytes.saturating_mul(self.byte_ps[down]));
            }
        }
        // With the flow there, so that a slow cable is not taken for an empty one.
        let byte_ps = &self.byte_ps;
        let with = |load: u64, cable: usize| load.saturating_add(bytes.saturating_mul(byte_ps[cable]));
        let cost = |&Choice { up, down, .. }: &Choice| {
            let down = down.map_or(0, |down| with(self.down[down], down));
            with(self.up[up], up).saturating_add(down)
        };
        let turned = |i: usize| (i + flow) % links.len();
        let best = turned((0..links.len()).min_by_key(|&i| cost(&links[turned(i)])).unwrap_or(0));
        let Choice { up, down, .. } = links[best];
        self.up[up] = with(self.up[up], up);
        if let Some(down) = down {
            self.down[down] = with(self.down[down], down);
        }
        self.choice[flow] = Some(best);
    }
}
