//! `--state`: what a switch was told, kept so that it survives the process.
//!
//! A folder holds a *snapshot*, the whole state at some moment, and *logs* of what was done since, one record for each
//! acknowledged request. A record is complete or is not there: it has its length and a checksum in front of it, is
//! written by one call, and a tail that is not complete is cut off when the store is opened.
//!
//! ```text
//! DIR/lock          held while a switch runs on it
//! DIR/snapshot-7    whole, by the time it has this name
//! DIR/log-7         what was done since it was begun
//! DIR/log-8         likewise, while snapshot-8 is being written
//! ```
//!
//! Invariant: the newest snapshot and the logs from its number on, in order, bring back every acknowledged request, and
//! nothing of any other that was not acknowledged but whole ones. A snapshot may have seen effects of its log already, so
//! that records are applied as what is to be, not as what is to be changed (see [`crate::control_plane`]).
//!
//! A log of our own, since all that is needed is to append: a million entries in requests of a thousand took `redb` 93
//! seconds, without any sync, and appending them half a second; single ones 98 µs and 0.6 µs.

mod record;
mod snapshot;
#[cfg(test)]
mod tests;

use std::fs::{File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

pub(crate) use self::record::Record;
use self::record::{MAGIC, Reader};
pub(crate) use self::snapshot::SnapshotWriter;

/// Bytes of logs beyond which a new snapshot is worth its while, at least.
const LOG_BYTES_MIN: u64 = 256 << 20;

/// Where to keep state, and how well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateSettings {
    /// The folder; made if it is not there.
    pub folder: PathBuf,
    /// Whether a request is acknowledged only once the disk has it, so that it survives loss of power.
    pub sync: bool,
}

/// Why state cannot be kept or brought back.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The system refused something.
    #[error("{path}: {what}", path = path.display())]
    System {
        /// File or folder.
        path: PathBuf,
        /// What was tried.
        what: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Another switch runs on it.
    #[error("{path}: another switch runs on this state; stop it, or give this one a folder of its own", path = path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// A file holds something else.
    #[error("{path}, byte {at}: {what}; put the folder aside to begin without state", path = path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where.
        at: u64,
        /// What is wrong.
        what: String,
    },
}

impl StoreError {
    fn system(path: &Path, what: &'static str) -> impl FnOnce(io::Error) -> StoreError {
        let path = path.to_owned();
        move |source| StoreError::System { path, what, source }
    }
}

/// A folder of state that this process owns.
#[derive(Debug)]
pub(crate) struct Store {
    folder: PathBuf,
    sync: bool,
    log: File,
    log_path: PathBuf,
    number: u64,
    /// Bytes of the log up to the end of the last whole record.
    log_bytes: u64,
    /// Bytes of logs that no snapshot has replaced yet.
    since_snapshot_bytes: u64,
    snapshot_bytes: u64,
    buffer: Vec<u8>,
    _lock: File,
}

/// What was found when a store was opened.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Records brought back.
    pub(crate) records: u64,
    /// Bytes of an unfinished record that were cut off the end.
    pub(crate) cut_bytes: u64,
}

fn snapshot_path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("snapshot-{number}"))
}

fn log_path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("log-{number}"))
}

/// Numbers of the files of a kind, in order.
fn numbers(folder: &Path, prefix: &str) -> Result<Vec<u64>, StoreError> {
    let failed = |source| StoreError::system(folder, "cannot be listed")(source);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let number: Option<u64> =
            name.to_str().and_then(|name| name.strip_prefix(prefix)).and_then(|n| n.parse().ok());
        found.extend(number);
    }
    found.sort_unstable();
    Ok(found)
}

impl Store {
    /// Opens a folder and gives what it holds to `apply`, in order.
    pub(crate) fn open(
        settings: &StateSettings,
        mut apply: impl FnMut(Record),
    ) -> Result<(Store, Found), StoreError> {
        let folder = settings.folder.clone();
        std::fs::create_dir_all(&folder).map_err(StoreError::system(&folder, "cannot be made"))?;
        let lock_path = folder.join("lock");
        let lock = File::options().create(true).truncate(false).write(true).open(&lock_path);
        let lock = lock.map_err(StoreError::system(&lock_path, "cannot be opened"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreError::InUse { path: folder }),
            Err(TryLockError::Error(source)) => {
                return Err(StoreError::system(&lock_path, "cannot be locked")(source));
            }
        }
        let snapshot = numbers(&folder, "snapshot-")?.pop();
        let first = snapshot.unwrap_or(0);
        let logs: Vec<u64> = numbers(&folder, "log-")?.into_iter().filter(|log| *log >= first).collect();
        let mut found = Found::default();
        let mut snapshot_bytes = 0;
        if let Some(number) = snapshot {
            let path = snapshot_path(&folder, number);
            let mut reader = Reader::open(&path)?;
            while let Some(record) = reader.next_record()? {
                found.records += 1;
                apply(record);
            }
            if reader.left_bytes() > 0 {
                return Err(reader.damaged("the snapshot is not whole"));
            }
            snapshot_bytes = reader.at();
        }
        let mut since_snapshot_bytes = 0;
        let mut end = None;
        for (position, number) in logs.iter().enumerate() {
            let path = log_path(&folder, *number);
            let mut reader = Reader::open(&path)?;
            while let Some(record) = reader.next_record()? {
                found.records += 1;
                apply(record);
            }
            let is_last = position + 1 == logs.len();
            if reader.left_bytes() > 0 && !is_last {
                return Err(reader.damaged("a record is not whole, though others follow in a later log"));
            }
            found.cut_bytes = reader.left_bytes();
            since_snapshot_bytes += reader.at();
            end = Some((*number, reader.at()));
        }
        let (number, log_bytes) = end.unwrap_or((first, 0));
        let path = log_path(&folder, number);
        let log = File::options().create(true).truncate(false).read(true).write(true).open(&path);
        let mut log = log.map_err(StoreError::system(&path, "cannot be opened"))?;
        log.set_len(log_bytes).map_err(StoreError::system(&path, "cannot be cut"))?;
        let log_bytes = begin(&mut log, log_bytes).map_err(StoreError::system(&path, "cannot be written"))?;
        let store = Store {
            folder,
            sync: settings.sync,
            log,
            log_path: path,
            number,
            log_bytes,
            since_snapshot_bytes,
            snapshot_bytes,
            buffer: Vec::new(),
            _lock: lock,
        };
        if store.sync {
            store.sync_folder()?;
        }
        Ok((store, found))
    }

    fn sync_folder(&self) -> Result<(), StoreError> {
        let folder = File::open(&self.folder).and_then(|folder| folder.sync_all());
        folder.map_err(StoreError::system(&self.folder, "cannot be synced"))
    }

    /// Keeps a record. When this returns it survives the end of the process, and with `sync` that of the machine.
    ///
    /// # Errors
    /// If it cannot be written; nothing of it is kept then.
    pub(crate) fn append(&mut self, record: &Record) -> Result<(), StoreError> {
        self.buffer.clear();
        record.encode(&mut self.buffer);
        let written = self.log.write_all(&self.buffer).and_then(|()| match self.sync {
            true => self.log.sync_data(),
            false => Ok(()),
        });
        if let Err(source) = written {
            // What is left of it would be taken for the end of the log; the next record has to come where it began.
            let undone = self.log.set_len(self.log_bytes).and_then(|()| seek(&mut self.log, self.log_bytes));
            if let Err(error) = undone {
                tracing::error!(%error, "an unfinished record stays at the end of the log");
            }
            return Err(StoreError::system(&self.log_path, "cannot be written")(source));
        }
        let bytes = self.buffer.len() as u64;
        self.log_bytes += bytes;
        self.since_snapshot_bytes += bytes;
        Ok(())
    }

    /// Whether what there is to be read at the next start is much more than what it comes to.
    pub(crate) fn wants_snapshot(&self) -> bool {
        self.since_snapshot_bytes > LOG_BYTES_MIN.max(2 * self.snapshot_bytes)
    }

    /// Begins a new log, and a snapshot to be written with all that the logs before say.
    pub(crate) fn begin_snapshot(&mut self) -> Result<SnapshotWriter, StoreError> {
        let number = self.number + 1;
        let path = log_path(&self.folder, number);
        let log = File::options().create(true).truncate(true).read(true).write(true).open(&path);
        let mut log = log.map_err(StoreError::system(&path, "cannot be opened"))?;
        let log_bytes = begin(&mut log, 0).map_err(StoreError::system(&path, "cannot be written"))?;
        if self.sync {
            log.sync_all().map_err(StoreError::system(&path, "cannot be synced"))?;
            self.sync_folder()?;
        }
        let writer = SnapshotWriter::create(&self.folder, number)?;
        self.log = log;
        self.log_path = path;
        self.number = number;
        self.log_bytes = log_bytes;
        Ok(writer)
    }

    /// A snapshot is there: `bytes` long, and with it everything of the logs before its own.
    pub(crate) fn note_snapshot(&mut self, bytes: u64) {
        self.snapshot_bytes = bytes;
        self.since_snapshot_bytes = self.log_bytes;
    }
}

/// Writes the magic number, unless it is there; to the end of the file.
fn begin(log: &mut File, bytes: u64) -> io::Result<u64> {
    if bytes == 0 {
        seek(log, 0)?;
        log.write_all(MAGIC)?;
        return Ok(MAGIC.len() as u64);
    }
    seek(log, bytes)?;
    Ok(bytes)
}

fn seek(log: &mut File, to: u64) -> io::Result<()> {
    io::Seek::seek(log, io::SeekFrom::Start(to)).map(drop)
}
