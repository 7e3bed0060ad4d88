//! Positions that are reused under the model checker, in every interleaving:
//! `RUSTFLAGS="--cfg loom" cargo test -p heddle-state --lib loom`.

use loom::sync::Arc;
use loom::thread;

use super::*;

/// A key of one nibble, and the first generation that sees the entry.
struct Entry {
    value: usize,
    first: u64,
    last: u64,
}

fn entry(value: usize, first: u64, last: u64) -> Held<Entry> {
    Held::new(Entry { value, first, last })
}

fn insert(vectors: &Vectors<Entry>, positions: &mut Positions, entry: Held<Entry>) -> u32 {
    // SAFETY: the models free no entry before all threads are done.
    let value = unsafe { entry.get() }.value;
    let mut later = Vec::new();
    let exact = (&[0xf][..], &[value as u64][..]);
    let position =
        vectors.insert(positions, entry.as_non_null(), 0, exact, |_, admitted| admitted == value, &mut later);
    // The pages of before stay as long as the process: a model has one or two.
    later.into_iter().for_each(std::mem::forget);
    position
}

/// The value of what a reader of a generation finds.
fn finds(vectors: &Vectors<Entry>, generation: u64, key: u64) -> Option<usize> {
    let mut found = None;
    vectors.scan(&[key], |entry| {
        // SAFETY: as above.
        let entry = unsafe { entry.as_ref() };
        if entry.first <= generation && generation < entry.last {
            found = Some(entry.value);
        }
        0
    });
    found
}

/// Who reads while a position goes from one entry to another finds neither where it does not match, and the new one
/// from its generation on.
#[test]
fn loom_a_position_is_reused() {
    loom::model(|| {
        let vectors = Arc::new(Vectors::<Entry>::new(Box::new([Nibble { word: 0, shift: 0 }])));
        let generation = Arc::new(AtomicU64::new(1));
        let mut positions = Positions::default();
        let (old, new) = (entry(3, 0, 1), entry(5, 2, u64::MAX));
        let position = insert(&vectors, &mut positions, old);
        let reader = {
            let (vectors, generation) = (Arc::clone(&vectors), Arc::clone(&generation));
            thread::spawn(move || {
                let generation = generation.load(Ordering::Acquire);
                assert_eq!(finds(&vectors, generation, 3), None);
                assert_eq!(finds(&vectors, generation, 5), (generation == 2).then_some(5));
            })
        };
        vectors.remove(&mut positions, position);
        assert_eq!(insert(&vectors, &mut positions, new), position);
        generation.store(2, Ordering::Release);
        reader.join().expect("the reader");
        drop(vectors);
        // SAFETY: all threads are done.
        [old, new].into_iter().for_each(|entry| unsafe { entry.free() });
    });
}
