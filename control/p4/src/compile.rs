//! Source text to verified pipeline, all stages in a row.

use heddle_ir::verify::Rule;

use crate::check::check;
use crate::diag::codes::{FILE_NOT_READ, USER_ERROR};
use crate::diag::{Diagnostic, Diagnostics};
use crate::lint::lint;
use crate::lower::{LowerOptions, codes, lower};
use crate::p4info::P4Info;
use crate::source::SourceMap;
use crate::syntax::{self, Files, PreprocessorOptions};

/// How to compile.
#[derive(Clone, Debug, Default)]
pub struct CompileOptions {
    /// Include directories, macros, limits of the preprocessor.
    pub preprocessor: PreprocessorOptions,
    /// Name of the program, bounds of loops and of the program's size. Its source map is not looked at.
    pub lower: LowerOptions,
    /// Warnings that are not given, by code or by name.
    pub silenced: Vec<String>,
    /// Whether a warning is an error.
    pub deny_warnings: bool,
}

/// What became of a program.
#[derive(Debug)]
pub struct Compilation {
    /// All source text, for rendering the findings.
    pub source_map: SourceMap,
    /// The findings.
    pub diagnostics: Diagnostics,
    /// The pipeline, unless an error was found.
    pub output: Option<Output>,
}

/// A program that compiled.
#[derive(Clone, Debug)]
pub struct Output {
    /// The pipeline.
    pub verified: heddle_ir::Verified,
    /// The control plane's view of it.
    pub p4info: P4Info,
}

/// Compiles the program in `main` and what it includes.
pub fn compile(files: &dyn Files, main: &str, options: &CompileOptions) -> Compilation {
    let mut source_map = SourceMap::new();
    let mut diagnostics = Diagnostics::new();
    for name in &options.silenced {
        diagnostics.silence(name);
    }
    if options.deny_warnings {
        diagnostics.deny_warnings();
    }
    let unit = syntax::parse(files, main, &options.preprocessor, &mut source_map, &mut diagnostics);
    // What is declared in a file that is not there would be reported wherever it is used.
    let is_whole = !diagnostics.iter().any(|d| d.code == FILE_NOT_READ || d.code == USER_ERROR);
    if !is_whole {
        return Compilation { source_map, diagnostics, output: None };
    }
    // What could be parsed is checked even so: more is found in one go.
    let program = check(&unit, &mut diagnostics);
    let output = match diagnostics.has_errors() {
        true => None,
        false => {
            lint(&program, &mut diagnostics);
            let lower_options = LowerOptions { source_map: source_map.clone(), ..options.lower.clone() };
            lower(&program, &lower_options, &mut diagnostics).and_then(|lowered| {
                let main = program.main.map_or(program.end, |main| program.instances[main].decl.span);
                match heddle_ir::verify(lowered.program) {
                    Ok(verified) => Some(Output { verified, p4info: lowered.p4info }),
                    Err(violations) => {
                        for violation in violations {
                            let (code, what) = match violation.rule == Rule::Limit {
                                true => (codes::TOO_LARGE, "the pipeline is too large"),
                                false => (codes::INTERNAL, "the pipeline made is malformed"),
                            };
                            let message = format!("{what}: {violation}");
                            let span =
                                violation.part.and_then(|part| lowered.origins.of(part)).unwrap_or(main);
                            diagnostics.emit(Diagnostic::error(code, span, message));
                        }
                        None
                    }
                }
            })
        }
    };
    Compilation { source_map, diagnostics, output }
}
