//! Ports without a kernel: what a memory port charges to bring a packet in and take it out.
#![allow(missing_docs)] // criterion's macros make items of their own

use std::collections::VecDeque;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use heddle_packet::{Pool, PortId};
use heddle_ports::Port as _;
use heddle_ports::memory::{MemoryOptions, pair};

fn memory(c: &mut Criterion) {
    let mut group = c.benchmark_group("ports");
    group.throughput(Throughput::Elements(64));
    for bytes in [64, 1514, 9000] {
        let (mut port, mut peer) = pair(PortId(1), &MemoryOptions::default());
        let mut queues = port.split();
        let mut pool = Pool::new(256);
        let frame = vec![0x5a; bytes];
        let (mut received, mut sending) = (Vec::with_capacity(64), VecDeque::with_capacity(64));
        group.bench_function(format!("memory/{bytes}"), |b| {
            b.iter(|| {
                for _ in 0..64 {
                    black_box(peer.inject(&frame, 0));
                }
                for queue in &mut queues {
                    let came = queue.receive(0, &mut pool, &mut received, 64);
                    black_box(came.unwrap_or(0));
                    sending.extend(received.drain(..));
                    black_box(queue.transmit(0, &mut pool, &mut sending).unwrap_or(0));
                }
                while let Some(sent) = peer.collect() {
                    peer.recycle(sent.packet);
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, memory);
criterion_main!(benches);
