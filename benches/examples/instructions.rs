//! Instructions that a packet costs in the switch, by pipeline and executor: counted, so that no neighbour disturbs them.
//!
//! `CARGO_PROFILE_RELEASE_LTO=off CARGO_INCREMENTAL=0 cargo run --release -p heddle-benches --example instructions`, as
//! CI builds it, runs itself under callgrind for each, prints the
//! counts beside those recorded in `benches/instructions.json`, and fails if one has grown by more than 3%.
//! With `--record` it writes the file anew; with names only those are run.
#![allow(clippy::print_stdout)] // It is what this is for.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use heddle_benches::baseline::{Order, Router};
use heddle_benches::rig::{Nothing, Rig};
use heddle_benches::routes::Routes;
use heddle_benches::{compiled, scripted};
use heddle_exec::{Executor, Interpreter};
use heddle_ir::Verified;
use heddle_jit::Jit;
use heddle_packet::PortId;
use heddle_state::State;

/// Name, program and routes (the script's tables and packets if none) of what is counted.
const PIPELINES: [(&str, &str, Option<usize>); 7] = [
    ("ipv4_router", "benches/programs/ipv4_router.p4", None),
    ("ipv4_router, 100,000 routes", "benches/programs/ipv4_router.p4", Some(100_000)),
    ("l2_switch", "pipelines/l2_switch.p4", None),
    ("l3_router", "pipelines/l3_router.p4", None),
    ("ai_leaf", "pipelines/ai_leaf.p4", None),
    ("ai_spine", "pipelines/ai_spine.p4", None),
    ("ai_fabric", "pipelines/ai_fabric.p4", None),
];
const EXECUTORS: [&str; 5] = ["jit", "by hand", "by hand, prefetching", "engine", "interp"];
/// What is counted: so many bursts of so many packets, the first of which also fills caches of buffers.
const BURSTS: usize = 8;
const FRAMES: usize = 512;
/// Growth that needs a word of why.
const GROWTH_MAX: f64 = 0.03;

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn executor(name: &str, program: &Verified, state: &State) -> Option<Arc<dyn Executor>> {
    Some(match name {
        "jit" => Arc::new(Jit::new(program.clone()).expect("a shipped program compiles")),
        "by hand" => Arc::new(Router::of(program, state, Order::Straight)?),
        "by hand, prefetching" => Arc::new(Router::of(program, state, Order::Staged)?),
        "engine" => Arc::new(Nothing::new(program.clone())),
        _ => Arc::new(Interpreter::new(program.clone())),
    })
}

/// State and frames of a pipeline.
fn loaded(program: &Verified, path: &str, routes: Option<usize>) -> (Arc<State>, Vec<(PortId, Vec<u8>)>) {
    match routes {
        None => scripted(program, &top().join(path).with_extension("stf")),
        Some(routes) => {
            let routes = Routes::new(program, routes, FRAMES).expect("a plain router");
            let state = State::new(program, 1).expect("a small state");
            for updates in routes.updates.chunks(4_096) {
                state.write(updates).expect("different prefixes");
            }
            (Arc::new(state), routes.frames)
        }
    }
}

/// Packets that one run takes through; none for an executor that there is not for a program.
fn run_one(pipeline: usize, executor_name: &str) -> usize {
    let (_, path, routes) = PIPELINES[pipeline];
    let program = compiled(&top().join(path));
    let (state, frames) = loaded(&program, path, routes);
    let Some(executor) = executor(executor_name, &program, &state) else { return 0 };
    let mut rig = Rig::new(executor, state, &frames, FRAMES).expect("a switch");
    for _ in 0..BURSTS {
        rig.burst();
    }
    BURSTS * FRAMES
}

/// Instructions per packet, as callgrind counts them within the steps of the switch.
fn count(pipeline: usize, executor: &str) -> Option<f64> {
    let own = std::env::current_exe().expect("the path of this program");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--toggle-collect=*rig*Rig*step*"])
        .arg(own)
        .args(["--run", &pipeline.to_string(), executor])
        .output()
        .expect("valgrind is installed (apt install valgrind)");
    let (text, packets) = (String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout));
    let packets: f64 =
        packets.trim().parse().unwrap_or_else(|_| panic!("a number of packets: {packets}\n{text}"));
    let collected =
        text.lines().find_map(|line| line.split_once("Collected :")).expect("what callgrind collected");
    let collected: f64 = collected.1.trim().parse().expect("a number of instructions");
    (packets > 0.0).then(|| (10.0 * collected / packets).round() / 10.0)
}

/// Counts all of them, as many at a time as there are processors: what a count is does not depend on what runs besides.
fn count_all(jobs: &[(usize, &str)]) -> Vec<Option<f64>> {
    let (next, counts) = (AtomicUsize::new(0), Mutex::new(vec![None; jobs.len()]));
    let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    std::thread::scope(|scope| {
        for _ in 0..processors {
            scope.spawn(|| {
                loop {
                    let job = next.fetch_add(1, Ordering::Relaxed);
                    let Some(&(pipeline, executor)) = jobs.get(job) else { break };
                    let counted = count(pipeline, executor);
                    counts.lock().expect("no count panicked")[job] = counted;
                }
            });
        }
    });
    counts.into_inner().expect("no count panicked")
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [run, pipeline, executor] = &args[..]
        && run == "--run"
    {
        println!("{}", run_one(pipeline.parse().expect("a pipeline's number"), executor));
        return ExitCode::SUCCESS;
    }
    let record = args.iter().any(|arg| arg == "--record");
    let wanted: Vec<&String> = args.iter().filter(|arg| !arg.starts_with("--")).collect();
    let file = top().join("benches/instructions.json");
    let recorded = std::fs::read_to_string(&file).unwrap_or_else(|_| "{}".to_owned());
    let mut counts: BTreeMap<String, BTreeMap<String, f64>> =
        serde_json::from_str(&recorded).expect("benches/instructions.json is as --record writes it");
    let every = (0..PIPELINES.len()).flat_map(|pipeline| EXECUTORS.map(|executor| (pipeline, executor)));
    let is_wanted = |&(pipeline, executor): &(usize, &str)| {
        wanted.is_empty()
            || wanted.iter().any(|name| [PIPELINES[pipeline].0, executor].contains(&name.as_str()))
    };
    let jobs: Vec<(usize, &str)> = every.filter(is_wanted).collect();
    let mut grown = false;
    println!("{:28} {:22} {:>9} {:>9}", "pipeline", "executor", "recorded", "counted");
    for (&(pipeline, executor), counted) in jobs.iter().zip(count_all(&jobs)) {
        let (Some(counted), (pipeline, ..)) = (counted, PIPELINES[pipeline]) else { continue };
        let before = counts.entry(pipeline.to_owned()).or_default().insert(executor.to_owned(), counted);
        let growth = before.map_or(0.0, |before| counted / before - 1.0);
        let remark = if growth > GROWTH_MAX { "  grown" } else { "" };
        grown |= growth > GROWTH_MAX;
        let before = before.map_or("-".to_owned(), |before| format!("{before:.1}"));
        println!("{pipeline:28} {executor:22} {before:>9} {counted:>9.1}{remark}");
    }
    if record {
        let text = serde_json::to_string_pretty(&counts).expect("numbers and names");
        std::fs::write(&file, text + "\n").expect("benches/instructions.json can be written");
    } else if grown {
        println!(
            "more than 3% more instructions than recorded: find out why, or say why in the commit that records them:\n  \
             CARGO_PROFILE_RELEASE_LTO=off CARGO_INCREMENTAL=0 \\\n  \
             cargo run --release -p heddle-benches --example instructions -- --record"
        );
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
