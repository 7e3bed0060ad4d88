//! `p4c-bm2-ss`: p4c's command line as one of `heddle compile`.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::{ArgAction, Parser};
use heddle_p4::DiskFiles;
use heddle_p4::diag::{Diagnostics, Style, codes};
use heddle_p4::source::SourceMap;
use heddle_p4::syntax::preprocessor::{Preprocessed, preprocess};

use super::{Unsupported, read};
use crate::command::compile::{self, InfoFormat};
use crate::exit::{Exit, UsageError};
use crate::output;
use crate::program::{self, SourceOptions};

/// The version of p4c whose command line this is.
pub(super) const VERSION: &str = concat!("1.2.5.16 (heddle ", env!("CARGO_PKG_VERSION"), ")");

/// p4c's options, as far as they concern more than p4c's own passes.
#[derive(Parser, Clone, Debug, Default)]
#[command(disable_version_flag = true, override_usage = "p4c-bm2-ss [options] PROG.p4", max_term_width = 100)]
pub(super) struct Options {
    /// Print the version
    #[arg(long)]
    pub(super) version: bool,
    /// Look here for `#include` files (may be repeated)
    #[arg(short = 'I', value_name = "DIR")]
    pub(super) include: Vec<PathBuf>,
    /// Define a macro (may be repeated)
    #[arg(short = 'D', value_name = "NAME[=VALUE]")]
    pub(super) define: Vec<String>,
    /// Undefine a macro (may be repeated)
    #[arg(short = 'U', value_name = "NAME")]
    pub(super) undefine: Vec<String>,
    /// Preprocess only, and print the program on standard output
    #[arg(short = 'E')]
    pub(super) preprocess_only: bool,
    /// Not supported: dependencies for make
    #[arg(short = 'M', action = ArgAction::Count)]
    pub(super) dependencies: u8,
    /// A warning flag of the C preprocessor; passed over
    #[arg(short = 'W', value_name = "FLAG")]
    pub(super) preprocessor_warning: Vec<String>,
    /// Language: 16
    #[arg(long, value_name = "14|16")]
    pub(super) p4v: Option<String>,
    /// Language: p4-16
    #[arg(long, value_name = "p4-14|p4-16")]
    pub(super) std: Option<String>,
    /// The text is preprocessed already
    #[arg(long)]
    pub(super) nocpp: bool,
    /// Not supported: annotations to ignore
    #[arg(long, value_name = "LIST")]
    pub(super) disable_annotations: Option<String>,
    /// Silence this warning, or all
    #[arg(long = "Wdisable", value_name = "WARNING", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub(super) wdisable: Vec<String>,
    /// Report this as a note; passed over
    #[arg(long = "Winfo", value_name = "WARNING", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub(super) winfo: Vec<String>,
    /// Report this as a warning; passed over
    #[arg(long = "Wwarn", value_name = "WARNING", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub(super) wwarn: Vec<String>,
    /// Make errors of warnings
    #[arg(long = "Werror", value_name = "WARNING", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub(super) werror: Vec<String>,
    /// Errors at most; passed over
    #[arg(long = "maxErrorCount", value_name = "COUNT")]
    pub(super) max_error_count: Option<u32>,
    /// Logging of p4c's passes; passed over
    #[arg(short = 'T', value_name = "LEVEL")]
    pub(super) log: Vec<String>,
    /// Verbosity of p4c's passes; passed over
    #[arg(short = 'v', action = ArgAction::Count)]
    pub(super) verbose: u8,
    /// Optimisation; passed over
    #[arg(short = 'O', value_name = "LEVEL", num_args = 0..=1, require_equals = false, default_missing_value = "1")]
    pub(super) optimise: Option<String>,
    /// Debug information; passed over
    #[arg(short = 'g')]
    pub(super) debug_info: bool,
    /// Programs after these passes; passed over
    #[arg(long, value_name = "PASSES")]
    pub(super) top4: Vec<String>,
    /// Where such programs are written; passed over
    #[arg(long, value_name = "DIR")]
    pub(super) dump: Option<PathBuf>,
    /// Write the program here, preprocessed
    #[arg(long, value_name = "FILE")]
    pub(super) pp: Option<PathBuf>,
    /// Not supported: p4c's own IR
    #[arg(long = "toJSON", alias = "toJson", value_name = "FILE")]
    pub(super) to_json: Option<PathBuf>,
    /// Not supported: p4c's own IR
    #[arg(long = "fromJSON", alias = "fromJson", value_name = "FILE")]
    pub(super) from_json: Option<PathBuf>,
    /// Write the P4Info here
    #[arg(long, value_name = "FILE")]
    pub(super) p4runtime_file: Option<PathBuf>,
    /// How --p4runtime-file is written
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = InfoFormat::Binary)]
    pub(super) p4runtime_format: InfoFormat,
    /// Write the P4Info to these files: .txt, .txtpb, .json or .bin
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(super) p4runtime_files: Vec<PathBuf>,
    /// Not supported: constant entries as a write request
    #[arg(long, value_name = "FILE")]
    pub(super) p4runtime_entries_file: Option<PathBuf>,
    /// Not supported: constant entries as a write request
    #[arg(long, value_name = "LIST")]
    pub(super) p4runtime_entries_files: Option<String>,
    /// Device: bmv2
    #[arg(long, value_name = "TARGET")]
    pub(super) target: Option<String>,
    /// Architecture: v1model
    #[arg(long, value_name = "ARCH")]
    pub(super) arch: Option<String>,
    /// Externs of any name are compiled if the architecture has them; passed over
    #[arg(long)]
    pub(super) emit_externs: bool,
    /// Passed over
    #[arg(long)]
    pub(super) ndebug: bool,
    /// Passed over
    #[arg(long = "loopsUnroll")]
    pub(super) loops_unroll: bool,
    /// Passed over
    #[arg(long)]
    pub(super) parser_inline_opt: bool,
    /// Passed over
    #[arg(long = "doNotEmitIncludes")]
    pub(super) do_not_emit_includes: bool,
    /// Passed over: which of p4c's passes run
    #[arg(long = "excludeFrontendPasses", alias = "excludeMidendPasses", value_name = "PASSES")]
    pub(super) exclude_passes: Vec<String>,
    /// Not supported: p4c's own passes
    #[arg(long = "listFrontendPasses", alias = "listMidendPasses")]
    pub(super) list_passes: bool,
    /// Passed over: a test of p4c's own
    #[arg(long = "testJson")]
    pub(super) test_json: bool,
    /// Not supported: metrics of the source
    #[arg(long, value_name = "LIST")]
    pub(super) metrics: Option<String>,
    /// Write what the switch loads here
    #[arg(short = 'o', value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// P4 program
    #[arg(value_name = "PROG.p4")]
    pub(super) programs: Vec<PathBuf>,
}

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<Exit> {
    match read::<Options>(&plain(arguments)) {
        Ok(options) => compile(&options),
        Err(exit) => Ok(exit),
    }
}

/// The family of `-M`, refused as one, as one flag: clap knows none of more letters behind one dash.
fn plain(arguments: &[String]) -> Vec<String> {
    let plain = |word: &String| if word.starts_with("-M") { "-M".to_owned() } else { word.clone() };
    arguments.iter().map(plain).collect()
}

/// Compiles as the options say.
pub(super) fn compile(options: &Options) -> anyhow::Result<Exit> {
    if options.version {
        eprintln!("Version {VERSION}");
        return Ok(Exit::Success);
    }
    refuse(options)?;
    let [path] = options.programs.as_slice() else {
        bail!(UsageError("one P4 program is wanted".to_owned()));
    };
    for (given, note) in [
        (
            !options.top4.is_empty(),
            "--top4 is passed over: `heddle compile --emit ir` shows what became of a program",
        ),
        (
            options.dump.is_some(),
            "--dump is passed over: `heddle compile --emit ir` shows what became of a program",
        ),
    ] {
        if given {
            eprintln!("note: {note}");
        }
    }
    let source = source_options(options);
    if options.preprocess_only {
        let Some(text) = preprocessed(path, &source)? else { return Ok(Exit::Failure) };
        std::io::stdout().lock().write_all(text.as_bytes())?;
        return Ok(Exit::Success);
    }
    if let Some(pretty) = &options.pp {
        let Some(text) = preprocessed(path, &source)? else { return Ok(Exit::Failure) };
        compile::write(pretty, text.as_bytes())?;
    }
    let mut infos = Vec::new();
    for file in &options.p4runtime_files {
        let Some(format) = InfoFormat::of_file(file) else {
            bail!(UsageError(format!(
                "--p4runtime-files {}: the name has to end in .txt, .txtpb, .json or .bin",
                file.display()
            )));
        };
        infos.push((file.clone(), format));
    }
    infos.extend(options.p4runtime_file.iter().map(|file| (file.clone(), options.p4runtime_format)));
    let compilation = program::compile(path, &source)?;
    let Some(output) = compilation.output else { return Ok(Exit::Failure) };
    for (file, format) in infos {
        compile::write(&file, &format.bytes(&output.p4info)?)?;
    }
    if let Some(file) = &options.output {
        compile::write(file, &compile::artifact(&output))?;
    }
    Ok(Exit::Success)
}

/// What changes what is written and is not there.
fn refuse(options: &Options) -> anyhow::Result<()> {
    let is_other =
        |given: &Option<String>, known: &[&str]| given.as_deref().is_some_and(|g| !known.contains(&g));
    let unsupported = [
        (
            is_other(&options.p4v, &["16", "1.2"]) || is_other(&options.std, &["p4-16", "p4_16", "16"]),
            "P4-14",
            "Heddle compiles P4-16; p4c's `p4test --p4v 14 --pp PROG16.p4 PROG14.p4` translates programs",
        ),
        (
            is_other(&options.target, &["bmv2"]),
            "--target",
            "the target is bmv2, which says what v1model programs mean; other targets' programs have to be ported",
        ),
        (
            is_other(&options.arch, &["v1model"]),
            "--arch",
            "the architecture is v1model; programs for another have to be ported",
        ),
        (
            options.dependencies > 0,
            "-M",
            "no dependency rules are written; let the rule depend on the `.p4` files that are included",
        ),
        (
            options.disable_annotations.is_some(),
            "--disable-annotations",
            "annotations are part of the program; remove them there, with `#ifdef` if need be",
        ),
        (
            options.to_json.is_some() || options.from_json.is_some(),
            "--toJSON and --fromJSON",
            "they hold p4c's own IR; `heddle compile --emit ir` writes Heddle's, which `heddle run` loads",
        ),
        (
            options.p4runtime_entries_file.is_some() || options.p4runtime_entries_files.is_some(),
            "--p4runtime-entries-files",
            "the entries that a program has are part of what -o writes; a switch that loads it has them",
        ),
        (
            options.list_passes,
            "--listFrontendPasses",
            "Heddle has passes of its own; docs/ARCHITECTURE.md names them",
        ),
        (
            options.metrics.is_some(),
            "--metrics",
            "leave it out; `heddle compile --emit graph` draws the program",
        ),
    ];
    match unsupported.into_iter().find(|(given, ..)| *given) {
        Some((_, flag, instead)) => bail!(Unsupported { flag, instead }),
        None => Ok(()),
    }
}

pub(super) fn source_options(options: &Options) -> SourceOptions {
    let mut silenced = Vec::new();
    for names in &options.wdisable {
        match names.as_str() {
            "" => silenced
                .extend(codes::all().filter(|code| code.is_warning()).map(|code| code.name.to_owned())),
            // p4c's names, some of which are not of warnings that there are here.
            names => silenced.extend(names.split(',').map(|name| name.replace('_', "-"))),
        }
    }
    let mut define = vec!["__TARGET_BMV2__".to_owned()];
    define.extend(options.define.iter().cloned());
    SourceOptions {
        include: options.include.clone(),
        define,
        undefine: options.undefine.clone(),
        allow: silenced,
        deny_warnings: !options.werror.is_empty(),
    }
}

/// The program as the parser sees it, in lines as they were; none if it could not be read as a whole.
pub(super) fn preprocessed(path: &Path, source: &SourceOptions) -> anyhow::Result<Option<String>> {
    let name = path.to_string_lossy();
    std::fs::File::open(path).with_context(|| format!("{name}: cannot be read"))?;
    let (mut map, mut diagnostics) = (SourceMap::new(), Diagnostics::new());
    let options = source.compile_options(path).preprocessor;
    let preprocessed = preprocess(&DiskFiles, &name, &options, &mut map, &mut diagnostics);
    let style = if output::stderr_is_coloured() { Style::Coloured } else { Style::Plain };
    eprint!("{}", diagnostics.render(&map, style));
    Ok((!diagnostics.has_errors()).then(|| text_of(&preprocessed)))
}

fn text_of(preprocessed: &Preprocessed) -> String {
    let mut text = String::new();
    for token in &preprocessed.tokens {
        if token.starts_line() && !text.is_empty() {
            text.push('\n');
        } else if !text.is_empty() && !text.ends_with('\n') {
            // Never less than what separates tokens, `> >` and `>>` included.
            if token.is_spaced() || needs_space(&text, token.text(&preprocessed.interner)) {
                text.push(' ');
            }
        }
        text.push_str(token.text(&preprocessed.interner));
    }
    text.push('\n');
    text
}

/// Whether two tokens that come from different places would become one.
fn needs_space(before: &str, token: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    match (before.chars().next_back(), token.chars().next()) {
        (Some(a), Some(b)) => is_word(a) && is_word(b),
        (None, _) | (_, None) => false,
    }
}

#[cfg(test)]
mod tests;
