//! Hosts: connections that send messages at the rate of their link, and what they do when packets are lost.
//!
//! Two transports. RoCEv2's reliable connection takes packets in order only: cumulative acknowledgements, one NAK per
//! gap, back to the first packet missing (InfiniBand Architecture Specification, volume 1, chapter 9); congestion
//! notifications move its rate ([`super::dcqcn`]). The one like UET takes packets in any order, acknowledges them
//! selectively and sends again what was trimmed, timed out, or left behind by packets sent so much later that no difference
//! between paths explains it (as RFC 8985 has it for TCP); marks move its window.
//!
//! Invariant: a message is reported once, when it and all before it on its connection are whole.

mod sender;

use std::collections::VecDeque;

use hashbrown::HashMap;

use crate::frame::{Content, Frame, Received, udp_src_port};
use crate::policy::Transport;

use self::sender::Sender;

/// What hosts do alike.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HostConfig {
    pub(crate) mtu_bytes: u32,
    pub(crate) window_packets: u64,
    pub(crate) ack_every: u32,
    pub(crate) timeout_ns: u64,
    pub(crate) cnp_ns: u64,
    /// How much longer one path may take than another at most: what was sent that much earlier than something that has
    /// arrived is lost.
    pub(crate) reorder_ns: u64,
}

/// No less is waited for what others have overtaken.
const REORDER_MIN_NS: u64 = 10_000;
/// Answers by which the longest round trip seen is forgotten by about two thirds.
const ROUND_TRIPS_KEPT: u64 = 2_048;
/// Answers after which it has seen all ways that there are.
const ANSWERS_MIN: u32 = 64;

/// How long paths take, as a host has lately seen it: who sends selectively tells by it what is late from what is lost.
#[derive(Clone, Copy, Debug, Default)]
struct Patience {
    /// The longest round trip, slowly forgotten.
    round_trip_ns: u64,
    answers: u32,
}

impl Patience {
    fn note(&mut self, round_trip_ns: u64) {
        let kept_ns = self.round_trip_ns - self.round_trip_ns / ROUND_TRIPS_KEPT;
        self.round_trip_ns = kept_ns.max(round_trip_ns);
        self.answers = self.answers.saturating_add(1);
    }

    /// No way there takes longer than the longest there and back: what was sent so much earlier than something that has arrived
    /// is lost.
    fn reorder_ns(&self, config: &HostConfig) -> u64 {
        match self.answers {
            ..ANSWERS_MIN => config.reorder_ns,
            ANSWERS_MIN.. => self.round_trip_ns.max(REORDER_MIN_NS).min(config.reorder_ns),
        }
    }
}

/// Where a message of a connection belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) job: usize,
    /// Who received it.
    pub(crate) rank: usize,
    pub(crate) from: usize,
    pub(crate) lane: usize,
}

/// How to open a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opening {
    pub(crate) transport: Transport,
    pub(crate) here: u32,
    pub(crate) there: u32,
    /// Queue pair or context at either end.
    pub(crate) local: u32,
    pub(crate) remote: u32,
    pub(crate) job: u32,
    /// The class of its data, by which it can be paused.
    pub(crate) class: u8,
    pub(crate) rate_bps: u64,
}

/// The other direction.
#[derive(Debug)]
struct Receiver {
    opening: Opening,
    port: u16,
    target: Target,
    expected: u64,
    nak_sent: bool,
    last_cnp_ns: Option<u64>,
    number: Option<u16>,
    sent: u16,
    /// Selective: from `expected` on, what has arrived, and whether it ends a message.
    arrived: VecDeque<Option<bool>>,
    unanswered: u32,
    marked: bool,
    /// So many packets more are answered each: their sender's window may have become less than what is left unanswered else.
    each_answered: u64,
}

/// What a host counts.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct HostCounts {
    pub(crate) retransmitted: u64,
    pub(crate) marked: u64,
    pub(crate) trimmed: u64,
    /// Frames that arrived after a later one of their connection.
    pub(crate) reordered: u64,
    pub(crate) payload_bytes: u64,
    pub(crate) notified: u64,
    pub(crate) timeouts: u64,
}

/// What a host would send.
pub(crate) enum Next {
    Frame(Frame),
    /// Nothing before this time.
    NotBefore(u64),
    Idle,
}

/// A host.
#[derive(Debug)]
pub(crate) struct Host {
    config: HostConfig,
    senders: Vec<Sender>,
    receivers: Vec<Receiver>,
    sender_of: HashMap<u32, usize>,
    receiver_of: HashMap<u32, usize>,
    /// Answers go before data.
    control: VecDeque<Frame>,
    active: Vec<usize>,
    turn: usize,
    pub(crate) busy_until_ns: u64,
    /// By class, until when data of it has to wait.
    paused_until_ns: [u64; 8],
    patience: Patience,
    /// By job.
    pub(crate) counts: Vec<HostCounts>,
}

impl Host {
    pub(crate) fn new(config: HostConfig, jobs: usize) -> Host {
        Host {
            config,
            senders: Vec::new(),
            receivers: Vec::new(),
            sender_of: HashMap::new(),
            receiver_of: HashMap::new(),
            control: VecDeque::new(),
            active: Vec::new(),
            turn: 0,
            busy_until_ns: 0,
            paused_until_ns: [0; 8],
            patience: Patience::default(),
            counts: vec![HostCounts::default(); jobs],
        }
    }

    /// Data of a class waits until a time.
    pub(crate) fn pause(&mut self, class: usize, until_ns: u64) {
        if let Some(paused) = self.paused_until_ns.get_mut(class) {
            *paused = until_ns;
        }
    }

    /// Opens the sending side of a connection; gives its number at this host.
    pub(crate) fn connect(&mut self, opening: Opening) -> usize {
        let index = self.senders.len();
        self.sender_of.insert(opening.local, index);
        self.senders.push(Sender::new(opening, &self.config));
        index
    }

    /// Opens the receiving side, whose messages are for `target`.
    pub(crate) fn listen(&mut self, opening: Opening, target: Target) {
        self.receiver_of.insert(opening.local, self.receivers.len());
        self.receivers.push(Receiver {
            port: udp_src_port(opening.local, opening.remote),
            opening,
            target,
            expected: 0,
            nak_sent: false,
            last_cnp_ns: None,
            number: None,
            sent: 0,
            arrived: VecDeque::new(),
            unanswered: 0,
            marked: false,
            each_answered: 0,
        });
    }

    /// Posts one message on a connection.
    pub(crate) fn post(&mut self, sender: usize, bytes: u64, now_ns: u64) {
        let Some(of) = self.senders.get_mut(sender) else { return };
        of.post(bytes, now_ns, &self.config);
        if !of.is_active {
            of.is_active = true;
            self.active.push(sender);
        }
    }

    /// The next frame, if windows and rates leave one.
    pub(crate) fn next_frame(&mut self, now_ns: u64) -> Next {
        if let Some(frame) = self.control.pop_front() {
            return Next::Frame(frame);
        }
        let mut wait_ns = u64::MAX;
        let mut tried = 0;
        while tried < self.active.len() {
            self.turn = (self.turn + 1) % self.active.len();
            let index = self.active[self.turn];
            let sender = &mut self.senders[index];
            if sender.is_done() {
                sender.is_active = false;
                self.active.swap_remove(self.turn);
                continue;
            }
            tried += 1;
            let paused_until_ns = self.paused_until_ns[usize::from(sender.opening.class & 7)];
            if paused_until_ns > now_ns {
                sender.excuse(now_ns);
                wait_ns = wait_ns.min(paused_until_ns);
                continue;
            }
            let counts = &mut self.counts[sender.opening.job as usize];
            match sender.offer(now_ns, &self.config, &self.patience, counts) {
                Next::Frame(frame) => return Next::Frame(frame),
                Next::NotBefore(due_ns) => wait_ns = wait_ns.min(due_ns),
                Next::Idle => {}
            }
        }
        if wait_ns == u64::MAX { Next::Idle } else { Next::NotBefore(wait_ns.max(now_ns + 1)) }
    }

    /// Takes a frame in; every message that is whole with it is told.
    pub(crate) fn receive(&mut self, frame: &Received, now_ns: u64, whole: &mut Vec<Target>) {
        let (config, control) = (self.config, &mut self.control);
        match frame.content {
            Content::Data { psn, last, ack_request, payload_bytes, .. } => {
                let Some(&index) = self.receiver_of.get(&frame.to) else { return };
                let receiver = &mut self.receivers[index];
                let counts = &mut self.counts[receiver.opening.job as usize];
                receiver.note(frame, counts);
                if frame.marked
                    && receiver.last_cnp_ns.is_none_or(|last_ns| last_ns + config.cnp_ns <= now_ns)
                {
                    receiver.last_cnp_ns = Some(now_ns);
                    control.push_back(receiver.answer(Content::Cnp));
                }
                let ahead = psn.wrapping_sub(receiver.expected as u32) & 0xff_ffff;
                if ahead == 0 {
                    receiver.expected += 1;
                    receiver.nak_sent = false;
                    counts.payload_bytes += u64::from(payload_bytes);
                    if ack_request {
                        control.push_back(receiver.answer(Content::Ack { psn }));
                    }
                    if last {
                        whole.push(receiver.target);
                    }
                } else if ahead > 0x80_0000 {
                    // Heard before: its acknowledgement was lost.
                    if ack_request {
                        let psn = receiver.expected.wrapping_sub(1) as u32 & 0xff_ffff;
                        control.push_back(receiver.answer(Content::Ack { psn }));
                    }
                } else if !receiver.nak_sent {
                    receiver.nak_sent = true;
                    let psn = receiver.expected as u32 & 0xff_ffff;
                    control.push_back(receiver.answer(Content::Nak { psn }));
                }
            }
            Content::UetData { psn, last, ack_request, payload_bytes, .. } => {
                let Some(&index) = self.receiver_of.get(&frame.to) else { return };
                let receiver = &mut self.receivers[index];
                let counts = &mut self.counts[receiver.opening.job as usize];
                receiver.note(frame, counts);
                if frame.trimmed {
                    counts.trimmed += 1;
                    control.push_back(receiver.answer(Content::UetNack { psn }));
                    receiver.each_answered = config.window_packets;
                    if receiver.unanswered > 0 {
                        control.push_back(receiver.answer_any(psn));
                    }
                    return;
                }
                let before = whole.len();
                let new = receiver.take_any(psn, last, whole);
                // A message's last packet may have overtaken the others: then these ask for no answer.
                let ack_request = ack_request || whole.len() > before;
                if new {
                    counts.payload_bytes += u64::from(payload_bytes);
                }
                receiver.unanswered += 1;
                receiver.marked |= frame.marked;
                let is_hurried = receiver.each_answered > 0;
                receiver.each_answered = receiver.each_answered.saturating_sub(1);
                if ack_request || !new || is_hurried || receiver.unanswered >= config.ack_every {
                    control.push_back(receiver.answer_any(psn));
                }
            }
            Content::Ack { .. }
            | Content::Nak { .. }
            | Content::Cnp
            | Content::UetAck { .. }
            | Content::UetNack { .. } => {
                let Some(&index) = self.sender_of.get(&frame.to) else { return };
                let sender = &mut self.senders[index];
                let counts = &mut self.counts[sender.opening.job as usize];
                sender.answered(frame.content, now_ns, &config, &mut self.patience, counts);
            }
        }
    }
}

impl Receiver {
    fn note(&mut self, frame: &Received, counts: &mut HostCounts) {
        counts.marked += u64::from(frame.marked);
        let late = self.number.is_some_and(|last| frame.number.wrapping_sub(last) > 0x8000);
        if late {
            counts.reordered += 1;
        } else {
            self.number = Some(frame.number);
        }
    }

    fn answer(&mut self, content: Content) -> Frame {
        self.sent = self.sent.wrapping_add(1);
        Frame {
            src: self.opening.here,
            dst: self.opening.there,
            udp_src_port: self.port,
            number: self.sent,
            to: self.opening.remote,
            content,
        }
    }

    /// Takes a packet in any order. Whether it is new.
    fn take_any(&mut self, psn: u32, last: bool, whole: &mut Vec<Target>) -> bool {
        let ahead = psn.wrapping_sub(self.expected as u32);
        if ahead > 1 << 20 {
            return false;
        }
        let ahead = ahead as usize;
        if self.arrived.len() <= ahead {
            self.arrived.resize(ahead + 1, None);
        }
        if self.arrived[ahead].is_some() {
            return false;
        }
        self.arrived[ahead] = Some(last);
        while let Some(Some(ends)) = self.arrived.front() {
            if *ends {
                whole.push(self.target);
            }
            self.arrived.pop_front();
            self.expected += 1;
        }
        true
    }

    /// Answers all that was not answered.
    fn answer_any(&mut self, psn: u32) -> Frame {
        let content = self.selective(psn);
        (self.unanswered, self.marked) = (0, false);
        self.answer(content)
    }

    /// What has arrived, around the last packet.
    fn selective(&self, psn: u32) -> Content {
        let expected = self.expected as u32;
        let base = psn.wrapping_sub(63);
        let mut bitmap = 0;
        for bit in 0..64 {
            let ahead = base.wrapping_add(bit).wrapping_sub(expected);
            let is_behind = ahead > 0x8000_0000;
            if is_behind || self.arrived.get(ahead as usize).is_some_and(Option::is_some) {
                bitmap |= 1 << bit;
            }
        }
        Content::UetAck { psn: expected.wrapping_sub(1), base, bitmap, marked: self.marked }
    }
}

#[cfg(test)]
mod tests {
    use heddle_packet::Packet;

    use super::*;
    use crate::frame;

    const CONFIG: HostConfig = HostConfig {
        mtu_bytes: 1024,
        window_packets: 8,
        ack_every: 4,
        timeout_ns: 1_000_000,
        cnp_ns: 50_000,
        reorder_ns: 20_000,
    };

    fn pair(transport: Transport) -> (Host, Host, usize) {
        let (mut a, mut b) = (Host::new(CONFIG, 1), Host::new(CONFIG, 1));
        let opening = Opening {
            transport,
            here: 1,
            there: 2,
            local: 10,
            remote: 20,
            job: 0,
            class: 0,
            rate_bps: 1_000_000_000,
        };
        let sender = a.connect(opening);
        let back = Opening { here: 2, there: 1, local: 20, remote: 10, ..opening };
        b.listen(back, Target { job: 0, rank: 1, from: 0, lane: 0 });
        (a, b, sender)
    }

    /// Carries frames between the two and loses those for which `lost` says so; messages told.
    fn exchange(transport: Transport, lost: &mut dyn FnMut(u64) -> bool) -> (usize, Host, Host) {
        let (mut a, mut b, sender) = pair(transport);
        a.post(sender, 20_000, 0);
        a.post(sender, 300, 0);
        let (mut whole, mut now_ns, mut count) = (Vec::new(), 0, 0);
        let mut packet = Packet::with_capacity(0);
        for _ in 0..100_000 {
            now_ns += 1_000;
            for from_a in [true, false] {
                let (from, to) = if from_a { (&mut a, &mut b) } else { (&mut b, &mut a) };
                if let Next::Frame(frame) = from.next_frame(now_ns) {
                    frame.write(&mut packet);
                    count += 1;
                    if !lost(count) {
                        to.receive(
                            &frame::read(packet.bytes(), packet.wire_len).unwrap(),
                            now_ns,
                            &mut whole,
                        );
                    }
                }
            }
        }
        (whole.len(), a, b)
    }

    #[test]
    fn what_is_waited_for_follows_the_longest_round_trip() {
        let mut patience = Patience::default();
        for _ in 1..ANSWERS_MIN {
            patience.note(3_000);
            assert_eq!(patience.reorder_ns(&CONFIG), CONFIG.reorder_ns);
        }
        for (round_trip_ns, waits_ns) in
            [(3_000, REORDER_MIN_NS), (15_000, 15_000), (90_000, CONFIG.reorder_ns)]
        {
            patience.note(round_trip_ns);
            assert_eq!(patience.reorder_ns(&CONFIG), waits_ns);
        }
        (0..4 * ROUND_TRIPS_KEPT).for_each(|_| patience.note(3_000));
        assert_eq!(patience.reorder_ns(&CONFIG), REORDER_MIN_NS);
    }

    #[test]
    fn messages_arrive_once_whatever_is_lost() {
        for transport in [Transport::Roce, Transport::Uet] {
            for seed in 0..20 {
                let mut random = fastrand::Rng::with_seed(seed);
                let (whole, a, b) = exchange(transport, &mut |_| random.u32(..10) == 0);
                assert_eq!(whole, 2, "{transport:?}, seed {seed}");
                assert_eq!(b.counts[0].payload_bytes, 20_300);
                assert!(a.active.is_empty());
            }
            let (whole, a, _) = exchange(transport, &mut |_| false);
            assert_eq!((whole, a.counts[0].retransmitted), (2, 0));
        }
    }
}
