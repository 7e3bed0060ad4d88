//! Programs written by hand as closures, for tests.

use std::sync::Arc;

use heddle_exec::{Clone as PacketClone, Context, Entry, Executor, Gate, Passage, Verdict, Work};
use heddle_ir::{Decision, DropReason, Origin, Probe, ProgramBuilder, Stmt, Verified};

pub(crate) type Pass = dyn Fn(&mut Work, usize, &mut Context<'_>) + Send + Sync;

/// A program whose passes are closures over work, position in the batch, and context.
pub(crate) struct Closures {
    pub(crate) program: Verified,
    pub(crate) ingress: Box<Pass>,
    pub(crate) egress: Box<Pass>,
    pub(crate) words: usize,
    /// Whether packets may pass through both at once: egress only transmits and drops.
    pub(crate) passes: bool,
}

impl Executor for Closures {
    fn program(&self) -> &Verified {
        &self.program
    }

    fn frame_words(&self) -> usize {
        self.words
    }

    fn run(&self, entry: Entry, context: &mut Context<'_>, batch: &mut [Work]) {
        for (position, work) in batch.iter_mut().enumerate() {
            match entry {
                Entry::Ingress => (self.ingress)(work, position, context),
                Entry::Egress => (self.egress)(work, position, context),
            }
        }
    }

    fn run_through(
        &self,
        context: &mut Context<'_>,
        passage: &mut Passage<'_>,
        batch: &mut [Work],
    ) -> Option<usize> {
        if !self.passes {
            return None;
        }
        for (position, work) in batch.iter_mut().enumerate() {
            work.frame = context.frames.take_for_arrival();
            (self.ingress)(work, position, context);
            let (port, queue) = match work.verdict {
                Verdict::Drop(_) if context.clones.is_empty() => continue,
                Verdict::Enqueue { port, queue } if context.clones.is_empty() => (port, queue),
                _ => return Some(position + 1),
            };
            let is_open = |gate: &&mut Gate| gate.room > 0 && gate.from_ns <= context.now_ns;
            let Some(gate) = passage.gates.get_mut(port as usize).filter(is_open) else {
                return Some(position + 1);
            };
            let queue = queue.min(u32::from(gate.queues) - 1);
            work.intrinsics.origin = Origin::Normal;
            (work.intrinsics.egress_port, work.intrinsics.queue_id) = (port, queue);
            work.intrinsics.enqueue_time_ns = context.now_ns;
            if let Some(sends) = &mut passage.sends {
                sends(port, u64::from(work.intrinsics.packet_length));
            }
            (self.egress)(work, position, context);
            work.verdict = match work.verdict {
                Verdict::Drop(reason) => Verdict::Lost { port, queue, reason },
                _ => {
                    gate.room -= 1;
                    if let Some(bytes) = work.truncate_bytes.take() {
                        work.packet.truncate(bytes as usize);
                    }
                    Verdict::Passed { port, queue }
                }
            };
        }
        Some(batch.len())
    }
}

/// A program that says of itself whether its packets come back.
pub(crate) fn program(comes_back: bool) -> Verified {
    program_with(comes_back, &[])
}

/// A program with registers for probes.
pub(crate) fn program_that_asks(probes: &[Probe]) -> Verified {
    program_with(false, probes)
}

fn program_with(comes_back: bool, probes: &[Probe]) -> Verified {
    let mut program = ProgramBuilder::new("closures");
    let preserve = program.preserve(&[], &[]);
    let decision =
        if comes_back { Decision::Resubmit(preserve) } else { Decision::Drop(DropReason::IngressDrop) };
    program.ingress(vec![Stmt::Decide(decision)]);
    program.egress(vec![Stmt::Decide(Decision::Transmit)]);
    program.program_mut().registers.extend(probes.iter().map(|probe| probe.register()));
    program.digest("learned", &[("a", 9), ("b", 80)]);
    heddle_ir::verify(program.finish()).expect("it is a program")
}

pub(crate) fn closures(
    comes_back: bool,
    ingress: impl Fn(&mut Work, usize, &mut Context<'_>) + Send + Sync + 'static,
    egress: impl Fn(&mut Work, usize, &mut Context<'_>) + Send + Sync + 'static,
) -> Arc<Closures> {
    let (ingress, egress) = (Box::new(ingress), Box::new(egress));
    Arc::new(Closures { program: program(comes_back), ingress, egress, words: 4, passes: false })
}

/// The same program for an executor that takes packets through both passes at once.
pub(crate) fn passing(closures: Arc<Closures>) -> Arc<Closures> {
    let closures = Arc::into_inner(closures).expect("it was just made");
    Arc::new(Closures { passes: true, ..closures })
}

/// Ingress sends a packet to the port in its first byte and the queue in its second; egress sends it out.
pub(crate) fn by_first_byte() -> Arc<Closures> {
    closures(false, to_first_byte, |work, _, _| work.verdict = Verdict::Transmit)
}

pub(crate) fn to_first_byte(work: &mut Work, _: usize, _: &mut Context<'_>) {
    let bytes = work.packet.bytes();
    work.verdict = Verdict::Enqueue { port: u32::from(bytes[0]), queue: u32::from(bytes[1]) };
}

/// Makes a clone as an executor would.
pub(crate) fn clone_of(work: &Work, parent: usize, session: u32, origin: Origin, context: &mut Context<'_>) {
    let mut packet = context.pool.take(work.packet.len());
    packet.copy_from(&work.packet);
    let clone = Work {
        packet,
        frame: context.frames.take(),
        parsed_bytes: if origin == Origin::CloneOfSent { work.parsed_bytes } else { 0 },
        intrinsics: heddle_exec::Intrinsics { origin, ..work.intrinsics },
        verdict: Verdict::Drop(DropReason::NoDecision),
        truncate_bytes: None,
    };
    context.clones.push(PacketClone { parent, session, work: clone });
}

/// Ingress and egress that take every way there is. Those that do not come back are a program that may run in
/// batches, and the core relies on what the program says of itself.
pub(crate) fn every_way(comes_back: bool, says_so: bool) -> Arc<Closures> {
    closures(
        says_so,
        move |work, position, context| {
            let first = work.intrinsics.origin == Origin::Normal;
            let bytes = work.packet.bytes();
            let (kind, queue) = (bytes[0], u32::from(bytes[2] % 3));
            work.verdict = match kind {
                0 | 1 => Verdict::Drop(DropReason::IngressDrop),
                2 => Verdict::Replicate { group: 1, queue },
                3 => Verdict::Replicate { group: 2, queue },
                4 => Verdict::Replicate { group: 3, queue },
                5 => Verdict::Enqueue { port: 42, queue },
                6 if comes_back && first => Verdict::Resubmit,
                7 => {
                    clone_of(work, position, 1, Origin::CloneOfReceived, context);
                    Verdict::Enqueue { port: 2, queue }
                }
                8 => {
                    clone_of(work, position, 9, Origin::CloneOfReceived, context);
                    Verdict::Enqueue { port: 3, queue }
                }
                kind => Verdict::Enqueue { port: 1 + u32::from(kind % 3), queue },
            };
        },
        move |work, position, context| {
            let intrinsics = work.intrinsics;
            let depth = intrinsics.dequeue_depth as u8;
            let kind = work.packet.bytes()[1];
            // Everything that egress is told goes out with the packet.
            work.packet.bytes_mut()[3] = intrinsics.enqueue_depth as u8;
            work.packet.bytes_mut()[4] = depth;
            work.packet.bytes_mut()[5] = intrinsics.replication_id as u8;
            work.packet.bytes_mut()[6] = intrinsics.queue_id as u8;
            work.packet.bytes_mut()[7] = (intrinsics.enqueue_time_ns / 16) as u8;
            work.verdict = match kind {
                0 | 1 => Verdict::Drop(DropReason::EgressDrop),
                2 | 3 if comes_back && intrinsics.origin != Origin::CloneOfSent => {
                    work.packet.bytes_mut()[1] = 9;
                    work.packet.bytes_mut()[0] = 2 + kind;
                    Verdict::Recirculate
                }
                4 if comes_back && intrinsics.origin != Origin::CloneOfSent => {
                    clone_of(work, position, 1, Origin::CloneOfSent, context);
                    Verdict::Transmit
                }
                5 => {
                    work.truncate_bytes = Some(u32::from(depth) * 30);
                    Verdict::Transmit
                }
                _ => Verdict::Transmit,
            };
        },
    )
}
