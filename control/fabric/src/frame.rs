//! The frames of the model's hosts: RoCEv2 headers as on the wire, payload only as a length.
//!
//! Layout: Ethernet (14), IPv4 (20), UDP (8), BTH (12), then RETH (16) in the first packet of a write or AETH (4)
//! in an acknowledgement. The invariant CRC and the payload are counted in lengths, not carried.

use heddle_packet::Packet;
use heddle_packet::wire::checksum::internet_checksum;

/// A host, by its number in the fabric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostId(pub usize);

/// Opcodes of the reliable connection service that the hosts use.
pub(crate) mod opcode {
    pub(crate) const WRITE_FIRST: u8 = 0x06;
    pub(crate) const WRITE_MIDDLE: u8 = 0x07;
    pub(crate) const WRITE_LAST: u8 = 0x08;
    pub(crate) const WRITE_ONLY: u8 = 0x0a;
    pub(crate) const ACKNOWLEDGE: u8 = 0x11;
}

/// AETH syndrome of a positive acknowledgement, and of a NAK for a PSN sequence error.
pub(crate) const SYNDROME_ACK: u8 = 0x1f;
pub(crate) const SYNDROME_NAK_SEQUENCE: u8 = 0x60;

const ETHERNET: usize = 14;
const IPV4: usize = ETHERNET + 20;
const UDP: usize = IPV4 + 8;
const BTH: usize = UDP + 12;
const RETH_LEN: usize = 16;
const AETH_LEN: usize = 4;
const ICRC_LEN: usize = 4;
/// ECN-capable transport, and congestion experienced.
const ECT0: u8 = 2;
const CE: u8 = 3;
const DSCP_DATA: u8 = 26;
const DSCP_CONTROL: u8 = 48;

impl HostId {
    /// 10.leaf.0.position, both from 1.
    pub(crate) fn ipv4(self, hosts_per_leaf: usize) -> [u8; 4] {
        let (leaf, position) = (self.0 / hosts_per_leaf + 1, self.0 % hosts_per_leaf + 1);
        [10, leaf as u8, (position >> 8) as u8, position as u8]
    }

    /// A locally administered address.
    pub(crate) fn mac(self) -> [u8; 6] {
        let n = self.0 as u32;
        [0x02, 0, (n >> 24) as u8, (n >> 16) as u8, (n >> 8) as u8, n as u8]
    }
}

/// What a host writes into a frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    pub(crate) src: HostId,
    pub(crate) dst: HostId,
    pub(crate) hosts_per_leaf: usize,
    pub(crate) udp_src_port: u16,
    pub(crate) opcode: u8,
    pub(crate) dest_qp: u32,
    pub(crate) psn: u32,
    pub(crate) ack_request: bool,
    /// Bytes of payload that the frame stands for.
    pub(crate) payload_bytes: u32,
    /// Length of the whole message, in its first packet.
    pub(crate) message_bytes: u32,
    /// In an acknowledgement.
    pub(crate) syndrome: u8,
}

impl Frame {
    /// Length on the wire in bytes, without preamble and frame check sequence.
    pub(crate) fn wire_len(&self) -> usize {
        BTH + self.extension_len() + self.payload_bytes as usize + ICRC_LEN
    }

    fn extension_len(&self) -> usize {
        match self.opcode {
            opcode::WRITE_FIRST | opcode::WRITE_ONLY => RETH_LEN,
            opcode::ACKNOWLEDGE => AETH_LEN,
            _ => 0,
        }
    }

    /// Writes the headers into a packet.
    pub(crate) fn write(&self, packet: &mut Packet) {
        let mut bytes = [0u8; BTH + RETH_LEN];
        let is_ack = self.opcode == opcode::ACKNOWLEDGE;
        bytes[..6].copy_from_slice(&self.dst.mac());
        bytes[6..12].copy_from_slice(&self.src.mac());
        bytes[12..14].copy_from_slice(&0x0800u16.to_be_bytes());

        let ip_len = (self.wire_len() - ETHERNET) as u16;
        let ip = &mut bytes[ETHERNET..IPV4];
        ip[0] = 0x45;
        ip[1] = if is_ack { DSCP_CONTROL << 2 } else { DSCP_DATA << 2 | ECT0 };
        ip[2..4].copy_from_slice(&ip_len.to_be_bytes());
        ip[6] = 0x40;
        ip[8] = 64;
        ip[9] = 17;
        ip[12..16].copy_from_slice(&self.src.ipv4(self.hosts_per_leaf));
        ip[16..20].copy_from_slice(&self.dst.ipv4(self.hosts_per_leaf));
        let checksum = internet_checksum(ip);
        ip[10..12].copy_from_slice(&checksum.to_be_bytes());

        let udp = &mut bytes[IPV4..UDP];
        udp[..2].copy_from_slice(&self.udp_src_port.to_be_bytes());
        udp[2..4].copy_from_slice(&4791u16.to_be_bytes());
        udp[4..6].copy_from_slice(&(ip_len - 20).to_be_bytes());

        let bth = &mut bytes[UDP..BTH];
        bth[0] = self.opcode;
        bth[2..4].copy_from_slice(&0xffffu16.to_be_bytes());
        bth[4..8].copy_from_slice(&(self.dest_qp & 0xff_ffff).to_be_bytes());
        bth[8..12].copy_from_slice(&(self.psn & 0xff_ffff).to_be_bytes());
        bth[8] = u8::from(self.ack_request) << 7;

        let end = BTH + self.extension_len();
        match self.extension_len() {
            RETH_LEN => bytes[BTH + 12..BTH + 16].copy_from_slice(&self.message_bytes.to_be_bytes()),
            AETH_LEN => bytes[BTH] = self.syndrome,
            _ => {}
        }
        packet.fill(&bytes[..end]);
        packet.wire_len = self.wire_len();
    }
}

/// What a host reads from a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) opcode: u8,
    pub(crate) dest_qp: u32,
    pub(crate) psn: u32,
    pub(crate) ack_request: bool,
    pub(crate) syndrome: u8,
    pub(crate) congestion_experienced: bool,
}

/// Reads a frame back. None if it is not RoCEv2 or cut off: a switch has spoilt it.
pub(crate) fn read(bytes: &[u8]) -> Option<Received> {
    let bth = bytes.get(UDP..BTH)?;
    let is_roce = bytes[12..14] == [0x08, 0x00]
        && bytes[ETHERNET] == 0x45
        && internet_checksum(&bytes[ETHERNET..IPV4]) == 0
        && bytes[IPV4 + 2..IPV4 + 4] == 4791u16.to_be_bytes();
    let opcode = bth[0];
    let syndrome = match opcode {
        opcode::ACKNOWLEDGE => *bytes.get(BTH)?,
        _ => 0,
    };
    is_roce.then(|| Received {
        opcode,
        dest_qp: u32::from_be_bytes([0, bth[5], bth[6], bth[7]]),
        psn: u32::from_be_bytes([0, bth[9], bth[10], bth[11]]),
        ack_request: bth[8] & 0x80 != 0,
        syndrome,
        congestion_experienced: bytes[ETHERNET + 1] & 3 == CE,
    })
}

/// The UDP source port that Linux gives a queue pair, so that switches can tell pairs apart by the five-tuple
/// (`rdma_get_udp_sport` with no flow label set, include/rdma/ib_verbs.h).
pub(crate) fn udp_src_port(local_qp: u32, remote_qp: u32) -> u16 {
    let mut product = u64::from(local_qp).wrapping_mul(u64::from(remote_qp));
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
    fn what_is_written_is_read() {
        let frame = Frame {
            src: HostId(0),
            dst: HostId(5),
            hosts_per_leaf: 4,
            udp_src_port: udp_src_port(0x100, 0x200),
            opcode: opcode::WRITE_FIRST,
            dest_qp: 0x200,
            psn: 0xff_ffff,
            ack_request: true,
            payload_bytes: 4096,
            message_bytes: 1 << 20,
            syndrome: 0,
        };
        let mut packet = Packet::with_capacity(0);
        frame.write(&mut packet);
        assert_eq!(packet.len(), 70);
        assert_eq!(packet.wire_len, 70 + 4096 + 4);
        let read = read(packet.bytes()).unwrap();
        assert_eq!((read.dest_qp, read.psn, read.ack_request), (0x200, 0xff_ffff, true));
        assert!(!read.congestion_experienced);
        packet.bytes_mut()[24] ^= 1;
        assert_eq!(super::read(packet.bytes()), None, "a wrong checksum does not go unnoticed");
    }
}
