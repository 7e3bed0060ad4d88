//! A port around a port that records what comes in and what goes out into two capture files.
//!
//! Invariant: recording never holds up a packet. Records go through a bounded queue to a thread that writes the files;
//! one for which there is no room is lost from the files alone, and counted. What was recorded before
//! [`Recorder::finish`] is in the files when it returns.

use std::collections::VecDeque;
use std::fs::File;
use std::io::BufWriter;
use std::os::fd::RawFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use heddle_packet::{Packet, Pool, PortId};

use crate::capture::{CaptureWriter, Record};
use crate::error::OpenError;
use crate::port::{Port, PortDescription, Queue, QueueError, QueueStats};

/// Records that may wait to be written.
const WAITING_MAX: usize = 4096;
/// Packets handed to the port at once: so many are copied again if it takes none.
const SEND_MAX: usize = 16;
/// How long what was written may wait for more before it is in the file.
const FLUSH_AFTER: Duration = Duration::from_millis(50);

/// The two files of one port, and the thread that writes them.
#[derive(Debug)]
pub struct Recorder {
    received: PathBuf,
    sent: PathBuf,
    waiting: Option<SyncSender<Copied>>,
    lost: Arc<AtomicU64>,
    thread: Option<JoinHandle<Result<(), OpenError>>>,
}

/// Why a recording is not whole.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Packets came faster than they could be written.
    #[error("{received} and {sent} lack {lost} packets, which came faster than they could be written", received = received.display(), sent = sent.display())]
    Lost {
        /// The file of packets that came in.
        received: PathBuf,
        /// The file of packets that went out.
        sent: PathBuf,
        /// How many.
        lost: u64,
    },
    /// A file could not be written further.
    #[error(transparent)]
    File(#[from] OpenError),
    /// The thread that writes is gone.
    #[error("{}: the thread that writes it has panicked", .0.display())]
    Thread(PathBuf),
}

#[derive(Debug)]
struct Copied {
    is_sent: bool,
    bytes: Box<[u8]>,
    wire_len: usize,
    time_ns: u64,
}

impl Recorder {
    /// Creates `NAME_in.pcap` and `NAME_out.pcap` in a folder, as BMv2 calls them.
    ///
    /// # Errors
    /// A file cannot be created, or the system has no thread to spare.
    pub fn create(folder: &Path, name: &str) -> Result<Recorder, OpenError> {
        let (received, sent) =
            (folder.join(format!("{name}_in.pcap")), folder.join(format!("{name}_out.pcap")));
        let mut files = [CaptureWriter::create(&received)?, CaptureWriter::create(&sent)?];
        for (file, path) in files.iter_mut().zip([&received, &sent]) {
            file.flush().map_err(|source| file_error(path, source))?;
        }
        let (waiting, records) = sync_channel(WAITING_MAX);
        let paths = [received.clone(), sent.clone()];
        let thread = std::thread::Builder::new()
            .name(format!("record-{name}"))
            .spawn(move || write_all(&records, files, &paths))
            .map_err(|source| file_error(&received, source))?;
        let lost = Arc::new(AtomicU64::new(0));
        Ok(Recorder { received, sent, waiting: Some(waiting), lost, thread: Some(thread) })
    }

    /// Records what the port receives and sends from now on.
    pub fn wrap(&self, inner: Box<dyn Port>) -> Box<dyn Port> {
        let Some(waiting) = self.waiting.clone() else { return inner };
        let note = format!("Recorded into {} and {}.", self.received.display(), self.sent.display());
        Box::new(RecordedPort { inner, note, tape: Tape { waiting, lost: Arc::clone(&self.lost) } })
    }

    /// Writes what waits, once the ports that were wrapped are gone.
    ///
    /// # Errors
    /// What is missing in the files.
    pub fn finish(mut self) -> Result<(), RecordError> {
        self.waiting = None;
        if let Some(thread) = self.thread.take() {
            thread.join().map_err(|_| RecordError::Thread(self.received.clone()))??;
        }
        match self.lost.load(Ordering::Relaxed) {
            0 => Ok(()),
            lost => Err(RecordError::Lost { received: self.received.clone(), sent: self.sent.clone(), lost }),
        }
    }
}

fn file_error(path: &Path, source: std::io::Error) -> OpenError {
    OpenError::File { path: path.to_owned(), action: "write it", source }
}

fn write_all(
    records: &Receiver<Copied>,
    mut files: [CaptureWriter<BufWriter<File>>; 2],
    paths: &[PathBuf; 2],
) -> Result<(), OpenError> {
    let mut is_flushed = true;
    loop {
        let record = if is_flushed {
            records.recv().map_err(|_| RecvTimeoutError::Disconnected)
        } else {
            records.recv_timeout(FLUSH_AFTER)
        };
        match record {
            Ok(record) => {
                let at = usize::from(record.is_sent);
                let written = files[at].write_record(&Record {
                    bytes: &record.bytes,
                    wire_len: record.wire_len,
                    time_ns: record.time_ns,
                });
                written.map_err(|source| file_error(&paths[at], source))?;
                is_flushed = false;
            }
            Err(ended) => {
                for (file, path) in files.iter_mut().zip(paths) {
                    file.flush().map_err(|source| file_error(path, source))?;
                }
                is_flushed = true;
                if ended == RecvTimeoutError::Disconnected {
                    return Ok(());
                }
            }
        }
    }
}

/// Where records go.
#[derive(Clone)]
struct Tape {
    waiting: SyncSender<Copied>,
    lost: Arc<AtomicU64>,
}

impl Tape {
    fn record(&self, record: Copied) {
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) = self.waiting.try_send(record) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn copy(packet: &Packet, is_sent: bool, time_ns: u64) -> Copied {
    Copied { is_sent, bytes: packet.bytes().into(), wire_len: packet.wire_len, time_ns }
}

fn wall_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

struct RecordedPort {
    inner: Box<dyn Port>,
    note: String,
    tape: Tape,
}

impl Port for RecordedPort {
    fn description(&self) -> PortDescription {
        let mut description = self.inner.description();
        description.notes.push(self.note.clone());
        description
    }

    fn split(&mut self) -> Vec<Box<dyn Queue>> {
        let queues = self.inner.split().into_iter();
        queues
            .map(|inner| {
                let queue = RecordedQueue {
                    inner,
                    tape: self.tape.clone(),
                    sending: VecDeque::new(),
                    copied: Vec::new(),
                };
                Box::new(queue) as Box<dyn Queue>
            })
            .collect()
    }
}

struct RecordedQueue {
    inner: Box<dyn Queue>,
    tape: Tape,
    /// Packets handed to the port at once; empty between calls.
    sending: VecDeque<Packet>,
    /// Copies of them; empty between calls.
    copied: Vec<Copied>,
}

impl Queue for RecordedQueue {
    fn port(&self) -> PortId {
        self.inner.port()
    }

    fn receives(&self) -> bool {
        self.inner.receives()
    }

    fn receive(
        &mut self,
        now_ns: u64,
        pool: &mut Pool,
        into: &mut Vec<Packet>,
        max: usize,
    ) -> Result<usize, QueueError> {
        let before = into.len();
        let result = self.inner.receive(now_ns, pool, into, max);
        if into.len() > before {
            let time_ns = wall_ns();
            into[before..].iter().for_each(|packet| self.tape.record(copy(packet, false, time_ns)));
        }
        result
    }

    fn transmit(
        &mut self,
        now_ns: u64,
        pool: &mut Pool,
        from: &mut VecDeque<Packet>,
    ) -> Result<usize, QueueError> {
        let mut count = 0;
        while !from.is_empty() {
            let time_ns = wall_ns();
            self.sending.extend(from.drain(..from.len().min(SEND_MAX)));
            self.copied.extend(self.sending.iter().map(|packet| copy(packet, true, time_ns)));
            let given = self.sending.len();
            let refused = self.inner.stats().tx_refused;
            let sent = self.inner.transmit(now_ns, pool, &mut self.sending);
            let left = self.sending.len();
            // One that is refused is as good as sent to the caller, and was not. Which one it was is not told.
            let refused = (self.inner.stats().tx_refused - refused) as usize;
            let recorded = (given - left).saturating_sub(refused);
            self.copied.drain(..).take(recorded).for_each(|record| self.tape.record(record));
            while let Some(packet) = self.sending.pop_back() {
                from.push_front(packet);
            }
            count += sent?;
            if left > 0 {
                break;
            }
        }
        Ok(count)
    }

    fn readable_fd(&self) -> Option<RawFd> {
        self.inner.readable_fd()
    }

    fn is_exhausted(&self) -> bool {
        self.inner.is_exhausted()
    }

    fn next_arrival_ns(&self) -> Option<u64> {
        self.inner.next_arrival_ns()
    }

    fn stats(&self) -> QueueStats {
        self.inner.stats()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::CaptureReader;
    use crate::memory::{MemoryOptions, pair};

    fn read(path: &Path) -> Vec<Vec<u8>> {
        let mut reader = CaptureReader::open(path).unwrap();
        let mut packets = Vec::new();
        while let Some(record) = reader.next_record().unwrap() {
            packets.push(record.bytes.to_vec());
        }
        packets
    }

    #[test]
    fn both_directions_are_in_the_files_and_what_was_not_taken_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let recorder = Recorder::create(folder.path(), "s1-eth1").unwrap();
        let options = MemoryOptions { depth_packets: 20, ..MemoryOptions::default() };
        let (port, mut peer) = pair(PortId(1), &options);
        let mut port = recorder.wrap(Box::new(port));
        assert!(port.description().notes.iter().any(|note| note.contains("s1-eth1_out.pcap")));
        let mut queue = port.split().remove(0);
        drop(port);
        let (mut pool, mut into) = (Pool::new(0), Vec::new());
        assert!(peer.inject(&[1; 60], 0));
        assert_eq!(queue.receive(0, &mut pool, &mut into, 8).unwrap(), 1);
        // A port with room for 20 takes 20 of 40, in order.
        let mut from: VecDeque<Packet> = (0..40)
            .map(|i| {
                let mut packet = pool.take(60);
                packet.fill(&[i; 60]);
                packet
            })
            .collect();
        assert_eq!(queue.transmit(0, &mut pool, &mut from).unwrap(), 20);
        assert_eq!(from.len(), 20);
        assert_eq!(from.front().unwrap().bytes()[0], 20);
        drop(queue);
        recorder.finish().unwrap();
        assert_eq!(read(&folder.path().join("s1-eth1_in.pcap")), [vec![1; 60]]);
        let sent = read(&folder.path().join("s1-eth1_out.pcap"));
        assert_eq!(sent, (0..20).map(|i| vec![i; 60]).collect::<Vec<_>>());
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let error = Recorder::create(Path::new("/no/such/folder"), "x").unwrap_err().to_string();
        assert!(error.contains("/no/such/folder/x_in.pcap"), "{error}");
    }
}
