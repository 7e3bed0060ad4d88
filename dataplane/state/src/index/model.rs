//! The protocols of growth, removal and publication under the model checker, in every interleaving:
//! `RUSTFLAGS="--cfg loom" cargo test -p heddle-state --lib loom`.

use loom::sync::Arc;
use loom::sync::atomic::fence;
use loom::thread;

use super::*;

struct Node(u64);

impl Filed for Node {
    unsafe fn hash(this: NonNull<Node>) -> u64 {
        // SAFETY: the models free no node before all threads are done.
        unsafe { this.as_ref() }.0
    }
}

/// Nodes that live as long as the process: a model is run many times, and few of them are made.
fn node(hash: u64) -> Held<Node> {
    Held::new(Node(hash))
}

fn insert(index: &Index<Node>, node: Held<Node>, later: &mut Vec<Later>) {
    // SAFETY: nodes are freed when all threads are done.
    unsafe { index.insert(node.as_non_null(), later) }
}

fn finds(index: &Index<Node>, node: Held<Node>, hash: u64) -> bool {
    index.find(hash, |found| found == node.as_non_null()).is_some()
}

fn free(nodes: &[Held<Node>]) {
    // SAFETY: all threads are done.
    nodes.iter().for_each(|node| unsafe { node.free() });
}

/// What the reclaimer guarantees, in small: what is due runs only if no reader was pinned before it was retired.
#[derive(Default)]
struct Pinned(AtomicUsize);

impl Pinned {
    fn during(&self, read: impl FnOnce()) {
        self.0.store(1, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        read();
        self.0.store(0, Ordering::Release);
    }

    fn run_if_due(&self, later: &mut Vec<Later>) {
        fence(Ordering::SeqCst);
        if self.0.load(Ordering::Acquire) == 0 {
            let mut more = Vec::new();
            for due in later.drain(..) {
                // SAFETY: no reader was pinned when it was retired.
                unsafe { due.run(&mut more) }
            }
            *later = more;
        }
    }
}

/// A stable pointer is found while its bucket is split and cleaned.
#[test]
fn loom_growth_loses_nothing() {
    loom::model(|| {
        // With two buckets both are in the first; with three, the first one is in the third.
        let (moves, stays, new) = (node(0b10), node(0b100), node(0b1));
        let index = Arc::new(Index::<Node>::new());
        let pinned = Arc::new(Pinned::default());
        let mut later = Vec::new();
        insert(&index, moves, &mut later);
        insert(&index, stays, &mut later);
        assert!(later.is_empty());
        let reader = {
            let (index, pinned) = (Arc::clone(&index), Arc::clone(&pinned));
            thread::spawn(move || {
                pinned.during(|| {
                    assert!(finds(&index, moves, 0b10));
                    assert!(finds(&index, stays, 0b100));
                });
            })
        };
        insert(&index, new, &mut later);
        assert_eq!(later.len(), 1, "one bucket was split");
        pinned.run_if_due(&mut later);
        reader.join().expect("the reader");
        pinned.run_if_due(&mut later);
        assert!(finds(&index, moves, 0b10) && finds(&index, stays, 0b100) && finds(&index, new, 0b1));
        drop(index);
        free(&[moves, stays, new]);
    });
}

/// A reader of the generation that a writer published finds what was filed before, in every index.
#[test]
fn loom_generations_are_published_whole() {
    loom::model(|| {
        let (a, b) = (node(1), node(3));
        let indices = Arc::new([Index::<Node>::new(), Index::<Node>::new()]);
        let generation = Arc::new(AtomicU64::new(0));
        let reader = {
            let (indices, generation) = (Arc::clone(&indices), Arc::clone(&generation));
            thread::spawn(move || {
                if generation.load(Ordering::Acquire) == 1 {
                    assert!(finds(&indices[0], a, 1));
                    assert!(finds(&indices[1], b, 3));
                }
            })
        };
        let mut later = Vec::new();
        insert(&indices[0], a, &mut later);
        insert(&indices[1], b, &mut later);
        generation.store(1, Ordering::Release);
        reader.join().expect("the reader");
        drop(indices);
        free(&[a, b]);
    });
}

/// A stable pointer is found while others of its bucket come and go, an overflow bucket included.
#[test]
fn loom_neighbours_come_and_go() {
    loom::model(|| {
        let index = Arc::new(Index::<Node>::new());
        let pinned = Arc::new(Pinned::default());
        let mut later = Vec::new();
        // All in one bucket, whatever their number; the last one overflows.
        let filed: Vec<Held<Node>> = (0..=LANES as u64).map(|_| node(1 << 20)).collect();
        filed.iter().for_each(|node| insert(&index, *node, &mut later));
        while !later.is_empty() {
            pinned.run_if_due(&mut later);
        }
        let stable = filed[1];
        let reader = {
            let (index, pinned) = (Arc::clone(&index), Arc::clone(&pinned));
            thread::spawn(move || pinned.during(|| assert!(finds(&index, stable, 1 << 20))))
        };
        // The overflow bucket goes, and the lane before the stable one is filled anew.
        index.remove(filed[LANES].as_non_null(), &mut later);
        pinned.run_if_due(&mut later);
        index.remove(filed[0].as_non_null(), &mut later);
        insert(&index, filed[0], &mut later);
        reader.join().expect("the reader");
        while !later.is_empty() {
            pinned.run_if_due(&mut later);
        }
        drop(index);
        free(&filed);
    });
}
