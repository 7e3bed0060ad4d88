//! `heddle bench`: what a packet costs, in memory.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use clap::Args;
use heddle_benches::bare::Bare;
use heddle_benches::baseline::{self, Order, Router};
use heddle_benches::rig::{Burst, Nothing, Rig};
use heddle_benches::routes::{self, ROUTES_MAX, Routes};
use heddle_benches::series::{Median, Series};
use heddle_exec::Executor;
use heddle_packet::PortId;
use heddle_ports::capture::CaptureReader;
use heddle_runtime::stf::{Command, Runner, Script};
use heddle_state::State;
use serde_json::json;

use super::run::Tables;
use crate::executor::Engine;
use crate::exit::{Exit, UsageError};
use crate::program::{self, SourceOptions};

const EXAMPLES: &str = "\
Examples:
  heddle bench pipelines/l3_router.p4                      tables and packets from l3_router.stf beside it
  heddle bench prog.p4 --script tables.stf --packets in.pcap
  heddle bench prog.p4 --tables s1-runtime.json            frames of 64 bytes, each a UDP packet of another flow
  heddle bench benches/programs/ipv4_router.p4 --routes 1000000
  heddle bench --json pipelines/ai_leaf.p4 | jq .jit_ns_per_packet

Every packet goes from one memory port to another through the engine: ingress, queue, egress. What the engine
charges by itself is shown beside it, by a program that does nothing; and what the same forwarder costs when it is
written by hand, in the same engine and as a bare loop without any, for programs that are a plain IPv4 router.";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// P4 program, or compiled artifact
    #[arg(value_name = "PROG.p4")]
    program: PathBuf,
    #[command(flatten)]
    source: SourceOptions,
    /// Tables, and packets unless --packets is given; the .stf beside the program if there is one
    #[arg(long, value_name = "SCRIPT.stf")]
    script: Option<PathBuf>,
    #[command(flatten)]
    tables: Tables,
    /// Packets, all arriving at port --port; frames of 64 bytes with UDP over IPv4 if the script has none either
    #[arg(long, value_name = "FILE.pcap")]
    packets: Option<PathBuf>,
    /// The port that --packets arrive by
    #[arg(long, default_value_t = 1)]
    port: u32,
    /// For a plain IPv4 router: so many routes drawn at random and packets to them, instead of the script
    #[arg(long, value_name = "N", conflicts_with_all = ["script", "packets", "files"])]
    routes: Option<usize>,
    /// Packets in buffers of their own; those given are repeated
    #[arg(long, default_value_t = 4096, value_name = "N")]
    buffers: usize,
    /// How long to measure, all rounds together
    #[arg(long, default_value_t = 2.0, value_name = "SECONDS")]
    seconds: f64,
    /// Print the figures as JSON on standard output
    #[arg(long)]
    json: bool,
}

/// Turns that each executor takes.
const TURNS: usize = 31;
/// Updates of one write.
const WRITTEN_AT_ONCE: usize = 4_096;

/// What packets go through.
enum Bench {
    Switch(Box<Rig>),
    Bare(Box<Bare>),
}

impl Bench {
    fn burst(&mut self) -> Burst {
        match self {
            Bench::Switch(rig) => rig.burst(),
            Bench::Bare(bare) => bare.burst(),
        }
    }
}

/// An executor being measured.
struct Subject {
    name: &'static str,
    bench: Bench,
    frames: usize,
    /// ns per packet, by turn.
    ns: Series,
    /// Packets out for each in.
    out_share: f64,
}

impl Subject {
    /// Runs bursts for some time, and notes the median; the first one warms up.
    fn take_turn(&mut self, time: Duration) {
        let frames = self.frames as f64;
        self.bench.burst();
        let mut ns = Series::default();
        let begun = Instant::now();
        while ns.0.is_empty() || begun.elapsed() < time {
            let burst = self.bench.burst();
            ns.0.push(burst.took.as_nanos() as f64 / frames);
            self.out_share = burst.out as f64 / frames;
        }
        self.ns.0.push(ns.middle());
    }
}

pub(crate) fn run(options: &Options) -> anyhow::Result<Exit> {
    if !(0.01..=3600.0).contains(&options.seconds) {
        bail!(UsageError("--seconds takes 0.01 to 3600".into()));
    }
    if !(1..=1 << 20).contains(&options.buffers) {
        bail!(UsageError("--buffers takes 1 to 1048576".into()));
    }
    let loaded = program::load(&options.program, &options.source)?;
    let interpreter = Engine::Interp.executor(loaded.verified.clone())?;
    let jit = Engine::Jit.executor(loaded.verified.clone())?;
    let (state, packets) = match options.routes {
        Some(routes) => routed(options, &interpreter, routes)?,
        None => scripted(options, &interpreter)?,
    };
    let rig = |executor: Arc<dyn Executor>| {
        Rig::new(executor, Arc::clone(&state), &packets, options.buffers).map_err(anyhow::Error::from)
    };
    let mut subjects = Vec::new();
    let mut add = |name, rig: Rig| {
        let (frames, bench) = (rig.frames(), Bench::Switch(Box::new(rig)));
        subjects.push(Subject { name, bench, frames, ns: Series::default(), out_share: 0.0 });
    };
    let mut routers = Vec::new();
    for order in [Order::Straight, Order::Staged] {
        let Some(router) = Router::of(&loaded.verified, &state, order) else { break };
        let mut by_hand = rig(Arc::new(router))?;
        if !baseline::agree(&mut rig(Arc::clone(&interpreter))?, &mut by_hand, &packets) {
            // It looks like the router and is another one.
            break;
        }
        add(if order == Order::Straight { STRAIGHT } else { STAGED }, by_hand);
        routers.extend(Router::of(&loaded.verified, &state, order));
    }
    add(JIT, rig(jit)?);
    add(ENGINE, rig(Arc::new(Nothing::new(loaded.verified.clone())))?);
    add(INTERP, rig(interpreter)?);
    for (router, name) in routers.into_iter().zip([BARE, BARE_STAGED]) {
        let (frames, bare) = (options.buffers, Bare::new(router, &packets, options.buffers));
        let bench = Bench::Bare(Box::new(bare));
        subjects.push(Subject { name, bench, frames, ns: Series::default(), out_share: 0.0 });
    }
    // Turns are taken one after the other, so that a disturbance hits all alike; medians are what is reported.
    let turn = Duration::from_secs_f64(options.seconds / (subjects.len() * TURNS) as f64);
    for _ in 0..TURNS {
        subjects.iter_mut().for_each(|subject| subject.take_turn(turn));
    }
    report(options, &packets, &subjects)?;
    Ok(Exit::Success)
}

const STRAIGHT: &str = "by hand";
const STAGED: &str = "by hand, prefetching";
const JIT: &str = "machine code";
const INTERP: &str = "interpreter";
const ENGINE: &str = "engine by itself";
const BARE: &str = "by hand, no engine";
const BARE_STAGED: &str = "the same, prefetching";

fn report(options: &Options, packets: &[(PortId, Vec<u8>)], subjects: &[Subject]) -> anyhow::Result<()> {
    let of = |name: &str| subjects.iter().find(|subject| subject.name == name);
    let ns = |name: &str| of(name).map(|subject| subject.ns.middle());
    let (Some(interp_ns), Some(jit), Some(engine_ns)) = (ns(INTERP), of(JIT), ns(ENGINE)) else {
        bail!("every executor takes its turn")
    };
    let jit_ns = jit.ns.middle();
    // What the best code by hand takes is what counts.
    let by_hand = [STRAIGHT, STAGED].into_iter().filter_map(of);
    let by_hand = by_hand.min_by(|a, b| a.ns.middle().total_cmp(&b.ns.middle()));
    let ratio = by_hand.and_then(|by_hand| jit.ns.ratios(&by_hand.ns).median());
    let bytes = packets.iter().map(|(_, bytes)| bytes.len()).sum::<usize>() as f64 / packets.len() as f64;
    if options.json {
        let figures = json!({
            "program": options.program,
            "packets": packets.len(),
            "buffers": options.buffers,
            "routes": options.routes,
            "mean_packet_bytes": bytes,
            "interp_ns_per_packet": interp_ns,
            "interp_mpps": 1e3 / interp_ns,
            "jit_ns_per_packet": jit_ns,
            "jit_mpps": 1e3 / jit_ns,
            "baseline_ns_per_packet": by_hand.map(|subject| subject.ns.middle()),
            "baseline": by_hand.map(|subject| subject.name),
            "baseline_straight_ns_per_packet": ns(STRAIGHT),
            "baseline_prefetching_ns_per_packet": ns(STAGED),
            "jit_to_baseline": ratio.map(|Median { median, low, high }| json!({
                "median": median, "low": low, "high": high, "pairs": TURNS,
            })),
            "engine_ns_per_packet": engine_ns,
            "bare_ns_per_packet": ns(BARE),
            "bare_prefetching_ns_per_packet": ns(BARE_STAGED),
            "packets_out_per_packet_in": jit.out_share,
        });
        println!("{}", serde_json::to_string_pretty(&figures)?);
        return Ok(());
    }
    println!(
        "{}: {} different packets of {bytes:.0} bytes in the mean, {:.2} out for each in",
        options.program.display(),
        packets.len(),
        jit.out_share
    );
    for name in [INTERP, JIT, STRAIGHT, STAGED, ENGINE, BARE, BARE_STAGED] {
        if let Some(ns) = ns(name) {
            println!("  {name:<22} {ns:>8.1} ns/packet  {:>7.3} Mpps", 1e3 / ns);
        }
    }
    if let Some(Median { median, low, high }) = ratio {
        println!(
            "  machine code takes {median:.2} ({low:.2} to {high:.2}) times what the code by hand takes"
        );
    }
    Ok(())
}

/// The state that a script makes, and the packets to measure with.
fn scripted(options: &Options, interpreter: &Arc<dyn Executor>) -> anyhow::Result<(Arc<State>, Frames)> {
    let script = script(options)?;
    let packets = packets(options, &script)?;
    let mut runner = Runner::new(Arc::clone(interpreter), &script)?;
    for line in script.lines.iter().filter(|line| !is_traffic(&line.command)) {
        runner
            .command(line.number, &line.command)
            .with_context(|| format!("line {} of the script", line.number))?;
    }
    options.tables.load(runner.state())?;
    Ok((Arc::clone(runner.state()), packets))
}

/// The same for routes drawn at random.
fn routed(
    options: &Options,
    interpreter: &Arc<dyn Executor>,
    routes: usize,
) -> anyhow::Result<(Arc<State>, Frames)> {
    if !(1..=ROUTES_MAX).contains(&routes) {
        bail!(UsageError(format!("--routes takes 1 to {ROUTES_MAX}")));
    }
    let Some(routes) = Routes::new(interpreter.program(), routes, options.buffers) else {
        bail!(UsageError(format!(
            "--routes is for plain IPv4 routers, as benches/programs/ipv4_router.p4; give --script for {}",
            options.program.display()
        )));
    };
    let state = State::new(interpreter.program(), 1)?;
    for updates in routes.updates.chunks(WRITTEN_AT_ONCE) {
        state.write(updates)?;
    }
    Ok((Arc::new(state), routes.frames))
}

type Frames = Vec<(PortId, Vec<u8>)>;

fn is_traffic(command: &Command) -> bool {
    matches!(
        command,
        Command::Packet { .. }
            | Command::Expect { .. }
            | Command::NoPacket
            | Command::Wait
            | Command::CheckCounter { .. }
            | Command::CheckRegister { .. }
    )
}

fn script(options: &Options) -> anyhow::Result<Script> {
    let path = match &options.script {
        Some(path) => path.clone(),
        None => options.program.with_extension("stf"),
    };
    if options.script.is_none() && !path.exists() {
        return Ok(Script { lines: Vec::new() });
    }
    let text =
        std::fs::read_to_string(&path).with_context(|| format!("{}: cannot be read", path.display()))?;
    Script::parse(&text).with_context(|| path.display().to_string())
}

fn packets(options: &Options, script: &Script) -> anyhow::Result<Frames> {
    let mut packets: Vec<_> = match &options.packets {
        Some(path) => {
            let mut reader = CaptureReader::open(path)?;
            let mut frames = Vec::new();
            while let Some(record) = reader.next_record()? {
                frames.push((PortId(options.port), record.bytes.to_vec()));
            }
            frames
        }
        None => script
            .lines
            .iter()
            .filter_map(|line| match &line.command {
                Command::Packet { port, bytes } => Some((PortId(*port), bytes.clone())),
                _ => None,
            })
            .collect(),
    };
    if packets.is_empty() {
        if let Some(path) = &options.packets {
            bail!("{}: there are no packets in it to measure with", path.display());
        }
        packets = routes::plain_frames(options.buffers);
    }
    Ok(packets)
}
