//! Checksums that a kernel left to an offload, found and completed without being told of them.
//!
//! A kernel that leaves a checksum to the device writes the pseudo header's sum into its field. AF_PACKET says so
//! beside the frame, AF_XDP doesn't.
//!
//! Invariant: a frame with right checksums leaves here as it came. If a right checksum happens to equal the
//! pseudo header's sum, completing it gives the same value again. So the only frames that are taken for what
//! they are not are damaged ones with just that value, one damaged frame in 65,536.

use heddle_packet::wire::checksum::Sum;

use crate::frame::{ETHERNET_BYTES, VLAN_TAG_BYTES};
use crate::offload::complete;

const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_IPV6: u16 = 0x86dd;
const ETHERTYPE_BRIDGED: u16 = 0x6558;

/// IP headers looked into: outer, and inside of two tunnels.
const DEPTH_MAX: usize = 3;

/// Where a transport header lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Transport {
    protocol: u8,
    start: usize,
    end: usize,
    addresses: Sum,
}

/// Completes the checksum of a frame that has a partial one.
pub(crate) fn complete_partial(frame: &mut [u8]) {
    if let Some((start, end, field)) = find(frame) {
        // The range was seen to lie within the frame and to hold the field.
        let _inside = complete(&mut frame[..end], start, field);
    }
}

/// Start and end of what a partial checksum covers, and where in it the field is.
fn find(frame: &[u8]) -> Option<(usize, usize, usize)> {
    let (mut at, mut ethertype) = (0, ETHERTYPE_BRIDGED);
    for _ in 0..DEPTH_MAX {
        if ethertype == ETHERTYPE_BRIDGED {
            ethertype = read_u16(frame, at + 12)?;
            at += ETHERNET_BYTES;
            while matches!(ethertype, 0x8100 | 0x88a8) {
                ethertype = read_u16(frame, at + 2)?;
                at += VLAN_TAG_BYTES;
            }
        }
        let transport = match ethertype {
            ETHERTYPE_IPV4 => ipv4(frame, at)?,
            ETHERTYPE_IPV6 => ipv6(frame, at)?,
            _ => return None,
        };
        let Transport { protocol, start, end, .. } = transport;
        let covered = frame.get(start..end)?;
        match protocol {
            6 => return transport.is_partial(covered, 16).then_some((start, end, 16)),
            // SCTP's (RFC 9260) has no pseudo header: the field holds zero.
            132 => return (covered.get(8..12)? == [0; 4]).then_some((start, end, 8)),
            17 if transport.is_partial(covered, 6) => return Some((start, end, 6)),
            // A tunnel's outer checksum is complete, or none, when the inner one is partial.
            17 => {
                const VXLAN_PORT: u16 = 4_789;
                const GENEVE_PORT: u16 = 6_081;
                at = start + 8;
                match read_u16(covered, 2)? {
                    VXLAN_PORT => ethertype = ETHERTYPE_BRIDGED,
                    GENEVE_PORT => {
                        ethertype = read_u16(frame, at + 2)?;
                        at += 4 * usize::from(frame.get(at)? & 0x3f);
                    }
                    _ => return None,
                }
                at += 8;
            }
            4 => (at, ethertype) = (start, ETHERTYPE_IPV4),
            41 => (at, ethertype) = (start, ETHERTYPE_IPV6),
            // GRE (RFC 2784, RFC 2890) with nothing but a key.
            47 => {
                const KEY: u16 = 0x2000;
                let flags = read_u16(covered, 0)?;
                if flags & !KEY != 0 {
                    return None;
                }
                ethertype = read_u16(covered, 2)?;
                at = start + if flags == KEY { 8 } else { 4 };
            }
            _ => return None,
        }
    }
    None
}

impl Transport {
    fn is_partial(&self, covered: &[u8], field: usize) -> bool {
        let Some(value) = read_u16(covered, field) else { return false };
        let pseudo = self.addresses.add_u32(covered.len() as u32).add_u16(u16::from(self.protocol));
        value == pseudo.fold()
    }
}

/// None for fragments too: what is left partial is never cut.
fn ipv4(frame: &[u8], at: usize) -> Option<Transport> {
    let header = frame.get(at..)?.first_chunk::<20>()?;
    let header_bytes = 4 * usize::from(header[0] & 0xf);
    let total_bytes = usize::from(u16::from_be_bytes([header[2], header[3]]));
    let fragment = u16::from_be_bytes([header[6], header[7]]) & 0x3fff;
    if header[0] >> 4 != 4 || header_bytes < 20 || total_bytes < header_bytes || fragment != 0 {
        return None;
    }
    Some(Transport {
        protocol: header[9],
        start: at + header_bytes,
        end: at + total_bytes,
        addresses: Sum::new().add_bytes(&header[12..20]),
    })
}

fn ipv6(frame: &[u8], at: usize) -> Option<Transport> {
    const HOP_BY_HOP: u8 = 0;
    const ROUTING: u8 = 43;
    const DESTINATION: u8 = 60;
    let header = frame.get(at..)?.first_chunk::<40>()?;
    let end = at + 40 + usize::from(u16::from_be_bytes([header[4], header[5]]));
    let (mut protocol, mut start) = (header[6], at + 40);
    while matches!(protocol, HOP_BY_HOP | ROUTING | DESTINATION) {
        let extension = frame.get(start..)?.first_chunk::<8>()?;
        // With segments left the pseudo header has another destination (RFC 8200, section 8.1).
        if protocol == ROUTING && extension[3] > 0 {
            return None;
        }
        protocol = extension[0];
        start += 8 * (1 + usize::from(extension[1]));
    }
    (header[0] >> 4 == 6).then(|| Transport {
        protocol,
        start,
        end,
        addresses: Sum::new().add_bytes(&header[8..40]),
    })
}

fn read_u16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at.checked_add(2)?).map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
}

#[cfg(test)]
mod tests;
