//! Which interfaces have a link, as the kernel tells it (rtnetlink(7)).
//!
//! Invariant: only interfaces of the network namespace in which it was opened are told of, and of each the state that it is
//! in comes last.
#![allow(unsafe_code)] // Netlink has no safe face in the standard library.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

/// Bytes read at once; the kernel puts no more into one message of several.
const READ_BYTES: usize = 32_768;
const HEADER_BYTES: usize = size_of::<libc::nlmsghdr>();
/// `struct ifinfomsg`: family, type, index, flags, change mask.
const INFO_BYTES: usize = 16;
const FLAGS_AT: usize = 8;
const ATTRIBUTE_BYTES: usize = 4;

/// An interface that is set up, and whether it has a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkState {
    /// Its name.
    pub name: String,
    /// Whether something answers at the other end.
    pub has_link: bool,
}

/// What the kernel says of links.
#[derive(Debug)]
pub struct Links {
    socket: OwnedFd,
}

impl Links {
    /// Listens from now on, at most so long at a time, and has all that there are told.
    ///
    /// # Errors
    /// What the system says, where it has no netlink or a policy forbids it.
    pub fn open(patience: Duration) -> io::Result<Links> {
        // SAFETY: socket takes no pointers; a descriptor that is not negative is ours alone.
        let socket = unsafe {
            let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC;
            let fd = libc::socket(libc::AF_NETLINK, kind, libc::NETLINK_ROUTE);
            if fd < 0 {
                return Err(io::Error::last_os_error());
            }
            OwnedFd::from_raw_fd(fd)
        };
        // SAFETY: sockaddr_nl is plain data for which all zeros is a value.
        let mut address: libc::sockaddr_nl = unsafe { std::mem::zeroed() };
        address.nl_family = libc::AF_NETLINK as libc::sa_family_t;
        address.nl_groups = libc::RTMGRP_LINK as u32;
        let wait = libc::timeval {
            tv_sec: libc::time_t::try_from(patience.as_secs()).unwrap_or(1),
            tv_usec: patience.subsec_micros().into(),
        };
        // SAFETY: both pointers are to live values of the sizes given, which the calls only read.
        let refused = unsafe {
            let fd = socket.as_raw_fd();
            libc::bind(fd, (&raw const address).cast(), size_of_val(&address) as libc::socklen_t) < 0
                || libc::setsockopt(
                    fd,
                    libc::SOL_SOCKET,
                    libc::SO_RCVTIMEO,
                    (&raw const wait).cast(),
                    size_of_val(&wait) as libc::socklen_t,
                ) < 0
        };
        if refused {
            return Err(io::Error::last_os_error());
        }
        let links = Links { socket };
        links.ask()?;
        Ok(links)
    }

    /// Has all links told again, as one has to that was not there to hear of a change.
    ///
    /// # Errors
    /// What the system says.
    pub fn ask(&self) -> io::Result<()> {
        let mut request = [0; HEADER_BYTES + INFO_BYTES];
        let flags = (libc::NLM_F_REQUEST | libc::NLM_F_DUMP) as u16;
        request[..4].copy_from_slice(&((HEADER_BYTES + INFO_BYTES) as u32).to_ne_bytes());
        request[4..6].copy_from_slice(&libc::RTM_GETLINK.to_ne_bytes());
        request[6..8].copy_from_slice(&flags.to_ne_bytes());
        // SAFETY: the pointer is to as many live bytes as are given, which the call only reads.
        let sent = unsafe { libc::send(self.socket.as_raw_fd(), request.as_ptr().cast(), request.len(), 0) };
        if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Waits for news, and gives them in their order; none if it has waited as long as it may.
    ///
    /// # Errors
    /// What the system says.
    pub fn wait(&self) -> io::Result<Vec<LinkState>> {
        let mut buffer = vec![0; READ_BYTES];
        // SAFETY: the pointer is to as many live bytes as are given, which nobody else has meanwhile.
        let read =
            unsafe { libc::recv(self.socket.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len(), 0) };
        match usize::try_from(read) {
            Ok(read) => Ok(parse(buffer.get(..read).unwrap_or(&[]))),
            Err(_) => match io::Error::last_os_error() {
                error if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EINTR)) => Ok(Vec::new()),
                // More happened than there was room for.
                error if error.raw_os_error() == Some(libc::ENOBUFS) => self.ask().map(|()| Vec::new()),
                error => Err(error),
            },
        }
    }
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

/// The links of a row of messages; what is cut off or means something else is passed over.
fn parse(mut bytes: &[u8]) -> Vec<LinkState> {
    let mut found = Vec::new();
    while let Some(length) = number(bytes, 0).map(u32::from_ne_bytes) {
        let length = length as usize;
        let Some(message) = bytes.get(..length).filter(|_| length >= HEADER_BYTES) else { break };
        if number(message, 4).map(u16::from_ne_bytes) == Some(libc::RTM_NEWLINK) {
            found.extend(link(&message[HEADER_BYTES..]));
        }
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or(&[]);
    }
    found
}

/// An interface that is not set up is no matter of links.
fn link(info: &[u8]) -> Option<LinkState> {
    let flags = u32::from_ne_bytes(number(info, FLAGS_AT)?);
    if flags & libc::IFF_UP as u32 == 0 {
        return None;
    }
    let has_link = flags & libc::IFF_LOWER_UP as u32 != 0;
    let mut attributes = info.get(INFO_BYTES..)?;
    loop {
        let length = usize::from(u16::from_ne_bytes(number(attributes, 0)?));
        let kind = u16::from_ne_bytes(number(attributes, 2)?);
        let value = attributes.get(ATTRIBUTE_BYTES..length)?;
        if kind == libc::IFLA_IFNAME {
            let name = value.split(|&byte| byte == 0).next()?;
            return Some(LinkState { name: String::from_utf8(name.to_vec()).ok()?, has_link });
        }
        attributes = attributes.get(length.next_multiple_of(4)..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u16, flags: i32, attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut info = vec![0; INFO_BYTES];
        info[FLAGS_AT..FLAGS_AT + 4].copy_from_slice(&flags.to_ne_bytes());
        for (kind, value) in attributes {
            info.extend((value.len() as u16 + 4).to_ne_bytes());
            info.extend(kind.to_ne_bytes());
            info.extend(*value);
            info.resize(info.len().next_multiple_of(4), 0);
        }
        let mut message = ((HEADER_BYTES + info.len()) as u32).to_ne_bytes().to_vec();
        message.extend(kind.to_ne_bytes());
        message.resize(HEADER_BYTES, 0);
        message.extend(info);
        message
    }

    #[test]
    fn links_are_told_by_name_in_their_order() {
        let (up, lower) = (libc::IFF_UP, libc::IFF_LOWER_UP);
        let name = libc::IFLA_IFNAME;
        let row = [
            message(libc::RTM_NEWLINK, up | lower, &[(libc::IFLA_MTU, &[0; 4]), (name, b"eth1\0")]),
            message(libc::RTM_NEWLINK, up, &[(name, b"eth22\0")]),
            message(libc::RTM_NEWLINK, 0, &[(name, b"unset\0")]),
            message(libc::RTM_DELLINK, up | lower, &[(name, b"gone\0")]),
            message(libc::RTM_NEWLINK, up | lower, &[(name, b"eth22\0")]),
        ]
        .concat();
        let told = |name: &str, has_link| LinkState { name: name.to_owned(), has_link };
        assert_eq!(parse(&row), [told("eth1", true), told("eth22", false), told("eth22", true)]);
        // Nothing is made of what is cut off, wherever that is.
        for length in 0..row.len() {
            let found = parse(&row[..length]);
            assert!(found.len() <= 3 && parse(&row).starts_with(&found), "{length}");
        }
    }

    #[test]
    fn lengths_that_cannot_be_end_it() {
        for length in [0u32, 3, 15, u32::MAX] {
            assert_eq!(parse(&[&length.to_ne_bytes()[..], &[0; 40]].concat()), []);
        }
        let mut short = message(libc::RTM_NEWLINK, libc::IFF_UP, &[(libc::IFLA_IFNAME, b"a\0")]);
        short[HEADER_BYTES + INFO_BYTES..][..2].copy_from_slice(&0u16.to_ne_bytes());
        assert_eq!(parse(&short), []);
    }

    #[test]
    fn the_kernel_tells_of_the_loopback_interface() {
        let links = Links::open(Duration::from_millis(50)).expect("netlink is there");
        let mut told = links.wait().expect("it answers");
        while !told.iter().any(|link| link.name == "lo") {
            let more = links.wait().expect("it answers");
            // A loopback interface that is not set up is not told of.
            if more.is_empty() {
                return;
            }
            told.extend(more);
        }
    }
}
