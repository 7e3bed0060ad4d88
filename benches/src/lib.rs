//! What the benchmarks share: the shipped programs with the tables and packets of their scripts.

pub mod bare;
pub mod baseline;
pub mod flat;
pub mod plot;
pub mod rig;
pub mod routes;
pub mod series;
pub mod tables;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use heddle_exec::Interpreter;
use heddle_ir::Verified;
use heddle_p4::{CompileOptions, DiskFiles};
use heddle_packet::PortId;
use heddle_runtime::stf::{Command, Line, Runner, Script};
use heddle_state::State;

/// The folder of the shipped programs.
pub fn pipelines() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../pipelines")
}

/// A program, compiled.
///
/// # Panics
/// If it does not compile.
pub fn compiled(program: &Path) -> Verified {
    let compilation = heddle_p4::compile(&DiskFiles, &program.to_string_lossy(), &CompileOptions::default());
    compilation.output.expect("a shipped program compiles").verified
}

/// The state that a script makes for a program, and the packets that it sends.
///
/// # Panics
/// If the script does not fit the program.
pub fn scripted(program: &Verified, script: &Path) -> (Arc<State>, Vec<(PortId, Vec<u8>)>) {
    let (runner, packets) = run_script(program, script);
    (Arc::clone(runner.state()), packets)
}

/// A shipped program with the tables of its script, and the packets that the script sends.
///
/// # Panics
/// If a shipped script does not fit its program.
pub fn loaded(program: &str) -> (Runner, Vec<(PortId, Vec<u8>)>) {
    let path = pipelines().join(program);
    run_script(&compiled(&path), &path.with_extension("stf"))
}

fn run_script(program: &Verified, script: &Path) -> (Runner, Vec<(PortId, Vec<u8>)>) {
    let text = std::fs::read_to_string(script).expect("a shipped program has a script");
    let script = Script::parse(&text).expect("a shipped script is well formed");
    let interpreter = Arc::new(Interpreter::new(program.clone()));
    let mut runner = Runner::new(interpreter, &script).expect("a shipped program fits");
    let mut packets = Vec::new();
    for Line { number, command } in &script.lines {
        match command {
            Command::Packet { port, bytes } => packets.push((PortId(*port), bytes.clone())),
            Command::Expect { .. } | Command::CheckCounter { .. } | Command::CheckRegister { .. } => {}
            other => runner.command(*number, other).expect("a shipped script fits its program"),
        }
    }
    (runner, packets)
}
