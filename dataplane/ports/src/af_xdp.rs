//! A port on an Ethernet interface by `AF_XDP`: frames go between the driver and mapped memory, past the kernel's
//! stack and past the interface's queueing discipline.
//!
//! Only where the driver runs XDP programs itself (native mode); elsewhere `AF_PACKET` does as well or better, and
//! [`open`] takes it and says why. Every receive queue of the interface has a socket with memory of its own.
//!
//! Invariant: the interface is left as it was found: program, promiscuous mode and settings go with the last
//! queue, the first two even if the process is killed.

mod program;
mod queue;
mod ring;
mod setting;
mod socket;
mod umem;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use heddle_packet::PortId;

use self::program::{BpfError, Redirect};
use self::queue::XdpQueue;
use self::setting::Setting;
use self::socket::{Binding, CallError, FRAMES_EACH_WAY, XdpSocket};
use self::umem::Layout;
use crate::af_packet::AfPacketPort;
use crate::device::Interface;
use crate::error::OpenError;
use crate::frame::{ETHERNET_BYTES, VLAN_TAG_BYTES};
use crate::port::{Port, PortDescription, Queue};
use crate::socket::PacketSocket;

/// Bytes from frame to frame: an odd number of cache lines, as for the buffers above.
const STRIDE_BYTES: usize = 2_112;
const ALIGNED_STRIDE_BYTES: usize = 2_048;

/// What the kernel keeps free in front of a received frame (`XDP_PACKET_HEADROOM`).
const KERNEL_HEADROOM_BYTES: usize = 256;

/// How long a queue that was bound until just now is waited for.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(2);

/// How an `AF_XDP` port is opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct XdpOptions {
    /// Queues that the port would be shared between if `AF_XDP` is not to be had; with it there are as many as the
    /// interface has.
    pub queues: usize,
    /// Whether receiving drives the device, whose interrupts are put off meanwhile.
    pub busy_poll: bool,
}

/// Attaches an interface by `AF_XDP`, or, where that cannot be, by `AF_PACKET` with a note that says why.
///
/// # Errors
/// What is missing for either, and how to mend it.
pub fn open(id: PortId, name: &str, options: &XdpOptions) -> Result<Box<dyn Port>, OpenError> {
    let interface = Interface::find(name)?;
    interface.check_usable()?;
    match XdpPort::open(id, &interface, options) {
        Ok(port) => Ok(Box::new(port)),
        Err(why) => {
            let mut port = AfPacketPort::open(id, name, options.queues)?;
            port.note(format!("AF_XDP is not to be had here ({why}); attached by AF_PACKET instead."));
            Ok(Box::new(port))
        }
    }
}

/// Why an interface cannot be attached by `AF_XDP`.
#[derive(Debug)]
enum Unsupported {
    Bpf(BpfError),
    Call(CallError),
    /// The kernel can send from fewer queues than it receives by.
    TransmitQueues {
        receive: usize,
        transmit: usize,
    },
    /// Frames need several buffers, and the kernel takes one each.
    Mtu {
        mtu_bytes: usize,
        most_bytes: usize,
    },
}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bpf(error) => error.fmt(f),
            Self::Call(CallError { call, source }) => {
                write!(f, "{call}: {source}")?;
                if source.raw_os_error() == Some(libc::ENOBUFS) {
                    f.write_str(
                        "; memory that may be locked is short, `ulimit -l unlimited` lifts the limit",
                    )?;
                }
                Ok(())
            }
            Self::TransmitQueues { receive, transmit } => {
                write!(f, "it has {receive} receive queues and only {transmit} to transmit")
            }
            Self::Mtu { mtu_bytes, most_bytes } => {
                write!(f, "its MTU is {mtu_bytes}, and this kernel passes at most {most_bytes} bytes")
            }
        }
    }
}

/// A port on an interface whose driver runs XDP programs.
#[derive(Debug)]
struct XdpPort {
    description: PortDescription,
    queues: Vec<XdpQueue>,
}

impl XdpPort {
    fn open(id: PortId, interface: &Interface, options: &XdpOptions) -> Result<Self, Unsupported> {
        let (receive, transmit) = (interface.receive_queues(), interface.transmit_queues());
        if transmit < receive {
            return Err(Unsupported::TransmitQueues { receive, transmit });
        }
        let mut notes = vec!["Promiscuous while attached.".to_owned()];
        let redirect = Redirect::attach(interface.index, receive as u32).map_err(Unsupported::Bpf)?;
        let promiscuous = PacketSocket::open()
            .and_then(|socket| socket.join_promiscuous(interface.index).map(|()| socket))
            .map_err(|source| Unsupported::Call(CallError { call: "PACKET_ADD_MEMBERSHIP", source }))?;
        let mut sockets = Vec::new();
        let mut form = None;
        for queue in 0..receive as u32 {
            let (socket, bound) = bind(interface, queue, form, &mut notes)?;
            redirect.set_socket(queue, &socket).map_err(Unsupported::Bpf)?;
            form = Some(bound);
            sockets.push(socket);
        }
        let mut settings = Vec::new();
        let is_polled = options.busy_poll && prefer_busy_poll(interface, &sockets, &mut settings, &mut notes);
        let driver = interface.driver();
        if driver.as_deref() != Some("veth") {
            match Setting::without_tag_offload(&interface.name) {
                Ok(Some(setting)) => {
                    notes.push("VLAN tags stay in frames while attached (rx-vlan-offload off).".to_owned());
                    settings.push(setting);
                }
                Ok(None) => {}
                Err(error) => notes.push(format!(
                    "The device takes VLAN tags off and cannot be told not to ({error}): tagged frames arrive without."
                )),
            }
        }
        describe(interface, &sockets, &mut notes);
        let attachment = Arc::new(Attachment {
            name: interface.name.clone(),
            _redirect: redirect,
            _promiscuous: promiscuous,
            _settings: settings,
        });
        let description = PortDescription {
            id,
            name: interface.name.clone(),
            kind: "AF_XDP",
            interface: Some(interface.index),
            queues: sockets.len(),
            mtu_bytes: interface.mtu_bytes,
            notes,
        };
        let queues = sockets
            .into_iter()
            .map(|socket| XdpQueue::new(id, interface.mtu_bytes, socket, is_polled, Arc::clone(&attachment)));
        let queues = queues.collect();
        Ok(Self { description, queues })
    }
}

/// How the first queue could be bound; the others are bound alike.
type Form = Binding;

/// Binds a socket to a queue in the best way that the kernel agrees to.
fn bind(
    interface: &Interface,
    queue: u32,
    form: Option<Form>,
    notes: &mut Vec<String>,
) -> Result<(XdpSocket, Form), Unsupported> {
    let frames = 2 * FRAMES_EACH_WAY as usize;
    let odd = Layout { stride_bytes: STRIDE_BYTES, is_unaligned: true, frames };
    let aligned = Layout { stride_bytes: ALIGNED_STRIDE_BYTES, is_unaligned: false, frames };
    let best = Binding {
        interface_index: interface.index,
        queue,
        layout: odd,
        huge_pages: true,
        zero_copy: true,
        multi_buffer: true,
    };
    let copied = Binding { huge_pages: false, zero_copy: false, ..best };
    let wanted = match form {
        Some(form) => vec![Binding { queue, ..form }],
        None => [
            best,
            Binding { layout: aligned, huge_pages: false, ..best },
            copied,
            Binding { layout: aligned, ..copied },
        ]
        .into_iter()
        .flat_map(|binding| [binding, Binding { multi_buffer: false, ..binding }])
        .filter(|binding| binding.multi_buffer || fits(interface.mtu_bytes, binding.layout))
        .collect(),
    };
    let mut refusal = None;
    let mut last = None;
    for binding in wanted {
        match bind_patiently(&binding) {
            Ok(socket) => {
                if form.is_none() {
                    tell(&binding, &socket, refusal.as_ref(), notes);
                }
                return Ok((socket, binding));
            }
            Err(error) => {
                // The refusal of zero-copy that counts is the driver's, not that of memory on huge pages.
                if binding.zero_copy && (refusal.is_none() || error.call == "bind") {
                    refusal = Some(error);
                } else {
                    last = Some(error);
                }
            }
        }
    }
    let most_bytes = ALIGNED_STRIDE_BYTES - KERNEL_HEADROOM_BYTES;
    match last.or(refusal) {
        Some(error)
            if fits(interface.mtu_bytes, aligned) || error.source.raw_os_error() != Some(libc::EINVAL) =>
        {
            Err(Unsupported::Call(error))
        }
        Some(_) | None => Err(Unsupported::Mtu { mtu_bytes: interface.mtu_bytes, most_bytes }),
    }
}

/// Whether every frame that the MTU allows fits into one buffer.
fn fits(mtu_bytes: usize, layout: Layout) -> bool {
    mtu_bytes + ETHERNET_BYTES + 2 * VLAN_TAG_BYTES <= layout.stride_bytes - KERNEL_HEADROOM_BYTES
}

/// Waits for a queue that the kernel has not yet let go of: it does so some time after its socket was closed.
fn bind_patiently(binding: &Binding) -> Result<XdpSocket, CallError> {
    let started = Instant::now();
    loop {
        match XdpSocket::bind(binding) {
            Err(error)
                if error.source.raw_os_error() == Some(libc::EBUSY)
                    && started.elapsed() < RELEASE_TIMEOUT =>
            {
                std::thread::sleep(Duration::from_millis(10));
            }
            outcome => return outcome,
        }
    }
}

/// Says what was found by trying.
fn tell(binding: &Binding, socket: &XdpSocket, refusal: Option<&CallError>, notes: &mut Vec<String>) {
    notes.push(match refusal {
        _ if socket.is_zero_copy => "Zero-copy: the device reads and writes the port's memory.".to_owned(),
        Some(error) => {
            format!("The kernel copies frames; zero-copy was refused ({}: {}).", error.call, error.source)
        }
        None => "The kernel copies frames.".to_owned(),
    });
    if !binding.layout.is_unaligned {
        notes.push(format!(
            "Frames lie {ALIGNED_STRIDE_BYTES} bytes apart, where {STRIDE_BYTES} would spare the cache: this kernel \
             wants a power of two here."
        ));
    }
    if !binding.multi_buffer {
        notes.push("A frame has one buffer: this kernel passes no longer ones.".to_owned());
    }
}

/// Has receiving drive the device and puts its interrupts off. False, with a note, if that cannot be had.
fn prefer_busy_poll(
    interface: &Interface,
    sockets: &[XdpSocket],
    settings: &mut Vec<Setting>,
    notes: &mut Vec<String>,
) -> bool {
    if let Some(error) = sockets.iter().find_map(|socket| socket.prefer_busy_poll().err()) {
        notes.push(format!("No busy polling (SO_PREFER_BUSY_POLL: {error})."));
        return false;
    }
    // The values of the kernel's Documentation/networking/af_xdp.rst.
    for (setting, value) in [("napi_defer_hard_irqs", "2"), ("gro_flush_timeout", "200000")] {
        match Setting::write(&interface.name, setting, value) {
            Ok(setting) => settings.push(setting),
            Err(error) => {
                notes.push(format!("Busy polling gains little: {setting} cannot be set ({error})."))
            }
        }
    }
    notes.push("Busy-polled; interrupts are put off while attached.".to_owned());
    true
}

/// Says what else was found that matters.
fn describe(interface: &Interface, sockets: &[XdpSocket], notes: &mut Vec<String>) {
    if let [_, _, ..] = sockets {
        notes.push(format!("One socket for each of its {} queues.", sockets.len()));
    }
    notes.push(format!(
        "What it sends goes past any rate set on the interface with `tc`; `@{}` obeys that.",
        interface.name
    ));
}

impl Port for XdpPort {
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
    _redirect: Redirect,
    _promiscuous: PacketSocket,
    _settings: Vec<Setting>,
}
