//! Running jobs on a fabric: events in virtual time.
//!
//! Every switch is a [`heddle_engine::Switch`] running the same program through the same executor. Invariant: events
//! happen as if in order of time and, at one time, in the order in which they were scheduled; nothing else decides. A run ends
//! with the microsecond in which its last job does.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use heddle_engine::{Config, EngineError, PortConfig, QueueConfig, Rate, Switch, Weights};
use heddle_exec::Executor;
use heddle_packet::{Packet, PortId};
use heddle_runtime::file::FileError;
use heddle_state::{State, StateError, WriteError};

use crate::collective::Op;
use crate::division::Division;
use crate::host::{Host, HostConfig, Opening, Target};
use crate::jobs::{Jobs, Striping};
use crate::outlet::Outlet;
use crate::placement::{Flow, Pins, pin};
use crate::policy::{Policy, Transport};
use crate::report::{LinkReport, Report};
use crate::samples::Samples;
use crate::tables::{FlowKey, Plan, number};
use crate::topology::{Failure, NodeIndex, Topology};
use crate::ways::Ways;
use crate::windows::Windows;

/// Bytes on a wire that are not in a frame: preamble, frame check sequence, gap.
const WIRE_OVERHEAD_BYTES: u64 = 24;
/// What tells the drawing of failures from all other drawing.
const WEAR: u64 = 0x5fa1_7ed0_cab1_e5a7;
/// Time from one pause frame of a storm to the next.
const STORM_NS: u64 = 20_000;
/// A run ends at a multiple of it. No window ([`crate::windows`]) goes beyond one, so that how the fabric is divided decides
/// nothing.
const TICK_NS: u64 = 1_000;
/// Queues of a port.
const QUEUES: usize = 8;

/// What a run needs.
pub struct Run<'r> {
    /// The fabric.
    pub topology: &'r Topology,
    /// The jobs.
    pub jobs: &'r Jobs,
    /// What every switch runs: `pipelines/ai_fabric.p4`.
    pub executor: Arc<dyn Executor>,
    /// How packets choose their paths.
    pub policy: Policy,
    /// Places ranks and draws everything that is drawn.
    pub seed: u64,
    /// Virtual time after which a run is given up.
    pub limit_ns: u64,
}

/// Why a run cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A switch cannot be set up.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A switch's state cannot be built.
    #[error(transparent)]
    State(#[from] StateError),
    /// The program does not have the tables that the controller fills.
    #[error("the tables of the fabric do not fit the program: {0}")]
    Tables(#[from] FileError),
    /// Likewise.
    #[error("the tables of the fabric do not fit the program: {0}")]
    Write(#[from] WriteError),
    /// The jobs do not end; who waits for whom.
    #[error("{0}")]
    Unfinished(String),
}

/// A run under way.
#[derive(Clone, Copy)]
pub struct Progress<'p> {
    /// Virtual time.
    pub now_ns: u64,
    simulation: &'p Simulation<'p>,
}

impl Progress<'_> {
    /// What cables between switches have carried and their switches have counted so far, in the order of [`Report::links`].
    pub fn links(&self) -> Vec<LinkReport> {
        self.simulation.links(true, self.now_ns)
    }
}

mod events;
mod tally;

use self::events::{Event, Upheaval};

struct Node {
    switch: Switch,
    outlet: Outlet,
    due_ns: u64,
}

/// One queue pair of a connection.
struct Connection {
    sender: usize,
    host: usize,
    /// When messages that have not arrived were posted.
    posted_ns: VecDeque<u64>,
}

/// All of a connection.
struct Lanes {
    lanes: Vec<Connection>,
    /// Messages so far.
    messages: u64,
}

/// What of a connection has arrived.
#[derive(Default)]
struct Arrivals {
    /// Messages, or parts of them, by lane.
    arrived: Vec<u64>,
    /// Messages waited for and had.
    used: u64,
}

impl Arrivals {
    fn has_next(&self, striping: Striping) -> bool {
        match striping {
            Striping::Split => self.arrived.iter().all(|&arrived| arrived > self.used),
            Striping::Turns => {
                let lanes = self.arrived.len().max(1) as u64;
                let lane = self.arrived.get((self.used % lanes) as usize);
                lane.is_some_and(|&arrived| arrived > self.used / lanes)
            }
        }
    }
}

#[derive(Default)]
struct Rank {
    host: usize,
    ops: Vec<Op>,
    at: usize,
    computed: bool,
    posted: bool,
    /// By rank it comes from.
    received: HashMap<usize, Arrivals>,
}

struct JobState {
    ranks: Vec<Rank>,
    left: usize,
    /// When the last of the ranks that are done was.
    latest_ns: u64,
    finished_ns: Option<u64>,
    stragglers: Vec<u64>,
    message_ns: Vec<u64>,
    transport: Transport,
}

/// Failures of a cable.
#[derive(Clone, Copy, Debug, Default)]
struct Faults {
    /// Under way.
    there: u32,
    /// That its ends know of.
    detected: u32,
    /// That the controller has told the switches of.
    told: u32,
    /// When it last failed.
    since_ns: Option<u64>,
}

struct Simulation<'r> {
    run: &'r Run<'r>,
    placed: Vec<Vec<usize>>,
    flows: Vec<Flow>,
    keys: Vec<FlowKey>,
    /// Of a message, in the mean over all bytes.
    message_bytes: u64,
    pins: Pins,
    ways: Vec<Ways>,
    now_ns: u64,
    division: Division,
    windows: Windows<Event>,
    /// The host or switch at which something happens.
    node: NodeIndex,
    /// The next one last.
    upheavals: Vec<(u64, Upheaval)>,
    nodes: Vec<Node>,
    hosts: Vec<Host>,
    host_due_ns: Vec<u64>,
    jobs: Vec<JobState>,
    connections: HashMap<(usize, usize, usize), Lanes>,
    /// Those of the topology, then those that media brought.
    failures: Vec<Failure>,
    /// By cable, what draws when it fails.
    wear: Vec<fastrand::Rng>,
    /// By cable.
    faults: Vec<Faults>,
    /// By cable and sending end.
    cable_bytes: Vec<[u64; 2]>,
    lost_on_cables: u64,
    /// Failures that media brought.
    worn_out: u64,
    unreadable: u64,
    samples: Samples,
    random: fastrand::Rng,
    /// By node, for what happens there.
    randoms: Vec<fastrand::Rng>,
    spare: Vec<Packet>,
    sent: Vec<(usize, Packet)>,
    whole: Vec<Target>,
}

/// Runs the jobs to their end.
///
/// # Errors
/// [`RunError`] if a switch cannot be set up or the jobs do not end.
pub fn run(run: &Run<'_>) -> Result<Report, RunError> {
    watch(run, u64::MAX, &mut |_| {})
}

/// Does what [`run`] does, and shows how far it is every so many nanoseconds of virtual time.
///
/// # Errors
/// [`RunError`] if a switch cannot be set up or the jobs do not end.
pub fn watch(run: &Run<'_>, every_ns: u64, seen: &mut dyn FnMut(&Progress<'_>)) -> Result<Report, RunError> {
    let mut simulation = Simulation::new(run)?;
    let mut next_ns = every_ns;
    loop {
        let goes_on = simulation.advance()?;
        if simulation.is_under_way() && (!goes_on || simulation.now_ns > run.limit_ns) {
            return Err(RunError::Unfinished(simulation.waiting()));
        }
        if !goes_on {
            return Ok(simulation.report());
        }
        if simulation.now_ns >= next_ns {
            next_ns = simulation.now_ns.saturating_add(every_ns);
            seen(&Progress { now_ns: simulation.now_ns, simulation: &simulation });
        }
    }
}

impl<'r> Simulation<'r> {
    /// Whether any job has not ended.
    fn is_under_way(&self) -> bool {
        self.jobs.iter().any(|job| job.finished_ns.is_none())
    }

    /// Nothing happens from then on: the first tick after the last job is done.
    fn end_ns(&self) -> u64 {
        let done_ns = self.jobs.iter().map(|job| job.finished_ns.unwrap_or(u64::MAX)).max().unwrap_or(0);
        (done_ns / TICK_NS + 1).saturating_mul(TICK_NS)
    }

    fn new(run: &'r Run<'r>) -> Result<Self, RunError> {
        let topology = run.topology;
        let mut random = fastrand::Rng::with_seed(run.seed);
        let placed = run.jobs.place(topology, &mut random);
        let spec = topology.host;
        // A queue that shares its port drains the slower.
        let queues = run.jobs.weights.len().max(1) as u64;
        let config = HostConfig {
            mtu_bytes: spec.mtu_bytes,
            window_packets: (spec.window_kb * 1_000 / u64::from(spec.mtu_bytes)).max(1),
            ack_every: spec.ack_every,
            timeout_ns: topology.timeout_ns(),
            cnp_ns: spec.cnp_us * 1_000,
            reorder_ns: 10_000 + 2 * queues * topology.queue_drain_ns(topology.switch.trims_or_holds_bytes()),
        };
        let (jobs, division) = (run.jobs.jobs.len(), Division::new(topology));
        let mut simulation = Simulation {
            run,
            placed,
            flows: Vec::new(),
            keys: Vec::new(),
            message_bytes: 0,
            pins: Pins::new(),
            ways: Ways::all(topology, &|_| true),
            now_ns: 0,
            windows: Windows::new(division.parts()),
            division,
            node: 0,
            upheavals: Vec::new(),
            nodes: Vec::new(),
            hosts: (0..topology.hosts()).map(|_| Host::new(config, jobs)).collect(),
            host_due_ns: vec![u64::MAX; topology.hosts()],
            jobs: Vec::new(),
            connections: HashMap::new(),
            failures: topology.failures.clone(),
            wear: Vec::new(),
            faults: vec![Faults::default(); topology.cables.len()],
            cable_bytes: vec![[0; 2]; topology.cables.len()],
            lost_on_cables: 0,
            worn_out: 0,
            unreadable: 0,
            samples: Samples::new(),
            random,
            randoms: Vec::new(),
            spare: Vec::new(),
            sent: Vec::new(),
            whole: Vec::new(),
        };
        simulation.connect();
        simulation.randoms = topology.ports.iter().map(|_| simulation.random.fork()).collect();
        let program = run.executor.program().clone();
        for node in topology.hosts()..topology.ports.len() {
            let updates = simulation.plan().updates(node, &program)?;
            let state = State::new(&program, 1)?;
            state.write(&updates)?;
            simulation.nodes.push(Node::new(topology, node, run, state)?);
        }
        for (index, failure) in topology.failures.iter().enumerate() {
            match failure.storm {
                None => simulation.foresee(index),
                Some((host, for_ns)) => {
                    let until_ns = failure.at_ns.saturating_add(for_ns);
                    simulation.schedule(host, failure.at_ns, Event::Pause { host: host as u32, until_ns });
                }
            }
        }
        // Apart from all else that is drawn, so that a medium's figures change nothing but what they say.
        let mut wear = fastrand::Rng::with_seed(run.seed ^ WEAR);
        simulation.wear = topology.cables.iter().map(|_| wear.fork()).collect();
        (0..topology.cables.len()).for_each(|cable| simulation.wear_out(cable, 0));
        for (job, spec) in run.jobs.jobs.iter().enumerate() {
            for rank in 0..spec.ranks {
                let host = simulation.placed[job][rank];
                let first = simulation.jobs[job].ranks[rank].ops.first();
                let computed_ns = spec.start_ns + first.map_or(0, |op| op.compute_ns);
                let event = Event::Computed { job: job as u32, rank: rank as u32 };
                simulation.schedule(host, computed_ns, event);
            }
        }
        Ok(simulation)
    }

    /// Puts down when a failure begins, is noticed and told, and ends.
    fn foresee(&mut self, index: usize) {
        let Failure { at_ns, detect_ns, control_ns, for_ns, .. } = self.failures[index];
        let detected_ns = at_ns + detect_ns;
        let mut put = |time_ns: u64, upheaval: Upheaval| {
            let at = self.upheavals.partition_point(|(other_ns, _)| *other_ns > time_ns);
            self.upheavals.insert(at, (time_ns, upheaval));
        };
        put(at_ns, Upheaval::Fail(index));
        if let Some(for_ns) = for_ns {
            put(at_ns + for_ns, Upheaval::Mend(index));
        }
        // What is over before anybody has noticed is told nobody.
        if for_ns.is_none_or(|for_ns| for_ns > detect_ns) {
            put(detected_ns, Upheaval::Detect(index));
            put(detected_ns + control_ns, Upheaval::Tell(index));
            if let Some(for_ns) = for_ns {
                put(detected_ns + for_ns + control_ns, Upheaval::TellMended(index));
            }
        }
    }

    /// Foresees when a cable fails next after a time, as its medium has it, if that is before the end.
    fn wear_out(&mut self, cable: usize, after_ns: u64) {
        let medium = &self.run.topology.cables[cable].medium;
        let Some(wait_ns) = medium.next_failure_ns(&mut self.wear[cable]) else { return };
        let at_ns = after_ns.saturating_add(wait_ns);
        if at_ns <= self.run.limit_ns {
            self.failures.push(Failure::of_medium(at_ns, cable, medium.outage_ns()));
            self.foresee(self.failures.len() - 1);
        }
    }

    fn plan(&self) -> Plan<'_> {
        Plan {
            topology: self.run.topology,
            jobs: self.run.jobs,
            placed: &self.placed,
            policy: self.run.policy,
            seed: self.run.seed,
            keys: &self.keys,
            message_bytes: self.message_bytes,
            pins: &self.pins,
            ways: &self.ways,
        }
    }

    /// Opens the connections of every job.
    fn connect(&mut self) {
        let topology = self.run.topology;
        // A host numbers its own from wherever it happens to be.
        let mut next: Vec<u32> = (0..self.hosts.len()).map(|_| self.random.u32(..0x3000)).collect();
        let mut take = |host: usize, id: u16, transport: Transport| {
            let number = next[host];
            next[host] += 1;
            match transport {
                Transport::Roce => u32::from(id) << 14 | number & 0x3fff,
                Transport::Uet => number & 0xffff,
            }
        };
        let (mut flows, mut keys) = (Vec::new(), Vec::new());
        let mut sums = [0u128; 2];
        for (index, job) in self.run.jobs.jobs.iter().enumerate() {
            let (policy, transport) = (job.policy(self.run.policy), job.transport(self.run.policy));
            let program = job.program(self.run.seed);
            // Messages between two ranks, and what each queue pair carries of them.
            let mut pairs: BTreeMap<(usize, usize), (u64, Vec<u64>)> = BTreeMap::new();
            for (rank, ops) in program.iter().enumerate() {
                for &(to, bytes) in ops.iter().flat_map(|op| &op.sends) {
                    let pair = pairs.entry((rank, to)).or_insert_with(|| (0, vec![0; job.queue_pairs]));
                    let (messages, lanes) = pair;
                    let part_bytes = job.part_bytes(bytes);
                    for lane in &mut lanes[job.striping.lanes(job.queue_pairs, *messages)] {
                        *lane += part_bytes;
                    }
                    *messages += 1;
                    sums[0] += u128::from(part_bytes) * u128::from(bytes);
                    sums[1] += u128::from(bytes);
                }
            }
            // How long the busiest host of the job sends or receives: what a flow wants of a link is its bytes over that.
            let mut moved: Vec<[u64; 2]> = vec![[0; 2]; program.len()];
            for (&(from, to), (_, lanes)) in &pairs {
                let bytes: u64 = lanes.iter().sum();
                moved[from][0] += bytes;
                moved[to][1] += bytes;
            }
            let busy_ns = moved.iter().zip(&self.placed[index]).map(|(&[sent, received], &host)| {
                let bits = 8 * u128::from(sent.max(received));
                bits * 1_000_000_000 / u128::from(topology.host_rate_bps(host).max(1))
            });
            let busy_ns = busy_ns.max().unwrap_or(1).max(1);
            for ((from, to), (_, bytes_of)) in pairs {
                let (src, dst) = (self.placed[index][from], self.placed[index][to]);
                let mut lanes = Vec::new();
                for (lane, bytes) in bytes_of.into_iter().enumerate() {
                    let (local, remote) = (take(src, job.id, transport), take(dst, job.id, transport));
                    let opening = Opening {
                        transport,
                        here: topology.address(src),
                        there: topology.address(dst),
                        local,
                        remote,
                        job: index as u32,
                        class: job.queue,
                        rate_bps: topology.host_rate_bps(src),
                    };
                    let sender = self.hosts[src].connect(opening);
                    let back = Opening {
                        here: opening.there,
                        there: opening.here,
                        local: remote,
                        remote: local,
                        ..opening
                    };
                    self.hosts[dst].listen(back, Target { job: index, rank: to, from, lane });
                    lanes.push(Connection { sender, host: src, posted_ns: VecDeque::new() });
                    if policy == Policy::Pinned {
                        let bytes_per_s = (u128::from(bytes) * 1_000_000_000 / busy_ns) as u64;
                        flows.push(Flow { job: index, src, dst, bytes_per_s });
                        keys.push(FlowKey { src, dst, dest_qp: remote });
                    }
                }
                self.connections.insert((index, from, to), Lanes { lanes, messages: 0 });
            }
            let hosts = &self.placed[index];
            let ranks: Vec<Rank> = program
                .into_iter()
                .zip(hosts)
                .map(|(ops, &host)| Rank { host, ops, ..Rank::default() })
                .collect();
            self.jobs.push(JobState {
                left: ranks.len(),
                latest_ns: 0,
                stragglers: vec![0; ranks.len()],
                ranks,
                finished_ns: None,
                message_ns: Vec::new(),
                transport,
            });
        }
        self.message_bytes = u64::try_from(sums[0] / sums[1].max(1)).unwrap_or(u64::MAX);
        (self.keys, self.flows) = (keys, flows);
        self.pins = pin(topology, &self.flows, &self.ways, &|_| true, None);
    }

    /// Which job is not done, and who waits for whom.
    fn waiting(&self) -> String {
        let name = |host: usize| self.run.topology.host_name(host);
        let after_us = self.now_ns.min(self.run.limit_ns) / 1_000;
        let mut left = self.jobs.iter().enumerate().filter(|(_, job)| job.finished_ns.is_none());
        let Some((index, job)) = left.next() else { return "all jobs are done".to_owned() };
        let spec = &self.run.jobs.jobs[index];
        let told = format!("job `{}` is not done after {after_us} us of virtual time", spec.name);
        let stuck = job.ranks.iter().find_map(|rank| {
            let op = rank.ops.get(rank.at)?;
            let has = |from: &usize| rank.received.get(from).is_some_and(|of| of.has_next(spec.striping));
            op.receives.iter().find(|from| !has(from)).map(|from| (rank, *from))
        });
        let Some((rank, from)) = stuck else { return told };
        let (host, from) = (name(rank.host), name(self.placed[index][from]));
        format!("{told}: `{host}` waits in step {} of {} for `{from}`", rank.at + 1, rank.ops.len())
    }

    /// Takes a rank through its steps as far as it gets.
    fn go_on(&mut self, job: usize, rank: usize) {
        let now_ns = self.now_ns;
        loop {
            let striping = self.run.jobs.jobs[job].striping;
            let state = &mut self.jobs[job].ranks[rank];
            let Some(op) = state.ops.get(state.at) else { return };
            if !state.computed && op.compute_ns > 0 {
                state.computed = true;
                let at_ns = now_ns + op.compute_ns;
                let event = Event::Computed { job: job as u32, rank: rank as u32 };
                self.schedule(self.node, at_ns, event);
                return;
            }
            if !state.posted {
                state.posted = true;
                let host = state.host;
                for &(to, bytes) in &op.sends {
                    let Some(connections) = self.connections.get_mut(&(job, rank, to)) else { continue };
                    let Lanes { lanes, messages } = connections;
                    let carriers = striping.lanes(lanes.len(), *messages);
                    *messages += 1;
                    let bytes = self.run.jobs.jobs[job].part_bytes(bytes);
                    for lane in &mut lanes[carriers] {
                        lane.posted_ns.push_back(now_ns);
                        self.hosts[lane.host].post(lane.sender, bytes, now_ns);
                    }
                }
                self.wake_host(host, now_ns);
            }
            let state = &mut self.jobs[job].ranks[rank];
            let Some(op) = state.ops.get(state.at) else { return };
            let received = &mut state.received;
            let whole = |from| received.get(from).is_some_and(|of: &Arrivals| of.has_next(striping));
            if !op.receives.iter().all(whole) {
                return;
            }
            for from in &op.receives {
                if let Some(of) = received.get_mut(from) {
                    of.used += 1;
                }
            }
            state.at += 1;
            (state.computed, state.posted) = (false, false);
            if state.at == state.ops.len() {
                let all = &mut self.jobs[job];
                all.left -= 1;
                all.latest_ns = all.latest_ns.max(now_ns);
                if all.left == 0 {
                    all.finished_ns = Some(all.latest_ns);
                }
            }
        }
    }

    fn message_whole(&mut self, target: Target) {
        let Target { job, rank, from, lane } = target;
        let lanes = self.run.jobs.jobs[job].queue_pairs;
        if let Some(connections) = self.connections.get_mut(&(job, from, rank))
            && let Some(posted_ns) = connections.lanes[lane].posted_ns.pop_front()
        {
            self.jobs[job].message_ns.push(self.now_ns - posted_ns);
        }
        let state = &mut self.jobs[job].ranks[rank];
        let of = state.received.entry(from).or_default();
        of.arrived.resize(lanes, 0);
        of.arrived[lane] += 1;
        let (at, waits) = (state.at, state.posted);
        self.go_on(job, rank);
        if waits && self.jobs[job].ranks[rank].at > at {
            self.jobs[job].stragglers[from] += 1;
        }
    }
}

impl Node {
    fn new(topology: &Topology, node: NodeIndex, run: &Run<'_>, state: State) -> Result<Node, RunError> {
        let mut config = Config::simulated();
        config.seed = run.seed ^ (node as u64) << 32;
        let (outlet, mut ports) = (Outlet::default(), Vec::new());
        for (port, &(cable, _)) in topology.ports[node].iter().enumerate() {
            let id = PortId(number(port) as u32);
            let queue = QueueConfig {
                depth_packets: usize::MAX,
                // Where neighbours pause each other, what came by each port is what is bounded.
                depth_bytes: match topology.switch.pause_buffer_kb {
                    0 => Some(topology.switch.queue_kb * 1_000),
                    _ => None,
                },
                rate: None,
            };
            let rate = Rate::bits_per_second(topology.cables[cable].rate_bps);
            let overhead_bytes = WIRE_OVERHEAD_BYTES as u32;
            let weights = Weights::lowest(&run.jobs.weights);
            config.ports.push((id, PortConfig { queues: QUEUES, queue, weights, rate, overhead_bytes }));
            ports.push(outlet.port(port, id));
        }
        let switch = Switch::new(config, Arc::clone(&run.executor), Arc::new(state), ports)?;
        Ok(Node { switch, outlet, due_ns: u64::MAX })
    }
}
