//! What is known beforehand of a frame of a shape, bit by bit.

use heddle_ports::Shape;

use super::value::Bit;

/// Bytes of TCP's header that are there for certain.
const TRANSPORT_BYTES_MIN: usize = 20;

/// A frame of a shape. Bits are numbered as on the wire, from 0.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    shape: Shape,
}

impl Frame {
    pub(super) fn new(shape: Shape) -> Self {
        Self { shape }
    }

    /// Where the IP header begins, in bits.
    pub(super) fn network_at(self) -> usize {
        8 * self.shape.network_at()
    }

    /// Where the TCP header begins, in bits.
    pub(super) fn transport_at(self) -> usize {
        8 * self.shape.transport_at()
    }

    /// A bit of the frame; none from where options or payload may begin.
    pub(super) fn bit(self, at: usize) -> Option<Bit> {
        if at >= self.transport_at() + 8 * TRANSPORT_BYTES_MIN {
            return None;
        }
        if at >= self.transport_at() || self.differs(at) {
            return Some(Bit::Frame(at as u16));
        }
        let (value, mask) = self.known(at / 8);
        let bit = 0x80 >> (at % 8);
        Some(match (mask & bit != 0, value & bit != 0) {
            (true, true) => Bit::One,
            (true, false) => Bit::Zero,
            (false, _) => Bit::Same,
        })
    }

    /// A byte as far as the shape tells it: its value where the mask is one.
    fn known(self, byte: usize) -> (u8, u8) {
        let network_at = self.shape.network_at();
        let is_ipv6 = self.shape.is_ipv6();
        if self.shape.is_tagged() && matches!(byte, 12 | 13) {
            return (if byte == 12 { 0x81 } else { 0x00 }, 0xff);
        }
        if byte + 2 == network_at {
            return (if is_ipv6 { 0x86 } else { 0x08 }, 0xff);
        }
        if byte + 1 == network_at {
            return (if is_ipv6 { 0xdd } else { 0x00 }, 0xff);
        }
        match (byte.checked_sub(network_at), is_ipv6) {
            (Some(0), false) => (0x45, 0xff),
            // More fragments, and the offset.
            (Some(6), false) => (0x00, 0x3f),
            (Some(7), false) => (0x00, 0xff),
            (Some(9), false) | (Some(6), true) => (6, 0xff),
            (Some(0), true) => (0x60, 0xf0),
            (Some(_) | None, _) => (0, 0),
        }
    }

    /// Whether a bit is not the same in all segments.
    pub(super) fn differs(self, at: usize) -> bool {
        const TCP_FLAGS: u8 = 0x89; // CWR, PSH, FIN
        let byte = at / 8;
        if let Some(byte) = byte.checked_sub(self.shape.transport_at()) {
            let is_flag = byte == 13 && TCP_FLAGS & 0x80 >> (at % 8) != 0;
            return matches!(byte, 4..8 | 16..18) || is_flag || byte >= TRANSPORT_BYTES_MIN;
        }
        match (byte.checked_sub(self.shape.network_at()), self.shape.is_ipv6()) {
            (Some(byte), false) => matches!(byte, 2..6 | 10..12),
            (Some(byte), true) => matches!(byte, 4..6),
            (None, _) => false,
        }
    }

    /// Which bit of the IPv4 header checksum a bit is.
    pub(super) fn checksum_bit(self, at: usize) -> Option<u8> {
        let first = self.network_at() + 80;
        (!self.shape.is_ipv6() && (first..first + 16).contains(&at)).then(|| (at - first) as u8)
    }

    /// All bits that differ of the IPv4 header, its checksum apart; none for IPv6.
    pub(super) fn covered(self) -> impl Iterator<Item = usize> {
        let (from, to) = (self.network_at(), self.transport_at());
        (from..to)
            .filter(move |&at| !self.shape.is_ipv6() && self.differs(at) && self.checksum_bit(at).is_none())
    }
}
