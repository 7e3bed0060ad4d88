//! The P4-16 compiler: source text to verified IR.
//!
//! Text goes through [`syntax`] (preprocessor, lexer, parser) to a tree as written, through `check` to a typed
//! [`hir`], and through `lower` to the pipeline IR. Every stage reports into [`diag::Diagnostics`] and goes on;
//! none panics, whatever it is fed, and none reads the disk but through [`syntax::Files`].

mod arch;
pub mod check;
pub mod compile;
pub mod diag;
pub mod hir;
pub mod lint;
pub mod lower;
pub mod p4info;
pub mod source;
pub mod syntax;

pub use compile::{Compilation, CompileOptions, Output, compile};
pub use syntax::{DiskFiles, Files, MemoryFiles};
