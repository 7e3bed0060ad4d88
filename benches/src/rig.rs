//! A switch on a bench: one executor between ports of memory, fed with the same frames over and over.
//!
//! Invariant: every frame has a buffer of its own, and a burst runs each once; only [`Switch::step`] is timed, not the
//! filling of buffers before and the emptying of ports after.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use heddle_engine::{Config, EngineError, PortConfig, Switch};
use heddle_exec::{Context, Entry, Executor, Passage, Verdict, Work};
use heddle_ir::Verified;
use heddle_packet::{Packet, PortId};
use heddle_ports::Port;
use heddle_ports::memory::{MemoryOptions, MemoryPeer, pair};
use heddle_state::State;

/// Packets that a port receives at once.
pub(crate) const BATCH: usize = 64;
/// Virtual time from one batch to the next.
const BATCH_INTERVAL_NS: u64 = 10_000;
/// Ports that exist although no frame arrives by them.
const MORE_PORTS: u32 = 16;

/// A switch with its frames.
pub struct Rig {
    switch: Switch,
    peers: Vec<MemoryPeer>,
    /// By position of the port in `peers`.
    frames: Vec<(usize, Vec<u8>)>,
    ready: VecDeque<Packet>,
    free: VecDeque<Packet>,
    now_ns: u64,
}

/// What a burst took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Burst {
    /// Time in the switch.
    pub took: Duration,
    /// Frames that came out.
    pub out: u64,
}

impl Rig {
    /// A switch that runs an executor. Frames are repeated in order until there are `count`.
    ///
    /// # Errors
    /// If the switch cannot be made of these.
    pub fn new(
        executor: Arc<dyn Executor>,
        state: Arc<State>,
        frames: &[(PortId, Vec<u8>)],
        count: usize,
    ) -> Result<Rig, EngineError> {
        let numbers: BTreeSet<u32> = frames.iter().map(|(port, _)| port.0).chain(0..MORE_PORTS).collect();
        let (mut ports, mut peers): (Vec<Box<dyn Port>>, _) = (Vec::new(), Vec::new());
        for number in &numbers {
            let options = MemoryOptions { name: format!("port{number}"), ..MemoryOptions::default() };
            let (port, peer) = pair(PortId(*number), &options);
            ports.push(Box::new(port));
            peers.push(peer);
        }
        let config =
            Config { port_default: PortConfig { queues: 8, ..PortConfig::default() }, ..Config::default() };
        let switch = Switch::new(config, executor, state, ports)?;
        let position = |port: PortId| numbers.iter().position(|number| *number == port.0).unwrap_or(0);
        let frames: Vec<_> = frames.iter().map(|(port, bytes)| (position(*port), bytes.clone())).collect();
        let count = if frames.is_empty() { 0 } else { count.max(1) };
        let frames: Vec<_> = frames.into_iter().cycle().take(count).collect();
        let mut rig = Rig {
            switch,
            peers,
            ready: VecDeque::with_capacity(frames.len()),
            free: VecDeque::with_capacity(2 * frames.len()),
            frames,
            now_ns: BATCH_INTERVAL_NS,
        };
        rig.free.extend((0..rig.frames.len()).map(|_| Packet::with_capacity(0)));
        Ok(rig)
    }

    /// Frames of a burst.
    pub fn frames(&self) -> usize {
        self.frames.len()
    }

    /// Runs every frame through once.
    pub fn burst(&mut self) -> Burst {
        for (_, bytes) in &self.frames {
            let mut packet = self.free.pop_front().unwrap_or_else(|| Packet::with_capacity(bytes.len()));
            packet.fill(bytes);
            self.ready.push_back(packet);
        }
        let mut burst = Burst::default();
        let mut position = 0;
        while position < self.frames.len() {
            self.now_ns += BATCH_INTERVAL_NS;
            let chunk = &self.frames[position..(position + BATCH).min(self.frames.len())];
            position += chunk.len();
            for (port, _) in chunk {
                let Some(mut packet) = self.ready.pop_front() else { break };
                packet.arrival_ns = self.now_ns;
                // A port holds many batches, and each is taken before the next.
                if let Err(packet) = self.peers[*port].inject_packet(0, packet) {
                    self.free.push_back(packet);
                }
            }
            let begun = Instant::now();
            self.step();
            burst.took += begun.elapsed();
            burst.out += self.collect();
        }
        burst
    }

    /// Takes what has arrived through the switch. The counts of instructions begin and end here, by this name.
    #[inline(never)]
    fn step(&mut self) {
        while self.switch.step(self.now_ns).progressed && self.switch.held() > 0 {}
    }

    fn collect(&mut self) -> u64 {
        let mut out = 0;
        for peer in &mut self.peers {
            while let Some(sent) = peer.collect() {
                if self.free.len() < 2 * self.frames.len() {
                    self.free.push_back(sent.packet);
                }
                out += 1;
            }
        }
        while self.switch.digest().is_some() {}
        out
    }

    /// What comes out for one frame: the ports and the bytes.
    pub fn try_one(&mut self, port: PortId, bytes: &[u8]) -> Vec<(usize, Vec<u8>)> {
        self.now_ns += BATCH_INTERVAL_NS;
        self.switch.inject(port, bytes, self.now_ns);
        self.switch.run_until_quiet(self.now_ns);
        let mut out = Vec::new();
        for (position, peer) in self.peers.iter_mut().enumerate() {
            out.extend(peer.collect_frames().into_iter().map(|frame| (position, frame)));
        }
        out
    }
}

/// Sends every packet out of the port it came in by and does nothing else: what is left is the engine.
#[derive(Debug)]
pub struct Nothing {
    program: Verified,
}

impl Nothing {
    /// In the place of a program.
    pub fn new(program: Verified) -> Nothing {
        Nothing { program }
    }
}

impl Executor for Nothing {
    fn program(&self) -> &Verified {
        &self.program
    }

    fn frame_words(&self) -> usize {
        0
    }

    fn run(&self, entry: Entry, _: &mut Context<'_>, batch: &mut [Work]) {
        for work in batch {
            work.verdict = match entry {
                Entry::Ingress => Verdict::Enqueue { port: work.intrinsics.ingress_port, queue: 0 },
                Entry::Egress => Verdict::Transmit,
            };
        }
    }

    fn run_through(
        &self,
        context: &mut Context<'_>,
        passage: &mut Passage<'_>,
        batch: &mut [Work],
    ) -> Option<usize> {
        for (index, work) in batch.iter_mut().enumerate() {
            let port = work.intrinsics.ingress_port;
            match passage.pass(context.now_ns, port, 0, u64::from(work.intrinsics.packet_length)) {
                Some(passed) => work.verdict = passed,
                None => {
                    work.verdict = Verdict::Enqueue { port, queue: 0 };
                    return Some(index + 1);
                }
            }
        }
        Some(batch.len())
    }
}
