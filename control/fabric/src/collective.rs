//! Collectives as what each rank sends and waits for.
//!
//! Invariant: what one rank sends another waits for, in the same order between any two, so no schedule blocks itself.

/// A collective.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Collective {
    /// All-reduce in a ring: 2(n - 1) steps of a rank's n-th.
    Ring,
    /// All-reduce up and down a binary tree, in pieces.
    Tree,
    /// All-reduce by recursive halving, then doubling.
    HalvingDoubling,
    /// Each rank sends each other its n-th, to all at once.
    AllToAll,
    /// Forward and backward through stages, in eight micro-batches.
    Pipeline,
    /// To experts and back: two all-to-alls in which some experts are liked better.
    ExpertParallel,
    /// All ranks send to the first one at once.
    Incast,
}

/// One step of one rank: compute, send, wait.
#[derive(Clone, Debug, Default)]
pub(crate) struct Op {
    pub(crate) compute_ns: u64,
    /// Rank and bytes.
    pub(crate) sends: Vec<(usize, u64)>,
    /// Ranks of which one more message has to have arrived before the next step.
    pub(crate) receives: Vec<usize>,
}

const NAMES: &[(&str, Collective)] = &[
    ("ring", Collective::Ring),
    ("tree", Collective::Tree),
    ("halving-doubling", Collective::HalvingDoubling),
    ("all-to-all", Collective::AllToAll),
    ("pipeline", Collective::Pipeline),
    ("expert-parallel", Collective::ExpertParallel),
    ("incast", Collective::Incast),
];

/// Pieces that a tree and a pipeline work in.
const PIECES: u64 = 8;

impl Collective {
    pub(crate) fn named(name: &str) -> Option<Collective> {
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, collective)| *collective)
    }

    pub(crate) fn names() -> String {
        NAMES.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }
}

/// What each rank does.
///
/// `slices`: pieces of a part that a ring passes on one by one, so that what a rank has is under way while the rest comes.
pub(crate) fn schedule(
    collective: Collective,
    ranks: usize,
    bytes: u64,
    slices: u64,
    salt: u64,
) -> Vec<Vec<Op>> {
    let n = ranks;
    let part = bytes.div_ceil(n as u64).max(1);
    let op = |sends: Vec<(usize, u64)>, receives: Vec<usize>| Op { compute_ns: 0, sends, receives };
    match collective {
        Collective::Ring => {
            let slices = slices.clamp(1, part) as usize;
            let slice = part.div_ceil(slices as u64);
            (0..n)
                .map(|rank| {
                    let (next, before) = ((rank + 1) % n, (rank + n - 1) % n);
                    // All of the own part at once, then every slice once it has come; those of the last step go nowhere.
                    let mut ops = vec![op(vec![(next, slice); slices], vec![before])];
                    let passed_on = (2 * (n - 1) - 1) * slices;
                    ops.extend((0..passed_on).map(|_| op(vec![(next, slice)], vec![before])));
                    ops.extend((1..slices).map(|_| op(vec![], vec![before])));
                    ops
                })
                .collect()
        }
        Collective::AllToAll => {
            // All at once, each rank beginning with the next one, as grouped sends and receives do.
            let to = |rank: usize| (1..n).map(|s| ((rank + s) % n, part)).collect();
            let from = |rank: usize| (1..n).map(|s| (rank + n - s) % n).collect();
            (0..n).map(|rank| vec![op(to(rank), from(rank))]).collect()
        }
        Collective::ExpertParallel => {
            let mut random = fastrand::Rng::with_seed(salt);
            let liking: Vec<u64> = (0..n).map(|_| random.u64(50..=150)).collect();
            let total: u64 = liking.iter().sum();
            let to = |expert: usize| {
                (bytes as u128 * u128::from(liking[expert]) / u128::from(total)).max(1) as u64
            };
            (0..n)
                .map(|rank| {
                    let others = || (1..n).map(|s| (rank + s) % n);
                    let from = || (1..n).map(|s| (rank + n - s) % n).collect::<Vec<_>>();
                    let there = others().map(|dst| (dst, to(dst))).collect();
                    let back = others().map(|dst| (dst, to(rank))).collect();
                    vec![op(there, from()), op(back, from())]
                })
                .collect()
        }
        Collective::HalvingDoubling => (0..n)
            .map(|rank| {
                let mut ops = Vec::new();
                let (mut distance, mut size) = (n / 2, bytes.div_ceil(2).max(1));
                let mut steps = Vec::new();
                while distance > 0 {
                    steps.push((rank ^ distance, size));
                    distance /= 2;
                    size = size.div_ceil(2).max(1);
                }
                ops.extend(steps.iter().map(|&(peer, size)| op(vec![(peer, size)], vec![peer])));
                ops.extend(steps.iter().rev().map(|&(peer, size)| op(vec![(peer, size)], vec![peer])));
                ops
            })
            .collect(),
        Collective::Tree => {
            let piece = bytes.div_ceil(PIECES).max(1);
            (0..n)
                .map(|rank| {
                    let children: Vec<usize> =
                        [2 * rank + 1, 2 * rank + 2].into_iter().filter(|&c| c < n).collect();
                    let parent = (rank > 0).then(|| (rank - 1) / 2);
                    let mut ops = Vec::new();
                    for _ in 0..PIECES {
                        ops.push(op(vec![], children.clone()));
                        ops.push(op(parent.map(|p| (p, piece)).into_iter().collect(), vec![]));
                    }
                    for _ in 0..PIECES {
                        ops.push(op(vec![], parent.into_iter().collect()));
                        ops.push(op(children.iter().map(|&c| (c, piece)).collect(), vec![]));
                    }
                    ops
                })
                .collect()
        }
        Collective::Pipeline => {
            let piece = bytes.div_ceil(PIECES).max(1);
            (0..n)
                .map(|rank| {
                    let (before, after) = (rank.checked_sub(1), (rank + 1 < n).then_some(rank + 1));
                    let mut ops = Vec::new();
                    for (from, to) in [(before, after), (after, before)] {
                        for _ in 0..PIECES {
                            ops.push(op(vec![], from.into_iter().collect()));
                            ops.push(op(to.map(|to| (to, piece)).into_iter().collect(), vec![]));
                        }
                    }
                    ops
                })
                .collect()
        }
        Collective::Incast => (0..n)
            .map(|rank| match rank {
                0 => vec![op(vec![], (1..n).collect())],
                _ => vec![op(vec![(0, bytes)], vec![])],
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    /// Runs a schedule with messages that take no time; whether it ends.
    fn ends(program: &[Vec<Op>]) -> bool {
        let mut at = vec![0; program.len()];
        let mut sent: HashMap<(usize, usize), usize> = HashMap::new();
        let mut posted = vec![0; program.len()];
        loop {
            let mut moved = false;
            for rank in 0..program.len() {
                let Some(op) = program[rank].get(at[rank]) else { continue };
                if posted[rank] == at[rank] {
                    posted[rank] += 1;
                    for (to, _) in &op.sends {
                        *sent.entry((rank, *to)).or_default() += 1;
                    }
                }
                if op.receives.iter().all(|from| sent.get(&(*from, rank)).is_some_and(|n| *n > 0)) {
                    for from in &op.receives {
                        *sent.entry((*from, rank)).or_default() -= 1;
                    }
                    at[rank] += 1;
                    moved = true;
                }
            }
            if !moved {
                return at.iter().zip(program).all(|(at, ops)| *at == ops.len())
                    && sent.values().all(|n| *n == 0);
            }
        }
    }

    #[test]
    fn every_message_sent_is_waited_for_and_none_blocks() {
        for (name, collective) in NAMES {
            for ranks in [2, 4, 8, 16] {
                for slices in [1, 4] {
                    let program = schedule(*collective, ranks, 1 << 20, slices, 7);
                    assert!(ends(&program), "{name} of {ranks} in {slices} slices");
                }
            }
        }
        for collective in [Collective::Ring, Collective::Tree, Collective::AllToAll, Collective::Pipeline] {
            assert!(ends(&schedule(collective, 5, 1000, 3, 7)));
        }
    }
}
