//! Training jobs: who takes part, what they exchange, over which transport; read from a job file.
//!
//! Invariant: a job has at least two ranks, each on a host of the topology, no two of one job on the same host.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use crate::collective::{Collective, Op, schedule};
use crate::policy::{Policy, Transport};
use crate::spec::{Source, SpecError};
use crate::topology::Topology;

/// All jobs of a run.
#[derive(Clone, Debug)]
pub struct Jobs {
    pub(crate) jobs: Vec<Job>,
    /// Bits per second that a tenant may send into the fabric by one switch.
    pub(crate) limits: BTreeMap<u16, u64>,
    /// Weights of the queues that jobs wait in, by number.
    pub(crate) weights: Vec<u8>,
}

/// Meters of `pipelines/ai_fabric/isolation.p4`.
const LIMITED_TENANTS: u16 = 4_096;
/// Queues of a port for jobs; those above are for trimmed packets and for control.
const JOB_QUEUES: usize = 6;

/// A job.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) name: String,
    /// Its number in the switches' tables; not 0.
    pub(crate) id: u16,
    pub(crate) tenant: u16,
    pub(crate) weight: u8,
    /// Where its packets wait: tenants do not wait behind each other while there are queues.
    pub(crate) queue: u8,
    pub(crate) placement: Placement,
    pub(crate) ranks: usize,
    pub(crate) phases: Vec<(Collective, u64)>,
    pub(crate) iterations: usize,
    pub(crate) compute_ns: u64,
    pub(crate) start_ns: u64,
    pub(crate) queue_pairs: usize,
    pub(crate) slices: Option<u64>,
    pub(crate) striping: Striping,
    /// Its own instead of the run's.
    policy: Option<Policy>,
    transport: Option<Transport>,
}

/// How several queue pairs of a connection share its messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Striping {
    /// Each carries a part of every message.
    Split,
    /// Each carries every so-manieth message whole, so that it pauses in between.
    Turns,
}

impl Striping {
    /// Which of so many queue pairs carry a connection's message of that number.
    pub(crate) fn lanes(self, lanes: usize, message: u64) -> Range<usize> {
        match self {
            Striping::Split => 0..lanes,
            Striping::Turns => {
                let turn = (message % lanes.max(1) as u64) as usize;
                turn..turn + 1
            }
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Placement {
    /// On free hosts drawn by the run's seed.
    Random,
    /// On the first free hosts.
    Packed,
    /// On free hosts, one leaf after the other.
    Spread,
    /// On these.
    Hosts(Vec<usize>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    jobs: Vec<Spanned<JobSpec>>,
    #[serde(default)]
    tenants: Vec<Spanned<TenantSpec>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TenantSpec {
    tenant: u16,
    limit_gbps: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JobSpec {
    name: String,
    ranks: Option<Spanned<usize>>,
    hosts: Option<Vec<Spanned<String>>>,
    #[serde(default)]
    placement: Option<Spanned<String>>,
    collective: Option<Spanned<String>>,
    bytes: Option<Spanned<u64>>,
    #[serde(default)]
    phases: Vec<Spanned<PhaseSpec>>,
    #[serde(default = "one")]
    iterations: usize,
    #[serde(default)]
    compute_us: f64,
    #[serde(default)]
    start_us: f64,
    #[serde(default = "one")]
    queue_pairs: usize,
    striping: Option<Spanned<String>>,
    policy: Option<Spanned<String>>,
    transport: Option<Spanned<String>>,
    tenant: Option<u16>,
    weight: Option<Spanned<u64>>,
    slices: Option<Spanned<u64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PhaseSpec {
    collective: Spanned<String>,
    bytes: Spanned<u64>,
}

fn one() -> usize {
    1
}

impl Jobs {
    /// Reads a job file against the fabric that it is for.
    ///
    /// # Errors
    /// [`SpecError`], with the line.
    pub fn parse(file: &str, text: &str, topology: &Topology) -> Result<Jobs, SpecError> {
        let source = Source { file, text };
        let parsed: File = source.parse()?;
        if parsed.jobs.is_empty() || parsed.jobs.len() > 500 {
            return Err(source.wrong(0, "a job file has 1 to 500 [[jobs]]"));
        }
        let mut jobs: Vec<Job> = Vec::new();
        let mut claimed = 0;
        for (index, spec) in parsed.jobs.iter().enumerate() {
            let job = job(&source, index, spec, topology)?;
            if jobs.iter().any(|other| other.name == job.name) {
                return Err(source.wrong(spec.span().start, format!("job `{}` is there twice", job.name)));
            }
            if !matches!(job.placement, Placement::Hosts(_)) {
                claimed += job.ranks;
            }
            if claimed > topology.hosts() {
                let message = format!(
                    "job `{}`: the jobs so far want {claimed} hosts, the fabric has {}",
                    job.name,
                    topology.hosts()
                );
                return Err(source.wrong(spec.span().start, message));
            }
            jobs.push(job);
        }
        let mut limits = BTreeMap::new();
        for spec in &parsed.tenants {
            let TenantSpec { tenant, limit_gbps } = *spec.get_ref();
            if !jobs.iter().any(|job| job.tenant == tenant) {
                return Err(source.wrong(spec.span().start, format!("tenant {tenant} has no job")));
            }
            if tenant >= LIMITED_TENANTS {
                let message =
                    format!("tenant {tenant}: those with a limit have numbers below {LIMITED_TENANTS}");
                return Err(source.wrong(spec.span().start, message));
            }
            if !(limit_gbps.is_finite() && (0.001..=100_000.0).contains(&limit_gbps)) {
                let message = format!("tenant {tenant}: limit_gbps is from 0.001 to 100000");
                return Err(source.wrong(spec.span().start, message));
            }
            if limits.insert(tenant, (limit_gbps * 1e9) as u64).is_some() {
                return Err(source.wrong(spec.span().start, format!("tenant {tenant} is there twice")));
            }
        }
        let weights = queues(&mut jobs);
        Ok(Jobs { jobs, limits, weights })
    }

    /// Puts ranks on hosts: by job, the host of each rank.
    pub(crate) fn place(&self, topology: &Topology, random: &mut fastrand::Rng) -> Vec<Vec<usize>> {
        let mut free = vec![true; topology.hosts()];
        for job in &self.jobs {
            if let Placement::Hosts(hosts) = &job.placement {
                for &host in hosts {
                    free[host] = false;
                }
            }
        }
        let mut order: Vec<usize> = (0..topology.hosts()).collect();
        random.shuffle(&mut order);
        let mut spread: Vec<usize> = (0..topology.hosts()).collect();
        spread.sort_by_key(|&host| (topology.places[host].1, topology.places[host].0));
        let packed: Vec<usize> = (0..topology.hosts()).collect();
        let mut placed = Vec::new();
        for job in &self.jobs {
            let from = match &job.placement {
                Placement::Hosts(hosts) => {
                    placed.push(hosts.clone());
                    continue;
                }
                Placement::Random => &order,
                Placement::Packed => &packed,
                Placement::Spread => &spread,
            };
            // Named hosts may use up what was promised; then a host serves several jobs.
            let mut hosts: Vec<usize> =
                from.iter().copied().filter(|&host| free[host]).take(job.ranks).collect();
            let others: Vec<usize> = from
                .iter()
                .copied()
                .filter(|host| !hosts.contains(host))
                .take(job.ranks - hosts.len())
                .collect();
            hosts.extend(others);
            for &host in &hosts {
                free[host] = false;
            }
            placed.push(hosts);
        }
        placed
    }
}

/// How many times as much as one of its senders sends a host of a job has to receive for the job to flood it.
const FLOODS: u64 = 4;
/// How much heavier jobs are beside one that floods. A flow that has to share a link with a flood's loses no more than about
/// a thirtieth of it; the flood loses next to nothing, since it is its receiver's link that it waits for.
const BESIDE_A_FLOOD: u8 = 32;

/// Gives every tenant, and every weight of a tenant's, a queue while there are any, then goes round; the queues' weights.
fn queues(jobs: &mut [Job]) -> Vec<u8> {
    if jobs.iter().any(Job::floods) {
        for job in jobs.iter_mut().filter(|job| !job.floods()) {
            job.weight = job.weight.saturating_mul(BESIDE_A_FLOOD);
        }
    }
    let mut classes: Vec<(u16, u8)> = Vec::new();
    let mut weights: Vec<u8> = Vec::new();
    for job in jobs {
        let class = (job.tenant, job.weight);
        let known = classes.iter().position(|known| *known == class);
        let number = known.unwrap_or_else(|| {
            classes.push(class);
            classes.len() - 1
        });
        let queue = number % JOB_QUEUES;
        job.queue = queue as u8;
        match weights.get_mut(queue) {
            Some(weight) => *weight = job.weight.max(*weight),
            None => weights.push(job.weight),
        }
    }
    weights
}

/// Slices of a ring's part if nothing else is said, and the least that one is worth while.
const SLICES: u64 = 4;
const SLICE_BYTES_MIN: u64 = 65_536;

impl Job {
    /// How its packets choose among paths in a run of a policy.
    pub(crate) fn policy(&self, of_run: Policy) -> Policy {
        self.policy.unwrap_or(of_run)
    }

    /// What carries it there.
    pub(crate) fn transport(&self, of_run: Policy) -> Transport {
        self.transport.unwrap_or(self.policy(of_run).transport())
    }

    /// That a message is sent in.
    pub(crate) fn parts(&self) -> u64 {
        match self.striping {
            Striping::Split => self.queue_pairs.max(1) as u64,
            Striping::Turns => 1,
        }
    }

    /// What one of its queue pairs has of a message.
    pub(crate) fn part_bytes(&self, bytes: u64) -> u64 {
        bytes.div_ceil(self.parts()).max(1)
    }

    /// Into how many slices a ring over so many bytes cuts what a rank passes on.
    fn slices(&self, bytes: u64) -> u64 {
        let part = bytes / self.ranks.max(1) as u64;
        self.slices.unwrap_or_else(|| SLICES.min(part / SLICE_BYTES_MIN).max(1))
    }

    /// Whether many of its ranks send to one at once, so that the one's link is what all wait for.
    fn floods(&self) -> bool {
        let mut received = vec![0u64; self.ranks];
        let mut most_sent = 0;
        for ops in (Job { iterations: 1, ..self.clone() }).program(0) {
            let mut sent = 0u64;
            for &(to, bytes) in ops.iter().flat_map(|op| &op.sends) {
                received[to] = received[to].saturating_add(bytes);
                sent = sent.saturating_add(bytes);
            }
            most_sent = most_sent.max(sent);
        }
        received.into_iter().max().unwrap_or(0) >= FLOODS.saturating_mul(most_sent.max(1))
    }

    /// What every rank does, in order, all iterations.
    pub(crate) fn program(&self, seed: u64) -> Vec<Vec<Op>> {
        let mut program = vec![Vec::new(); self.ranks];
        for iteration in 0..self.iterations {
            for (phase, (collective, bytes)) in self.phases.iter().enumerate() {
                let salt = seed ^ (iteration as u64) << 32 ^ (phase as u64) << 16 ^ u64::from(self.id);
                let schedule = schedule(*collective, self.ranks, *bytes, self.slices(*bytes), salt);
                for (all, mut ops) in program.iter_mut().zip(schedule) {
                    if phase == 0
                        && let Some(first) = ops.first_mut()
                    {
                        first.compute_ns = self.compute_ns;
                    }
                    all.append(&mut ops);
                }
            }
        }
        program
    }
}

fn job(
    source: &Source<'_>,
    index: usize,
    at: &Spanned<JobSpec>,
    topology: &Topology,
) -> Result<Job, SpecError> {
    let spec = at.get_ref();
    let name = &spec.name;
    let wrong = |at: usize, message: String| Err(source.wrong(at, format!("job `{name}`: {message}")));
    let start = at.span().start;
    let (ranks, placement) = match (&spec.hosts, &spec.ranks) {
        (Some(hosts), None) => {
            let mut found = Vec::new();
            for host in hosts {
                let Some(number) = topology.host_names.iter().position(|known| known == host.get_ref())
                else {
                    return wrong(host.span().start, format!("there is no host `{}`", host.get_ref()));
                };
                if found.contains(&number) {
                    return wrong(host.span().start, format!("host `{}` is there twice", host.get_ref()));
                }
                found.push(number);
            }
            (found.len(), Placement::Hosts(found))
        }
        (None, Some(ranks)) => {
            if *ranks.get_ref() > topology.hosts() {
                let message =
                    format!("{} ranks, but the fabric has {} hosts", ranks.get_ref(), topology.hosts());
                return wrong(ranks.span().start, message);
            }
            let placement = match spec.placement.as_ref().map(|p| (p, p.get_ref().as_str())) {
                None | Some((_, "random")) => Placement::Random,
                Some((_, "packed")) => Placement::Packed,
                Some((_, "spread")) => Placement::Spread,
                Some((at, other)) => {
                    let message = format!("placement is random, packed or spread, not `{other}`");
                    return wrong(at.span().start, message);
                }
            };
            (*ranks.get_ref(), placement)
        }
        (Some(_), Some(_)) | (None, None) => return wrong(start, "give `ranks` or `hosts`".into()),
    };
    if ranks < 2 {
        let named = spec.hosts.as_ref().and_then(|hosts| hosts.first()).map(|host| host.span());
        let at = spec.ranks.as_ref().map(|ranks| ranks.span()).or(named).map_or(start, |span| span.start);
        return wrong(at, format!("a job has at least two ranks to exchange anything, not {ranks}"));
    }
    let mut phases = Vec::new();
    let single = match (&spec.collective, &spec.bytes) {
        (Some(collective), Some(bytes)) => Some((collective, bytes)),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => {
            return wrong(start, "`collective` and `bytes` go together".into());
        }
    };
    let listed = spec.phases.iter().map(|phase| (&phase.get_ref().collective, &phase.get_ref().bytes));
    for (collective, bytes) in single.into_iter().chain(listed) {
        let Some(kind) = Collective::named(collective.get_ref()) else {
            let message =
                format!("`{}` is no collective; known are {}", collective.get_ref(), Collective::names());
            return wrong(collective.span().start, message);
        };
        if kind == Collective::HalvingDoubling && !ranks.is_power_of_two() {
            return wrong(
                collective.span().start,
                format!("halving-doubling wants a power of two, not {ranks} ranks"),
            );
        }
        if *bytes.get_ref() == 0 || *bytes.get_ref() > 1 << 36 {
            let message = format!(
                "bytes are from 1 to 64 GiB, not {}; leave a job out that moves nothing",
                bytes.get_ref()
            );
            return wrong(bytes.span().start, message);
        }
        phases.push((kind, *bytes.get_ref()));
    }
    if phases.is_empty() {
        return wrong(start, "give `collective` and `bytes`, or [[jobs.phases]]".into());
    }
    if spec.queue_pairs == 0 || spec.queue_pairs > 64 || spec.iterations == 0 || spec.iterations > 100_000 {
        return wrong(start, "queue_pairs are from 1 to 64, iterations from 1 to 100000".into());
    }
    let is_time = |us: f64| us.is_finite() && (0.0..=1e9).contains(&us);
    if !is_time(spec.compute_us) || !is_time(spec.start_us) {
        return wrong(start, "times are from 0 to 10^9 microseconds".into());
    }
    let policy = match &spec.policy {
        None => None,
        Some(name) => match Policy::named(name.get_ref()) {
            Some(policy) => Some(policy),
            None => {
                let known = Policy::ALL.map(Policy::name).join(", ");
                let message = format!("policy is one of {known}, not `{}`", name.get_ref());
                return wrong(name.span().start, message);
            }
        },
    };
    let transport = match spec.transport.as_ref().map(|t| (t, t.get_ref().as_str())) {
        None | Some((_, "auto")) => None,
        Some((_, "roce")) => Some(Transport::Roce),
        Some((_, "uet")) => Some(Transport::Uet),
        Some((at, other)) => {
            return wrong(at.span().start, format!("transport is auto, roce or uet, not `{other}`"));
        }
    };
    let weight = match &spec.weight {
        None => 1,
        Some(at) => match u8::try_from(*at.get_ref()) {
            Ok(weight @ 1..) => weight,
            Ok(0) | Err(_) => return wrong(at.span().start, "a weight is from 1 to 255".into()),
        },
    };
    if let Some(slices) = &spec.slices
        && !(1..=64).contains(slices.get_ref())
    {
        return wrong(slices.span().start, "slices are from 1 to 64".into());
    }
    let striping = match spec.striping.as_ref().map(|s| (s, s.get_ref().as_str())) {
        None | Some((_, "split")) => Striping::Split,
        Some((_, "turns")) => Striping::Turns,
        Some((at, other)) => {
            return wrong(at.span().start, format!("striping is split or turns, not `{other}`"));
        }
    };
    Ok(Job {
        name: name.clone(),
        id: index as u16 + 1,
        tenant: spec.tenant.unwrap_or(index as u16 + 1),
        weight,
        queue: 0,
        placement,
        ranks,
        phases,
        iterations: spec.iterations,
        compute_ns: (spec.compute_us * 1e3) as u64,
        start_ns: (spec.start_us * 1e3) as u64,
        queue_pairs: spec.queue_pairs,
        slices: spec.slices.as_ref().map(|slices| *slices.get_ref()),
        striping,
        policy,
        transport,
    })
}
