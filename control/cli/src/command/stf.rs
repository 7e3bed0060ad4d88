//! `heddle stf`: run simple-test-framework scripts.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use heddle_runtime::stf::{Runner, Script};

use crate::executor;
use crate::exit::Exit;
use crate::output;
use crate::packet_trace::StderrTrace;
use crate::program::{self, SourceOptions};

const EXAMPLES: &str = "\
Examples:
  heddle stf prog.p4 script.stf
  heddle stf prog.p4                    takes prog.stf beside it
  heddle stf --trace prog.p4 script.stf 2>&1 | less

The script's commands: packet, expect, add, setdefault, remove all, check_counter, check_register, mirroring_add,
mirroring_add_mc, mc_mgrp_create, mc_node_create, mc_node_associate, register_write, register_reset,
counter_write, meter_set_rates, meter_array_set_rates, wait. For instance:
  add ipv4_lpm hdr.ipv4.dst:10.0.1.0/24 forward(port:2)
  packet 1 0a0b0c0d
  expect 2 0a0b**0d $";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// P4 program, or compiled artifact
    #[arg(value_name = "PROG.p4")]
    program: PathBuf,
    /// Scripts; the one beside the program if none is given
    #[arg(value_name = "SCRIPT.stf")]
    scripts: Vec<PathBuf>,
    #[command(flatten)]
    source: SourceOptions,
    /// Executors to run it through
    #[arg(long, value_enum, default_value_t = Engines::Both)]
    engine: Engines,
    /// Print what happens to every packet
    #[arg(long)]
    trace: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Engines {
    /// The reference interpreter
    Interp,
    /// Machine code made from the program
    Jit,
    /// One after the other; they have to agree
    Both,
}

impl Engines {
    fn each(self) -> &'static [executor::Engine] {
        match self {
            Engines::Interp => &[executor::Engine::Interp],
            Engines::Jit => &[executor::Engine::Jit],
            Engines::Both => &[executor::Engine::Interp, executor::Engine::Jit],
        }
    }
}

pub(crate) fn run(options: &Options) -> anyhow::Result<Exit> {
    let scripts = match options.scripts.as_slice() {
        [] => vec![options.program.with_extension("stf")],
        given => given.to_vec(),
    };
    let mut texts = Vec::new();
    for path in &scripts {
        let bytes = std::fs::read(path).with_context(|| format!("{}: cannot be read", path.display()))?;
        let text = String::from_utf8(bytes).with_context(|| format!("{}: not UTF-8", path.display()))?;
        let script = Script::parse(&text).with_context(|| path.display().to_string())?;
        texts.push((path, script));
    }
    let loaded = program::load(&options.program, &options.source)?;
    let mut executors = Vec::new();
    for engine in options.engine.each() {
        executors.push((engine.name(), engine.executor(loaded.verified.clone())?));
    }

    let mut exit = Exit::Success;
    for (path, script) in texts {
        let name = path.display();
        let mut outcomes = Vec::new();
        for (engine, executor) in &executors {
            let mut runner = Runner::new(executor.clone(), &script).with_context(|| name.to_string())?;
            // The executors trace alike; once is enough to read.
            if options.trace && outcomes.is_empty() {
                runner.set_trace(Some(StderrTrace::boxed(executor.program())));
            }
            for line in &script.lines {
                runner
                    .command(line.number, &line.command)
                    .with_context(|| format!("{name}: line {}", line.number))?;
            }
            outcomes.push((*engine, runner.finish()));
        }
        let alike = outcomes.windows(2).all(|pair| pair[0].1 == pair[1].1);
        for (engine, outcome) in &outcomes[..if alike { 1 } else { outcomes.len() }] {
            let by = if alike { String::new() } else { format!("{engine}: ") };
            for failure in &outcome.failures {
                eprintln!("{name}: {by}{failure}");
            }
            match outcome.failures.len() {
                0 => eprintln!(
                    "{name}: {by}holds; {} in, {} out as expected",
                    output::count(outcome.packets_in as u64, "packet"),
                    outcome.packets_out
                ),
                n => eprintln!("{name}: {by}does not hold: {}", output::count(n as u64, "failure")),
            }
        }
        if !alike {
            eprintln!("{name}: the executors disagree; this is a bug of Heddle's, please report it");
        }
        if outcomes.iter().any(|(_, outcome)| !outcome.failures.is_empty()) {
            exit = Exit::Failure;
        }
    }
    Ok(exit)
}
