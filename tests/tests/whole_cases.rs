//! Segmentation-offloaded frames through programs: whole or as single segments, what leaves and what is counted has
//! to be the same.
//!
//! A case is a program under `tests/cases/whole`, whose first line says for which shapes it may be given frames
//! whole, or why not: `// whole: ipv4 ipv6`, `// cut: Depends`. Every program of the other cases and of `pipelines` is
//! held to the same, whatever the answer is.

use std::path::Path;
use std::sync::Arc;

use heddle_engine::{Config, Controller, Switch, may_carry_whole};
use heddle_exec::{Executor, Interpreter};
use heddle_ir::Verified;
use heddle_jit::Jit;
use heddle_p4::{CompileOptions, DiskFiles};
use heddle_packet::wire::checksum::Sum;
use heddle_packet::wire::{FrameBuilder, Mac, TcpFlags, TcpSegment};
use heddle_packet::{Packet, Pool, PortId, Segmentation};
use heddle_ports::memory::{MemoryOptions, MemoryPeer, pair};
use heddle_ports::{Port, Shape, cut};
use heddle_runtime::stf::{Command, Runner, Script};
use heddle_state::State;

const PORTS: u32 = 6;

/// A frame of many segments as a kernel hands it over.
fn large(shape: Shape, number: u8, flags: TcpFlags, port: u16, payload_bytes: usize) -> Packet {
    let mut start = FrameBuilder::ethernet(Mac([0x02, 0, 0, 0, 0xaa, number]), Mac::local(1));
    if shape.is_tagged() {
        start = start.vlan(1, 10);
    }
    let with_ip = if shape.is_ipv6() {
        let (mut source, mut destination) = ([0; 16], [0; 16]);
        (source[0], source[1], source[15]) = (0xfd, 7, 1);
        (destination[0], destination[1], destination[3], destination[15]) = (0xfd, 7, number, 9);
        start.ipv6(source.into(), destination.into())
    } else {
        start.ipv4([10, 0, 0, 1].into(), [10, 0, number, 9].into()).identification(0xfff0)
    };
    let header = TcpSegment {
        source_port: 40_000,
        destination_port: port,
        sequence: 0xffff_f000,
        acknowledgment: 1,
        flags,
        window: 500,
        options: &[1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2],
    };
    let payload: Vec<u8> = (0..payload_bytes).map(|n| (n * 13 % 251) as u8).collect();
    let mut bytes = with_ip.tcp(&header).payload(&payload);
    let (network_at, tcp_at) = (shape.network_at(), shape.transport_at());
    let addresses = if shape.is_ipv6() { network_at + 8..tcp_at } else { network_at + 12..tcp_at };
    let sum = Sum::new().add_bytes(&bytes[addresses]).add_u16(6).add_u32((bytes.len() - tcp_at) as u32);
    bytes[tcp_at + 16..tcp_at + 18].copy_from_slice(&sum.fold().to_be_bytes());
    let mut packet = Packet::from_bytes(&bytes);
    packet.segmentation = Segmentation::new(1_400, payload_bytes, 32, shape.is_ipv6());
    packet
}

fn frames() -> Vec<Packet> {
    let mut frames = Vec::new();
    for shape in Shape::ALL {
        for number in 0..6 {
            let flags = if number % 2 == 0 { TcpFlags::ACK } else { TcpFlags::ACK.with(TcpFlags::PSH) };
            let payload_bytes = 1_401 + 1_111 * usize::from(number);
            frames.push(large(shape, number, flags, 80 + u16::from(number % 2), payload_bytes));
        }
    }
    frames
}

/// What came of the frames: by port, segment by segment, and what was counted.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    sent: Vec<Vec<Vec<u8>>>,
    controller: Vec<Vec<u8>>,
    counters: Vec<String>,
    totals: [u64; 5],
}

fn outcome(executor: Arc<dyn Executor>, state: Arc<State>, whole: bool) -> Outcome {
    let program = executor.program().clone();
    let (mut ports, mut peers): (Vec<Box<dyn Port>>, Vec<MemoryPeer>) = (Vec::new(), Vec::new());
    for id in 0..PORTS {
        // One of them takes no frame whole, one none of this size.
        let options = MemoryOptions {
            whole: id != 3,
            mtu_bytes: if id == 4 { 1_300 } else { 9_216 },
            ..MemoryOptions::default()
        };
        let (port, peer) = pair(PortId(id), &options);
        ports.push(Box::new(port));
        peers.push(peer);
    }
    let controller = Controller { packets: 4_096, ..Controller::default() };
    let config = Config { whole, seed: 7, controller: Some(controller), ..Config::default() };
    let mut switch = Switch::new(config, executor, Arc::clone(&state), ports).expect("a switch");
    let mut sent = vec![Vec::new(); peers.len()];
    let mut pool = Pool::new(0);
    for (now_ns, frame) in (1..).map(|n| n * 1_000_000).zip(frames()) {
        let mut packet = Packet::with_capacity(frame.len());
        packet.copy_from(&frame);
        packet.arrival_ns = now_ns;
        peers[1].inject_packet(0, packet).expect("there is room");
        switch.run_until_quiet(now_ns);
        for (sent, peer) in sent.iter_mut().zip(&mut peers) {
            while let Some(of) = peer.collect() {
                cut(&of.packet, &mut pool, |segment| sent.push(segment.bytes().to_vec()));
            }
        }
    }
    let stats = switch.stats();
    assert_eq!(stats.in_flight(), switch.held() as u64, "the books balance");
    let controller = std::iter::from_fn(|| switch.packet_in()).map(|packet| packet.bytes.to_vec()).collect();
    let counters = program.counters.iter().filter(|(_, counter)| counter.table.is_none());
    let counters =
        counters.flat_map(|(id, counter)| (0..counter.size.min(1_024)).map(move |index| (id, index)));
    let counters = counters.map(|(id, index)| format!("{:?}", state.counter(id, index))).collect();
    let totals = [stats.received, stats.copies, stats.transmitted, stats.delivered, stats.drops.total()];
    Outcome { sent, controller, counters, totals }
}

fn compiled(p4: &Path) -> datatest_stable::Result<Option<Verified>> {
    let compilation = heddle_p4::compile(&DiskFiles, &p4.to_string_lossy(), &CompileOptions::default());
    match compilation.output {
        Some(output) => Ok(Some(output.verified)),
        // Cases of what is refused.
        None => Ok(None),
    }
}

/// A state as the script beside the program makes it.
fn state(program: &Verified, p4: &Path) -> datatest_stable::Result<Arc<State>> {
    let stf = p4.with_extension("stf");
    if !stf.exists() {
        return Ok(Arc::new(State::new(program, 1)?));
    }
    let script = Script::parse(&std::fs::read_to_string(stf)?)?;
    let mut runner = Runner::new(Arc::new(Interpreter::new(program.clone())), &script)?;
    for line in &script.lines {
        match &line.command {
            Command::Packet { .. }
            | Command::Expect { .. }
            | Command::CheckCounter { .. }
            | Command::CheckRegister { .. } => {}
            other => runner.command(line.number, other)?,
        }
    }
    Ok(Arc::clone(runner.state()))
}

fn agree(program: &Verified, p4: &Path) -> datatest_stable::Result<usize> {
    let jit: Arc<dyn Executor> = Arc::new(Jit::new(program.clone())?);
    let interpreter: Arc<dyn Executor> = Arc::new(Interpreter::new(program.clone()));
    let expected = outcome(Arc::clone(&interpreter), state(program, p4)?, false);
    for (name, executor) in [("interpreter", interpreter), ("machine code", jit)] {
        let got = outcome(executor, state(program, p4)?, true);
        if got != expected {
            let differs = got.sent.iter().zip(&expected.sent).position(|(got, expected)| got != expected);
            return Err(format!(
                "{name}: whole frames come out otherwise than segments (port {differs:?}): totals {:?}, expected {:?}; \
                 counters {}",
                got.totals,
                expected.totals,
                if got.counters == expected.counters { "agree" } else { "differ" },
            )
            .into());
        }
    }
    Ok(expected.sent.iter().map(Vec::len).sum::<usize>() + expected.controller.len())
}

/// A program whose first line says what is expected.
fn case(p4: &Path) -> datatest_stable::Result<()> {
    let source = std::fs::read_to_string(p4)?;
    let first = source.lines().next().unwrap_or_default();
    let program = compiled(p4)?.ok_or("it does not compile")?;
    let found: Vec<_> = Shape::ALL.iter().map(|shape| may_carry_whole(&program, *shape)).collect();
    let (expected_whole, expected_cut) = match first.split_once(": ") {
        Some(("// whole", shapes)) => (shapes, None),
        Some(("// cut", reason)) => ("", Some(reason)),
        _ => return Err(format!("the first line says neither `// whole:` nor `// cut:`: {first}").into()),
    };
    let expected_whole: Vec<_> = expected_whole.split_whitespace().collect();
    for (shape, found) in Shape::ALL.iter().zip(&found) {
        let name = format!("{shape:?}").to_lowercase();
        let is_fine = match (found, expected_cut) {
            (Ok(()), None) => expected_whole.contains(&name.as_str()),
            (Err(_), None) => !expected_whole.contains(&name.as_str()),
            (Err(refusal), Some(reason)) => format!("{refusal:?}") == reason,
            (Ok(()), Some(_)) => false,
        };
        if !is_fine {
            return Err(format!("{name}: {found:?}, where the first line says `{first}`").into());
        }
    }
    if agree(&program, p4)? == 0 {
        return Err("nothing leaves, so nothing is shown".into());
    }
    Ok(())
}

/// Any program.
fn any(p4: &Path) -> datatest_stable::Result<()> {
    match compiled(p4)? {
        Some(program) => agree(&program, p4).map(drop),
        None => Ok(()),
    }
}

/// The switch and the router of `pipelines` are such programs.
fn shipped(p4: &Path) -> datatest_stable::Result<()> {
    let program = compiled(p4)?.ok_or("it does not compile")?;
    for shape in Shape::ALL {
        may_carry_whole(&program, shape).map_err(|refusal| format!("{shape:?}: {refusal}"))?;
    }
    Ok(())
}

datatest_stable::harness! {
    { test = shipped, root = "../pipelines", pattern = r"^l[23]_[a-z]*\.p4$" },
    { test = case, root = "cases/whole", pattern = r"\.p4$" },
    { test = any, root = "cases/stf", pattern = r"\.p4$" },
    { test = any, root = "../pipelines", pattern = r"^[^/]*\.p4$" },
    { test = any, root = "../benches/programs", pattern = r"\.p4$" },
}
