//! All measurements, one after the other: what `docs/performance.md` shows.
//!
//! `cargo run --release -p heddle-benches --example performance` takes about ten minutes; `--quick` is passed on.
//! What needs root or a tool that is missing says so, and the rest is measured all the same.
#![allow(clippy::print_stderr)] // It is what this is for.

use std::process::{Command, ExitCode};

/// Examples in order, and whether they take `--quick`.
const PARTS: [(&str, bool); 5] =
    [("matrix", true), ("tables", false), ("sharing", false), ("instructions", false), ("endtoend", true)];

fn main() -> ExitCode {
    let is_quick = std::env::args().any(|given| given == "--quick");
    let mut failed = Vec::new();
    for (part, takes_quick) in PARTS {
        eprintln!("== {part}");
        let mut command = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()));
        command.args(["run", "--release", "--quiet", "-p", "heddle-benches", "--example", part, "--"]);
        if is_quick && takes_quick {
            command.arg("--quick");
        }
        if !command.status().is_ok_and(|status| status.success()) {
            failed.push(part);
        }
    }
    for part in &failed {
        eprintln!("{part} failed");
    }
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
