//! IPv4 (RFC 791), with the DSCP of RFC 2474 and the ECN of RFC 3168.

use std::net::Ipv4Addr;

use super::checksum::{Sum, internet_checksum, updated};
use super::{Truncated, check_len, clamped, clamped_mut, get_array, get_u16, put};

pub(super) mod field {
    pub(in super::super) const VERSION_IHL: usize = 0;
    pub(in super::super) const TRAFFIC_CLASS: usize = 1;
    pub(in super::super) const TOTAL_LEN: usize = 2;
    pub(in super::super) const IDENTIFICATION: usize = 4;
    pub(in super::super) const FRAGMENT: usize = 6;
    pub(in super::super) const TTL: usize = 8;
    pub(in super::super) const PROTOCOL: usize = 9;
    pub(in super::super) const CHECKSUM: usize = 10;
    pub(in super::super) const SOURCE: usize = 12;
    pub(in super::super) const DESTINATION: usize = 16;
    pub(in super::super) const OPTIONS: usize = 20;
}

/// An IPv4 packet.
#[derive(Clone, Copy, Debug)]
pub struct Ipv4<T>(T);

impl<T: AsRef<[u8]>> Ipv4<T> {
    /// Bytes of a header without options.
    pub const LEN_MIN: usize = field::OPTIONS;

    /// Views bytes as a packet.
    ///
    /// # Errors
    /// The header isn't there in full, or claims to be shorter than it can be.
    pub fn new_checked(bytes: T) -> Result<Self, Truncated> {
        check_len(bytes.as_ref(), Self::LEN_MIN)?;
        let packet = Self(bytes);
        if packet.header_len() < Self::LEN_MIN || packet.0.as_ref().len() < packet.header_len() {
            return Err(Truncated);
        }
        Ok(packet)
    }

    /// Version; 4 unless the bytes are no IPv4.
    pub fn version(&self) -> u8 {
        self.0.as_ref()[field::VERSION_IHL] >> 4
    }

    /// Bytes of the header, options included.
    pub fn header_len(&self) -> usize {
        4 * usize::from(self.0.as_ref()[field::VERSION_IHL] & 0xf)
    }

    /// DSCP and ECN together.
    pub fn traffic_class(&self) -> u8 {
        self.0.as_ref()[field::TRAFFIC_CLASS]
    }

    /// Differentiated services code point, 6 bits.
    pub fn dscp(&self) -> u8 {
        self.traffic_class() >> 2
    }

    /// Explicit congestion notification, 2 bits.
    pub fn ecn(&self) -> u8 {
        self.traffic_class() & 3
    }

    /// Bytes of header and payload.
    pub fn total_len(&self) -> u16 {
        get_u16(self.0.as_ref(), field::TOTAL_LEN)
    }

    /// Identification.
    pub fn identification(&self) -> u16 {
        get_u16(self.0.as_ref(), field::IDENTIFICATION)
    }

    /// Whether it may not be fragmented.
    pub fn is_dont_fragment(&self) -> bool {
        get_u16(self.0.as_ref(), field::FRAGMENT) & 0x4000 != 0
    }

    /// Whether fragments follow.
    pub fn has_more_fragments(&self) -> bool {
        get_u16(self.0.as_ref(), field::FRAGMENT) & 0x2000 != 0
    }

    /// Where the fragment belongs, in bytes.
    pub fn fragment_offset_bytes(&self) -> usize {
        8 * usize::from(get_u16(self.0.as_ref(), field::FRAGMENT) & 0x1fff)
    }

    /// Time to live.
    pub fn ttl(&self) -> u8 {
        self.0.as_ref()[field::TTL]
    }

    /// What comes next.
    pub fn protocol(&self) -> u8 {
        self.0.as_ref()[field::PROTOCOL]
    }

    /// The header's checksum as it stands.
    pub fn checksum(&self) -> u16 {
        get_u16(self.0.as_ref(), field::CHECKSUM)
    }

    /// Whether the header's checksum is right.
    pub fn has_valid_checksum(&self) -> bool {
        Sum::new().add_bytes(clamped(self.0.as_ref(), 0, self.header_len())).is_valid()
    }

    /// Source address.
    pub fn source(&self) -> Ipv4Addr {
        get_array::<4>(self.0.as_ref(), field::SOURCE).into()
    }

    /// Destination address.
    pub fn destination(&self) -> Ipv4Addr {
        get_array::<4>(self.0.as_ref(), field::DESTINATION).into()
    }

    /// Options.
    pub fn options(&self) -> &[u8] {
        clamped(self.0.as_ref(), field::OPTIONS, self.header_len())
    }

    /// What comes next, without Ethernet's padding.
    pub fn payload(&self) -> &[u8] {
        clamped(self.0.as_ref(), self.header_len(), usize::from(self.total_len()))
    }

    /// The sum over the pseudo header for an upper layer of the payload's length.
    pub fn pseudo_sum(&self) -> Sum {
        // The payload is cut to a 16-bit total length.
        Sum::ipv4_pseudo(self.source(), self.destination(), self.protocol(), self.payload().len() as u16)
    }
}

impl<T: AsRef<[u8]> + AsMut<[u8]>> Ipv4<T> {
    /// Sets DSCP and ECN together. The checksum becomes stale.
    pub fn set_traffic_class(&mut self, traffic_class: u8) {
        self.0.as_mut()[field::TRAFFIC_CLASS] = traffic_class;
    }

    /// Sets the time to live. The checksum becomes stale.
    pub fn set_ttl(&mut self, ttl: u8) {
        self.0.as_mut()[field::TTL] = ttl;
    }

    /// Takes one from the time to live and updates the checksum, as a router does. False if it was zero.
    pub fn decrement_ttl(&mut self) -> bool {
        let Some(ttl) = self.ttl().checked_sub(1) else { return false };
        let old = get_u16(self.0.as_ref(), field::TTL);
        let checksum = updated(self.checksum(), old, old - 0x100);
        self.set_ttl(ttl);
        put(self.0.as_mut(), field::CHECKSUM, &checksum.to_be_bytes());
        true
    }

    /// Sets the source address. The checksum becomes stale.
    pub fn set_source(&mut self, address: Ipv4Addr) {
        put(self.0.as_mut(), field::SOURCE, &address.octets());
    }

    /// Sets the destination address. The checksum becomes stale.
    pub fn set_destination(&mut self, address: Ipv4Addr) {
        put(self.0.as_mut(), field::DESTINATION, &address.octets());
    }

    /// Makes the header's checksum right.
    pub fn fill_checksum(&mut self) {
        let header_len = self.header_len();
        put(self.0.as_mut(), field::CHECKSUM, &[0, 0]);
        let checksum = internet_checksum(clamped(self.0.as_ref(), 0, header_len));
        put(self.0.as_mut(), field::CHECKSUM, &checksum.to_be_bytes());
    }

    /// What comes next, to be changed.
    pub fn payload_mut(&mut self) -> &mut [u8] {
        let (from, to) = (self.header_len(), usize::from(self.total_len()));
        clamped_mut(self.0.as_mut(), from, to)
    }
}
