//! Which executor runs a program: the machine code made from it, or the interpreter that defines its meaning.

use std::sync::Arc;

use anyhow::Context as _;
use clap::ValueEnum;
use heddle_exec::{Executor, Interpreter};
use heddle_ir::Verified;
use heddle_jit::Jit;

/// An executor, as `--engine` names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Engine {
    /// The reference interpreter
    Interp,
    /// Machine code made from the program
    #[default]
    Jit,
}

impl Engine {
    /// As `--engine` names it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Engine::Interp => "interp",
            Engine::Jit => "jit",
        }
    }

    /// Makes a program ready to run.
    pub(crate) fn executor(self, program: Verified) -> anyhow::Result<Arc<dyn Executor>> {
        Ok(match self {
            Engine::Interp => Arc::new(Interpreter::new(program)),
            Engine::Jit => Arc::new(
                Jit::new(program).context("no machine code can be made; --engine interp needs none")?,
            ),
        })
    }
}
