//! What is measured: the switch with a router, the same ports with nothing between them, and others' switches.

use std::any::Any;
use std::collections::{BTreeSet, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use heddle_benches::compiled;
use heddle_engine::{Config, Engine};
use heddle_jit::Jit;
use heddle_packet::{Pool, PortId};
use heddle_ports::Queue;
use heddle_ports::spec::{OpenOptions, PortKind, PortSpec};
use heddle_state::State;

use crate::lane::{ADDRESSES, Ends, Lane, MACS, SINK, run};
use crate::live;

/// Time that a worker goes on asking its queues after the last packet, as the engine does by itself.
const SPIN: Duration = Duration::from_micros(50);
const BATCH: usize = 64;
/// Until a program in the background has its ports.
const SETTLE: Duration = Duration::from_secs(2);

/// What goes between the two ends of a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Heddle with an IPv4 router, by a kind of port.
    Heddle(PortKind),
    /// `heddle run --poll`, which never sleeps, like the peers that poll.
    HeddlePolling(PortKind),
    /// Heddle told to cut every large frame.
    HeddleCut(PortKind),
    /// Heddle's ports and nothing else.
    Bare(PortKind),
    /// Open vSwitch in user space, by `AF_XDP`.
    OpenVSwitch,
    /// DPDK's testpmd in io mode, by `AF_XDP` or `AF_PACKET`.
    Testpmd(PortKind),
    /// The kernel's bridge.
    Bridge,
}

fn port_name(kind: PortKind) -> &'static str {
    match kind {
        PortKind::AfPacket => "AF_PACKET",
        PortKind::Xdp => "AF_XDP",
        PortKind::Tap => "TAP",
        PortKind::Datagram => "datagram",
        PortKind::Pcap => "pcap",
    }
}

impl Kind {
    /// What it is called in tables.
    pub(crate) fn name(self) -> String {
        match self {
            Kind::Heddle(port) => format!("Heddle, {}", port_name(port)),
            Kind::HeddlePolling(port) => format!("Heddle, {}, polling", port_name(port)),
            Kind::HeddleCut(port) => format!("Heddle, {}, frames cut", port_name(port)),
            Kind::Bare(port) => format!("bare forwarder, {}", port_name(port)),
            Kind::OpenVSwitch => "Open vSwitch, AF_XDP".to_owned(),
            Kind::Testpmd(port) => format!("DPDK testpmd, {}", port_name(port)),
            Kind::Bridge => "Linux bridge".to_owned(),
        }
    }

    /// What its ends are.
    pub(crate) fn ends(self) -> Ends {
        match self {
            Kind::Heddle(PortKind::Tap) | Kind::HeddleCut(PortKind::Tap) | Kind::Bare(PortKind::Tap) => {
                Ends::Tap
            }
            _ => Ends::Veth,
        }
    }

    /// Whether its hosts complete checksums themselves. Others' ports by `AF_XDP` do not, so that hosts have to; for
    /// Heddle's they need not, but a host that does hands over frames in one piece, which spares the kernel a copy for all
    /// alike.
    pub(crate) fn has_checksums(self) -> bool {
        matches!(
            self,
            Kind::OpenVSwitch
                | Kind::Testpmd(_)
                | Kind::Bare(PortKind::Xdp)
                | Kind::Heddle(PortKind::Xdp)
                | Kind::HeddlePolling(PortKind::Xdp)
        )
    }

    /// Starts it.
    pub(crate) fn start(self, lane: &Lane) -> Result<Forwarder> {
        let before = tasks();
        let mut forwarder = match self {
            Kind::Heddle(port) => Forwarder::of(Some(Box::new(engine(port, lane, true)?))),
            Kind::HeddlePolling(port) => polling(port, lane)?,
            Kind::HeddleCut(port) => Forwarder::of(Some(Box::new(engine(port, lane, false)?))),
            Kind::Bare(port) => Forwarder::of(Some(Box::new(Bare::start(port, lane)?))),
            Kind::OpenVSwitch => open_vswitch(lane)?,
            Kind::Testpmd(port) => testpmd(port, lane)?,
            Kind::Bridge => {
                let name = format!("pobr{}", &lane.outer[0][3..4]);
                run(&format!("ip link add {name} type bridge mcast_snooping 0"))?;
                for outer in &lane.outer {
                    run(&format!("ip link set {outer} master {name}"))?;
                }
                let _no_ipv6 = fs::write(format!("/proc/sys/net/ipv6/conf/{name}/disable_ipv6"), "1");
                run(&format!("ip link set {name} up"))?;
                let mut forwarder = Forwarder::of(None);
                forwarder.bridge = Some(name);
                forwarder
            }
        };
        forwarder.tasks = tasks().difference(&before).cloned().collect();
        if self.ends() == Ends::Tap {
            lane.connect()?;
        }
        Ok(forwarder)
    }
}

/// Something that forwards, until it is dropped.
pub(crate) struct Forwarder {
    /// Runs until it is dropped.
    _running: Option<Box<dyn Any>>,
    bridge: Option<String>,
    /// Threads of this process that are its.
    tasks: Vec<String>,
    children: Vec<Child>,
}

impl Forwarder {
    fn of(running: Option<Box<dyn Any>>) -> Self {
        Self { _running: running, bridge: None, tasks: Vec::new(), children: Vec::new() }
    }

    /// Where the kernel says what it knows of its threads.
    fn threads(&self) -> Vec<String> {
        let mut paths: Vec<String> = self.tasks.clone();
        for child in &self.children {
            if let Ok(entries) = fs::read_dir(format!("/proc/{}/task", child.id())) {
                paths.extend(entries.flatten().map(|entry| entry.path().to_string_lossy().into_owned()));
            }
        }
        paths
    }

    /// Has all its threads run on one processor, or on any.
    pub(crate) fn place(&self, processor: Option<usize>) -> Result<()> {
        for path in self.threads() {
            let thread = path.rsplit('/').next().and_then(|number| number.parse().ok());
            live::place(thread.context("a thread without a number")?, processor)?;
        }
        Ok(())
    }

    /// Time that its threads have had on a processor, if it has any.
    pub(crate) fn cpu_time(&self) -> Option<Duration> {
        let paths = self.threads();
        let of = |path: &String| -> Option<u64> {
            let text = fs::read_to_string(format!("{path}/schedstat")).ok()?;
            text.split_whitespace().next()?.parse().ok()
        };
        let all: Vec<_> = paths.iter().filter_map(of).collect();
        (!all.is_empty()).then(|| Duration::from_nanos(all.iter().sum()))
    }

    /// Stops what polls even if there is nothing to do, so that others are not disturbed; or lets it go on.
    pub(crate) fn rest(&self, rests: bool) {
        for child in &self.children {
            let signal = if rests { "-STOP" } else { "-CONT" };
            let _gone = run(&format!("kill {signal} {}", child.id()));
        }
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _gone = child.kill();
            let _gone = child.wait();
        }
        if let Some(name) = &self.bridge {
            let _gone = run(&format!("ip link del {name}"));
        }
    }
}

/// Threads of this process.
fn tasks() -> BTreeSet<String> {
    let entries = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    entries.map(|entry| format!("/proc/self/task/{}", entry.file_name().to_string_lossy())).collect()
}

fn spec(kind: PortKind, lane: &Lane, end: usize) -> PortSpec {
    PortSpec { id: PortId(end as u32 + 1), kind, name: lane.outer[end].clone() }
}

fn open(kind: PortKind, lane: &Lane, end: usize) -> Result<Box<dyn heddle_ports::Port>> {
    let port = spec(kind, lane, end).open(&OpenOptions::default())?;
    let description = port.description();
    if description.kind != port_name(kind) {
        bail!("{} is {} instead: {:?}", description.name, description.kind, description.notes);
    }
    Ok(port)
}

/// The router, and the table that leads to the hosts, as `--tables` takes it.
const ROUTER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/programs/ipv4_router.p4");

fn router_tables() -> String {
    let route = |Route { address, own, next, host }| {
        serde_json::json!({
            "table": "route", "match": { "hdr.ipv4.dst": [address, 32] }, "action_name": "via",
            "action_params": { "port": host + 1, "own": own, "next": next },
        })
    };
    serde_json::json!({ "table_entries": ROUTES.map(route) }).to_string()
}

/// Where a router sends what is for an address.
#[derive(Clone, Copy)]
struct Route {
    address: &'static str,
    own: &'static str,
    next: &'static str,
    host: usize,
}

const ROUTES: [Route; 3] = [
    Route { address: ADDRESSES[0], own: MACS[1], next: MACS[0], host: 0 },
    Route { address: ADDRESSES[1], own: MACS[0], next: MACS[1], host: 1 },
    Route { address: SINK.0, own: MACS[0], next: SINK.1, host: 1 },
];

/// The switch with a router between the hosts, as its users run it, without sleep.
fn polling(kind: PortKind, lane: &Lane) -> Result<Forwarder> {
    let own = std::env::current_exe()?;
    let heddle = own.parent().and_then(Path::parent).context("the folder of this program")?.join("heddle");
    let tables = std::env::temp_dir().join(format!("{}.json", lane.outer[0]));
    fs::write(&tables, router_tables())?;
    let prefix = if kind == PortKind::Xdp { "xdp:" } else { "" };
    let child = spawn(&format!(
        "{} run {ROUTER} --poll --tables {} -i 1@{prefix}{} -i 2@{prefix}{}",
        heddle.display(),
        tables.display(),
        lane.outer[0],
        lane.outer[1]
    ))
    .context("`cargo build --release` makes it")?;
    let mut forwarder = Forwarder::of(None);
    forwarder.children.push(child);
    std::thread::sleep(SETTLE);
    let ended = forwarder.children[0].try_wait()?;
    ended.map_or(Ok(forwarder), |status| bail!("heddle ended at once: {status}"))
}

/// The switch with a router between the hosts.
fn engine(kind: PortKind, lane: &Lane, whole: bool) -> Result<Engine> {
    let program = compiled(Path::new(ROUTER));
    let state = Arc::new(State::new(&program, 1)?);
    let updates = heddle_runtime::file::parse(&router_tables(), &program)
        .map_err(|error| anyhow::anyhow!("{error:?}"))?;
    state.write(&updates).map_err(|error| anyhow::anyhow!("{error:?}"))?;
    let ports = vec![open(kind, lane, 0)?, open(kind, lane, 1)?];
    let config = Config { whole, ..Config::default() };
    Ok(Engine::start(config, Arc::new(Jit::new(program)?), state, ports)?)
}

/// Ports and nothing between them: what a switch can at best be.
struct Bare {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Bare {
    fn start(kind: PortKind, lane: &Lane) -> Result<Bare> {
        let mut ports = [open(kind, lane, 0)?, open(kind, lane, 1)?];
        let stop = Arc::new(AtomicBool::new(false));
        let is_told = Arc::clone(&stop);
        let thread = std::thread::Builder::new().name("bare".to_owned()).spawn(move || {
            let mut queues: Vec<Box<dyn Queue>> = ports.iter_mut().flat_map(|port| port.split()).collect();
            forward(&mut queues, &is_told);
        })?;
        Ok(Bare { stop, thread: Some(thread) })
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ended = self.thread.take().map(JoinHandle::join);
    }
}

/// Gives what one of two queues receives to the other, and sleeps as the engine's workers do.
fn forward(queues: &mut [Box<dyn Queue>], stop: &AtomicBool) {
    let begun = Instant::now();
    let mut pool = Pool::new(1_024);
    let mut received = Vec::with_capacity(BATCH);
    let mut waiting = [VecDeque::new(), VecDeque::new()];
    let descriptors: Vec<_> = queues.iter().filter_map(|queue| queue.readable_fd()).collect();
    let mut idle_since = None;
    while !stop.load(Ordering::Relaxed) {
        let now_ns = begun.elapsed().as_nanos() as u64;
        let mut moved = 0;
        for from in 0..2 {
            moved += queues[from].receive(now_ns, &mut pool, &mut received, BATCH).unwrap_or(0);
            let to = 1 - from;
            waiting[to].extend(received.drain(..));
            if !waiting[to].is_empty() {
                moved += queues[to].transmit(now_ns, &mut pool, &mut waiting[to]).unwrap_or(0);
            }
        }
        if moved > 0 {
            idle_since = None;
        } else if idle_since.get_or_insert_with(Instant::now).elapsed() >= SPIN {
            live::sleep(&descriptors, Duration::from_millis(100));
        }
    }
}

/// Where Open vSwitch keeps what it needs while it runs.
fn run_folder() -> PathBuf {
    std::env::temp_dir().join(format!("po-ovs-{}", std::process::id()))
}

/// Starts a program in the background.
fn spawn(line: &str) -> Result<Child> {
    let words: Vec<_> = line.split_whitespace().collect();
    Command::new(words[0])
        .args(&words[1..])
        .env("OVS_RUNDIR", run_folder())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("`{}` is not installed", words[0]))
}

/// Tries a command until it works.
fn patiently(line: &str) -> Result<String> {
    let begun = Instant::now();
    loop {
        match run(line) {
            Ok(said) => return Ok(said),
            Err(error) if begun.elapsed() > Duration::from_secs(8) => return Err(error),
            Err(_) => std::thread::sleep(Duration::from_millis(100)),
        }
    }
}

/// A switch daemon of our own, beside any that runs here, with one flow each way that routes.
fn open_vswitch(lane: &Lane) -> Result<Forwarder> {
    let folder = run_folder();
    let _left = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    let at = |name: &str| folder.join(name).to_string_lossy().into_owned();
    run(&format!("ovsdb-tool create {} /usr/share/openvswitch/vswitch.ovsschema", at("conf.db")))
        .context("Debian's package `openvswitch-switch` has it")?;
    let database = format!("unix:{}", at("db.sock"));
    let log = "-vconsole:off -vsyslog:off --no-chdir";
    let mut forwarder = Forwarder::of(None);
    forwarder.children.push(spawn(&format!(
        "ovsdb-server {} --remote=p{database} --unixctl={} {log}",
        at("conf.db"),
        at("db.ctl")
    ))?);
    let vsctl = format!("ovs-vsctl --db={database} --timeout=10");
    patiently(&format!("{vsctl} --no-wait init"))?;
    let daemon = spawn(&format!("ovs-vswitchd {database} --unixctl={} {log}", at("vs.ctl")))?;
    forwarder.children.push(daemon);
    let bridge = format!("pobr{}", std::process::id() % 1_000);
    run(&format!(
        "{vsctl} add-br {bridge} -- set bridge {bridge} datapath_type=netdev fail-mode=secure protocols=OpenFlow13"
    ))?;
    for outer in &lane.outer {
        run(&format!(
            "{vsctl} add-port {bridge} {outer} -- set interface {outer} type=afxdp options:xdp-mode=native"
        ))?;
        let error = run(&format!("{vsctl} get interface {outer} error"))?;
        if error.contains(|c: char| c.is_alphabetic()) {
            bail!("Open vSwitch cannot attach {outer} by AF_XDP: {}", error.trim());
        }
    }
    for Route { address, own, next, host } in ROUTES {
        let port = run(&format!("{vsctl} get interface {} ofport", lane.outer[host]))?;
        let flow = format!(
            "ip,nw_dst={address},actions=mod_dl_src:{own},mod_dl_dst:{next},dec_ttl,output:{}",
            port.trim()
        );
        let management = folder.join(format!("{bridge}.mgmt"));
        let management = management.display();
        run(&format!("ovs-ofctl -O OpenFlow13 add-flow unix:{management} {flow}"))?;
    }
    Ok(forwarder)
}

fn testpmd(kind: PortKind, lane: &Lane) -> Result<Forwarder> {
    let device = |end: usize| match kind {
        PortKind::Xdp => format!("--vdev net_af_xdp{end},iface={}", lane.outer[end]),
        _ => format!("--vdev net_af_packet{end},iface={}", lane.outer[end]),
    };
    let mut forwarder = Forwarder::of(None);
    let mut child = spawn(&format!(
        "dpdk-testpmd --no-huge -m 256 --no-pci --no-telemetry --file-prefix {} --lcores 0@(0-1),1@(0-1) {} {} -- \
         --forward-mode=io --nb-cores=1 --auto-start --stats-period 3600 --total-num-mbufs 8192",
        lane.outer[0],
        device(0),
        device(1)
    ))
    .context("Debian's package `dpdk-dev` has it")?;
    std::thread::sleep(SETTLE);
    if let Some(status) = child.try_wait()? {
        bail!("testpmd ended at once: {status}");
    }
    forwarder.children.push(child);
    Ok(forwarder)
}
