//! Loss of power: a filesystem of its own that is shut down at one moment, with nothing more of it on the disk than what was
//! asked for, and what a switch finds there afterwards.
#![allow(unsafe_code, reason = "a filesystem is shut down by ioctl(2)")]

use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use libtest_mimic::Failed;

use crate::host::run;
use crate::switch::{Switch, pipelines};

/// `EXT4_IOC_SHUTDOWN` and its flag that leaves the journal as the disk has it (linux/fs/ext4/ext4.h).
const SHUTDOWN: libc::Ioctl = 0x8004_587d_u32 as libc::Ioctl;
static WITHOUT_FLUSHING: u32 = 2;

/// Acknowledged changes before the power goes.
const CHANGES: u32 = 20;

/// An ext4 filesystem in a file, mounted.
struct Disk {
    folder: tempfile::TempDir,
}

impl Disk {
    fn new() -> Result<Disk, Failed> {
        let disk = Disk { folder: tempfile::tempdir()? };
        File::create(disk.image())?.set_len(64 << 20)?;
        run(&["mkfs.ext4", "-q", "-F", &disk.image()])?;
        std::fs::create_dir(disk.root())?;
        disk.mount()?;
        Ok(disk)
    }

    fn image(&self) -> String {
        self.folder.path().join("image").to_string_lossy().into_owned()
    }

    fn root(&self) -> String {
        self.folder.path().join("root").to_string_lossy().into_owned()
    }

    fn mount(&self) -> Result<(), Failed> {
        run(&["mount", "-o", "loop", &self.image(), &self.root()]).map(drop)
    }

    /// From now on nothing reaches the disk.
    fn lose_power(&self) -> Result<(), Failed> {
        let root = File::open(self.root())?;
        // SAFETY: the call reads one u32, which lives through it.
        let refused = unsafe { libc::ioctl(root.as_raw_fd(), SHUTDOWN, &raw const WITHOUT_FLUSHING) } != 0;
        if refused { Err(std::io::Error::last_os_error().into()) } else { Ok(()) }
    }

    /// The next start of the machine: what the disk has, after the journal is replayed.
    fn restart(&self) -> Result<(), Failed> {
        run(&["umount", &self.root()])?;
        self.mount()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Not mounted if a test failed in between.
        let _ = run(&["umount", &self.root()]);
    }
}

/// Why this machine has no such filesystem.
pub(crate) fn missing() -> Option<String> {
    let error = Disk::new().and_then(|disk| disk.lose_power()).err()?;
    Some(format!("no filesystem can be made to lose power: {}", error.message().unwrap_or_default()))
}

fn start(state: &str) -> Result<Switch, Failed> {
    let program = pipelines().join("l3_router.p4");
    Switch::start(&program, &["--p4runtime", "127.0.0.1:0", "--state", state, "--state-sync"])
}

fn route(number: u32) -> String {
    format!("10.{}.{}.0/24", number / 256, number % 256)
}

/// With `--state-sync` every acknowledged change is there after the power was lost, and none by half.
pub(crate) fn acknowledged_changes_survive() -> Result<(), Failed> {
    let heddle = env!("CARGO_BIN_EXE_heddle");
    let disk = Disk::new()?;
    let state = Path::new(&disk.root()).join("state").to_string_lossy().into_owned();
    let switch = start(&state)?;
    let address = switch.served()?;
    let (acknowledged, ends) = (AtomicU32::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            loop {
                let key = format!("dst={}", route(acknowledged.load(Ordering::SeqCst)));
                let change = ["table", "add", "ipv4_route", &key, "-a", "to_group", "-p", "group=7"];
                if let Err(refused) = run(&[&[heddle], &change[..], &["--grpc", address]].concat()) {
                    return refused;
                }
                acknowledged.fetch_add(1, Ordering::SeqCst);
                if ends.load(Ordering::SeqCst) {
                    return Failed::from("nothing was refused");
                }
            }
        });
        while acknowledged.load(Ordering::SeqCst) < CHANGES && !writer.is_finished() {
            std::thread::yield_now();
        }
        let lost = disk.lose_power();
        ends.store(lost.is_err(), Ordering::SeqCst);
        let refused = writer.join().map_err(|_| "the writer panicked")?;
        lost?;
        let told = refused.message().is_some_and(|message| message.contains("would not survive a restart"));
        if told { Ok(()) } else { Err(refused) }
    })?;
    switch.kill()?;
    disk.restart()?;

    let switch = start(&state)?;
    let dump = run(&[heddle, "table", "dump", "ipv4_route", "--json", "--grpc", switch.served()?])?;
    let entries: Vec<serde_json::Value> = serde_json::from_str(&dump)?;
    let mut found: Vec<&str> = entries
        .iter()
        .filter_map(|entry| entry["match"][0].as_str()?.strip_prefix("hdr.ipv4.dst="))
        .collect();
    found.sort_unstable();
    // The one that was refused may have reached the disk, or not.
    let acknowledged = acknowledged.load(Ordering::SeqCst);
    let is_as_promised = [acknowledged, acknowledged + 1].into_iter().any(|count| {
        let mut routes: Vec<String> = (0..count).map(route).collect();
        routes.sort_unstable();
        routes == found
    });
    assert!(is_as_promised, "{acknowledged} changes were acknowledged, and there are {found:?}");
    switch.stop()
}
