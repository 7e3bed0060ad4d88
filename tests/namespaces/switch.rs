//! A running `heddle`.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};

use libtest_mimic::Failed;

use crate::host::run;

/// The shipped programs.
pub(crate) fn pipelines() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../pipelines")
}

/// A `heddle run` that forwards.
pub(crate) struct Switch {
    child: Child,
    stderr: BufReader<ChildStderr>,
    log: String,
}

impl Switch {
    /// Starts it and waits until it says that it is running.
    pub(crate) fn start(program: &Path, options: &[&str]) -> Result<Switch, Failed> {
        Switch::spawn(Command::new(env!("CARGO_BIN_EXE_heddle")).arg("run").arg(program).args(options))
    }

    /// Likewise, under another name.
    pub(crate) fn start_as(name: &Path, options: &[&str]) -> Result<Switch, Failed> {
        Switch::spawn(Command::new(name).args(options))
    }

    fn spawn(command: &mut Command) -> Result<Switch, Failed> {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let stderr = child.stderr.take().ok_or("standard error is not piped")?;
        let mut switch = Switch { child, stderr: BufReader::new(stderr), log: String::new() };
        loop {
            let mut line = String::new();
            if switch.stderr.read_line(&mut line)? == 0 {
                return Err(format!("heddle ended before it ran:\n{}", switch.log).into());
            }
            switch.log.push_str(&line);
            if line.starts_with("running") {
                return Ok(switch);
            }
        }
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has written so far.
    pub(crate) fn log(&self) -> &str {
        &self.log
    }

    /// Where it serves P4Runtime.
    pub(crate) fn served(&self) -> Result<&str, Failed> {
        let served = self.log.lines().find_map(|line| line.split_once("serving P4Runtime on "));
        served
            .map(|(_, address)| address.trim())
            .ok_or_else(|| format!("it serves nothing:\n{}", self.log).into())
    }

    /// Sends a signal and waits for a line that contains `text`.
    pub(crate) fn signal(&mut self, signal: &str, text: &str) -> Result<(), Failed> {
        run(&["kill", signal, &self.child.id().to_string()])?;
        self.wait_for(text)
    }

    /// Waits for a line that contains `text`.
    pub(crate) fn wait_for(&mut self, text: &str) -> Result<(), Failed> {
        loop {
            let mut line = String::new();
            if self.stderr.read_line(&mut line)? == 0 {
                return Err(format!("it ended without saying `{text}`:\n{}", self.log).into());
            }
            self.log.push_str(&line);
            if line.contains(text) {
                return Ok(());
            }
        }
    }

    /// Ends it as nobody should, with no chance to tidy up.
    pub(crate) fn kill(mut self) -> Result<(), Failed> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Ends it as a user would, by SIGINT, and checks that it ends well and with a summary.
    pub(crate) fn stop(self) -> Result<(), Failed> {
        self.stop_with_log().map(drop)
    }

    /// Likewise; gives everything it wrote.
    pub(crate) fn stop_with_log(mut self) -> Result<String, Failed> {
        run(&["kill", "-INT", &self.child.id().to_string()])?;
        let mut rest = String::new();
        self.stderr.read_to_string(&mut rest)?;
        self.log.push_str(&rest);
        let status = self.child.wait()?;
        if !status.success() || !rest.contains("received") {
            return Err(format!("heddle ended with {status}:\n{}", self.log).into());
        }
        Ok(std::mem::take(&mut self.log))
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
