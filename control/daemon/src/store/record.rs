//! One thing that was done, and how it lies in a file.
//!
//! ```text
//! file    = MAGIC record*
//! record  = length:u32le checksum:u32le kind:u8 message     length of kind and message, checksum CRC-32 of both
//! ```
//!
//! Invariant: a reader gives whole records only, and knows where the last one ended.

use std::fs::File;
use std::io::{self, BufReader, Read as _};
use std::path::{Path, PathBuf};

use heddle_p4rt::proto::prost::{DecodeError, Message};
use heddle_p4rt::proto::v1;

use super::StoreError;
use crate::proto;

/// What every file begins with; the last byte is the version of the format.
pub(crate) const MAGIC: &[u8; 8] = b"HEDDLE\x00\x01";
/// Longer than any record can be: a length beyond it is no length.
const RECORD_BYTES_MAX: u32 = 1 << 30;
const HEAD_BYTES: usize = 8;

/// Something that was done.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Record {
    /// Updates that were applied together.
    Updates(v1::WriteRequest),
    /// A program that was saved or committed.
    Pipeline(Box<v1::SetForwardingPipelineConfigRequest>),
    /// The ports, all of them.
    Ports(proto::ListPortsResponse),
}

impl Record {
    fn kind(&self) -> u8 {
        match self {
            Record::Updates(_) => 1,
            Record::Pipeline(_) => 2,
            Record::Ports(_) => 3,
        }
    }

    /// Appends it as it lies in a file.
    pub(crate) fn encode(&self, buffer: &mut Vec<u8>) {
        let start = buffer.len();
        buffer.extend_from_slice(&[0; HEAD_BYTES]);
        buffer.push(self.kind());
        match self {
            Record::Updates(message) => buffer.extend_from_slice(&message.encode_to_vec()),
            Record::Pipeline(message) => buffer.extend_from_slice(&message.encode_to_vec()),
            Record::Ports(message) => buffer.extend_from_slice(&message.encode_to_vec()),
        }
        let payload = &buffer[start + HEAD_BYTES..];
        let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        let checksum = crc32fast::hash(payload);
        buffer[start..start + 4].copy_from_slice(&length.to_le_bytes());
        buffer[start + 4..start + HEAD_BYTES].copy_from_slice(&checksum.to_le_bytes());
    }

    fn decode(payload: &[u8]) -> Result<Record, String> {
        let Some((kind, message)) = payload.split_first() else { return Err("an empty record".to_owned()) };
        let told = |error: DecodeError| error.to_string();
        match kind {
            1 => v1::WriteRequest::decode(message).map(Record::Updates).map_err(told),
            2 => v1::SetForwardingPipelineConfigRequest::decode(message)
                .map(|request| Record::Pipeline(Box::new(request)))
                .map_err(told),
            3 => proto::ListPortsResponse::decode(message).map(Record::Ports).map_err(told),
            other => Err(format!("a record of kind {other}, which this version does not know")),
        }
    }
}

/// Reads a file's records.
pub(crate) struct Reader {
    path: PathBuf,
    file: BufReader<File>,
    bytes: u64,
    /// Where the last whole record ended.
    at: u64,
    payload: Vec<u8>,
}

impl Reader {
    pub(crate) fn open(path: &Path) -> Result<Reader, StoreError> {
        let fail = |source| StoreError::system(path, "cannot be read")(source);
        let file = File::open(path).map_err(fail)?;
        let bytes = file.metadata().map_err(fail)?.len();
        let mut reader = Reader {
            path: path.to_owned(),
            file: BufReader::with_capacity(1 << 20, file),
            bytes,
            at: 0,
            payload: Vec::new(),
        };
        let mut magic = [0; MAGIC.len()];
        // A shorter file was being begun.
        if bytes >= MAGIC.len() as u64 {
            reader.file.read_exact(&mut magic).map_err(fail)?;
            if magic != *MAGIC {
                return Err(reader.damaged("not a state file of this version"));
            }
            reader.at = MAGIC.len() as u64;
        }
        Ok(reader)
    }

    /// The next whole record.
    pub(crate) fn next_record(&mut self) -> Result<Option<Record>, StoreError> {
        let left = self.left_bytes();
        if left < HEAD_BYTES as u64 || self.at == 0 {
            return Ok(None);
        }
        let mut head = [0; HEAD_BYTES];
        self.read(&mut head)?;
        let [l0, l1, l2, l3, c0, c1, c2, c3] = head;
        let (length, checksum) = (u32::from_le_bytes([l0, l1, l2, l3]), u32::from_le_bytes([c0, c1, c2, c3]));
        if length > RECORD_BYTES_MAX || u64::from(length) > left - HEAD_BYTES as u64 {
            return Ok(None);
        }
        let mut payload = std::mem::take(&mut self.payload);
        payload.resize(length as usize, 0);
        self.read(&mut payload)?;
        if crc32fast::hash(&payload) != checksum {
            return Ok(None);
        }
        let record = Record::decode(&payload).map_err(|what| self.damaged(&what))?;
        self.payload = payload;
        self.at += HEAD_BYTES as u64 + u64::from(length);
        Ok(Some(record))
    }

    fn read(&mut self, into: &mut [u8]) -> Result<(), StoreError> {
        self.file
            .read_exact(into)
            .map_err(|source: io::Error| StoreError::system(&self.path, "cannot be read")(source))
    }

    /// Where the last whole record ended.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    /// Bytes behind it.
    pub(crate) fn left_bytes(&self) -> u64 {
        self.bytes - self.at
    }

    pub(crate) fn damaged(&self, what: &str) -> StoreError {
        StoreError::Damaged { path: self.path.clone(), at: self.at, what: what.to_owned() }
    }
}
