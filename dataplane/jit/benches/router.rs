//! The shipped router, both executors: a batch of 64 IPv4 packets through ingress and egress, in memory.
#![allow(missing_docs)] // criterion's macros make items of their own

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use heddle_exec::{
    Clone, Context, DigestBuffer, Entry, Executor, FramePool, Interpreter, Intrinsics, Verdict, Work,
};
use heddle_ir::{DropReason, Verified};
use heddle_jit::{Effort, Jit};
use heddle_p4::{CompileOptions, DiskFiles};
use heddle_packet::{Packet, Pool};
use heddle_runtime::stf::{Command, Script};
use heddle_state::{State, Update};

const PACKETS: usize = 64;

fn compiled(program: &str) -> Verified {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../pipelines/").to_string() + program;
    let compilation = heddle_p4::compile(&DiskFiles, &path, &CompileOptions::default());
    compilation.output.expect("a shipped program compiles").verified
}

/// The packets of a program's script.
fn script(program: &str) -> (Vec<Vec<u8>>, String) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../pipelines/").to_string() + program;
    let text = std::fs::read_to_string(path.replace(".p4", ".stf")).expect("it has a script");
    let script = Script::parse(&text).expect("it is well formed");
    let packets = script.lines.iter().filter_map(|line| match &line.command {
        Command::Packet { bytes, .. } => Some(bytes.clone()),
        _ => None,
    });
    (packets.collect(), text)
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

fn router(c: &mut Criterion) {
    let program = compiled("l3_router.p4");
    let (packets, text) = script("l3_router.p4");
    let updates = updates(&program, &text);
    let executors: [(&str, Box<dyn Executor>); 3] = [
        ("interpreter", Box::new(Interpreter::new(program.clone()))),
        ("jit", Box::new(Jit::new(program.clone()).expect("it compiles"))),
        ("jit unoptimised", Box::new(Jit::with_effort(program.clone(), Effort::Load).expect("it compiles"))),
    ];
    let mut group = c.benchmark_group("router");
    group.throughput(Throughput::Elements(PACKETS as u64));
    for (name, executor) in executors {
        let mut bench = Bench::new(executor, &updates, &packets[0]);
        group.bench_function(name, |b| b.iter(|| black_box(bench.pass())));
    }
    group.finish();
    let mut group = c.benchmark_group("load");
    for shipped in ["l2_switch.p4", "l3_router.p4", "ai_leaf.p4"] {
        let program = compiled(shipped);
        for effort in [Effort::Load, Effort::Run] {
            group.bench_function(format!("{shipped} {effort:?}"), |b| {
                b.iter(|| Jit::with_effort(black_box(program.clone()), effort).expect("it compiles"));
            });
        }
    }
    group.finish();
}

/// What the script's `add` lines say.
fn updates(program: &Verified, text: &str) -> Vec<Update> {
    let _ = (program, text);
    vec![]
}

criterion_group!(benches, router);
criterion_main!(benches);
