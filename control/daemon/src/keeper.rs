//! The store at work: records appended, snapshots written by a thread of their own, and what to do when the disk is full.
//!
//! Invariant: once something that is in effect could not be kept, nothing more is let into effect until a snapshot has
//! caught up with it.

use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::control_plane::Contents;
use crate::proto;
use crate::store::{Record, Store, StoreError};

/// Pause between two attempts at a snapshot.
const RETRY: Duration = Duration::from_secs(1);

/// A store at work.
pub(crate) struct Keeper {
    store: Store,
    /// The ports as last told, for snapshots.
    pub(crate) ports: Option<proto::ListPortsResponse>,
    writing: Option<JoinHandle<Result<u64, String>>>,
    /// Why the store lacks something that is in effect.
    failure: Option<String>,
    /// Whether that came after the snapshot that is being written was begun.
    is_beyond_snapshot: bool,
    tried: Option<Instant>,
}

impl Keeper {
    pub(crate) fn new(store: Store) -> Keeper {
        Keeper { store, ports: None, writing: None, failure: None, is_beyond_snapshot: false, tried: None }
    }

    /// Why nothing may be changed now.
    pub(crate) fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// Keeps a record.
    pub(crate) fn keep(&mut self, record: &Record) -> Result<(), StoreError> {
        let kept = self.store.append(record);
        if let Err(error) = &kept {
            tracing::error!(%error, "state cannot be kept");
            self.failure = Some(error.to_string());
            self.is_beyond_snapshot = true;
        }
        kept
    }

    /// Whether a snapshot should be begun now.
    pub(crate) fn wants_snapshot(&self) -> bool {
        let is_due = self.failure.is_some() || self.store.wants_snapshot();
        let may_try = self.tried.is_none_or(|tried| tried.elapsed() >= RETRY);
        is_due && may_try && self.writing.is_none()
    }

    /// Nothing came of a snapshot.
    pub(crate) fn put_off(&mut self, why: String) {
        tracing::error!(why, "no snapshot can be made");
        self.tried = Some(Instant::now());
    }

    /// Writes a snapshot beside what goes on.
    pub(crate) fn begin_snapshot(&mut self, contents: Contents) {
        self.tried = Some(Instant::now());
        let mut writer = match self.store.begin_snapshot() {
            Ok(writer) => writer,
            Err(error) => return self.put_off(error.to_string()),
        };
        let write = move || -> Result<u64, String> {
            for record in contents {
                let record = record.map_err(|error| error.message)?;
                writer.add(&record).map_err(|error| error.to_string())?;
            }
            writer.finish().map_err(|error| error.to_string())
        };
        self.is_beyond_snapshot = false;
        match std::thread::Builder::new().name("heddle-snapshot".to_owned()).spawn(write) {
            Ok(thread) => self.writing = Some(thread),
            Err(error) => self.put_off(error.to_string()),
        }
    }

    /// Looks whether a snapshot is written.
    pub(crate) fn tick(&mut self) {
        if self.writing.as_ref().is_some_and(JoinHandle::is_finished) {
            self.await_snapshot();
        }
    }

    /// Waits for a snapshot that is being written.
    pub(crate) fn await_snapshot(&mut self) {
        let Some(thread) = self.writing.take() else { return };
        match thread.join() {
            Ok(Ok(bytes)) => {
                self.store.note_snapshot(bytes);
                if !self.is_beyond_snapshot {
                    self.failure = None;
                }
                tracing::info!(bytes, "snapshot");
            }
            Ok(Err(why)) => self.put_off(why),
            Err(_) => self.put_off("the thread that writes it has panicked".to_owned()),
        }
    }
}
