//! Loading a program, whatever form it comes in: P4 source, a compiled artifact, BMv2's JSON, or IR text.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use heddle_ir::Verified;
use heddle_p4::diag::Style;
use heddle_p4::lower::LowerOptions;
use heddle_p4::syntax::{MacroOption, PreprocessorOptions};
use heddle_p4::{Compilation, CompileOptions, DiskFiles};
use heddle_p4rt::device::ARTIFACT_VERSION;
use serde::{Deserialize, Serialize};

use crate::output;

/// Options of every subcommand that takes P4 source.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct SourceOptions {
    /// Look here for `#include` files (may be repeated)
    #[arg(short = 'I', long = "include", value_name = "DIR")]
    pub(crate) include: Vec<PathBuf>,
    /// Define a preprocessor macro (may be repeated)
    #[arg(short = 'D', long = "define", value_name = "NAME[=VALUE]")]
    pub(crate) define: Vec<String>,
    /// Undefine a preprocessor macro (may be repeated)
    #[arg(short = 'U', long = "undefine", value_name = "NAME")]
    pub(crate) undefine: Vec<String>,
    /// Silence warnings of this kind, by code or name (may be repeated)
    #[arg(short = 'A', long = "allow", value_name = "WARNING")]
    pub(crate) allow: Vec<String>,
    /// Treat warnings as errors
    #[arg(long)]
    pub(crate) deny_warnings: bool,
}

impl SourceOptions {
    pub(crate) fn compile_options(&self, path: &Path) -> CompileOptions {
        let defines = self.define.iter().map(|define| match define.split_once('=') {
            Some((name, value)) => MacroOption::Define(name.to_owned(), Some(value.to_owned())),
            None => MacroOption::Define(define.clone(), None),
        });
        let undefines = self.undefine.iter().cloned().map(MacroOption::Undefine);
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        CompileOptions {
            preprocessor: PreprocessorOptions {
                include_dirs: self.include.iter().map(|dir| dir.to_string_lossy().into_owned()).collect(),
                macros: defines.chain(undefines).collect(),
                ..PreprocessorOptions::default()
            },
            lower: LowerOptions { name: stem, ..LowerOptions::default() },
            silenced: self.allow.clone(),
            deny_warnings: self.deny_warnings,
        }
    }
}

/// A program ready to run.
pub(crate) struct Loaded {
    pub(crate) verified: Verified,
    /// What controllers need to know of it, as protobuf's JSON, where the program comes with it.
    pub(crate) p4info: Option<serde_json::Value>,
}

/// The loadable artifact: JSON, recognised by its `heddle_artifact` member.
#[derive(Serialize, Deserialize)]
pub(crate) struct Artifact {
    /// Version of this format.
    pub(crate) heddle_artifact: u32,
    /// What made it.
    pub(crate) compiler: String,
    /// The pipeline, as IR text: deep nesting is no trouble there, as it is in JSON.
    pub(crate) program: String,
    /// What controllers need to know.
    pub(crate) p4info: serde_json::Value,
}

/// A program could not be loaded; what is wrong has been printed.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {what}")]
pub(crate) struct Refused {
    path: String,
    what: String,
}

/// Compiles P4 source, printing its diagnostics to standard error.
pub(crate) fn compile(path: &Path, options: &SourceOptions) -> anyhow::Result<Compilation> {
    let compilation = compile_with(path, options, false)?;
    print_diagnostics(&compilation);
    Ok(compilation)
}

/// Checks P4 source, leaving its diagnostics to the caller. A program without a pipeline of a known architecture is
/// checked as P4-16 only.
pub(crate) fn check(path: &Path, options: &SourceOptions) -> anyhow::Result<Compilation> {
    compile_with(path, options, true)
}

fn compile_with(path: &Path, options: &SourceOptions, language_only: bool) -> anyhow::Result<Compilation> {
    let name = path.to_string_lossy();
    // Opening it here tells a missing file from a faulty program.
    std::fs::File::open(path).with_context(|| format!("{name}: cannot be read"))?;
    let mut compile_options = options.compile_options(path);
    compile_options.lower.language_only = language_only;
    Ok(heddle_p4::compile(&DiskFiles, &name, &compile_options))
}

/// Prints a compilation's diagnostics to standard error.
pub(crate) fn print_diagnostics(compilation: &Compilation) {
    let style = if output::stderr_is_coloured() { Style::Coloured } else { Style::Plain };
    eprint!("{}", compilation.diagnostics.render(&compilation.source_map, style));
}

/// Loads BMv2's JSON, if that is what a file holds.
pub(crate) fn load_bmv2(path: &Path) -> anyhow::Result<Option<Verified>> {
    let name = path.display().to_string();
    let bytes = std::fs::read(path).with_context(|| format!("{name}: cannot be read"))?;
    match heddle_bmv2::is_bmv2(&bytes) {
        true => bmv2(path, &bytes).map(Some),
        false => Ok(None),
    }
}

fn bmv2(path: &Path, bytes: &[u8]) -> anyhow::Result<Verified> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let options = heddle_bmv2::Options { name: stem, ..heddle_bmv2::Options::default() };
    heddle_bmv2::load(bytes, &options).with_context(|| format!("{}: BMv2's JSON", path.display()))
}

/// Loads a program from source, artifact, BMv2's JSON or IR text.
pub(crate) fn load(path: &Path, options: &SourceOptions) -> anyhow::Result<Loaded> {
    let name = path.display().to_string();
    let bytes = std::fs::read(path).with_context(|| format!("{name}: cannot be read"))?;
    let first = bytes.iter().position(|b| !b.is_ascii_whitespace()).map_or(&[][..], |at| &bytes[at..]);
    if heddle_bmv2::is_bmv2(&bytes) {
        return Ok(Loaded { verified: bmv2(path, &bytes)?, p4info: None });
    }
    if first.starts_with(b"{") {
        return load_artifact(&name, &bytes);
    }
    if first.starts_with(b"program ") {
        let text = std::str::from_utf8(&bytes).with_context(|| format!("{name}: not UTF-8"))?;
        let program = heddle_ir::text::parse(text).with_context(|| format!("{name}: not IR text"))?;
        return Ok(Loaded { verified: verify(&name, program)?, p4info: None });
    }
    let compilation = compile(path, options)?;
    match compilation.output {
        Some(output) => Ok(Loaded { verified: output.verified, p4info: Some(output.p4info.to_json()) }),
        None => bail!(Refused {
            path: name,
            what: output::count(compilation.diagnostics.error_count() as u64, "error"),
        }),
    }
}

fn load_artifact(name: &str, bytes: &[u8]) -> anyhow::Result<Loaded> {
    let artifact: Artifact = serde_json::from_slice(bytes).with_context(|| {
        format!("{name}: not an artifact that `heddle compile` wrote; compile the P4 source again")
    })?;
    if artifact.heddle_artifact != ARTIFACT_VERSION {
        bail!(Refused {
            path: name.to_owned(),
            what: format!(
                "artifact version {} is not {ARTIFACT_VERSION}, which this build reads; compile the P4 source again",
                artifact.heddle_artifact
            ),
        });
    }
    let program =
        heddle_ir::text::parse(&artifact.program).with_context(|| format!("{name}: its pipeline"))?;
    Ok(Loaded { verified: verify(name, program)?, p4info: Some(artifact.p4info) })
}

fn verify(name: &str, program: heddle_ir::Program) -> anyhow::Result<Verified> {
    heddle_ir::verify(program).map_err(|violations| {
        for violation in violations.iter().take(20) {
            eprintln!("error: {name}: {violation}");
        }
        anyhow::Error::new(Refused {
            path: name.to_owned(),
            what: format!("not a valid pipeline: {}", output::count(violations.len() as u64, "violation")),
        })
    })
}
