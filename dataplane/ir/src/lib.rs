//! The pipeline IR: what a P4 program is once every question of the language has been answered.
//!
//! Nothing generic, nested or implicit is left: no type variables, structs, packages, `inout` or overloads.
//! Instances are resolved, copy-in and copy-out are statements, and evaluation order is fixed. What stays
//! visible is what matters to an executor: headers with their layout and validity, stacks, unions, tables,
//! actions, externs and what becomes of the packet in the end.
//!
//! # Meaning
//!
//! * A value is a vector of bits of a fixed width ([`Bits`]); `bool` is one bit, an `error` or `enum` a number.
//!   A `varbit` has its current length beside it.
//! * [`Expr`]essions are pure and total: reading an invalid header or beyond a stack gives zero, dividing by
//!   zero gives zero, a shift by the width or more gives zero (or the sign).
//! * [`Stmt`]s are effectful. Writing to an invalid header or beyond a stack does nothing.
//! * Every [`VarId`] and [`HeaderId`] is one static slot of the packet's frame: bodies do not nest their own
//!   activations, so no slot is ever live twice. A new packet's frame is all zero and all headers invalid.
//! * Control flow is structured and goes forward, but for [`Stmt::Loop`] and parser states, both of which are
//!   bounded: a loop by its `bound`, a parser by [`Parser::step_bound`].
//!
//! What a program has to satisfy to be executed at all is stated in [`mod@verify`].

mod bits;
mod body;
mod builder;
mod entities;
#[cfg(test)]
mod generate;
mod probe;
mod program;
pub mod text;
pub mod verify;

pub use bits::{Bits, BitsParseError};
pub use body::*;
pub use builder::{ParserBuilder, ProgramBuilder, TableBuilder};
pub use entities::*;
pub use probe::{PROBE_PORTS, PROBE_QUEUES, Probe};
pub use program::*;
pub use verify::{Rule, TypeError, Verified, Violation, limit, verify, width_of};
