//! The frames of the model's hosts: headers as on the wire, payload only as a length.
//!
//! RoCEv2 has BTH, then RETH in a write's first packet and AETH in answers; UET has its packet delivery header, then
//! the semantic header in requests. Every sender numbers its frames in IPv4's identification, retransmissions too, so
//! that a receiver can count what overtook what. Lengths are those on the wire, invariant CRC and all.

use heddle_packet::Packet;
use heddle_packet::wire::checksum::internet_checksum;

const ETHERNET: usize = 14;
const IPV4: usize = ETHERNET + 20;
const UDP: usize = IPV4 + 8;
const BTH: usize = UDP + 12;
const RETH_LEN: usize = 16;
const AETH_LEN: usize = 4;
const ICRC_LEN: usize = 4;
const PDS: usize = UDP + 12;
/// Bytes of the semantic header that are written; and what it has on the wire.
const SES_HELD: usize = 8;
const SES_LEN: usize = 44;
const ACK_CC_LEN: usize = 20;
const NACK_LEN: usize = 4;
const ECT0: u8 = 2;
const CE: u8 = 3;
const DSCP_DATA: u8 = 26;
const DSCP_CONTROL: u8 = 48;
const DSCP_TRIMMED: u8 = 5;
const MAC_CONTROL: u16 = 0x8808;
const PRIORITY_PAUSE: u16 = 0x0101;
const ROCE_PORT: u16 = 4791;
const UET_PORT: u16 = 4793;
const WRITE_FIRST: u8 = 0x06;
const WRITE_MIDDLE: u8 = 0x07;
const WRITE_LAST: u8 = 0x08;
const WRITE_ONLY: u8 = 0x0a;
const ACKNOWLEDGE: u8 = 0x11;
const CNP: u8 = 0x81;
const SYNDROME_ACK: u8 = 0x1f;
const SYNDROME_NAK_SEQUENCE: u8 = 0x60;
const PDS_RUD_REQUEST: u8 = 2;
const PDS_ACK_CC: u8 = 8;
const PDS_NACK: u8 = 10;
/// Standard request, in a request's next header field.
const NEXT_STANDARD: u8 = 3;
/// "Acknowledgement asked for" among a request's flags, "mark seen" among an answer's.
const FLAG_ACK_REQUEST: u8 = 0x08;
const FLAG_MARKED: u8 = 0x20;

/// The longest headers of a full data packet, with what Ethernet adds: what a payload costs on the wire.
pub(crate) const DATA_OVERHEAD_BYTES: u64 = (BTH + ICRC_LEN) as u64 + 24;

/// What a frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// A piece of a message; `first` has the message's length.
    Data { psn: u32, first: Option<u32>, last: bool, ack_request: bool, payload_bytes: u32 },
    /// All through `psn` has arrived.
    Ack { psn: u32 },
    /// `psn` is missing.
    Nak { psn: u32 },
    /// Slow down.
    Cnp,
    /// A piece of a message that may come in any order.
    UetData { psn: u32, first: bool, last: bool, ack_request: bool, payload_bytes: u32, job: u32 },
    /// All through `psn` has arrived, and what `bitmap` says of the 64 from `base` on.
    UetAck { psn: u32, base: u32, bitmap: u64, marked: bool },
    /// `psn` came without its payload.
    UetNack { psn: u32 },
}

/// A frame to be written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    pub(crate) src: u32,
    pub(crate) dst: u32,
    pub(crate) udp_src_port: u16,
    /// Running number of its sender.
    pub(crate) number: u16,
    /// Queue pair, or packet delivery context, at the receiver.
    pub(crate) to: u32,
    pub(crate) content: Content,
}

/// A frame that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) to: u32,
    pub(crate) number: u16,
    pub(crate) marked: bool,
    pub(crate) trimmed: bool,
    pub(crate) content: Content,
}

fn mac(address: u32) -> [u8; 6] {
    let [a, b, c, d] = address.to_be_bytes();
    [0x02, 0, a, b, c, d]
}

/// The Ethernet address of a host, as the runtime file has it.
pub(crate) fn mac_text(address: u32) -> String {
    mac(address).map(|byte| format!("{byte:02x}")).join(":")
}

impl Frame {
    /// Bytes held and bytes on the wire, without preamble and frame check sequence.
    fn lengths(&self) -> (usize, usize) {
        match self.content {
            Content::Data { first, payload_bytes, .. } => {
                let held = BTH + if first.is_some() { RETH_LEN } else { 0 };
                (held, held + payload_bytes as usize + ICRC_LEN)
            }
            Content::Ack { .. } | Content::Nak { .. } => (BTH + AETH_LEN, BTH + AETH_LEN + ICRC_LEN),
            // A CNP has 16 reserved bytes after its BTH.
            Content::Cnp => (BTH + 16, BTH + 16 + ICRC_LEN),
            Content::UetData { payload_bytes, .. } => {
                (PDS + SES_HELD, PDS + SES_LEN + payload_bytes as usize)
            }
            Content::UetAck { .. } => (PDS + ACK_CC_LEN, PDS + ACK_CC_LEN),
            Content::UetNack { .. } => (PDS + NACK_LEN, PDS + NACK_LEN),
        }
    }

    /// Writes the headers into a packet.
    pub(crate) fn write(&self, packet: &mut Packet) {
        let mut bytes = [0u8; PDS + ACK_CC_LEN];
        let (held, wire_len) = self.lengths();
        let is_data = matches!(self.content, Content::Data { .. } | Content::UetData { .. });
        let is_uet = matches!(
            self.content,
            Content::UetData { .. } | Content::UetAck { .. } | Content::UetNack { .. }
        );
        bytes[..6].copy_from_slice(&mac(self.dst));
        bytes[6..12].copy_from_slice(&mac(self.src));
        bytes[12..14].copy_from_slice(&0x0800u16.to_be_bytes());
        let ip_len = (wire_len - ETHERNET) as u16;
        let ip = &mut bytes[ETHERNET..IPV4];
        ip[0] = 0x45;
        ip[1] = if is_data { DSCP_DATA << 2 | ECT0 } else { DSCP_CONTROL << 2 };
        ip[2..4].copy_from_slice(&ip_len.to_be_bytes());
        ip[4..6].copy_from_slice(&self.number.to_be_bytes());
        ip[6] = 0x40;
        ip[8] = 64;
        ip[9] = 17;
        ip[12..16].copy_from_slice(&self.src.to_be_bytes());
        ip[16..20].copy_from_slice(&self.dst.to_be_bytes());
        let checksum = internet_checksum(ip);
        ip[10..12].copy_from_slice(&checksum.to_be_bytes());
        let udp = &mut bytes[IPV4..UDP];
        udp[..2].copy_from_slice(&self.udp_src_port.to_be_bytes());
        udp[2..4].copy_from_slice(&(if is_uet { UET_PORT } else { ROCE_PORT }).to_be_bytes());
        udp[4..6].copy_from_slice(&(ip_len - 20).to_be_bytes());
        if is_uet {
            self.write_uet(&mut bytes)
        } else {
            self.write_roce(&mut bytes)
        }
        packet.fill(&bytes[..held.min(bytes.len())]);
        packet.wire_len = wire_len;
    }

    fn write_roce(&self, bytes: &mut [u8]) {
        let (opcode, psn, ack_request) = match self.content {
            Content::Data { psn, first, last, ack_request, .. } => {
                let opcode = match (first.is_some(), last) {
                    (true, true) => WRITE_ONLY,
                    (true, false) => WRITE_FIRST,
                    (false, true) => WRITE_LAST,
                    (false, false) => WRITE_MIDDLE,
                };
                if let Some(length) = first {
                    bytes[BTH + 12..BTH + 16].copy_from_slice(&length.to_be_bytes());
                }
                (opcode, psn, ack_request)
            }
            Content::Ack { psn } => {
                bytes[BTH] = SYNDROME_ACK;
                (ACKNOWLEDGE, psn, false)
            }
            Content::Nak { psn } => {
                bytes[BTH] = SYNDROME_NAK_SEQUENCE;
                (ACKNOWLEDGE, psn, false)
            }
            Content::Cnp | Content::UetData { .. } | Content::UetAck { .. } | Content::UetNack { .. } => {
                (CNP, 0, false)
            }
        };
        let bth = &mut bytes[UDP..BTH];
        bth[0] = opcode;
        bth[2..4].copy_from_slice(&0xffffu16.to_be_bytes());
        bth[4..8].copy_from_slice(&(self.to & 0xff_ffff).to_be_bytes());
        bth[8..12].copy_from_slice(&(psn & 0xff_ffff).to_be_bytes());
        bth[8] = u8::from(ack_request) << 7;
    }

    fn write_uet(&self, bytes: &mut [u8]) {
        let (kind, next, flags, psn) = match self.content {
            Content::UetData { psn, first, last, ack_request, payload_bytes: _, job } => {
                let ses = &mut bytes[PDS..PDS + SES_HELD];
                ses[0] = 1;
                ses[1] = u8::from(last) << 1 | u8::from(first);
                ses[4..8].copy_from_slice(&(job & 0xff_ffff).to_be_bytes());
                (PDS_RUD_REQUEST, NEXT_STANDARD, if ack_request { FLAG_ACK_REQUEST } else { 0 }, psn)
            }
            Content::UetAck { psn, base, bitmap, marked } => {
                let cc = &mut bytes[PDS..PDS + ACK_CC_LEN];
                cc[2..4].copy_from_slice(&(base.wrapping_sub(psn) as u16).to_be_bytes());
                cc[4..12].copy_from_slice(&bitmap.to_be_bytes());
                (PDS_ACK_CC, 0, if marked { FLAG_MARKED } else { 0 }, psn)
            }
            Content::UetNack { psn }
            | Content::Data { psn, .. }
            | Content::Ack { psn }
            | Content::Nak { psn } => (PDS_NACK, 0, 0, psn),
            Content::Cnp => (PDS_NACK, 0, 0, 0),
        };
        let pds = &mut bytes[UDP..PDS];
        let word = u16::from(kind) << 11 | u16::from(next) << 7 | u16::from(flags);
        pds[..2].copy_from_slice(&word.to_be_bytes());
        pds[4..8].copy_from_slice(&psn.to_be_bytes());
        pds[10..12].copy_from_slice(&(self.to as u16).to_be_bytes());
    }
}

/// Reads a priority pause (IEEE 802.1Q, clause 36): for each class that it names, the quanta of 512 bits.
pub(crate) fn read_pause(bytes: &[u8]) -> Option<[Option<u16>; 8]> {
    let frame = bytes.get(12..34)?;
    let word = |at: usize| u16::from_be_bytes([frame[at], frame[at + 1]]);
    if word(0) != MAC_CONTROL || word(2) != PRIORITY_PAUSE {
        return None;
    }
    Some(std::array::from_fn(|class| (word(4) >> class & 1 == 1).then(|| word(6 + 2 * class))))
}

/// Writes a priority pause of some classes, a bit each.
pub(crate) fn write_pause(packet: &mut Packet, classes: u8, quanta: u16) {
    let mut bytes = [0u8; 60];
    bytes[..6].copy_from_slice(&[0x01, 0x80, 0xc2, 0, 0, 1]);
    bytes[6] = 0x02;
    bytes[12..14].copy_from_slice(&MAC_CONTROL.to_be_bytes());
    bytes[14..16].copy_from_slice(&PRIORITY_PAUSE.to_be_bytes());
    bytes[17] = classes;
    for at in (18..34).step_by(2) {
        bytes[at..at + 2].copy_from_slice(&quanta.to_be_bytes());
    }
    packet.fill(&bytes);
    packet.wire_len = bytes.len();
}

/// Reads a frame back. None if it is neither protocol or cut off: a switch has spoilt it.
pub(crate) fn read(bytes: &[u8], wire_len: usize) -> Option<Received> {
    let transport = bytes.get(UDP..BTH)?;
    let is_ip = bytes[12..14] == [0x08, 0x00]
        && bytes[ETHERNET] == 0x45
        && internet_checksum(&bytes[ETHERNET..IPV4]) == 0;
    if !is_ip {
        return None;
    }
    let port = u16::from_be_bytes([bytes[IPV4 + 2], bytes[IPV4 + 3]]);
    let word = |at: usize| {
        u32::from_be_bytes([transport[at], transport[at + 1], transport[at + 2], transport[at + 3]])
    };
    let (to, content) = match port {
        ROCE_PORT => (word(4) & 0xff_ffff, read_roce(bytes, transport[0], word(8), wire_len)?),
        UET_PORT => (word(8) & 0xffff, read_uet(bytes, word(0), word(4), wire_len)?),
        _ => return None,
    };
    Some(Received {
        to,
        number: u16::from_be_bytes([bytes[ETHERNET + 4], bytes[ETHERNET + 5]]),
        marked: bytes[ETHERNET + 1] & 3 == CE,
        trimmed: bytes[ETHERNET + 1] >> 2 == DSCP_TRIMMED,
        content,
    })
}

fn read_roce(bytes: &[u8], opcode: u8, word: u32, wire_len: usize) -> Option<Content> {
    let psn = word & 0xff_ffff;
    Some(match opcode {
        ACKNOWLEDGE if *bytes.get(BTH)? == SYNDROME_NAK_SEQUENCE => Content::Nak { psn },
        ACKNOWLEDGE => Content::Ack { psn },
        CNP => Content::Cnp,
        WRITE_FIRST | WRITE_MIDDLE | WRITE_LAST | WRITE_ONLY => {
            let first = match opcode {
                WRITE_FIRST | WRITE_ONLY => {
                    let length = bytes.get(BTH + 12..BTH + 16)?;
                    Some(u32::from_be_bytes([length[0], length[1], length[2], length[3]]))
                }
                _ => None,
            };
            let headers = BTH + ICRC_LEN + if first.is_some() { RETH_LEN } else { 0 };
            Content::Data {
                psn,
                first,
                last: matches!(opcode, WRITE_LAST | WRITE_ONLY),
                ack_request: word >> 31 == 1,
                payload_bytes: wire_len.saturating_sub(headers) as u32,
            }
        }
        _ => return None,
    })
}

fn read_uet(bytes: &[u8], word: u32, psn: u32, wire_len: usize) -> Option<Content> {
    let (kind, flags) = ((word >> 27) as u8, (word >> 16 & 0x7f) as u8);
    Some(match kind {
        PDS_RUD_REQUEST => {
            let ses = bytes.get(PDS..PDS + SES_HELD)?;
            Content::UetData {
                psn,
                first: ses[1] & 1 == 1,
                last: ses[1] & 2 == 2,
                ack_request: flags & FLAG_ACK_REQUEST != 0,
                payload_bytes: wire_len.saturating_sub(PDS + SES_LEN) as u32,
                job: u32::from_be_bytes([0, ses[5], ses[6], ses[7]]),
            }
        }
        PDS_ACK_CC => {
            let cc = bytes.get(PDS..PDS + ACK_CC_LEN)?;
            let offset = i16::from_be_bytes([cc[2], cc[3]]);
            let mut bitmap = [0; 8];
            bitmap.copy_from_slice(&cc[4..12]);
            Content::UetAck {
                psn,
                base: psn.wrapping_add_signed(i32::from(offset)),
                bitmap: u64::from_be_bytes(bitmap),
                marked: flags & FLAG_MARKED != 0,
            }
        }
        PDS_NACK => Content::UetNack { psn },
        _ => return None,
    })
}

/// The UDP source port that Linux gives a queue pair, so that switches can tell pairs apart by the five-tuple
/// (`rdma_get_udp_sport` with no flow label set, include/rdma/ib_verbs.h). It is the same in both directions.
pub(crate) fn udp_src_port(local: u32, remote: u32) -> u16 {
    let mut product = u64::from(local).wrapping_mul(u64::from(remote));
    product ^= product >> 20;
    product ^= product >> 40;
    let label = (product & 0xf_ffff) as u32;
    let (low, high) = (label & 0x03fff, label & 0xfc000);
    ((low ^ (high >> 14)) | 0xc000) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_read_as_it_was_written() {
        let mut packet = Packet::with_capacity(0);
        write_pause(&mut packet, 0b1000, 0xffff);
        let mut classes = [None; 8];
        classes[3] = Some(0xffff);
        assert_eq!(read_pause(packet.bytes()), Some(classes));
        assert_eq!(read(packet.bytes(), packet.wire_len), None);
        assert_eq!(read_pause(&packet.bytes()[..33]), None);
    }

    #[test]
    fn what_is_written_is_read() {
        let contents = [
            Content::Data {
                psn: 0xff_ffff,
                first: Some(1 << 20),
                last: false,
                ack_request: true,
                payload_bytes: 4096,
            },
            Content::Data { psn: 5, first: None, last: true, ack_request: false, payload_bytes: 1 },
            Content::Ack { psn: 9 },
            Content::Nak { psn: 10 },
            Content::Cnp,
            Content::UetData {
                psn: 1 << 31,
                first: true,
                last: true,
                ack_request: true,
                payload_bytes: 99,
                job: 7,
            },
            Content::UetAck { psn: 100, base: 37, bitmap: 0x8000_0000_0000_0001, marked: true },
            Content::UetNack { psn: 3 },
        ];
        for content in contents {
            let frame = Frame {
                src: 10 << 24 | 1,
                dst: 10 << 24 | 2,
                udp_src_port: 50_000,
                number: 77,
                to: 0x1234,
                content,
            };
            let mut packet = Packet::with_capacity(0);
            frame.write(&mut packet);
            let received = read(packet.bytes(), packet.wire_len).unwrap();
            assert_eq!((received.content, received.to, received.number), (content, 0x1234, 77));
            for cut in 0..packet.len() {
                let _ = read(&packet.bytes()[..cut], cut);
            }
        }
    }
}
