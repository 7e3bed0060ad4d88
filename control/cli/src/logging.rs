//! `--log`: events of the control side, by `tracing`. Nothing on the packet path logs.

use anyhow::{Context as _, anyhow};
use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;

/// Options of every subcommand.
#[derive(Args, Debug)]
pub(crate) struct LogOptions {
    /// What to log: a level (error, warn, info, debug, trace) or a filter such as `info,heddle_engine=debug`
    #[arg(long = "log", global = true, value_name = "FILTER", default_value = "warn", env = "HEDDLE_LOG")]
    filter: String,
    /// How log lines look
    #[arg(long = "log-format", global = true, value_enum, default_value_t = LogFormat::Text)]
    format: LogFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Starts logging to standard error.
pub(crate) fn start(options: &LogOptions) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&options.filter)
        .with_context(|| format!("--log {}: not a filter; try `info`", options.filter))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match options.format {
        LogFormat::Text => builder.with_target(false).try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    started.map_err(|error| anyhow!("logging cannot start: {error}"))
}
