//! What a packet costs in memory: programs, tables from one entry to a million, frames of 64 to 9,216 bytes, one flow to
//! 100,000; machine code, the interpreter and forwarders written by hand, taking turns.
//!
//! `cargo run --release -p heddle-benches --example matrix` prints a table and writes it, with all turns, to
//! `docs/performance`, with a plot. `--quick` takes a few turns only, `--out FOLDER` writes elsewhere.
#![allow(clippy::print_stdout)] // It is what this is for.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use heddle_benches::baseline::{Order, Router};
use heddle_benches::rig::Rig;
use heddle_benches::routes::Routes;
use heddle_benches::series::{Median, Series};
use heddle_benches::{compiled, plot, scripted};
use heddle_exec::{Executor, Interpreter};
use heddle_ir::Verified;
use heddle_jit::Jit;
use heddle_packet::PortId;
use heddle_state::State;
use serde_json::json;

const ROUTER: &str = "benches/programs/ipv4_router.p4";
const SHIPPED: [&str; 5] = [
    "pipelines/l2_switch.p4",
    "pipelines/l3_router.p4",
    "pipelines/ai_leaf.p4",
    "pipelines/ai_spine.p4",
    "pipelines/ai_fabric.p4",
];
const EXECUTORS: [&str; 4] = ["machine code", "interpreter", "by hand", "by hand, prefetching"];

/// One line of the table.
struct Line {
    name: String,
    program: &'static str,
    /// Routes and flows; the script's where there are none.
    routes: Option<(usize, usize)>,
    frame_bytes: usize,
}

fn lines() -> Vec<Line> {
    let router = |routes: usize, flows: usize, frame_bytes: usize| Line {
        name: format!("ipv4_router, routes: {routes}, flows: {flows}"),
        program: ROUTER,
        routes: Some((routes, flows)),
        frame_bytes,
    };
    let mut lines = Vec::new();
    lines.extend([1, 1_000, 100_000, 1_000_000].map(|routes| router(routes, 4_096, 64)));
    lines.extend([1, 1_000, 100_000].map(|flows| router(100_000, flows, 64)));
    lines.extend([512, 1_514, 9_216].map(|bytes| router(1_000, 4_096, bytes)));
    lines.extend(SHIPPED.map(|program| {
        let name = program.trim_start_matches("pipelines/").trim_end_matches(".p4").to_owned();
        Line { name, program, routes: None, frame_bytes: 0 }
    }));
    lines
}

fn executor(name: &str, program: &Verified, state: &State) -> Result<Option<Arc<dyn Executor>>> {
    Ok(match name {
        "machine code" => Some(Arc::new(Jit::new(program.clone())?)),
        "interpreter" => Some(Arc::new(Interpreter::new(program.clone()))),
        _ => {
            let order = if name == "by hand" { Order::Straight } else { Order::Staged };
            Router::of(program, state, order).map(|router| Arc::new(router) as Arc<dyn Executor>)
        }
    })
}

/// Nanoseconds per packet of every turn, by executor.
fn measure(line: &Line, turns: usize) -> Result<Vec<(&'static str, Series)>> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let path = top.join(line.program);
    let program = compiled(&path);
    let (state, mut frames): (Arc<State>, Vec<(PortId, Vec<u8>)>) = match line.routes {
        None => scripted(&program, &path.with_extension("stf")),
        Some((routes, flows)) => {
            let routes = Routes::new(&program, routes, flows).context("it is no plain router")?;
            let state = State::new(&program, 1)?;
            state.write(&routes.updates).map_err(|error| anyhow::anyhow!("{error:?}"))?;
            (Arc::new(state), routes.frames)
        }
    };
    for (_, bytes) in &mut frames {
        bytes.resize(bytes.len().max(line.frame_bytes), 0);
    }
    let count = line.routes.map_or(4_096, |(_, flows)| flows.max(4_096));
    let mut rigs = Vec::new();
    for name in EXECUTORS {
        if let Some(executor) = executor(name, &program, &state)? {
            let mut rig = Rig::new(executor, Arc::clone(&state), &frames, count)?;
            // The first burst fills caches of buffers.
            rig.burst();
            rigs.push((name, rig, Series::default()));
        }
    }
    for _ in 0..turns {
        for (_, rig, taken) in &mut rigs {
            let burst = rig.burst();
            taken.0.push(burst.took.as_nanos() as f64 / rig.frames() as f64);
        }
    }
    Ok(rigs.into_iter().map(|(name, _, taken)| (name, taken)).collect())
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let turns = if arguments.iter().any(|given| given == "--quick") { 3 } else { 21 };
    let out = arguments.iter().position(|given| given == "--out").and_then(|at| arguments.get(at + 1));
    let out = out
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/performance"), PathBuf::from);
    let mut table = String::from("| program | bytes |");
    for name in EXECUTORS {
        let _ = write!(table, " {name} |");
    }
    table.push_str(" machine code to the better by hand |\n|---|---|---|---|---|---|---|\n");
    let (mut results, mut bars) = (Vec::new(), Vec::new());
    for line in lines() {
        let measured = measure(&line, turns).with_context(|| line.name.clone())?;
        let of = |name: &str| measured.iter().find(|(of, _)| *of == name).map(|(_, taken)| taken);
        let bytes = if line.frame_bytes == 0 { "script's".to_owned() } else { line.frame_bytes.to_string() };
        let _ = write!(table, "| {} | {bytes} |", line.name);
        for name in EXECUTORS {
            let _ = match of(name) {
                Some(taken) => write!(table, " {:.1} |", taken.middle()),
                None => write!(table, " - |"),
            };
            if let Some(taken) = of(name).filter(|_| name != "interpreter") {
                bars.push((format!("{name}: {}, {bytes} B", line.name), Some(taken.middle())));
            }
        }
        // The better of the two, turn by turn.
        let by_hand = of("by hand").zip(of("by hand, prefetching"));
        let _ = match of("machine code").zip(by_hand) {
            Some((code, (straight, staged))) => {
                let better = straight.0.iter().zip(&staged.0).map(|(a, b)| a.min(*b));
                let ratio = code.ratios(&Series(better.collect())).median();
                let Median { median, low, high } = ratio.context("no turn was taken")?;
                writeln!(table, " {median:.2} ({low:.2} to {high:.2}) |")
            }
            None => writeln!(table, " - |"),
        };
        let executors: serde_json::Map<_, _> =
            measured.iter().map(|(name, taken)| ((*name).to_owned(), taken.json())).collect();
        results
            .push(json!({ "line": line.name, "frame_bytes": line.frame_bytes, "ns_per_packet": executors }));
    }
    println!("Nanoseconds per packet, medians of {turns} turns.\n\n{table}");
    std::fs::create_dir_all(&out)?;
    std::fs::write(
        out.join("matrix.md"),
        format!("Nanoseconds per packet, medians of {turns} turns.\n\n{table}"),
    )?;
    let title = "A packet in memory, ns";
    std::fs::write(out.join("matrix.svg"), plot::bars(title, &bars, "machine code"))?;
    std::fs::write(out.join("matrix.json"), format!("{:#}\n", json!(results)))?;
    Ok(())
}
