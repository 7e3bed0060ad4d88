//! `heddle`: a P4-programmable software switch.
//!
//! One file per subcommand under `command/`. Subcommands return an [`Exit`] or an error; both become the exit
//! status, and what a person reads goes to standard error, so that standard output stays for results.
#![allow(clippy::print_stdout, clippy::print_stderr)] // a command line speaks by printing

mod client;
mod command;
mod executor;
mod exit;
mod graph;
mod logging;
mod output;
mod packet_log;
mod packet_trace;
mod program;
mod recording;
mod shim;

use clap::{CommandFactory as _, Parser as _};

use crate::command::CommandLine;
use crate::shim::Shim;

fn main() -> std::process::ExitCode {
    // A reader that goes away (`heddle ... | head`) ends the program quietly, as other tools do.
    output::restore_sigpipe();
    if let Some(shim) = std::env::args_os().next().and_then(|program| Shim::of_program(&program)) {
        let arguments: Vec<String> =
            std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
        // Both of the tools have one status for whatever is wrong.
        return match finish(shim.run(&arguments)) {
            exit::Exit::Success => exit::Exit::Success.into(),
            exit::Exit::Failure | exit::Exit::Usage | exit::Exit::System => exit::Exit::Failure.into(),
        };
    }
    // `source <(COMPLETE=bash heddle)`: the shell asks, and names come from the switch that runs.
    clap_complete::CompleteEnv::with_factory(CommandLine::command).complete();
    let line = CommandLine::parse();
    if let Err(error) = logging::start(&line.log) {
        eprintln!("error: {}", exit::message(&error));
        return exit::Exit::Usage.into();
    }
    finish(line.command.run()).into()
}

/// Says what went wrong, if anything did.
fn finish(outcome: anyhow::Result<exit::Exit>) -> exit::Exit {
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {}", exit::message(&error));
        exit::Exit::of_error(&error)
    })
}
