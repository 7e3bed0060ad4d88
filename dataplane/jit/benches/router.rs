//! Routers, both executors: a batch of 64 IPv4 packets through ingress and egress, in memory; and how long
//! programs take to load. Times are the thread's on the processor, so that neighbours do not count.
#![allow(missing_docs)] // criterion's macros make items of their own

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use heddle_exec::{
    Clone, Context, DigestBuffer, Entry, Executor, FramePool, Interpreter, Intrinsics, Verdict, Work,
};
use heddle_ir::{DropReason, Verified};
use heddle_jit::{Effort, Jit};
use heddle_p4::{CompileOptions, DiskFiles};
use heddle_packet::{Packet, Pool};
use heddle_state::{State, Update};

const PACKETS: usize = 64;

/// Time that this thread has run.
fn processor_time() -> Duration {
    let stat =
        std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux counts the time of threads");
    let ns =
        stat.split(' ').next().and_then(|ns| ns.parse().ok()).expect("the first number is the time in ns");
    Duration::from_nanos(ns)
}

/// Times rounds of something.
fn timed(rounds: u64, mut run: impl FnMut()) -> Duration {
    let start = processor_time();
    for _ in 0..rounds {
        run();
    }
    processor_time().saturating_sub(start)
}

fn compiled(program: &str) -> Verified {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/").to_string() + program;
    let compilation = heddle_p4::compile(&DiskFiles, &path, &CompileOptions::default());
    compilation.output.expect("the program compiles").verified
}

/// Entries as a runtime file has them: what follows a name and keys, for each.
fn entries(program: &Verified, entries: &[String]) -> Vec<Update> {
    let text = format!("{{\"table_entries\": [{}]}}", entries.join(","));
    heddle_runtime::file::parse(&text, program).expect("the entries fit the program")
}

/// An Ethernet frame of 64 bytes with an IPv4 packet for 10.0.2.3.
fn frame() -> Vec<u8> {
    let mut frame = vec![0x02, 0, 0, 0, 0xaa, 0x01, 0x02, 0, 0, 0, 0, 0x0a, 0x08, 0x00];
    let mut ip = vec![0x45, 0, 0, 46, 0, 7, 0, 0, 64, 17, 0, 0, 10, 0, 1, 1, 10, 0, 2, 3];
    let checksum = heddle_packet::wire::checksum::internet_checksum(&ip);
    ip[10..12].copy_from_slice(&checksum.to_be_bytes());
    frame.extend(ip);
    frame.extend([0x03, 0xe8, 0x07, 0xd0, 0, 26, 0, 0]);
    frame.resize(60, 0x5a);
    frame
}

struct Bench {
    executor: Box<dyn Executor>,
    state: State,
    pool: Pool,
    frames: FramePool,
    random: u64,
    clones: Vec<Clone>,
    digests: DigestBuffer,
    works: Vec<Work>,
    bytes: Vec<u8>,
}

impl Bench {
    fn new(executor: Box<dyn Executor>, updates: &[Update], bytes: &[u8]) -> Bench {
        let state = State::new(executor.program(), 1).expect("it fits");
        state.write(updates).expect("correct updates");
        let mut frames = FramePool::new(executor.frame_words(), PACKETS);
        let works = (0..PACKETS).map(|_| Work {
            packet: Packet::from_bytes(bytes),
            frame: frames.take(),
            parsed_bytes: 0,
            intrinsics: Intrinsics {
                ingress_port: 1,
                packet_length: bytes.len() as u32,
                ..Intrinsics::default()
            },
            verdict: Verdict::Drop(DropReason::NoDecision),
            truncate_bytes: None,
        });
        let works = works.collect();
        Bench {
            executor,
            state,
            pool: Pool::new(4),
            frames,
            random: 1,
            clones: vec![],
            digests: DigestBuffer::default(),
            works,
            bytes: bytes.to_vec(),
        }
    }

    /// A batch as the engine makes one: new bytes, empty frames.
    fn pass(&mut self) {
        for work in &mut self.works {
            work.packet.fill(&self.bytes);
            work.frame.words.fill(0);
        }
        let snapshot = self.state.pin();
        let mut context = Context {
            state: &self.state,
            snapshot: &snapshot,
            worker: 0,
            now_ns: 5,
            random: &mut self.random,
            pool: &mut self.pool,
            frames: &mut self.frames,
            clones: &mut self.clones,
            digests: &mut self.digests,
            trace: None,
        };
        self.executor.run(Entry::Ingress, &mut context, &mut self.works);
        for work in &mut self.works {
            assert!(matches!(work.verdict, Verdict::Enqueue { .. }), "it is routed: {:?}", work.verdict);
        }
        self.executor.run(Entry::Egress, &mut context, &mut self.works);
    }
}

fn routers(c: &mut Criterion) {
    let routes = |table: &str, key: &str, action: &str, params: &dyn Fn(usize) -> String| -> Vec<String> {
        let entry = |i: usize| {
            format!(
                r#"{{"table": "{table}", "match": {{"{key}": ["10.{}.{}.0", 24]}}, "action_name": "{action}",
                    "action_params": {{{}}}}}"#,
                i / 256,
                i % 256,
                params(i)
            )
        };
        (0..1_024).map(entry).collect()
    };
    let via = |_| r#""port": 2, "own": "02:00:00:00:aa:02", "next": "02:00:00:00:00:0b""#.to_string();
    let reduced = routes("route", "hdr.ipv4.dst", "via", &via);
    let mut full = routes("ipv4_route", "hdr.ipv4.dst", "to_group", &|_| r#""group": 2"#.to_string());
    full.push(format!(
        r#"{{"table": "next_hop", "match": {{"meta.group": 2}},
            "action_selector": [{{"action_name": "via", "action_params": {{{}}}}}]}}"#,
        via(0)
    ));
    for (name, path, updates) in [
        ("ipv4", "../../benches/programs/ipv4_router.p4", reduced),
        ("l3_router", "../../pipelines/l3_router.p4", full),
    ] {
        let program = compiled(path);
        let updates = entries(&program, &updates);
        let executors: [(&str, Box<dyn Executor>); 3] = [
            ("interpreter", Box::new(Interpreter::new(program.clone()))),
            ("jit", Box::new(Jit::new(program.clone()).expect("it compiles"))),
            (
                "jit unoptimised",
                Box::new(Jit::with_effort(program.clone(), Effort::Load).expect("it compiles")),
            ),
        ];
        let mut group = c.benchmark_group(name);
        group.throughput(Throughput::Elements(PACKETS as u64));
        for (name, executor) in executors {
            let mut bench = Bench::new(executor, &updates, &frame());
            group.bench_function(name, |b| {
                b.iter_custom(|rounds| timed(rounds, || black_box(&mut bench).pass()))
            });
        }
        group.finish();
    }
}

fn loading(c: &mut Criterion) {
    let mut group = c.benchmark_group("load");
    for shipped in ["l2_switch.p4", "l3_router.p4", "ai_leaf.p4"] {
        let program = compiled(&format!("../../pipelines/{shipped}"));
        for effort in [Effort::Load, Effort::Run] {
            group.bench_function(format!("{shipped} {effort:?}"), |b| {
                b.iter_custom(|rounds| {
                    timed(rounds, || {
                        black_box(Jit::with_effort(program.clone(), effort).expect("it compiles"));
                    })
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, routers, loading);
criterion_main!(benches);
