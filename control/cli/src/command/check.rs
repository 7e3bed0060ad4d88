//! `heddle check`: diagnose programs.

use std::path::PathBuf;

use clap::Args;

use crate::exit::Exit;
use crate::output;
use crate::program::{self, SourceOptions};

const EXAMPLES: &str = "\
Examples:
  heddle check prog.p4
  heddle check -I include -D PORTS=32 prog.p4
  heddle check --json prog.p4 | jq '.[].code'";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// P4 programs
    #[arg(required = true, value_name = "PROG.p4")]
    programs: Vec<PathBuf>,
    #[command(flatten)]
    source: SourceOptions,
    /// Print the diagnostics as JSON on standard output
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<Exit> {
    let mut exit = Exit::Success;
    let mut json = Vec::new();
    for path in &options.programs {
        match program::load_bmv2(path) {
            Ok(None) => {}
            Ok(Some(_)) => {
                eprintln!("{}: loads", path.display());
                continue;
            }
            Err(error) => {
                eprintln!("error: {error:#}");
                exit = Exit::of_error(&error);
                continue;
            }
        }
        let compilation = program::check(path, &options.source)?;
        if options.json {
            match compilation.diagnostics.to_json(&compilation.source_map) {
                serde_json::Value::Array(found) => json.extend(found),
                other => json.push(other),
            }
        } else {
            program::print_diagnostics(&compilation);
        }
        if compilation.diagnostics.has_errors() {
            exit = Exit::Failure;
        }
        if !options.json {
            let (errors, warnings) =
                (compilation.diagnostics.error_count(), compilation.diagnostics.warning_count());
            let verdict = match (errors, &compilation.output) {
                (0, Some(_)) => "compiles".to_owned(),
                (0, None) => "is right as P4-16".to_owned(),
                (n, _) => format!("does not compile: {}", output::count(n as u64, "error")),
            };
            let warnings = match warnings {
                0 => String::new(),
                n => format!(", {}", output::count(n as u64, "warning")),
            };
            eprintln!("{}: {verdict}{warnings}", path.display());
        }
    }
    if options.json {
        println!("{}", serde_json::to_string_pretty(&json)?);
    }
    Ok(exit)
}
