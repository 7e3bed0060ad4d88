//! Packets from one host to another through the switch, over real interfaces, next to the same ports with nothing
//! between them and to others' switches: packets per second, processor time, round trips and TCP.
//!
//! `cargo run --release -p heddle-benches --example endtoend` needs root, `iproute2`, `ethtool`, `ping` and `iperf3`.
//! Others' switches are measured where they are installed (Debian's `openvswitch-switch` and `dpdk-dev`), and it says
//! so where not. Systems take turns, so that what disturbs one disturbs all. It takes about four minutes; `--pairs N`
//! turns of packets per second (20), `--quick` a few of everything, `--out FOLDER` where results are written.
#![allow(clippy::print_stdout, clippy::print_stderr)] // It is what this is for.

mod forwarder;
mod lane;
mod live;
mod report;

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use forwarder::{Forwarder, Kind};
use heddle_packet::wire::{FrameBuilder, Mac};
use heddle_ports::spec::PortKind;
use lane::{ADDRESSES, Lane, SINK};
use live::Generator;
use report::Results;

/// How long packets are sent in one turn.
const RATE_TIME: Duration = Duration::from_millis(400);
/// Processors of the generator and of what forwards, while packets per second are measured.
const GENERATOR_PROCESSOR: usize = 0;
const FORWARDER_PROCESSOR: usize = 1;
/// Echoes of one turn, and the time between two.
const ECHOES: u32 = 100;
const ECHO_INTERVAL: &str = "0.003";
/// Turns of echoes and of TCP, and the seconds of one of TCP.
const ECHO_TURNS: usize = 5;
const TCP_TURNS: usize = 5;
const TCP_SECONDS: u32 = 2;

/// What takes turns in all measurements.
const KINDS: [Kind; 14] = [
    Kind::Bare(PortKind::AfPacket),
    Kind::Heddle(PortKind::AfPacket),
    Kind::Bare(PortKind::Xdp),
    Kind::Heddle(PortKind::Xdp),
    Kind::HeddlePolling(PortKind::AfPacket),
    Kind::HeddlePolling(PortKind::Xdp),
    Kind::OpenVSwitch,
    Kind::Testpmd(PortKind::Xdp),
    Kind::Testpmd(PortKind::AfPacket),
    Kind::Bridge,
    Kind::HeddleCut(PortKind::AfPacket),
    Kind::Bare(PortKind::Tap),
    Kind::Heddle(PortKind::Tap),
    Kind::HeddleCut(PortKind::Tap),
];

/// One system between its hosts.
struct Subject {
    kind: Kind,
    // Dropped first: it holds the lane's interfaces.
    forwarder: Forwarder,
    lane: Lane,
}

impl Subject {
    fn new(number: usize, kind: Kind) -> Result<Subject> {
        let lane = Lane::new(number, kind.ends())?;
        if kind.has_checksums() {
            lane.offloads("tx off")?;
        }
        let forwarder = kind.start(&lane)?;
        forwarder.rest(true);
        Ok(Subject { kind, forwarder, lane })
    }

    /// Does something while it forwards.
    fn turn<T>(&self, measure: impl FnOnce(&Subject) -> Result<T>) -> Result<T> {
        self.forwarder.rest(false);
        let measured = measure(self);
        self.forwarder.rest(true);
        measured
    }

    fn is_veth(&self) -> bool {
        self.kind.ends() == lane::Ends::Veth
    }
}

/// A frame from the first host to what is beyond the second one's interface.
fn frame(bytes: usize) -> Vec<u8> {
    let ipv4 = |address: &str| address.parse().unwrap_or(std::net::Ipv4Addr::UNSPECIFIED);
    let headers = FrameBuilder::ethernet(Mac([2, 0, 0, 0, 0x0a, 3]), Mac([2, 0, 0, 0, 0x0a, 1]))
        .ipv4(ipv4(ADDRESSES[0]), ipv4(SINK.0))
        .ttl(64)
        .udp(1_234, 9);
    headers.payload(&vec![0x5a; bytes - 42])
}

/// One turn of packets per second: offered, delivered, and processor time of the forwarder. Two threads send, so that the
/// kernel does not take their program out of use, and in again, between two calls: tens of milliseconds without a frame.
fn rate(subject: &Subject, frame: &[u8], time: Duration) -> Result<(f64, f64, Option<f64>)> {
    let generator = Generator::new(subject.lane.inner_index()?)?;
    let (cpu_before, before, begun) =
        (subject.forwarder.cpu_time(), subject.lane.delivered()?, Instant::now());
    let namespace = &subject.lane.hosts[0];
    let send = || -> Result<u64> {
        live::place(0, Some(GENERATOR_PROCESSOR))?;
        live::enter(namespace)?;
        Ok(generator.send(frame, time)?)
    };
    let offered = std::thread::scope(|scope| -> Result<u64> {
        let mut sum = 0;
        for thread in [scope.spawn(send), scope.spawn(send)] {
            sum += thread.join().ok().context("the generator panicked")??;
        }
        Ok(sum)
    })?;
    let took = begun.elapsed().as_secs_f64();
    let delivered = (subject.lane.delivered()? - before) as f64;
    let cpu = cpu_before.zip(subject.forwarder.cpu_time());
    let cpu_ns = cpu.map(|(before, after)| (after - before).as_nanos() as f64 / delivered.max(1.0));
    Ok((offered as f64 / took, delivered / took, cpu_ns))
}

/// One turn of echoes: the median round trip in microseconds.
fn echoes(subject: &Subject) -> Result<f64> {
    let line = format!("ping -i {ECHO_INTERVAL} -c {ECHOES} -W 1 {}", ADDRESSES[1]);
    let said = subject.lane.exec(0, &line)?;
    let mut times: Vec<f64> = said
        .lines()
        .filter_map(|line| line.split_once("time=")?.1.split_whitespace().next()?.parse().ok())
        .map(|milliseconds: f64| 1_000.0 * milliseconds)
        .collect();
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().context("no echo came back")
}

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _gone = self.0.wait();
    }
}

/// One turn of TCP: gigabits per second that arrived, and the forwarder's processor time in nanoseconds per KB.
fn tcp(subject: &Subject) -> Result<(f64, Option<f64>)> {
    let lane = &subject.lane;
    let _server = Server(
        Command::new("ip")
            .args(["netns", "exec", &lane.hosts[1], "iperf3", "-s", "-1"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?,
    );
    let before = subject.forwarder.cpu_time();
    let line = format!("timeout 20 iperf3 -J -t {TCP_SECONDS} -c {}", ADDRESSES[1]);
    // iperf3 ends well whatever happens; that the server did not listen yet stands in the report.
    let ask = || -> Result<serde_json::Value> {
        let report: serde_json::Value = serde_json::from_str(&lane.exec(0, &line)?)?;
        match report["error"].as_str() {
            Some(error) => bail!("iperf3: {error}"),
            None => Ok(report),
        }
    };
    let mut report = ask();
    for _ in 0..20 {
        if report.is_ok() {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
        report = ask();
    }
    let report = report?;
    let received = &report["end"]["sum_received"];
    let bits = received["bits_per_second"].as_f64().context("iperf3 says nothing of what was received")?;
    let bytes = received["bytes"].as_f64().unwrap_or(1.0);
    let cpu = before.zip(subject.forwarder.cpu_time());
    Ok((bits / 1e9, cpu.map(|(before, after)| (after - before).as_nanos() as f64 / (bytes / 1_000.0))))
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value =
        |name: &str| arguments.iter().position(|given| given == name).and_then(|at| arguments.get(at + 1));
    let is_quick = arguments.iter().any(|given| given == "--quick");
    let pairs: usize = value("--pairs").map_or(Ok(if is_quick { 3 } else { 20 }), |given| given.parse())?;
    let out = value("--out")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/performance"), PathBuf::from);
    let only = value("--only").cloned();
    let wanted = |what: &str| only.as_deref().is_none_or(|only| only == what);

    let mut results = Results::default();
    let mut subjects = Vec::new();
    for (number, kind) in KINDS.into_iter().enumerate() {
        match Subject::new(number, kind) {
            Ok(subject) => subjects.push(subject),
            Err(error) => results.missing(kind, format!("{error:#}")),
        }
    }
    for (kind, why) in &results.missing {
        eprintln!("{} is not measured: {why}", kind.name());
    }

    let veths = || subjects.iter().filter(|subject| subject.is_veth());
    if wanted("rate") {
        veths().try_for_each(|subject| subject.lane.set_napi(true))?;
        for (bytes, turns) in [(64, pairs), (1_514, pairs.div_ceil(3))] {
            let frame = frame(bytes);
            for turn in 0..=turns {
                for subject in veths().filter(|subject| !matches!(subject.kind, Kind::HeddleCut(_))) {
                    subject.forwarder.place(Some(FORWARDER_PROCESSOR))?;
                    let (offered, delivered, cpu_ns) =
                        subject.turn(|subject| rate(subject, &frame, RATE_TIME))?;
                    subject.forwarder.place(None)?;
                    // The first turn warms up.
                    if turn > 0 {
                        results.rate(subject.kind, bytes, offered, delivered, cpu_ns);
                    }
                }
            }
            eprintln!("{bytes} bytes: {turns} turns");
        }
        veths().try_for_each(|subject| subject.lane.set_napi(false))?;
    }
    if wanted("echo") {
        for turn in 0..=(if is_quick { 1 } else { ECHO_TURNS }) {
            for subject in &subjects {
                let median_us = subject.turn(echoes).with_context(|| subject.kind.name());
                match median_us {
                    Ok(median_us) if turn > 0 => results.echo(subject.kind, median_us),
                    Ok(_) => {}
                    Err(error) => eprintln!("echoes: {error:#}"),
                }
            }
        }
        eprintln!("echoes: done");
    }
    if wanted("tcp") {
        for _ in 0..(if is_quick { 1 } else { TCP_TURNS }) {
            for subject in &subjects {
                match subject.turn(tcp).with_context(|| subject.kind.name()) {
                    Ok((gbps, cpu_ns)) => results.tcp(subject.kind, gbps, cpu_ns),
                    Err(error) => eprintln!("TCP: {error:#}"),
                }
            }
        }
    }
    drop(subjects);
    println!("{}", results.table());
    results.write(&out)
}
