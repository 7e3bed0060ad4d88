//! All shortest ways from one leaf to another, as the groups of the switches on them have it.
//!
//! Invariant: a switch stands before all that its edges lead to, so the target is the last one, if it can be reached.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::topology::{NodeIndex, Topology};
use crate::ways::{Group, Ways, group};

/// A living member of a switch's group.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Edge {
    pub(crate) member: usize,
    /// The direction of a cable: twice the cable, and which of its ends sends.
    pub(crate) link: usize,
    /// Where in the lattice it leads to.
    pub(crate) next: usize,
}

/// A switch on the way.
#[derive(Clone, Debug)]
pub(crate) struct Junction {
    pub(crate) node: NodeIndex,
    /// Whether it has a group of ports, not just one.
    pub(crate) has_group: bool,
    pub(crate) edges: Vec<Edge>,
}

/// From the first junction to the last.
#[derive(Clone, Debug)]
pub(crate) struct Lattice {
    pub(crate) junctions: Vec<Junction>,
    /// Hops of each way; none if the target cannot be reached.
    pub(crate) hops: Option<usize>,
}

/// By leaf and leaf; each group of ports is looked for once.
pub(crate) struct Lattices<'l> {
    topology: &'l Topology,
    ways: &'l [Ways],
    works: &'l dyn Fn(usize) -> bool,
    groups: HashMap<(NodeIndex, usize), Group>,
    found: HashMap<(usize, usize), usize>,
    pub(crate) all: Vec<Lattice>,
}

impl<'l> Lattices<'l> {
    pub(crate) fn new(topology: &'l Topology, ways: &'l [Ways], works: &'l dyn Fn(usize) -> bool) -> Self {
        Self { topology, ways, works, groups: HashMap::new(), found: HashMap::new(), all: Vec::new() }
    }

    /// Where in `all` the lattice between two leaves is.
    pub(crate) fn between(&mut self, from: usize, to: usize) -> usize {
        if let Some(&known) = self.found.get(&(from, to)) {
            return known;
        }
        let lattice = self.build(from, to);
        self.all.push(lattice);
        self.found.insert((from, to), self.all.len() - 1);
        self.all.len() - 1
    }

    fn build(&mut self, from: usize, to: usize) -> Lattice {
        let topology = self.topology;
        let (first, target) = (topology.leaves[from], topology.leaves[to]);
        let mut place = HashMap::from([(first, 0)]);
        let mut junctions = vec![Junction { node: first, has_group: false, edges: Vec::new() }];
        let mut hops = vec![0];
        let mut at = 0;
        // Every edge leads one hop nearer to the target, so breadth first is the order wanted.
        while at < junctions.len() && junctions[at].node != target {
            let node = junctions[at].node;
            let known = self.groups.entry((node, to));
            let group = known.or_insert_with(|| group(topology, node, &self.ways[to], self.works));
            junctions[at].has_group = group.ports.len() > 1;
            let living = group.ports.iter().enumerate().filter(|(member, _)| group.alive >> member & 1 == 1);
            for (member, &port) in living {
                let (cable, end) = topology.ports[node][port];
                let above = topology.peer(node, port).node;
                let next = match place.entry(above) {
                    Entry::Occupied(known) => *known.get(),
                    Entry::Vacant(new) => {
                        junctions.push(Junction { node: above, has_group: false, edges: Vec::new() });
                        hops.push(hops[at] + 1);
                        *new.insert(junctions.len() - 1)
                    }
                };
                junctions[at].edges.push(Edge { member, link: 2 * cable + end, next });
            }
            at += 1;
        }
        let hops = place.get(&target).map(|&last| hops[last]);
        Lattice { junctions, hops }
    }
}
