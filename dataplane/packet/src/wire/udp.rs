//! UDP (RFC 768).

use super::checksum::Sum;
use super::{Truncated, check_len, clamped, get_u16, put};

pub(super) mod field {
    pub(in super::super) const SOURCE_PORT: usize = 0;
    pub(in super::super) const DESTINATION_PORT: usize = 2;
    pub(in super::super) const LENGTH: usize = 4;
    pub(in super::super) const CHECKSUM: usize = 6;
    pub(in super::super) const PAYLOAD: usize = 8;
}

/// A UDP datagram.
#[derive(Clone, Copy, Debug)]
pub struct Udp<T>(T);

impl<T: AsRef<[u8]>> Udp<T> {
    /// Bytes of the header.
    pub const LEN: usize = field::PAYLOAD;

    /// Views bytes as a datagram.
    ///
    /// # Errors
    /// They are fewer than the header takes.
    pub fn new_checked(bytes: T) -> Result<Self, Truncated> {
        check_len(bytes.as_ref(), Self::LEN)?;
        Ok(Self(bytes))
    }

    /// Source port.
    pub fn source_port(&self) -> u16 {
        get_u16(self.0.as_ref(), field::SOURCE_PORT)
    }

    /// Destination port.
    pub fn destination_port(&self) -> u16 {
        get_u16(self.0.as_ref(), field::DESTINATION_PORT)
    }

    /// Bytes of header and payload.
    pub fn length(&self) -> u16 {
        get_u16(self.0.as_ref(), field::LENGTH)
    }

    /// The checksum as it stands; zero is none.
    pub fn checksum(&self) -> u16 {
        get_u16(self.0.as_ref(), field::CHECKSUM)
    }

    /// Whether the checksum is right, or there is none. `pseudo` is the IP header's part.
    pub fn has_valid_checksum(&self, pseudo: Sum) -> bool {
        let covered = clamped(self.0.as_ref(), 0, usize::from(self.length()));
        self.checksum() == 0 || pseudo.add_bytes(covered).is_valid()
    }

    /// The payload.
    pub fn payload(&self) -> &[u8] {
        clamped(self.0.as_ref(), field::PAYLOAD, usize::from(self.length()))
    }
}

impl<T: AsRef<[u8]> + AsMut<[u8]>> Udp<T> {
    /// Sets the source port. The checksum becomes stale.
    pub fn set_source_port(&mut self, port: u16) {
        put(self.0.as_mut(), field::SOURCE_PORT, &port.to_be_bytes());
    }

    /// Sets the destination port. The checksum becomes stale.
    pub fn set_destination_port(&mut self, port: u16) {
        put(self.0.as_mut(), field::DESTINATION_PORT, &port.to_be_bytes());
    }

    /// Sets the checksum; zero is none.
    pub fn set_checksum(&mut self, checksum: u16) {
        put(self.0.as_mut(), field::CHECKSUM, &checksum.to_be_bytes());
    }

    /// Makes the checksum right. `pseudo` is the IP header's part.
    pub fn fill_checksum(&mut self, pseudo: Sum) {
        self.set_checksum(0);
        let covered = clamped(self.0.as_ref(), 0, usize::from(self.length()));
        let checksum = pseudo.add_bytes(covered).udp_checksum();
        self.set_checksum(checksum);
    }
}
