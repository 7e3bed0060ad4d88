//! `heddle compile`: source to artifact, P4Info, IR text or graph.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, ValueEnum};

use crate::exit::Exit;
use crate::program::{self, ARTIFACT_VERSION, Artifact, SourceOptions};

const EXAMPLES: &str = "\
Examples:
  heddle compile prog.p4 -o prog.json --p4info prog.p4info.txtpb
  heddle compile prog.p4 --emit ir                 the IR as text, on standard output
  heddle run prog.json -i 1@veth1 -i 2@veth2       artifacts load like source";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// P4 program
    #[arg(value_name = "PROG.p4")]
    program: PathBuf,
    #[command(flatten)]
    source: SourceOptions,
    /// Write the loadable artifact here; - is standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write the P4Info here: JSON if the name ends in .json, protobuf bytes if in .bin, protobuf text otherwise; - is standard output
    #[arg(long, value_name = "FILE")]
    p4info: Option<PathBuf>,
    /// Print this on standard output
    #[arg(long, value_enum)]
    emit: Option<Emit>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Emit {
    /// The pipeline IR as text.
    Ir,
    /// The parser's states and the order of tables, for Graphviz.
    Graph,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<Exit> {
    if let Some(verified) = program::load_bmv2(&options.program)? {
        match options.emit {
            Some(Emit::Ir) => print!("{}", heddle_ir::text::print(&verified)),
            Some(Emit::Graph) => print!("{}", crate::graph::dot(&verified)),
            None => anyhow::bail!(
                "{}: BMv2's JSON is loadable as it is; what can be made of it is `--emit ir` or `--emit graph`",
                options.program.display()
            ),
        }
        return Ok(Exit::Success);
    }
    let compilation = program::compile(&options.program, &options.source)?;
    let Some(output) = compilation.output else { return Ok(Exit::Failure) };
    match options.emit {
        Some(Emit::Ir) => print!("{}", heddle_ir::text::print(&output.verified)),
        Some(Emit::Graph) => print!("{}", crate::graph::dot(&output.verified)),
        None => {}
    }
    if let Some(path) = &options.p4info {
        let bytes = match path.extension().and_then(|e| e.to_str()) {
            Some("json") => serde_json::to_string_pretty(&output.p4info.to_json())?.into_bytes(),
            Some("bin") => output.p4info.to_bytes(),
            Some(_) | None => output.p4info.to_text().into_bytes(),
        };
        write(path, &bytes)?;
    }
    if let Some(path) = &options.output {
        let artifact = Artifact {
            heddle_artifact: ARTIFACT_VERSION,
            compiler: format!("heddle {}", env!("CARGO_PKG_VERSION")),
            program: heddle_ir::text::print(&output.verified),
            p4info: output.p4info.to_json(),
        };
        write(path, serde_json::to_string(&artifact)?.as_bytes())?;
    }
    Ok(Exit::Success)
}

/// Writes a file as a whole or not at all.
fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    if path == Path::new("-") {
        let mut out = std::io::stdout().lock();
        out.write_all(bytes)?;
        if !bytes.ends_with(b"\n") {
            out.write_all(b"\n")?;
        }
        return Ok(out.flush()?);
    }
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let aside = path.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
    let written = std::fs::write(&aside, bytes).and_then(|()| std::fs::rename(&aside, path));
    if written.is_err() {
        // Best effort: the error that matters is the one already in hand.
        let _ = std::fs::remove_file(&aside);
    }
    written.with_context(|| format!("{}: cannot be written", path.display()))
}
