//! `heddle explain`: the longer story behind a diagnostic's code.

use clap::Args;
use heddle_p4::diag::codes;

use crate::exit::{Exit, UsageError};

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  heddle explain E0301\n  heddle explain --list")]
pub(crate) struct Options {
    /// Code or name, as diagnostics show it in brackets
    #[arg(value_name = "CODE", required_unless_present = "list")]
    code: Option<String>,
    /// List all codes with their names
    #[arg(long)]
    list: bool,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<Exit> {
    if options.list {
        for info in codes::all() {
            println!("{}  {}", info.code, info.name);
        }
        return Ok(Exit::Success);
    }
    let code = options.code.as_deref().unwrap_or_default();
    let info = codes::find(code).ok_or_else(|| {
        UsageError(format!("`{code}` is no diagnostic's code; `heddle explain --list` shows them all"))
    })?;
    println!("{} ({})\n\n{}", info.code, info.name, info.explanation.trim());
    Ok(Exit::Success)
}
