//! RoCEv2: the InfiniBand transport over UDP (InfiniBand Architecture, annex A17), as far as a network needs it.
//!
//! A RoCEv2 packet is IP, UDP to port 4791, the base transport header, extended headers that follow from the
//! opcode, payload, up to three bytes of padding, and the invariant CRC.

use super::{Truncated, check_len, get_array, get_u16, get_u32, put};

/// The UDP destination port.
pub const UDP_PORT: u16 = 4_791;

/// Bytes of the invariant CRC.
pub const ICRC_LEN: usize = 4;

/// Bytes reserved behind the base transport header of a congestion notification packet.
pub const CNP_RESERVED_LEN: usize = 16;

/// An opcode: the upper three bits are the transport service, the lower five the operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Opcode(pub u8);

impl Opcode {
    /// Reliable connection, SEND, the only packet of its message.
    pub const RC_SEND_ONLY: Self = Self(0x04);
    /// Reliable connection, RDMA WRITE, first packet.
    pub const RC_WRITE_FIRST: Self = Self(0x06);
    /// Reliable connection, RDMA WRITE, packet in the middle.
    pub const RC_WRITE_MIDDLE: Self = Self(0x07);
    /// Reliable connection, RDMA WRITE, last packet.
    pub const RC_WRITE_LAST: Self = Self(0x08);
    /// Reliable connection, RDMA WRITE, last packet, with immediate data.
    pub const RC_WRITE_LAST_IMMEDIATE: Self = Self(0x09);
    /// Reliable connection, RDMA WRITE, the only packet of its message.
    pub const RC_WRITE_ONLY: Self = Self(0x0a);
    /// Reliable connection, RDMA WRITE, the only packet of its message, with immediate data.
    pub const RC_WRITE_ONLY_IMMEDIATE: Self = Self(0x0b);
    /// Reliable connection, RDMA READ request.
    pub const RC_READ_REQUEST: Self = Self(0x0c);
    /// Reliable connection, acknowledgment or its opposite.
    pub const RC_ACKNOWLEDGE: Self = Self(0x11);
    /// Unreliable connection, SEND, the only packet of its message.
    pub const UC_SEND_ONLY: Self = Self(0x24);
    /// Congestion notification packet.
    pub const CNP: Self = Self(0x81);

    const OPERATION: u8 = 0x1f;

    /// Whether the operation exists in this service with the same meaning as in a reliable connection.
    const fn is_connected_or_datagram(self) -> bool {
        // Reliable connection, unreliable connection, reliable datagram, unreliable datagram.
        self.0 < 0x80
    }

    /// Whether an RDMA extended transport header follows: the first packet of a write, and a read request.
    pub const fn has_reth(self) -> bool {
        self.is_connected_or_datagram() && matches!(self.0 & Self::OPERATION, 0x06 | 0x0a | 0x0b | 0x0c)
    }

    /// Whether an acknowledgment extended transport header follows.
    pub const fn has_aeth(self) -> bool {
        self.is_connected_or_datagram() && matches!(self.0 & Self::OPERATION, 0x0d | 0x0f..=0x12)
    }

    /// Whether immediate data follow.
    pub const fn has_immediate(self) -> bool {
        self.is_connected_or_datagram() && matches!(self.0 & Self::OPERATION, 0x03 | 0x05 | 0x09 | 0x0b)
    }

    /// Whether it is the first packet of a message, single ones included.
    pub const fn starts_message(self) -> bool {
        self.is_connected_or_datagram()
            && matches!(self.0 & Self::OPERATION, 0x00 | 0x04..=0x06 | 0x0a..=0x0d | 0x10..=0x14 | 0x17)
    }

    /// Whether it is the last packet of a message, single ones included.
    pub const fn ends_message(self) -> bool {
        self.is_connected_or_datagram()
            && matches!(self.0 & Self::OPERATION, 0x02..=0x05 | 0x08..=0x0c | 0x0f..=0x14 | 0x16 | 0x17)
    }
}

mod field {
    pub(super) const OPCODE: usize = 0;
    pub(super) const FLAGS: usize = 1;
    pub(super) const PARTITION_KEY: usize = 2;
    pub(super) const CONGESTION: usize = 4;
    pub(super) const DESTINATION_QP: usize = 5;
    pub(super) const ACK_REQUEST: usize = 8;
    pub(super) const SEQUENCE: usize = 9;
    pub(super) const END: usize = 12;
}

fn get_u24(bytes: &[u8], at: usize) -> u32 {
    let [a, b, c] = get_array(bytes, at);
    u32::from_be_bytes([0, a, b, c])
}

/// The base transport header.
#[derive(Clone, Copy, Debug)]
pub struct Bth<T>(T);

impl<T: AsRef<[u8]>> Bth<T> {
    /// Bytes of the header.
    pub const LEN: usize = field::END;

    /// Views bytes, from behind the UDP header on, as a base transport header.
    ///
    /// # Errors
    /// They are fewer than it takes.
    pub fn new_checked(bytes: T) -> Result<Self, Truncated> {
        check_len(bytes.as_ref(), Self::LEN)?;
        Ok(Self(bytes))
    }

    /// Opcode.
    pub fn opcode(&self) -> Opcode {
        Opcode(self.0.as_ref()[field::OPCODE])
    }

    /// Whether the receiver is to raise an event.
    pub fn is_solicited(&self) -> bool {
        self.0.as_ref()[field::FLAGS] & 0x80 != 0
    }

    /// Bytes of padding behind the payload, 0 to 3.
    pub fn pad_bytes(&self) -> usize {
        usize::from(self.0.as_ref()[field::FLAGS] >> 4 & 3)
    }

    /// Partition key.
    pub fn partition_key(&self) -> u16 {
        get_u16(self.0.as_ref(), field::PARTITION_KEY)
    }

    /// Forward congestion notification.
    pub fn is_fecn(&self) -> bool {
        self.0.as_ref()[field::CONGESTION] & 0x80 != 0
    }

    /// Backward congestion notification.
    pub fn is_becn(&self) -> bool {
        self.0.as_ref()[field::CONGESTION] & 0x40 != 0
    }

    /// Destination queue pair, 24 bits.
    pub fn destination_qp(&self) -> u32 {
        get_u24(self.0.as_ref(), field::DESTINATION_QP)
    }

    /// Whether an acknowledgment is asked for.
    pub fn is_ack_requested(&self) -> bool {
        self.0.as_ref()[field::ACK_REQUEST] & 0x80 != 0
    }

    /// Packet sequence number, 24 bits.
    pub fn sequence(&self) -> u32 {
        get_u24(self.0.as_ref(), field::SEQUENCE)
    }

    /// What comes behind: extended headers, payload, padding, invariant CRC.
    pub fn rest(&self) -> &[u8] {
        &self.0.as_ref()[field::END..]
    }
}

impl<T: AsRef<[u8]> + AsMut<[u8]>> Bth<T> {
    /// Sets the destination queue pair, 24 bits. The invariant CRC becomes stale.
    pub fn set_destination_qp(&mut self, qp: u32) {
        put(self.0.as_mut(), field::DESTINATION_QP, &qp.to_be_bytes()[1..]);
    }

    /// Sets the packet sequence number, 24 bits. The invariant CRC becomes stale.
    pub fn set_sequence(&mut self, sequence: u32) {
        put(self.0.as_mut(), field::SEQUENCE, &sequence.to_be_bytes()[1..]);
    }
}

/// What a base transport header says, to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BthFields {
    /// Opcode.
    pub opcode: Opcode,
    /// Whether the receiver is to raise an event.
    pub is_solicited: bool,
    /// Whether the connection has migrated, which it says as well when it never will.
    pub is_migrated: bool,
    /// Partition key.
    pub partition_key: u16,
    /// Backward congestion notification.
    pub is_becn: bool,
    /// Destination queue pair, 24 bits.
    pub destination_qp: u32,
    /// Whether an acknowledgment is asked for.
    pub is_ack_requested: bool,
    /// Packet sequence number, 24 bits.
    pub sequence: u32,
}

impl BthFields {
    /// A packet to a queue pair, in the default partition.
    pub const fn new(opcode: Opcode, destination_qp: u32, sequence: u32) -> Self {
        Self {
            opcode,
            is_solicited: false,
            is_migrated: false,
            partition_key: 0xffff,
            is_becn: false,
            destination_qp,
            is_ack_requested: false,
            sequence,
        }
    }

    /// The bytes; padding is known once the payload is.
    pub(super) fn emit(&self) -> [u8; field::END] {
        let mut bytes = [0; field::END];
        bytes[field::OPCODE] = self.opcode.0;
        bytes[field::FLAGS] = u8::from(self.is_solicited) << 7 | u8::from(self.is_migrated) << 6;
        put(&mut bytes, field::PARTITION_KEY, &self.partition_key.to_be_bytes());
        bytes[field::CONGESTION] = u8::from(self.is_becn) << 6;
        put(&mut bytes, field::DESTINATION_QP, &self.destination_qp.to_be_bytes()[1..]);
        bytes[field::ACK_REQUEST] = u8::from(self.is_ack_requested) << 7;
        put(&mut bytes, field::SEQUENCE, &self.sequence.to_be_bytes()[1..]);
        bytes
    }

    /// Notes the padding in a header that was written.
    pub(super) fn set_pad(header: &mut [u8], pad_bytes: usize) {
        // Two bits.
        header[field::FLAGS] = header[field::FLAGS] & !0x30 | (pad_bytes as u8 & 3) << 4;
    }
}

/// The RDMA extended transport header: where a message goes and how long it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reth {
    /// Virtual address.
    pub virtual_address: u64,
    /// Remote key.
    pub remote_key: u32,
    /// Bytes of the whole message.
    pub dma_len_bytes: u32,
}

impl Reth {
    /// Bytes of the header.
    pub const LEN: usize = 16;

    /// Reads it from the bytes behind the base transport header.
    ///
    /// # Errors
    /// They are fewer than it takes.
    pub fn parse(bytes: &[u8]) -> Result<Self, Truncated> {
        check_len(bytes, Self::LEN)?;
        Ok(Self {
            virtual_address: u64::from_be_bytes(get_array(bytes, 0)),
            remote_key: get_u32(bytes, 8),
            dma_len_bytes: get_u32(bytes, 12),
        })
    }

    /// The bytes.
    pub fn emit(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        put(&mut bytes, 0, &self.virtual_address.to_be_bytes());
        put(&mut bytes, 8, &self.remote_key.to_be_bytes());
        put(&mut bytes, 12, &self.dma_len_bytes.to_be_bytes());
        bytes
    }
}

/// The acknowledgment extended transport header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aeth {
    /// Acknowledgment with credits, receiver not ready, or what went wrong.
    pub syndrome: u8,
    /// Message sequence number, 24 bits.
    pub message_sequence: u32,
}

impl Aeth {
    /// Bytes of the header.
    pub const LEN: usize = 4;

    /// Reads it from the bytes behind the base transport header.
    ///
    /// # Errors
    /// They are fewer than it takes.
    pub fn parse(bytes: &[u8]) -> Result<Self, Truncated> {
        check_len(bytes, Self::LEN)?;
        Ok(Self { syndrome: bytes[0], message_sequence: get_u24(bytes, 1) })
    }

    /// The bytes.
    pub fn emit(&self) -> [u8; Self::LEN] {
        let [_, a, b, c] = self.message_sequence.to_be_bytes();
        [self.syndrome, a, b, c]
    }
}

/// The invariant CRC of a packet whose IP header starts at the first byte, over all bytes but the last four,
/// which are its place. Fields that change on the way (annex A17.3.3) count as ones; 64 ones stand for the local
/// route header. To be written little-endian.
///
/// # Errors
/// The bytes are no UDP over IPv4 or IPv6 with a base transport header and room for the CRC.
pub fn invariant_crc(packet: &[u8]) -> Result<u32, Truncated> {
    const LOCAL_ROUTE_HEADER: [u8; 8] = [0xff; 8];
    const IPV4_MASKED: [usize; 4] = [1, 8, 10, 11];
    const IPV6_MASKED: [usize; 4] = [1, 2, 3, 7];
    const UDP_CHECKSUM: usize = 6;
    const HEADERS_LEN_MAX: usize = 60 + 8 + field::END;
    let (ip_len, masked) = match packet.first().ok_or(Truncated)? >> 4 {
        4 => (4 * usize::from(packet[0] & 0xf), IPV4_MASKED),
        6 => (40, IPV6_MASKED),
        _ => return Err(Truncated),
    };
    let bth_at = ip_len + 8;
    let headers_len = bth_at + field::END;
    if ip_len < 20 {
        return Err(Truncated);
    }
    check_len(packet, headers_len + ICRC_LEN)?;
    let mut headers = [0; HEADERS_LEN_MAX];
    let headers = &mut headers[..headers_len];
    headers.copy_from_slice(&packet[..headers_len]);
    for at in masked {
        headers[at] = 0xff;
    }
    if ip_len == 40 && headers[0] >> 4 == 6 {
        // Traffic class and flow label, but not the version.
        headers[0] |= 0x0f;
    }
    headers[ip_len + UDP_CHECKSUM..ip_len + UDP_CHECKSUM + 2].fill(0xff);
    headers[bth_at + field::CONGESTION] = 0xff;
    let mut crc = crc32fast::Hasher::new();
    crc.update(&LOCAL_ROUTE_HEADER);
    crc.update(headers);
    crc.update(&packet[headers_len..packet.len() - ICRC_LEN]);
    Ok(crc.finalize())
}

/// Whether the invariant CRC of a packet, whose IP header starts at the first byte, is right.
pub fn has_valid_icrc(packet: &[u8]) -> bool {
    invariant_crc(packet).is_ok_and(|crc| packet.ends_with(&crc.to_le_bytes()))
}

/// Makes the invariant CRC of a packet right, whose IP header starts at the first byte and which ends with it.
///
/// # Errors
/// As [`invariant_crc`].
pub fn fill_icrc(packet: &mut [u8]) -> Result<(), Truncated> {
    let crc = invariant_crc(packet)?;
    let at = packet.len() - ICRC_LEN;
    put(packet, at, &crc.to_le_bytes());
    Ok(())
}
