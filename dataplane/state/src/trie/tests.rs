//! Filing and removing against a list that is searched from one end to the other.

use proptest::prelude::*;

use super::*;
use crate::reclaim::Held;

struct Node(Prefix);

/// Filed by what they say themselves.
struct Own;

impl Prefixes<Node> for Own {
    fn of(&self, entry: NonNull<Node>) -> Prefix {
        // SAFETY: the tests free nodes when the trie is gone.
        unsafe { entry.as_ref() }.0
    }
}

/// Prefixes that share beginnings of many lengths.
fn prefix(width: u32) -> impl Strategy<Value = Prefix> {
    let bits = (0u128..4, 0u32..128, 0u128..16, 0u32..128).prop_map(move |(a, up, b, at)| {
        (a << 126 | 0x5a5a << 104).wrapping_add(a << (up % 128)) ^ b << (at % 124)
    });
    (bits, 0..=width).prop_map(|(bits, len)| {
        let mask = u128::MAX.unbounded_shl(u128::BITS - len);
        Prefix { bits: bits & mask, len }
    })
}

#[derive(Clone, Debug)]
enum Step {
    Insert(Prefix),
    Remove(usize),
}

fn run(width: u32, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let trie = Trie::<Node>::new(width).expect("a megabyte of address space");
    // Oldest first: the last of several with one prefix is what a search gives.
    let mut here: Vec<Held<Node>> = Vec::new();
    let mut gone = Vec::new();
    let mut later = Vec::new();
    for step in steps {
        match step {
            Step::Insert(prefix) => {
                let node = Held::new(Node(prefix));
                trie.insert(node.as_non_null(), &Own, &mut later);
                here.push(node);
            }
            Step::Remove(n) if !here.is_empty() => {
                let node = here.remove(n % here.len());
                // SAFETY: freed at the end.
                let prefix = unsafe { node.get() }.0;
                let mut shorter = |len: u32| {
                    let mask = u128::MAX.unbounded_shl(u128::BITS - len);
                    let wanted = Prefix { bits: prefix.bits & mask, len };
                    here.iter().rev().map(|h| h.as_non_null()).find(|h| Own.of(*h) == wanted)
                };
                trie.remove(node.as_non_null(), &Own, &mut shorter, &mut later);
                gone.push(node);
            }
            Step::Remove(_) => {}
        }
        let mask = u128::MAX.unbounded_shl(u128::BITS - width);
        let probes = here.iter().chain(&gone).map(|node| Own.of(node.as_non_null()).bits);
        for key in probes.flat_map(|bits| [bits, bits ^ 1 << 127, bits ^ 1 << 100, bits | !0 >> 20]) {
            let key = key & mask;
            let covering = here.iter().map(|h| Own.of(h.as_non_null())).filter(|p| p.covers(key));
            let wanted = covering.max_by_key(|p| p.len);
            let found = trie.find(key, |entry| Own.of(entry).covers(key)).map(|entry| Own.of(entry));
            prop_assert_eq!(found, wanted, "{:032x}", key);
            if width <= 64 {
                let found = trie.find((key >> 64) as u64, |entry| Own.of(entry).covers(key));
                prop_assert_eq!(found.map(|entry| Own.of(entry)), wanted, "{:032x} as a word", key);
            }
        }
    }
    while let Some(node) = here.pop() {
        trie.remove(node.as_non_null(), &Own, &mut |_| None, &mut later);
        gone.push(node);
    }
    prop_assert_eq!(trie.writer.node_bytes.load(Ordering::Relaxed), 0, "an empty trie has no nodes");
    let mut more = Vec::new();
    // SAFETY: there are no readers.
    later.into_iter().for_each(|later| unsafe { later.run(&mut more) });
    drop(trie);
    // SAFETY: nothing points to them any more.
    gone.into_iter().for_each(|node| unsafe { node.free() });
    Ok(())
}

fn steps(width: u32) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => prefix(width).prop_map(Step::Insert),
        1 => any::<usize>().prop_map(Step::Remove),
    ];
    proptest::collection::vec(step, 1..60)
}

proptest! {
    #[test]
    fn the_longest_is_found_in_32_bits(steps in steps(32)) {
        run(32, steps)?;
    }

    #[test]
    fn the_longest_is_found_in_128_bits(steps in steps(128)) {
        run(128, steps)?;
    }

    #[test]
    fn the_longest_is_found_in_few_bits(steps in steps(9)) {
        run(9, steps)?;
    }
}
