//! Both executors on the same programs and packets: what the world sees of them has to be the same.

use heddle_exec::{
    Clone as PacketClone, Context, DigestBuffer, Entry, Executor, Frame, FramePool, Gate, Interpreter,
    Intrinsics, Passage, Verdict, Work,
};
use heddle_ir::{BinaryOp, DropReason, Origin, Verified, verify};
use heddle_packet::{Packet, Pool};
use heddle_state::{State, Update};
use proptest::prelude::*;

use super::generator::Generator;
use crate::assembly::{Effort, Options};
use crate::jit::Jit;

/// Passes that a packet makes at most.
const PASSES_MAX: usize = 6;

/// Packets that one pass of a batch makes for the next.
const WAITING_MAX: usize = 40;

/// An executor with a switch of its own.
pub(super) struct Side<'e> {
    executor: &'e dyn Executor,
    worker: usize,
    pub(super) state: State,
    pool: Pool,
    frames: FramePool,
    random: u64,
    now_ns: u64,
    clones: Vec<PacketClone>,
    digests: DigestBuffer,
    /// What was seen of a packet behind egress.
    after: Vec<String>,
}

impl<'e> Side<'e> {
    pub(super) fn new(executor: &'e dyn Executor, updates: &[Update]) -> Side<'e> {
        Side::of_worker(0, executor, updates)
    }

    /// One of several workers, of which this is the last.
    pub(super) fn of_worker(worker: usize, executor: &'e dyn Executor, updates: &[Update]) -> Side<'e> {
        let state = State::new(executor.program(), worker + 1).expect("the state fits");
        // Whatever is refused is refused on both sides.
        let _ = state.write_each(updates);
        let frames = FramePool::new(executor.frame_words(), 0);
        Side {
            executor,
            worker,
            state,
            pool: Pool::new(4),
            frames,
            random: 7,
            now_ns: 1_000,
            clones: vec![],
            digests: DigestBuffer::default(),
            after: vec![],
        }
    }

    pub(super) fn arrived(&self, bytes: &[u8], port: u32) -> Work {
        let packet = Packet::from_bytes(bytes);
        let intrinsics = Intrinsics {
            ingress_port: port,
            packet_length: packet.wire_len as u32,
            ingress_time_ns: self.now_ns,
            ..Intrinsics::default()
        };
        Work {
            packet,
            frame: Frame::new(self.executor.frame_words()),
            parsed_bytes: 0,
            intrinsics,
            verdict: Verdict::Drop(DropReason::NoDecision),
            truncate_bytes: None,
        }
    }

    pub(super) fn run(&mut self, entry: Entry, batch: &mut [Work]) {
        self.now_ns += 100_000_000;
        self.run_now(|executor, context| executor.run(entry, context, batch));
    }

    pub(super) fn run_now<R>(&mut self, run: impl FnOnce(&dyn Executor, &mut Context<'_>) -> R) -> R {
        let snapshot = self.state.pin();
        let mut context = Context {
            state: &self.state,
            snapshot: &snapshot,
            worker: self.worker,
            now_ns: self.now_ns,
            random: &mut self.random,
            pool: &mut self.pool,
            frames: &mut self.frames,
            clones: &mut self.clones,
            digests: &mut self.digests,
            trace: None,
        };
        run(self.executor, &mut context)
    }

    /// What [`Executor::run_through`] is to do, by the two passes of each packet.
    ///
    /// An executor may hold up what could have passed: `held_up` is the work that it did so with.
    fn run_through_apart(&mut self, gates: &mut [Gate], batch: &mut [Work], held_up: Option<usize>) -> usize {
        for (i, work) in batch.iter_mut().enumerate() {
            self.run_now(|executor, context| {
                executor.run(Entry::Ingress, context, std::slice::from_mut(work))
            });
            if held_up == Some(i) {
                return i + 1;
            }
            let gate = match work.verdict {
                Verdict::Drop(_) if self.clones.is_empty() => continue,
                Verdict::Enqueue { port, .. } if self.clones.is_empty() => gates.get_mut(port as usize),
                _ => None,
            };
            let (Some(gate), Verdict::Enqueue { port, queue }) =
                (gate.filter(|gate| gate.room > 0 && gate.from_ns <= self.now_ns), work.verdict)
            else {
                return i + 1;
            };
            let queue = queue.min(u32::from(gate.queues) - 1);
            let intrinsics = &mut work.intrinsics;
            (intrinsics.egress_port, intrinsics.queue_id) = (port, queue);
            intrinsics.enqueue_time_ns = self.now_ns;
            self.run_now(|executor, context| {
                executor.run(Entry::Egress, context, std::slice::from_mut(work))
            });
            work.verdict = match work.verdict {
                Verdict::Transmit => {
                    gate.room -= 1;
                    Verdict::Passed { port, queue }
                }
                Verdict::Drop(reason) => Verdict::Lost { port, queue, reason },
                other => panic!("egress of a program that packets go through: {other:?}"),
            };
            if !self.clones.is_empty() {
                return i + 1;
            }
        }
        batch.len()
    }
}

/// What is seen of a packet. A frame only where all of it is meant to be right.
fn seen(work: &Work, with_frames: bool) -> impl PartialEq + std::fmt::Debug + use<> {
    let frame = with_frames.then(|| work.frame.words.to_vec());
    (
        work.verdict,
        work.packet.bytes().to_vec(),
        work.packet.wire_len,
        work.parsed_bytes,
        work.truncate_bytes,
        frame,
    )
}

/// What is different, if anything is.
fn difference(
    executors: [&dyn Executor; 2],
    updates: &[Update],
    packets: &[Vec<u8>],
    with_frames: bool,
) -> Option<String> {
    let mut sides = executors.map(|executor| Side::new(executor, updates));
    macro_rules! same {
        ($what:expr, $of:expr) => {
            let [left, right] = sides.each_mut().map($of);
            if left != right {
                return Some(format!("{}: {left:?} and {right:?}", $what));
            }
        };
    }
    let mut waiting: Vec<(Entry, Vec<[Work; 2]>)> = vec![];
    let arrived = packets.iter().enumerate();
    let arrived = arrived.map(|(i, bytes)| sides.each_ref().map(|side| side.arrived(bytes, i as u32)));
    waiting.push((Entry::Ingress, arrived.collect()));
    for _ in 0..PASSES_MAX {
        for (entry, works) in std::mem::take(&mut waiting) {
            let mut batches: [Vec<Work>; 2] = [vec![], vec![]];
            for [left, right] in works {
                batches[0].push(left);
                batches[1].push(right);
            }
            for (side, batch) in sides.iter_mut().zip(&mut batches) {
                side.run(entry, batch);
            }
            let [left, right] = batches;
            let mut clones = sides.each_mut().map(|side| std::mem::take(&mut side.clones));
            if clones[0].len() != clones[1].len() {
                return Some(format!("{} and {} clones", clones[0].len(), clones[1].len()));
            }
            let (mut to_ingress, mut to_egress) = (vec![], vec![]);
            for (i, (left, right)) in left.into_iter().zip(right).enumerate() {
                let (a, b) = (seen(&left, with_frames), seen(&right, with_frames));
                if a != b {
                    return Some(format!("{entry:?} of packet {i}: {a:?} and {b:?}"));
                }
                let mut both = [left, right];
                match both[0].verdict {
                    Verdict::Enqueue { port, queue } => {
                        for work in &mut both {
                            work.intrinsics.egress_port = port;
                            work.intrinsics.queue_id = queue;
                        }
                        to_egress.push(both);
                    }
                    Verdict::Replicate { group, .. } => {
                        for work in &mut both {
                            work.intrinsics.replication_id = group;
                        }
                        to_egress.push(both);
                    }
                    Verdict::Resubmit | Verdict::Recirculate => {
                        for work in &mut both {
                            work.intrinsics.origin = Origin::Resubmitted;
                        }
                        to_ingress.push(both);
                    }
                    Verdict::Transmit | Verdict::Drop(_) | Verdict::Passed { .. } | Verdict::Lost { .. } => {}
                }
            }
            let [left, right] = &mut clones;
            for (left, right) in std::mem::take(left).into_iter().zip(std::mem::take(right)) {
                let (a, b) = (seen(&left.work, with_frames), seen(&right.work, with_frames));
                let (c, d) = (
                    (left.parent, left.session, left.work.intrinsics),
                    (right.parent, right.session, right.work.intrinsics),
                );
                if a != b || c != d {
                    return Some(format!("a clone: {c:?} {a:?} and {d:?} {b:?}"));
                }
                to_egress.push([left.work, right.work]);
            }
            // Clones of clones would be too many.
            to_egress.truncate(WAITING_MAX);
            waiting.push((Entry::Ingress, to_ingress));
            waiting.push((Entry::Egress, to_egress));
        }
        same!("random numbers", |side| side.random);
        same!("digests", |side| (side.digests.messages.clone(), side.digests.words.clone()));
        waiting.retain(|(_, works)| !works.is_empty());
    }
    let program = executors[0].program();
    for (id, counter) in &program.counters {
        for index in 0..counter.size {
            same!("a counter", |side| side.state.counter(id, index));
        }
    }
    for (id, register) in &program.registers {
        for index in 0..register.size {
            same!("a register", |side| side.state.register_value(id, index));
        }
    }
    for id in program.tables.keys() {
        same!("a table", |side| format!("{:?} {:?}", side.state.entries(id), side.state.default_entry(id)));
    }
    None
}

/// What is different when packets go through both passes at once, if anything is, and how many passed.
fn difference_through(
    executors: [&dyn Executor; 2],
    updates: &[Update],
    packets: &[Vec<u8>],
    gates: &[Gate],
) -> (Option<String>, usize) {
    let mut sides = executors.map(|executor| Side::new(executor, updates));
    let [mut left_works, mut right_works] = sides.each_ref().map(|side| {
        let works = packets.iter().enumerate().map(|(i, bytes)| side.arrived(bytes, i as u32));
        works.collect::<Vec<_>>()
    });
    let [mut left_gates, mut right_gates] = [gates.to_vec(), gates.to_vec()];
    let mut passed = 0;
    while !left_works.is_empty() {
        let [left_side, right_side] = &mut sides;
        // Frames are handed out with anything in them.
        let mut frames: Vec<_> = packets.iter().map(|_| right_side.frames.take_for_arrival()).collect();
        frames.iter_mut().for_each(|frame| frame.words.fill(0x5a5a_a5a5_5a5a_a5a5));
        frames.into_iter().for_each(|frame| right_side.frames.give(frame));
        let right = right_side.run_now(|executor, context| {
            let mut passage = Passage { gates: &mut right_gates, sends: None };
            executor.run_through(context, &mut passage, &mut right_works)
        });
        let Some(right) = right else { return (None, passed) };
        let has_ended = |work: &Work| {
            matches!(work.verdict, Verdict::Passed { .. } | Verdict::Lost { .. } | Verdict::Drop(_))
        };
        let held_up = right.checked_sub(1).filter(|last| !has_ended(&right_works[*last]));
        let left = left_side.run_through_apart(&mut left_gates, &mut left_works, held_up);
        if left != right {
            let verdicts = |works: &[Work]| works.iter().map(|work| work.verdict).collect::<Vec<_>>();
            let (a, b) = (verdicts(&left_works[..left]), verdicts(&right_works[..right]));
            return (Some(format!("these packets ran: {a:?} and {b:?}")), passed);
        }
        for (i, (left, right)) in left_works.drain(..left).zip(right_works.drain(..right)).enumerate() {
            let (a, b) = ((left.verdict, left.truncate_bytes), (right.verdict, right.truncate_bytes));
            let has_passed = matches!(left.verdict, Verdict::Passed { .. });
            passed += usize::from(has_passed);
            let is_over = matches!(left.verdict, Verdict::Drop(_) | Verdict::Lost { .. });
            if left.verdict != right.verdict
                || has_passed
                    && (left.packet.bytes(), left.packet.wire_len)
                        != (right.packet.bytes(), right.packet.wire_len)
            {
                let bytes = (left.packet.bytes(), right.packet.bytes());
                return (Some(format!("packet {i}: {a:?} and {b:?}, {bytes:x?}")), passed);
            }
            if has_passed || is_over {
                continue;
            }
            if seen(&left, false) != seen(&right, false) {
                return (Some(format!("packet {i}, held up: {a:?} and {b:?}")), passed);
            }
            // What is made of it next shows whether its frame is as it should be.
            let clones = sides.each_mut().map(|side| std::mem::take(&mut side.clones));
            for (side, (mut work, clones)) in
                sides.iter_mut().zip([left, right].into_iter().zip(clones)).collect::<Vec<_>>()
            {
                work.intrinsics.egress_port = 3;
                let entry = match work.verdict {
                    Verdict::Replicate { .. } => {
                        work.intrinsics.origin = Origin::Replicated;
                        Entry::Egress
                    }
                    Verdict::Resubmit => {
                        work.intrinsics.origin = Origin::Resubmitted;
                        Entry::Ingress
                    }
                    _ => Entry::Egress,
                };
                let mut works = vec![work];
                side.run(entry, &mut works);
                let mut clones: Vec<_> = clones.into_iter().map(|clone| clone.work).collect();
                side.run(Entry::Egress, &mut clones);
                works.append(&mut clones);
                side.after = works.iter().map(|work| format!("{:?}", seen(work, false))).collect();
            }
            if sides[0].after != sides[1].after {
                return (
                    Some(format!("packet {i} in egress: {:?} and {:?}", sides[0].after, sides[1].after)),
                    passed,
                );
            }
        }
        // Made in egress, or of a packet that is dropped.
        for side in &mut sides {
            let clones = std::mem::take(&mut side.clones);
            let facts: Vec<_> = clones.iter().map(|clone| (clone.session, clone.work.intrinsics)).collect();
            let mut works: Vec<_> = clones.into_iter().map(|clone| clone.work).collect();
            side.after = works.iter().map(|work| format!("{:?}", seen(work, false))).collect();
            works.iter_mut().for_each(|work| work.intrinsics.egress_port = 3);
            side.run(Entry::Egress, &mut works);
            side.after.extend(works.iter().map(|work| format!("{:?}", seen(work, false))));
            side.after.push(format!("{facts:?}"));
            side.clones.clear();
        }
        if sides[0].after != sides[1].after {
            return (Some(format!("clones: {:?} and {:?}", sides[0].after, sides[1].after)), passed);
        }
        let [left, right] = sides
            .each_ref()
            .map(|side| (side.random, side.digests.messages.clone(), side.digests.words.clone()));
        if left != right {
            return (Some(format!("random numbers or digests: {left:?} and {right:?}")), passed);
        }
    }
    let program = executors[0].program();
    for (id, counter) in &program.counters {
        for index in 0..counter.size {
            let [left, right] = sides.each_ref().map(|side| side.state.counter(id, index));
            if left != right {
                return (Some(format!("a counter: {left:?} and {right:?}")), passed);
            }
        }
    }
    for (id, register) in &program.registers {
        for index in 0..register.size {
            let [left, right] = sides.each_ref().map(|side| side.state.register_value(id, index));
            if left != right {
                return (Some(format!("a register: {left:?} and {right:?}")), passed);
            }
        }
    }
    for id in program.tables.keys() {
        let [left, right] = sides.each_ref().map(|side| format!("{:?}", side.state.entries(id)));
        if left != right {
            return (Some(format!("a table: {left:?} and {right:?}")), passed);
        }
    }
    (None, passed)
}

fn generated(seed: u64) -> (Generator, Verified) {
    made(seed, Generator::new(seed))
}

fn made(seed: u64, mut generator: Generator) -> (Generator, Verified) {
    generator.program();
    let program = match verify(generator.program.clone()) {
        Ok(program) => program,
        Err(violations) => panic!("seed {seed}: {violations:#?}"),
    };
    (generator, program)
}

/// Runs a generated program through the interpreter and a compilation of it.
fn of_seed(seed: u64, options: Options) -> Option<String> {
    let (mut generator, program) = generated(seed);
    let updates = generator.updates();
    let packets: Vec<Vec<u8>> = (0..6).map(|_| generator.packet()).collect();
    let interpreter = Interpreter::new(program.clone());
    let jit = Jit::with_options(program, options).expect("every verified program is compiled");
    difference([&interpreter, &jit], &updates, &packets, options.shows_all)
}

/// The same for packets that go through both passes at once, through some of the ports.
fn through_of_seed(seed: u64, options: Options) -> (Option<String>, usize) {
    through_of(seed, Generator::passing(seed), options)
}

fn through_of(seed: u64, generator: Generator, options: Options) -> (Option<String>, usize) {
    let (mut generator, program) = made(seed, generator);
    let updates = generator.updates();
    let packets: Vec<Vec<u8>> = (0..12).map(|_| generator.packet()).collect();
    let interpreter = Interpreter::new(program.clone());
    let jit = Jit::with_options(program, options).expect("every verified program is compiled");
    let gates: Vec<Gate> = (0..512)
        .map(|port| Gate {
            // Some are free in a while only.
            from_ns: if port % 7 == 6 { 150_000_000 } else { 0 },
            room: if port % 5 == 4 { 0 } else { 3 },
            queues: 1 + (port % 3) as u8,
        })
        .collect();
    difference_through([&interpreter, &jit], &updates, &packets, &gates)
}

/// Enough of them pass for the comparison to mean something.
#[test]
fn packets_pass() {
    let passed: usize = (0..60).map(|seed| through_of_seed(seed, Options::default()).1).sum();
    assert!(passed > 60, "{passed} packets passed");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn frames_are_the_same(seed: u64) {
        let options = Options { shows_all: true, ..Options::default() };
        prop_assert_eq!(of_seed(seed, options), None);
    }

    #[test]
    fn effects_are_the_same(seed: u64) {
        prop_assert_eq!(of_seed(seed, Options::default()), None);
    }

    #[test]
    fn going_through_is_the_same(seed: u64) {
        prop_assert_eq!(through_of_seed(seed, Options::default()).0, None);
    }

    #[test]
    fn headers_that_stay_are_the_same(seed: u64) {
        let options = Options { stays: true, ..Options::default() };
        prop_assert_eq!(through_of_seed(seed, options).0, None);
        prop_assert_eq!(through_of(seed, Generator::plain(seed), options).0, None);
    }

    #[test]
    fn lookups_ahead_are_the_same(seed: u64) {
        let options = Options { ahead_always: true, ..Options::default() };
        prop_assert_eq!(of_seed(seed, options), None);
        prop_assert_eq!(through_of_seed(seed, options).0, None);
    }

    #[test]
    fn effects_are_the_same_without_optimisation(seed: u64) {
        prop_assert_eq!(of_seed(seed, Options { effort: Effort::Load, ..Options::default() }), None);
    }
}

/// Seeds for whoever has time: `HEDDLE_SEEDS=100000 cargo test --release -p heddle-jit -- --ignored seeds`.
#[test]
#[ignore = "runs as long as asked"]
fn seeds() {
    let count: u64 = std::env::var("HEDDLE_SEEDS").ok().and_then(|count| count.parse().ok()).unwrap_or(1_000);
    let first: u64 =
        std::env::var("HEDDLE_SEED_FIRST").ok().and_then(|first| first.parse().ok()).unwrap_or(0);
    for seed in 0..count {
        let (shows_all, ahead_always, stays) = (seed % 2 == 0, seed % 4 == 1, seed % 8 >= 4);
        let (seed, options) =
            (first + seed, Options { shows_all, ahead_always, stays, ..Options::default() });
        let difference = of_seed(seed, options)
            .or_else(|| through_of_seed(seed, options).0)
            .or_else(|| through_of(seed, Generator::plain(seed), options).0);
        if let Some(difference) = difference {
            panic!("seed {seed}: {difference}");
        }
    }
}

/// The canary: each operator compiled as another is noticed within a few programs.
#[test]
fn a_miscompiled_operator_is_noticed() {
    let pairs = [
        (BinaryOp::Add, BinaryOp::Sub),
        (BinaryOp::Xor, BinaryOp::Or),
        (BinaryOp::SatSubU, BinaryOp::Sub),
        (BinaryOp::Sar, BinaryOp::Shr),
    ];
    for (right, wrong) in pairs {
        let options = Options { miscompiles: Some((right, wrong)), shows_all: true, ..Options::default() };
        let noticed = (0..1_000).any(|seed| of_seed(seed, options).is_some());
        assert!(noticed, "nobody noticed that {right:?} was compiled as {wrong:?}");
    }
}
