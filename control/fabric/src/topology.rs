//! A fabric as a graph: hosts, switches, cables; read from a topology file.
//!
//! Invariant: every host hangs on one switch, every host reaches every other, no switch has two cables in one port.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use toml::Spanned;

use crate::medium::{BUILT_IN, Medium};
use crate::spec::{Source, SpecError};

/// Most ports of a switch, and most members of a group of ports that lead to one place.
const PORTS_MAX: usize = 500;
const HOSTS_PER_LEAF_MAX: usize = 4_000;

/// A register of 32 bits has to hold it in bytes.
const KILOBYTES_MAX: u64 = 4_000_000;
/// What the longest headers, preamble, gap and check sequence add to a payload; and a pause frame, all in all.
const PACKET_OVERHEAD_BYTES: u64 = 160;
const PAUSE_FRAME_BYTES: u64 = 84;

/// A time-out that nobody has given: so many windows' times, and so long at least.
const TIMEOUT_WINDOWS: u64 = 5;
const TIMEOUT_MIN_NS: u64 = 500_000;

/// A node: hosts first, then switches.
pub(crate) type NodeIndex = usize;

/// One end of a cable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) node: NodeIndex,
    /// From 0.
    pub(crate) port: usize,
}

/// A cable.
#[derive(Clone, Debug)]
pub(crate) struct Cable {
    pub(crate) ends: [End; 2],
    pub(crate) rate_bps: u64,
    pub(crate) delay_ns: u64,
    pub(crate) medium: Medium,
}

/// Something that stops working.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) at_ns: u64,
    /// Until the ends know that their port is dead.
    pub(crate) detect_ns: u64,
    /// From then until the controller has told every switch which ways lead nowhere.
    pub(crate) control_ns: u64,
    /// How long it goes on, if not to the end.
    pub(crate) for_ns: Option<u64>,
    pub(crate) cables: Vec<usize>,
    /// A host whose adapter pauses its switch all the time, and for how long.
    pub(crate) storm: Option<(usize, u64)>,
}

/// What switches hold and mark.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SwitchSpec {
    /// What one queue of a port holds.
    pub queue_kb: u64,
    /// Where marking begins.
    pub ecn_low_kb: u64,
    /// From where on all is marked.
    pub ecn_high_kb: u64,
    /// From where on what may be trimmed is; 0: never.
    pub trim_kb: u64,
    /// Pause that ends a flowlet.
    pub flowlet_us: u32,
    /// What came by one port and may wait in one class before it is lost, where neighbours pause each other; 0: they
    /// do not.
    pub pause_buffer_kb: u64,
    /// How long a queue may be paused without a break before the watchdog lets it go on; 0: as long as it takes.
    pub watchdog_us: u64,
}

impl SwitchSpec {
    /// Why its figures contradict themselves, if they do.
    fn problem(&self, mtu_bytes: u32) -> Option<String> {
        let packet_bytes = u64::from(mtu_bytes) + PACKET_OVERHEAD_BYTES;
        let kilobytes =
            [self.queue_kb, self.ecn_low_kb, self.ecn_high_kb, self.trim_kb, self.pause_buffer_kb];
        if kilobytes.iter().any(|&kb| kb > KILOBYTES_MAX) {
            return Some(format!("what a switch holds and marks at is at most {KILOBYTES_MAX} KB"));
        }
        if self.queue_kb * 1_000 < packet_bytes {
            return Some(format!("queue_kb is {}, but a packet has {packet_bytes} bytes", self.queue_kb));
        }
        if self.ecn_low_kb > self.ecn_high_kb {
            return Some(format!("ecn_low_kb {} is above ecn_high_kb {}", self.ecn_low_kb, self.ecn_high_kb));
        }
        (self.flowlet_us > 65_000 || self.watchdog_us > 10_000_000)
            .then(|| "flowlet_us is at most 65000, watchdog_us at most 10^7".to_owned())
    }

    /// From where on what may be trimmed is, so that there is room for the packet before; 0: never.
    pub(crate) fn trim_bytes(&self, mtu_bytes: u32) -> u64 {
        let room_bytes = (self.queue_kb * 1_000).saturating_sub(u64::from(mtu_bytes) + PACKET_OVERHEAD_BYTES);
        (self.trim_kb * 1_000).min(room_bytes)
    }

    /// Most that a queue of packets that may be trimmed holds.
    pub(crate) fn trims_or_holds_bytes(&self) -> u64 {
        match self.trim_kb {
            0 => self.queue_kb * 1_000,
            trim_kb => trim_kb.min(self.queue_kb) * 1_000,
        }
    }
}

impl Default for SwitchSpec {
    fn default() -> Self {
        Self {
            queue_kb: 4_096,
            ecn_low_kb: 200,
            ecn_high_kb: 800,
            trim_kb: 400,
            flowlet_us: 20,
            pause_buffer_kb: 0,
            watchdog_us: 0,
        }
    }
}

/// What hosts do alike.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HostSpec {
    /// Payload of a full packet.
    pub mtu_bytes: u32,
    /// What one connection may have under way.
    pub window_kb: u64,
    /// Packets after which a receiver acknowledges.
    pub ack_every: u32,
    /// Time without progress after which a sender begins again; as long as a window may take, and 500 us at least, if nothing is
    /// said.
    pub timeout_us: Option<u64>,
    /// Least time between two congestion notifications of a queue pair.
    pub cnp_us: u64,
}

impl Default for HostSpec {
    fn default() -> Self {
        Self { mtu_bytes: 4_096, window_kb: 512, ack_every: 8, timeout_us: None, cnp_us: 50 }
    }
}

/// A fabric.
#[derive(Clone, Debug)]
pub struct Topology {
    /// Its name.
    pub name: String,
    pub(crate) host_names: Vec<String>,
    pub(crate) switch_names: Vec<String>,
    pub(crate) cables: Vec<Cable>,
    /// By node, then port: the cable and which end of it this is.
    pub(crate) ports: Vec<Vec<(usize, usize)>>,
    /// By host: the ordinal of its leaf and its position there.
    pub(crate) places: Vec<(usize, usize)>,
    /// Switches that have hosts.
    pub(crate) leaves: Vec<NodeIndex>,
    pub(crate) failures: Vec<Failure>,
    pub(crate) switch: SwitchSpec,
    pub(crate) host: HostSpec,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    name: String,
    leaf_spine: Option<Spanned<LeafSpine>>,
    #[serde(default)]
    switches: Vec<Spanned<String>>,
    #[serde(default)]
    hosts: Vec<Spanned<String>>,
    #[serde(default)]
    cables: Vec<Spanned<CableSpec>>,
    #[serde(default)]
    links: BTreeMap<Spanned<String>, LinkSpec>,
    #[serde(default)]
    media: BTreeMap<Spanned<String>, Medium>,
    #[serde(default)]
    failures: Vec<Spanned<FailureSpec>>,
    switch: Option<Spanned<SwitchSpec>>,
    host: Option<Spanned<HostSpec>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LeafSpine {
    leaves: usize,
    spines: usize,
    hosts_per_leaf: usize,
    host_link: Spanned<String>,
    fabric_link: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CableSpec {
    ends: [Spanned<String>; 2],
    link: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LinkSpec {
    rate_gbps: f64,
    length_m: f64,
    medium: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FailureSpec {
    at_us: f64,
    switch: Option<Spanned<String>>,
    cable: Option<[Spanned<String>; 2]>,
    /// A host whose adapter pauses its switch without a break.
    pause_storm: Option<Spanned<String>>,
    for_us: Option<f64>,
    #[serde(default = "detect_us")]
    detect_us: f64,
    #[serde(default = "control_us")]
    control_us: f64,
}

fn ns(us: f64) -> u64 {
    (us * 1e3) as u64
}

fn detect_us() -> f64 {
    50.0
}

fn control_us() -> f64 {
    1_000.0
}

/// A link as cables are made of it.
#[derive(Clone, Copy)]
struct Link {
    rate_bps: u64,
    delay_ns: u64,
    medium: Medium,
}

struct Builder<'s> {
    source: Source<'s>,
    topology: Topology,
    names: HashMap<String, NodeIndex>,
    links: HashMap<String, Link>,
}

impl Failure {
    /// Of a cable, as its medium has it; noticed and told as failures are of which nothing else is said.
    pub(crate) fn of_medium(at_ns: u64, cable: usize, for_ns: u64) -> Failure {
        Failure {
            at_ns,
            detect_ns: ns(detect_us()),
            control_ns: ns(control_us()),
            for_ns: Some(for_ns),
            cables: vec![cable],
            storm: None,
        }
    }
}

impl Topology {
    /// Reads a topology file.
    ///
    /// # Errors
    /// [`SpecError`], with the line, if the file is not understood or the fabric contradicts itself.
    pub fn parse(file: &str, text: &str) -> Result<Topology, SpecError> {
        let source = Source { file, text };
        let parsed: File = source.parse()?;
        let host = parsed.host.as_ref().map_or_else(HostSpec::default, |host| *host.get_ref());
        if let Some(at) = &parsed.host
            && (!(64..=16_384).contains(&host.mtu_bytes)
                || host.window_kb * 1_000 < u64::from(host.mtu_bytes)
                || host.ack_every == 0
                || host.timeout_us == Some(0))
        {
            let wanted = "hosts need mtu_bytes from 64 to 16384, a window of a packet at least, ack_every and timeout_us";
            return Err(source.wrong(at.span().start, wanted));
        }
        if let Some(at) = &parsed.host
            && (host.window_kb > 1_000_000
                || [host.timeout_us.unwrap_or(0), host.cnp_us].iter().any(|&us| us > 10_000_000)
                || host.ack_every > 10_000)
        {
            let wanted = "hosts have a window of at most 1 GB, times of at most ten seconds, ack_every of at most 10000";
            return Err(source.wrong(at.span().start, wanted));
        }
        if let Some(at) = &parsed.switch
            && let Some(problem) = at.get_ref().problem(host.mtu_bytes)
        {
            return Err(source.wrong(at.span().start, problem));
        }
        let topology = Topology {
            name: parsed.name.clone(),
            host_names: Vec::new(),
            switch_names: Vec::new(),
            cables: Vec::new(),
            ports: Vec::new(),
            places: Vec::new(),
            leaves: Vec::new(),
            failures: Vec::new(),
            switch: parsed.switch.as_ref().map_or_else(SwitchSpec::default, |switch| *switch.get_ref()),
            host,
        };
        let mut builder = Builder { source, topology, names: HashMap::new(), links: HashMap::new() };
        builder.links(&parsed)?;
        builder.nodes_and_cables(&parsed)?;
        builder.places()?;
        builder.timeout(&parsed)?;
        builder.headroom(&parsed)?;
        builder.failures(&parsed)?;
        Ok(builder.topology)
    }

    pub(crate) fn hosts(&self) -> usize {
        self.host_names.len()
    }

    /// A host's name.
    pub fn host_name(&self, host: usize) -> &str {
        self.host_names.get(host).map_or("?", String::as_str)
    }

    pub(crate) fn node_name(&self, node: NodeIndex) -> &str {
        match node.checked_sub(self.hosts()) {
            Some(switch) => &self.switch_names[switch],
            None => &self.host_names[node],
        }
    }

    pub(crate) fn is_host(&self, node: NodeIndex) -> bool {
        node < self.hosts()
    }

    /// 10.x.y.z: twelve bits of leaf, twelve of position, both from 1.
    pub(crate) fn address(&self, host: usize) -> u32 {
        let (leaf, position) = self.places[host];
        10 << 24 | (leaf as u32 + 1) << 12 | (position as u32 + 1)
    }

    /// The other end of a port's cable.
    pub(crate) fn peer(&self, node: NodeIndex, port: usize) -> End {
        let (cable, end) = self.ports[node][port];
        self.cables[cable].ends[1 - end]
    }

    pub(crate) fn host_rate_bps(&self, host: usize) -> u64 {
        self.cables[self.ports[host][0].0].rate_bps
    }

    /// What arrives by a cable after its end has asked the other one for a pause: what is under way both ways, and at
    /// either end the packet that has been begun.
    pub(crate) fn headroom_bytes(&self, cable: &Cable) -> u64 {
        let both_ways = u128::from(cable.rate_bps) * u128::from(2 * cable.delay_ns) / 8_000_000_000;
        let packets = 2 * (u64::from(self.host.mtu_bytes) + PACKET_OVERHEAD_BYTES) + PAUSE_FRAME_BYTES;
        u64::try_from(both_ways).unwrap_or(u64::MAX).saturating_add(packets)
    }

    /// How long the slowest port between switches sends for so many bytes.
    pub(crate) fn queue_drain_ns(&self, bytes: u64) -> u64 {
        let hosts = self.hosts();
        let between = self.cables.iter().filter(|cable| cable.ends.iter().all(|end| end.node >= hosts));
        let slowest_bps = between.map(|cable| cable.rate_bps).min().unwrap_or(u64::MAX);
        (u128::from(bytes) * 8_000_000_000 / u128::from(slowest_bps.max(1))).min(10_000_000_000) as u64
    }

    /// How long the slowest of all cables carries a connection's window.
    fn window_drain_ns(&self) -> u64 {
        let slowest_bps = self.cables.iter().map(|cable| cable.rate_bps).min().unwrap_or(u64::MAX);
        let bits = 8 * u128::from(self.host.window_kb) * 1_000;
        u64::try_from(bits * 1_000_000_000 / u128::from(slowest_bps.max(1))).unwrap_or(u64::MAX)
    }

    /// Time without progress after which a sender begins again.
    pub(crate) fn timeout_ns(&self) -> u64 {
        let usual_ns = TIMEOUT_MIN_NS.max(TIMEOUT_WINDOWS.saturating_mul(self.window_drain_ns()));
        self.host.timeout_us.map_or(usual_ns, |us| us * 1_000)
    }

    /// Hops from every switch to a leaf, over cables for which `works` says so.
    pub(crate) fn distances(&self, leaf: NodeIndex, works: &dyn Fn(usize) -> bool) -> Vec<Option<u32>> {
        let mut distance = vec![None; self.ports.len()];
        distance[leaf] = Some(0);
        let mut queue = std::collections::VecDeque::from([leaf]);
        while let Some(node) = queue.pop_front() {
            let next = distance[node].map(|hops| hops + 1);
            for &(cable, end) in &self.ports[node] {
                let other = self.cables[cable].ends[1 - end].node;
                if works(cable) && !self.is_host(other) && distance[other].is_none() {
                    distance[other] = next;
                    queue.push_back(other);
                }
            }
        }
        distance
    }
}

impl Builder<'_> {
    fn links(&mut self, parsed: &File) -> Result<(), SpecError> {
        let mut media: HashMap<&str, Medium> = BUILT_IN.iter().copied().collect();
        for (name, medium) in &parsed.media {
            if let Some(problem) = medium.problem() {
                return Err(self.wrong(name, format!("medium `{}`: {problem}", name.get_ref())));
            }
            media.insert(name.get_ref(), *medium);
        }
        for (name, spec) in &parsed.links {
            let Some(medium) = media.get(spec.medium.get_ref().as_str()) else {
                let mut known: Vec<&str> = media.keys().copied().collect();
                known.sort_unstable();
                let message =
                    format!("there is no medium `{}`; known are {}", spec.medium.get_ref(), known.join(", "));
                return Err(self.wrong(&spec.medium, message));
            };
            if !(spec.rate_gbps.is_finite() && (0.001..=100_000.0).contains(&spec.rate_gbps)) {
                return Err(
                    self.wrong(name, format!("link `{}`: rate_gbps is from 0.001 to 100000", name.get_ref()))
                );
            }
            if !(spec.length_m.is_finite() && spec.length_m >= 0.0 && spec.length_m <= medium.reach_m) {
                let message = format!(
                    "link `{}`: {} m is beyond what `{}` reaches, {} m",
                    name.get_ref(),
                    spec.length_m,
                    spec.medium.get_ref(),
                    medium.reach_m
                );
                return Err(self.wrong(name, message));
            }
            let rate_bps = (spec.rate_gbps * 1e9) as u64;
            let link = Link { rate_bps, delay_ns: medium.delay_ns(spec.length_m), medium: *medium };
            self.links.insert(name.get_ref().clone(), link);
        }
        Ok(())
    }

    fn nodes_and_cables(&mut self, parsed: &File) -> Result<(), SpecError> {
        let Some(shape) = &parsed.leaf_spine else {
            if parsed.hosts.is_empty() || parsed.switches.is_empty() {
                return Err(self
                    .source
                    .wrong(0, "a fabric needs [leaf_spine], or switches, hosts and cables"));
            }
            for host in &parsed.hosts {
                self.node(host, true)?;
            }
            for switch in &parsed.switches {
                self.node(switch, false)?;
            }
            for cable in &parsed.cables {
                let spec = cable.get_ref();
                let (a, b) = (self.named(&spec.ends[0])?, self.named(&spec.ends[1])?);
                let link = self.link(&spec.link)?;
                if a == b {
                    return Err(self.wrong(cable, "a cable has two different ends"));
                }
                let hosts = self.topology.hosts();
                if a < hosts && b < hosts {
                    return Err(self.wrong(cable, "a cable between two hosts is no fabric"));
                }
                for end in [a, b] {
                    if end < hosts && !self.topology.ports[end].is_empty() {
                        let message = format!("host `{}` has two cables", self.topology.node_name(end));
                        return Err(self.wrong(cable, message));
                    }
                }
                self.cable(a, b, link);
            }
            return Ok(());
        };
        if !parsed.switches.is_empty() || !parsed.hosts.is_empty() || !parsed.cables.is_empty() {
            return Err(self.wrong(shape, "give [leaf_spine] or switches, hosts and cables, not both"));
        }
        let spec = shape.get_ref();
        let too_many = spec.leaves > 4_000
            || spec.spines > 64
            || spec.hosts_per_leaf + spec.spines > PORTS_MAX
            || spec.leaves > PORTS_MAX;
        if spec.leaves == 0 || spec.spines == 0 || spec.hosts_per_leaf == 0 || too_many {
            let message = "a leaf-spine has 1 to 500 leaves, 1 to 64 spines, and leaves of at most 500 ports";
            return Err(self.wrong(shape, message));
        }
        let (host_link, fabric_link) = (self.link(&spec.host_link)?, self.link(&spec.fabric_link)?);
        let hosts = spec.leaves * spec.hosts_per_leaf;
        let topology = &mut self.topology;
        topology.host_names = (0..hosts).map(|i| format!("h{i}")).collect();
        topology.switch_names = (0..spec.leaves).map(|i| format!("leaf{i}")).collect();
        topology.switch_names.extend((0..spec.spines).map(|i| format!("spine{i}")));
        topology.ports = vec![Vec::new(); hosts + topology.switch_names.len()];
        for node in 0..topology.ports.len() {
            self.names.insert(self.topology.node_name(node).to_owned(), node);
        }
        for host in 0..hosts {
            self.cable(host, hosts + host / spec.hosts_per_leaf, host_link);
        }
        for leaf in 0..spec.leaves {
            for spine in 0..spec.spines {
                self.cable(hosts + leaf, hosts + spec.leaves + spine, fabric_link);
            }
        }
        Ok(())
    }

    fn node(&mut self, name: &Spanned<String>, is_host: bool) -> Result<(), SpecError> {
        let node = self.topology.ports.len();
        if self.names.insert(name.get_ref().clone(), node).is_some() {
            return Err(self.wrong(name, format!("`{}` is there twice", name.get_ref())));
        }
        self.topology.ports.push(Vec::new());
        let names = if is_host { &mut self.topology.host_names } else { &mut self.topology.switch_names };
        names.push(name.get_ref().clone());
        Ok(())
    }

    fn cable(&mut self, a: NodeIndex, b: NodeIndex, link: Link) {
        let topology = &mut self.topology;
        let ends = [a, b].map(|node| End { node, port: topology.ports[node].len() });
        let index = topology.cables.len();
        topology.ports[a].push((index, 0));
        topology.ports[b].push((index, 1));
        let Link { rate_bps, delay_ns, medium } = link;
        topology.cables.push(Cable { ends, rate_bps, delay_ns, medium });
    }

    /// Who hangs where; and that all hang together.
    fn places(&mut self) -> Result<(), SpecError> {
        let topology = &mut self.topology;
        let mut ordinals: HashMap<NodeIndex, (usize, usize)> = HashMap::new();
        for host in 0..topology.host_names.len() {
            let Some(&(cable, end)) = topology.ports[host].first() else {
                let message = format!("host `{}` has no cable", topology.host_names[host]);
                let at = self.source.text.find(&format!("\"{}\"", topology.host_names[host])).unwrap_or(0);
                return Err(self.source.wrong(at, message));
            };
            let leaf = topology.cables[cable].ends[1 - end].node;
            let next = ordinals.len();
            let (ordinal, count) = ordinals.entry(leaf).or_insert_with(|| {
                topology.leaves.push(leaf);
                (next, 0)
            });
            topology.places.push((*ordinal, *count));
            *count += 1;
            if *count > HOSTS_PER_LEAF_MAX {
                return Err(self.source.wrong(0, "a switch has at most 4000 hosts"));
            }
        }
        for (node, ports) in topology.ports.iter().enumerate() {
            if ports.len() > PORTS_MAX {
                let message = format!("`{}` has more than {PORTS_MAX} cables", topology.node_name(node));
                return Err(self.source.wrong(0, message));
            }
        }
        let Some(&first) = topology.leaves.first() else {
            return Err(self.source.wrong(0, "a fabric needs a host"));
        };
        let distances = topology.distances(first, &|_| true);
        for (node, distance) in distances.iter().enumerate().skip(topology.hosts()) {
            if distance.is_none() {
                let name = topology.node_name(node);
                let message = format!(
                    "`{name}` cannot be reached from `{}`: the fabric is in parts",
                    topology.node_name(first)
                );
                let at = self.source.text.find(&format!("\"{name}\"")).unwrap_or(0);
                return Err(self.source.wrong(at, message));
            }
        }
        Ok(())
    }

    /// That senders do not begin again while all of a window is just on its way.
    fn timeout(&self, parsed: &File) -> Result<(), SpecError> {
        let Some(at) = &parsed.host else { return Ok(()) };
        let drain_us = self.topology.window_drain_ns() / 1_000;
        match at.get_ref().timeout_us {
            Some(us) if us <= drain_us => {
                let message = format!(
                    "timeout_us is {us}, but a window of {} KB takes {drain_us} us on the slowest link: give more, or a smaller window_kb",
                    at.get_ref().window_kb
                );
                Err(self.wrong(at, message))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// That every port has room for what arrives after it has asked for a pause.
    fn headroom(&self, parsed: &File) -> Result<(), SpecError> {
        let Some(at) = parsed.switch.as_ref().filter(|switch| switch.get_ref().pause_buffer_kb > 0) else {
            return Ok(());
        };
        for cable in &self.topology.cables {
            let wanted_bytes =
                self.topology.headroom_bytes(cable) + 4 * u64::from(self.topology.host.mtu_bytes);
            let buffer_kb = at.get_ref().pause_buffer_kb;
            if buffer_kb * 1_000 < wanted_bytes {
                let [a, b] = cable.ends.map(|end| self.topology.node_name(end.node));
                let message = format!(
                    "pause_buffer_kb is {buffer_kb}, but the cable from `{a}` to `{b}` wants {} KB: twice what is \
                     under way when a pause is asked for, and four packets",
                    wanted_bytes.div_ceil(1_000)
                );
                return Err(self.wrong(at, message));
            }
        }
        Ok(())
    }

    fn failures(&mut self, parsed: &File) -> Result<(), SpecError> {
        for failure in &parsed.failures {
            let spec = failure.get_ref();
            let times = [spec.at_us, spec.detect_us, spec.control_us, spec.for_us.unwrap_or(1.0)];
            if times.iter().any(|time| !time.is_finite() || *time < 0.0 || *time > 1e9) {
                return Err(self.wrong(failure, "a failure's times are from 0 to 10^9 microseconds"));
            }
            if spec.for_us.is_some_and(|us| ns(us) == 0) {
                return Err(self.wrong(
                    failure,
                    "a failure goes on for a nanosecond at least; without `for_us`, to the end",
                ));
            }
            let for_ns = spec.for_us.map(ns);
            let mut storm = None;
            let cables: Vec<usize> = match (&spec.switch, &spec.cable, &spec.pause_storm) {
                (None, None, Some(name)) => {
                    let node = self.named(name)?;
                    let Some(for_ns) = for_ns.filter(|_| self.topology.is_host(node)) else {
                        return Err(
                            self.wrong(name, "a pause_storm is of a host, and goes on `for_us` microseconds")
                        );
                    };
                    storm = Some((node, for_ns));
                    Vec::new()
                }
                (Some(name), None, None) => {
                    let node = self.named(name)?;
                    if self.topology.is_host(node) {
                        let message =
                            format!("`{}` is a host; a failure is of a switch or of a cable", name.get_ref());
                        return Err(self.wrong(name, message));
                    }
                    self.topology.ports[node].iter().map(|(cable, _)| *cable).collect()
                }
                (None, Some([a, b]), None) => {
                    let (from, to) = (self.named(a)?, self.named(b)?);
                    let ports = self.topology.ports[from].iter();
                    let all = ports.filter(|(c, end)| self.topology.cables[*c].ends[1 - end].node == to);
                    let found: Vec<usize> = all.map(|(cable, _)| *cable).collect();
                    if found.is_empty() {
                        let message =
                            format!("there is no cable from `{}` to `{}`", a.get_ref(), b.get_ref());
                        return Err(self.wrong(a, message));
                    }
                    found
                }
                (Some(_), Some(_), _)
                | (Some(_), _, Some(_))
                | (_, Some(_), Some(_))
                | (None, None, None) => {
                    let wanted = "a failure is of a `switch` or of a `cable`, or a `pause_storm` of a host";
                    return Err(self.wrong(failure, wanted));
                }
            };
            let (at_ns, detect_ns, control_ns) = (ns(spec.at_us), ns(spec.detect_us), ns(spec.control_us));
            self.topology.failures.push(Failure { at_ns, detect_ns, control_ns, for_ns, cables, storm });
        }
        Ok(())
    }

    fn named(&self, name: &Spanned<String>) -> Result<NodeIndex, SpecError> {
        let found = self.names.get(name.get_ref()).copied();
        found.ok_or_else(|| self.wrong(name, format!("there is no host or switch `{}`", name.get_ref())))
    }

    fn link(&self, name: &Spanned<String>) -> Result<Link, SpecError> {
        let found = self.links.get(name.get_ref()).copied();
        found.ok_or_else(|| {
            let message = format!("there is no link `{}`; give [links.{}]", name.get_ref(), name.get_ref());
            self.wrong(name, message)
        })
    }

    fn wrong<T>(&self, at: &Spanned<T>, message: impl Into<String>) -> SpecError {
        self.source.wrong(at.span().start, message)
    }
}
