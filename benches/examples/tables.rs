//! What a lookup, a change and an entry cost in tables of every kind and size, as one page of text.
//!
//! `cargo run --release -p heddle-benches --example tables [-- KIND...]`. A figure is the least of many short windows
//! of 256 lookups, and their median: the least is what the table costs, the median what the machine adds.
#![allow(clippy::print_stdout)] // It is what this is for.

use std::hint::black_box;
use std::time::Instant;

use heddle_benches::flat::Flat;
use heddle_benches::tables::{Kind, Loaded};
use heddle_state::Match;

const BATCH: usize = 256;
const WINDOWS: usize = 2_000;

/// The least and the median of windows of work, per unit.
fn windows(count: usize, units: usize, mut work: impl FnMut()) -> (f64, f64) {
    let mut took: Vec<f64> = (0..count)
        .map(|_| {
            let begun = Instant::now();
            work();
            begun.elapsed().as_nanos() as f64 / units as f64
        })
        .collect();
    took.sort_by(f64::total_cmp);
    (took[took.len() / 100], took[took.len() / 2])
}

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let max =
        std::env::var("HEDDLE_BENCH_ENTRIES_MAX").ok().and_then(|max| max.parse().ok()).unwrap_or(1_000_000);
    println!("{:24}{:>9} | batch ns 1% p50 | one ns 1% p50 | change us | bytes/entry", "kind", "entries");
    for kind in Kind::ALL {
        if !wanted.is_empty() && !wanted.iter().any(|name| kind.name().starts_with(name.as_str())) {
            continue;
        }
        for size in [1, 1_000, 10_000, 100_000, 1_000_000].into_iter().filter(|size| *size <= max) {
            let loaded = Loaded::new(kind, size);
            let memory = loaded.state.table_memory(loaded.table);
            let keys = loaded.keys(BATCH * 512);
            let words = loaded.key_words();
            let mut batches = keys.chunks_exact(BATCH * words).cycle();
            let (batch, one) = {
                let snapshot = loaded.state.pin();
                let reader = loaded.state.reader(&snapshot, loaded.table).expect("its table");
                let mut matches = vec![Match::nothing(loaded.table); BATCH];
                let batch = windows(WINDOWS, BATCH, || {
                    reader.find_batch(batches.next().unwrap_or(&[]), &mut matches);
                    black_box(&matches);
                });
                let one = windows(WINDOWS, BATCH, || {
                    let keys = batches.next().unwrap_or(&[]).chunks_exact(words);
                    let of = |key| u64::from(reader.find(key).slot());
                    black_box(keys.map(of).sum::<u64>());
                });
                (batch, one)
            };
            if kind == Kind::Ipv4 {
                let flat = Flat::new(loaded.matches().filter_map(|m| Flat::prefix(&m)).collect());
                let one = windows(WINDOWS, BATCH, || {
                    let keys = batches.next().unwrap_or(&[]).iter();
                    black_box(keys.map(|key| flat.find(*key as u32)).sum::<u64>());
                });
                let per_entry = flat.bytes() as f64 / size as f64;
                println!(
                    "{:24}{size:>9} |                 | {:6.1} {:6.1} |           | {per_entry:.0}",
                    "  the same, DIR-24-8", one.0, one.1
                );
            }
            let mut changes = loaded.changes();
            let change = windows(2_000, 2, || {
                let (insert, delete) = changes.next();
                loaded.state.write(&[insert]).expect("a new entry");
                loaded.state.write(&[delete]).expect("the entry");
            });
            let per_entry = |bytes: usize| bytes as f64 / memory.entries.max(1) as f64;
            println!(
                "{:24}{:>9} | {:7.1} {:7.1} | {:6.1} {:6.1} | {:4.2} {:4.2} | {:.0}+{:.0}",
                kind.name(),
                memory.entries,
                batch.0,
                batch.1,
                one.0,
                one.1,
                change.0 / 1_000.0,
                change.1 / 1_000.0,
                per_entry(memory.entry_bytes),
                per_entry(memory.search_bytes),
            );
        }
    }
}
