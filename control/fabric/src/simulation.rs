//! Running a scenario: one queue of events in virtual time.
//!
//! Invariant: events happen in order of time and, at one time, in the order in which they were scheduled.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use heddle_engine::{Config, EngineError, PortConfig, QueueConfig, Rate, Switch};
use heddle_exec::Executor;
use heddle_packet::{Packet, PortId};
use heddle_ports::Port;
use heddle_ports::memory::{MemoryOptions, MemoryPeer, pair};
use heddle_runtime::file::FileError;
use heddle_state::{State, StateError, WriteError};

use crate::frame::{self, HostId};
use crate::host::{Host, HostConfig, MessageDone};
use crate::job::{Job, JobReport};
use crate::topology::{Programs, Spreading, Topology};

/// Bytes on a wire that are not in a frame: preamble, frame check sequence, gap.
const WIRE_OVERHEAD_BYTES: u64 = 24;

/// Everything that decides how a run goes.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The fabric.
    pub topology: Topology,
    /// The jobs. A host serves one rank at most.
    pub jobs: Vec<Job>,
    /// Payload of a full packet in bytes.
    pub mtu_bytes: u32,
    /// Packets of one queue pair that may be under way.
    pub window_packets: u32,
    /// Packets that a switch's port holds.
    pub queue_packets: usize,
    /// Queue depth from which on packets are marked; 0 for never.
    pub ecn_threshold_packets: u32,
    /// Virtual time after which a run is given up.
    pub limit_ns: u64,
}

/// Why a scenario cannot run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The scenario contradicts itself.
    #[error("{0}")]
    Scenario(String),
    /// A switch cannot be set up.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A switch's state cannot be built.
    #[error(transparent)]
    State(#[from] StateError),
    /// The programs do not have the tables that the fabric fills.
    #[error("the tables of the fabric do not fit the program: {0}")]
    Tables(#[from] FileError),
    /// Likewise.
    #[error("the tables of the fabric do not fit the program: {0}")]
    Write(#[from] WriteError),
    /// It did not end.
    #[error("the jobs are not done after {limit_ns} ns of virtual time")]
    Unfinished {
        /// The limit.
        limit_ns: u64,
    },
}

/// How far a run is.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// Virtual time.
    pub now_ns: u64,
    /// Messages received, of all jobs.
    pub done: u64,
    /// Of how many.
    pub of: u64,
    /// Bytes sent so far by each uplink, leaf by leaf.
    pub uplink_bytes: &'a [u64],
}

/// What came out.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Report {
    /// How packets were spread.
    pub spreading: &'static str,
    /// Each job.
    pub jobs: Vec<JobReport>,
    /// Each link from a leaf to a spine.
    pub uplinks: Vec<LinkReport>,
    /// Bytes of the most loaded uplink.
    pub uplink_bytes_max: u64,
    /// Mean over all uplinks.
    pub uplink_bytes_mean: f64,
    /// The first over the second: 1 is perfect balance.
    pub imbalance: f64,
    /// When the last job was done.
    pub completion_ns: u64,
    /// Packets dropped by any switch.
    pub dropped: u64,
    /// Times that a packet went through a switch.
    pub packet_hops: u64,
}

/// One link.
#[derive(Clone, Debug, serde::Serialize)]
pub struct LinkReport {
    /// From 0.
    pub leaf: usize,
    /// From 0.
    pub spine: usize,
    /// Bytes sent up it, with headers.
    pub bytes: u64,
    /// Part of the time until the last job was done in which it was sending.
    pub utilisation: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Host(HostId),
    Switch { switch: usize, port: usize },
}

#[derive(Debug)]
enum Event {
    Arrive { at: End, packet: Packet },
    StepSwitch(usize),
    WakeHost(usize),
}

struct Node {
    switch: Switch,
    /// By position, which is the port's number less one.
    peers: Vec<MemoryPeer>,
    ends: Vec<End>,
    sent_bytes: Vec<u64>,
    /// Earliest step that is scheduled.
    due_ns: u64,
}

struct Rank {
    /// Messages received by each lane.
    received: Vec<usize>,
    /// Steps posted.
    posted: usize,
    /// Sender numbers at the host, one per lane.
    senders: Vec<usize>,
    host: HostId,
}

struct Simulation<'s> {
    scenario: &'s Scenario,
    now_ns: u64,
    sequence: u64,
    /// Times and sequence numbers, with the event's position in `events`.
    heap: BinaryHeap<Reverse<(u64, u64, usize)>>,
    events: Vec<Option<Event>>,
    free: Vec<usize>,
    nodes: Vec<Node>,
    hosts: Vec<Host>,
    host_due_ns: Vec<u64>,
    ranks: Vec<Vec<Rank>>,
    finished_ns: Vec<Option<u64>>,
    done: u64,
    spare: Vec<Packet>,
}

/// Runs a scenario to its end.
///
/// # Errors
/// [`RunError`] if it cannot be set up or does not end.
pub fn run(
    scenario: &Scenario,
    programs: &Programs,
    spreading: Spreading,
    progress: &mut dyn FnMut(&Progress<'_>),
) -> Result<Report, RunError> {
    let mut simulation = Simulation::new(scenario, programs, spreading)?;
    let of: u64 = scenario.jobs.iter().map(|j| (j.ranks.len() * j.steps() * j.queue_pairs) as u64).sum();
    let mut next_progress = 0;
    while simulation.finished_ns.iter().any(Option::is_none) {
        if !simulation.advance() || simulation.now_ns > scenario.limit_ns {
            return Err(RunError::Unfinished { limit_ns: scenario.limit_ns });
        }
        if simulation.done >= next_progress {
            next_progress = simulation.done + (of / 100).max(1);
            let uplink_bytes = simulation.uplink_bytes();
            let (now_ns, done) = (simulation.now_ns, simulation.done);
            progress(&Progress { now_ns, done, of, uplink_bytes: &uplink_bytes });
        }
    }
    Ok(simulation.report(spreading))
}

impl<'s> Simulation<'s> {
    fn new(scenario: &'s Scenario, programs: &Programs, spreading: Spreading) -> Result<Self, RunError> {
        let topology = &scenario.topology;
        check(scenario)?;
        let mut nodes = Vec::new();
        for leaf in 0..topology.leaves {
            let program = programs.leaf.program();
            let state = State::new(program, 1)?;
            let tables = topology.leaf_tables(
                leaf,
                &scenario.jobs,
                spreading,
                scenario.ecn_threshold_packets,
                program,
            )?;
            state.write(&tables)?;
            let hosts =
                (0..topology.hosts_per_leaf).map(|i| End::Host(HostId(leaf * topology.hosts_per_leaf + i)));
            let spines =
                (0..topology.spines).map(|s| End::Switch { switch: topology.leaves + s, port: leaf });
            let ends = hosts.chain(spines).collect();
            nodes.push(Node::new(scenario, programs.leaf.clone(), state, ends)?);
        }
        for spine in 0..topology.spines {
            let program = programs.spine.program();
            let state = State::new(program, 1)?;
            state.write(&topology.spine_tables(scenario.ecn_threshold_packets, program)?)?;
            let port = topology.hosts_per_leaf + spine;
            let ends = (0..topology.leaves).map(|leaf| End::Switch { switch: leaf, port }).collect();
            nodes.push(Node::new(scenario, programs.spine.clone(), state, ends)?);
        }

        let config = HostConfig {
            hosts_per_leaf: topology.hosts_per_leaf,
            mtu_bytes: scenario.mtu_bytes,
            window_packets: scenario.window_packets,
            ack_every: (scenario.window_packets / 4).max(1),
            timeout_ns: 500_000,
        };
        let hosts: Vec<Host> = (0..topology.hosts()).map(|i| Host::new(HostId(i), config)).collect();
        let mut simulation = Simulation {
            scenario,
            now_ns: 0,
            sequence: 0,
            heap: BinaryHeap::new(),
            events: Vec::new(),
            free: Vec::new(),
            host_due_ns: vec![u64::MAX; hosts.len()],
            nodes,
            hosts,
            ranks: Vec::new(),
            finished_ns: vec![None; scenario.jobs.len()],
            done: 0,
            spare: Vec::new(),
        };
        simulation.connect();
        for job in 0..scenario.jobs.len() {
            for rank in 0..scenario.jobs[job].ranks.len() {
                simulation.post_step(job, rank);
            }
        }
        Ok(simulation)
    }

    /// Opens the queue pairs of every job. A host numbers its own consecutively from 0x100, as adapters do.
    fn connect(&mut self) {
        let mut next_qp = vec![0x100u32; self.hosts.len()];
        let mut take = |host: HostId| {
            let qp = next_qp[host.0];
            next_qp[host.0] += 1;
            qp
        };
        for (job_index, job) in self.scenario.jobs.iter().enumerate() {
            let mut ranks: Vec<Rank> = job
                .ranks
                .iter()
                .map(|host| Rank {
                    received: vec![0; job.queue_pairs],
                    posted: 0,
                    senders: Vec::new(),
                    host: *host,
                })
                .collect();
            for (rank, src) in job.ranks.iter().enumerate() {
                let to = (rank + 1) % job.ranks.len();
                let dst = job.ranks[to];
                for lane in 0..job.queue_pairs {
                    let (local, remote) = (take(*src), take(dst));
                    let target = MessageDone { job: job_index, rank: to, lane };
                    let bytes = job.message_bytes() as u32;
                    ranks[rank].senders.push(self.hosts[src.0].connect(dst, local, remote, bytes));
                    self.hosts[dst.0].listen(*src, remote, local, target);
                }
            }
            self.ranks.push(ranks);
        }
    }

    /// Posts the next step of a rank on all its lanes.
    fn post_step(&mut self, job: usize, rank: usize) {
        let rank = &mut self.ranks[job][rank];
        rank.posted += 1;
        let host = rank.host;
        for sender in &rank.senders {
            self.hosts[host.0].post(*sender, self.now_ns);
        }
        self.wake_host(host.0, self.now_ns);
    }

    fn schedule(&mut self, time_ns: u64, event: Event) {
        let slot = match self.free.pop() {
            Some(slot) => {
                self.events[slot] = Some(event);
                slot
            }
            None => {
                self.events.push(Some(event));
                self.events.len() - 1
            }
        };
        self.sequence += 1;
        self.heap.push(Reverse((time_ns, self.sequence, slot)));
    }

    fn wake_host(&mut self, host: usize, time_ns: u64) {
        let time_ns = time_ns.max(self.hosts[host].busy_until_ns);
        if time_ns < self.host_due_ns[host] {
            self.host_due_ns[host] = time_ns;
            self.schedule(time_ns, Event::WakeHost(host));
        }
    }

    fn wake_switch(&mut self, node: usize, time_ns: u64) {
        if time_ns < self.nodes[node].due_ns {
            self.nodes[node].due_ns = time_ns;
            self.schedule(time_ns, Event::StepSwitch(node));
        }
    }

    /// One event. False if there is none.
    fn advance(&mut self) -> bool {
        let Some(Reverse((time_ns, _, slot))) = self.heap.pop() else { return false };
        self.now_ns = time_ns;
        self.free.push(slot);
        match self.events[slot].take() {
            Some(Event::Arrive { at, packet }) => self.arrive(at, packet),
            // A later wake-up may have been scheduled first; only the earliest counts.
            Some(Event::StepSwitch(node)) if self.nodes[node].due_ns == time_ns => self.step_switch(node),
            Some(Event::WakeHost(host)) if self.host_due_ns[host] == time_ns => self.send(host),
            Some(Event::StepSwitch(_) | Event::WakeHost(_)) | None => {}
        }
        true
    }

    fn arrive(&mut self, at: End, mut packet: Packet) {
        match at {
            End::Switch { switch, port } => {
                packet.arrival_ns = self.now_ns;
                if let Err(lost) = self.nodes[switch].peers[port].inject_packet(0, packet) {
                    self.spare.push(lost);
                }
                self.wake_switch(switch, self.now_ns);
            }
            End::Host(host) => {
                let received = frame::read(packet.bytes());
                self.spare.push(packet);
                let done = received.and_then(|frame| self.hosts[host.0].receive(&frame, self.now_ns));
                if let Some(done) = done {
                    self.message_done(done);
                }
                self.wake_host(host.0, self.now_ns);
            }
        }
    }

    fn message_done(&mut self, message: MessageDone) {
        self.done += 1;
        let MessageDone { job, rank, lane } = message;
        let steps = self.scenario.jobs[job].steps();
        let state = &mut self.ranks[job][rank];
        state.received[lane] += 1;
        let complete = state.received.iter().copied().min().unwrap_or(0);
        if complete >= state.posted && state.posted < steps {
            self.post_step(job, rank);
        }
        let finished = |rank: &Rank| rank.received.iter().all(|&n| n == steps);
        if complete == steps && self.ranks[job].iter().all(finished) {
            self.finished_ns[job] = Some(self.now_ns);
        }
    }

    /// Time that a frame takes on a wire.
    fn serialisation_ns(&self, wire_len: usize) -> u64 {
        let bits = 8 * (wire_len as u64 + WIRE_OVERHEAD_BYTES);
        (bits * 1_000_000_000).div_ceil(self.scenario.topology.rate_bps)
    }

    fn send(&mut self, host: usize) {
        self.host_due_ns[host] = u64::MAX;
        let Some(frame) = self.hosts[host].next_frame(self.now_ns) else {
            if let Some(timeout_ns) = self.hosts[host].next_timeout_ns() {
                self.wake_host(host, timeout_ns);
            }
            return;
        };
        let mut packet = self.spare.pop().unwrap_or_else(|| Packet::with_capacity(0));
        frame.write(&mut packet);
        let sent_ns = self.now_ns + self.serialisation_ns(packet.wire_len);
        self.hosts[host].busy_until_ns = sent_ns;
        let topology = &self.scenario.topology;
        let id = HostId(host);
        let at = End::Switch { switch: topology.leaf_of(id), port: topology.host_port(id) as usize - 1 };
        self.schedule(sent_ns + topology.delay_ns, Event::Arrive { at, packet });
        self.wake_host(host, sent_ns);
    }

    fn step_switch(&mut self, index: usize) {
        let node = &mut self.nodes[index];
        node.due_ns = u64::MAX;
        let step = node.switch.step(self.now_ns);
        let mut left = Vec::new();
        for (port, peer) in node.peers.iter_mut().enumerate() {
            while let Some(sent) = peer.collect() {
                node.sent_bytes[port] += sent.packet.wire_len as u64;
                left.push((node.ends[port], sent.packet));
            }
        }
        for (at, packet) in left {
            let time_ns =
                self.now_ns + self.serialisation_ns(packet.wire_len) + self.scenario.topology.delay_ns;
            self.schedule(time_ns, Event::Arrive { at, packet });
        }
        match step.next_due_ns {
            Some(due_ns) => self.wake_switch(index, due_ns.max(self.now_ns + 1)),
            None if step.progressed => self.wake_switch(index, self.now_ns + 1),
            None => {}
        }
    }

    fn uplink_bytes(&self) -> Vec<u64> {
        let topology = &self.scenario.topology;
        let leaves = self.nodes.iter().take(topology.leaves);
        leaves.flat_map(|leaf| &leaf.sent_bytes[topology.hosts_per_leaf..]).copied().collect()
    }

    fn report(&self, spreading: Spreading) -> Report {
        let topology = &self.scenario.topology;
        let completion_ns = self.finished_ns.iter().flatten().copied().max().unwrap_or(0);
        let bytes = self.uplink_bytes();
        let max = bytes.iter().copied().max().unwrap_or(0);
        let mean = bytes.iter().sum::<u64>() as f64 / bytes.len().max(1) as f64;
        let jobs = self.scenario.jobs.iter().zip(&self.finished_ns).map(|(job, finished)| JobReport {
            name: job.name.clone(),
            completion_ns: finished.unwrap_or(0),
            ideal_ns: job.ideal_ns(topology.rate_bps),
            retransmitted: job.ranks.iter().map(|h| self.hosts[h.0].retransmitted).sum(),
            marked: job.ranks.iter().map(|h| self.hosts[h.0].marked).sum(),
        });
        let seconds = completion_ns as f64 / 1e9;
        let uplinks = bytes.iter().enumerate().map(|(i, &bytes)| LinkReport {
            leaf: i / topology.spines,
            spine: i % topology.spines,
            bytes,
            utilisation: 8.0 * bytes as f64 / topology.rate_bps as f64 / seconds,
        });
        let stats: Vec<_> = self.nodes.iter().map(|node| node.switch.stats()).collect();
        Report {
            spreading: spreading.name(),
            jobs: jobs.collect(),
            uplinks: uplinks.collect(),
            uplink_bytes_max: max,
            uplink_bytes_mean: mean,
            imbalance: if mean > 0.0 { max as f64 / mean } else { 1.0 },
            completion_ns,
            dropped: stats.iter().map(|s| s.drops.total()).sum(),
            packet_hops: stats.iter().map(|s| s.transmitted).sum(),
        }
    }
}

impl Node {
    fn new(
        scenario: &Scenario,
        executor: Arc<dyn Executor>,
        state: State,
        ends: Vec<End>,
    ) -> Result<Node, RunError> {
        let mut config = Config::simulated();
        config.port_default = PortConfig {
            queues: 8,
            queue: QueueConfig { depth_packets: scenario.queue_packets, ..QueueConfig::default() },
            rate: Rate::bits_per_second(scenario.topology.rate_bps),
            overhead_bytes: WIRE_OVERHEAD_BYTES as u32,
            ..PortConfig::default()
        };
        let (mut ports, mut peers): (Vec<Box<dyn Port>>, Vec<MemoryPeer>) = (Vec::new(), Vec::new());
        for number in 1..=ends.len() {
            let options = MemoryOptions { name: format!("port{number}"), ..MemoryOptions::default() };
            let (port, peer) = pair(PortId(number as u32), &options);
            ports.push(Box::new(port));
            peers.push(peer);
        }
        let switch = Switch::new(config, executor, Arc::new(state), ports)?;
        Ok(Node { switch, sent_bytes: vec![0; ends.len()], peers, ends, due_ns: u64::MAX })
    }
}

fn check(scenario: &Scenario) -> Result<(), RunError> {
    let wrong = |what: String| Err(RunError::Scenario(what));
    let topology = &scenario.topology;
    if topology.leaves == 0 || topology.spines == 0 || topology.hosts_per_leaf == 0 || topology.rate_bps == 0
    {
        return wrong("a fabric needs leaves, spines, hosts and a rate".into());
    }
    if topology.leaves > 250 || topology.hosts_per_leaf + topology.spines > 500 {
        return wrong("a fabric has at most 250 leaves, and a leaf at most 500 ports".into());
    }
    let mut used = vec![None; topology.hosts()];
    for job in &scenario.jobs {
        if job.ranks.len() < 2 || job.queue_pairs == 0 || job.bytes == 0 || job.id == 0 {
            return wrong(format!(
                "job {} needs two ranks, a queue pair, bytes to reduce and a number",
                job.name
            ));
        }
        if job.message_bytes() > u64::from(u32::MAX / 2) {
            return wrong(format!("job {}: a message has at most 2 GiB; use more queue pairs", job.name));
        }
        for host in &job.ranks {
            match used.get_mut(host.0) {
                None => return wrong(format!("job {}: there is no host {}", job.name, host.0)),
                Some(Some(other)) => {
                    return wrong(format!("host {} is in job {other} and in job {}", host.0, job.name));
                }
                Some(free) => *free = Some(job.name.clone()),
            }
        }
    }
    Ok(())
}
