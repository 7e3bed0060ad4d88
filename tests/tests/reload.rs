//! A program replaced under full load: nothing lost, nothing reordered, every counter and register kept.

use std::sync::Arc;
use std::time::{Duration, Instant};

use heddle_engine::{Config, Engine, ReloadError, ReplaceError};
use heddle_exec::{Executor, Interpreter};
use heddle_ir::{Bits, KeyMatch};
use heddle_jit::Jit;
use heddle_p4::{CompileOptions, MemoryFiles};
use heddle_packet::PortId;
use heddle_ports::Port;
use heddle_ports::memory::{MemoryOptions, MemoryPeer, pair};
use heddle_runtime::names::Names;
use heddle_state::{ActionSpec, DirectOf, EntryAction, EntryKey, EntrySpec, State, Update};

const WORKERS: usize = 2;
const PORTS: u32 = 2;
const PACKETS: u64 = 40_000;
/// No more under way than any queue on the path holds, so that nothing may be lost.
const UNDER_WAY_MAX: u64 = 48;
const FAR_TOO_LONG: Duration = Duration::from_secs(120);

/// Counts every packet in a direct counter, an indirect one and a register, and sends it to the port that the table
/// says. `mark` goes into a byte of the frame; what else differs between two of these moves every id.
fn source(mark: u8, extra: bool) -> String {
    let (extra_table, extra_apply) = if extra {
        (
            "action mark(bit<8> m) { hdr.f.spare = m; }
             table early { key = { hdr.f.spare : exact; } actions = { mark; } size = 4;
                           default_action = mark(7); }
             register<bit<64>>(3) others;",
            "early.apply();",
        )
    } else {
        ("", "")
    };
    format!(
        r#"#include <core.p4>
#include <v1model.p4>
header flow_t {{ bit<8> to; bit<8> mark; bit<8> spare; bit<8> unused; bit<32> number; }}
struct headers_t {{ flow_t f; }}
struct meta_t {{}}
parser P(packet_in p, out headers_t hdr, inout meta_t m, inout standard_metadata_t s) {{
    state start {{ p.extract(hdr.f); transition accept; }}
}}
control V(inout headers_t hdr, inout meta_t m) {{ apply {{}} }}
control I(inout headers_t hdr, inout meta_t m, inout standard_metadata_t s) {{
    {extra_table}
    direct_counter(CounterType.packets) per_entry;
    counter(4, CounterType.packets_and_bytes) per_port;
    register<bit<32>>(4) seen;
    action send(bit<9> port) {{ s.egress_spec = port; }}
    action none() {{ mark_to_drop(s); }}
    table forward {{
        key = {{ hdr.f.to : exact; }}
        actions = {{ send; none; }}
        default_action = none();
        counters = per_entry;
        size = 16;
    }}
    apply {{
        {extra_apply}
        forward.apply();
        per_port.count((bit<32>) s.ingress_port);
        @atomic {{
            bit<32> n;
            seen.read(n, 1);
            seen.write(1, n + 1);
        }}
        hdr.f.mark = {mark};
    }}
}}
control E(inout headers_t hdr, inout meta_t m, inout standard_metadata_t s) {{
    direct_counter(CounterType.packets) left;
    table leaving {{
        key = {{ s.egress_port : exact; }} actions = {{ NoAction; }} default_action = NoAction();
        counters = left; size = 16;
    }}
    apply {{ leaving.apply(); }}
}}
control C(inout headers_t hdr, inout meta_t m) {{ apply {{}} }}
control D(packet_out p, in headers_t hdr) {{ apply {{ p.emit(hdr.f); }} }}
V1Switch(P(), V(), I(), E(), C(), D()) main;
"#
    )
}

fn executor(mark: u8, extra: bool, jit: bool) -> Arc<dyn Executor> {
    let files = MemoryFiles::new().with("reload.p4", source(mark, extra));
    let compilation = heddle_p4::compile(&files, "reload.p4", &CompileOptions::default());
    let rendered = compilation.diagnostics.render(&compilation.source_map, heddle_p4::diag::Style::Plain);
    let verified = compilation.output.unwrap_or_else(|| panic!("{rendered}")).verified;
    if jit {
        Arc::new(Jit::new(verified).expect("machine code"))
    } else {
        Arc::new(Interpreter::new(verified))
    }
}

/// What the table says of a port's number.
fn entry(state: &State, port: u32) -> EntryKey {
    let table = Names::new(state.program()).table("forward").expect("the table");
    EntryKey { table, matches: vec![KeyMatch::Exact(Bits::new(8, u128::from(port)))], priority: None }
}

fn configure(state: &State) {
    let names = Names::new(state.program());
    let updates: Vec<_> = (1..=PORTS)
        .map(|port| {
            let key = entry(state, port);
            let action = names.action(key.table, "send").expect("the action");
            let args = vec![Bits::new(9, u128::from(port))];
            let action = EntryAction::Action(ActionSpec { action, args });
            Update::InsertEntry(EntrySpec { key, action, idle_timeout_ns: 0, metadata: Vec::new() })
        })
        .collect();
    state.write(&updates).expect("entries");
}

/// Marks seen, in the order in which they were first seen.
struct Arrivals {
    next: Vec<u64>,
    marks: Vec<u8>,
    received: u64,
}

impl Arrivals {
    /// Takes what has arrived, each flow in its order.
    fn collect(&mut self, peers: &mut [MemoryPeer]) {
        for (to, peer) in peers.iter_mut().enumerate() {
            while let Some(packet) = peer.collect() {
                let bytes = packet.packet.bytes();
                assert_eq!(usize::from(bytes[0]), to + 1, "at the wrong port");
                let number = u64::from(u32::from_be_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]));
                assert_eq!(number, self.next[to], "lost or reordered");
                self.next[to] += 1;
                if !self.marks.contains(&bytes[1]) {
                    self.marks.push(bytes[1]);
                }
                self.received += 1;
                peer.recycle(packet.packet);
            }
        }
    }
}

fn reload_under_load(jit: bool) {
    let options = MemoryOptions { queues: 1, depth_packets: 1_024, ..MemoryOptions::default() };
    let (mut ports, mut peers) = (Vec::<Box<dyn Port>>::new(), Vec::new());
    for id in 1..=PORTS {
        let (port, peer) = pair(PortId(id), &options);
        ports.push(Box::new(port));
        peers.push(peer);
    }
    let first = executor(1, false, jit);
    let state = Arc::new(State::new(first.program(), WORKERS).expect("a state"));
    configure(&state);
    let config = Config { workers: WORKERS, spin_ns: 10_000, ..Config::default() };
    let engine = Engine::start(config, first, Arc::clone(&state), ports).expect("it starts");
    drop(state);

    let executors: Vec<_> = (0..8u8).map(|n| executor(n + 2, n % 2 == 0, jit)).collect();
    let mut waiting = executors.into_iter().peekable();
    let mut arrivals = Arrivals { next: vec![0; PORTS as usize], marks: Vec::new(), received: 0 };
    let (mut sent, mut reloads) = (0u64, 0u64);
    let started = Instant::now();
    while arrivals.received < PACKETS {
        assert!(started.elapsed() < FAR_TOO_LONG, "{sent} sent, {} received", arrivals.received);
        while sent < PACKETS && sent - arrivals.received < UNDER_WAY_MAX {
            // From port 1 to 2 and back, in turns.
            let (from, to) = ((sent % 2) as usize, 2 - (sent % 2) as u8);
            let mut frame = [0u8; 60];
            frame[0] = to;
            frame[4..8].copy_from_slice(&((sent / 2) as u32).to_be_bytes());
            assert!(peers[from].inject(&frame, 0), "the port has no room");
            sent += 1;
        }
        // Each in the middle of its share of the traffic.
        if arrivals.received > (2 * reloads + 1) * PACKETS / 18
            && let Some(next) = waiting.peek()
        {
            match engine.reload(Arc::clone(next)) {
                Ok(reloaded) => {
                    assert_eq!(reloaded.kept.entries, PORTS as usize, "{:?}", reloaded.kept);
                    assert!(reloaded.kept.left.is_empty(), "{:?}", reloaded.kept);
                    waiting.next();
                    reloads += 1;
                }
                Err(ReloadError::Replace(ReplaceError::Draining)) => {}
                Err(error) => panic!("{error}"),
            }
        }
        let before = arrivals.received;
        arrivals.collect(&mut peers);
        if arrivals.received == before {
            std::thread::yield_now();
        }
    }
    assert_eq!(arrivals.marks, (1..=9).collect::<Vec<u8>>(), "a program that no packet saw");
    while engine.is_draining() {
        assert!(started.elapsed() < FAR_TOO_LONG, "it drains for ever");
        std::thread::yield_now();
    }

    let state = engine.state();
    let names = Names::new(state.program());
    let half = PACKETS / 2;
    let per_port = names.counter("per_port").expect("the counter");
    let seen = names.register("seen").expect("the register");
    let leaving = names.table("leaving").expect("the table");
    for port in 1..=PORTS {
        let counted = state.counter(per_port, u64::from(port)).expect("in range");
        assert_eq!((counted.packets, counted.bytes), (half, half * 60));
        let direct = state.direct_counter(&DirectOf::Entry(entry(&state, port))).expect("an entry");
        assert_eq!(direct.packets, half, "direct counter of port {port}");
    }
    assert_eq!(state.register_value(seen, 1), Some(Bits::new(32, u128::from(PACKETS))));
    let left = state.direct_counter(&DirectOf::Default(leaving)).expect("a counter");
    assert_eq!(left.packets, PACKETS, "direct counter behind the queue");
    let stats = engine.stop();
    assert_eq!((stats.received, stats.transmitted, stats.drops.total()), (PACKETS, PACKETS, 0), "{stats:?}");
}

#[test]
fn the_interpreter_is_reloaded_under_load() {
    reload_under_load(false);
}

#[test]
fn machine_code_is_reloaded_under_load() {
    reload_under_load(true);
}
