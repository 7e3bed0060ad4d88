//! The sending side of a connection: what it may send next, and what answers tell it.
//!
//! Invariant: what is neither acknowledged nor given up is under way, and no more of it than the window allows.

use std::collections::VecDeque;

use super::{HostConfig, HostCounts, Next, Opening, Patience};
use crate::dcqcn::Dcqcn;
use crate::frame::{Content, DATA_OVERHEAD_BYTES, Frame, udp_src_port};
use crate::policy::Transport;

/// A selective sender knows how late a packet can be, and waits for so many times that; twice as long each time that nothing
/// comes of it, up to so many times.
const UET_TIMEOUT_REORDERS: u64 = 4;
const BACK_OFFS_MAX: u32 = 4;
/// Share of a window that is given up for a window full of marks.
const BACK_OFF: f64 = 0.5;
/// What a window grows by at most in the time of a window's acknowledgements; a small one doubles.
const GROWTH_PACKETS: f64 = 8.0;

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
pub(super) struct Sender {
    pub(super) opening: Opening,
    port: u16,
    messages: VecDeque<Message>,
    posted: u64,
    next: u64,
    acknowledged: u64,
    highest: u64,
    number: u16,
    last_progress_ns: u64,
    /// Whether it is in its host's list of those that have something to send.
    pub(super) is_active: bool,
    dcqcn: Dcqcn,
    /// Selective: fates from `acknowledged` to `next`, what to send again, the window and what fills it.
    fates: VecDeque<Fate>,
    again: VecDeque<u64>,
    window: f64,
    under_way: u64,
    /// When the latest of all packets that have arrived was sent; and when to look again for those left behind.
    arrived_sent_ns: u64,
    look_ns: u64,
    last_sent_ns: u64,
    delivery: Delivery,
    /// Time-outs since something was last heard.
    back_offs: u32,
}

/// What arrived of a selective sender's packets in the round trips before: all that a full network has for it.
#[derive(Clone, Copy, Debug, Default)]
struct Delivery {
    round_trip_ns: u64,
    since_ns: u64,
    packets: u64,
    packets_before: u64,
    /// A window is brought down to that once a round trip.
    adapted_ns: Option<u64>,
}

impl Delivery {
    fn note(&mut self, now_ns: u64, packets: u64) {
        if now_ns - self.since_ns > self.round_trip_ns {
            (self.packets_before, self.packets, self.since_ns) = (self.packets, 0, now_ns);
        }
        self.packets += packets;
    }

    /// The window for a network that has trimmed a packet, unless it has just been told.
    fn adapted(&mut self, now_ns: u64) -> Option<f64> {
        if self.adapted_ns.is_some_and(|last_ns| now_ns - last_ns < self.round_trip_ns) {
            return None;
        }
        self.adapted_ns = Some(now_ns);
        self.note(now_ns, 0);
        Some(self.packets.max(self.packets_before) as f64)
    }
}

impl Sender {
    pub(super) fn new(opening: Opening, config: &HostConfig) -> Sender {
        Sender {
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
            window: config.window_packets as f64,
            under_way: 0,
            arrived_sent_ns: 0,
            look_ns: 0,
            last_sent_ns: 0,
            delivery: Delivery::default(),
            back_offs: 0,
            opening,
        }
    }

    /// Puts a message behind those that there are.
    pub(super) fn post(&mut self, bytes: u64, now_ns: u64, config: &HostConfig) {
        if self.is_done() {
            self.last_progress_ns = now_ns;
        }
        let packets = bytes.div_ceil(u64::from(config.mtu_bytes)).max(1);
        self.messages.push_back(Message { first: self.posted, packets, bytes });
        self.posted += packets;
    }

    /// Whether all that was posted is acknowledged.
    pub(super) fn is_done(&self) -> bool {
        self.acknowledged == self.posted
    }

    /// Does not take a time for lost in which it may not send.
    pub(super) fn excuse(&mut self, now_ns: u64) {
        self.last_progress_ns = self.last_progress_ns.max(now_ns);
    }

    /// The next frame, if window and rate leave one.
    pub(super) fn offer(
        &mut self,
        now_ns: u64,
        config: &HostConfig,
        patience: &Patience,
        counts: &mut HostCounts,
    ) -> Next {
        let wait_ns = match self.opening.transport {
            Transport::Roce => config.timeout_ns,
            Transport::Uet => {
                let wait_ns = (UET_TIMEOUT_REORDERS * patience.reorder_ns(config)) << self.back_offs;
                config.timeout_ns.min(wait_ns)
            }
        };
        if self.acknowledged < self.next && self.waits_from_ns() + wait_ns <= now_ns {
            self.last_progress_ns = now_ns;
            counts.timeouts += 1;
            self.back_offs = (self.back_offs + 1).min(BACK_OFFS_MAX);
            self.give_up_all();
        }
        let timeout = match self.acknowledged < self.next {
            true => Next::NotBefore(self.waits_from_ns() + wait_ns),
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
                    let wire_bytes = u64::from(payload_bytes) + DATA_OVERHEAD_BYTES;
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
                        self.last_sent_ns = now_ns;
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
                self.last_sent_ns = now_ns;
                self.under_way += 1;
                Next::Frame(self.frame(psn, config, counts))
            }
        }
    }

    /// When it began to wait for what it waits for.
    fn waits_from_ns(&self) -> u64 {
        match self.opening.transport {
            Transport::Roce => self.last_progress_ns,
            // Among many others its turn to send comes seldom, and so does that of an answer to several packets.
            Transport::Uet => self.last_progress_ns.max(self.last_sent_ns),
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

    /// Takes in what the receiver says.
    pub(super) fn answered(
        &mut self,
        content: Content,
        now_ns: u64,
        config: &HostConfig,
        patience: &mut Patience,
        counts: &mut HostCounts,
    ) {
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
                if let Some(fate @ &mut Fate::UnderWay { sent_ns }) = self.fate(psn) {
                    *fate = Fate::Lost;
                    self.under_way = self.under_way.saturating_sub(1);
                    self.again.push_back(psn);
                    self.heard(now_ns);
                    // As long as nothing has arrived, what came of a trimmed packet tells how long the way is.
                    if self.delivery.round_trip_ns == 0 {
                        self.delivery.round_trip_ns = now_ns - sent_ns;
                    }
                    let adapted = self.delivery.adapted(now_ns).unwrap_or(self.window - 1.0);
                    self.window = self.window.min(adapted).max(1.0);
                }
            }
            Content::UetAck { psn, base, bitmap, marked } => {
                let base_ahead = base.wrapping_sub(self.acknowledged as u32) as i32;
                let (mut newly, mut oldest_ns) = (0u64, None);
                for bit in 0..64 {
                    let Some(offset) = u64::try_from(i64::from(base_ahead) + bit).ok() else { continue };
                    if bitmap >> bit & 1 == 1 {
                        newly += self.acknowledge_one(self.acknowledged + offset, &mut oldest_ns);
                    }
                }
                let ahead = psn.wrapping_sub(self.acknowledged as u32).wrapping_add(1);
                if ahead < 1 << 31 {
                    for psn in self.acknowledged..(self.acknowledged + u64::from(ahead)).min(self.next) {
                        newly += self.acknowledge_one(psn, &mut oldest_ns);
                    }
                }
                let mut through = self.acknowledged;
                while self.fates.front() == Some(&Fate::Acknowledged) {
                    self.fates.pop_front();
                    through += 1;
                }
                self.progress(through, now_ns);
                if newly > 0 {
                    // What is missing before it is left behind, and no reason to give up all.
                    self.heard(now_ns);
                    self.delivery.round_trip_ns = now_ns.saturating_sub(self.arrived_sent_ns);
                    self.delivery.note(now_ns, newly);
                }
                if let Some(oldest_ns) = oldest_ns {
                    patience.note(now_ns - oldest_ns);
                }
                self.left_behind(now_ns, patience.reorder_ns(config));
                let share = newly as f64 / self.window;
                if marked {
                    self.window = (self.window * (1.0 - BACK_OFF * share.min(1.0))).max(1.0);
                } else {
                    let growth = GROWTH_PACKETS.min(self.window) * share.min(1.0);
                    self.window = (self.window + growth).min(config.window_packets as f64);
                }
            }
            Content::Data { .. } | Content::UetData { .. } => {}
        }
    }

    /// One if it is acknowledged for the first time. `oldest_ns`: when the first of those was sent that were waited for.
    fn acknowledge_one(&mut self, psn: u64, oldest_ns: &mut Option<u64>) -> u64 {
        match self.fate(psn) {
            Some(fate) if *fate != Fate::Acknowledged => {
                if let Fate::UnderWay { sent_ns } = std::mem::replace(fate, Fate::Acknowledged) {
                    self.under_way = self.under_way.saturating_sub(1);
                    self.arrived_sent_ns = self.arrived_sent_ns.max(sent_ns);
                    *oldest_ns = Some(oldest_ns.map_or(sent_ns, |oldest_ns| oldest_ns.min(sent_ns)));
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

    fn heard(&mut self, now_ns: u64) {
        (self.last_progress_ns, self.back_offs) = (now_ns, 0);
    }

    fn progress(&mut self, through: u64, now_ns: u64) {
        if through > self.acknowledged {
            self.acknowledged = through;
            self.heard(now_ns);
            while self.messages.front().is_some_and(|m| m.first + m.packets <= through) {
                self.messages.pop_front();
            }
        }
    }
}
