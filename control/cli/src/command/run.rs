//! `heddle run`: a switch between interfaces.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use heddle_daemon::{Daemon, Loader, Notice, Observer, Opener, Program, Settings, Signals};
use heddle_engine::{Config, Engine, PortConfig, QUEUES_MAX, QueueConfig, Stats, Weights};
use heddle_ports::spec::{BareName, OpenOptions, PortSpec};
use heddle_runtime::file;
use heddle_state::State;

use super::control;
use crate::executor::Engine as ExecutorKind;
use crate::exit::{self, Exit, UsageError};
use crate::output;
use crate::program::{self, SourceOptions};
use crate::recording::{self, Recording};
use crate::shim;

const EXAMPLES: &str = "\
Examples:
  sudo heddle run pipelines/l2_switch.p4 -i 1@veth1 -i 2@veth2
  sudo heddle run pipelines/l3_router.p4 -i 1@veth1 -i 2@tap:tap0 --tables routes.json
  sudo heddle run --workers 2 prog.p4 -i 1@eth1 -i 2@eth2
  sudo heddle run prog.p4 -i 1@eth1 --p4runtime                  for controllers, and `heddle table ls` and the like
  sudo heddle run --no-pipeline --p4runtime --state /var/lib/heddle -i 1@eth1     a controller gives the program

Ports:
  1@veth1       an interface, by a packet socket; left as it was found
  1@xdp:veth1   an interface, by AF_XDP; by a packet socket, with a word on why, where its driver has no XDP
  1@tap:tap0    a TAP interface, made if it is not there
  1@pnet:eth0   an interface, by a plain socket, where packet sockets with offload headers are refused

Needs root, or CAP_NET_RAW for interfaces, CAP_NET_ADMIN for TAP, and CAP_BPF besides for AF_XDP:
  sudo setcap cap_net_raw,cap_net_admin+ep $(command -v heddle)

SIGHUP reads the program again and runs it from the next packet on: nothing is lost, and tables, counters, meters and
registers that both programs have keep their contents. A program that cannot be loaded changes nothing.

Ends on SIGINT and SIGTERM with a summary.";

#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// P4 program, or compiled artifact
    #[arg(value_name = "PROG.p4", required_unless_present = "no_pipeline")]
    program: Option<PathBuf>,
    #[command(flatten)]
    source: SourceOptions,
    /// A port's number and what is attached to it (may be repeated)
    #[arg(short = 'i', long = "interface", value_name = "PORT@WHAT", required_unless_present = "p4runtime")]
    interfaces: Vec<String>,
    #[command(flatten)]
    tables: Tables,
    #[command(flatten)]
    control: control::Options,
    /// What runs the program
    #[arg(long, value_enum, default_value_t)]
    engine: ExecutorKind,
    /// Threads that carry packets, each on a processor of its own
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: u16,
    /// Do not bind workers to processors
    #[arg(long)]
    no_pin: bool,
    /// Have workers go before every other thread of the machine, so that packets don't wait for turns of what runs besides;
    /// needs CAP_SYS_NICE
    #[arg(long)]
    realtime: bool,
    /// Have workers never sleep: a packet waits for no interrupt, and each worker takes a whole processor
    #[arg(long)]
    poll: bool,
    /// Ask `xdp:` interfaces for frames instead of waiting for their interrupts
    #[arg(long)]
    busy_poll: bool,
    /// Priority queues of every port
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=QUEUES_MAX as i64))]
    priority_queues: u16,
    /// Weights of the lowest queues, from queue 0 on: these share what the queues above leave by weight, instead of
    /// going before each other; 0 leaves one as it is
    #[arg(long, value_name = "W0,W1,...", value_delimiter = ',', num_args = 1..=QUEUES_MAX)]
    weights: Vec<u8>,
    /// Packets that a queue holds
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    queue_depth: u32,
    #[command(flatten)]
    recording: recording::Options,
    /// Keep this port open for scripts that take it for a sign that BMv2 runs
    #[arg(long, value_name = "PORT", hide = true)]
    thrift_port: Option<u16>,
    /// End by itself after so long
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<f64>,
}

/// Tables given at start.
#[derive(Args, Clone, Debug)]
pub(crate) struct Tables {
    /// Table entries, multicast groups and clone sessions: JSON as the P4 tutorials' s1-runtime.json
    #[arg(long = "tables", value_name = "FILE.json")]
    files: Vec<PathBuf>,
}

impl Tables {
    pub(crate) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Writes them, each file as a whole or not at all.
    pub(crate) fn load(&self, state: &State) -> anyhow::Result<()> {
        for path in &self.files {
            let name = path.display().to_string();
            let text = std::fs::read_to_string(path).with_context(|| format!("{name}: cannot be read"))?;
            let updates = file::parse(&text, state.program()).with_context(|| name.clone())?;
            state.write(&updates).with_context(|| format!("{name}: the switch refuses it"))?;
            tracing::info!(file = name, updates = updates.len(), "tables loaded");
        }
        Ok(())
    }
}

pub(crate) fn run(options: &Options) -> anyhow::Result<Exit> {
    let specs = specs(&options.interfaces)?;
    let ports = specs.len() as u64;
    if options.weights.len() > usize::from(options.priority_queues) {
        let queues = output::count(u64::from(options.priority_queues), "queue");
        let weights = options.weights.len();
        let message =
            format!("--weights has {weights} weights, but a port has {queues}; give more --priority-queues");
        return Err(UsageError(message).into());
    }
    let program = options.program.is_some().then(|| options.load()).transpose()?;
    // Before anything is attached, so that an early Ctrl-C still leaves the interfaces as they were.
    let signals = catch_signals()?;
    let recording = Recording::open(&options.recording, &specs)?;
    let settings = Settings {
        engine: options.config(),
        ports: specs,
        opener: options.opener(&recording),
        loader: options.program.is_some().then(|| options.loader()),
        control: options.control.settings(options.engine)?,
    };
    let prepare = |state: &State| options.tables.load(state).map_err(|error| exit::message(&error));
    let mut daemon =
        Daemon::start(settings, program, &prepare, Box::new(Printer { recording: Arc::clone(&recording) }))?;
    if let Some(port) = options.thrift_port {
        shim::thrift::listen(port);
    }
    let program = options.program.as_ref().map(|path| path.display().to_string());
    eprintln!(
        "running {} on {} and {}; Ctrl-C ends it",
        program.as_deref().unwrap_or("what a controller sets"),
        output::count(ports, "port"),
        output::count(u64::from(options.workers), "worker"),
    );
    daemon.serve(&signals, options.limit());
    let (stats, kept) = daemon.stop();
    recording.finish();
    eprint!("{}", summary("stopped", &stats));
    match kept {
        Ok(()) => Ok(Exit::Success),
        Err(why) => {
            eprintln!("error: what packets did to registers is not kept: {why}");
            Ok(Exit::System)
        }
    }
}

impl Options {
    /// Loads the program: for controllers with all that they need to know of it.
    fn load(&self) -> anyhow::Result<Program> {
        let Some(path) = &self.program else { bail!(UsageError("no program is given".to_owned())) };
        let loaded = program::load(path, &self.source)?;
        match loaded.p4info {
            Some(p4info) if self.control.is_wanted() => {
                Ok(Program::Described(Box::new(control::described(&loaded.verified, &p4info)?)))
            }
            Some(_) | None => Ok(Program::Bare(self.engine.executor(loaded.verified)?)),
        }
    }

    fn loader(&self) -> Loader {
        let options = self.clone();
        Box::new(move || options.load().map_err(Into::into))
    }

    fn opener(&self, recording: &Arc<Recording>) -> Opener {
        let options = OpenOptions { queues: usize::from(self.workers), busy_poll: self.busy_poll };
        let recording = Arc::clone(recording);
        Box::new(move |spec| Ok(recording.wrap(spec.id, spec.open(&options)?)))
    }

    fn limit(&self) -> Option<Duration> {
        // What is longer than can be told is for ever.
        self.seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds.max(0.0)).ok())
    }

    fn config(&self) -> Config {
        let workers = usize::from(self.workers);
        Config {
            workers,
            pin: !self.no_pin && workers > 1,
            realtime: self.realtime,
            spin_ns: if self.poll { u64::MAX } else { Config::default().spin_ns },
            port_default: PortConfig {
                queues: usize::from(self.priority_queues),
                queue: QueueConfig { depth_packets: self.queue_depth as usize, ..QueueConfig::default() },
                weights: Weights::lowest(&self.weights),
                ..PortConfig::default()
            },
            seed: seed(),
            ..Config::default()
        }
    }
}

/// SIGINT and SIGTERM end, SIGHUP reloads.
pub(crate) fn catch_signals() -> anyhow::Result<Signals> {
    let signals = Signals::default();
    for (signal, flag) in [
        (signal_hook::consts::SIGINT, &signals.stop),
        (signal_hook::consts::SIGTERM, &signals.stop),
        (signal_hook::consts::SIGHUP, &signals.reload),
    ] {
        signal_hook::flag::register(signal, Arc::clone(flag)).context("signals cannot be caught")?;
    }
    Ok(signals)
}

/// Tells a person on standard error.
struct Printer {
    recording: Arc<Recording>,
}

impl Observer for Printer {
    fn notice(&mut self, notice: &Notice<'_>) {
        let kind = if notice.is_warning() { "warning: " } else { "" };
        eprintln!("{kind}{notice}");
    }

    fn program_runs(&mut self, engine: &Engine) {
        self.recording.follow(engine);
    }
}

fn specs(given: &[String]) -> anyhow::Result<Vec<PortSpec>> {
    let mut specs: Vec<PortSpec> = Vec::new();
    for text in given {
        let spec: PortSpec =
            PortSpec::parse(text, BareName::Interface).map_err(|error| UsageError(format!("-i {error}")))?;
        if let Some(earlier) = specs.iter().find(|s| s.id == spec.id) {
            bail!(UsageError(format!("-i {text}: port {} is {} already", spec.id, earlier.name)));
        }
        if specs.iter().any(|s| s.name == spec.name) {
            bail!(UsageError(format!(
                "-i {text}: {} is a port already; an interface can be one only",
                spec.name
            )));
        }
        specs.push(spec);
    }
    Ok(specs)
}

fn seed() -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    RandomState::new().hash_one(0u8)
}

/// What happened, for people: a line a port, and every reason for which something was dropped.
pub(crate) fn summary(verb: &str, stats: &Stats) -> String {
    let mut text = String::new();
    let received = stats.received + stats.injected;
    let _ = writeln!(
        text,
        "{verb}: {} received, {} sent, {} dropped",
        output::count(received, "packet"),
        stats.transmitted + stats.delivered,
        stats.drops.total(),
    );
    for port in &stats.ports {
        let Some(id) = port.id else { continue };
        let _ = writeln!(
            text,
            "  port {id}: {} in ({} bytes), {} out ({} bytes)",
            port.rx_packets, port.rx_bytes, port.tx_packets, port.tx_bytes
        );
        if port.rx_missed + port.rx_invalid > 0 {
            let _ =
                writeln!(text, "    {} missed by the kernel, {} not usable", port.rx_missed, port.rx_invalid);
        }
    }
    for (reason, count) in stats.drops.iter().filter(|(_, count)| *count > 0) {
        let _ = writeln!(text, "  dropped as {reason}: {count}");
    }
    if stats.digests_lost > 0 {
        let _ = writeln!(text, "  digests lost: {}", stats.digests_lost);
    }
    text
}
