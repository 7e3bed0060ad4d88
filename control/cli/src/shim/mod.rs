//! Heddle under other names: BMv2's switches and p4c, as existing Makefiles and scripts call them.
//!
//! Invariant: a shim only translates. What it does is what some `heddle` command line does, which it can name; a flag is
//! served, or is harmless and passed over with a word, or is an error that says what to use instead.

mod compiler;
mod driver;
mod switch;
pub(crate) mod thrift;

use std::ffi::OsStr;
use std::path::Path;

use crate::exit::Exit;

/// A name that this binary answers to beside its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shim {
    /// BMv2's switch with P4Runtime.
    SimpleSwitchGrpc,
    /// BMv2's switch without.
    SimpleSwitch,
    /// p4c's driver.
    P4c,
    /// p4c's compiler for BMv2.
    P4cBm2Ss,
}

impl Shim {
    /// All of them.
    pub(crate) const ALL: [Shim; 4] = [Shim::SimpleSwitchGrpc, Shim::SimpleSwitch, Shim::P4c, Shim::P4cBm2Ss];

    /// What it is called by.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Shim::SimpleSwitchGrpc => "simple_switch_grpc",
            Shim::SimpleSwitch => "simple_switch",
            Shim::P4c => "p4c",
            Shim::P4cBm2Ss => "p4c-bm2-ss",
        }
    }

    /// The one that a program was started as, if it was one.
    pub(crate) fn of_program(program: &OsStr) -> Option<Shim> {
        let name = Path::new(program).file_name()?;
        Shim::ALL.into_iter().find(|shim| name == shim.name())
    }

    /// Does what the command line asks for, `arguments[0]` being the name it was called by.
    ///
    /// # Errors
    /// What is wrong with it, or what the command that it stands for failed with.
    pub(crate) fn run(self, arguments: &[String]) -> anyhow::Result<Exit> {
        match self {
            Shim::SimpleSwitchGrpc => switch::run(switch::Kind::Grpc, arguments),
            Shim::SimpleSwitch => switch::run(switch::Kind::Plain, arguments),
            Shim::P4c => driver::run(arguments),
            Shim::P4cBm2Ss => compiler::run(arguments),
        }
    }
}

/// A flag that cannot be served.
#[derive(Debug, thiserror::Error)]
#[error("{flag} is not supported: {instead}")]
pub(crate) struct Unsupported {
    /// As it was given.
    flag: &'static str,
    /// What to use instead.
    instead: &'static str,
}

/// What a command line comes to when it is read by clap: itself, or text to print and the status to end with. Both of the
/// tools end with 1 where heddle ends with 2.
fn read<T: clap::Parser>(arguments: &[String]) -> Result<T, Exit> {
    T::try_parse_from(arguments).map_err(|error| {
        // Nobody is left to tell if this fails.
        let _ = error.print();
        if error.use_stderr() { Exit::Failure } else { Exit::Success }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_by_the_last_part_of_the_path() {
        for shim in Shim::ALL {
            assert_eq!(Shim::of_program(OsStr::new(shim.name())), Some(shim));
            assert_eq!(Shim::of_program(OsStr::new(&format!("/opt/x/{}", shim.name()))), Some(shim));
        }
        for other in ["heddle", "/usr/bin/heddle", "simple_switch_CLI", "p4c/heddle", ""] {
            assert_eq!(Shim::of_program(OsStr::new(other)), None, "{other}");
        }
    }
}
