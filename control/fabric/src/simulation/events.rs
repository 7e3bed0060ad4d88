//! What happens in a fabric: packets arrive at the ends of cables, switches and hosts send when it is time.
//!
//! Invariant: an event touches what belongs to its own host or switch, and others only by the cables between them.

use std::collections::BTreeSet;

use heddle_packet::{Packet, PortId, prefetch};

use super::{Faults, RunError, STORM_NS, Simulation, TICK_NS, WIRE_OVERHEAD_BYTES};
use crate::frame;
use crate::host::Next;
use crate::placement::pin;
use crate::tables::{number, pause_ns};
use crate::topology::{Cable, End, Failure, NodeIndex};
use crate::ways::Ways;

/// Where the headers of most packets end.
const HEADERS_BYTES: usize = 64;

#[derive(Debug)]
pub(super) enum Event {
    /// A packet is all there at an end of a cable.
    Arrive {
        cable: u32,
        end: u8,
        packet: Packet,
    },
    StepSwitch(u32),
    WakeHost(u32),
    Computed {
        job: u32,
        rank: u32,
    },
    /// A host pauses its switch, and again until then.
    Pause {
        host: u32,
        until_ns: u64,
    },
}

/// What concerns all parts of the fabric.
#[derive(Clone, Copy, Debug)]
pub(super) enum Upheaval {
    Fail(usize),
    Mend(usize),
    /// The ends of what has failed know that their ports are dead.
    Detect(usize),
    /// The controller tells every switch what leads where without it.
    Tell(usize),
    /// It tells what leads where with it, and that its ports work again.
    TellMended(usize),
}

// Many of them wait at once.
const _: () = assert!(size_of::<Option<Event>>() <= 16);

/// From a packet's first bit to its last.
fn sending_ns(cable: &Cable, packet: &Packet) -> u64 {
    let wire_bytes = packet.wire_len as u64 + WIRE_OVERHEAD_BYTES;
    (8 * wire_bytes * 1_000_000_000).div_ceil(cable.rate_bps)
}

impl Simulation<'_> {
    /// Has something happen at a host or switch.
    pub(super) fn schedule(&mut self, node: NodeIndex, time_ns: u64, event: Event) {
        self.windows.put(self.division.part(node), time_ns, event);
    }

    pub(super) fn wake_host(&mut self, host: usize, time_ns: u64) {
        let time_ns = time_ns.max(self.hosts[host].busy_until_ns);
        if time_ns < self.host_due_ns[host] {
            self.host_due_ns[host] = time_ns;
            self.schedule(host, time_ns, Event::WakeHost(host as u32));
        }
    }

    fn wake_switch(&mut self, node: usize, time_ns: u64) {
        if time_ns < self.nodes[node].due_ns {
            self.nodes[node].due_ns = time_ns;
            let event = Event::StepSwitch(node as u32);
            self.schedule(self.hosts.len() + node, time_ns, event);
        }
    }

    /// What happens until some part could hear of what another does meanwhile. False if nothing does before the end.
    pub(super) fn advance(&mut self) -> Result<bool, RunError> {
        let upheaval_ns = self.upheavals.last().map(|(time_ns, _)| *time_ns);
        let begin_ns = self.windows.next_ns().into_iter().chain(upheaval_ns).min();
        let Some(begin_ns) = begin_ns.filter(|begin_ns| *begin_ns < self.end_ns()) else { return Ok(false) };
        if begin_ns >= self.samples.due_ns() {
            let of_job =
                |job: usize| -> u64 { self.hosts.iter().map(|host| host.counts[job].payload_bytes).sum() };
            let arrived: Vec<u64> = (0..self.jobs.len()).map(of_job).collect();
            self.samples.take(begin_ns, &arrived);
        }
        self.now_ns = begin_ns;
        while let Some((_, upheaval)) = self.upheavals.pop_if(|(time_ns, _)| *time_ns <= begin_ns) {
            match upheaval {
                Upheaval::Fail(failure) => self.fail(failure),
                Upheaval::Mend(failure) => self.each_fault(failure, |fault| fault.there -= 1),
                Upheaval::Detect(failure) => {
                    self.each_fault(failure, |fault| fault.detected += 1);
                    self.tell_ports(failure);
                }
                Upheaval::Tell(failure) => {
                    self.each_fault(failure, |fault| fault.told += 1);
                    self.reroute()?;
                }
                Upheaval::TellMended(failure) => {
                    self.each_fault(failure, |fault| {
                        fault.detected -= 1;
                        fault.told -= 1;
                    });
                    self.reroute()?;
                    // Not before: a port that came back by itself would draw flows from where the controller has just put them.
                    self.tell_ports(failure);
                }
            }
        }
        let upheaval_ns = self.upheavals.last().map_or(u64::MAX, |(time_ns, _)| *time_ns);
        // A sample is due at a tick.
        let tick_ns = (begin_ns / TICK_NS + 1).saturating_mul(TICK_NS);
        let end_ns = begin_ns.saturating_add(self.division.window_ns()).min(tick_ns).min(upheaval_ns);
        for part in 0..self.division.parts() {
            self.windows.begin(part, end_ns);
            while let Some((time_ns, event)) = self.windows.take() {
                if let Some(Event::Arrive { packet, .. }) = self.windows.following() {
                    // It comes from another part, and so was not touched for a window.
                    prefetch(packet.bytes().as_ptr(), HEADERS_BYTES);
                }
                self.now_ns = time_ns;
                self.node = self.node_of(&event);
                self.happen(event);
            }
        }
        self.windows.end();
        self.now_ns = end_ns - 1;
        Ok(true)
    }

    /// Where an event happens.
    fn node_of(&self, event: &Event) -> NodeIndex {
        match *event {
            Event::Arrive { cable, end, .. } => {
                self.run.topology.cables[cable as usize].ends[usize::from(end)].node
            }
            Event::StepSwitch(switch) => self.hosts.len() + switch as usize,
            Event::WakeHost(host) | Event::Pause { host, .. } => host as usize,
            Event::Computed { job, rank } => self.placed[job as usize][rank as usize],
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Arrive { cable, end, packet } => self.arrive(cable as usize, usize::from(end), packet),
            // A later wake-up may have been scheduled first; only the earliest counts.
            Event::StepSwitch(node) => {
                if self.nodes[node as usize].due_ns == self.now_ns {
                    self.step_switch(node as usize);
                }
            }
            Event::WakeHost(host) => {
                if self.host_due_ns[host as usize] == self.now_ns {
                    self.send(host as usize);
                }
            }
            Event::Computed { job, rank } => {
                let (job, rank) = (job as usize, rank as usize);
                self.jobs[job].ranks[rank].computed = true;
                self.go_on(job, rank);
            }
            Event::Pause { host, until_ns } => {
                let mut packet = self.spare.pop().unwrap_or_else(Packet::compact);
                frame::write_pause(&mut packet, 0x3f, u16::MAX);
                // Pauses go between what is being sent and what is next; a frame this short is taken to fit in.
                self.put(End { node: host as usize, port: 0 }, packet);
                if self.now_ns + STORM_NS < until_ns {
                    let event = Event::Pause { host, until_ns };
                    self.schedule(host as usize, self.now_ns + STORM_NS, event);
                }
            }
        }
    }

    fn each_fault(&mut self, failure: usize, change: impl Fn(&mut Faults)) {
        for &cable in &self.failures[failure].cables {
            change(&mut self.faults[cable]);
        }
    }

    fn fail(&mut self, failure: usize) {
        let now_ns = self.now_ns;
        self.each_fault(failure, |fault| {
            fault.there += 1;
            fault.since_ns = Some(now_ns);
        });
        if failure >= self.run.topology.failures.len() {
            self.worn_out += 1;
            let Failure { for_ns, ref cables, .. } = self.failures[failure];
            let mended_ns = now_ns + for_ns.unwrap_or(0);
            cables.clone().into_iter().for_each(|cable| self.wear_out(cable, mended_ns));
        }
    }

    /// Tells the switches at the ends of what has failed, or had, what is known of it there.
    fn tell_ports(&self, failure: usize) {
        let topology = self.run.topology;
        for &cable in &self.failures[failure].cables {
            let up = self.faults[cable].detected == 0;
            for end in topology.cables[cable].ends {
                if let Some(node) = end.node.checked_sub(topology.hosts()) {
                    self.nodes[node].switch.state().set_port_up(number(end.port) as u32, up);
                }
            }
        }
    }

    fn reroute(&mut self) -> Result<(), RunError> {
        let topology = self.run.topology;
        let works = |cable: usize| self.faults[cable].told == 0;
        self.ways = Ways::all(topology, &works);
        let told: BTreeSet<_> = self.pins.keys().copied().collect();
        self.pins = pin(topology, &self.flows, &self.ways, &works, Some(&self.pins));
        for node in topology.hosts()..topology.ports.len() {
            let state = self.nodes[node - topology.hosts()].switch.state();
            state.write(&self.plan().rerouted(node, &works, &told, self.run.executor.program())?)?;
        }
        Ok(())
    }

    fn arrive(&mut self, cable: usize, end: usize, mut packet: Packet) {
        let hosts = self.run.topology.hosts();
        let of = &self.run.topology.cables[cable];
        let fault = &self.faults[cable];
        if let Some(since_ns) = fault.since_ns
            && (fault.there > 0 || since_ns + of.delay_ns + sending_ns(of, &packet) >= self.now_ns)
        {
            self.lost_on_cables += 1;
            self.spare.push(packet);
            return;
        }
        let at = of.ends[end];
        if let Some(node) = at.node.checked_sub(hosts) {
            packet.arrival_ns = self.now_ns;
            packet.ingress_port = PortId(number(at.port) as u32);
            self.nodes[node].switch.inject_packet(packet);
            self.step_switch(node);
            return;
        }
        if let Some(classes) = frame::read_pause(packet.bytes()) {
            self.spare.push(packet);
            let rate_bps = self.run.topology.host_rate_bps(at.node);
            for (class, quanta) in classes.into_iter().enumerate() {
                if let Some(quanta) = quanta {
                    self.hosts[at.node].pause(class, self.now_ns + pause_ns(rate_bps, quanta));
                }
            }
            self.wake_host(at.node, self.now_ns);
            return;
        }
        let received = frame::read(packet.bytes(), packet.wire_len);
        self.spare.push(packet);
        let Some(received) = received else {
            self.unreadable += 1;
            return;
        };
        let mut whole = std::mem::take(&mut self.whole);
        self.hosts[at.node].receive(&received, self.now_ns, &mut whole);
        for target in whole.drain(..) {
            self.message_whole(target);
        }
        self.whole = whole;
        self.wake_host(at.node, self.now_ns);
    }

    /// Puts a packet on a cable when its first bit is sent. When its last bit has been.
    fn put(&mut self, from: End, packet: Packet) -> u64 {
        let topology = self.run.topology;
        let (index, end) = topology.ports[from.node][from.port];
        let cable = &topology.cables[index];
        let wire_bytes = packet.wire_len as u64 + WIRE_OVERHEAD_BYTES;
        let sent_ns = self.now_ns + sending_ns(cable, &packet);
        self.cable_bytes[index][end] += wire_bytes;
        let loss = cable.medium.bit_error_rate * (8 * wire_bytes) as f64;
        if self.faults[index].there > 0 || self.randoms[self.node].f64() < loss {
            self.lost_on_cables += 1;
            self.spare.push(packet);
        } else {
            let arrives = Event::Arrive { cable: index as u32, end: 1 - end as u8, packet };
            self.schedule(cable.ends[1 - end].node, sent_ns + cable.delay_ns, arrives);
        }
        sent_ns
    }

    fn send(&mut self, host: usize) {
        self.host_due_ns[host] = u64::MAX;
        match self.hosts[host].next_frame(self.now_ns) {
            Next::Frame(frame) => {
                let mut packet = self.spare.pop().unwrap_or_else(Packet::compact);
                frame.write(&mut packet);
                let sent_ns = self.put(End { node: host, port: 0 }, packet);
                self.hosts[host].busy_until_ns = sent_ns;
                self.wake_host(host, sent_ns);
            }
            Next::NotBefore(due_ns) => self.wake_host(host, due_ns),
            Next::Idle => {}
        }
    }

    fn step_switch(&mut self, index: usize) {
        let of = &mut self.nodes[index];
        if of.due_ns <= self.now_ns {
            of.due_ns = u64::MAX;
        }
        let step = of.switch.step(self.now_ns);
        let mut sent = std::mem::take(&mut self.sent);
        of.outlet.take(&mut sent);
        let node: NodeIndex = self.run.topology.hosts() + index;
        for (port, packet) in sent.drain(..) {
            self.put(End { node, port }, packet);
        }
        self.sent = sent;
        if let Some(due_ns) = step.next_due_ns {
            self.wake_switch(index, due_ns.max(self.now_ns + 1));
        }
    }
}
