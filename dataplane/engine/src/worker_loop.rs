//! A worker's thread: steps its core while there is something to do, and sleeps while there is not.
//!
//! Invariant: it sleeps only after a step that moved nothing, for no longer than that step said, and not past a
//! notification ([`crate::signal`]) or the arrival of a packet.

use std::os::fd::AsRawFd;
use std::sync::atomic::Ordering;

use crate::bell::{readable, sleep};
use crate::core::Core;
use crate::engine::Common;

/// How long to sleep at most where a queue has no descriptor to wait for.
const ASK_AGAIN_NS: u64 = 100_000;

/// Runs one worker's core.
pub(crate) struct WorkerLoop<'a> {
    worker: usize,
    common: &'a Common,
    spin_ns: u64,
}

impl<'a> WorkerLoop<'a> {
    pub(crate) fn new(worker: usize, common: &'a Common, spin_ns: u64) -> Self {
        Self { worker, common, spin_ns }
    }

    /// Until it is told to stop.
    pub(crate) fn run(&self, core: &mut Core) {
        let Some(signal) = self.common.signals.get(self.worker) else { return };
        let mut descriptors = Vec::new();
        let mut polled = Vec::new();
        let mut idle_since_ns = None;
        while !self.common.stop.load(Ordering::Acquire) {
            let now_ns = self.common.now_ns();
            let step = core.step(now_ns);
            for worker in core.take_to_wake() {
                if let Some(signal) = self.common.signals.get(worker) {
                    signal.notify();
                }
            }
            if step.progressed {
                idle_since_ns = None;
                continue;
            }
            // Waking for each packet of a burst costs more than the packets do: gather first, then sleep.
            let since_ns = *idle_since_ns.get_or_insert(now_ns);
            if now_ns.saturating_sub(since_ns) < self.spin_ns {
                std::hint::spin_loop();
                continue;
            }
            descriptors.clear();
            let all_told = core.readable_fds(&mut descriptors);
            let mut timeout_ns = step.next_due_ns.map(|due_ns| due_ns.saturating_sub(self.common.now_ns()));
            if !all_told {
                timeout_ns = Some(timeout_ns.map_or(ASK_AGAIN_NS, |ns| ns.min(ASK_AGAIN_NS)));
            }
            if timeout_ns == Some(0) || !signal.prepare_to_sleep() {
                continue;
            }
            polled.clear();
            polled.push(readable(signal.bell().as_raw_fd()));
            polled.extend(descriptors.iter().map(|&fd| readable(fd)));
            sleep(&mut polled, timeout_ns);
            signal.awake();
            signal.bell().silence();
        }
    }
}
