//! The engine as the P4Runtime core needs it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use heddle_engine::{Engine, ReloadError, ReplaceError};
use heddle_exec::Executor;
use heddle_ir::Verified;
use heddle_p4rt::{Switch, SwitchError};
use heddle_packet::PortId;
use heddle_state::{Kept, State};

/// Makes a program ready to run.
pub type MakeExecutor = Arc<dyn Fn(Verified) -> Result<Arc<dyn Executor>, String> + Send + Sync>;

/// The engine, and what came of it since somebody last looked.
pub(crate) struct EngineSwitch {
    pub(crate) engine: Arc<Engine>,
    pub(crate) make_executor: MakeExecutor,
    pub(crate) workers: usize,
    pub(crate) controller_port: PortId,
    /// Whether another program runs since this was last cleared.
    pub(crate) has_changed: bool,
    /// What the last reload kept.
    pub(crate) kept: Option<Kept>,
}

impl EngineSwitch {
    fn executor(&self, program: &Verified) -> Result<Arc<dyn Executor>, SwitchError> {
        (self.make_executor)(program.clone()).map_err(SwitchError::Refused)
    }

    /// Packets are under way for microseconds, unless a queue with a rate holds them. Controllers that set two programs
    /// in a row should not have to know.
    fn await_drained(&self) {
        let since = Instant::now();
        while self.engine.is_draining() && since.elapsed() < DRAIN {
            std::thread::sleep(DRAIN_LOOK);
        }
    }
}

/// How long a change of program waits for packets of the one before.
const DRAIN: Duration = Duration::from_millis(200);
/// How often it looks.
const DRAIN_LOOK: Duration = Duration::from_micros(200);

fn told(error: ReplaceError) -> SwitchError {
    match error {
        ReplaceError::Draining => SwitchError::Busy(error.to_string()),
        ReplaceError::Workers { .. } | ReplaceError::Unnameable(_) => SwitchError::Refused(error.to_string()),
    }
}

impl Switch for EngineSwitch {
    fn workers(&self) -> usize {
        self.workers
    }

    fn replace(&mut self, program: &Verified, state: Arc<State>) -> Result<(), SwitchError> {
        let executor = self.executor(program)?;
        self.await_drained();
        self.engine.replace(executor, state).map_err(told)?;
        self.has_changed = true;
        Ok(())
    }

    fn reload(&mut self, program: &Verified) -> Result<(Arc<State>, Kept), SwitchError> {
        let executor = self.executor(program)?;
        self.await_drained();
        let reloaded = self.engine.reload(executor).map_err(|error| match error {
            ReloadError::Replace(error) => told(error),
            ReloadError::State(error) => SwitchError::Refused(error.to_string()),
        })?;
        self.has_changed = true;
        self.kept = Some(reloaded.kept.clone());
        Ok((reloaded.state, reloaded.kept))
    }

    fn inject(&mut self, packet: Bytes) -> Result<(), SwitchError> {
        self.engine.inject(self.controller_port, packet).map_err(|error| SwitchError::Busy(error.to_string()))
    }

    fn has_port(&self, port: u32) -> bool {
        self.engine.ports().any(|description| description.id.0 == port)
    }
}
