//! `heddle run`: a switch between interfaces.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use clap::Args;
use crossbeam::channel::{self, select};
use heddle_engine::{
    Config, DigestMessage, Engine, Event, PortConfig, QUEUES_MAX, QueueConfig, Reloaded, Stats,
};
use heddle_packet::PortId;
use heddle_ports::spec::{BareName, OpenOptions, PortSpec};
use heddle_ports::{Port, PortDescription};
use heddle_runtime::file;
use heddle_runtime::learning::Agent;
use heddle_state::State;

use crate::executor::Engine as ExecutorKind;
use crate::exit::{Exit, UsageError};
use crate::output;
use crate::program::{self, SourceOptions};

const EXAMPLES: &str = "\
Examples:
  sudo heddle run pipelines/l2_switch.p4 -i 1@veth1 -i 2@veth2
  sudo heddle run pipelines/l3_router.p4 -i 1@veth1 -i 2@tap:tap0 --tables routes.json
  sudo heddle run --workers 2 prog.p4 -i 1@eth1 -i 2@eth2

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

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// P4 program, or compiled artifact
    #[arg(value_name = "PROG.p4")]
    program: PathBuf,
    #[command(flatten)]
    source: SourceOptions,
    /// A port's number and what is attached to it (may be repeated)
    #[arg(short = 'i', long = "interface", value_name = "PORT@WHAT", required = true)]
    interfaces: Vec<String>,
    #[command(flatten)]
    tables: Tables,
    /// What runs the program
    #[arg(long, value_enum, default_value_t)]
    engine: ExecutorKind,
    /// Threads that carry packets, each on a processor of its own
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: u16,
    /// Do not bind workers to processors
    #[arg(long)]
    no_pin: bool,
    /// Ask `xdp:` interfaces for frames instead of waiting for their interrupts
    #[arg(long)]
    busy_poll: bool,
    /// Priority queues of every port
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=QUEUES_MAX as i64))]
    priority_queues: u16,
    /// Packets that a queue holds
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    queue_depth: u32,
    /// End by itself after so long
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<f64>,
}

/// Tables given at start.
#[derive(Args, Debug)]
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
    let loaded = program::load(&options.program, &options.source)?;
    let executor = options.engine.executor(loaded.verified)?;
    let workers = usize::from(options.workers);
    let state = Arc::new(State::new(executor.program(), workers)?);
    options.tables.load(&state)?;
    let agent = Agent::for_program(executor.program());
    if let Some(agent) = &agent {
        // A file that has a flood group of its own knows better.
        let given = state.multicast_groups().iter().any(|g| g.id == heddle_runtime::learning::FLOOD_GROUP);
        if !given {
            state.write(&[agent.initial(specs.iter().map(|spec| spec.id.0))])?;
        }
    }

    // Before anything is attached, so that an early Ctrl-C still leaves the interfaces as they were.
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop)).context("signals cannot be caught")?;
    }
    let reload = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(signal_hook::consts::SIGHUP, Arc::clone(&reload))
        .context("signals cannot be caught")?;
    let ports = attach(&specs, &options.open_options())?;
    let config = Config {
        workers,
        pin: !options.no_pin && workers > 1,
        port_default: PortConfig {
            queues: usize::from(options.priority_queues),
            queue: QueueConfig { depth_packets: options.queue_depth as usize, ..QueueConfig::default() },
            ..PortConfig::default()
        },
        spare_ports: SPARE_PORTS,
        seed: seed(),
        ..Config::default()
    };
    let engine = Engine::start(config, executor, Arc::clone(&state), ports)?;
    for port in engine.ports() {
        describe(&port);
    }
    eprintln!(
        "running {} on {} and {}; Ctrl-C ends it",
        options.program.display(),
        output::count(specs.len() as u64, "port"),
        output::count(workers as u64, "worker"),
    );
    drop(state);
    Service { options, engine: &engine, specs: &specs, agent, gone: Vec::new() }.run(&stop, &reload);
    let stats = engine.stop();
    eprint!("{}", summary("stopped", &stats));
    Ok(Exit::Success)
}

impl Options {
    fn open_options(&self) -> OpenOptions {
        OpenOptions { queues: usize::from(self.workers), busy_poll: self.busy_poll }
    }
}

/// Says what attaching a port did.
fn describe(port: &PortDescription) {
    let queues = output::count(port.queues as u64, "queue");
    eprintln!("port {}: {} {}, {queues}, MTU {}", port.id, port.kind, port.name, port.mtu_bytes);
    for note in &port.notes {
        eprintln!("  {note}");
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

/// Attaches all ports, or none: those attached before one that fails are released again.
fn attach(specs: &[PortSpec], options: &OpenOptions) -> anyhow::Result<Vec<Box<dyn Port>>> {
    let open = |spec: &PortSpec| {
        let port = spec.open(options).with_context(|| format!("port {}", spec.id))?;
        tracing::info!(port = spec.id.0, name = spec.name, "attached");
        Ok(port)
    };
    specs.iter().map(open).collect()
}

/// Ports that may be attached beside those that are there from the start.
const SPARE_PORTS: usize = 64;

/// The control side of a switch that runs.
struct Service<'a> {
    options: &'a Options,
    engine: &'a Engine,
    specs: &'a [PortSpec],
    agent: Option<Agent>,
    /// Ports that are gone and will be attached again once their interfaces are back.
    gone: Vec<Gone>,
}

/// A port that is gone.
struct Gone {
    port: PortId,
    /// What attaching it again failed with last.
    told: Option<String>,
}

impl Service<'_> {
    /// Answers the engine until it is time to stop.
    fn run(&mut self, stop: &AtomicBool, reload: &AtomicBool) {
        let started = Instant::now();
        let ticks = channel::tick(Duration::from_millis(100));
        let mut draining = false;
        while !stop.load(Ordering::Relaxed) {
            if self.options.seconds.is_some_and(|limit| started.elapsed().as_secs_f64() >= limit) {
                return;
            }
            select! {
                recv(ticks) -> _ => {
                    self.bring_back();
                    draining = draining && self.engine.is_draining();
                    if !draining && reload.swap(false, Ordering::Relaxed) {
                        draining = self.reload();
                    }
                }
                recv(self.engine.events()) -> event => {
                    if let Ok(event) = event {
                        self.note(&event);
                    }
                }
                recv(self.engine.digests()) -> digest => {
                    if let Ok(digest) = digest {
                        self.learn(&digest);
                    }
                }
            }
        }
    }

    fn note(&mut self, event: &Event) {
        match event {
            Event::PortUp { .. } => eprintln!("{event}"),
            Event::PortGone { port, .. } => {
                eprintln!("warning: {event}");
                if let Err(error) = self.engine.detach_port(*port) {
                    tracing::warn!(%error, "what is left of a port stays");
                }
                self.gone.push(Gone { port: *port, told: None });
            }
            Event::NotPinned { .. } | Event::WorkerPanicked { .. } => eprintln!("warning: {event}"),
        }
    }

    /// Attaches ports again whose interfaces are back.
    fn bring_back(&mut self) {
        let (engine, specs, options) = (self.engine, self.specs, self.options.open_options());
        self.gone.retain_mut(|gone| {
            let Some(spec) = specs.iter().find(|spec| spec.id == gone.port) else { return false };
            if !spec.is_there() {
                return true;
            }
            let attached = spec
                .open(&options)
                .map_err(anyhow::Error::from)
                .and_then(|port| Ok(engine.attach_port(port)?));
            match attached {
                Ok(description) => {
                    describe(&description);
                    false
                }
                Err(error) => {
                    let error = format!("{error:#}");
                    if gone.told.as_ref() != Some(&error) {
                        eprintln!("warning: port {} cannot be attached again yet: {error}", gone.port);
                        gone.told = Some(error);
                    }
                    true
                }
            }
        });
    }

    fn learn(&mut self, digest: &DigestMessage) {
        let Some(agent) = &mut self.agent else { return };
        let updates = agent.learn(digest.digest, &digest.values);
        tracing::debug!(updates = updates.len(), known = agent.len(), "digest");
        if let Err(error) = self.engine.state().write(&updates) {
            tracing::warn!(%error, "the learning agent's write was refused");
        }
    }

    /// Reads the program again and has it take over. True if it did; whatever is wrong with it otherwise is said,
    /// and the old one goes on.
    fn reload(&mut self) -> bool {
        let path = self.options.program.display();
        match self.try_reload() {
            Ok(reloaded) => {
                eprintln!("reloaded {path}; table entries kept: {}", reloaded.kept.entries);
                for left in &reloaded.kept.left {
                    eprintln!("warning: {left}");
                }
                true
            }
            Err(error) => {
                eprintln!("error: {path} is not reloaded, the program before goes on: {error:#}");
                false
            }
        }
    }

    fn try_reload(&mut self) -> anyhow::Result<Reloaded> {
        let loaded = program::load(&self.options.program, &self.options.source)?;
        let executor = self.options.engine.executor(loaded.verified)?;
        let mut agent = Agent::for_program(executor.program());
        let reloaded = self.engine.reload(executor)?;
        if let Some(agent) = &mut agent {
            agent.recall(&reloaded.state);
        }
        self.agent = agent;
        Ok(reloaded)
    }
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
