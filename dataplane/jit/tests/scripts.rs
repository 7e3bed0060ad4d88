//! The scripts of the shipped programs and of the test cases, run on compiled programs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use heddle_jit::{Effort, Jit};
use heddle_p4::{CompileOptions, DiskFiles};
use heddle_runtime::stf::{Script, run};

/// The scripts in a folder.
fn scripts(folder: &Path) -> Vec<PathBuf> {
    let mut scripts: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("the folder is there")
        .map(|entry| entry.expect("it can be listed").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "stf"))
        .collect();
    scripts.sort();
    scripts
}

/// What does not hold of a script, if it can be run at all.
fn failures(stf: &Path, effort: Effort) -> Result<Vec<String>, String> {
    let text = std::fs::read_to_string(stf).map_err(|error| error.to_string())?;
    let script = Script::parse(&text).map_err(|error| error.to_string())?;
    let p4 = stf.with_extension("p4");
    let compilation = heddle_p4::compile(&DiskFiles, &p4.to_string_lossy(), &CompileOptions::default());
    let output = compilation.output.ok_or("the program does not compile")?;
    let jit = Jit::with_effort(output.verified, effort).map_err(|error| error.to_string())?;
    let outcome = run(Arc::new(jit), &script).map_err(|error| error.to_string())?;
    Ok(outcome.failures.iter().map(ToString::to_string).collect())
}

fn all_hold(folder: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(folder);
    let scripts = scripts(&folder);
    assert!(!scripts.is_empty(), "{} has scripts", folder.display());
    for stf in scripts {
        for effort in [Effort::Load, Effort::Run] {
            assert_eq!(failures(&stf, effort), Ok(vec![]), "{} with {effort:?}", stf.display());
        }
    }
}

#[test]
fn shipped_programs() {
    all_hold("pipelines");
}

#[test]
fn cases() {
    all_hold("tests/cases/stf");
}

/// A folder of others' programs and scripts: what the interpreter gets right, compiled code has to as well.
/// `HEDDLE_SCRIPTS=/path/to/folder cargo test -p heddle-jit --test scripts -- --ignored`.
#[test]
#[ignore = "needs a folder to be named"]
fn folder() {
    let Some(folder) = std::env::var_os("HEDDLE_SCRIPTS") else { return };
    let (mut held, mut differ) = (0, vec![]);
    for stf in scripts(Path::new(&folder)) {
        let Ok(text) = std::fs::read_to_string(&stf) else { continue };
        let Ok(script) = Script::parse(&text) else { continue };
        let p4 = stf.with_extension("p4");
        let compilation = heddle_p4::compile(&DiskFiles, &p4.to_string_lossy(), &CompileOptions::default());
        let Some(output) = compilation.output else { continue };
        let jit = Jit::new(output.verified.clone()).expect("every verified program is compiled");
        let interpreted = run(Arc::new(heddle_exec::Interpreter::new(output.verified)), &script);
        let compiled = run(Arc::new(jit), &script);
        let shown = |outcome: Result<heddle_runtime::stf::Outcome, _>| {
            outcome
                .map(|outcome| outcome.failures)
                .map_err(|error: heddle_runtime::stf::RunError| error.to_string())
        };
        let (interpreted, compiled) = (shown(interpreted), shown(compiled));
        if format!("{interpreted:?}") == format!("{compiled:?}") {
            held += 1;
        } else {
            differ.push(format!("{}: {interpreted:?} and {compiled:?}", stf.display()));
        }
    }
    assert!(differ.is_empty(), "{held} alike, but {}:\n{}", differ.len(), differ.join("\n"));
    assert!(held > 0, "there is a script that can be run");
}
