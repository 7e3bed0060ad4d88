//! Wire formats that tests, generators, ports and telemetry need. The switch itself knows only what its P4
//! program says.
//!
//! Every header is a view over bytes. Its `new_checked` says whether the bytes hold the header's fixed part;
//! from then on no accessor panics, whatever the bytes say. Parts whose place depends on a length field (options,
//! payload) are cut to the bytes that are there. [`FrameBuilder`] makes whole frames.

mod arp;
mod builder;
pub mod checksum;
mod ethernet;
mod icmp;
mod ipv4;
mod ipv6;
pub mod rocev2;
mod tcp;
mod udp;

use std::fmt;

pub use arp::Arp;
pub use builder::{FrameBuilder, TcpSegment};
pub use ethernet::{EtherType, Ethernet, Mac, Vlan};
pub use icmp::{Icmp, IcmpEcho};
pub use ipv4::Ipv4;
pub use ipv6::Ipv6;
pub use tcp::{Tcp, TcpFlags};
pub use udp::Udp;

/// Protocol numbers of IPv4 and next-header values of IPv6 (IANA).
pub mod protocol {
    /// ICMP.
    pub const ICMP: u8 = 1;
    /// TCP.
    pub const TCP: u8 = 6;
    /// UDP.
    pub const UDP: u8 = 17;
    /// ICMPv6.
    pub const ICMPV6: u8 = 58;
}

/// There are fewer bytes than the header takes, or it claims to be shorter than it can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Truncated;

impl fmt::Display for Truncated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the bytes end within the header")
    }
}

impl std::error::Error for Truncated {}

/// Reads a big-endian word of two bytes; the caller has checked that it is there.
fn get_u16(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

/// As [`get_u16`], of four bytes.
fn get_u32(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// Reads a fixed number of bytes; the caller has checked that they are there.
fn get_array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(&bytes[at..at + N]);
    array
}

/// Writes bytes in place; the caller has checked that there is room.
fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    bytes[at..at + value.len()].copy_from_slice(value);
}

/// The part from `from` to `to`, as much of it as there is.
fn clamped(bytes: &[u8], from: usize, to: usize) -> &[u8] {
    let to = to.min(bytes.len());
    &bytes[from.min(to)..to]
}

/// As [`clamped`], to be changed.
fn clamped_mut(bytes: &mut [u8], from: usize, to: usize) -> &mut [u8] {
    let to = to.min(bytes.len());
    &mut bytes[from.min(to)..to]
}

/// Checks a header's fixed length.
fn check_len(bytes: &[u8], len: usize) -> Result<(), Truncated> {
    if bytes.len() < len { Err(Truncated) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
