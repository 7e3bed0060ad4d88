//! ARP for IPv4 over Ethernet (RFC 826).

use std::net::Ipv4Addr;

use super::{Mac, Truncated, check_len, get_array, get_u16};

mod field {
    pub(super) const HARDWARE: usize = 0;
    pub(super) const PROTOCOL: usize = 2;
    pub(super) const LENGTHS: usize = 4;
    pub(super) const OPERATION: usize = 6;
    pub(super) const SENDER_MAC: usize = 8;
    pub(super) const SENDER_IP: usize = 14;
    pub(super) const TARGET_MAC: usize = 18;
    pub(super) const TARGET_IP: usize = 24;
    pub(super) const END: usize = 28;
}

/// An ARP packet.
#[derive(Clone, Copy, Debug)]
pub struct Arp<T>(T);

impl<T: AsRef<[u8]>> Arp<T> {
    /// Bytes of the packet.
    pub const LEN: usize = field::END;
    /// Operation: who has this address?
    pub const REQUEST: u16 = 1;
    /// Operation: I have.
    pub const REPLY: u16 = 2;

    /// Views bytes as an ARP packet.
    ///
    /// # Errors
    /// They are fewer than it takes.
    pub fn new_checked(bytes: T) -> Result<Self, Truncated> {
        check_len(bytes.as_ref(), Self::LEN)?;
        Ok(Self(bytes))
    }

    /// Whether it speaks of IPv4 over Ethernet.
    pub fn is_ipv4_over_ethernet(&self) -> bool {
        let bytes = self.0.as_ref();
        get_u16(bytes, field::HARDWARE) == 1
            && get_u16(bytes, field::PROTOCOL) == 0x0800
            && bytes[field::LENGTHS..field::LENGTHS + 2] == [6, 4]
    }

    /// Request or reply.
    pub fn operation(&self) -> u16 {
        get_u16(self.0.as_ref(), field::OPERATION)
    }

    /// Who sends, Ethernet address.
    pub fn sender_mac(&self) -> Mac {
        Mac(get_array(self.0.as_ref(), field::SENDER_MAC))
    }

    /// Who sends, IPv4 address.
    pub fn sender_ip(&self) -> Ipv4Addr {
        get_array::<4>(self.0.as_ref(), field::SENDER_IP).into()
    }

    /// Who is asked for, Ethernet address; zero in a request.
    pub fn target_mac(&self) -> Mac {
        Mac(get_array(self.0.as_ref(), field::TARGET_MAC))
    }

    /// Who is asked for, IPv4 address.
    pub fn target_ip(&self) -> Ipv4Addr {
        get_array::<4>(self.0.as_ref(), field::TARGET_IP).into()
    }
}

/// The bytes of an ARP packet.
pub(super) fn emit(operation: u16, sender: (Mac, Ipv4Addr), target: (Mac, Ipv4Addr)) -> [u8; field::END] {
    let mut bytes = [0; field::END];
    bytes[..field::OPERATION].copy_from_slice(&[0, 1, 8, 0, 6, 4]);
    super::put(&mut bytes, field::OPERATION, &operation.to_be_bytes());
    super::put(&mut bytes, field::SENDER_MAC, &sender.0.0);
    super::put(&mut bytes, field::SENDER_IP, &sender.1.octets());
    super::put(&mut bytes, field::TARGET_MAC, &target.0.0);
    super::put(&mut bytes, field::TARGET_IP, &target.1.octets());
    bytes
}
