//! A setting of an interface that is other than the user left it while a port is attached.
//!
//! Invariant: what was there before is written back when the value goes, if it was changed at all.

use std::io;
use std::path::PathBuf;

use crate::device::set_receive_tag_offload;

/// Put back when dropped.
#[derive(Debug)]
pub(super) enum Setting {
    /// A file in sysfs that held this.
    File {
        /// Where.
        path: PathBuf,
        /// What was there before.
        before: String,
    },
    /// The device took VLAN tags off.
    TagOffload {
        /// Interface.
        name: String,
    },
}

impl Setting {
    /// Writes a setting that sysfs shows in the interface's folder.
    pub(super) fn write(interface: &str, setting: &str, value: &str) -> io::Result<Self> {
        let path = PathBuf::from(format!("/sys/class/net/{interface}/{setting}"));
        let before = std::fs::read_to_string(&path)?.trim().to_owned();
        std::fs::write(&path, value)?;
        Ok(Self::File { path, before })
    }

    /// Has the device leave VLAN tags in frames. None if it does already.
    pub(super) fn without_tag_offload(interface: &str) -> io::Result<Option<Self>> {
        let changed = set_receive_tag_offload(interface, false)?;
        Ok(changed.then(|| Self::TagOffload { name: interface.to_owned() }))
    }
}

impl Drop for Setting {
    fn drop(&mut self) {
        // Fails only if the interface is gone, and then there is nothing to restore.
        let _gone = match self {
            Self::File { path, before } => std::fs::write(path, before),
            Self::TagOffload { name } => set_receive_tag_offload(name, true).map(drop),
        };
    }
}
