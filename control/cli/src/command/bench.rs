//! `heddle bench`: what a packet costs, in memory.

use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use clap::Args;
use heddle_exec::{Context, Entry, Executor, Verdict, Work};
use heddle_ir::Verified;
use heddle_packet::PortId;
use heddle_ports::capture::CaptureReader;
use heddle_runtime::stf::{Command, Runner, Script};
use serde_json::json;

use crate::executor::Engine;
use crate::exit::Exit;
use crate::program::{self, SourceOptions};

const EXAMPLES: &str = "\
Examples:
  heddle bench pipelines/l3_router.p4                      tables and packets from l3_router.stf beside it
  heddle bench prog.p4 --script tables.stf --packets in.pcap
  heddle bench --json pipelines/ai_leaf.p4 | jq .interp_ns_per_packet

Every packet goes from one memory port to another through the engine: ingress, queue, egress. What the engine
charges by itself is shown beside it, by a program that does nothing.";

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
    /// Packets, all arriving at port --port
    #[arg(long, value_name = "FILE.pcap")]
    packets: Option<PathBuf>,
    /// The port that --packets arrive by
    #[arg(long, default_value_t = 1)]
    port: u32,
    /// How long to measure, all rounds together
    #[arg(long, default_value_t = 2.0, value_name = "SECONDS")]
    seconds: f64,
    /// Print the figures as JSON on standard output
    #[arg(long)]
    json: bool,
}

const BATCH: usize = 64;
const ROUNDS: usize = 15;

pub(crate) fn run(options: &Options) -> anyhow::Result<Exit> {
    if !(0.01..=3600.0).contains(&options.seconds) {
        bail!(crate::exit::UsageError("--seconds takes 0.01 to 3600".into()));
    }
    let loaded = program::load(&options.program, &options.source)?;
    let mut script = script(options)?;
    let packets = packets(options, &script)?;
    // Ports that only --packets or the program speak of exist as well: whatever leaves, leaves by a real port.
    let extra = packets.iter().map(|(port, _)| Command::Packet { port: port.0, bytes: Vec::new() });
    let control: Vec<_> = script.lines.extract_if(.., |line| !is_traffic(&line.command)).collect();
    script.lines.extend(extra.map(|command| heddle_runtime::stf::Line { number: 0, command }));

    let mut measured = Vec::new();
    let interpreter = Engine::Interp.executor(loaded.verified.clone())?;
    let jit = Engine::Jit.executor(loaded.verified.clone())?;
    let nothing: Arc<dyn Executor> = Arc::new(Nothing { program: loaded.verified });
    for executor in [interpreter, jit, nothing] {
        let mut runner = Runner::new(executor, &script)?;
        for line in &control {
            runner
                .command(line.number, &line.command)
                .with_context(|| format!("line {} of the script", line.number))?;
        }
        measured.push((runner, Vec::new()));
    }
    // Rounds take turns, so that a disturbance hits all alike; the median is what is reported.
    let round = Duration::from_secs_f64(options.seconds / (3 * ROUNDS) as f64);
    for _ in 0..ROUNDS {
        for (runner, results) in &mut measured {
            results.push(measure(runner, &packets, round));
        }
    }
    let [interp, jit, engine] = measured.as_mut_slice() else { bail!("three executors were measured") };
    let out_share = interp.1.iter().map(|r| r.1).sum::<f64>() / ROUNDS as f64;
    let (interp_ns, jit_ns, engine_ns) = (median(&mut interp.1), median(&mut jit.1), median(&mut engine.1));
    let bytes = packets.iter().map(|(_, bytes)| bytes.len()).sum::<usize>() as f64 / packets.len() as f64;

    if options.json {
        let figures = json!({
            "program": options.program,
            "packets": packets.len(),
            "mean_packet_bytes": bytes,
            "interp_ns_per_packet": interp_ns,
            "interp_mpps": 1e3 / interp_ns,
            "jit_ns_per_packet": jit_ns,
            "jit_mpps": 1e3 / jit_ns,
            "baseline_ns_per_packet": null,
            "engine_ns_per_packet": engine_ns,
            "packets_out_per_packet_in": out_share,
        });
        println!("{}", serde_json::to_string_pretty(&figures)?);
    } else {
        println!(
            "{}: {} different packets of {bytes:.0} bytes in the mean, {out_share:.2} out for each in",
            options.program.display(),
            packets.len()
        );
        println!("  interpreter        {interp_ns:>8.1} ns/packet  {:>7.3} Mpps", 1e3 / interp_ns);
        println!("  machine code       {jit_ns:>8.1} ns/packet  {:>7.3} Mpps", 1e3 / jit_ns);
        println!("  engine by itself   {engine_ns:>8.1} ns/packet  {:>7.3} Mpps", 1e3 / engine_ns);
    }
    Ok(Exit::Success)
}

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

fn packets(options: &Options, script: &Script) -> anyhow::Result<Vec<(PortId, Vec<u8>)>> {
    let packets: Vec<_> = match &options.packets {
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
        bail!(
            "there are no packets to measure with; give --packets FILE.pcap, or a script with `packet` lines as {}",
            options.program.with_extension("stf").display()
        );
    }
    Ok(packets)
}

/// ns per packet, and packets out for each in, over at least `time`.
fn measure(runner: &mut Runner, packets: &[(PortId, Vec<u8>)], time: Duration) -> (f64, f64) {
    let mut batch = Vec::with_capacity(BATCH);
    let mut next = packets.iter().cycle();
    batch.extend(next.by_ref().take(BATCH.max(packets.len())).cloned());
    let (start, mut sent, mut out) = (Instant::now(), 0u64, 0u64);
    loop {
        for part in batch.chunks(BATCH) {
            out += runner.pass(black_box(part));
            sent += part.len() as u64;
        }
        let elapsed = start.elapsed();
        if elapsed >= time {
            return (elapsed.as_nanos() as f64 / sent as f64, out as f64 / sent as f64);
        }
    }
}

fn median(results: &mut [(f64, f64)]) -> f64 {
    results.sort_by(|a, b| a.0.total_cmp(&b.0));
    results[results.len() / 2].0
}

/// Sends every packet out of the port it came in by and does nothing else: what is left is the engine.
struct Nothing {
    program: Verified,
}

impl Executor for Nothing {
    fn program(&self) -> &Verified {
        &self.program
    }

    fn frame_words(&self) -> usize {
        1
    }

    fn run(&self, entry: Entry, _: &mut Context<'_>, batch: &mut [Work]) {
        for work in batch {
            work.verdict = match entry {
                Entry::Ingress => Verdict::Enqueue { port: work.intrinsics.ingress_port, queue: 0 },
                Entry::Egress => Verdict::Transmit,
            };
        }
    }
}
