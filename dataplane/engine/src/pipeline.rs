//! What the workers run, published so that it can be replaced while they run it.
//!
//! Invariant: a step reads one [`Published`] at its beginning and uses it to its end, and a packet is run by
//! the pipeline of the generation that its frame was made for, never by another.
//!
//! A worker that finds a newer generation gives it to packets that arrive from then on, while those that wait
//! finish on the one they began with, kept as `retiring`. At most one pipeline retires at a time: another
//! replacement is refused until [`is_drained`].

use std::fmt;
use std::sync::{Arc, OnceLock};

use heddle_exec::Executor;
use heddle_ports::Shapes;
use heddle_state::State;

use crate::effects::{egress_touches, may_batch};
use crate::probe::Probes;
use crate::stats::{Cell, WorkerCells};

/// A program ready to run on a switch: the executor and the state of this switch.
#[derive(Clone)]
pub(crate) struct Pipeline {
    pub(crate) executor: Arc<dyn Executor>,
    pub(crate) state: Arc<State>,
    /// Whether packets may go through the entry points in batches.
    pub(crate) may_batch: bool,
    /// Whether egress of a packet may follow ingress before its port has been told of it.
    pub(crate) may_pass: bool,
    /// What it asks to be told about ports.
    pub(crate) probes: Probes,
    /// Found out when the first port comes that could make use of it.
    whole: Arc<OnceLock<Shapes>>,
}

impl Pipeline {
    /// Puts an executor and a state of the same program together.
    pub(crate) fn new(executor: Arc<dyn Executor>, state: Arc<State>) -> Self {
        let probes = Probes::of(executor.program());
        // What a probe tells ingress depends on what the packets before did to the queues.
        let may_batch = may_batch(executor.program()) && !probes.any();
        // What ingress asks for is done between the passes; of egress nobody would look.
        let may_pass = !probes.hold().is_some_and(|hold| egress_touches(executor.program(), hold));
        Self { executor, state, may_batch, may_pass, probes, whole: Arc::default() }
    }

    /// Which large frames it treats as it would their segments. None before [`Pipeline::find_whole`].
    pub(crate) fn whole(&self) -> Shapes {
        self.whole.get().copied().unwrap_or(Shapes::NONE)
    }

    /// Finds that out. Takes its time, so on the control side only.
    pub(crate) fn find_whole(&self) {
        self.whole.get_or_init(|| crate::whole::shapes(self.executor.program()));
    }

    /// The state.
    pub(crate) fn state(&self) -> &Arc<State> {
        &self.state
    }
}

impl fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipeline").field("program", &self.executor.program().name).finish_non_exhaustive()
    }
}

/// What all workers run now.
#[derive(Clone, Debug)]
pub(crate) struct Published {
    /// Number of `current`; the one retiring has the number before it.
    pub(crate) generation: u64,
    pub(crate) current: Pipeline,
    pub(crate) retiring: Option<Pipeline>,
}

impl Published {
    pub(crate) fn first(pipeline: Pipeline) -> Self {
        Self { generation: 0, current: pipeline, retiring: None }
    }

    /// Tells all programs that run whether a port works.
    pub(crate) fn set_port_up(&self, port: u32, up: bool) {
        for pipeline in [Some(&self.current), self.retiring.as_ref()].into_iter().flatten() {
            pipeline.state.set_port_up(port, up);
        }
    }

    /// With `next` for packets that arrive from now on.
    pub(crate) fn replaced(&self, next: Pipeline) -> Self {
        Self { generation: self.generation + 1, current: next, retiring: Some(self.current.clone()) }
    }
}

/// Whether no worker holds, and no ring carries, a packet of the generation before this one.
///
/// A worker counts what it took from rings only after it reported what it still holds. If all that was sent has
/// been counted as taken, then no ring carries any, nobody has taken one without having reported since, and a
/// packet still held shows in a report. What was taken is read before what was sent, so that a packet between
/// the two readings makes them differ.
pub(crate) fn is_drained(workers: &[WorkerCells], generation: u64) -> bool {
    let Some(parity) = generation.checked_sub(1).map(|before| (before & 1) as usize) else { return true };
    let sum = |cells: fn(&WorkerCells) -> &[Cell; 2]| -> u64 {
        workers.iter().map(|worker| cells(worker)[parity].get()).sum()
    };
    let received = sum(|worker| &worker.ring_received);
    let reported = workers.iter().all(|worker| worker.oldest_generation.get() >= generation);
    reported && received == sum(|worker| &worker.ring_sent)
}
