//! Paths that the controller pins: each flow of every job on the member that leaves the busiest link least busy.
//!
//! Invariant: only the first hop is pinned; where a fabric has more choices further on, they are left to the hash.

use std::collections::HashMap;

use super::tables::group;
use super::topology::{NodeIndex, Topology};

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
    // Loads by cable: leaves send up and receive down over the same cables, in opposite directions.
    let mut up = vec![0u64; topology.cables.len()];
    let mut down = vec![0u64; topology.cables.len()];
    let mut member = vec![0; flows.len()];
    let mut order: Vec<usize> = (0..flows.len()).collect();
    order.sort_by_key(|&flow| std::cmp::Reverse(flows[flow].bytes));
    for round in 0..4 {
        for &index in &order {
            let (flow, links) = (&flows[index], &choices[index]);
            if links.is_empty() {
                continue;
            }
            let charge =
                |loads: (&mut Vec<u64>, &mut Vec<u64>), (u, d): (usize, Option<usize>), add: bool| {
                    let change = |load: &mut u64| {
                        *load = if add { *load + flow.bytes } else { load.saturating_sub(flow.bytes) };
                    };
                    change(&mut loads.0[u]);
                    if let Some(d) = d {
                        change(&mut loads.1[d]);
                    }
                };
            if round > 0 {
                charge((&mut up, &mut down), links[member[index]], false);
            }
            let cost = |&(u, d): &(usize, Option<usize>)| {
                let below = d.map_or(0, |d| down[d]);
                (up[u].max(below), up[u] + below)
            };
            let best = (0..links.len()).min_by_key(|&i| cost(&links[(i + index) % links.len()])).unwrap_or(0);
            member[index] = (best + index) % links.len();
            charge((&mut up, &mut down), links[member[index]], true);
        }
    }
    member
}
