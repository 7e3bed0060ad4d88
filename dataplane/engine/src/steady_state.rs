//! The packet path takes nothing from the allocator once its vectors have grown: counted by an allocator.

#![allow(unsafe_code, reason = "a global allocator cannot be written without")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::VecDeque;
use std::os::fd::RawFd;
use std::sync::Arc;

use heddle_exec::Verdict;
use heddle_ir::Origin;
use heddle_packet::{Packet, Pool, PortId};
use heddle_ports::{Port, PortDescription, Queue, QueueError, QueueStats};
use heddle_state::{CloneSession, MulticastGroup, Replica, State, Update};

use crate::closures::{Closures, clone_of, closures};
use crate::{Config, PortConfig, Rate, Switch};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, counting per thread.
struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

// SAFETY: every call is passed on as it is to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // A thread that is ending has no counter any more.
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: `pointer` came from `alloc` above, which is the system's.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Receives a batch of packets whenever it is asked, and sends into its worker's pool.
struct Endless {
    id: PortId,
    stats: QueueStats,
}

impl Port for Endless {
    fn description(&self) -> PortDescription {
        let (id, name, notes) = (self.id, "endless".to_owned(), Vec::new());
        PortDescription { id, name, kind: "memory", interface: None, queues: 1, mtu_bytes: 1_500, notes }
    }

    fn split(&mut self) -> Vec<Box<dyn Queue>> {
        vec![Box::new(Endless { id: self.id, stats: QueueStats::default() })]
    }
}

impl Queue for Endless {
    fn port(&self) -> PortId {
        self.id
    }

    fn receive(
        &mut self,
        now_ns: u64,
        pool: &mut Pool,
        into: &mut Vec<Packet>,
        max: usize,
    ) -> Result<usize, QueueError> {
        for n in 0..max {
            let mut packet = pool.take(60);
            packet.set_received(60);
            packet.bytes_mut()[0] = n as u8;
            (packet.arrival_ns, packet.ingress_port) = (now_ns, self.id);
            into.push(packet);
        }
        Ok(max)
    }

    fn transmit(
        &mut self,
        _: u64,
        pool: &mut Pool,
        from: &mut VecDeque<Packet>,
    ) -> Result<usize, QueueError> {
        let count = from.len();
        self.stats.tx_packets += count as u64;
        from.drain(..).for_each(|packet| pool.give(packet));
        Ok(count)
    }

    fn readable_fd(&self) -> Option<RawFd> {
        None
    }

    fn stats(&self) -> QueueStats {
        self.stats
    }
}

fn check(executor: Arc<Closures>) {
    let slow = PortConfig { rate: Rate::packets_per_second(10_000_000), queues: 3, ..PortConfig::default() };
    let config = Config { ports: vec![(PortId(3), slow)], ..Config::default() };
    let state = Arc::new(State::new(&executor.program, 1).expect("a state"));
    let replicas: Vec<_> =
        (1..=3).map(|port| Replica { port, instance: port, backups: Vec::new() }).collect();
    let updates = [
        Update::CreateMulticastGroup(MulticastGroup { id: 1, replicas: replicas.clone() }),
        Update::CreateCloneSession(CloneSession {
            id: 1,
            replicas,
            packet_length_bytes: 32,
            class_of_service: 1,
        }),
    ];
    state.write(&updates).expect("a group and a session");
    let ports =
        (1..=3).map(|id| Box::new(Endless { id: PortId(id), stats: QueueStats::default() }) as Box<dyn Port>);
    let mut switch = Switch::new(config, executor, state, ports.collect()).expect("it fits");
    let mut now_ns = 0;
    let mut steps = |count: u64| {
        let before = ALLOCATIONS.get();
        for _ in 0..count {
            now_ns += 1_000;
            assert!(switch.step(now_ns).progressed);
        }
        ALLOCATIONS.get() - before
    };
    assert!(steps(200) > 0, "nothing grows at all: is anybody counting?");
    assert_eq!(steps(400), 0);
}

#[test]
fn forwarding_queueing_and_dropping_allocate_nothing() {
    check(closures(
        false,
        |work, _, _| {
            let tag = u32::from(work.packet.bytes()[0]);
            work.verdict = Verdict::Enqueue { port: tag % 5, queue: tag % 3 };
        },
        |work, _, _| {
            work.packet.replace_front(1, &[7; 20]);
            work.verdict = Verdict::Transmit;
        },
    ));
}

#[test]
fn multicast_and_clones_allocate_nothing() {
    check(closures(
        false,
        |work, position, context| {
            if work.packet.bytes()[0].is_multiple_of(3) {
                clone_of(work, position, 1, Origin::CloneOfReceived, context);
            }
            work.verdict = Verdict::Replicate { group: 1, queue: 0 };
        },
        |work, _, _| work.verdict = Verdict::Transmit,
    ));
}

#[test]
fn coming_back_allocates_nothing() {
    check(closures(
        true,
        |work, _, _| {
            work.verdict = match work.intrinsics.origin {
                Origin::Normal => Verdict::Resubmit,
                _ => Verdict::Enqueue { port: 2, queue: 0 },
            }
        },
        |work, _, _| {
            work.verdict = match work.packet.bytes()[0] {
                0 => Verdict::Transmit,
                _ => {
                    work.packet.bytes_mut()[0] = 0;
                    Verdict::Recirculate
                }
            }
        },
    ));
}
