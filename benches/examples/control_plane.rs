//! What a controller's writes cost over loopback, with traffic meanwhile: a million exact entries in requests of a
//! thousand, then single ones; without state, and with it.
//!
//! `cargo run --release -p heddle-benches --example control_plane [-- ENTRIES [--realtime] [--state DIR [--sync]]]`
//!
//! Every figure is of one run in one process: the daemon as `heddle run` has it with one worker, on memory ports, and the
//! client in a thread of its own. The traffic is a packet every millisecond; its latency is from where it is put in to where
//! it is found again, first while nothing else happens. With `--realtime` neither the worker nor the thread that sends, which
//! stands for a wire, waits for turns of other threads.
#![allow(clippy::print_stdout)] // its purpose

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use heddle_daemon::{
    ControlSettings, Daemon, Notice, Observer, Program, ServerSettings, Settings, Signals, StateSettings,
};
use heddle_engine::Config;
use heddle_exec::Executor;
use heddle_jit::Jit;
use heddle_p4rt::proto::prost::Message as _;
use heddle_p4rt::proto::v1::entity::Entity;
use heddle_p4rt::proto::v1::field_match::{Exact, FieldMatchType};
use heddle_p4rt::proto::v1::p4_runtime_client::P4RuntimeClient;
use heddle_p4rt::proto::{config, v1};
use heddle_packet::PortId;
use heddle_ports::Port;
use heddle_ports::memory::{MemoryOptions, MemoryPeer, MemoryPort, pair};
use heddle_ports::spec::{BareName, PortSpec};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const BATCH: usize = 1_000;
const SINGLES: usize = 5_000;
const QUIET: Duration = Duration::from_secs(3);
const PACKET_EVERY: Duration = Duration::from_millis(1);
/// A packet that takes longer is lost.
const LOST_AFTER: Duration = Duration::from_millis(500);
/// The address that traffic goes to.
const TRAFFIC: [u8; 6] = [2, 0, 0, 0, 0, 1];

struct Silent;

impl Observer for Silent {
    fn notice(&mut self, _: &Notice<'_>) {}
}

struct Options {
    entries: usize,
    realtime: bool,
    state: Option<StateSettings>,
}

fn options() -> Result<Options> {
    let mut options = Options { entries: 1_000_000, realtime: false, state: None };
    let mut args = std::env::args().skip(1);
    let mut sync = false;
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--state" => {
                let folder = PathBuf::from(args.next().ok_or("--state DIR")?);
                options.state = Some(StateSettings { folder, sync: false });
            }
            "--realtime" => options.realtime = true,
            "--sync" => sync = true,
            number => options.entries = number.parse()?,
        }
    }
    if let Some(state) = &mut options.state {
        state.sync = sync;
    }
    Ok(options)
}

fn program() -> Result<v1::ForwardingPipelineConfig> {
    let source = include_str!("../programs/exact.p4");
    let files = heddle_p4::MemoryFiles::new().with("exact.p4", source);
    let compiled = heddle_p4::compile(&files, "exact.p4", &heddle_p4::CompileOptions::default());
    let p4info = compiled.output.ok_or("the program does not compile")?.p4info;
    Ok(v1::ForwardingPipelineConfig {
        p4info: Some(config::P4Info::decode(p4info.to_bytes().as_slice())?),
        p4_device_config: source.as_bytes().to_vec(),
        cookie: None,
    })
}

/// Numbers of the table, its action and their fields, as P4Info has them.
struct Ids {
    table: u32,
    action: u32,
}

fn entry(ids: &Ids, mac: &[u8], port: u8) -> v1::Update {
    let zeros = mac.iter().take_while(|byte| **byte == 0).count().min(mac.len() - 1);
    let exact = FieldMatchType::Exact(Exact { value: mac[zeros..].to_vec() });
    let params = vec![v1::action::Param { param_id: 1, value: vec![port] }];
    let action = v1::table_action::Type::Action(v1::Action { action_id: ids.action, params });
    let entry = v1::TableEntry {
        table_id: ids.table,
        r#match: vec![v1::FieldMatch { field_id: 1, field_match_type: Some(exact) }],
        action: Some(v1::TableAction { r#type: Some(action) }),
        ..Default::default()
    };
    let entity = Some(v1::Entity { entity: Some(Entity::TableEntry(entry)) });
    v1::Update { r#type: v1::update::Type::Insert.into(), entity }
}

fn request(updates: Vec<v1::Update>) -> v1::WriteRequest {
    let election_id = Some(v1::Uint128 { high: 0, low: 1 });
    v1::WriteRequest { device_id: 1, election_id, updates, ..Default::default() }
}

/// Addresses in an order that no table likes.
fn mac(number: u64) -> [u8; 6] {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
    let bytes = (mixed << 8 | (number & 0xff)).to_be_bytes();
    [4, bytes[3], bytes[4], bytes[5], bytes[6], bytes[7]]
}

fn quantile(sorted: &[Duration], q: f64) -> Duration {
    let index = ((sorted.len() as f64 - 1.0) * q).round() as usize;
    sorted.get(index).copied().unwrap_or_default()
}

/// Sends a packet now and then, and notes how long each took.
fn traffic(
    mut from: MemoryPeer,
    mut to: MemoryPeer,
    realtime: bool,
    is_quiet: &AtomicBool,
    stop: &AtomicBool,
) -> (Vec<Duration>, Vec<Duration>, u64) {
    if realtime && let Err(error) = heddle_engine::go_first() {
        println!("the sender of packets waits for turns of other threads, as latencies will show: {error}");
    }
    let mut frame = [0; 64];
    frame[..6].copy_from_slice(&TRAFFIC);
    let (mut quiet, mut busy, mut lost) = (Vec::new(), Vec::new(), 0);
    // Before that there is no entry that says where packets go.
    while !is_quiet.load(Ordering::Relaxed) && !stop.load(Ordering::Relaxed) {
        std::thread::sleep(PACKET_EVERY);
    }
    while !stop.load(Ordering::Relaxed) {
        let is_quiet = is_quiet.load(Ordering::Relaxed);
        let sent = Instant::now();
        from.inject(&frame, 0);
        loop {
            if let Some(found) = to.collect() {
                to.recycle(found.packet);
                let latencies = if is_quiet { &mut quiet } else { &mut busy };
                latencies.push(sent.elapsed());
                break;
            }
            if sent.elapsed() > LOST_AFTER {
                lost += 1;
                break;
            }
            std::thread::yield_now();
        }
        std::thread::sleep(PACKET_EVERY);
    }
    quiet.sort_unstable();
    busy.sort_unstable();
    (quiet, busy, lost)
}

async fn drive(address: SocketAddr, entries: usize, is_quiet: &AtomicBool) -> Result<()> {
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{address}"))?.tcp_nodelay(true);
    let mut client = P4RuntimeClient::new(endpoint.connect().await?);
    let (say, said) = tokio::sync::mpsc::channel(4);
    let arbitration = v1::MasterArbitrationUpdate {
        device_id: 1,
        election_id: Some(v1::Uint128 { high: 0, low: 1 }),
        ..Default::default()
    };
    let update = Some(v1::stream_message_request::Update::Arbitration(arbitration));
    say.send(v1::StreamMessageRequest { update }).await?;
    let said = tokio_stream::wrappers::ReceiverStream::new(said);
    let mut heard = client.stream_channel(said).await?.into_inner();
    heard.message().await?;

    let get = v1::GetForwardingPipelineConfigRequest { device_id: 1, response_type: 0 };
    let config = client.get_forwarding_pipeline_config(get).await?.into_inner().config.ok_or("no program")?;
    let p4info = config.p4info.ok_or("no P4Info")?;
    let id = |preamble: &Option<config::Preamble>| preamble.as_ref().map_or(0, |preamble| preamble.id);
    let forward = p4info
        .actions
        .iter()
        .find(|action| action.preamble.as_ref().is_some_and(|preamble| preamble.name.ends_with("forward")));
    let ids = Ids {
        table: id(&p4info.tables.first().ok_or("no table")?.preamble),
        action: id(&forward.ok_or("no action")?.preamble),
    };
    client.write(request(vec![entry(&ids, &TRAFFIC, 2)])).await?;

    is_quiet.store(true, Ordering::Relaxed);
    tokio::time::sleep(QUIET).await;
    is_quiet.store(false, Ordering::Relaxed);

    let mut batches = Vec::new();
    let started = Instant::now();
    for batch in 0..entries / BATCH {
        let numbers = batch * BATCH..(batch + 1) * BATCH;
        let updates = numbers.map(|number| entry(&ids, &mac(number as u64), 2)).collect();
        let request = request(updates);
        let since = Instant::now();
        client.write(request).await?;
        batches.push(since.elapsed());
    }
    let total = started.elapsed();
    let near = |range: std::ops::Range<usize>| {
        let mut some = batches[range].to_vec();
        some.sort_unstable();
        quantile(&some, 0.5)
    };
    let some = 20.min(batches.len());
    let (first, last) = (near(0..some), near(batches.len() - some..batches.len()));
    println!("{entries} inserts in requests of {BATCH}: {:.2} s", total.as_secs_f64());
    println!(
        "  a request, median of the first {some}: {first:?}; of the last {some}: {last:?}; ratio {:.2}",
        last.as_secs_f64() / first.as_secs_f64()
    );

    let mut singles = Vec::new();
    for number in entries..entries + SINGLES {
        let request = request(vec![entry(&ids, &mac(number as u64), 2)]);
        let since = Instant::now();
        client.write(request).await?;
        singles.push(since.elapsed());
    }
    singles.sort_unstable();
    println!(
        "{SINGLES} single inserts: median {:?}, p99 {:?}, most {:?}",
        quantile(&singles, 0.5),
        quantile(&singles, 0.99),
        quantile(&singles, 1.0)
    );
    Ok(())
}

fn main() -> Result<()> {
    let options = options()?;
    let (first, from) = pair(PortId(1), &MemoryOptions::default());
    let (second, to) = pair(PortId(2), &MemoryOptions::default());
    let ports: Mutex<Vec<Option<MemoryPort>>> = Mutex::new(vec![Some(first), Some(second)]);
    let opener = move |spec: &PortSpec| -> std::result::Result<Box<dyn Port>, heddle_ports::OpenError> {
        let mut ports = ports.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let port = ports.get_mut(spec.id.0 as usize - 1).and_then(Option::take);
        match port {
            Some(port) => Ok(Box::new(port)),
            None => spec.open(&heddle_ports::spec::OpenOptions::default()),
        }
    };
    let specs = ["1@a", "2@b"].map(|spec| PortSpec::parse(spec, BareName::Interface));
    let settings = Settings {
        engine: Config { realtime: options.realtime, ..Config::default() },
        ports: specs.into_iter().collect::<std::result::Result<_, _>>()?,
        opener: Box::new(opener),
        loader: None,
        control: Some(ControlSettings {
            core: heddle_p4rt::Config::default(),
            make_executor: Arc::new(|program| {
                let jit = Jit::new(program).map_err(|error| error.to_string())?;
                Ok(Arc::new(jit) as Arc<dyn Executor>)
            }),
            server: Some(ServerSettings::new(SocketAddr::from(([127, 0, 0, 1], 0)))),
            metrics: None,
            state: options.state,
        }),
    };
    let program = Program::Described(Box::new(program()?));
    let mut daemon = Daemon::start(settings, Some(program), &|_| Ok(()), Box::new(Silent))?;
    let address = daemon.address().ok_or("nothing is served")?;
    let signals = Signals::default();
    let (is_quiet, stop) = (AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| -> Result<()> {
        let serving = scope.spawn(|| daemon.serve(&signals, None));
        let packets = scope.spawn(|| traffic(from, to, options.realtime, &is_quiet, &stop));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let driven = runtime.block_on(drive(address, options.entries, &is_quiet));
        stop.store(true, Ordering::Relaxed);
        let (quiet, busy, lost) = packets.join().map_err(|_| "the traffic panicked")?;
        signals.stop.store(true, Ordering::Relaxed);
        serving.join().map_err(|_| "the daemon panicked")?;
        driven?;
        let (before, during) = (quantile(&quiet, 0.99), quantile(&busy, 0.99));
        println!("traffic: {} packets before, {} during, {lost} lost", quiet.len(), busy.len());
        println!(
            "  latency median {:?} before, {:?} during; p99 {before:?} before, {during:?} during; ratio of p99 {:.2}",
            quantile(&quiet, 0.5),
            quantile(&busy, 0.5),
            during.as_secs_f64() / before.as_secs_f64()
        );
        Ok(())
    })?;
    let (stats, kept) = daemon.stop();
    println!("packets lost by the switch: {}", stats.drops.total());
    kept?;
    Ok(())
}
