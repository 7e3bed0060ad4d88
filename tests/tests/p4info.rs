//! P4Info as text, JSON and bytes, read by protobuf's own parsers.
//!
//! Needs python3 with PyPI's `p4runtime` and a protobuf before 4; without it the test is reported as ignored, with the reason.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use heddle_p4::{CompileOptions, DiskFiles};
use heddle_tests::top;
use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let missing = missing();
    let trial = Trial::test("protobuf_reads_all_three_forms_alike", all_forms)
        .with_ignored_flag(missing.is_some())
        .with_kind(missing.unwrap_or_default());
    libtest_mimic::run(&arguments, vec![trial]).exit_code()
}

/// Why the test cannot run here.
fn missing() -> Option<String> {
    let found = Command::new("python3").args(["-c", "import p4.config.v1.p4info_pb2"]).output();
    match found {
        Ok(output) if output.status.success() => None,
        Ok(_) => Some("needs PyPI's p4runtime: pip install --no-deps p4runtime protobuf==3.20.3 googleapis-common-protos".to_owned()),
        Err(_) => Some("needs python3".to_owned()),
    }
}

fn programs(folder: &Path) -> Result<Vec<PathBuf>, Failed> {
    let mut programs: Vec<PathBuf> = std::fs::read_dir(folder)?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "p4"))
        .collect();
    programs.sort();
    Ok(programs)
}

fn all_forms() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let mut all = programs(&top().join("pipelines"))?;
    all.extend(programs(&top().join("tests/cases/stf"))?);
    all.extend(programs(&top().join("tests/cases/p4info"))?);
    // More of them, where somebody has some.
    if let Some(more) = std::env::var_os("HEDDLE_P4INFO_PROGRAMS") {
        all.extend(programs(Path::new(&more))?);
    }
    let mut written = 0;
    for path in &all {
        let compilation = heddle_p4::compile(&DiskFiles, &path.to_string_lossy(), &CompileOptions::default());
        let Some(output) = compilation.output else { continue };
        let name = folder.path().join(path.file_stem().unwrap_or_default());
        std::fs::write(name.with_added_extension("txtpb"), output.p4info.to_text())?;
        std::fs::write(name.with_added_extension("json"), output.p4info.to_json().to_string())?;
        std::fs::write(name.with_added_extension("bin"), output.p4info.to_bytes())?;
        written += 1;
    }
    let output =
        Command::new("python3").arg(top().join("tests/p4info/compare.py")).arg(folder.path()).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    let read = String::from_utf8_lossy(&output.stdout);
    if read.trim() != format!("{written} programs") {
        return Err(format!("{written} were written, and {read} read").into());
    }
    Ok(())
}
