//! `heddle fabric`: fabrics of many switches.

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use heddle_exec::Executor;
use heddle_fabric::{Jobs, Policy, Report, Run, Topology, page, run as run_jobs};
use heddle_p4::diag::Style;
use heddle_p4::{CompileOptions, Files};
use serde_json::{Value, json};

use crate::executor::Engine;
use crate::exit::{Exit, UsageError};
use crate::program::{self, SourceOptions};

const EXAMPLES: &str = "\
Examples:
  heddle fabric sim benches/fabric/reference.topology.toml benches/fabric/reference.jobs.toml
  heddle fabric sim my.topology.toml my.jobs.toml --compare --seeds 10 --html result.html
  heddle fabric sim my.topology.toml my.jobs.toml --compare --json | jq .policies.spray.mean_jct_ns

Every packet goes through pipelines/ai_fabric.p4, compiled here and now, in the engine that `heddle run` uses; links
and hosts are models, on virtual time. Policies: ecmp, queue-pair, message, pinned, flowlet, in-order (RoCEv2 hosts),
adaptive, spray (hosts that take packets in any order, like UET).";

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Run jobs on a fabric on virtual time
    #[command(after_help = EXAMPLES)]
    Sim(Sim),
}

#[derive(Args, Debug)]
pub(crate) struct Sim {
    /// The fabric, in TOML
    topology: PathBuf,
    /// The jobs, in TOML
    jobs: PathBuf,
    /// How packets choose among paths
    #[arg(long, default_value = Policy::default().name(), conflicts_with = "compare")]
    policy: String,
    /// Run every policy
    #[arg(long)]
    compare: bool,
    /// First seed: it places ranks and draws all that is drawn
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many seeds, one after the other
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1000))]
    seeds: u64,
    /// Runs at once; as many as there are cores if not given
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Virtual time after which a run is given up
    #[arg(long, default_value_t = 10_000, value_name = "MS")]
    limit_ms: u64,
    /// Run this program on the switches instead; it needs the tables of pipelines/ai_fabric.p4
    #[arg(long, value_name = "P4")]
    program: Option<PathBuf>,
    /// What runs the program
    #[arg(long, value_enum, default_value_t)]
    engine: Engine,
    /// Print the figures as JSON on standard output
    #[arg(long)]
    json: bool,
    /// Write a page with plots
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

/// The program, so that the command works wherever it is started.
struct Shipped;

impl Files for Shipped {
    fn read(&self, path: &str) -> std::io::Result<Vec<u8>> {
        let text = match path {
            "pipelines/ai_fabric.p4" => include_str!("../../../../pipelines/ai_fabric.p4"),
            "pipelines/include/heddle.p4" => include_str!("../../../../pipelines/include/heddle.p4"),
            "pipelines/ai_fabric/headers.p4" | "headers.p4" => {
                include_str!("../../../../pipelines/ai_fabric/headers.p4")
            }
            "pipelines/ai_fabric/parser.p4" => include_str!("../../../../pipelines/ai_fabric/parser.p4"),
            "pipelines/ai_fabric/classification.p4" => {
                include_str!("../../../../pipelines/ai_fabric/classification.p4")
            }
            "pipelines/ai_fabric/learning.p4" | "learning.p4" => {
                include_str!("../../../../pipelines/ai_fabric/learning.p4")
            }
            "pipelines/ai_fabric/isolation.p4" => {
                include_str!("../../../../pipelines/ai_fabric/isolation.p4")
            }
            "pipelines/ai_fabric/paths.p4" => include_str!("../../../../pipelines/ai_fabric/paths.p4"),
            "pipelines/ai_fabric/queues.p4" => include_str!("../../../../pipelines/ai_fabric/queues.p4"),
            "pipelines/ai_fabric/pause.p4" | "pause.p4" => {
                include_str!("../../../../pipelines/ai_fabric/pause.p4")
            }
            "pipelines/ai_fabric/report.p4" | "report.p4" => {
                include_str!("../../../../pipelines/ai_fabric/report.p4")
            }
            "pipelines/ai_fabric/int.p4" | "int.p4" => include_str!("../../../../pipelines/ai_fabric/int.p4"),
            "pipelines/ai_fabric/telemetry.p4" => {
                include_str!("../../../../pipelines/ai_fabric/telemetry.p4")
            }
            _ => return Err(std::io::ErrorKind::NotFound.into()),
        };
        Ok(text.as_bytes().to_vec())
    }
}

/// `pipelines/ai_fabric.p4`, compiled here and now.
pub(crate) fn compile(engine: Engine) -> anyhow::Result<Arc<dyn Executor>> {
    let compilation = heddle_p4::compile(&Shipped, "pipelines/ai_fabric.p4", &CompileOptions::default());
    match compilation.output {
        Some(output) => engine.executor(output.verified),
        None => bail!("{}", compilation.diagnostics.render(&compilation.source_map, Style::Plain)),
    }
}

pub(crate) fn run(command: &Command) -> anyhow::Result<Exit> {
    match command {
        Command::Sim(options) => simulate(options),
    }
}

fn simulate(options: &Sim) -> anyhow::Result<Exit> {
    let read = |path: &PathBuf| -> anyhow::Result<(String, String)> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("{}: cannot be read", path.display()))?;
        Ok((path.display().to_string(), text))
    };
    let policies: Vec<Policy> = match (options.compare, Policy::named(&options.policy)) {
        (true, _) => Policy::ALL.to_vec(),
        (false, Some(policy)) => vec![policy],
        (false, None) => {
            let known = Policy::ALL.map(Policy::name).join(", ");
            let message = format!("there is no policy `{}`; known are {known}", options.policy);
            return Err(UsageError(message).into());
        }
    };
    let (file, text) = read(&options.topology)?;
    let topology = Topology::parse(&file, &text)?;
    let (file, text) = read(&options.jobs)?;
    let jobs = Jobs::parse(&file, &text, &topology)?;
    let executor = match &options.program {
        Some(path) => options.engine.executor(program::load(path, &SourceOptions::default())?.verified)?,
        None => compile(options.engine)?,
    };

    let seeds = options.seed..options.seed.saturating_add(options.seeds);
    let runs: Vec<Run<'_>> = policies
        .iter()
        .flat_map(|&policy| seeds.clone().map(move |seed| (policy, seed)))
        .map(|(policy, seed)| Run {
            topology: &topology,
            jobs: &jobs,
            executor: Arc::clone(&executor),
            policy,
            seed,
            limit_ns: options.limit_ms.saturating_mul(1_000_000),
        })
        .collect();
    let mut reports = run_all(&runs, options.threads)?.into_iter();
    let all: Vec<(Policy, Vec<Report>)> = policies
        .iter()
        .map(|&policy| (policy, reports.by_ref().take(options.seeds as usize).collect()))
        .collect();
    let figures = figures(&topology, options, &all);
    if let Some(path) = &options.html {
        let written = std::fs::write(path, page(&topology.name, &all));
        written.with_context(|| format!("{}: cannot be written", path.display()))?;
    }
    if options.json {
        println!("{}", serde_json::to_string_pretty(&figures)?);
    } else {
        print!("{}", table(&figures));
    }
    Ok(Exit::Success)
}

/// Runs are independent of each other, so as many go at once as there are cores; the reports are in order of the runs.
fn run_all(runs: &[Run<'_>], threads: Option<usize>) -> anyhow::Result<Vec<Report>> {
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    let threads = threads.unwrap_or_else(cores).clamp(1, runs.len().max(1));
    let (next, shows) = (AtomicUsize::new(0), std::io::stderr().is_terminal());
    let work = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(run) = runs.get(index) else { return Ok(done) };
            if shows {
                // A terminal that is gone is no reason to stop.
                let _ = write!(std::io::stderr(), "\r\x1b[K{}, seed {}", run.policy.name(), run.seed);
            }
            let report = run_jobs(run).with_context(|| format!("{}, seed {}", run.policy.name(), run.seed));
            match report {
                Ok(report) => done.push((index, report)),
                Err(error) => {
                    next.store(runs.len(), Ordering::Relaxed);
                    return Err(error);
                }
            }
        }
    };
    let done: Vec<anyhow::Result<Vec<(usize, Report)>>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let joined = threads.into_iter().map(|thread| match thread.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        joined.collect()
    });
    if shows {
        let _ = write!(std::io::stderr(), "\r\x1b[K");
    }
    let mut all = Vec::new();
    for part in done {
        all.extend(part?);
    }
    all.sort_by_key(|(index, _)| *index);
    Ok(all.into_iter().map(|(_, report)| report).collect())
}

fn mean(reports: &[Report], of: impl Fn(&Report) -> f64) -> f64 {
    reports.iter().map(of).sum::<f64>() / reports.len().max(1) as f64
}

/// What carried the jobs.
fn transport(policy: Policy, reports: &[Report]) -> &'static str {
    let mut of_jobs = reports.iter().flat_map(|report| &report.jobs).map(|job| job.transport);
    let first = of_jobs.next().unwrap_or(policy.transport().name());
    if of_jobs.all(|other| other == first) { first } else { "mixed" }
}

fn figures(topology: &Topology, options: &Sim, all: &[(Policy, Vec<Report>)]) -> Value {
    let mut policies = serde_json::Map::new();
    for (policy, reports) in all {
        let jobs = |of: fn(&heddle_fabric::JobReport) -> u64| {
            mean(reports, |report| report.jobs.iter().map(of).sum::<u64>() as f64)
        };
        let figures = json!({
            "transport": transport(*policy, reports),
            "mean_jct_ns": mean(reports, |report| report.mean_jct_ns),
            "completion_ns": mean(reports, |report| report.completion_ns as f64),
            "imbalance": mean(reports, |report| report.imbalance),
            "imbalance_down": mean(reports, |report| report.imbalance_down),
            "retransmitted": jobs(|job| job.retransmitted),
            "reordered": jobs(|job| job.reordered),
            "trimmed": jobs(|job| job.trimmed),
            "marked": jobs(|job| job.marked),
            "dropped": mean(reports, |report| report.drops.values().sum::<u64>() as f64),
            "lost_on_cables": mean(reports, |report| report.lost_on_cables as f64),
            "reroutes": mean(reports, |report| report.reroutes as f64),
            "packet_hops": mean(reports, |report| report.packet_hops as f64),
            "pj_per_delivered_bit": mean(reports, |report| report.pj_per_delivered_bit),
            "runs": reports,
        });
        policies.insert(policy.name().to_owned(), figures);
    }
    let first = all.first().map_or(&[][..], |(_, reports)| reports);
    policies.insert("ideal".to_owned(), json!({ "mean_jct_ns": mean(first, |report| report.ideal_jct_ns) }));
    json!({ "topology": topology.name, "seed": options.seed, "seeds": options.seeds, "policies": policies })
}

fn table(figures: &Value) -> String {
    let policies = &figures["policies"];
    let number = |value: &Value| value.as_f64().unwrap_or(0.0);
    let ideal = number(&policies["ideal"]["mean_jct_ns"]);
    let ecmp = policies["ecmp"]["mean_jct_ns"].as_f64();
    let mut text = format!(
        "{:<11} {:<9} {:>10} {:>8} {:>8} {:>10} {:>8} {:>9} {:>8} {:>7} {:>7}\n",
        "policy",
        "transport",
        "mean JCT",
        "x ideal",
        "x ecmp",
        "imbalance",
        "resent",
        "reordered",
        "dropped",
        "trimmed",
        "pJ/bit"
    );
    for (name, policy) in policies.as_object().into_iter().flatten() {
        let jct = number(&policy["mean_jct_ns"]);
        let us = format!("{:.1} us", jct / 1e3);
        if name == "ideal" {
            text += &format!("{name:<11} {:<9} {us:>10} {:>8.3}\n", "", 1.0);
            continue;
        }
        let faster = ecmp.map_or_else(String::new, |ecmp| format!("{:.2}", ecmp / jct));
        text += &format!(
            "{name:<11} {:<9} {us:>10} {:>8.3} {faster:>8} {:>10.3} {:>8.0} {:>9.0} {:>8.0} {:>7.0} {:>7.1}\n",
            policy["transport"].as_str().unwrap_or(""),
            jct / ideal,
            number(&policy["imbalance"]),
            number(&policy["retransmitted"]),
            number(&policy["reordered"]),
            number(&policy["dropped"]),
            number(&policy["trimmed"]),
            number(&policy["pj_per_delivered_bit"]),
        );
    }
    text += "x ecmp: how many times faster than ecmp. imbalance: a leaf's busiest link up over the mean of its links, at the worst leaf.\n";
    text
}
