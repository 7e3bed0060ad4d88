//! TCP (RFC 9293).

use std::fmt;

use super::checksum::Sum;
use super::{Truncated, check_len, clamped, get_u16, get_u32, put};

pub(super) mod field {
    pub(in super::super) const SOURCE_PORT: usize = 0;
    pub(in super::super) const DESTINATION_PORT: usize = 2;
    pub(in super::super) const SEQUENCE: usize = 4;
    pub(in super::super) const ACKNOWLEDGMENT: usize = 8;
    pub(in super::super) const DATA_OFFSET: usize = 12;
    pub(in super::super) const FLAGS: usize = 13;
    pub(in super::super) const WINDOW: usize = 14;
    pub(in super::super) const CHECKSUM: usize = 16;
    pub(in super::super) const URGENT: usize = 18;
    pub(in super::super) const OPTIONS: usize = 20;
}

/// The control bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct TcpFlags(pub u8);

impl TcpFlags {
    /// No more data.
    pub const FIN: Self = Self(0x01);
    /// Synchronise sequence numbers.
    pub const SYN: Self = Self(0x02);
    /// Reset.
    pub const RST: Self = Self(0x04);
    /// Push.
    pub const PSH: Self = Self(0x08);
    /// The acknowledgment number counts.
    pub const ACK: Self = Self(0x10);
    /// The urgent pointer counts.
    pub const URG: Self = Self(0x20);
    /// ECN echo.
    pub const ECE: Self = Self(0x40);
    /// Congestion window reduced.
    pub const CWR: Self = Self(0x80);

    /// Whether all of `other` are set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// These and those.
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Debug for TcpFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"];
        let set: Vec<_> = names
            .iter()
            .enumerate()
            .filter(|(bit, _)| self.0 >> bit & 1 != 0)
            .map(|(_, &name)| name)
            .collect();
        f.write_str(&set.join("|"))
    }
}

/// A TCP segment.
#[derive(Clone, Copy, Debug)]
pub struct Tcp<T>(T);

impl<T: AsRef<[u8]>> Tcp<T> {
    /// Bytes of a header without options.
    pub const LEN_MIN: usize = field::OPTIONS;

    /// Views bytes as a segment.
    ///
    /// # Errors
    /// The header isn't there in full, or claims to be shorter than it can be.
    pub fn new_checked(bytes: T) -> Result<Self, Truncated> {
        check_len(bytes.as_ref(), Self::LEN_MIN)?;
        let segment = Self(bytes);
        if segment.header_len() < Self::LEN_MIN || segment.0.as_ref().len() < segment.header_len() {
            return Err(Truncated);
        }
        Ok(segment)
    }

    /// Source port.
    pub fn source_port(&self) -> u16 {
        get_u16(self.0.as_ref(), field::SOURCE_PORT)
    }

    /// Destination port.
    pub fn destination_port(&self) -> u16 {
        get_u16(self.0.as_ref(), field::DESTINATION_PORT)
    }

    /// Sequence number.
    pub fn sequence(&self) -> u32 {
        get_u32(self.0.as_ref(), field::SEQUENCE)
    }

    /// Acknowledgment number.
    pub fn acknowledgment(&self) -> u32 {
        get_u32(self.0.as_ref(), field::ACKNOWLEDGMENT)
    }

    /// Bytes of the header, options included.
    pub fn header_len(&self) -> usize {
        4 * usize::from(self.0.as_ref()[field::DATA_OFFSET] >> 4)
    }

    /// Control bits.
    pub fn flags(&self) -> TcpFlags {
        TcpFlags(self.0.as_ref()[field::FLAGS])
    }

    /// Window, not scaled.
    pub fn window(&self) -> u16 {
        get_u16(self.0.as_ref(), field::WINDOW)
    }

    /// The checksum as it stands.
    pub fn checksum(&self) -> u16 {
        get_u16(self.0.as_ref(), field::CHECKSUM)
    }

    /// Urgent pointer.
    pub fn urgent(&self) -> u16 {
        get_u16(self.0.as_ref(), field::URGENT)
    }

    /// Whether the checksum is right. `pseudo` is the IP header's part; the bytes are the whole IP payload.
    pub fn has_valid_checksum(&self, pseudo: Sum) -> bool {
        pseudo.add_bytes(self.0.as_ref()).is_valid()
    }

    /// Options.
    pub fn options(&self) -> &[u8] {
        clamped(self.0.as_ref(), field::OPTIONS, self.header_len())
    }

    /// The payload.
    pub fn payload(&self) -> &[u8] {
        clamped(self.0.as_ref(), self.header_len(), usize::MAX)
    }
}

impl<T: AsRef<[u8]> + AsMut<[u8]>> Tcp<T> {
    /// Makes the checksum right. `pseudo` is the IP header's part; the bytes are the whole IP payload.
    pub fn fill_checksum(&mut self, pseudo: Sum) {
        put(self.0.as_mut(), field::CHECKSUM, &[0, 0]);
        let checksum = pseudo.add_bytes(self.0.as_ref()).checksum();
        put(self.0.as_mut(), field::CHECKSUM, &checksum.to_be_bytes());
    }
}
