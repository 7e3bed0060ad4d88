//! Writing a snapshot, beside the logs that go on.
//!
//! Invariant: a snapshot has its name only once the disk has all of it, and only then are older files removed.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use super::record::MAGIC;
use super::{Record, StoreError, log_path, numbers, snapshot_path};

/// A snapshot that is being written.
#[derive(Debug)]
pub(crate) struct SnapshotWriter {
    folder: PathBuf,
    number: u64,
    path: PathBuf,
    file: BufWriter<File>,
    bytes: u64,
    buffer: Vec<u8>,
}

impl SnapshotWriter {
    pub(crate) fn create(folder: &Path, number: u64) -> Result<SnapshotWriter, StoreError> {
        let path = folder.join("snapshot.unfinished");
        let file = File::create(&path).map_err(StoreError::system(&path, "cannot be made"))?;
        let mut file = BufWriter::with_capacity(1 << 20, file);
        file.write_all(MAGIC).map_err(StoreError::system(&path, "cannot be written"))?;
        let bytes = MAGIC.len() as u64;
        Ok(SnapshotWriter { folder: folder.to_owned(), number, path, file, bytes, buffer: Vec::new() })
    }

    pub(crate) fn add(&mut self, record: &Record) -> Result<(), StoreError> {
        self.buffer.clear();
        record.encode(&mut self.buffer);
        self.bytes += self.buffer.len() as u64;
        self.file.write_all(&self.buffer).map_err(StoreError::system(&self.path, "cannot be written"))
    }

    /// Puts it in the place of the one before. Gives its length.
    pub(crate) fn finish(mut self) -> Result<u64, StoreError> {
        let written = self.file.flush().and_then(|()| self.file.get_ref().sync_all());
        written.map_err(StoreError::system(&self.path, "cannot be written"))?;
        let path = snapshot_path(&self.folder, self.number);
        std::fs::rename(&self.path, &path).map_err(StoreError::system(&path, "cannot be put in place"))?;
        let folder = File::open(&self.folder).and_then(|folder| folder.sync_all());
        folder.map_err(StoreError::system(&self.folder, "cannot be synced"))?;
        let old = |prefix| Ok(numbers(&self.folder, prefix)?.into_iter().filter(|n| *n < self.number));
        let snapshots = old("snapshot-")?.map(|number| snapshot_path(&self.folder, number));
        let logs = old("log-")?.map(|number| log_path(&self.folder, number));
        for path in snapshots.chain(logs) {
            // One that stays is passed over when the store is opened.
            if let Err(error) = std::fs::remove_file(&path) {
                tracing::warn!(%error, path = %path.display(), "an old state file stays");
            }
        }
        Ok(self.bytes)
    }
}
