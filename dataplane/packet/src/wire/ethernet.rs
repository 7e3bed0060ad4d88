//! Ethernet II and the VLAN tag of IEEE 802.1Q.

use std::fmt;

use super::{Truncated, check_len, get_array, get_u16, put};

/// An Ethernet address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// Everybody.
    pub const BROADCAST: Self = Self([0xff; 6]);

    /// A locally administered address made from a number.
    pub const fn local(number: u32) -> Self {
        let [a, b, c, d] = number.to_be_bytes();
        Self([0x02, 0, a, b, c, d])
    }

    /// Whether it is a group's.
    pub const fn is_multicast(self) -> bool {
        self.0[0] & 1 != 0
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What an Ethernet frame or a tag carries.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct EtherType(pub u16);

impl EtherType {
    /// IPv4.
    pub const IPV4: Self = Self(0x0800);
    /// ARP.
    pub const ARP: Self = Self(0x0806);
    /// IPv6.
    pub const IPV6: Self = Self(0x86dd);
    /// A customer's tag, 802.1Q.
    pub const VLAN: Self = Self(0x8100);
    /// A provider's tag, 802.1ad.
    pub const PROVIDER_VLAN: Self = Self(0x88a8);
    /// MAC control: PAUSE and PFC frames.
    pub const MAC_CONTROL: Self = Self(0x8808);

    /// Whether a tag follows.
    pub const fn is_tag(self) -> bool {
        matches!(self, Self::VLAN | Self::PROVIDER_VLAN)
    }
}

impl fmt::Debug for EtherType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EtherType({:#06x})", self.0)
    }
}

mod field {
    pub(super) const DESTINATION: usize = 0;
    pub(super) const SOURCE: usize = 6;
    pub(super) const ETHERTYPE: usize = 12;
    pub(super) const PAYLOAD: usize = 14;
}

/// An Ethernet frame without its frame check sequence.
#[derive(Clone, Copy, Debug)]
pub struct Ethernet<T>(T);

impl<T: AsRef<[u8]>> Ethernet<T> {
    /// Bytes of the header.
    pub const LEN: usize = field::PAYLOAD;

    /// Views bytes as a frame.
    ///
    /// # Errors
    /// They are fewer than the header takes.
    pub fn new_checked(bytes: T) -> Result<Self, Truncated> {
        check_len(bytes.as_ref(), Self::LEN)?;
        Ok(Self(bytes))
    }

    /// Destination address.
    pub fn destination(&self) -> Mac {
        Mac(get_array(self.0.as_ref(), field::DESTINATION))
    }

    /// Source address.
    pub fn source(&self) -> Mac {
        Mac(get_array(self.0.as_ref(), field::SOURCE))
    }

    /// What comes next; a tag's type if the frame is tagged.
    pub fn ethertype(&self) -> EtherType {
        EtherType(get_u16(self.0.as_ref(), field::ETHERTYPE))
    }

    /// What comes next.
    pub fn payload(&self) -> &[u8] {
        &self.0.as_ref()[field::PAYLOAD..]
    }

    /// What the frame carries behind up to two tags, and the bytes of that.
    pub fn untagged(&self) -> (EtherType, &[u8]) {
        let (mut ethertype, mut payload) = (self.ethertype(), self.payload());
        for _ in 0..2 {
            let Some((tag, rest)) = payload.split_at_checked(Vlan::<&[u8]>::LEN) else { break };
            if !ethertype.is_tag() {
                break;
            }
            (ethertype, payload) = (EtherType(get_u16(tag, 2)), rest);
        }
        (ethertype, payload)
    }
}

impl<T: AsRef<[u8]> + AsMut<[u8]>> Ethernet<T> {
    /// Sets the destination address.
    pub fn set_destination(&mut self, mac: Mac) {
        put(self.0.as_mut(), field::DESTINATION, &mac.0);
    }

    /// Sets the source address.
    pub fn set_source(&mut self, mac: Mac) {
        put(self.0.as_mut(), field::SOURCE, &mac.0);
    }

    /// Sets what comes next.
    pub fn set_ethertype(&mut self, ethertype: EtherType) {
        put(self.0.as_mut(), field::ETHERTYPE, &ethertype.0.to_be_bytes());
    }

    /// What comes next, to be changed.
    pub fn payload_mut(&mut self) -> &mut [u8] {
        &mut self.0.as_mut()[field::PAYLOAD..]
    }
}

/// A VLAN tag, from its control information on: the type that announces it belongs to what comes before.
#[derive(Clone, Copy, Debug)]
pub struct Vlan<T>(T);

impl<T: AsRef<[u8]>> Vlan<T> {
    /// Bytes of the control information and the next type.
    pub const LEN: usize = 4;

    /// Views bytes as a tag.
    ///
    /// # Errors
    /// They are fewer than it takes.
    pub fn new_checked(bytes: T) -> Result<Self, Truncated> {
        check_len(bytes.as_ref(), Self::LEN)?;
        Ok(Self(bytes))
    }

    /// Priority code point, 3 bits.
    pub fn priority(&self) -> u8 {
        self.0.as_ref()[0] >> 5
    }

    /// Drop eligible indicator.
    pub fn is_drop_eligible(&self) -> bool {
        self.0.as_ref()[0] & 0x10 != 0
    }

    /// VLAN identifier, 12 bits.
    pub fn vlan_id(&self) -> u16 {
        get_u16(self.0.as_ref(), 0) & 0x0fff
    }

    /// What comes next.
    pub fn ethertype(&self) -> EtherType {
        EtherType(get_u16(self.0.as_ref(), 2))
    }

    /// What comes next.
    pub fn payload(&self) -> &[u8] {
        &self.0.as_ref()[Self::LEN..]
    }
}
