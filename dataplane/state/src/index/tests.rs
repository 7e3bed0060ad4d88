//! Filing, growing and removing against a list, whatever is due when.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

struct Node(u64);

impl Filed for Node {
    unsafe fn hash(this: NonNull<Node>) -> u64 {
        // SAFETY: the tests free a node after it was removed and its readers are done.
        unsafe { this.as_ref() }.0
    }
}

/// Hashes that meet in buckets, or in tags, or are wholly equal.
fn hash() -> impl Strategy<Value = u64> {
    (0u64..64, 0u64..3).prop_map(|(low, high)| low | high << 56)
}

#[derive(Clone, Debug)]
enum Step {
    Insert(u64),
    Remove(usize),
    /// What waits is due, so many things of it.
    Due(usize),
}

proptest! {
    #[test]
    fn finds_what_is_in_it_at_every_step(
        steps in proptest::collection::vec(
            prop_oneof![
                4 => hash().prop_map(Step::Insert),
                2 => any::<usize>().prop_map(Step::Remove),
                2 => (0usize..8).prop_map(Step::Due),
            ],
            1..300,
        ),
    ) {
        let index = Index::<Node>::new();
        let mut here: Vec<Held<Node>> = Vec::new();
        let mut waiting: std::collections::VecDeque<Later> = std::collections::VecDeque::new();
        let mut later = Vec::new();
        for step in steps {
            match step {
                Step::Insert(hash) => {
                    let node = Held::new(Node(hash));
                    // SAFETY: freed below, after it was removed.
                    unsafe { index.insert(node.as_non_null(), &mut later) };
                    here.push(node);
                }
                Step::Remove(n) if !here.is_empty() => {
                    let node = here.swap_remove(n % here.len());
                    index.remove(node.as_non_null(), &mut later);
                    later.push(node.into_later());
                }
                Step::Remove(_) => {}
                Step::Due(count) => {
                    for due in (0..count).filter_map(|_| waiting.pop_front()) {
                        // SAFETY: there are no readers.
                        unsafe { due.run(&mut later) }
                    }
                }
            }
            waiting.extend(later.drain(..));
            prop_assert_eq!(index.len(), here.len());
            for node in &here {
                // SAFETY: it is in the set.
                let hash = unsafe { node.get() }.0;
                let found = index.find(hash, |found| found == node.as_non_null());
                prop_assert_eq!(found, Some(node.as_non_null()));
            }
            let mut seen: HashMap<NonNull<Node>, usize> = HashMap::new();
            index.for_each(|node| *seen.entry(node).or_insert(0) += 1);
            prop_assert_eq!(seen.len(), here.len());
            prop_assert!(here.iter().all(|node| seen.get(&node.as_non_null()) == Some(&1)));
        }
        while let Some(due) = waiting.pop_front() {
            // SAFETY: there are no readers.
            unsafe { due.run(&mut later) }
            waiting.extend(later.drain(..));
        }
        // SAFETY: the set is not used any more.
        here.into_iter().for_each(|node| unsafe { node.free() });
    }

    #[test]
    fn buckets_have_a_place_and_a_parent(bucket in 0usize..1 << 28, hash: u64) {
        let (segment, offset) = place(bucket);
        prop_assert!(segment < SEGMENTS && offset < segment_len(segment));
        // The bucket of a hash is the same as before the last one was added, or the last one.
        let buckets = bucket.max(BUCKETS_MIN);
        let (before, after) = (home(hash, buckets), home(hash, buckets + 1));
        prop_assert!(after == before || after == buckets && parent(buckets) == Some(before));
    }
}

#[test]
fn segments_follow_each_other() {
    let places: Vec<_> = (0..64).map(place).collect();
    let expected: Vec<_> = (0..5).flat_map(|s| (0..segment_len(s)).map(move |o| (s, o))).collect();
    assert_eq!(places, expected);
}
