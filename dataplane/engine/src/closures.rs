//! Programs written by hand as closures, for tests.

use std::sync::Arc;

use heddle_exec::{Clone as PacketClone, Context, Entry, Executor, Verdict, Work};
use heddle_ir::{Decision, DropReason, Origin, ProgramBuilder, Stmt, Verified};

pub(crate) type Pass = dyn Fn(&mut Work, usize, &mut Context<'_>) + Send + Sync;

/// A program whose passes are closures over work, position in the batch, and context.
pub(crate) struct Closures {
    pub(crate) program: Verified,
    pub(crate) ingress: Box<Pass>,
    pub(crate) egress: Box<Pass>,
    pub(crate) words: usize,
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
}

/// A program that says of itself whether its packets come back.
pub(crate) fn program(comes_back: bool) -> Verified {
    let mut program = ProgramBuilder::new("closures");
    let preserve = program.preserve(&[], &[]);
    let decision =
        if comes_back { Decision::Resubmit(preserve) } else { Decision::Drop(DropReason::IngressDrop) };
    program.ingress(vec![Stmt::Decide(decision)]);
    program.egress(vec![Stmt::Decide(Decision::Transmit)]);
    program.digest("learned", &[("a", 9), ("b", 80)]);
    heddle_ir::verify(program.finish()).expect("it is a program")
}

pub(crate) fn closures(
    comes_back: bool,
    ingress: impl Fn(&mut Work, usize, &mut Context<'_>) + Send + Sync + 'static,
    egress: impl Fn(&mut Work, usize, &mut Context<'_>) + Send + Sync + 'static,
) -> Arc<Closures> {
    let (ingress, egress) = (Box::new(ingress), Box::new(egress));
    Arc::new(Closures { program: program(comes_back), ingress, egress, words: 4 })
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
