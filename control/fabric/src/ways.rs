//! Ways to a leaf, and the groups of ports that lead there: who is a member how often, and who of them is alive.
//!
//! A port stands in its group as often as what goes through it towards the leaf says: its own rate, and what the switches beyond
//! can pass on. Links slower than a host carry nothing that others could. Invariant: members follow the fabric as built, so
//! that their numbers never change; what fails only takes some of them out of the mask.

use crate::topology::{NodeIndex, Topology};

/// The ports of a switch that are on a shortest way to a leaf, each as often as its weight says, with those that must not
/// be used left out of the mask.
pub(crate) struct Group {
    pub(crate) ports: Vec<usize>,
    pub(crate) alive: u64,
}

/// Ways from all switches to one leaf, as built and as they now are: hops, and how much goes through.
pub(crate) struct Ways {
    built: Vec<Option<u32>>,
    now: Vec<Option<u32>>,
    built_bps: Vec<u64>,
    now_bps: Vec<u64>,
}

impl Ways {
    /// To every leaf.
    pub(crate) fn all(topology: &Topology, works: &dyn Fn(usize) -> bool) -> Vec<Ways> {
        topology.leaves.iter().map(|&leaf| Ways::new(topology, leaf, works)).collect()
    }

    /// From a switch to the leaf, as built.
    pub(crate) fn hops(&self, node: NodeIndex) -> Option<u32> {
        self.built[node]
    }

    fn new(topology: &Topology, leaf: NodeIndex, works: &dyn Fn(usize) -> bool) -> Ways {
        let (built, now) = (topology.distances(leaf, &|_| true), topology.distances(leaf, works));
        let built_bps = capacities(topology, &built, &|_| true);
        let now_bps = capacities(topology, &now, works);
        Ways { built, now, built_bps, now_bps }
    }
}

/// Bits per second from every switch to the leaf by ways on which every hop is nearer to it.
fn capacities(topology: &Topology, distances: &[Option<u32>], works: &dyn Fn(usize) -> bool) -> Vec<u64> {
    let mut order: Vec<NodeIndex> = (0..distances.len()).filter(|&node| distances[node].is_some()).collect();
    order.sort_by_key(|&node| distances[node]);
    let mut through_bps = vec![0u64; distances.len()];
    for node in order {
        through_bps[node] = match distances[node] {
            Some(0) => u64::MAX,
            _ => (0..topology.ports[node].len())
                .map(|port| port_bps(topology, node, port, distances, &through_bps, works))
                .fold(0, u64::saturating_add),
        };
    }
    through_bps
}

/// What a port carries towards the leaf: no more than its neighbour can pass on, of which parallel cables have a part each.
fn port_bps(
    topology: &Topology,
    node: NodeIndex,
    port: usize,
    distances: &[Option<u32>],
    through_bps: &[u64],
    works: &dyn Fn(usize) -> bool,
) -> u64 {
    let next = topology.peer(node, port).node;
    let (cable, _) = topology.ports[node][port];
    let is_closer = matches!((distances[node], distances[next]), (Some(from), Some(to)) if to < from);
    if !is_closer || topology.is_host(next) || !works(cable) {
        return 0;
    }
    let rate_bps = topology.cables[cable].rate_bps;
    let ports = topology.ports[node].iter().enumerate();
    let beside = ports.filter(|(port, (cable, _))| works(*cable) && topology.peer(node, *port).node == next);
    let all_bps: u64 = beside.map(|(_, (cable, _))| topology.cables[*cable].rate_bps).sum();
    let part = u128::from(through_bps[next]) * u128::from(rate_bps) / u128::from(all_bps.max(1));
    rate_bps.min(u64::try_from(part).unwrap_or(u64::MAX))
}

/// Most members of a group.
const MEMBERS_MAX: usize = 64;
/// Members of the port that carries most.
const WEIGHT_MAX: u64 = 16;
/// How far a weight may be from what a port carries.
const WEIGHT_ERROR: f64 = 0.03;

/// Small numbers in about the proportion of the rates, as few as do.
fn weights(rates_bps: &[u64]) -> Vec<usize> {
    let most = rates_bps.iter().copied().max().unwrap_or(1).max(1) as f64;
    let scaled = |of: u64| -> Vec<usize> {
        rates_bps.iter().map(|&bps| ((bps as f64 * of as f64 / most).round() as usize).max(1)).collect()
    };
    let error = |weights: &[usize], of: u64| {
        let wanted = rates_bps.iter().map(|&bps| bps as f64 * of as f64 / most);
        weights.iter().zip(wanted).map(|(&got, wanted)| (got as f64 / wanted - 1.0).abs()).fold(0.0, f64::max)
    };
    let mut best = (f64::INFINITY, vec![1; rates_bps.len()]);
    for of in 1..=WEIGHT_MAX {
        let weights = scaled(of);
        let error = error(&weights, of);
        if weights.iter().sum::<usize>() <= MEMBERS_MAX && error < best.0 {
            best = (error, weights);
        }
        if best.0 <= WEIGHT_ERROR {
            break;
        }
    }
    best.1
}

/// A flow on a link that is slower than its host holds up its whole job, whatever share of the flows goes there. So such links are
/// only used where the others do not carry all that can come.
fn leave_out_slow(topology: &Topology, node: NodeIndex, members: &[(usize, u64)], left_bps: &mut [u64]) {
    let host_bps = (0..topology.hosts()).map(|host| topology.host_rate_bps(host)).max().unwrap_or(0);
    let comes =
        topology.ports[node].iter().enumerate().filter(|(port, _)| members.iter().all(|(of, _)| of != port));
    let comes_bps: u64 = comes.map(|(_, &(cable, _))| topology.cables[cable].rate_bps).sum();
    let fast_bps: u64 = left_bps.iter().filter(|&&bps| bps >= host_bps).sum();
    if fast_bps > 0 && fast_bps >= comes_bps {
        left_bps.iter_mut().filter(|bps| **bps < host_bps).for_each(|bps| *bps = 0);
    }
}

/// Members follow the fabric as built; which of them are alive follows the cables that work, here and beyond.
pub(crate) fn group(
    topology: &Topology,
    node: NodeIndex,
    ways: &Ways,
    works: &dyn Fn(usize) -> bool,
) -> Group {
    let built = |port| port_bps(topology, node, port, &ways.built, &ways.built_bps, &|_| true);
    let members: Vec<(usize, u64)> = (0..topology.ports[node].len())
        .map(|port| (port, built(port)))
        .filter(|(_, bps)| *bps > 0)
        .take(MEMBERS_MAX)
        .collect();
    // Where a failure leaves only ways that are longer than the old ones, those are no members.
    let is_near = ways.now[node] == ways.built[node];
    let now = |port| port_bps(topology, node, port, &ways.now, &ways.now_bps, works);
    let mut left_bps: Vec<u64> =
        members.iter().map(|&(port, _)| if is_near { now(port) } else { 0 }).collect();
    leave_out_slow(topology, node, &members, &mut left_bps);
    let left: Vec<f64> =
        members.iter().zip(&left_bps).map(|(&(_, bps), &left_bps)| left_bps as f64 / bps as f64).collect();
    let most = left.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    let rates: Vec<u64> = members.iter().map(|(_, bps)| *bps).collect();
    let (mut ports, mut alive) = (Vec::new(), 0u64);
    let weights = weights(&rates);
    let rounds = weights.iter().copied().max().unwrap_or(0);
    let lives = |index: usize| match left[index] > 0.0 {
        true => ((weights[index] as f64 * left[index] / most).round() as usize).max(1),
        false => 0,
    };
    // Round after round, so that those who take turns do not send twice to the same port.
    for round in 0..rounds {
        for (index, &(port, _)) in members.iter().enumerate().filter(|(index, _)| round < weights[*index]) {
            if round < lives(index) {
                alive |= 1 << ports.len();
            }
            ports.push(port);
        }
    }
    Group { ports, alive }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_small_and_near() {
        assert_eq!(weights(&[400, 400, 400]), [1, 1, 1]);
        assert_eq!(weights(&[400, 200]), [2, 1]);
        assert_eq!(weights(&[400, 300]), [4, 3]);
        assert_eq!(weights(&[1_000_000, 1]), [16, 1]);
        assert!(weights(&[7; 64]).iter().sum::<usize>() <= MEMBERS_MAX);
    }

    /// Two leaves; one of their two spines passes on half of what it gets, by two slow cables.
    const UNEQUAL: &str = r#"
switches = ["a", "b", "s", "t"]
hosts = ["h", "i"]
cables = [
    { ends = ["h", "a"], link = "HOST" }, { ends = ["i", "b"], link = "HOST" },
    { ends = ["a", "s"], link = "fast" }, { ends = ["a", "t"], link = "fast" },
    { ends = ["s", "b"], link = "fast" }, { ends = ["t", "b"], link = "slow" }, { ends = ["t", "b"], link = "slow" },
]
[links.fast]
rate_gbps = 100
length_m = 1
medium = "copper"
[links.slow]
rate_gbps = 25
length_m = 1
medium = "copper"
"#;

    #[test]
    fn a_link_slower_than_a_host_carries_nothing_that_others_could() {
        let topology = Topology::parse("t", &UNEQUAL.replace("HOST", "fast")).unwrap();
        let alive = |works: &dyn Fn(usize) -> bool| {
            group(&topology, topology.leaves[0], &Ways::all(&topology, works)[1], works).alive
        };
        assert_eq!(alive(&|_| true), 0b101);
        // Without the other spine it is all that there is.
        assert_eq!(alive(&|cable| cable != 2), 0b010);
    }

    #[test]
    fn what_a_spine_cannot_pass_on_is_not_given_to_it() {
        let topology = Topology::parse("t", &UNEQUAL.replace("HOST", "slow")).unwrap();
        let (a, b) = (topology.leaves[0], 1);
        let all = |_: usize| true;
        // Ports of `a`: the host's, that to `s`, that to `t`, which passes on a half.
        let Group { ports, alive } = group(&topology, a, &Ways::all(&topology, &all)[b], &all);
        assert_eq!((ports, alive), (vec![1, 2, 1], 0b111));
        // One of the two slow cables fails: a quarter goes by `t`, of the two thirds and one third that there are.
        let works = |cable: usize| cable != 6;
        let Group { ports, alive } = group(&topology, a, &Ways::all(&topology, &works)[b], &works);
        assert_eq!((ports, alive), (vec![1, 2, 1], 0b111));
        let works = |cable: usize| cable < 5;
        let Group { alive, .. } = group(&topology, a, &Ways::all(&topology, &works)[b], &works);
        assert_eq!(alive, 0b101);
    }
}
