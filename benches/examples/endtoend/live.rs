//! A generator of frames: an XDP program that is run over a frame again and again, its verdict carried out
//! (`BPF_PROG_TEST_RUN` with live frames), which sends them out of an interface.
//!
//! Nothing here is as fast from user space: a frame costs the generator a quarter of a microsecond.
#![allow(unsafe_code)] // bpf(2) and setns(2) have no safe face in the standard library.

use std::fs::File;
use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

const BPF_PROG_LOAD: libc::c_long = 5;
const BPF_PROG_TEST_RUN: libc::c_long = 10;
const BPF_PROG_TYPE_XDP: u32 = 6;
const BPF_F_TEST_XDP_LIVE_FRAMES: u32 = 1 << 1;
/// Frames of a batch, and of a call: setting one up takes longer than tens of thousands of frames.
const BATCH: u32 = 64;
const REPEAT: u32 = 1_024 * BATCH;

/// The beginnings of `union bpf_attr` that the two commands read.
#[repr(C)]
#[derive(Default)]
struct ProgramLoad {
    program_type: u32,
    instruction_count: u32,
    instructions: u64,
    license: u64,
}

#[repr(C)]
#[derive(Default)]
struct TestRun {
    program_fd: u32,
    verdict: u32,
    data_bytes_in: u32,
    data_bytes_out: u32,
    data_in: u64,
    data_out: u64,
    repeat: u32,
    duration: u32,
    context_bytes_in: u32,
    context_bytes_out: u32,
    context_in: u64,
    context_out: u64,
    flags: u32,
    cpu: u32,
    batch: u32,
    _pad: u32,
}

/// `struct xdp_md`.
#[repr(C)]
#[derive(Default)]
struct Metadata {
    data: u32,
    data_end: u32,
    data_meta: u32,
    ingress_interface: u32,
    receive_queue: u32,
    egress_interface: u32,
}

/// Sends a frame out of an interface.
pub(crate) struct Generator {
    program: OwnedFd,
    interface_index: u32,
}

impl Generator {
    pub(crate) fn new(interface_index: u32) -> io::Result<Self> {
        // `return XDP_TX` (RFC 9669).
        let instructions: [u64; 2] = [0x0000_0003_0000_00b7, 0x95];
        let license = c"Apache-2.0";
        let mut attribute = ProgramLoad {
            program_type: BPF_PROG_TYPE_XDP,
            instruction_count: 2,
            instructions: instructions.as_ptr() as u64,
            license: license.as_ptr() as u64,
        };
        // SAFETY: instructions and licence outlive the call; the result is a new descriptor.
        let program = unsafe { bpf(BPF_PROG_LOAD, &mut attribute).map(|fd| OwnedFd::from_raw_fd(fd)) }?;
        Ok(Self { program, interface_index })
    }

    /// Sends a frame over and over, in the network namespace of the calling thread, whose the interface is. How often.
    pub(crate) fn send(&self, frame: &[u8], time: Duration) -> io::Result<u64> {
        let begun = Instant::now();
        let mut count = 0;
        while begun.elapsed() < time {
            let context = Metadata {
                data_end: frame.len() as u32,
                ingress_interface: self.interface_index,
                ..Metadata::default()
            };
            let mut attribute = TestRun {
                program_fd: self.program.as_raw_fd() as u32,
                data_bytes_in: frame.len() as u32,
                data_in: frame.as_ptr() as u64,
                repeat: REPEAT,
                context_bytes_in: size_of::<Metadata>() as u32,
                context_in: (&raw const context) as u64,
                flags: BPF_F_TEST_XDP_LIVE_FRAMES,
                batch: BATCH,
                ..TestRun::default()
            };
            // SAFETY: frame and context outlive the call, with the lengths stated.
            unsafe { bpf(BPF_PROG_TEST_RUN, &mut attribute) }?;
            count += u64::from(REPEAT);
        }
        Ok(count)
    }
}

/// # Safety
/// `T` must be the beginning of `union bpf_attr` as the command has it, and its pointers valid over the call.
unsafe fn bpf<T>(command: libc::c_long, attribute: &mut T) -> io::Result<i32> {
    let attribute: *mut T = attribute;
    // SAFETY: the attribute is size_of::<T>() bytes long, and what it points to is the caller's promise.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, attribute, size_of::<T>()) };
    i32::try_from(result).ok().filter(|fd| *fd >= 0).ok_or_else(io::Error::last_os_error)
}

/// Moves the calling thread, and no other, to a network namespace.
pub(crate) fn enter(namespace: &str) -> io::Result<()> {
    let file = File::open(format!("/run/netns/{namespace}"))?;
    // SAFETY: the descriptor is open; only this thread is moved.
    match unsafe { libc::setns(file.as_raw_fd(), libc::CLONE_NEWNET) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Has a thread, by its number (0: the calling one), run on one processor, or on any.
pub(crate) fn place(thread: i32, processor: Option<usize>) -> io::Result<()> {
    // SAFETY: a processor set is plain data for which all zeros is the empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    for each in 0..libc::CPU_SETSIZE as usize {
        if processor.is_none_or(|processor| processor == each) {
            // SAFETY: the number is below the size of the set.
            unsafe { libc::CPU_SET(each, &mut set) };
        }
    }
    // SAFETY: the set is as large as is said and lives through the call.
    match unsafe { libc::sched_setaffinity(thread, size_of::<libc::cpu_set_t>(), &raw const set) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Sleeps until a descriptor is readable or the time is over.
pub(crate) fn sleep(descriptors: &[i32], time: Duration) {
    let mut polled: Vec<_> =
        descriptors.iter().map(|&fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 }).collect();
    let milliseconds = time.as_millis() as i32;
    // SAFETY: as many entries as are said. Whatever it returns, the caller looks again.
    unsafe { libc::poll(polled.as_mut_ptr(), polled.len() as libc::nfds_t, milliseconds) };
}
