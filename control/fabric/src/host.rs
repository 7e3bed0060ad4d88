//! Hosts: connections that send messages at the rate of their link, and what they do when packets are lost.
//!
//! Two transports. RoCEv2's reliable connection takes packets in order only: cumulative acknowledgements, one NAK per
//! gap, back to the first packet missing (InfiniBand Architecture Specification, volume 1, chapter 9); congestion
//! notifications move its rate ([`super::dcqcn`]). The one like UET takes packets in any order, acknowledges them
//! selectively and sends again what was trimmed, timed out, or left behind by packets sent so much later that no difference
//! between paths explains it (as RFC 8985 has it for TCP); marks move its window.
//!
//! Invariant: a message is reported once, when it and all before it on its connection are whole.

use std::collections::{HashMap, VecDeque};

use crate::dcqcn::Dcqcn;
use crate::frame::{Content, Frame, Received, udp_src_port};
use crate::policy::Transport;

/// A selective sender knows how late a packet can be, and waits for so many times that.
const UET_TIMEOUT_REORDERS: u64 = 4;
/// Share of a window that is given up for a window full of marks.
const BACK_OFF: f64 = 0.5;

/// What hosts do alike.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HostConfig {
    pub(crate) mtu_bytes: u32,
    pub(crate) window_packets: u64,
    pub(crate) ack_every: u32,
    pub(crate) timeout_ns: u64,
    pub(crate) cnp_ns: u64,
    /// How much longer one path may take than another: what was sent that much earlier than something that has arrived
    /// is lost.
    pub(crate) reorder_ns: u64,
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

#[derive(Clone, Copy, Debug)]
struct Message {
    first: u64,
    packets: u64,
    bytes: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    UnderWay { sent_ns: u64 },
    Acknowledged,
    Lost,
}

/// One direction of a connection, at its sender.
#[derive(Debug)]
struct Sender {
    opening: Opening,
    port: u16,
    messages: VecDeque<Message>,
    posted: u64,
    next: u64,
    acknowledged: u64,
    highest: u64,
    number: u16,
    last_progress_ns: u64,
    is_active: bool,
    dcqcn: Dcqcn,
    /// Selective: fates from `acknowledged` to `next`, what to send again, the window and what fills it.
    fates: VecDeque<Fate>,
    again: VecDeque<u64>,
    window: f64,
    under_way: u64,
    /// When the latest of all packets that have arrived was sent; and when to look again for those left behind.
    arrived_sent_ns: u64,
    look_ns: u64,
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
        self.senders.push(Sender {
            port: udp_src_port(opening.local, opening.remote),
            messages: VecDeque::new(),
            posted: 0,
            next: 0,
            acknowledged: 0,
            highest: 0,
            number: 0,
            last_progress_ns: 0,
            is_active: false,
            dcqcn: Dcqcn::new(opening.rate_bps),
            fates: VecDeque::new(),
            again: VecDeque::new(),
            window: self.config.window_packets as f64,
            under_way: 0,
            arrived_sent_ns: 0,
            look_ns: 0,
            opening,
        });
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
        });
    }

    /// Posts one message on a connection.
    pub(crate) fn post(&mut self, sender: usize, bytes: u64, now_ns: u64) {
        let mtu = u64::from(self.config.mtu_bytes);
        let Some(of) = self.senders.get_mut(sender) else { return };
        if of.acknowledged == of.posted {
            of.last_progress_ns = now_ns;
        }
        let packets = bytes.div_ceil(mtu).max(1);
        of.messages.push_back(Message { first: of.posted, packets, bytes });
        of.posted += packets;
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
            if sender.acknowledged == sender.posted {
                sender.is_active = false;
                self.active.swap_remove(self.turn);
                continue;
            }
            tried += 1;
            let paused_until_ns = self.paused_until_ns[usize::from(sender.opening.class & 7)];
            if paused_until_ns > now_ns {
                sender.last_progress_ns = sender.last_progress_ns.max(now_ns);
                wait_ns = wait_ns.min(paused_until_ns);
                continue;
            }
            let counts = &mut self.counts[sender.opening.job as usize];
            match sender.offer(now_ns, &self.config, counts) {
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
                if ack_request || !new || receiver.unanswered >= config.ack_every {
                    let content = receiver.selective(psn);
                    control.push_back(receiver.answer(content));
                    receiver.unanswered = 0;
                    receiver.marked = false;
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
                sender.answered(frame.content, now_ns, &config, counts);
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

impl Sender {
    fn offer(&mut self, now_ns: u64, config: &HostConfig, counts: &mut HostCounts) -> Next {
        let timeout_ns = match self.opening.transport {
            Transport::Roce => config.timeout_ns,
            Transport::Uet => config.timeout_ns.min(UET_TIMEOUT_REORDERS * config.reorder_ns),
        };
        let due_ns = self.last_progress_ns + timeout_ns;
        if self.acknowledged < self.next && due_ns <= now_ns {
            self.last_progress_ns = now_ns;
            counts.timeouts += 1;
            self.give_up_all();
        }
        let timeout = match self.acknowledged < self.next {
            true => Next::NotBefore(self.last_progress_ns + timeout_ns),
            false => Next::Idle,
        };
        match self.opening.transport {
            Transport::Roce => {
                if self.next >= self.posted || self.next - self.acknowledged >= config.window_packets {
                    return timeout;
                }
                if self.dcqcn.next_ns() > now_ns {
                    return Next::NotBefore(self.dcqcn.next_ns());
                }
                let psn = self.next;
                self.next += 1;
                let frame = self.frame(psn, config, counts);
                if let Content::Data { payload_bytes, .. } = frame.content {
                    let wire_bytes = u64::from(payload_bytes) + super::frame::DATA_OVERHEAD_BYTES;
                    self.dcqcn.charge(now_ns, wire_bytes);
                }
                Next::Frame(frame)
            }
            Transport::Uet => {
                if self.under_way as f64 >= self.window {
                    return timeout;
                }
                while let Some(psn) = self.again.pop_front() {
                    if let Some(fate @ Fate::Lost) = self.fate(psn) {
                        *fate = Fate::UnderWay { sent_ns: now_ns };
                        self.under_way += 1;
                        return Next::Frame(self.frame(psn, config, counts));
                    }
                }
                if self.next >= self.posted {
                    return timeout;
                }
                let psn = self.next;
                self.next += 1;
                self.fates.push_back(Fate::UnderWay { sent_ns: now_ns });
                self.under_way += 1;
                Next::Frame(self.frame(psn, config, counts))
            }
        }
    }

    fn fate(&mut self, psn: u64) -> Option<&mut Fate> {
        let index = usize::try_from(psn.checked_sub(self.acknowledged)?).ok()?;
        self.fates.get_mut(index)
    }

    fn give_up_all(&mut self) {
        match self.opening.transport {
            Transport::Roce => self.next = self.acknowledged,
            Transport::Uet => {
                for (psn, fate) in (self.acknowledged..).zip(&mut self.fates) {
                    if matches!(fate, Fate::UnderWay { .. }) {
                        *fate = Fate::Lost;
                        self.again.push_back(psn);
                    }
                }
                self.under_way = 0;
            }
        }
    }

    fn frame(&mut self, psn: u64, config: &HostConfig, counts: &mut HostCounts) -> Frame {
        if psn < self.highest {
            counts.retransmitted += 1;
        }
        self.highest = self.highest.max(psn + 1);
        self.number = self.number.wrapping_add(1);
        let mtu = u64::from(config.mtu_bytes);
        let message = self.messages.iter().find(|message| psn < message.first + message.packets);
        let message = message.copied().unwrap_or(Message { first: psn, packets: 1, bytes: mtu });
        let position = psn - message.first;
        let (is_first, is_last) = (position == 0, position + 1 == message.packets);
        let payload_bytes = if is_last { message.bytes - position * mtu } else { mtu } as u32;
        let closes = self.next - self.acknowledged >= config.window_packets;
        let ack_request = is_last || closes || (psn + 1).is_multiple_of(u64::from(config.ack_every));
        let content = match self.opening.transport {
            Transport::Roce => Content::Data {
                psn: psn as u32 & 0xff_ffff,
                first: is_first.then_some(message.bytes.min(u64::from(u32::MAX)) as u32),
                last: is_last,
                ack_request,
                payload_bytes,
            },
            Transport::Uet => Content::UetData {
                psn: psn as u32,
                first: is_first,
                last: is_last,
                // What closes the window has to be answered, and all of a window too small for the receiver to
                // answer by itself.
                ack_request: is_last
                    || self.under_way as f64 >= self.window.floor()
                    || self.window < f64::from(2 * config.ack_every),
                payload_bytes,
                job: self.opening.job + 1,
            },
        };
        Frame {
            src: self.opening.here,
            dst: self.opening.there,
            udp_src_port: self.port,
            number: self.number,
            to: self.opening.remote,
            content,
        }
    }

    fn answered(&mut self, content: Content, now_ns: u64, config: &HostConfig, counts: &mut HostCounts) {
        match content {
            Content::Cnp => {
                counts.notified += 1;
                self.dcqcn.notify(now_ns);
            }
            Content::Ack { psn } | Content::Nak { psn } => {
                let is_nak = matches!(content, Content::Nak { .. });
                let ahead = u64::from(psn.wrapping_sub(self.acknowledged as u32) & 0xff_ffff);
                if ahead > 0x80_0000 {
                    return;
                }
                let through = self.acknowledged + ahead + u64::from(!is_nak);
                self.progress(through.min(self.highest), now_ns);
                if is_nak {
                    self.next = self.acknowledged;
                    self.last_progress_ns = now_ns;
                } else {
                    self.next = self.next.max(self.acknowledged);
                }
            }
            Content::UetNack { psn } => {
                let psn = self.acknowledged + u64::from(psn.wrapping_sub(self.acknowledged as u32));
                if let Some(fate @ Fate::UnderWay { .. }) = self.fate(psn) {
                    *fate = Fate::Lost;
                    self.under_way = self.under_way.saturating_sub(1);
                    self.again.push_back(psn);
                    self.last_progress_ns = now_ns;
                    self.window = (self.window - 1.0).max(1.0);
                }
            }
            Content::UetAck { psn, base, bitmap, marked } => {
                let base_ahead = base.wrapping_sub(self.acknowledged as u32) as i32;
                let mut newly = 0u64;
                for bit in 0..64 {
                    let Some(offset) = u64::try_from(i64::from(base_ahead) + bit).ok() else { continue };
                    if bitmap >> bit & 1 == 1 {
                        newly += self.acknowledge_one(self.acknowledged + offset);
                    }
                }
                let ahead = psn.wrapping_sub(self.acknowledged as u32).wrapping_add(1);
                if ahead < 1 << 31 {
                    for psn in self.acknowledged..(self.acknowledged + u64::from(ahead)).min(self.next) {
                        newly += self.acknowledge_one(psn);
                    }
                }
                let mut through = self.acknowledged;
                while self.fates.front() == Some(&Fate::Acknowledged) {
                    self.fates.pop_front();
                    through += 1;
                }
                self.progress(through, now_ns);
                self.left_behind(now_ns, config.reorder_ns);
                let share = newly as f64 / self.window;
                if marked {
                    self.window = (self.window * (1.0 - BACK_OFF * share.min(1.0))).max(1.0);
                } else {
                    self.window = (self.window + 8.0 * share.min(1.0)).min(config.window_packets as f64);
                }
            }
            Content::Data { .. } | Content::UetData { .. } => {}
        }
    }

    fn acknowledge_one(&mut self, psn: u64) -> u64 {
        match self.fate(psn) {
            Some(fate) if *fate != Fate::Acknowledged => {
                if let Fate::UnderWay { sent_ns } = std::mem::replace(fate, Fate::Acknowledged) {
                    self.under_way = self.under_way.saturating_sub(1);
                    self.arrived_sent_ns = self.arrived_sent_ns.max(sent_ns);
                }
                1
            }
            Some(_) | None => 0,
        }
    }

    /// What was sent long before something that has arrived is lost.
    fn left_behind(&mut self, now_ns: u64, reorder_ns: u64) {
        if now_ns < self.look_ns || self.fates.is_empty() {
            return;
        }
        self.look_ns = now_ns + reorder_ns / 4;
        let Some(before_ns) = self.arrived_sent_ns.checked_sub(reorder_ns) else { return };
        for (psn, fate) in (self.acknowledged..).zip(&mut self.fates) {
            if matches!(fate, Fate::UnderWay { sent_ns } if *sent_ns < before_ns) {
                *fate = Fate::Lost;
                self.under_way = self.under_way.saturating_sub(1);
                self.again.push_back(psn);
            }
        }
    }

    fn progress(&mut self, through: u64, now_ns: u64) {
        if through > self.acknowledged {
            self.acknowledged = through;
            self.last_progress_ns = now_ns;
            while self.messages.front().is_some_and(|m| m.first + m.packets <= through) {
                self.messages.pop_front();
            }
        }
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
