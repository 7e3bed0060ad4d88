//! Loading a program, whatever form it comes in: P4 source, a compiled artifact, BMv2's JSON, or IR text.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use heddle_ir::Verified;
use heddle_p4::diag::Style;
use heddle_p4::lower::LowerOptions;
use heddle_p4::syntax::{MacroOption, PreprocessorOptions};
use heddle_p4::{Compilation, CompileOptions, DiskFiles};
use heddle_p4rt::form::{self, Artifact, Form};

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
        CompileOptions {
            preprocessor: PreprocessorOptions {
                include_dirs: self.include.iter().map(|dir| dir.to_string_lossy().into_owned()).collect(),
                macros: defines.chain(undefines).collect(),
                ..PreprocessorOptions::default()
            },
            lower: LowerOptions { name: stem(path), ..LowerOptions::default() },
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
    match Form::of(&bytes) {
        Form::Bmv2 => Ok(Some(form::bmv2(&bytes, &stem(path)).with_context(|| name)?)),
        Form::Nothing | Form::Artifact | Form::Ir | Form::Wrapped | Form::Source => Ok(None),
    }
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// Loads a program from source, artifact, BMv2's JSON or IR text.
pub(crate) fn load(path: &Path, options: &SourceOptions) -> anyhow::Result<Loaded> {
    let name = path.display().to_string();
    let bytes = std::fs::read(path).with_context(|| format!("{name}: cannot be read"))?;
    match Form::of(&bytes) {
        Form::Bmv2 => {
            let verified = form::bmv2(&bytes, &stem(path)).with_context(|| name)?;
            Ok(Loaded { verified, p4info: None })
        }
        Form::Artifact => {
            let artifact = Artifact::read(&bytes).with_context(|| name.clone())?;
            let verified = artifact.load().with_context(|| name)?;
            Ok(Loaded { verified, p4info: Some(artifact.p4info) })
        }
        Form::Ir => {
            let text = std::str::from_utf8(&bytes).with_context(|| format!("{name}: not UTF-8"))?;
            Ok(Loaded { verified: form::ir(text).with_context(|| name)?, p4info: None })
        }
        Form::Nothing | Form::Wrapped | Form::Source => {
            let compilation = compile(path, options)?;
            match compilation.output {
                Some(output) => {
                    Ok(Loaded { verified: output.verified, p4info: Some(output.p4info.to_json()) })
                }
                None => bail!(Refused {
                    path: name,
                    what: output::count(compilation.diagnostics.error_count() as u64, "error"),
                }),
            }
        }
    }
}
