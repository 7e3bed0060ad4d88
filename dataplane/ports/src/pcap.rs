//! A port that replays one capture file and records into another.
//!
//! Invariant: packets arrive in the file's order, none earlier than the one before it, each at its capture time
//! less the time base; what a call of `transmit` counted as sent is in the output file when the call returns.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufReader, BufWriter};
use std::os::fd::RawFd;
use std::path::Path;

use heddle_packet::{Packet, Pool, PortId};

use crate::capture::{CaptureError, CaptureReader, CaptureWriter, Record};
use crate::error::OpenError;
use crate::port::{Port, PortDescription, Queue, QueueError, QueueStats};

/// Captures have no MTU; this is what IPv4 can say.
const MTU_BYTES: usize = 65_535;

/// A port between two files, either of which may be missing.
#[derive(Debug)]
pub struct PcapPort {
    description: PortDescription,
    queue: Option<PcapQueue>,
}

impl PcapPort {
    /// Opens `input` to be replayed and creates `output` to record what is sent.
    ///
    /// # Errors
    /// A file cannot be opened or created, or the input is no capture of Ethernet frames.
    pub fn open(id: PortId, input: Option<&Path>, output: Option<&Path>) -> Result<Self, OpenError> {
        let name = input.or(output).map_or_else(|| "nothing".to_owned(), |path| path.display().to_string());
        let mut queue = PcapQueue {
            id,
            name: name.clone(),
            input: input.map(CaptureReader::open).transpose()?,
            output: output.map(CaptureWriter::create).transpose()?,
            base_ns: 0,
            ahead: None,
            failed: None,
            last_ns: 0,
            stats: QueueStats::default(),
        };
        queue.read_ahead(&mut Pool::new(0));
        if let Some(error) = queue.failed.take() {
            return Err(error.into());
        }
        let mut notes = Vec::new();
        if let Some(output) = output {
            notes.push(format!("Records what is sent into {}.", output.display()));
        }
        let description = PortDescription {
            id,
            name,
            kind: "pcap",
            interface: None,
            queues: 1,
            mtu_bytes: MTU_BYTES,
            notes,
        };
        Ok(Self { description, queue: Some(queue) })
    }

    /// When the first packet was captured, in nanoseconds since the epoch; none if there is none, or once the
    /// port was split.
    pub fn first_capture_ns(&self) -> Option<u64> {
        self.queue.as_ref()?.next_arrival_ns()
    }

    /// Counts arrival times from `base_ns` since the epoch instead of from the epoch, and what is recorded
    /// accordingly. Ports that replay together share the earliest of their first packets' times.
    pub fn set_time_base(&mut self, base_ns: u64) {
        if let Some(queue) = &mut self.queue {
            if let Some(packet) = &mut queue.ahead {
                packet.arrival_ns = (packet.arrival_ns + queue.base_ns).saturating_sub(base_ns);
                queue.last_ns = packet.arrival_ns;
            }
            queue.base_ns = base_ns;
        }
    }
}

impl Port for PcapPort {
    fn description(&self) -> PortDescription {
        self.description.clone()
    }

    fn split(&mut self) -> Vec<Box<dyn Queue>> {
        self.queue.take().into_iter().map(|queue| Box::new(queue) as Box<dyn Queue>).collect()
    }
}

#[derive(Debug)]
struct PcapQueue {
    id: PortId,
    name: String,
    input: Option<CaptureReader<BufReader<File>>>,
    output: Option<CaptureWriter<BufWriter<File>>>,
    base_ns: u64,
    /// The packet that comes next, read ahead so that its time is known.
    ahead: Option<Packet>,
    /// What ended the input, to be said once the packets before it are received.
    failed: Option<CaptureError>,
    last_ns: u64,
    stats: QueueStats,
}

impl PcapQueue {
    fn read_ahead(&mut self, pool: &mut Pool) {
        let Some(input) = &mut self.input else { return };
        match input.next_record() {
            Ok(Some(record)) => {
                let mut packet = pool.take(record.bytes.len());
                packet.fill(record.bytes);
                packet.wire_len = record.wire_len;
                packet.ingress_port = self.id;
                self.last_ns = self.last_ns.max(record.time_ns.saturating_sub(self.base_ns));
                packet.arrival_ns = self.last_ns;
                self.ahead = Some(packet);
            }
            Ok(None) => self.input = None,
            Err(error) => {
                self.failed = Some(error);
                self.input = None;
            }
        }
    }
}

impl Queue for PcapQueue {
    fn port(&self) -> PortId {
        self.id
    }

    fn receive(
        &mut self,
        now_ns: u64,
        pool: &mut Pool,
        into: &mut Vec<Packet>,
        max: usize,
    ) -> Result<usize, QueueError> {
        let mut count = 0;
        while count < max
            && let Some(packet) = self.ahead.take_if(|packet| packet.arrival_ns <= now_ns)
        {
            self.stats.rx_packets += 1;
            self.stats.rx_bytes += packet.wire_len as u64;
            into.push(packet);
            count += 1;
            self.read_ahead(pool);
        }
        if count == 0
            && self.ahead.is_none()
            && let Some(error) = self.failed.take()
        {
            let name = self.name.clone();
            let source = io::Error::new(io::ErrorKind::InvalidData, error);
            return Err(QueueError::System { name, call: "reading the capture", source });
        }
        Ok(count)
    }

    fn transmit(
        &mut self,
        now_ns: u64,
        pool: &mut Pool,
        from: &mut VecDeque<Packet>,
    ) -> Result<usize, QueueError> {
        let failed = |name: &str| {
            let name = name.to_owned();
            move |source| QueueError::System { name, call: "writing the capture", source }
        };
        let mut count = 0;
        while let Some(packet) = from.front() {
            let (bytes, wire_len) = (packet.bytes(), packet.wire_len);
            if let Some(output) = &mut self.output {
                let record = Record { bytes, wire_len, time_ns: now_ns.saturating_add(self.base_ns) };
                output.write_record(&record).map_err(failed(&self.name))?;
            }
            self.stats.tx_packets += 1;
            self.stats.tx_bytes += wire_len as u64;
            count += 1;
            if let Some(packet) = from.pop_front() {
                pool.give(packet);
            }
        }
        if count > 0
            && let Some(output) = &mut self.output
        {
            output.flush().map_err(failed(&self.name))?;
        }
        Ok(count)
    }

    fn readable_fd(&self) -> Option<RawFd> {
        None
    }

    fn is_exhausted(&self) -> bool {
        self.ahead.is_none() && self.input.is_none() && self.failed.is_none()
    }

    fn next_arrival_ns(&self) -> Option<u64> {
        self.ahead.as_ref().map(|packet| packet.arrival_ns)
    }

    fn stats(&self) -> QueueStats {
        self.stats
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, records: &[Record<'_>]) {
        let mut writer = CaptureWriter::create(path).unwrap();
        for record in records {
            writer.write_record(record).unwrap();
        }
        writer.flush().unwrap();
    }

    #[test]
    fn replays_at_capture_times_and_records_what_is_sent() {
        let folder = tempfile::tempdir().unwrap();
        let (input, output) = (folder.path().join("in.pcap"), folder.path().join("out.pcap"));
        let base = 1_700_000_000_000_000_000;
        write(
            &input,
            &[
                Record { bytes: &[1; 60], wire_len: 1_500, time_ns: base + 50 },
                Record { bytes: &[2; 60], wire_len: 60, time_ns: base + 250 },
                // A clock that went back: it arrives no earlier than the one before.
                Record { bytes: &[3; 60], wire_len: 60, time_ns: base + 100 },
            ],
        );
        let mut port = PcapPort::open(PortId(4), Some(&input), Some(&output)).unwrap();
        assert_eq!(port.first_capture_ns(), Some(base + 50));
        port.set_time_base(base + 50);
        let mut queue = port.split().remove(0);
        let (mut pool, mut into) = (Pool::new(0), Vec::new());
        assert_eq!(queue.next_arrival_ns(), Some(0));
        assert_eq!(queue.receive(199, &mut pool, &mut into, 64).unwrap(), 1);
        assert_eq!((into[0].wire_len, into[0].len(), into[0].ingress_port), (1_500, 60, PortId(4)));
        assert_eq!(queue.next_arrival_ns(), Some(200));
        assert_eq!(queue.receive(200, &mut pool, &mut into, 64).unwrap(), 2);
        assert!(queue.is_exhausted());
        let mut from = VecDeque::from(into);
        assert_eq!(queue.transmit(300, &mut pool, &mut from).unwrap(), 3);
        let mut reader = CaptureReader::open(&output).unwrap();
        let first = reader.next_record().unwrap().unwrap();
        assert_eq!((first.bytes, first.wire_len, first.time_ns), (&[1; 60][..], 1_500, base + 350));
    }

    #[test]
    fn a_damaged_tail_is_reported_after_the_packets_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let input = folder.path().join("cut.pcap");
        let record = Record { bytes: &[1; 60], wire_len: 60, time_ns: 5 };
        write(&input, &[record, record]);
        let bytes = std::fs::read(&input).unwrap();
        std::fs::write(&input, &bytes[..bytes.len() - 1]).unwrap();
        let mut queue = PcapPort::open(PortId(1), Some(&input), None).unwrap().split().remove(0);
        let (mut pool, mut into) = (Pool::new(0), Vec::new());
        assert_eq!(queue.receive(5, &mut pool, &mut into, 64).unwrap(), 1);
        assert!(!queue.is_exhausted());
        let error = queue.receive(5, &mut pool, &mut into, 64).unwrap_err().to_string();
        assert!(error.contains("cut.pcap: packet 2: the file ends within it"), "{error}");
        assert!(queue.is_exhausted());
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = PcapPort::open(PortId(1), Some(Path::new("/no/such.pcap")), None).unwrap_err();
        assert!(error.to_string().starts_with("/no/such.pcap: cannot open it: No such file"), "{error}");
    }
}
