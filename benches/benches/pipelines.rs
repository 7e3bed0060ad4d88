//! Packets through the shipped programs, in memory: one batch of 64 from port to port.
#![allow(missing_docs)] // criterion's macros make items of their own

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use heddle_benches::loaded;

fn interpreter(c: &mut Criterion) {
    let mut group = c.benchmark_group("interpreter");
    for program in ["l2_switch.p4", "l3_router.p4", "ai_leaf.p4", "ai_spine.p4"] {
        let (mut runner, packets) = loaded(program);
        let batch: Vec<_> = packets.iter().cycle().take(64).cloned().collect();
        group.throughput(Throughput::Elements(64));
        group.bench_function(program, |b| b.iter(|| black_box(runner.pass(&batch))));
    }
    group.finish();
}

criterion_group!(benches, interpreter);
criterion_main!(benches);
