//! The command line: what a user can type.

mod bench;
mod cells;
mod check;
pub(crate) mod compile;
mod completions;
mod control;
mod demo;
mod explain;
mod fabric;
mod groups;
mod install_shims;
mod job;
mod operate;
mod replay;
mod run;
mod stf;
mod table;

use clap::{Parser, Subcommand};

use crate::exit::Exit;
use crate::logging::LogOptions;

const EXAMPLES: &str = "\
Examples:
  heddle demo                                             an AI fabric in one process, no privileges
  heddle check pipelines/l3_router.p4                     does it compile?
  heddle stf pipelines/l3_router.p4 pipelines/l3_router.stf
  sudo heddle run pipelines/l2_switch.p4 -i 1@veth1 -i 2@veth2

Exit status: 0 all is well; 1 what was given was found wrong; 2 the command line is wrong; 3 the system refused.";

/// A P4-programmable software switch for AI training traffic.
#[derive(Parser, Debug)]
#[command(name = "heddle", version, about, after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct CommandLine {
    #[command(flatten)]
    pub(crate) log: LogOptions,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Diagnose a P4 program; exit 0 if it compiles, 1 if not
    Check(check::Options),
    /// Compile a P4 program to a loadable artifact and its P4Info
    Compile(compile::Options),
    /// Run a program as a switch between interfaces
    Run(Box<run::Options>),
    /// Run packets from capture files through a program, into capture files; no privileges needed
    Replay(replay::Options),
    /// Run simple-test-framework scripts; exit 0 if everything holds, 1 if not
    Stf(stf::Options),
    /// Measure what a packet costs, in memory
    Bench(bench::Options),
    /// Show an AI fabric inside this process, under two ways of spreading traffic
    Demo(demo::Options),
    /// Simulate fabrics of many switches
    #[command(subcommand)]
    Fabric(fabric::Command),
    /// Look at the jobs of a running switch, or of a simulated fabric
    #[command(subcommand)]
    Job(job::Command),
    /// Entries of a running switch's tables
    Table(table::Options),
    /// Counters of a running switch
    Counter(cells::CounterOptions),
    /// Meters of a running switch
    Meter(cells::MeterOptions),
    /// Registers of a running switch
    Register(cells::RegisterOptions),
    /// Action profiles of a running switch: members and groups
    Group(groups::GroupOptions),
    /// Multicast groups of a running switch
    Multicast(groups::MulticastOptions),
    /// Clone sessions of a running switch
    Clone(groups::CloneOptions),
    /// Digests of a running switch
    Digest(operate::DigestOptions),
    /// Have a running switch take a packet as from the controller
    PacketOut(operate::PacketOutOptions),
    /// The program of a running switch
    Pipeline(operate::PipelineOptions),
    /// Ports of a running switch
    Port(operate::PortOptions),
    /// What a running switch has done: ports, queues, tables, drops by reason
    Stats(operate::StatsOptions),
    /// Explain a diagnostic's code
    Explain(explain::Options),
    /// Link this binary under the names of BMv2's switches and of p4c
    InstallShims(install_shims::Options),
    /// Print shell completions
    Completions(completions::Options),
}

impl Command {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        match self {
            Command::Check(options) => check::run(&options),
            Command::Compile(options) => compile::run(&options),
            Command::Run(options) => run::run(&options),
            Command::Replay(options) => replay::run(&options),
            Command::Stf(options) => stf::run(&options),
            Command::Bench(options) => bench::run(&options),
            Command::Demo(options) => demo::run(&options),
            Command::Fabric(command) => fabric::run(&command),
            Command::Job(command) => job::run(&command),
            Command::Table(options) => table::run(&options),
            Command::Counter(options) => cells::counter(&options),
            Command::Meter(options) => cells::meter(&options),
            Command::Register(options) => cells::register(&options),
            Command::Group(options) => groups::group(&options),
            Command::Multicast(options) => groups::multicast(&options),
            Command::Clone(options) => groups::clone(&options),
            Command::Digest(options) => operate::digest(&options),
            Command::PacketOut(options) => operate::packet_out(&options),
            Command::Pipeline(options) => operate::pipeline(&options),
            Command::Port(options) => operate::port(&options),
            Command::Stats(options) => operate::stats(&options),
            Command::Explain(options) => explain::run(&options),
            Command::InstallShims(options) => install_shims::run(&options),
            Command::Completions(options) => completions::run(&options),
        }
    }
}
