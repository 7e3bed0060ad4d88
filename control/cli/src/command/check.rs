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
        let compilation = if options.json {
            let compilation = program::compile_quietly(path, &options.source)?;
            match compilation.diagnostics.to_json(&compilation.source_map) {
                serde_json::Value::Array(found) => json.extend(found),
                other => json.push(other),
            }
            compilation
        } else {
            program::compile(path, &options.source)?
        };
        if compilation.output.is_none() {
            exit = Exit::Failure;
        }
        if !options.json {
            let (errors, warnings) =
                (compilation.diagnostics.error_count(), compilation.diagnostics.warning_count());
            let verdict = match compilation.output {
                Some(_) => "compiles".to_owned(),
                None => format!("does not compile: {}", output::count(errors as u64, "error")),
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
