//! An `AF_PACKET` socket: its system calls, made safe.
//!
//! Invariant: the kernel keeps no pointer that a call is given beyond that call.
#![allow(unsafe_code)] // Packet sockets have no safe face in the standard library.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use heddle_packet::Packet;

use crate::coalesce::{Large, SEGMENTS_MAX, join};
use crate::frame::VLAN_TAG_BYTES;
use crate::offload::{NO_OFFLOAD, VNET_HEADER_BYTES};
use crate::scratch::Scratch;
use crate::whole::vnet_header;

/// A packet socket that has not been bound, or has.
#[derive(Debug)]
pub(crate) struct PacketSocket(OwnedFd);

impl AsRawFd for PacketSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

impl PacketSocket {
    /// A socket that receives nothing until it is bound.
    pub(crate) fn open() -> io::Result<Self> {
        // SAFETY: socket takes no pointers; a descriptor that is not negative is ours alone.
        unsafe {
            let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
            let fd = libc::socket(libc::AF_PACKET, kind, 0);
            if fd < 0 { Err(io::Error::last_os_error()) } else { Ok(Self(OwnedFd::from_raw_fd(fd))) }
        }
    }

    pub(crate) fn raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }

    /// Starts receiving every protocol from the interface.
    pub(crate) fn bind(&self, interface_index: i32) -> io::Result<()> {
        // SAFETY: sockaddr_ll is plain data for which all zeros is a value.
        let mut address: libc::sockaddr_ll = unsafe { zeroed() };
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_protocol = (libc::ETH_P_ALL as u16).to_be();
        address.sll_ifindex = interface_index;
        // SAFETY: the address is a sockaddr_ll of the length stated and outlives the call.
        let result = unsafe {
            libc::bind(self.raw_fd(), (&raw const address).cast(), size_of::<libc::sockaddr_ll>() as u32)
        };
        check(result)
    }

    pub(crate) fn set<T: Copy>(&self, level: i32, option: i32, value: &T) -> io::Result<()> {
        let value: *const T = value;
        // SAFETY: the value is size_of::<T>() bytes long and outlives the call, which only reads it.
        check(unsafe { libc::setsockopt(self.raw_fd(), level, option, value.cast(), size_of::<T>() as u32) })
    }

    /// `T` must be plain data that any bytes make.
    fn get<T: Copy>(&self, level: i32, option: i32, mut value: T) -> io::Result<T> {
        let mut len = size_of::<T>() as u32;
        // SAFETY: value has room for the len bytes that the call may write, and is private to this module's
        // callers, who use integers and the kernel's structures of integers.
        check(unsafe {
            libc::getsockopt(self.raw_fd(), level, option, (&raw mut value).cast(), &raw mut len)
        })?;
        Ok(value)
    }

    /// Asks for a `virtio_net_hdr` in front of every frame, both ways.
    pub(crate) fn set_vnet_header(&self) -> io::Result<()> {
        self.set(libc::SOL_PACKET, libc::PACKET_VNET_HDR, &1i32)
    }

    /// Asks not to see what this host sends.
    pub(crate) fn ignore_outgoing(&self) -> io::Result<()> {
        self.set(libc::SOL_PACKET, libc::PACKET_IGNORE_OUTGOING, &1i32)
    }

    /// Asks for the VLAN tag beside frames read with [`PacketSocket::receive`].
    pub(crate) fn set_auxiliary_data(&self) -> io::Result<()> {
        self.set(libc::SOL_PACKET, libc::PACKET_AUXDATA, &1i32)
    }

    /// Makes the interface promiscuous for as long as the socket is open.
    pub(crate) fn join_promiscuous(&self, interface_index: i32) -> io::Result<()> {
        let request = libc::packet_mreq {
            mr_ifindex: interface_index,
            mr_type: libc::PACKET_MR_PROMISC as u16,
            mr_alen: 0,
            mr_address: [0; 8],
        };
        self.set(libc::SOL_PACKET, libc::PACKET_ADD_MEMBERSHIP, &request)
    }

    /// Room for received frames outside of a ring; what the privileges allow of it.
    pub(crate) fn set_receive_buffer(&self, bytes: usize) {
        let bytes = i32::try_from(bytes).unwrap_or(i32::MAX);
        // A smaller buffer loses more; it is no reason to fail.
        if self.set(libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, &bytes).is_err() {
            let _capped = self.set(libc::SOL_SOCKET, libc::SO_RCVBUF, &bytes);
        }
    }

    /// Refuses everything until [`PacketSocket::accept_all`], so that nothing arrives twice while several
    /// sockets are being joined.
    pub(crate) fn refuse_all(&self) -> io::Result<()> {
        const RETURN_CONSTANT: u16 = 0x06;
        let mut program = [libc::sock_filter { code: RETURN_CONSTANT, jt: 0, jf: 0, k: 0 }];
        let filter = libc::sock_fprog { len: 1, filter: program.as_mut_ptr() };
        self.set(libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &filter)
    }

    pub(crate) fn accept_all(&self) -> io::Result<()> {
        self.set(libc::SOL_SOCKET, libc::SO_DETACH_FILTER, &0i32)
    }

    /// Shares the interface's frames by flow hash: with a new group, or with the group of that number. Returns
    /// the group's number.
    pub(crate) fn join_fanout(&self, group: Option<u16>) -> io::Result<u16> {
        let flags = if group.is_none() { libc::PACKET_FANOUT_FLAG_UNIQUEID } else { 0 };
        let kind = libc::PACKET_FANOUT_HASH | flags;
        self.set(libc::SOL_PACKET, libc::PACKET_FANOUT, &(u32::from(group.unwrap_or(0)) | kind << 16))?;
        // The low half is the group's number.
        Ok(self.get(libc::SOL_PACKET, libc::PACKET_FANOUT, 0u32)? as u16)
    }

    /// Frames that the kernel dropped for want of room since it was last asked.
    pub(crate) fn take_drops(&self) -> u64 {
        let none = libc::tpacket_stats { tp_packets: 0, tp_drops: 0 };
        self.get(libc::SOL_PACKET, libc::PACKET_STATISTICS, none).map_or(0, |stats| u64::from(stats.tp_drops))
    }

    /// The error that is pending on the socket, which is cleared.
    pub(crate) fn take_error(&self) -> Option<io::Error> {
        match self.get(libc::SOL_SOCKET, libc::SO_ERROR, 0i32) {
            Ok(0) => None,
            Ok(code) => Some(io::Error::from_raw_os_error(code)),
            Err(error) => Some(error),
        }
    }

    /// Reads one frame with its offload header into `scratch`.
    pub(crate) fn receive(&self, scratch: &mut Scratch) -> io::Result<Outcome> {
        // An IoSliceMut is an iovec, by its documentation.
        let mut space = scratch.space();
        let mut control = ControlBuffer([0; CONTROL_BYTES]);
        // SAFETY: sockaddr_ll and msghdr are plain data for which all zeros is a value.
        let (mut address, mut message): (libc::sockaddr_ll, libc::msghdr) = unsafe { (zeroed(), zeroed()) };
        message.msg_name = (&raw mut address).cast();
        message.msg_namelen = size_of::<libc::sockaddr_ll>() as u32;
        message.msg_iov = space.as_mut_ptr().cast();
        message.msg_iovlen = space.len();
        message.msg_control = control.0.as_mut_ptr().cast();
        message.msg_controllen = CONTROL_BYTES as _;
        // SAFETY: every pointer in the message is to a live local or to scratch, with the lengths stated.
        let len = unsafe { libc::recvmsg(self.raw_fd(), &raw mut message, libc::MSG_DONTWAIT) };
        let Ok(len) = usize::try_from(len) else {
            let error = io::Error::last_os_error();
            return match error.raw_os_error() {
                Some(libc::EAGAIN | libc::EINTR) => Ok(Outcome::Nothing),
                _ => Err(error),
            };
        };
        let is_truncated = message.msg_flags & libc::MSG_TRUNC != 0;
        if address.sll_pkttype == libc::PACKET_OUTGOING {
            return Ok(Outcome::Outgoing);
        }
        if is_truncated || !scratch.hold(len, tag_of(&message)) {
            return Ok(Outcome::Cut);
        }
        Ok(Outcome::Held)
    }
}

/// What [`PacketSocket::receive`] came back with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// There was nothing to receive.
    Nothing,
    /// The scratch buffer holds a frame.
    Held,
    /// A frame that this host sent.
    Outgoing,
    /// A frame that did not fit.
    Cut,
}

const CONTROL_BYTES: usize = 128;

/// Aligned as `cmsghdr` must be.
#[repr(align(8))]
struct ControlBuffer([u8; CONTROL_BYTES]);

/// The VLAN tag in a message's auxiliary data.
fn tag_of(message: &libc::msghdr) -> Option<[u8; VLAN_TAG_BYTES]> {
    // SAFETY: the control buffer that the message points to is alive in the caller, aligned, and its length was
    // set by the kernel; the macros stay within it. Auxiliary data is read unaligned, after its type was
    // checked.
    unsafe {
        let mut header = libc::CMSG_FIRSTHDR(message);
        while let Some(item) = header.as_ref() {
            let needed = libc::CMSG_LEN(size_of::<libc::tpacket_auxdata>() as u32) as usize;
            if item.cmsg_level == libc::SOL_PACKET
                && item.cmsg_type == libc::PACKET_AUXDATA
                && item.cmsg_len >= needed as _
            {
                let aux = libc::CMSG_DATA(header).cast::<libc::tpacket_auxdata>().read_unaligned();
                return tag(aux.tp_status, aux.tp_vlan_tpid, aux.tp_vlan_tci);
            }
            header = libc::CMSG_NXTHDR(message, header);
        }
    }
    None
}

/// The tag as it was on the wire.
pub(crate) fn tag(status: u32, tpid: u16, tci: u16) -> Option<[u8; VLAN_TAG_BYTES]> {
    const TPID_8021Q: u16 = 0x8100;
    if status & libc::TP_STATUS_VLAN_VALID == 0 {
        return None;
    }
    let tpid = if status & libc::TP_STATUS_VLAN_TPID_VALID != 0 { tpid } else { TPID_8021Q };
    let ([a, b], [c, d]) = (tpid.to_be_bytes(), tci.to_be_bytes());
    Some([a, b, c, d])
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Messages sent by one system call at most.
const SEND_BATCH_MAX: usize = 64;

/// The messages of one system call: packets each behind an empty offload header, and large frames joined from
/// several. Kept for its memory.
pub(crate) struct SendBatch {
    larges: Box<[Large; SEND_BATCH_MAX]>,
    /// Offload headers of whole frames.
    headers: Box<[[u8; VNET_HEADER_BYTES]; SEND_BATCH_MAX]>,
    vectors: Vec<libc::iovec>,
    messages: Box<[libc::mmsghdr; SEND_BATCH_MAX]>,
    /// Packets in each message.
    packets: [usize; SEND_BATCH_MAX],
    count: usize,
    /// Whether the first message is a large frame.
    first_is_large: bool,
}

/// What came of sending packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// So many were taken.
    Packets(usize),
    /// None was tried: the first is a whole frame that must be cut.
    CutFirst,
}

/// What came of laying out packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    /// There is something to be sent.
    Ready,
    /// The first packet is a whole frame that must be cut.
    CutFirst,
}

// SAFETY: the pointers in vectors and messages are followed only within `PacketSocket::send`, which writes them
// anew in every call.
unsafe impl Send for SendBatch {}

impl fmt::Debug for SendBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SendBatch({:?})", &self.packets[..self.count])
    }
}

impl SendBatch {
    pub(crate) fn new() -> Self {
        // SAFETY: mmsghdr is plain data for which all zeros is a value.
        let messages: [libc::mmsghdr; SEND_BATCH_MAX] = unsafe { zeroed() };
        Self {
            larges: Box::new([Large::NONE; SEND_BATCH_MAX]),
            headers: Box::new([[0; VNET_HEADER_BYTES]; SEND_BATCH_MAX]),
            vectors: Vec::with_capacity(SEND_BATCH_MAX * (1 + SEGMENTS_MAX)),
            messages: Box::new(messages),
            packets: [0; SEND_BATCH_MAX],
            count: 0,
            first_is_large: false,
        }
    }

    /// Whether the first message is one that the kernel has to cut.
    pub(crate) fn first_is_large(&self) -> bool {
        self.first_is_large
    }

    /// Lays out packets from the front of `from`. With `large`, frames go whole that can, and segments are joined that
    /// can be.
    fn lay_out(&mut self, from: &VecDeque<Packet>, mtu_bytes: usize, large: bool) -> Layout {
        let with_large = large;
        self.vectors.clear();
        self.count = 0;
        self.first_is_large = false;
        let mut next = 0;
        let vector =
            |bytes: &[u8]| libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
        while self.count < SEND_BATCH_MAX
            && let Some(packet) = from.get(next)
        {
            let large = &mut self.larges[self.count];
            let first_vector = self.vectors.len();
            let packets = if packet.segmentation.is_some() {
                let Some(header) = vnet_header(packet, mtu_bytes).filter(|_| with_large) else {
                    if self.count == 0 {
                        return Layout::CutFirst;
                    }
                    // In its turn.
                    break;
                };
                self.headers[self.count] = header;
                self.vectors.extend([vector(&self.headers[self.count]), vector(packet.bytes())]);
                1
            } else if with_large && join(from.range(next..), mtu_bytes, large) {
                self.vectors.push(vector(large.front()));
                let segments = from.range(next..next + large.segments);
                self.vectors.extend(segments.map(|segment| vector(large.payload(segment))));
                large.segments
            } else {
                self.vectors.extend([vector(&NO_OFFLOAD), vector(packet.bytes())]);
                1
            };
            if self.count == 0 {
                self.first_is_large = packets > 1 || packet.segmentation.is_some();
            }
            next += packets;
            self.packets[self.count] = packets;
            self.messages[self.count].msg_hdr.msg_iovlen = self.vectors.len() - first_vector;
            self.count += 1;
        }
        // The vectors have stopped moving.
        let mut first_vector = 0;
        for message in &mut self.messages[..self.count] {
            message.msg_hdr.msg_iov = self.vectors[first_vector..].as_mut_ptr();
            first_vector += message.msg_hdr.msg_iovlen;
        }
        Layout::Ready
    }
}

impl PacketSocket {
    /// Lays out packets from the front of `from` and sends them. Returns how many of them the kernel took; none is
    /// removed.
    pub(crate) fn send(
        &self,
        batch: &mut SendBatch,
        from: &VecDeque<Packet>,
        mtu_bytes: usize,
        large: bool,
    ) -> io::Result<Sent> {
        if batch.lay_out(from, mtu_bytes, large) == Layout::CutFirst {
            return Ok(Sent::CutFirst);
        }
        // SAFETY: the first `count` messages were laid out above: they point to vectors in `batch`, and those to
        // bytes in `batch`, in `from` and in a static, all of which outlive the call, and which the kernel only
        // reads.
        let sent = unsafe {
            libc::sendmmsg(
                self.raw_fd(),
                batch.messages.as_mut_ptr(),
                batch.count as libc::c_uint,
                libc::MSG_DONTWAIT as _,
            )
        };
        let sent = usize::try_from(sent).map_err(|_| io::Error::last_os_error())?;
        Ok(Sent::Packets(batch.packets[..sent.min(batch.count)].iter().sum()))
    }
}
