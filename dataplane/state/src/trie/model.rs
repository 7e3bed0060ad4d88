//! Filing, splitting and taking out under the model checker, in every interleaving:
//! `RUSTFLAGS="--cfg loom" cargo test -p heddle-state --lib loom`.

use loom::sync::Arc;
use loom::sync::atomic::fence;
use loom::thread;

use super::*;
use crate::reclaim::Held;

struct Entry(Prefix);

/// Filed by what they say themselves.
struct Own;

impl Prefixes<Entry> for Own {
    fn of(&self, entry: NonNull<Entry>) -> Prefix {
        // SAFETY: the models free no entry before all threads are done.
        unsafe { entry.as_ref() }.0
    }
}

fn entry(byte: u8, len: u32) -> Held<Entry> {
    Held::new(Entry(Prefix { bits: u128::from(byte) << 120, len }))
}

fn finds(trie: &Trie<Entry>, byte: u8, wanted: Held<Entry>) -> bool {
    let key = u128::from(byte) << 120;
    trie.find(key, |found| Own.of(found).covers(key)) == Some(wanted.as_non_null())
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
        }
    }
}

/// A prefix that stays is found while others come below it, beside it and under the same node, and go again.
#[test]
fn loom_a_prefix_that_stays_is_found() {
    loom::model(|| {
        let trie = Arc::new(Trie::<Entry>::new(8).expect("two slots"));
        let pinned = Arc::new(Pinned::default());
        let mut later = Vec::new();
        let (stays, beside) = (entry(0b1010_0000, 8), entry(0b1010_0001, 8));
        trie.insert(stays.as_non_null(), &Own, &mut later);
        let reader = {
            let (trie, pinned) = (Arc::clone(&trie), Arc::clone(&pinned));
            thread::spawn(move || pinned.during(|| assert!(finds(&trie, 0b1010_0000, stays))))
        };
        // What stood alone moves into a node, and out of it again.
        trie.insert(beside.as_non_null(), &Own, &mut later);
        pinned.run_if_due(&mut later);
        trie.remove(beside.as_non_null(), &Own, &mut |_| None, &mut later);
        pinned.run_if_due(&mut later);
        reader.join().expect("the reader");
        pinned.run_if_due(&mut later);
        assert!(finds(&trie, 0b1010_0000, stays));
        drop(trie);
        // SAFETY: all threads are done.
        [stays, beside].into_iter().for_each(|entry| unsafe { entry.free() });
    });
}

/// A reader of the generation that a writer published finds what was filed before, in a node that was replaced.
#[test]
fn loom_what_is_published_is_found() {
    loom::model(|| {
        let trie = Arc::new(Trie::<Entry>::new(8).expect("two slots"));
        let generation = Arc::new(AtomicU64::new(0));
        let mut later = Vec::new();
        let (short, long) = (entry(0b1010_0000, 5), entry(0b1010_0000, 8));
        trie.insert(short.as_non_null(), &Own, &mut later);
        let reader = {
            let (trie, generation) = (Arc::clone(&trie), Arc::clone(&generation));
            thread::spawn(move || {
                let published = generation.load(Ordering::Acquire) == 1;
                let found_long = finds(&trie, 0b1010_0000, long);
                assert!(found_long || !published && finds(&trie, 0b1010_0001, short));
            })
        };
        trie.insert(long.as_non_null(), &Own, &mut later);
        generation.store(1, Ordering::Release);
        reader.join().expect("the reader");
        let mut more = Vec::new();
        // SAFETY: all threads are done.
        later.into_iter().for_each(|later| unsafe { later.run(&mut more) });
        drop(trie);
        // SAFETY: as above.
        [short, long].into_iter().for_each(|entry| unsafe { entry.free() });
    });
}
