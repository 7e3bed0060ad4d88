//! IPv6 (RFC 8200), fixed header.

use std::net::Ipv6Addr;

use super::checksum::Sum;
use super::{Truncated, check_len, clamped, clamped_mut, get_array, get_u16, get_u32, put};

pub(super) mod field {
    pub(in super::super) const VERSION_CLASS_LABEL: usize = 0;
    pub(in super::super) const PAYLOAD_LEN: usize = 4;
    pub(in super::super) const NEXT_HEADER: usize = 6;
    pub(in super::super) const HOP_LIMIT: usize = 7;
    pub(in super::super) const SOURCE: usize = 8;
    pub(in super::super) const DESTINATION: usize = 24;
    pub(in super::super) const PAYLOAD: usize = 40;
}

/// An IPv6 packet.
#[derive(Clone, Copy, Debug)]
pub struct Ipv6<T>(T);

impl<T: AsRef<[u8]>> Ipv6<T> {
    /// Bytes of the fixed header.
    pub const LEN: usize = field::PAYLOAD;

    /// Views bytes as a packet.
    ///
    /// # Errors
    /// They are fewer than the header takes.
    pub fn new_checked(bytes: T) -> Result<Self, Truncated> {
        check_len(bytes.as_ref(), Self::LEN)?;
        Ok(Self(bytes))
    }

    /// Version; 6 unless the bytes are no IPv6.
    pub fn version(&self) -> u8 {
        self.0.as_ref()[field::VERSION_CLASS_LABEL] >> 4
    }

    /// DSCP and ECN together.
    pub fn traffic_class(&self) -> u8 {
        // Eight bits remain.
        (get_u32(self.0.as_ref(), field::VERSION_CLASS_LABEL) >> 20) as u8
    }

    /// Differentiated services code point, 6 bits.
    pub fn dscp(&self) -> u8 {
        self.traffic_class() >> 2
    }

    /// Explicit congestion notification, 2 bits.
    pub fn ecn(&self) -> u8 {
        self.traffic_class() & 3
    }

    /// Flow label, 20 bits.
    pub fn flow_label(&self) -> u32 {
        get_u32(self.0.as_ref(), field::VERSION_CLASS_LABEL) & 0xf_ffff
    }

    /// Bytes behind the fixed header.
    pub fn payload_len(&self) -> u16 {
        get_u16(self.0.as_ref(), field::PAYLOAD_LEN)
    }

    /// What comes next.
    pub fn next_header(&self) -> u8 {
        self.0.as_ref()[field::NEXT_HEADER]
    }

    /// Hop limit.
    pub fn hop_limit(&self) -> u8 {
        self.0.as_ref()[field::HOP_LIMIT]
    }

    /// Source address.
    pub fn source(&self) -> Ipv6Addr {
        get_array::<16>(self.0.as_ref(), field::SOURCE).into()
    }

    /// Destination address.
    pub fn destination(&self) -> Ipv6Addr {
        get_array::<16>(self.0.as_ref(), field::DESTINATION).into()
    }

    /// What comes next, without Ethernet's padding.
    pub fn payload(&self) -> &[u8] {
        clamped(self.0.as_ref(), field::PAYLOAD, field::PAYLOAD + usize::from(self.payload_len()))
    }

    /// The sum over the pseudo header for an upper layer of the payload's length.
    pub fn pseudo_sum(&self) -> Sum {
        // The payload is cut to a 16-bit length.
        Sum::ipv6_pseudo(self.source(), self.destination(), self.next_header(), self.payload().len() as u32)
    }
}

impl<T: AsRef<[u8]> + AsMut<[u8]>> Ipv6<T> {
    fn set_class_and_label(&mut self, traffic_class: u8, flow_label: u32) {
        let word = 6 << 28 | u32::from(traffic_class) << 20 | flow_label & 0xf_ffff;
        put(self.0.as_mut(), field::VERSION_CLASS_LABEL, &word.to_be_bytes());
    }

    /// Sets DSCP and ECN together.
    pub fn set_traffic_class(&mut self, traffic_class: u8) {
        self.set_class_and_label(traffic_class, self.flow_label());
    }

    /// Sets the flow label, 20 bits.
    pub fn set_flow_label(&mut self, flow_label: u32) {
        self.set_class_and_label(self.traffic_class(), flow_label);
    }

    /// Sets the hop limit.
    pub fn set_hop_limit(&mut self, hop_limit: u8) {
        self.0.as_mut()[field::HOP_LIMIT] = hop_limit;
    }

    /// What comes next, to be changed.
    pub fn payload_mut(&mut self) -> &mut [u8] {
        let to = field::PAYLOAD + usize::from(self.payload_len());
        clamped_mut(self.0.as_mut(), field::PAYLOAD, to)
    }
}
