//! Lookups and changes of every kind of table, empty to a million entries.
//!
//! A lookup is one of 256 in a batch, keys drawn at random among the entries' own. `HEDDLE_BENCH_ENTRIES_MAX` bounds
//! the sizes (1,000,000 if not given).
#![allow(missing_docs)] // criterion's macros make items of their own

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use heddle_benches::tables::{Kind, Loaded};
use heddle_state::Match;

/// Keys of a batch.
const BATCH: usize = 256;
/// Batches that are gone through in turn, so that a large table is not seen through the cache.
const BATCHES: usize = 512;

fn sizes() -> Vec<usize> {
    let max = std::env::var("HEDDLE_BENCH_ENTRIES_MAX").ok().and_then(|max| max.parse().ok());
    let max = max.unwrap_or(1_000_000);
    [1, 1_000, 100_000, 1_000_000].into_iter().filter(|size| *size <= max).collect()
}

/// One lookup of a batch, by kind and size.
fn lookup(c: &mut Criterion) {
    for kind in Kind::ALL {
        let mut group = c.benchmark_group(format!("tables/lookup/{}", kind.name()));
        group.throughput(Throughput::Elements(BATCH as u64));
        group.sample_size(20).warm_up_time(Duration::from_millis(200));
        group.measurement_time(Duration::from_millis(600));
        for size in sizes() {
            let loaded = Loaded::new(kind, size);
            let keys = loaded.keys(BATCH * BATCHES);
            let words = loaded.key_words();
            let mut batches = keys.chunks_exact(BATCH * words).cycle();
            group.bench_function(BenchmarkId::new("batch", size), |b| {
                let snapshot = loaded.state.pin();
                let reader = loaded.state.reader(&snapshot, loaded.table).expect("its table");
                let mut matches = vec![Match::nothing(loaded.table); BATCH];
                b.iter(|| {
                    reader.find_batch(batches.next().unwrap_or(&[]), &mut matches);
                    black_box(matches.iter().map(|m| m.args().first().copied().unwrap_or(0)).sum::<u64>())
                });
            });
            group.bench_function(BenchmarkId::new("one", size), |b| {
                let snapshot = loaded.state.pin();
                let reader = loaded.state.reader(&snapshot, loaded.table).expect("its table");
                b.iter(|| {
                    let keys = batches.next().unwrap_or(&[]).chunks_exact(words);
                    let of = |key| reader.find(key).args().first().copied().unwrap_or(0);
                    black_box(keys.map(of).sum::<u64>())
                });
            });
        }
        group.finish();
    }
}

/// A table that grows by an entry and shrinks by it.
fn change(c: &mut Criterion) {
    for kind in Kind::ALL {
        let mut group = c.benchmark_group(format!("tables/change/{}", kind.name()));
        group.sample_size(20).warm_up_time(Duration::from_millis(200));
        group.measurement_time(Duration::from_millis(600));
        for size in sizes() {
            let loaded = Loaded::new(kind, size);
            let mut changes = loaded.changes();
            group.bench_function(BenchmarkId::from_parameter(size), |b| {
                b.iter(|| {
                    let (insert, delete) = changes.next();
                    loaded.state.write(&[insert]).expect("a new entry");
                    loaded.state.write(&[delete]).expect("the entry");
                });
            });
        }
        group.finish();
    }
}

/// Lookups in a table of a million while a writer inserts into it, and without: two threads.
fn churn(c: &mut Criterion) {
    let Some(size) = sizes().pop() else { return };
    for kind in [Kind::Exact32, Kind::Ipv4] {
        let mut group = c.benchmark_group(format!("tables/churn/{}/{size}", kind.name()));
        group.throughput(Throughput::Elements(BATCH as u64));
        group.sample_size(20).warm_up_time(Duration::from_millis(200));
        group.measurement_time(Duration::from_secs(1));
        let loaded = Loaded::new(kind, size);
        let keys = loaded.keys(BATCH * BATCHES);
        let mut batches = keys.chunks_exact(BATCH * loaded.key_words()).cycle();
        for writes in [false, true] {
            let done = AtomicBool::new(!writes);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    let mut changes = loaded.changes();
                    while !done.load(Ordering::Relaxed) {
                        let (insert, delete) = changes.next();
                        loaded.state.write(&[insert]).expect("a new entry");
                        loaded.state.write(&[delete]).expect("the entry");
                    }
                });
                let name = if writes { "with inserts" } else { "alone" };
                let mut matches = vec![Match::nothing(loaded.table); BATCH];
                group.bench_function(name, |b| {
                    b.iter(|| {
                        let snapshot = loaded.state.pin();
                        let reader = loaded.state.reader(&snapshot, loaded.table).expect("its table");
                        let mut matches: Vec<Match<'_>> = std::mem::take(&mut matches);
                        matches.resize(BATCH, Match::nothing(loaded.table));
                        reader.find_batch(batches.next().unwrap_or(&[]), &mut matches);
                        black_box(matches.iter().filter(|m| m.is_hit()).count())
                    });
                });
                done.store(true, Ordering::Relaxed);
            });
        }
        group.finish();
    }
}

criterion_group!(benches, lookup, change, churn);
criterion_main!(benches);
