//! Which idle entries controllers are told of: each once per time-out (section 16.4).
//!
//! Invariant: an entry is remembered as told of only as long as it is idle.

use std::collections::HashMap;

use heddle_state::{EntryKey, IdleEntry};

/// Entries that were told of, and when.
#[derive(Debug, Default)]
pub(crate) struct Idle {
    told_ns: HashMap<EntryKey, u64>,
    /// When to look next.
    pub(crate) scan_ns: u64,
}

impl Idle {
    /// Of all entries that are idle, those to be told of now.
    pub(crate) fn due(&mut self, now_ns: u64, idle: Vec<IdleEntry>) -> Vec<IdleEntry> {
        let before = std::mem::take(&mut self.told_ns);
        let mut due = Vec::new();
        for entry in idle {
            let again_ns =
                before.get(&entry.key).map(|told_ns| told_ns.saturating_add(entry.idle_timeout_ns));
            if again_ns.is_none_or(|again_ns| again_ns <= now_ns) {
                self.told_ns.insert(entry.key.clone(), now_ns);
                due.push(entry);
            } else if let Some(told_ns) = before.get(&entry.key) {
                self.told_ns.insert(entry.key, *told_ns);
            }
        }
        due
    }
}
