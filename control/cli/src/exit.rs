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

/// An error with its causes, each said once: many errors end in what caused them.
pub(crate) fn message(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if text.is_empty() {
            text = cause;
        } else if !text.ends_with(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// An error of the command line that only the command itself could find.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct UsageError(pub(crate) String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_said_once() {
        let missing = || std::io::Error::from(std::io::ErrorKind::NotFound);
        let said = anyhow::Error::new(missing()).context(format!("in.pcap: cannot open it: {}", missing()));
        assert_eq!(message(&said), format!("in.pcap: cannot open it: {}", missing()));
        let unsaid = anyhow::Error::new(missing()).context("in.pcap").context("port 1");
        assert_eq!(message(&unsaid), format!("port 1: in.pcap: {}", missing()));
    }
}
