//! Verified programs as machine code: the executor that is fast.
//!
//! [`Jit`] compiles every verified program with Cranelift; nothing is left to the interpreter but batches that are
//! traced or work on the state of another program, which see the same frames since both lay them out alike
//! ([`heddle_exec::layout`]).
//!
//! * [`survey`] decides what is compiled into its caller, by what [`facts`] are known, and [`plan`] which slots live in
//!   registers; [`exposure`] finds what has to be clear.
//! * [`code`] writes Cranelift's IR, [`assembly`] makes machine code of it.
//! * [`machine`] is what the code works on, [`host`] what it calls, [`ahead`] what was looked up before it asks.
//!
//! Compiled code has no address of state in it: it is handed a context for every batch, so that one compilation
//! serves any number of switches.

mod ahead;
mod assembly;
mod code;
mod error;
mod exposure;
mod facts;
mod host;
mod jit;
mod loads;
mod machine;
mod plan;
mod program;
mod survey;
#[cfg(test)]
mod tests;
mod visit;

pub use assembly::Effort;
pub use error::JitError;
pub use jit::Jit;

// The interpreter's tests name what they test by its path in their crate; here the same tests find this executor.
#[cfg(test)]
use heddle_exec::{
    Clone, Context, DigestBuffer, Entry, Executor, Frame, FramePool, Intrinsics, Verdict, Work, hash, random,
    trace,
};
#[cfg(test)]
use tests::Subject as Interpreter;
