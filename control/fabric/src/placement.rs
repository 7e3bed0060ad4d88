//! Paths that the controller pins: each flow of every job, at every switch on its way that has a choice, on the member that
//! leaves the busiest link least busy.
//!
//! Every flow has a second member as well, for when the switch that its first one leads to dies: chosen beforehand among what is
//! then left, so that a switch goes there at once, and well, before the controller knows. Where that brings it to switches that
//! it did not pass before, it is pinned there too.
//!
//! Invariant: flows that can stay where they are do.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::lattice::{Edge, Junction, Lattice, Lattices};
use crate::topology::{NodeIndex, Topology};
use crate::ways::Ways;

/// Orders in which heavy flows are tried, times that each is moved, and edges that are looked at for all of that.
const ORDERS: usize = 64;
const ROUNDS: usize = 6;
const LOOKS_MAX: usize = 20_000_000;
/// Flows that a switch's table has room for; the lightest of more are left to the hash.
const PINNED_MAX: usize = 65_536;

/// A flow to be pinned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flow {
    pub(crate) job: usize,
    pub(crate) src: usize,
    pub(crate) dst: usize,
    /// What it wants while its job is under way: one of many into the same host wants a part of that host's link.
    pub(crate) bytes_per_s: u64,
}

/// Members of a group, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Members {
    pub(crate) first: usize,
    /// When the switch that the first leads to is dead; the first again if there is no other.
    pub(crate) backup: usize,
}

/// By switch and number of the flow.
pub(crate) type Pins = BTreeMap<(NodeIndex, usize), Members>;

/// The members for each flow, among those that are left while only some cables work; of flows that have been placed before,
/// only those move that have to.
pub(crate) fn pin(
    topology: &Topology,
    flows: &[Flow],
    ways: &[Ways],
    works: &dyn Fn(usize) -> bool,
    before: Option<&Pins>,
) -> Pins {
    let fabric = Fabric::new(topology, flows, Lattices::new(topology, ways, works));
    let loads = match before {
        Some(before) => fabric.kept(before),
        None => fabric.placed(),
    };
    let mut pins = Pins::new();
    let mut passed = BTreeSet::new();
    for flow in 0..flows.len() {
        for (_, junction, edge) in fabric.walk(&loads, flow) {
            passed.insert(fabric.lattice(flow).junctions[edge.next].node);
            if junction.has_group {
                let members = Members { first: edge.member, backup: edge.member };
                pins.insert((junction.node, flow), members);
            }
        }
    }
    for dead in passed {
        let mut left = loads.clone();
        let moved = fabric.through(&loads, dead);
        for &(flow, hop) in &moved {
            fabric.take_away(&mut left, flow, hop);
        }
        let left = fabric.in_several_orders(&left, &moved, Some(dead));
        for (flow, hop) in moved {
            for (at, junction, edge) in fabric.walk(&left, flow).skip(hop) {
                let members = Members { first: edge.member, backup: edge.member };
                if at == hop {
                    pins.entry((junction.node, flow)).or_insert(members).backup = edge.member;
                } else if junction.has_group {
                    pins.entry((junction.node, flow)).or_insert(members);
                }
            }
        }
    }
    // What a switch was told once it goes on by, should the flow come there.
    let told = |key: &(NodeIndex, usize)| before.is_some_and(|before| before.contains_key(key));
    for (&key, &members) in before.into_iter().flatten() {
        pins.entry(key).or_insert(members);
    }
    leave_out_lightest(&mut pins, flows, &told);
    pins
}

/// Where a switch has more flows than its table holds; not those that are in it already.
fn leave_out_lightest(pins: &mut Pins, flows: &[Flow], told: &dyn Fn(&(NodeIndex, usize)) -> bool) {
    let mut by_node: BTreeMap<NodeIndex, Vec<usize>> = BTreeMap::new();
    for &(node, flow) in pins.keys() {
        by_node.entry(node).or_default().push(flow);
    }
    for (node, mut here) in by_node {
        here.sort_by_key(|&flow| Reverse((told(&(node, flow)), flows[flow].bytes_per_s)));
        for flow in here.into_iter().skip(PINNED_MAX) {
            pins.remove(&(node, flow));
        }
    }
}

/// What flows are placed in.
struct Fabric<'f> {
    flows: &'f [Flow],
    lattices: Vec<Lattice>,
    /// By flow.
    lattice_of: Vec<usize>,
    /// Picoseconds of a byte, by link.
    byte_ps: Vec<u64>,
    /// Most hops of any flow.
    hops_max: usize,
}

/// Loads by link, in the time that its rate takes for them, and the edges that flows have taken.
#[derive(Clone)]
struct Loads {
    link: Vec<u64>,
    /// By flow and hop.
    edges: Vec<u8>,
    /// By flow, hops for which it has edges.
    hops: Vec<usize>,
    /// By junction of the lattice last looked at: the cost of the best way from there, and its edge.
    costs: Vec<(u64, u8)>,
}

impl<'f> Fabric<'f> {
    fn new(topology: &Topology, flows: &'f [Flow], mut lattices: Lattices<'_>) -> Self {
        let leaf = |host: usize| topology.places[host].0;
        let lattice_of = flows.iter().map(|flow| lattices.between(leaf(flow.src), leaf(flow.dst))).collect();
        let lattices = lattices.all;
        let byte_ps = topology.cables.iter().map(|cable| 8_000_000_000_000 / cable.rate_bps.max(1));
        let hops_max = lattices.iter().filter_map(|lattice| lattice.hops).max().unwrap_or(0);
        Self { flows, lattices, lattice_of, byte_ps: byte_ps.flat_map(|ps| [ps, ps]).collect(), hops_max }
    }

    fn lattice(&self, flow: usize) -> &Lattice {
        &self.lattices[self.lattice_of[flow]]
    }

    fn empty(&self) -> Loads {
        Loads {
            link: vec![0; self.byte_ps.len()],
            edges: vec![0; self.flows.len() * self.hops_max],
            hops: vec![0; self.flows.len()],
            costs: Vec::new(),
        }
    }

    /// The hops of a flow that has been placed: their numbers, the switch that each begins at, and its edge.
    fn walk<'w>(
        &'w self,
        loads: &'w Loads,
        flow: usize,
    ) -> impl Iterator<Item = (usize, &'w Junction, Edge)> + use<'w> {
        let junctions = &self.lattice(flow).junctions;
        let mut at = 0;
        (0..loads.hops[flow]).map(move |hop| {
            let junction = &junctions[at];
            let edge = junction.edges[usize::from(loads.edges[flow * self.hops_max + hop])];
            at = edge.next;
            (hop, junction, edge)
        })
    }

    /// Flows that pass a switch and have another way from the one before it, with the hop that leads there.
    fn through(&self, loads: &Loads, node: NodeIndex) -> Vec<(usize, usize)> {
        let mut through = Vec::new();
        for flow in 0..self.flows.len() {
            let leads_there = |edge: &Edge| self.lattice(flow).junctions[edge.next].node == node;
            let hop = self.walk(loads, flow).find(|(_, _, edge)| leads_there(edge));
            if let Some((hop, junction, _)) = hop
                && !junction.edges.iter().all(leads_there)
            {
                through.push((flow, hop));
            }
        }
        through
    }

    /// All flows, anew.
    fn placed(&self) -> Loads {
        // Heavy flows decide: they are tried in several orders, and the best way of placing them is kept.
        let most = self.flows.iter().map(|flow| flow.bytes_per_s).max().unwrap_or(0);
        let all = (0..self.flows.len()).map(|flow| (flow, 0));
        let (heavy, light): (Vec<_>, Vec<_>) =
            all.partition(|&(flow, _)| 2 * self.flows[flow].bytes_per_s >= most);
        let mut loads = self.in_several_orders(&self.empty(), &heavy, None);
        // The others job by job, those that want most first: where a job's flows go does not depend on who sends little beside it.
        let mut by_job: BTreeMap<usize, Vec<(usize, usize)>> = BTreeMap::new();
        for (flow, hop) in light {
            by_job.entry(self.flows[flow].job).or_default().push((flow, hop));
        }
        let most_of = |flows: &Vec<(usize, usize)>| {
            flows.iter().map(|&(flow, _)| self.flows[flow].bytes_per_s).max().unwrap_or(0)
        };
        let mut jobs: Vec<_> = by_job.into_values().collect();
        jobs.sort_by_key(|flows| Reverse(most_of(flows)));
        jobs.iter().for_each(|flows| self.place_all(&mut loads, flows, None));
        loads
    }

    /// Places flows, each from a hop on, beside those that have their places, in several orders; gives the loads of the one whose
    /// busiest link is least busy, and of those alike the one with the fewest links as busy.
    fn in_several_orders(&self, before: &Loads, which: &[(usize, usize)], dead: Option<NodeIndex>) -> Loads {
        let edges = |flow: usize| self.lattice(flow).junctions.iter().map(|at| at.edges.len()).sum::<usize>();
        let looks: usize = which.iter().map(|&(flow, _)| ROUNDS * edges(flow)).sum();
        let mut random = fastrand::Rng::with_seed(0);
        let mut best: Option<((u64, usize), Loads)> = None;
        for _ in 0..(LOOKS_MAX / looks.max(1)).clamp(1, ORDERS) {
            let mut order = which.to_vec();
            random.shuffle(&mut order);
            let mut loads = before.clone();
            self.place_all(&mut loads, &order, dead);
            let worst = loads.link.iter().copied().max().unwrap_or(0);
            let alike = loads.link.iter().filter(|&&load| load == worst).count();
            if best.as_ref().is_none_or(|(known, _)| (worst, alike) < *known) {
                best = Some(((worst, alike), loads));
            }
        }
        best.map_or_else(|| before.clone(), |(_, loads)| loads)
    }

    fn place_all(&self, loads: &mut Loads, which: &[(usize, usize)], dead: Option<NodeIndex>) {
        for _ in 0..ROUNDS {
            for &(flow, hop) in which {
                self.place(loads, flow, hop, dead);
            }
        }
    }

    /// Flows where they were, those that cannot be there any more on their backups, and what has neither where there is room.
    fn kept(&self, before: &Pins) -> Loads {
        let mut loads = self.empty();
        let mut moved = Vec::new();
        for flow in 0..self.flows.len() {
            match self.old_way(before, flow) {
                Some(edges) => edges.into_iter().for_each(|edge| self.put(&mut loads, flow, edge)),
                None => moved.push((flow, 0)),
            }
        }
        self.place_all(&mut loads, &moved, None);
        loads
    }

    /// The edges by which a flow goes as switches were told before; none if that leads nowhere any more, or to where they were
    /// told nothing of it.
    fn old_way(&self, before: &Pins, flow: usize) -> Option<Vec<(usize, usize)>> {
        let lattice = self.lattice(flow);
        let mut at = 0;
        let mut way = Vec::new();
        for hop in 0..lattice.hops? {
            let junction = &lattice.junctions[at];
            let edge = match junction.has_group {
                true => {
                    let members = before.get(&(junction.node, flow))?;
                    let of = |member| junction.edges.iter().position(|edge| edge.member == member);
                    of(members.first).or_else(|| of(members.backup))?
                }
                false => 0,
            };
            way.push((hop, edge));
            at = junction.edges.get(edge)?.next;
        }
        Some(way)
    }

    /// Moves a flow, from a hop on, to where it adds least to the sum of the squares of all loads, but not past a dead switch.
    fn place(&self, loads: &mut Loads, flow: usize, from_hop: usize, dead: Option<NodeIndex>) {
        let Lattice { junctions, hops: Some(hops) } = self.lattice(flow) else { return };
        self.take_away(loads, flow, from_hop);
        let start = self.walk(loads, flow).last().map_or(0, |(_, _, edge)| edge.next);
        let target = junctions.len() - 1;
        let bytes = self.flows[flow].bytes_per_s;
        let mut costs = std::mem::take(&mut loads.costs);
        costs.clear();
        costs.resize(junctions.len(), (u64::MAX, 0));
        costs[target].0 = 0;
        for at in (start..target).rev() {
            let edges = &junctions[at].edges;
            for turned in 0..edges.len() {
                let index = (turned + flow) % edges.len();
                let Edge { link, next, .. } = edges[index];
                if costs[next].0 == u64::MAX || dead == Some(junctions[next].node) {
                    continue;
                }
                // With the flow there, so that a slow link is not taken for an empty one.
                let with = loads.link[link].saturating_add(bytes.saturating_mul(self.byte_ps[link]));
                let cost = with.saturating_add(costs[next].0).min(u64::MAX - 1);
                if cost < costs[at].0 {
                    costs[at] = (cost, index as u8);
                }
            }
        }
        if costs[start].0 < u64::MAX {
            let mut at = start;
            for hop in from_hop..*hops {
                let edge = usize::from(costs[at].1);
                self.put(loads, flow, (hop, edge));
                at = junctions[at].edges[edge].next;
            }
        }
        loads.costs = costs;
    }

    /// Gives a flow that has edges up to a hop the one of that hop.
    fn put(&self, loads: &mut Loads, flow: usize, (hop, edge): (usize, usize)) {
        loads.edges[flow * self.hops_max + hop] = edge as u8;
        loads.hops[flow] = hop + 1;
        if let Some((_, _, Edge { link, .. })) = self.walk(loads, flow).last() {
            let ps = self.flows[flow].bytes_per_s.saturating_mul(self.byte_ps[link]);
            loads.link[link] = loads.link[link].saturating_add(ps);
        }
    }

    /// Takes a flow's edges away, from a hop on.
    fn take_away(&self, loads: &mut Loads, flow: usize, from_hop: usize) {
        let links: Vec<usize> = self.walk(loads, flow).skip(from_hop).map(|(_, _, edge)| edge.link).collect();
        for link in links {
            let ps = self.flows[flow].bytes_per_s.saturating_mul(self.byte_ps[link]);
            loads.link[link] = loads.link[link].saturating_sub(ps);
        }
        loads.hops[flow] = loads.hops[flow].min(from_hop);
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    /// Two pods of two leaves and two aggregation switches, each leaf with two hosts; two cores for each aggregation switch of a
    /// pod. As many links up from everywhere as come from below.
    fn pods() -> Topology {
        let mut text = String::from(
            "switches = [\"l0\", \"l1\", \"l2\", \"l3\", \"a0\", \"a1\", \"a2\", \"a3\", \"c0\", \"c1\", \"c2\", \"c3\"]\n\
             hosts = [\"h0\", \"h1\", \"h2\", \"h3\", \"h4\", \"h5\", \"h6\", \"h7\"]\ncables = [\n",
        );
        for leaf in 0..4 {
            for of in 0..2 {
                let (host, aggregation) = (2 * leaf + of, 2 * (leaf / 2) + of);
                let _ = writeln!(text, "{{ ends = [\"h{host}\", \"l{leaf}\"], link = \"l\" }},");
                let _ = writeln!(text, "{{ ends = [\"l{leaf}\", \"a{aggregation}\"], link = \"l\" }},");
                let (aggregation, core) = (leaf, 2 * (leaf % 2) + of);
                let _ = writeln!(text, "{{ ends = [\"a{aggregation}\", \"c{core}\"], link = \"l\" }},");
            }
        }
        text.push_str("]\n[links.l]\nrate_gbps = 100\nlength_m = 1\nmedium = \"copper\"\n");
        Topology::parse("t", &text).unwrap()
    }

    /// Flows of all hosts of the first pod to those of the second, each of a link's rate.
    fn flows() -> Vec<Flow> {
        (0..4).map(|host| Flow { job: 0, src: host, dst: 4 + host, bytes_per_s: 12_500_000_000 }).collect()
    }

    /// Links that a flow goes by, where switches that are told nothing of it have but one.
    fn links(topology: &Topology, pins: &Pins, flow: usize, dead: Option<NodeIndex>) -> Vec<usize> {
        let ways = Ways::all(topology, &|_| true);
        let Flow { src, dst, .. } = flows()[flow];
        let mut lattices = Lattices::new(topology, &ways, &|_| true);
        let lattice = lattices.between(topology.places[src].0, topology.places[dst].0);
        let Lattice { junctions, hops } = &lattices.all[lattice];
        let (mut at, mut links) = (0, Vec::new());
        for _ in 0..hops.unwrap() {
            let edges = &junctions[at].edges;
            let edge = |member: usize| edges.iter().find(|edge| edge.member == member).unwrap();
            let taken = match pins.get(&(junctions[at].node, flow)) {
                Some(members) => match edge(members.first) {
                    first if dead == Some(junctions[first.next].node) => edge(members.backup),
                    first => first,
                },
                None => {
                    assert_eq!(edges.len(), 1, "a choice is left to the hash");
                    &edges[0]
                }
            };
            assert_ne!(dead, Some(junctions[taken.next].node));
            links.push(taken.link);
            at = taken.next;
        }
        links
    }

    #[test]
    fn no_two_flows_share_a_link_of_any_tier() {
        let topology = pods();
        let pins = pin(&topology, &flows(), &Ways::all(&topology, &|_| true), &|_| true, None);
        let all: Vec<usize> = (0..4).flat_map(|flow| links(&topology, &pins, flow, None)).collect();
        let different: BTreeSet<usize> = all.iter().copied().collect();
        assert_eq!((all.len(), different.len()), (16, 16));
    }

    #[test]
    fn who_sends_little_does_not_move_others() {
        let topology = pods();
        let ways = Ways::all(&topology, &|_| true);
        let between = |job, bytes_per_s| {
            let pairs = (0..8).flat_map(|src| (0..8).map(move |dst| (src, dst)));
            pairs.filter(|(src, dst)| src != dst).enumerate().map(move |(index, (src, dst))| Flow {
                job,
                src,
                dst,
                bytes_per_s: bytes_per_s * (1 + index as u64 % 5),
            })
        };
        let mut flows: Vec<Flow> = between(0, 1_000_000_000).collect();
        let alone = pin(&topology, &flows, &ways, &|_| true, None);
        flows.extend(between(1, 100_000_000));
        let beside = pin(&topology, &flows, &ways, &|_| true, None);
        // Where they enter the fabric: elsewhere there are second choices as well, which go by what is left.
        let firsts = |pins: &Pins| -> Vec<_> {
            let entering =
                pins.iter().filter(|((node, flow), _)| topology.leaves.contains(node) && *flow < 56);
            entering.map(|(key, of)| (*key, of.first)).collect()
        };
        assert_eq!(firsts(&alone), firsts(&beside));
    }

    #[test]
    fn a_second_choice_goes_on_where_the_first_one_does_not_pass() {
        let topology = pods();
        let pins = pin(&topology, &flows(), &Ways::all(&topology, &|_| true), &|_| true, None);
        let node = |name: &str| (0..).find(|&node| topology.node_name(node) == name).unwrap();
        for dead in ["a0", "a1", "c0", "c3"] {
            (0..4).for_each(|flow| assert_eq!(links(&topology, &pins, flow, Some(node(dead))).len(), 4));
        }
    }

    #[test]
    fn who_has_to_move_is_all_that_moves() {
        let topology = pods();
        let ways = Ways::all(&topology, &|_| true);
        let before = pin(&topology, &flows(), &ways, &|_| true, None);
        let cable = links(&topology, &before, 0, None)[1] / 2;
        let works = |of: usize| of != cable;
        let after = pin(&topology, &flows(), &Ways::all(&topology, &works), &works, Some(&before));
        let now = |flow: usize| links(&topology, &after, flow, None);
        assert!((1..4).all(|flow| now(flow) == links(&topology, &before, flow, None)));
        assert!(now(0).iter().all(|link| link / 2 != cable));
        assert!(before.keys().all(|key| after.contains_key(key)));
    }
}
