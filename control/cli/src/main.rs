//! `heddle`: a P4-programmable software switch.
//!
//! One file per subcommand under `command/`. Subcommands return an [`Exit`] or an error; both become the exit
//! status, and what a person reads goes to standard error, so that standard output stays for results.
#![allow(clippy::print_stdout, clippy::print_stderr)] // a command line speaks by printing

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

use clap::Parser as _;

use crate::command::CommandLine;

fn main() -> std::process::ExitCode {
    // A reader that goes away (`heddle ... | head`) ends the program quietly, as other tools do.
    output::restore_sigpipe();
    let line = CommandLine::parse();
    if let Err(error) = logging::start(&line.log) {
        eprintln!("error: {error:#}");
        return exit::Exit::Usage.into();
    }
    match line.command.run() {
        Ok(exit) => exit.into(),
        Err(error) => {
            eprintln!("error: {error:#}");
            exit::Exit::of_error(&error).into()
        }
    }
}
