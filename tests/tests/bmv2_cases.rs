//! Every script under `tests/cases/bmv2`, against the BMv2 JSON beside it, through both executors; every document there
//! with a `.stderr` beside it is refused with that text.

use std::path::Path;
use std::sync::Arc;

use heddle_bmv2::Options;
use heddle_exec::{Executor, Interpreter};
use heddle_jit::Jit;
use heddle_runtime::stf::{Script, run};

fn runs(stf: &Path) -> datatest_stable::Result<()> {
    let script = Script::parse(&std::fs::read_to_string(stf)?)?;
    let document = std::fs::read(stf.with_extension("json"))?;
    for optimise in [false, true] {
        let verified = heddle_bmv2::load(&document, &Options { optimise, ..Options::default() })?;
        let interpreter: Arc<dyn Executor> = Arc::new(Interpreter::new(verified.clone()));
        let compiled: Arc<dyn Executor> = Arc::new(Jit::new(verified)?);
        for (name, executor) in [("interpreter", interpreter), ("machine code", compiled)] {
            let outcome = run(executor, &script)?;
            if let Some(failure) = outcome.failures.first() {
                let how = if optimise { "" } else { ", not simplified" };
                return Err(format!("{}: {name}{how}: {failure}", stf.display()).into());
            }
        }
    }
    Ok(())
}

/// `UPDATE_EXPECT=1` writes what was said.
fn is_refused(expected: &Path) -> datatest_stable::Result<()> {
    let document = std::fs::read(expected.with_extension("json"))?;
    let said = match heddle_bmv2::load(&document, &Options::default()) {
        Ok(_) => return Err(format!("{}: it loads", expected.display()).into()),
        Err(error) => format!("{error}\n"),
    };
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(expected, said)?;
        return Ok(());
    }
    let expected_text = std::fs::read_to_string(expected)?;
    if said != expected_text {
        return Err(format!("{}: it says\n{said}and not\n{expected_text}", expected.display()).into());
    }
    Ok(())
}

datatest_stable::harness! {
    { test = runs, root = "cases/bmv2", pattern = r"\.stf$" },
    { test = is_refused, root = "cases/bmv2", pattern = r"\.stderr$" },
}
