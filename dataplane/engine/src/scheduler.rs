//! A port's queues: admission, strict priority and shares by weight, pacing.
//!
//! Queues with weights are served by start-time fair queueing (Goyal, Vin and Cheng, SIGCOMM 1996): each has a tag that
//! grows with what it was served over its weight, the smallest goes next, and one that was empty begins where the
//! others are, so that it can save nothing up.
//!
//! Invariant: a queue never holds more packets or bytes than it is configured for (or than it held when that
//! was lowered), packets of one queue leave in the order in which they came, and which packet leaves next
//! depends on the times at which packets came and not on when it is asked.

use std::collections::VecDeque;

use heddle_exec::Work;
use heddle_packet::PACKET_BYTES_MAX;

use crate::config::{PortConfig, QUEUES_MAX};
use crate::job::Job;
use crate::pacer::Pacer;

/// All queues of a port.
#[derive(Debug)]
pub(crate) struct Scheduler {
    queues: Vec<PriorityQueue>,
    /// Bit `q` is one while queue `q` holds a packet.
    occupied: u64,
    pacer: Option<Pacer>,
    /// Whether the port or any queue has a rate, or a queue is held, so that time decides what may leave.
    paced: bool,
    /// Whether the port or any queue has a rate.
    rated: bool,
    /// Whether every queue has a rate.
    queues_rated: bool,
    /// Whether any queue is held.
    holding: bool,
    /// Whether a packet of any length may go through without stopping, as far as that is a matter of configuration.
    may_pass: bool,
    /// Bit `q` is one if queue `q` has a weight.
    weighted: u64,
    /// The tag at which the weighted queue that was served last stood then.
    virtual_bytes: u64,
    /// With a rate: the packet taken out and not yet settled, by when it began and its queue.
    serving: Option<(u64, usize)>,
}

/// One queue.
#[derive(Debug)]
struct PriorityQueue {
    jobs: VecDeque<Job>,
    /// On the wire: more than jobs, if frames are carried whole.
    packets: usize,
    bytes: u64,
    depth_packets: usize,
    depth_bytes: u64,
    pacer: Option<Pacer>,
    /// Nothing begins before; and whether nobody has let it go on since.
    held_until_ns: u64,
    is_held: bool,
    weight: u64,
    /// Bytes that it has been served over its weight, in units of [`TAG_UNITS`]ths.
    tag: u64,
}

/// Parts of a byte in a tag, so that a weight divides hardly any away.
const TAG_UNITS: u64 = 256;
/// Where tags begin anew, long before they overflow.
const TAG_MAX: u64 = 1 << 48;

/// What a scheduler would send next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing: it is empty.
    Empty,
    /// Nothing before this time.
    NotBefore(u64),
    /// Nothing that can be told before the packet taken out last is settled.
    Unsettled,
    /// The head of a queue.
    Head {
        /// Which queue.
        queue: usize,
        /// When it begins in virtual time; now or earlier.
        start_ns: u64,
    },
}

/// What a packet takes of a queue: a truncated one no more than will be sent of it.
pub(crate) fn waiting_bytes(work: &Work) -> u64 {
    let limit = work.truncate_bytes.map_or(u64::MAX, u64::from);
    (work.packet.wire_bytes() as u64).min(limit)
}

impl Scheduler {
    pub(crate) fn new(config: &PortConfig) -> Self {
        let count = config.queues.clamp(1, QUEUES_MAX);
        let queues = (0..count).map(|_| PriorityQueue {
            jobs: VecDeque::new(),
            packets: 0,
            bytes: 0,
            depth_packets: 0,
            depth_bytes: 0,
            pacer: None,
            held_until_ns: 0,
            is_held: false,
            weight: 0,
            tag: 0,
        });
        let mut scheduler = Self {
            queues: queues.collect(),
            occupied: 0,
            pacer: None,
            paced: false,
            rated: false,
            queues_rated: false,
            holding: false,
            may_pass: false,
            weighted: 0,
            virtual_bytes: 0,
            serving: None,
        };
        scheduler.configure(config);
        scheduler
    }

    /// Takes new depths and rates; packets that wait stay. The number of queues does not change.
    pub(crate) fn configure(&mut self, config: &PortConfig) {
        let pacer = |rate| Pacer::new(rate, config.overhead_bytes);
        self.pacer = config.rate.map(pacer);
        self.weighted = 0;
        for (number, queue) in self.queues.iter_mut().enumerate() {
            queue.weight = u64::from(config.weights.of(number));
            if queue.weight > 0 {
                self.weighted |= 1 << number;
            }
            queue.depth_packets = config.queue.depth_packets;
            queue.depth_bytes = config.queue.depth_bytes.unwrap_or(u64::MAX);
            queue.pacer = config.queue.rate.map(pacer);
        }
        self.queues_rated = config.queue.rate.is_some();
        self.rated = config.rate.is_some() || self.queues_rated;
        self.paced = self.rated || self.holding;
        let takes_all =
            |queue: &PriorityQueue| queue.depth_packets > 0 && queue.depth_bytes >= PACKET_BYTES_MAX as u64;
        self.may_pass = self.queues.iter().all(takes_all);
        self.serving = None;
    }

    /// Lets nothing begin in a queue before a time. What waited does not begin before now, though there may have been
    /// nothing else to send.
    pub(crate) fn hold(&mut self, now_ns: u64, queue: usize, until_ns: u64) {
        let held = &mut self.queues[queue];
        held.is_held = until_ns > now_ns;
        held.held_until_ns = until_ns.max(now_ns);
        self.holding = self.queues.iter().any(|queue| queue.is_held);
        self.paced = self.rated || self.holding;
    }

    /// Whether no packet waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.occupied == 0
    }

    /// Whether the port or a queue has a rate, or is held.
    pub(crate) fn is_paced(&self) -> bool {
        self.paced
    }

    /// Whether the port or a queue has a rate.
    pub(crate) fn is_rated(&self) -> bool {
        self.rated
    }

    /// The queue that a decision means: beyond the last means the highest.
    pub(crate) fn queue(&self, asked: u32) -> usize {
        usize::try_from(asked).unwrap_or(usize::MAX).min(self.queues.len() - 1)
    }

    /// How many queues there are.
    pub(crate) fn queues(&self) -> usize {
        self.queues.len()
    }

    /// Whether packets may ever go through without stopping, as it is configured.
    pub(crate) fn may_pass(&self) -> bool {
        self.may_pass
    }

    /// From when on a packet of up to [`PACKET_BYTES_MAX`] would leave at once, whatever its queue, if nothing comes before.
    pub(crate) fn passes_from_ns(&self) -> Option<u64> {
        if !self.may_pass || !self.is_empty() || self.holding || self.serving.is_some() {
            return None;
        }
        if !self.rated {
            return Some(0);
        }
        // All queues have a rate or none.
        let queues = if self.queues_rated { &self.queues[..] } else { &[] };
        let pacers = queues.iter().filter_map(|queue| queue.pacer.as_ref()).chain(&self.pacer);
        Some(pacers.map(Pacer::free_ns).max().unwrap_or(0))
    }

    /// Charges for a packet that went through at `now_ns`, as [`Scheduler::dequeue`] and [`Scheduler::settle`] would have.
    pub(crate) fn passed(&mut self, now_ns: u64, queue: usize, wire_bytes: u64) {
        self.serving = Some((now_ns, queue));
        self.settle(Some(wire_bytes));
    }

    /// Packets and bytes that wait in a queue.
    pub(crate) fn depth(&self, queue: usize) -> (usize, u64) {
        let queue = &self.queues[queue];
        (queue.packets, queue.bytes)
    }

    /// Whether a queue has room for a packet, and for all segments of a whole frame. An empty queue takes a whole
    /// frame of any size, or one that is longer than the queue could never leave.
    pub(crate) fn admits(&self, queue: usize, work: &Work) -> bool {
        let waiting = &self.queues[queue];
        let bytes = waiting.bytes.saturating_add(waiting_bytes(work));
        let packets = waiting.packets + work.packet.segments();
        let is_first = waiting.packets == 0 && waiting.depth_packets > 0;
        (packets <= waiting.depth_packets || is_first) && bytes <= waiting.depth_bytes
    }

    /// Puts a packet that [`Scheduler::admits`] at the end of a queue, and notes depth and time in it.
    pub(crate) fn enqueue(&mut self, now_ns: u64, queue: usize, mut job: Job) {
        let waiting = &mut self.queues[queue];
        let intrinsics = &mut job.work.intrinsics;
        intrinsics.enqueue_time_ns = now_ns;
        intrinsics.enqueue_depth = waiting.packets as u32;
        intrinsics.queue_id = queue as u32;
        waiting.packets += job.work.packet.segments();
        waiting.bytes = waiting.bytes.saturating_add(waiting_bytes(&job.work));
        waiting.jobs.push_back(job);
        self.occupied |= 1 << queue;
    }

    /// Does to a packet what [`Scheduler::enqueue`] and [`Scheduler::dequeue`] would, without moving it. For an
    /// empty scheduler without rates.
    pub(crate) fn pass(&self, now_ns: u64, queue: usize, work: &mut Work) {
        let intrinsics = &mut work.intrinsics;
        intrinsics.enqueue_time_ns = now_ns;
        intrinsics.enqueue_depth = 0;
        intrinsics.dequeue_depth = 0;
        intrinsics.queue_id = queue as u32;
    }

    /// What [`Scheduler::dequeue`] may take out.
    ///
    /// With rates this is the packet that a server on virtual time would have begun next: at the first moment
    /// at which it was free and any queue had a packet that was due, from the highest such queue.
    pub(crate) fn next(&self, now_ns: u64) -> Next {
        if self.occupied == 0 {
            return Next::Empty;
        }
        if !self.paced {
            let queue = 63 - self.occupied.leading_zeros() as usize;
            let queue = self.turn(queue, self.occupied);
            return Next::Head { queue, start_ns: now_ns };
        }
        if self.serving.is_some() {
            return Next::Unsettled;
        }
        let free_ns = self.pacer.as_ref().map_or(0, Pacer::free_ns);
        // What waits has come by now, so that only queues with times of their own could say more.
        if free_ns > now_ns && !self.holding && !self.queues_rated {
            return Next::NotBefore(free_ns);
        }
        let mut begin_ns = u64::MAX;
        for queue in self.occupied_queues() {
            begin_ns = begin_ns.min(self.queues[queue].due_ns());
        }
        begin_ns = begin_ns.max(free_ns);
        if begin_ns > now_ns {
            return Next::NotBefore(begin_ns);
        }
        let is_due = |queue: &usize| self.queues[*queue].due_ns() <= begin_ns;
        let Some(highest) = self.occupied_queues().find(is_due) else { return Next::Empty };
        let queue = match self.weighted {
            0 => highest,
            _ => self
                .turn(highest, self.occupied_queues().filter(is_due).fold(0, |all, queue| all | 1 << queue)),
        };
        Next::Head { queue, start_ns: begin_ns }
    }

    /// Who goes next, where `highest` is the highest of the `due` queues: it, or a weighted one.
    fn turn(&self, highest: usize, due: u64) -> usize {
        let sharing = due & self.weighted;
        if sharing == 0 || highest as u32 + self.weighted.leading_zeros() > 63 {
            return highest;
        }
        let tag = |queue: &usize| self.queues[*queue].tag.max(self.virtual_bytes);
        let sharing = (0..self.queues.len()).rev().filter(|queue| sharing >> queue & 1 == 1);
        sharing.min_by_key(tag).unwrap_or(highest)
    }

    /// Charges a queue, if it has a weight, for a packet that it was served.
    fn charge(&mut self, queue: usize, bytes: u64) {
        if self.weighted >> queue & 1 == 0 {
            return;
        }
        let served = &mut self.queues[queue];
        let start = served.tag.max(self.virtual_bytes);
        self.virtual_bytes = start;
        served.tag = start + bytes.max(1) * TAG_UNITS / served.weight.max(1);
        if start > TAG_MAX {
            self.virtual_bytes = 0;
            for queue in &mut self.queues {
                queue.tag = queue.tag.saturating_sub(start);
            }
        }
    }

    /// The generation of a queue's head.
    pub(crate) fn head_generation(&self, queue: usize) -> Option<u64> {
        self.queues[queue].jobs.front().map(|job| job.facts.generation)
    }

    /// Takes out what [`Scheduler::next`] named. With a rate, [`Scheduler::settle`] has to follow.
    pub(crate) fn dequeue(&mut self, queue: usize, start_ns: u64) -> Option<Job> {
        let waiting = &mut self.queues[queue];
        let mut job = waiting.jobs.pop_front()?;
        let bytes = waiting_bytes(&job.work);
        waiting.packets = waiting.packets.saturating_sub(job.work.packet.segments());
        waiting.bytes = waiting.bytes.saturating_sub(bytes);
        job.work.intrinsics.dequeue_depth = waiting.packets as u32;
        if waiting.jobs.is_empty() {
            self.occupied &= !(1 << queue);
        }
        if self.paced {
            self.serving = Some((start_ns, queue));
        } else {
            self.charge(queue, bytes);
        }
        Some(job)
    }

    /// Says that the packet taken out was sent with so many bytes on the wire, or not at all. Where time decides what may
    /// leave, its queue and port are charged for that, and for nothing before.
    pub(crate) fn settle(&mut self, wire_bytes: Option<u64>) {
        if let (Some((start_ns, queue)), Some(bytes)) = (self.serving.take(), wire_bytes) {
            self.charge(queue, bytes);
            for pacer in [&mut self.pacer, &mut self.queues[queue].pacer].into_iter().flatten() {
                pacer.charge(start_ns, bytes);
            }
        }
    }

    /// Empties every queue, highest first; each packet with the number of its queue.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = (usize, Job)> + '_ {
        self.occupied = 0;
        self.queues.iter_mut().enumerate().rev().flat_map(|(number, queue)| {
            queue.bytes = 0;
            queue.packets = 0;
            queue.jobs.drain(..).map(move |job| (number, job))
        })
    }

    /// All packets that wait, each with the number of its queue.
    pub(crate) fn jobs(&self) -> impl Iterator<Item = (usize, &Job)> + Clone {
        self.queues
            .iter()
            .enumerate()
            .flat_map(|(number, queue)| queue.jobs.iter().map(move |job| (number, job)))
    }

    /// Packets that wait in all queues.
    pub(crate) fn packets(&self) -> usize {
        self.occupied_queues().map(|queue| self.queues[queue].packets).sum()
    }

    /// Whether any packet waits that an earlier pipeline than this began.
    pub(crate) fn holds_before(&self, generation: u64) -> bool {
        self.queues.iter().flat_map(|queue| &queue.jobs).any(|job| job.facts.generation < generation)
    }

    /// Queues that hold packets, highest first.
    fn occupied_queues(&self) -> impl Iterator<Item = usize> + '_ {
        let mut left = self.occupied;
        std::iter::from_fn(move || {
            let queue = 63u32.checked_sub(left.leading_zeros())?;
            left &= !(1 << queue);
            Some(queue as usize)
        })
    }
}

impl PriorityQueue {
    /// When its head may begin; never, if it is empty.
    fn due_ns(&self) -> u64 {
        self.jobs.front().map_or(u64::MAX, |job| {
            let free_ns = self.pacer.as_ref().map_or(0, Pacer::free_ns).max(self.held_until_ns);
            job.work.intrinsics.enqueue_time_ns.max(free_ns)
        })
    }
}

#[cfg(test)]
mod tests {
    use heddle_exec::{Frame, Intrinsics, Verdict, Work};
    use heddle_packet::Packet;
    use proptest::prelude::*;

    use super::*;
    use crate::config::{QueueConfig, Rate, Weights};
    use crate::job::Facts;

    fn job(tag: u8, len: usize) -> Job {
        Job {
            work: Work {
                packet: Packet::from_bytes(&vec![tag; len]),
                frame: Frame::default(),
                parsed_bytes: 0,
                intrinsics: Intrinsics::default(),
                verdict: Verdict::Transmit,
                truncate_bytes: None,
            },
            facts: Facts::new(0),
        }
    }

    /// Takes out everything that is due, settling each packet at its length: begin and tag.
    fn take_due(scheduler: &mut Scheduler, now_ns: u64) -> Vec<(u64, u8)> {
        let mut taken = Vec::new();
        while let Next::Head { queue, start_ns } = scheduler.next(now_ns) {
            let job = scheduler.dequeue(queue, start_ns).expect("there is a head");
            scheduler.settle(Some(job.work.packet.wire_len as u64));
            taken.push((start_ns, job.work.packet.bytes()[0]));
        }
        taken
    }

    #[test]
    fn higher_queues_go_first_and_each_queue_keeps_its_order() {
        let mut scheduler = Scheduler::new(&PortConfig { queues: 3, ..PortConfig::default() });
        for (tag, queue) in [(1, 0), (2, 2), (3, 1), (4, 2), (5, 9)] {
            let queue = scheduler.queue(queue);
            scheduler.enqueue(10, queue, job(tag, 60));
        }
        let tags: Vec<u8> = take_due(&mut scheduler, 10).into_iter().map(|(_, tag)| tag).collect();
        assert_eq!(tags, [2, 4, 5, 3, 1]);
        assert_eq!(scheduler.next(10), Next::Empty);
    }

    #[test]
    fn depth_is_bounded_and_noted() {
        let queue = QueueConfig { depth_packets: 3, depth_bytes: Some(250), rate: None };
        let mut scheduler = Scheduler::new(&PortConfig { queue, ..PortConfig::default() });
        scheduler.enqueue(7, 0, job(0, 100));
        scheduler.enqueue(8, 0, job(1, 100));
        assert!(!scheduler.admits(0, &job(2, 51).work), "one byte too many");
        assert!(scheduler.admits(0, &job(2, 50).work));
        scheduler.enqueue(9, 0, job(2, 50));
        assert!(!scheduler.admits(0, &job(3, 0).work), "one packet too many");
        assert_eq!(scheduler.depth(0), (3, 250));
        let first = scheduler.dequeue(0, 9).expect("not empty").work.intrinsics;
        assert_eq!((first.enqueue_depth, first.dequeue_depth, first.enqueue_time_ns), (0, 2, 7));
        let second = scheduler.dequeue(0, 9).expect("not empty").work.intrinsics;
        assert_eq!((second.enqueue_depth, second.dequeue_depth, second.enqueue_time_ns), (1, 1, 8));
    }

    #[test]
    fn a_port_rate_spaces_packets_and_a_dropped_one_costs_nothing() {
        // 1,000 bytes at 1 Gb/s take 8 us.
        let rate = Rate::bits_per_second(1_000_000_000);
        let mut scheduler = Scheduler::new(&PortConfig { rate, ..PortConfig::default() });
        for tag in 0..3 {
            scheduler.enqueue(100, 0, job(tag, 1_000));
        }
        assert_eq!(scheduler.next(100), Next::Head { queue: 0, start_ns: 100 });
        scheduler.dequeue(0, 100);
        assert_eq!(scheduler.next(100), Next::Unsettled);
        scheduler.settle(None);
        assert_eq!(take_due(&mut scheduler, 100), [(100, 1)]);
        assert_eq!(scheduler.next(8_099), Next::NotBefore(8_100));
        assert_eq!(take_due(&mut scheduler, 9_999), [(8_100, 2)]);
    }

    #[test]
    fn a_queue_rate_lets_lower_queues_use_the_gaps() {
        let queue = QueueConfig { rate: Rate::packets_per_second(1_000_000), ..QueueConfig::default() };
        let mut scheduler = Scheduler::new(&PortConfig { queues: 2, queue, ..PortConfig::default() });
        for (tag, queue) in [(1, 1), (2, 1), (3, 0), (4, 0)] {
            scheduler.enqueue(0, queue, job(tag, 60));
        }
        assert_eq!(take_due(&mut scheduler, 999), [(0, 1), (0, 3)]);
        assert_eq!(take_due(&mut scheduler, 1_000), [(1_000, 2), (1_000, 4)]);
    }

    #[test]
    fn a_packet_that_passed_is_charged_as_one_that_waited() {
        // 1,000 bytes take 8 us at the port's rate and 16 us at a queue's.
        let queue = QueueConfig { rate: Rate::bits_per_second(500_000_000), ..QueueConfig::default() };
        let rate = Rate::bits_per_second(1_000_000_000);
        let config = PortConfig { queues: 2, queue, rate, ..PortConfig::default() };
        let (mut passing, mut waiting) = (Scheduler::new(&config), Scheduler::new(&config));
        assert_eq!(passing.passes_from_ns(), Some(0));
        passing.passed(100, 1, 1_000);
        waiting.enqueue(100, 1, job(0, 1_000));
        assert_eq!(take_due(&mut waiting, 100), [(100, 0)]);
        for scheduler in [&mut passing, &mut waiting] {
            assert_eq!(scheduler.passes_from_ns(), Some(16_100), "whatever queue the next one is for");
            for (tag, queue) in [(1, 1), (2, 0), (3, 0)] {
                scheduler.enqueue(200, queue, job(tag, 1_000));
            }
            assert_eq!(scheduler.passes_from_ns(), None, "something waits");
            assert_eq!(take_due(scheduler, 8_099), []);
            assert_eq!(take_due(scheduler, 16_099), [(8_100, 2)]);
            assert_eq!(take_due(scheduler, 24_100), [(16_100, 1), (24_100, 3)]);
        }
    }

    #[test]
    fn a_held_queue_waits_and_others_do_not() {
        let mut scheduler = Scheduler::new(&PortConfig { queues: 2, ..PortConfig::default() });
        scheduler.hold(0, 1, 500);
        for (tag, queue) in [(1, 1), (2, 0)] {
            scheduler.enqueue(10, queue, job(tag, 60));
        }
        assert_eq!(take_due(&mut scheduler, 100), [(10, 2)]);
        assert_eq!(scheduler.next(100), Next::NotBefore(500));
        assert_eq!(take_due(&mut scheduler, 600), [(500, 1)]);
        scheduler.hold(600, 1, 9_000);
        scheduler.enqueue(700, 1, job(3, 60));
        assert_eq!(scheduler.next(800), Next::NotBefore(9_000));
        scheduler.hold(800, 1, 0);
        assert!(!scheduler.is_paced());
        assert_eq!(take_due(&mut scheduler, 800).len(), 1);
    }

    #[test]
    fn what_was_held_does_not_catch_up() {
        let rate = Rate::bits_per_second(8_000_000_000);
        let mut scheduler = Scheduler::new(&PortConfig { rate, ..PortConfig::default() });
        scheduler.hold(0, 0, 90_000);
        for tag in 0..3 {
            scheduler.enqueue(10, 0, job(tag, 100));
        }
        scheduler.hold(5_000, 0, 0);
        assert_eq!(take_due(&mut scheduler, 6_000), [(5_000, 0), (5_100, 1), (5_200, 2)]);
    }

    /// Bytes that each of four queues sends in a time, all of them full.
    fn served(weights: &[u8], packet_bytes: [usize; 4], through_ns: u64) -> [u64; 4] {
        let rate = Rate::bits_per_second(8_000_000_000);
        let queue = QueueConfig { depth_packets: 10_000, ..QueueConfig::default() };
        let weights = Weights::lowest(weights);
        let mut scheduler =
            Scheduler::new(&PortConfig { queues: 4, queue, rate, weights, ..PortConfig::default() });
        for (queue, bytes) in packet_bytes.into_iter().enumerate().filter(|(_, bytes)| *bytes > 0) {
            for _ in 0..2_000 {
                scheduler.enqueue(0, queue, job(queue as u8, bytes));
            }
        }
        let mut served = [0; 4];
        for (_, queue) in take_due(&mut scheduler, through_ns) {
            served[usize::from(queue)] += packet_bytes[usize::from(queue)] as u64;
        }
        served
    }

    #[test]
    fn weights_divide_bytes_whatever_the_packets_are() {
        let [a, b, c, d] = served(&[1, 2, 5], [1_500, 100, 700, 0], 100_000);
        assert_eq!(d, 0);
        for (share, of) in [(a, 12_500), (b, 25_000), (c, 62_500)] {
            assert!(share.abs_diff(of) <= 1_500, "{a} {b} {c}");
        }
        // What one leaves is the others', and a queue above all with weights goes first.
        assert!(served(&[1, 0, 3], [1_000, 0, 0, 0], 100_000)[0] >= 100_000);
        assert_eq!(served(&[1, 2, 5], [100, 100, 100, 100], 100_000)[..3], [0, 0, 0]);
        // One without a weight that is below the highest with one waits for all of them.
        assert_eq!(served(&[1, 0, 3], [100, 100, 100, 0], 100_000)[1], 0);
    }

    #[test]
    fn a_queue_that_was_empty_has_saved_nothing_up() {
        let rate = Rate::bits_per_second(8_000_000_000);
        let queue = QueueConfig { depth_packets: 10_000, ..QueueConfig::default() };
        let weights = Weights::lowest(&[1, 1]);
        let mut scheduler =
            Scheduler::new(&PortConfig { queues: 2, queue, rate, weights, ..PortConfig::default() });
        for _ in 0..200 {
            scheduler.enqueue(0, 0, job(0, 100));
        }
        take_due(&mut scheduler, 9_999);
        for _ in 0..100 {
            scheduler.enqueue(10_000, 1, job(1, 100));
        }
        let taken = take_due(&mut scheduler, 14_999);
        let late = taken.iter().filter(|(_, tag)| *tag == 1).count();
        assert_eq!(taken.len(), 50);
        assert!((24..=26).contains(&late), "{late} of 50");
    }

    proptest! {
        /// Looking late, or often, changes neither order nor begin of any packet.
        #[test]
        fn the_schedule_does_not_depend_on_when_it_is_asked(
            arrivals in prop::collection::vec((0u64..2_000, 0usize..4, 60usize..1_500), 1..40),
            extra in prop::collection::vec(0u64..30_000, 0..40),
            weights in prop::collection::vec(0u8..4, 4),
        ) {
            let rate = Rate::bits_per_second(10_000_000_000);
            let queue = QueueConfig { depth_packets: 100, ..QueueConfig::default() };
            let weights = Weights::lowest(&weights);
            let config = PortConfig { queues: 4, rate, queue, weights, ..PortConfig::default() };
            let run = |looks: &[u64]| {
                let mut scheduler = Scheduler::new(&config);
                let mut now_ns = 0;
                let mut events: Vec<_> = arrivals
                    .iter()
                    .enumerate()
                    .map(|(tag, &(gap_ns, queue, len))| {
                        now_ns += gap_ns;
                        (now_ns, Some((tag as u8, queue, len)))
                    })
                    .chain(looks.iter().map(|&look_ns| (look_ns, None)))
                    .chain([(1_000_000, None)])
                    .collect();
                events.sort_by_key(|event| event.0);
                let mut taken = Vec::new();
                for (at_ns, arrival) in events {
                    match arrival {
                        // What began before an arrival could not have waited for it.
                        Some((tag, queue, len)) => {
                            taken.extend(take_due(&mut scheduler, at_ns.saturating_sub(1)));
                            scheduler.enqueue(at_ns, queue, job(tag, len));
                        }
                        None => taken.extend(take_due(&mut scheduler, at_ns.saturating_sub(1))),
                    }
                }
                taken
            };
            prop_assert_eq!(run(&[]), run(&extra));
        }
    }
}
