//! What is known of a frame that stands for many TCP segments, because a kernel left cutting it to whoever sends
//! it (TSO, GSO).
//!
//! Invariant: everything is counted from the packet's end, where the payload lies, so that it stays true when
//! headers in front of the IP header come or go.

use std::num::NonZeroU16;

/// How a frame is to be cut: Ethernet and what else lies in front, IP without options or extension headers, TCP,
/// payload. Its lengths are those of the whole, its TCP checksum is the pseudo header's sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segmentation {
    segment_bytes: NonZeroU16,
    payload_bytes: NonZeroU16,
    transport_bytes: u8,
    is_ipv6: bool,
    is_ecn: bool,
}

impl Segmentation {
    /// Of a payload that is cut into pieces of `segment_bytes`, behind a TCP header of `transport_bytes` (20 to 60).
    /// `None` for lengths that no frame has.
    pub fn new(
        segment_bytes: usize,
        payload_bytes: usize,
        transport_bytes: usize,
        is_ipv6: bool,
    ) -> Option<Self> {
        let transport_bytes = u8::try_from(transport_bytes).ok().filter(|bytes| (20..=60).contains(bytes))?;
        Some(Self {
            segment_bytes: u16::try_from(segment_bytes).ok().and_then(NonZeroU16::new)?,
            payload_bytes: u16::try_from(payload_bytes).ok().and_then(NonZeroU16::new)?,
            transport_bytes,
            is_ipv6,
            is_ecn: false,
        })
    }

    /// With congestion window reduced said in its first segment alone (`VIRTIO_NET_HDR_GSO_ECN`).
    #[must_use]
    pub fn with_ecn(self, is_ecn: bool) -> Self {
        Self { is_ecn, ..self }
    }

    /// Packets that it is cut into.
    pub fn segments(self) -> usize {
        self.payload_bytes().div_ceil(self.segment_bytes())
    }

    /// Bytes of payload in every segment but the last.
    pub fn segment_bytes(self) -> usize {
        usize::from(self.segment_bytes.get())
    }

    /// Bytes of payload in all.
    pub fn payload_bytes(self) -> usize {
        usize::from(self.payload_bytes.get())
    }

    /// Bytes of the TCP header.
    pub fn transport_bytes(self) -> usize {
        usize::from(self.transport_bytes)
    }

    /// Bytes of the IP header.
    pub fn network_bytes(self) -> usize {
        if self.is_ipv6 { 40 } else { 20 }
    }

    /// Whether it is IPv6.
    pub fn is_ipv6(self) -> bool {
        self.is_ipv6
    }

    /// As given to [`Segmentation::with_ecn`].
    pub fn is_ecn(self) -> bool {
        self.is_ecn
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Packet;

    #[test]
    fn segments_repeat_the_headers_on_the_wire() {
        let mut packet = Packet::from_bytes(&[0; 14 + 20 + 32 + 3_001]);
        assert_eq!((packet.segments(), packet.wire_bytes()), (1, 3_067));
        packet.segmentation = Segmentation::new(1_000, 3_001, 32, false);
        assert_eq!((packet.segments(), packet.wire_bytes()), (4, 3_001 + 4 * 66));
        // A tag more in front, on every segment.
        packet.replace_front(14, &[0; 18]);
        assert_eq!((packet.segments(), packet.wire_bytes()), (4, 3_001 + 4 * 70));
        packet.reset();
        assert_eq!(packet.segments(), 1);
    }

    #[test]
    fn what_no_frame_has_is_refused() {
        assert_eq!(Segmentation::new(0, 10, 20, false), None);
        assert_eq!(Segmentation::new(10, 0, 20, false), None);
        assert_eq!(Segmentation::new(10, 65_536, 20, false), None);
        assert_eq!(Segmentation::new(10, 10, 19, true), None);
        assert_eq!(Segmentation::new(10, 10, 64, true), None);
    }
}
