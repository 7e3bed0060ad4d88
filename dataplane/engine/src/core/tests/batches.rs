//! Design decision 5: the size of a batch is invisible.

use std::sync::Arc;

use heddle_packet::PortId;
use heddle_ports::Port;
use heddle_ports::memory::{MemoryOptions, MemoryPeer, pair};
use heddle_state::{CloneSession, MulticastGroup, State, Update};
use proptest::prelude::*;

use super::replica;
use crate::closures::{Closures, every_way, passing};
use crate::{Config, PortConfig, QueueConfig, Rate, Stats, Switch, Weights};

/// What the random program does with a packet is written in the packet.
#[derive(Clone, Debug)]
struct Planned {
    port: u32,
    ingress: u8,
    egress: u8,
    len: usize,
    gap_ns: u64,
}

fn planned() -> impl Strategy<Value = Planned> {
    (1u32..4, 0u8..12, 0u8..12, 20usize..200, 0u64..300)
        .prop_map(|(port, ingress, egress, len, gap_ns)| Planned { port, ingress, egress, len, gap_ns })
}

/// Frames that a port sent, and when.
type Outputs = Vec<(u64, Vec<u8>)>;

/// Runs a plan and returns every port's output with its times, and the numbers, at the end of time.
fn run_plan(
    plan: &[Planned],
    executor: Arc<Closures>,
    batch_packets: usize,
    rate_bps: u64,
    wire: usize,
) -> (Vec<Outputs>, Stats) {
    let queue = QueueConfig { depth_packets: 4, ..QueueConfig::default() };
    let rate = Rate::bits_per_second(rate_bps);
    let weights = Weights::lowest(&[1, 3]);
    let paced = PortConfig { queues: 2, queue, rate, weights, overhead_bytes: 24 };
    let config = Config {
        batch_packets,
        transmit_packets: 5,
        port_default: PortConfig { queues: 2, queue, ..PortConfig::default() },
        ports: vec![(PortId(3), paced)],
        retry_ns: 700,
        ..Config::default()
    };
    let (mut attached, mut peers) = (Vec::<Box<dyn Port>>::new(), Vec::new());
    for id in 1..=3 {
        // Port 2's wire is short: nobody collects, so that it ends up blocked.
        let depth_packets = if id == 2 { wire } else { 2_048 };
        let (port, peer) = pair(PortId(id), &MemoryOptions { depth_packets, ..MemoryOptions::default() });
        attached.push(Box::new(port));
        peers.push(peer);
    }
    let state = Arc::new(State::new(&executor.program, 1).expect("a state"));
    let group = |id, replicas| Update::CreateMulticastGroup(MulticastGroup { id, replicas });
    let many = (0..30u32).map(|n| replica(1 + n % 3, n)).collect();
    let session = CloneSession {
        id: 1,
        replicas: vec![replica(1, 7), replica(3, 8)],
        packet_length_bytes: 30,
        class_of_service: 1,
    };
    state
        .write(&[
            group(1, vec![replica(1, 1), replica(2, 2), replica(3, 3)]),
            group(2, many),
            Update::CreateCloneSession(session),
        ])
        .expect("groups and a session");
    let mut switch = Switch::new(config, executor, state, attached).expect("it fits");
    let (mut now_ns, mut events) = (0u64, Vec::new());
    for (tag, packet) in plan.iter().enumerate() {
        now_ns += packet.gap_ns;
        let mut frame = vec![0; packet.len];
        frame[..3].copy_from_slice(&[packet.ingress, packet.egress, tag as u8]);
        events.push((now_ns, packet.port, frame));
    }
    let mut at_ns = 0;
    let mut upcoming = events.iter().peekable();
    // The wires are idle until 1.5 us have passed, so that batches build up.
    loop {
        while let Some((arrival_ns, _, frame)) = upcoming.next_if(|event| event.0 <= at_ns) {
            // One receive queue: arrivals at the same time have one order only there.
            switch_inject(&mut peers[0], frame, *arrival_ns);
        }
        let due_ns = switch.run_until_quiet(at_ns);
        assert_eq!(switch.stats().in_flight(), switch.held() as u64);
        let arrival_ns = upcoming.peek().map(|event| (event.0 / 1_500 + 1) * 1_500);
        let next_ns = [due_ns, arrival_ns].into_iter().flatten().min();
        match next_ns {
            Some(next_ns) if next_ns < 200_000 => at_ns = next_ns,
            _ => break,
        }
    }
    let outputs = peers
        .iter_mut()
        .map(|peer| {
            std::iter::from_fn(|| peer.collect())
                .map(|sent| (sent.sent_ns, sent.packet.bytes().to_vec()))
                .collect()
        })
        .collect();
    let stats = switch.stats();
    (outputs, stats)
}

fn switch_inject(peer: &mut MemoryPeer, frame: &[u8], arrival_ns: u64) {
    assert!(peer.inject(frame, arrival_ns), "the memory port is too short for the test");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Design decision 5: the size of a batch is invisible in what leaves, when, what queues it saw, and in
    /// every number; and no packet is ever unaccounted for.
    #[test]
    fn the_size_of_a_batch_is_invisible(
        plan in prop::collection::vec(planned(), 1..120),
        comes_back in any::<bool>(),
        rate_bps in prop_oneof![Just(200_000_000u64), Just(2_000_000_000), Just(100_000_000_000)],
        wire in prop_oneof![Just(3usize), Just(20), Just(2_000)],
        batch in 2usize..70,
    ) {
        let (single, single_stats) = run_plan(&plan, every_way(comes_back, comes_back), 1, rate_bps, wire);
        let (batched, batched_stats) = run_plan(&plan, every_way(comes_back, comes_back), batch, rate_bps, wire);
        prop_assert_eq!(&single, &batched);
        prop_assert_eq!(&single_stats, &batched_stats);
        if !comes_back {
            let (passed, passed_stats) = run_plan(&plan, passing(every_way(false, false)), batch, rate_bps, wire);
            prop_assert_eq!(&single, &passed);
            prop_assert_eq!(&single_stats, &passed_stats);
        }
    }
}

/// A packet that egress drops was in the queue that it came through, and in no other.
#[test]
fn what_egress_loses_is_counted_at_its_own_queue() {
    let packet = |ingress| Planned { port: 1, ingress, egress: 0, len: 60, gap_ns: 0 };
    // The queue is the packet's number: 1, since ingress drops the first.
    let plan = [packet(0), packet(9)];
    for executor in [every_way(false, false), passing(every_way(false, false))] {
        let (_, stats) = run_plan(&plan, executor, 1, 1_000_000_000, 2_000);
        let high_water: Vec<u64> =
            stats.ports[0].queues.iter().map(|queue| queue.high_water_packets).collect();
        assert_eq!((high_water, stats.egress_passes, stats.transmitted), (vec![0, 1], 1, 0));
    }
}

/// The comparison can fail: a program whose egress clones, and that hides it, shows the size of its batches.
#[test]
fn a_program_that_lies_about_itself_is_seen_through() {
    let packet = Planned { port: 1, ingress: 9, egress: 4, len: 60, gap_ns: 0 };
    let plan = vec![packet; 6];
    let (single, _) = run_plan(&plan, every_way(true, false), 1, 1_000_000_000, 2_000);
    let (batched, _) = run_plan(&plan, every_way(true, false), 6, 1_000_000_000, 2_000);
    assert_ne!(single, batched);
}
