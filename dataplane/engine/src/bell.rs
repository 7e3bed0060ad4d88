//! What a sleeping worker hears: an eventfd, which poll(2) waits for together with the ports.
//!
//! Invariant: once rung the descriptor stays readable until it is silenced, so a ring before the sleep counts.

#![allow(unsafe_code, reason = "eventfd and ppoll have no safe wrapper in the standard library")]

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use crate::signal::Bell;

/// An eventfd.
#[derive(Debug)]
pub(crate) struct EventFd(OwnedFd);

impl EventFd {
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: takes no pointer.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: `fd` was opened just now and nothing else owns it.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Makes it unreadable again.
    pub(crate) fn silence(&self) {
        let mut count = 0u64;
        // SAFETY: the buffer is 8 bytes long and lives through the call. Failing means that it was not rung.
        unsafe { libc::read(self.0.as_raw_fd(), (&raw mut count).cast(), size_of::<u64>()) };
    }
}

impl AsRawFd for EventFd {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

impl Bell for EventFd {
    fn ring(&self) {
        let one = 1u64;
        // SAFETY: the buffer is 8 bytes long and lives through the call. Failing means that the counter is at its
        // limit, and so the descriptor readable.
        unsafe { libc::write(self.0.as_raw_fd(), (&raw const one).cast(), size_of::<u64>()) };
    }
}

/// Sleeps until a descriptor is readable or the time is over; forever without a time.
pub(crate) fn sleep(fds: &mut [libc::pollfd], timeout_ns: Option<u64>) {
    let timeout = timeout_ns.map(|ns| libc::timespec {
        tv_sec: libc::time_t::try_from(ns / 1_000_000_000).unwrap_or(libc::time_t::MAX),
        tv_nsec: (ns % 1_000_000_000) as libc::c_long,
    });
    let timeout = timeout.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: `fds` is a slice of that many entries; the time is null or points to a live value; a null signal
    // mask leaves the mask alone. Whatever it returns, the caller looks at all its queues.
    unsafe { libc::ppoll(fds.as_mut_ptr(), fds.len() as libc::nfds_t, timeout, std::ptr::null()) };
}

/// An entry for [`sleep`].
pub(crate) fn readable(fd: RawFd) -> libc::pollfd {
    libc::pollfd { fd, events: libc::POLLIN, revents: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_before_the_sleep_ends_it_and_silence_lasts() {
        let bell = EventFd::new().expect("an eventfd");
        bell.ring();
        bell.ring();
        let mut fds = [readable(bell.as_raw_fd())];
        sleep(&mut fds, None);
        assert_eq!(fds[0].revents, libc::POLLIN);
        bell.silence();
        let mut fds = [readable(bell.as_raw_fd())];
        sleep(&mut fds, Some(1));
        assert_eq!(fds[0].revents, 0);
    }
}
