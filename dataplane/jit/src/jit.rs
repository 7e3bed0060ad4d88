//! The executor.

use crossbeam::atomic::AtomicCell;
use crossbeam::queue::ArrayQueue;
use heddle_exec::{Context, Entry, Executor, Interpreter, Passage, Work};
use heddle_ir::Verified;

use crate::assembly::{Assembly, Effort, Options};
use crate::error::JitError;
use crate::machine::{self, Scratch};
use crate::program::Compiled;

/// Scratch storages kept between batches: as many as there may be workers at once before one allocates anew.
const SCRATCH_KEPT_MAX: usize = 64;

/// Executes a program by machine code made from it.
pub struct Jit {
    compiled: Compiled,
    /// Runs what is traced, and what works on a state of another program.
    interpreter: Interpreter,
    /// Storage of one worker that is not running now, and of others.
    scratch: AtomicCell<Option<Box<Scratch>>>,
    more: ArrayQueue<Box<Scratch>>,
}

impl std::fmt::Debug for Jit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Jit").field("program", &self.compiled.program).finish_non_exhaustive()
    }
}

impl Jit {
    /// Compiles a program to run fast.
    pub fn new(program: Verified) -> Result<Jit, JitError> {
        Jit::with_effort(program, Effort::default())
    }

    /// Compiles a program.
    pub fn with_effort(program: Verified, effort: Effort) -> Result<Jit, JitError> {
        Jit::with_options(program, Options { effort, ..Options::default() })
    }

    pub(crate) fn with_options(program: Verified, options: Options) -> Result<Jit, JitError> {
        let compiled = Assembly::new(&program, options)?.finish()?;
        Ok(Jit {
            compiled,
            interpreter: Interpreter::new(program),
            scratch: AtomicCell::default(),
            more: ArrayQueue::new(SCRATCH_KEPT_MAX),
        })
    }

    /// Whether lookups are not made ahead for a while.
    #[cfg(test)]
    pub(crate) fn is_paused(&self) -> bool {
        let scratch = self.take_scratch();
        let paused = scratch.is_paused();
        self.give_scratch(scratch);
        paused
    }

    /// Storage for a batch: with one worker, always the same.
    fn take_scratch(&self) -> Box<Scratch> {
        self.scratch.take().or_else(|| self.more.pop()).unwrap_or_default()
    }

    fn give_scratch(&self, scratch: Box<Scratch>) {
        if let Some(other) = self.scratch.swap(Some(scratch)) {
            // Full only with more workers than it was made for; then one storage less is kept.
            let _ = self.more.push(other);
        }
    }

    /// Whether compiled code can run in a context: it tells no trace, and counts on a state of its program.
    fn is_for(&self, context: &Context<'_>) -> bool {
        context.trace.is_none() && context.state.program().is(&self.compiled.program)
    }
}

impl Executor for Jit {
    fn program(&self) -> &Verified {
        &self.compiled.program
    }

    fn frame_words(&self) -> usize {
        self.compiled.layout.words
    }

    fn run(&self, entry: Entry, context: &mut Context<'_>, batch: &mut [Work]) {
        if !self.is_for(context) {
            return self.interpreter.run(entry, context, batch);
        }
        let mut scratch = self.take_scratch();
        machine::run(&self.compiled, entry, context, &mut scratch, batch);
        self.give_scratch(scratch);
    }

    fn run_through(
        &self,
        context: &mut Context<'_>,
        passage: &mut Passage<'_>,
        batch: &mut [Work],
    ) -> Option<usize> {
        let function = self.compiled.through()?;
        if !self.is_for(context) {
            return None;
        }
        let mut scratch = self.take_scratch();
        let ran = machine::run_through(&self.compiled, function, context, &mut scratch, passage, batch);
        self.give_scratch(scratch);
        Some(ran)
    }
}
