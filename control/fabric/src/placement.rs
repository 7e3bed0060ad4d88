//! Paths that the controller pins: each flow of every job on the member that leaves the busiest link least busy.
//!
//! Every flow has a second member as well, for when the switch that its first one leads to dies: chosen beforehand among what is
//! then left, so that a leaf goes there at once, and well, before the controller knows.
//!
//! Invariant: only the first hop is pinned; where a fabric has more choices further on, they are left to the hash. Flows
//! that can stay where they are do.

use std::collections::BTreeSet;

use crate::topology::{NodeIndex, Topology};
use crate::ways::{Ways, group};

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

/// Members of a group, by number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Members {
    pub(crate) first: usize,
    /// When the switch that the first leads to is dead; the first again if there is no other.
    pub(crate) backup: usize,
}

/// A member of the group that a flow may take: its number, its cable, the switch there, and the cable from there down to the
/// flow's leaf.
#[derive(Clone, Copy, Debug)]
struct Choice {
    member: usize,
    up: usize,
    above: NodeIndex,
    down: Option<usize>,
}

/// The members for each flow, among those that are left while only some cables work; of flows that have been placed before,
/// only those move that have to.
pub(crate) fn pin(
    topology: &Topology,
    flows: &[Flow],
    ways: &[Ways],
    works: &dyn Fn(usize) -> bool,
    before: Option<&[Members]>,
) -> Vec<Members> {
    let choices: Vec<Vec<Choice>> =
        flows.iter().map(|flow| choices_of(topology, flow, ways, works)).collect();
    let loads = match before {
        Some(before) => kept(topology, flows, &choices, before),
        None => placed(topology, flows, &choices),
    };
    let at = |flow: usize| loads.choice[flow].map(|choice| choices[flow][choice]);
    let member = |flow: usize| at(flow).map_or(0, |choice| choice.member);
    let mut members: Vec<Members> =
        (0..flows.len()).map(|flow| Members { first: member(flow), backup: member(flow) }).collect();
    let above: BTreeSet<NodeIndex> = (0..flows.len()).filter_map(|flow| Some(at(flow)?.above)).collect();
    for dead in above {
        let mut left = loads.clone();
        let moved: Vec<usize> =
            (0..flows.len()).filter(|&flow| at(flow).is_some_and(|choice| choice.above == dead)).collect();
        for &flow in &moved {
            left.take_away(flow, flows[flow].bytes_per_s, &choices[flow]);
        }
        let left = in_several_orders(&left, flows, &choices, &moved, Some(dead));
        for flow in moved {
            if let Some(choice) = left.choice[flow] {
                members[flow].backup = choices[flow][choice].member;
            }
        }
    }
    members
}

/// Where a flow may go; nowhere if it stays within its leaf.
fn choices_of(topology: &Topology, flow: &Flow, ways: &[Ways], works: &dyn Fn(usize) -> bool) -> Vec<Choice> {
    let leaf_of = |host: usize| topology.leaves[topology.places[host].0];
    let (from, to) = (leaf_of(flow.src), leaf_of(flow.dst));
    if from == to {
        return Vec::new();
    }
    let group = group(topology, from, &ways[topology.places[flow.dst].0], works);
    let living = group.ports.iter().enumerate().filter(|(member, _)| group.alive >> member & 1 == 1);
    let links = living.map(|(member, &port)| {
        let (up, _) = topology.ports[from][port];
        let above = topology.peer(from, port).node;
        let mut below = topology.ports[above].iter();
        let down = below.find(|(c, end)| topology.cables[*c].ends[1 - end].node == to);
        Choice { member, up, above, down: down.map(|(cable, _)| *cable) }
    });
    links.collect()
}

/// All flows, anew.
fn placed(topology: &Topology, flows: &[Flow], choices: &[Vec<Choice>]) -> Loads {
    // Heavy flows decide: they are tried in several orders, and the best way of placing them is kept.
    let most = flows.iter().map(|flow| flow.bytes_per_s).max().unwrap_or(0);
    let (heavy, light): (Vec<usize>, Vec<usize>) =
        (0..flows.len()).partition(|&flow| 2 * flows[flow].bytes_per_s >= most);
    let mut loads = in_several_orders(&Loads::new(topology, flows.len()), flows, choices, &heavy, None);
    for _ in 0..ROUNDS {
        for &flow in &light {
            loads.place(flow, flows[flow].bytes_per_s, &choices[flow], None);
        }
    }
    loads
}

/// Places flows beside those that have their places, in several orders; gives the loads of the one whose busiest cable is least
/// busy, and of those alike the one with the fewest cables as busy.
fn in_several_orders(
    before: &Loads,
    flows: &[Flow],
    choices: &[Vec<Choice>],
    which: &[usize],
    dead: Option<NodeIndex>,
) -> Loads {
    let mut random = fastrand::Rng::with_seed(0);
    let mut best: Option<((u64, usize), Loads)> = None;
    for _ in 0..ORDERS {
        let mut order = which.to_vec();
        random.shuffle(&mut order);
        let mut loads = before.clone();
        for _ in 0..ROUNDS {
            for &flow in &order {
                loads.place(flow, flows[flow].bytes_per_s, &choices[flow], dead);
            }
        }
        let busy = || loads.up.iter().chain(&loads.down).copied();
        let worst = busy().max().unwrap_or(0);
        let alike = busy().filter(|&load| load == worst).count();
        if best.as_ref().is_none_or(|(known, _)| (worst, alike) < *known) {
            best = Some(((worst, alike), loads));
        }
    }
    best.map_or_else(|| before.clone(), |(_, loads)| loads)
}

/// Flows where they were, those that cannot be there any more on their backups, and what has neither where there is room.
fn kept(topology: &Topology, flows: &[Flow], choices: &[Vec<Choice>], before: &[Members]) -> Loads {
    let mut loads = Loads::new(topology, flows.len());
    let mut moved = Vec::new();
    for (flow, members) in before.iter().enumerate() {
        let at = |member: usize| choices[flow].iter().position(|choice| choice.member == member);
        match at(members.first).or_else(|| at(members.backup)) {
            Some(choice) => loads.put(flow, flows[flow].bytes_per_s, &choices[flow], choice),
            None => moved.push(flow),
        }
    }
    for _ in 0..ROUNDS {
        for &flow in &moved {
            loads.place(flow, flows[flow].bytes_per_s, &choices[flow], None);
        }
    }
    loads
}

/// Loads by cable, up and down it, in the time that its rate takes for them, and the choice of each flow that has been
/// placed.
#[derive(Clone)]
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

    /// Moves a flow to where it adds least to the sum of the squares of all loads, but not past a dead switch.
    fn place(&mut self, flow: usize, bytes: u64, links: &[Choice], dead: Option<NodeIndex>) {
        if links.is_empty() {
            return;
        }
        self.take_away(flow, bytes, links);
        // With the flow there, so that a slow cable is not taken for an empty one.
        let byte_ps = &self.byte_ps;
        let with = |load: u64, cable: usize| load.saturating_add(bytes.saturating_mul(byte_ps[cable]));
        let cost = |&Choice { up, down, .. }: &Choice| {
            let down = down.map_or(0, |down| with(self.down[down], down));
            with(self.up[up], up).saturating_add(down)
        };
        let turned = |i: usize| (i + flow) % links.len();
        let living = (0..links.len()).filter(|&i| dead.is_none_or(|dead| links[turned(i)].above != dead));
        if let Some(best) = living.min_by_key(|&i| cost(&links[turned(i)])) {
            self.put(flow, bytes, links, turned(best));
        }
    }

    fn put(&mut self, flow: usize, bytes: u64, links: &[Choice], choice: usize) {
        let Choice { up, down, .. } = links[choice];
        self.up[up] = self.up[up].saturating_add(bytes.saturating_mul(self.byte_ps[up]));
        if let Some(down) = down {
            self.down[down] = self.down[down].saturating_add(bytes.saturating_mul(self.byte_ps[down]));
        }
        self.choice[flow] = Some(choice);
    }

    fn take_away(&mut self, flow: usize, bytes: u64, links: &[Choice]) {
        if let Some(Choice { up, down, .. }) = self.choice[flow].take().map(|choice| links[choice]) {
            self.up[up] = self.up[up].saturating_sub(bytes.saturating_mul(self.byte_ps[up]));
            if let Some(down) = down {
                self.down[down] = self.down[down].saturating_sub(bytes.saturating_mul(self.byte_ps[down]));
            }
        }
    }
}
