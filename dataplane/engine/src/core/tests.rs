//! The core on memory ports and virtual time, with programs written by hand as closures.

mod batches;

use std::sync::Arc;
use std::sync::Mutex;

use heddle_exec::Verdict;
use heddle_ir::{Bits, DigestId, DropReason, Origin};
use heddle_packet::PortId;
use heddle_ports::Port;
use heddle_ports::memory::{MemoryOptions, MemoryPeer, pair};
use heddle_state::{BackupReplica, CloneSession, MulticastGroup, Replica, State, Update};

use crate::closures::{Closures, by_first_byte, clone_of, closures, to_first_byte};
use crate::{
    Config, ConfigureError, Controller, EngineError, Event, PortChangeError, PortConfig, QueueConfig, Rate,
    Reason, ReplaceError, Stats, Switch, Unnameable,
};

/// A switch and the other ends of its ports, which are numbered from 1.
struct Rig {
    switch: Switch,
    peers: Vec<MemoryPeer>,
}

impl Rig {
    fn new(config: Config, executor: Arc<Closures>, ports: u32, options: &MemoryOptions) -> Self {
        let (mut attached, mut peers) = (Vec::<Box<dyn Port>>::new(), Vec::new());
        for id in 1..=ports {
            let (port, peer) = pair(PortId(id), options);
            attached.push(Box::new(port));
            peers.push(peer);
        }
        let state = Arc::new(State::new(&executor.program, 1).expect("a state"));
        let switch = Switch::new(config, executor, state, attached).expect("it fits");
        Self { switch, peers }
    }

    fn simple(executor: Arc<Closures>, ports: u32) -> Self {
        Self::new(Config::default(), executor, ports, &MemoryOptions::default())
    }

    /// Puts a frame on the wire of a port: two bytes, then a tag, filled up to `len`.
    fn send(&mut self, port: usize, head: [u8; 3], len: usize, at_ns: u64) {
        let mut frame = vec![0; len.max(3)];
        frame[..3].copy_from_slice(&head);
        assert!(self.peers[port - 1].inject(&frame, at_ns), "the memory port is too short for the test");
    }

    /// Tags of what a port has sent.
    fn tags(&mut self, port: usize) -> Vec<u8> {
        self.peers[port - 1].collect_frames().iter().map(|frame| frame[2]).collect()
    }

    fn stats(&self) -> Stats {
        let stats = self.switch.stats();
        assert_eq!(stats.in_flight(), self.switch.held() as u64, "the books do not balance: {stats:?}");
        stats
    }

    fn dropped(&self, reason: Reason) -> u64 {
        self.stats().drops.get(reason)
    }
}

fn replica(port: u32, instance: u32) -> Replica {
    Replica { port, instance, backups: Vec::new() }
}

#[test]
fn packets_of_one_port_keep_their_order_across_batches() {
    let mut rig = Rig::simple(by_first_byte(), 2);
    for tag in 0..200 {
        rig.send(1, [2, 0, tag], 64, 5);
    }
    assert_eq!(rig.switch.run_until_quiet(5), None);
    assert_eq!(rig.tags(2), (0..200).collect::<Vec<_>>());
    let stats = rig.stats();
    assert_eq!((stats.received, stats.transmitted, stats.drops.total()), (200, 200, 0));
    let out = stats.port(PortId(2)).expect("attached");
    assert_eq!((out.tx_packets, out.tx_bytes), (200, 200 * 64));
    assert_eq!((stats.ingress_passes, stats.egress_passes), (200, 200));
}

#[test]
fn packets_of_several_ports_are_run_in_order_of_arrival() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let program = closures(
        false,
        move |work, _, _| {
            log.lock().unwrap().push(work.packet.bytes()[2]);
            work.verdict = Verdict::Drop(DropReason::IngressDrop);
        },
        |_, _, _| {},
    );
    let config = Config { batch_packets: 3, ..Config::default() };
    let mut rig = Rig::new(config, program, 2, &MemoryOptions::default());
    for tag in 0..10 {
        rig.send(1, [0, 0, 2 * tag], 64, 2 * u64::from(tag));
        rig.send(2, [0, 0, 2 * tag + 1], 64, 2 * u64::from(tag) + 1);
    }
    assert_eq!(rig.switch.step(0).next_due_ns, Some(1));
    rig.switch.run_until_quiet(100);
    assert_eq!(*seen.lock().unwrap(), (0..20).collect::<Vec<_>>());
}

#[test]
fn every_lost_packet_has_a_reason() {
    let program = closures(
        false,
        |work, _, _| {
            work.verdict = match work.packet.bytes()[0] {
                0 => Verdict::Drop(DropReason::ParserReject),
                1 => Verdict::Transmit,
                2 => Verdict::Enqueue { port: 77, queue: 0 },
                3 => Verdict::Replicate { group: 9, queue: 0 },
                _ => Verdict::Enqueue { port: 1, queue: 0 },
            }
        },
        |work, _, _| {
            work.verdict = match work.packet.bytes()[0] {
                4 => Verdict::Drop(DropReason::EgressDrop),
                5 => Verdict::Enqueue { port: 1, queue: 0 },
                6 => {
                    work.truncate_bytes = Some(0);
                    Verdict::Transmit
                }
                _ => Verdict::Transmit,
            }
        },
    );
    let options = MemoryOptions { mtu_bytes: 100, ..MemoryOptions::default() };
    let mut rig = Rig::new(Config::default(), program, 1, &options);
    for kind in 0..8 {
        rig.send(1, [kind, 0, kind], if kind == 7 { 500 } else { 64 }, 0);
    }
    rig.switch.inject(PortId(99), &[0; 60], 0);
    rig.switch.run_until_quiet(0);
    let stats = rig.stats();
    let expected = [
        (Reason::EgressDrop, 1),
        (Reason::ParserReject, 2),
        (Reason::UnknownPort, 1),
        (Reason::UnknownMulticastGroup, 1),
        (Reason::TransmitRefused, 1),
        (Reason::Empty, 1),
        (Reason::InvalidVerdict, 2),
    ];
    assert_eq!(stats.drops.iter().collect::<Vec<_>>(), expected);
    let nowhere = stats.ports.last().expect("there is always one");
    assert_eq!((nowhere.id, nowhere.injected, nowhere.drops.total()), (None, 1, 1));
    assert_eq!((stats.received, stats.injected, stats.transmitted), (8, 1, 0));
}

#[test]
fn back_pressure_shows_as_depth_and_then_as_loss() {
    // The wire takes 4 packets, 3 wait before it, the queue holds 5.
    let options = MemoryOptions { depth_packets: 4, ..MemoryOptions::default() };
    let config = Config {
        transmit_packets: 3,
        port_default: PortConfig {
            queue: QueueConfig { depth_packets: 5, ..QueueConfig::default() },
            ..PortConfig::default()
        },
        ..Config::default()
    };
    let depths = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&depths);
    let program = closures(false, |work, _, _| work.verdict = Verdict::Enqueue { port: 2, queue: 0 }, {
        move |work, _, _| {
            let intrinsics = work.intrinsics;
            log.lock().unwrap().push((intrinsics.enqueue_depth, intrinsics.dequeue_depth));
            work.verdict = Verdict::Transmit;
        }
    });
    let mut rig = Rig::new(config, program, 2, &options);
    for tag in 0..14 {
        rig.switch.inject(PortId(1), &[2, 0, tag], 0);
    }
    let step = rig.switch.step(10);
    assert_eq!(step.next_due_ns, Some(10 + Config::default().retry_ns), "it asks the port again later");
    assert_eq!(rig.dropped(Reason::QueueFull), 2);
    assert_eq!(rig.switch.held(), 8);
    let depth = rig.stats().port(PortId(2)).expect("attached").queues[0];
    assert_eq!((depth.packets, depth.bytes, depth.high_water_packets), (5, 15, 5));
    assert!(!rig.switch.step(11).progressed);
    let mut tags = rig.tags(2);
    while rig.switch.held() > 0 {
        rig.switch.run_until_quiet(20);
        tags.extend(rig.tags(2));
    }
    assert_eq!(tags, (0..12).collect::<Vec<_>>());
    let straight = vec![(0, 0); 7];
    let queued = [(0, 4), (1, 3), (2, 2), (3, 1), (4, 0)];
    assert_eq!(*depths.lock().unwrap(), [straight.as_slice(), &queued].concat());
    assert_eq!(rig.stats().port(PortId(2)).expect("attached").queues[0].packets, 0);
}

#[test]
fn higher_queues_overtake_while_the_port_is_full() {
    let options = MemoryOptions { depth_packets: 1, ..MemoryOptions::default() };
    let port_default = PortConfig { queues: 4, ..PortConfig::default() };
    let config = Config { transmit_packets: 1, port_default, ..Config::default() };
    let mut rig = Rig::new(config, by_first_byte(), 2, &options);
    for (tag, queue) in [(0, 0), (1, 0), (2, 1), (3, 7), (4, 3), (5, 1)] {
        rig.switch.inject(PortId(1), &[2, queue, tag], 0);
    }
    let mut tags = Vec::new();
    while rig.switch.held() > 0 {
        rig.switch.run_until_quiet(0);
        tags.extend(rig.tags(2));
    }
    // One on the wire and one before it; the rest by queue.
    assert_eq!(tags, [0, 1, 3, 4, 2, 5]);
}

#[test]
fn a_rate_paces_on_virtual_time() {
    // 100 bytes and 25 of overhead at 1 Gb/s: a microsecond.
    let paced = PortConfig {
        rate: Rate::bits_per_second(1_000_000_000),
        overhead_bytes: 25,
        ..PortConfig::default()
    };
    let config = Config { ports: vec![(PortId(2), paced)], ..Config::default() };
    let mut rig = Rig::new(config, by_first_byte(), 2, &MemoryOptions::default());
    for tag in 0..5 {
        rig.send(1, [2, 0, tag], 100, 700);
    }
    let (mut now_ns, mut sent) = (0, Vec::new());
    while let Some(due_ns) = rig.switch.run_until_quiet(now_ns) {
        now_ns = due_ns;
        assert!(now_ns < 1_000_000, "it never ends");
    }
    while let Some(packet) = rig.peers[1].collect() {
        sent.push(packet.sent_ns);
    }
    assert_eq!(sent, [700, 1_700, 2_700, 3_700, 4_700]);
    rig.stats();
}

#[test]
fn what_egress_drops_takes_no_time_of_a_paced_port() {
    let paced = PortConfig { rate: Rate::packets_per_second(1_000), ..PortConfig::default() };
    let config = Config { ports: vec![(PortId(2), paced)], ..Config::default() };
    let program = closures(false, to_first_byte, |work, _, _| {
        let odd = work.packet.bytes()[2] % 2 == 1;
        work.verdict = if odd { Verdict::Drop(DropReason::EgressDrop) } else { Verdict::Transmit };
    });
    let mut rig = Rig::new(config, program, 2, &MemoryOptions::default());
    for tag in [1, 0, 3, 5, 2] {
        rig.send(1, [2, 0, tag], 64, 0);
    }
    assert_eq!(rig.switch.run_until_quiet(0), Some(1_000_000));
    assert_eq!(rig.tags(2), [0]);
    assert_eq!(rig.switch.run_until_quiet(1_000_000), None);
    assert_eq!(rig.tags(2), [2]);
}

#[test]
fn rates_and_depths_change_while_it_runs_but_not_the_number_of_queues() {
    let mut rig = Rig::simple(by_first_byte(), 2);
    let rate = Rate::packets_per_second(1_000_000);
    let config = PortConfig { rate, ..PortConfig::default() };
    rig.switch.configure_port(PortId(2), config).expect("it may");
    rig.switch.step(0);
    for tag in 0..3 {
        rig.send(1, [2, 0, tag], 64, 0);
    }
    assert_eq!(rig.switch.run_until_quiet(0), Some(1_000));
    assert_eq!(rig.tags(2), [0]);
    rig.switch.configure_port(PortId(2), PortConfig::default()).expect("it may");
    assert_eq!(rig.switch.run_until_quiet(1), None);
    assert_eq!(rig.tags(2), [1, 2]);
    let more = PortConfig { queues: 2, ..PortConfig::default() };
    let refused = rig.switch.configure_port(PortId(2), more);
    assert_eq!(refused, Err(ConfigureError::Queues { port: PortId(2), queues: 1 }));
    let unknown = rig.switch.configure_port(PortId(9), config);
    assert_eq!(unknown, Err(ConfigureError::UnknownPort(PortId(9))));
}

/// Sends by the first byte, and says of itself how many ports it tells apart.
fn of_so_many_ports(ports: u32) -> Arc<Closures> {
    let closures = Arc::into_inner(by_first_byte()).expect("it was just made");
    let program = heddle_ir::Program { ports: Some(ports), ..closures.program.program().clone() };
    Arc::new(Closures { program: heddle_ir::verify(program).expect("it is a program"), ..closures })
}

#[test]
fn there_is_no_port_that_the_program_cannot_name() {
    let beyond = |port, ports| Unnameable { port: PortId(port), ports };
    let state = |executor: &Arc<Closures>| Arc::new(State::new(&executor.program, 1).expect("a state"));
    let port = |id| -> Box<dyn Port> { Box::new(pair(PortId(id), &MemoryOptions::default()).0) };
    let executor = of_so_many_ports(3);
    // The controller's port has a number for programs that speak to it.
    let config = Config { spare_ports: 1, controller: Some(Controller::default()), ..Config::default() };
    let start = |ports| Switch::new(config.clone(), executor.clone(), state(&executor), ports);

    let refused = start(vec![port(2), port(3)]).err();
    assert!(matches!(refused, Some(EngineError::Unnameable(why)) if why == beyond(3, 3)), "{refused:?}");
    let mut switch = start(vec![port(0), port(2)]).expect("both have a name");
    assert_eq!(switch.attach_port(port(4)).err(), Some(PortChangeError::Unnameable(beyond(4, 3))));
    let narrower = of_so_many_ports(2);
    let refused = switch.replace(narrower.clone(), state(&narrower));
    assert_eq!(refused, Err(ReplaceError::Unnameable(beyond(2, 2))));
    let wider = of_so_many_ports(5);
    switch.replace(wider.clone(), state(&wider)).expect("it has a name for each");
    switch.attach_port(port(4)).expect("it has a name now");
    // It is there for the next program, though no step has taken it up.
    let without = of_so_many_ports(4);
    let refused = switch.replace(without.clone(), state(&without));
    assert_eq!(refused, Err(ReplaceError::Unnameable(beyond(4, 4))));
}

#[test]
fn multicast_makes_one_packet_per_replica_and_moves_the_last() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let program = closures(
        false,
        |work, _, _| {
            work.frame.words[3] = 0x5eed;
            work.parsed_bytes = 2;
            work.verdict = Verdict::Replicate { group: u32::from(work.packet.bytes()[0]), queue: 0 };
        },
        move |work, _, _| {
            assert_eq!((work.frame.words[3], work.parsed_bytes), (0x5eed, 2), "a copy has all slots");
            let intrinsics = work.intrinsics;
            assert_eq!((intrinsics.origin, intrinsics.ingress_port), (Origin::Replicated, 1));
            log.lock().unwrap().push((intrinsics.egress_port, intrinsics.replication_id));
            work.verdict = Verdict::Transmit;
        },
    );
    let mut rig = Rig::simple(program, 3);
    let groups = [
        MulticastGroup {
            id: 5,
            replicas: vec![replica(1, 10), replica(2, 20), replica(2, 21), replica(9, 9), replica(3, 30)],
        },
        MulticastGroup { id: 6, replicas: Vec::new() },
    ];
    rig.switch.state().write(&groups.map(Update::CreateMulticastGroup)).expect("they are groups");
    for group in [5, 6, 7] {
        rig.send(1, [group, 0, 0xaa], 64, 0);
    }
    rig.switch.run_until_quiet(0);
    assert_eq!(*seen.lock().unwrap(), [(1, 10), (2, 20), (2, 21), (3, 30)]);
    assert_eq!([rig.tags(1), rig.tags(2), rig.tags(3)], [vec![0xaa], vec![0xaa; 2], vec![0xaa]]);
    let stats = rig.stats();
    assert_eq!((stats.received, stats.copies, stats.transmitted), (3, 4, 4));
    for reason in [Reason::UnknownPort, Reason::EmptyMulticastGroup, Reason::UnknownMulticastGroup] {
        assert_eq!(stats.drops.get(reason), 1, "{reason}");
    }
}

#[test]
fn a_replica_goes_to_a_backup_while_its_port_is_down() {
    let program = closures(
        false,
        |work, _, _| {
            work.verdict = match work.packet.bytes()[0] {
                0 => Verdict::Replicate { group: 1, queue: 0 },
                port => Verdict::Enqueue { port: u32::from(port), queue: 0 },
            }
        },
        |work, _, _| {
            work.packet.bytes_mut()[1] = work.intrinsics.replication_id as u8;
            work.verdict = Verdict::Transmit;
        },
    );
    let mut rig = Rig::simple(program, 3);
    let backups = vec![BackupReplica { port: 8, instance: 80 }, BackupReplica { port: 3, instance: 31 }];
    let replicas = vec![Replica { port: 2, instance: 20, backups }];
    rig.switch
        .state()
        .write(&[Update::CreateMulticastGroup(MulticastGroup { id: 1, replicas })])
        .expect("a group");
    rig.send(1, [0, 0, 1], 64, 0);
    rig.switch.run_until_quiet(0);
    assert_eq!(rig.peers[1].collect_frames()[0][..3], [0, 20, 1]);

    rig.peers[1].unplug();
    rig.switch.run_until_quiet(1);
    let gone = rig.switch.event().expect("it is told");
    assert_eq!(
        gone,
        Event::PortGone {
            port: PortId(2),
            error: "memory: the interface is gone: it was unplugged".to_owned()
        }
    );
    assert_eq!(rig.switch.event(), None);
    rig.send(1, [0, 0, 2], 64, 2);
    rig.send(1, [2, 0, 3], 64, 2);
    rig.send(1, [1, 0, 4], 64, 2);
    rig.switch.run_until_quiet(2);
    assert_eq!(rig.peers[2].collect_frames()[0][..3], [0, 31, 2]);
    assert_eq!(rig.tags(1), [4], "the others go on");
    let stats = rig.stats();
    assert_eq!(stats.drops.get(Reason::PortDown), 1);
    assert_eq!(stats.ports.iter().map(|port| port.up).collect::<Vec<_>>(), [true, false, true, false]);
}

#[test]
fn a_port_that_goes_takes_its_queued_packets_along() {
    let options = MemoryOptions { depth_packets: 1, ..MemoryOptions::default() };
    let config = Config { transmit_packets: 2, ..Config::default() };
    let mut rig = Rig::new(config, by_first_byte(), 2, &options);
    for tag in 0..8 {
        rig.switch.inject(PortId(1), &[2, 0, tag], 0);
    }
    rig.switch.run_until_quiet(0);
    assert_eq!((rig.stats().transmitted, rig.switch.held()), (1, 7));
    rig.peers[1].unplug();
    rig.switch.run_until_quiet(1);
    assert_eq!((rig.dropped(Reason::PortDown), rig.switch.held()), (7, 0));
    assert_eq!(rig.switch.step(2).next_due_ns, None, "nothing is asked again");
}

#[test]
fn clones_go_before_their_originals_to_all_replicas_of_the_session() {
    let program = closures(
        false,
        |work, position, context| {
            if work.packet.bytes()[1] > 0 {
                let session = u32::from(work.packet.bytes()[1]);
                clone_of(work, position, session, Origin::CloneOfReceived, context);
            }
            work.packet.bytes_mut()[2] |= 0x80;
            work.verdict = Verdict::Enqueue { port: 2, queue: 0 };
        },
        |work, _, _| {
            let intrinsics = work.intrinsics;
            if intrinsics.origin == Origin::CloneOfReceived {
                let facts = [intrinsics.replication_id as u8, intrinsics.queue_id as u8];
                work.packet.bytes_mut()[..2].copy_from_slice(&facts);
                assert_eq!(intrinsics.packet_length, 40);
            }
            work.verdict = Verdict::Transmit;
        },
    );
    let port_default = PortConfig { queues: 8, ..PortConfig::default() };
    let config = Config { port_default, ..Config::default() };
    let mut rig = Rig::new(config, program, 3, &MemoryOptions::default());
    let session = CloneSession {
        id: 57,
        replicas: vec![replica(3, 1), replica(2, 2)],
        packet_length_bytes: 40,
        class_of_service: 5,
    };
    let empty = CloneSession { id: 58, ..CloneSession::default() };
    let updates = [session, empty].map(Update::CreateCloneSession);
    rig.switch.state().write(&updates).expect("they are sessions");
    for (tag, session) in [(0, 0), (1, 57), (2, 0), (3, 57), (4, 58), (5, 59)] {
        rig.send(1, [0, session, tag], 64, 0);
    }
    rig.switch.run_until_quiet(0);
    assert_eq!(rig.tags(2), [0x80, 1, 0x81, 0x82, 3, 0x83, 0x84, 0x85]);
    let copies = rig.peers[2].collect_frames();
    assert_eq!(
        copies.iter().map(|frame| (&frame[..3], frame.len())).collect::<Vec<_>>(),
        [(&[1u8, 5, 1][..], 40), (&[1, 5, 3], 40)]
    );
    let stats = rig.stats();
    assert_eq!((stats.copies, stats.transmitted), (6, 10));
    assert_eq!(stats.drops.get(Reason::EmptyCloneSession), 1);
    assert_eq!(stats.drops.get(Reason::UnknownCloneSession), 1);
}

#[test]
fn a_clone_that_clones_itself_ends_at_the_pass_limit() {
    let program = closures(true, to_first_byte, |work, position, context| {
        clone_of(work, position, 1, Origin::CloneOfSent, context);
        work.verdict = Verdict::Transmit;
    });
    let config = Config { pass_limit: 5, ..Config::default() };
    let mut rig = Rig::new(config, program, 2, &MemoryOptions::default());
    let session = CloneSession { id: 1, replicas: vec![replica(2, 0)], ..CloneSession::default() };
    rig.switch.state().write(&[Update::CreateCloneSession(session)]).expect("a session");
    rig.send(1, [2, 0, 9], 64, 0);
    rig.switch.run_until_quiet(0);
    assert_eq!(rig.tags(2), [9; 5]);
    assert_eq!(rig.dropped(Reason::PassLimit), 1);
}

#[test]
fn a_clone_storm_ends_too() {
    let program = closures(true, to_first_byte, |work, position, context| {
        for _ in 0..2 {
            clone_of(work, position, 1, Origin::CloneOfSent, context);
        }
        work.verdict = Verdict::Drop(DropReason::EgressDrop);
    });
    let mut rig = Rig::simple(program, 2);
    let session =
        CloneSession { id: 1, replicas: vec![replica(2, 0), replica(1, 0)], ..CloneSession::default() };
    rig.switch.state().write(&[Update::CreateCloneSession(session)]).expect("a session");
    rig.send(1, [2, 0, 9], 64, 0);
    rig.switch.step(0);
    let stats = rig.stats();
    assert!(stats.drops.get(Reason::QueueFull) > 0, "{stats:?}");
    assert!(rig.switch.held() <= 2 * 64);
}

#[test]
fn what_comes_back_goes_before_what_comes_after() {
    // The first byte counts the passes still to make: odd ones resubmit, even ones recirculate.
    let program = closures(
        true,
        |work, _, _| {
            work.verdict = match work.packet.bytes()[0] {
                left if left % 2 == 1 => {
                    work.packet.bytes_mut()[0] = left - 1;
                    work.frame.words[0] = 7;
                    Verdict::Resubmit
                }
                left => {
                    let origin = work.intrinsics.origin;
                    assert_eq!(origin == Origin::Resubmitted, work.frame.words[0] == 7, "{origin:?} {left}");
                    Verdict::Enqueue { port: 2, queue: 0 }
                }
            }
        },
        |work, _, _| {
            work.frame.words[0] = 0;
            work.verdict = match work.packet.bytes()[0] {
                0 => Verdict::Transmit,
                left => {
                    work.packet.bytes_mut()[0] = left - 1;
                    Verdict::Recirculate
                }
            };
        },
    );
    let mut rig = Rig::simple(program, 2);
    for (tag, left) in [(0, 0), (1, 5), (2, 1), (3, 2), (4, 0)] {
        rig.send(1, [left, 0, tag], 64, 0);
    }
    rig.switch.run_until_quiet(0);
    assert_eq!(rig.tags(2), [0, 1, 2, 3, 4]);
    let stats = rig.stats();
    assert_eq!((stats.ingress_passes, stats.transmitted), (5 + 8, 5));
}

#[test]
fn passes_are_limited() {
    let program = closures(true, to_first_byte, |work, _, _| {
        work.verdict = if work.packet.bytes()[1] == 0 { Verdict::Transmit } else { Verdict::Recirculate };
    });
    let config = Config { pass_limit: 10, ..Config::default() };
    let mut rig = Rig::new(config, program, 2, &MemoryOptions::default());
    rig.send(1, [2, 1, 1], 64, 0);
    rig.send(1, [2, 0, 2], 64, 0);
    rig.switch.run_until_quiet(0);
    assert_eq!(rig.tags(2), [2]);
    let stats = rig.stats();
    assert_eq!(stats.drops.get(Reason::PassLimit), 1);
    assert_eq!(stats.ingress_passes, 10 + 1);
}

#[test]
fn the_controller_gets_packets_and_puts_some_in() {
    let controller = Some(Controller { port: PortId(510), packets: 2 });
    let program = closures(
        false,
        |work, _, _| {
            let from_controller = work.intrinsics.ingress_port == 510;
            work.verdict = Verdict::Enqueue { port: if from_controller { 1 } else { 510 }, queue: 0 };
        },
        |work, _, _| {
            work.packet.replace_front(0, &[0xcc]);
            work.verdict = Verdict::Transmit;
        },
    );
    let mut rig = Rig::new(Config { controller, ..Config::default() }, program, 1, &MemoryOptions::default());
    for tag in 0..3 {
        rig.send(1, [0, 0, tag], 3, 100);
    }
    rig.switch.inject(PortId(510), &[9, 9, 9], 100);
    rig.switch.run_until_quiet(150);
    assert_eq!(rig.peers[0].collect_frames(), [vec![0xcc, 9, 9, 9]]);
    let first = rig.switch.packet_in().expect("delivered");
    assert_eq!(first.bytes.as_ref(), [0xcc, 0, 0, 0]);
    assert_eq!(
        (first.ingress_port, first.arrival_ns, first.time_ns, first.wire_len),
        (PortId(1), 100, 150, 4)
    );
    assert_eq!(rig.switch.packet_in().expect("delivered").bytes.as_ref(), [0xcc, 0, 0, 1]);
    assert_eq!(rig.switch.packet_in(), None);
    let stats = rig.stats();
    assert_eq!((stats.delivered, stats.transmitted, stats.injected), (2, 1, 1));
    assert_eq!(stats.drops.get(Reason::ControllerFull), 1);
}

#[test]
fn digests_are_delivered_as_values_and_never_waited_for() {
    let program = closures(
        false,
        |work, _, context| {
            let tag = u64::from(work.packet.bytes()[2]);
            context.digests.words.extend([tag, 0xffff_0000_ffff_0000, 0x1234]);
            let end = context.digests.words.len();
            context.digests.messages.push((DigestId::from_u32(0), end));
            work.verdict = Verdict::Drop(DropReason::IngressDrop);
        },
        |_, _, _| {},
    );
    let mut rig = Rig::new(Config { digests: 2, ..Config::default() }, program, 1, &MemoryOptions::default());
    for tag in 0..3 {
        rig.send(1, [0, 0, tag], 64, 0);
    }
    rig.switch.run_until_quiet(7);
    for tag in 0..2 {
        let digest = rig.switch.digest().expect("delivered");
        let wide = Bits::new(80, 0x1234_ffff_0000_ffff_0000);
        assert_eq!((digest.values, digest.time_ns), (vec![Bits::new(9, tag), wide], 7));
    }
    assert_eq!(rig.switch.digest(), None);
    assert_eq!(rig.stats().digests_lost, 1);
}

#[test]
fn packets_under_way_finish_on_the_program_they_began_with() {
    let stamped = |stamp: u8, words: usize| {
        let mut executor = closures(
            false,
            move |work, _, _| {
                assert_eq!(work.frame.words.len(), words);
                work.frame.words[0] = u64::from(stamp);
                work.verdict = Verdict::Enqueue { port: 2, queue: 0 };
            },
            move |work, _, _| {
                assert_eq!(
                    work.frame.words,
                    std::iter::once(u64::from(stamp)).chain(vec![0; words - 1]).collect()
                );
                work.packet.bytes_mut()[0] = stamp;
                work.verdict = Verdict::Transmit;
            },
        );
        Arc::get_mut(&mut executor).expect("new").words = words;
        let state = Arc::new(State::new(&executor.program, 1).expect("a state"));
        (executor, state)
    };
    let rate = Rate::packets_per_second(1_000_000_000);
    let config = Config { port_default: PortConfig { rate, ..PortConfig::default() }, ..Config::default() };
    let (first, _) = stamped(1, 4);
    let mut rig = Rig::new(config, first, 2, &MemoryOptions::default());
    let sent = |rig: &mut Rig| -> Vec<_> {
        rig.peers[1].collect_frames().iter().map(|frame| (frame[0], frame[2])).collect()
    };
    (0..3).for_each(|tag| rig.send(1, [0, 0, tag], 64, 0));
    rig.switch.step(0);
    assert_eq!(sent(&mut rig), [(1, 0)]);
    let (second, state) = stamped(2, 9);
    rig.switch.replace(second, state).expect("nothing retires yet");
    (3..5).for_each(|tag| rig.send(1, [0, 0, tag], 64, 0));
    rig.switch.step(0);
    let (third, state) = stamped(3, 4);
    assert_eq!(rig.switch.replace(third.clone(), state.clone()), Err(ReplaceError::Draining));
    rig.switch.run_until_quiet(10);
    assert_eq!(sent(&mut rig), [(1, 1), (1, 2), (2, 3), (2, 4)]);
    rig.switch.replace(third, state).expect("all drained");
    rig.send(1, [0, 0, 5], 64, 0);
    rig.switch.run_until_quiet(20);
    assert_eq!(sent(&mut rig), [(3, 5)]);
    assert_eq!(rig.stats().drops.total(), 0);
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let refused = |config: Config, ids: &[u32]| {
        let executor = by_first_byte();
        let state = Arc::new(State::new(&executor.program, 1).expect("a state"));
        let ports =
            ids.iter().map(|&id| Box::new(pair(PortId(id), &MemoryOptions::default()).0) as Box<dyn Port>);
        Switch::new(config, executor, state, ports.collect())
            .map(|_| ())
            .expect_err("it does not fit")
            .to_string()
    };
    let controller = Some(Controller::default());
    assert_eq!(refused(Config::default(), &[1, 1]), "port 1 is given twice");
    assert_eq!(refused(Config { controller, ..Config::default() }, &[510]), "port 510 is given twice");
    let ports = vec![(PortId(4), PortConfig::default())];
    let unknown = refused(Config { ports, ..Config::default() }, &[1]);
    assert_eq!(unknown, "a scheduler is configured for port 4, which is not attached");
    let ports = vec![(PortId(1), PortConfig { queues: 65, ..PortConfig::default() })];
    let queues = refused(Config { ports, ..Config::default() }, &[1]);
    assert_eq!(queues, "port 1 cannot have 65 queues: 1 to 64 are possible");
    let executor = by_first_byte();
    let state = Arc::new(State::new(&executor.program, 1).expect("a state"));
    let workers =
        crate::Engine::start(Config { workers: 2, ..Config::default() }, executor, state, Vec::new());
    assert!(matches!(workers, Err(EngineError::Workers { workers: 2, state_workers: 1 })));
}
