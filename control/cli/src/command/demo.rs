//! `heddle demo`: an AI fabric inside one process, under two ways of spreading traffic, side by side.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::Args;
use heddle_exec::Executor;
use heddle_fabric::{
    HostId, Job, Programs, Progress, Report, Scenario, Spreading, Topology, run as run_fabric,
};
use heddle_p4::diag::Style;
use heddle_p4::{CompileOptions, Files};
use serde_json::json;

use crate::executor::Engine;
use crate::exit::Exit;
use crate::output;

const EXAMPLES: &str = "\
Examples:
  heddle demo
  heddle demo --seed 7 --megabytes 32
  heddle demo --json | jq .queue_pair.imbalance

No figure is scripted: every packet goes through pipelines/ai_leaf.p4 or ai_spine.p4, compiled here and now, in the
engine that `heddle run` uses, on virtual time.";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Places the jobs' ranks on hosts
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Buffer that each job all-reduces
    #[arg(long, default_value_t = 8, value_name = "MB", value_parser = clap::value_parser!(u64).range(1..=1024))]
    megabytes: u64,
    /// Queue pairs between two ranks
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=64))]
    queue_pairs: u64,
    /// What runs the programs
    #[arg(long, value_enum, default_value_t)]
    engine: Engine,
    /// Print the figures as JSON on standard output
    #[arg(long)]
    json: bool,
}

const LEAVES: usize = 4;
const SPINES: usize = 4;
const HOSTS_PER_LEAF: usize = 4;
const RATE_BPS: u64 = 100_000_000_000;

/// The programs, so that the command works wherever it is started.
struct Shipped;

impl Files for Shipped {
    fn read(&self, path: &str) -> std::io::Result<Vec<u8>> {
        let text = match path {
            "pipelines/ai_leaf.p4" => include_str!("../../../../pipelines/ai_leaf.p4"),
            "pipelines/ai_spine.p4" => include_str!("../../../../pipelines/ai_spine.p4"),
            "pipelines/include/fabric.p4" => include_str!("../../../../pipelines/include/fabric.p4"),
            _ => return Err(std::io::ErrorKind::NotFound.into()),
        };
        Ok(text.as_bytes().to_vec())
    }
}

fn compile(path: &str, engine: Engine) -> anyhow::Result<Arc<dyn Executor>> {
    let compilation = heddle_p4::compile(&Shipped, path, &CompileOptions::default());
    match compilation.output {
        Some(output) => engine.executor(output.verified),
        None => bail!("{}", compilation.diagnostics.render(&compilation.source_map, Style::Plain)),
    }
}

pub(crate) fn run(options: &Options) -> anyhow::Result<Exit> {
    let programs = Programs {
        leaf: compile("pipelines/ai_leaf.p4", options.engine)?,
        spine: compile("pipelines/ai_spine.p4", options.engine)?,
    };
    let scenario = scenario(options);
    let mut reports = Vec::new();
    for spreading in [Spreading::FiveTuple, Spreading::QueuePair] {
        let mut screen = Screen::new(spreading, options.json);
        let report = run_fabric(&scenario, &programs, spreading, &mut |progress| screen.draw(progress))
            .with_context(|| format!("the fabric under {}", spreading.name()))?;
        screen.clear();
        reports.push(report);
    }
    let [ecmp, queue_pair] = reports.as_slice() else { bail!("two runs give two reports") };
    if options.json {
        let figures = json!({
            "seed": options.seed,
            "topology": {
                "leaves": LEAVES, "spines": SPINES, "hosts_per_leaf": HOSTS_PER_LEAF, "rate_bps": RATE_BPS,
            },
            "ecmp": ecmp,
            "queue_pair": queue_pair,
        });
        println!("{}", serde_json::to_string_pretty(&figures)?);
    } else {
        print!("{}", summary(options, ecmp, queue_pair));
    }
    Ok(Exit::Success)
}

fn scenario(options: &Options) -> Scenario {
    let topology = Topology {
        leaves: LEAVES,
        spines: SPINES,
        hosts_per_leaf: HOSTS_PER_LEAF,
        rate_bps: RATE_BPS,
        delay_ns: 500,
    };
    // Neighbours in the ring sit at different leaves, where a scheduler that knows nothing of the fabric may put
    // them: all traffic has to go up.
    let mut random = fastrand::Rng::with_seed(options.seed);
    let mut by_leaf: Vec<Vec<HostId>> = (0..LEAVES)
        .map(|leaf| {
            let mut hosts: Vec<HostId> =
                (0..HOSTS_PER_LEAF).map(|i| HostId(leaf * HOSTS_PER_LEAF + i)).collect();
            random.shuffle(&mut hosts);
            hosts
        })
        .collect();
    let per_job = topology.hosts() / 2;
    let jobs = ["red", "blue"].into_iter().zip(1..).map(|(name, id)| Job {
        name: name.to_owned(),
        id,
        ranks: (0..per_job).filter_map(|rank| by_leaf[rank % LEAVES].pop()).collect(),
        bytes: options.megabytes << 20,
        queue_pairs: options.queue_pairs as usize,
    });
    Scenario {
        topology,
        jobs: jobs.collect(),
        mtu_bytes: 4096,
        window_packets: 16,
        queue_packets: 1024,
        ecn_threshold_packets: 40,
        limit_ns: 60_000_000_000,
    }
}

/// The picture while it runs: one bar an uplink, redrawn in place. Nothing if nobody watches.
struct Screen {
    spreading: Spreading,
    shown: bool,
    lines: usize,
}

impl Screen {
    fn new(spreading: Spreading, json: bool) -> Screen {
        Screen { spreading, shown: !json && std::io::stderr().is_terminal(), lines: 0 }
    }

    fn draw(&mut self, progress: &Progress<'_>) {
        if !self.shown {
            return;
        }
        self.clear();
        let percent = 100 * progress.done / progress.of.max(1);
        let mut text = format!(
            "{:<11} {percent:>3}%  {:.2} ms of virtual time\n",
            self.spreading.name(),
            progress.now_ns as f64 / 1e6
        );
        // Against what a link could have sent by now.
        let possible = (RATE_BPS / 8) as f64 * progress.now_ns as f64 / 1e9;
        for (index, bytes) in progress.uplink_bytes.iter().enumerate() {
            let load = *bytes as f64 / possible.max(1.0);
            text.push_str(&link_line(index, load));
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

const BAR_WIDTH: usize = 24;

fn bar(load: f64) -> String {
    let eighths = (load.clamp(0.0, 1.0) * BAR_WIDTH as f64 * 8.0).round() as usize;
    let parts = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let (full, part) = ("█".repeat(eighths / 8), parts[eighths % 8]);
    let used = eighths.div_ceil(8);
    format!("{full}{part}{}", "·".repeat(BAR_WIDTH - used.min(BAR_WIDTH)))
}

fn link_line(index: usize, load: f64) -> String {
    let (leaf, spine) = (index / SPINES + 1, index % SPINES + 1);
    format!("  leaf{leaf} → spine{spine}  {}  {:>3.0}%\n", bar(load), 100.0 * load)
}

fn summary(options: &Options, ecmp: &Report, queue_pair: &Report) -> String {
    let mut text = format!(
        "Two training jobs of {} ranks all-reduce {} MB each over RoCEv2, {} to the next rank.\n\
         {LEAVES} leaves run ai_leaf.p4, {SPINES} spines ai_spine.p4; links of {} Gb/s.\n\n",
        LEAVES * HOSTS_PER_LEAF / 2,
        options.megabytes,
        output::count(options.queue_pairs, "queue pair"),
        RATE_BPS / 1_000_000_000,
    );
    let (left, right) = ("five-tuple ECMP", "by queue pair");
    text.push_str(&format!("{:<17}  {left:<width$}  {right}\n", "uplink load", width = BAR_WIDTH + 6));
    for (a, b) in ecmp.uplinks.iter().zip(&queue_pair.uplinks) {
        let link = format!("leaf{} → spine{}", a.leaf + 1, a.spine + 1);
        let side = |utilisation: f64| format!("{} {:>4.0}%", bar(utilisation), 100.0 * utilisation);
        text.push_str(&format!("{link:<17}  {}  {}\n", side(a.utilisation), side(b.utilisation)));
    }
    text.push('\n');
    let row = |name: &str, a: String, b: String| format!("{name:<34} {a:>16} {b:>16}\n");
    text.push_str(&row("", left.into(), right.into()));
    let ms = |ns: u64| format!("{:.3} ms", ns as f64 / 1e6);
    for (a, b) in ecmp.jobs.iter().zip(&queue_pair.jobs) {
        let name = format!("job {} done after (ideal {})", a.name, ms(a.ideal_ns));
        text.push_str(&row(&name, ms(a.completion_ns), ms(b.completion_ns)));
    }
    let load = |report: &Report| format!("{:.2} × mean", report.imbalance);
    text.push_str(&row("most loaded uplink", load(ecmp), load(queue_pair)));
    let marked = |report: &Report| report.jobs.iter().map(|j| j.marked).sum::<u64>().to_string();
    text.push_str(&row("packets marked for congestion", marked(ecmp), marked(queue_pair)));
    text.push_str(&row("packets dropped", ecmp.dropped.to_string(), queue_pair.dropped.to_string()));
    let hops = |report: &Report| report.packet_hops.to_string();
    text.push_str(&row("packets through switches", hops(ecmp), hops(queue_pair)));
    let faster = ecmp.completion_ns as f64 / queue_pair.completion_ns.max(1) as f64;
    text.push_str(&format!("\nBy queue pair the jobs are done {faster:.2} times as fast.\n"));
    text
}
