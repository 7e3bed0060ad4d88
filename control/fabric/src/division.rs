//! How a fabric is divided into parts, each of which goes on by itself for as long as the shortest cable between two of them
//! takes ([`crate::windows`]).
//!
//! A host is in one part with its switch, since its cable is short and its only one; so are switches so near to each other that
//! parts would hardly begin before they had to stop. Invariant: every node is in one part, and between two parts no cable is
//! shorter than [`NEAR_NS`] or leads to a host.

use crate::topology::{NodeIndex, Topology};

/// Switches on a cable that takes less are in one part: a packet of 1 KB at 400 Gb/s takes about as long to be sent.
const NEAR_NS: u64 = 20;

/// Which part every node is in.
#[derive(Debug)]
pub(crate) struct Division {
    /// By node, hosts first.
    part: Vec<usize>,
    parts: usize,
    window_ns: u64,
}

/// The first node of the part that a node is in so far.
fn first(joined: &mut [NodeIndex], mut node: NodeIndex) -> NodeIndex {
    while joined[node] != node {
        joined[node] = joined[joined[node]];
        node = joined[node];
    }
    node
}

impl Division {
    pub(crate) fn new(topology: &Topology) -> Division {
        let mut joined: Vec<NodeIndex> = (0..topology.ports.len()).collect();
        for cable in &topology.cables {
            let [a, b] = cable.ends.map(|end| end.node);
            if cable.delay_ns < NEAR_NS || topology.is_host(a) || topology.is_host(b) {
                let (a, b) = (first(&mut joined, a), first(&mut joined, b));
                joined[a.max(b)] = a.min(b);
            }
        }
        let (mut part, mut parts) = (Vec::with_capacity(joined.len()), 0);
        for node in 0..joined.len() {
            let first = first(&mut joined, node);
            // The first node of a part comes before the others.
            part.push(if first == node { parts } else { part[first] });
            parts += usize::from(first == node);
        }
        let between =
            topology.cables.iter().filter(|cable| part[cable.ends[0].node] != part[cable.ends[1].node]);
        let window_ns = between.map(|cable| cable.delay_ns + 1).min().unwrap_or(u64::MAX);
        Division { part, parts, window_ns }
    }

    /// The part that a node is in.
    pub(crate) fn part(&self, node: NodeIndex) -> usize {
        self.part[node]
    }

    /// How many there are.
    pub(crate) fn parts(&self) -> usize {
        self.parts
    }

    /// For so long no part can tell what the others do: the shortest packet is that long on the shortest cable between any two
    /// at least.
    pub(crate) fn window_ns(&self) -> u64 {
        self.window_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two leaves of two hosts each and two spines, with cables of some lengths.
    fn division(host_m: u32, fabric_m: u32) -> Division {
        let text = format!(
            "[leaf_spine]\nleaves = 2\nspines = 2\nhosts_per_leaf = 2\nhost_link = 'host'\nfabric_link = 'fabric'\n\
             [media.wire]\nns_per_m = 5\nends_ns = 0\npj_per_bit = 0\nbit_error_rate = 0\nreach_m = 100\n\
             [links.host]\nrate_gbps = 100\nlength_m = {host_m}\nmedium = 'wire'\n\
             [links.fabric]\nrate_gbps = 100\nlength_m = {fabric_m}\nmedium = 'wire'\n"
        );
        Division::new(&Topology::parse("test", &text).expect("a topology"))
    }

    #[test]
    fn hosts_are_with_their_switch_and_others_as_far_as_their_cables() {
        let far = division(2, 50);
        assert_eq!((far.parts(), far.window_ns()), (4, 251));
        let parts: Vec<usize> = (0..8).map(|node| far.part(node)).collect();
        assert_eq!(parts, [0, 0, 1, 1, 0, 1, 2, 3]);
        // A long cable to a host shortens nothing.
        assert_eq!(division(100, 50).window_ns(), 251);
    }

    #[test]
    fn what_is_near_is_one_part() {
        let near = division(2, 1);
        assert_eq!((near.parts(), near.window_ns()), (1, u64::MAX));
        assert!((0..8).all(|node| near.part(node) == 0));
    }
}
