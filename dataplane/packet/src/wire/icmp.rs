//! ICMP (RFC 792) and ICMPv6 (RFC 4443): what both share, and the echo.

use super::checksum::Sum;
use super::{Truncated, check_len, get_u16};

pub(super) mod field {
    pub(in super::super) const TYPE: usize = 0;
    pub(in super::super) const CODE: usize = 1;
    pub(in super::super) const CHECKSUM: usize = 2;
    pub(in super::super) const IDENTIFIER: usize = 4;
    pub(in super::super) const SEQUENCE: usize = 6;
    pub(in super::super) const PAYLOAD: usize = 8;
}

/// An ICMP or ICMPv6 message; the type says different things in the two.
#[derive(Clone, Copy, Debug)]
pub struct Icmp<T>(T);

/// Identifier and sequence number of an echo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IcmpEcho {
    /// Who asked.
    pub identifier: u16,
    /// Which question.
    pub sequence: u16,
}

impl<T: AsRef<[u8]>> Icmp<T> {
    /// Bytes of the header.
    pub const LEN: usize = field::PAYLOAD;
    /// ICMP: echo reply.
    pub const V4_ECHO_REPLY: u8 = 0;
    /// ICMP: echo request.
    pub const V4_ECHO_REQUEST: u8 = 8;
    /// ICMPv6: echo request.
    pub const V6_ECHO_REQUEST: u8 = 128;
    /// ICMPv6: echo reply.
    pub const V6_ECHO_REPLY: u8 = 129;
    /// ICMPv6: neighbour solicitation (RFC 4861).
    pub const V6_NEIGHBOUR_SOLICITATION: u8 = 135;
    /// ICMPv6: neighbour advertisement (RFC 4861).
    pub const V6_NEIGHBOUR_ADVERTISEMENT: u8 = 136;

    /// Views bytes as a message.
    ///
    /// # Errors
    /// They are fewer than the header takes.
    pub fn new_checked(bytes: T) -> Result<Self, Truncated> {
        check_len(bytes.as_ref(), Self::LEN)?;
        Ok(Self(bytes))
    }

    /// Type.
    pub fn kind(&self) -> u8 {
        self.0.as_ref()[field::TYPE]
    }

    /// Code.
    pub fn code(&self) -> u8 {
        self.0.as_ref()[field::CODE]
    }

    /// The checksum as it stands.
    pub fn checksum(&self) -> u16 {
        get_u16(self.0.as_ref(), field::CHECKSUM)
    }

    /// Whether the checksum is right. `pseudo` is the IPv6 header's part, and nothing for ICMP over IPv4; the
    /// bytes are the whole IP payload.
    pub fn has_valid_checksum(&self, pseudo: Sum) -> bool {
        pseudo.add_bytes(self.0.as_ref()).is_valid()
    }

    /// Identifier and sequence number, which mean something in an echo only.
    pub fn echo(&self) -> IcmpEcho {
        IcmpEcho {
            identifier: get_u16(self.0.as_ref(), field::IDENTIFIER),
            sequence: get_u16(self.0.as_ref(), field::SEQUENCE),
        }
    }

    /// The payload.
    pub fn payload(&self) -> &[u8] {
        &self.0.as_ref()[field::PAYLOAD..]
    }
}
