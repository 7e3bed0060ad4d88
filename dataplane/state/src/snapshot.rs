//! What one batch sees: a generation of the control plane's changes, and the promise that nothing it can reach is
//! freed meanwhile.
//!
//! Invariant: a [`Snapshot`]'s generation is read after its guard is pinned, so whatever a writer retired for an
//! earlier generation is either invisible to it or kept until the guard is gone.

use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam::epoch::{self, Guard};

use crate::State;

/// A generation that is never published: what it sees has not been retired.
const NEWEST: u64 = u64::MAX - 1;

/// A reader's view of a [`State`]: everything written up to one generation and nothing after it.
///
/// Costs a fence to make; made once per batch. Holding one delays no writer, only the reuse of memory.
pub struct Snapshot<'a> {
    generation: u64,
    state: &'a State,
    /// Keeps what the generation can reach.
    _guard: Guard,
}

impl<'a> Snapshot<'a> {
    /// Of a state, whose published generation is read once the guard is pinned.
    #[inline]
    pub(crate) fn new(state: &'a State, generation: &AtomicU64) -> Snapshot<'a> {
        let guard = epoch::pin();
        Snapshot { generation: generation.load(Ordering::Acquire), state, _guard: guard }
    }

    /// The generation to look at a state with. A snapshot of another state keeps nothing that this one has
    /// retired, but what is newest is always there.
    #[inline]
    pub(crate) fn generation_of(&self, state: &State) -> u64 {
        if std::ptr::eq(self.state, state) { self.generation } else { NEWEST }
    }
}

impl Snapshot<'_> {
    /// The generation: 1 more for every batch of changes since the state was made.
    pub fn generation(&self) -> u64 {
        self.generation
    }
}

impl std::fmt::Debug for Snapshot<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot").field("generation", &self.generation).finish_non_exhaustive()
    }
}
