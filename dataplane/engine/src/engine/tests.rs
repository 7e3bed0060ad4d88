//! Engines with real threads on memory ports. Nothing here sleeps: loops yield until what they wait for has
//! happened, or far too much time has passed.

use std::collections::VecDeque;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use crossbeam::channel::{Receiver, Sender, unbounded};
use heddle_exec::Verdict;
use heddle_ir::DropReason;
use heddle_packet::{Packet, Pool, PortId};
use heddle_ports::memory::{MemoryOptions, MemoryPeer, pair};
use heddle_ports::{Port, PortDescription, Queue, QueueError, QueueStats};
use heddle_state::{CloneSession, MulticastGroup, Replica, State, Update};

use crate::closures::{Closures, by_first_byte, clone_of, closures, every_way, to_first_byte};
use crate::{
    Config, ConfigureError, Controller, Engine, Event, PortChangeError, PortConfig, Rate, Reason,
    ReplaceError,
};

const FAR_TOO_LONG: Duration = Duration::from_secs(60);

/// Yields until `done`.
fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < FAR_TOO_LONG, "waited too long for {what}");
        std::thread::yield_now();
    }
}

fn start(config: Config, executor: Arc<Closures>, ports: Vec<Box<dyn Port>>) -> Engine {
    let state = Arc::new(State::new(&executor.program, config.workers).expect("a state"));
    Engine::start(config, executor, state, ports).expect("it starts")
}

fn memory_ports(count: u32, options: &MemoryOptions) -> (Vec<Box<dyn Port>>, Vec<MemoryPeer>) {
    let (mut ports, mut peers) = (Vec::<Box<dyn Port>>::new(), Vec::new());
    for id in 1..=count {
        let (port, peer) = pair(PortId(id), options);
        ports.push(Box::new(port));
        peers.push(peer);
    }
    (ports, peers)
}

/// Sends `count` numbered packets from every port to every port and checks that all arrive, in order per flow.
fn all_to_all(config: Config, queues: usize, count: u32, meanwhile: impl Fn(&Engine, u32)) {
    let options = MemoryOptions { queues, depth_packets: 4_096, ..MemoryOptions::default() };
    let (ports, mut peers) = memory_ports(4, &options);
    let engine = start(config, by_first_byte(), ports);
    let mut next = [[[0u32; 4]; 4]; 4];
    let (mut sent, mut received) = (0u32, 0u32);
    let flows = 16 * queues as u32;
    while received < count * flows {
        // No more under way than any queue or ring on the path can hold, so that nothing may be lost.
        if sent < count * flows && sent - received + flows <= 64 {
            let number = sent / flows;
            for from in 0..4u8 {
                for to in 0..4u8 {
                    for queue in 0..queues as u8 {
                        let mut frame = [0u8; 60];
                        frame[..4].copy_from_slice(&[to + 1, 0, from, queue]);
                        frame[4..8].copy_from_slice(&number.to_be_bytes());
                        assert!(peers[usize::from(from)].inject_on(usize::from(queue), &frame, 0));
                    }
                }
            }
            sent += flows;
            meanwhile(&engine, number);
        }
        let before = received;
        for (to, peer) in peers.iter_mut().enumerate() {
            while let Some(packet) = peer.collect() {
                let bytes = packet.packet.bytes();
                let (from, queue) = (usize::from(bytes[2]), usize::from(bytes[3]));
                let number = u32::from_be_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]);
                assert_eq!(usize::from(bytes[0]), to + 1);
                assert_eq!(number, next[from][to][queue], "flow {from} to {to}, queue {queue}");
                next[from][to][queue] += 1;
                received += 1;
                peer.recycle(packet.packet);
            }
        }
        if received == before {
            std::thread::yield_now();
        }
    }
    let stats = engine.stop();
    let total = u64::from(count * flows);
    assert_eq!((stats.received, stats.transmitted, stats.in_flight()), (total, total, 0), "{stats:?}");
    assert_eq!(stats.drops.iter().collect::<Vec<_>>(), []);
}

#[test]
fn flows_keep_their_order_through_rings_between_two_workers() {
    all_to_all(Config { workers: 2, spin_ns: 10_000, ..Config::default() }, 1, 1_500, |_, _| {});
}

#[test]
fn ports_with_a_queue_per_worker_send_from_each() {
    all_to_all(Config { workers: 2, pin: true, spin_ns: 10_000, ..Config::default() }, 2, 700, |_, _| {});
}

#[test]
fn more_queues_and_priorities_still_have_one_owner() {
    let port_default = PortConfig { queues: 4, ..PortConfig::default() };
    all_to_all(Config { workers: 2, port_default, spin_ns: 0, ..Config::default() }, 2, 300, |_, _| {});
}

#[test]
fn workers_that_never_sleep_forward_and_end_when_told() {
    all_to_all(Config { workers: 2, spin_ns: u64::MAX, ..Config::default() }, 1, 100, |_, _| {});
}

#[test]
fn programs_are_replaced_under_traffic_without_loss() {
    let replaced = std::cell::Cell::new(0);
    all_to_all(Config { workers: 2, spin_ns: 10_000, ..Config::default() }, 1, 1_000, |engine, _| {
        let executor = by_first_byte();
        let state = Arc::new(State::new(&executor.program, 2).expect("a state"));
        match engine.replace(executor, state) {
            Ok(()) => replaced.set(replaced.get() + 1),
            Err(error) => assert_eq!(error, ReplaceError::Draining),
        }
    });
    assert!(replaced.get() > 1, "it was never replaced twice");
}

#[test]
fn a_replaced_program_is_let_go_of_even_if_nothing_arrives() {
    let controller = Some(Controller::default());
    let first = by_first_byte();
    let engine = start(Config { workers: 2, controller, ..Config::default() }, first.clone(), Vec::new());
    let second = by_first_byte();
    let state = Arc::new(State::new(&second.program, 2).expect("a state"));
    engine.replace(second, state).expect("nothing retires yet");
    wait_for("the first program to retire", || !engine.is_draining());
    wait_for("the first program to be let go of", || Arc::strong_count(&first) == 1);
}

#[test]
fn the_books_balance_whenever_two_workers_are_stopped() {
    for (seed, sent_max) in [(1, 300), (2, 3_000), (3, 30_000)] {
        let (ports, mut peers) = memory_ports(3, &MemoryOptions::default());
        let slow = PortConfig { rate: Rate::packets_per_second(200_000), queues: 2, ..PortConfig::default() };
        let config =
            Config { workers: 2, ring_packets: 8, ports: vec![(PortId(3), slow)], ..Config::default() };
        let engine = start(config, every_way(true, true), ports);
        let replica = |port| Replica { port, instance: 0, backups: Vec::new() };
        let replicas: Vec<_> = (1..=3).map(replica).collect();
        let session =
            CloneSession { id: 1, replicas: replicas.clone(), packet_length_bytes: 30, class_of_service: 1 };
        let group = MulticastGroup { id: 1, replicas };
        let updates = [Update::CreateMulticastGroup(group), Update::CreateCloneSession(session)];
        engine.state().write(&updates).expect("a group and a session");
        let mut random = seed;
        for sent in 0..sent_max {
            let bits = heddle_exec::random::next_u64(&mut random);
            let mut frame = [0u8; 64];
            frame[..3].copy_from_slice(&[(bits % 12) as u8, (bits >> 8) as u8 % 12, (bits >> 16) as u8]);
            peers[sent % 3].inject(&frame, 0);
            peers[sent % 3].collect_frames();
        }
        wait_for("something to come through", || engine.stats().transmitted > 20);
        let stats = engine.stop();
        assert_eq!(stats.in_flight(), 0, "{stats:?}");
        let port_drops: u64 = stats.ports.iter().map(|port| port.drops.total()).sum();
        assert_eq!(port_drops, stats.drops.total());
        assert!(stats.copies > 0 && stats.drops.total() > 0);
    }
}

#[test]
fn files_at_their_end_exhaust_the_engine() {
    let (ports, mut peers) = memory_ports(2, &MemoryOptions::default());
    let engine = start(Config { workers: 2, ..Config::default() }, by_first_byte(), ports);
    for tag in 0..50 {
        assert!(peers[0].inject(&[2, 0, tag], 0));
    }
    assert!(!engine.is_exhausted());
    drop(peers);
    wait_for("the end of the files", || engine.is_exhausted());
    assert_eq!(engine.stop().transmitted, 50);
}

#[test]
fn stopping_counts_what_still_waits() {
    let (ports, mut peers) = memory_ports(2, &MemoryOptions::default());
    let slow = PortConfig { rate: Rate::packets_per_second(1), ..PortConfig::default() };
    let config = Config { workers: 2, ports: vec![(PortId(2), slow)], ..Config::default() };
    let engine = start(config, by_first_byte(), ports);
    for tag in 0..100 {
        assert!(peers[0].inject(&[2, 0, tag], 0));
    }
    wait_for("the queue to overflow", || {
        let stats = engine.stats();
        stats.received == 100 && stats.drops.total() >= 35
    });
    let stats = engine.stop();
    assert_eq!(stats.transmitted, 1);
    assert_eq!(stats.drops.iter().collect::<Vec<_>>(), [(Reason::QueueFull, 35), (Reason::Shutdown, 64)]);
    assert_eq!(stats.in_flight(), 0);
}

/// A port that never receives, waits on a descriptor that nothing writes to, and sends into a channel.
struct SilentPort {
    id: PortId,
    sent: Sender<Vec<u8>>,
}

struct SilentQueue {
    id: PortId,
    sent: Sender<Vec<u8>>,
    ends: (UnixStream, UnixStream),
    stats: QueueStats,
}

impl Port for SilentPort {
    fn description(&self) -> PortDescription {
        let (id, name, notes) = (self.id, "silent".to_owned(), Vec::new());
        PortDescription { id, name, kind: "memory", interface: None, queues: 1, mtu_bytes: 1_500, notes }
    }

    fn split(&mut self) -> Vec<Box<dyn Queue>> {
        let ends = UnixStream::pair().expect("a pair of sockets");
        let (id, sent) = (self.id, self.sent.clone());
        vec![Box::new(SilentQueue { id, sent, ends, stats: QueueStats::default() })]
    }
}

impl Queue for SilentQueue {
    fn port(&self) -> PortId {
        self.id
    }

    fn receive(&mut self, _: u64, _: &mut Pool, _: &mut Vec<Packet>, _: usize) -> Result<usize, QueueError> {
        Ok(0)
    }

    fn transmit(
        &mut self,
        _: u64,
        pool: &mut Pool,
        from: &mut VecDeque<Packet>,
    ) -> Result<usize, QueueError> {
        let count = from.len();
        for packet in from.drain(..) {
            self.stats.tx_packets += 1;
            self.sent.send(packet.bytes().to_vec()).expect("the test still listens");
            pool.give(packet);
        }
        Ok(count)
    }

    fn readable_fd(&self) -> Option<RawFd> {
        Some(self.ends.0.as_raw_fd())
    }

    fn stats(&self) -> QueueStats {
        self.stats
    }
}

/// What a silent port sent.
type Sent = Receiver<Vec<u8>>;

fn silent_ports(count: u32) -> (Vec<Box<dyn Port>>, Vec<Sent>) {
    let mut ends = Vec::new();
    let ports = (1..=count).map(|id| {
        let (sent, end) = unbounded();
        ends.push(end);
        Box::new(SilentPort { id: PortId(id), sent }) as Box<dyn Port>
    });
    (ports.collect(), ends)
}

#[test]
fn sleeping_workers_are_woken_for_every_packet() {
    // Both workers have nothing to wait for but their bells: the first is rung by the injection, the second by
    // the first, which hands it packets for port 2.
    let (ports, ends) = silent_ports(2);
    let engine = start(Config { workers: 2, spin_ns: 0, ..Config::default() }, by_first_byte(), ports);
    for round in 0..2_000u32 {
        let to = 1 + (round % 2) as u8;
        let frame = [to, 0, round as u8];
        engine.inject(PortId(9), Bytes::copy_from_slice(&frame)).expect("none waits");
        let sent = ends[usize::from(to) - 1].recv_timeout(FAR_TOO_LONG).expect("a wake-up was lost");
        assert_eq!(sent, frame);
    }
    assert_eq!(engine.stop().in_flight(), 0);
}

#[test]
fn a_sleeping_worker_wakes_for_a_paced_packet() {
    let (ports, ends) = silent_ports(1);
    let engine = start(Config { spin_ns: 0, ..Config::default() }, by_first_byte(), ports);
    let rate = Rate::packets_per_second(1_000);
    engine.configure_port(PortId(1), PortConfig { rate, ..PortConfig::default() }).expect("it may");
    let begin_ns = engine.now_ns();
    for tag in 0..4 {
        engine.inject(PortId(9), Bytes::copy_from_slice(&[1, 0, tag])).expect("none waits");
    }
    for tag in 0..4 {
        assert_eq!(ends[0].recv_timeout(FAR_TOO_LONG).expect("sent in the end")[2], tag);
    }
    assert!(engine.now_ns() - begin_ns >= 3_000_000, "the rate was not kept");
}

#[test]
fn workers_go_first_where_they_may_and_say_so_where_not() {
    let executor = closures(
        false,
        |work, position, context| {
            work.packet.bytes_mut()[2] = u8::from(crate::processor::goes_first());
            to_first_byte(work, position, context);
        },
        |work, _, _| work.verdict = Verdict::Transmit,
    );
    for realtime in [false, true] {
        let (ports, ends) = silent_ports(1);
        let engine = start(Config { realtime, ..Config::default() }, Arc::clone(&executor), ports);
        engine.inject(PortId(9), Bytes::copy_from_slice(&[1, 0, 0])).expect("none waits");
        let goes_first = ends[0].recv_timeout(FAR_TOO_LONG).expect("sent in the end")[2] == 1;
        let refused =
            engine.events().try_iter().any(|event| matches!(event, Event::NotRealtime { worker: 0, .. }));
        assert_eq!((goes_first || refused, goes_first && refused), (realtime, false));
    }
}

#[test]
fn a_worker_that_panics_goes_on() {
    let executor = closures(
        false,
        |work, position, context| {
            assert!(work.packet.bytes()[2] != 13, "unlucky");
            to_first_byte(work, position, context);
        },
        |work, _, _| work.verdict = Verdict::Transmit,
    );
    let (ports, mut peers) = memory_ports(2, &MemoryOptions::default());
    let engine = start(Config { workers: 2, ..Config::default() }, executor, ports);
    assert!(peers[0].inject(&[1, 0, 13], 0));
    let event = engine.events().recv_timeout(FAR_TOO_LONG).expect("it is told");
    assert_eq!(event, Event::WorkerPanicked { worker: 0, message: "unlucky".to_owned(), lost: 1 });
    // Both go on, the one that panicked too.
    for (port, peer) in peers.iter_mut().enumerate() {
        assert!(peer.inject(&[port as u8 + 1, 0, 1], 0));
        let mut frames = Vec::new();
        wait_for("the worker", || {
            frames.extend(peer.collect_frames());
            !frames.is_empty()
        });
    }
    let stats = engine.stop();
    assert_eq!((stats.received, stats.transmitted, stats.in_flight()), (3, 2, 0));
    assert_eq!(stats.drops.iter().collect::<Vec<_>>(), [(Reason::WorkerPanicked, 1)]);
}

#[test]
fn panics_anywhere_leave_the_books_balanced() {
    let executor = closures(
        true,
        |work, position, context| {
            assert!(!work.packet.bytes()[3].is_multiple_of(31), "ingress");
            if work.packet.bytes()[3].is_multiple_of(7) {
                clone_of(work, position, 1, heddle_ir::Origin::CloneOfReceived, context);
            }
            to_first_byte(work, position, context);
        },
        |work, _, _| {
            assert!(!work.packet.bytes()[3].is_multiple_of(37), "egress");
            work.verdict = Verdict::Transmit;
        },
    );
    let state = Arc::new(State::new(&executor.program, 2).expect("a state"));
    let replicas = vec![Replica { port: 2, instance: 1, backups: Vec::new() }];
    let (packet_length_bytes, class_of_service) = (0, 0);
    let session = CloneSession { id: 1, replicas, packet_length_bytes, class_of_service };
    state.write(&[Update::CreateCloneSession(session)]).expect("a session");
    let (ports, mut peers) = memory_ports(2, &MemoryOptions::default());
    let engine =
        Engine::start(Config { workers: 2, ..Config::default() }, executor, state, ports).expect("it starts");
    let mut sent = 0u64;
    let start = Instant::now();
    while sent < 4_000 {
        assert!(start.elapsed() < FAR_TOO_LONG);
        for (from, peer) in peers.iter_mut().enumerate() {
            sent += u64::from(peer.inject(&[2 - from as u8, 0, 0, (sent % 251) as u8], 0));
            peer.collect_frames();
        }
    }
    wait_for("all to be received", || engine.stats().received == sent);
    let stats = engine.stop();
    assert!(stats.drops.get(Reason::WorkerPanicked) > 0, "{stats:?}");
    assert_eq!(stats.in_flight(), 0, "{stats:?}");
}

#[test]
fn ports_come_and_go_while_the_switch_runs() {
    let (ports, mut peers) = memory_ports(2, &MemoryOptions::default());
    let config = Config { workers: 2, spare_ports: 1, ..Config::default() };
    let engine = start(config, by_first_byte(), ports);
    let (third, mut third_peer) = pair(PortId(3), &MemoryOptions::default());
    engine.attach_port(Box::new(third)).expect("a spare port");
    let told = |engine: &Engine| engine.events().recv_timeout(FAR_TOO_LONG).expect("it is told");
    assert_eq!(told(&engine), Event::PortUp { port: PortId(3) });
    let arrives = |from: &mut MemoryPeer, to: &mut MemoryPeer, frame: &[u8]| {
        assert!(from.inject(frame, 0));
        let mut frames = Vec::new();
        wait_for("a packet", || {
            frames.extend(to.collect_frames());
            !frames.is_empty()
        });
        assert_eq!(frames, [frame]);
    };
    arrives(&mut peers[0], &mut third_peer, &[3, 1]);
    arrives(&mut third_peer, &mut peers[1], &[2, 2]);

    let (again, _) = pair(PortId(3), &MemoryOptions::default());
    assert_eq!(engine.attach_port(Box::new(again)).err(), Some(PortChangeError::Attached(PortId(3))));
    let (fourth, _) = pair(PortId(4), &MemoryOptions::default());
    assert_eq!(engine.attach_port(Box::new(fourth)).err(), Some(PortChangeError::NoRoom(PortId(4))));
    assert_eq!(engine.detach_port(PortId(4)), Err(PortChangeError::Unknown(PortId(4))));

    engine.detach_port(PortId(3)).expect("it is there");
    assert!(peers[0].inject(&[3, 3], 0));
    wait_for("the packet to be lost", || engine.stats().drops.get(Reason::PortDown) == 1);
    let [first, second] = &mut peers[..] else { panic!("two peers") };
    arrives(first, second, &[2, 4]);

    // With more queues than before, and more than workers.
    let (again, mut third_peer) = pair(PortId(3), &MemoryOptions { queues: 3, ..MemoryOptions::default() });
    assert_eq!(engine.attach_port(Box::new(again)).expect("it is free").queues, 3);
    assert_eq!(told(&engine), Event::PortUp { port: PortId(3) });
    arrives(&mut peers[1], &mut third_peer, &[3, 5]);
    for queue in 0..3u8 {
        assert!(third_peer.inject_on(usize::from(queue), &[1, 6, queue], 0));
    }
    let mut frames = Vec::new();
    wait_for("a packet from each queue", || {
        frames.extend(peers[0].collect_frames());
        frames.len() == 3
    });
    let stats = engine.stop();
    assert_eq!((stats.received, stats.transmitted, stats.in_flight()), (8, 7, 0));
    assert_eq!(stats.port(PortId(3)).map(|port| port.tx_packets), Some(2));
}

#[test]
fn what_is_sent_to_a_port_without_a_link_is_counted() {
    let (ports, mut peers) = memory_ports(2, &MemoryOptions::default());
    let engine = start(Config { workers: 1, ..Config::default() }, by_first_byte(), ports);
    let is_up = |engine: &Engine| engine.stats().port(PortId(2)).map(|port| port.up);
    assert_eq!((engine.set_link(PortId(2), false), is_up(&engine)), (Ok(true), Some(false)));
    assert_eq!(engine.set_link(PortId(2), false), Ok(false));
    // The worker hears of it when it looks.
    wait_for("a packet to be lost", || {
        peers[0].inject(&[2, 1], 0) && engine.stats().drops.get(Reason::PortDown) > 0
    });
    peers[1].collect_frames();
    assert!(peers[0].inject(&[1, 1], 0));
    wait_for("the other port", || peers[0].collect().is_some());
    // It goes on receiving.
    assert!(peers[1].inject(&[1, 2], 0));
    wait_for("a packet from the port without a link", || peers[0].collect().is_some());
    assert_eq!((engine.set_link(PortId(2), true), is_up(&engine)), (Ok(true), Some(true)));
    assert!(peers[0].inject(&[2, 3], 0));
    wait_for("a packet at the port that has a link again", || peers[1].collect().is_some());
    assert_eq!(engine.set_link(PortId(3), false), Err(PortChangeError::Unknown(PortId(3))));
    let stats = engine.stop();
    let lost = stats.drops.get(Reason::PortDown);
    assert_eq!((lost + stats.transmitted, stats.in_flight()), (stats.received, 0));
    assert_eq!(stats.drops.total(), lost);
}

#[test]
fn a_port_that_is_gone_comes_back() {
    let (ports, mut peers) = memory_ports(2, &MemoryOptions::default());
    let engine = start(Config { workers: 1, ..Config::default() }, by_first_byte(), ports);
    // Whatever is the matter with its link, it has one when it comes back.
    assert_eq!(engine.set_link(PortId(2), false), Ok(true));
    peers[1].unplug();
    let event = engine.events().recv_timeout(FAR_TOO_LONG).expect("it is told");
    assert!(matches!(event, Event::PortGone { port: PortId(2), .. }), "{event}");
    assert_eq!(engine.set_link(PortId(2), true), Err(PortChangeError::Unknown(PortId(2))));
    assert!(peers[0].inject(&[2, 1], 0) && peers[0].inject(&[1, 1], 0));
    wait_for("the other port", || peers[0].collect().is_some());
    engine.detach_port(PortId(2)).expect("what is left of it");
    let (again, mut peer) = pair(PortId(2), &MemoryOptions::default());
    engine.attach_port(Box::new(again)).expect("it was there from the start");
    let event = engine.events().recv_timeout(FAR_TOO_LONG).expect("it is told");
    assert_eq!(event, Event::PortUp { port: PortId(2) });
    assert!(peers[0].inject(&[2, 2], 0));
    wait_for("a packet at the port that is back", || peer.collect().is_some());
    let stats = engine.stop();
    assert_eq!((stats.drops.get(Reason::PortDown), stats.drops.total()), (1, 1));
}

#[test]
fn the_controller_is_reached_from_every_worker() {
    let controller = Some(Controller { port: PortId(510), packets: 16 });
    let executor = closures(
        false,
        |work, _, _| work.verdict = Verdict::Enqueue { port: 510, queue: 0 },
        |work, _, _| work.verdict = Verdict::Transmit,
    );
    let (ports, mut peers) = memory_ports(2, &MemoryOptions::default());
    let engine = start(Config { workers: 2, controller, ..Config::default() }, executor, ports);
    for (port, peer) in peers.iter_mut().enumerate() {
        assert!(peer.inject(&[0, 0, port as u8], 0));
    }
    let mut came_by: Vec<_> = (0..2)
        .map(|_| engine.packet_ins().recv_timeout(FAR_TOO_LONG).expect("delivered").ingress_port)
        .collect();
    came_by.sort();
    assert_eq!(came_by, [PortId(1), PortId(2)]);
    let rate = Rate::packets_per_second(10);
    let refused = engine.configure_port(PortId(510), PortConfig { rate, ..PortConfig::default() });
    assert_eq!(refused, Err(ConfigureError::Shared(PortId(510))));
    assert_eq!(engine.stop().delivered, 2);
}

#[test]
fn statistics_are_read_while_workers_run() {
    let executor =
        closures(false, |work, _, _| work.verdict = Verdict::Drop(DropReason::IngressDrop), |_, _, _| {});
    let (ports, mut peers) = memory_ports(1, &MemoryOptions::default());
    let engine = start(Config::default(), executor, ports);
    let (mut sent, mut last) = (0u64, 0);
    wait_for("20,000 packets to be counted", || {
        sent += u64::from(sent < 20_000 && peers[0].room(0) > 0 && peers[0].inject(&[0; 60], 0));
        let dropped = engine.stats().drops.get(Reason::IngressDrop);
        assert!(last <= dropped && dropped <= sent, "{last} {dropped} {sent}");
        last = dropped;
        dropped == 20_000
    });
}
