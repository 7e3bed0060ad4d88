//! Every `.stf` script under `tests/cases/stf`, `pipelines` and `benches/programs`, against the program beside it; those under
//! `tests/cases/fabric` against the fabric's.
//!
//! Each case also shows that the runner can tell right from wrong: with one expected digit changed, it has to
//! fail.

use std::path::Path;
use std::sync::Arc;

use heddle_exec::{Executor, Interpreter};
use heddle_jit::Jit;
use heddle_p4::{CompileOptions, DiskFiles};
use heddle_runtime::stf::{Command, Script, run};

fn case(stf: &Path) -> datatest_stable::Result<()> {
    holds(stf, &stf.with_extension("p4"))
}

fn fabric_case(stf: &Path) -> datatest_stable::Result<()> {
    holds(stf, &Path::new(env!("CARGO_MANIFEST_DIR")).join("../pipelines/ai_fabric.p4"))
}

fn holds(stf: &Path, p4: &Path) -> datatest_stable::Result<()> {
    let script = Script::parse(&std::fs::read_to_string(stf)?)?;
    let compilation = heddle_p4::compile(&DiskFiles, &p4.to_string_lossy(), &CompileOptions::default());
    let Some(output) = compilation.output else {
        return Err(compilation
            .diagnostics
            .render(&compilation.source_map, heddle_p4::diag::Style::Plain)
            .into());
    };
    let executor: Arc<dyn Executor> = Arc::new(Interpreter::new(output.verified.clone()));
    let compiled: Arc<dyn Executor> = Arc::new(Jit::new(output.verified)?);
    for (name, executor) in [("interpreter", &executor), ("machine code", &compiled)] {
        let outcome = run(Arc::clone(executor), &script)?;
        if let Some(failure) = outcome.failures.first() {
            return Err(format!("{}: {name}: {failure}", stf.display()).into());
        }
    }

    if let Some(wrong) = with_a_wrong_digit(&script)
        && run(executor, &wrong)?.failures.is_empty()
    {
        return Err("with one expected digit changed the script holds all the same".into());
    }
    Ok(())
}

fn with_a_wrong_digit(script: &Script) -> Option<Script> {
    let mut script = script.clone();
    for line in script.lines.iter_mut().rev() {
        if let Command::Expect { pattern: Some(pattern), .. } = &mut line.command
            && let Some(nibble) = pattern.iter_mut().rev().find_map(Option::as_mut)
        {
            *nibble ^= 1;
            return Some(script);
        }
    }
    None
}

datatest_stable::harness! {
    { test = case, root = "cases/stf", pattern = r"\.stf$" },
    { test = fabric_case, root = "cases/fabric", pattern = r"\.stf$" },
    { test = case, root = "../pipelines", pattern = r"\.stf$" },
    { test = case, root = "../benches/programs", pattern = r"\.stf$" },
}
