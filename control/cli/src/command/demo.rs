//! `heddle demo`: an AI fabric inside one process, under two ways of choosing paths, side by side.

use std::io::{IsTerminal as _, Write as _};

use anyhow::{Context as _, bail};
use clap::Args;
use heddle_fabric::{Jobs, LinkReport, Policy, Progress, Report, Run, Topology, watch};
use serde_json::json;

use super::fabric;
use crate::executor::Engine;
use crate::exit::Exit;
use crate::output;

const EXAMPLES: &str = "\
Examples:
  heddle demo
  heddle demo --seed 7 --megabytes 32
  heddle demo --json | jq .message.imbalance

No figure is scripted: every packet goes through pipelines/ai_fabric.p4, compiled here and now, in the engine that
`heddle run` uses, on virtual time. For fabrics and jobs of your own: heddle fabric sim.";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Draws queue pair numbers, source ports and the switches' hash seeds
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Buffer that each job all-reduces
    #[arg(long, default_value_t = 8, value_name = "MB", value_parser = clap::value_parser!(u64).range(1..=1024))]
    megabytes: u64,
    /// Queue pairs between two ranks
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=64))]
    queue_pairs: u64,
    /// What runs the program
    #[arg(long, value_enum, default_value_t)]
    engine: Engine,
    /// Print the figures as JSON on standard output
    #[arg(long)]
    json: bool,
}

const LEAVES: usize = 4;
const SPINES: usize = 4;
const HOSTS_PER_LEAF: usize = 4;
const RATE_GBPS: u64 = 100;
const LIMIT_NS: u64 = 60_000_000_000;
/// Virtual time between two pictures.
const PICTURE_NS: u64 = 20_000;

pub(crate) fn run(options: &Options) -> anyhow::Result<Exit> {
    let topology = Topology::parse("the demo's fabric", &topology())?;
    let jobs = Jobs::parse("the demo's jobs", &jobs(options), &topology)?;
    let executor = fabric::compile(options.engine)?;
    let mut reports = Vec::new();
    for policy in [Policy::Ecmp, Policy::Message] {
        let mut screen = Screen::new(policy, options.json);
        let run = Run {
            topology: &topology,
            jobs: &jobs,
            executor: executor.clone(),
            policy,
            seed: options.seed,
            limit_ns: LIMIT_NS,
        };
        let report = watch(&run, PICTURE_NS, &mut |progress| screen.draw(progress))
            .with_context(|| format!("the fabric under {}", policy.name()))?;
        screen.clear();
        reports.push(report);
    }
    let [ecmp, message] = reports.as_slice() else { bail!("two runs give two reports") };
    if options.json {
        let figures = json!({
            "seed": options.seed,
            "topology": {
                "leaves": LEAVES, "spines": SPINES, "hosts_per_leaf": HOSTS_PER_LEAF, "rate_gbps": RATE_GBPS,
            },
            "ecmp": ecmp,
            "message": message,
        });
        println!("{}", serde_json::to_string_pretty(&figures)?);
    } else {
        print!("{}", summary(options, ecmp, message));
    }
    Ok(Exit::Success)
}

fn topology() -> String {
    format!(
        r#"
        name = "demo"
        [leaf_spine]
        leaves = {LEAVES}
        spines = {SPINES}
        hosts_per_leaf = {HOSTS_PER_LEAF}
        host_link = "host"
        fabric_link = "fabric"
        [links.host]
        rate_gbps = {RATE_GBPS}
        length_m = 2
        medium = "copper"
        [links.fabric]
        rate_gbps = {RATE_GBPS}
        length_m = 50
        medium = "optics"
        "#
    )
}

/// Neighbours in the ring sit at different leaves, where a scheduler that knows nothing of the fabric may put them: all
/// traffic has to go up.
fn jobs(options: &Options) -> String {
    let job = |name: &str| {
        format!(
            r#"
            [[jobs]]
            name = "{name}"
            ranks = {}
            placement = "spread"
            collective = "ring"
            bytes = {}
            queue_pairs = {}
            "#,
            LEAVES * HOSTS_PER_LEAF / 2,
            options.megabytes * 1_000_000,
            options.queue_pairs,
        )
    };
    job("red") + &job("blue")
}

/// The picture while it runs: one bar an uplink, redrawn in place. Nothing if nobody watches.
struct Screen {
    policy: Policy,
    shown: bool,
    lines: usize,
}

impl Screen {
    fn new(policy: Policy, json: bool) -> Screen {
        Screen { policy, shown: !json && std::io::stderr().is_terminal(), lines: 0 }
    }

    fn draw(&mut self, progress: &Progress<'_>) {
        if !self.shown {
            return;
        }
        self.clear();
        let now_ms = progress.now_ns as f64 / 1e6;
        let mut text = format!("{:<11} {now_ms:.2} ms of virtual time\n", self.policy.name());
        for link in uplinks(&progress.links()) {
            text += &format!("  {}  {}\n", name(link), load(link));
        }
        self.lines = text.lines().count();
        eprint!("{text}");
        // A screen that cannot be written to is no reason to stop.
        let _ = std::io::stderr().flush();
    }

    fn clear(&mut self) {
        if self.lines > 0 {
            eprint!("\x1b[{}A\x1b[J", self.lines);
            self.lines = 0;
        }
    }
}

/// Links from leaves to spines.
fn uplinks(links: &[LinkReport]) -> impl Iterator<Item = &LinkReport> {
    links.iter().filter(|link| link.from.starts_with("leaf"))
}

fn name(link: &LinkReport) -> String {
    format!("{} → {}", link.from, link.to)
}

const BAR_WIDTH: usize = 24;

fn load(link: &LinkReport) -> String {
    let eighths = (link.utilisation.clamp(0.0, 1.0) * BAR_WIDTH as f64 * 8.0).round() as usize;
    let parts = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let (full, part) = ("█".repeat(eighths / 8), parts[eighths % 8]);
    let used = eighths.div_ceil(8);
    let rest = "·".repeat(BAR_WIDTH - used.min(BAR_WIDTH));
    format!("{full}{part}{rest} {:>4.0}%", 100.0 * link.utilisation)
}

fn summary(options: &Options, ecmp: &Report, message: &Report) -> String {
    let mut text = format!(
        "Two training jobs of {} ranks all-reduce {} MB each over RoCEv2, {} to the next rank.\n\
         {LEAVES} leaves and {SPINES} spines run ai_fabric.p4; links of {RATE_GBPS} Gb/s.\n\n",
        LEAVES * HOSTS_PER_LEAF / 2,
        options.megabytes,
        output::count(options.queue_pairs, "queue pair"),
    );
    let (left, right) = ("five-tuple ECMP", "by message");
    text += &format!("{:<17}  {left:<width$}  {right}\n", "uplink load", width = BAR_WIDTH + 6);
    for (a, b) in uplinks(&ecmp.links).zip(uplinks(&message.links)) {
        text += &format!("{:<17}  {}  {}\n", name(a), load(a), load(b));
    }
    text.push('\n');
    let row = |name: &str, a: String, b: String| format!("{name:<34} {a:>16} {b:>16}\n");
    text += &row("", left.into(), right.into());
    let ms = |ns: f64| format!("{:.3} ms", ns / 1e6);
    for (a, b) in ecmp.jobs.iter().zip(&message.jobs) {
        let name = format!("job {} done after (ideal {})", a.name, ms(a.ideal_ns));
        text += &row(&name, ms(a.completion_ns as f64), ms(b.completion_ns as f64));
    }
    let worst = |report: &Report| format!("{:.2} × mean", report.imbalance);
    text += &row("most loaded uplink of a leaf", worst(ecmp), worst(message));
    let marked = |report: &Report| report.jobs.iter().map(|job| job.marked).sum::<u64>().to_string();
    text += &row("packets marked for congestion", marked(ecmp), marked(message));
    let dropped = |report: &Report| report.drops.values().sum::<u64>().to_string();
    text += &row("packets dropped", dropped(ecmp), dropped(message));
    text += &row("packets through switches", ecmp.packet_hops.to_string(), message.packet_hops.to_string());
    let faster = ecmp.mean_jct_ns / message.mean_jct_ns.max(1.0);
    text + &format!("\nWith a path chosen for each message the jobs are done {faster:.2} times as fast.\n")
}
