//! `heddle stf`: run simple-test-framework scripts.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use heddle_exec::{Executor, Interpreter};
use heddle_runtime::stf::{Runner, Script};

use crate::exit::{Exit, UsageError};
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
    #[arg(long, value_enum, default_value_t = Engine::Both)]
    engine: Engine,
    /// Print what happens to every packet
    #[arg(long)]
    trace: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Engine {
    /// The reference interpreter.
    Interp,
    /// The compiler to machine code.
    Jit,
    /// All there are.
    Both,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<Exit> {
    if options.engine == Engine::Jit {
        return Err(UsageError("--engine jit: this build has no JIT; use `interp` or `both`".into()).into());
    }
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
    let executor: Arc<dyn Executor> = Arc::new(Interpreter::new(loaded.verified));

    let mut exit = Exit::Success;
    for (path, script) in texts {
        let name = path.display();
        let mut runner = Runner::new(Arc::clone(&executor), &script).with_context(|| name.to_string())?;
        if options.trace {
            runner.set_trace(Some(StderrTrace::boxed(executor.program())));
        }
        for line in &script.lines {
            runner
                .command(line.number, &line.command)
                .with_context(|| format!("{name}: line {}", line.number))?;
        }
        let outcome = runner.finish();
        for failure in &outcome.failures {
            eprintln!("{name}: {failure}");
        }
        match outcome.failures.len() {
            0 => eprintln!(
                "{name}: holds; {} in, {} out as expected",
                output::count(outcome.packets_in as u64, "packet"),
                outcome.packets_out
            ),
            n => {
                eprintln!("{name}: does not hold: {}", output::count(n as u64, "failure"));
                exit = Exit::Failure;
            }
        }
    }
    Ok(exit)
}
