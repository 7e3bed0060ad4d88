//! The interpreter's tests, run on compiled programs, and both executors side by side on generated ones.

mod ahead;
mod differential;
#[path = "../../exec/src/interp/tests/expressions.rs"]
mod expressions;
mod generator;
#[path = "../../exec/src/interp/tests/headers.rs"]
mod headers;
mod hold;
#[path = "../../exec/src/interp/tests/parsers.rs"]
mod parsers;
#[path = "../../exec/src/interp/tests/passes.rs"]
mod passes;
#[path = "../../exec/src/interp/tests/statements.rs"]
mod statements;
#[path = "../../exec/src/interp/tests/switch.rs"]
mod switch;
#[path = "../../exec/src/interp/tests/tables.rs"]
mod tables;

use heddle_exec::atomic::AtomicSets;
use heddle_exec::layout::Layout;
use heddle_exec::{Context, Entry, Executor, Work};
use heddle_ir::Verified;

use crate::assembly::Options;
use crate::jit::Jit;

/// What the interpreter's tests test here: a compiled program that shows all its slots.
pub(crate) struct Subject {
    jit: Jit,
    pub(crate) program: Verified,
    pub(crate) layout: Layout,
    pub(crate) atomic_sets: AtomicSets,
}

impl Subject {
    pub(crate) fn new(program: Verified) -> Subject {
        let options = Options { shows_all: true, ..Options::default() };
        let jit = Jit::with_options(program.clone(), options).expect("every verified program is compiled");
        Subject { layout: Layout::new(&program), atomic_sets: AtomicSets::new(&program), program, jit }
    }
}

impl Executor for Subject {
    fn program(&self) -> &Verified {
        self.jit.program()
    }

    fn frame_words(&self) -> usize {
        self.jit.frame_words()
    }

    fn run(&self, entry: Entry, context: &mut Context<'_>, batch: &mut [Work]) {
        self.jit.run(entry, context, batch);
    }
}
