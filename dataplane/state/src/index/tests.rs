//! Filing, growing and removing against a list, with readers that have read an older count of buckets.

use std::collections::{HashMap, VecDeque};

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
    /// Hides a node from readers to come; it is removed when that is due.
    Retire(usize),
    /// A reader pins and reads the count of buckets.
    Pin,
    /// The reader that pinned first is done.
    Unpin,
    /// So many things that are due are done.
    Due(usize),
}

/// What waits for its readers.
enum Waiting {
    Remove(Held<Node>),
    Later(Later),
}

struct Reader {
    buckets: usize,
    sees: Vec<Held<Node>>,
    /// Things that were retired before it pinned.
    retired_before: usize,
}

/// A set with what its writer and readers know.
struct World {
    index: Index<Node>,
    here: Vec<Held<Node>>,
    waiting: VecDeque<Waiting>,
    /// Things that were retired, ever.
    retired: usize,
    readers: VecDeque<Reader>,
}

impl World {
    fn retire(&mut self, what: Waiting) {
        self.waiting.push_back(what);
        self.retired += 1;
    }

    /// Does the oldest thing that waits, if no reader was pinned when it was retired.
    fn due(&mut self) -> bool {
        let number = self.retired - self.waiting.len();
        if self.readers.iter().any(|reader| reader.retired_before <= number) {
            return false;
        }
        let Some(due) = self.waiting.pop_front() else { return false };
        let mut later = Vec::new();
        match due {
            Waiting::Remove(node) => {
                self.index.remove(node.as_non_null(), &mut later);
                later.push(node.into_later());
            }
            // SAFETY: no reader was pinned when it was retired.
            Waiting::Later(due) => unsafe { due.run(&mut later) },
        }
        later.into_iter().for_each(|later| self.retire(Waiting::Later(later)));
        true
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Insert(hash) => {
                let node = Held::new(Node(hash));
                let mut later = Vec::new();
                // SAFETY: freed below, after it was removed.
                unsafe { self.index.insert(node.as_non_null(), &mut later) };
                later.into_iter().for_each(|later| self.retire(Waiting::Later(later)));
                self.here.push(node);
            }
            Step::Retire(n) if !self.here.is_empty() => {
                let node = self.here.swap_remove(n % self.here.len());
                self.retire(Waiting::Remove(node));
            }
            Step::Retire(_) => {}
            Step::Pin => self.readers.push_back(Reader {
                buckets: self.index.buckets.load(Ordering::Acquire),
                sees: self.here.clone(),
                retired_before: self.retired,
            }),
            Step::Unpin => drop(self.readers.pop_front()),
            Step::Due(count) => {
                for _ in 0..count {
                    self.due();
                }
            }
        }
    }

    /// Whether all see what they have to.
    fn check(&self) -> Result<(), TestCaseError> {
        let now = self.index.buckets.load(Ordering::Acquire);
        let writer = (now, &self.here);
        for (buckets, sees) in self.readers.iter().map(|r| (r.buckets, &r.sees)).chain([writer]) {
            for node in sees {
                // SAFETY: it is in the set.
                let hash = unsafe { node.get() }.0;
                let found = self.index.find_among(buckets, hash, |found| found == node.as_non_null());
                prop_assert_eq!(found, Some(node.as_non_null()), "among {} of {} buckets", buckets, now);
            }
        }
        let mut seen: HashMap<NonNull<Node>, usize> = HashMap::new();
        self.index.for_each(|node| *seen.entry(node).or_insert(0) += 1);
        prop_assert_eq!(seen.len(), self.index.len());
        prop_assert!(seen.values().all(|count| *count == 1));
        prop_assert!(self.here.iter().all(|node| seen.contains_key(&node.as_non_null())));
        Ok(())
    }
}

proptest! {
    #[test]
    fn every_reader_finds_what_it_has_to(
        steps in proptest::collection::vec(
            prop_oneof![
                8 => hash().prop_map(Step::Insert),
                4 => any::<usize>().prop_map(Step::Retire),
                1 => Just(Step::Pin),
                1 => Just(Step::Unpin),
                4 => (0usize..8).prop_map(Step::Due),
            ],
            1..300,
        ),
    ) {
        let mut world = World {
            index: Index::new(),
            here: Vec::new(),
            waiting: VecDeque::new(),
            retired: 0,
            readers: VecDeque::new(),
        };
        for step in steps {
            world.step(step);
            world.check()?;
        }
        world.readers.clear();
        while world.due() {}
        prop_assert!(world.waiting.is_empty());
        prop_assert_eq!(world.index.len(), world.here.len());
        world.check()?;
        drop(world.index);
        // SAFETY: the set is gone.
        world.here.into_iter().for_each(|node| unsafe { node.free() });
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
