//! Our descriptors against those of PyPI's `p4runtime`: names, numbers, types and streams of all that others compiled.

use std::path::PathBuf;
use std::process::Command;

use libtest_mimic::{Arguments, Failed, Trial};

fn compare() -> Result<(), Failed> {
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("p4runtime-descriptors.bin");
    std::fs::write(&file, heddle_p4rt_proto::FILE_DESCRIPTOR_SET)?;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/descriptors.py");
    let output = Command::new("python3").arg(script).arg(&file).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    let told = String::from_utf8_lossy(&output.stdout);
    let compared: usize = told.trim().strip_suffix(" fields and methods").unwrap_or("0").parse()?;
    if compared < 300 {
        return Err(format!("only {compared} fields and methods were compared").into());
    }
    Ok(())
}

fn main() {
    let can = Command::new("python3").args(["-c", "import p4.v1.p4runtime_pb2"]).output();
    let can = can.is_ok_and(|output| output.status.success());
    let trial = Trial::test("descriptors_are_those_of_the_specification", compare).with_ignored_flag(!can);
    let kind = if can { "" } else { "PyPI's p4runtime is not installed; .ci/run says which versions" };
    let trial = trial.with_kind(kind);
    libtest_mimic::run(&Arguments::from_args(), vec![trial]).exit();
}
