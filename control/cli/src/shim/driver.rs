//! `p4c`: the driver, which names the files that the compiler writes after the program.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::{ArgAction, Parser};

use super::{Unsupported, compiler, read};
use crate::command::compile::{self, InfoFormat};
use crate::exit::{Exit, UsageError};

/// The driver's options.
#[derive(Parser, Debug)]
#[command(
    disable_version_flag = true,
    infer_long_args = true,
    override_usage = "p4c [options] PROG.p4",
    max_term_width = 100
)]
struct Options {
    /// Print the version
    #[arg(short = 'V', long)]
    version: bool,
    /// Verbose; passed over
    #[arg(short = 'v', long)]
    debug: bool,
    /// Print what would be done
    #[arg(long)]
    test_only: bool,
    /// An option for the preprocessor or the compiler
    #[arg(short = 'X', value_names = ["FOR", "OPTION"], num_args = 2, allow_hyphen_values = true)]
    pass: Vec<String>,
    /// Target: bmv2
    #[arg(short = 'b', long, env = "P4C_DEFAULT_TARGET", default_value = "bmv2")]
    target: String,
    /// Architecture: v1model
    #[arg(short = 'a', long, env = "P4C_DEFAULT_ARCH", default_value = "v1model")]
    arch: String,
    /// Compile, which is done anyway
    #[arg(short = 'c', long)]
    compile: bool,
    /// Define a macro (may be repeated)
    #[arg(short = 'D', value_name = "NAME[=VALUE]")]
    define: Vec<String>,
    /// Undefine a macro (may be repeated)
    #[arg(short = 'U', value_name = "NAME")]
    undefine: Vec<String>,
    /// Preprocess only, into PROG.p4i
    #[arg(short = 'E')]
    preprocess_only: bool,
    /// The text is preprocessed already
    #[arg(short = 'e')]
    skip_preprocessor: bool,
    /// Not supported: dependencies for make
    #[arg(short = 'M', action = ArgAction::Count)]
    dependencies: u8,
    /// Debug information; passed over
    #[arg(short = 'g')]
    debug_info: bool,
    /// Look here for `#include` files (may be repeated)
    #[arg(short = 'I', value_name = "DIR")]
    include: Vec<PathBuf>,
    /// Where PROG.json and PROG.p4i are written
    #[arg(short = 'o', long, value_name = "DIR", default_value = ".")]
    output: PathBuf,
    /// Write the P4Info here
    #[arg(long, value_name = "FILE")]
    p4runtime_file: Option<PathBuf>,
    /// How --p4runtime-file is written
    #[arg(long, value_enum, default_value_t = InfoFormat::Binary)]
    p4runtime_format: InfoFormat,
    /// Write the P4Info to these files: .txt, .txtpb, .json or .bin
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    p4runtime_files: Vec<PathBuf>,
    /// Not supported: annotations to ignore
    #[arg(long, value_name = "LIST")]
    disable_annotations: Option<String>,
    /// Stop before assembling, which is not done anyway
    #[arg(short = 'S')]
    until_assembler: bool,
    /// Language: p4-16
    #[arg(long, visible_short_alias = 'x', env = "P4C_DEFAULT_LANGUAGE", default_value = "p4-16")]
    std: String,
    /// Passed over
    #[arg(long)]
    ndebug: bool,
    /// Passed over
    #[arg(long)]
    parser_inline_opt: bool,
    /// Silence this warning, or all
    #[arg(long = "Wdisable", value_name = "WARNING", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    wdisable: Vec<String>,
    /// Make errors of warnings
    #[arg(long = "Werror", value_name = "WARNING", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    werror: Vec<String>,
    /// Logging of p4c's passes; passed over
    #[arg(short = 'T', value_name = "LEVEL")]
    log: Vec<String>,
    /// Programs after these passes; passed over
    #[arg(long, value_name = "PASSES")]
    top4: Vec<String>,
    /// Where such programs are written; passed over
    #[arg(long, value_name = "DIR")]
    dump: Option<PathBuf>,
    /// Write the program here, preprocessed
    #[arg(long, value_name = "FILE")]
    pp: Option<PathBuf>,
    /// Not supported: p4c's own IR
    #[arg(long = "toJson", value_name = "FILE")]
    to_json: Option<PathBuf>,
    /// Not supported: p4c's own IR
    #[arg(long = "fromJson", value_name = "FILE")]
    from_json: Option<PathBuf>,
    /// Not supported: metrics of the source
    #[arg(long, value_name = "LIST")]
    metrics: Option<String>,
    /// Print the targets
    #[arg(long, aliases = ["target-help", "targets-help"])]
    help_targets: bool,
    /// P4 program
    #[arg(value_name = "PROG.p4")]
    programs: Vec<PathBuf>,
}

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<Exit> {
    // argparse has options of more letters behind one dash; clap has none.
    let arguments: Vec<String> = arguments
        .iter()
        .flat_map(|word| match word.strip_prefix("-X") {
            Some(of @ ("preprocessor" | "p4c" | "assembler" | "linker")) => {
                vec!["-X".to_owned(), of.to_owned()]
            }
            // The family of -M is refused as one.
            _ if word.starts_with("-M") => vec!["-M".to_owned()],
            _ if word == "-###" => vec!["--test-only".to_owned()],
            _ => vec![word.clone()],
        })
        .collect();
    let options: Options = match read(&arguments) {
        Ok(options) => options,
        Err(exit) => return Ok(exit),
    };
    if options.version {
        println!("p4c {}", compiler::VERSION);
        return Ok(Exit::Success);
    }
    if options.help_targets {
        println!("Supported targets in \"target, arch\" tuple:\nbmv2-v1model");
        return Ok(Exit::Success);
    }
    let [path] = options.programs.as_slice() else {
        bail!(UsageError("one P4 program is wanted".to_owned()));
    };
    let Some(stem) = path.file_stem() else {
        bail!(UsageError(format!("{}: not the name of a file", path.display())));
    };
    let base = options.output.join(stem);
    let mut compiling = compiler::Options {
        include: options.include,
        define: options.define,
        undefine: options.undefine,
        dependencies: options.dependencies,
        std: Some(options.std),
        nocpp: options.skip_preprocessor,
        disable_annotations: options.disable_annotations,
        wdisable: options.wdisable,
        werror: options.werror,
        top4: options.top4,
        dump: options.dump,
        pp: options.pp,
        to_json: options.to_json,
        from_json: options.from_json,
        p4runtime_file: options.p4runtime_file,
        p4runtime_format: options.p4runtime_format,
        p4runtime_files: options.p4runtime_files,
        target: Some(options.target),
        arch: Some(options.arch),
        metrics: options.metrics,
        output: Some(base.with_extension("json")),
        programs: vec![path.clone()],
        ..compiler::Options::default()
    };
    for pair in options.pass.chunks_exact(2) {
        match (pair[0].as_str(), pair[1].as_str()) {
            // What they are told of is not there.
            ("assembler" | "linker", _) => {}
            ("preprocessor" | "p4c", word) => match word.split_at_checked(2) {
                Some(("-D", name)) if !name.is_empty() => compiling.define.push(name.to_owned()),
                Some(("-U", name)) if !name.is_empty() => compiling.undefine.push(name.to_owned()),
                Some(("-I", folder)) if !folder.is_empty() => compiling.include.push(folder.into()),
                _ => bail!(Unsupported {
                    flag: "-Xpreprocessor and -Xp4c",
                    instead: "only -D, -U and -I can be passed on; give other options to `p4c-bm2-ss`",
                }),
            },
            _ => bail!(UsageError("-X: `preprocessor`, `p4c`, `assembler` or `linker` is wanted".to_owned())),
        }
    }
    if options.test_only {
        println!("compiler:\nheddle compile {} -o {}", path.display(), base.with_extension("json").display());
        return Ok(Exit::Success);
    }
    std::fs::create_dir_all(&options.output)
        .with_context(|| format!("{}: cannot be created", options.output.display()))?;
    if !options.skip_preprocessor {
        let source = compiler::source_options(&compiling);
        let Some(text) = compiler::preprocessed(path, &source)? else { return Ok(Exit::Failure) };
        compile::write(&base.with_extension("p4i"), text.as_bytes())?;
    }
    if options.preprocess_only {
        return Ok(Exit::Success);
    }
    compiler::compile(&compiling)
}
