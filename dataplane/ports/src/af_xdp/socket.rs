//! An AF_XDP socket with its memory and rings: its system calls, made safe.
//!
//! Invariant: rings are unmapped before the socket is closed, or its queue would stay bound, and the memory is
//! unmapped after it.
#![allow(unsafe_code)] // AF_XDP sockets have no safe face in the standard library.

use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use super::ring::{Consumer, Producer};
use super::umem::{Layout, Umem};

/// Frames for what is received, and as many for what is sent.
pub(super) const FRAMES_EACH_WAY: u32 = 2_048;

/// Twice the frames: the kernel says late what it has taken.
const FILL_CAPACITY: u32 = 2 * FRAMES_EACH_WAY;

/// Packets that one system call sends in copy mode at most (linux/if_xdp.h; since Linux 6.18).
const XDP_MAX_TX_SKB_BUDGET: libc::c_int = 9;

/// How a socket is bound to its queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Binding {
    pub(super) interface_index: i32,
    pub(super) queue: u32,
    pub(super) layout: Layout,
    pub(super) huge_pages: bool,
    pub(super) zero_copy: bool,
    /// Frames may take several buffers.
    pub(super) multi_buffer: bool,
}

/// A call that failed.
#[derive(Debug)]
pub(super) struct CallError {
    pub(super) call: &'static str,
    pub(super) source: io::Error,
}

fn of_call(call: &'static str) -> impl Fn(io::Error) -> CallError {
    move |source| CallError { call, source }
}

/// A bound socket. Its fields are in the order in which they have to go.
#[derive(Debug)]
pub(super) struct XdpSocket {
    pub(super) receive: Consumer<libc::xdp_desc>,
    pub(super) transmit: Producer<libc::xdp_desc>,
    pub(super) fill: Producer<u64>,
    pub(super) completion: Consumer<u64>,
    socket: OwnedFd,
    pub(super) umem: Umem,
    pub(super) is_zero_copy: bool,
    pub(super) is_multi_buffer: bool,
}

impl AsRawFd for XdpSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

impl XdpSocket {
    /// Binds a new socket to a queue of an interface. The kernel may hold on to a queue for a moment after it was
    /// closed, and says `EBUSY` meanwhile.
    pub(super) fn bind(binding: &Binding) -> Result<Self, CallError> {
        let umem = Umem::map(binding.layout, binding.huge_pages).map_err(of_call("mmap of the frames"))?;
        let socket = open().map_err(of_call("socket(AF_XDP)"))?;
        let set =
            |option, value: u32, call| set(&socket, libc::SOL_XDP, option, &value).map_err(of_call(call));
        self::set(&socket, libc::SOL_XDP, libc::XDP_UMEM_REG, &umem.registration())
            .map_err(of_call("XDP_UMEM_REG"))?;
        set(libc::XDP_UMEM_FILL_RING, FILL_CAPACITY, "XDP_UMEM_FILL_RING")?;
        set(libc::XDP_UMEM_COMPLETION_RING, FRAMES_EACH_WAY, "XDP_UMEM_COMPLETION_RING")?;
        set(libc::XDP_RX_RING, FRAMES_EACH_WAY, "XDP_RX_RING")?;
        set(libc::XDP_TX_RING, FRAMES_EACH_WAY, "XDP_TX_RING")?;
        // Older kernels send 32 a call, whatever one wishes.
        let _unknown = self::set(&socket, libc::SOL_XDP, XDP_MAX_TX_SKB_BUDGET, &256u32);
        let none = libc::xdp_ring_offset { producer: 0, consumer: 0, desc: 0, flags: 0 };
        let none = libc::xdp_mmap_offsets { rx: none, tx: none, fr: none, cr: none };
        let at =
            get(&socket, libc::SOL_XDP, libc::XDP_MMAP_OFFSETS, none).map_err(of_call("XDP_MMAP_OFFSETS"))?;
        let mapping = of_call("mmap of a ring");
        let page = |offset: libc::c_ulonglong| offset as libc::off_t;
        let fill = Producer::map(&socket, FILL_CAPACITY, &at.fr, page(libc::XDP_UMEM_PGOFF_FILL_RING))
            .map_err(&mapping)?;
        let completion =
            Consumer::map(&socket, FRAMES_EACH_WAY, &at.cr, page(libc::XDP_UMEM_PGOFF_COMPLETION_RING))
                .map_err(&mapping)?;
        let receive =
            Consumer::map(&socket, FRAMES_EACH_WAY, &at.rx, libc::XDP_PGOFF_RX_RING).map_err(&mapping)?;
        let transmit =
            Producer::map(&socket, FRAMES_EACH_WAY, &at.tx, libc::XDP_PGOFF_TX_RING).map_err(&mapping)?;

        let mut flags = libc::XDP_USE_NEED_WAKEUP;
        flags |= if binding.zero_copy { libc::XDP_ZEROCOPY } else { libc::XDP_COPY };
        if binding.multi_buffer {
            flags |= libc::XDP_USE_SG;
        }
        let address = libc::sockaddr_xdp {
            sxdp_family: libc::AF_XDP as u16,
            sxdp_flags: flags,
            sxdp_ifindex: binding.interface_index as u32,
            sxdp_queue_id: binding.queue,
            sxdp_shared_umem_fd: 0,
        };
        // SAFETY: the address is a sockaddr_xdp of the length stated and outlives the call.
        let result = unsafe {
            libc::bind(
                socket.as_raw_fd(),
                (&raw const address).cast(),
                size_of::<libc::sockaddr_xdp>() as libc::socklen_t,
            )
        };
        check(result).map_err(of_call("bind"))?;
        let options = get(&socket, libc::SOL_XDP, libc::XDP_OPTIONS, libc::xdp_options { flags: 0 })
            .map_err(of_call("XDP_OPTIONS"))?;
        Ok(Self {
            receive,
            transmit,
            fill,
            completion,
            socket,
            umem,
            is_zero_copy: options.flags & libc::XDP_OPTIONS_ZEROCOPY != 0,
            is_multi_buffer: binding.multi_buffer,
        })
    }

    /// Has the kernel's part of receiving done in [`XdpSocket::drive_receive`] instead of an interrupt.
    pub(super) fn prefer_busy_poll(&self) -> io::Result<()> {
        const SO_PREFER_BUSY_POLL: libc::c_int = 69;
        const SO_BUSY_POLL_BUDGET: libc::c_int = 70;
        const BUSY_POLL_US: i32 = 20;
        const BUDGET_PACKETS: i32 = 64;
        set(&self.socket, libc::SOL_SOCKET, SO_PREFER_BUSY_POLL, &1i32)?;
        set(&self.socket, libc::SOL_SOCKET, libc::SO_BUSY_POLL, &BUSY_POLL_US)?;
        set(&self.socket, libc::SOL_SOCKET, SO_BUSY_POLL_BUDGET, &BUDGET_PACKETS)
    }

    /// Has the kernel look at the fill ring, and at the device if it is busy-polled.
    pub(super) fn drive_receive(&self) {
        // SAFETY: no buffer is given, and a length of zero.
        // What fails here fails again where it is looked at: SO_ERROR.
        let _nothing = unsafe {
            libc::recvfrom(
                self.socket.as_raw_fd(),
                std::ptr::null_mut(),
                0,
                libc::MSG_DONTWAIT,
                std::ptr::null_mut(),
                std::ptr::null_mut(),
            )
        };
    }

    /// Has the kernel look at the transmit ring.
    pub(super) fn drive_transmit(&self) -> io::Result<()> {
        // SAFETY: no buffer is given, and a length of zero.
        let result = unsafe {
            libc::sendto(
                self.socket.as_raw_fd(),
                std::ptr::null(),
                0,
                libc::MSG_DONTWAIT,
                std::ptr::null(),
                0,
            )
        };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Frames that the kernel had no room for, since the socket was opened.
    pub(super) fn missed(&self) -> u64 {
        // SAFETY: xdp_statistics is plain data for which all zeros is a value.
        let none: libc::xdp_statistics = unsafe { zeroed() };
        get(&self.socket, libc::SOL_XDP, libc::XDP_STATISTICS, none)
            .map_or(0, |statistics| statistics.rx_dropped + statistics.rx_ring_full)
    }

    /// The error that is pending on the socket, which is cleared.
    pub(super) fn take_error(&self) -> Option<io::Error> {
        match get(&self.socket, libc::SOL_SOCKET, libc::SO_ERROR, 0i32) {
            Ok(0) => None,
            Ok(code) => Some(io::Error::from_raw_os_error(code)),
            Err(error) => Some(error),
        }
    }
}

fn open() -> io::Result<OwnedFd> {
    // SAFETY: socket takes no pointers; a descriptor that is not negative is ours alone.
    unsafe {
        let fd = libc::socket(libc::AF_XDP, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0);
        if fd < 0 { Err(io::Error::last_os_error()) } else { Ok(OwnedFd::from_raw_fd(fd)) }
    }
}

fn set<T: Copy>(socket: &impl AsRawFd, level: libc::c_int, option: libc::c_int, value: &T) -> io::Result<()> {
    let value: *const T = value;
    // SAFETY: the value is size_of::<T>() bytes long and outlives the call, which only reads it.
    check(unsafe {
        libc::setsockopt(socket.as_raw_fd(), level, option, value.cast(), size_of::<T>() as libc::socklen_t)
    })
}

/// `T` must be plain data that any bytes make.
fn get<T: Copy>(
    socket: &impl AsRawFd,
    level: libc::c_int,
    option: libc::c_int,
    mut value: T,
) -> io::Result<T> {
    let mut len = size_of::<T>() as libc::socklen_t;
    // SAFETY: value has room for the len bytes that the call may write, and is one of the kernel's structures of
    // integers, or an integer, as this module's callers use it.
    check(unsafe {
        libc::getsockopt(socket.as_raw_fd(), level, option, (&raw mut value).cast(), &raw mut len)
    })?;
    Ok(value)
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
