//! Exit status: what scripts can rely on.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// 0: all is well.
    Success,
    /// 1: what was given was looked at and found wrong: a program with errors, a script that does not hold.
    Failure,
    /// 2: the command line itself is wrong.
    Usage,
    /// 3: the system refused: a file, an interface, a permission.
    System,
}

impl Exit {
    /// The status for an error that ended a command.
    pub(crate) fn of_error(error: &anyhow::Error) -> Exit {
        let system =
            error.chain().any(|cause| cause.is::<std::io::Error>() || cause.is::<heddle_ports::OpenError>());
        match error.downcast_ref::<UsageError>() {
            Some(_) => Exit::Usage,
            None if system => Exit::System,
            None => Exit::Failure,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(match exit {
            Exit::Success => 0,
            Exit::Failure => 1,
            Exit::Usage => 2,
            Exit::System => 3,
        })
    }
}

/// An error of the command line that only the command itself could find.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct UsageError(pub(crate) String);
