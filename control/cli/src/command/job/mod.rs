//! `heddle job`: how jobs fare, those of a simulated fabric or of a running switch.
//!
//! * [`report`]: what `heddle fabric sim --json` has written.
//! * [`live`]: a switch that runs `pipelines/ai_fabric.p4` and serves P4Runtime.

mod live;
mod report;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::client::Target;
use crate::exit::{Exit, UsageError};

const EXAMPLES: &str = "\
Examples:
  heddle job ls --grpc leaf1:9559              jobs of a running switch: traffic, messages, marks, violations
  heddle job show 7                            one of them, by number
  heddle job watch --interval 1                rates of all of them, every second
  heddle fabric sim fabric.toml jobs.toml --json >run.json
  heddle job ls run.json                       jobs of a simulated fabric: completion, throughput, losses, marks
  heddle job show run.json ring-a              one job: messages, stragglers, what switches counted of it
  heddle job watch run.json                    how far every job was as time went on
  heddle job ls run.json --policy spray        of a run with --compare, another policy than the first";

/// Look at the jobs of a running switch, or of a simulated fabric
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// List all jobs
    #[command(after_help = EXAMPLES)]
    Ls {
        #[command(flatten)]
        of: Of,
        /// What `heddle fabric sim --json` has written; a running switch if not given
        report: Option<PathBuf>,
    },
    /// Show one job
    #[command(after_help = EXAMPLES)]
    Show {
        #[command(flatten)]
        of: Of,
        /// What `heddle fabric sim --json` has written, and the job's name; of a running switch only the job's number
        #[arg(required = true, num_args = 1..=2, value_names = ["REPORT", "JOB"])]
        which: Vec<String>,
    },
    /// Show how jobs get on: rates of a running switch, or what had arrived as time went on
    #[command(after_help = EXAMPLES)]
    Watch {
        #[command(flatten)]
        of: Of,
        /// What `heddle fabric sim --json` has written; a running switch if not given
        report: Option<PathBuf>,
        /// Of a report, lines at most
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
        lines: u16,
        /// Of a running switch, seconds from one look to the next
        #[arg(long, default_value_t = 1.0, value_name = "SECONDS")]
        interval: f64,
        /// Of a running switch, how often to look; until interrupted if not given
        #[arg(long, value_name = "N")]
        count: Option<u64>,
    },
}

#[derive(Args, Debug)]
pub(crate) struct Of {
    /// Of a report, which policy's run; the first if not given
    #[arg(long)]
    policy: Option<String>,
    /// Of a report, which seed's run; the first if not given
    #[arg(long)]
    seed: Option<u64>,
    #[command(flatten)]
    target: Target,
}

pub(crate) fn run(command: &Command) -> anyhow::Result<Exit> {
    match command {
        Command::Ls { of, report: Some(path) } => report::list(path, of)?,
        Command::Ls { of, report: None } => live::list(&of.target)?,
        Command::Show { of, which } => match which.as_slice() {
            [path, job] => report::show(path.as_ref(), of, job)?,
            [job] => live::show(&of.target, job)?,
            _ => return Err(UsageError("show JOB of a running switch, or REPORT JOB".to_owned()).into()),
        },
        Command::Watch { of, report: Some(path), lines, .. } => {
            report::watch(path, of, usize::from(*lines))?;
        }
        Command::Watch { of, report: None, interval, count, .. } => {
            live::watch(&of.target, *interval, *count)?;
        }
    }
    Ok(Exit::Success)
}
