//! `heddle compile`: source to artifact, P4Info, IR text or graph.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use heddle_p4::Output;
use heddle_p4::p4info::P4Info;
use heddle_p4rt::form::Artifact;

use crate::exit::Exit;
use crate::program::{self, SourceOptions};

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

/// How P4Info is written, as p4c names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum InfoFormat {
    /// Protobuf text.
    Text,
    /// Protobuf's JSON.
    Json,
    /// Protobuf bytes.
    #[default]
    Binary,
}

impl InfoFormat {
    /// The one that a file's name asks for.
    pub(crate) fn of_file(path: &Path) -> Option<InfoFormat> {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("json") => Some(InfoFormat::Json),
            Some("bin") => Some(InfoFormat::Binary),
            Some("txt" | "txtpb") => Some(InfoFormat::Text),
            Some(_) | None => None,
        }
    }

    pub(crate) fn bytes(self, p4info: &P4Info) -> anyhow::Result<Vec<u8>> {
        Ok(match self {
            InfoFormat::Text => p4info.to_text().into_bytes(),
            InfoFormat::Json => serde_json::to_vec_pretty(&p4info.to_json())?,
            InfoFormat::Binary => p4info.to_bytes(),
        })
    }
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
        let format = InfoFormat::of_file(path).unwrap_or(InfoFormat::Text);
        write(path, &format.bytes(&output.p4info)?)?;
    }
    if let Some(path) = &options.output {
        write(path, &artifact(&output))?;
    }
    Ok(Exit::Success)
}

/// The loadable artifact of a program that compiled.
pub(crate) fn artifact(output: &Output) -> Vec<u8> {
    Artifact::new(&output.verified, output.p4info.to_json()).to_bytes()
}

/// Writes a file as a whole or not at all.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
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
