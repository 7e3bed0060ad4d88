//! The XDP program that hands an interface's frames to sockets, loaded through bpf(2) and attached by a link.
//!
//! Invariant: the program is on the interface for as long as a [`Redirect`] lives, and no longer, however the
//! process ends: the kernel detaches a link whose descriptor is closed.
#![allow(unsafe_code)] // bpf(2) has no safe face in the standard library.

use std::fmt;
use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// Commands of bpf(2) (linux/bpf.h).
const BPF_MAP_CREATE: libc::c_long = 0;
const BPF_MAP_UPDATE_ELEM: libc::c_long = 2;
const BPF_PROG_LOAD: libc::c_long = 5;
const BPF_LINK_CREATE: libc::c_long = 28;

const BPF_MAP_TYPE_XSKMAP: u32 = 17;
const BPF_PROG_TYPE_XDP: u32 = 6;
const BPF_XDP: u32 = 37;
/// The program copes with frames in several buffers: without it veth refuses MTUs above some 3,500 bytes.
const BPF_F_XDP_HAS_FRAGS: u32 = 1 << 5;
/// Run by the driver, before the kernel has made a socket buffer of the frame.
const XDP_FLAGS_DRV_MODE: u32 = 1 << 2;

/// What failed, and how.
#[derive(Debug)]
pub(super) struct BpfError {
    what: &'static str,
    source: io::Error,
}

impl fmt::Display for BpfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.source)?;
        match self.source.raw_os_error() {
            Some(libc::EPERM) => f.write_str("; it needs root, or CAP_BPF and CAP_NET_ADMIN"),
            Some(libc::EBUSY | libc::EEXIST) => f.write_str("; another XDP program is on the interface"),
            _ => Ok(()),
        }
    }
}

/// A program on an interface that hands every frame to the socket of its queue.
#[derive(Debug)]
pub(super) struct Redirect {
    sockets: OwnedFd,
    _link: OwnedFd,
}

impl Redirect {
    /// Puts the program on an interface with so many receive queues. Until a queue has a socket its frames go to
    /// the host, as before.
    pub(super) fn attach(interface_index: i32, queues: u32) -> Result<Self, BpfError> {
        let failed = |what| move |source| BpfError { what, source };
        let sockets = create_map(queues).map_err(failed("the map of sockets"))?;
        let program =
            load(&instructions(sockets.as_raw_fd())).map_err(failed("the kernel refuses the XDP program"))?;
        let link = attach(&program, interface_index)
            .map_err(failed("the driver takes no XDP program in native mode"))?;
        Ok(Self { sockets, _link: link })
    }

    /// Hands the frames of a queue to a socket that is bound to it.
    pub(super) fn set_socket(&self, queue: u32, socket: &impl AsRawFd) -> Result<(), BpfError> {
        let value = socket.as_raw_fd() as u32;
        let mut attribute = MapUpdate {
            map_fd: self.sockets.as_raw_fd() as u32,
            _pad: 0,
            key: (&raw const queue) as u64,
            value: (&raw const value) as u64,
            flags: 0,
        };
        // SAFETY: key and value point to locals of the sizes that the map was created with.
        let result = unsafe { bpf(BPF_MAP_UPDATE_ELEM, &mut attribute) };
        result.map(drop).map_err(|source| BpfError { what: "the map of sockets takes no socket", source })
    }
}

/// One instruction (RFC 9669, section 3).
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Instruction {
    opcode: u8,
    /// Destination in the low half.
    registers: u8,
    offset: i16,
    immediate: i32,
}

/// `return bpf_redirect_map(&sockets, context->rx_queue_index, XDP_PASS)`.
fn instructions(sockets: RawFd) -> [Instruction; 6] {
    const LOAD_WORD: u8 = 0x61;
    const LOAD_IMMEDIATE_64: u8 = 0x18;
    const MOVE_IMMEDIATE_32: u8 = 0xb4;
    const CALL: u8 = 0x85;
    const EXIT: u8 = 0x95;
    const PSEUDO_MAP_FD: u8 = 1;
    const RX_QUEUE_INDEX: i16 = 16;
    const XDP_PASS: i32 = 2;
    const REDIRECT_MAP: i32 = 51;
    let of = |opcode, to: u8, from: u8, offset, immediate| Instruction {
        opcode,
        registers: from << 4 | to,
        offset,
        immediate,
    };
    [
        of(LOAD_WORD, 2, 1, RX_QUEUE_INDEX, 0),
        of(LOAD_IMMEDIATE_64, 1, PSEUDO_MAP_FD, 0, sockets),
        of(0, 0, 0, 0, 0),
        of(MOVE_IMMEDIATE_32, 3, 0, 0, XDP_PASS),
        of(CALL, 0, 0, 0, REDIRECT_MAP),
        of(EXIT, 0, 0, 0, 0),
    ]
}

#[repr(C)]
struct MapCreate {
    map_type: u32,
    key_bytes: u32,
    value_bytes: u32,
    entries: u32,
    flags: u32,
}

#[repr(C)]
struct MapUpdate {
    map_fd: u32,
    _pad: u32,
    key: u64,
    value: u64,
    flags: u64,
}

#[repr(C)]
struct ProgramLoad {
    program_type: u32,
    instruction_count: u32,
    instructions: u64,
    license: u64,
    log_level: u32,
    log_bytes: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
    name: [u8; 16],
    interface_index: u32,
    expected_attach_type: u32,
}

#[repr(C)]
struct LinkCreate {
    program_fd: u32,
    interface_index: u32,
    attach_type: u32,
    flags: u32,
}

fn create_map(entries: u32) -> io::Result<OwnedFd> {
    let mut attribute =
        MapCreate { map_type: BPF_MAP_TYPE_XSKMAP, key_bytes: 4, value_bytes: 4, entries, flags: 0 };
    // SAFETY: the attribute holds no pointers; the result is a new descriptor.
    unsafe { bpf(BPF_MAP_CREATE, &mut attribute).map(|fd| OwnedFd::from_raw_fd(fd)) }
}

fn load(instructions: &[Instruction]) -> io::Result<OwnedFd> {
    // Nothing that the program calls asks for a licence; the kernel wants to be told one.
    let license = c"Apache-2.0";
    let mut name = [0; 16];
    name[..6].copy_from_slice(b"heddle");
    let mut attribute = ProgramLoad {
        program_type: BPF_PROG_TYPE_XDP,
        instruction_count: instructions.len() as u32,
        instructions: instructions.as_ptr() as u64,
        license: license.as_ptr() as u64,
        log_level: 0,
        log_bytes: 0,
        log: 0,
        kernel_version: 0,
        flags: BPF_F_XDP_HAS_FRAGS,
        name,
        interface_index: 0,
        expected_attach_type: BPF_XDP,
    };
    // SAFETY: instructions and licence outlive the call, with the count stated and a zero at the end; the
    // result is a new descriptor.
    unsafe { bpf(BPF_PROG_LOAD, &mut attribute).map(|fd| OwnedFd::from_raw_fd(fd)) }
}

fn attach(program: &OwnedFd, interface_index: i32) -> io::Result<OwnedFd> {
    let mut attribute = LinkCreate {
        program_fd: program.as_raw_fd() as u32,
        interface_index: interface_index as u32,
        attach_type: BPF_XDP,
        flags: XDP_FLAGS_DRV_MODE,
    };
    // SAFETY: the attribute holds no pointers; the result is a new descriptor.
    unsafe { bpf(BPF_LINK_CREATE, &mut attribute).map(|fd| OwnedFd::from_raw_fd(fd)) }
}

/// # Safety
/// `T` must be the beginning of `union bpf_attr` as the command has it, and its pointers valid over the call.
unsafe fn bpf<T>(command: libc::c_long, attribute: &mut T) -> io::Result<RawFd> {
    let attribute: *mut T = attribute;
    // SAFETY: the attribute is size_of::<T>() bytes long, and what it points to is the caller's promise. The
    // kernel takes a shorter attribute than its own as padded with zeros.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, attribute, size_of::<T>()) };
    RawFd::try_from(result).ok().filter(|fd| *fd >= 0).ok_or_else(io::Error::last_os_error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_laid_out_as_the_kernel_has_them() {
        assert_eq!(size_of::<Instruction>(), 8);
        assert_eq!(std::mem::offset_of!(MapUpdate, key), 8);
        assert_eq!(std::mem::offset_of!(ProgramLoad, log), 32);
        assert_eq!(std::mem::offset_of!(ProgramLoad, name), 48);
        assert_eq!(std::mem::offset_of!(ProgramLoad, expected_attach_type), 68);
    }

    #[test]
    fn the_program_redirects_by_queue_and_passes_what_has_no_socket() {
        let [load, map, rest, pass, call, exit] = instructions(7);
        assert_eq!((load.opcode, load.registers, load.offset), (0x61, 0x12, 16));
        assert_eq!((map.opcode, map.registers, map.immediate, rest.opcode), (0x18, 0x11, 7, 0));
        assert_eq!((pass.registers, pass.immediate, call.immediate, exit.opcode), (3, 2, 51, 0x95));
    }
}
