//! `heddle completions`: what shells need to complete the command line.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::CommandLine;
use crate::exit::Exit;

#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  heddle completions bash > /etc/bash_completion.d/heddle\n  source <(COMPLETE=bash heddle)     completes names of tables, actions and keys as well, from the switch that runs"
)]
pub(crate) struct Options {
    /// Which shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<Exit> {
    let mut text = Vec::new();
    clap_complete::generate(options.shell, &mut CommandLine::command(), "heddle", &mut text);
    std::io::Write::write_all(&mut std::io::stdout(), &text)?;
    Ok(Exit::Success)
}
