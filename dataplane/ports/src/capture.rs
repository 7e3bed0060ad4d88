//! Capture files: pcap and pcapng read, pcap written.
//!
//! Invariant: whatever the bytes, reading yields packets or one [`CaptureError`], and then nothing more; memory
//! is bounded by the largest record that is believed, not by what a length field claims.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;

use heddle_packet::PACKET_BYTES_MAX;
use pcap_parser::pcapng::parse_sectionheaderblock;
use pcap_parser::{
    Block, InterfaceDescriptionBlock, OptionCode, parse_block_be, parse_block_le, parse_pcap_frame,
    parse_pcap_frame_be, parse_pcap_header,
};

use crate::error::OpenError;

/// Why a capture cannot be read, or not further.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {}{fault}", position(*packet))]
pub struct CaptureError {
    /// The file.
    pub file: String,
    /// The packet that it happened at, from 1; 0 before the first.
    pub packet: u64,
    /// What is wrong, and what to do about it.
    pub fault: CaptureFault,
}

fn position(packet: u64) -> String {
    if packet == 0 { String::new() } else { format!("packet {packet}: ") }
}

/// What is wrong with a capture.
#[derive(Debug, thiserror::Error)]
pub enum CaptureFault {
    /// The system could not read it.
    #[error("cannot read: {0}")]
    Read(#[source] io::Error),
    /// There is nothing in it.
    #[error("the file is empty; was the capture stopped before its header was written (`tcpdump -U`)?")]
    Empty,
    /// It is packed.
    #[error("the file is packed with {0}; unpack it first (`{0} -d`)")]
    Packed(&'static str),
    /// It is something else.
    #[error("this is no pcap or pcapng file; convert it with `editcap -F pcap IN OUT`")]
    NotACapture,
    /// Its packets don't start with an Ethernet header.
    #[error(
        "link type {0} instead of Ethernet (1); capture on one Ethernet interface (`tcpdump -i eth0`, not `-i \
         any`)"
    )]
    LinkType(i32),
    /// The file ends in the middle of something.
    #[error("the file ends within it; what comes before is sound, `editcap IN OUT` keeps that much")]
    Truncated,
    /// A length that no packet has.
    #[error(
        "claims {0} bytes, more than the {PACKET_BYTES_MAX} that any packet has; the file is damaged from here \
         on, `editcap -r IN OUT 1-N` keeps the packets before it"
    )]
    TooLong(u64),
    /// A block that contradicts the format.
    #[error("{0}; the file is damaged or from a newer format, try `editcap -F pcap IN OUT`")]
    Malformed(&'static str),
    /// A packet of an interface that the file does not describe.
    #[error("belongs to interface {0}, which the file does not describe; try `editcap -F pcap IN OUT`")]
    UnknownInterface(u32),
}

/// A packet of a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// The bytes that were captured.
    pub bytes: &'a [u8],
    /// Its length on the wire; more than the bytes if the capture cut it.
    pub wire_len: usize,
    /// When it was captured, in nanoseconds since the epoch.
    pub time_ns: u64,
}

/// Reads a capture packet by packet.
#[derive(Debug)]
pub struct CaptureReader<R> {
    file: String,
    input: R,
    format: Format,
    /// The record or block under way.
    block: Vec<u8>,
    packets: u64,
    /// Simple packets carry no time: they have that of the packet before.
    time_ns: u64,
    is_done: bool,
}

#[derive(Debug)]
enum Format {
    Pcap { is_big_endian: bool, tick_ns: u64 },
    Pcapng { is_big_endian: bool, interfaces: Vec<CaptureInterface> },
}

/// What a pcapng section says about an interface.
#[derive(Clone, Copy, Debug)]
struct CaptureInterface {
    link_type: i32,
    snap_bytes: usize,
    /// `if_tsresol`: a negative power of 10, or of 2 if the top bit is set.
    resolution: u8,
    offset_s: i64,
}

/// Largest block that is believed: a packet, its options, and the fixed part, with room to spare.
const BLOCK_BYTES_MAX: usize = 16 << 20;
const PCAP_HEADER_BYTES: usize = 24;
const PCAP_RECORD_HEADER_BYTES: usize = 16;
const PCAPNG_BLOCK_HEADER_BYTES: usize = 8;
const PCAPNG_SECTION_HEADER: u32 = 0x0a0d_0d0a;
const LINK_TYPE_ETHERNET: i32 = 1;

impl CaptureReader<BufReader<File>> {
    /// Opens a file.
    ///
    /// # Errors
    /// The file cannot be opened, or is no capture of Ethernet frames.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let file = File::open(path).map_err(|source| OpenError::File {
            path: path.to_owned(),
            action: "open it",
            source,
        })?;
        Ok(Self::new(&path.display().to_string(), BufReader::with_capacity(1 << 16, file))?)
    }
}

impl<R: Read> CaptureReader<R> {
    /// Reads the capture's header. `file` names it in errors.
    ///
    /// # Errors
    /// It is no capture of Ethernet frames.
    pub fn new(file: &str, input: R) -> Result<Self, CaptureError> {
        let format = Format::Pcapng { is_big_endian: false, interfaces: Vec::new() };
        let mut reader = Self {
            file: file.to_owned(),
            input,
            format,
            block: Vec::new(),
            packets: 0,
            time_ns: 0,
            is_done: false,
        };
        match reader.read_header() {
            Ok(()) => Ok(reader),
            Err(fault) => Err(reader.error(0, fault)),
        }
    }

    fn error(&self, packet: u64, fault: CaptureFault) -> CaptureError {
        CaptureError { file: self.file.clone(), packet, fault }
    }

    /// The next packet; none at the end.
    ///
    /// # Errors
    /// What is wrong with it. After an error there are no more packets.
    pub fn next_record(&mut self) -> Result<Option<Record<'_>>, CaptureError> {
        if self.is_done {
            return Ok(None);
        }
        match self.find_record() {
            Ok(Some(found)) => {
                self.packets += 1;
                self.time_ns = found.time_ns;
                let bytes = self.block.get(found.at..found.at + found.len).unwrap_or_default();
                let wire_len = found.wire_len.max(bytes.len());
                Ok(Some(Record { bytes, wire_len, time_ns: found.time_ns }))
            }
            Ok(None) => {
                self.is_done = true;
                Ok(None)
            }
            Err(fault) => {
                self.is_done = true;
                Err(self.error(self.packets + 1, fault))
            }
        }
    }

    /// Appends exactly `count` bytes to the block. False at the end of the file, if nothing was read at all.
    fn extend(&mut self, count: usize) -> Result<bool, CaptureFault> {
        let before = self.block.len();
        let read = self
            .input
            .by_ref()
            .take(count as u64)
            .read_to_end(&mut self.block)
            .map_err(CaptureFault::Read)?;
        if read < count && before + read > 0 {
            return Err(CaptureFault::Truncated);
        }
        Ok(read == count)
    }

    fn read_header(&mut self) -> Result<(), CaptureFault> {
        match self.extend(4) {
            Ok(true) => {}
            Ok(false) => return Err(CaptureFault::Empty),
            Err(CaptureFault::Truncated) => return Err(CaptureFault::NotACapture),
            Err(fault) => return Err(fault),
        }
        match self.block[..] {
            [0x0a, 0x0d, 0x0d, 0x0a] => return self.read_pcapng_block().map(drop),
            [0x1f, 0x8b, ..] => return Err(CaptureFault::Packed("gzip")),
            [0x28, 0xb5, 0x2f, 0xfd] => return Err(CaptureFault::Packed("zstd")),
            [0xfd, b'7', b'z', b'X'] => return Err(CaptureFault::Packed("xz")),
            [0x04, 0x22, 0x4d, 0x18] => return Err(CaptureFault::Packed("lz4")),
            _ => {}
        }
        // The parser reads the magic number little-endian; what it calls modified is a format of the nineties.
        match self.block[..] {
            [0xd4, 0xc3, 0xb2, 0xa1]
            | [0xa1, 0xb2, 0xc3, 0xd4]
            | [0x4d, 0x3c, 0xb2, 0xa1]
            | [0xa1, 0xb2, 0x3c, 0x4d] => {}
            _ => return Err(CaptureFault::NotACapture),
        }
        self.extend(PCAP_HEADER_BYTES - 4)?;
        let (_, header) = parse_pcap_header(&self.block).map_err(|_| CaptureFault::NotACapture)?;
        // The upper bits tell of a frame check sequence.
        let link_type = header.network.0 & 0x03ff_ffff;
        if link_type != LINK_TYPE_ETHERNET {
            return Err(CaptureFault::LinkType(link_type));
        }
        self.format = Format::Pcap {
            is_big_endian: header.is_bigendian(),
            tick_ns: if header.is_nanosecond_precision() { 1 } else { 1_000 },
        };
        self.block.clear();
        Ok(())
    }

    fn find_record(&mut self) -> Result<Option<Found>, CaptureFault> {
        match self.format {
            Format::Pcap { is_big_endian, tick_ns } => self.find_pcap_record(is_big_endian, tick_ns),
            Format::Pcapng { .. } => loop {
                self.block.clear();
                if !self.extend(4)? {
                    return Ok(None);
                }
                if let Some(found) = self.read_pcapng_block()? {
                    return Ok(Some(found));
                }
            },
        }
    }

    fn find_pcap_record(&mut self, is_big_endian: bool, tick_ns: u64) -> Result<Option<Found>, CaptureFault> {
        self.block.clear();
        if !self.extend(PCAP_RECORD_HEADER_BYTES)? {
            return Ok(None);
        }
        let len = word(&self.block, 8, is_big_endian) as usize;
        if len > PACKET_BYTES_MAX {
            return Err(CaptureFault::TooLong(len as u64));
        }
        self.extend(len)?;
        let parse = if is_big_endian { parse_pcap_frame_be } else { parse_pcap_frame };
        let (_, record) =
            parse(&self.block).map_err(|_| CaptureFault::Malformed("the record is malformed"))?;
        let time_ns = u64::from(record.ts_sec) * 1_000_000_000 + u64::from(record.ts_usec) * tick_ns;
        Ok(Some(Found { at: PCAP_RECORD_HEADER_BYTES, len, wire_len: record.origlen as usize, time_ns }))
    }

    /// Reads a block whose type is in the block buffer already, and what it says: a packet, or something to
    /// keep in mind.
    fn read_pcapng_block(&mut self) -> Result<Option<Found>, CaptureFault> {
        let Format::Pcapng { is_big_endian, interfaces } = &mut self.format else { return Ok(None) };
        let mut big_endian = *is_big_endian;
        let mut interfaces = std::mem::take(interfaces);
        let is_section = word(&self.block, 0, false) == PCAPNG_SECTION_HEADER;
        self.extend(PCAPNG_BLOCK_HEADER_BYTES - 4)?;
        if is_section {
            // The byte order of a section is known only from the magic number behind the length.
            self.extend(4)?;
            big_endian = match self.block[8..12] {
                [0x1a, 0x2b, 0x3c, 0x4d] => true,
                [0x4d, 0x3c, 0x2b, 0x1a] => false,
                _ => return Err(CaptureFault::Malformed("the section's byte order is unknown")),
            };
            interfaces.clear();
        }
        let len = word(&self.block, 4, big_endian) as usize;
        if len < 12 || !len.is_multiple_of(4) || len < self.block.len() {
            return Err(CaptureFault::Malformed("a block's length is wrong"));
        }
        if len > BLOCK_BYTES_MAX {
            return Err(CaptureFault::TooLong(len as u64));
        }
        let rest = len - self.block.len();
        self.extend(rest)?;
        let found = read_block(&self.block, big_endian, &mut interfaces, self.time_ns)?;
        self.format = Format::Pcapng { is_big_endian: big_endian, interfaces };
        Ok(found)
    }
}

/// Where in the block a packet is.
#[derive(Clone, Copy, Debug)]
struct Found {
    at: usize,
    len: usize,
    wire_len: usize,
    time_ns: u64,
}

/// A 32-bit word; the callers have read as much.
fn word(bytes: &[u8], at: usize, is_big_endian: bool) -> u32 {
    let bytes = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
    if is_big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
}

fn read_block(
    block: &[u8],
    is_big_endian: bool,
    interfaces: &mut Vec<CaptureInterface>,
    last_time_ns: u64,
) -> Result<Option<Found>, CaptureFault> {
    const OBSOLETE_PACKET: u32 = 2;
    const ENHANCED_PACKET_DATA_AT: usize = 28;
    const SIMPLE_PACKET_DATA_AT: usize = 12;
    let kind = word(block, 0, is_big_endian);
    if kind == PCAPNG_SECTION_HEADER {
        let parsed = parse_sectionheaderblock(block);
        return parsed.map(|_| None).map_err(|_| CaptureFault::Malformed("a section header is malformed"));
    }
    if kind == OBSOLETE_PACKET {
        return Err(CaptureFault::Malformed("an obsolete packet block"));
    }
    let parse = if is_big_endian { parse_block_be } else { parse_block_le };
    let (_, parsed) = parse(block).map_err(|_| CaptureFault::Malformed("a block is malformed"))?;
    let check_length = |len: usize| {
        if len > PACKET_BYTES_MAX { Err(CaptureFault::TooLong(len as u64)) } else { Ok(()) }
    };
    match parsed {
        Block::InterfaceDescription(description) => {
            interfaces.push(CaptureInterface::of(&description, is_big_endian));
            Ok(None)
        }
        Block::EnhancedPacket(packet) => {
            let interface =
                interfaces.get(packet.if_id as usize).ok_or(CaptureFault::UnknownInterface(packet.if_id))?;
            interface.check()?;
            let len = (packet.caplen as usize).min(packet.data.len());
            check_length(len)?;
            let ticks = u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low);
            let (at, wire_len) = (ENHANCED_PACKET_DATA_AT, packet.origlen as usize);
            Ok(Some(Found { at, len, wire_len, time_ns: interface.time_ns(ticks) }))
        }
        Block::SimplePacket(packet) => {
            let interface = interfaces.first().ok_or(CaptureFault::UnknownInterface(0))?;
            interface.check()?;
            let wire_len = packet.origlen as usize;
            let len = packet.data.len().min(wire_len).min(interface.snap_bytes);
            check_length(len)?;
            Ok(Some(Found { at: SIMPLE_PACKET_DATA_AT, len, wire_len, time_ns: last_time_ns }))
        }
        // Names, statistics, secrets, comments: nothing that was on the wire.
        Block::SectionHeader(_)
        | Block::NameResolution(_)
        | Block::InterfaceStatistics(_)
        | Block::SystemdJournalExport(_)
        | Block::DecryptionSecrets(_)
        | Block::ProcessInformation(_)
        | Block::Custom(_)
        | Block::Unknown(_) => Ok(None),
    }
}

impl CaptureInterface {
    fn of(description: &InterfaceDescriptionBlock<'_>, is_big_endian: bool) -> Self {
        let offset_s = description
            .options
            .iter()
            .find(|option| option.code == OptionCode::IfTsoffset)
            .and_then(|option| option.value().first_chunk::<8>().copied())
            .map_or(
                0,
                |bytes| {
                    if is_big_endian { i64::from_be_bytes(bytes) } else { i64::from_le_bytes(bytes) }
                },
            );
        let snap_bytes = match description.snaplen as usize {
            0 => usize::MAX,
            bytes => bytes,
        };
        Self { link_type: description.linktype.0, snap_bytes, resolution: description.if_tsresol, offset_s }
    }

    fn check(&self) -> Result<(), CaptureFault> {
        if self.link_type == LINK_TYPE_ETHERNET {
            Ok(())
        } else {
            Err(CaptureFault::LinkType(self.link_type))
        }
    }

    /// Ticks since the epoch as nanoseconds, saturating where 64 bits don't reach.
    fn time_ns(&self, ticks: u64) -> u64 {
        const NS_PER_S: i128 = 1_000_000_000;
        let ticks = i128::from(ticks);
        let exponent = u32::from(self.resolution & 0x7f);
        let ns = if self.resolution & 0x80 != 0 {
            if exponent < 64 { (ticks * NS_PER_S) >> exponent } else { 0 }
        } else {
            10i128.checked_pow(exponent).map_or(0, |per_second| ticks * NS_PER_S / per_second)
        };
        let ns = ns.saturating_add(i128::from(self.offset_s) * NS_PER_S);
        ns.clamp(0, i128::from(u64::MAX)) as u64
    }
}

/// Writes a pcap file with nanosecond times.
#[derive(Debug)]
pub struct CaptureWriter<W: Write> {
    output: W,
}

impl CaptureWriter<BufWriter<File>> {
    /// Creates a file, or empties the one that is there.
    ///
    /// # Errors
    /// It cannot be created or written to.
    pub fn create(path: &Path) -> Result<Self, OpenError> {
        let failed = |source| OpenError::File { path: path.to_owned(), action: "create it", source };
        let file = File::create(path).map_err(failed)?;
        Self::new(BufWriter::with_capacity(1 << 16, file)).map_err(failed)
    }
}

impl<W: Write> CaptureWriter<W> {
    /// Writes the file's header.
    ///
    /// # Errors
    /// What the output said.
    pub fn new(mut output: W) -> io::Result<Self> {
        const MAGIC_NS: u32 = 0xa1b2_3c4d;
        const SNAP_BYTES: u32 = 262_144;
        let mut header = Vec::with_capacity(PCAP_HEADER_BYTES);
        header.extend(MAGIC_NS.to_le_bytes());
        header.extend([2, 0, 4, 0]);
        header.extend([0; 8]);
        header.extend(SNAP_BYTES.to_le_bytes());
        header.extend(1u32.to_le_bytes());
        output.write_all(&header)?;
        Ok(Self { output })
    }

    /// Appends a packet.
    ///
    /// # Errors
    /// What the output said.
    pub fn write_record(&mut self, record: &Record<'_>) -> io::Result<()> {
        const NS_PER_S: u64 = 1_000_000_000;
        let cut = |value: u64| u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes();
        let mut header = [0; PCAP_RECORD_HEADER_BYTES];
        header[..4].copy_from_slice(&cut(record.time_ns / NS_PER_S));
        header[4..8].copy_from_slice(&cut(record.time_ns % NS_PER_S));
        header[8..12].copy_from_slice(&cut(record.bytes.len() as u64));
        header[12..].copy_from_slice(&cut(record.wire_len.max(record.bytes.len()) as u64));
        self.output.write_all(&header)?;
        self.output.write_all(record.bytes)
    }

    /// Hands everything to the system.
    ///
    /// # Errors
    /// What the output said.
    pub fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

#[cfg(test)]
mod tests;
