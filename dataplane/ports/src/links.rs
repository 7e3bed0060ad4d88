//! Which interfaces have a link, as the kernel tells it (rtnetlink(7)).
//!
//! Invariant: only interfaces of the network namespace in which it was opened are told of, and of each the state that it is
//! in comes last: what the kernel had no room to tell is asked for once all that it did tell has been read.
#![allow(unsafe_code)] // Netlink has no safe face in the standard library.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Bytes read at once; the kernel puts no more into one message of several.
const READ_BYTES: usize = 32_768;
const HEADER_BYTES: usize = size_of::<libc::nlmsghdr>();
/// `struct ifinfomsg`: family, type, index, flags, change mask.
const INFO_BYTES: usize = 16;
const INDEX_AT: usize = 4;
const FLAGS_AT: usize = 8;

/// An interface that is set up, and whether it has a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkState {
    /// Its index.
    pub index: i32,
    /// Whether something answers at the other end.
    pub has_link: bool,
}

/// What the kernel says of links. One thread waits; any may ask.
#[derive(Debug)]
pub struct Links {
    socket: OwnedFd,
    asked: Mutex<Asked>,
    /// The kernel has had no room for something.
    has_missed: AtomicBool,
}

/// What was asked for.
#[derive(Debug, Default)]
struct Asked {
    /// All links are being told. Meanwhile the kernel refuses to begin again.
    is_telling: bool,
    /// They are wanted once more after that.
    is_wanted: bool,
}

/// What a row of messages said.
#[derive(Debug, Default, PartialEq, Eq)]
struct Told {
    links: Vec<LinkState>,
    /// That was the last of what was asked for, or it was refused.
    is_over: bool,
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
        let links = Links { socket, asked: Mutex::default(), has_missed: AtomicBool::new(false) };
        links.ask()?;
        Ok(links)
    }

    /// Has all links told again, as one has to that was not there to hear of a change.
    ///
    /// # Errors
    /// What the system says.
    pub fn ask(&self) -> io::Result<()> {
        self.change(|asked| asked.is_wanted = true)
    }

    /// Asks if that is wanted then and may be. What could not be sent is wanted still.
    fn change(&self, change: impl FnOnce(&mut Asked)) -> io::Result<()> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut asked);
        if asked.is_wanted && !asked.is_telling {
            self.send()?;
            *asked = Asked { is_telling: true, is_wanted: false };
        }
        Ok(())
    }

    fn send(&self) -> io::Result<()> {
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
        let flags = if self.has_missed.load(Ordering::SeqCst) { libc::MSG_DONTWAIT } else { 0 };
        // SAFETY: the pointer is to as many live bytes as are given, which nobody else has meanwhile.
        let read =
            unsafe { libc::recv(self.socket.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len(), flags) };
        let Ok(read) = usize::try_from(read) else {
            let error = io::Error::last_os_error();
            return match error.raw_os_error() {
                Some(libc::EINTR) => Ok(Vec::new()),
                // Nothing of what is asked for now goes missing, where before all was read it might.
                Some(libc::EAGAIN) if self.has_missed.swap(false, Ordering::SeqCst) => {
                    let asked = self.change(|asked| *asked = Asked { is_telling: false, is_wanted: true });
                    asked.map(|()| Vec::new())
                }
                Some(libc::EAGAIN) => Ok(Vec::new()),
                Some(libc::ENOBUFS) => {
                    self.has_missed.store(true, Ordering::SeqCst);
                    Ok(Vec::new())
                }
                _ => Err(error),
            };
        };
        let Told { links, is_over } = parse(buffer.get(..read).unwrap_or(&[]));
        if is_over {
            // If that cannot be sent, it is wanted still, and sent with the next.
            let _ = self.change(|asked| asked.is_telling = false);
        }
        Ok(links)
    }
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

/// What a row of messages says; what is cut off or means something else is passed over.
fn parse(mut bytes: &[u8]) -> Told {
    let mut told = Told::default();
    while let Some(length) = number(bytes, 0).map(u32::from_ne_bytes) {
        let length = length as usize;
        let Some(message) = bytes.get(..length).filter(|_| length >= HEADER_BYTES) else { break };
        match number(message, 4).map(u16::from_ne_bytes) {
            Some(libc::RTM_NEWLINK) => told.links.extend(link(&message[HEADER_BYTES..])),
            Some(kind) if [libc::NLMSG_DONE, libc::NLMSG_ERROR].contains(&i32::from(kind)) => {
                told.is_over = true;
            }
            Some(_) | None => {}
        }
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or(&[]);
    }
    told
}

/// An interface that is not set up is no matter of links.
fn link(info: &[u8]) -> Option<LinkState> {
    let (index, flags) = (number(info, INDEX_AT)?, u32::from_ne_bytes(number(info, FLAGS_AT)?));
    let is = |flag: libc::c_int| flags & flag as u32 != 0;
    is(libc::IFF_UP).then(|| LinkState { index: i32::from_ne_bytes(index), has_link: is(libc::IFF_LOWER_UP) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u16, index: i32, flags: i32) -> Vec<u8> {
        // With an attribute behind it that means nothing here.
        let mut message = ((HEADER_BYTES + INFO_BYTES + 8) as u32).to_ne_bytes().to_vec();
        message.extend(kind.to_ne_bytes());
        message.resize(HEADER_BYTES + INDEX_AT, 0);
        message.extend(index.to_ne_bytes());
        message.extend(flags.to_ne_bytes());
        message.resize(HEADER_BYTES + INFO_BYTES + 8, 0xff);
        message
    }

    #[test]
    fn links_are_told_in_their_order() {
        let (up, lower) = (libc::IFF_UP, libc::IFF_LOWER_UP);
        let row = [
            message(libc::RTM_NEWLINK, 3, up | lower),
            message(libc::RTM_NEWLINK, 22, up),
            message(libc::RTM_NEWLINK, 4, 0),
            message(libc::RTM_DELLINK, 5, up | lower),
            message(libc::RTM_NEWLINK, 22, up | lower),
        ]
        .concat();
        let told = |index, has_link| LinkState { index, has_link };
        let links = vec![told(3, true), told(22, false), told(22, true)];
        assert_eq!(parse(&row), Told { links, is_over: false });
        // Nothing is made of what is cut off, wherever that is.
        for length in 0..row.len() {
            assert!(parse(&row).links.starts_with(&parse(&row[..length]).links), "{length}");
        }
        for over in [libc::NLMSG_DONE, libc::NLMSG_ERROR] {
            let row = [message(libc::RTM_NEWLINK, 3, up), message(over as u16, 0, 0)].concat();
            assert_eq!(parse(&row), Told { links: vec![told(3, false)], is_over: true });
        }
    }

    #[test]
    fn lengths_that_cannot_be_end_it() {
        for length in [0u32, 3, 15, u32::MAX] {
            assert_eq!(parse(&[&length.to_ne_bytes()[..], &[0; 40]].concat()), Told::default());
        }
        let short =
            [&(HEADER_BYTES as u32 + 6).to_ne_bytes()[..], &libc::RTM_NEWLINK.to_ne_bytes(), &[0xff; 40]];
        assert_eq!(parse(&short.concat()).links, []);
    }

    #[test]
    fn the_kernel_tells_all_that_there_are_as_often_as_they_are_asked_for() {
        let links = Links::open(Duration::from_millis(50)).expect("netlink is there");
        let all = |links: &Links| {
            let mut told = Vec::new();
            while links.asked.lock().expect("nobody panicked").is_telling {
                told.extend(links.wait().expect("it answers"));
            }
            told
        };
        let first = all(&links);
        // The second time while the first is under way.
        links.ask().expect("it is sent");
        links.ask().expect("it is kept");
        assert!(links.asked.lock().expect("nobody panicked").is_wanted);
        let twice = all(&links);
        assert!(twice.len() >= 2 * first.len(), "{first:?}, then {twice:?}");
        // What was missed is asked for when nothing is left to read.
        links.has_missed.store(true, Ordering::SeqCst);
        assert!(links.wait().expect("nothing is there").is_empty());
        assert!(all(&links).len() >= first.len());
    }
}
