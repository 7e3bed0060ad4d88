//! What workers cost each other, and what changes cost readers, in memory.
//!
//! `cargo run --release -p heddle-benches --example sharing`. Workers: processor time per packet of two threads that
//! share a program, its tables and counters, beside one alone. Churn: the time of batches of lookups in an exact table
//! of a million entries, while another thread inserts and removes, beside the same without. Turns are taken one after the
//! other; what is printed are medians of ratios of neighbouring turns with the interval that holds the median in 19 of 20
//! cases, as JSON.
#![allow(clippy::print_stdout)] // It is what this is for.

use std::collections::VecDeque;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use heddle_benches::series::{Median, Series};
use heddle_benches::tables::{Kind, Loaded};
use heddle_benches::{compiled, scripted};
use heddle_exec::{
    Context, DigestBuffer, Executor, Frame, FramePool, Gate, Intrinsics, Passage, Verdict, Work,
};
use heddle_ir::DropReason;
use heddle_jit::Jit;
use heddle_packet::{Packet, Pool, PortId};
use heddle_state::{Match, State, Update};

/// Turns of each side.
const TURNS: usize = 31;
/// Batches of one turn of a worker.
const BATCHES: usize = 4_000;
/// Packets, or lookups, of a batch.
const BATCH: usize = 64;
/// Packets that a worker has.
const PACKETS: usize = 512;

/// Median, and the interval that holds it in 19 of 20 cases.
fn median(values: Vec<f64>) -> [f64; 3] {
    let Median { median, low, high } = Series(values).median().expect("a turn was taken");
    [median, low, high]
}

/// Processor time of this thread.
fn thread_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let ns = text.split(' ').next().and_then(|ns| ns.parse().ok());
    Duration::from_nanos(ns.expect("Linux tells a thread's processor time"))
}

/// The state of a program's script for two workers.
fn shared_state(program: &heddle_ir::Verified, scripted: &State) -> State {
    let state = State::new(program, 2).expect("a small state");
    let mut updates = Vec::new();
    for profile in program.profiles.keys() {
        updates.extend(scripted.members(profile).into_iter().map(Update::CreateMember));
        updates.extend(scripted.groups(profile).into_iter().map(Update::CreateGroup));
    }
    for table in program.tables.keys() {
        let entries = scripted.entries(table).into_iter().filter(|entry| !entry.is_const);
        updates.extend(entries.map(|entry| Update::InsertEntry(entry.spec)));
    }
    state.write(&updates).expect("what one state holds, another takes");
    state
}

/// Processor nanoseconds per packet of one turn.
fn run_packets(
    jit: &Jit,
    state: &State,
    worker: usize,
    frames: &[(PortId, Vec<u8>)],
    begin: &Barrier,
) -> f64 {
    let (mut pool, mut pooled) = (Pool::new(BATCH), FramePool::new(jit.frame_words(), BATCH));
    let (mut random, mut clones, mut digests) = (worker as u64, Vec::new(), DigestBuffer::default());
    let mut packets: VecDeque<Packet> = (0..PACKETS).map(|_| Packet::with_capacity(0)).collect();
    let mut works = Vec::with_capacity(BATCH);
    begin.wait();
    let begun = thread_time();
    let mut next = 0;
    for batch in 0..BATCHES {
        let snapshot = state.pin();
        for _ in 0..BATCH {
            let (port, bytes) = &frames[next % frames.len()];
            let mut packet = packets.pop_front().expect("there are more than a batch has");
            next += 1;
            packet.fill(bytes);
            let intrinsics = Intrinsics {
                ingress_port: port.0,
                packet_length: packet.wire_len as u32,
                ..Intrinsics::default()
            };
            works.push(Work {
                packet,
                frame: Frame::default(),
                parsed_bytes: 0,
                intrinsics,
                verdict: Verdict::Drop(DropReason::NoDecision),
                truncate_bytes: None,
            });
        }
        let mut gates = [Gate { room: u8::MAX, queues: 8, ..Gate::default() }; 64];
        let mut context = Context {
            state,
            snapshot: &snapshot,
            worker,
            now_ns: batch as u64 * 1_000,
            random: &mut random,
            pool: &mut pool,
            frames: &mut pooled,
            clones: &mut clones,
            digests: &mut digests,
            trace: None,
        };
        let mut done = 0;
        let mut passage = Passage { gates: &mut gates, sends: None };
        while done < works.len() {
            done += jit.run_through(&mut context, &mut passage, &mut works[done..]).expect("it goes through");
        }
        digests.messages.clear();
        digests.words.clear();
        for work in works.drain(..) {
            pooled.give(work.frame);
            packets.push_back(work.packet);
        }
    }
    let took = thread_time() - begun;
    took.as_nanos() as f64 / (BATCHES * BATCH) as f64
}

fn workers(path: &Path) -> serde_json::Value {
    let program = compiled(path);
    let (one_worker, frames) = scripted(&program, &path.with_extension("stf"));
    let state = shared_state(&program, &one_worker);
    let jit = Jit::new(program).expect("a shipped program compiles");
    let (mut alone_ns, mut together_ns, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..TURNS {
        let alone = run_packets(&jit, &state, 0, &frames, &Barrier::new(1));
        let begin = Barrier::new(2);
        let together = std::thread::scope(|scope| {
            let other = scope.spawn(|| run_packets(&jit, &state, 1, &frames, &begin));
            let own = run_packets(&jit, &state, 0, &frames, &begin);
            (own + other.join().expect("no worker panics")) / 2.0
        });
        alone_ns.push(alone);
        together_ns.push(together);
        ratios.push(together / alone);
    }
    serde_json::json!({
        "one_ns_per_packet": median(alone_ns)[0],
        "two_ns_per_packet": median(together_ns)[0],
        "two_to_one": median(ratios),
    })
}

/// The time that 99.9% of batches do not exceed, and the median, in nanoseconds.
fn run_lookups(loaded: &Loaded, keys: &[u64], batches: usize) -> (f64, f64) {
    let mut took: Vec<u64> = (0..batches)
        .map(|batch| {
            let from = batch * BATCH % (keys.len() - BATCH);
            let mut matches = [Match::nothing(loaded.table); BATCH];
            let begun = Instant::now();
            let snapshot = loaded.state.pin();
            let reader = loaded.state.reader(&snapshot, loaded.table).expect("its own table");
            black_box(reader.find_batch(&keys[from..from + BATCH], &mut matches));
            begun.elapsed().as_nanos() as u64
        })
        .collect();
    took.sort_unstable();
    (took[took.len() * 999 / 1_000] as f64, took[took.len() / 2] as f64)
}

fn churn() -> serde_json::Value {
    const BATCHES: usize = 40_000;
    let loaded = Loaded::new(Kind::Exact32, 1_000_000);
    let keys = loaded.keys(1 << 20);
    let (mut quiet, mut busy, mut ratios, mut medians) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut changes_made = 0u64;
    let mut changes = loaded.changes();
    for _ in 0..TURNS {
        let without = run_lookups(&loaded, &keys, BATCHES);
        let stop = AtomicBool::new(false);
        let with = std::thread::scope(|scope| {
            let (stop, state, changes) = (&stop, &loaded.state, &mut changes);
            let writer = scope.spawn(move || {
                let mut made = 0u64;
                while !stop.load(Ordering::Relaxed) {
                    let (insert, remove) = changes.next();
                    state.write(&[insert]).expect("a new key");
                    state.write(&[remove]).expect("it is there");
                    made += 2;
                }
                made
            });
            let with = run_lookups(&loaded, &keys, BATCHES);
            stop.store(true, Ordering::Relaxed);
            changes_made += writer.join().expect("the writer does not panic");
            with
        });
        quiet.push(without.0);
        busy.push(with.0);
        ratios.push(with.0 / without.0);
        medians.push(with.1 / without.1);
    }
    serde_json::json!({
        "quiet_p999_ns": median(quiet)[0],
        "churn_p999_ns": median(busy)[0],
        "p999_ratio": median(ratios),
        "p50_ratio": median(medians),
        "changes_per_turn": changes_made / TURNS as u64,
    })
}

fn main() {
    let top = |path: &str| -> PathBuf { Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path) };
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name);
    let mut figures = serde_json::Map::new();
    if is_wanted("workers") {
        figures.insert("ai_leaf_workers".to_owned(), workers(&top("pipelines/ai_leaf.p4")));
        figures.insert("router_workers".to_owned(), workers(&top("benches/programs/ipv4_router.p4")));
    }
    if is_wanted("churn") {
        figures.insert("exact_churn".to_owned(), churn());
    }
    println!("{}", serde_json::to_string_pretty(&figures).expect("numbers and names"));
}
