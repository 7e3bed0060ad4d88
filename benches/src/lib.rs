//! What the benchmarks share: the shipped programs with the tables and packets of their scripts.

pub mod flat;
pub mod tables;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use heddle_exec::Interpreter;
use heddle_p4::{CompileOptions, DiskFiles};
use heddle_packet::PortId;
use heddle_runtime::stf::{Command, Line, Runner, Script};

/// The folder of the shipped programs.
pub fn pipelines() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../pipelines")
}

/// A program compiled for the interpreter.
///
/// # Panics
/// If a shipped program does not compile.
pub fn interpreter(program: &str) -> Arc<Interpreter> {
    let path = pipelines().join(program);
    let compilation = heddle_p4::compile(&DiskFiles, &path.to_string_lossy(), &CompileOptions::default());
    let output = compilation.output.expect("a shipped program compiles");
    Arc::new(Interpreter::new(output.verified))
}

/// A shipped program with the tables of its script, and the packets that the script sends.
///
/// # Panics
/// If a shipped script does not fit its program.
pub fn loaded(program: &str) -> (Runner, Vec<(PortId, Vec<u8>)>) {
    let text = std::fs::read_to_string(pipelines().join(program).with_extension("stf"))
        .expect("a shipped program has a script");
    let script = Script::parse(&text).expect("a shipped script is well formed");
    let mut runner = Runner::new(interpreter(program), &script).expect("a shipped program fits");
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
