//! A port on a TAP device: the host's own stack, or a virtual machine, on the other side.
//!
//! Invariant: a device that this port created disappears with its last queue; one that was there before stays,
//! with its offloads off as a TAP without a reader has them.
#![allow(unsafe_code)] // The TUN/TAP driver is driven by ioctl(2).

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Arc;

use heddle_packet::{Packet, Pool, PortId};

use crate::coalesce::{Large, SEGMENTS_MAX, join};
use crate::device::{Interface, Request, check_name, interface_names, mtu_bytes};
use crate::error::OpenError;
use crate::frame::{MTU_INTERVAL_NS, fits_mtu};
use crate::offload::{Intake, NO_OFFLOAD, Sink, VNET_HEADER_BYTES};
use crate::port::{Port, PortDescription, Queue, QueueError, QueueStats};
use crate::scratch::Scratch;
use crate::whole::{Shapes, cut_first, vnet_header};

const CAPABILITY: &str = "CAP_NET_ADMIN";

/// Offloads that the port undoes per frame, or passes on with it, from the most to the fewest that a kernel may know. One read of a
/// large frame is far cheaper than one for each of its segments.
const OFFLOADS: [libc::c_uint; 2] = [
    libc::TUN_F_CSUM
        | libc::TUN_F_TSO4
        | libc::TUN_F_TSO6
        | libc::TUN_F_TSO_ECN
        | libc::TUN_F_USO4
        | libc::TUN_F_USO6,
    libc::TUN_F_CSUM | libc::TUN_F_TSO4 | libc::TUN_F_TSO6 | libc::TUN_F_TSO_ECN,
];

/// MTU of a device that was moved to a namespace where it can't be asked: the most that IP can say.
const FOREIGN_MTU_BYTES: usize = 65_535;

/// What a TAP port is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TapOptions {
    /// Queues; at least one is opened.
    pub queues: usize,
    /// MTU of a device that is created, where the kernel's 1,500 bytes won't do.
    pub mtu_bytes: Option<usize>,
}

/// A port on a TAP device.
#[derive(Debug)]
pub struct TapPort {
    description: PortDescription,
    queues: Vec<TapQueue>,
}

impl TapPort {
    /// Attaches the device, creating it if it isn't there.
    ///
    /// # Errors
    /// What is missing and how to mend it.
    pub fn open(id: PortId, name: &str, options: &TapOptions) -> Result<Self, OpenError> {
        check_name(name)?;
        let existed = interface_names().iter().any(|existing| existing == name);
        let wanted = options.queues.max(1);
        let mut notes = Vec::new();
        let (first, is_multiple) = attach_first(name, wanted > 1, existed)?;
        let shared = first.as_fd().try_clone_to_owned().map_err(failed(name, "dup"))?;
        let mut devices = vec![first];
        while is_multiple && devices.len() < wanted {
            devices.push(attach(name, true)?);
        }
        if devices.len() < wanted {
            notes.push(format!(
                "The device was created with a single queue, so it gets one and not {wanted}; `ip tuntap add \
                 {name} mode tap multi_queue` makes one with several."
            ));
        }
        let interface = Interface::find(name)?;
        if existed {
            interface.check_usable()?;
        } else {
            if let Some(mtu) = options.mtu_bytes {
                interface.set_mtu(mtu).map_err(failed(name, "SIOCSIFMTU"))?;
            }
            interface.bring_up().map_err(failed(name, "SIOCSIFFLAGS"))?;
            notes.push("Created and set up; it disappears when the port is detached.".to_owned());
        }
        notes.push(match set_offloads(&shared) {
            Ok(()) => "Checksum and segmentation offloads are on; large frames go through whole or are cut, as the program allows.".to_owned(),
            Err(error) => format!("The kernel completes every frame itself (no offloads: {error})."),
        });
        let attachment = Arc::new(Attachment { name: name.to_owned(), device: shared });
        let mtu_bytes = mtu_bytes(name).map_err(failed(name, "SIOCGIFMTU"))?;
        let queues: Vec<_> = devices
            .into_iter()
            .map(|device| TapQueue {
                id,
                device,
                attachment: Arc::clone(&attachment),
                mtu_bytes,
                scratch: Scratch::new(),
                intake: Intake::new(id),
                large: Box::new(Large::NONE),
                mtu_checked_ns: 0,
                stats: QueueStats::default(),
            })
            .collect();
        let description = PortDescription {
            id,
            name: name.to_owned(),
            kind: "TAP",
            interface: None,
            queues: queues.len(),
            mtu_bytes,
            notes,
        };
        Ok(Self { description, queues })
    }
}

fn failed<'a>(name: &'a str, call: &'static str) -> impl Fn(io::Error) -> OpenError + 'a {
    move |source| OpenError::of_call(name, call, CAPABILITY, source)
}

/// Attaches the first queue. A device must be attached the way it was created, with several queues or with one,
/// so the other way is tried as well. Returns whether it has several.
fn attach_first(name: &str, wants_multiple: bool, existed: bool) -> Result<(File, bool), OpenError> {
    match attach(name, wants_multiple) {
        Ok(device) => Ok((device, wants_multiple)),
        Err(OpenError::System { source, .. }) if existed && source.raw_os_error() == Some(libc::EINVAL) => {
            match attach(name, !wants_multiple) {
                Ok(device) => Ok((device, !wants_multiple)),
                Err(OpenError::System { .. }) => Err(OpenError::NotTap { name: name.to_owned() }),
                Err(error) => Err(error),
            }
        }
        Err(error) => Err(error),
    }
}

fn attach(name: &str, is_multiple: bool) -> Result<File, OpenError> {
    let device = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NONBLOCK)
        .open("/dev/net/tun")
        .map_err(|source| match source.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) => failed(name, "opening /dev/net/tun")(source),
            _ => OpenError::NoTapDriver { name: name.to_owned(), source },
        })?;
    let mut flags = libc::IFF_TAP | libc::IFF_NO_PI | libc::IFF_VNET_HDR;
    if is_multiple {
        flags |= libc::IFF_MULTI_QUEUE;
    }
    let mut request = Request::new(name);
    // The flags are all below 0x8000.
    request.set_flags(flags as libc::c_short);
    request.ask(&device, libc::TUNSETIFF).map_err(|source| match source.raw_os_error() {
        Some(libc::EBUSY) => OpenError::TapBusy { name: name.to_owned() },
        _ => failed(name, "TUNSETIFF")(source),
    })?;
    let size = VNET_HEADER_BYTES as libc::c_int;
    // SAFETY: TUNSETVNETHDRSZ reads one int through the pointer, which outlives the call.
    let result = unsafe { libc::ioctl(device.as_raw_fd(), libc::TUNSETVNETHDRSZ, &raw const size) };
    if result < 0 {
        return Err(failed(name, "TUNSETVNETHDRSZ")(io::Error::last_os_error()));
    }
    Ok(device)
}

fn set_offloads(device: &impl AsRawFd) -> io::Result<()> {
    let [most, fewer] = OFFLOADS;
    ask_offloads(device, most).or_else(|_| ask_offloads(device, fewer))
}

fn ask_offloads(device: &impl AsRawFd, offloads: libc::c_uint) -> io::Result<()> {
    // SAFETY: TUNSETOFFLOAD takes its argument by value.
    let result =
        unsafe { libc::ioctl(device.as_raw_fd(), libc::TUNSETOFFLOAD, libc::c_ulong::from(offloads)) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

impl Port for TapPort {
    fn description(&self) -> PortDescription {
        self.description.clone()
    }

    fn split(&mut self) -> Vec<Box<dyn Queue>> {
        self.queues.drain(..).map(|queue| Box::new(queue) as Box<dyn Queue>).collect()
    }
}

/// What all queues of a port share.
#[derive(Debug)]
struct Attachment {
    name: String,
    device: OwnedFd,
}

impl Drop for Attachment {
    fn drop(&mut self) {
        // Fails only if the device is gone, and then there is nothing to restore.
        let _gone = ask_offloads(&self.device, 0);
    }
}

/// One open file of the device.
#[derive(Debug)]
struct TapQueue {
    id: PortId,
    device: File,
    attachment: Arc<Attachment>,
    mtu_bytes: usize,
    scratch: Scratch,
    intake: Intake,
    large: Box<Large>,
    mtu_checked_ns: u64,
    stats: QueueStats,
}

impl TapQueue {
    fn failure(&self, call: &'static str, source: io::Error) -> QueueError {
        let name = self.attachment.name.clone();
        match source.raw_os_error() {
            Some(libc::EBADFD | libc::ENODEV) => QueueError::Gone { name, source },
            _ => QueueError::System { name, call, source },
        }
    }

    /// Writes one packet behind an offload header.
    fn write_one(&self, header: &[u8; VNET_HEADER_BYTES], packet: &Packet) -> io::Result<()> {
        // A frame is written as a whole or not at all.
        (&self.device).write_vectored(&[IoSlice::new(header), IoSlice::new(packet.bytes())]).map(drop)
    }

    /// Writes packets that were joined.
    fn write_joined<'p>(&self, segments: impl Iterator<Item = &'p Packet>) -> io::Result<()> {
        let mut vectors = [IoSlice::new(&[]); 1 + SEGMENTS_MAX];
        vectors[0] = IoSlice::new(self.large.front());
        let mut count = 1;
        for (vector, packet) in vectors[1..].iter_mut().zip(segments) {
            *vector = IoSlice::new(self.large.payload(packet));
            count += 1;
        }
        (&self.device).write_vectored(&vectors[..count]).map(drop)
    }
}

fn give_first(from: &mut VecDeque<Packet>, pool: &mut Pool) {
    if let Some(packet) = from.pop_front() {
        pool.give(packet);
    }
}

impl Queue for TapQueue {
    fn port(&self) -> PortId {
        self.id
    }

    fn receive(
        &mut self,
        now_ns: u64,
        pool: &mut Pool,
        into: &mut Vec<Packet>,
        max: usize,
    ) -> Result<usize, QueueError> {
        let before = into.len();
        let mut sink = Sink { now_ns, pool, into, stats: &mut self.stats, room: max };
        while sink.room > 0 {
            if !self.scratch.take(&mut self.intake, &mut sink) || sink.room == 0 {
                break;
            }
            match (&self.device).read_vectored(&mut self.scratch.space()) {
                Ok(len) => {
                    if !self.scratch.hold(len, None) {
                        sink.stats.rx_invalid += 1;
                    }
                }
                Err(error) => match error.raw_os_error() {
                    Some(libc::EAGAIN | libc::EINTR) => break,
                    _ => return Err(self.failure("read", error)),
                },
            }
        }
        Ok(into.len() - before)
    }

    fn transmit(
        &mut self,
        now_ns: u64,
        pool: &mut Pool,
        from: &mut VecDeque<Packet>,
    ) -> Result<usize, QueueError> {
        if now_ns.saturating_sub(self.mtu_checked_ns) >= MTU_INTERVAL_NS {
            self.mtu_checked_ns = now_ns;
            // A device that isn't found may live on in another namespace: its MTU can't be seen from here, and TAP
            // takes frames of any size. If it is gone, writing will tell.
            self.mtu_bytes = mtu_bytes(&self.attachment.name).unwrap_or(FOREIGN_MTU_BYTES);
        }
        let mut count = 0;
        while let Some(packet) = from.front() {
            let whole = packet.segmentation.map(|_| vnet_header(packet, self.mtu_bytes));
            if whole == Some(None) {
                cut_first(from, pool);
                continue;
            }
            let segments = if whole.is_some() {
                1
            } else if join(from.iter(), self.mtu_bytes, &mut self.large) {
                self.large.segments
            } else if fits_mtu(packet.bytes(), packet.len(), self.mtu_bytes) {
                1
            } else {
                self.stats.tx_refused += 1;
                give_first(from, pool);
                continue;
            };
            let written = match whole.flatten() {
                Some(header) => self.write_one(&header, packet),
                None if segments == 1 => self.write_one(&NO_OFFLOAD, packet),
                None => self.write_joined(from.iter().take(segments)),
            };
            match written {
                Ok(()) => {
                    for packet in from.drain(..segments) {
                        self.stats.tx_packets += packet.segments() as u64;
                        self.stats.tx_bytes += packet.wire_bytes() as u64;
                        count += packet.segments();
                        pool.give(packet);
                    }
                }
                Err(error) => match error.raw_os_error() {
                    Some(libc::EAGAIN | libc::ENOBUFS | libc::ENOMEM | libc::EINTR) => break,
                    // Down: as on any wire that is cut, what is sent is lost, and what follows may not be.
                    Some(libc::EIO) => {
                        for packet in from.drain(..segments) {
                            self.stats.tx_refused += packet.segments() as u64;
                            pool.give(packet);
                        }
                    }
                    Some(libc::EINVAL) if whole.is_some() => cut_first(from, pool),
                    // Too short for an Ethernet header; segments that are joined are not.
                    Some(libc::EINVAL) if segments == 1 => {
                        self.stats.tx_refused += 1;
                        give_first(from, pool);
                    }
                    _ => return Err(self.failure("write", error)),
                },
            }
        }
        Ok(count)
    }

    fn carry_whole(&mut self, shapes: Shapes) {
        self.intake.set_whole(shapes);
    }

    fn takes_whole(&self) -> bool {
        true
    }

    fn readable_fd(&self) -> Option<RawFd> {
        Some(self.device.as_raw_fd())
    }

    fn stats(&self) -> QueueStats {
        self.stats
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_impossible_name_is_refused_before_the_driver_is_asked() {
        let error = TapPort::open(PortId(1), "tap/0", &TapOptions::default()).unwrap_err();
        assert!(matches!(error, OpenError::Name { .. }), "{error}");
    }
}
